/*
 * conf.h - settings: of the host and user, and of the spool
 *
 * Both are libconfig texts read by one table each of name, type, range,
 * default and text.  What must be equal on every host lives in the spool
 * (its nfsq.conf, which begins "format = 1;"); what differs by host in the
 * host's files.  Pure: text in.
 */
#ifndef NFSQ_CONF_H
#define NFSQ_CONF_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

#define SPOOL_FORMAT 1

/* SYSCONFDIR/nfsq/nfsq.conf, ~/.config/nfsq/nfsq.conf */
struct conf {
	char *spool;			/* NULL: not set */
	int64_t cpus;			/* 0: all the worker may use */
	int64_t poll_ms;		/* default 1000 */
	struct strlist env_exclude;	/* more patterns (globs) of variables
					   that submit does not store */
};
void conf_init(struct conf *c);
void conf_release(struct conf *c);
/* Lays the settings of text over c.  `file` is for messages.  -1: err has
 * FILE:LINE: and what (unknown setting, wrong type or range, syntax). An
 * @include line is refused. */
int conf_parse(struct conf *c, const char *file, const char *text, size_t len,
	       struct error *err);

/* SPOOL/nfsq.conf */
struct spool_conf {
	int64_t format;
	char *uuid;			/* 36 characters */
	bool group;			/* made with --group */
	int64_t lease_ms;		/* default 300 s, at least 2 s */
	int64_t retention_ms;		/* default 30 d */
};
void spool_conf_init(struct spool_conf *c);
void spool_conf_release(struct spool_conf *c);
void spool_conf_format(const struct spool_conf *c, struct str *out);
/* 1 parsed; 0 another format (err: "... has format 2, this nfsq knows 1:
 * install a newer nfsq"), the rest of the file is not looked at then; -1
 * malformed. */
int spool_conf_parse(struct spool_conf *c, const char *file, const char *text,
		     size_t len, struct error *err);

/*
 * Is text fit for libconfig?  NULL when it is, else what is wrong, and *line:
 * a NUL, also as \x00; @include at a line's start, after any white space; a
 * hexadecimal number, or one of over 32 bits without L; nesting, settings or
 * values without measure.
 */
const char *conf_text_check(const char *text, size_t len, unsigned *line);

/* The table, for nfsq.conf(5) and its test: i-th name, or NULL at the end. */
const char *conf_setting(size_t i, bool of_spool);

#endif

/*
 * job.h - what a job is, and its text form (the body)
 *
 * The body is a libconfig text (format 1), written once.  Its last line is
 * `end = "nfsq";`, so that a short file does not parse.  Strings hold any
 * byte but NUL; all bytes but printable ASCII are written as \n, \t or \xNN.
 * Pure: text in, text out.
 */
#ifndef NFSQ_JOB_H
#define NFSQ_JOB_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

#define JOB_BODY_MAX (8 << 20)		/* bytes; larger is corrupt */
#define JOB_SCRIPT_MAX (4 << 20)

enum open_mode { OPEN_RENAME, OPEN_APPEND, OPEN_TRUNCATE };

struct job {
	char *name;		/* "" or a valid name (job_check_name) */
	char *user;		/* who submitted, as told */
	char *comment;		/* NULL: none */
	struct strlist labels;	/* "KEY=VALUE" */
	struct strlist argv;	/* command and arguments, or the arguments
				   of the script */
	char *script;		/* text to run; NULL: run argv */
	size_t script_len;
	char *script_path;	/* where it was; NULL for stdin */
	bool wrap;		/* argv is { "/bin/sh", "-c", text } */
	struct strlist env;	/* "NAME=VALUE", added to the basics */
	bool no_env;		/* only the worker's basics, then env */
	char *cwd;		/* absolute */
	char *submit_dir;
	char *submit_host;
	char *output, *error, *input;	/* patterns; NULL: default */
	enum open_mode open_mode;
	bool split;		/* run: stderr in a file of its own in the
				   spool */
	char *stdin_name;	/* run: name of the stored input, NULL none */
	int priority;
	int64_t cpus;
	int64_t mem_mb, gpus;	/* 0: none */
	int64_t time_limit_ms;	/* 0: none */
	int64_t kill_grace_ms;	/* default 10,000 */
	int64_t begin_ms;	/* 0: at once */
	int64_t max_attempts;	/* default 5 */
	bool no_requeue;
	bool hold;
	int umask;		/* default 022 */
	/* Format 1 has their places; this version does not act on them. */
	char *array, *dependency, *needs, *key;	/* NULL: none */
};

/* Defaults; all strings are NULL (read as "" in name and user). */
void job_init(struct job *j);
void job_release(struct job *j);

/* Appends j's text form.  It may be over JOB_BODY_MAX, which job_parse would
 * refuse: the caller looks.  A script has no NUL. */
void job_format(const struct job *j, struct str *out);

/*
 * Reads a body of len bytes into j, which holds nothing before.  1: j is
 * filled, name and user are never NULL; 0: well-formed, but with a
 * setting this version does not know or act on (err names it): leave the job
 * where it is, j has what is known; -1: corrupt (err says what and the line,
 * j is as after job_init).  A text with a line
 * beginning with @include (after blanks), a NUL, over JOB_BODY_MAX, without
 * the end line as its last line, of wrong types or out of range is corrupt.
 * libconfig never sees such an @include.  64-bit numbers use the 64-bit
 * calls; the locale is never changed.
 */
int job_parse(const char *text, size_t len, struct job *j, struct error *err);

/* Is text good as --name?  Refuses "", "last", a leading digit or '-', '/'
 * and control characters, over 200 bytes.  0 or -1. */
int job_check_name(const char *text, struct error *err);
/* A default name from a command's base name, cleaned to pass the check. */
char *job_default_name(const char *command);

#endif

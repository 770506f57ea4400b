/*
 * cmd.h - what the commands of nfsq share
 *
 * One command is one file cmd-NAME.c with one `const struct command
 * cmd_NAME`.  Commands may die(); they never make system calls on the spool
 * themselves (spool.h does).
 */
#ifndef NFSQ_CMD_H
#define NFSQ_CMD_H

#include "nfsq.h"
#include "conf.h"
#include "msg.h"
#include "opt.h"
#include "spool.h"
#include "str.h"

/* All commands, ended by NULL (cmdlist.c). */
extern const struct command *const commands[];

extern const struct command cmd_init, cmd_submit, cmd_run, cmd_ls, cmd_status,
	cmd_show, cmd_log, cmd_wait, cmd_cancel, cmd_hold, cmd_release,
	cmd_requeue, cmd_signal, cmd_workers, cmd_drain, cmd_undrain,
	cmd_stop, cmd_purge, cmd_fsck, cmd_doctor;

/* The umask nfsq was started with; the process's own is 0. */
extern mode_t cmd_umask;

/* --- cmd.c */

/* Reads the configuration files by the rules of nfsq(1) into c (initialised
 * here).  0, or -1 with err. */
int cmd_read_conf(struct conf *c, struct error *err);
/* The spool: -S, $NFSQ_SPOOL, configuration.  Opens it or dies with the one
 * line (exit 1).  Starts the watch that says once that the spool does not
 * answer. */
struct spool *cmd_open(const struct globals *g);
/* NULL when none is named anywhere; else the name (the caller's to free). */
char *cmd_spool_name(const struct globals *g, struct error *err);
/* Name of the user (passwd, else the number); immortal. */
const char *cmd_user(void);
const char *cmd_host(void);
/* The user's own configuration file; NULL without a home.  The caller's to
 * free. */
char *cmd_user_conf(void);
/* Starts the watch; cmd_open does. */
void cmd_watch(const char *dir);
/* A call on the spool that does not go through it begins or ends: for the
 * watch that says that the spool does not answer. */
void cmd_busy(bool busy);
bool cmd_is_nfs(const char *dir);
/* Writes out s and checks it: dies (exit 1) when standard output cannot be
 * written, ends quietly on a closed pipe. */
void cmd_out(const struct str *s);
void cmd_flush(void);	/* the same check for stdio, at the end of a command */
void cmd_close_stdout(void);	/* and the last one, by main */
int cmd_write(int fd, const void *bytes, size_t n);	/* all: 0 or -1 */
/* For errno of a write to standard output; what: put before, or "". */
_Noreturn void cmd_die_output(const char *what);
/* Colours and rewriting allowed on this descriptor: a terminal, no NO_COLOR
 * for colours. */
bool cmd_colours(int fd);
/* Usage error of a command: prints the line and a hint, returns EXIT_USAGE.*/
int cmd_usage(const struct command *cmd, const char *fmt, ...) PRINTF(2, 3);
/* Parses a command's options into values; prints and exits 2 on error. */
int cmd_parse(const struct command *cmd, int argc, char **argv, void *values,
	      struct globals *g, bool *dashes);

void cmd_levels(const struct globals *g);	/* -q and -v */
_Noreturn void cmd_help(const struct command *cmd);
_Noreturn void cmd_version(void);

/* Which jobs a command is about. */
struct cmd_filter {
	const char *name;	/* glob */
	const char *user;
	bool mine;
	unsigned states;	/* 0: any */
	struct strlist labels;	/* KEY=VALUE or KEY */
};
/* Reads "running,failed" into a bit set. For OPT_PARSE. */
int cmd_parse_states(const char *value, void *field, struct error *err);

struct cmd_jobs {
	struct entry *v;
	size_t n;
	int failures;		/* of the IDs named, told on stderr */
};
/*
 * The jobs named by argv (ids, "last", unique names) or, when argc is 0, all
 * that pass the filter, sorted by id.  An unknown id or ambiguous name has
 * its line on stderr and counts as a failure.  -1 with err when the spool
 * fails.
 */
int cmd_select(struct spool *sp, int argc, char **argv,
	       const struct cmd_filter *f, struct cmd_jobs *jobs,
	       struct error *err);
void cmd_jobs_release(struct cmd_jobs *jobs);

/* The exit status that a waiter sees for an ended job. */
int cmd_exit_status(const struct entry *e);
/* Makes the outputs of an ended job visible on this host, those in the spool
 * and those that the user named (PROTOCOL P7).  0 or -1. */
int cmd_settle(struct spool *sp, const struct entry *e, struct error *err);
/* Waits until the n jobs have ended (of them any, if `any`); timeout_ms 0:
 * no limit.  progress: a line on stderr, on a terminal rewritten.  Replaces
 * the entries by the final ones, settled.  1 ended, 0 time over, -1 err. */
int cmd_await(struct spool *sp, struct entry *v, size_t n, bool any,
	      int64_t timeout_ms, bool progress, struct error *err);
void cmd_pause(int64_t ms);	/* or until a signal */
/* Is a worker alive (by the server's clock)?  1, 0, -1. */
int cmd_workers_alive(struct spool *sp);
/* Is it alive: its heartbeat is younger than the lease? */
bool cmd_alive(const struct spool *sp, const struct worker_info *w,
	       int64_t server_now);

/* --- change.c: cancel, hold, release, requeue share it */

enum change { CHANGE_CANCEL, CHANGE_HOLD, CHANGE_RELEASE, CHANGE_REQUEUE,
	      CHANGE_REHOLD };
/*
 * Makes the change or asks the worker that holds the job; durable on return.
 * 1 done at once, 2 asked (a running job: it will be), 0 nothing to do (note
 * says why), -1 refused or failed (err).
 */
int change_job(struct spool *sp, const struct entry *e, enum change c,
	       char **note, struct error *err);

/* --- json.c (jansson) */

struct json_t;
/* One job as the object of --json: names only (full false) or with body and,
 * if attempts, its attempts. */
struct json_t *json_job(struct spool *sp, const struct entry *e, bool full,
			bool attempts, int64_t now_ms, struct error *err);
/* A string that is always valid UTF-8. */
struct json_t *json_text(const char *s);
/* Prints and frees. */
void json_print(struct json_t *j);
/* Prints an array of n objects, each made when its turn comes. */
void json_print_list(struct json_t *(*make)(size_t i, void *arg), size_t n,
		     void *arg);

#endif

/*
 * msg.h - what the programs say on standard error, and how errors travel
 *
 * A function that can fail for a reason somebody must read takes a
 * `struct error *err` as its last argument and ends
 *
 *	return error_set(err, "cannot claim '%s'", name);
 *
 * which is -1.  The text is one complete line: lower case, no full stop, verb
 * first, names in '', the cause last.  err may be NULL (the text is dropped)
 * and is untouched on success.
 */
#ifndef NFSQ_MSG_H
#define NFSQ_MSG_H

#include "nfsq.h"

/* Exit statuses of both programs; nfsq(1) lists them, tests check them. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,	/* it failed; one line on stderr says why */
	EXIT_USAGE = 2,		/* wrong usage, named on stderr */
	EXIT_TIMEOUT = 124,	/* job over its time limit; wait --timeout */
	EXIT_LOST = 125,	/* nfsq could not run the job, or lost it */
	EXIT_NOEXEC = 126,	/* the command cannot be executed */
	EXIT_NOTFOUND = 127,	/* the command was not found */
	EXIT_CANCELLED = 130,	/* the job was cancelled */
	EXIT_MEMORY = 137,	/* over its memory, or killed by signal 9 */
};

struct error {
	char *text;	/* owned; NULL when there is none */
};
#define ERROR_INIT { NULL }

/* Replaces err's text.  Always returns -1. */
int error_set(struct error *err, const char *fmt, ...) PRINTF(2, 3);
/* The same with ": strerror(errno)" appended; keeps errno.  Returns -1. */
int error_errno(struct error *err, const char *fmt, ...) PRINTF(2, 3);
/* Puts "prefix: " before err's text, if it has one.  Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);
/* err's text, or "unknown error"; borrowed. */
const char *error_text(const struct error *err);
void error_release(struct error *err);

enum msg_level { MSG_ERROR, MSG_WARN, MSG_INFO, MSG_DEBUG };

/* The name before each line; a literal or otherwise immortal. */
void msg_program(const char *name);
/* What is printed: this level and all more urgent.  Default MSG_INFO. */
void msg_set_level(enum msg_level level);
enum msg_level msg_get_level(void);

/*
 * One line each on standard error, "nfsq: text", written by one write(2);
 * bytes that could move a terminal are escaped.
 */
void msg_error(const char *fmt, ...) PRINTF(1, 2);
void msg_warn(const char *fmt, ...) PRINTF(1, 2);
void msg_info(const char *fmt, ...) PRINTF(1, 2);
void msg_debug(const char *fmt, ...) PRINTF(1, 2);

/* Prints the line and exits.  Only for mains, cmd-*.c and the allocators. */
_Noreturn void die(enum exit_status status, const char *fmt, ...)
	PRINTF(2, 3);

/* Our own mistake: prints file, line and text, aborts. */
#define BUG(...) msg_bug(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void msg_bug(const char *file, int line, const char *fmt, ...)
	PRINTF(3, 4);

#endif

/*
 * view.h - what the commands that show something share: the time, the reason
 * in words, a job's output files, workers' states, tables for people
 */
#ifndef NFSQ_VIEW_H
#define NFSQ_VIEW_H

#include "nfsq.h"
#include "spool.h"
#include "str.h"

/* The server's clock; where it cannot be read (read-only, disk full) ours,
 * since looking must still work there. */
int64_t view_now(struct spool *sp);

/* "hold", "begin", "exit:3", "signal:9" ...; nothing when there is none. */
void view_reason(struct str *out, enum reason reason, int exit_code,
		 int sig);
/* Has the entry's job ended, so that its end may be told? */
bool view_ended(const struct entry *e);

/* Where a job's outputs are, or will be; NULL: not known yet. */
struct view_files {
	char *out, *err;	/* owned; equal texts when it is one file */
};
/* j: its body; a: its last attempt, or NULL. */
void view_files(const struct entry *e, const struct job *j,
		const struct attempt *a, struct view_files *f);
void view_files_release(struct view_files *f);

/* The command as the user would type it, made safe. */
void view_command(struct str *out, const struct job *j);
/* Its words: for a script, its name and the arguments. Borrowed texts. */
size_t view_words(const struct job *j, size_t i, const char **word);

/* --- workers */

enum view_worker {
	WORKER_ALIVE, WORKER_DRAINING, WORKER_SILENT, WORKER_REAPING,
	WORKER_KINDS
};
const char *view_worker_name(enum view_worker k);
enum view_worker view_worker(const struct spool *sp, const struct queue *q,
			     const struct worker_info *w, int64_t now_ms);
/* The CPUs its jobs have. */
int64_t view_cpus_used(const struct worker_info *w);
void view_workers_free(struct worker_info *w, size_t n);

/* --- tables: columns as wide as their widest cell, numbers to the right */

struct table {
	size_t ncols;
	struct strlist cells;	/* row by row; made safe when added */
};
/* Begins with the row of titles; a title that begins with '>' has its column
 * flush right.  Ended by NULL. */
void table_init(struct table *t, const char *const *titles);
void table_add(struct table *t, const char *cell);
void table_addn(struct table *t, int64_t n);
/* Appends the text of the table and releases it. */
void table_end(struct table *t, bool header, struct str *out);

#endif

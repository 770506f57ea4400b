/*
 * spool-mend.h - the transitions that fsck --repair alone makes
 *
 * Each is one rename or unlink of a name that nobody makes again, so that
 * several may run at once and beside live workers.  rel: a path below the
 * spool's directory, as the walk of fsck saw it.
 */
#ifndef NFSQ_SPOOL_MEND_H
#define NFSQ_SPOOL_MEND_H

#include "nfsq.h"
#include "spool.h"

/* Leaves one entry in seq/, above the id `above`.  1: *entry, the caller's to
 * free, is new; 0 it was so already; -1. */
int spool_mend_counter(struct spool *sp, uint64_t above, char **entry,
		       struct error *err);
/* Makes a directory of the layout.  0 or -1 with errno. */
int spool_mend_dir(struct spool *sp, const char *rel);
/* Sets the mode of a file or directory of ours to what the spool wants.  1; 0
 * it is none, or has other names, or is somebody else's; -1 errno. */
int spool_mend_mode(struct spool *sp, const char *rel);
/* A body or output in the wrong shard -> the shard of its id.  1; 0 it is not
 * there; -1 errno, EEXIST: there is one in the right place. */
int spool_mend_shard(struct spool *sp, const char *rel, uint64_t id);
/* Removes the entry rel of a directory, as listed just now.  1, 0 it is not
 * there, -1 errno. */
int spool_mend_remove(struct spool *sp, const char *rel);
/* Gives a body a token in `state` (held, corrupt).  At this instant the job
 * is there again.  0 or -1 errno. */
int spool_mend_adopt(struct spool *sp, const struct token *t,
		     enum state state);
/* Is there anything in tmp/ of this job?  1, 0, -1 errno. */
int spool_mend_pending(struct spool *sp, const struct token *t);
/* The highest move and attempt that outputs of the job in t tell of -> t.  0
 * or -1 errno. */
int spool_mend_counts(struct spool *sp, struct token *t);

#endif

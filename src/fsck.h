/*
 * fsck.h - checks every invariant of a spool and reports; mends when asked to
 *
 * Part of the spool layer (it knows the directories).  Safe beside live
 * workers: what is found wrong is looked at again, so that a job that moves
 * meanwhile is not reported.
 */
#ifndef NFSQ_FSCK_H
#define NFSQ_FSCK_H

#include "nfsq.h"
#include "msg.h"
#include "spool.h"
#include "str.h"

/* What can be done about a finding, in the order in which it is done: the
 * later ones look at what the earlier ones put right. */
enum fsck_mend {
	MEND_NONE,		/* nothing that would be safe */
	MEND_DIR,		/* make the directory */
	MEND_MODE,		/* set the mode */
	MEND_SEAT,		/* watch the worker, then reap it */
	MEND_PLACE,		/* rename it to its shard or bucket */
	MEND_COUNTER,		/* raise seq/ above id */
	MEND_TWIN,		/* remove this copy of the token `other` */
	MEND_BODY,		/* no good body: the token goes to corrupt/ */
	MEND_ORPHAN,		/* a body without a token: give it one */
	MEND_PURGED,		/* remove what a purge left */
	MEND_REQUEST, MEND_TMP,	/* recover_queue, recover_sweep do it */
	MEND_COUNT
};

struct finding {
	char *text;		/* one line, safe, with what to do */
	enum fsck_mend mend;
	char *path;		/* relative, raw */
	char *other;		/* MEND_TWIN: the one that stays; or NULL */
	uint64_t id;		/* MEND_COUNTER: the highest in use */
	char *why;		/* why it was not mended; NULL */
};
struct findings {
	struct finding *v;	/* by text */
	size_t n, cap;
};
void findings_release(struct findings *f);

/* Finds what violates an invariant; *found is the caller's to release, on
 * failure too.  now_ms: the server's clock.  *jobs: how many there are.  0 or
 * -1. */
int fsck_run(struct spool *sp, int64_t now_ms, struct findings *found,
	     size_t *jobs, struct error *err);

/* Gets one line, made safe. */
typedef void fsck_tell(const char *line, void *arg);
/*
 * Mends what can be mended of found, which fsck_run made, and what it sees
 * besides; tells a line for each thing that it did, and for each that it left
 * alone.  Beside live workers it is as safe as they are.  When a worker is
 * silent it takes at least a lease (PROTOCOL P6).  *found and *jobs are then
 * those of a new check.  0, or -1: could not look.
 */
int fsck_repair(struct spool *sp, struct findings *found, size_t *jobs,
		fsck_tell *tell, void *arg, struct error *err);

/* Is the spool's file system nearly full?  1, 0, or -1 when it cannot be
 * told; bytes: what is left for this user; inodes: it is they that lack. */
int fsck_full(const struct spool *sp, int64_t *bytes, bool *inodes);

#endif

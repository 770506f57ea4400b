/*
 * fsck.h - checks every invariant of a spool and reports; mends nothing
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

/* Appends to found one line for each violated invariant, made safe, each with
 * what to do.  now_ms: the server's clock.  *jobs: how many there are.  0 or
 * -1. */
int fsck_run(struct spool *sp, int64_t now_ms, struct strlist *found,
	     size_t *jobs, struct error *err);

/* Is the spool's file system nearly full?  1, 0, or -1 when it cannot be
 * told; bytes: what is left for this user; inodes: it is they that lack. */
int fsck_full(const struct spool *sp, int64_t *bytes, bool *inodes);

#endif

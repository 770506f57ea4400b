/*
 * follow.h - a job and its output, attempt after attempt, while it runs
 *
 *	struct follow f;
 *	follow_init(&f, sp, id);
 *	f.out.fd = STDOUT_FILENO;
 *	do
 *		r = follow_step(&f, &err);
 *	while (r > FOLLOW_END);
 *	follow_release(&f);
 */
#ifndef NFSQ_FOLLOW_H
#define NFSQ_FOLLOW_H

#include "nfsq.h"
#include "cmd.h"
#include "job.h"
#include "stream.h"

struct follow {
	struct spool *sp;
	uint64_t id;
	struct entry e;		/* as last seen; dir NULL: not yet */
	struct job job;		/* read when an output is outside */
	bool has_job;
	unsigned attempt;	/* whose output is read; 0: the last one */
	bool only;		/* no other attempt */
	bool spool_only;	/* leaves out files outside the spool */
	struct stream out, err;
	int64_t pause_ms;
};

enum follow_result {
	FOLLOW_CLOSED = -2,	/* an output cannot be written (errno) */
	FOLLOW_END = 0,		/* it has ended, all is copied */
	FOLLOW_IDLE,		/* nothing new */
	FOLLOW_MORE,		/* something was copied */
	FOLLOW_NEXT,		/* f->attempt is another one now */
};

void follow_init(struct follow *f, struct spool *sp, uint64_t id);
/* Looks where the job is.  1, 0 there is none, -1. */
int follow_look(struct follow *f, struct error *err);
/* Copies what is there of the attempt; over: nothing will be added.  1, 0,
 * -1, FOLLOW_CLOSED. */
int follow_copy(struct follow *f, bool over, struct error *err);
/* Looks and copies: enum follow_result, or -1. */
int follow_step(struct follow *f, struct error *err);
/* Sleeps before the next step, the longer the more were idle. */
void follow_pause(struct follow *f, int result);
void follow_release(struct follow *f);

#endif

/*
 * recover.h - what any process may do for the others at any time: watch the
 * workers, reap those that fell silent, release waiting jobs, sweep, purge
 *
 * Every step may be repeated and may race with others doing the same
 * (model/core.pml: R).  Calls may block for minutes (NFS-FACTS 1.6): a worker
 * runs this in a process of its own.
 */
#ifndef NFSQ_RECOVER_H
#define NFSQ_RECOVER_H

#include "nfsq.h"
#include "msg.h"
#include "spool.h"

struct watched {
	char uuid[UUID_LEN + 1];
	int64_t beat_ms;	/* its lease's mtime, server's clock */
	int64_t since_ms;	/* own BOOTTIME at which that was first seen */
};

struct watch {
	struct watched *v;
	size_t n;
	int64_t began_ms;	/* of this look, own BOOTTIME */
	int64_t due_ms;		/* BOOTTIME at which the first of those seen in
				   this look is silent for a lease; 0 */
	unsigned turn;		/* picks the one at random */
};

/*
 * One look at the neighbours of `self` (uuid; NULL: at everybody): the next
 * three live ones in the order of UUIDs, all silent ones before the third of
 * these, and one more.  now_ms: CLOCK_BOOTTIME;
 * watch_from_ms: since when this process's own heartbeats succeeded without
 * a gap (PROTOCOL P5).  Reaps who was silent for a whole lease of that, and
 * who is being reaped already.  Returns how many were reaped, -1.
 */
int recover_watch(struct spool *sp, struct watch *w, const char *self,
		  int64_t now_ms, int64_t watch_from_ms, struct error *err);
void watch_release(struct watch *w);

/* Reaps one worker that is known to be dead, or is taken for it.  1 its seat
 * is gone; 0 it is not yet (again later); -1. */
int recover_reap(struct spool *sp, const char *uuid, struct error *err);

/* Ends the claim t of the seat as its name says (it has exit=): the outputs
 * outside the spool take their places, the token follows.  1, 0, -1. */
int recover_complete(struct spool *sp, const struct seat *seat,
		     const struct token *t, struct error *err);
/* Where an ended token belongs. */
enum state recover_state(const struct token *t);

/* Waiting jobs whose time has come -> queue/.  next_ms: when the next one is
 * due (server's clock; 0: none).  Returns how many, -1. */
int recover_release_waiting(struct spool *sp, int64_t server_ms,
			    int64_t *next_ms, struct error *err);

/* An ended job -> queue/ or held/, a new round.  1, 0, -1. */
int recover_rerun(struct spool *sp, const struct entry *e, bool hold);

/* Requests nobody carried out (their worker died, the job moved on) and
 * empty buckets.  0 or -1. */
int recover_queue(struct spool *sp, struct error *err);

/* tmp/ and what is over retention. 0 or -1. */
int recover_sweep(struct spool *sp, int64_t server_ms, struct error *err);

#endif

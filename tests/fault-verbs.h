/*
 * fault-verbs.h - the verbs that write, each with its scene and its promise
 */
#ifndef NFSQ_FAULT_VERBS_H
#define NFSQ_FAULT_VERBS_H

#include "fault-world.h"

struct verb {
	const char *name;
	void (*prepare)(struct world *w);	/* healthy; may be NULL */
	int (*act)(struct world *w);		/* hurt; what it was told */
	void (*after)(struct world *w);		/* healthy: what was promised;
						   may be NULL */
	unsigned how;		/* MAKE_* */
	int change;		/* enum change */
	bool again;		/* whoever is told -1 tries once more: each
				   point also without */
	bool reports;		/* a failed write, fsync or close is told */
	unsigned step;		/* only each so many-th call; 0: each */
	unsigned least;		/* so many points at least */
};
/* Each ends with one that has no name. */
extern const struct verb spool_verbs[];		/* fault-verbs.c */
extern const struct verb change_verbs[];	/* fault-change.c */
extern const struct verb run_verbs[];		/* fault-run.c */
extern const struct verb mend_verbs[];		/* fault-mend.c */

/* Told something, and it was r. */
bool told(const struct world *w, int r);
/* Was the fault an answer that another try does not change? */
bool forbidden(const struct world *w);
/* The error into the text that processes share. */
void keep_text(struct world *w, struct error *err);
/* A healthy request. */
void ask(struct world *w, enum request_op op, uint64_t id, const char *worker);

/* Scenes: a spool and an input to submit; a job (w->how) and a worker that
 * joined; that claimed it; that started it. */
void prepare_submit(struct world *w);
void prepare_queued(struct world *w);
void prepare_claimed(struct world *w);
void prepare_started(struct world *w);

#endif

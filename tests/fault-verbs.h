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
	unsigned least;		/* so many points at least */
};
extern const struct verb verbs[];
extern const size_t nverbs;

#endif

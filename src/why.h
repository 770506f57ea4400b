/*
 * why.h - why a job does not run now, in words
 */
#ifndef NFSQ_WHY_H
#define NFSQ_WHY_H

#include "nfsq.h"
#include "spool.h"

/* What was seen of the spool, once for several questions. */
struct why {
	struct spool *sp;
	int64_t now_ms;
	struct worker_info *workers;
	size_t nworkers;
	struct queue queue;
};
/* 0 or -1. */
int why_look(struct why *w, struct spool *sp, int64_t now_ms,
	     struct error *err);
void why_release(struct why *w);

/* Appends why e waits; nothing for a job that does not. */
void why_add(const struct why *w, const struct entry *e, struct str *out);

#endif

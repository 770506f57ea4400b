/*
 * fault-world.h - a small spool to hurt, and the judge of what is left of it
 *
 * One world a point: made with healthy calls, hurt by a process that may die,
 * then mended and run to its end by another one.  The judge reads the
 * directories by itself and trusts no function of the spool but token_parse
 * and job_parse.
 */
#ifndef NFSQ_FAULT_WORLD_H
#define NFSQ_FAULT_WORLD_H

#include "nfsq.h"
#include "fault-ops.h"
#include "output.h"
#include "recover.h"
#include "spool.h"

#define WORLD_JOBS 8
#define STATE_TOMB STATE_COUNT

struct share {			/* in memory that processes share */
	struct fault_log log;
	int r;			/* what the hurt process was told */
	bool returned;		/* it was told something: it did not die */
	bool again;		/* it was told -1 and tried once more */
	int last;		/* what it was told in the end */
	struct token t;
	uint64_t first;		/* of a block of ids */
	char text[400];
};

struct world {
	struct share *sh;
	char *top, *dir;	/* TOP/spool */
	struct spool *sp;
	struct seat seat;	/* dir NULL: no worker joined */
	struct token job[WORLD_JOBS];	/* these exist, whatever happens */
	unsigned want[WORLD_JOBS];	/* ends allowed, bits; 0: done */
	uint32_t attempts[WORLD_JOBS];	/* how many it must take; 0: any */
	uint32_t lost[WORLD_JOBS];	/* of these lost, if attempts is set */
	size_t n;
	unsigned how;		/* MAKE_*, from the verb */
	int change;		/* enum change, from the verb */
	struct token claim;
	struct token end;
	struct outputs outs;
	bool orphans;		/* bodies of no job may be left */
	bool strays;		/* so may outputs outside not in place */
	bool failed;
	char why[500];		/* the first thing found wrong */
};

struct seen {			/* a token somewhere */
	unsigned state;		/* enum state or STATE_TOMB */
	struct token t;
	char rel[400];
};

/* Notes what is wrong, once; returns -1. */
int wrong(struct world *w, const char *fmt, ...) PRINTF(2, 3);

void world_begin(struct world *w, struct share *sh, const char *top);
void world_spool(struct world *w, const char *name);
void world_end(struct world *w);

enum {				/* of job_make and world_add */
	MAKE_HELD = 1, MAKE_LATER = 2, MAKE_OUTPUT = 4, MAKE_INPUT = 8,
	MAKE_FRAGILE = 16,
};
void job_make(const struct world *w, unsigned how, struct job *j);
int world_submit(struct world *w, unsigned how, struct token *t,
		 struct error *err);
struct token *world_add(struct world *w, unsigned how);
void world_join(struct world *w);
/* Moves the job into the seat; started: counts the attempt, opens and writes
 * the outputs into w->outs. */
void world_claim(struct world *w, struct token *t, bool started);
/* Where queue/ shows t.  1; 0 nowhere; -1. */
int bucket_of(struct spool *sp, const struct queue *q, const struct token *t,
	      struct bucket *b);
void write_output(struct world *w, const struct token *t,
		  const struct outputs *o);
void end_of(const struct token *t, int exit_code, struct token *end);
/* Runs a claim of the seat to its end. 0 or -1 (w->why). */
int run_claim(struct world *w, const struct seat *seat, struct token *t);

/* All tokens but those in tmp/; *v is the caller's. */
size_t tokens_seen(struct world *w, struct seen **v);
/* The only one of the job; its state, or -1 for none (more is wrong). */
int state_of(struct world *w, const struct token *t, struct seen *out);
/* The same in what tokens_seen gave. */
int state_among(struct world *w, const struct seen *v, size_t n,
		const struct token *t, struct seen *out);
bool file_exists(const struct world *w, const char *fmt, ...) PRINTF(2, 3);
/* One state a job, each body whole, nothing unknown. */
void judge(struct world *w);
/* Reaps, releases, runs all to the end, judges, purges, looks for remains. */
void finish(struct world *w);
void remove_tree(const char *path);

#endif

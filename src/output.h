/*
 * output.h - a job's output files outside the spool (--output, --error)
 *
 * FILE is written as its sibling .FILE.nfsq-ID.ATTEMPT, to which FILE is a
 * symlink meanwhile; after the job's result is decided the sibling is renamed
 * over FILE.  A FILE that is neither regular nor such a link is only opened.
 */
#ifndef NFSQ_OUTPUT_H
#define NFSQ_OUTPUT_H

#include "nfsq.h"
#include "job.h"
#include "msg.h"
#include "token.h"

enum output_kind {
	OUTPUT_SPOOL,	/* the default: a file in the spool */
	OUTPUT_FILE,	/* a sibling, renamed at the end */
	OUTPUT_OPEN,	/* --open-mode: FILE itself */
	OUTPUT_SPECIAL,	/* opened by the job's child: FIFO, device ... */
};

struct output {
	enum output_kind kind;
	char *path;	/* FILE, absolute; NULL: OUTPUT_SPOOL */
	char *sibling;	/* absolute */
	bool aside;	/* what was FILE before is at SIBLING.old */
	uint64_t id;
	unsigned attempt;
	int umask;
	enum open_mode mode;
};

struct outputs {
	struct output out, err;
	bool same;	/* one file for both */
};

/* What the started claim t of job j writes where.  Pure. */
void outputs_plan(const struct job *j, const struct token *t,
		  struct outputs *o);
/* Makes directories, siblings and links, removes siblings of earlier
 * attempts.  0, or -1 with err: "HOST: cannot open 'FILE': cause". */
int outputs_prepare(struct outputs *o, struct error *err);
/*
 * The second half, after a look at the lease.  ours: what stood at FILE before
 * is dropped.  Not ours any more: another attempt may have committed FILE and
 * we moved that aside, so it goes back where nothing is.
 */
void outputs_settle(const struct outputs *o, bool ours);
/* Siblings take their places; what is not there (any more) is left.  May be
 * repeated by anybody. 0 or -1. */
int outputs_finish(const struct outputs *o, struct error *err);
/* The attempt was taken from us: its siblings go, for who has the job now may
 * have removed all that it knew of. */
void outputs_discard(const struct outputs *o);
/* Opens the directories of the files, so that this host sees at once what came
 * into them (NFS-FACTS 1.1). */
void outputs_look(const struct outputs *o);
void outputs_release(struct outputs *o);

/* What the writer opens and how; NULL for OUTPUT_SPOOL and _SPECIAL. */
const char *output_target(const struct output *o, int *flags);

#endif

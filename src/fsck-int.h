/*
 * fsck-int.h - what the two halves of fsck share: the walk through the
 * directories, and what it saw for the comparison afterwards
 */
#ifndef NFSQ_FSCK_INT_H
#define NFSQ_FSCK_INT_H

#include "nfsq.h"
#include "fsck.h"
#include "spool-int.h"

struct fsck_key {
	uint64_t id;
	char nonce[NONCE_LEN + 1];
};
/* By id, then by nonce. */
int fsck_cmp(const struct fsck_key *a, const struct fsck_key *b);

struct fsck_job {		/* a token */
	struct fsck_key key;
	enum state state;
	bool purged;
	uint32_t move;
	char *path;		/* relative, owned */
};

enum fsck_kind { FSCK_BODY, FSCK_INPUT, FSCK_OUTPUT };
struct fsck_file {
	struct fsck_key key;
	enum fsck_kind kind;
	int64_t mtime_ms;
	char *path;
};

struct fsck {
	struct spool *sp;
	int64_t now_ms;
	struct stat top;	/* the spool's directory: owner, group */
	struct findings found;
	struct fsck_job *jobs;
	size_t njobs, jobs_cap;
	struct fsck_file *files;
	size_t nfiles, files_cap;
	struct strlist workers;	/* UUIDs */
	struct strlist seq;
	struct strlist barred;	/* directories that cannot be looked into */
	struct error *err;
};

/* Notes a finding about the relative path that nothing is done about:
 * "PATH: text". */
void fsck_note(struct fsck *f, const char *path, const char *fmt, ...)
	PRINTF(3, 4);
/* The same about one that can be mended.  The finding is good until the next
 * one. */
struct finding *fsck_found(struct fsck *f, enum fsck_mend mend,
			   const char *path, const char *fmt, ...)
	PRINTF(4, 5);
/* Walks through all directories.  0 or -1. */
int fsck_walk(struct fsck *f);
/* ID.NONCE and what follows; NULL: no such name. */
const char *fsck_stem(const char *name, struct fsck_key *key);

/* --- fsck --repair */

#define FSCK_TMP_MS INT64_C(86400000)	/* sweeps tmp/ as workers do */

struct fsck_repair {
	struct spool *sp;
	int64_t now_ms;		/* server's clock */
	fsck_tell *tell;
	void *arg;
	size_t mended;		/* in this round */
	struct error err;	/* of the finding at hand */
};

/* One line to the caller's. */
void fsck_say(struct fsck_repair *r, const char *fmt, ...) PRINTF(2, 3);
/* Mends x, if that is safe; else x->why.  Tells and counts it. */
void fsck_mend_one(struct fsck_repair *r, struct finding *x);

#endif

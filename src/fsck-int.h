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
	bool counted;
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
	struct strlist found;
	struct fsck_job *jobs;
	size_t njobs, jobs_cap;
	struct fsck_file *files;
	size_t nfiles, files_cap;
	struct strlist workers;	/* UUIDs */
	struct strlist seq;
	struct error *err;
};

/* Notes a finding about the relative path: "PATH: text". */
void fsck_note(struct fsck *f, const char *path, const char *fmt, ...)
	PRINTF(3, 4);
/* Walks through all directories.  0 or -1. */
int fsck_walk(struct fsck *f);

#endif

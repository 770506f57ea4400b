/*
 * launch.h - from a job's text to what is executed: words, environment, files
 *
 *	struct launch l = LAUNCH_INIT;
 *	if (launch_make(&l, &order) < 0)
 *		... errno: the script's copy could not be written
 *	... execute l.argv with l.env ...
 *	launch_end(&l);		// when the job has ended: removes the copy
 */
#ifndef NFSQ_LAUNCH_H
#define NFSQ_LAUNCH_H

#include "nfsq.h"
#include "job.h"
#include "str.h"
#include "token.h"

struct launch {
	struct strlist argv, env;
	char *exec_path;	/* NULL: argv.v[0] */
	char *script;		/* our copy, to be removed; NULL none */
	char *input;		/* expanded names; NULL none */
	char *output, *error;
};
#define LAUNCH_INIT \
	{ STRLIST_INIT, STRLIST_INIT, NULL, NULL, NULL, NULL, NULL }

/* What a job is given of the worker's own environment: "NAME=VALUE". */
struct launch_user {
	char *name;		/* whose worker this is; NULL unknown */
	struct strlist basics;
};
/* Looks the user up, which may take its time: once in a process. */
void launch_user_init(struct launch_user *u);
void launch_user_release(struct launch_user *u);

struct launch_order {	/* all borrowed */
	const struct launch_user *user;
	const struct job *job;
	const struct token *token;
	const char *spool;	/* NFSQ_SPOOL */
	const char *worker;	/* NFSQ_WORKER */
	uint32_t attempt;	/* NFSQ_ATTEMPT */
};

/* 0, or -1 with errno and nothing left behind. */
int launch_make(struct launch *l, const struct launch_order *o);
/* Removes the script's copy and releases everything. */
void launch_end(struct launch *l);

#endif

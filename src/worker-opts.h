/*
 * worker-opts.h - the options of nfsq-worker, as one table
 */
#ifndef NFSQ_WORKER_OPTS_H
#define NFSQ_WORKER_OPTS_H

#include "nfsq.h"
#include "opt.h"

/* What was given; 0 and NULL: not. */
struct worker_values {
	int64_t cpus, max_jobs;
	int64_t poll_ms, idle_exit_ms, max_time_ms;
	bool once, own;
	const char *name;
};

extern const struct command cmd_worker_options;

#endif

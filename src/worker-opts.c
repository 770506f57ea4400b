/*
 * worker-opts.c - the table from which nfsq-worker parses, prints its help
 * and is completed
 */
#include "nfsq.h"
#include "worker-opts.h"

#include "when.h"

static int
parse_count(const char *value, void *field, struct error *err)
{
	return when_int(value, 1, 100000, field, err);
}

static int
parse_time(const char *value, void *field, struct error *err)
{
	return when_duration(value, WHEN_SECONDS, field, err);
}

static const struct opt opts[] = {
	{ 'c', "cpus", "N", "run jobs that need N CPUs in all at once "
	  "(default: all it may use)",
	  OPT_PARSE, offsetof(struct worker_values, cpus), parse_count, NULL },
	{ 0, "max-jobs", "N", "run at most N jobs at once",
	  OPT_PARSE, offsetof(struct worker_values, max_jobs), parse_count, NULL },
	{ 0, "own", NULL, "run only jobs of this user",
	  OPT_FLAG, offsetof(struct worker_values, own), NULL, NULL },
	{ 0, "poll", "TIME", "look for new jobs so often (default 1s)",
	  OPT_PARSE, offsetof(struct worker_values, poll_ms), parse_time, NULL },
	{ 0, "once", NULL, "run what there is to claim, then exit (for cron)",
	  OPT_FLAG, offsetof(struct worker_values, once), NULL, NULL },
	{ 0, "idle-exit", "TIME", "exit after so long without a job",
	  OPT_PARSE, offsetof(struct worker_values, idle_exit_ms), parse_time, NULL },
	{ 0, "max-time", "TIME", "exit after TIME; claim nothing that cannot "
	  "end by then",
	  OPT_PARSE, offsetof(struct worker_values, max_time_ms), parse_time, NULL },
	{ 0, "name", "NAME", "name of this worker (default: the host's); "
	  "several on a host need different names",
	  OPT_STRING, offsetof(struct worker_values, name), NULL, NULL },
	OPT_END
};

const struct command cmd_worker_options = {
	.name = "nfsq-worker",
	.summary = "run jobs from a spool",
	.usage = "[options]",
	.text = "Runs in the foreground and logs to standard error. SIGTERM: "
		"end the jobs, give\nthem back and exit. SIGUSR1: finish what "
		"runs, then exit. SIGHUP: read the\nconfiguration again (in a terminal: as SIGTERM).",
	.opts = opts,
};

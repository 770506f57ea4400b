/*
 * cmd-wait.c - nfsq wait: returns when jobs have ended, with their status
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "when.h"

struct values {
	int64_t timeout_ms;
	bool any, progress, json;
};

static int
parse_timeout(const char *value, void *field, struct error *err)
{
	return when_duration(value, WHEN_SECONDS, field, err);
}

static const struct opt opts[] = {
	{ 0, "timeout", "T", "wait no longer than this; then exit 124",
	  OPT_PARSE, offsetof(struct values, timeout_ms), parse_timeout,
	  NULL },
	{ 0, "any", NULL, "return when one of the jobs has ended",
	  OPT_FLAG, offsetof(struct values, any), NULL, NULL },
	{ 0, "progress", NULL, "show how many have ended",
	  OPT_FLAG, offsetof(struct values, progress), NULL, NULL },
	{ 0, "json", NULL, "print the jobs as JSON at the end",
	  OPT_FLAG, offsetof(struct values, json), NULL, NULL },
	OPT_END
};

/* What a person at a terminal may wait for in vain. */
static void
note_obstacles(struct spool *sp, const struct cmd_jobs *jobs)
{
	size_t open = 0;

	if (!isatty(STDERR_FILENO) || msg_get_level() < MSG_INFO)
		return;
	for (size_t i = 0; i < jobs->n; i++) {
		const struct entry *e = &jobs->v[i];

		open += !state_ended(e->state);
		if (e->state == STATE_HELD)
			msg_info("job %" PRIu64 " is held (nfsq release %"
				 PRIu64 ")", e->t.id, e->t.id);
	}
	if (open > 0 && cmd_workers_alive(sp) == 0)
		msg_info("no worker is alive in '%s' (start nfsq-worker)",
			 sp->dir);
}

static int
highest_status(const struct cmd_jobs *jobs)
{
	int highest = 0;

	for (size_t i = 0; i < jobs->n; i++) {
		int status = cmd_exit_status(&jobs->v[i]);

		if (state_ended(jobs->v[i].state) && status > highest)
			highest = status;
	}
	return highest;
}

static void
print_json(struct spool *sp, const struct cmd_jobs *jobs)
{
	json_t *list = json_array();
	struct error err = ERROR_INIT;
	int64_t now;

	if (spool_server_now(sp, &now, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	for (size_t i = 0; i < jobs->n; i++) {
		json_t *job = json_job(sp, &jobs->v[i], false, false, now,
				       &err);

		if (!job)
			die(EXIT_FAILED, "%s", error_text(&err));
		json_array_append_new(list, job);
	}
	json_print(list);
}

static void
complain_timeout(const struct cmd_jobs *jobs)
{
	size_t open = 0;

	for (size_t i = 0; i < jobs->n; i++)
		open += !state_ended(jobs->v[i].state);
	if (jobs->n == 1)
		msg_error("time is over: job %" PRIu64 " has not ended",
			  jobs->v[0].t.id);
	else
		msg_error("time is over: %zu of %zu jobs have not ended", open,
			  jobs->n);
}

static int
run(const struct globals *globals, int argc, char **argv,
    const struct command *cmd)
{
	struct values v = { .timeout_ms = 0 };
	struct globals g = *globals;
	struct error err = ERROR_INIT;
	struct cmd_jobs jobs;
	struct spool *sp;
	int r, status;

	argc = cmd_parse(cmd, argc, argv, &v, &g, NULL);
	if (argc == 0)
		return cmd_usage(cmd, "name the jobs to wait for");
	sp = cmd_open(&g);
	if (cmd_select(sp, argc, argv, NULL, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	note_obstacles(sp, &jobs);
	r = cmd_await(sp, jobs.v, jobs.n, v.any, v.timeout_ms, v.progress,
		      &err);
	if (r < 0)
		die(EXIT_FAILED, "cannot wait: %s", error_text(&err));
	if (v.json)
		print_json(sp, &jobs);
	status = highest_status(&jobs);
	if (jobs.failures > 0 && status < EXIT_FAILED)
		status = EXIT_FAILED;
	if (r == 0) {
		complain_timeout(&jobs);
		status = EXIT_TIMEOUT;
	}
	cmd_jobs_release(&jobs);
	spool_free(sp);
	return status;
}

const struct command cmd_wait = {
	.name = "wait",
	.summary = "wait for jobs to end",
	.usage = "[options] ID...",
	.text = "The exit status is the job's, of several the highest: 0..255 "
		"its own, 128+N when signal N ended it, 124 over its time "
		"limit (or wait's own), 125 lost or not to be run, 130 "
		"cancelled.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

/*
 * cmd-stop.c - nfsq stop: end workers, after their jobs or now
 */
#include "nfsq.h"
#include "pick.h"

struct values {
	bool now;
};

static const struct opt opts[] = {
	{ 0, "now", NULL, "end or give back their jobs, as on SIGTERM",
	  OPT_FLAG, offsetof(struct values, now), NULL, NULL },
	OPT_END
};

/* Nobody would carry out a request to a worker that left meanwhile. */
static int
check_left(const struct picks *p, const char *uuid, const char *entry,
	   struct error *err)
{
	struct worker_info *w;
	size_t n;
	bool there = false;

	if (spool_workers(p->sp, &w, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		there |= strcmp(w[i].uuid, uuid) == 0 && w[i].beat_ms > 0;
		worker_info_release(&w[i]);
	}
	free(w);
	if (!there)
		spool_request_done(p->sp, entry);
	return 0;
}

static int
stop_one(const struct picks *p, const struct worker_info *w, bool now,
	 struct error *err)
{
	struct request r = { .op = now ? REQ_STOP_NOW : REQ_STOP };
	char *entry;
	int ret;

	snprintf(r.worker, sizeof(r.worker), "%s", w->uuid);
	if (spool_request(p->sp, &r, &entry, err) < 0)
		return -1;
	ret = check_left(p, w->uuid, entry, err);
	free(entry);
	return ret;
}

static int
stop(const struct picks *p, const char *word, void *arg, struct error *err)
{
	const struct values *v = arg;
	size_t found = 0;

	for (size_t i = 0; i < p->nworkers; i++) {
		const struct worker_info *w = &p->workers[i];

		if (w->beat_ms == 0 || pick_worker(word, w) == PICK_NONE)
			continue;
		if (stop_one(p, w, v->now, err) < 0)
			return -1;
		found++;
	}
	if (found == 0)
		return error_set(err, "no worker '%s' (see nfsq workers)",
				 word);
	return 0;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .now = false };
	struct globals all = *g;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	return pick_command(&all, argc, argv, cmd, stop, &v);
}

const struct command cmd_stop = {
	.name = "stop",
	.summary = "end workers after their jobs",
	.usage = "[--now] WORKER...",
	.text = "WORKER is a worker's name, id (at least 4 characters of it) "
		"or a host.",
	.opts = opts,
	.complete = "worker",
	.run = run,
};

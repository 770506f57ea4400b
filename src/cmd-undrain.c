/*
 * cmd-undrain.c - nfsq undrain: workers claim jobs again
 */
#include "nfsq.h"
#include "pick.h"

static const struct opt opts[] = {
	OPT_END
};

/* Removes the drains that say the word themselves, whether or not such a
 * worker is there now.  How many, or -1. */
static int
lift_named(const struct picks *p, const char *word, struct error *err)
{
	int lifted = 0;

	for (size_t i = 0; i < p->queue.ndrains; i++) {
		const struct drain *d = &p->queue.drains[i];

		if (strcmp(d->host, word) != 0 &&
		    (!d->name || strcmp(d->name, word) != 0))
			continue;
		if (spool_request_done(p->sp, d->entry) < 0)
			return error_errno(err, "cannot undrain '%s'", word);
		lifted++;
	}
	return lifted;
}

static bool
host_drained(const struct picks *p, const char *host)
{
	for (size_t i = 0; i < p->queue.ndrains; i++)
		if (!p->queue.drains[i].name &&
		    strcmp(p->queue.drains[i].host, host) == 0)
			return true;
	return false;
}

static int
undrain(const struct picks *p, const char *word, void *arg, struct error *err)
{
	int lifted = lift_named(p, word, err);
	bool known = lifted > 0;

	(void)arg;
	for (size_t i = 0; lifted >= 0 && i < p->nworkers; i++) {
		const struct worker_info *w = &p->workers[i];
		enum pick k = pick_worker(word, w);
		int r;

		if (k == PICK_NONE || !w->host || !w->name)
			continue;
		known = true;
		/* Also a drain of the whole host, which holds it as well. */
		r = spool_undrain(p->sp, w->host, w->name, err);
		lifted = r < 0 ? -1 : lifted + r;
		if (r > 0 && k != PICK_HOST && host_drained(p, w->host))
			msg_info("host '%s' was drained as a whole and is "
				 "undrained with '%s'", w->host, w->name);
	}
	if (lifted < 0)
		return -1;
	if (!known)
		return error_set(err, "no worker and no drain '%s' (see nfsq "
				 "workers)", word);
	if (lifted == 0)
		msg_info("'%s' is not drained", word);
	return 0;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct globals all = *g;

	argc = cmd_parse(cmd, argc, argv, NULL, &all, NULL);
	return pick_command(&all, argc, argv, cmd, undrain, NULL);
}

const struct command cmd_undrain = {
	.name = "undrain",
	.summary = "let drained workers claim jobs again",
	.usage = "WORKER...",
	.text = "WORKER is a worker's name, id (at least 4 characters of it) "
		"or a host. A worker on a host that was drained as a whole "
		"is undrained with the host.",
	.opts = opts,
	.complete = "worker",
	.run = run,
};

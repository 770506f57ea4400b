/*
 * cmd-drain.c - nfsq drain: workers claim nothing more, until undrain
 *
 * A drain belongs to host and name, so that it outlives the worker: one that
 * cron starts there later finds it.
 */
#include "nfsq.h"
#include "pick.h"

static const struct opt opts[] = {
	OPT_END
};

/* Is there this very drain? */
static bool
have_drain(const struct queue *q, const char *host, const char *name)
{
	for (size_t i = 0; i < q->ndrains; i++) {
		const struct drain *d = &q->drains[i];

		if (strcmp(d->host, host) != 0 || !d->name != !name)
			continue;
		if (!name || strcmp(d->name, name) == 0)
			return true;
	}
	return false;
}

static int
place(const struct picks *p, const char *word, const char *host,
      const char *name, struct error *err)
{
	if (!have_drain(&p->queue, host, name))
		return spool_drain(p->sp, host, name, err);
	msg_info("'%s' is drained already", word);
	return 0;
}

/* A drain for one that is not there now. */
static bool
is_drained(const struct queue *q, const char *word)
{
	for (size_t i = 0; i < q->ndrains; i++)
		if (strcmp(q->drains[i].host, word) == 0 ||
		    (q->drains[i].name &&
		     strcmp(q->drains[i].name, word) == 0))
			return true;
	return false;
}

static int
drain(const struct picks *p, const char *word, void *arg, struct error *err)
{
	size_t found = 0;

	(void)arg;
	for (size_t i = 0; i < p->nworkers; i++)
		if (pick_worker(word, &p->workers[i]) == PICK_HOST)
			return place(p, word, word, NULL, err);
	for (size_t i = 0; i < p->nworkers; i++) {
		const struct worker_info *w = &p->workers[i];

		if (pick_worker(word, w) == PICK_NONE || !w->host)
			continue;
		if (place(p, word, w->host, w->name, err) < 0)
			return -1;
		found++;
	}
	if (found > 0)
		return 0;
	if (!is_drained(&p->queue, word))
		return error_set(err, "no worker '%s' (see nfsq workers)",
				 word);
	msg_info("'%s' is drained already", word);
	return 0;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct globals all = *g;

	argc = cmd_parse(cmd, argc, argv, NULL, &all, NULL);
	return pick_command(&all, argc, argv, cmd, drain, NULL);
}

const struct command cmd_drain = {
	.name = "drain",
	.summary = "let workers claim no more jobs",
	.usage = "WORKER...",
	.text = "WORKER is a worker's name, id (at least 4 characters of it) "
		"or a host. What runs there runs on. A drain belongs to host "
		"and name and stays until nfsq undrain.",
	.opts = opts,
	.complete = "worker",
	.run = run,
};

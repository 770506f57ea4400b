/*
 * pick.c - owns how a worker is named: by its name, its id, its host
 */
#include "nfsq.h"
#include "pick.h"

#include "view.h"

#define PREFIX_MIN 4		/* of an id */

enum pick
pick_worker(const char *word, const struct worker_info *w)
{
	size_t n = strlen(word);

	if (w->host && strcmp(word, w->host) == 0)
		return PICK_HOST;
	if (w->name && strcmp(word, w->name) == 0)
		return PICK_NAME;
	if (n >= PREFIX_MIN && strncmp(word, w->uuid, n) == 0)
		return PICK_ID;
	return PICK_NONE;
}

void
pick_look(struct picks *p, struct spool *sp)
{
	struct error err = ERROR_INIT;

	*p = (struct picks){ .sp = sp };
	if (spool_workers(sp, &p->workers, &p->nworkers, &err) < 0 ||
	    spool_look(sp, &p->queue, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
}

void
pick_release(struct picks *p)
{
	view_workers_free(p->workers, p->nworkers);
	queue_release(&p->queue);
}

/* An id's beginning that fits several workers means none of them. */
static int
check_unique(const struct picks *p, const char *word, struct error *err)
{
	size_t ids = 0, others = 0;

	for (size_t i = 0; i < p->nworkers; i++) {
		enum pick k = pick_worker(word, &p->workers[i]);

		ids += k == PICK_ID;
		others += k == PICK_NAME || k == PICK_HOST;
	}
	if (ids > 1 && others == 0)
		return error_set(err, "'%s' begins the ids of %zu workers "
				 "(give more of it)", word, ids);
	return 0;
}

int
pick_command(const struct globals *g, int argc, char **argv,
	     const struct command *cmd, pick_fn *fn, void *arg)
{
	struct spool *sp;
	struct picks p;
	int failures = 0;

	if (argc == 0)
		return cmd_usage(cmd, "name a worker or a host");
	sp = cmd_open(g);
	for (int i = 0; i < argc; i++) {
		struct error err = ERROR_INIT;

		/* Anew for each, as the one before may have changed it. */
		pick_look(&p, sp);
		if (check_unique(&p, argv[i], &err) < 0 ||
		    fn(&p, argv[i], arg, &err) < 0) {
			msg_error("%s", error_text(&err));
			failures++;
		}
		error_release(&err);
		pick_release(&p);
	}
	spool_free(sp);
	return failures ? EXIT_FAILED : EXIT_DONE;
}

/*
 * cmd-requeue.c - nfsq requeue: run jobs again, running or ended ones
 */
#include "nfsq.h"
#include "change.h"

static const struct opt opts[] = {
	CHANGE_OPTS,
	{ 'H', "hold", NULL, "hold them instead of queueing them", OPT_FLAG,
	  offsetof(struct change_values, hold), NULL, NULL },
	OPT_END
};

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct change_values v = { .user = NULL };
	struct globals all = *g;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	return change_command(&all, argc, argv, cmd, &v,
			      v.hold ? CHANGE_REHOLD : CHANGE_REQUEUE,
			      1u << STATE_RUNNING | 1u << STATE_DONE |
			      1u << STATE_FAILED | 1u << STATE_CANCELLED);
}

const struct command cmd_requeue = {
	.name = "requeue",
	.summary = "run jobs again, running or ended ones",
	.usage = "[options] [ID...]",
	.text = "A running job is ended as nfsq cancel does and queued again, "
		"which does not count for --max-attempts. Results and outputs "
		"of earlier attempts stay.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

/*
 * cmd-hold.c - nfsq hold: keep waiting jobs from starting
 */
#include "nfsq.h"
#include "change.h"

static const struct opt opts[] = {
	CHANGE_OPTS,
	OPT_END
};

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct change_values v = { .user = NULL };
	struct globals all = *g;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	return change_command(&all, argc, argv, cmd, &v, CHANGE_HOLD,
			      1u << STATE_WAITING | 1u << STATE_QUEUED);
}

const struct command cmd_hold = {
	.name = "hold",
	.summary = "keep waiting jobs from starting",
	.usage = "[options] [ID...]",
	.text = "A running job is not held: nfsq requeue --hold ends and "
		"holds it.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

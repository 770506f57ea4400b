/*
 * cmd-release.c - nfsq release: let held jobs start
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
	return change_command(&all, argc, argv, cmd, &v, CHANGE_RELEASE,
			      1u << STATE_HELD);
}

const struct command cmd_release = {
	.name = "release",
	.summary = "let held jobs start",
	.usage = "[options] [ID...]",
	.text = NULL,
	.opts = opts,
	.complete = "job",
	.run = run,
};

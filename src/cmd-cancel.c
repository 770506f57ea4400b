/*
 * cmd-cancel.c - nfsq cancel: end jobs, waiting or running
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
	return change_command(&all, argc, argv, cmd, &v, CHANGE_CANCEL,
			      SCAN_OPEN);
}

const struct command cmd_cancel = {
	.name = "cancel",
	.summary = "end jobs, waiting or running",
	.usage = "[options] [ID...]",
	.text = "A running job is ended on its host: SIGTERM, after its "
		"kill grace SIGKILL.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

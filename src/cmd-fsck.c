/*
 * cmd-fsck.c - nfsq fsck: reports what is wrong with a spool, changes nothing
 */
#include "nfsq.h"
#include "cmd.h"

#include "fsck.h"
#include "view.h"

static const struct opt opts[] = {
	OPT_END
};

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct globals all = *g;
	struct error err = ERROR_INIT;
	struct strlist found = STRLIST_INIT;
	struct str out = STR_INIT;
	struct spool *sp;
	size_t jobs;
	int status;

	argc = cmd_parse(cmd, argc, argv, NULL, &all, NULL);
	if (argc > 0)
		return cmd_usage(cmd, "unexpected word '%s'", argv[0]);
	sp = cmd_open(&all);
	if (fsck_run(sp, view_now(sp), &found, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	for (size_t i = 0; i < found.n; i++)
		str_addf(&out, "%s\n", found.v[i]);
	if (found.n == 0)
		str_addf(&out, "clean: %zu job%s\n", jobs,
			 jobs == 1 ? "" : "s");
	cmd_out(&out);
	if (found.n > 0)
		msg_error("%zu thing%s wrong in '%s', %zu job%s looked at",
			  found.n, found.n == 1 ? " is" : "s are", sp->dir,
			  jobs, jobs == 1 ? "" : "s");
	status = found.n > 0 ? EXIT_FAILED : EXIT_DONE;
	str_release(&out);
	strlist_release(&found);
	spool_free(sp);
	return status;
}

const struct command cmd_fsck = {
	.name = "fsck",
	.summary = "check every invariant of the spool",
	.usage = "",
	.text = "Reports a line for each thing that is wrong, with what to do, "
		"and changes nothing. Safe at any time beside live workers.",
	.opts = opts,
	.run = run,
};

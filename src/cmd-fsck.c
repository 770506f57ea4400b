/*
 * cmd-fsck.c - nfsq fsck: reports what is wrong with a spool; with --repair
 * mends what can be mended
 */
#include "nfsq.h"
#include "cmd.h"

#include "fsck.h"
#include "view.h"

struct values {
	bool repair;
};

static const struct opt opts[] = {
	{ 0, "repair", NULL, "mend what can be mended, tell what was left "
	  "alone", OPT_FLAG, offsetof(struct values, repair), NULL, NULL },
	OPT_END
};

/* Each line at once: a repair may take minutes. */
static void
print_line(const char *line, void *arg)
{
	struct str out = STR_INIT;

	(void)arg;
	str_addf(&out, "%s\n", line);
	cmd_out(&out);
	str_release(&out);
}

static void
report(const struct findings *found)
{
	struct str out = STR_INIT;

	for (size_t i = 0; i < found->n; i++)
		str_addf(&out, "%s\n", found->v[i].text);
	cmd_out(&out);
	str_release(&out);
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .repair = false };
	struct globals all = *g;
	struct error err = ERROR_INIT;
	struct findings found;
	struct spool *sp;
	size_t jobs;
	int status;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 0)
		return cmd_usage(cmd, "unexpected word '%s'", argv[0]);
	sp = cmd_open(&all);
	if (fsck_run(sp, view_now(sp), &found, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	report(&found);
	if (v.repair &&
	    fsck_repair(sp, &found, &jobs, print_line, NULL, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (found.n == 0) {
		printf("clean: %zu job%s\n", jobs, jobs == 1 ? "" : "s");
		cmd_flush();
	} else {
		msg_error("%zu thing%s wrong in '%s', %zu job%s looked at",
			  found.n, found.n == 1 ? " is" : "s are", sp->dir,
			  jobs, jobs == 1 ? "" : "s");
	}
	status = found.n > 0 ? EXIT_FAILED : EXIT_DONE;
	findings_release(&found);
	spool_free(sp);
	return status;
}

const struct command cmd_fsck = {
	.name = "fsck",
	.summary = "check every invariant of the spool",
	.usage = "[options]",
	.text = "Reports a line for each thing that is wrong, with what to do, "
		"and changes nothing without --repair. Safe at any time "
		"beside live workers.",
	.opts = opts,
	.run = run,
};

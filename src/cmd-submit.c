/*
 * cmd-submit.c - nfsq submit: queues a job and prints its id
 */
#include "nfsq.h"
#include "submit.h"

static const struct opt opts[] = {
	SUBMIT_OPTS,
	SUBMIT_FLAG(0, "script", "the command is a script, also without "
		    "#NFSQ lines", script),
	SUBMIT_OPT(0, "wrap", "TEXT", "run this text with /bin/sh -c", text,
		   wrap, NULL),
	OPT_END
};

static void
print_id(const struct token *t)
{
	struct str s = STR_INIT;

	str_addf(&s, "%" PRIu64 "\n", t->id);
	if (cmd_write(STDOUT_FILENO, s.s, s.len) < 0) {
		str_clear(&s);
		str_addf(&s, "job %" PRIu64 " is queued, but ", t->id);
		cmd_die_output(s.s);
	}
	str_release(&s);
}

/* What a person at a terminal may wonder about later. */
static void
note_obstacles(struct spool *sp, const struct job *j, const struct token *t)
{
	if (!isatty(STDERR_FILENO) || msg_get_level() < MSG_INFO)
		return;
	if (cmd_workers_alive(sp) == 0)
		msg_info("no worker is alive in '%s': job %" PRIu64 " waits "
			 "for one (start nfsq-worker)", sp->dir, t->id);
	if (sp->nfs && !cmd_is_nfs(j->cwd))
		msg_info("'%s' is a local directory while the spool is on "
			 "NFS: other hosts may not have it", j->cwd);
}

static int
wait_for(struct spool *sp, const struct token *t)
{
	struct entry e = { .t = *t, .state = STATE_QUEUED, .dir = NULL };
	struct error err = ERROR_INIT;
	int status;

	if (cmd_await(sp, &e, 1, false, 0, false, &err) < 0)
		die(EXIT_FAILED, "cannot wait: %s", error_text(&err));
	status = cmd_exit_status(&e);
	entry_release(&e);
	return status;
}

static int
run(const struct globals *globals, int argc, char **argv,
    const struct command *cmd)
{
	struct globals g = *globals;
	struct error err = ERROR_INIT;
	struct submit s;
	struct spool *sp;
	struct token t;
	struct job j;
	int status = EXIT_DONE;

	submit_init(&s, cmd);
	submit_parse(&s, argc, argv, &g);
	sp = cmd_open(&g);
	submit_job(&s, sp, &j);
	if (spool_submit(sp, &j, -1, &t, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	print_id(&t);
	note_obstacles(sp, &j, &t);
	if (s.v.wait)
		status = wait_for(sp, &t);
	job_release(&j);
	submit_release(&s);
	spool_free(sp);
	return status;
}

const struct command cmd_submit = {
	.name = "submit",
	.summary = "queue a job",
	.usage = "[options] [--] COMMAND [ARG...]\n"
		 "[options] SCRIPT [ARG...]\n"
		 "[options] -\n"
		 "[options] --wrap TEXT",
	.text = "Prints the job's id.  A file that begins with #! and has "
		"#NFSQ lines with options in its opening comments is a SCRIPT: "
		"its text is stored.  Everything else is run in place.  - "
		"reads a script from standard input.",
	.opts = opts,
	.complete = "command",
	.flags = CMD_STOP,
	.run = run,
};

/*
 * cmd-log.c - nfsq log: a job's output, also while it grows
 */
#include "nfsq.h"
#include "follow.h"

#include "when.h"

struct values {
	int64_t attempt;
	bool follow, error, raw;
};

static int
parse_attempt(const char *value, void *field, struct error *err)
{
	return when_int(value, 1, TOKEN_COUNT_MAX, field, err);
}

static const struct opt opts[] = {
	{ 'f', "follow", NULL, "go on while it runs, through all attempts",
	  OPT_FLAG, offsetof(struct values, follow), NULL, NULL },
	{ 0, "stderr", NULL, "its standard error, where that is apart",
	  OPT_FLAG, offsetof(struct values, error), NULL, NULL },
	{ 0, "attempt", "N", "of this attempt, not the last one",
	  OPT_PARSE, offsetof(struct values, attempt), parse_attempt, NULL },
	{ 0, "raw", NULL, "escape nothing on a terminal",
	  OPT_FLAG, offsetof(struct values, raw), NULL, NULL },
	OPT_END
};

/* Dies where nothing could ever be printed. */
static void
check(const struct values *v, const struct entry *e)
{
	uint64_t id = e->t.id;
	bool may_start = v->follow && !state_ended(e->state);

	if (e->purged)
		die(EXIT_FAILED, "job %" PRIu64 " was purged, its output is "
		    "gone", id);
	if (v->error && !(e->t.flags & TOKEN_SPLIT))
		die(EXIT_FAILED, "job %" PRIu64 " has both outputs in one "
		    "(nfsq log %" PRIu64 ")", id, id);
	if (may_start)
		return;
	if (e->t.attempt == 0)
		die(EXIT_FAILED, "job %" PRIu64 " has not started: it is %s",
		    id, state_name(e->state));
	if (v->attempt > (int64_t)e->t.attempt)
		die(EXIT_FAILED, "job %" PRIu64 " has had %u attempts only",
		    id, (unsigned)e->t.attempt);
}

static void
die_of(int result, const struct error *err)
{
	if (result == FOLLOW_CLOSED)
		cmd_die_output("");
	if (result < 0)
		die(EXIT_FAILED, "%s", error_text(err));
}

static void
follow(struct follow *f)
{
	struct error err = ERROR_INIT;
	int r;

	do {
		r = follow_step(f, &err);
		die_of(r, &err);
		if (r == FOLLOW_NEXT)
			msg_info("job %" PRIu64 ": attempt %u", f->id,
				 f->attempt);
		if (r != FOLLOW_END)
			follow_pause(f, r);
	} while (r != FOLLOW_END);
	if (f->e.t.attempt == 0)
		die(EXIT_FAILED, "job %" PRIu64 " never started: it is %s",
		    f->id, state_name(f->e.state));
	error_release(&err);
}

/* What there is now. */
static void
print(struct follow *f)
{
	struct error err = ERROR_INIT;
	bool over = f->e.state != STATE_RUNNING ||
		    (f->attempt > 0 && f->e.t.attempt > f->attempt);

	if (state_ended(f->e.state) && cmd_settle(f->sp, &f->e, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	die_of(follow_copy(f, over, &err), &err);
}

/* A job that could not be started has no output, and that is a puzzle. */
static void
tell_why(struct spool *sp, const struct entry *e)
{
	struct attempt *a;
	size_t n;

	if (!state_ended(e->state) || e->t.attempt == 0 ||
	    (e->t.reason != REASON_EXEC && e->t.reason != REASON_CHDIR &&
	     e->t.reason != REASON_INPUT && e->t.reason != REASON_OUTPUT) ||
	    spool_attempts(sp, e, &a, &n, NULL) < 0)
		return;
	if (n > 0 && a[n - 1].detail)
		msg_info("job %" PRIu64 " failed (%s): %s", e->t.id,
			 reason_name(e->t.reason), a[n - 1].detail);
	attempts_free(a, n);
}

static void
show(struct spool *sp, const struct values *v, struct entry *e)
{
	struct follow f;
	struct stream *s;

	follow_init(&f, sp, e->t.id);
	s = v->error ? &f.err : &f.out;
	f.e = *e;
	e->dir = NULL;
	f.attempt = (unsigned)v->attempt;
	f.only = v->attempt > 0;
	s->fd = STDOUT_FILENO;
	s->escape = !v->raw && isatty(STDOUT_FILENO);
	if (v->follow)
		follow(&f);
	else
		print(&f);
	tell_why(sp, &f.e);
	follow_release(&f);
}

static int
run(const struct globals *globals, int argc, char **argv,
    const struct command *cmd)
{
	struct values v = { .attempt = 0 };
	struct globals g = *globals;
	struct error err = ERROR_INIT;
	struct cmd_jobs jobs;
	struct spool *sp;
	int status = EXIT_DONE;

	argc = cmd_parse(cmd, argc, argv, &v, &g, NULL);
	if (argc != 1)
		return cmd_usage(cmd, "name one job");
	sp = cmd_open(&g);
	if (cmd_select(sp, argc, argv, NULL, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (jobs.n == 1) {
		check(&v, &jobs.v[0]);
		show(sp, &v, &jobs.v[0]);
	} else {
		status = EXIT_FAILED;
	}
	cmd_jobs_release(&jobs);
	spool_free(sp);
	return status;
}

const struct command cmd_log = {
	.name = "log",
	.summary = "print a job's output",
	.usage = "[-f] [--stderr] [--attempt N] [--raw] ID",
	.text = "On a terminal, controls other than newline, tab, CR and "
		"colours are escaped.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

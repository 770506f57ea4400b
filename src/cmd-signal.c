/*
 * cmd-signal.c - nfsq signal: send a signal to jobs, on whichever host
 */
#include "nfsq.h"
#include "cmd.h"

#include "when.h"

struct values {
	bool leader;
};

static const struct opt opts[] = {
	{ 0, "leader", NULL, "to the job's first process only", OPT_FLAG,
	  offsetof(struct values, leader), NULL, NULL },
	OPT_END
};

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT },
	{ "ILL", SIGILL }, { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
	{ "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL },
	{ "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM },
	{ "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },
	{ "URG", SIGURG }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },
	{ "WINCH", SIGWINCH }, { "IO", SIGIO }, { "PWR", SIGPWR },
	{ "SYS", SIGSYS },
};

/* The number of a signal, or -1. */
static int
parse_signal(const char *text)
{
	const char *name = text;
	int64_t n;

	if (when_int(text, 1, 64, &n, NULL) == 0)
		return (int)n;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcasecmp(signals[i].name, name) == 0)
			return signals[i].number;
	return -1;
}

static int
refuse(const struct entry *e, struct error *err)
{
	return error_set(err, "cannot signal job %" PRIu64 ": it is not "
			 "running (%s)", e->t.id, state_name(e->state));
}

/* 0, or -1 with err. */
static int
signal_job(struct spool *sp, const struct entry *e, int sig, bool leader,
	   struct error *err)
{
	struct request r = {
		.op = leader ? REQ_SIGNAL_LEADER : REQ_SIGNAL,
		.id = e->t.id,
		.arg = sig,
	};
	struct entry now = { .dir = NULL };
	char *name;
	int ret;

	if (e->state != STATE_RUNNING)
		return refuse(e, err);
	if (spool_request(sp, &r, &name, err) < 0)
		return -1;
	/* Nobody would carry it out for a job that is gone meanwhile, and
	 * another round must not get it. */
	ret = spool_find(sp, e->t.id, &now, err);
	if (ret >= 0 && (ret == 0 || now.state != STATE_RUNNING)) {
		spool_request_done(sp, name);
		if (ret == 1)
			ret = refuse(&now, err);
		else
			ret = error_set(err, "no job %" PRIu64, e->t.id);
	}
	entry_release(&now);
	free(name);
	return ret < 0 ? -1 : 0;
}

static int
signal_jobs(const struct globals *g, int argc, char **argv, int sig,
	    bool leader)
{
	struct spool *sp = cmd_open(g);
	struct cmd_jobs jobs = { .v = NULL };
	struct error err = ERROR_INIT;
	int failures;

	if (cmd_select(sp, argc, argv, NULL, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	failures = jobs.failures;
	for (size_t i = 0; i < jobs.n; i++) {
		if (signal_job(sp, &jobs.v[i], sig, leader, &err) == 0)
			continue;
		msg_error("%s", error_text(&err));
		error_release(&err);
		failures++;
	}
	cmd_jobs_release(&jobs);
	spool_free(sp);
	return failures ? EXIT_FAILED : EXIT_DONE;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .leader = false };
	struct globals all = *g;
	int sig;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc == 0)
		return cmd_usage(cmd, "name a signal and a job");
	sig = parse_signal(argv[0]);
	if (sig < 0)
		return cmd_usage(cmd, "'%s' is no signal, like USR1, SIGUSR1 "
				 "or 10", argv[0]);
	if (argc == 1)
		return cmd_usage(cmd, "name a job");
	return signal_jobs(&all, argc - 1, argv + 1, sig, v.leader);
}

const struct command cmd_signal = {
	.name = "signal",
	.summary = "send a signal to running jobs",
	.usage = "[--leader] SIGNAL ID...",
	.text = "SIGNAL is a name with or without SIG, or a number. All "
		"processes of a job get it, on whichever host it runs.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

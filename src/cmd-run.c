/*
 * cmd-run.c - nfsq run: submit, stream both outputs, exit as the job did
 *
 * Signals that end a program cancel the job.  A thread of its own waits for
 * them, as the main one may hang in a call on a spool that does not answer:
 * a second signal leaves at once whatever hangs.
 */
#include "nfsq.h"
#include "follow.h"
#include "submit.h"

#include <pthread.h>
#include <sys/sysmacros.h>

static const struct opt opts[] = {
	SUBMIT_OPTS,
	OPT_END
};

/* What the thread and main share. */
struct interrupt {
	sigset_t set;
	pthread_t main;
	_Atomic int first;		/* signal; 0: none yet */
	_Atomic uint64_t id;		/* 0: not queued yet */
};

/* --- signals */

static void
wake(int sig)
{
	(void)sig;
}

/* Standard input cannot be read any more: a copy of it under way fails. */
static void
stop_reading(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
}

static void *
wait_for_signals(void *arg)
{
	struct interrupt *in = arg;
	uint64_t id;
	int sig;

	while (sigwait(&in->set, &sig) != 0)
		continue;
	in->first = sig;
	if (in->id == 0)
		stop_reading();
	pthread_kill(in->main, SIGURG);
	while (sigwait(&in->set, &sig) != 0)
		continue;
	id = in->id;
	if (id > 0)
		msg_warn("left; job %" PRIu64 " may go on (nfsq cancel %"
			 PRIu64 ")", id, id);
	_exit(128 + sig);
}

/* Those that were ignored stay so (nohup). */
static void
catch_signals(struct interrupt *in)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = wake };
	pthread_t thread;

	in->main = pthread_self();
	in->first = 0;
	in->id = 0;
	sigaction(SIGURG, &sa, NULL);
	sigemptyset(&in->set);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct sigaction old;

		if (sigaction(ends[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&in->set, ends[i]);
	}
	pthread_sigmask(SIG_BLOCK, &in->set, NULL);
	if (pthread_create(&thread, NULL, wait_for_signals, in) == 0)
		pthread_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &in->set, NULL);
}

/* --- input */

/* Is there anything on standard input that the job should get? */
static bool
has_input(void)
{
	struct stat st;

	if (isatty(STDIN_FILENO) || fstat(STDIN_FILENO, &st) < 0)
		return false;
	return !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3);
}

static uint64_t
queue(struct submit *s, struct spool *sp, struct interrupt *in)
{
	struct error err = ERROR_INIT;
	struct token t;
	struct job j;
	int fd = -1;

	submit_job(s, sp, &j);
	j.split = true;
	if (!j.input && has_input()) {
		j.stdin_name = xstrdup("in");
		fd = STDIN_FILENO;
	}
	if (spool_submit(sp, &j, fd, &t, &err) < 0) {
		if (in->first)
			exit(128 + in->first);
		die(EXIT_FAILED, "%s", error_text(&err));
	}
	in->id = t.id;
	msg_debug("job %" PRIu64 " is queued", t.id);
	job_release(&j);
	return t.id;
}

/* --- the job */

/* 1 it will be or is cancelled; -1. */
static int
cancel(struct follow *f)
{
	struct error err = ERROR_INIT;
	char *note = NULL;
	int r = follow_look(f, &err);

	if (r == 1)
		r = change_job(f->sp, &f->e, CHANGE_CANCEL, &note, &err);
	if (r < 0)
		msg_error("%s", error_text(&err));
	error_release(&err);
	free(note);
	return r < 0 ? -1 : 1;
}

/* An output of ours was closed or is full: nobody wants the rest. */
static void
give_up(struct follow *f)
{
	int why = errno;
	struct str what = STR_INIT;

	str_addf(&what, "job %" PRIu64 " is %s: ", f->id,
		 cancel(f) < 0 ? "not cancelled" : "cancelled");
	errno = why;
	cmd_die_output(what.s);
}

static void
note_next(const struct follow *f)
{
	if (f->e.t.host[0])
		msg_info("job %" PRIu64 ": attempt %u on %s", f->id,
			 f->attempt, f->e.t.host);
	else
		msg_info("job %" PRIu64 ": attempt %u", f->id, f->attempt);
}

/* An end that the job itself cannot have told about. */
static void
note_end(const struct follow *f, bool cancelled)
{
	const struct token *t = &f->e.t;

	if (f->e.state == STATE_DONE || t->reason == REASON_EXIT ||
	    (f->e.state == STATE_CANCELLED && cancelled))
		return;
	if (t->reason == REASON_SIGNAL)
		msg_info("job %" PRIu64 " was ended by signal %d", f->id,
			 t->signal);
	else if (f->e.state == STATE_FAILED)
		msg_error("job %" PRIu64 " failed: %s (see nfsq show %" PRIu64
			  ")", f->id, reason_name(t->reason), f->id);
	else
		msg_error("job %" PRIu64 " is %s", f->id,
			  state_name(f->e.state));
}

static int
stream(struct follow *f, struct interrupt *in)
{
	struct error err = ERROR_INIT;
	bool cancelled = false;
	int r;

	for (;;) {
		if (in->first && !cancelled) {
			msg_info("cancelling job %" PRIu64 " (once more: leave "
				 "it)", f->id);
			cancel(f);
			cancelled = true;
		}
		r = follow_step(f, &err);
		if (r == FOLLOW_END)
			break;
		if (r == FOLLOW_CLOSED)
			give_up(f);
		if (r < 0)
			die(EXIT_FAILED, "%s", error_text(&err));
		if (r == FOLLOW_NEXT)
			note_next(f);
		follow_pause(f, r);
	}
	note_end(f, cancelled);
	return cmd_exit_status(&f->e);
}

static void
note_no_worker(struct spool *sp)
{
	if (isatty(STDERR_FILENO) && msg_get_level() >= MSG_INFO &&
	    cmd_workers_alive(sp) == 0)
		msg_info("no worker is alive in '%s' (start nfsq-worker)",
			 sp->dir);
}

static int
run(const struct globals *globals, int argc, char **argv,
    const struct command *cmd)
{
	static struct interrupt in;	/* its thread never ends */
	struct globals g = *globals;
	struct follow f;
	struct submit s;
	struct spool *sp;
	int status;

	submit_init(&s, cmd);
	submit_parse(&s, argc, argv, &g);
	catch_signals(&in);
	sp = cmd_open(&g);
	follow_init(&f, sp, queue(&s, sp, &in));
	note_no_worker(sp);
	f.attempt = 1;
	f.spool_only = true;
	f.out.fd = STDOUT_FILENO;
	f.err.fd = STDERR_FILENO;
	status = stream(&f, &in);
	follow_release(&f);
	submit_release(&s);
	spool_free(sp);
	return status;
}

const struct command cmd_run = {
	.name = "run",
	.summary = "queue a job, stream its output, exit as it does",
	.usage = "[options] [--] COMMAND [ARG...]",
	.text = "Standard input that is no terminal is copied to its end "
		"before the job is queued.  Ctrl-C cancels the job; a second "
		"one leaves at once.",
	.opts = opts,
	.complete = "command",
	.flags = CMD_STOP,
	.run = run,
};

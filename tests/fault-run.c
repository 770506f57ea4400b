/*
 * fault-run.c - a claim from its start to its end, as the clerk and the writer
 * do it: outputs in the spool and outside, requests to the worker
 *
 * The keeper and the job are played here, between two rounds of the writer,
 * in the hurt process itself.
 */
#include "nfsq.h"
#include "fault-verbs.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "held.h"
#include "proc.h"

enum {				/* of verb.change */
	RUN_FLUSHED = 1,	/* so slowly that it is flushed between */
	RUN_OVER = 2,		/* FILE is there before */
	RUN_SECOND = 4,		/* a second attempt */
	RUN_ASKED_CANCEL = 8, RUN_ASKED_REHOLD = 16, RUN_ASKED_SIGNAL = 32,
};

static struct {			/* of the hurt process */
	struct worker_settings set;
	struct beat beat;
	struct term term;
	struct clerk clerk;
	struct held *h;
	int other;		/* the keeper's end of the clerk's socket */
} us;

/* --- the keeper, played between two rounds of the writer */

static struct play {
	int sock;		/* -1: nobody plays */
	int pipe[2];
	unsigned round;
	bool slowly;
	struct wire_file file;
	char text[100];
	int error;		/* of the receipt */
	bool told;
} play = { .sock = -1 };

static void
say(const char *text, size_t n)
{
	if (write(play.pipe[1], text, n) != (ssize_t)n)
		_exit(1);
}

static void
send_sheet(bool finish)
{
	struct sheet s = { .serial = 1, .finish = finish };

	s.file = play.file;
	if (wire_send(play.sock, &s, sizeof(s), play.pipe, !finish) < 0)
		_exit(1);
}

static void
play_round(void)
{
	struct timespec pause = { 2, 0 };
	size_t half = strlen(play.text) / 2;
	struct receipt r;

	switch (play.round++) {
	case 0:
		say(play.text, half);
		send_sheet(false);
		break;
	case 2:
		if (play.slowly)
			nanosleep(&pause, NULL);
		break;
	case 3:
		say(play.text + half, strlen(play.text) - half);
		break;
	case 4:
		send_sheet(true);
		break;
	default:
		if (wire_recv(play.sock, &r, sizeof(r), NULL) == 1) {
			play.told = true;
			play.error = r.error;
		}
		if (play.told) {
			close(play.sock);	/* and the writer returns */
			play.sock = -1;
		}
		break;
	}
}

/* The writer's only way to wait. */
int
poll(struct pollfd *p, nfds_t n, int ms)
{
	struct timespec none = { 0, 0 };

	if (play.sock >= 0) {
		play_round();
		return (int)syscall(SYS_ppoll, p, n, &none, NULL, 0);
	}
	return ppoll(p, n, ms == 0 ? &none : NULL, NULL);
}

#ifdef _FORTIFY_SOURCE
int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size);

int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}
#endif

/* What the job prints goes to its file; its errno as the keeper hears of it,
 * -1 when it hears nothing. */
static int
write_it(const struct wire_file *f, const struct token *t, bool slowly)
{
	int pair[2];

	memset(&play, 0, sizeof(play));
	if (wire_pair(pair) < 0 || pipe2(play.pipe, O_CLOEXEC) < 0 ||
	    fcntl(play.pipe[0], F_SETFL, O_NONBLOCK) < 0)
		_exit(1);
	play.sock = pair[1];
	play.slowly = slowly;
	play.file = *f;
	snprintf(play.text, sizeof(play.text), "job %" PRIu64 " attempt %u\n",
		 t->id, t->attempt);
	writer_main(&us.term, pair[0]);
	close(pair[0]);
	close(play.pipe[0]);
	close(play.pipe[1]);
	return play.told ? play.error : -1;
}

/* --- the clerk */

static void
begin(struct world *w)
{
	char *copy = xstrdup("w");
	int pair[2];

	if (wire_pair(pair) < 0)
		_exit(1);
	memset(&us, 0, sizeof(us));
	us.set = (struct worker_settings){ .name = copy, .host = copy,
					   .user = copy, .cpus = 4 };
	us.beat.deadline_ms = proc_now() + 1000000;
	us.term = (struct term){ .set = &us.set, .sp = w->sp,
				 .beat = &us.beat };
	snprintf(us.term.uuid, sizeof(us.term.uuid), "%s", w->seat.uuid);
	us.clerk = (struct clerk){ .t = &us.term, .sock = pair[0],
				   .seat = w->seat };
	us.other = pair[1];
	us.h = held_new(&us.clerk, &w->claim);
}

/* The job starts, prints and exits with 0.  Only when it was started. */
static void
play_job(const struct world *w)
{
	struct news n = { .op = NEWS_ENDED, .serial = us.h->serial };
	int fds[WIRE_FDS];
	struct wish wish;

	if (wire_recv(us.other, &wish, sizeof(wish), fds) != 1 ||
	    wish.op != WISH_START)
		_exit(1);
	for (int i = 0; i < WIRE_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	n.output_error = write_it(&wish.file[0], &us.h->t,
				  w->change & RUN_FLUSHED);
	if (n.output_error < 0)
		_exit(1);
	held_ended(&us.clerk, us.h, &n);
}

/* As the clerk looks into its seat from time to time: what it gave up may be
 * there all the same.  1 nothing is left, 0 adopted, -1. */
static int
look_at_seat(struct world *w)
{
	struct error err = ERROR_INIT;
	struct token *v;
	size_t n;
	int r = 1;

	if (spool_own(w->sp, &w->seat, &v, &n) < 0)
		return -1;
	if (n > 0 && v[0].ended) {
		r = recover_complete(w->sp, &w->seat, &v[0], &err);
	} else if (n > 0) {
		us.h = held_new(&us.clerk, &v[0]);
		r = 0;
	}
	error_release(&err);
	free(v);
	return r;
}

/* 1 it is out of our hands, -1 again later. */
static int
act_run(struct world *w)
{
	int r = 0;

	if (!us.h)
		begin(w);
	if (us.h->phase == HELD_CLAIMED)
		held_start(&us.clerk, us.h);
	else if (us.h->phase == HELD_ENDING)
		held_settle(&us.clerk, us.h);
	if (us.h->phase == HELD_RUNNING)
		play_job(w);
	if (us.h->phase == HELD_GONE)
		r = look_at_seat(w);
	if (r == 0 && us.h->phase == HELD_CLAIMED && w->sh->again) {
		held_start(&us.clerk, us.h);
		if (us.h->phase == HELD_RUNNING)
			play_job(w);
		r = us.h->phase == HELD_GONE;
	}
	return r == 1 ? 1 : -1;
}

/* A request comes before it was started; a signal is nothing to it then. */
static int
act_asked(struct world *w)
{
	struct queue q;

	if (!us.h)
		begin(w);
	if (us.h->phase == HELD_ENDING) {
		held_settle(&us.clerk, us.h);
	} else {
		if (spool_look(w->sp, &q, NULL) < 0)
			return -1;
		for (size_t i = 0; i < q.nrequests; i++)
			held_request(&us.clerk, us.h, &q.requests[i]);
		queue_release(&q);
	}
	return us.h->phase == HELD_GONE || w->change & RUN_ASKED_SIGNAL ? 1
									: -1;
}

/* --- scenes */

static void
put_file(struct world *w, const struct token *t)
{
	char *path = xasprintf("%s/result-%" PRIu64 ".txt", w->top, t->id);
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "of before\n") < 0 || fclose(f) != 0)
		wrong(w, "cannot make '%s'", path);
	free(path);
}

/* The first attempt was lost with its worker; FILE is a link to what it
 * wrote. */
static void
lose_attempt(struct world *w)
{
	struct error err = ERROR_INIT;
	struct token t = w->job[0];
	struct entry e = { .dir = NULL };

	world_claim(w, &t, true);
	if (recover_reap(w->sp, w->seat.uuid, &err) != 1 ||
	    spool_find(w->sp, t.id, &e, &err) != 1)
		wrong(w, "healthy reap: %s", error_text(&err));
	w->claim = e.t;
	entry_release(&e);
	error_release(&err);
	seat_release(&w->seat);
	world_join(w);
}

static void
prepare_run(struct world *w)
{
	memset(&us, 0, sizeof(us));
	if (w->how & MAKE_INPUT)
		prepare_submit(w);
	prepare_queued(w);
	w->claim = w->job[0];
	if (w->change & RUN_SECOND)
		lose_attempt(w);
	if (w->change & RUN_OVER)
		put_file(w, &w->job[0]);
	if (!w->failed)
		world_claim(w, &w->claim, false);
	/* On NFS alone what is written is flushed before its end. */
	w->sp->nfs = w->change & RUN_FLUSHED;
	w->want[0] = 1u << STATE_DONE | 1u << STATE_FAILED;
}

static void
prepare_asked(struct world *w)
{
	prepare_run(w);
	ask(w, w->change & RUN_ASKED_CANCEL ? REQ_CANCEL
	    : w->change & RUN_ASKED_REHOLD ? REQ_REHOLD : REQ_SIGNAL,
	    w->job[0].id, NULL);
	w->want[0] = w->change & RUN_ASKED_CANCEL ? 1u << STATE_CANCELLED
						  : 1u << STATE_DONE;
}

/* --- what must hold */

/* An output of the spool that a success tells of. */
static void
check_own_output(struct world *w, const struct token *t)
{
	struct strlist names = STRLIST_INIT;
	char *dir = xasprintf("%s/out/0", w->dir);
	char *want = xasprintf("job %" PRIu64 " attempt %u\n", t->id,
			       t->attempt);
	char *end = xasprintf(".a%u.out", t->attempt);
	bool whole = false;

	fs_list(dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		char *path = xasprintf("%s/%s", dir, names.v[i]);
		struct str text = STR_INIT;

		if (strstr(names.v[i], end) &&
		    fs_get(path, 1000, &text) == 0 &&
		    strcmp(text.s, want) == 0)
			whole = true;
		str_release(&text);
		free(path);
	}
	if (!whole)
		wrong(w, "it is done, but its output is not whole");
	strlist_release(&names);
	free(end);
	free(want);
	free(dir);
}

/* Why it may have failed: its input cannot be had, or its output be written.
 */
static enum reason
reason_of(const struct world *w)
{
	/* The spool's failure to open it is no answer (P11). */
	bool input = w->how & MAKE_INPUT &&
		     (strstr(w->sh->log.what, ".in'") ||
		      strstr(w->sh->log.what, "fstat")) &&
		     (strstr(w->sh->log.what, strerror(ENOENT)) ||
		      strstr(w->sh->log.what, strerror(EACCES)) ||
		      strstr(w->sh->log.what, "stale name"));

	return input ? REASON_INPUT : REASON_OUTPUT;
}

static void
after_run(struct world *w)
{
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	w->sp->nfs = false;
	w->strays = w->sh->log.stays || forbidden(w);
	if (w->sh->again && !w->sh->log.stays && !told(w, 1))
		wrong(w, "the second try says %d", w->sh->last);
	if (!told(w, 1))
		return;
	if (state == STATE_FAILED && (s.t.reason != reason_of(w) ||
				      s.t.exit_code != EXIT_LOST))
		wrong(w, "it exited with 0, but is %.200s", s.rel);
	if (state == STATE_DONE && w->sh->log.file)
		wrong(w, "a failed write, fsync or close of its output is not "
		      "told: %.200s", s.rel);
	/* On a full disk it must do without. */
	if (state == STATE_FAILED && !w->sh->log.stays &&
	    !strstr(w->sh->log.what, "no space") &&
	    !file_exists(w, "out/0/%" PRIu64 ".%s.%u.a%u.att", s.t.id,
			 s.t.nonce, s.t.move - 1 -
			 ((s.t.flags & TOKEN_OUTPUT) != 0), s.t.attempt))
		wrong(w, "it failed, and nothing says why");
	if (state == STATE_DONE && !(w->how & MAKE_OUTPUT))
		check_own_output(w, &s.t);
	if (state == STATE_RUNNING)
		wrong(w, "it is out of our hands, but %.200s", s.rel);
}

static void
after_asked(struct world *w)
{
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	if (!told(w, 1))
		return;
	if (w->change & RUN_ASKED_CANCEL && state != STATE_CANCELLED)
		wrong(w, "cancelled, but it is %.200s", s.rel);
	if (w->change & RUN_ASKED_REHOLD && state != STATE_HELD)
		wrong(w, "to be held, but it is %.200s", s.rel);
	if (w->change & RUN_ASKED_SIGNAL && state != STATE_RUNNING)
		wrong(w, "signalled, but it is %.200s", s.rel);
}

#define RUN(n, h, c, m) \
	{ .name = "run, " n, .prepare = prepare_run, .act = act_run, \
	  .after = after_run, .how = h, .change = c, .again = true, \
	  .least = m }
#define ASKED(n, c, m) \
	{ .name = n, .prepare = prepare_asked, .act = act_asked, \
	  .after = after_asked, .change = c, .again = true, .least = m }

const struct verb run_verbs[] = {
	RUN("output of the spool", 0, 0, 629),
	RUN("flushed", 0, RUN_FLUSHED, 587),
	RUN("with input", MAKE_INPUT, 0, 649),
	RUN("output to a file", MAKE_OUTPUT, 0, 711),
	RUN("over a file", MAKE_OUTPUT, RUN_OVER, 793),
	RUN("again to a file", MAKE_OUTPUT, RUN_SECOND, 825),
	ASKED("worker asked to cancel", RUN_ASKED_CANCEL, 410),
	ASKED("worker asked to hold", RUN_ASKED_REHOLD, 410),
	ASKED("worker asked for a signal", RUN_ASKED_SIGNAL, 125),
	{ .name = NULL },
};

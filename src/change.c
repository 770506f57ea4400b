/*
 * change.c - owns what cancel, hold, release and requeue do to a job in each
 * state
 *
 * A job that nobody holds is moved by one rename; the worker that holds a
 * running one is asked by a request in queue/.  After a request was placed
 * the job is looked for once more: it may have been given back meanwhile, and
 * then nobody would carry the request out but us.
 */
#include "nfsq.h"
#include "change.h"

#include "view.h"

enum {
	LOST = -2,	/* the race: look where the job is now */
	NOTHING = 0, DONE = 1, ASKED = 2,
};

struct change_ctx {
	struct spool *sp;
	enum change c;
	struct entry e;		/* where it was seen last */
	char *request;		/* ours in queue/; NULL: none placed */
	struct token asked;	/* the claim that it was placed for */
	char **note;
	struct error *err;
};

static const char *
verb(enum change c)
{
	static const char *const verbs[] = {
		[CHANGE_CANCEL] = "cancel",
		[CHANGE_HOLD] = "hold",
		[CHANGE_RELEASE] = "release",
		[CHANGE_REQUEUE] = "requeue",
		[CHANGE_REHOLD] = "requeue",
	};

	return verbs[c];
}

static int
refuse(struct change_ctx *x, const char *why)
{
	return error_set(x->err, "cannot %s job %" PRIu64 ": %s", verb(x->c),
			 x->e.t.id, why);
}

/* It is so already; what a request of ours brought about needs no note. */
static int
already(struct change_ctx *x, const char *how)
{
	if (x->request)
		return DONE;
	free(*x->note);
	*x->note = xasprintf("job %" PRIu64 " %s", x->e.t.id, how);
	return NOTHING;
}

static void
drop_request(struct change_ctx *x)
{
	if (x->request)
		spool_request_done(x->sp, x->request);
	free(x->request);
	x->request = NULL;
}

static int
move(struct change_ctx *x, enum state state, const struct token *to)
{
	int r = spool_move(x->sp, &x->e, state, to);

	if (r < 0)
		return error_errno(x->err, "cannot %s job %" PRIu64 " in '%s'",
				   verb(x->c), x->e.t.id, x->sp->dir);
	return r == 0 ? LOST : DONE;
}

static int
move_held(struct change_ctx *x, struct token *to)
{
	to->flags &= ~(unsigned)TOKEN_HOLD;
	to->reason = REASON_HOLD;
	return move(x, STATE_HELD, to);
}

/* To queue/, or to waiting/ when its time has not come. */
static int
move_queued(struct change_ctx *x, struct token *to)
{
	int64_t now = 0;

	to->flags &= ~(unsigned)TOKEN_HOLD;
	to->reason = REASON_NONE;
	if (to->begin_ms > 0 && spool_server_now(x->sp, &now, x->err) < 0)
		return -1;
	if (to->begin_ms <= now)
		return move(x, STATE_QUEUED, to);
	to->reason = REASON_BEGIN;
	return move(x, STATE_WAITING, to);
}

/* --- by state */

static bool
same_name(const struct token *a, const struct token *b)
{
	return a->id == b->id && a->move == b->move &&
	       strcmp(a->nonce, b->nonce) == 0;
}

/*
 * What has been asked of this round.  Listed, then the job found to be where it
 * was: what is asked of a later round comes after that and is not in it.  1 in
 * q; LOST: it moved; -1.  (model: request.pml, forget)
 */
static int
asked_so_far(struct change_ctx *x, struct queue *q)
{
	struct entry again = { .dir = NULL };
	int r = spool_look(x->sp, q, x->err);

	if (r < 0 || q->nrequests == 0)
		return r < 0 ? -1 : 1;
	r = spool_find(x->sp, x->e.t.id, &again, x->err);
	if (r == 1 && !same_name(&again.t, &x->e.t))
		r = 0;
	entry_release(&again);
	return r == 0 ? LOST : r;
}

/* 1 or -1. */
static int
forget(struct change_ctx *x, const struct queue *q, unsigned ops)
{
	if (spool_forget_requests(x->sp, q, x->e.t.id, ops) < 0)
		return error_errno(x->err, "cannot remove requests for job %"
				   PRIu64, x->e.t.id);
	return 1;
}

/* A requeue --hold that brought the job here is done with. */
static int
release_held(struct change_ctx *x, struct token *to)
{
	struct queue q;
	int r = asked_so_far(x, &q);

	if (r == 1)
		r = forget(x, &q, 1u << REQ_REHOLD);
	queue_release(&q);
	return r == 1 ? move_queued(x, to) : r;
}

static int
change_open(struct change_ctx *x)
{
	struct token to = x->e.t;
	bool held = x->e.state == STATE_HELD;

	switch (x->c) {
	case CHANGE_CANCEL:
		token_clear_end(&to);
		to.ended = true;
		to.exit_code = EXIT_CANCELLED;
		to.reason = REASON_CANCELLED;
		to.end_ms = view_now(x->sp);
		return move(x, STATE_CANCELLED, &to);
	case CHANGE_HOLD:
	case CHANGE_REHOLD:
		return held ? already(x, "is held already")
			    : move_held(x, &to);
	case CHANGE_RELEASE:
		if (!held)
			return already(x, "is not held");
		return release_held(x, &to);
	case CHANGE_REQUEUE:
		return already(x, held ? "has not started: it is held (nfsq "
			       "release)" : "has not started");
	}
	BUG("change %d", (int)x->c);
}

static int
change_running(struct change_ctx *x)
{
	struct request r = { .id = x->e.t.id };

	if (x->c == CHANGE_RELEASE)
		return already(x, "is not held: it is running");
	if (x->c == CHANGE_HOLD)
		return refuse(x, "it is running (use nfsq requeue --hold)");
	/* Asked of this very claim?  It may be a later round by now, whose
	 * worker would take ours for an old one. */
	if (x->request && same_name(&x->asked, &x->e.t))
		return ASKED;
	drop_request(x);
	x->asked = x->e.t;
	r.op = x->c == CHANGE_CANCEL ? REQ_CANCEL
		: x->c == CHANGE_REQUEUE ? REQ_REQUEUE : REQ_REHOLD;
	/* Of the attempt that runs, or of the one that is about to. */
	r.arg = (int)x->e.t.attempt + (x->e.t.start_ms == 0);
	if (spool_request(x->sp, &r, &x->request, x->err) < 0)
		return -1;
	return LOST;
}

/* Records the last attempt, whose result leaves the token's name. */
static int
keep_result(struct change_ctx *x)
{
	const char *worker = NULL, *detail = NULL;
	struct attempt *a;
	size_t n;
	int r = 0;

	/* Cancelled before it started (again): the token tells of none. */
	if (x->e.t.attempt == 0 || x->e.t.start_ms == 0)
		return 0;
	if (spool_attempts(x->sp, &x->e, &a, &n, x->err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (a[i].attempt == x->e.t.attempt) {
			worker = a[i].worker;
			detail = a[i].detail;
		}
	if (spool_record(x->sp, &x->e.t, worker, detail) < 0)
		r = error_errno(x->err, "cannot keep the result of job %"
				PRIu64, x->e.t.id);
	attempts_free(a, n);
	return r;
}

static int
new_round(struct change_ctx *x, const struct queue *q)
{
	const unsigned again = 1u << REQ_REQUEUE | 1u << REQ_REHOLD;
	struct token to = x->e.t;
	int r;

	if (keep_result(x) < 0)
		return -1;
	/* A cancel that came too late must not end the new round. */
	if (forget(x, q, ~again) < 0)
		return -1;
	drop_request(x);
	token_clear_end(&to);
	to.lost = 0;
	to.tries = 0;
	r = x->c == CHANGE_REHOLD ? move_held(x, &to) : move_queued(x, &to);
	/* Another's, who was told that it comes: only now it has (P13). */
	if (r == DONE)
		(void)spool_forget_requests(x->sp, q, x->e.t.id, again);
	return r;
}

/* A new round of a job that has ended; old results stay beside. */
static int
rerun(struct change_ctx *x)
{
	struct queue q;
	int r;

	if (x->e.state == STATE_CORRUPT)
		return refuse(x, "it is corrupt (submit it again)");
	r = asked_so_far(x, &q);
	if (r == 1)
		r = new_round(x, &q);
	queue_release(&q);
	return r;
}

static int
change_ended(struct change_ctx *x)
{
	bool cancelled = x->e.state == STATE_CANCELLED;

	switch (x->c) {
	case CHANGE_CANCEL:
		if (cancelled && x->request)
			return DONE;
		/* Told also when our request came too late. */
		drop_request(x);
		return already(x, cancelled ? "is cancelled already"
			       : "has ended already");
	case CHANGE_HOLD:
		return refuse(x, "it has ended");
	case CHANGE_RELEASE:
		return already(x, "is not held: it has ended");
	case CHANGE_REQUEUE:
	case CHANGE_REHOLD:
		return rerun(x);
	}
	BUG("change %d", (int)x->c);
}

static int
change_now(struct change_ctx *x)
{
	if (x->e.purged && x->c == CHANGE_CANCEL)
		return already(x, "has ended and was purged");
	if (x->e.purged)
		return refuse(x, "it has ended and was purged");
	if (x->e.t.foreign)
		return refuse(x, "it was written by a newer nfsq, which is "
			      "needed to change it");
	if (x->e.state == STATE_RUNNING)
		return change_running(x);
	if (state_ended(x->e.state))
		return change_ended(x);
	return change_open(x);
}

/* 0, or -1 with err. */
static int
look_again(struct change_ctx *x, int tries)
{
	struct timespec pause = { 0, tries * 2 * 1000000 };
	uint64_t id = x->e.t.id;
	int r;

	nanosleep(&pause, NULL);
	entry_release(&x->e);
	r = spool_find(x->sp, id, &x->e, x->err);
	x->e.t.id = id;
	return r == 0 ? refuse(x, "it has vanished (nfsq fsck --repair)")
		      : r < 0 ? -1 : 0;
}

int
change_job(struct spool *sp, const struct entry *e, enum change c, char **note,
	   struct error *err)
{
	struct change_ctx x = { .sp = sp, .c = c, .e = *e, .note = note,
				.err = err };
	int r;

	x.e.dir = xstrdup(e->dir);
	*note = NULL;
	r = change_now(&x);
	for (int tries = 1; r == LOST && tries < 100; tries++) {
		r = look_again(&x, tries);
		if (r == 0)
			r = change_now(&x);
	}
	if (r == LOST)
		r = refuse(&x, "it moves too fast (try again)");
	/* Fulfilled by our own hand; a request that failed half way stays,
	 * its effect is still wanted. */
	if (r == DONE || r == NOTHING)
		drop_request(&x);
	free(x.request);
	entry_release(&x.e);
	return r;
}

/* --- the commands */

/* Is a request to run job id again still to be carried out?  1, 0, -1. */
static int
pending(struct spool *sp, uint64_t id, struct error *err)
{
	struct queue q;
	int r = spool_look(sp, &q, err);

	for (size_t i = 0; r == 0 && i < q.nrequests; i++)
		if (q.requests[i].id == id &&
		    (q.requests[i].op == REQ_REQUEUE ||
		     q.requests[i].op == REQ_REHOLD))
			r = 1;
	queue_release(&q);
	return r;
}

static int
await_requeue(struct spool *sp, uint64_t id, struct error *err)
{
	struct timespec pause = { 0, 200 * 1000000 };

	for (;;) {
		struct entry e = { .dir = NULL };
		int r = spool_find(sp, id, &e, err);
		bool running = r == 1 && e.state == STATE_RUNNING;

		entry_release(&e);
		if (r < 0 || !running)
			return r < 0 ? -1 : 0;
		/* Running and nothing asked for: it runs again. */
		r = pending(sp, id, err);
		if (r <= 0)
			return r;
		nanosleep(&pause, NULL);
	}
}

static int
await(struct spool *sp, enum change c, struct entry *v, size_t n,
      struct error *err)
{
	if (c == CHANGE_CANCEL)
		return n ? cmd_await(sp, v, n, false, 0, false, err) : 0;
	for (size_t i = 0; i < n; i++)
		if (await_requeue(sp, v[i].t.id, err) < 0)
			return -1;
	return 0;
}

/* Changes each; the entries of those that were only asked come to the front.
 * Returns how many failed. */
static int
change_all(struct spool *sp, struct cmd_jobs *jobs, enum change c,
	   size_t *asked)
{
	int failures = 0;

	*asked = 0;
	for (size_t i = 0; i < jobs->n; i++) {
		struct error err = ERROR_INIT;
		char *note;
		int r = change_job(sp, &jobs->v[i], c, &note, &err);

		if (r < 0) {
			msg_error("%s", error_text(&err));
			failures++;
		} else if (note) {
			msg_info("%s", note);
		}
		if (r == ASKED) {
			struct entry swap = jobs->v[*asked];

			jobs->v[*asked] = jobs->v[i];
			jobs->v[i] = swap;
			++*asked;
		}
		free(note);
		error_release(&err);
	}
	return failures;
}

static int
change_selected(struct spool *sp, int argc, char **argv,
		const struct cmd_filter *f, enum change c, bool wait)
{
	struct cmd_jobs jobs = { .v = NULL };
	struct error err = ERROR_INIT;
	size_t asked;
	int failures;

	if (cmd_select(sp, argc, argv, f, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (argc == 0 && jobs.n == 0)
		msg_info("no job to %s", verb(c));
	failures = jobs.failures + change_all(sp, &jobs, c, &asked);
	if (wait && await(sp, c, jobs.v, asked, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	error_release(&err);
	cmd_jobs_release(&jobs);
	return failures ? EXIT_FAILED : EXIT_DONE;
}

int
change_command(const struct globals *g, int argc, char **argv,
	       const struct command *cmd, struct change_values *v,
	       enum change c, unsigned states)
{
	bool filter = v->user || v->name || v->states || v->labels.n > 0;
	struct cmd_filter f = {
		.name = v->name, .user = v->user,
		.states = v->states ? v->states : states,
		.labels = v->labels,
	};
	struct spool *sp;
	int status;

	if (argc == 0 && !filter)
		status = cmd_usage(cmd, "name a job or a filter like --user");
	else if (argc > 0 && filter)
		status = cmd_usage(cmd, "name jobs or a filter, not both");
	else {
		sp = cmd_open(g);
		status = change_selected(sp, argc, argv, &f, c, v->wait);
		spool_free(sp);
	}
	strlist_release(&v->labels);
	return status;
}

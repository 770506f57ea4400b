/*
 * fault-change.c - cancel, hold, release, requeue, signal, drain, stop, purge,
 * and what anybody does from time to time
 */
#include "nfsq.h"
#include "fault-verbs.h"

#include "cmd.h"

/* --- changes */

static void
prepare_change(struct world *w)
{
	world_spool(w, "spool");
	world_add(w, w->how);
	w->want[0] = w->change == CHANGE_CANCEL ? 1u << STATE_CANCELLED
						: 1u << STATE_DONE;
}

static void
prepare_change_running(struct world *w)
{
	prepare_change(w);
	world_join(w);
	w->claim = w->job[0];
	world_claim(w, &w->claim, true);
	w->attempts[0] = w->change == CHANGE_CANCEL ? 1 : 2;
}

static void
prepare_change_done(struct world *w)
{
	prepare_change(w);
	world_join(w);
	w->claim = w->job[0];
	world_claim(w, &w->claim, false);
	run_claim(w, &w->seat, &w->claim);
	w->attempts[0] = 2;
}

static int
act_change(struct world *w)
{
	struct error err = ERROR_INIT;
	struct entry e;
	char *note = NULL;
	int r = spool_find(w->sp, w->job[0].id, &e, &err);

	if (r == 1)
		r = change_job(w->sp, &e, (enum change)w->change, &note, &err);
	else
		r = -1;
	free(note);
	entry_release(&e);
	keep_text(w, &err);
	return r;
}

static void
after_change(struct world *w)
{
	static const enum state to[] = {
		[CHANGE_CANCEL] = STATE_CANCELLED, [CHANGE_HOLD] = STATE_HELD,
		[CHANGE_RELEASE] = STATE_QUEUED,
		[CHANGE_REQUEUE] = STATE_QUEUED, [CHANGE_REHOLD] = STATE_HELD,
	};
	bool later = w->change == CHANGE_RELEASE && w->how & MAKE_LATER;
	enum state want = later ? STATE_WAITING : to[w->change];
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	if (told(w, 1) && state != (int)want)
		wrong(w, "changed, but it is in %.200s", s.rel);
	if (told(w, 0))
		wrong(w, "nothing to do, though there was");
	if (told(w, 2)) {
		if (state != STATE_RUNNING)
			wrong(w, "asked the worker of %.200s", s.rel);
		return;		/* must come true by itself */
	}
	if (!told(w, 1) && act_change(w) < 0)
		wrong(w, "the second try fails: %.200s", w->sh->text);
}

/* As nfsq signal and nfsq stop ask. */
static int
act_ask(struct world *w)
{
	struct request r = { .op = (enum request_op)w->change, .arg = 10 };
	struct error err = ERROR_INIT;
	struct entry e;
	int k;

	if (r.op == REQ_SIGNAL || r.op == REQ_SIGNAL_LEADER)
		r.id = w->job[0].id;
	else
		snprintf(r.worker, sizeof(r.worker), "%s", w->seat.uuid);
	k = spool_request(w->sp, &r, NULL, &err);
	if (k == 0 && r.id) {
		k = spool_find(w->sp, r.id, &e, &err) < 0 ? -1 : 0;
		entry_release(&e);
	}
	keep_text(w, &err);
	return k;
}

static void
after_ask(struct world *w)
{
	struct queue q;

	spool_look(w->sp, &q, NULL);
	if (told(w, 0) && (q.nrequests != 1 ||
			   q.requests[0].op != (enum request_op)w->change))
		wrong(w, "acknowledged, but nobody is asked");
	queue_release(&q);
	w->attempts[0] = 2;
	w->lost[0] = 1;
}

static void
prepare_drain(struct world *w)
{
	prepare_queued(w);
}

static void
prepare_undrain(struct world *w)
{
	prepare_queued(w);
	spool_drain(w->sp, "host", NULL, NULL);
	spool_drain(w->sp, "host", "w", NULL);
}

static int
act_drain(struct world *w)
{
	return spool_drain(w->sp, "host", w->how ? "w" : NULL, NULL);
}

static int
act_undrain(struct world *w)
{
	return spool_undrain(w->sp, "host", NULL, NULL) < 0 ? -1 : 0;
}

static bool
drained(struct world *w)
{
	struct queue q;
	bool yes;

	spool_look(w->sp, &q, NULL);
	yes = queue_drained(&q, "host", "w");
	queue_release(&q);
	return yes;
}

static void
after_drain(struct world *w)
{
	if (told(w, 0) && !drained(w))
		wrong(w, "acknowledged, but it is not drained");
}

static void
after_undrain(struct world *w)
{
	if (told(w, 0) && drained(w))
		wrong(w, "acknowledged, but it is drained");
}

/* --- by anybody */

static void
prepare_waiting(struct world *w)
{
	world_spool(w, "spool");
	world_add(w, MAKE_LATER);
	world_add(w, MAKE_LATER);
}

static int
act_release_waiting(struct world *w)
{
	int64_t next;

	return recover_release_waiting(w->sp, INT64_C(5000000000000), &next,
				       NULL);
}

static void
after_release_waiting(struct world *w)
{
	struct seen s;

	for (size_t i = 0; i < w->n; i++)
		if (told(w, 2) &&
		    state_of(w, &w->job[i], &s) != STATE_QUEUED)
			wrong(w, "released, but it is in %.200s", s.rel);
}

static void
prepare_queue(struct world *w)
{
	world_spool(w, "spool");
	world_add(w, 0);
	world_add(w, MAKE_LATER);
	world_add(w, 0);
	ask(w, REQ_CANCEL, w->job[0].id, NULL);
	ask(w, REQ_REHOLD, w->job[1].id, NULL);
	ask(w, REQ_REQUEUE, w->job[2].id, NULL);
	ask(w, REQ_STOP, 0, "00000000-0000-4000-8000-000000000000");
	w->want[0] = 1u << STATE_CANCELLED;
}

static int
act_queue(struct world *w)
{
	return recover_queue(w->sp, NULL);
}

static void
prepare_done(struct world *w)
{
	prepare_submit(w);
	world_add(w, MAKE_INPUT);
	world_join(w);
	w->claim = w->job[0];
	world_claim(w, &w->claim, true);
	run_claim(w, &w->seat, &w->claim);
	world_add(w, 0);
	w->want[0] = 1u << STATE_DONE | 1u << STATE_TOMB;
}

static int
act_purge(struct world *w)
{
	struct error err = ERROR_INIT;
	struct entry e;
	int r = spool_find(w->sp, w->job[0].id, &e, &err);

	if (r == 1)
		r = spool_purge(w->sp, &e, &err);
	entry_release(&e);
	error_release(&err);
	return r;
}

static void
after_purge(struct world *w)
{
	struct seen s;

	if (told(w, 1) && state_of(w, &w->job[0], &s) != STATE_TOMB)
		wrong(w, "purged, but it is in %.200s", s.rel);
}

/* Of an hour in which much was left behind. */
static void
prepare_sweep(struct world *w)
{
	char *seat;

	prepare_done(w);
	seat = xasprintf("%s/tmp/00000000-0000-4000-8000-000000000000",
			 w->dir);
	mkdir(seat, 0700);
	free(seat);
	seat = xasprintf("%s/tmp/now.0123456789", w->dir);
	if (symlink("now", seat) < 0)
		wrong(w, "cannot make '%s'", seat);
	free(seat);
}

static int
act_sweep(struct world *w)
{
	int64_t now;

	if (spool_server_now(w->sp, &now, NULL) < 0)
		return -1;
	return recover_sweep(w->sp, now + 90000000, NULL);
}

#define ASK(n, op, m) \
	{ .name = n, .prepare = prepare_started, .act = act_ask, \
	  .after = after_ask, .change = op, .reports = true, .least = m }
#define CHANGE(n, p, h, c, m) \
	{ .name = n, .prepare = p, .act = act_change, .after = after_change, \
	  .how = h, .change = c, .least = m }

const struct verb change_verbs[] = {
	CHANGE("hold, queued", prepare_change, 0, CHANGE_HOLD, 599),
	CHANGE("hold, waiting", prepare_change, MAKE_LATER, CHANGE_HOLD, 599),
	CHANGE("release", prepare_change, MAKE_HELD, CHANGE_RELEASE, 611),
	CHANGE("release, later", prepare_change, MAKE_HELD | MAKE_LATER,
	       CHANGE_RELEASE, 687),
	CHANGE("cancel, queued", prepare_change, 0, CHANGE_CANCEL, 625),
	CHANGE("cancel, held", prepare_change, MAKE_HELD, CHANGE_CANCEL, 625),
	CHANGE("cancel, waiting", prepare_change, MAKE_LATER, CHANGE_CANCEL, 625),
	CHANGE("cancel, running", prepare_change_running, 0, CHANGE_CANCEL,
	       992),
	CHANGE("requeue, done", prepare_change_done, 0, CHANGE_REQUEUE, 767),
	CHANGE("requeue, running", prepare_change_running, 0, CHANGE_REQUEUE,
	       992),
	CHANGE("rehold, done", prepare_change_done, 0, CHANGE_REHOLD, 848),
	CHANGE("rehold, running", prepare_change_running, 0, CHANGE_REHOLD,
	       992),
	ASK("signal", REQ_SIGNAL, 545),
	ASK("signal, leader", REQ_SIGNAL_LEADER, 545),
	ASK("stop", REQ_STOP, 80),
	ASK("stop now", REQ_STOP_NOW, 80),
	{ .name = "drain", .prepare = prepare_drain, .act = act_drain,
	  .after = after_drain, .reports = true,
	  .least = 80 },
	{ .name = "drain, one", .prepare = prepare_drain, .act = act_drain,
	  .after = after_drain, .how = 1, .reports = true,
	  .least = 80 },
	{ .name = "undrain", .prepare = prepare_undrain, .act = act_undrain,
	  .after = after_undrain,
	  .least = 108 },
	{ .name = "release of waiting", .prepare = prepare_waiting,
	  .act = act_release_waiting, .after = after_release_waiting,
	  .least = 393 },
	{ .name = "requests and buckets", .prepare = prepare_queue,
	  .act = act_queue,
	  .least = 2309 },
	{ .name = "purge", .prepare = prepare_done, .act = act_purge,
	  .after = after_purge,
	  .least = 781 },
	{ .name = "sweep", .prepare = prepare_sweep, .act = act_sweep,
	  .least = 707 },
	{ .name = NULL },
};

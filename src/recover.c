/*
 * recover.c - reaping silent workers and everything else that somebody has
 * to do for jobs nobody looks after
 *
 * Owns no state of the spool; every step is a transition of spool.h that may
 * be lost to somebody doing the same.
 */
#include "nfsq.h"
#include "recover.h"

#include "output.h"

/* --- watching */

static struct watched *
watched_of(struct watch *w, const char *uuid)
{
	struct watched *x;

	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i].uuid, uuid) == 0)
			return &w->v[i];
	w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
	x = &w->v[w->n++];
	memset(x, 0, sizeof(*x));
	snprintf(x->uuid, sizeof(x->uuid), "%s", uuid);
	x->beat_ms = -1;
	return x;
}

/* Those that left, or were reaped by anybody, never come back. */
static void
forget_gone(struct watch *w, const struct strlist *names)
{
	for (size_t i = w->n; i-- > 0;)
		if (!strlist_has(names, w->v[i].uuid))
			w->v[i] = w->v[--w->n];
}

static int64_t
boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
watch_release(struct watch *w)
{
	free(w->v);
	memset(w, 0, sizeof(*w));
}

enum { RENEWED = 2 };

/* 1 it must be reaped; 0 not (yet); RENEWED: its lease was renewed since the
 * last look; -1. */
static int
judge(struct spool *sp, struct watch *w, const char *uuid, int64_t now_ms,
      int64_t watch_from_ms, struct error *err)
{
	struct watched *x = watched_of(w, uuid);
	int64_t beat, since;
	int r = spool_lease(sp, uuid, &beat, err);

	if (r <= 0)		/* no lease: somebody began to reap it */
		return r < 0 ? -1 : 1;
	if (beat != x->beat_ms) {
		r = x->beat_ms < 0 ? 0 : RENEWED;
		x->beat_ms = beat;
		/* When it was seen, not when the round began: a call before
		 * may have waited for longer than a lease. */
		x->since_ms = now_ms + boottime() - w->began_ms;
		return r;
	}
	if (watch_from_ms == 0)
		return 0;
	/* Only time in which we reached the server ourselves counts. */
	since = x->since_ms > watch_from_ms ? x->since_ms : watch_from_ms;
	if (now_ms - since >= sp->conf.lease_ms)
		return 1;
	if (w->due_ms == 0 || since + sp->conf.lease_ms < w->due_ms)
		w->due_ms = since + sp->conf.lease_ms;
	return 0;
}

static int
look_at(struct spool *sp, struct watch *w, const char *uuid, int64_t now_ms,
	int64_t watch_from_ms, struct error *err)
{
	int r = judge(sp, w, uuid, now_ms, watch_from_ms, err);

	return r == 1 ? recover_reap(sp, uuid, err) : r;
}

int
recover_watch(struct spool *sp, struct watch *w, const char *self,
	      int64_t now_ms, int64_t watch_from_ms, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	int reaped = 0, failed = 0, alive = 0;
	size_t first = 0;

	w->began_ms = boottime();
	w->due_ms = 0;
	if (spool_worker_names(sp, &names, err) < 0) {
		strlist_release(&names);
		return -1;
	}
	forget_gone(w, &names);
	strlist_sort(&names);
	while (self && first < names.n && strcmp(names.v[first], self) <= 0)
		first++;
	/* Those not seen alive are looked at besides, so that many that die
	 * at once are all watched from the start; the last one is anybody. */
	for (size_t i = 0; i < names.n && alive <= 3; i++) {
		size_t k = first + i;
		int r;

		if (self && alive == 3) {
			k = w->turn++ * 7919 + (unsigned)now_ms % 7919;
			alive++;
		}
		k %= names.n;
		if (self && strcmp(names.v[k], self) == 0)
			continue;
		/* One that cannot be reaped must not save the others. */
		r = look_at(sp, w, names.v[k], now_ms, watch_from_ms, err);
		reaped += r == 1;
		failed += r < 0;
		alive += self && r == RENEWED && alive < 3;
	}
	strlist_release(&names);
	return failed ? -1 : reaped;
}

/* --- reaping */

enum state
recover_state(const struct token *t)
{
	if (t->reason == REASON_CANCELLED)
		return STATE_CANCELLED;
	return t->exit_code == 0 && t->reason == REASON_EXIT ? STATE_DONE
							     : STATE_FAILED;
}

/* (output.pml: R, complete.) */
int
recover_complete(struct spool *sp, const struct seat *seat,
		 const struct token *t, struct error *err)
{
	struct str text = STR_INIT;
	struct job j;
	struct outputs o;
	int r;

	if (t->flags & TOKEN_OUTPUT) {
		job_init(&j);
		r = spool_read_body(sp, t, &text, err);
		/* Only a body that can never be read lets the outputs stay
		 * beside: a failure says nothing of that, again later. */
		if (r < 0) {
			str_release(&text);
			job_release(&j);
			return -1;
		}
		if (r == 1 && job_parse(text.s, text.len, &j, NULL) >= 0) {
			outputs_plan(&j, t, &o);
			/* What cannot be put in its place here (a file system
			 * of the dead host) stays as the sibling; the job's
			 * result is decided all the same. */
			if (outputs_finish(&o, err) < 0)
				msg_warn("%s", error_text(err));
			outputs_release(&o);
		}
		job_release(&j);
		str_release(&text);
	}
	return spool_commit(sp, seat, t, t, recover_state(t));
}

static const struct request *
request_for(const struct queue *q, const struct token *t)
{
	for (size_t i = 0; i < q->nrequests; i++)
		if (q->requests[i].id == t->id &&
		    !request_stale(&q->requests[i], t) &&
		    (q->requests[i].op == REQ_CANCEL ||
		     q->requests[i].op == REQ_REQUEUE ||
		     q->requests[i].op == REQ_REHOLD))
			return &q->requests[i];
	return NULL;
}

/* Ends the claim t; *as: the same job with its counters as they shall be. */
static int
end_claim(struct spool *sp, const struct seat *seat, const struct token *t,
	  const struct token *as, enum reason reason, int exit_code,
	  int64_t now_ms)
{
	struct token from = *t, end = *as;
	struct error err = ERROR_INIT;
	int r;

	end.ended = true;
	end.reason = reason;
	end.exit_code = exit_code;
	end.end_ms = now_ms;
	if (!(t->flags & TOKEN_OUTPUT) || t->start_ms == 0)
		return spool_commit(sp, seat, t, &end, recover_state(&end));
	/* What the attempt wrote outside the spool takes its place, so that
	 * no link to a private file stays. */
	r = spool_decide(sp, seat, &from, &end);
	if (r == 1)
		r = recover_complete(sp, seat, &from, &err);
	error_release(&err);
	return r;
}

/* The next place of one claim of a dead worker.
 * (core.pml: R, move; request.pml: R.) */
static int
reap_claim(struct spool *sp, const struct seat *seat, const struct token *t,
	   const struct queue *q, int64_t now_ms, struct error *err)
{
	const struct request *req = request_for(q, t);
	bool started = t->start_ms != 0;
	struct token next = *t, record = *t;
	int r;

	if (t->foreign)
		return 0;
	if (t->ended)
		return recover_complete(sp, seat, t, err);
	if (req && req->op == REQ_CANCEL) {
		r = end_claim(sp, seat, t, t, REASON_CANCELLED, EXIT_CANCELLED,
			      now_ms);
		goto out;
	}
	if (started) {
		record.reason = req ? REASON_CANCELLED : REASON_LOST;
		record.end_ms = now_ms;
		if (spool_record(sp, &record, seat->uuid, NULL) < 0)
			msg_debug("cannot record attempt %u of job %" PRIu64,
				  t->attempt, t->id);
	}
	if (started && !req) {
		/* Only claims whose process started count (P6). */
		next.lost++;
		if (next.flags & TOKEN_NO_REQUEUE ||
		    next.lost >= next.max_attempts)
			return end_claim(sp, seat, t, &next, REASON_LOST,
					 EXIT_LOST, now_ms);
	}
	if (req && req->op == REQ_REHOLD)
		next.flags |= TOKEN_HOLD;
	r = spool_give_back(sp, seat, t, &next);
out:
	if (r == 1 && req)
		spool_request_done(sp, req->name);
	return r;
}

/* Moves out all claims.  0 or -1.
 * (core.pml: R, list.) */
static int
reap_claims(struct spool *sp, const struct seat *seat, int64_t now_ms,
	    struct error *err)
{
	struct token *t;
	struct queue q;
	size_t n;
	int r, failed = 0;

	if (spool_own(sp, seat, &t, &n) < 0)
		return errno == ENOENT || errno == ESTALE ? 0
			: error_errno(err, "cannot read '%s'", seat->dir);
	if (n == 0) {
		free(t);
		return 0;
	}
	r = spool_look(sp, &q, err);
	/* Each: one that does not move must not keep the others. */
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (reap_claim(sp, seat, &t[i], &q, now_ms, err) >= 0)
			continue;
		error_errno(err, "cannot take job %" PRIu64 " from worker %s",
			    t[i].id, seat->uuid);
		failed++;
	}
	queue_release(&q);
	free(t);
	return r < 0 || failed ? -1 : 0;
}

/* (core.pml: R.) */
int
recover_reap(struct spool *sp, const char *uuid, struct error *err)
{
	struct seat seat;
	int64_t now = 0;
	int r;

	/* Asking for the time needs room on the disk: on a full one its last
	 * heartbeat must do. */
	if (spool_server_now(sp, &now, NULL) < 0 &&
	    spool_lease(sp, uuid, &now, err) < 0)
		return -1;
	/* From here it is dead for all, whatever it thinks. */
	if (spool_expire(sp, uuid) < 0)
		return error_errno(err, "cannot reap worker %s", uuid);
	spool_seat(sp, uuid, &seat);
	for (int tries = 0; tries < 10; tries++) {
		r = reap_claims(sp, &seat, now, err);
		if (r < 0)
			break;
		r = spool_bury(sp, uuid);
		if (r < 0)
			error_errno(err, "cannot remove '%s'", seat.dir);
		/* 0: it claimed one more before the lease went; again. */
		if (r != 0)
			break;
	}
	seat_release(&seat);
	return r;
}

/* --- waiting jobs */

struct release {
	struct spool *sp;
	int64_t now_ms, next_ms;
	int released;
};

static int
release_one(const struct entry *e, void *arg)
{
	struct release *rel = arg;
	struct token next = e->t;

	/* What waits for something this version does not know stays. */
	if (e->t.foreign || e->t.reason != REASON_BEGIN)
		return 0;
	if (e->t.begin_ms > rel->now_ms) {
		if (rel->next_ms == 0 || e->t.begin_ms < rel->next_ms)
			rel->next_ms = e->t.begin_ms;
		return 0;
	}
	next.reason = REASON_NONE;
	if (spool_move(rel->sp, e, STATE_QUEUED, &next) == 1)
		rel->released++;
	return 0;
}

int
recover_release_waiting(struct spool *sp, int64_t server_ms, int64_t *next_ms,
			struct error *err)
{
	struct release rel = { sp, server_ms, 0, 0 };

	if (spool_scan(sp, 1u << STATE_WAITING, 0, UINT64_MAX, release_one,
		       &rel, err) < 0)
		return -1;
	*next_ms = rel.next_ms;
	return rel.released;
}

/* --- requests and buckets */

static int
cancel_open(struct spool *sp, const struct entry *e)
{
	struct token next = e->t;

	if (spool_server_now(sp, &next.end_ms, NULL) < 0)
		return -1;
	next.ended = true;
	next.reason = REASON_CANCELLED;
	next.exit_code = EXIT_CANCELLED;
	return spool_move(sp, e, STATE_CANCELLED, &next);
}

/* A new round of an ended job; its result stays as a record. */
int
recover_rerun(struct spool *sp, const struct entry *e, bool hold)
{
	struct token next = e->t;

	if (e->t.attempt > 0 && spool_record(sp, &e->t, NULL, NULL) < 0)
		return -1;
	token_clear_end(&next);
	next.lost = 0;
	next.tries = 0;
	if (hold)
		next.reason = REASON_HOLD;
	return spool_move(sp, e, hold ? STATE_HELD : STATE_QUEUED, &next);
}

/* 1 carried out or obsolete, 0 somebody else's or to be tried again, -1. */
static int
settle_for(struct spool *sp, const struct request *req, const struct entry *e)
{
	bool hold = req->op == REQ_REHOLD;
	struct token next = e->t;

	if (e->state == STATE_RUNNING || e->t.foreign)
		return 0;	/* its worker, or its reaper */
	if (req->op == REQ_CANCEL && !state_ended(e->state))
		return cancel_open(sp, e);
	if (hold && (e->state == STATE_QUEUED || e->state == STATE_WAITING)) {
		next.reason = REASON_HOLD;
		return spool_move(sp, e, STATE_HELD, &next);
	}
	/* It ended by itself before it could be ended: asked is asked (P13),
	 * as `nfsq requeue` of an ended job. */
	if ((hold || req->op == REQ_REQUEUE) && req->arg > 0 && !e->purged &&
	    (e->state == STATE_DONE || e->state == STATE_FAILED) &&
	    e->t.attempt == (unsigned)req->arg)
		return recover_rerun(sp, e, hold);
	return 1;
}

static bool
still_asked(struct spool *sp, const struct request *req)
{
	struct queue q;
	bool there = false;

	if (spool_look(sp, &q, NULL) == 0)
		for (size_t i = 0; i < q.nrequests; i++)
			there |= strcmp(q.requests[i].name, req->name) == 0;
	queue_release(&q);
	return there;
}

/* A request for a job that nobody holds: carried out here, or obsolete.
 * (request.pml: X.) */
static int
settle_request(struct spool *sp, const struct request *req)
{
	struct entry e = { .dir = NULL };
	int r = spool_find(sp, req->id, &e, NULL);

	/* It may have been forgotten, and the job run again, since it was
	 * listed: only one that is there still, after the job was found, is
	 * for what was found.  That no job was found proves nothing (P3). */
	if (r == 1 && still_asked(sp, req))
		r = settle_for(sp, req, &e);
	else
		r = 0;
	entry_release(&e);
	return r == 1 ? spool_request_done(sp, req->name) : 0;
}

int
recover_queue(struct spool *sp, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	struct queue q;
	int r = spool_look(sp, &q, err);

	if (r == 0 && q.nrequests)
		r = spool_worker_names(sp, &names, err);
	for (size_t i = 0; r == 0 && i < q.nrequests; i++) {
		const struct request *req = &q.requests[i];

		if (req->id)
			settle_request(sp, req);
		else if (!strlist_has(&names, req->worker))
			spool_request_done(sp, req->name);
	}
	/* Only an empty one can be removed; who was about to move a job
	 * into it finds it gone and makes a new one. */
	for (size_t i = 0; r == 0 && i < q.nbuckets; i++)
		spool_drop_bucket(sp, &q.buckets[i]);
	strlist_release(&names);
	queue_release(&q);
	return r;
}

/* --- sweeping */

struct sweep {
	struct spool *sp;
	int64_t before_ms;
};

static int
purge_one(const struct entry *e, void *arg)
{
	struct sweep *s = arg;

	if (e->t.end_ms && e->t.end_ms < s->before_ms && !e->t.foreign)
		spool_purge(s->sp, e, NULL);
	return 0;
}

int
recover_sweep(struct spool *sp, int64_t server_ms, struct error *err)
{
	struct sweep s = { sp, server_ms - sp->conf.retention_ms };

	spool_sweep_tmp(sp, 86400000, server_ms);
	spool_sweep_purged(sp);
	return spool_scan(sp, SCAN_ENDED, 0, UINT64_MAX, purge_one, &s, err);
}

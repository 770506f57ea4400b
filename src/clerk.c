/*
 * clerk.c - the process of a worker that works with the spool: it looks,
 * claims, starts, commits and gives back, one call after the other
 *
 * What the worker holds is what a listing of its own seat shows: unknown
 * entries are adopted, missing ones killed (model/core.pml: W, own
 * directory).
 */
#include "nfsq.h"
#include "held.h"

#include <poll.h>

#include "proc.h"
#include "recover.h"

#define CANDIDATES 256
#define BOOK_MS 10000	/* for so long jobs are told of one by one ... */
#define BOOK_LINES 10	/* ... this many, and as many that did not end well */

struct look {
	struct candidate {
		struct token t;
		struct bucket b;	/* name borrowed from q */
	} *v;
	size_t n, next;
	struct queue q;
	int64_t at_ms;		/* BOOTTIME of the listing */
	bool empty;		/* it showed nothing that we could ever run */
	bool settled;		/* the bell's time was past when we looked */
};

/* What the log says of jobs: a line each while they are few, sums of the rest
 * when they are many. */
struct book {
	int64_t from_ms;	/* BOOTTIME of the first end in it; 0 none */
	unsigned lines[2];	/* told one by one: ended well, or not */
	uint64_t more[STATE_COUNT];	/* only counted; QUEUED: given back */
	bool any;		/* some were only counted */
};

struct desk {
	struct clerk c;
	struct book book;
	struct look look;
	size_t rivals, rank;	/* workers, and which of them we are */
	int64_t counted_ms;	/* when they were counted */
	uint64_t head;		/* the first candidate of the last listing */
	int64_t next_poll_ms, next_own_ms, next_list_ms, next_format_ms;
	int64_t idle_since_ms;
	bool drained, fenced;
	bool leaving;		/* the lease may be gone: adopt nothing */
};

/* --- what we hold */

static int64_t
used_cpus(const struct clerk *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->phase != HELD_GONE && !c->v[i]->stuck)
			n += c->v[i]->t.cpus;
	return n;
}

static int64_t
used_slots(const struct clerk *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += !c->v[i]->stuck;
	return n;
}

/* --- the log */

static void
say_end(const struct held *h)
{
	const struct token *t = &h->end;

	if (h->give_back)
		msg_info("job %" PRIu64 " goes back to the queue", t->id);
	else if (h->state == STATE_FAILED && t->reason == REASON_EXIT)
		msg_info("job %" PRIu64 " failed: exit %d", t->id,
			 t->exit_code);
	else if (h->state == STATE_FAILED && t->reason == REASON_SIGNAL)
		msg_info("job %" PRIu64 " failed: signal %d", t->id,
			 t->signal);
	else if (h->state == STATE_FAILED)
		msg_info("job %" PRIu64 " failed: %s", t->id,
			 reason_name(t->reason));
	else
		msg_info("job %" PRIu64 " %s", t->id, state_name(h->state));
}

static void
book_end(struct desk *d, const struct held *h)
{
	struct book *b = &d->book;
	enum state state = h->give_back ? STATE_QUEUED : h->state;
	unsigned *lines = &b->lines[state != STATE_DONE];

	/* --once is silent while nothing is wrong; -v has told of each; what
	 * was taken from us has no end here. */
	if (d->c.t->set->once || msg_get_level() != MSG_INFO ||
	    h->end.id == 0 || h->missing)
		return;
	if (!b->from_ms)
		b->from_ms = proc_now();
	if (*lines < BOOK_LINES) {
		++*lines;
		say_end(h);
	} else {
		b->more[state]++;
		b->any = true;
	}
}

static void
book_close(struct book *b)
{
	static const struct {
		enum state state;
		const char *text;
	} words[] = {
		{ STATE_DONE, "done" }, { STATE_FAILED, "failed" },
		{ STATE_CANCELLED, "cancelled" }, { STATE_CORRUPT, "corrupt" },
		{ STATE_QUEUED, "back in the queue" },
	};
	struct str text = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (b->more[words[i].state])
			str_addf(&text, "%s%" PRIu64 " %s",
				 text.len ? ", " : "",
				 b->more[words[i].state], words[i].text);
	if (b->any)
		msg_info("more jobs in %" PRId64 " s: %s",
			 (proc_now() - b->from_ms + 999) / 1000, text.s);
	str_release(&text);
	memset(b, 0, sizeof(*b));
}

static void
sweep_gone(struct desk *d)
{
	struct clerk *c = &d->c;

	for (size_t i = c->n; i-- > 0;)
		if (c->v[i]->phase == HELD_GONE) {
			book_end(d, c->v[i]);
			held_free(c->v[i]);
			c->v[i] = c->v[--c->n];
		}
}

static struct held *
by_serial(struct clerk *c, uint64_t serial)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->serial == serial)
			return c->v[i];
	return NULL;
}

static bool
same_entry(const struct token *a, const struct token *b)
{
	return a->id == b->id && a->move == b->move &&
	       strcmp(a->nonce, b->nonce) == 0;
}

static void
adopt(struct desk *d, const struct token *t)
{
	struct clerk *c = &d->c;
	struct error err = ERROR_INIT;

	if (t->foreign)
		return;
	msg_debug("adopt job %" PRIu64, t->id);
	if (t->ended) {
		recover_complete(c->t->sp, &c->seat, t, &err);
		error_release(&err);
		return;
	}
	/* It starts with the others that wait (held_retry). */
	held_new(c, t);
	c->retry_ms = proc_now();
}

/* Looks into the seat.  Nothing else says what we hold.
 * (core.pml: W, own directory.) */
static void
own_scan(struct desk *d)
{
	struct clerk *c = &d->c;
	struct token *t;
	size_t n, known = c->n;
	bool *seen;

	if (spool_own(c->t->sp, &c->seat, &t, &n) < 0) {
		if (errno == ENOENT || errno == ESTALE)
			d->fenced = true;
		else
			clerk_trouble(c, "cannot look at this worker's jobs");
		return;
	}
	seen = xcalloc(known + 1, sizeof(*seen));
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < known && !same_entry(&c->v[k]->t, &t[i]))
			k++;
		if (k < known)
			seen[k] = true;
		else
			adopt(d, &t[i]);
	}
	for (size_t k = 0; k < known; k++)
		if (!seen[k] && c->v[k]->phase != HELD_ENDING)
			held_taken(c, c->v[k]);
	free(seen);
	free(t);
	sweep_gone(d);
}

/* --- looking for work */

static bool
could_run(struct desk *d, const struct token *t)
{
	const struct worker_settings *set = d->c.t->set;

	return !t->foreign && !t->array && !t->depends && !t->ended &&
	       !t->gpus && t->cpus <= set->cpus &&
	       (!set->own || strcmp(t->user, set->user) == 0) &&
	       !clerk_refused(&d->c, t);
}

static int
cmp_candidate(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->t.priority != y->t.priority)
		return x->t.priority > y->t.priority ? -1 : 1;
	return token_cmp(&x->t, &y->t);
}

static void
look_release(struct look *l)
{
	queue_release(&l->q);
	free(l->v);
	l->v = NULL;
	l->n = l->next = 0;
}

/* The jobs of one bucket that we could run, now or when more is free. */
static int
list_bucket(struct desk *d, const struct bucket *b)
{
	struct look *l = &d->look;
	struct token *t;
	size_t n, had = l->n;

	if (spool_bucket(d->c.t->sp, b, &t, &n) < 0) {
		clerk_trouble(&d->c, "cannot list the queue");
		return -1;
	}
	l->v = xreallocarray(l->v, l->n + n + 1, sizeof(*l->v));
	/* So many that we could run: those that we could not (another user's,
	 * refused) may be any number, and must not hide what follows. */
	for (size_t i = 0; i < n && l->n - had < CANDIDATES; i++)
		if (could_run(d, &t[i])) {
			l->v[l->n].t = t[i];
			l->v[l->n++].b = *b;
		}
	free(t);
	return 0;
}

/* (request.pml: W, look.) */
static void
answer_requests(struct desk *d)
{
	struct clerk *c = &d->c;
	struct queue *q = &d->look.q;

	for (size_t i = 0; i < q->nrequests; i++) {
		const struct request *r = &q->requests[i];

		if (r->id == 0 && strcmp(r->worker, c->t->uuid) == 0) {
			struct wish w = { .op = WISH_ORDER, .serial = 0 };

			/* Serial 0: the worker itself is told to end. */
			w.order.op = r->op == REQ_STOP ? SHEPHERD_END
						       : SHEPHERD_KILL;
			if (wire_send(c->sock, &w, sizeof(w), NULL, 0) < 0)
				_exit(1);
			spool_request_done(c->t->sp, r->name);
		}
		for (size_t k = 0; r->id && k < c->n; k++)
			if (c->v[k]->t.id == r->id &&
			    c->v[k]->phase != HELD_GONE)
				held_request(c, c->v[k], r);
	}
	sweep_gone(d);
}

static bool
may_claim(const struct desk *d)
{
	const struct worker_settings *set = d->c.t->set;
	const struct term *t = d->c.t;

	return !d->c.stopping && !d->drained && !d->fenced &&
	       !t->beat->fenced && d->c.retry_ms == 0 &&
	       (!set->max_jobs || used_slots(&d->c) < set->max_jobs) &&
	       used_cpus(&d->c) < set->cpus &&
	       (!t->stop_ms || proc_now() < t->stop_ms);
}

/* Opens queue/ and, when there may be something new, its buckets. */
static int
look(struct desk *d, bool force)
{
	struct clerk *c = &d->c;
	struct look *l = &d->look;
	struct error err = ERROR_INIT;
	int64_t now = proc_now(), before = l->q.mtime_ms;
	bool was_empty = l->empty && l->settled;

	d->head = l->next < l->n ? l->v[l->next].t.id : 0;
	look_release(l);
	if (spool_look(c->t->sp, &l->q, &err) < 0) {
		clerk_trouble(c, "cannot look at the queue");
		error_release(&err);
		return -1;
	}
	l->at_ms = now;
	d->drained = queue_drained(&l->q, c->t->set->host, c->t->set->name);
	answer_requests(d);
	if (was_empty && !force && before == l->q.mtime_ms)
		return 0;	/* the bell did not ring */
	if (!may_claim(d)) {
		/* Nothing is free: only requests mattered. */
		l->empty = false;
		l->at_ms = 0;
		return 0;
	}
	/* Two changes within one tick of the server's clock look like one. */
	l->settled = l->q.mtime_ms < worker_server_now(c->t) - 2000;
	for (size_t i = 0; i < l->q.nbuckets; i++) {
		const struct bucket *b = &l->q.buckets[i];

		/* Best first: what follows comes after all that we have. */
		if (l->n >= CANDIDATES &&
		    (b->priority < l->v[0].b.priority ||
		     b->block > l->v[l->n - 1].b.block))
			break;
		if (b->cpus <= c->t->set->cpus && list_bucket(d, b) < 0)
			return -1;
	}
	l->empty = l->n == 0;
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), cmp_candidate);
	return 0;
}

/* After a lost claim: who else is there?  At most once a poll. */
static void
count_rivals(struct desk *d)
{
	struct strlist names = STRLIST_INIT;
	int64_t now = proc_now();

	if (d->counted_ms && now - d->counted_ms < d->c.t->set->poll_ms)
		return;
	d->counted_ms = now;
	d->rivals = 1;
	d->rank = 0;
	if (spool_worker_names(d->c.t->sp, &names, NULL) == 0 && names.n > 1) {
		d->rivals = names.n;
		for (size_t i = 0; i < names.n; i++)
			d->rank += strcmp(names.v[i], d->c.t->uuid) < 0;
	}
	strlist_release(&names);
}

/*
 * The candidate to try.  Alone: the first.  Under contention each worker
 * prefers a share of its own, so that they do not meet; one that was first
 * in the listing before, too, is nobody's share.  l->n: look again.
 */
static size_t
choose(struct desk *d)
{
	struct look *l = &d->look;
	const struct token *head = &l->v[l->next].t;

	if (d->rivals == 1 || head->id == d->head)
		return l->next;
	for (size_t k = l->next; k < l->n; k++) {
		const struct token *t = &l->v[k].t;

		if (t->priority != head->priority || t->cpus != head->cpus)
			break;
		if (t->id % d->rivals == d->rank)
			return k;
	}
	/* Our share is used up: what a fresh listing shows is anybody's. */
	return l->next > 0 ? l->n : l->next;
}

/* 1 claimed and started, 0 lost or nothing left, 2 the next one does not fit
 * now, -1. */
static int
claim_one(struct desk *d)
{
	struct clerk *c = &d->c;
	struct look *l = &d->look;
	size_t k = choose(d);
	struct candidate cand;
	int r;

	if (k == l->n) {
		l->next = l->n;
		return 0;
	}
	cand = l->v[k];
	/* First come, first served: what is too big for now waits until it
	 * fits, and those behind it with it. */
	if (used_cpus(c) + cand.t.cpus > c->t->set->cpus)
		return 2;
	memmove(&l->v[l->next + 1], &l->v[l->next],
		(k - l->next) * sizeof(*l->v));
	l->next++;
	if (clerk_refused(c, &cand.t))
		return 0;	/* since it was listed */
	r = spool_claim(c->t->sp, &c->seat, &cand.b, &cand.t);
	if (r == 1) {
		c->nclaimed++;
		held_start(c, held_new(c, &cand.t));
		sweep_gone(d);
	} else if (r == 0) {
		c->nlost++;
		count_rivals(d);
	} else if ((errno == EACCES || errno == EPERM) && l->next < l->n) {
		/* Somebody's mode on a bucket, no outage: try the others. */
		msg_debug("cannot claim job %" PRIu64 ": %s", cand.t.id,
			  strerror(errno));
		r = 0;
	} else {
		clerk_trouble(c, "cannot claim a job");
	}
	return r;
}

/* Claims until nothing is free or nothing is left. */
static void
claim(struct desk *d)
{
	struct look *l = &d->look;

	while (may_claim(d)) {
		bool stale = proc_now() - l->at_ms >= d->c.t->set->poll_ms;

		/* Names are acted on only while their listing is fresh. */
		if (stale || l->next >= l->n) {
			if ((!stale && l->n == 0) || look(d, false) < 0 ||
			    l->n == 0)
				break;
			continue;
		}
		if (claim_one(d) == 2)
			break;
	}
}

/* --- news from the keeper */

static void
finish(struct desk *d)
{
	if (!d->c.stopping)
		spool_mark_stopping(d->c.t->sp, &d->c.seat);
	d->c.stopping = true;
}

static void
shut_down(struct desk *d)
{
	struct clerk *c = &d->c;

	c->stopping = c->shutdown = true;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->phase == HELD_CLAIMED) {
			held_return(c->v[i]);
			held_settle(c, c->v[i]);
		}
	sweep_gone(d);
}

static void
take_news(struct desk *d, const struct news *n)
{
	struct held *h;

	switch (n->op) {
	case NEWS_ENDED:
		h = by_serial(&d->c, n->serial);
		if (!h)
			BUG("news of an unknown job %" PRIu64, n->serial);
		held_ended(&d->c, h, n);
		sweep_gone(d);
		break;
	case NEWS_FINISH:
		finish(d);
		break;
	case NEWS_SHUTDOWN:
		shut_down(d);
		break;
	case NEWS_RELOAD:
		d->c.t->set->reload(d->c.t->set);
		d->next_poll_ms = 0;
		break;
	case NEWS_LOOK:
		d->next_poll_ms = 0;
		break;
	}
}

/* Waits up to ms for news; true when some came. Exits with the keeper. */
static bool
hear(struct desk *d, int64_t ms)
{
	struct pollfd p = { d->c.sock, POLLIN, 0 };
	struct news n;
	bool any = false;
	int r;

	if (poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)(ms < 0 ? 0 : ms)) <= 0)
		return false;
	while ((r = wire_recv(d->c.sock, &n, sizeof(n), NULL)) == 1) {
		take_news(d, &n);
		any = true;
	}
	if (r < 0)
		_exit(0);
	return any;
}

/* --- the loop */

/* Tries again what the spool refused. */
static void
retry(struct desk *d)
{
	struct clerk *c = &d->c;
	int64_t running = 0;

	c->retry_ms = 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->running)
			running += c->v[i]->t.cpus;
	/* All of them: one that is always refused must not stop the others. */
	for (size_t i = 0; i < c->n; i++) {
		struct held *h = c->v[i];

		if (h->phase == HELD_ENDING && !h->stuck)
			held_settle(c, h);
		else if (h->phase == HELD_CLAIMED &&
			 (c->shutdown || h->t.cpus > c->t->set->cpus)) {
			held_return(h);
			held_settle(c, h);
		} else if (h->phase == HELD_CLAIMED &&
			   running + h->t.cpus <= c->t->set->cpus) {
			held_start(c, h);
			running += h->t.cpus;
		}
	}
	sweep_gone(d);
}

/* Adopted claims that did not fit wait for room. */
static bool
has_claimed(const struct clerk *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->phase == HELD_CLAIMED)
			return true;
	return false;
}

/* Does a silent worker hold jobs that would be ours to run (P6)? */
static bool
somebody_silent(struct desk *d)
{
	struct clerk *c = &d->c;
	struct worker_info *w;
	size_t n;
	bool silent = false;
	int64_t now = worker_server_now(c->t);

	if (spool_workers(c->t->sp, &w, &n, NULL) < 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < w[i].nheld; k++)
			if (strcmp(w[i].uuid, c->t->uuid) != 0 &&
			    now - w[i].beat_ms > spool_gap_ms(c->t->sp) &&
			    could_run(d, &w[i].held[k]))
				silent = true;
		worker_info_release(&w[i]);
	}
	free(w);
	return silent;
}

/* Is it time to go?  Called when nothing is held. */
static bool
done(struct desk *d)
{
	const struct worker_settings *set = d->c.t->set;
	int64_t now = proc_now();

	if (d->c.stopping)
		return true;
	if (d->c.t->stop_ms && now >= d->c.t->stop_ms)
		return true;
	if (d->c.retry_ms)
		return false;
	if (d->drained && set->once)
		return true;
	if (d->look.next < d->look.n)
		return false;
	/* What a silent one had may be in the queue since the last look. */
	if (set->once)
		return !somebody_silent(d) && look(d, true) == 0 &&
		       d->c.n == 0 && d->look.n == 0;
	return set->idle_exit_ms && now - d->idle_since_ms >=
	       set->idle_exit_ms;
}

static int64_t
next_wake(const struct desk *d, int64_t now)
{
	int64_t next = d->next_poll_ms;

	if (d->next_own_ms < next)
		next = d->next_own_ms;
	if (d->c.retry_ms && d->c.retry_ms < next)
		next = d->c.retry_ms;
	if (d->c.barred_ms && d->c.barred_ms < next)
		next = d->c.barred_ms;
	if (d->book.any && d->book.from_ms + BOOK_MS < next)
		next = d->book.from_ms + BOOK_MS;
	return next > now ? next - now : 0;
}

static void
timers(struct desk *d, int64_t now)
{
	struct clerk *c = &d->c;
	struct error err = ERROR_INIT;
	bool force;

	if (d->book.from_ms && now >= d->book.from_ms + BOOK_MS)
		book_close(&d->book);
	if (c->retry_ms && now >= c->retry_ms)
		retry(d);
	if (c->barred_ms && now >= c->barred_ms) {
		held_unbar(c);
		sweep_gone(d);
		d->look.empty = false;	/* its jobs are to be seen again */
	}
	if (now >= d->next_own_ms) {
		if (!d->leaving)
			own_scan(d);
		d->next_own_ms = now + spool_gap_ms(c->t->sp);
	}
	if (now >= d->next_format_ms) {
		/* P10: a format that this program does not know: drain. */
		if (spool_check_format(c->t->sp, &err) == 0 && !c->stopping) {
			msg_warn("stop claiming: %s", error_text(&err));
			c->stopping = true;
		}
		error_release(&err);
		d->next_format_ms = now + c->t->sp->conf.lease_ms;
	}
	if (now >= d->next_poll_ms) {
		force = now >= d->next_list_ms;
		if (c->retry_ms == 0)
			look(d, force);
		if (force) {
			d->next_list_ms = now + spool_reap_ms(c->t->sp);
			if (d->rivals > 1)
				count_rivals(d);
		}
		d->next_poll_ms = now + c->t->set->poll_ms;
	}
}

static void
leave(struct desk *d)
{
	struct clerk *c = &d->c;
	struct wish w = { .op = WISH_LEFT };

	book_close(&d->book);
	msg_debug("claimed %" PRIu64 ", lost %" PRIu64 ", ended %" PRIu64,
		  c->nclaimed, c->nlost, c->nended);
	wire_send(c->sock, &w, sizeof(w), NULL, 0);
}

/*
 * From the first try on the lease may be gone, and with it all right to run
 * anything: others take at once what is in the seat.  So nothing is claimed or
 * adopted any more; a claim that arrived late goes back as a reaper would do
 * it.  What only a newer nfsq knows stays for one.
 */
static bool
give_up_seat(struct desk *d)
{
	struct clerk *c = &d->c;
	struct error err = ERROR_INIT;
	int r = 1;

	c->t->beat->leaving = 1;
	c->stopping = d->leaving = true;
	if (spool_leave(c->t->sp, &c->seat) < 0)
		r = recover_reap(c->t->sp, c->t->uuid, &err);
	error_release(&err);
	return r >= 0;
}

/* One round.  false: the worker's work is done. */
static bool
round_trip(struct desk *d)
{
	struct clerk *c = &d->c;
	int64_t now = proc_now();

	timers(d, now);
	if (d->fenced) {
		c->t->beat->fenced = 1;
		return false;
	}
	claim(d);
	if (c->n)
		d->idle_since_ms = proc_now();
	if (c->n == 0 && done(d)) {
		if (give_up_seat(d)) {
			leave(d);
			return false;
		}
		clerk_trouble(c, "cannot leave the spool");
	}
	/* Not when one call worked: a full disk lets us look, too, and would
	 * be told of at each try. */
	if (c->retry_ms == 0) {
		c->trouble = false;
		c->delay_ms = 0;
	}
	if (hear(d, next_wake(d, proc_now())) && has_claimed(c))
		retry(d);
	return true;
}

void
clerk_main(struct term *t, int sock)
{
	struct desk d = { .c = { .t = t, .sock = sock }, .rivals = 1 };
	struct error err = ERROR_INIT;
	int64_t next;

	srandom((unsigned)getpid() ^ (unsigned)proc_now());
	spool_seat(t->sp, t->uuid, &d.c.seat);
	d.idle_since_ms = proc_now();
	d.next_format_ms = proc_now() + t->sp->conf.lease_ms;
	d.next_own_ms = proc_now() + spool_gap_ms(t->sp);
	/* A worker that stays for one round only releases what is due. */
	if (recover_release_waiting(t->sp, worker_server_now(t), &next,
				    &err) < 0)
		msg_warn("%s", error_text(&err));
	error_release(&err);
	while (round_trip(&d))
		continue;
	look_release(&d.look);
	seat_release(&d.c.seat);
	free(d.c.v);
}

/*
 * why.c - owns the reasons for which a job does not run now
 *
 * Told from one look at the workers and the queue, which is old at once: good
 * enough for people.
 */
#include "nfsq.h"
#include "why.h"

#include "view.h"
#include "when.h"

int
why_look(struct why *w, struct spool *sp, int64_t now_ms, struct error *err)
{
	*w = (struct why){ .sp = sp, .now_ms = now_ms };
	if (spool_workers(sp, &w->workers, &w->nworkers, err) < 0)
		return -1;
	return spool_look(sp, &w->queue, err);
}

void
why_release(struct why *w)
{
	view_workers_free(w->workers, w->nworkers);
	queue_release(&w->queue);
}

/* What the living workers have. */
struct offer {
	size_t alive, draining;
	int64_t most_cpus;	/* of one */
	int64_t cpus, used;
};

static struct offer
offer_of(const struct why *w)
{
	struct offer o = { .alive = 0 };

	for (size_t i = 0; i < w->nworkers; i++) {
		const struct worker_info *x = &w->workers[i];
		enum view_worker k = view_worker(w->sp, &w->queue, x,
						 w->now_ms);

		o.draining += k == WORKER_DRAINING;
		if (k != WORKER_ALIVE)
			continue;
		o.alive++;
		o.cpus += x->cpus;
		o.used += view_cpus_used(x);
		if (x->cpus > o.most_cpus)
			o.most_cpus = x->cpus;
	}
	return o;
}

struct place {
	const struct token *t;
	uint64_t before;
};

static int
count_before(const struct entry *e, void *arg)
{
	struct place *p = arg;

	p->before += e->t.priority > p->t->priority ||
		     (e->t.priority == p->t->priority && e->t.id < p->t->id);
	return 0;
}

static void
add_place(const struct why *w, const struct entry *e, struct str *out)
{
	struct place p = { &e->t, 0 };

	if (spool_scan(w->sp, 1u << STATE_QUEUED, 1, TOKEN_ID_MAX,
		       count_before, &p, NULL) == 0)
		str_addf(out, ", %" PRIu64 " queued before it", p.before);
}

static void
add_queued(const struct why *w, const struct entry *e, struct str *out)
{
	struct offer o = offer_of(w);

	if (e->t.foreign)
		str_add(out, "needs a newer nfsq-worker");
	else if (o.alive == 0 && o.draining > 0)
		str_add(out, "all workers are drained or about to end (nfsq "
			"workers)");
	else if (o.alive == 0)
		str_add(out, "no worker is alive (start nfsq-worker)");
	else if (o.most_cpus < (int64_t)e->t.cpus)
		str_addf(out, "it needs %u cpus, the largest worker has %"
			 PRId64, e->t.cpus, o.most_cpus);
	else if (o.cpus - o.used >= (int64_t)e->t.cpus) {
		str_add(out, "a worker is about to take it");
		add_place(w, e, out);
	} else {
		str_addf(out, "for %u of %" PRId64 " cpus, %" PRId64
			 " are in use", e->t.cpus, o.cpus, o.used);
		add_place(w, e, out);
	}
	if (e->t.tries > 0)
		str_addf(out, "; %u hosts could not open its files",
			 e->t.tries);
}

void
why_add(const struct why *w, const struct entry *e, struct str *out)
{
	switch (e->state) {
	case STATE_HELD:
		str_addf(out, "until it is released (nfsq release %" PRIu64
			 ")", e->t.id);
		break;
	case STATE_WAITING:
		if (e->t.begin_ms > 0) {
			str_add(out, "until ");
			when_add_local(out, e->t.begin_ms, w->now_ms);
		} else {
			str_addf(out, "for %s", reason_name(e->t.reason));
		}
		break;
	case STATE_QUEUED:
		add_queued(w, e, out);
		break;
	default:
		break;
	}
}

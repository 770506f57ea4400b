/*
 * warden.c - looks after what nobody else looks after: silent workers,
 * waiting jobs, requests of dead workers, old files
 *
 * May block for minutes in a rename that waits for a dead host's delegation
 * (NFS-FACTS 1.6); nothing of its own worker waits for it.
 */
#include "nfsq.h"
#include "worker.h"

#include "proc.h"
#include "recover.h"
#include "wire.h"

enum duty { DUTY_WATCH, DUTY_RELEASE, DUTY_SWEEP, DUTY_COUNT };

struct warden {
	struct term *t;
	struct watch watch;
	int64_t waiting_mtime;	/* of waiting/ when its jobs were looked at */
	int64_t next_begin_ms;	/* server's clock; 0 none */
	int64_t next_watch_ms, next_poll_ms, next_sweep_ms; /* BOOTTIME */
	int sock;
	bool told[DUTY_COUNT];	/* it fails, and that has been said */
};

/* One line for each duty that fails, however often it does. */
static void
outcome(struct warden *w, enum duty duty, bool ok, struct error *err)
{
	if (!ok && !w->told[duty])
		msg_warn("%s", error_text(err));
	w->told[duty] = !ok;
	error_release(err);
}

/* There is something in the queue: our own clerk need not wait for its poll.*/
static void
ring(struct warden *w)
{
	if (wire_ring(w->sock) < 0)
		_exit(0);
}

/* The next look is at a reap interval's end, or when a lease runs out. */
static void
watch(struct warden *w, int64_t now)
{
	struct term *t = w->t;
	struct error err = ERROR_INIT;
	/* Right after an outage the pulse may not know of it yet: without a
	 * heartbeat of our own within H nobody is judged (P5). */
	int64_t last = t->beat->deadline_ms - t->sp->conf.lease_ms +
		       spool_margin_ms(t->sp);
	int64_t from = now - last > spool_gap_ms(t->sp)
		? 0 : t->beat->watch_from_ms;
	int r, q;

	r = recover_watch(t->sp, &w->watch, t->uuid, now, from, &err);
	if (r > 0) {
		msg_info("reaped %d silent worker%s", r, r > 1 ? "s" : "");
		ring(w);
	}
	q = recover_queue(t->sp, &err);
	outcome(w, DUTY_WATCH, r >= 0 && q >= 0, &err);
	w->next_watch_ms = now + spool_reap_ms(t->sp);
	if (w->watch.due_ms > now && w->watch.due_ms < w->next_watch_ms)
		w->next_watch_ms = w->watch.due_ms;
}

/* Looks into waiting/ when it rang or when a job is due. */
static void
release(struct warden *w, bool always)
{
	struct term *t = w->t;
	struct error err = ERROR_INIT;
	int64_t mtime, now = worker_server_now(t);
	int r;

	if (spool_waiting_mtime(t->sp, &mtime) < 0)
		return;
	/* A bell of the last second may ring twice in one clock tick. */
	if (!always && mtime == w->waiting_mtime &&
	    (w->next_begin_ms == 0 || w->next_begin_ms > now))
		return;
	w->waiting_mtime = mtime > now - 2000 ? 0 : mtime;
	r = recover_release_waiting(t->sp, now, &w->next_begin_ms, &err);
	if (r > 0)
		ring(w);
	outcome(w, DUTY_RELEASE, r >= 0, &err);
}

static void
sweep(struct warden *w)
{
	struct error err = ERROR_INIT;
	int r = recover_sweep(w->t->sp, worker_server_now(w->t), &err);

	outcome(w, DUTY_SWEEP, r >= 0, &err);
}

static void
reap_former_self(struct warden *w)
{
	struct error err = ERROR_INIT;

	if (!w->t->dead[0])
		return;
	if (recover_reap(w->t->sp, w->t->dead, &err) < 0)
		outcome(w, DUTY_WATCH, false, &err);
}

void
warden_main(struct term *t, int sock)
{
	struct warden w = { .t = t, .sock = sock };
	int64_t hour = 3600000;

	reap_former_self(&w);
	w.next_sweep_ms = proc_now() + hour / 6;
	for (;;) {
		int64_t now = proc_now(), next;
		bool due = now >= w.next_watch_ms;

		if (due)
			watch(&w, now);
		if (due || now >= w.next_poll_ms) {
			release(&w, due);
			w.next_poll_ms = now + t->set->poll_ms;
		}
		if (now >= w.next_sweep_ms) {
			sweep(&w);
			w.next_sweep_ms = now + hour;
		}
		next = w.next_watch_ms < w.next_poll_ms ? w.next_watch_ms
							: w.next_poll_ms;
		if (worker_sleep(sock, next - proc_now()) != 0)
			break;
	}
	watch_release(&w.watch);
}

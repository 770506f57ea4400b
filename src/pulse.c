/*
 * pulse.c - the heartbeat of a worker
 *
 * Invariant: beat->deadline_ms is never later than the time before a
 * heartbeat that succeeded + lease - margin; once it has passed, no later
 * heartbeat undoes that (PROTOCOL P4; model/core.pml: W, heartbeat).
 */
#include "nfsq.h"
#include "worker.h"

#include <poll.h>

#include "proc.h"
#include "wire.h"

int64_t
worker_server_now(const struct term *t)
{
	return proc_now() + t->beat->server_offset_ms;
}

int
worker_sleep(int sock, int64_t ms)
{
	struct pollfd p = { sock, POLLIN, 0 };
	int r;

	if (ms < 0)
		ms = 0;
	r = poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms);
	if (r <= 0)
		return 0;
	return p.revents & (POLLHUP | POLLERR) ? -1 : 1;
}

/* Takes over a heartbeat made between before and after. false: too late. */
static bool
note(const struct term *t, int64_t before, int64_t after, int64_t server_ms)
{
	struct beat *b = t->beat;
	int64_t deadline = b->deadline_ms;
	int64_t last = deadline - t->sp->conf.lease_ms +
		       spool_margin_ms(t->sp);

	if (deadline && after >= deadline) {
		b->fenced = 1;
		return false;
	}
	if (!deadline || before - last > spool_gap_ms(t->sp))
		b->watch_from_ms = after;
	b->server_offset_ms = server_ms - after;
	b->deadline_ms = before + t->sp->conf.lease_ms -
			 spool_margin_ms(t->sp);
	return true;
}

static int
join(struct term *t, struct seat *seat)
{
	struct error err = ERROR_INIT;
	struct worker_info info = { .pid = getppid(), .cpus = t->set->cpus };
	int64_t before, server;
	int r;

	snprintf(info.uuid, sizeof(info.uuid), "%s", t->uuid);
	info.name = xstrdup(t->set->name);
	info.host = xstrdup(t->set->host);
	info.user = xstrdup(t->set->user);
	info.version = xstrdup(PACKAGE_VERSION);
	before = proc_now();
	r = spool_join(t->sp, seat, &info, &server, &err);
	/* It may have waited for longer than a lease; nothing was claimed in
	 * the meantime, so what counts is a heartbeat made now. */
	if (r == 0 && proc_now() - before > spool_beat_ms(t->sp)) {
		int64_t now = proc_now(), then;

		if (spool_beat(t->sp, seat, &then) == 1) {
			before = now;
			server = then;
		}
	}
	if (r < 0)
		msg_error("%s", error_text(&err));
	else if (!note(t, before, proc_now(), server))
		r = -1;
	worker_info_release(&info);
	error_release(&err);
	return r;
}

void
pulse_main(struct term *t, int sock)
{
	struct seat seat = { .dir = NULL };
	bool told = false;

	if (join(t, &seat) < 0)
		_exit(1);
	/* The keeper waits for this before it starts the others. */
	if (wire_ring(sock) < 0)
		_exit(1);
	for (;;) {
		int64_t before, server;
		int r;

		if (worker_sleep(sock, spool_beat_ms(t->sp)) < 0)
			break;
		before = proc_now();
		r = spool_beat(t->sp, &seat, &server);
		if (r == 0 && t->beat->leaving)
			continue;	/* the lease is gone by our own hand */
		if (r == 1 && !note(t, before, proc_now(), server))
			r = 0;
		if (r == 0) {
			t->beat->fenced = 1;
			break;
		}
		/* One line for a whole outage; the keeper tells how long. */
		if (r < 0 && !told)
			msg_warn("cannot renew the lease in '%s': %s",
				 t->sp->dir, strerror(errno));
		told = r < 0;
	}
	seat_release(&seat);
}

/*
 * keeper.c - the main process of a worker: parent of all its parts
 *
 * Invariants: makes no call on the spool and holds no descriptor of a file in
 * it, so it can always kill; every process below it is a part it knows, a
 * shepherd it knows, or a stray to be killed (it is a child subreaper); no
 * job runs past the lease's deadline (PROTOCOL P4).
 */
#include "nfsq.h"
#include "keeper.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <uuid/uuid.h>

#include "proc.h"

#define KILL_WAIT_MS 2000
#define LEAVE_WAIT_MS 10000	/* for a spool that does not answer at exit */
#define LATE_MS 10000		/* a heartbeat later than this is told of */

typedef void part_fn(struct term *t, int sock);

struct part_start {
	part_fn *fn;
	struct term *t;
	int sock;
};

/* What no part of a worker lets itself be disturbed by: the keeper decides. */
static void
calm(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		signal(sigs[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
part_entry(void *arg)
{
	struct part_start *s = arg;

	calm();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s->fn(s->t, s->sock);
	_exit(0);
}

static int
start_part(struct keeper *k, enum part p, part_fn *fn)
{
	struct part_start s = { fn, &k->term, -1 };
	int pair[2];

	if (wire_pair(pair) < 0) {
		msg_warn("cannot start a part of this worker: %s",
			 strerror(errno));
		return -1;
	}
	s.sock = pair[1];
	k->parts[p].pid = proc_fork(part_entry, &s, &s.sock, 1);
	if (k->parts[p].pid < 0)
		msg_warn("cannot start a part of this worker: %s",
			 strerror(errno));
	close(pair[1]);
	k->parts[p].sock = k->parts[p].out.sock = pair[0];
	return k->parts[p].pid < 0 ? -1 : 0;
}

/* --- shepherds */

struct shepherd_start {
	struct keeper *k;
	int sock, slot;
};

static void
shepherd_entry(void *arg)
{
	struct shepherd_start *s = arg;

	calm();
	shepherd_main(s->sock, s->k->term.beat, s->k->term.set->spool,
		      s->slot);
}

static struct slot *
idle_slot(struct keeper *k)
{
	struct shepherd_start s = { k, -1, (int)k->nslots };
	struct slot *slot = NULL;
	int pair[2];

	for (size_t i = 0; i < k->nslots; i++) {
		if (k->slots[i]->pid && !k->slots[i]->serial)
			return k->slots[i];
		if (!k->slots[i]->pid && !k->slots[i]->serial) {
			slot = k->slots[i];
			s.slot = (int)i;
		}
	}
	if (wire_pair(pair) < 0)
		return NULL;
	if (!slot) {
		k->slots = xreallocarray(k->slots, k->nslots + 1,
					 sizeof(struct slot *));
		slot = k->slots[k->nslots++] = xcalloc(1, sizeof(*slot));
	}
	s.sock = pair[1];
	slot->pid = proc_fork(shepherd_entry, &s, &s.sock, 1);
	close(pair[1]);
	slot->sock = pair[0];
	if (slot->pid < 0) {
		close(pair[0]);
		slot->pid = 0;
		return NULL;
	}
	return slot;
}

static struct slot *
slot_of(struct keeper *k, uint64_t serial)
{
	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i]->serial == serial)
			return k->slots[i];
	return NULL;
}

static void
tell(struct keeper *k, const struct news *n)
{
	if (k->parts[PART_CLERK].sock >= 0 &&
	    outbox_put(&k->parts[PART_CLERK].out, n, sizeof(*n), -1) < 0)
		k->broken = true;
}

/* The job and both its outputs are done with. */
static void
conclude(struct keeper *k, struct slot *s)
{
	struct news n = { .op = NEWS_ENDED, .serial = s->serial };

	if (!s->reported || s->stream[0].open || s->stream[1].open)
		return;
	n.report = s->report;
	n.output_error = s->stream[0].error ? s->stream[0].error
					    : s->stream[1].error;
	s->serial = 0;
	s->reported = false;
	tell(k, &n);
}

/* --- outputs */

static void
give_to_writer(struct keeper *k, struct slot *s, int i, bool finish)
{
	struct sheet sheet = { .serial = s->serial, .stream = i,
			       .finish = finish };
	struct stream *st = &s->stream[i];

	if (!finish)
		sheet.file = s->file[i];
	if (outbox_put(&k->parts[PART_WRITER].out, &sheet, sizeof(sheet),
		       finish ? -1 : st->fd) < 0)
		k->broken = true;
	if (!finish)
		st->fd = -1;
}

static void
close_stream(struct stream *st)
{
	if (st->fd >= 0)
		close(st->fd);
	st->fd = -1;
	st->open = false;
}

/* Something in the pipe, or its end; `over`: nobody writes to it any more. */
static void
see_stream(struct keeper *k, struct slot *s, int i, bool over)
{
	struct stream *st = &s->stream[i];
	int there = 0;

	if (!st->open)
		return;
	if (st->fd >= 0) {
		if (ioctl(st->fd, FIONREAD, &there) == 0 && there == 0) {
			/* A job without output costs no file. */
			close_stream(st);
			return;
		}
		give_to_writer(k, s, i, false);
	}
	if (over)
		give_to_writer(k, s, i, true);
}

static int
open_stream(struct slot *s, int i, int *job_end)
{
	struct stream *st = &s->stream[i];
	int fds[2];

	*st = (struct stream){ .fd = -1 };
	*job_end = -1;
	if (s->file[i].path[0] == '\0')
		return 0;	/* the child opens it */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(fds[0], F_SETPIPE_SZ, 256 << 10);
	st->fd = fds[0];
	st->open = true;
	*job_end = fds[1];
	return 0;
}

/* --- wishes of the clerk */

static void
fail_start(struct keeper *k, struct slot *s, int error)
{
	s->reported = true;
	s->report = (struct shepherd_report){ .stage = STAGE_FORK,
					      .error = error };
	/* The shepherd died while it was idle: no fault of the job. */
	if (error == EPIPE || error == ECONNRESET)
		s->report = (struct shepherd_report){ .why = WHY_LOST,
						      .cpu_ms = -1,
						      .rss_kb = -1 };
	close_stream(&s->stream[0]);
	close_stream(&s->stream[1]);
	conclude(k, s);
}

static void
start(struct keeper *k, const struct wish *w, const int *fds)
{
	struct slot *s = idle_slot(k);
	struct shepherd_fds f = { fds[0], -1, -1, fds[1] };

	if (!s) {
		struct news n = { .op = NEWS_ENDED, .serial = w->serial };

		n.report.stage = STAGE_FORK;
		n.report.error = errno;
		tell(k, &n);
		return;
	}
	s->serial = w->serial;
	s->reported = false;
	s->file[0] = w->file[0];
	s->file[1] = w->file[1];
	if (!w->separate)
		s->file[1].path[0] = '\0';
	if (open_stream(s, 0, &f.out) < 0 || open_stream(s, 1, &f.err) < 0 ||
	    shepherd_send(s->sock, &w->order, &f) < 0)
		fail_start(k, s, errno);
	if (f.out >= 0)
		close(f.out);
	if (f.err >= 0)
		close(f.err);
}

static void
begin_finish(struct keeper *k)
{
	struct news n = { .op = NEWS_FINISH };

	k->finish = true;
	tell(k, &n);
}

static void
begin_shutdown(struct keeper *k)
{
	struct news n = { .op = NEWS_SHUTDOWN };
	struct shepherd_order o = { .op = SHEPHERD_END, .why = WHY_SHUTDOWN };

	/* A second one does not wait for anybody's grace. */
	if (k->shutdown)
		o.op = SHEPHERD_KILL;
	k->shutdown = true;
	tell(k, &n);
	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i]->pid && k->slots[i]->serial)
			shepherd_send(k->slots[i]->sock, &o, NULL);
}

static void
take_wish(struct keeper *k, const struct wish *w, const int *fds)
{
	struct slot *s;

	switch (w->op) {
	case WISH_START:
		start(k, w, fds);
		/* It was sent before the clerk heard of the end. */
		if (k->shutdown) {
			struct shepherd_order o = { .op = SHEPHERD_END,
						    .why = WHY_SHUTDOWN };

			s = slot_of(k, w->serial);
			if (s)
				shepherd_send(s->sock, &o, NULL);
		}
		break;
	case WISH_ORDER:
		if (w->serial == 0 && w->order.op == SHEPHERD_END)
			begin_finish(k);
		else if (w->serial == 0)
			begin_shutdown(k);
		else if ((s = slot_of(k, w->serial)) && s->pid)
			shepherd_send(s->sock, &w->order, NULL);
		break;
	case WISH_LEFT:
		k->left = true;
		break;
	}
}

static void
hear_clerk(struct keeper *k)
{
	struct wish *w = &k->wish;
	int fds[WIRE_FDS], r = 0;

	while (!k->left &&
	       (r = wire_recv(k->parts[PART_CLERK].sock, w, sizeof(*w),
			      fds)) == 1) {
		take_wish(k, w, fds);
		for (int i = 0; i < WIRE_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (r < 0 && !k->left)
		k->broken = true;
}

static void
hear_warden(struct keeper *k)
{
	struct news n = { .op = NEWS_LOOK };
	char bell;
	int r, rung = 0;

	while ((r = wire_recv(k->parts[PART_WARDEN].sock, &bell, 1, NULL)) == 1)
		rung++;
	if (rung)
		tell(k, &n);
	if (r < 0)
		k->broken = true;
}

static void
hear_writer(struct keeper *k)
{
	struct receipt r;
	int got;

	while ((got = wire_recv(k->parts[PART_WRITER].sock, &r, sizeof(r),
				NULL)) == 1) {
		struct slot *s = slot_of(k, r.serial);

		if (!s)
			continue;
		s->stream[r.stream].open = false;
		s->stream[r.stream].error = r.error;
		conclude(k, s);
	}
	if (got < 0)
		k->broken = true;
}

static void
hear_shepherd(struct keeper *k, struct slot *s)
{
	int r = wire_recv(s->sock, &s->report, sizeof(s->report), NULL);

	if (r == 0)
		return;
	if (r < 0) {
		/* It died: what it left is ours now (subreaper). */
		close(s->sock);
		s->pid = 0;
		keeper_kill_strays(k);
		if (!s->serial || s->reported)
			return;
		s->report = (struct shepherd_report){ .why = WHY_LOST,
						      .cpu_ms = -1,
						      .rss_kb = -1 };
	}
	s->reported = true;
	see_stream(k, s, 0, true);
	see_stream(k, s, 1, true);
	conclude(k, s);
}

/* --- processes */

static size_t
known_pids(const struct keeper *k, pid_t *pids)
{
	size_t n = 0;

	for (int p = 0; p < PART_COUNT; p++)
		if (k->parts[p].pid > 0)
			pids[n++] = k->parts[p].pid;
	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i]->pid > 0)
			pids[n++] = k->slots[i]->pid;
	return n;
}

void
keeper_kill_strays(struct keeper *k)
{
	pid_t *pids = xcalloc(k->nslots + PART_COUNT + 1, sizeof(*pids));
	size_t n = known_pids(k, pids);

	if (proc_has_strays(pids, n))
		proc_kill_tree(pids, n, KILL_WAIT_MS, NULL, NULL);
	free(pids);
}

/* Collects what ended.  A part that ended is trouble, unless it left. */
static void
reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int p = 0; p < PART_COUNT; p++) {
			if (k->parts[p].pid != pid)
				continue;
			k->parts[p].pid = 0;
			k->broken |= !(p == PART_CLERK && k->left);
		}
		for (size_t i = 0; i < k->nslots; i++)
			if (k->slots[i]->pid == pid)
				hear_shepherd(k, k->slots[i]);
	}
}

static void
hear_signals(struct keeper *k)
{
	struct signalfd_siginfo si;

	while (read(k->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch ((int)si.ssi_signo) {
		case SIGCHLD:
			reap(k);
			keeper_kill_strays(k);
			break;
		case SIGUSR1:
			begin_finish(k);
			break;
		case SIGHUP:
			if (!k->term.set->hup_ends) {
				struct news n = { .op = NEWS_RELOAD };

				tell(k, &n);
				break;
			}
			begin_shutdown(k);
			break;
		default:
			begin_shutdown(k);
		}
	}
}

/* --- the loop */

static bool
fenced(const struct keeper *k)
{
	const struct beat *b = k->term.beat;

	return b->fenced || (b->deadline_ms && proc_now() >= b->deadline_ms);
}

static struct pollfd
poll_part(const struct part_proc *p)
{
	short events = p->out.n ? POLLIN | POLLOUT : POLLIN;

	return (struct pollfd){ p->sock, events, 0 };
}

#define SLOT_POLLS 4	/* where those of the slots begin */

/* Signals, clerk, writer, warden, then for each slot its shepherd and two
 * pipes. */
static size_t
build_polls(struct keeper *k)
{
	size_t n = 0, max = SLOT_POLLS + k->nslots * 3;

	k->polls = xreallocarray(k->polls, max, sizeof(*k->polls));
	k->polls[n++] = (struct pollfd){ k->sigfd, POLLIN, 0 };
	k->polls[n++] = poll_part(&k->parts[PART_CLERK]);
	k->polls[n++] = poll_part(&k->parts[PART_WRITER]);
	k->polls[n++] = poll_part(&k->parts[PART_WARDEN]);
	for (size_t i = 0; i < k->nslots; i++) {
		struct slot *s = k->slots[i];

		k->polls[n++] = (struct pollfd){ s->pid ? s->sock : -1,
						 POLLIN, 0 };
		for (int j = 0; j < 2; j++)
			k->polls[n++] = (struct pollfd){
				s->stream[j].open ? s->stream[j].fd : -1,
				POLLIN, 0 };
	}
	return n;
}

static void
serve(struct keeper *k, size_t n)
{
	for (size_t i = SLOT_POLLS; i < n; i += 3) {
		struct slot *s = k->slots[(i - SLOT_POLLS) / 3];

		for (int j = 0; j < 2; j++)
			if (k->polls[i + 1 + (size_t)j].revents)
				see_stream(k, s, j, false);
		if (k->polls[i].revents && s->pid)
			hear_shepherd(k, s);
	}
	if (outbox_flush(&k->parts[PART_WRITER].out) < 0 ||
	    outbox_flush(&k->parts[PART_CLERK].out) < 0)
		k->broken = true;
	if (k->polls[2].revents & ~POLLOUT)
		hear_writer(k);
	if (k->polls[1].revents & ~POLLOUT)
		hear_clerk(k);
	if (k->polls[3].revents)
		hear_warden(k);
	if (k->polls[0].revents)
		hear_signals(k);
}

/* A spool that does not answer keeps all who could tell of it waiting in a
 * call: only the keeper sees that the heartbeat is late. */
struct silence {
	int64_t beat_ms;	/* the last heartbeat, BOOTTIME as all here */
	int64_t seen_ms;	/* when we saw it */
	int64_t late_ms;	/* since when we see the next one late; 0 */
	bool told;
};

/* One line when the spool goes and one when it is back. */
static void
watch_beat(const struct keeper *k, struct silence *s)
{
	const struct spool *sp = k->term.sp;
	int64_t now = proc_now();
	int64_t beat = k->term.beat->deadline_ms - sp->conf.lease_ms +
		       spool_margin_ms(sp);

	if (beat != s->beat_ms) {
		if (s->told)
			msg_warn("spool '%s' answers again after %" PRId64
				 " s", sp->dir, (now - s->beat_ms) / 1000);
		*s = (struct silence){ .beat_ms = beat, .seen_ms = now };
	} else if (k->term.beat->leaving ||
		   now - s->seen_ms < LATE_MS + 2 * spool_beat_ms(sp)) {
		s->late_ms = 0;
	} else if (!s->late_ms) {
		/* After a suspend the first look proves nothing. */
		s->late_ms = now;
	} else if (!s->told && now - s->late_ms >= LATE_MS / 2) {
		msg_warn("spool '%s' does not answer: no heartbeat for %" PRId64
			 " s; waiting for it", sp->dir,
			 (now - beat) / 1000);
		s->told = true;
	}
}

static int
until_deadline(const struct keeper *k)
{
	int64_t left = k->term.beat->deadline_ms - proc_now();

	if (k->shutdown && left > 1000)
		left = 1000;
	if (left > LATE_MS / 2)
		left = LATE_MS / 2;	/* for watch_beat */
	if (left < 0)
		left = 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static bool
any_running(const struct keeper *k)
{
	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i]->pid && k->slots[i]->serial &&
		    !k->slots[i]->reported)
			return true;
	return false;
}

/* In a shutdown with all jobs ended: has the clerk had its time? */
static bool
leave_over(struct keeper *k)
{
	if (!k->shutdown || any_running(k))
		return false;
	if (!k->ended_ms)
		k->ended_ms = proc_now();
	return proc_now() - k->ended_ms > LEAVE_WAIT_MS;
}

enum term_end
keeper_serve(struct keeper *k)
{
	struct silence silence = { .told = false };

	for (;;) {
		size_t n;

		watch_beat(k, &silence);
		if (fenced(k))
			return TERM_FENCED;
		if (k->left)
			return TERM_LEFT;
		if (k->broken)
			return fenced(k) ? TERM_FENCED : TERM_BROKEN;
		if (leave_over(k))
			return TERM_STUCK;
		n = build_polls(k);
		if (poll(k->polls, n, until_deadline(k)) > 0)
			serve(k, n);
	}
}

/* --- begin and end of a term */

/* The pulse is gone before it had a seat.  One that failed said why. */
static void
tell_of_pulse(struct keeper *k)
{
	struct part_proc *p = &k->parts[PART_PULSE];
	int64_t until = proc_now() + KILL_WAIT_MS;
	int status = 0;
	pid_t r;

	while ((r = waitpid(p->pid, &status, WNOHANG)) == 0 &&
	       proc_now() < until)
		usleep(5000);
	if (r != p->pid)
		return;
	p->pid = 0;
	if (WIFSIGNALED(status))
		msg_warn("a part of this worker was killed while it started "
			 "(signal %d)", WTERMSIG(status));
}

/* Waits for the pulse's word.  1, 0 the worker is told to end, -1 it died. */
static int
await_seat(struct keeper *k)
{
	struct pollfd p[2] = { { k->parts[PART_PULSE].sock, POLLIN, 0 },
			       { k->sigfd, POLLIN, 0 } };
	struct signalfd_siginfo si;
	char byte;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents &&
		    read(k->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si) &&
		    si.ssi_signo != SIGCHLD && si.ssi_signo != SIGHUP)
			return 0;
		if (p[0].revents)
			return wire_recv(p[0].fd, &byte, 1, NULL) == 1 ? 1
								       : -1;
	}
}

int
keeper_begin(struct keeper *k)
{
	uuid_t uuid;
	int r;

	k->term.beat = mmap(NULL, sizeof(struct beat), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->term.beat == MAP_FAILED) {
		msg_warn("cannot share memory: %s", strerror(errno));
		return -1;
	}
	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, k->term.uuid);
	for (int p = 0; p < PART_COUNT; p++)
		k->parts[p] = (struct part_proc){ .sock = -1 };
	if (start_part(k, PART_PULSE, pulse_main) < 0)
		return -1;
	r = await_seat(k);
	if (r < 0)
		tell_of_pulse(k);
	if (r <= 0)
		return r;
	if (start_part(k, PART_WRITER, writer_main) < 0 ||
	    start_part(k, PART_WARDEN, warden_main) < 0 ||
	    start_part(k, PART_CLERK, clerk_main) < 0)
		return -1;
	return 1;
}

static bool
all_gone(const struct keeper *k)
{
	for (int p = 0; p < PART_COUNT; p++)
		if (k->parts[p].pid > 0)
			return false;
	return true;
}

/*
 * Ends all jobs, then all parts.  A shepherd leaves only when its tree is
 * gone; a part that hangs in the kernel is left behind after a while: it runs
 * no instruction of ours any more.  true: all of them are surely gone.
 */
bool
keeper_end(struct keeper *k)
{
	int64_t until = proc_now() + KILL_WAIT_MS;
	bool gone;

	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i]->pid)
			close(k->slots[i]->sock);	/* kills its tree */
	for (int p = 0; p < PART_COUNT; p++) {
		if (k->parts[p].pid > 0)
			kill(k->parts[p].pid, SIGKILL);
		if (k->parts[p].sock >= 0)
			close(k->parts[p].sock);
		outbox_release(&k->parts[p].out);
	}
	for (size_t i = 0; i < k->nslots; i++) {
		struct slot *s = k->slots[i];

		while (s->pid && waitpid(s->pid, NULL, 0) < 0 &&
		       errno == EINTR)
			continue;
		close_stream(&s->stream[0]);
		close_stream(&s->stream[1]);
		free(s);
	}
	free(k->slots);
	k->slots = NULL;
	k->nslots = 0;
	for (int p = 0; p < PART_COUNT; p++)
		while (k->parts[p].pid > 0 && proc_now() < until)
			if (waitpid(k->parts[p].pid, NULL, WNOHANG) != 0)
				k->parts[p].pid = 0;
			else
				usleep(5000);
	/* Also of the jobs: one that the kernel holds may still write. */
	gone = proc_kill_tree(NULL, 0, KILL_WAIT_MS, NULL, NULL);
	munmap(k->term.beat, sizeof(struct beat));
	return gone && all_gone(k);
}

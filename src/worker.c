/*
 * worker.c - the terms of a worker: one seat after the other until it is
 * told, or set, to end
 */
#include "nfsq.h"
#include "keeper.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "proc.h"

#define BACK_TOLD_MS 10000	/* a new seat that took longer is told of */

static int
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);	/* ignored, nobody tells us of an end */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Waits before a new start, longer each time.  false: told to end. */
static bool
pause_before(struct keeper *k, int64_t ms)
{
	struct pollfd p = { k->sigfd, POLLIN, 0 };
	struct signalfd_siginfo si;
	int64_t until = proc_now() + ms;

	while (proc_now() < until) {
		if (poll(&p, 1, (int)(until - proc_now()) + 1) <= 0)
			continue;
		while (read(k->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
			if (si.ssi_signo == SIGTERM ||
			    si.ssi_signo == SIGINT ||
			    si.ssi_signo == SIGUSR1 ||
			    (si.ssi_signo == SIGHUP &&
			     k->term.set->hup_ends)) {
				k->shutdown = true;
				return false;
			}
	}
	return true;
}

/* *joined: it got a seat in the spool; lost_ms: when the last one was lost, 0
 * there was none. */
static enum term_end
one_term(struct keeper *k, bool *joined, int64_t lost_ms)
{
	enum term_end end = TERM_BROKEN;
	char uuid[UUID_LEN + 1];
	int r = keeper_begin(k);

	snprintf(uuid, sizeof(uuid), "%s", k->term.uuid);
	if (r == 1) {
		*joined = true;
		if (lost_ms && proc_now() - lost_ms >= BACK_TOLD_MS)
			msg_warn("joined spool '%s' again after %" PRId64 " s",
				 k->term.set->spool,
				 (proc_now() - lost_ms) / 1000);
		end = keeper_serve(k);
		k->term.dead[0] = '\0';
	} else if (r == 0) {
		end = TERM_STUCK;
		k->shutdown = true;
	}
	/* Only when no process of that life is left may its claims be taken
	 * at once; otherwise others wait for the lease. */
	if (keeper_end(k) && r == 1 && end != TERM_LEFT)
		snprintf(k->term.dead, sizeof(k->term.dead), "%s", uuid);
	return end;
}

int
worker_run(struct worker_settings *set, struct spool *sp)
{
	struct keeper k = { .term = { .set = set, .sp = sp } };
	int64_t delay = 0, began = proc_now(), lost = 0;
	enum term_end end = TERM_BROKEN;
	bool ever = false;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	k.sigfd = watch_signals();
	if (set->max_time_ms)
		k.term.stop_ms = proc_now() + set->max_time_ms;
	for (;;) {
		int64_t start = proc_now();
		bool joined = false;

		k.left = k.broken = false;
		end = one_term(&k, &joined, lost);
		if (end == TERM_LEFT || end == TERM_STUCK || k.shutdown ||
		    k.finish)
			break;
		/* Without a seat: why has been said, by the part that failed
		 * or by keeper_begin. */
		ever |= joined;
		if (!ever)
			break;
		if (joined) {
			msg_warn("%s; all its jobs here are ended, starting "
				 "over", end == TERM_FENCED
				 ? "this worker lost its lease"
				 : "a part of this worker died");
			lost = proc_now();
		}
		delay = proc_now() - start > 60000 ? 0 : delay * 2 + 200;
		if (delay > 60000)
			delay = 60000;
		/* It never worked: no use to go on for --once. */
		if (end == TERM_BROKEN && set->once &&
		    proc_now() - began > 30000)
			break;
		if (!pause_before(&k, delay))
			break;
	}
	free(k.polls);
	close(k.sigfd);
	if (end == TERM_STUCK)
		msg_warn("leave without giving back: the spool does not "
			 "answer; what was claimed is queued again after the "
			 "lease");
	return end == TERM_LEFT || k.shutdown || k.finish ? EXIT_DONE
							   : EXIT_FAILED;
}

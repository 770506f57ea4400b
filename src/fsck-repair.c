/*
 * fsck-repair.c - fsck --repair: watches silent workers, does what any worker
 * does from time to time, and has each finding mended (fsck-mend.c), round by
 * round until a new check finds nothing that can be
 *
 * What cannot be mended safely is left alone, with the reason.
 */
#include "nfsq.h"
#include "fsck-int.h"

#include "recover.h"

#define ROUNDS 5

void
fsck_say(struct fsck_repair *r, const char *fmt, ...)
{
	struct str raw = STR_INIT, safe = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&raw, fmt, ap);
	va_end(ap);
	str_add_safe(&safe, raw.s, raw.len);
	r->tell(safe.s, r->arg);
	str_release(&raw);
	str_release(&safe);
}

/* --- silent workers */

struct vigil {			/* the watch of one that holds no seat */
	struct watch watch;
	int64_t last_ms;	/* before our last heartbeat; 0 none */
	int64_t from_ms;	/* heartbeats without a gap since then */
};

static int64_t
boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Our own heartbeat is a file of our own on the same server (PROTOCOL P5, as
 * note() in pulse.c).  0 or -1. */
static int
beat(struct fsck_repair *r, struct vigil *v)
{
	int64_t before = boottime();

	if (spool_server_now(r->sp, &r->now_ms, &r->err) < 0)
		return -1;
	if (!v->last_ms || before - v->last_ms > spool_gap_ms(r->sp))
		v->from_ms = boottime();
	v->last_ms = before;
	return 0;
}

/* Workers without a lease, or without a heartbeat for longer than any gap of
 * a live one.  That is when to watch, not whom to reap.  0 or -1. */
static int
list_silent(struct fsck_repair *r, struct strlist *silent)
{
	struct strlist names = STRLIST_INIT;
	int k = spool_worker_names(r->sp, &names, &r->err);

	for (size_t i = 0; k >= 0 && i < names.n; i++) {
		int64_t ms = 0;

		k = spool_lease(r->sp, names.v[i], &ms, &r->err);
		if (k == 0 || (k == 1 &&
			       r->now_ms - ms > spool_gap_ms(r->sp)))
			strlist_add(silent, names.v[i]);
	}
	strlist_release(&names);
	return k < 0 ? -1 : 0;
}

static void
tell_reaped(struct fsck_repair *r, const struct strlist *before)
{
	struct strlist names = STRLIST_INIT;

	if (spool_worker_names(r->sp, &names, NULL) == 0)
		for (size_t i = 0; i < before->n; i++) {
			if (strlist_has(&names, before->v[i]))
				continue;
			fsck_say(r, "mended: workers/%s: its jobs were taken "
				 "over", before->v[i]);
			r->mended++;
		}
	strlist_release(&names);
}

/* A round of the watch.  1 somebody is silent still, 0 nobody, -1. */
static int
watch_round(struct fsck_repair *r, struct vigil *v, struct strlist *silent)
{
	if (beat(r, v) < 0 || list_silent(r, silent) < 0)
		return -1;
	if (silent->n == 0)
		return 0;
	/* Only time up to our last heartbeat counts: what blocked since then
	 * may have kept the others from theirs. */
	if (recover_watch(r->sp, &v->watch, NULL, v->last_ms, v->from_ms,
			  &r->err) < 0)
		return -1;
	return 1;
}

/* Watches until nobody is silent: for a lease, and as long again when the
 * server was away meanwhile. */
static void
watch_silent(struct fsck_repair *r)
{
	int64_t lease = r->sp->conf.lease_ms, end = boottime() + 3 * lease;
	int64_t ms = spool_beat_ms(r->sp);
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	struct strlist first = STRLIST_INIT;
	struct vigil v = { .last_ms = 0 };
	int k;

	do {
		struct strlist silent = STRLIST_INIT;

		k = watch_round(r, &v, &silent);
		if (!first.n && silent.n) {
			first = silent;
			msg_info("watching %zu silent worker%s for the lease, "
				 "%" PRId64 " s", first.n,
				 first.n == 1 ? "" : "s", lease / 1000);
		} else {
			strlist_release(&silent);
		}
		if (k != 0)
			nanosleep(&pause, NULL);
	} while (k != 0 && boottime() < end);
	if (k < 0)
		msg_warn("%s", error_text(&r->err));
	error_release(&r->err);
	tell_reaped(r, &first);
	strlist_release(&first);
	watch_release(&v.watch);
}

/* --- all of it */

/* What any worker does from time to time. */
static void
housekeep(struct fsck_repair *r)
{
	int64_t next;
	int n = recover_release_waiting(r->sp, r->now_ms, &next, &r->err);

	if (n > 0) {
		fsck_say(r, "mended: waiting: queued %d job%s whose time had "
			 "come", n, n == 1 ? "" : "s");
		r->mended++;
	}
	if (n < 0 || recover_queue(r->sp, &r->err) < 0)
		msg_warn("%s", error_text(&r->err));
	error_release(&r->err);
	spool_sweep_tmp(r->sp, FSCK_TMP_MS, r->now_ms);
}

/* The reason of the round before is that of what is still there. */
static void
tell_left(struct fsck_repair *r, const struct findings *left,
	  const struct findings *before)
{
	for (size_t i = 0; i < left->n; i++) {
		const char *why = left->v[i].why;

		for (size_t k = 0; !why && k < before->n; k++)
			if (strcmp(before->v[k].text, left->v[i].text) == 0)
				why = before->v[k].why;
		fsck_say(r, "left alone: %s%s%s", left->v[i].text,
		     why ? "; " : "", why ? why : "");
	}
}

int
fsck_repair(struct spool *sp, struct findings *found, size_t *jobs,
	    fsck_tell *tell_fn, void *arg, struct error *err)
{
	struct fsck_repair r = { .sp = sp, .tell = tell_fn, .arg = arg,
			    .err = ERROR_INIT };
	struct findings before = { .v = NULL };
	int k = 0;

	watch_silent(&r);
	for (int round = 0; k == 0 && round < ROUNDS; round++) {
		k = spool_server_now(sp, &r.now_ms, err);
		if (k < 0)
			break;
		housekeep(&r);
		for (int m = MEND_NONE + 1; m < MEND_COUNT; m++)
			for (size_t i = 0; i < found->n; i++)
				if (found->v[i].mend == (enum fsck_mend)m)
					fsck_mend_one(&r, &found->v[i]);
		if (r.mended == 0)
			break;
		r.mended = 0;
		findings_release(&before);
		before = *found;
		memset(found, 0, sizeof(*found));
		k = fsck_run(sp, r.now_ms, found, jobs, err);
		if (found->n == 0)
			break;
	}
	if (k == 0)
		tell_left(&r, found, &before);
	findings_release(&before);
	return k;
}

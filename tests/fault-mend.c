/*
 * fault-mend.c - fsck --repair: a damage, the mend of it, and a second
 * fsck --repair that goes on
 *
 * The damage is done behind the table's back, as by a restored snapshot or an
 * unhappy rm.  Most verbs are one mend each, of findings made with healthy
 * calls; the last ones are all of fsck --repair.
 */
#include "nfsq.h"
#include "fault-verbs.h"

#include "fsck-int.h"
#include "spool-mend.h"

static struct findings found;		/* of the scene at hand */
static int64_t found_ms;		/* the server's clock then */

static void
hush(const char *line, void *arg)
{
	(void)line;
	(void)arg;
}

/* A healthy check. */
static void
check(struct world *w)
{
	struct error err = ERROR_INIT;
	size_t jobs;

	findings_release(&found);
	if (spool_server_now(w->sp, &found_ms, &err) < 0 ||
	    fsck_run(w->sp, found_ms, &found, &jobs, &err) < 0)
		wrong(w, "healthy fsck: %s", error_text(&err));
	error_release(&err);
}

static size_t
mendable(void)
{
	size_t n = 0;

	for (size_t i = 0; i < found.n; i++)
		n += found.v[i].mend != MEND_NONE;
	return n;
}

/* The last step of each scene: so much can be mended. */
static void
expect(struct world *w, size_t n)
{
	if (w->failed)
		return;
	check(w);
	if (mendable() != n)
		wrong(w, "the scene has %zu findings, not %zu: %s", mendable(),
		      n, found.n ? found.v[0].text : "");
}

static int
act_mend(struct world *w)
{
	struct fsck_repair r = { .sp = w->sp, .now_ms = found_ms,
				 .tell = hush, .err = ERROR_INIT };

	for (int m = MEND_NONE + 1; m < MEND_COUNT; m++)
		for (size_t i = 0; i < found.n; i++)
			if (found.v[i].mend == (enum fsck_mend)m)
				fsck_mend_one(&r, &found.v[i]);
	/* Of two files of a job one may be mended with the other. */
	for (size_t i = 0; i < found.n; i++)
		if (found.v[i].why)
			return -1;
	return r.mended > 0 ? 1 : 0;
}

/* 1 all is well; 0 findings are left; -1 */
static int
act_repair(struct world *w)
{
	struct error err = ERROR_INIT;
	size_t jobs;
	int r;

	findings_release(&found);
	r = spool_server_now(w->sp, &found_ms, &err);
	if (r == 0)
		r = fsck_run(w->sp, found_ms, &found, &jobs, &err);
	if (r == 0)
		r = fsck_repair(w->sp, &found, &jobs, hush, NULL, &err);
	keep_text(w, &err);
	return r < 0 ? -1 : found.n == 0;
}

/* The last step for a body without a token, alone. */
static int
act_adopt(struct world *w)
{
	struct token t;

	token_init(&t);
	t.id = w->job[0].id;
	memcpy(t.nonce, w->job[0].nonce, sizeof(t.nonce));
	t.submit_ms = w->job[0].submit_ms - 1;
	t.reason = REASON_HOLD;
	if (spool_mend_counts(w->sp, &t) < 0)
		return -1;
	return spool_mend_adopt(w->sp, &t, STATE_HELD) < 0 ? -1 : 1;
}

/* --- afterwards */

static void
set_age(struct world *w, const char *path, int64_t seconds)
{
	struct timespec t[2];

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= (time_t)seconds;
	t[1] = t[0];
	if (utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW) < 0)
		wrong(w, "cannot set the time of '%s': %s", path,
		      strerror(errno));
}

/* What a mend that died left in tmp/ is as if two days had gone by. */
static void
age_tmp(struct world *w)
{
	struct strlist names = STRLIST_INIT;
	char *tmp = xasprintf("%s/tmp", w->dir);

	fs_list_all(tmp, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *path = xasprintf("%s/%s", tmp, names.v[i]);

		set_age(w, path, 2 * 86400);
		free(path);
	}
	strlist_release(&names);
	free(tmp);
}

/* "It is gone" (a false one) is what looks at the many names of a spool take
 * as the usual race. */
static bool
seemed_gone(const struct world *w)
{
	return strstr(w->sh->log.what, strerror(ENOENT)) ||
	       strstr(w->sh->log.what, strerror(ESTALE)) ||
	       strstr(w->sh->log.what, "stale name");
}

static void
after_mend(struct world *w)
{
	/* What was done is done. */
	if (told(w, 1) && !seemed_gone(w)) {
		check(w);
		if (found.n)
			wrong(w, "said mended, but: %s", found.v[0].text);
	}
	/* The next one has no need to know of the first, and ends it. */
	if (!w->failed && act_repair(w) < 0)
		wrong(w, "the second repair fails: %.200s", w->sh->text);
	age_tmp(w);
	if (!w->failed && act_repair(w) != 1)
		wrong(w, "the third repair leaves: %s",
		      found.n ? found.v[0].text : w->sh->text);
	/* The counter is above all ids: a new job is a new one. */
	if (!w->failed)
		world_add(w, 0);
}

/* The result that was in the name alone of a removed token is kept. */
static void
after_twins(struct world *w)
{
	const struct token *t = &w->job[0];

	after_mend(w);
	if (!file_exists(w, "out/0/%" PRIu64 ".%s.3.a1.att", t->id, t->nonce))
		wrong(w, "a result went with its token");
}

/* The counters go on from what its outputs tell of. */
static void
after_orphan(struct world *w)
{
	struct seen s;

	after_mend(w);
	state_of(w, &w->job[0], &s);
	if (s.t.attempt < 1 || s.t.move < 2)
		wrong(w, "its counters begin anew: %.200s", s.rel);
}

/* --- damages */

static char *
in_spool(const struct world *w, const char *fmt, ...) PRINTF(2, 3);

static char *
in_spool(const struct world *w, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	str_addf(&s, "%s/", w->dir);
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return str_detach(&s);
}

/* Moves rel, whose directory may be new. */
static void
displace(struct world *w, const char *from, const char *to)
{
	char *a = in_spool(w, "%s", from), *b = in_spool(w, "%s", to);

	*strrchr(b, '/') = '\0';
	mkdir(b, 0700);
	b[strlen(b)] = '/';
	if (rename(a, b) < 0)
		wrong(w, "cannot displace '%s': %s", from, strerror(errno));
	free(a);
	free(b);
}

static void
destroy(struct world *w, const char *rel)
{
	char *path = in_spool(w, "%s", rel);
	uint64_t ino = client_last(path);

	if (remove(path) < 0)
		wrong(w, "cannot remove '%s': %s", rel, strerror(errno));
	client_ended(ino);
	free(path);
}

static void
link_at(struct world *w, const char *rel, const char *text)
{
	char *path = in_spool(w, "%s", rel);

	if (symlink(text, path) < 0)
		wrong(w, "cannot make '%s': %s", rel, strerror(errno));
	free(path);
}

/* An entry of a token in dir, as a restored snapshot has it. */
static void
copy_token(struct world *w, const struct token *t, const char *name,
	   const char *dir)
{
	char *path = in_spool(w, "%s", dir);
	char *rel = xasprintf("%s/%s", dir, name);
	char *text = xasprintf("../../jobs/0/%" PRIu64 ".%s", t->id, t->nonce);

	mkdir(path, 0700);
	link_at(w, rel, text);
	free(text);
	free(rel);
	free(path);
}

static char *
counter(const struct world *w)
{
	struct strlist names = STRLIST_INIT;
	char *dir = in_spool(w, "seq"), *rel = NULL;

	fs_list(dir, &names, NULL);
	if (names.n)
		rel = xasprintf("seq/%s", names.v[0]);
	strlist_release(&names);
	free(dir);
	return rel;
}

/* Where the job's only token is; the caller's. */
static char *
place_of(struct world *w, const struct token *t)
{
	struct seen s;

	state_of(w, t, &s);
	return xstrdup(s.rel);
}

static char *
body_of(const struct token *t, unsigned shard, const char *rest)
{
	return xasprintf("jobs/%u/%" PRIu64 ".%s%s", shard, t->id, t->nonce,
			 rest);
}

/* Removes the job's token and makes its body old: nobody submits it any
 * more. */
static void
lose_token(struct world *w, const struct token *t)
{
	static const char *const rests[] = { "", ".in" };
	char *rel = place_of(w, t);

	destroy(w, rel);
	free(rel);
	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		char *body = body_of(t, 0, rests[i]);
		char *path = in_spool(w, "%s", body);

		if (access(path, F_OK) == 0)
			set_age(w, path, 3 * 86400);
		free(path);
		free(body);
	}
}

static void
cut_body(struct world *w, const struct token *t)
{
	char *rel = body_of(t, 0, ""), *path = in_spool(w, "%s", rel);

	if (truncate(path, 100) < 0)
		wrong(w, "cannot cut '%s': %s", rel, strerror(errno));
	free(path);
	free(rel);
}

/* A job that ran once: what it printed is in out/.  Its token then. */
static struct token
run_once(struct world *w, struct token *t)
{
	struct token claim = *t;

	world_claim(w, &claim, false);
	run_claim(w, &w->seat, &claim);
	return claim;
}

/* --- scenes */

static void
prepare_counter_low(struct world *w)
{
	char *rel;

	prepare_queued(w);
	world_add(w, 0);
	rel = counter(w);
	displace(w, rel, "seq/2.0123456789");
	free(rel);
	expect(w, 1);
}

static void
prepare_counter_two(struct world *w)
{
	prepare_queued(w);
	link_at(w, "seq/1.0123456789", "next");
	link_at(w, "seq/17.0123456789", "next");
	expect(w, 2);
}

static void
prepare_counter_lost(struct world *w)
{
	char *rel;

	prepare_queued(w);
	rel = counter(w);
	destroy(w, rel);
	free(rel);
	expect(w, 1);
}

static void
prepare_group(struct world *w)
{
	struct error err = ERROR_INIT;
	char *dir = xasprintf("%s/spool", w->top);

	if (spool_init(dir, true, 300000, &err) != 1)
		wrong(w, "healthy init: %s", error_text(&err));
	error_release(&err);
	free(dir);
	prepare_queued(w);
}

static void
prepare_dirs(struct world *w)
{
	prepare_group(w);
	destroy(w, "cancelled");
	destroy(w, "tomb");
	expect(w, 2);
}

static void
prepare_modes(struct world *w)
{
	char *body, *path;

	prepare_group(w);
	path = in_spool(w, "held");
	chmod(path, 0755);
	free(path);
	body = body_of(&w->job[0], 0, "");
	path = in_spool(w, "%s", body);
	chmod(path, 0644);
	free(path);
	free(body);
	expect(w, 2);
}

/* Tokens where they do not belong: queued, held, ended, purged. */
static void
prepare_places(struct world *w)
{
	static const char *const dirs[] = {
		"queue/5.c1.0.0123456789", "held/3", "done/3", "tomb/3",
	};
	struct token run;
	struct entry e;

	prepare_queued(w);
	world_add(w, MAKE_HELD);
	for (unsigned i = 2; i < 4; i++) {
		world_add(w, 0);
		run = run_once(w, &w->job[i]);
	}
	if (spool_find(w->sp, run.id, &e, NULL) != 1 ||
	    spool_purge(w->sp, &e, NULL) != 1)
		wrong(w, "healthy purge");
	entry_release(&e);
	w->want[3] = 1u << STATE_TOMB;
	for (unsigned i = 0; i < 4 && !w->failed; i++) {
		char *from = place_of(w, &w->job[i]);
		char *to = xasprintf("%s%s", dirs[i], strrchr(from, '/'));

		displace(w, from, to);
		free(from);
		free(to);
	}
	expect(w, 4);
}

static void
prepare_shards(struct world *w)
{
	static const char *const rests[] = { "", ".in" };
	const struct token *t;
	struct strlist names = STRLIST_INIT;
	char *out;

	prepare_submit(w);
	t = world_add(w, MAKE_INPUT);
	world_join(w);
	run_once(w, &w->job[0]);
	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		char *from = body_of(t, 0, rests[i]);
		char *to = body_of(t, 3, rests[i]);

		displace(w, from, to);
		free(from);
		free(to);
	}
	out = in_spool(w, "out/0");
	fs_list(out, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		char *from = xasprintf("out/0/%s", names.v[i]);
		char *to = xasprintf("out/3/%s", names.v[i]);

		displace(w, from, to);
		free(from);
		free(to);
	}
	strlist_release(&names);
	free(out);
	expect(w, 3);
}

static void
remove_records(struct world *w)
{
	struct strlist names = STRLIST_INIT;
	char *out = in_spool(w, "out/0");

	fs_list(out, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		char *rel = xasprintf("out/0/%s", names.v[i]);

		if (strstr(rel, ".att"))
			destroy(w, rel);
		free(rel);
	}
	strlist_release(&names);
	free(out);
}

/* Older copies of what is further on now: of the queued one, and of a result
 * that a new round left. */
static void
prepare_twins(struct world *w)
{
	char *queued, *done;
	struct entry e;

	prepare_queued(w);
	queued = place_of(w, &w->job[0]);
	run_once(w, &w->job[0]);
	done = place_of(w, &w->job[0]);
	if (spool_find(w->sp, w->job[0].id, &e, NULL) != 1 ||
	    recover_rerun(w->sp, &e, false) != 1)
		wrong(w, "healthy requeue");
	entry_release(&e);
	copy_token(w, &w->job[0], strrchr(queued, '/') + 1, "held/0");
	copy_token(w, &w->job[0], strrchr(done, '/') + 1, "failed/0");
	remove_records(w);
	free(done);
	free(queued);
	w->attempts[0] = 2;
	expect(w, 2);
}

static void
prepare_bodies(struct world *w)
{
	char *rel;

	prepare_queued(w);
	world_add(w, MAKE_LATER);
	rel = body_of(&w->job[0], 0, "");
	destroy(w, rel);
	free(rel);
	cut_body(w, &w->job[1]);
	w->want[0] = w->want[1] = 1u << STATE_CORRUPT;
	expect(w, 2);
}

static void
prepare_orphans(struct world *w)
{
	prepare_submit(w);
	world_add(w, MAKE_INPUT);
	world_add(w, 0);
	world_join(w);
	run_once(w, &w->job[1]);
	lose_token(w, &w->job[0]);
	lose_token(w, &w->job[1]);
	expect(w, 3);
}

static void
prepare_orphan(struct world *w)
{
	prepare_queued(w);
	run_once(w, &w->job[0]);
	lose_token(w, &w->job[0]);
	expect(w, 1);
}

/* A body that is cut, and an input whose body was never written. */
static void
prepare_bad_orphans(struct world *w)
{
	char *rel;

	prepare_submit(w);
	world_add(w, 0);
	world_add(w, MAKE_INPUT);
	cut_body(w, &w->job[0]);
	lose_token(w, &w->job[0]);
	lose_token(w, &w->job[1]);
	rel = body_of(&w->job[1], 0, "");
	destroy(w, rel);
	free(rel);
	w->want[0] = w->want[1] = 1u << STATE_CORRUPT;
	expect(w, 2);
}

static void
prepare_purged(struct world *w)
{
	char *body, *rel;
	struct entry e;

	prepare_queued(w);
	run_once(w, &w->job[0]);
	body = body_of(&w->job[0], 0, "");
	rel = body_of(&w->job[0], 0, ".in");
	if (spool_find(w->sp, w->job[0].id, &e, NULL) != 1 ||
	    spool_purge(w->sp, &e, NULL) != 1)
		wrong(w, "healthy purge");
	entry_release(&e);
	for (int i = 0; i < 2; i++) {
		char *path = in_spool(w, "%s", i ? rel : body);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || close(fd) < 0)
			wrong(w, "cannot make '%s'", path);
		free(path);
	}
	w->want[0] = 1u << STATE_TOMB;
	free(rel);
	free(body);
	expect(w, 2);
}

/* One worker is dead for all, another one silent for an hour. */
static void
prepare_silent(struct world *w)
{
	struct token t;
	char *lease;

	prepare_queued(w);
	t = w->job[0];
	world_claim(w, &t, true);
	lease = in_spool(w, "workers/%s/lease", w->seat.uuid);
	if (w->how & MAKE_FRAGILE) {
		if (unlink(lease) < 0)
			wrong(w, "cannot remove '%s'", lease);
		w->want[0] = 1u << STATE_FAILED;
		w->attempts[0] = 1;
	} else {
		set_age(w, lease, 3600);
		w->attempts[0] = 2;
	}
	w->lost[0] = 1;
	free(lease);
	expect(w, 1);
}

/* Much at once, and what workers do from time to time. */
static void
prepare_ruin(struct world *w)
{
	char *rel, *lease;
	struct token t;

	prepare_queued(w);
	world_add(w, MAKE_LATER);
	world_add(w, 0);
	t = w->job[0];
	world_claim(w, &t, true);
	w->lost[0] = 1;
	w->attempts[0] = 2;
	lease = in_spool(w, "workers/%s/lease", w->seat.uuid);
	unlink(lease);
	free(lease);
	ask(w, REQ_CANCEL, w->job[1].id, NULL);
	w->want[1] = 1u << STATE_CANCELLED;
	rel = body_of(&w->job[2], 0, "");
	destroy(w, rel);
	free(rel);
	w->want[2] = 1u << STATE_CORRUPT;
	rel = counter(w);
	destroy(w, rel);
	free(rel);
	destroy(w, "cancelled");
	expect(w, 4);
}

#define MEND(n, p, s, m) \
	{ .name = "mend, " n, .prepare = p, .act = act_mend, \
	  .after = after_mend, .step = s, .least = m }
#define REPAIR(n, p, h, s, m) \
	{ .name = "repair, " n, .prepare = p, .act = act_repair, \
	  .after = after_mend, .how = h, .step = s, .least = m }

const struct verb mend_verbs[] = {
	MEND("counter too low", prepare_counter_low, 1, 151),
	MEND("counters", prepare_counter_two, 1, 219),
	MEND("no counter", prepare_counter_lost, 1, 162),
	MEND("directories", prepare_dirs, 1, 144),
	MEND("modes", prepare_modes, 1, 94),
	MEND("places", prepare_places, 1, 361),
	MEND("shards", prepare_shards, 1, 301),
	{ .name = "mend, twins", .prepare = prepare_twins, .act = act_mend,
	  .after = after_twins, .least = 337 },
	MEND("bodies", prepare_bodies, 1, 411),
	{ .name = "mend, orphan, its token", .prepare = prepare_orphan,
	  .act = act_adopt, .after = after_orphan, .least = 268 },
	MEND("orphans", prepare_orphans, 8, 1567),
	MEND("bad orphans", prepare_bad_orphans, 8, 1222),
	MEND("purged", prepare_purged, 1, 211),
	REPAIR("dead worker", prepare_silent, MAKE_FRAGILE, 10, 593),
	REPAIR("silent worker", prepare_silent, 0, 10, 756),
	REPAIR("ruin", prepare_ruin, 0, 10, 746),
	{ .name = NULL },
};

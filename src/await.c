/*
 * await.c - waiting for the end of jobs
 *
 * The ended states are looked at again and again, ever more slowly; a job not
 * among them is looked for everywhere now and then, as it may have been
 * purged.  A job is said to have ended only when its outputs are visible on
 * this host (cmd_settle).
 */
#include "nfsq.h"
#include "cmd.h"
#include "output.h"

#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 1000
#define FIND_MS 5000		/* between looks everywhere */

struct await {
	struct spool *sp;
	struct entry *v;
	size_t n, ended;
	bool progress;
	bool terminal;
	size_t told_ended, told_running;
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
cmd_pause(int64_t ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static int
cmp_id(const void *key, const void *elem)
{
	const uint64_t *id = key;
	const struct entry *e = elem;

	return (*id > e->t.id) - (*id < e->t.id);
}

static int
cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return token_cmp(&x->t, &y->t);
}

/* Puts what was seen of a job in its place, if it is newer.  An end stays:
 * what comes after it is another round. */
static int
take(const struct entry *e, void *arg)
{
	struct await *w = arg;
	struct entry *mine = bsearch(&e->t.id, w->v, w->n, sizeof(*w->v),
				     cmp_id);

	if (!mine || state_ended(mine->state) || e->t.move < mine->t.move)
		return 0;
	entry_release(mine);
	*mine = *e;
	mine->dir = xstrdup(e->dir);
	if (state_ended(e->state))
		w->ended++;
	return 0;
}

/* Looks for the open ones everywhere. */
static int
find_open(struct await *w, struct error *err)
{
	for (size_t i = 0; i < w->n; i++) {
		struct entry e = { .dir = NULL };
		uint64_t id = w->v[i].t.id;
		int r;

		if (state_ended(w->v[i].state))
			continue;
		r = spool_find(w->sp, id, &e, err);
		if (r == 1)
			take(&e, w);
		entry_release(&e);
		if (r < 0)
			return -1;
		if (r == 0)
			return error_set(err, "job %" PRIu64 " is no longer in "
					 "'%s'", id, w->sp->dir);
	}
	return 0;
}

static int
look(struct await *w, struct error *err)
{
	unsigned states = w->progress ? SCAN_ALL : SCAN_ENDED;
	uint64_t lo = 0, hi = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (state_ended(w->v[i].state))
			continue;
		lo = lo > 0 ? lo : w->v[i].t.id;
		hi = w->v[i].t.id;
	}
	return lo > 0 ? spool_scan(w->sp, states, lo, hi, take, w, err) : 0;
}

/* --- the line */

static void
count(const struct await *w, size_t *running, size_t *bad)
{
	*running = *bad = 0;
	for (size_t i = 0; i < w->n; i++) {
		*running += w->v[i].state == STATE_RUNNING;
		*bad += state_ended(w->v[i].state) &&
			w->v[i].state != STATE_DONE;
	}
}

/* On a terminal the line is rewritten; elsewhere each is one of its own. */
static void
tell(struct await *w)
{
	struct str line = STR_INIT;
	size_t running, bad;

	if (!w->progress)
		return;
	count(w, &running, &bad);
	if (w->ended == w->told_ended && running == w->told_running)
		return;
	w->told_ended = w->ended;
	w->told_running = running;
	str_addf(&line, "%s%zu of %zu ended, %zu running",
		 w->terminal ? "\r" : "", w->ended, w->n, running);
	if (bad > 0)
		str_addf(&line, ", %zu not done", bad);
	str_add(&line, w->terminal ? "\033[K" : "\n");
	(void)cmd_write(STDERR_FILENO, line.s, line.len);
	str_release(&line);
}

/* --- the loop */

/* Without the body nothing tells which files the user named. */
static void
look_at_outputs(struct spool *sp, const struct token *t)
{
	struct str text = STR_INIT;
	struct outputs o;
	struct job j;

	if (!(t->flags & TOKEN_OUTPUT) || t->attempt == 0)
		return;
	job_init(&j);
	if (spool_read_body(sp, t, &text, NULL) == 1 &&
	    job_parse(text.s, text.len, &j, NULL) >= 0) {
		outputs_plan(&j, t, &o);
		outputs_look(&o);
		outputs_release(&o);
	}
	job_release(&j);
	str_release(&text);
}

int
cmd_settle(struct spool *sp, const struct entry *e, struct error *err)
{
	if (spool_settle(sp, e, err) < 0)
		return -1;
	look_at_outputs(sp, &e->t);
	return 0;
}

static int
settle(struct await *w, struct error *err)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct entry *e = &w->v[i];

		if (state_ended(e->state) && e->dir && !e->purged &&
		    cmd_settle(w->sp, e, err) < 0)
			return -1;
	}
	return 0;
}

static int64_t
next_pause(int64_t pause, int64_t left)
{
	pause = pause * 3 / 2 + 1;
	if (pause > PAUSE_MAX_MS)
		pause = PAUSE_MAX_MS;
	return left >= 0 && left < pause ? left : pause;
}

/* 1 ended, 0 time over, -1. */
static int
loop(struct await *w, size_t enough, int64_t timeout_ms, struct error *err)
{
	int64_t start = now_ms(), pause = PAUSE_MIN_MS, found = start;
	int64_t left = -1;

	for (;;) {
		size_t before = w->ended;

		if (look(w, err) < 0)
			return -1;
		if (w->ended < enough && now_ms() - found >= FIND_MS) {
			if (find_open(w, err) < 0)
				return -1;
			found = now_ms();
		}
		tell(w);
		if (w->ended >= enough)
			return 1;
		if (timeout_ms > 0) {
			left = timeout_ms - (now_ms() - start);
			if (left <= 0)
				return 0;
		}
		if (w->ended > before)
			pause = PAUSE_MIN_MS;
		pause = next_pause(pause, left);
		cmd_pause(pause);
	}
}

int
cmd_await(struct spool *sp, struct entry *v, size_t n, bool any,
	  int64_t timeout_ms, bool progress, struct error *err)
{
	struct await w = {
		.sp = sp, .v = v, .n = n, .progress = progress,
		.terminal = isatty(STDERR_FILENO),
		.told_ended = SIZE_MAX,
	};
	int r;

	if (n > 0)
		qsort(v, n, sizeof(*v), cmp_entry);
	for (size_t i = 0; i < n; i++)
		w.ended += state_ended(v[i].state);
	r = loop(&w, any && n > 0 ? 1 : n, timeout_ms, err);
	if (w.progress && w.terminal && w.told_ended != SIZE_MAX)
		(void)cmd_write(STDERR_FILENO, "\n", 1);
	if (r >= 0 && settle(&w, err) < 0)
		r = -1;
	return r;
}

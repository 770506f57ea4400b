/*
 * follow.c - a job and its output, attempt after attempt, while it runs
 *
 * The job is looked at before its output is read: when that look says that an
 * attempt is over, its output is whole (it was fsynced before).
 */
#include "nfsq.h"
#include "follow.h"

#include <dirent.h>

#include "cmd.h"
#include "output.h"

#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 250

void
follow_init(struct follow *f, struct spool *sp, uint64_t id)
{
	*f = (struct follow){
		.sp = sp, .id = id, .out = STREAM_INIT, .err = STREAM_INIT,
		.pause_ms = PAUSE_MIN_MS,
	};
	job_init(&f->job);
}

void
follow_release(struct follow *f)
{
	entry_release(&f->e);
	job_release(&f->job);
	stream_release(&f->out);
	stream_release(&f->err);
}

/* --- the job */

static void
keep(struct follow *f, const struct entry *e)
{
	entry_release(&f->e);
	f->e = *e;
	f->e.dir = xstrdup(e->dir);
}

struct newest {
	struct entry e;
	bool found;
};

static int
keep_newest(const struct entry *e, void *arg)
{
	struct newest *n = arg;

	if (n->found && e->t.move < n->e.t.move)
		return 0;
	entry_release(&n->e);
	n->e = *e;
	n->e.dir = xstrdup(e->dir);
	n->found = true;
	return 0;
}

int
follow_look(struct follow *f, struct error *err)
{
	unsigned likely = 1u << STATE_RUNNING | SCAN_ENDED;
	struct newest n = { .found = false };
	int r = 0;

	/* While it runs nothing but these need be looked at. */
	if (f->e.dir && f->e.state == STATE_RUNNING)
		r = spool_scan(f->sp, likely, f->id, f->id, keep_newest, &n,
			       err);
	if (r == 0 && n.found)
		r = 1;
	else if (r == 0)
		r = spool_find(f->sp, f->id, &n.e, err);
	if (r == 1)
		keep(f, &n.e);
	entry_release(&n.e);
	return r;
}

/* --- the files */

/* A name that once was not there is remembered as such, until its directory
 * is opened (NFS). */
static void
refresh_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = xstrndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	DIR *d = opendir(*dir ? dir : ".");

	if (d) {
		(void)readdir(d);
		closedir(d);
	}
	free(dir);
}

/* Copies from a file outside the spool, which has its last name only when
 * the attempt is over. */
static int
copy_outside(struct stream *s, const struct output *o, bool over,
	     struct error *err)
{
	const char *path = over || o->kind != OUTPUT_FILE ? o->path
							  : o->sibling;
	int r;

	if (s->fd < 0)
		return 0;
	s->outside = true;
	if (!s->path || strcmp(s->path, path) != 0)
		stream_move(s, path);
	r = stream_pump(s, over, err);
	if (r != -1 || errno != ENOENT)
		return r;
	refresh_parent(path);
	r = stream_pump(s, over, err);
	/* Until the attempt is over it may be about to be made or renamed. */
	return r == -1 && errno == ENOENT && !over ? 0 : r;
}

static int
read_job(struct follow *f, struct error *err)
{
	if (f->has_job || !(f->e.t.flags & TOKEN_OUTPUT))
		return 0;
	if (spool_read_job(f->sp, &f->e.t, &f->job, NULL, err) < 0)
		return -1;
	f->has_job = true;
	return 0;
}

/* Tells the streams their files in the spool, if they are there by now. */
static int
find_files(struct follow *f, char **host, struct error *err)
{
	struct attempt *a;
	size_t n;

	if (spool_attempts(f->sp, &f->e, &a, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (a[i].attempt != f->attempt)
			continue;
		if (!f->job.output && !f->out.path && a[i].out)
			stream_set(&f->out, a[i].out);
		if (!f->job.error && !f->err.path && a[i].err)
			stream_set(&f->err, a[i].err);
		if (a[i].host && !*host)
			*host = xstrdup(a[i].host);
	}
	attempts_free(a, n);
	return 0;
}

static bool
needs_files(const struct follow *f)
{
	return (f->out.fd >= 0 && !f->out.path) ||
	       (f->err.fd >= 0 && !f->err.path) || f->has_job;
}

static int
copy_all(struct follow *f, const struct outputs *o, bool over,
	 struct error *err)
{
	int a, b;

	if (!o->out.path)
		a = stream_pump(&f->out, over, err);
	else
		a = f->spool_only ? 0 : copy_outside(&f->out, &o->out, over,
						     err);
	if (a < 0)
		return a;
	if (!o->err.path)
		b = stream_pump(&f->err, over, err);
	else
		b = f->spool_only ? 0 : copy_outside(&f->err, &o->err, over,
						     err);
	return b < 0 ? b : a || b;
}

int
follow_copy(struct follow *f, bool over, struct error *err)
{
	struct outputs o = { .same = false };
	char *host = NULL;
	int r;

	if (f->attempt == 0)
		f->attempt = f->e.t.attempt;
	if (f->attempt == 0 || f->e.purged)
		return 0;
	if (read_job(f, err) < 0 ||
	    (needs_files(f) && find_files(f, &host, err) < 0))
		return -1;
	if (f->has_job) {
		struct token t = f->e.t;

		t.attempt = f->attempt;
		if (host)
			token_set_text(t.host, host);
		outputs_plan(&f->job, &t, &o);
	}
	r = copy_all(f, &o, over, err);
	outputs_release(&o);
	free(host);
	return r;
}

/* --- step by step */

static int
next_attempt(struct follow *f)
{
	f->attempt++;
	stream_set(&f->out, NULL);
	stream_set(&f->err, NULL);
	return FOLLOW_NEXT;
}

/* Can the attempt's output still grow? */
static bool
is_over(const struct follow *f)
{
	return f->e.state != STATE_RUNNING ||
	       (f->attempt > 0 && f->e.t.attempt > f->attempt);
}

int
follow_step(struct follow *f, struct error *err)
{
	bool over, ended;
	int r = follow_look(f, err);

	if (r == 0)
		return error_set(err, "job %" PRIu64 " is no longer in '%s'",
				 f->id, f->sp->dir);
	if (r < 0)
		return -1;
	over = is_over(f);
	ended = state_ended(f->e.state);
	if (ended && !f->e.purged && cmd_settle(f->sp, &f->e, err) < 0)
		return -1;
	r = follow_copy(f, over, err);
	if (r < 0)
		return r;
	if (over && !f->only && f->attempt > 0 &&
	    f->e.t.attempt > f->attempt)
		return next_attempt(f);
	if (ended || (f->only && over))
		return FOLLOW_END;
	return r == 1 ? FOLLOW_MORE : FOLLOW_IDLE;
}

void
follow_pause(struct follow *f, int result)
{
	if (result != FOLLOW_IDLE) {
		f->pause_ms = PAUSE_MIN_MS;
		return;
	}
	cmd_pause(f->pause_ms);
	f->pause_ms = f->pause_ms * 3 / 2 + 1;
	if (f->pause_ms > PAUSE_MAX_MS)
		f->pause_ms = PAUSE_MAX_MS;
}

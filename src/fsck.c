/*
 * fsck.c - compares what fsck's walk saw: tokens, bodies, outputs, requests,
 * the counter
 *
 * A job that moves between two looks seems to be in two places, or in none.
 * So what one pass finds counts only when the next passes find the very same:
 * the names in a finding change with every move.
 */
#include "nfsq.h"
#include "fsck-int.h"

#define PASSES 3
#define PAUSE_MS 200
#define SUBMIT_MS INT64_C(3600000)	/* no submit takes longer */

int
fsck_cmp(const struct fsck_key *a, const struct fsck_key *b)
{
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->nonce, b->nonce);
}

static int
cmp_job(const void *a, const void *b)
{
	const struct fsck_job *x = a, *y = b;
	int r = fsck_cmp(&x->key, &y->key);

	return r ? r : strcmp(x->path, y->path);
}

static int
cmp_file(const void *a, const void *b)
{
	const struct fsck_file *x = a, *y = b;

	return fsck_cmp(&x->key, &y->key);
}

/* The first of the jobs with this key, or NULL. */
static const struct fsck_job *
find_job(const struct fsck *f, const struct fsck_key *key)
{
	size_t lo = 0, hi = f->njobs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fsck_cmp(&f->jobs[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->njobs && fsck_cmp(&f->jobs[lo].key, key) == 0
		? &f->jobs[lo] : NULL;
}

/* Of two tokens of one job the higher counter of moves is the truth: it only
 * grows.  With equal ones that a restored snapshot made, the one that is
 * further on. */
static const struct fsck_job *
later(const struct fsck_job *a, const struct fsck_job *b)
{
	if (a->move != b->move)
		return a->move > b->move ? a : b;
	if (a->purged != b->purged)
		return a->purged ? a : b;
	return a->state > b->state ? a : b;
}

/* The n tokens at j are of one job. */
static void
check_copies(struct fsck *f, const struct fsck_job *j, size_t n)
{
	const struct fsck_job *best = j;

	for (size_t i = 1; i < n; i++)
		best = later(best, &j[i]);
	for (size_t i = 0; i < n; i++) {
		struct finding *x;

		if (&j[i] == best)
			continue;
		x = fsck_found(f, MEND_TWIN, j[i].path, "the same job is also "
			       "at '%s', where it went from here (remove this "
			       "one)", best->path);
		x->other = xstrdup(best->path);
	}
}

static void
check_twins(struct fsck *f)
{
	size_t n;

	for (size_t i = 0; i < f->njobs; i += n) {
		const struct fsck_job *j = &f->jobs[i];

		for (n = 1; i + n < f->njobs; n++)
			if (fsck_cmp(&j->key, &j[n].key) != 0)
				break;
		check_copies(f, j, n);
		if (i + n < f->njobs && j[n].key.id == j->key.id)
			fsck_note(f, j[n].path, "another job has the same id: "
				  "'%s' (was the spool restored from a "
				  "snapshot? cancel one by removing it)",
				  j->path);
	}
}

/* Are all tokens of the job of j, its first one, tombstones? */
static bool
is_purged(const struct fsck *f, const struct fsck_job *j)
{
	const struct fsck_job *end = f->jobs + f->njobs;
	const struct fsck_key *key = &j->key;

	for (; j < end && fsck_cmp(&j->key, key) == 0; j++)
		if (!j->purged)
			return false;
	return true;
}

/* May a file, or else a token, be where we could not look? */
static bool
may_hide(const struct fsck *f, bool file)
{
	for (size_t i = 0; i < f->barred.n; i++) {
		const char *rel = f->barred.v[i];

		if (file == (strncmp(rel, "jobs", 4) == 0 ||
			     strncmp(rel, "out", 3) == 0))
			return true;
	}
	return false;
}

static void
check_file(struct fsck *f, const struct fsck_file *x)
{
	const struct fsck_job *j = find_job(f, &x->key);

	if (j && is_purged(f, j))
		fsck_found(f, MEND_PURGED, x->path, "is left over from a "
			   "purged job (remove it)");
	else if (!j && may_hide(f, false))
		return;
	else if (!j && x->kind == FSCK_OUTPUT)
		fsck_note(f, x->path, "belongs to no job (remove it)");
	else if (!j && x->mtime_ms + SUBMIT_MS < f->now_ms)
		fsck_found(f, MEND_ORPHAN, x->path, "belongs to no job: a "
			   "submit did not end (remove it)");
}

static bool
has_body(const struct fsck *f, const struct fsck_key *key)
{
	struct fsck_file want = { .key = *key };
	const struct fsck_file *x;

	if (f->nfiles == 0)
		return false;
	x = bsearch(&want, f->files, f->nfiles, sizeof(*x), cmp_file);
	if (!x)
		return false;
	while (x > f->files && cmp_file(x - 1, &want) == 0)
		x--;
	for (; x < f->files + f->nfiles && cmp_file(x, &want) == 0; x++)
		if (x->kind == FSCK_BODY)
			return true;
	return false;
}

static void
check_body(struct fsck *f, const struct fsck_job *j)
{
	bool ended = state_ended(j->state);
	const char *advice = ended ? "nfsq purge removes it in time"
				   : "nfsq cancel it";
	/* What runs is its worker's, what has ended keeps its result. */
	enum fsck_mend mend = ended || j->state == STATE_RUNNING ? MEND_NONE
								 : MEND_BODY;
	struct token t = { .id = j->key.id };
	struct error why = ERROR_INIT;
	struct job job;

	if (j->purged || j->state == STATE_CORRUPT)
		return;
	if (!has_body(f, &j->key)) {
		if (may_hide(f, true))
			return;
		fsck_found(f, mend, j->path, "the file of job %" PRIu64 " in "
			   "jobs/ is missing (%s)", t.id, advice);
		return;
	}
	memcpy(t.nonce, j->key.nonce, sizeof(t.nonce));
	job_init(&job);
	if (spool_read_job(f->sp, &t, &job, NULL, &why) < 0)
		fsck_found(f, mend, j->path, "the file of job %" PRIu64 " does "
			   "not parse: %s (%s)", t.id, error_text(&why),
			   advice);
	job_release(&job);
	error_release(&why);
}

static bool
is_old(struct fsck *f, const char *entry)
{
	char *path = spool_path(f->sp, "queue/%s", entry);
	struct stat st;
	bool old = fs_lstat(path, &st) == 0 &&
		   (int64_t)st.st_mtim.tv_sec * 1000 + f->sp->conf.lease_ms <
		   f->now_ms;

	free(path);
	return old;
}

/* Has the job ended, or was never one?  By id only. */
static bool
is_over(const struct fsck *f, uint64_t id)
{
	for (size_t i = 0; i < f->njobs; i++)
		if (f->jobs[i].key.id == id && !f->jobs[i].purged &&
		    !state_ended(f->jobs[i].state))
			return false;
	return !may_hide(f, false);
}

/* A fresh request may just be about to be removed. */
static int
check_requests(struct fsck *f)
{
	struct queue q;
	int r = spool_look(f->sp, &q, f->err);

	for (size_t i = 0; r == 0 && i < q.nrequests; i++) {
		const struct request *x = &q.requests[i];
		bool over = x->worker[0]
			? !strlist_has(&f->workers, x->worker)
			: is_over(f, x->id);
		char *rel = xasprintf("queue/%s", x->name);

		if (over && is_old(f, x->name))
			fsck_found(f, MEND_REQUEST, rel, "is a request to one "
				   "that is gone (remove it, or start a "
				   "worker)");
		free(rel);
	}
	queue_release(&q);
	return r;
}

static void
check_counter(struct fsck *f)
{
	uint64_t max = f->njobs ? f->jobs[f->njobs - 1].key.id : 0;
	uint64_t next;

	if (f->nfiles && f->files[f->nfiles - 1].key.id > max)
		max = f->files[f->nfiles - 1].key.id;
	if (f->seq.n == 0)
		fsck_found(f, f->barred.n ? MEND_NONE : MEND_COUNTER, "seq",
			   "the counter is lost (ln -s next '%s/seq/%" PRIu64
			   ".0000000000')", f->sp->dir, max + 1)->id = max;
	for (size_t i = 1; i < f->seq.n; i++)
		fsck_found(f, MEND_COUNTER, "seq", "there are two counters, "
			   "'%s' and '%s' (remove the smaller)", f->seq.v[0],
			   f->seq.v[i])->id = max;
	for (size_t i = 0; i < f->seq.n; i++) {
		next = strtoull(f->seq.v[i], NULL, 10);
		if (next <= max && f->seq.n == 1)
			fsck_found(f, MEND_COUNTER, "seq", "the counter '%s' "
				   "is not above id %" PRIu64 " (rename it to "
				   "%" PRIu64 ".0000000000)", f->seq.v[i], max,
				   max + 1)->id = max;
	}
}

static size_t
count_jobs(const struct fsck *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->njobs; i++)
		n += !f->jobs[i].purged &&
		     (i == 0 || fsck_cmp(&f->jobs[i - 1].key,
					 &f->jobs[i].key) != 0);
	return n;
}

static int
compare(struct fsck *f)
{
	if (f->njobs)
		qsort(f->jobs, f->njobs, sizeof(*f->jobs), cmp_job);
	if (f->nfiles)
		qsort(f->files, f->nfiles, sizeof(*f->files), cmp_file);
	check_twins(f);
	for (size_t i = 0; i < f->nfiles; i++)
		check_file(f, &f->files[i]);
	for (size_t i = 0; i < f->njobs; i++)
		check_body(f, &f->jobs[i]);
	check_counter(f);
	return check_requests(f);
}

static int
cmp_finding(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static void
finding_release(struct finding *x)
{
	free(x->text);
	free(x->path);
	free(x->other);
	free(x->why);
}

void
findings_release(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_release(&f->v[i]);
	free(f->v);
	memset(f, 0, sizeof(*f));
}

/* One pass; what it found is the caller's. */
static int
pass(struct spool *sp, int64_t now_ms, struct findings *found, size_t *jobs,
     struct error *err)
{
	struct fsck f = { .sp = sp, .now_ms = now_ms, .err = err };
	int r = 0;

	if (fs_lstat(sp->dir, &f.top) < 0)
		r = error_errno(err, "cannot look at '%s'", sp->dir);
	if (r == 0)
		r = fsck_walk(&f);
	if (r == 0)
		r = compare(&f);
	*jobs = count_jobs(&f);
	*found = f.found;
	if (found->n)
		qsort(found->v, found->n, sizeof(*found->v), cmp_finding);
	for (size_t i = 0; i < f.njobs; i++)
		free(f.jobs[i].path);
	for (size_t i = 0; i < f.nfiles; i++)
		free(f.files[i].path);
	free(f.jobs);
	free(f.files);
	strlist_release(&f.workers);
	strlist_release(&f.seq);
	strlist_release(&f.barred);
	return r;
}

/* Keeps in found, which is sorted, only what is in again, too. */
static void
keep_common(struct findings *found, const struct findings *again)
{
	size_t k = 0, n = 0;

	for (size_t i = 0; i < found->n; i++) {
		struct finding *x = &found->v[i];

		while (k < again->n && strcmp(again->v[k].text, x->text) < 0)
			k++;
		if (k < again->n && strcmp(again->v[k].text, x->text) == 0)
			found->v[n++] = *x;
		else
			finding_release(x);
	}
	found->n = n;
}

int
fsck_run(struct spool *sp, int64_t now_ms, struct findings *found,
	 size_t *jobs, struct error *err)
{
	struct timespec pause = { 0, PAUSE_MS * 1000000 };
	int r = pass(sp, now_ms, found, jobs, err);

	for (int i = 1; r == 0 && found->n > 0 && i < PASSES; i++) {
		struct findings again;

		nanosleep(&pause, NULL);
		r = pass(sp, now_ms, &again, jobs, err);
		keep_common(found, &again);
		findings_release(&again);
	}
	return r;
}

int
fsck_full(const struct spool *sp, int64_t *bytes, bool *inodes)
{
	struct fs_space s;

	if (fs_space(sp->dir, &s) < 0)
		return -1;
	*bytes = (int64_t)s.bytes;
	*inodes = s.inodes < s.all_inodes / 50;
	return *inodes ||
	       (s.bytes < s.all_bytes / 20 && s.bytes < UINT64_C(10) << 30);
}

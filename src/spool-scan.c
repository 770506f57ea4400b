/*
 * spool-scan.c - looking: who is where, one job, the workers, a job's files
 *
 * Everything is read from names and links (READDIR, READLINK); bodies are
 * opened only by spool_read_*.  Names that are not ours are skipped.
 */
#include "nfsq.h"
#include "spool-int.h"

struct scan {
	struct spool *sp;
	uint64_t lo, hi;
	entry_fn *fn;
	void *arg;
	struct error *err;
	struct error *passed;	/* why a directory was passed by; NULL: say
				   it */
};

void
entry_release(struct entry *e)
{
	free(e->dir);
	e->dir = NULL;
}

/* Once for each place in the life of a process. */
static void
pass_by(struct scan *s, const char *path)
{
	if (s->passed) {
		error_errno(s->passed, "cannot read '%s'", path);
		return;
	}
	if (strlist_has(&s->sp->passed, path))
		return;
	msg_warn("pass by '%s': %s (nfsq fsck tells what is wrong)", path,
		 strerror(errno));
	strlist_add(&s->sp->passed, path);
}

/* Calls fn for the tokens in one directory.  A directory that vanished
 * meanwhile is empty. */
static int
scan_dir(struct scan *s, const char *rel, enum state state, bool purged,
	 const char *worker)
{
	struct strlist names = STRLIST_INIT;
	char *path = spool_path(s->sp, "%s", rel);
	struct entry e = { .state = state, .purged = purged };
	int r = fs_list(path, &names, NULL);

	if (r < 0 && spool_barred(errno)) {
		pass_by(s, path);
		r = 0;
	} else if (r < 0 && (errno == ENOENT || errno == ESTALE)) {
		r = 0;
	} else if (r < 0) {
		r = error_errno(s->err, "cannot read '%s'", path);
	}
	if (worker)
		snprintf(e.worker, sizeof(e.worker), "%s", worker);
	e.dir = xstrdup(rel);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		if (token_parse(names.v[i], &e.t) != 1 || e.t.id < s->lo ||
		    e.t.id > s->hi)
			continue;
		if (purged)
			e.state = e.t.reason == REASON_CANCELLED
				? STATE_CANCELLED : e.t.exit_code == 0
				? STATE_DONE : STATE_FAILED;
		r = s->fn(&e, s->arg);
	}
	free(e.dir);
	free(path);
	strlist_release(&names);
	return r < 0 ? r : 0;
}

int
shard_parse(const char *name, uint64_t *shard)
{
	char *end, back[32];

	errno = 0;
	*shard = strtoull(name, &end, 10);
	snprintf(back, sizeof(back), "%" PRIu64, *shard);
	return !errno && !*end && strcmp(back, name) == 0;
}

/* The shards of one state. */
static int
scan_shards(struct scan *s, const char *top, enum state state, bool purged)
{
	struct strlist names = STRLIST_INIT;
	char *path = spool_path(s->sp, "%s", top);
	int r = fs_list(path, &names, NULL);

	if (r < 0)
		r = error_errno(s->err, "cannot read '%s'", path);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		uint64_t shard;
		char *rel;

		if (!shard_parse(names.v[i], &shard) ||
		    shard < spool_shard(s->lo) || shard > spool_shard(s->hi))
			continue;
		rel = xasprintf("%s/%s", top, names.v[i]);
		r = scan_dir(s, rel, state, purged, NULL);
		free(rel);
	}
	free(path);
	strlist_release(&names);
	return r < 0 ? r : 0;
}

static int
scan_queue(struct scan *s)
{
	struct strlist names = STRLIST_INIT;
	char *path = spool_path(s->sp, "queue");
	int r = fs_list(path, &names, NULL);
	struct bucket b;

	if (r < 0)
		r = error_errno(s->err, "cannot read '%s'", path);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char *rel;

		if (!bucket_parse(names.v[i], &b) ||
		    b.block < s->lo / SPOOL_BLOCK ||
		    b.block > s->hi / SPOOL_BLOCK)
			continue;
		rel = xasprintf("queue/%s", names.v[i]);
		r = scan_dir(s, rel, STATE_QUEUED, false, NULL);
		free(rel);
	}
	free(path);
	strlist_release(&names);
	return r < 0 ? r : 0;
}

bool
spool_is_uuid(const char *name)
{
	return strlen(name) == UUID_LEN &&
	       strspn(name, "0123456789abcdef-") == UUID_LEN;
}

int
spool_worker_names(struct spool *sp, struct strlist *names, struct error *err)
{
	struct strlist all = STRLIST_INIT;
	char *path = spool_path(sp, "workers");
	int r = fs_list(path, &all, NULL);

	if (r < 0)
		error_errno(err, "cannot read '%s'", path);
	for (size_t i = 0; i < all.n; i++)
		if (spool_is_uuid(all.v[i]))
			strlist_add(names, all.v[i]);
	strlist_release(&all);
	free(path);
	return r;
}

static int
scan_workers(struct scan *s)
{
	struct strlist names = STRLIST_INIT;
	int r = spool_worker_names(s->sp, &names, s->err);

	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char *rel = xasprintf("workers/%s", names.v[i]);

		r = scan_dir(s, rel, STATE_RUNNING, false, names.v[i]);
		free(rel);
	}
	strlist_release(&names);
	return r < 0 ? r : 0;
}

/* In the order in which jobs move, so that one that moves on while we look
 * is seen at least once. */
static int
scan_all(struct scan *s, unsigned states, bool tombs)
{
	static const enum state order[] = {
		STATE_HELD, STATE_WAITING, STATE_QUEUED, STATE_RUNNING,
		STATE_DONE, STATE_FAILED, STATE_CANCELLED, STATE_CORRUPT,
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(order); i++) {
		enum state st = order[i];

		if (!(states & 1u << st))
			continue;
		if (st == STATE_QUEUED)
			r = scan_queue(s);
		else if (st == STATE_RUNNING)
			r = scan_workers(s);
		else
			r = scan_shards(s, spool_state_dir(st), st, false);
	}
	if (r >= 0 && tombs)
		r = scan_shards(s, "tomb", STATE_DONE, true);
	return r;
}

int
spool_scan(struct spool *sp, unsigned states, uint64_t lo, uint64_t hi,
	   entry_fn *fn, void *arg, struct error *err)
{
	struct scan s = { sp, lo, hi, fn, arg, err, NULL };

	return scan_all(&s, states, false);
}

/* --- one job */

struct find {
	struct entry *e;
	bool found;
};

/* Keeps the entry with the highest move counter: the newest. */
static int
keep_newest(const struct entry *e, void *arg)
{
	struct find *f = arg;

	if (f->found && e->t.move < f->e->t.move)
		return 0;
	entry_release(f->e);
	*f->e = *e;
	f->e->dir = xstrdup(e->dir);
	f->found = true;
	return 0;
}

/* Is there a body of job id?  1, 0, -1. */
static int
has_body(struct spool *sp, uint64_t id, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	char *prefix = xasprintf("%" PRIu64 ".", id);
	int r = spool_list_shard(sp, "jobs", id, &names);

	if (r < 0)
		r = errno == ENOENT ? 0
			: error_errno(err, "cannot read '%s/jobs'", sp->dir);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (strncmp(names.v[i], prefix, strlen(prefix)) == 0)
			r = 1;
	free(prefix);
	strlist_release(&names);
	return r;
}

int
spool_find(struct spool *sp, uint64_t id, struct entry *e, struct error *err)
{
	struct error passed = ERROR_INIT;
	struct find f = { e, false };
	struct scan s = { sp, id, id, keep_newest, &f, err, &passed };
	struct timespec pause = { 0, 20 * 1000000 };
	int r = 1;

	e->dir = NULL;
	/* Absence proves nothing while it moves; with no body there is
	 * nothing that could. */
	for (int tries = 0; r > 0 && !f.found && tries < 10; tries++) {
		if (tries)
			nanosleep(&pause, NULL);
		r = scan_all(&s, SCAN_ALL, true);
		if (r == 0 && !f.found)
			r = has_body(sp, id, err);
		/* Run again, ended and purged while we looked?  Its tombstone
		 * came before its body went.  (purge.pml: F, tombs) */
		if (r == 0 && !f.found)
			r = scan_shards(&s, "tomb", STATE_DONE, true);
	}
	if (r >= 0 && f.found)
		r = 1;
	else if (r > 0 && passed.text)	/* it may be where we cannot look */
		r = error_set(err, "%s", passed.text);
	else if (r > 0)
		r = 0;
	error_release(&passed);
	return r;
}

/*
 * A name remembered as missing says ENOENT for up to 60 s without asking
 * (NFS-FACTS 1.2): the directories are opened, and only what is not in them
 * is missing.  0; -1 with ENOENT only when the listing lacks it, too.
 */
static int
get_again(struct spool *sp, const struct token *t, const char *path,
	  struct str *text)
{
	char *jobs = spool_path(sp, "jobs");
	char *dir = spool_path(sp, "jobs/%" PRIu64, spool_shard(t->id));
	char *shard = xasprintf("%" PRIu64, spool_shard(t->id));
	int r = spool_has(jobs, shard), saved;

	if (r == 1)
		r = spool_has(dir, strrchr(path, '/') + 1);
	if (r == 0)
		errno = ENOENT;
	else if (r == 1)
		r = fs_get(path, JOB_BODY_MAX, text) == 0 ? 1 : -1;
	else if (errno == ENOENT)
		errno = ESTALE;
	if (r < 0 && errno == ENOENT)
		errno = ESTALE;	/* it is there and was not found: later */
	saved = errno;
	free(shard);
	free(dir);
	free(jobs);
	errno = saved;
	return r == 1 ? 0 : -1;
}

/* Is it the directory of the body that is none, or bars us?  Then nothing is
 * known of the body. */
static bool
has_no_place(struct spool *sp, const struct token *t, const char *path)
{
	char *dir = spool_path(sp, "jobs/%" PRIu64, spool_shard(t->id));
	struct stat st;
	bool bad = fs_lstat(dir, &st) < 0 ? spool_barred(errno)
					  : !S_ISDIR(st.st_mode);

	if (!bad)
		bad = fs_lstat(path, &st) < 0 && spool_barred(errno);
	free(dir);
	return bad;
}

int
spool_read_body(struct spool *sp, const struct token *t, struct str *text,
		struct error *err)
{
	char *path = spool_body_path(sp, t);
	int e = 0, r = 1;

	if (fs_get(path, JOB_BODY_MAX, text) < 0 &&
	    (errno != ENOENT || get_again(sp, t, path, text) < 0)) {
		e = errno;
		r = e == ENOENT || e == ELOOP || e == EFBIG || e == EINVAL ||
		    e == ENXIO || e == EISDIR ? 0 : -1;
		error_errno(err, "cannot read '%s'", path);
		/* A link that stands for the body, or for its directory? */
		if (spool_barred(e) && has_no_place(sp, t, path)) {
			e = ENOTDIR;
			r = -1;
		}
	}
	free(path);
	errno = e;
	return r;
}

int
spool_read_job(struct spool *sp, const struct token *t, struct job *j,
	       struct str *text, struct error *err)
{
	struct str own = STR_INIT;
	int r;

	if (!text)
		text = &own;
	r = spool_read_body(sp, t, text, err);
	r = r == 1 ? job_parse(text->s, text->len, j, err) : -1;
	str_release(&own);
	return r;
}

/* --- workers */

void
worker_info_release(struct worker_info *w)
{
	free(w->name);
	free(w->host);
	free(w->user);
	free(w->version);
	free(w->held);
	memset(w, 0, sizeof(*w));
}

static void
read_info(const char *dir, struct worker_info *w)
{
	char *path = xasprintf("%s/info", dir);
	struct str s = STR_INIT;

	fs_get_link(path, &s);
	w->name = words_get(s.s, "name");
	w->host = words_get(s.s, "host");
	w->user = words_get(s.s, "user");
	w->version = words_get(s.s, "version");
	w->pid = words_getn(s.s, "pid", 0);
	w->cpus = words_getn(s.s, "cpus", 0);
	str_release(&s);
	free(path);
}

int
spool_lease(struct spool *sp, const char *uuid, int64_t *beat_ms,
	    struct error *err)
{
	char *path = spool_path(sp, "workers/%s/lease", uuid);
	struct stat st;
	int r = 1;

	/* Always a fresh look, never a cached time (NFS-FACTS 5). */
	if (fs_lstat(path, &st) < 0)
		r = errno == ENOENT || errno == ESTALE ? 0
			: error_errno(err, "cannot look at '%s'", path);
	else
		*beat_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
			   st.st_mtim.tv_nsec / 1000000;
	free(path);
	return r;
}

static void
read_worker(struct spool *sp, const char *uuid, struct worker_info *w)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "workers/%s", uuid);
	struct token t;

	memset(w, 0, sizeof(*w));
	snprintf(w->uuid, sizeof(w->uuid), "%s", uuid);
	read_info(dir, w);
	spool_lease(sp, uuid, &w->beat_ms, NULL);
	fs_list(dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		w->stopping |= strcmp(names.v[i], "stopping") == 0;
		if (token_parse(names.v[i], &t) != 1)
			continue;
		w->held = xreallocarray(w->held, w->nheld + 1, sizeof(t));
		w->held[w->nheld++] = t;
	}
	strlist_release(&names);
	free(dir);
}

int
spool_workers(struct spool *sp, struct worker_info **w, size_t *n,
	      struct error *err)
{
	struct strlist names = STRLIST_INIT;
	int r = spool_worker_names(sp, &names, err);

	*w = NULL;
	*n = 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		*w = xreallocarray(*w, *n + 1, sizeof(**w));
		read_worker(sp, names.v[i], &(*w)[(*n)++]);
	}
	strlist_release(&names);
	return r;
}

/* --- a job's attempts and outputs */

void
attempts_free(struct attempt *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(a[i].host);
		free(a[i].worker);
		free(a[i].detail);
		free(a[i].out);
		free(a[i].err);
	}
	free(a);
}

/* The entry for `attempt` in *a, made if needed; sorted by the end. */
static struct attempt *
attempt_of(struct attempt **a, size_t *n, unsigned attempt)
{
	struct attempt *x;

	for (size_t i = 0; i < *n; i++)
		if ((*a)[i].attempt == attempt)
			return &(*a)[i];
	*a = xreallocarray(*a, *n + 1, sizeof(**a));
	x = &(*a)[(*n)++];
	memset(x, 0, sizeof(*x));
	x->attempt = attempt;
	x->exit_code = -1;
	x->cpu_ms = x->rss_kb = -1;
	return x;
}

static void
read_record(const char *path, struct attempt *a)
{
	struct str s = STR_INIT;
	char *reason;

	if (fs_get_link(path, &s) == 0) {
		free(a->host);
		free(a->worker);
		free(a->detail);
		a->host = words_get(s.s, "host");
		a->worker = words_get(s.s, "worker");
		a->detail = words_get(s.s, "detail");
		a->start_ms = words_getn(s.s, "start", 0);
		a->end_ms = words_getn(s.s, "end", 0);
		a->exit_code = (int)words_getn(s.s, "exit", -1);
		a->signal = (int)words_getn(s.s, "signal", 0);
		a->cpu_ms = words_getn(s.s, "cpu", -1);
		a->rss_kb = words_getn(s.s, "rss", -1);
		reason = words_get(s.s, "reason");
		if (reason && reason_parse(reason) >= 0)
			a->reason = (enum reason)reason_parse(reason);
		free(reason);
	}
	str_release(&s);
}

/* MOVE.aATTEMPT.KIND -> kind; NULL when it is none. */
const char *
output_parse(const char *rest, unsigned *move, unsigned *attempt)
{
	char kind[4], back[32];

	if (sscanf(rest, "%10u.a%10u.%3[a-z]", move, attempt, kind) != 3)
		return NULL;
	/* scanf is lenient: blanks, signs, zeros, what follows. */
	snprintf(back, sizeof(back), "%u.a%u.%s", *move, *attempt, kind);
	if (strcmp(back, rest) != 0 ||
	    (strcmp(kind, "out") != 0 && strcmp(kind, "err") != 0 &&
	     strcmp(kind, "att") != 0))
		return NULL;
	return rest + strlen(rest) - strlen(kind);
}

static void
last_attempt(const struct entry *e, struct attempt *x)
{
	if (!e->t.ended && e->state != STATE_RUNNING)
		return;
	/* Cancelled before it started again: its record says more. */
	if (e->t.ended && e->t.start_ms == 0)
		return;
	x->start_ms = e->t.start_ms;
	x->end_ms = e->t.end_ms;
	x->cpu_ms = e->t.cpu_ms;
	x->rss_kb = e->t.rss_kb;
	free(x->host);
	x->host = e->t.host[0] ? xstrdup(e->t.host) : NULL;
	if (e->t.ended) {
		x->reason = e->t.reason;
		x->exit_code = e->t.exit_code;
		x->signal = e->t.signal;
	} else {
		free(x->worker);
		x->worker = xstrdup(e->worker);
		x->exit_code = -1;
		x->end_ms = 0;
	}
}

static int
cmp_attempt(const void *a, const void *b)
{
	const struct attempt *x = a, *y = b;

	return (x->attempt > y->attempt) - (x->attempt < y->attempt);
}

int
spool_attempts(struct spool *sp, const struct entry *e, struct attempt **a,
	       size_t *n, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "out/%" PRIu64, spool_shard(e->t.id));
	char *prefix = xasprintf("%" PRIu64 ".%s.", e->t.id, e->t.nonce);
	int r = spool_list_shard(sp, "out", e->t.id, &names);

	*a = NULL;
	*n = 0;
	if (r < 0 && errno == ENOENT)
		r = 0;
	else if (r < 0)
		error_errno(err, "cannot read '%s'", dir);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		unsigned move, attempt;
		const char *kind;
		struct attempt *x;
		char *path;

		if (strncmp(names.v[i], prefix, strlen(prefix)) != 0)
			continue;
		kind = output_parse(names.v[i] + strlen(prefix), &move,
				    &attempt);
		if (!kind)
			continue;
		x = attempt_of(a, n, attempt);
		x->move = move;
		path = xasprintf("%s/%s", dir, names.v[i]);
		if (strcmp(kind, "att") == 0)
			read_record(path, x);
		if (strcmp(kind, "out") == 0 && !x->out)
			x->out = xstrdup(path);
		if (strcmp(kind, "err") == 0 && !x->err)
			x->err = xstrdup(path);
		free(path);
	}
	if (r == 0 && e->t.attempt > 0)
		last_attempt(e, attempt_of(a, n, e->t.attempt));
	if (*n)
		qsort(*a, *n, sizeof(**a), cmp_attempt);
	free(prefix);
	free(dir);
	strlist_release(&names);
	return r;
}

int
spool_settle(struct spool *sp, const struct entry *e, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "%s", e->dir);
	int r = 0;

	/* Opening the directory makes the names in it fresh on this host
	 * (NFS-FACTS 1.1); the outputs were fsynced before the commit. */
	if (spool_list_shard(sp, "out", e->t.id, &names) < 0 &&
	    errno != ENOENT)
		r = error_errno(err, "cannot read '%s/out'", sp->dir);
	/* On a local disk the commit itself may not be on it yet. */
	if (r == 0 && fs_sync_dir(dir, sp->nfs) < 0 && errno != ENOENT)
		r = error_errno(err, "cannot sync '%s'", dir);
	strlist_release(&names);
	free(dir);
	return r;
}

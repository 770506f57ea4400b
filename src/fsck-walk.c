/*
 * fsck-walk.c - fsck's walk: what is in each directory, of which type, owner
 * and mode, and whether its name may be there
 *
 * Nothing is followed: what is no directory itself is not listed, what is no
 * link is not read.  Something that vanishes while one looks is no finding.
 */
#include "nfsq.h"
#include "fsck-int.h"

#define TMP_OLD_MS (25 * INT64_C(3600000))	/* workers sweep after 24 h */

static const char not_ours[] = "is not ours (remove it)";

static PRINTF(4, 0) struct finding *
add_finding(struct fsck *f, enum fsck_mend mend, const char *path,
	    const char *fmt, va_list ap)
{
	struct str raw = STR_INIT, safe = STR_INIT;
	struct finding *x;

	str_addf(&raw, "%s: ", path);
	str_vaddf(&raw, fmt, ap);
	str_add_safe(&safe, raw.s, raw.len);
	str_release(&raw);
	if (f->found.n == f->found.cap) {
		f->found.cap = f->found.cap ? f->found.cap * 2 : 16;
		f->found.v = xreallocarray(f->found.v, f->found.cap,
					   sizeof(*f->found.v));
	}
	x = &f->found.v[f->found.n++];
	memset(x, 0, sizeof(*x));
	x->text = str_detach(&safe);
	x->mend = mend;
	x->path = xstrdup(path);
	return x;
}

void
fsck_note(struct fsck *f, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_finding(f, MEND_NONE, path, fmt, ap);
	va_end(ap);
}

struct finding *
fsck_found(struct fsck *f, enum fsck_mend mend, const char *path,
	   const char *fmt, ...)
{
	struct finding *x;
	va_list ap;

	va_start(ap, fmt);
	x = add_finding(f, mend, path, fmt, ap);
	va_end(ap);
	return x;
}

static bool
gone(int error)
{
	return error == ENOENT || error == ESTALE || error == ENOTDIR;
}

/* What cannot be looked at for its mode or owner is a finding, and what it
 * hides is not known.  Not so the top: there is nothing besides. */
static int
barred(struct fsck *f, const char *rel, const char *path)
{
	if ((errno != EACCES && errno != EPERM) || strcmp(rel, ".") == 0)
		return error_errno(f->err, "cannot read '%s'", path);
	fsck_note(f, rel, "cannot be read: %s (mend modes and owners)",
		  strerror(errno));
	strlist_add(&f->barred, rel);
	return 0;
}

/* 1; 0 it is gone, or nobody knows; -1. */
static int
look_at(struct fsck *f, const char *rel, struct stat *st)
{
	char *path = spool_path(f->sp, "%s", rel);
	int r = fs_lstat(path, st) == 0 ? 1 : gone(errno) ? 0 : -1;

	if (r < 1)
		memset(st, 0, sizeof(*st));
	if (r < 0)
		r = barred(f, rel, path);
	free(path);
	return r;
}

/* Type, owner, mode.  1 it is of the type; 0 not, or gone; -1. */
static int
check_entry(struct fsck *f, const char *rel, mode_t type, struct stat *st)
{
	mode_t want = S_ISDIR(type) ? f->sp->dir_mode : f->sp->file_mode;
	int r = look_at(f, rel, st);

	if (r != 1)
		return r;
	if ((st->st_mode & S_IFMT) != type) {
		fsck_note(f, rel, "is no %s (remove it)", S_ISDIR(type)
			  ? "directory" : S_ISREG(type) ? "regular file"
			  : "symbolic link");
		return 0;
	}
	if (!f->sp->conf.group && st->st_uid != f->top.st_uid)
		fsck_note(f, rel, "belongs to user %u, not %u (chown or "
			  "remove it)", (unsigned)st->st_uid,
			  (unsigned)f->top.st_uid);
	if (f->sp->conf.group && st->st_gid != f->top.st_gid)
		fsck_note(f, rel, "belongs to group %u, not %u (chgrp or "
			  "remove it)", (unsigned)st->st_gid,
			  (unsigned)f->top.st_gid);
	if (!S_ISLNK(type) && (st->st_mode & 07777) != want)
		fsck_found(f, MEND_MODE, rel, "has mode %04o (chmod %04o)",
			   (unsigned)st->st_mode & 07777, (unsigned)want);
	return 1;
}

/* All names but those an NFS client makes for what was removed while it was
 * open. */
static int
list(struct fsck *f, const char *rel, struct strlist *names)
{
	struct strlist all = STRLIST_INIT;
	char *path = spool_path(f->sp, "%s", rel);
	int r = fs_list_all(path, &all);

	if (r < 0)
		r = gone(errno) ? 0 : barred(f, rel, path);
	for (size_t i = 0; i < all.n; i++)
		if (strncmp(all.v[i], ".nfs", 4) != 0)
			strlist_add(names, all.v[i]);
	strlist_release(&all);
	free(path);
	return r;
}

typedef int walk_fn(struct fsck *f, const char *rel, const char *name,
		    void *arg);

/* Calls fn for each entry of a directory; a link to one is a finding. */
static int
walk(struct fsck *f, const char *dir, walk_fn *fn, void *arg)
{
	struct strlist names = STRLIST_INIT;
	struct stat st;
	int r = check_entry(f, dir, S_IFDIR, &st);

	if (r == 1)
		r = list(f, dir, &names);
	else if (r == 0 && st.st_mode && !S_ISDIR(st.st_mode))
		strlist_add(&f->barred, dir);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char *rel = xasprintf("%s/%s", dir, names.v[i]);

		r = fn(f, rel, names.v[i], arg);
		free(rel);
	}
	strlist_release(&names);
	return r < 0 ? -1 : 0;
}

/* --- tokens */

static void
add_job(struct fsck *f, const struct token *t, enum state state, bool purged,
	const char *rel)
{
	struct fsck_job *j;

	if (f->njobs == f->jobs_cap) {
		f->jobs_cap = f->jobs_cap ? f->jobs_cap * 2 : 256;
		f->jobs = xreallocarray(f->jobs, f->jobs_cap,
					sizeof(*f->jobs));
	}
	j = &f->jobs[f->njobs++];
	memset(j, 0, sizeof(*j));
	j->key.id = t->id;
	memcpy(j->key.nonce, t->nonce, sizeof(j->key.nonce));
	j->state = state;
	j->purged = purged;
	j->move = t->move;
	j->path = xstrdup(rel);
}

static int
check_text(struct fsck *f, const char *rel, const struct token *t)
{
	char *path = spool_path(f->sp, "%s", rel);
	char *want = spool_token_text(t);
	struct str text = STR_INIT;

	if (fs_get_link(path, &text) == 0 && strcmp(text.s, want) != 0)
		fsck_note(f, rel, "points to '%s', not to '%s' (nobody follows "
			  "it; see who may write here)", text.s, want);
	str_release(&text);
	free(want);
	free(path);
	return 0;
}

/* 1 it is a token, now known; 0 not; -1. */
static int
check_token(struct fsck *f, const char *rel, const char *name,
	    enum state state, bool purged, struct token *t)
{
	bool ended = state_ended(state);
	struct stat st;
	int r;

	if (token_parse(name, t) != 1) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	r = check_entry(f, rel, S_IFLNK, &st);
	if (r != 1)
		return r;
	check_text(f, rel, t);
	if (ended && state != STATE_CORRUPT && !t->ended)
		fsck_note(f, rel, "has ended without a result (nfsq requeue %"
			  PRIu64 ")", t->id);
	if (!ended && state != STATE_RUNNING && t->ended)
		fsck_note(f, rel, "waits with a result (nfsq cancel %" PRIu64
			  ")", t->id);
	add_job(f, t, state, purged, rel);
	return 1;
}

struct shard {
	enum state state;
	bool purged;
	uint64_t number;
	walk_fn *fn;		/* for the entries of a shard */
};

static void
check_shard(struct fsck *f, const char *rel, const struct shard *s, uint64_t id)
{
	if (spool_shard(id) != s->number)
		fsck_found(f, MEND_PLACE, rel, "is in the wrong shard (move it "
			   "to %" PRIu64 "/)", spool_shard(id));
}

static int
walk_state(struct fsck *f, const char *rel, const char *name, void *arg)
{
	const struct shard *s = arg;
	struct token t;
	int r = check_token(f, rel, name, s->state, s->purged, &t);

	if (r == 1)
		check_shard(f, rel, s, t.id);
	return r;
}

static int
walk_shard(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct shard *s = arg;

	if (!shard_parse(name, &s->number)) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	return walk(f, rel, s->fn, s);
}

static int
walk_states(struct fsck *f, enum state state, bool purged)
{
	struct shard s = { state, purged, 0, walk_state };

	return walk(f, purged ? "tomb" : spool_state_dir(state), walk_shard,
		    &s);
}

/* --- queue/ and workers/ */

static int
walk_bucket(struct fsck *f, const char *rel, const char *name, void *arg)
{
	const struct bucket *b = arg;
	struct token t;
	int r = check_token(f, rel, name, STATE_QUEUED, false, &t);

	if (r == 1 && (b->priority != t.priority || b->cpus != t.cpus ||
		       b->mem_mb != t.mem_mb || b->gpus != t.gpus ||
		       b->block != t.id / SPOOL_BLOCK))
		fsck_found(f, MEND_PLACE, rel, "is in a bucket for other jobs "
			   "(nfsq hold, then release %" PRIu64 ")", t.id);
	return r;
}

/* Requests and drains are known by what spool_look made of them. */
static int
walk_queue(struct fsck *f, const char *rel, const char *name, void *arg)
{
	const struct strlist *known = arg;
	struct bucket b;
	struct stat st;

	if (bucket_parse(name, &b))
		return walk(f, rel, walk_bucket, &b);
	if (strlist_has(known, name))
		return check_entry(f, rel, S_IFLNK, &st);
	/* One that came after the look is taken for foreign now, and is
	 * known at the second pass. */
	fsck_note(f, rel, "%s", not_ours);
	return 0;
}

static int
check_queue(struct fsck *f)
{
	struct strlist known = STRLIST_INIT;
	struct queue q;
	int r = spool_look(f->sp, &q, f->err);

	for (size_t i = 0; i < q.nrequests; i++)
		strlist_add(&known, q.requests[i].name);
	for (size_t i = 0; i < q.ndrains; i++)
		strlist_add(&known, q.drains[i].entry);
	if (r == 0)
		r = walk(f, "queue", walk_queue, &known);
	queue_release(&q);
	strlist_release(&known);
	return r;
}

struct seen_seat {
	int64_t beat_ms;	/* 0: no lease */
};

static int
walk_seat(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct seen_seat *s = arg;
	struct token t;
	struct stat st;
	int r;

	if (strcmp(name, "info") == 0 || strcmp(name, "stopping") == 0)
		return check_entry(f, rel, S_IFLNK, &st);
	if (strcmp(name, "lease") != 0)
		return check_token(f, rel, name, STATE_RUNNING, false, &t);
	r = check_entry(f, rel, S_IFREG, &st);
	if (r == 1)
		s->beat_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
			     st.st_mtim.tv_nsec / 1000000;
	return r;
}

static int
walk_workers(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct seen_seat s = { 0 };
	struct stat st;
	int r;

	(void)arg;
	if (!spool_is_uuid(name)) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	strlist_add(&f->workers, name);
	r = walk(f, rel, walk_seat, &s);
	if (r < 0 || look_at(f, rel, &st) != 1 || !S_ISDIR(st.st_mode))
		return r;
	if (s.beat_ms == 0)
		fsck_found(f, MEND_SEAT, rel, "is a dead worker's (any live "
			   "worker takes its jobs over: start one)");
	else if (f->now_ms - s.beat_ms > f->sp->conf.lease_ms)
		fsck_found(f, MEND_SEAT, rel, "is silent for longer than the "
			   "lease (any live worker takes its jobs over: start "
			   "one)");
	return 0;
}

/* --- jobs/ and out/ */

const char *
fsck_stem(const char *name, struct fsck_key *key)
{
	size_t digits = strspn(name, "0123456789");
	const char *nonce = name + digits + 1;
	char *end;

	memset(key, 0, sizeof(*key));
	errno = 0;
	key->id = strtoull(name, &end, 10);
	if (digits == 0 || name[0] == '0' || errno || *end != '.' ||
	    key->id > (uint64_t)TOKEN_ID_MAX ||
	    strspn(nonce, "0123456789abcdef") < NONCE_LEN)
		return NULL;
	memcpy(key->nonce, nonce, NONCE_LEN);
	return nonce + NONCE_LEN;
}

static void
add_file(struct fsck *f, const struct fsck_key *key, enum fsck_kind kind,
	 const struct stat *st, const char *rel)
{
	struct fsck_file *x;

	if (f->nfiles == f->files_cap) {
		f->files_cap = f->files_cap ? f->files_cap * 2 : 256;
		f->files = xreallocarray(f->files, f->files_cap,
					 sizeof(*f->files));
	}
	x = &f->files[f->nfiles++];
	x->key = *key;
	x->kind = kind;
	x->mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000;
	x->path = xstrdup(rel);
}

static int
walk_bodies(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct fsck_key key;
	struct stat st;
	const char *rest = fsck_stem(name, &key);
	int r;

	if (!rest || (*rest && strcmp(rest, ".in") != 0)) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	check_shard(f, rel, arg, key.id);
	r = check_entry(f, rel, S_IFREG, &st);
	if (r == 1)
		add_file(f, &key, *rest ? FSCK_INPUT : FSCK_BODY, &st, rel);
	return r;
}

static int
walk_outputs(struct fsck *f, const char *rel, const char *name, void *arg)
{
	unsigned move, attempt;
	struct fsck_key key;
	struct stat st;
	const char *rest = fsck_stem(name, &key);
	const char *kind;
	int r;

	kind = rest && *rest == '.' ? output_parse(rest + 1, &move, &attempt)
				    : NULL;
	if (!kind) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	check_shard(f, rel, arg, key.id);
	r = check_entry(f, rel, kind[0] == 'a' ? S_IFLNK : S_IFREG, &st);
	if (r == 1)
		add_file(f, &key, FSCK_OUTPUT, &st, rel);
	return r;
}

/* --- seq/, tmp/, the top */

static int
walk_seq(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct fsck_key key;
	struct stat st;
	const char *rest = fsck_stem(name, &key);

	(void)arg;
	if (!rest || *rest) {
		fsck_note(f, rel, "%s", not_ours);
		return 0;
	}
	strlist_add(&f->seq, name);
	return check_entry(f, rel, S_IFLNK, &st);
}

static int
walk_tmp(struct fsck *f, const char *rel, const char *name, void *arg)
{
	struct stat st;
	int r = look_at(f, rel, &st);

	(void)name;
	(void)arg;
	if (r == 1 && (int64_t)st.st_mtim.tv_sec * 1000 + TMP_OLD_MS <
		      f->now_ms)
		fsck_found(f, MEND_TMP, rel, "is left over from something that "
			   "never ended (remove it, or start a worker)");
	return r;
}

static int
check_top(struct fsck *f)
{
	static const char *const known[] = {
		"nfsq.conf", "seq", "tmp", "jobs", "out", "queue", "held",
		"waiting", "workers", "done", "failed", "cancelled",
		"corrupt", "tomb",
		/* what file systems put there */
		"lost+found", ".snapshot", ".zfs",
	};
	struct strlist names = STRLIST_INIT;
	struct stat st;
	int r = list(f, ".", &names);

	for (size_t i = 0; i < names.n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(known) &&
		       strcmp(known[k], names.v[i]) != 0)
			k++;
		if (k == ARRAY_LEN(known))
			fsck_note(f, names.v[i], "%s", not_ours);
	}
	/* Of the directories the walk through each tells. */
	for (size_t k = 0; k < ARRAY_LEN(known) - 3; k++)
		if (!strlist_has(&names, known[k]))
			fsck_found(f, k == 0 ? MEND_NONE : MEND_DIR, known[k],
				   "is missing (make it as its neighbours "
				   "are)");
	if (r == 0)
		r = check_entry(f, "nfsq.conf", S_IFREG, &st);
	strlist_release(&names);
	return r < 0 ? -1 : 0;
}

int
fsck_walk(struct fsck *f)
{
	struct shard bodies = { .fn = walk_bodies };
	struct shard outputs = { .fn = walk_outputs };

	/* Files before tokens: a job whose file was seen has a token by
	 * then.  The counter last: it is above all ids seen.  States in the
	 * order in which jobs move, that none slips through. */
	if (check_top(f) < 0 ||
	    walk(f, "out", walk_shard, &outputs) < 0 ||
	    walk(f, "jobs", walk_shard, &bodies) < 0 ||
	    walk_states(f, STATE_HELD, false) < 0 ||
	    walk_states(f, STATE_WAITING, false) < 0 ||
	    check_queue(f) < 0 ||
	    walk(f, "workers", walk_workers, NULL) < 0 ||
	    walk_states(f, STATE_DONE, false) < 0 ||
	    walk_states(f, STATE_FAILED, false) < 0 ||
	    walk_states(f, STATE_CANCELLED, false) < 0 ||
	    walk_states(f, STATE_CORRUPT, false) < 0 ||
	    walk_states(f, STATE_DONE, true) < 0 ||
	    walk(f, "seq", walk_seq, NULL) < 0)
		return -1;
	return walk(f, "tmp", walk_tmp, NULL);
}

/*
 * fsck-mend.c - what fsck --repair does about each kind of finding
 *
 * Each mend looks again at what it is about, just before, and is one
 * transition of spool.h or spool-mend.h.  Losing a race is no failure: a new
 * check shows what is left.
 *
 * A body without a token is either what a submit left that did not end, so
 * that nobody was told its id, or an acknowledged job whose token somebody
 * removed.  One cannot see which.  So it is not removed: it gets a token
 * in held/, where it is seen, does not run, and waits for release or cancel.
 */
#include "nfsq.h"
#include "fsck-int.h"

#include "spool-mend.h"

/* Notes why it is left alone.  Always 0. */
static int
leave(struct finding *x, const char *fmt, ...) PRINTF(2, 3);

static int
leave(struct finding *x, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	free(x->why);
	x->why = str_detach(&s);
	return 0;
}

/* The entry of a token at the relative path.  1, 0 it is none. */
static int
entry_at(const char *rel, struct entry *e)
{
	const char *slash = strrchr(rel, '/');
	char *top = xstrndup(rel, strcspn(rel, "/"));
	int state = state_parse(top);

	memset(e, 0, sizeof(*e));
	e->purged = strcmp(top, "tomb") == 0;
	if (strcmp(top, "queue") == 0)
		state = STATE_QUEUED;
	else if (strcmp(top, "workers") == 0)
		state = STATE_RUNNING;
	else if (e->purged)
		state = STATE_DONE;
	free(top);
	if (!slash || state < 0 || token_parse(slash + 1, &e->t) != 1)
		return 0;
	e->state = (enum state)state;
	e->dir = xstrndup(rel, (size_t)(slash - rel));
	return 1;
}

/* --- each kind: 1 mended (and told), 0 not, -1 errno */

static int
mend_dir(struct fsck_repair *r, struct finding *x)
{
	if (spool_mend_dir(r->sp, x->path) < 0)
		return -1;
	fsck_say(r, "mended: %s: made the directory", x->path);
	return 1;
}

static int
mend_mode(struct fsck_repair *r, struct finding *x)
{
	int k = spool_mend_mode(r->sp, x->path);

	if (k == 0)
		return leave(x, "it belongs to somebody else or has a second "
			     "name");
	if (k == 1)
		fsck_say(r, "mended: %s: set the mode", x->path);
	return k;
}

/* watch_silent did what can be done. */
static int
mend_seat(struct fsck_repair *r, struct finding *x)
{
	(void)r;
	return leave(x, "it did not go away (is it alive, or does it hold "
		     "something that is not ours?)");
}

static int
mend_place(struct fsck_repair *r, struct finding *x)
{
	const char *name = strrchr(x->path, '/') + 1;
	struct fsck_key key;
	struct entry e;
	int k;

	if (entry_at(x->path, &e)) {
		if (e.t.foreign)
			k = leave(x, "a newer nfsq wrote it (use that)");
		else if (e.purged)
			k = spool_purge(r->sp, &e, &r->err);
		else
			k = spool_move(r->sp, &e, e.state, &e.t);
		entry_release(&e);
	} else {
		if (!fsck_stem(name, &key))
			return 0;
		k = spool_mend_shard(r->sp, x->path, key.id);
		if (k < 0 && errno == EEXIST)
			return leave(x, "there is one in the right place, too "
				     "(compare them)");
	}
	if (k == 1)
		fsck_say(r, "mended: %s: moved to its place", x->path);
	return k;
}

static int
mend_counter(struct fsck_repair *r, struct finding *x)
{
	char *entry;
	int k = spool_mend_counter(r->sp, x->id, &entry, &r->err);

	if (k == 1)
		fsck_say(r, "mended: %s: the counter is '%s' now", x->path,
			 entry ? entry : "?");
	free(entry);
	return k;
}

/* A result that leaves with a token's name stays as a record, as it does when
 * a job is requeued. */
static int
keep_result(struct fsck_repair *r, const struct entry *e)
{
	if (e->t.attempt == 0 || e->t.start_ms == 0)
		return 0;
	return spool_record(r->sp, &e->t, NULL, "of a second token");
}

/*
 * A second token is removed, not moved to corrupt/: once it were purged
 * there, the body and outputs of the other would go with it.  Its counter
 * of moves is not the highest, so it is a copy of what the job once was;
 * nothing but a result is in its name alone.
 */
static int
mend_twin(struct fsck_repair *r, struct finding *x)
{
	char *dir = xstrndup(x->other, (size_t)(strrchr(x->other, '/') -
						x->other));
	char *path = spool_path(r->sp, "%s", dir);
	struct entry e;
	int k = spool_has(path, strrchr(x->other, '/') + 1);

	free(path);
	free(dir);
	if (k != 1 || !entry_at(x->path, &e))
		return k < 0 && errno != ENOENT && errno != ESTALE ? -1 : 0;
	if (e.t.foreign)
		k = leave(x, "a newer nfsq wrote it (use that)");
	else if (e.state == STATE_RUNNING)
		k = leave(x, "a worker has it (nfsq stop --now that worker, "
			  "then again)");
	else if (strncmp(x->other, "tomb/", 5) != 0 && keep_result(r, &e) < 0)
		k = -1;
	else
		k = spool_mend_remove(r->sp, x->path);
	entry_release(&e);
	if (k == 1)
		fsck_say(r, "mended: %s: removed, the job is at '%s'", x->path,
			 x->other);
	return k;
}

/* 1 it is good or of a newer nfsq; 0 corrupt; -1 it cannot be read now. */
static int
body_is_good(struct fsck_repair *r, const struct token *t, struct job *j)
{
	struct str text = STR_INIT;
	int k = spool_read_body(r->sp, t, &text, &r->err);

	if (k == 1)
		k = job_parse(text.s, text.len, j, NULL) >= 0;
	str_release(&text);
	return k;
}

static void
end_corrupt(struct fsck_repair *r, struct token *t)
{
	token_clear_end(t);
	t->ended = true;
	t->exit_code = EXIT_LOST;
	t->end_ms = r->now_ms;
}

/* As a worker does that claims it. */
static int
mend_body(struct fsck_repair *r, struct finding *x)
{
	struct token to;
	struct entry e;
	struct job j;
	int k;

	if (!entry_at(x->path, &e))
		return 0;
	job_init(&j);
	k = body_is_good(r, &e.t, &j);
	job_release(&j);
	if (k == 1) {
		k = 0;
	} else if (k == 0 && e.t.foreign) {
		k = leave(x, "a newer nfsq wrote it (use that)");
	} else if (k == 0) {
		to = e.t;
		end_corrupt(r, &to);
		k = spool_move(r->sp, &e, STATE_CORRUPT, &to);
	}
	if (k == 1)
		fsck_say(r, "mended: %s: job %" PRIu64 " is in corrupt/ now "
			 "(submit it again)", x->path, e.t.id);
	entry_release(&e);
	return k;
}

/* Body and input: when was the later one written (server's clock), and are
 * both the spool's owner's?  1; 0 neither is there; -1 not known. */
static int
look_at_files(struct fsck_repair *r, const struct token *t, int64_t *mtime_ms,
	      bool *ours)
{
	char *path[] = { spool_body_path(r->sp, t),
			 spool_input_path(r->sp, t) };
	int found = 0, bad = 0;

	*mtime_ms = 0;
	*ours = true;
	for (size_t i = 0; i < ARRAY_LEN(path); i++) {
		struct stat st;
		int64_t ms;

		if (fs_lstat(path[i], &st) == 0) {
			ms = (int64_t)st.st_mtim.tv_sec * 1000 +
			     st.st_mtim.tv_nsec / 1000000;
			/* The body is written last, and says it best. */
			*mtime_ms = i == 0 || ms > *mtime_ms ? ms : *mtime_ms;
			*ours &= r->sp->conf.group ||
				 st.st_uid == geteuid();
			found++;
		} else if (errno != ENOENT) {
			bad = errno;
		}
		free(path[i]);
	}
	errno = bad;
	return bad ? -1 : found > 0;
}

/* May a token be made?  1; 0 not (why says so, or it is there); -1. */
static int
may_adopt(struct fsck_repair *r, struct finding *x, const struct token *t,
	  int64_t mtime_ms, bool ours)
{
	int k;

	if (!ours)
		return leave(x, "somebody else wrote it");
	if (mtime_ms + FSCK_TMP_MS >= r->now_ms)
		return leave(x, "a submit may still be under way (when it is a "
			     "day old it gets its place in held/)");
	/* A token that waits in tmp/ may still be renamed, however late; what
	 * is older than a day was swept, and then never can be. */
	k = spool_mend_pending(r->sp, t);
	if (k != 0)
		return k < 0 ? -1 : leave(x, "its submit or a repair may still "
					  "be under way (again when tmp/ was "
					  "swept)");
	return 1;
}

/* Is there no token, and no other job of that id?  As may_adopt. */
static int
is_orphan(struct fsck_repair *r, struct finding *x, const struct token *t)
{
	struct entry e = { .dir = NULL };
	int k;

	k = spool_find(r->sp, t->id, &e, &r->err);
	if (k == 1 && strcmp(e.t.nonce, t->nonce) == 0)
		k = 0;
	else if (k == 1)
		k = leave(x, "another job has the id %" PRIu64 " (save the "
			  "file, then remove it)", t->id);
	else if (k == 0)
		k = 1;
	entry_release(&e);
	return k;
}

/*
 * The token of a body that has none.  Its name must be one that was never
 * used, and its move counter no higher than that of a token that was there
 * all the same and escaped all our looks, since the higher one stays: the
 * counter is what outputs tell of, and the time of the submit is a
 * millisecond less than any token of this job has said.
 */
static int
adopt(struct fsck_repair *r, struct finding *x, struct token *t,
      int64_t mtime_ms)
{
	enum state state = STATE_CORRUPT;
	struct str text = STR_INIT;
	struct job j;
	int k = spool_read_body(r->sp, t, &text, &r->err);

	job_init(&j);
	if (k == 1) {
		k = job_parse(text.s, text.len, &j, &r->err);
		if (k == 0) {
			k = leave(x, "a newer nfsq wrote it (use that)");
			goto out;
		}
		if (k == 1)
			state = STATE_HELD;
	} else if (k < 0) {
		goto out;
	}
	if (state == STATE_HELD)
		spool_fill_token(&j, t);
	t->submit_ms = mtime_ms - 1;
	k = spool_mend_counts(r->sp, t);
	if (state == STATE_HELD)
		t->reason = REASON_HOLD;
	else
		end_corrupt(r, t);
	if (k == 0)
		k = spool_mend_adopt(r->sp, t, state) < 0 ? -1 : 1;
	if (k == 1 && state == STATE_HELD)
		fsck_say(r, "mended: %s: job %" PRIu64 " is in held/ now: its "
			 "submit did not end, or its entry was removed (nfsq "
			 "release or nfsq cancel it)", x->path, t->id);
	else if (k == 1)
		fsck_say(r, "mended: %s: job %" PRIu64 " is in corrupt/ now",
			 x->path, t->id);
out:
	job_release(&j);
	str_release(&text);
	return k;
}

/*
 * Two repairs that both found no token would make one each, and a release of
 * the first makes way for the second: the job would run twice.  So only who
 * made the mark looks and adopts; one that died leaves it to the sweep of
 * tmp/.  (repair.pml: M, mark)
 */
static int
adopt_alone(struct fsck_repair *r, struct finding *x, struct token *t,
	    int64_t mtime_ms)
{
	char *mark = spool_path(r->sp, "tmp/%" PRIu64 ".%s.adopt", t->id,
				t->nonce);
	int k, saved;

	if (fs_symlink("adopt", mark) < 0) {
		k = errno == EEXIST ? leave(x, "another repair is at it") : -1;
		if (k < 0)
			error_errno(&r->err, "cannot write '%s'", mark);
		free(mark);
		return k;
	}
	k = is_orphan(r, x, t);
	if (k == 1)
		k = adopt(r, x, t, mtime_ms);
	saved = errno;
	/* A rename that may still happen must find it here. */
	if (k >= 0 || saved != EINPROGRESS)
		(void)fs_unlink(mark);
	errno = saved;
	free(mark);
	return k;
}

static int
mend_orphan(struct fsck_repair *r, struct finding *x)
{
	struct fsck_key key;
	struct token t;
	int64_t mtime;
	bool ours;
	int k;

	if (!fsck_stem(strrchr(x->path, '/') + 1, &key))
		return 0;
	token_init(&t);
	t.id = key.id;
	memcpy(t.nonce, key.nonce, sizeof(t.nonce));
	k = look_at_files(r, &t, &mtime, &ours);
	if (k == 1)
		k = may_adopt(r, x, &t, mtime, ours);
	return k == 1 ? adopt_alone(r, x, &t, mtime) : k;
}

/* Its tombstone says that nobody wants it, and nobody removes that. */
static int
mend_purged(struct fsck_repair *r, struct finding *x)
{
	int k = spool_mend_remove(r->sp, x->path);

	if (k == 1)
		fsck_say(r, "mended: %s: removed, its job was purged", x->path);
	return k;
}

/* housekeep did it, if it could be done. */
static int
mend_swept(struct fsck_repair *r, struct finding *x)
{
	const char *name = strrchr(x->path, '/') + 1;
	char *dir = spool_path(r->sp, "%.*s", (int)(name - x->path - 1),
			       x->path);
	int k = spool_has(dir, name);

	free(dir);
	if (k == 1)
		return leave(x, "it did not go away");
	if (k == 0)
		fsck_say(r, "mended: %s: removed", x->path);
	return k < 0 ? -1 : 1;
}

typedef int mend_fn(struct fsck_repair *r, struct finding *x);

static mend_fn *const mends[MEND_COUNT] = {
	[MEND_DIR] = mend_dir,
	[MEND_MODE] = mend_mode,
	[MEND_SEAT] = mend_seat,
	[MEND_PLACE] = mend_place,
	[MEND_COUNTER] = mend_counter,
	[MEND_TWIN] = mend_twin,
	[MEND_BODY] = mend_body,
	[MEND_ORPHAN] = mend_orphan,
	[MEND_PURGED] = mend_purged,
	[MEND_REQUEST] = mend_swept,
	[MEND_TMP] = mend_swept,
};

void
fsck_mend_one(struct fsck_repair *r, struct finding *x)
{
	int k = mends[x->mend](r, x);

	if (k < 0)
		leave(x, "%s", r->err.text ? r->err.text : strerror(errno));
	r->mended += k == 1;
	error_release(&r->err);
}

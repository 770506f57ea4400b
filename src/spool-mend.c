/*
 * spool-mend.c - the transitions that fsck --repair alone makes
 */
#include "nfsq.h"
#include "spool-mend.h"

#include "spool-int.h"

/* Splits rel into its absolute directory and its last component. */
static char *
dir_of(const struct spool *sp, const char *rel, const char **name)
{
	const char *slash = strrchr(rel, '/');

	*name = slash ? slash + 1 : rel;
	return slash ? spool_path(sp, "%.*s", (int)(slash - rel), rel)
		     : xstrdup(sp->dir);
}

/* --- seq/ */

/* Is it N.NONCE, as we write it? */
static bool
counter_parse(const char *name, uint64_t *n)
{
	size_t digits = strspn(name, "0123456789");
	const char *nonce = name + digits + 1;

	errno = 0;
	*n = strtoull(name, NULL, 10);
	return digits > 0 && name[0] != '0' && !errno && name[digits] == '.' &&
	       *n <= (uint64_t)TOKEN_ID_MAX && strlen(nonce) == NONCE_LEN &&
	       strspn(nonce, "0123456789abcdef") == NONCE_LEN;
}

/* Of two the higher number; of two of one number always the same one,
 * whoever asks. */
static bool
is_above(const char *a, const char *b)
{
	uint64_t x, y;

	if (!counter_parse(a, &x))
		return false;
	if (!b || !counter_parse(b, &y) || x > y)
		return true;
	return x == y && strcmp(a, b) > 0;
}

/* The entry that counts, in names; NULL: none. */
static const char *
highest(const struct strlist *names)
{
	const char *best = NULL;

	for (size_t i = 0; i < names->n; i++)
		if (is_above(names->v[i], best))
			best = names->v[i];
	return best;
}

/* A reader that catches the highest just moving might take ids again from a
 * lower one.  The highest itself is never removed, it only grows. */
static int
remove_lower(const char *dir, const struct strlist *names, const char *best)
{
	int removed = 0;
	uint64_t n;

	for (size_t i = 0; i < names->n; i++) {
		char *path;
		int r;

		if (!counter_parse(names->v[i], &n) ||
		    strcmp(names->v[i], best) == 0)
			continue;
		path = xasprintf("%s/%s", dir, names->v[i]);
		r = fs_unlink(path);
		free(path);
		if (r < 0 && errno != ENOENT)
			return -1;
		removed++;
	}
	return removed;
}

/* Makes the entry above+1, or moves best there, as a submit would that takes
 * all ids up to it.  0, also when the race was lost; -1. */
static int
raise_counter(struct spool *sp, const char *dir, const char *best,
	      uint64_t above)
{
	char nonce[NONCE_LEN + 1];
	char *name;
	int r, saved;

	spool_nonce(nonce);
	name = xasprintf("%" PRIu64 ".%s", above + 1, nonce);
	/* At this instant the counter is above all ids. */
	if (best)
		r = spool_rename(dir, best, dir, name);
	else
		r = spool_publish(sp, "next", dir, name);
	saved = errno;
	free(name);
	errno = saved;
	return r < 0 ? -1 : 0;
}

int
spool_mend_counter(struct spool *sp, uint64_t above, char **entry,
		   struct error *err)
{
	char *dir = spool_path(sp, "seq");
	int r = 0, changed = 0;

	*entry = NULL;
	if (above >= (uint64_t)TOKEN_ID_MAX)
		r = error_set(err, "no number is left above id %" PRIu64,
			      above);
	for (int tries = 0; r == 0 && !*entry && tries < 100; tries++) {
		struct strlist names = STRLIST_INIT;
		const char *best;
		uint64_t n = 0;

		r = fs_list(dir, &names, NULL);
		best = highest(&names);
		if (r == 0 && best && counter_parse(best, &n) && n > above) {
			r = remove_lower(dir, &names, best);
			changed |= r > 0;
			*entry = xstrdup(best);
		} else if (r == 0) {
			r = raise_counter(sp, dir, best, above);
			changed = 1;
		}
		strlist_release(&names);
		if (r > 0)
			r = 0;
		else if (r < 0)
			error_errno(err, "cannot mend '%s'", dir);
	}
	if (r == 0 && fs_sync_dir(dir, sp->nfs) < 0)
		r = error_errno(err, "cannot sync '%s'", dir);
	free(dir);
	return r < 0 ? -1 : changed;
}

/* --- directories, modes, places */

int
spool_mend_dir(struct spool *sp, const char *rel)
{
	char *path = spool_path(sp, "%s", rel);
	int r = spool_mkdir(sp, path);

	/* mkdir drops the setgid bit where nothing is inherited. */
	if (r == 0 && sp->conf.group)
		r = fs_chmod(path, sp->dir_mode);
	free(path);
	return r;
}

int
spool_mend_mode(struct spool *sp, const char *rel)
{
	char *path = spool_path(sp, "%s", rel), *self;
	int fd = fs_open(path, O_PATH, 0), r = 0, saved;
	struct stat st;

	free(path);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -1;
	/* chmod follows links: the thing itself is held while it is looked
	 * at.  A second name may be that of a file outside. */
	if (fs_fstat(fd, &st) < 0)
		r = -1;
	else if (st.st_uid == geteuid() &&
		 (S_ISDIR(st.st_mode) ||
		  (S_ISREG(st.st_mode) && st.st_nlink == 1))) {
		self = xasprintf("/proc/self/fd/%d", fd);
		r = fs_chmod(self, S_ISDIR(st.st_mode) ? sp->dir_mode
						       : sp->file_mode);
		free(self);
		r = r < 0 ? -1 : 1;
	}
	saved = errno;
	fs_close(fd);
	errno = saved;
	return r;
}

int
spool_mend_shard(struct spool *sp, const char *rel, uint64_t id)
{
	const char *name;
	char *fdir = dir_of(sp, rel, &name);
	char *tdir = spool_path(sp, "%.*s/%" PRIu64, (int)strcspn(rel, "/"),
				rel, spool_shard(id));
	int r = spool_has(tdir, name), saved;

	if (r < 0 && errno == ENOENT) {
		r = spool_mkdir(sp, tdir);
		/* It may have been there, and this client did not know. */
		if (r == 0)
			r = spool_has(tdir, name);
	}
	/* Who finds it in the wrong place gives it this name only.  A body
	 * is opened by its computed place alone, so nobody has it open. */
	if (r == 0)
		r = spool_rename(fdir, name, tdir, name);
	else if (r == 1 && spool_has(fdir, name) == 0)
		r = 0;		/* somebody else mended it */
	else if (r == 1) {
		r = -1;
		errno = EEXIST;
	}
	if (r == 1 && fs_sync_dir(tdir, sp->nfs) < 0)
		r = -1;
	saved = errno;
	free(fdir);
	free(tdir);
	errno = saved;
	return r == MOVE_NO_TARGET ? 0 : r;
}

int
spool_mend_remove(struct spool *sp, const char *rel)
{
	const char *name;
	char *dir = dir_of(sp, rel, &name);
	char *path = spool_path(sp, "%s", rel);
	int r = spool_has(dir, name), saved;

	if (r < 0 && (errno == ENOENT || errno == ESTALE))
		r = 0;
	if (r == 1 && fs_unlink(path) < 0)
		r = errno == ENOENT ? 0 : -1;
	if (r == 1 && fs_sync_dir(dir, sp->nfs) < 0)
		r = -1;
	saved = errno;
	free(dir);
	free(path);
	errno = saved;
	return r;
}

/* --- bodies without a token */

/* What follows "ID.NONCE." in those of the names that begin with it. */
static void
rests_of(const struct strlist *names, const struct token *t,
	 struct strlist *rests)
{
	char *prefix = xasprintf("%" PRIu64 ".%s.", t->id, t->nonce);

	for (size_t i = 0; i < names->n; i++)
		if (strncmp(names->v[i], prefix, strlen(prefix)) == 0)
			strlist_add(rests, names->v[i] + strlen(prefix));
	free(prefix);
}

int
spool_mend_pending(struct spool *sp, const struct token *t)
{
	struct strlist names = STRLIST_INIT, rests = STRLIST_INIT;
	char *dir = spool_path(sp, "tmp");
	int r = fs_list(dir, &names, NULL), saved = errno;

	rests_of(&names, t, &rests);
	if (r == 0)
		r = rests.n > 0;
	strlist_release(&rests);
	strlist_release(&names);
	free(dir);
	errno = saved;
	return r;
}

int
spool_mend_counts(struct spool *sp, struct token *t)
{
	struct strlist names = STRLIST_INIT, rests = STRLIST_INIT;
	int r = spool_list_shard(sp, "out", t->id, &names), saved = errno;

	/* No shard, no outputs. */
	if (r < 0 && errno == ENOENT)
		r = 0;
	rests_of(&names, t, &rests);
	for (size_t i = 0; i < rests.n; i++) {
		unsigned move, attempt;

		if (!output_parse(rests.v[i], &move, &attempt))
			continue;
		if (move > t->move)
			t->move = move;
		if (attempt > t->attempt)
			t->attempt = attempt;
	}
	strlist_release(&rests);
	strlist_release(&names);
	errno = saved;
	return r;
}

int
spool_mend_adopt(struct spool *sp, const struct token *t, enum state state)
{
	char name[TOKEN_NAME_MAX + 1];
	char *dir = spool_path(sp, "%s/%" PRIu64, spool_state_dir(state),
			       spool_shard(t->id));
	char *text = spool_token_text(t);
	int r, saved;

	spool_token_name(t, name);
	r = spool_publish(sp, text, dir, name);
	if (r == 0)
		r = fs_sync_dir(dir, sp->nfs);
	saved = errno;
	free(text);
	free(dir);
	errno = saved;
	return r;
}

/*
 * spool-change.c - what anybody may do to a job: move one that nobody holds,
 * ask the one who holds it, drain, reap's file work, purge, sweep
 */
#include "nfsq.h"
#include "spool-int.h"

int
spool_move(struct spool *sp, const struct entry *e, enum state state,
	   const struct token *to)
{
	char from[TOKEN_NAME_MAX + 1];
	char *dir = spool_path(sp, "%s", e->dir), *tdir = NULL;
	struct token next = *to;
	int r, saved;

	next.move = e->t.move + 1;
	spool_token_name(&e->t, from);
	r = spool_send(sp, dir, from, state, &next, &tdir);
	/* The caller tells somebody that it is done (P13).  A bucket that is
	 * gone again was emptied by a claim. */
	if (r == 1 && fs_sync_dir(tdir, sp->nfs) < 0 && errno != ENOENT)
		r = -1;
	saved = errno;
	free(tdir);
	free(dir);
	errno = saved;
	return r;
}

/* --- requests and drains: entries of queue/, where everybody looks */

int
spool_request(struct spool *sp, const struct request *r, char **name,
	      struct error *err)
{
	char nonce[NONCE_LEN + 1];
	char *dir = spool_path(sp, "queue");
	char *entry, *whom;
	int ret;

	spool_nonce(nonce);
	whom = r->worker[0] ? xstrdup(r->worker)
			    : xasprintf("%" PRIu64, r->id);
	entry = xasprintf("req.%s.%d.%s.%s", request_name(r->op), r->arg, whom,
			  nonce);
	ret = spool_publish(sp, "request", dir, entry);
	if (ret == 0)
		ret = fs_sync_dir(dir, sp->nfs);
	if (ret < 0)
		error_errno(err, "cannot place a request in '%s'", dir);
	if (name && ret == 0) {
		*name = entry;
		entry = NULL;
	}
	free(entry);
	free(whom);
	free(dir);
	return ret;
}

int
spool_request_done(struct spool *sp, const char *name)
{
	char *dir = spool_path(sp, "queue");
	char *path = xasprintf("%s/%s", dir, name);
	int r = fs_unlink(path);

	/* Gone, or a stale name (NFS-FACTS 1.2)? */
	if (r < 0 && errno == ENOENT)
		r = spool_has(dir, name) == 0 ? 0 : fs_unlink(path);
	free(path);
	free(dir);
	return r;
}

int
spool_forget_requests(struct spool *sp, const struct queue *q, uint64_t id,
		      unsigned ops)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->nrequests; i++)
		if (q->requests[i].id == id && id &&
		    ops & 1u << q->requests[i].op)
			r = spool_request_done(sp, q->requests[i].name);
	return r;
}

int
spool_drain(struct spool *sp, const char *host, const char *name,
	    struct error *err)
{
	char nonce[NONCE_LEN + 1];
	struct str entry = STR_INIT;
	char *dir = spool_path(sp, "queue");
	int r;

	spool_nonce(nonce);
	str_add(&entry, "drain.");
	spool_encode(&entry, host);
	str_addc(&entry, '.');
	if (name)
		spool_encode(&entry, name);
	str_addf(&entry, ".%s", nonce);
	r = spool_publish(sp, "drain", dir, entry.s);
	if (r == 0)
		r = fs_sync_dir(dir, sp->nfs);
	if (r < 0)
		error_errno(err, "cannot place a drain in '%s'", dir);
	str_release(&entry);
	free(dir);
	return r;
}

int
spool_undrain(struct spool *sp, const char *host, const char *name,
	      struct error *err)
{
	struct queue q;
	int r = spool_look(sp, &q, err), removed = 0;

	for (size_t i = 0; r == 0 && i < q.ndrains; i++) {
		const struct drain *d = &q.drains[i];

		if (strcmp(d->host, host) != 0 ||
		    (name && d->name && strcmp(d->name, name) != 0))
			continue;
		r = spool_request_done(sp, d->entry);
		if (r < 0)
			error_errno(err, "cannot remove '%s/queue/%s'",
				    sp->dir, d->entry);
		removed++;
	}
	queue_release(&q);
	return r < 0 ? -1 : removed;
}

/* --- reap */

int
spool_expire(struct spool *sp, const char *uuid)
{
	char *path = spool_path(sp, "workers/%s/lease", uuid);
	int r = fs_unlink(path);

	if (r < 0 && (errno == ENOENT || errno == ESTALE))
		r = 0;
	free(path);
	return r;
}

/* Is the seat gone?  1, 0 no, -1 not known; errno is kept. */
static int
seat_gone(struct spool *sp, const char *uuid)
{
	char *dir = spool_path(sp, "workers");
	int saved = errno, there = spool_has(dir, uuid);

	free(dir);
	errno = saved;
	return there < 0 ? -1 : !there;
}

int
spool_bury(struct spool *sp, const char *uuid)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "workers/%s", uuid);
	struct token t;
	int r = 1;

	if (fs_list_all(dir, &names) < 0) {
		r = errno == ENOENT || errno == ESTALE ? seat_gone(sp, uuid)
						       : -1;
		goto out;
	}
	for (size_t i = 0; i < names.n; i++) {
		char *path;

		/* Never a job's token. */
		if (token_parse(names.v[i], &t) == 1)
			continue;
		path = xasprintf("%s/%s", dir, names.v[i]);
		fs_unlink(path);
		free(path);
	}
	/* The fence: from here nothing enters this directory, however late
	 * its request comes (NFS-FACTS 4.3). */
	if (fs_rmdir(dir) < 0)
		r = errno == ENOTEMPTY || errno == EEXIST ? 0
			: errno == ENOENT || errno == ESTALE
			? seat_gone(sp, uuid) : -1;
out:
	strlist_release(&names);
	free(dir);
	return r;
}

/* --- purge and sweep */

static void
remove_files(struct spool *sp, const struct token *t)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "out/%" PRIu64, spool_shard(t->id));
	char *prefix = xasprintf("%" PRIu64 ".%s.", t->id, t->nonce);
	char *body = spool_body_path(sp, t);
	char *input = spool_input_path(sp, t);

	fs_list(dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		char *path;

		if (strncmp(names.v[i], prefix, strlen(prefix)) != 0)
			continue;
		path = xasprintf("%s/%s", dir, names.v[i]);
		fs_unlink(path);
		free(path);
	}
	fs_unlink(input);
	fs_unlink(body);
	free(input);
	free(body);
	free(prefix);
	free(dir);
	strlist_release(&names);
}

int
spool_purge(struct spool *sp, const struct entry *e, struct error *err)
{
	char from[TOKEN_NAME_MAX + 1], to[TOKEN_NAME_MAX + 1];
	char *fdir = spool_path(sp, "%s", e->dir);
	char *tdir = spool_path(sp, "tomb/%" PRIu64, spool_shard(e->t.id));
	struct token next = e->t;
	int r;

	next.move++;
	spool_token_name(&e->t, from);
	spool_token_name(&next, to);
	/* At this instant the job is purged; its files follow. */
	r = spool_rename(fdir, from, tdir, to);
	if (r == MOVE_NO_TARGET && spool_mkdir(sp, tdir) == 0)
		r = spool_rename(fdir, from, tdir, to);
	if (r == 1)
		remove_files(sp, &next);
	else if (r < 0)
		error_errno(err, "cannot purge job %" PRIu64, e->t.id);
	free(fdir);
	free(tdir);
	return r;
}

static int
cmp_key(const void *key, const void *v)
{
	return strcmp(key, *(char *const *)v);
}

/* Removes from top/SHARD what belongs to one of the jobs "ID.NONCE". */
static void
sweep_shard(struct spool *sp, const char *top, const char *shard,
	    const struct strlist *purged)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "%s/%s", top, shard);

	fs_list(dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		const char *nonce = strchr(names.v[i], '.');
		char *key, *path;

		if (!nonce)
			continue;
		key = xstrndup(names.v[i], (size_t)(nonce - names.v[i]) + 1 +
			       strcspn(nonce + 1, "."));
		path = xasprintf("%s/%s", dir, names.v[i]);
		if (bsearch(key, purged->v, purged->n, sizeof(*purged->v),
			    cmp_key))
			fs_unlink(path);
		free(path);
		free(key);
	}
	strlist_release(&names);
	free(dir);
}

void
spool_sweep_purged(struct spool *sp)
{
	struct strlist shards = STRLIST_INIT;
	char *tomb = spool_path(sp, "tomb");

	fs_list(tomb, &shards, NULL);
	for (size_t i = 0; i < shards.n; i++) {
		struct strlist names = STRLIST_INIT, purged = STRLIST_INIT;
		char *dir = xasprintf("%s/%s", tomb, shards.v[i]);
		struct token t;

		fs_list(dir, &names, NULL);
		for (size_t k = 0; k < names.n; k++)
			if (token_parse(names.v[k], &t) == 1)
				strlist_take(&purged, xasprintf("%" PRIu64
					     ".%s", t.id, t.nonce));
		strlist_sort(&purged);
		if (purged.n) {
			sweep_shard(sp, "jobs", shards.v[i], &purged);
			sweep_shard(sp, "out", shards.v[i], &purged);
		}
		strlist_release(&purged);
		strlist_release(&names);
		free(dir);
	}
	strlist_release(&shards);
	free(tomb);
}

/* A worker's seat that was never renamed into place. */
static void
remove_seat(const char *dir)
{
	static const char *const names[] = { "lease", "info", "stopping" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);

		fs_unlink(path);
		free(path);
	}
	fs_rmdir(dir);
}

int
spool_remove_tree(const char *dir, int depth)
{
	struct strlist names = STRLIST_INIT;

	if (fs_list_all(dir, &names) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		char *path = xasprintf("%s/%s", dir, names.v[i]);

		/* unlink says EISDIR, EPERM by POSIX, of a directory. */
		if (fs_unlink(path) < 0 && depth > 1 &&
		    (errno == EISDIR || errno == EPERM))
			spool_remove_tree(path, depth - 1);
		free(path);
	}
	strlist_release(&names);
	return fs_rmdir(dir);
}

int
spool_sweep_tmp(struct spool *sp, int64_t age_ms, int64_t now_ms)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "tmp");
	int n = 0;

	fs_list(dir, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		char *path = xasprintf("%s/%s", dir, names.v[i]);
		struct stat st;

		if (fs_lstat(path, &st) == 0 &&
		    (int64_t)st.st_mtim.tv_sec * 1000 + age_ms < now_ms) {
			if (!S_ISDIR(st.st_mode))
				fs_unlink(path);
			else if (strncmp(names.v[i], "doctor.", 7) == 0)
				spool_remove_tree(path, 2);
			else
				remove_seat(path);
			n++;
		}
		free(path);
	}
	strlist_release(&names);
	free(dir);
	return n;
}

int
spool_waiting_mtime(struct spool *sp, int64_t *mtime_ms)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "waiting");
	int r = fs_list(dir, &names, mtime_ms);

	strlist_release(&names);
	free(dir);
	return r;
}

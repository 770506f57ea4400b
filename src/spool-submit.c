/*
 * spool-submit.c - taking an id, writing the body, queueing the token
 *
 * Order (a test compares it with a literal): id; body written, fsynced,
 * closed; its directory synced; token made in tmp/; renamed into queue/,
 * held/ or waiting/: at this instant the job exists; directory synced; bell.
 * Only then the id is told.
 */
#include "nfsq.h"
#include "spool-int.h"

/* The entry of seq/ with the highest number.  1, 0 none, -1. */
static int
read_seq(const char *dir, uint64_t *n, char **name)
{
	struct strlist names = STRLIST_INIT;
	int r = fs_list(dir, &names, NULL);
	int saved = errno;

	*n = 0;
	*name = NULL;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		char *end;
		unsigned long long v;

		errno = 0;
		v = strtoull(names.v[i], &end, 10);
		if (errno || !isdigit((unsigned char)names.v[i][0]) ||
		    *end != '.' || v <= *n ||
		    v > (unsigned long long)TOKEN_ID_MAX)
			continue;
		*n = v;
		free(*name);
		*name = xstrdup(names.v[i]);
	}
	strlist_release(&names);
	errno = saved;
	return r < 0 ? -1 : *name != NULL;
}

int
spool_take_ids(struct spool *sp, uint64_t n, uint64_t *first,
	       char nonce[NONCE_LEN + 1], struct error *err)
{
	char *dir = spool_path(sp, "seq");
	int r = 0;

	spool_nonce(nonce);
	/* Losing is normal; so many losses in a row are not. */
	for (int tries = 0; r == 0 && tries < 1000; tries++) {
		char *name, *next;

		r = read_seq(dir, first, &name);
		if (r == 0) {
			r = error_set(err, "spool '%s' has lost its counter "
				      "seq/ (nfsq fsck --repair)", sp->dir);
			break;
		}
		if (r < 0) {
			error_errno(err, "cannot read '%s'", dir);
			break;
		}
		/* The target has our nonce: "done" can only mean "mine"
		 * (NFS-FACTS 2.4). */
		next = xasprintf("%" PRIu64 ".%s", *first + n, nonce);
		r = spool_rename(dir, name, dir, next);
		if (r < 0)
			error_errno(err, "cannot take an id in '%s'", dir);
		free(next);
		free(name);
	}
	if (r == 0)
		r = error_set(err, "cannot take an id in '%s': lost the race "
			      "1000 times", dir);
	free(dir);
	return r == 1 ? 0 : -1;
}

void
spool_fill_token(const struct job *j, struct token *t)
{
	t->max_attempts = (uint32_t)j->max_attempts;
	t->priority = j->priority;
	t->cpus = (uint32_t)j->cpus;
	t->mem_mb = (uint64_t)j->mem_mb;
	t->gpus = (uint32_t)j->gpus;
	t->begin_ms = j->begin_ms;
	t->array = j->array != NULL;
	t->depends = j->dependency != NULL;
	t->keyed = j->key != NULL;
	if (j->no_requeue)
		t->flags |= TOKEN_NO_REQUEUE;
	if (j->output || j->error)
		t->flags |= TOKEN_OUTPUT;
	if (j->split || j->error)
		t->flags |= TOKEN_SPLIT;
	token_set_text(t->user, j->user ? j->user : "");
	token_set_text(t->name, j->name ? j->name : "");
}

/* fs_put of a new file in jobs/SHARD, whose directory may not exist yet. */
static int
put_body(struct spool *sp, const char *path, const char *text, size_t len,
	 int64_t *mtime_ms)
{
	int r = fs_put(path, text, len, sp->file_mode, mtime_ms);
	char *dir;

	if (r == 0 || errno != ENOENT)
		return r;
	dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	r = spool_mkdir(sp, dir);
	free(dir);
	return r < 0 ? -1 : fs_put(path, text, len, sp->file_mode, mtime_ms);
}

/* Copies an open descriptor's bytes to a new file beside the body. */
static int
put_input(struct spool *sp, const struct token *t, int input_fd,
	  struct error *err)
{
	char *path = spool_input_path(sp, t);
	char *buf = xmalloc(1 << 18);
	int fd, r = 0;
	ssize_t n;

	if (put_body(sp, path, "", 0, NULL) < 0 ||
	    (fd = fs_open(path, O_WRONLY, 0)) < 0) {
		r = error_errno(err, "cannot write '%s'", path);
		goto out;
	}
	while (r == 0 && (n = read(input_fd, buf, 1 << 18)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -1 : fs_write_all(fd, buf, (size_t)n);
	}
	if (r == 0)
		r = fs_fsync(fd);
	if (fs_close(fd) < 0)
		r = -1;
	if (r < 0) {
		error_errno(err, "cannot copy standard input to '%s'", path);
		fs_unlink(path);
	}
out:
	free(buf);
	free(path);
	return r;
}

static int
write_body(struct spool *sp, const struct job *j, struct token *t,
	   int input_fd, struct error *err)
{
	struct str text = STR_INIT;
	char *path = spool_body_path(sp, t);
	char *dir;
	int r = 0;

	job_format(j, &text);
	if (text.len > JOB_BODY_MAX)
		r = error_set(err, "refuse the job: its text (%zu bytes, "
			      "script and environment included) is over %d "
			      "MiB", text.len, JOB_BODY_MAX >> 20);
	if (r == 0 && input_fd >= 0)
		r = put_input(sp, t, input_fd, err);
	/* The body's own mtime is the time of the submit: the server's clock
	 * for no further call. */
	if (r == 0 && (r = put_body(sp, path, text.s, text.len,
				    &t->submit_ms)) < 0)
		error_errno(err, "cannot write '%s'", path);
	dir = spool_path(sp, "jobs/%" PRIu64, spool_shard(t->id));
	if (r == 0 && (r = fs_sync_dir(dir, sp->nfs)) < 0)
		error_errno(err, "cannot sync '%s'", dir);
	free(dir);
	free(path);
	str_release(&text);
	return r;
}

static void
remove_body(struct spool *sp, const struct token *t, bool input)
{
	char *path = spool_body_path(sp, t);

	fs_unlink(path);
	free(path);
	if (!input)
		return;
	path = spool_input_path(sp, t);
	fs_unlink(path);
	free(path);
}

/*
 * Makes sure that the job does not exist, or finds out that it does.  1 it
 * exists after all, in *dir; 0 it is refused for good; -1 not known.
 */
static int
take_back(struct spool *sp, const struct token *t, const char *tmpdir,
	  const char *name, char **dir)
{
	char *tmp = xasprintf("%s/%s", tmpdir, name);
	struct entry e = { .dir = NULL };
	int r;

	/* Once the source is gone by our unlink, the rename can never be
	 * carried out, however late its request comes (NFS-FACTS 7.3). */
	if (fs_unlink(tmp) == 0) {
		free(tmp);
		return 0;
	}
	free(tmp);
	r = spool_find(sp, t->id, &e, NULL);
	if (r == 1 && strcmp(e.t.nonce, t->nonce) != 0)
		r = 0;
	if (r == 1) {
		free(*dir);
		*dir = spool_path(sp, "%s", e.dir);
	}
	entry_release(&e);
	return r == 1 ? 1 : -1;
}

enum { UNKNOWN = -2 };

/* 0; -1 refused; UNKNOWN, or queued with a warning, in err. */
static int
queue_token(struct spool *sp, const struct token *t, enum state state,
	    struct error *err)
{
	char name[TOKEN_NAME_MAX + 1];
	char *tmpdir = spool_path(sp, "tmp");
	char *tmp, *text, *dir = NULL;
	int r;

	spool_token_name(t, name);
	tmp = xasprintf("%s/%s", tmpdir, name);
	text = spool_token_text(t);
	if (fs_symlink(text, tmp) < 0 && errno != EEXIST) {
		r = error_errno(err, "cannot queue job in '%s'", sp->dir);
		fs_unlink(tmp);
		goto out;
	}
	/* At this instant the job exists. */
	r = spool_send(sp, tmpdir, name, state, t, &dir);
	if (r != 1) {
		int why = errno;

		r = take_back(sp, t, tmpdir, name, &dir);
		errno = why;
		if (r == 0)
			r = error_errno(err, "cannot queue job in '%s'",
					sp->dir);
		else if (r < 0) {
			error_errno(err, "not known whether job %" PRIu64 " is "
				    "queued (see nfsq show %" PRIu64 ")",
				    t->id, t->id);
			r = UNKNOWN;
		}
	}
	if (r == 1 && fs_sync_dir(dir, sp->nfs) < 0 && errno != ENOENT) {
		error_errno(err, "job %" PRIu64 " is queued but may not "
			    "outlive a crash: cannot sync '%s'", t->id, dir);
		r = UNKNOWN;
	}
out:
	free(dir);
	free(text);
	free(tmp);
	free(tmpdir);
	return r == 1 ? 0 : r;
}

int
spool_submit(struct spool *sp, const struct job *j, int input_fd,
	     struct token *t, struct error *err)
{
	enum state state = STATE_QUEUED;
	int r;

	token_init(t);
	spool_fill_token(j, t);
	if (spool_take_ids(sp, 1, &t->id, t->nonce, err) < 0)
		return -1;
	if (write_body(sp, j, t, input_fd, err) < 0) {
		remove_body(sp, t, input_fd >= 0);
		return -1;
	}
	if (j->hold) {
		state = STATE_HELD;
		t->reason = REASON_HOLD;
	} else if (j->begin_ms > t->submit_ms) {
		state = STATE_WAITING;
		t->reason = REASON_BEGIN;
	}
	r = queue_token(sp, t, state, err);
	/* The body goes only when the job surely does not exist. */
	if (r == -1)
		remove_body(sp, t, input_fd >= 0);
	return r == 0 ? 0 : -1;
}

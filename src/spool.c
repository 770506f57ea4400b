/*
 * spool.c - opening and making a spool, its directory names, and the rename
 * that every transition goes through
 *
 * Owns the layout.  No function here keeps a descriptor open.
 */
#include "nfsq.h"
#include "spool-int.h"

#include <sys/random.h>
#include <uuid/uuid.h>

static const char *const skeleton[] = {
	"seq", "tmp", "jobs", "out", "queue", "held", "waiting", "workers",
	"done", "failed", "cancelled", "corrupt", "tomb",
};

char *
spool_path(const struct spool *sp, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	str_add(&s, sp->dir);
	str_addc(&s, '/');
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return str_detach(&s);
}

uint64_t
spool_shard(uint64_t id)
{
	return id / SPOOL_SHARD;
}

/* Makes the entry of path in its directory durable. */
static int
sync_parent(const char *path, bool nfs)
{
	char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = fs_sync_dir(*dir ? dir : "/", nfs);
	int saved = errno;

	free(dir);
	errno = saved;
	return r;
}

int
spool_mkdir(const struct spool *sp, const char *path)
{
	/* A mkdir that is sent again after a server's restart says EEXIST. */
	if (fs_mkdir(path, sp->dir_mode & 0777) < 0 && errno != EEXIST)
		return -1;
	return sync_parent(path, sp->nfs);
}

const char *
spool_state_dir(enum state s)
{
	switch (s) {
	case STATE_HELD:
	case STATE_WAITING:
	case STATE_DONE:
	case STATE_FAILED:
	case STATE_CANCELLED:
	case STATE_CORRUPT:
		return state_name(s);
	default:
		BUG("state %d has no sharded directory", (int)s);
	}
}

char *
spool_body_path(const struct spool *sp, const struct token *t)
{
	return spool_path(sp, "jobs/%" PRIu64 "/%" PRIu64 ".%s",
			  spool_shard(t->id), t->id, t->nonce);
}

char *
spool_input_path(const struct spool *sp, const struct token *t)
{
	return spool_path(sp, "jobs/%" PRIu64 "/%" PRIu64 ".%s.in",
			  spool_shard(t->id), t->id, t->nonce);
}

char *
spool_output_path(const struct spool *sp, const struct token *t,
		  const char *stream)
{
	return spool_path(sp, "out/%" PRIu64 "/%" PRIu64 ".%s.%u.a%u.%s",
			  spool_shard(t->id), t->id, t->nonce, t->move,
			  t->attempt, stream);
}

char *
spool_token_text(const struct token *t)
{
	return xasprintf("../../jobs/%" PRIu64 "/%" PRIu64 ".%s",
			 spool_shard(t->id), t->id, t->nonce);
}

void
spool_token_name(const struct token *t, char name[TOKEN_NAME_MAX + 1])
{
	token_format(t, name);
}

void
spool_nonce(char nonce[NONCE_LEN + 1])
{
	unsigned char b[NONCE_LEN / 2];

	/* Cannot fail for so few bytes once the kernel has booted. */
	while (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		continue;
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(nonce + 2 * i, 3, "%02x", b[i]);
}

int64_t
spool_beat_ms(const struct spool *sp)
{
	return sp->conf.lease_ms / 15;
}

int64_t
spool_gap_ms(const struct spool *sp)
{
	return sp->conf.lease_ms / 5;
}

int64_t
spool_margin_ms(const struct spool *sp)
{
	return sp->conf.lease_ms / 10;
}

int64_t
spool_reap_ms(const struct spool *sp)
{
	int64_t ms = sp->conf.lease_ms / 10;

	return ms > 30000 ? 30000 : ms;
}

/* --- open */

static int
check_mode(struct spool *sp, const struct stat *st, struct error *err)
{
	mode_t bad = sp->conf.group ? 0002 : 0022;

	if (st->st_mode & bad)
		return error_set(err, "refuse spool '%s': mode %04o lets others "
				 "write to it (chmod %s '%s')", sp->dir,
				 (unsigned)st->st_mode & 07777,
				 sp->conf.group ? "2770" : "700", sp->dir);
	if (!sp->conf.group && st->st_uid != geteuid())
		return error_set(err, "refuse spool '%s': it is private to user "
				 "%u (a shared one is made by nfsq init "
				 "--group)", sp->dir, (unsigned)st->st_uid);
	return 0;
}

/* Reads DIR/nfsq.conf.  1, 0 unknown format, -1. */
static int
read_conf(struct spool *sp, struct error *err)
{
	char *path = spool_path(sp, "nfsq.conf");
	struct str text = STR_INIT;
	int r = -1;

	if (fs_get(path, 65536, &text) == 0)
		r = spool_conf_parse(&sp->conf, path, text.s, text.len, err);
	else if (errno == ENOENT || errno == ENOTDIR)
		error_set(err, "'%s' is no spool (nfsq init makes one, in a "
			  "new directory)", sp->dir);
	else
		error_errno(err, "cannot read '%s'", path);
	str_release(&text);
	free(path);
	return r;
}

static char *
absolute(const char *dir)
{
	char *cwd, *abs;

	if (dir[0] == '/')
		abs = xstrdup(dir);
	else {
		cwd = getcwd(NULL, 0);
		abs = xasprintf("%s/%s", cwd ? cwd : ".", dir);
		free(cwd);
	}
	while (strlen(abs) > 1 && abs[strlen(abs) - 1] == '/')
		abs[strlen(abs) - 1] = '\0';
	return abs;
}

static void
look_above(const char *path)
{
	struct strlist names = STRLIST_INIT;
	const char *slash = strrchr(path, '/');
	char *dir = slash > path ? xstrndup(path, (size_t)(slash - path))
				 : xstrdup("/");

	fs_list(dir, &names, NULL);
	strlist_release(&names);
	free(dir);
}

struct spool *
spool_open(const char *dir, struct error *err)
{
	struct spool *sp = xcalloc(1, sizeof(*sp));
	struct stat st;

	sp->dir = absolute(dir);
	spool_conf_init(&sp->conf);
	/* Just made on another host it may be remembered as missing here,
	 * until the directory above is opened (NFS-FACTS 1.2). */
	if (stat(sp->dir, &st) < 0 && errno == ENOENT)
		look_above(sp->dir);
	if (stat(sp->dir, &st) < 0) {
		if (errno == ENOENT)
			error_set(err, "no spool '%s' (nfsq init '%s' makes "
				  "one)", sp->dir, sp->dir);
		else
			error_errno(err, "cannot open spool '%s'", sp->dir);
		goto fail;
	}
	if (!S_ISDIR(st.st_mode)) {
		error_set(err, "'%s' is no directory, a spool is one", sp->dir);
		goto fail;
	}
	if (read_conf(sp, err) != 1 || check_mode(sp, &st, err) < 0)
		goto fail;
	sp->file_mode = sp->conf.group ? 0660 : 0600;
	sp->dir_mode = sp->conf.group ? 02770 : 0700;
	sp->nfs = fs_is_nfs(sp->dir);
	fs_guard(sp->dir);
	return sp;
fail:
	spool_free(sp);
	return NULL;
}

void
spool_free(struct spool *sp)
{
	if (!sp)
		return;
	spool_conf_release(&sp->conf);
	strlist_release(&sp->passed);
	free(sp->dir);
	free(sp);
}

int
spool_check_format(struct spool *sp, struct error *err)
{
	struct spool fresh = { .dir = sp->dir };
	struct error why = ERROR_INIT;
	int r;

	spool_conf_init(&fresh.conf);
	r = read_conf(&fresh, &why);
	if (r == 0 && err)
		error_set(err, "%s", error_text(&why));
	error_release(&why);
	spool_conf_release(&fresh.conf);
	return r;
}

int
spool_server_now(struct spool *sp, int64_t *ms, struct error *err)
{
	char *path = spool_path(sp, "tmp");
	int r;

	/* Needs no room on the disk; tmp/'s own mtime means nothing. */
	r = fs_touch_time(path, ms);
	if (r < 0)
		error_errno(err, "cannot read the server's clock in '%s'",
			    sp->dir);
	free(path);
	return r;
}

/* --- make */

static int
build(struct spool *sp, struct error *err)
{
	char nonce[NONCE_LEN + 1];
	char *path;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(skeleton); i++) {
		path = spool_path(sp, "%s", skeleton[i]);
		r = fs_mkdir(path, sp->dir_mode & 0777);
		if (r < 0 && errno == EEXIST)
			r = 0;
		/* mkdir drops the setgid bit where nothing is inherited. */
		if (r == 0 && sp->conf.group)
			r = fs_chmod(path, sp->dir_mode);
		if (r < 0) {
			error_errno(err, "cannot make '%s'", path);
			free(path);
			return -1;
		}
		free(path);
	}
	spool_nonce(nonce);
	path = spool_path(sp, "seq/1.%s", nonce);
	r = fs_symlink("next", path);
	if (r < 0)
		error_errno(err, "cannot make '%s'", path);
	free(path);
	path = spool_path(sp, "seq");
	if (r == 0 && (r = fs_sync_dir(path, sp->nfs)) < 0)
		error_errno(err, "cannot sync '%s'", path);
	free(path);
	return r;
}

/* The last step: from this rename on the directory is a spool. */
static int
build_conf(struct spool *sp, struct error *err)
{
	struct str text = STR_INIT;
	char nonce[NONCE_LEN + 1];
	char *tmp, *path;
	int r;

	spool_nonce(nonce);
	tmp = spool_path(sp, "tmp/nfsq.conf.%s", nonce);
	path = spool_path(sp, "nfsq.conf");
	spool_conf_format(&sp->conf, &text);
	r = fs_put(tmp, text.s, text.len, sp->file_mode, NULL);
	if (r == 0 && (r = fs_rename(tmp, path)) < 0 && fs_unsure(errno) &&
	    spool_has(sp->dir, "nfsq.conf") == 1)
		r = 0;
	if (r < 0)
		error_errno(err, "cannot make '%s'", path);
	else if ((r = fs_sync_dir(sp->dir, sp->nfs)) < 0)
		error_errno(err, "'%s' is made but may not outlive a crash: "
			    "cannot sync", path);
	str_release(&text);
	free(tmp);
	free(path);
	return r;
}

/* May dir become a spool?  1 it is empty or an init that did not end; 0 it
 * is a spool; -1. */
static int
judge(const char *dir, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	int r = 1;

	if (fs_list_all(dir, &names) < 0) {
		r = error_errno(err, "cannot read '%s'", dir);
		goto out;
	}
	if (strlist_has(&names, "nfsq.conf")) {
		r = 0;
		goto out;
	}
	for (size_t i = 0; i < names.n; i++) {
		bool ours = strcmp(names.v[i], "lost+found") == 0;

		for (size_t k = 0; k < ARRAY_LEN(skeleton); k++)
			ours |= strcmp(names.v[i], skeleton[k]) == 0;
		if (!ours) {
			r = error_set(err, "'%s' is not empty and no spool "
				      "(name a new directory)", dir);
			break;
		}
	}
out:
	strlist_release(&names);
	return r;
}

static int
init_in(struct spool *sp, struct error *err)
{
	if (fs_chmod(sp->dir, sp->dir_mode) < 0)
		return error_errno(err, "cannot set the mode of '%s'", sp->dir);
	if (build(sp, err) < 0 || build_conf(sp, err) < 0)
		return -1;
	return 1;
}

static void
remove_skeleton(const struct spool *sp)
{
	for (size_t i = 0; i < ARRAY_LEN(skeleton); i++) {
		struct strlist names = STRLIST_INIT;
		char *path = spool_path(sp, "%s", skeleton[i]);

		fs_list(path, &names, NULL);
		for (size_t k = 0; k < names.n; k++) {
			char *p = xasprintf("%s/%s", path, names.v[k]);

			fs_unlink(p);
			free(p);
		}
		fs_rmdir(path);
		strlist_release(&names);
		free(path);
	}
}

/* Was the rename of our sibling to final done, whatever its answer was?
 * Nobody else moves it. */
static bool
took_place(const struct spool *sp, const char *final)
{
	int saved = errno;
	bool done = fs_unsure(errno) && spool_has(sp->dir, "seq") < 0 &&
		    errno == ENOENT && spool_has(final, "nfsq.conf") == 1;

	errno = saved;
	return done;
}

/* Makes DIR by building a sibling and renaming it. */
static int
init_new(struct spool *sp, struct error *err)
{
	char *final = sp->dir, *conf;
	char nonce[NONCE_LEN + 1];
	int r;

	spool_nonce(nonce);
	sp->dir = xasprintf("%s.nfsq-%s", final, nonce);
	if (fs_mkdir(sp->dir, 0700) < 0) {
		r = error_errno(err, "cannot make spool '%s'", final);
		fs_rmdir(sp->dir);	/* it may have been made */
		goto out;
	}
	sp->nfs = fs_is_nfs(sp->dir);
	r = init_in(sp, err);
	if (r == 1 && fs_rename(sp->dir, final) < 0 && !took_place(sp, final))
		r = error_errno(err, "cannot make spool '%s'", final);
	else if (r == 1 && sync_parent(final, sp->nfs) < 0)
		r = error_errno(err, "spool '%s' is made but may not outlive a "
				"crash: cannot sync", final);
	if (r < 0) {
		conf = spool_path(sp, "nfsq.conf");
		fs_unlink(conf);
		free(conf);
		remove_skeleton(sp);
		fs_rmdir(sp->dir);
	}
out:
	free(sp->dir);
	sp->dir = final;
	return r;
}

/* Is a directory above path a spool?  Then fsck would find it foreign. */
static int
check_above(const char *path, struct error *err)
{
	char *above = xstrdup(path);
	int r = 0;

	for (char *p; r == 0 && (p = strrchr(above, '/')) && p > above;) {
		struct stat st;
		char *conf, *seq;

		*p = '\0';
		conf = xasprintf("%s/nfsq.conf", above);
		seq = xasprintf("%s/seq", above);
		if (stat(conf, &st) == 0 && stat(seq, &st) == 0)
			r = error_set(err, "refuse to make spool '%s' inside "
				      "spool '%s'", path, above);
		free(conf);
		free(seq);
	}
	free(above);
	return r;
}

int
spool_init(const char *dir, bool group, int64_t lease_ms, struct error *err)
{
	struct spool sp = { .dir = absolute(dir) };
	uuid_t uuid;
	struct stat st;
	int r;

	spool_conf_init(&sp.conf);
	sp.conf.group = group;
	if (lease_ms > 0)
		sp.conf.lease_ms = lease_ms;
	uuid_generate_random(uuid);
	sp.conf.uuid = xmalloc(UUID_LEN + 1);
	uuid_unparse_lower(uuid, sp.conf.uuid);
	sp.file_mode = group ? 0660 : 0600;
	sp.dir_mode = group ? 02770 : 0700;
	if (check_above(sp.dir, err) < 0)
		r = -1;
	else if (stat(sp.dir, &st) < 0 && errno == ENOENT)
		r = init_new(&sp, err);
	else if ((r = judge(sp.dir, err)) == 1) {
		sp.nfs = fs_is_nfs(sp.dir);
		r = init_in(&sp, err);
		/* With nfsq.conf in place it is a spool. */
		if (r < 0 && spool_has(sp.dir, "nfsq.conf") == 0)
			remove_skeleton(&sp);
	}
	spool_conf_release(&sp.conf);
	free(sp.dir);
	return r;
}

int
spool_list_shard(const struct spool *sp, const char *top, uint64_t id,
		 struct strlist *names)
{
	char *dir = spool_path(sp, "%s", top);
	char *shard = xasprintf("%" PRIu64, spool_shard(id));
	char *path = xasprintf("%s/%s", dir, shard);
	int r = fs_list(path, names, NULL), there, saved = errno;

	if (r < 0 && errno == ENOENT) {
		there = spool_has(dir, shard);
		saved = there == 0 ? ENOENT : errno;
		if (there == 1) {
			r = fs_list(path, names, NULL);
			saved = r < 0 && errno == ENOENT ? ESTALE : errno;
		}
	}
	free(path);
	free(shard);
	free(dir);
	errno = saved;
	return r;
}

/* --- moving */

int
spool_has(const char *dir, const char *name)
{
	struct strlist names = STRLIST_INIT;
	int r = fs_list(dir, &names, NULL);
	int saved;

	/* "No such directory" has consequences: ask twice. */
	if (r < 0 && (errno == ENOENT || errno == ESTALE))
		r = fs_list(dir, &names, NULL);
	saved = errno;
	if (r == 0)
		r = strlist_has(&names, name);
	strlist_release(&names);
	errno = saved;
	return r;
}

int
spool_rename(const char *fdir, const char *fname, const char *tdir,
	     const char *tname)
{
	char *from = xasprintf("%s/%s", fdir, fname);
	char *to = xasprintf("%s/%s", tdir, tname);
	int r = -1, e = 0, there, source;

	for (int tries = 0; tries < 3; tries++) {
		if (fs_rename(from, to) == 0) {
			r = 1;
			break;
		}
		e = errno;
		if (!fs_unsure(e))
			break;
		/* Only we make this name: that it is there means that the
		 * rename was done, whatever its answer was. */
		there = spool_has(tdir, tname);
		if (there == 1) {
			r = 1;
			break;
		}
		if (there < 0 && errno != ENOENT && errno != ESTALE)
			break;
		source = spool_has(fdir, fname);
		if (source == 0 || (source < 0 && (errno == ENOENT ||
						   errno == ESTALE))) {
			r = 0;
			break;
		}
		if (source < 0)
			break;
		if (there < 0) {
			r = MOVE_NO_TARGET;
			break;
		}
		/* Both directories are there and so is the source: ENOENT
		 * was a stale name (NFS-FACTS 1.2), fresh again by now. */
		if (e != ENOENT && e != ESTALE && e != EINTR)
			break;
	}
	free(from);
	free(to);
	errno = e;
	return r;
}

/* Where a token in a sharded state lives. */
static char *
state_path(const struct spool *sp, enum state state, const struct token *t)
{
	return spool_path(sp, "%s/%" PRIu64, spool_state_dir(state),
			  spool_shard(t->id));
}

static void
ring(const struct spool *sp, const char *dir)
{
	char *path = spool_path(sp, "%s", dir);

	/* A missed bell costs a reap interval, nothing else. */
	fs_touch(path);
	free(path);
}

static char *bucket_dir(const struct spool *sp, const struct token *t,
			const struct strlist *bad, bool *made);

bool
spool_barred(int error)
{
	return error == ENOTDIR || error == ELOOP || error == EACCES ||
	       error == EPERM;
}

int
spool_send(const struct spool *sp, const char *fdir, const char *fname,
	   enum state state, const struct token *to, char **dir)
{
	struct strlist bad = STRLIST_INIT;	/* buckets that are none */
	char name[TOKEN_NAME_MAX + 1];
	char *tdir = NULL;
	int r = -1, saved;

	spool_token_name(to, name);
	for (int tries = 0; tries < 5;) {
		bool made = false;

		free(tdir);
		tdir = state != STATE_QUEUED ? state_path(sp, state, to)
			: bucket_dir(sp, to, &bad, &made);
		if (!tdir)
			break;
		r = spool_rename(fdir, fname, tdir, name);
		/* Something else of a bucket's name is none of ours. */
		if (r == -1 && state == STATE_QUEUED && spool_barred(errno) &&
		    !made) {
			strlist_add(&bad, tdir);
			continue;
		}
		if (r != MOVE_NO_TARGET)
			break;
		/* A bucket may have been dropped since; a shard is new. */
		r = -1;
		if (state != STATE_QUEUED && spool_mkdir(sp, tdir) < 0)
			break;
		errno = ENOENT;
		tries++;
	}
	if (r == 1 && state == STATE_QUEUED)
		ring(sp, "queue");
	if (r == 1 && state == STATE_WAITING)
		ring(sp, "waiting");
	saved = errno;
	strlist_release(&bad);
	if (dir)
		*dir = tdir;
	else
		free(tdir);
	errno = saved;
	return r;
}

int
spool_publish(const struct spool *sp, const char *text, const char *dir,
	      const char *name)
{
	char *tmpdir = spool_path(sp, "tmp");
	char *tmp = xasprintf("%s/%s", tmpdir, name);
	int r = -1, saved;

	if (fs_symlink(text, tmp) < 0 && errno != EEXIST)
		goto out;
	for (int tries = 0; tries < 2; tries++) {
		r = spool_rename(tmpdir, name, dir, name);
		if (r != MOVE_NO_TARGET || spool_mkdir(sp, dir) < 0)
			break;
	}
	saved = errno;
	if (r != 1 && fs_unlink(tmp) < 0)
		saved = EINPROGRESS;
	r = r == 1 ? 0 : -1;
	errno = saved;
out:
	saved = errno;
	free(tmp);
	free(tmpdir);
	errno = saved;
	return r;
}

/* --- buckets: PRIORITY.NEEDS.BLOCK.NONCE */

static const char *
number(const char *s, uint64_t *n)
{
	uint64_t v = 0;

	/* as we write it: no leading zero */
	if (!isdigit((unsigned char)*s) ||
	    (*s == '0' && isdigit((unsigned char)s[1])))
		return NULL;
	for (; isdigit((unsigned char)*s); s++) {
		if (v > UINT64_MAX / 10 - 1)
			return NULL;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*n = v;
	return s;
}

int
bucket_parse(const char *name, struct bucket *b)
{
	uint64_t n;
	bool minus = name[0] == '-';
	const char *s = number(name + minus, &n);

	memset(b, 0, sizeof(*b));
	if (!s || n > 100 || (minus && n == 0) || *s++ != '.' || *s++ != 'c')
		return 0;
	b->priority = minus ? -(int)n : (int)n;
	if (!(s = number(s, &n)) || n == 0 || n > UINT32_MAX)
		return 0;
	b->cpus = (uint32_t)n;
	if (*s == 'm' && (!(s = number(s + 1, &b->mem_mb)) || !b->mem_mb))
		return 0;
	if (*s == 'g') {
		if (!(s = number(s + 1, &n)) || n == 0 || n > UINT32_MAX)
			return 0;
		b->gpus = (uint32_t)n;
	}
	if (*s++ != '.' || !(s = number(s, &b->block)) || *s++ != '.')
		return 0;
	return strlen(s) == NONCE_LEN &&
	       strspn(s, "0123456789abcdef") == NONCE_LEN;
}

static bool
bucket_fits(const struct bucket *b, const struct token *t)
{
	return b->priority == t->priority && b->cpus == t->cpus &&
	       b->mem_mb == t->mem_mb && b->gpus == t->gpus &&
	       b->block == t->id / SPOOL_BLOCK;
}

static char *
new_bucket(const struct spool *sp, const struct token *t)
{
	char nonce[NONCE_LEN + 1];
	struct str s = STR_INIT;
	char *path;

	spool_nonce(nonce);
	str_addf(&s, "queue/%d.c%u", t->priority, t->cpus);
	if (t->mem_mb)
		str_addf(&s, "m%" PRIu64, t->mem_mb);
	if (t->gpus)
		str_addf(&s, "g%u", t->gpus);
	str_addf(&s, ".%" PRIu64 ".%s", t->id / SPOOL_BLOCK, nonce);
	path = spool_path(sp, "%s", s.s);
	str_release(&s);
	if (spool_mkdir(sp, path) == 0)
		return path;
	free(path);
	return NULL;
}

/* The bucket for t in queue/ that is none of `bad`, made if needed.  NULL with
 * errno. */
static char *
bucket_dir(const struct spool *sp, const struct token *t,
	   const struct strlist *bad, bool *made)
{
	struct strlist names = STRLIST_INIT;
	char *queue = spool_path(sp, "queue");
	char *path = NULL;
	struct bucket b;

	if (fs_list(queue, &names, NULL) == 0) {
		for (size_t i = 0; i < names.n && !path; i++) {
			if (!bucket_parse(names.v[i], &b) ||
			    !bucket_fits(&b, t))
				continue;
			path = xasprintf("%s/%s", queue, names.v[i]);
			if (strlist_has(bad, path)) {
				free(path);
				path = NULL;
			}
		}
		*made = !path;
		if (!path)
			path = new_bucket(sp, t);
	}
	strlist_release(&names);
	free(queue);
	return path;
}

/* --- text in names and links */

void
spool_encode(struct str *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (isalnum(*p) || strchr("_:+-", *p))
			str_addc(out, (char)*p);
		else
			str_addf(out, "%%%02X", *p);
	}
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
spool_decode(const char *text, size_t n, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		int hi, lo;

		if (text[i] != '%') {
			str_addc(out, text[i]);
			continue;
		}
		if (n - i < 3 || (hi = hex(text[i + 1])) < 0 ||
		    (lo = hex(text[i + 2])) < 0 || hi + lo == 0)
			return 0;
		str_addc(out, (char)(hi << 4 | lo));
		i += 2;
	}
	return 1;
}

void
words_add(struct str *s, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(s, "%s%s=", s->len ? " " : "", key);
	spool_encode(s, value);
}

void
words_addn(struct str *s, const char *key, int64_t value)
{
	str_addf(s, "%s%s=%" PRId64, s->len ? " " : "", key, value);
}

char *
words_get(const char *text, const char *key)
{
	size_t klen = strlen(key);

	for (const char *p = text; p; p = strchr(p, ' ')) {
		struct str v = STR_INIT;

		p += *p == ' ';
		if (strncmp(p, key, klen) != 0 || p[klen] != '=')
			continue;
		p += klen + 1;
		if (spool_decode(p, strcspn(p, " "), &v))
			return str_detach(&v);
		str_release(&v);
		return NULL;
	}
	return NULL;
}

int64_t
words_getn(const char *text, const char *key, int64_t none)
{
	char *v = words_get(text, key), *end;
	long long n;

	if (!v)
		return none;
	errno = 0;
	n = strtoll(v, &end, 10);
	if (errno || end == v || *end)
		n = none;
	free(v);
	return n;
}

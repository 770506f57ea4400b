/*
 * fault-ops.c - the table of calls with one fault in it
 *
 * Owns fs_ops of this process.  A call asks before() what is to happen and
 * passes its result through after().
 */
#include "nfsq.h"
#include "fault-ops.h"

#include "str.h"

#include <sys/syscall.h>

#define ERRNOS_MAX 12

enum call {
	CALL_OPEN, CALL_MODIFY, CALL_CREATE, CALL_READ, CALL_WRITE, CALL_FSYNC,
	CALL_CLOSE, CALL_FSTAT, CALL_LSTAT, CALL_PEEK, CALL_RENAME, CALL_LINK,
	CALL_UNLINK, CALL_MKDIR, CALL_RMDIR, CALL_SYMLINK, CALL_READLINK,
	CALL_TOUCH, CALL_CHMOD, CALL_OPENDIR, CALL_READDIR, CALL_CLOSEDIR,
	CALL_COUNT
};

/* What each can answer on NFS; lists end with 0.  That a name exists which
 * does not is no answer that was ever seen (NFS-FACTS 1.3), but a rename's. */
static const struct {
	const char *name;
	int fail[ERRNOS_MAX];		/* not done */
	int done[ERRNOS_MAX];		/* done all the same */
	bool changes;
} calls[CALL_COUNT] = {
	[CALL_OPEN] = { "open", { EIO, ESTALE, EACCES, ENOENT, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_MODIFY] = { "open to write", { EIO, ENOSPC, EDQUOT, ESTALE,
		EACCES, EROFS, ENOENT, EINTR, ETIMEDOUT }, { 0 }, true },
	[CALL_CREATE] = { "create", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, ENOENT, EINTR, ETIMEDOUT },
		{ EIO, EEXIST, EINTR, ETIMEDOUT }, true },
	[CALL_READ] = { "read", { EIO, ESTALE, EACCES, EINTR, ETIMEDOUT },
		{ 0 }, false },
	[CALL_WRITE] = { "write", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, EINTR, ETIMEDOUT }, { EIO, ENOSPC, ETIMEDOUT }, true },
	[CALL_FSYNC] = { "fsync", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		EINTR, ETIMEDOUT }, { EIO, ETIMEDOUT }, true },
	[CALL_CLOSE] = { "close", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		EINTR, ETIMEDOUT }, { 0 }, true },
	[CALL_FSTAT] = { "fstat", { EIO, ESTALE, EACCES, EINTR, ETIMEDOUT },
		{ 0 }, false },
	[CALL_LSTAT] = { "lstat", { EIO, ESTALE, EACCES, ENOENT, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_PEEK] = { "peek", { EIO, ESTALE, EACCES, ENOENT, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_RENAME] = { "rename", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, ENOENT, EEXIST, EINTR, ETIMEDOUT },
		{ EIO, ENOENT, ESTALE, EEXIST, EINTR, ETIMEDOUT }, true },
	[CALL_LINK] = { "link", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		ENOENT, EINTR, ETIMEDOUT }, { EIO, EEXIST, EINTR, ETIMEDOUT },
		true },
	[CALL_UNLINK] = { "unlink", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, ENOENT, EINTR, ETIMEDOUT },
		{ EIO, ENOENT, ESTALE, EINTR, ETIMEDOUT }, true },
	[CALL_MKDIR] = { "mkdir", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, ENOENT, EINTR, ETIMEDOUT },
		{ EIO, EEXIST, EINTR, ETIMEDOUT }, true },
	[CALL_RMDIR] = { "rmdir", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		ENOENT, EEXIST, EINTR, ETIMEDOUT },
		{ EIO, ENOENT, EINTR, ETIMEDOUT }, true },
	[CALL_SYMLINK] = { "symlink", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES,
		EROFS, ENOENT, EINTR, ETIMEDOUT },
		{ EIO, EEXIST, EINTR, ETIMEDOUT }, true },
	[CALL_READLINK] = { "readlink", { EIO, ESTALE, EACCES, ENOENT, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_TOUCH] = { "touch", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		ENOENT, EINTR, ETIMEDOUT }, { EIO, ENOENT, ETIMEDOUT }, true },
	[CALL_CHMOD] = { "chmod", { EIO, ENOSPC, EDQUOT, ESTALE, EACCES, EROFS,
		ENOENT, EINTR, ETIMEDOUT }, { EIO, ETIMEDOUT }, true },
	[CALL_OPENDIR] = { "opendir", { EIO, ESTALE, EACCES, ENOENT, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_READDIR] = { "readdir", { EIO, ESTALE, EACCES, EINTR,
		ETIMEDOUT }, { 0 }, false },
	[CALL_CLOSEDIR] = { "closedir", { EIO }, { 0 }, false },
};

enum kind {
	KIND_NONE,
	KIND_FAIL,		/* not done, says so */
	KIND_DONE,		/* done, says that it failed */
	KIND_SHORT,		/* half of it written, then no space */
	KIND_HALF,		/* half of it written, the rest later */
	KIND_ZERO,		/* nothing written, no errno */
	KIND_DIE_BEFORE, KIND_DIE_AFTER,
	KIND_STALE,		/* ENOENT without asking, also for what is
				   below, until the directory of the name is
				   opened or mkdir asks (NFS-FACTS 1.2) */
	/* and every call after it fails as well: */
	KIND_GONE,		/* not done, the server is gone */
	KIND_DONE_GONE,		/* done, then the server is gone */
	KIND_FULL,		/* no space for anything from here on */
	KIND_READ_ONLY,		/* no change at all from here on */
};

static struct {
	struct fault_log *log;
	unsigned nth, variant;	/* nth 0: no fault */
	enum kind staying;	/* in force from now on */
	enum kind now;		/* of the call under way */
	int error;
	char *stale;		/* KIND_STALE: the name believed missing */
	enum call stale_for;	/* CALL_RENAME: by rename alone */
	struct strlist used;	/* names known to be there, by use */
	bool writes[1024];	/* descriptors opened for writing */
	bool on_file;		/* the call under way is on one of them */
} state;

static bool
makes(enum call c)
{
	return c == CALL_CREATE || c == CALL_WRITE || c == CALL_MKDIR ||
	       c == CALL_SYMLINK || c == CALL_RENAME || c == CALL_LINK;
}

/* Those that believe what is remembered of a name: who makes one asks. */
static bool
looks_up(enum call c)
{
	return c == CALL_RENAME || c == CALL_OPENDIR || c == CALL_LSTAT ||
	       c == CALL_OPEN;
}

/* The variant's kind and errno; KIND_NONE: there are not so many. */
static enum kind
choose(enum call c, unsigned variant, int *error)
{
	enum kind more[12];
	unsigned n = 0;

	for (const int *e = calls[c].fail; *e; e++, n++)
		if (n == variant) {
			*error = *e;
			return KIND_FAIL;
		}
	for (const int *e = calls[c].done; *e; e++, n++)
		if (n == variant) {
			*error = *e;
			return KIND_DONE;
		}
	variant -= n;
	n = 0;
	*error = EIO;
	more[n++] = KIND_DIE_BEFORE;
	more[n++] = KIND_DIE_AFTER;
	more[n++] = KIND_GONE;
	if (calls[c].changes) {
		more[n++] = KIND_DONE_GONE;
		more[n++] = KIND_READ_ONLY;
	}
	if (makes(c))
		more[n++] = KIND_FULL;
	if (looks_up(c))
		more[n++] = KIND_STALE;
	if (c == CALL_WRITE) {
		more[n++] = KIND_SHORT;
		more[n++] = KIND_HALF;
		more[n++] = KIND_ZERO;
	}
	return variant < n ? more[variant] : KIND_NONE;
}

static const char *
describe(enum kind k)
{
	static const char *const texts[] = {
		[KIND_FAIL] = "fails with",
		[KIND_DONE] = "is done but says",
		[KIND_SHORT] = "writes half, then no space",
		[KIND_HALF] = "writes half",
		[KIND_ZERO] = "writes nothing",
		[KIND_DIE_BEFORE] = "is not reached: death",
		[KIND_DIE_AFTER] = "is the last: death",
		[KIND_STALE] = "meets a stale name",
		[KIND_GONE] = "and all after it fail with",
		[KIND_DONE_GONE] = "is done, it and all after it say",
		[KIND_FULL] = "and all after it find the disk full",
		[KIND_READ_ONLY] = "and all after it find it read-only",
	};

	return texts[k];
}

/* A call on path is made: it and its directory are known from now on. */
static void
use(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!slash || state.nth == 0)
		return;
	strlist_add(&state.used, path);
	strlist_take(&state.used, xstrndup(path, (size_t)(slash - path)));
}

/* Begins the Nth call. */
static void
fire(enum call c, const char *path)
{
	enum kind k = choose(c, state.variant, &state.error);
	bool coded = k == KIND_FAIL || k == KIND_DONE || k == KIND_GONE ||
		     k == KIND_DONE_GONE;

	/* The last variant; nobody believes missing what he just used. */
	if (k == KIND_STALE && c != CALL_RENAME &&
	    strlist_has(&state.used, path))
		k = KIND_NONE;
	state.log->none = k == KIND_NONE;
	state.log->fired = k != KIND_NONE;
	state.log->stays = k >= KIND_GONE;
	if (k == KIND_NONE)
		_exit(0);
	snprintf(state.log->what, sizeof(state.log->what),
		 "call %u, %s of '%.100s', %s %s", state.log->calls,
		 calls[c].name, path ? path : "", describe(k),
		 coded ? strerror(state.error) : "");
	if (k >= KIND_GONE)
		state.staying = k;
	state.now = k;
	if (k == KIND_GONE)
		state.now = KIND_FAIL;
	if (k == KIND_DONE_GONE)
		state.now = KIND_DONE;
	if (k == KIND_STALE) {
		state.stale = xstrdup(path);
		state.stale_for = c;
	}
}

/* What a fault that stays does to a later call. */
static void
stay(enum call c)
{
	switch (state.staying) {
	case KIND_GONE:
	case KIND_DONE_GONE:
		state.now = KIND_FAIL;
		state.error = EIO;
		break;
	case KIND_FULL:
		if (!makes(c))
			break;
		state.now = KIND_FAIL;
		state.error = ENOSPC;
		break;
	case KIND_READ_ONLY:
		if (!calls[c].changes || c == CALL_CLOSE || c == CALL_FSYNC)
			break;
		state.now = KIND_FAIL;
		state.error = EROFS;
		break;
	default:
		break;
	}
}

static void
note(enum call c, bool data)
{
	if (c == CALL_TOUCH)
		state.log->touch = true;
	if (data && state.error != EINTR) {
		state.log->data = true;
		state.log->file |= state.on_file;
	}
}

static bool
is_stale(enum call c, const char *path)
{
	size_t n = state.stale ? strlen(state.stale) : 0;

	if (n > 0 && state.stale_for == CALL_RENAME)
		return c == CALL_RENAME && strcmp(path, state.stale) == 0;
	return n > 0 && strncmp(path, state.stale, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/');
}

static void
learn(void)
{
	free(state.stale);
	state.stale = NULL;
}

/* true: the call fails here, errno is set.  data: what was written is at
 * stake. */
static bool
before(enum call c, const char *path, bool data)
{
	state.now = KIND_NONE;
	state.log->calls++;
	if (state.log->calls == state.nth)
		fire(c, path);
	if (state.now == KIND_NONE || state.staying == KIND_FULL ||
	    state.staying == KIND_READ_ONLY)
		stay(c);
	if (path && c != CALL_MKDIR && is_stale(c, path)) {
		state.now = KIND_FAIL;
		state.error = ENOENT;
	}
	if (state.now == KIND_DIE_BEFORE)
		_exit(FAULT_EXIT);
	if (state.now == KIND_DONE)
		note(c, data);
	if (state.now != KIND_FAIL) {
		use(path);
		return false;
	}
	note(c, data);
	errno = state.error;
	return true;
}

/* Returns r, or -1 when the answer is to be a lie. */
static int
after(int r)
{
	if (state.now == KIND_DIE_AFTER)
		_exit(FAULT_EXIT);
	if (state.now == KIND_DONE && r >= 0) {
		errno = state.error;
		return -1;
	}
	return r;
}

static bool *
writes(int fd)
{
	if (fd < 0 || (size_t)fd >= ARRAY_LEN(state.writes)) {
		fprintf(stderr, "descriptor %d is out of range\n", fd);
		_exit(1);
	}
	return &state.writes[fd];
}

static int
f_open(const char *path, int flags, mode_t mode)
{
	bool modify = (flags & O_ACCMODE) != O_RDONLY;
	int other = client_mistaken(path), fd;
	char self[40];

	if (before(flags & O_CREAT ? CALL_CREATE
		   : modify ? CALL_MODIFY : CALL_OPEN, path, false))
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", other);
	fd = other >= 0 ? open(self, (flags & ~O_NOFOLLOW) | O_CLOEXEC, mode)
			: fs_real.open(path, flags, mode);
	if (fd >= 0) {
		client_looks(path);
		*writes(fd) = modify;
	}
	if (fd >= 0 && state.now == KIND_DONE)
		fs_real.close(fd);
	return after(fd);
}

static ssize_t
f_read(int fd, void *buf, size_t n)
{
	ssize_t r;

	if (before(CALL_READ, NULL, false))
		return -1;
	r = fs_real.read(fd, buf, n);
	return after(0) < 0 ? -1 : r;
}

static ssize_t
f_write(int fd, const void *buf, size_t n)
{
	ssize_t r;

	state.on_file = true;
	if (before(CALL_WRITE, NULL, true))
		return -1;
	if (state.now == KIND_ZERO || state.now == KIND_SHORT)
		state.log->data = state.log->file = true;
	if (state.now == KIND_ZERO)
		return 0;
	if (state.now == KIND_SHORT)
		state.staying = KIND_FULL;
	if ((state.now == KIND_SHORT || state.now == KIND_HALF) && n > 1)
		n /= 2;
	r = fs_real.write(fd, buf, n);
	return after(0) < 0 ? -1 : r;
}

static int
f_fsync(int fd)
{
	state.on_file = *writes(fd);
	if (before(CALL_FSYNC, NULL, true))
		return -1;
	return after(0);
}

/* However it answers, the descriptor is gone. */
static int
f_close(int fd)
{
	bool fail;
	int e;

	state.on_file = *writes(fd);
	fail = before(CALL_CLOSE, NULL, state.on_file);
	e = errno;

	fs_real.close(fd);
	if (fail) {
		errno = e;
		return -1;
	}
	return after(0);
}

static int
f_fstat(int fd, struct stat *st)
{
	if (before(CALL_FSTAT, NULL, false))
		return -1;
	return after(fs_real.fstat(fd, st));
}

/* The answer about what the client takes the name for. */
static int
look(int (*call)(const char *path, struct stat *st), const char *path,
     struct stat *st)
{
	int other = client_mistaken(path);
	int r = other >= 0 ? fstat(other, st) : call(path, st);

	if (r == 0)
		client_saw(path, st->st_ino);
	return after(r);
}

static int
f_lstat(const char *path, struct stat *st)
{
	if (before(CALL_LSTAT, path, false))
		return -1;
	return look(fs_real.lstat, path, st);
}

static int
f_peek(const char *path, struct stat *st)
{
	if (before(CALL_PEEK, path, false))
		return -1;
	return look(fs_real.peek, path, st);
}

static int
f_rename(const char *from, const char *to)
{
	if (before(CALL_RENAME, from, false))
		return -1;
	if (is_stale(CALL_RENAME, to) && strcmp(to, state.stale) != 0) {
		errno = ENOENT;		/* its directory */
		return -1;
	}
	return after(client_rename(from, to));
}

/* fs_link is not in the table: this one stands for that of the C library. */
int
link(const char *from, const char *to)
{
	int r;

	if (before(CALL_LINK, from, false))
		return -1;
	r = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (r == 0)
		client_looks(to);
	return after(r);
}

static int
end(int (*call)(const char *path), const char *path)
{
	uint64_t ino = client_last(path);
	int r = call(path);

	if (r == 0)
		client_ended(ino);
	return r;
}

static int
f_unlink(const char *path)
{
	if (before(CALL_UNLINK, path, false))
		return -1;
	return after(end(fs_real.unlink, path));
}

static int
f_mkdir(const char *path, mode_t mode)
{
	int r;

	if (before(CALL_MKDIR, path, false))
		return -1;
	if (state.stale && strcmp(state.stale, path) == 0)
		learn();
	r = fs_real.mkdir(path, mode);
	if (r == 0)
		client_made_dir(path);
	return after(r);
}

static int
f_rmdir(const char *path)
{
	if (before(CALL_RMDIR, path, false))
		return -1;
	return after(end(fs_real.rmdir, path));
}

static int
f_symlink(const char *text, const char *path)
{
	int r;

	if (before(CALL_SYMLINK, path, false))
		return -1;
	r = fs_real.symlink(text, path);
	if (r == 0)
		client_looks(path);
	return after(r);
}

static ssize_t
f_readlink(const char *path, char *buf, size_t n)
{
	int other = client_mistaken(path);

	if (before(CALL_READLINK, path, false))
		return -1;
	if (other >= 0)
		return after((int)readlinkat(other, "", buf, n));
	return after((int)fs_real.readlink(path, buf, n));
}

static int
f_touch(const char *path)
{
	if (before(CALL_TOUCH, path, false))
		return -1;
	return after(fs_real.touch(path));
}

static int
f_chmod(const char *path, mode_t mode)
{
	if (before(CALL_CHMOD, path, false))
		return -1;
	return after(fs_real.chmod(path, mode));
}

static DIR *
f_opendir(const char *path)
{
	size_t n = strlen(path);
	DIR *d;

	if (before(CALL_OPENDIR, path, false))
		return NULL;
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (state.stale && strncmp(state.stale, path, n) == 0 &&
	    state.stale[n] == '/' && !strchr(state.stale + n + 1, '/'))
		learn();
	after(0);
	d = fs_real.opendir(path);
	if (d)
		client_opendir(path, d);
	return d;
}

static struct dirent *
f_readdir(DIR *d)
{
	struct dirent *e;
	int saved;

	if (before(CALL_READDIR, NULL, false))
		return NULL;
	after(0);
	errno = 0;
	e = fs_real.readdir(d);
	saved = errno;
	if (e || !saved)
		client_readdir(d, e);
	errno = saved;
	return e;
}

static int
f_closedir(DIR *d)
{
	bool fail = before(CALL_CLOSEDIR, NULL, false);
	int e = errno;

	client_closedir(d);
	fs_real.closedir(d);
	if (fail) {
		errno = e;
		return -1;
	}
	return after(0);
}

void
fault_lay(struct fault_log *log, unsigned nth, unsigned variant)
{
	state.log = log;
	client_use(&log->client);
	state.nth = nth;
	state.variant = variant;
	state.staying = KIND_NONE;
	learn();
	log->calls = 0;
	fs_ops = (struct fs_ops){
		.open = f_open, .read = f_read, .write = f_write,
		.fsync = f_fsync, .close = f_close, .fstat = f_fstat,
		.lstat = f_lstat, .peek = f_peek, .rename = f_rename,
		.unlink = f_unlink,
		.mkdir = f_mkdir, .rmdir = f_rmdir, .symlink = f_symlink,
		.readlink = f_readlink, .touch = f_touch, .chmod = f_chmod,
		.opendir = f_opendir, .readdir = f_readdir,
		.closedir = f_closedir,
	};
}

void
fault_heal(struct fault_log *log)
{
	fault_lay(log, 0, 0);
}

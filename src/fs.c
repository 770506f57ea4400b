/*
 * fs.c - the table of system calls on the spool, and whole-file operations
 *
 * Owns no state but the table and the name of the spool.  Every descriptor is
 * O_CLOEXEC, no link is followed in a last component, and below the spool
 * none at all.
 */
#include "nfsq.h"
#include "fs.h"

#include <sys/sysmacros.h>
#include <sys/statfs.h>

/* Below this directory no link is followed; NULL: anywhere. */
static char *guarded;

void
fs_guard(const char *dir)
{
	free(guarded);
	guarded = xstrdup(dir);
}

/*
 * Does a link stand for a directory on the way to path?  What it leads to is
 * not ours (PROTOCOL P12).  Nobody but who may write to the spool can put one
 * there, so a look just before the call is enough; it costs no call to the
 * server, which the walk that follows would not make.
 */
static bool
through_link(const char *path)
{
	size_t n = guarded ? strlen(guarded) : 0;
	char way[PATH_MAX];
	struct statx x;

	if (n == 0 || strncmp(path, guarded, n) != 0 || path[n] != '/' ||
	    strlen(path) >= sizeof(way))
		return false;
	for (const char *p = strchr(path + n + 1, '/'); p;
	     p = strchr(p + 1, '/')) {
		snprintf(way, sizeof(way), "%.*s", (int)(p - path), path);
		if (statx(AT_FDCWD, way,
			  AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_TYPE,
			  &x) < 0)
			return false;	/* the call itself will tell */
		if (S_ISLNK(x.stx_mode)) {
			errno = ELOOP;
			return true;
		}
	}
	return false;
}

static int
real_open(const char *path, int flags, mode_t mode)
{
	if (through_link(path))
		return -1;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

/* statx with FORCE_SYNC: stat alone may be 60 s old (NFS-FACTS 5). */
static int
real_lstat(const char *path, struct stat *st)
{
	struct statx x;

	if (through_link(path))
		return -1;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
		  STATX_BASIC_STATS, &x) < 0)
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_mode = x.stx_mode;
	st->st_uid = x.stx_uid;
	st->st_gid = x.stx_gid;
	st->st_size = (off_t)x.stx_size;
	st->st_nlink = x.stx_nlink;
	st->st_ino = x.stx_ino;
	st->st_mtim.tv_sec = x.stx_mtime.tv_sec;
	st->st_mtim.tv_nsec = x.stx_mtime.tv_nsec;
	return 0;
}

static int
real_peek(const char *path, struct stat *st)
{
	if (through_link(path))
		return -1;
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

/* Always the server's clock, never an explicit time (NFS-FACTS 4.1). */
static int
real_touch(const char *path)
{
	static const struct timespec now[2] = {
		{ 0, UTIME_NOW }, { 0, UTIME_NOW }
	};

	if (through_link(path))
		return -1;
	return utimensat(AT_FDCWD, path, now, AT_SYMLINK_NOFOLLOW);
}

#define SEEN_DIRS 64
#define TICK_MS 2000	/* the coarsest clock of a server's file system */

/*
 * Two changes of a directory within one tick of the server's clock look like
 * one to a client that goes by its times (NFS 3): who listed it in between
 * would never see the second.  So what this host remembers of it is dropped,
 * which costs a READDIR, until it was listed a tick after its mtime was first
 * seen here.
 */
static void
list_afresh(const char *path, int fd)
{
	static struct seen {
		uint64_t key;
		struct timespec mtime;
		int64_t since_ms;
		bool settled;
	} dirs[SEEN_DIRS];
	uint64_t key = 14695981039346656037u;	/* FNV-1a */
	struct timespec now;
	struct stat st;
	struct seen *s;
	int64_t ms;

	for (const char *p = path; *p; p++)
		key = (key ^ (unsigned char)*p) * 1099511628211u;
	s = &dirs[key % SEEN_DIRS];
	if (fstat(fd, &st) < 0)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (s->key != key || s->mtime.tv_sec != st.st_mtim.tv_sec ||
	    s->mtime.tv_nsec != st.st_mtim.tv_nsec)
		*s = (struct seen){ key, st.st_mtim, ms, false };
	if (s->settled)
		return;
	s->settled = ms - s->since_ms >= TICK_MS;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static DIR *
real_opendir(const char *path)
{
	DIR *d;
	int fd;

	if (through_link(path))
		return NULL;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	list_afresh(path, fd);
	d = fdopendir(fd);
	if (!d) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return d;
}

static int
real_rename(const char *from, const char *to)
{
	return through_link(from) || through_link(to) ? -1 : rename(from, to);
}

static int
real_unlink(const char *path)
{
	return through_link(path) ? -1 : unlink(path);
}

static int
real_mkdir(const char *path, mode_t mode)
{
	return through_link(path) ? -1 : mkdir(path, mode);
}

static int
real_rmdir(const char *path)
{
	return through_link(path) ? -1 : rmdir(path);
}

static int
real_symlink(const char *text, const char *path)
{
	return through_link(path) ? -1 : symlink(text, path);
}

static ssize_t
real_readlink(const char *path, char *buf, size_t n)
{
	return through_link(path) ? -1 : readlink(path, buf, n);
}

static int
real_chmod(const char *path, mode_t mode)
{
	return through_link(path) ? -1 : chmod(path, mode);
}

#define REAL_OPS {				\
	.open = real_open,			\
	.read = read,				\
	.write = write,				\
	.fsync = fsync,				\
	.close = close,				\
	.fstat = fstat,				\
	.lstat = real_lstat,			\
	.peek = real_peek,			\
	.rename = real_rename,			\
	.unlink = real_unlink,			\
	.mkdir = real_mkdir,			\
	.rmdir = real_rmdir,			\
	.symlink = real_symlink,		\
	.readlink = real_readlink,		\
	.touch = real_touch,			\
	.chmod = real_chmod,			\
	.opendir = real_opendir,		\
	.readdir = readdir,			\
	.closedir = closedir,			\
}

const struct fs_ops fs_real = REAL_OPS;
struct fs_ops fs_ops = REAL_OPS;

_Atomic int64_t fs_busy_since;

static void
enter(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	fs_busy_since = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
leave(void)
{
	fs_busy_since = 0;
}

#define TIMED(type, call) do {		\
	type r_;			\
	enter();			\
	r_ = fs_ops.call;		\
	leave();			\
	return r_;			\
} while (0)

int
fs_open(const char *path, int flags, mode_t mode)
{
	TIMED(int, open(path, flags, mode));
}

ssize_t
fs_read(int fd, void *buf, size_t n)
{
	TIMED(ssize_t, read(fd, buf, n));
}

ssize_t
fs_write(int fd, const void *buf, size_t n)
{
	TIMED(ssize_t, write(fd, buf, n));
}

int
fs_fsync(int fd)
{
	TIMED(int, fsync(fd));
}

int
fs_close(int fd)
{
	TIMED(int, close(fd));
}

int
fs_fstat(int fd, struct stat *st)
{
	TIMED(int, fstat(fd, st));
}

int
fs_lstat(const char *path, struct stat *st)
{
	TIMED(int, lstat(path, st));
}

int
fs_rename(const char *from, const char *to)
{
	TIMED(int, rename(from, to));
}

int
fs_unlink(const char *path)
{
	TIMED(int, unlink(path));
}

int
fs_mkdir(const char *path, mode_t mode)
{
	TIMED(int, mkdir(path, mode));
}

int
fs_rmdir(const char *path)
{
	TIMED(int, rmdir(path));
}

int
fs_symlink(const char *text, const char *path)
{
	TIMED(int, symlink(text, path));
}

ssize_t
fs_readlink(const char *path, char *buf, size_t n)
{
	TIMED(ssize_t, readlink(path, buf, n));
}

int
fs_touch(const char *path)
{
	TIMED(int, touch(path));
}

int
fs_chmod(const char *path, mode_t mode)
{
	TIMED(int, chmod(path, mode));
}

static int64_t
mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 +
	       st->st_mtim.tv_nsec / 1000000;
}

/* Reads all names; `all`: those with a leading dot too. */
static int
list(const char *dir, struct strlist *out, int64_t *mtime_ms, bool all)
{
	struct stat st;
	struct dirent *e;
	DIR *d;
	int saved;

	enter();
	d = fs_ops.opendir(dir);
	if (!d)
		goto out;
	if (mtime_ms) {
		if (fs_ops.fstat(dirfd(d), &st) < 0)
			goto out;
		*mtime_ms = mtime_of(&st);
	}
	while (errno = 0, (e = fs_ops.readdir(d)) != NULL) {
		const char *n = e->d_name;

		if (n[0] == '.' && (!all || n[1] == '\0' ||
				    (n[1] == '.' && n[2] == '\0')))
			continue;
		strlist_add(out, n);
	}
	if (errno == 0) {
		fs_ops.closedir(d);
		leave();
		return 0;
	}
out:
	saved = errno;
	if (d)
		fs_ops.closedir(d);
	leave();
	errno = saved;
	return -1;
}

int
fs_list(const char *dir, struct strlist *out, int64_t *mtime_ms)
{
	return list(dir, out, mtime_ms, false);
}

int
fs_list_all(const char *dir, struct strlist *out)
{
	return list(dir, out, NULL, true);
}

int
fs_dir_mtime(const char *dir, int64_t *mtime_ms)
{
	struct stat st;
	int r;

	enter();
	r = fs_ops.lstat(dir, &st);
	leave();
	if (r < 0)
		return -1;
	*mtime_ms = mtime_of(&st);
	return 0;
}

int
fs_touch_time(const char *path, int64_t *mtime_ms)
{
	struct stat st;
	int r = fs_touch(path);

	if (r < 0)
		return -1;
	enter();
	r = fs_ops.peek(path, &st);
	leave();
	if (r < 0)
		return -1;
	*mtime_ms = mtime_of(&st);
	return 0;
}

int
fs_write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t w = fs_write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		if (w == 0) {
			errno = ENOSPC;
			return -1;
		}
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
fs_put(const char *path, const void *buf, size_t n, mode_t mode,
       int64_t *mtime_ms)
{
	/* Names are never used twice; O_EXCL would cost an RPC more and say
	 * nothing new (NFS-FACTS 8.2). */
	int fd = fs_open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	struct stat st;
	int saved;

	if (fd < 0)
		return -1;
	if (fs_write_all(fd, buf, n) < 0 || fs_fsync(fd) < 0 ||
	    (mtime_ms && fs_fstat(fd, &st) < 0)) {
		saved = errno;
		fs_close(fd);
		goto fail;
	}
	if (mtime_ms)
		*mtime_ms = mtime_of(&st);
	/* On NFS close reports the write as well. */
	if (fs_close(fd) < 0) {
		saved = errno;
		goto fail;
	}
	return 0;
fail:
	fs_unlink(path);
	errno = saved;
	return -1;
}

static int
read_whole(int fd, size_t max, struct str *out)
{
	struct stat st;

	if (fs_fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	if (st.st_size < 0 || (size_t)st.st_size > max) {
		errno = EFBIG;
		return -1;
	}
	for (;;) {
		ssize_t r;

		str_reserve(out, (size_t)st.st_size + 1);
		r = fs_read(fd, out->s + out->len, (size_t)st.st_size + 1);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			return 0;
		out->len += (size_t)r;
		out->s[out->len] = '\0';
		if (out->len > max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int
fs_get(const char *path, size_t max, struct str *out)
{
	int fd = fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	int r, saved;

	if (fd < 0)
		return -1;
	r = read_whole(fd, max, out);
	saved = errno;
	fs_close(fd);
	errno = saved;
	return r;
}

int
fs_sync_dir(const char *dir, bool nfs)
{
	int fd, r, saved;

	if (nfs)
		return 0;
	fd = fs_open(dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return -1;
	r = fs_fsync(fd);
	saved = errno;
	fs_close(fd);
	errno = saved;
	return r;
}

int
fs_get_link(const char *path, struct str *out)
{
	char buf[4096];
	ssize_t n = fs_readlink(path, buf, sizeof(buf));

	if (n < 0)
		return -1;
	str_addn(out, buf, (size_t)n);
	return 0;
}

int
fs_link(const char *from, const char *to)
{
	int r;

	enter();
	r = link(from, to);
	leave();
	return r;
}

/* By the list of mounts: statfs would be a call to the server. */
bool
fs_is_nfs(const char *path)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	unsigned major, minor;
	struct stat st;
	char *line = NULL;
	size_t cap = 0;
	bool nfs = false;

	/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS] - TYPE ..." */
	if (in && stat(path, &st) == 0)
		while (getline(&line, &cap, in) > 0) {
			const char *type = strstr(line, " - ");

			if (sscanf(line, "%*u %*u %9u:%9u", &major,
				   &minor) == 2 &&
			    makedev(major, minor) == st.st_dev && type)
				nfs |= strncmp(type, " - nfs", 6) == 0;
		}
	free(line);
	if (in)
		fclose(in);
	return nfs;
}

int
fs_space(const char *path, struct fs_space *s)
{
	struct statfs f;
	int r;

	enter();
	r = statfs(path, &f);
	leave();
	if (r < 0)
		return -1;
	s->bytes = (uint64_t)f.f_bavail * (uint64_t)f.f_bsize;
	s->all_bytes = (uint64_t)f.f_blocks * (uint64_t)f.f_bsize;
	s->inodes = (uint64_t)f.f_ffree;
	s->all_inodes = (uint64_t)f.f_files;
	return 0;
}

bool
fs_unsure(int error)
{
	/* Anything: ENOENT and EEXIST lie after a server's restart
	 * (NFS-FACTS 3), EIO and ETIMEDOUT say nothing.  Only errors that a
	 * client or server finds before it begins are answers. */
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
	case ENAMETOOLONG:
	case ENOTDIR:
	case EXDEV:
		return false;
	default:
		return true;
	}
}

/*
 * runfile.c - private local copies of scripts while they run
 */
#include "nfsq.h"
#include "runfile.h"

#include <dirent.h>
#include <sys/statvfs.h>

#include "proc.h"
#include "str.h"

#define PREFIX "script."

/* Opens a directory that is this user's alone.  -1 (errno). */
static int
open_private(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		if (st.st_uid != geteuid())
			errno = EPERM;
		else if ((st.st_mode & 077) == 0 || fchmod(fd, 0700) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

/* $XDG_RUNTIME_DIR/nfsq; NULL when the variable is of no use. */
static char *
session_dir(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (!base || base[0] != '/' || stat(base, &st) < 0 ||
	    !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & S_IWOTH))
		return NULL;
	return xasprintf("%s/nfsq", base);
}

static char *
tmp_dir(void)
{
	return xasprintf("/tmp/nfsq-%lu", (unsigned long)geteuid());
}

static int
make_private(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	return open_private(path);
}

int
runfile_dir(char **path)
{
	int fd = -1;

	*path = session_dir();
	if (*path)
		fd = make_private(*path);
	if (fd < 0) {
		free(*path);
		*path = tmp_dir();
		fd = make_private(*path);
	}
	if (fd < 0) {
		free(*path);
		*path = NULL;
	}
	return fd;
}

/* The pid name space: the same pid may live in another one. */
static unsigned long
pid_space(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 ? 0 :
						     (unsigned long)st.st_ino;
}

static char *
own_name(void)
{
	uint64_t birth = 0;

	(void)proc_birth(getpid(), &birth);
	return xasprintf(PREFIX "%lu.%d.%" PRIu64, pid_space(), (int)getpid(),
			 birth);
}

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Makes the file in the directory.  0 or -1 (errno) with no file left. */
static int
write_file(int dir, const char *name, const char *text, size_t len)
{
	int fd, error;
	bool ok;

	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -1;
	fd = openat(dir, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0700);
	if (fd < 0)
		return -1;
	ok = fchmod(fd, 0700) == 0 && write_all(fd, text, len) == 0;
	error = errno;
	if (close(fd) < 0 && ok) {
		error = errno;
		ok = false;
	}
	if (ok)
		return 0;
	(void)unlinkat(dir, name, 0);
	errno = error;
	return -1;
}

char *
runfile_write(const char *text, size_t len, bool *noexec)
{
	char *base, *name, *path = NULL;
	int dir = runfile_dir(&base);
	struct statvfs vfs;
	int error;

	if (dir < 0)
		return NULL;
	*noexec = fstatvfs(dir, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC);
	name = own_name();
	if (write_file(dir, name, text, len) == 0)
		path = xasprintf("%s/%s", base, name);
	error = errno;
	close(dir);
	free(name);
	free(base);
	errno = error;
	return path;
}

void
runfile_remove(const char *path)
{
	if (path)
		(void)unlink(path);
}

/* Was the file made by a process of this pid name space that has ended? */
static bool
is_forgotten(const char *name)
{
	unsigned long space;
	uint64_t birth, now;
	int pid;

	if (sscanf(name, PREFIX "%lu.%d.%" SCNu64, &space, &pid, &birth) != 3)
		return false;
	if (space != pid_space() || pid <= 0)
		return false;
	return !proc_birth(pid, &now) || now != birth;
}

static void
sweep_dir(const char *path)
{
	int fd = path ? open_private(path) : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (is_forgotten(e->d_name))
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

void
runfile_sweep(void)
{
	char *session = session_dir();
	char *tmp = tmp_dir();

	sweep_dir(session);
	sweep_dir(tmp);
	free(session);
	free(tmp);
}

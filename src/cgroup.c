/*
 * cgroup.c - control groups: the quota on CPUs, and one group for a job
 *
 * A job's group is a better way to kill: the kernel does it in one step, for
 * processes that fork as fast as they die, too.  That no process escapes is
 * promised by the subreaper alone; the group may be missing at any time.
 */
#include "nfsq.h"
#include "cgroup.h"

#include <dirent.h>

#include "proc.h"
#include "str.h"

#define SYS_CGROUP "/sys/fs/cgroup"

/* Reads a small file into buf, terminated.  true when something was read. */
static bool
read_small(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

static bool
write_small(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, len) == (ssize_t)len;
	close(fd);
	return ok;
}

/* Is `word` one of the list "a,b,c" that ends at `end`? */
static bool
in_list(const char *list, const char *end, const char *word)
{
	size_t len = strlen(word);

	while (list < end) {
		size_t n = strcspn(list, ",:");

		if (n == len && strncmp(list, word, len) == 0)
			return true;
		list += n + 1;
	}
	return false;
}

/*
 * The path of this process in the hierarchy of `controller`, "" for v2, from
 * /proc/self/cgroup (lines "N:controllers:path"); NULL when it is in none.
 */
static char *
own_group(const char *controller)
{
	char buf[8192];
	char *line = buf;
	bool v2 = !*controller;

	if (!read_small("/proc/self/cgroup", buf, sizeof(buf)))
		return NULL;
	while (*line) {
		size_t len = strcspn(line, "\n");
		char *next = line + len + (line[len] == '\n');
		char *list = memchr(line, ':', len);
		char *path = list ? strchr(list + 1, ':') : NULL;

		line[len] = '\0';
		if (path && path < line + len &&
		    (v2 ? path == list + 1
			: in_list(list + 1, path, controller)))
			return xstrdup(path + 1);
		line = next;
	}
	return NULL;
}

/* Where v2 is mounted: all of it, or beside v1; NULL when it is not. */
static const char *
v2_mount(void)
{
	if (access(SYS_CGROUP "/cgroup.controllers", F_OK) == 0)
		return SYS_CGROUP;
	if (access(SYS_CGROUP "/unified/cgroup.controllers", F_OK) == 0)
		return SYS_CGROUP "/unified";
	return NULL;
}

/* Removes the groups of shepherds that are no more. */
static void
remove_stale(const char *base)
{
	DIR *dir = opendir(base);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		int pid, slot;

		if (sscanf(e->d_name, "nfsq-%d-%d", &pid, &slot) != 2 ||
		    pid <= 0 || proc_signal(pid, 0) == 0 || errno != ESRCH)
			continue;
		(void)unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* Has the group `base` been given to us, on a kernel that can kill groups? */
static bool
may_divide(const char *base)
{
	char *procs = xasprintf("%s/cgroup.procs", base);
	char *killer = xasprintf("%s/cgroup.kill", base);
	bool ok = access(procs, W_OK) == 0 && access(killer, F_OK) == 0;

	free(procs);
	free(killer);
	return ok;
}

char *
cgroup_make(int slot)
{
	const char *mount = v2_mount();
	char *own = mount ? own_group("") : NULL;
	char *base, *path = NULL;

	/* The root group is the system's, never ours. */
	if (!own || own[0] != '/' || own[1] == '\0') {
		free(own);
		return NULL;
	}
	base = xasprintf("%s%s", mount, own);
	if (may_divide(base)) {
		remove_stale(base);
		path = xasprintf("%s/nfsq-%d-%d", base, (int)getpid(), slot);
		if (mkdir(path, 0755) < 0) {
			free(path);
			path = NULL;
		}
	}
	free(base);
	free(own);
	return path;
}

void
cgroup_kill(const char *path)
{
	char *killer;

	if (!path)
		return;
	killer = xasprintf("%s/cgroup.kill", path);
	(void)write_small(killer, "1");
	free(killer);
}

void
cgroup_remove(const char *path)
{
	if (path)
		(void)rmdir(path);
}

/* CPUs by one group's quota: "max 100000" or "150000 100000" of v2, the two
 * files of v1. */
static int
group_cpus(const char *dir, bool v2)
{
	long long quota = -1, period = 0;
	char buf[128];
	char *path;

	path = xasprintf("%s/%s", dir, v2 ? "cpu.max" : "cpu.cfs_quota_us");
	if (read_small(path, buf, sizeof(buf)) &&
	    sscanf(buf, "%lld %lld", &quota, &period) < 1)
		quota = -1;
	free(path);
	if (!v2 && quota > 0) {
		path = xasprintf("%s/cpu.cfs_period_us", dir);
		if (!read_small(path, buf, sizeof(buf)) ||
		    sscanf(buf, "%lld", &period) != 1)
			period = 0;
		free(path);
	}
	if (quota <= 0 || period <= 0)
		return INT_MAX;
	if (quota < period)
		return 1;
	return quota / period < INT_MAX ? (int)(quota / period) : INT_MAX;
}

/* The least of a group and all above it.  In a container the path may not
 * exist below the mount; the mount itself is looked at in any case. */
static int
least_cpus(const char *mount, const char *controller)
{
	bool v2 = !*controller;
	char *own = own_group(controller);
	int least = INT_MAX;
	char *slash;

	if (!own)
		return INT_MAX;
	do {
		char *dir = xasprintf("%s%s", mount, own);
		int cpus = group_cpus(dir, v2);

		free(dir);
		if (cpus < least)
			least = cpus;
		slash = strrchr(own, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	free(own);
	return least;
}

int
cgroup_cpus(void)
{
	const char *mount = v2_mount();
	int v2 = mount ? least_cpus(mount, "") : INT_MAX;
	int v1 = least_cpus(SYS_CGROUP "/cpu", "cpu");

	return v1 < v2 ? v1 : v2;
}

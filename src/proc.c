/*
 * proc.c - starts processes: of jobs, and of our own
 *
 * Between fork and exec the child does what may hang on a server (chdir,
 * open, exec), so it is a fork and no vfork: the parent goes on at once, and
 * learns of a failure by the child's end and the shared struct proc_failure.
 * The dispositions are reset before the first such call, so the child can be
 * ended at any point.
 */
#include "nfsq.h"
#include "proc.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "shepherd.h"

#define SHELL "/bin/sh"

int64_t
proc_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
		BUG("no CLOCK_BOOTTIME: %s", strerror(errno));
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct proc_failure *
proc_failure_new(void)
{
	struct proc_failure *f;

	f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f == MAP_FAILED)
		BUG("cannot map a page: %s", strerror(errno));
	return f;
}

/* Where the kernel does not know close_range (before 5.9). */
static void
close_listed(unsigned lo, unsigned hi)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		unsigned long fd = strtoul(e->d_name, NULL, 10);

		if (isdigit((unsigned char)e->d_name[0]) && fd >= lo &&
		    fd <= hi && fd != (unsigned long)dirfd(dir))
			close((int)fd);
	}
	closedir(dir);
}

static void
close_span(unsigned lo, unsigned hi)
{
	if (lo <= hi && close_range(lo, hi, 0) < 0)
		close_listed(lo, hi);
}

/* Closes all from 3 up but those in keep. */
static void
close_others(const int *keep, size_t nkeep)
{
	unsigned lo = 3;

	for (;;) {
		unsigned next = UINT_MAX;

		for (size_t i = 0; i < nkeep; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= lo &&
			    (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == UINT_MAX)
			break;
		if (next > lo)
			close_span(lo, next - 1);
		lo = next + 1;
	}
	close_span(lo, UINT_MAX);
}

pid_t
proc_fork(void (*fn)(void *arg), void *arg, const int *keep, size_t nkeep)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close_others(keep, nkeep);
	fn(arg);
	_exit(0);
}

static _Noreturn void
fail(struct proc_failure *f, enum shepherd_stage stage, int error)
{
	f->error = error;
	f->stage = (int)stage;
	_exit(127);
}

static void
reset_signals(void)
{
	/* The kernel's struct, all zero: SIG_DFL.  sigaction(3) refuses 32
	 * and 33, which some programs leave ignored to their children. */
	static const unsigned long dfl[8];
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++)
		(void)syscall(SYS_rt_sigaction, sig, dfl, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* It may fail: the subreaper holds the job all the same. */
static bool
enter_cgroup(const char *dir)
{
	bool ok;
	char *path = xasprintf("%s/cgroup.procs", dir);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	free(path);
	if (fd < 0)
		return false;
	ok = write(fd, "0", 1) == 1;
	close(fd);
	return ok;
}

/* What every job starts with, before a call that may hang. */
static void
become_leader(const struct proc_spec *spec, pid_t parent)
{
	struct rlimit core;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		raise(SIGKILL);		/* it died before the prctl */
	reset_signals();
	if (spec->cgroup)
		(void)enter_cgroup(spec->cgroup);
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	umask((mode_t)spec->umask);
}

/* Moves what was handed over to 0 1 2, the null device where there is
 * nothing, and closes all others. */
static int
place_fds(const struct proc_spec *spec)
{
	int given[3] = { spec->in_fd, spec->out_fd, spec->err_fd };
	int null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (null < 0)
		return -1;
	/* One that sits below 3 could be overwritten before its turn. */
	for (int i = 0; i < 3; i++) {
		if (given[i] < 0)
			given[i] = null;
		else if (given[i] < 3)
			given[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 3);
	}
	if (null < 3)
		return -1;	/* our callers have 0 1 2 open */
	for (int i = 0; i < 3; i++)
		if (dup2(given[i], i) < 0)
			return -1;
	if (spec->merge && dup2(1, 2) < 0)
		return -1;
	close_others(NULL, 0);
	return 0;
}

/* Opens path as descriptor `as`; a directory is refused.  0 or -1. */
static int
open_as(const char *path, int flags, int as)
{
	int fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0666);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	if (dup2(fd, as) < 0)
		return -1;
	close(fd);
	return 0;
}

/* A file that execve refuses with ENOEXEC is the shell's when it is text; a
 * program for another machine is not. */
static bool
is_text(const char *path)
{
	char buf[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n >= 0 && !memchr(buf, '\0', (size_t)n);
}

/* Returns only when it fails. */
static void
exec_file(const char *path, char **argv, char **envp)
{
	struct strlist sh = STRLIST_INIT;

	execve(path, argv, envp);
	if (errno != ENOEXEC)
		return;
	if (!is_text(path)) {
		errno = ENOEXEC;
		return;
	}
	strlist_add(&sh, SHELL);
	strlist_add(&sh, path);
	for (size_t i = 1; argv[0] && argv[i]; i++)
		strlist_add(&sh, argv[i]);
	execve(SHELL, strlist_argv(&sh), envp);
}

static const char *
path_of(char **envp)
{
	for (; envp && *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

/* As execvp does, by the PATH of envp.  errno on return. */
static void
exec_search(const char *name, char **argv, char **envp)
{
	const char *path = path_of(envp);
	bool denied = false;
	size_t len;

	if (!*name) {
		errno = ENOENT;
		return;
	}
	for (;; path += len + 1) {
		char *file;

		len = strcspn(path, ":");
		file = xasprintf("%.*s%s%s", (int)len, path,
				 len > 0 ? "/" : "./", name);
		exec_file(file, argv, envp);
		free(file);
		if (errno == EACCES)
			denied = true;
		else if (errno != ENOENT && errno != ENOTDIR &&
			 errno != ESTALE && errno != ENODEV &&
			 errno != ETIMEDOUT && errno != ELOOP &&
			 errno != ENAMETOOLONG)
			return;
		if (!path[len])
			break;
	}
	errno = denied ? EACCES : ENOENT;
}

static _Noreturn void
run_child(const struct proc_spec *spec, pid_t parent, struct proc_failure *f)
{
	const char *file = spec->exec_path ? spec->exec_path : spec->argv[0];
	int out = O_WRONLY | O_CREAT | (spec->append ? O_APPEND : O_TRUNC);

	become_leader(spec, parent);
	if (place_fds(spec) < 0)
		fail(f, STAGE_FORK, errno);
	if (spec->cwd && chdir(spec->cwd) < 0)
		fail(f, STAGE_CHDIR, errno);
	if (spec->input && spec->in_fd < 0 &&
	    open_as(spec->input, O_RDONLY, 0) < 0)
		fail(f, STAGE_INPUT, errno);
	if (spec->out_path && open_as(spec->out_path, out, 1) < 0)
		fail(f, STAGE_OUTPUT, errno);
	if (spec->out_path && spec->merge && dup2(1, 2) < 0)
		fail(f, STAGE_OUTPUT, errno);
	if (spec->err_path && open_as(spec->err_path, out, 2) < 0)
		fail(f, STAGE_OUTPUT, errno);
	if (strchr(file, '/'))
		exec_file(file, spec->argv, spec->envp);
	else
		exec_search(file, spec->argv, spec->envp);
	fail(f, STAGE_EXEC, errno);
}

pid_t
proc_start(const struct proc_spec *spec, struct proc_failure *failure)
{
	pid_t parent = getpid();
	pid_t pid;

	failure->stage = STAGE_NONE;
	failure->error = 0;
	pid = fork();
	if (pid == 0)
		run_child(spec, parent, failure);
	return pid;
}

void
proc_subreaper(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		BUG("cannot become a subreaper: %s", strerror(errno));
}

/* CPUs this process may run on.  The set grows until the kernel's fits. */
static int
affinity_cpus(void)
{
	for (int n = CPU_SETSIZE; n <= CPU_SETSIZE << 8; n *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)n);
		size_t size = CPU_ALLOC_SIZE((size_t)n);
		int count = 0;

		if (set && sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return count;
	}
	return 1;
}

int
proc_cpus(void)
{
	int cpus = affinity_cpus();
	int quota = cgroup_cpus();

	return quota < cpus ? quota : cpus;
}

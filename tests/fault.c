/*
 * fault.c - every fault at every call of every verb that writes the spool
 *
 * For each verb, each call it makes, each way in which that call can fail,
 * lie or be the last: the verb runs in a process of its own on a fresh spool,
 * another process goes on, and the judge looks at what came of it.  Prints
 * the points tried and fails when they have become fewer.
 */
#include "nfsq.h"
#include "fault-verbs.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Under a sanitizer, ten times as slow, one call in STEP; no count then. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 5 };
#else
enum { STEP = 1 };
#endif
enum { JOBS = 2, COMPLAINTS = 6, VERBS_MAX = 120 };

struct tally {
	unsigned points[VERBS_MAX], told[VERBS_MAX], bad;
};

/* In a directory on a disk, whose order is any, some have fewer points. */
static bool *in_memory;

static const struct verb *verbs[VERBS_MAX];
static size_t nverbs;

static int64_t slept_ns;	/* that nobody waited for */

/* The sleeps of those who look again, and of who watches for a lease, would
 * only make us wait: the clock that they go by jumps. */
int
nanosleep(const struct timespec *want, struct timespec *left)
{
	(void)left;
	slept_ns += want->tv_sec * INT64_C(1000000000) + want->tv_nsec;
	return 0;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && id == CLOCK_BOOTTIME) {
		ts->tv_sec += slept_ns / INT64_C(1000000000);
		ts->tv_nsec += slept_ns % INT64_C(1000000000);
		if (ts->tv_nsec >= 1000000000) {
			ts->tv_nsec -= 1000000000;
			ts->tv_sec++;
		}
	}
	return r;
}

static void *
shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("fault: mmap");
		exit(1);
	}
	return p;
}

/* In the process to be hurt. */
static void
hurt(const struct verb *v, struct world *w, unsigned nth, unsigned variant,
     bool again)
{
	struct share *sh = w->sh;

	fault_lay(&sh->log, nth, variant);
	sh->r = sh->last = v->act(w);
	if (again && sh->r < 0) {
		sh->again = true;
		fault_heal(&sh->log);
		sh->last = v->act(w);
	}
	sh->returned = true;
	_exit(0);
}

static void
complain(size_t k, const struct world *w, bool again, struct tally *tally)
{
	const struct verb *v = verbs[k];

	tally->bad++;
	if (tally->told[k]++ < COMPLAINTS)
		fprintf(stderr, "%s%s: %s: %s\n", v->name,
			again ? ", tried again" : "", w->sh->log.what, w->why);
}

/* Did it happen?  false: the Nth call has no such variant, or there is no Nth
 * call. */
static bool
point(size_t k, const char *top, struct share *sh, unsigned nth,
      unsigned variant, bool again, struct tally *tally)
{
	const struct verb *v = verbs[k];
	struct world w;
	bool fired;
	int status;
	pid_t pid;

	world_begin(&w, sh, top);
	w.how = v->how;
	w.change = v->change;
	if (v->prepare)
		v->prepare(&w);
	pid = w.failed ? -1 : fork();
	if (pid == 0)
		hurt(v, &w, nth, variant, again);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		wrong(&w, "cannot fork");
	else if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 &&
					WEXITSTATUS(status) != FAULT_EXIT))
		wrong(&w, "it crashed, status %#x", (unsigned)status);
	fault_heal(&sh->log);
	fired = sh->log.fired;
	if (sh->log.fired) {
		if (v->reports && sh->log.data && sh->returned && sh->r >= 0)
			wrong(&w, "a failed write, fsync or close is not "
			      "reported");
		if (!w.failed && v->after)
			v->after(&w);
		if (!w.failed)
			finish(&w);
	}
	if (w.failed)
		complain(k, &w, again, tally);
	world_end(&w);
	return fired;
}

/* The points of one verb that are this process's: every JOBSth call. */
static void
points(size_t k, const char *top, struct share *sh, unsigned job,
       struct tally *tally)
{
	const struct verb *v = verbs[k];
	unsigned step = STEP * (v->step ? v->step : 1);

	for (unsigned nth = 1;; nth++) {
		unsigned variant = 0;

		if (nth % JOBS != job || (nth / JOBS + k) % step != 0)
			continue;
		while (point(k, top, sh, nth, variant, false, tally)) {
			tally->points[k]++;
			if (v->again && sh->returned && sh->r < 0) {
				point(k, top, sh, nth, variant, true, tally);
				tally->points[k]++;
			}
			variant++;
		}
		if (variant == 0)
			break;
	}
}

static void
work(unsigned job, const char *base, struct tally *tally, const char *only)
{
	char *top = xasprintf("%s/%u", base, job);
	struct share *sh = shared(sizeof(*sh));

	for (size_t k = 0; k < nverbs; k++)
		if (!only || strcmp(only, verbs[k]->name) == 0)
			points(k, top, sh, job, tally);
	free(top);
	_exit(0);
}

static int
report(const struct tally *tally, const char *only)
{
	unsigned all = 0, bad = 0;

	for (size_t k = 0; k < nverbs; k++) {
		unsigned n = 0, least = verbs[k]->least;

		if (!*in_memory)
			least -= least / 5;
		if (only && strcmp(only, verbs[k]->name) != 0)
			continue;
		for (unsigned j = 0; j < JOBS; j++)
			n += tally[j].points[k];
		printf("%s: %u points\n", verbs[k]->name, n);
		all += n;
		if (STEP == 1 && n < least) {
			printf("%s: there were %u\n", verbs[k]->name,
			       verbs[k]->least);
			bad++;
		}
	}
	for (unsigned j = 0; j < JOBS; j++)
		bad += tally[j].bad;
	printf("%u points in all, %u bad\n", all, bad);
	return bad != 0 || all == 0;
}

static bool
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Lays a tmpfs of our own over the directory, where the kernel lets us: with
 * nobody else's disk traffic it is ten times as fast. */
static void
private_memory(const char *dir)
{
	unsigned uid = geteuid(), gid = getegid();
	char *users = xasprintf("%u %u 1\n", uid, uid);
	char *groups = xasprintf("%u %u 1\n", gid, gid);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	    put("/proc/self/setgroups", "deny") &&
	    put("/proc/self/gid_map", groups) &&
	    put("/proc/self/uid_map", users))
		*in_memory = mount("fault", dir, "tmpfs", 0, "mode=0700") == 0;
	free(groups);
	free(users);
}

/* All points in JOBS processes; 0 or 1. */
static int
work_all(const char *path, struct tally *tally, const char *only)
{
	pid_t pids[JOBS];
	int r = 0, status;

	private_memory(path);
	for (unsigned j = 0; j < JOBS; j++) {
		pids[j] = fork();
		if (pids[j] == 0)
			work(j, path, &tally[j], only);
	}
	for (unsigned j = 0; j < JOBS; j++)
		if (waitpid(pids[j], &status, 0) != pids[j] || status != 0)
			r = 1;
	return r;
}

static void
add_verbs(const struct verb *v)
{
	for (; v->name && nverbs < VERBS_MAX; v++)
		verbs[nverbs++] = v;
}

int
main(int argc, char **argv)
{
	struct tally *tally = shared(JOBS * sizeof(*tally));
	const char *only = argc > 1 ? argv[1] : NULL;
	char base[] = "fault.tmp.XXXXXX";
	char *cwd = getcwd(NULL, 0), *path;
	int status = 1;
	pid_t pid;

	in_memory = shared(sizeof(*in_memory));
	add_verbs(spool_verbs);
	add_verbs(change_verbs);
	add_verbs(run_verbs);
	add_verbs(mend_verbs);
	umask(0);
	msg_program("fault");
	msg_set_level(MSG_ERROR);
	if (!cwd || !mkdtemp(base)) {
		perror("fault: cannot make a directory");
		return 1;
	}
	path = xasprintf("%s/%s", cwd, base);
	pid = fork();
	if (pid == 0)
		_exit(work_all(path, tally, only));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	remove_tree(path);
	free(path);
	free(cwd);
	return report(tally, only) || status != 0;
}

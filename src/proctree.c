/*
 * proctree.c - finds, signals, kills and reaps whole trees of processes
 *
 * A snapshot of /proc/PID/stat tells who is whose child.  It is never whole
 * while processes fork, so nothing is concluded from one: the tree is gone
 * when the kernel says that there is no child left (ECHILD), as the caller is
 * a subreaper and every orphan of the tree becomes its child.
 *
 * Where processes fork as fast as they can a pid is another's before long, so
 * no process is signalled for its number alone.  Our own children keep theirs
 * until we reap them, and so does their process group; any other one is
 * compared with the snapshot (birth, parent) and signalled through a pidfd.
 */
#include "nfsq.h"
#include "proc.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FREEZE_ROUNDS 100	/* then kill even if new ones turn up */
#define GENTLE_ROUNDS 3	/* of killing children, before looking deeper */
#define LEFTOVERS_MS 5000
#define ENVIRON_MAX (8 << 20)

struct entry {
	pid_t pid, ppid, session;
	char state;
	char name[16];	/* of the program, or what it calls itself */
	uint64_t birth;
	bool marked;	/* of the tree */
	bool spared;	/* never marked */
};

struct table {
	struct entry *v;	/* by pid, ascending */
	size_t n, cap;
};
#define TABLE_INIT { NULL, 0, 0 }

static void
table_release(struct table *t)
{
	free(t->v);
	*t = (struct table)TABLE_INIT;
}

static int
cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct entry *
table_find(const struct table *t, pid_t pid)
{
	struct entry key = { .pid = pid };

	if (t->n == 0)
		return NULL;
	return bsearch(&key, t->v, t->n, sizeof(*t->v), cmp_entry);
}

/* "PID (name) S PPID PGRP SESSION ...": name may hold blanks and brackets.
 * The 22nd field is the birth. */
static bool
parse_stat(const char *text, struct entry *e)
{
	const char *p = strrchr(text, ')'), *name = strchr(text, '(');
	long long birth;
	int ppid, session;

	if (!p || sscanf(p + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u "
			 "%*u %*u %*d %*d %*d %*d %*d %*d %lld",
			 &e->state, &ppid, &session, &birth) != 4)
		return false;
	e->ppid = ppid;
	e->session = session;
	e->birth = (uint64_t)birth;
	snprintf(e->name, sizeof(e->name), "%.*s",
		 name && name < p ? (int)(p - name - 1) : 0,
		 name ? name + 1 : "");
	return true;
}

static bool
read_stat(pid_t pid, struct entry *e)
{
	char path[40], buf[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	*e = (struct entry){ .pid = pid };
	return parse_stat(buf, e);
}

bool
proc_birth(pid_t pid, uint64_t *ticks)
{
	struct entry e;

	if (!read_stat(pid, &e))
		return false;
	*ticks = e.birth;
	return true;
}

static void
table_scan(struct table *t)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	t->n = 0;
	if (!dir)
		return;
	while ((d = readdir(dir))) {
		struct entry e;

		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !read_stat((pid_t)strtol(d->d_name, NULL, 10), &e))
			continue;
		if (t->n == t->cap) {
			t->cap = t->cap > 0 ? t->cap * 2 : 256;
			t->v = xreallocarray(t->v, t->cap, sizeof(*t->v));
		}
		t->v[t->n++] = e;
	}
	closedir(dir);
	if (t->n > 0)
		qsort(t->v, t->n, sizeof(*t->v), cmp_entry);
}

/* Is e still the child of that parent?  In that order: a number that was the
 * parent's before and after e was looked at was so in between. */
static bool
is_link(const struct entry *e, const struct entry *parent)
{
	struct entry now;

	return read_stat(e->pid, &now) && now.birth == e->birth &&
	       now.ppid == parent->pid && read_stat(parent->pid, &now) &&
	       now.birth == parent->birth;
}

/* Marks the descendants of all that are marked. */
static void
mark_descendants(struct table *t)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < t->n; i++) {
			struct entry *e = &t->v[i];
			struct entry *parent;

			if (e->marked || e->spared)
				continue;
			parent = table_find(t, e->ppid);
			if (!parent || !parent->marked)
				continue;
			e->marked = is_link(e, parent);
			e->spared = !e->marked;	/* it moved: next time */
			changed = changed || e->marked;
		}
	}
}

static bool
is_in(pid_t pid, const pid_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

static bool
is_stray(const struct entry *e, const pid_t *except, size_t n)
{
	return e->ppid == getpid() && !is_in(e->pid, except, n);
}

static void
scan_tree(struct table *t, const pid_t *except, size_t n)
{
	table_scan(t);
	for (size_t i = 0; i < t->n; i++)
		t->v[i].marked = is_stray(&t->v[i], except, n);
	mark_descendants(t);
}

/* To the very process of the snapshot, whoever has its number now. */
static void
signal_entry(const struct entry *e, int sig)
{
	struct entry now;
	long fd;

	if (e->ppid == getpid()) {
		(void)kill(e->pid, sig);	/* not reaped: still its own */
		return;
	}
	fd = syscall(SYS_pidfd_open, e->pid, 0);
	if (fd < 0 && errno != ENOSYS)
		return;
	if (read_stat(e->pid, &now) && now.birth == e->birth) {
		if (fd >= 0)
			(void)syscall(SYS_pidfd_send_signal, (int)fd, sig,
				      NULL, 0);
		else
			(void)kill(e->pid, sig);
	}
	if (fd >= 0)
		close((int)fd);
}

/* Signals all marked ones that were not yet marked in `before`.  Returns how
 * many these are. */
static int
signal_marked(const struct table *t, int sig, const struct table *before)
{
	int count = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct entry *e = &t->v[i], *old = NULL;

		if (!e->marked)
			continue;
		if (before)
			old = table_find(before, e->pid);
		if (old && old->marked && old->birth == e->birth)
			continue;
		signal_entry(e, sig);
		count++;
	}
	return count;
}

int
proc_signal(pid_t pid, int sig)
{
	return kill(pid, sig);
}

int
proc_signal_tree(int sig, const pid_t *except, size_t n)
{
	struct table t = TABLE_INIT;
	int count;

	scan_tree(&t, except, n);
	count = signal_marked(&t, sig, NULL);
	table_release(&t);
	return count;
}

/* The children of this process, of one thread, as the kernel lists them; from
 * a snapshot where it does not. */
static void
list_children(struct str *out)
{
	struct table t = TABLE_INIT;
	char path[64], buf[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			str_addn(out, buf, (size_t)n);
		close(fd);
		return;
	}
	table_scan(&t);
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].ppid == getpid())
			str_addf(out, "%d ", (int)t.v[i].pid);
	table_release(&t);
}

int
proc_kill_children(const pid_t *except, size_t n)
{
	struct str list = STR_INIT;
	pid_t session = getsid(0);
	int count = 0;
	char *p, *end;

	list_children(&list);
	for (p = list.s;; p = end) {
		pid_t pid = (pid_t)strtol(p, &end, 10), group;

		if (end == p)
			break;
		if (pid <= 0 || is_in(pid, except, n))
			continue;
		/* A group is met whole, at one instant, fork as it may. */
		group = getsid(pid) == session ? -1 : getpgid(pid);
		if (group > 1)
			(void)kill(-group, SIGKILL);
		(void)kill(pid, SIGKILL);
		count++;
	}
	str_release(&list);
	return count;
}

int
proc_kill_round(const pid_t *except, size_t n)
{
	struct table before = TABLE_INIT, now = TABLE_INIT;
	int count;

	for (int i = 0; i < FREEZE_ROUNDS; i++) {
		struct table swap = before;

		(void)proc_kill_children(except, n);
		scan_tree(&now, except, n);
		count = signal_marked(&now, SIGSTOP, &before);
		before = now;
		now = swap;
		if (count == 0)
			break;
	}
	count = signal_marked(&before, SIGKILL, NULL);
	table_release(&before);
	table_release(&now);
	return count;
}

static void
add_usage(struct proc_usage *u, const struct rusage *ru)
{
	if (!u)
		return;
	u->cpu_ms += (int64_t)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) *
			     1000 +
		     (ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) / 1000;
	if (ru->ru_maxrss > u->rss_kb)
		u->rss_kb = ru->ru_maxrss;
}

pid_t
proc_reap(int *status, struct proc_usage *usage)
{
	struct rusage ru;
	pid_t pid = wait4(-1, status, WNOHANG, &ru);

	if (pid > 0)
		add_usage(usage, &ru);
	return pid;
}

bool
proc_has_strays(const pid_t *except, size_t n)
{
	struct table t = TABLE_INIT;
	siginfo_t si;
	bool found = false;

	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
		return false;
	if (n == 0)
		return true;
	table_scan(&t);
	for (size_t i = 0; i < t.n; i++)
		found = found || is_stray(&t.v[i], except, n);
	table_release(&t);
	return found;
}

/* Reaps what has ended of the tree, and never a child in except.  true when
 * some are left. */
static bool
reap_strays(const pid_t *except, size_t n, struct proc_usage *u)
{
	struct table t = TABLE_INIT;
	struct rusage ru;
	bool left = false;
	pid_t pid;
	int status;

	if (n == 0) {
		do {
			pid = proc_reap(&status, u);
		} while (pid > 0);
		return pid == 0;
	}
	table_scan(&t);
	for (size_t i = 0; i < t.n; i++) {
		if (!is_stray(&t.v[i], except, n))
			continue;
		pid = wait4(t.v[i].pid, &status, WNOHANG, &ru);
		if (pid > 0)
			add_usage(u, &ru);
		/* An ended one may have left orphans to us: look again. */
		left = true;
	}
	table_release(&t);
	return left;
}

static void
pause_ms(int64_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
			       .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

bool
proc_kill_tree(const pid_t *except, size_t n, int64_t ms, int64_t *cpu_ms,
	       int64_t *rss_kb)
{
	struct proc_usage u = { 0, 0 };
	int64_t until = proc_now() + ms;
	int64_t nap = 1;
	int rounds = 0;
	bool left;

	while ((left = reap_strays(except, n, &u)) && proc_now() < until) {
		if (rounds++ < GENTLE_ROUNDS)
			(void)proc_kill_children(except, n);
		else
			(void)proc_kill_round(except, n);
		pause_ms(nap);
		nap = nap < 50 ? nap * 2 : 50;
	}
	if (cpu_ms)
		*cpu_ms += u.cpu_ms;
	if (rss_kb && u.rss_kb > *rss_kb)
		*rss_kb = u.rss_kb;
	return !left;
}

/* The value of NAME= in an environment block; NULL when it is not there. */
static const char *
block_get(const struct str *block, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < block->len; i += strlen(block->s + i) + 1)
		if (strncmp(block->s + i, name, len) == 0)
			return block->s + i + len;
	return NULL;
}

static void
read_environ(pid_t pid, struct str *block)
{
	char path[40], buf[4096];
	ssize_t n;
	int fd;

	str_clear(block);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (block->len < ENVIRON_MAX &&
	       (n = read(fd, buf, sizeof(buf))) > 0)
		str_addn(block, buf, (size_t)n);
	close(fd);
}

static bool
is_ours(pid_t pid)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 && st.st_uid == geteuid();
}

/* Spares this process, its ancestors and its session: whoever started the
 * worker from within a job wants it to live. */
static void
spare_own(struct table *t)
{
	struct entry *e = table_find(t, getpid());
	pid_t session = getsid(0);

	for (size_t i = 0; i < t->n; i++)
		t->v[i].spared = t->v[i].session == session;
	while (e) {
		e->spared = true;
		e = e->ppid > 0 ? table_find(t, e->ppid) : NULL;
	}
}

/* Is e below a shepherd whose keeper lives?  That one ends it when it must;
 * no lock is needed to know (PROTOCOL P9). */
static bool
has_keeper(const struct table *t, const struct entry *e)
{
	for (size_t depth = 0; depth < t->n; depth++) {
		const struct entry *up = table_find(t, e->ppid);

		if (!up)
			break;
		if (strcmp(e->name, "nfsq-shepherd") == 0 &&
		    strcmp(up->name, "nfsq-worker") == 0 && up->state != 'Z')
			return true;
		e = up;
	}
	return false;
}

static void
scan_leftovers(struct table *t, const char *spool,
	       bool (*alive)(const char *worker, void *arg), void *arg)
{
	struct str block = STR_INIT;

	table_scan(t);
	spare_own(t);
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &t->v[i];
		const char *of, *worker;

		if (e->spared || e->state == 'Z' || !is_ours(e->pid))
			continue;
		read_environ(e->pid, &block);
		of = block_get(&block, "NFSQ_SPOOL=");
		worker = block_get(&block, "NFSQ_WORKER=");
		e->marked = of && worker && strcmp(of, spool) == 0 &&
			    !alive(worker, arg) && !has_keeper(t, e);
	}
	mark_descendants(t);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].state == 'Z')
			t->v[i].marked = false;
	str_release(&block);
}

int
proc_kill_leftovers(const char *spool,
		    bool (*alive)(const char *worker, void *arg), void *arg)
{
	struct table before = TABLE_INIT, now = TABLE_INIT;
	int64_t until = proc_now() + LEFTOVERS_MS;
	int count = 0, fresh, left;

	do {
		do {
			struct table swap = before;

			scan_leftovers(&now, spool, alive, arg);
			fresh = signal_marked(&now, SIGSTOP, &before);
			count += fresh;
			before = now;
			now = swap;
		} while (fresh > 0 && proc_now() < until);
		left = signal_marked(&before, SIGKILL, NULL);
		if (left > 0)
			pause_ms(2);
	} while (left > 0 && proc_now() < until);
	table_release(&before);
	table_release(&now);
	return count;
}

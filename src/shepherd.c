/*
 * shepherd.c - one process per slot that starts a job and ends its whole tree
 *
 * Owns one job at a time, from START to its report.  All that happens comes
 * through one poll: orders, ended children, and one timer on CLOCK_BOOTTIME,
 * which goes on counting while the machine is suspended, as the lease does.
 * Nothing in here waits for anything else.
 *
 *	idle -> running -> (ending ->) (killing ->) idle
 *
 * running: the leader lives.  ending: SIGTERM was sent, and whoever is left
 * at kill_ms is killed.  killing: SIGKILL, again and again until the kernel
 * says that there is no child left; only then the report is sent, because the
 * keeper takes it to mean that the job runs nowhere any more.
 */
#include "nfsq.h"
#include "shepherd.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "cgroup.h"
#include "job.h"
#include "launch.h"
#include "proc.h"
#include "runfile.h"
#include "token.h"

#define RETRY_FIRST_MS 10	/* between rounds of killing */
#define RETRY_MOST_MS 1000
#define LAST_KILL_MS 10000	/* when the keeper is gone */

struct shepherd {
	int sock, signals, timer;
	int64_t armed_ms;		/* what timer is set to; 0: nothing */
	struct beat *beat;
	const char *spool;
	struct launch_user user;
	char *cgroup;			/* NULL: none */
	struct proc_failure *failure;
	/* the job */
	bool busy;
	pid_t leader;			/* 0: has ended */
	struct launch launch;
	struct proc_usage usage;
	struct shepherd_report report;
	int64_t grace_ms;
	int64_t limit_ms;		/* points of time; 0: none */
	int64_t kill_ms;
	bool killing;
	int64_t retry_ms, retry_in_ms;	/* the next round of killing */
};

/* The body; NULL (errno) when it is not all there.  Not mapped: a file that
 * shrinks must not kill a shepherd. */
static char *
read_body(int fd, uint64_t len)
{
	char *text;
	size_t have = 0;

	if (len > JOB_BODY_MAX) {
		errno = EFBIG;
		return NULL;
	}
	text = xmalloc((size_t)len + 1);
	while (have < len) {
		ssize_t n = pread(fd, text + have, (size_t)len - have,
				  (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			free(text);
			return NULL;
		}
		have += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

/* Reads and understands the order.  STAGE_NONE, or where it failed. */
static enum shepherd_stage
understand(const struct shepherd_order *o, const struct shepherd_fds *fds,
	   struct token *token, struct job *job)
{
	char *text = read_body(fds->body, o->body_len);
	int verdict;

	if (!text)
		return STAGE_BODY;
	verdict = job_parse(text, (size_t)o->body_len, job, NULL);
	free(text);
	if (verdict != 1 || !memchr(o->claim, '\0', sizeof(o->claim)) ||
	    !memchr(o->worker, '\0', sizeof(o->worker)) ||
	    token_parse(o->claim, token) != 1) {
		errno = EINVAL;
		return STAGE_BODY;
	}
	return STAGE_NONE;
}

static enum shepherd_stage
start_leader(struct shepherd *s, const struct shepherd_order *o,
	     const struct shepherd_fds *fds, const struct job *job)
{
	struct proc_spec spec = PROC_SPEC_INIT;

	spec.argv = strlist_argv(&s->launch.argv);
	spec.envp = strlist_argv(&s->launch.env);
	spec.exec_path = s->launch.exec_path;
	spec.cwd = job->cwd;
	spec.input = s->launch.input;
	spec.in_fd = fds->in;
	spec.out_fd = fds->out;
	spec.err_fd = fds->err;
	if (o->flags & SHEPHERD_OUT_PATH)
		spec.out_path = s->launch.output;
	if (o->flags & SHEPHERD_ERR_PATH)
		spec.err_path = s->launch.error;
	spec.append = job->open_mode == OPEN_APPEND;
	spec.merge = fds->err < 0 && !spec.err_path;
	spec.umask = job->umask;
	spec.cgroup = s->cgroup;
	s->leader = proc_start(&spec, s->failure);
	if (s->leader > 0)
		return STAGE_NONE;
	s->leader = 0;
	return STAGE_FORK;
}

/* From the order to a running child.  STAGE_NONE, or where it failed, with
 * errno; then nothing runs. */
static enum shepherd_stage
launch(struct shepherd *s, const struct shepherd_order *o,
       const struct shepherd_fds *fds)
{
	struct token token;
	struct job job;
	struct launch_order lo = { .user = &s->user,
				   .job = &job,
				   .token = &token,
				   .spool = s->spool,
				   .worker = o->worker,
				   .attempt = o->attempt };
	enum shepherd_stage stage;
	int error;

	job_init(&job);
	token_init(&token);
	stage = understand(o, fds, &token, &job);
	if (stage == STAGE_NONE) {
		if (lo.attempt == 0)
			lo.attempt = token.attempt;
		if (launch_make(&s->launch, &lo) < 0)
			stage = STAGE_SCRIPT;
	}
	if (stage == STAGE_NONE)
		stage = start_leader(s, o, fds, &job);
	error = errno;
	s->grace_ms = job.kill_grace_ms;
	s->limit_ms = job.time_limit_ms;
	job_release(&job);
	errno = error;
	return stage;
}

static void
finish(struct shepherd *s)
{
	struct shepherd_report *r = &s->report;

	if (r->stage == STAGE_NONE && s->failure->stage != STAGE_NONE) {
		r->stage = (enum shepherd_stage)s->failure->stage;
		r->error = s->failure->error;
	}
	r->cpu_ms = s->usage.cpu_ms;
	r->rss_kb = s->usage.rss_kb;
	launch_end(&s->launch);
	s->busy = false;
	/* Nobody there: the next poll tells. */
	(void)send(s->sock, r, sizeof(*r), MSG_NOSIGNAL);
}

/* now + ms, which may be as long as anybody can write down. */
static int64_t
later(int64_t now, int64_t ms)
{
	return ms < INT64_MAX / 2 ? now + ms : INT64_MAX / 2;
}

static bool
is_fenced(const struct shepherd *s, int64_t now)
{
	int64_t deadline = s->beat->deadline_ms;

	return s->beat->fenced || (deadline > 0 && now >= deadline);
}

static void
start(struct shepherd *s, const struct shepherd_order *o,
      const struct shepherd_fds *fds)
{
	int64_t now = proc_now();
	enum shepherd_stage stage;

	if (s->busy)
		BUG("START while a job runs");
	s->busy = true;
	s->leader = 0;
	s->usage = (struct proc_usage){ 0, 0 };
	s->report = (struct shepherd_report){ .start_ms = now, .end_ms = now };
	s->failure->stage = STAGE_NONE;
	s->limit_ms = s->kill_ms = s->retry_ms = 0;
	s->killing = false;
	if (is_fenced(s, now)) {
		s->report.status = SIGKILL;
		s->report.why = WHY_FENCED;
		finish(s);
		return;
	}
	stage = launch(s, o, fds);
	if (stage != STAGE_NONE) {
		s->report.error = errno;
		s->report.stage = stage;
		finish(s);
		return;
	}
	if (s->limit_ms > 0)
		s->limit_ms = later(now, s->limit_ms);
}

/* The first reason counts, and none once the leader has ended by itself. */
static void
set_why(struct shepherd *s, enum shepherd_why why)
{
	s->limit_ms = 0;
	if (s->report.why == WHY_NONE && s->leader > 0)
		s->report.why = why;
}

/* The whole tree, by a look at all processes; again after a while. */
static void
kill_round(struct shepherd *s)
{
	(void)proc_kill_round(NULL, 0);
	s->retry_ms = proc_now() + s->retry_in_ms;
	s->retry_in_ms *= 2;
	if (s->retry_in_ms > RETRY_MOST_MS)
		s->retry_in_ms = RETRY_MOST_MS;
}

/* The children at once, and whenever one has ended: its orphans are children
 * then.  That is mostly all; what is left soon after gets kill_round. */
static void
begin_kill(struct shepherd *s)
{
	if (s->killing)
		return;
	s->killing = true;
	s->kill_ms = 0;
	s->retry_in_ms = RETRY_FIRST_MS;
	s->retry_ms = proc_now() + RETRY_FIRST_MS;
	cgroup_kill(s->cgroup);
	(void)proc_kill_children(NULL, 0);
}

/* SIGTERM; what is stopped must go on to see it. */
static void
begin_end(struct shepherd *s, enum shepherd_why why)
{
	set_why(s, why);
	if (s->killing || s->kill_ms > 0)
		return;
	s->kill_ms = later(proc_now(), s->grace_ms);
	(void)proc_signal_tree(SIGTERM, NULL, 0);
	(void)proc_signal_tree(SIGCONT, NULL, 0);
}

/* Reaps all that has ended.  true when the job has processes left. */
static bool
reap(struct shepherd *s)
{
	pid_t pid;
	int status;

	while ((pid = proc_reap(&status, &s->usage)) > 0) {
		if (pid != s->leader)
			continue;
		s->leader = 0;
		s->report.status = status;
		s->report.end_ms = proc_now();
	}
	return pid == 0;
}

/* Does what is due. */
static void
tend(struct shepherd *s)
{
	int64_t now;

	if (!s->busy)
		return;
	if (!reap(s)) {
		finish(s);
		return;
	}
	now = proc_now();
	if (s->killing) {
		cgroup_kill(s->cgroup);
		(void)proc_kill_children(NULL, 0);
		if (now >= s->retry_ms)
			kill_round(s);
	} else if (is_fenced(s, now)) {
		set_why(s, WHY_FENCED);
		begin_kill(s);
	} else if (s->kill_ms > 0) {
		if (now >= s->kill_ms)
			begin_kill(s);
	} else if (s->leader == 0) {
		begin_kill(s);
	} else if (s->limit_ms > 0 && now >= s->limit_ms) {
		begin_end(s, WHY_TIMEOUT);
	}
}

static void
obey(struct shepherd *s, const struct shepherd_order *o,
     const struct shepherd_fds *fds)
{
	if (o->op == SHEPHERD_START) {
		start(s, o, fds);
		return;
	}
	if (!s->busy)
		return;		/* it ended while the order came */
	switch (o->op) {
	case SHEPHERD_SIGNAL:
		if (o->arg <= 0)
			break;
		if (o->arg2 != 1)
			(void)proc_signal_tree(o->arg, NULL, 0);
		else if (s->leader > 0)
			(void)proc_signal(s->leader, o->arg);
		break;
	case SHEPHERD_END:
		begin_end(s, o->why);
		break;
	case SHEPHERD_KILL:
		set_why(s, o->why);
		begin_kill(s);
		break;
	case SHEPHERD_START:
		break;
	}
}

/* The next point of time at which tend() has something to do; 0: none. */
static int64_t
next_due(const struct shepherd *s)
{
	int64_t deadline = s->beat->deadline_ms;
	int64_t due = s->kill_ms > 0 ? s->kill_ms : s->limit_ms;

	if (!s->busy)
		return 0;
	if (s->killing)
		return s->retry_ms;
	if (deadline > 0 && (due == 0 || deadline < due))
		due = deadline;
	return due;
}

static void
arm(struct shepherd *s)
{
	int64_t due = next_due(s);
	struct itimerspec it = { .it_value = { .tv_sec = due / 1000,
					       .tv_nsec = due % 1000 *
							  1000000 } };

	if (due == s->armed_ms)
		return;
	if (timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &it, NULL) < 0)
		BUG("cannot set the timer: %s", strerror(errno));
	s->armed_ms = due;
}

/* Empties a signal or timer descriptor.  true when there was something. */
static bool
drain(int fd)
{
	struct signalfd_siginfo buf[8];
	bool any = false;

	while (read(fd, buf, sizeof(buf)) > 0)
		any = true;
	return any;
}

/* One turn.  false when the keeper is gone. */
static bool
serve(struct shepherd *s)
{
	struct pollfd p[] = {
		{ .fd = s->sock, .events = POLLIN },
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = s->timer, .events = POLLIN },
	};
	struct shepherd_order o;
	struct shepherd_fds fds;
	int got;

	arm(s);
	if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
		BUG("cannot poll: %s", strerror(errno));
	if (p[1].revents)
		drain(s->signals);
	if (p[2].revents && drain(s->timer))
		s->armed_ms = 0;
	tend(s);
	if (!p[0].revents)
		return true;
	got = shepherd_receive(s->sock, &o, &fds);
	if (got <= 0)
		return got == 0;
	obey(s, &o, &fds);
	shepherd_close(&fds);
	return true;
}

/*
 * A worker's terminal and its signals are the keeper's business: all are
 * blocked, not ignored, so that a SIGTERM which meets a child before it has
 * reset its dispositions waits there and is not lost.
 */
static void
block_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL,
				.sa_flags = SA_NOCLDSTOP };
	sigset_t all;

	sigaction(SIGCHLD, &sa, NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* 0 1 2 are open, whatever the worker was started with. */
static void
fill_std_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd < 3);
	if (fd >= 3)
		close(fd);
}

static void
setup(struct shepherd *s, int slot)
{
	sigset_t set;

	fill_std_fds();
	block_signals();
	prctl(PR_SET_NAME, "nfsq-shepherd");
	proc_subreaper();
	/* Its directory may be the spool, or on another server. */
	if (chdir("/") < 0)
		BUG("cannot enter '/': %s", strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->signals < 0 || s->timer < 0)
		BUG("cannot watch children or time: %s", strerror(errno));
	s->failure = proc_failure_new();
	s->cgroup = cgroup_make(slot);
	launch_user_init(&s->user);
}

_Noreturn void
shepherd_main(int sock, struct beat *beat, const char *spool, int slot)
{
	struct shepherd s = { .sock = sock, .beat = beat, .spool = spool,
			      .launch = LAUNCH_INIT };

	setup(&s, slot);
	while (serve(&s))
		;
	if (s.busy) {
		cgroup_kill(s.cgroup);
		(void)proc_kill_tree(NULL, 0, LAST_KILL_MS, NULL, NULL);
		launch_end(&s.launch);
	}
	cgroup_remove(s.cgroup);
	_exit(0);
}

void
shepherd_sweep(void)
{
	runfile_sweep();
}

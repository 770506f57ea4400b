/*
 * proc.h - the only module that forks, executes, signals and reaps
 *
 * No call on the spool is made here, and nothing here waits for one: the
 * started child alone enters the job's directory and opens its files.
 */
#ifndef NFSQ_PROC_H
#define NFSQ_PROC_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

/* Milliseconds of CLOCK_BOOTTIME. */
int64_t proc_now(void);

/* What a child is started with; all borrowed. */
struct proc_spec {
	char **argv;		/* argv[0] without '/' is looked up in the
				   PATH of envp */
	char **envp;
	const char *exec_path;	/* NULL: argv[0] */
	const char *cwd;	/* NULL: stay */
	const char *input;	/* opened by the child; NULL: /dev/null */
	int in_fd;		/* instead of input; -1: none */
	int out_fd, err_fd;	/* -1: /dev/null */
	const char *out_path;	/* opened by the child instead of out_fd
				   (FIFO, device, a user's link); NULL */
	const char *err_path;
	bool append;		/* to these; else what is there is emptied */
	bool merge;		/* stderr is stdout; no err_fd, err_path */
	int umask;
	const char *cgroup;	/* directory to enter; NULL */
};
/* Descriptors -1, umask 022, the rest empty. */
#define PROC_SPEC_INIT \
	{ .in_fd = -1, .out_fd = -1, .err_fd = -1, .umask = 022 }

/* Where a child stood and why, written by the child itself before it gave
 * up; lives in shared memory (proc_failure_new). */
struct proc_failure {
	_Atomic int stage;	/* enum shepherd_stage */
	_Atomic int error;	/* errno */
};
struct proc_failure *proc_failure_new(void);	/* lives for ever */

/*
 * Forks and executes.  The child is leader of a session and group of its own,
 * has default dispositions, an empty mask, no descriptor but 0 1 2, core size
 * 0, and dies with its parent (PR_SET_PDEATHSIG).  Returns its pid or -1
 * (errno).  A signal sent to it at once is not lost if the caller has that
 * signal blocked.  A failure after the fork is told in *failure and by exit
 * 127.
 */
pid_t proc_start(const struct proc_spec *spec, struct proc_failure *failure);

/* Forks a process of ours that runs fn(arg) and never returns here in the
 * child.  All descriptors but 0 1 2 and keep[0..nkeep-1] are closed in it. */
pid_t proc_fork(void (*fn)(void *arg), void *arg, const int *keep,
		size_t nkeep);

/* Makes the calling process the one that orphans below it come to. */
void proc_subreaper(void);

/* What ended children used; starts as zeros. */
struct proc_usage {
	int64_t cpu_ms;		/* sum */
	int64_t rss_kb;		/* largest */
};
/* Reaps one ended child, any: its pid; 0 none has ended; -1 there is none.
 * Never waits.  *status as waitpid's; *usage grows, may be NULL. */
pid_t proc_reap(int *status, struct proc_usage *usage);

/* To one process.  0 or -1 (errno). */
int proc_signal(pid_t pid, int sig);
/* When a process began, in clock ticks since boot: with its pid this names it
 * for good.  false when there is none. */
bool proc_birth(pid_t pid, uint64_t *ticks);

/* In the following "the tree" is: all children of the calling process except
 * those in except[0..n-1], and all descendants of these.  Another process may
 * fork meanwhile; only proc_kill_tree is sure to meet all. */

/* Signals the tree.  Returns to how many. */
int proc_signal_tree(int sig, const pid_t *except, size_t n);
/* Has the calling process children other than except[]?  */
bool proc_has_strays(const pid_t *except, size_t n);
/* SIGKILL to the top of the tree and to the process groups that its members
 * lead or are in, unless of the caller's session.  Their orphans become the
 * top.  Cheap: looks at nobody else's processes.  Returns how many there
 * were. */
int proc_kill_children(const pid_t *except, size_t n);
/* One attempt to kill all of it: stops all, until no new ones turn up, so that
 * nobody can fork on, then SIGKILL.  Waits for nothing, reaps nothing.
 * Returns how many there were. */
int proc_kill_round(const pid_t *except, size_t n);
/* Kills all of them and waits until none is left. deadline: gives up after
 * ms milliseconds (a process stuck in the kernel).  Adds what wait4 tells to
 * *cpu_ms and *rss_kb (may be NULL).  true when none is left. */
bool proc_kill_tree(const pid_t *except, size_t n, int64_t ms,
		    int64_t *cpu_ms, int64_t *rss_kb);

/* Kills processes of this user whose environment says that they belong to a
 * job of the spool `spool` (NFSQ_SPOOL) under a worker for which
 * alive(NFSQ_WORKER, arg) is false; their descendants too.  Spares itself, its
 * ancestors and its session.  Waits up to 5 s for their end.  Returns how many
 * there were. */
int proc_kill_leftovers(const char *spool,
			bool (*alive)(const char *worker, void *arg),
			void *arg);

/* CPUs this process may use: affinity and the cgroup's quota. */
int proc_cpus(void);

#endif

/*
 * shepherd.h - one process per slot that starts a job and ends its whole tree
 *
 * A shepherd is a child subreaper, so every descendant of its job that loses
 * its parent becomes its child: at the job's end nothing of it can hide.  It
 * makes no call on the spool, holds no descriptor of a file, and lives as
 * long as the worker: one job after the other.  When its keeper dies (end of
 * file on its socket) or the lease's deadline passes it kills the tree.
 *
 * Messages on a SOCK_SEQPACKET pair, fixed structs, fds by SCM_RIGHTS:
 *
 *	keeper   -> shepherd	struct shepherd_order
 *	shepherd -> keeper	struct shepherd_report
 */
#ifndef NFSQ_SHEPHERD_H
#define NFSQ_SHEPHERD_H

#include "nfsq.h"
#include "msg.h"

/* Shared by all processes of a worker (MAP_SHARED | MAP_ANONYMOUS). */
struct beat {
	_Atomic int64_t deadline_ms;	/* CLOCK_BOOTTIME; 0: not yet set */
	_Atomic int64_t watch_from_ms;	/* since when heartbeats succeeded
					   without a gap; 0: not yet */
	_Atomic int64_t server_offset_ms; /* server's clock - BOOTTIME */
	_Atomic int fenced;		/* sticky */
	_Atomic int leaving;		/* the clerk removes the seat itself */
};

enum shepherd_op {
	SHEPHERD_START,	/* with struct shepherd_fds */
	SHEPHERD_SIGNAL,/* arg: signal to every process of the job, or to
			   the leader when arg2 is 1.  arg 0: look at the beat
			   now */
	SHEPHERD_END,	/* why: SIGTERM, after the job's grace SIGKILL */
	SHEPHERD_KILL,	/* why: SIGKILL at once */
};

enum shepherd_why {	/* why it was ended before its time */
	WHY_NONE, WHY_CANCEL, WHY_REQUEUE, WHY_SHUTDOWN, WHY_FENCED,
	WHY_TIMEOUT,	/* by the shepherd itself */
	WHY_LOST,	/* its shepherd died */
};

enum {				/* shepherd_order.flags */
	SHEPHERD_HAS_OUT = 1,	/* which descriptors come along: */
	SHEPHERD_HAS_ERR = 2,	/* set by shepherd_send */
	SHEPHERD_HAS_IN = 4,
	SHEPHERD_OUT_PATH = 8,	/* the child opens the job's --output, which
				   is there and no regular file */
	SHEPHERD_ERR_PATH = 16,	/* its --error, likewise */
};

#define SHEPHERD_CLAIM 256
struct shepherd_order {
	enum shepherd_op op;
	int arg, arg2;
	enum shepherd_why why;
	/* START only */
	unsigned flags;
	uint32_t attempt;		/* NFSQ_ATTEMPT; 0: the token's */
	char claim[SHEPHERD_CLAIM];	/* the token's name */
	uint64_t body_len;
	char worker[80];	/* NFSQ_WORKER */
};

/* What goes with START; -1 is absent, body never is.  No `out` (nor its path):
 * /dev/null; no `err` (nor its path): where stdout goes; no `in`: the job's
 * --input, else /dev/null. */
struct shepherd_fds {
	int body;	/* memfd with the job's text */
	int out, err;	/* write ends of pipes; may be the same */
	int in;
};

enum shepherd_stage {	/* where the start failed */
	STAGE_NONE,	/* it started */
	STAGE_FORK, STAGE_BODY, STAGE_CHDIR, STAGE_INPUT, STAGE_OUTPUT,
	STAGE_SCRIPT, STAGE_EXEC,
};

struct shepherd_report {
	enum shepherd_stage stage;
	int error;		/* errno of the stage; 0 */
	int status;		/* as waitpid's, when stage is NONE */
	enum shepherd_why why;	/* first reason for which it was ended */
	int64_t start_ms, end_ms;	/* CLOCK_BOOTTIME; end: the leader's */
	int64_t cpu_ms;		/* whole tree, as far as waited for */
	int64_t rss_kb;		/* largest process */
};

/*
 * The process's main: serves `sock` until end of file, then kills what runs
 * and exits.  `spool` is NFSQ_SPOOL's value.  `slot` numbers it for a cgroup.
 */
_Noreturn void shepherd_main(int sock, struct beat *beat, const char *spool,
			     int slot);

/* The keeper's side: sends an order, with fds for START, else NULL.  0 or -1
 * (errno).  A report is read with recv(2) of one whole struct. */
int shepherd_send(int sock, const struct shepherd_order *order,
		  const struct shepherd_fds *fds);

/* The shepherd's side: 1 an order, its descriptors now the caller's; 0 none
 * yet; -1 the keeper is gone. */
int shepherd_receive(int sock, struct shepherd_order *order,
		     struct shepherd_fds *fds);
void shepherd_close(struct shepherd_fds *fds);

/* Removes copies of scripts that dead shepherds of this user left on this
 * host.  The worker calls it when it starts. */
void shepherd_sweep(void);

#endif

/*
 * keeper.h - the main process of a worker (inside worker.c and keeper.c)
 *
 *	keeper_begin	a seat and all parts
 *	keeper_serve	until the term ends
 *	keeper_end	nothing of the term is left
 */
#ifndef NFSQ_KEEPER_H
#define NFSQ_KEEPER_H

#include "nfsq.h"
#include "wire.h"
#include "worker.h"

enum part { PART_PULSE, PART_CLERK, PART_WRITER, PART_WARDEN, PART_COUNT };

struct part_proc {
	pid_t pid;	/* 0: none */
	int sock;
	struct outbox out;	/* it may wait for the server; we must not */
};

struct stream {		/* one output of a running job */
	int fd;		/* our end of the pipe; -1: the writer has it */
	bool open;	/* not yet known to be written whole */
	int error;	/* errno of the writer */
};

struct slot {
	pid_t pid;		/* the shepherd; 0: dead */
	int sock;
	uint64_t serial;	/* of its job; 0: idle */
	bool reported;
	struct shepherd_report report;
	struct stream stream[2];
	struct wire_file file[2];
};

struct keeper {
	struct term term;
	int sigfd;
	struct part_proc parts[PART_COUNT];
	struct slot **slots;
	size_t nslots;
	struct pollfd *polls;
	struct wish wish;	/* the one just read */
	bool finish;		/* told to end after what runs */
	bool shutdown;		/* jobs are being ended, then we leave */
	bool left;		/* the clerk gave up the seat: done */
	bool broken;		/* a part died */
	int64_t ended_ms;	/* shutdown: when the last job had ended */
};

enum term_end {
	TERM_LEFT,	/* all done */
	TERM_FENCED,	/* the lease is lost: start over */
	TERM_BROKEN,	/* a part died: start over */
	TERM_STUCK,	/* told to end, the spool does not answer */
};

int keeper_begin(struct keeper *k);	/* 1, 0 told to end, -1 */
enum term_end keeper_serve(struct keeper *k);
bool keeper_end(struct keeper *k);
void keeper_kill_strays(struct keeper *k);

#endif

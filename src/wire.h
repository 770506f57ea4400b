/*
 * wire.h - messages between the processes of a worker
 *
 * SOCK_SEQPACKET pairs, one whole struct a message, descriptors by
 * SCM_RIGHTS.  The keeper is one end of each pair:
 *
 *	clerk  -> keeper   struct wish     start this, end that
 *	keeper -> clerk    struct news     it ended, stop
 *	keeper -> writer   struct sheet    copy this pipe to that file
 *	writer -> keeper   struct receipt  it is on the disk, or not
 *	pulse  -> keeper   a byte          it has joined
 *	warden -> keeper   a byte          it put something into the queue
 */
#ifndef NFSQ_WIRE_H
#define NFSQ_WIRE_H

#include "nfsq.h"
#include "shepherd.h"

#define WIRE_FDS 4

enum wish_op {
	WISH_START,	/* fds: body memfd [, stdin]; order is the START */
	WISH_ORDER,	/* order goes to the shepherd of `serial` */
	WISH_LEFT,	/* all done, the seat is given up: exit */
};

struct wire_file {		/* what the writer writes */
	char path[4096];	/* "": nothing, the job's child opens it */
	int flags;		/* of open(2); O_CREAT: a new file of the
				   spool, its shard is made as needed */
};

struct wish {
	enum wish_op op;
	uint64_t serial;
	bool separate;		/* stderr has a pipe of its own */
	struct shepherd_order order;
	struct wire_file file[2];
};

enum news_op {
	NEWS_ENDED,
	NEWS_FINISH,	/* claim nothing more; leave when all has ended */
	NEWS_SHUTDOWN,	/* the same, and the jobs are being ended */
	NEWS_RELOAD,	/* read the configuration again (SIGHUP) */
	NEWS_LOOK,	/* something came into the queue */
};

struct news {
	enum news_op op;
	uint64_t serial;
	struct shepherd_report report;
	int output_error;	/* errno of the first output not written
				   whole; 0 */
};

struct sheet {
	uint64_t serial;
	int stream;		/* 0 stdout, 1 stderr */
	bool finish;		/* no descriptor: take what is in the pipe and
				   close; the job's tree is gone */
	struct wire_file file;
};

struct receipt {
	uint64_t serial;
	int stream;
	int error;		/* errno; 0: written whole and fsynced */
};

int wire_pair(int pair[2]);
/* 0 or -1 (errno).  Blocks while the other end is busy. */
int wire_send(int sock, const void *message, size_t size, const int *fds,
	      int nfds);
/* 1 a message (of exactly size bytes, else BUG); 0 none yet; -1 the other
 * end is gone.  fds: room for WIRE_FDS, the rest is -1; NULL: none taken. */
int wire_recv(int sock, void *message, size_t size, int *fds);
/*
 * Messages to an end that may be slow (it waits for the server): kept until
 * they can go, so that who must stay awake never blocks.
 */
struct outbox {
	int sock;
	struct parcel {
		void *message;
		size_t size;
		int fd;		/* goes with it and is closed then; -1 */
	} *v;
	size_t n;
};
/* Takes fd over.  0, or -1: the other end is gone. */
int outbox_put(struct outbox *o, const void *message, size_t size, int fd);
/* Sends what can go now.  0, or -1: the other end is gone. */
int outbox_flush(struct outbox *o);
void outbox_release(struct outbox *o);

/* One byte, a bell.  0 or -1. */
int wire_ring(int sock);

#endif

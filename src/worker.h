/*
 * worker.h - a worker: five kinds of processes around one seat
 *
 *	keeper    the main process: parent of all, signals, timers, the
 *	          lease's deadline; never touches the spool
 *	shepherd  one per job at a time (shepherd.h); never touches the spool
 *	pulse     the heartbeat
 *	clerk     looks, claims, reads, commits, gives back
 *	writer    copies what jobs print from pipes to files
 *	warden    watches other workers, reaps, releases, purges
 *
 * Every call on the spool may block without end; that is why the last four
 * are processes of their own.  When one of them dies the keeper ends all
 * jobs and starts over under a new UUID; when the keeper dies the shepherds
 * end their jobs.
 */
#ifndef NFSQ_WORKER_H
#define NFSQ_WORKER_H

#include "nfsq.h"
#include "shepherd.h"
#include "spool.h"

struct worker_settings {
	const char *spool;	/* as opened, absolute: NFSQ_SPOOL */
	const char *name;	/* NFSQ_WORKER */
	const char *host, *user;
	int64_t cpus;
	int64_t max_jobs;	/* at once; 0: no limit */
	int64_t poll_ms;
	bool once;
	bool own;		/* only jobs of this user */
	int64_t idle_exit_ms;	/* 0: never */
	int64_t max_time_ms;	/* 0: no limit */
	bool hup_ends;		/* SIGHUP is a hang-up, not a reload */
	/* Reads the configuration again (SIGHUP); called in the clerk. */
	void (*reload)(struct worker_settings *s);
};

/* One life of a worker: a seat under one UUID. */
struct term {
	struct worker_settings *set;
	struct spool *sp;
	struct beat *beat;
	char uuid[UUID_LEN + 1];
	char dead[UUID_LEN + 1];  /* an earlier life whose processes are surely
				     gone: to be reaped at once; or "" */
	int64_t stop_ms;	/* BOOTTIME at which --max-time is over; 0 */
};

/* Runs until it is told or set to end.  The exit status. */
int worker_run(struct worker_settings *set, struct spool *sp);

/* The parts; `sock` is the way to the keeper. They return when it is gone or
 * their work is done. */
void pulse_main(struct term *t, int sock);
void clerk_main(struct term *t, int sock);
void writer_main(struct term *t, int sock);
void warden_main(struct term *t, int sock);

/* The server's clock, from the last heartbeat. */
int64_t worker_server_now(const struct term *t);
/* Sleeps up to ms, less when a message comes: 1; 0 time over; -1 the keeper
 * is gone. */
int worker_sleep(int sock, int64_t ms);

#endif

/*
 * doctor-int.h - what the parts of doctor share
 */
#ifndef NFSQ_DOCTOR_INT_H
#define NFSQ_DOCTOR_INT_H

#include "nfsq.h"
#include "doctor.h"
#include "spool-int.h"

/* A verdict; advice NULL for DOCTOR_OK. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *what,
		const char *advice, const char *fmt, ...) PRINTF(5, 6);
/* WORK/..., the caller's to free. */
char *doctor_path(const struct doctor *d, const char *fmt, ...) PRINTF(2, 3);
/* Where the work of a token is. */
char *doctor_work(const struct doctor *d, const char *token);

/* Calls on names within it. 0 or -1. */
int doctor_make(const struct doctor *d, const char *name); /* a short link */
int doctor_move(const struct doctor *d, const char *from, const char *to);
int doctor_mkdir(const struct doctor *d, const char *name);
int doctor_rmdir(const struct doctor *d, const char *name);
int doctor_unlink(const struct doctor *d, const char *name);
int doctor_put(const struct doctor *d, const char *name); /* a small file */
/* Its mtime, the server's clock: freshly looked at, or touched. */
int doctor_mtime(const struct doctor *d, const char *name, int64_t *ms);
int doctor_touch(const struct doctor *d, const char *name, int64_t *ms);
int doctor_list(const struct doctor *d, const char *dir, struct strlist *l);
/* Is the name there, freshly?  1, 0, -1. */
int doctor_has(const struct doctor *d, const char *dir, const char *name);

bool doctor_stopped(const struct doctor *d);
void doctor_pause(int64_t ms);
int64_t doctor_now_us(void);	/* CLOCK_MONOTONIC */

struct doctor_times {
	size_t n;
	int64_t us[64];
};
void doctor_time(struct doctor_times *t, int64_t us);	/* the first 64 */
int64_t doctor_median(struct doctor_times *t);
int64_t doctor_worst(const struct doctor_times *t);

/* How far the server's clock is ahead of this host's, in ms, by touching the
 * file; 0 when no difference can be seen.  0 or -1. */
int doctor_clock(const struct doctor *d, const char *file, int64_t *ahead_ms);
/* "3.2s ahead of", "2.1s behind", "the same as". */
void doctor_add_ahead(struct str *out, int64_t ms);

/* --- messages (doctor-talk.c): 'a' began and asks, 'b' joined and answers */

#define DOCTOR_NAMES 200	/* raced for */
#define DOCTOR_BLIND_MS 10000	/* a heartbeat not seen for so long is none */
#define DOCTOR_TICK_MS 25	/* longer than one of a server's clock */

struct doctor_talk {
	struct doctor *d;
	char me, you;
	unsigned n;		/* of the last question */
	int64_t timeout_ms;
	bool (*alive)(void *arg);
	void *arg;
	int64_t us;		/* from the last question to its answer */
};
/* Waits until a change will not look like one with the last. */
void doctor_tick(const struct doctor *d);
/* Puts a message (words, see words_add) where the other finds it. 0, -1. */
int doctor_send(struct doctor_talk *t, const char *text);
/* Waits for the other's message n.  0; -1 with errno: ETIMEDOUT, EINTR
 * stopped, ECONNRESET the other went away, EPROTO no message of ours. */
int doctor_receive(struct doctor_talk *t, struct str *text);
/* Sends "op=OP" and the number, waits for the answer.  0 or -1. */
int doctor_ask(struct doctor_talk *t, const char *op, int64_t arg,
	       struct str *answer);
/* The last message of all. */
void doctor_quit(struct doctor_talk *t);
/* Renames each of race/ into `room`, a or b: how many by what rename said. */
size_t doctor_race(struct doctor *d, const struct strlist *names, char room);
/* Waits until the file's mtime is not *last, and sets it.  1; 0 not within
 * ms; -1. */
int doctor_watch(struct doctor *d, const char *file, int64_t *last,
		 int64_t ms);

#endif

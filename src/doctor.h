/*
 * doctor.h - is a directory fit to be a spool?  It is tried
 *
 * Part of the spool layer.  All that is made is made in one directory of its
 * own: tmp/doctor.TOKEN of a spool, else DIR/.nfsq-doctor-TOKEN.  What a
 * killed doctor leaves in a spool is swept with the rest of tmp/.
 *
 *	doctor_init(&d, dir, sp, &err);
 *	d.say = print;
 *	doctor_look(&d);
 *	if (doctor_begin(&d) == 0)
 *		doctor_try(&d);
 *	doctor_end(&d);
 *	doctor_release(&d);
 *
 * Two processes, on one host or two, meet through messages, which are links
 * in that directory: made in mk/, renamed into box/, found by opendir.
 */
#ifndef NFSQ_DOCTOR_H
#define NFSQ_DOCTOR_H

#include "nfsq.h"
#include "msg.h"
#include "spool.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD };

/* One verdict.  advice: what to do, NULL for DOCTOR_OK.  Borrowed texts, not
 * made safe. */
typedef void doctor_fn(enum doctor_level level, const char *what,
		       const char *finding, const char *advice, void *arg);

struct doctor {
	char *dir;		/* absolute, links resolved */
	struct spool *sp;	/* borrowed; NULL: a plain directory */
	bool nfs;
	mode_t dir_mode, file_mode;
	doctor_fn *say;
	void *arg;
	const volatile sig_atomic_t *stop;	/* not 0: end soon */
	char token[NONCE_LEN + 1];
	char *work;		/* NULL: none */
};

/* Does it say to be a spool?  1, 0, or -1 with err. */
int doctor_is_spool(const char *dir, struct error *err);
/* sp: dir opened as a spool, or NULL for a plain directory, in which files
 * are made with the umask `mask`.  0, or -1 with err: no directory. */
int doctor_init(struct doctor *d, const char *dir, struct spool *sp,
		mode_t mask, struct error *err);
void doctor_release(struct doctor *d);

/* Makes the directory to try in, with a token of its own.  0; -1 and a
 * verdict was said. */
int doctor_begin(struct doctor *d);
/* Removes it with all that is in it. */
void doctor_end(struct doctor *d);

/* What is seen without a change: kind, owner, mount, space, workers. */
void doctor_look(struct doctor *d);
/* What this host's calls do, and how long they take. */
void doctor_try(struct doctor *d);
/* The file system (doctor-mount.c). */
void doctor_mount(struct doctor *d);

/* --- two processes (doctor-peer.c) */

struct doctor_peer {
	const char *host;	/* for the verdicts */
	bool race_only;
	int64_t timeout_ms;
	/* May it still come?  NULL: yes. */
	bool (*alive)(void *arg);
	void *arg;
};
/* Between begin and end: waits for another to join, tries everything with
 * it.  0; -1: it did not come or went away (a verdict was said). */
int doctor_meet(struct doctor *d, const struct doctor_peer *p);
/* The other side: serves the doctor that has the token until it has done.  0
 * or -1 with err. */
int doctor_join(struct doctor *d, const char *token, int64_t timeout_ms,
		struct error *err);
/* Is it a token? */
bool doctor_is_token(const char *text);

#endif

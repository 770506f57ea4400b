/*
 * pick.h - which workers the words of drain, undrain and stop mean
 */
#ifndef NFSQ_PICK_H
#define NFSQ_PICK_H

#include "nfsq.h"
#include "cmd.h"

enum pick {
	PICK_NONE,
	PICK_ID,	/* the UUID, or at least 4 characters of it */
	PICK_NAME,
	PICK_HOST,
};
/* How does the word mean this worker? */
enum pick pick_worker(const char *word, const struct worker_info *w);

struct picks {
	struct spool *sp;
	struct worker_info *workers;
	size_t nworkers;
	struct queue queue;
};
/* One look at workers and queue; dies when the spool fails. */
void pick_look(struct picks *p, struct spool *sp);
void pick_release(struct picks *p);

/* Carries out one word: 0, or -1 with err. */
typedef int pick_fn(const struct picks *p, const char *word, void *arg,
		    struct error *err);
/* The whole command: each word by fn; failures told.  The exit status. */
int pick_command(const struct globals *g, int argc, char **argv,
		 const struct command *cmd, pick_fn *fn, void *arg);

#endif

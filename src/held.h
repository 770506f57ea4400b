/*
 * held.h - the life of one claim in the clerk: claimed, running, ending
 *
 * Every step that the spool refuses for now is left to be tried again, with
 * the same names, by held_retry.
 */
#ifndef NFSQ_HELD_H
#define NFSQ_HELD_H

#include "nfsq.h"
#include "job.h"
#include "output.h"
#include "wire.h"
#include "worker.h"

enum phase {
	HELD_CLAIMED,	/* in our seat, nothing started */
	HELD_RUNNING,	/* handed to the keeper */
	HELD_ENDING,	/* its end is known, the spool is to be told */
	HELD_GONE,	/* finished, or taken from us: to be forgotten */
};

struct held {
	uint64_t serial;
	enum phase phase;
	struct token t;		/* its name in the seat */
	bool running;		/* the keeper has it */
	bool missing;		/* taken from us: what runs is killed, the
				   result dropped */
	struct job job;
	struct outputs outs;
	struct token end;	/* ENDING: the token to be */
	enum state state;	/* ENDING: where it goes */
	bool give_back;		/* ENDING: back to the queue, not an end */
	bool record;		/* ENDING: an attempt to be recorded */
	bool stuck;		/* ENDING: its place is none, see barred */
	char *detail;		/* for the record */
	enum request_op asked;	/* REQ_CANCEL .. REQ_REHOLD */
	struct strlist requests;/* their entries, to be removed */
};

struct clerk {
	struct term *t;
	int sock;
	struct seat seat;
	struct held **v;
	size_t n;
	uint64_t serial;
	struct strlist refused;	/* "ID.NONCE": not for this host */
	/* Shards with a directory that is none of ours, or not for us: their
	 * jobs wait, the others go on.  And those that were told of. */
	struct strlist barred, told;
	int64_t barred_ms;	/* BOOTTIME of the next try; 0 none */
	int64_t barred_delay_ms;
	bool stopping;		/* claim nothing more */
	bool shutdown;
	bool trouble;		/* the spool failed; told once */
	int64_t retry_ms;	/* BOOTTIME of the next try; 0 none */
	int64_t delay_ms;	/* between tries, doubling */
	uint64_t nclaimed, nlost, nended;
};

struct held *held_new(struct clerk *c, const struct token *t);
void held_free(struct held *h);
/* CLAIMED -> RUNNING: reads the body, counts the attempt, opens outputs
 * outside the spool, hands it to the keeper; or -> ENDING when it cannot. */
void held_start(struct clerk *c, struct held *h);
/* RUNNING -> ENDING by what the keeper tells. */
void held_ended(struct clerk *c, struct held *h, const struct news *n);
/* ENDING -> GONE. */
void held_settle(struct clerk *c, struct held *h);
/* A request for it: asks the keeper, remembers what to do at the end. */
void held_request(struct clerk *c, struct held *h, const struct request *r);
/* CLAIMED -> ENDING: back to the queue unchanged. */
void held_return(struct held *h);
/* It is no longer ours: end what runs, commit nothing. */
void held_taken(struct clerk *c, struct held *h);
/* Tries again what a place stopped. */
void held_unbar(struct clerk *c);
/* The spool failed: one line for a whole outage, back-off. */
void clerk_trouble(struct clerk *c, const char *what);
bool clerk_refused(const struct clerk *c, const struct token *t);

#endif

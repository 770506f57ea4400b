/*
 * token.h - the entry that stands for a job: states, reasons, and the file
 * name that carries them
 *
 * A job's token is the directory entry that moves from directory to
 * directory; where it is, is the job's state, and its name says all that
 * claims, `ls` and `report` need.  The name is never used twice: it carries
 * the id, the nonce of who took the id, and a counter of its moves.
 *
 *	1042.9f2c61d0ab.3,a=1,s=1763822770123,c=1,u=alice,n=render
 *
 * ID.NONCE.MOVE, then words KEY=VALUE, each after a comma, in the order of
 * the table in token.c; a word with the default value is left out.  Values
 * are of [A-Za-z0-9_.:+-] and %XX for every other byte.  At most 240 bytes.
 * Pure.
 */
#ifndef NFSQ_TOKEN_H
#define NFSQ_TOKEN_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

#define NONCE_LEN 10		/* hex digits, 40 random bits */
#define TOKEN_NAME_MAX 240
#define TOKEN_TEXT_MAX 40	/* encoded bytes of name, user; host 30 */
#define TOKEN_HOST_MAX 30

/* Ranges, so that the name always fits; beyond them a number is written as
 * the largest, but id and tasks are a BUG. */
#define TOKEN_ID_MAX INT64_C(999999999999999)
#define TOKEN_COUNT_MAX 999999			/* a l x r */
#define TOKEN_CPUS_MAX 999999
#define TOKEN_GPUS_MAX 9999
#define TOKEN_MEM_MAX INT64_C(8796093022207)	/* MiB, 2^43 - 1 */
#define TOKEN_TASK_MAX INT64_C(9999999999)
#define TOKEN_TIME_MAX INT64_C(253402300799999)	/* ms, 9999-12-31 */

enum state {
	STATE_HELD, STATE_WAITING, STATE_QUEUED, STATE_RUNNING,
	STATE_DONE, STATE_FAILED, STATE_CANCELLED, STATE_CORRUPT,
	STATE_COUNT
};
const char *state_name(enum state s);		/* "held" ... */
int state_parse(const char *text);		/* enum state or -1 */
bool state_ended(enum state s);		/* done failed cancelled corrupt */

enum reason {
	REASON_NONE,
	/* waiting */
	REASON_HOLD, REASON_DEPENDENCY, REASON_BEGIN, REASON_RETRY,
	REASON_RESOURCES, REASON_LIMIT, REASON_LICENCE,
	/* ended */
	REASON_EXIT, REASON_SIGNAL, REASON_TIMEOUT, REASON_MEMORY,
	REASON_LOST, REASON_CANCELLED, REASON_CHDIR, REASON_INPUT,
	REASON_OUTPUT, REASON_EXEC, REASON_ATTEMPTS,
	REASON_COUNT
};
const char *reason_name(enum reason r);	/* "hold" ...; NONE: "" */
int reason_parse(const char *text);		/* enum reason or -1 */

enum {				/* token.flags, word f= as letters */
	TOKEN_NO_REQUEUE = 1,	/* n: --no-requeue */
	TOKEN_OUTPUT = 2,	/* o: has an output outside the spool */
	TOKEN_HOLD = 4,		/* h: goes to held/ when it leaves */
	TOKEN_SPLIT = 8,	/* e: stderr has a file of its own */
};

struct token {
	uint64_t id;			/* 1.. */
	char nonce[NONCE_LEN + 1];
	uint32_t move;			/* counter of its moves */
	uint32_t attempt;		/* a: processes started so far */
	uint32_t lost;			/* l: of these lost to a dead worker,
					   in this round */
	uint32_t max_attempts;		/* x: default 5 */
	uint32_t tries;			/* r: attempts not counted (chdir,
					   input, output failed), this round */
	int priority;			/* p: -100..100, default 0 */
	uint32_t cpus;			/* c: default 1 */
	uint64_t mem_mb;		/* m: 0 none */
	uint32_t gpus;			/* g: 0 none */
	unsigned flags;			/* f */
	bool array;			/* t: has a task range */
	uint64_t task_lo, task_hi;
	bool depends;			/* d=1: has dependencies */
	bool keyed;			/* k=1: has a submit-once key */
	int64_t submit_ms;		/* s: server's clock */
	int64_t begin_ms;		/* b: not before; 0 none */
	enum reason reason;		/* w: why it waits or how it ended */
	bool ended;			/* has exit= */
	int exit_code;			/* exit: 0..255, what a waiter sees;
					   the job's own when it exited */
	int signal;			/* sig: that ended it; 0 none */
	int64_t start_ms;		/* bs: of the last attempt; 0 none */
	int64_t end_ms;			/* be: 0 none */
	int64_t cpu_ms;			/* cpu: -1 unknown (default) */
	int64_t rss_kb;			/* rss: -1 unknown (default) */
	char host[TOKEN_TEXT_MAX + 1];	/* h: decoded; "" unknown */
	char user[TOKEN_TEXT_MAX + 1];	/* u */
	char name[TOKEN_TEXT_MAX + 1];	/* n */
	bool foreign;			/* a word this version does not know:
					   never move such a token */
};

void token_init(struct token *t);	/* defaults */
/* 1 parsed; 0 not a token's name (somebody else's file, or malformed: bad
 * number, word twice, too long, not as token_format writes it).  A well-formed
 * unknown word: 1, foreign. */
int token_parse(const char *name, struct token *t);
/* Writes the name to buf.  name, user, host are cut, in this order, at a whole
 * character so that all fits; then rss, cpu, bs are left out.  BUG when t is
 * foreign. */
void token_format(const struct token *t, char buf[TOKEN_NAME_MAX + 1]);
/* Drops everything of an end (exit, sig, bs, be, cpu, rss, h, reason). */
void token_clear_end(struct token *t);
/* Copies text cut to fit a field, at a UTF-8 boundary. */
void token_set_text(char field[TOKEN_TEXT_MAX + 1], const char *text);

/* Orders by id as a number. */
int token_cmp(const struct token *a, const struct token *b);

/* "1042" or, later, "1042.7": reads an id as users write it.  1 or 0. */
int token_parse_id(const char *text, uint64_t *id);

#endif

/*
 * spool.h - the spool: its directories, and each verb as one transition made
 * durable
 *
 * spool*.c alone know directory names; everybody else passes ids and tokens
 * and gets structs.  A job is a body (jobs/SHARD/ID.NONCE, written once,
 * never moved) and a token, the entry whose directory is the job's state.
 * See nfsq-spool(5) for the layout and the state table.
 *
 * Returns of transitions: 1 done, 0 lost the race (the token is not where it
 * was thought to be; no error), -1 error (err or errno).
 */
#ifndef NFSQ_SPOOL_H
#define NFSQ_SPOOL_H

#include "nfsq.h"
#include "conf.h"
#include "job.h"
#include "msg.h"
#include "str.h"
#include "token.h"

#define SPOOL_SHARD 10000	/* ids a directory */
#define SPOOL_BLOCK 5000	/* ids a bucket of queue/ */
#define UUID_LEN 36

struct spool {
	char *dir;		/* absolute */
	struct spool_conf conf;
	bool nfs;
	mode_t file_mode;	/* 0600 or 0660; umask is 0 while open */
	mode_t dir_mode;	/* 0700 or 02770 */
	bool ready;		/* directories and mode were checked */
	struct strlist passed;	/* directories that cannot be read, said */
};

/* Does this errno tell of no outage, but of one place that is not as we made
 * it: no directory, a link out of the spool, somebody's mode?  Such a one hides
 * what is in it and nothing else. */
bool spool_barred(int error);

/* --- open and make (spool.c) */

/*
 * Opens an existing spool: checks that it is one, of a format known here,
 * and not writable to others (unless group).  Sets the process's umask to 0.
 * NULL with err otherwise: one line that says what to do.
 */
struct spool *spool_open(const char *dir, struct error *err);
void spool_free(struct spool *sp);
/* Makes a spool: built beside and renamed into place.  1 made; 0 it is a
 * spool already (nothing changed); -1. */
int spool_init(const char *dir, bool group, int64_t lease_ms,
	       struct error *err);
/* Reads the format again.  1 known; 0 not; -1 cannot tell now. */
int spool_check_format(struct spool *sp, struct error *err);
/* Milliseconds, each derived from the lease L (PROTOCOL: H <= L/5). */
int64_t spool_beat_ms(const struct spool *sp);	/* between heartbeats: L/15 */
int64_t spool_gap_ms(const struct spool *sp);	/* H: longest gap: L/5 */
int64_t spool_margin_ms(const struct spool *sp); /* L/10 */
int64_t spool_reap_ms(const struct spool *sp);	/* reap interval: L/10,
						   at most 30 s */
/* A random word of NONCE_LEN hex digits. */
void spool_nonce(char nonce[NONCE_LEN + 1]);
/* The server's clock now, by touching tmp/ (one RPC). */
int spool_server_now(struct spool *sp, int64_t *ms, struct error *err);

/* --- submit (spool-submit.c) */

/*
 * Queues j: on return 0 the job is durable and *t its token.  -1: nothing of
 * it is left, or err says that this could not be made sure.  stdin_path: a
 * file of the caller's whose text becomes the job's input; NULL: none.
 */
int spool_submit(struct spool *sp, const struct job *j, int input_fd,
		 struct token *t, struct error *err);
/* Takes n consecutive ids. */
int spool_take_ids(struct spool *sp, uint64_t n, uint64_t *first,
		   char nonce[NONCE_LEN + 1], struct error *err);

/* --- look (spool-scan.c) */

struct entry {
	struct token t;
	enum state state;
	bool purged;		/* it is a tombstone */
	char *dir;		/* where it was seen, relative; owned */
	char worker[UUID_LEN + 1]; /* running: whose; else "" */
};
void entry_release(struct entry *e);

typedef int entry_fn(const struct entry *e, void *arg); /* <0: stop */
/* Calls fn for each token in the directories of `states` (bit = 1 << enum
 * state) with id in lo..hi, in no order.  A shard, bucket or seat that is no
 * directory or may not be read is passed by, which is said once.  0, what fn
 * returned below 0, or -1 with err. */
int spool_scan(struct spool *sp, unsigned states, uint64_t lo, uint64_t hi,
	       entry_fn *fn, void *arg, struct error *err);
#define SCAN_ALL ((1u << STATE_COUNT) - 1)
#define SCAN_ENDED (1u << STATE_DONE | 1u << STATE_FAILED | \
		    1u << STATE_CANCELLED | 1u << STATE_CORRUPT)
#define SCAN_OPEN (1u << STATE_HELD | 1u << STATE_WAITING | \
		   1u << STATE_QUEUED | 1u << STATE_RUNNING)

/* Where is job id?  1 found; 0 there is no such job; -1.  A job that moves
 * while one looks is looked for again; one that may be where nobody can look
 * is -1.  Tombstones count. */
int spool_find(struct spool *sp, uint64_t id, struct entry *e,
	       struct error *err);

/* Reads the job's body.  1, 0 unknown setting, -1; as job_parse.  text (may
 * be NULL) gets the text. */
int spool_read_job(struct spool *sp, const struct token *t, struct job *j,
		   struct str *text, struct error *err);
/* Only its text.  1; 0 the body is corrupt by nature (no file, a link, too
 * large: err says); -1 the spool failed; ENOTDIR: not the body but its
 * directory is wrong, or may not be read. */
int spool_read_body(struct spool *sp, const struct token *t, struct str *text,
		    struct error *err);

/* A worker as others see it. */
struct worker_info {
	char uuid[UUID_LEN + 1];
	char *name, *host, *user;
	char *version;
	int64_t pid, cpus, started_ms;
	int64_t beat_ms;	/* mtime of its lease; 0: no lease, being
				   reaped */
	bool stopping;		/* it was told to end, it claims no more */
	struct token *held;	/* its claims */
	size_t nheld;
};
void worker_info_release(struct worker_info *w);
/* All workers; *w is the caller's: release each, free(). */
int spool_workers(struct spool *sp, struct worker_info **w, size_t *n,
		  struct error *err);

/* Their names alone (one GETATTR when nothing changed).  0 or -1. */
int spool_worker_names(struct spool *sp, struct strlist *names,
		       struct error *err);
/* When a worker's lease was renewed last (server's clock), fresh.  1; 0 it
 * has none, it is being reaped or gone; -1. */
int spool_lease(struct spool *sp, const char *uuid, int64_t *beat_ms,
		struct error *err);

/* A record of an attempt that did not end the job. */
struct attempt {
	unsigned attempt;
	uint32_t move;
	int64_t start_ms, end_ms;
	char *host, *worker;
	enum reason reason;
	int exit_code, signal;		/* -1, 0: none */
	int64_t cpu_ms, rss_kb;
	char *detail;			/* host, path and cause; NULL */
	char *out, *err;		/* output files in the spool; NULL */
};
/* Records of attempts and output files, by attempt; the caller frees with
 * attempts_free. The last attempt comes from e itself. */
int spool_attempts(struct spool *sp, const struct entry *e,
		   struct attempt **a, size_t *n, struct error *err);
void attempts_free(struct attempt *a, size_t n);
/* The output file in the spool of the claim t; stream "out" or "err". */
char *spool_output_path(const struct spool *sp, const struct token *t,
			const char *stream);
/* The stored input of a job (run). */
char *spool_input_path(const struct spool *sp, const struct token *t);
/* Makes a job's outputs visible here and its end durable (P7). */
int spool_settle(struct spool *sp, const struct entry *e, struct error *err);

/* --- a worker's verbs (spool-work.c) */

struct seat {			/* workers/UUID */
	char uuid[UUID_LEN + 1];
	char *dir;		/* absolute */
};
/* Makes workers/UUID with its lease and info.  server_ms: the lease's
 * mtime. */
int spool_join(struct spool *sp, struct seat *seat,
	       const struct worker_info *info, int64_t *server_ms,
	       struct error *err);
/* Fills a seat that exists (for the other processes of the worker). */
void spool_seat(const struct spool *sp, const char *uuid, struct seat *seat);
void seat_release(struct seat *seat);
/* One heartbeat.  1; 0 fenced: the lease is gone; -1 errno. */
int spool_beat(struct spool *sp, const struct seat *seat, int64_t *server_ms);
/* Lets others see that this worker claims nothing more. */
void spool_mark_stopping(struct spool *sp, const struct seat *seat);
/* Removes an empty seat.  0 or -1. */
int spool_leave(struct spool *sp, const struct seat *seat);

struct bucket {
	int priority;
	uint32_t cpus;
	uint64_t mem_mb;
	uint32_t gpus;
	uint64_t block;
	char *name;
};
enum request_op {
	REQ_CANCEL, REQ_REQUEUE, REQ_REHOLD, REQ_SIGNAL, REQ_SIGNAL_LEADER,
	REQ_STOP, REQ_STOP_NOW, REQ_COUNT
};
struct request {
	enum request_op op;
	uint64_t id;		/* a job's; 0 for STOP* */
	int arg;		/* signal number; REQUEUE, REHOLD: the attempt
				   that is meant, 0 any */
	char worker[UUID_LEN + 1];
	char *name;		/* the entry */
};
struct drain {
	char *host, *name;	/* name NULL: all of the host */
	char *entry;
};
struct queue {			/* what queue/ showed */
	int64_t mtime_ms;
	struct bucket *buckets;	/* best first */
	size_t nbuckets;
	struct request *requests;
	size_t nrequests;
	struct drain *drains;
	size_t ndrains;
};
int spool_look(struct spool *sp, struct queue *q, struct error *err);
void queue_release(struct queue *q);
/* Was it meant for an earlier attempt of t, and carried out then?  (Its
 * worker may have died before it could remove the entry.)  A REHOLD never is:
 * the job stays held until a release, which forgets it. */
bool request_stale(const struct request *r, const struct token *t);
bool queue_drained(const struct queue *q, const char *host, const char *name);
/* The tokens of a bucket, by id. *t is the caller's to free. */
int spool_bucket(struct spool *sp, const struct bucket *b, struct token **t,
		 size_t *n);
/* Removes a bucket if it is empty. */
void spool_drop_bucket(struct spool *sp, const struct bucket *b);

/* queue/ -> the seat.  1: *t is now the claim. */
int spool_claim(struct spool *sp, const struct seat *seat,
		const struct bucket *b, struct token *t);
/* Within the seat: counts the attempt.  At this instant the attempt counts.
 * 1: *t is the started claim. */
int spool_start(struct spool *sp, const struct seat *seat, struct token *t,
		const char *host, int64_t server_ms);
/* The claims in the seat.  -1 with ENOENT: fenced. */
int spool_own(struct spool *sp, const struct seat *seat, struct token **t,
	      size_t *n);
/*
 * Within the seat: the result enters the name (only for a job with an output
 * outside the spool, whose rename then follows).  end: with all of its end.
 */
int spool_decide(struct spool *sp, const struct seat *seat, struct token *t,
		 const struct token *end);
/* Seat -> done/ failed/ cancelled/ corrupt/.  At this instant the job has
 * ended. */
int spool_commit(struct spool *sp, const struct seat *seat,
		 const struct token *t, const struct token *end,
		 enum state state);
/* Seat -> queue/, waiting/ or held/ (to->flags, to->begin_ms decide). */
int spool_give_back(struct spool *sp, const struct seat *seat,
		    const struct token *t, const struct token *to);
/* Records an attempt that did not end the job (idempotent). 0 or -1. */
int spool_record(struct spool *sp, const struct token *t,
		 const char *worker, const char *detail);

/* --- changes by anybody (spool-change.c) */

/* Moves a job that nobody holds: to `state` (cancelled, held, queued ...)
 * with the token `to` (move is counted here).  Rings the bell if queued. */
int spool_move(struct spool *sp, const struct entry *e, enum state state,
	       const struct token *to);
/* Places a request; on return 0 it is durable.  name (may be NULL): its
 * entry, the caller's to free. */
int spool_request(struct spool *sp, const struct request *r, char **name,
		  struct error *err);
int spool_request_done(struct spool *sp, const char *name);
/* Removes those requests for job id in q whose op is in `ops` (1 << op): only
 * what was listed before the job was looked at, so that nothing that was asked
 * of a later round goes. */
int spool_forget_requests(struct spool *sp, const struct queue *q,
			  uint64_t id, unsigned ops);
int spool_drain(struct spool *sp, const char *host, const char *name,
		struct error *err);
int spool_undrain(struct spool *sp, const char *host, const char *name,
		  struct error *err);
const char *request_name(enum request_op op);

/* --- maintenance, safe beside live workers (recover.c uses them) */

/* The first step of a reap: from here the worker is dead for all. */
int spool_expire(struct spool *sp, const char *uuid);
/* Removes what is left of a reaped seat.  1 gone; 0 not empty; -1. */
int spool_bury(struct spool *sp, const char *uuid);
/* Ended job -> tomb/, then body and outputs are removed.  1, 0, -1. */
int spool_purge(struct spool *sp, const struct entry *e, struct error *err);
/* Removes what lies in tmp/ longer than age by the server's clock. */
int spool_sweep_tmp(struct spool *sp, int64_t age_ms, int64_t now_ms);
/* Removes files of jobs with a tombstone: of a purge that did not come to its
 * end, or written by a zombie after it. */
void spool_sweep_purged(struct spool *sp);
/* mtime of waiting/, which every submit into it touches. */
int spool_waiting_mtime(struct spool *sp, int64_t *mtime_ms);

#endif

/*
 * spool-int.h - what spool*.c share: names of directories and the one rename
 * that every transition is
 */
#ifndef NFSQ_SPOOL_INT_H
#define NFSQ_SPOOL_INT_H

#include "nfsq.h"
#include "fs.h"
#include "spool.h"

/* "DIR/..."; the caller's to free. */
char *spool_path(const struct spool *sp, const char *fmt, ...) PRINTF(2, 3);
uint64_t spool_shard(uint64_t id);
/* mkdir with the spool's mode; an existing directory is fine.  0 or -1. */
int spool_mkdir(const struct spool *sp, const char *path);
/* "held", "waiting", "done" ...: the directory of a sharded state. */
const char *spool_state_dir(enum state s);
/* The body's file. */
char *spool_body_path(const struct spool *sp, const struct token *t);
/*
 * The names in top/SHARD.  Who looked before the shard was made remembers it
 * as missing for up to 60 s (NFS-FACTS 1.2), so ENOENT counts only when a
 * listing of top lacks it.  0 or -1 (errno).
 */
int spool_list_shard(const struct spool *sp, const char *top, uint64_t id,
		     struct strlist *names);
/* The text of a token: the body's place, for people; we compute it. */
char *spool_token_text(const struct token *t);
void spool_token_name(const struct token *t, char name[TOKEN_NAME_MAX + 1]);

/* Is `name` in `dir`, looked at freshly?  1, 0, or -1 (errno; ENOENT: no such
 * directory). */
int spool_has(const char *dir, const char *name);

/* Removes a directory of ours in tmp/ with what is in it, `depth` levels of
 * directories at most; follows no link.  0 or -1. */
int spool_remove_tree(const char *dir, int depth);

enum { MOVE_NO_TARGET = -2 };
/*
 * The one way in which an entry changes its directory: fdir/fname ->
 * tdir/tname, where nobody else makes tname for another reason.  1: it is
 * there; 0: it was not there to be moved; MOVE_NO_TARGET: tdir does not
 * exist, nothing was moved; -1: errno, and the entry may move still.
 *
 * An error is no answer (NFS-FACTS 3): after any that leaves it open both
 * directories are opened and looked at.
 */
int spool_rename(const char *fdir, const char *fname, const char *tdir,
		 const char *tname);
/*
 * Moves the entry to where a token `to` in `state` belongs, making shard or
 * bucket as needed; rings the bell.  1, 0, -1.  dir (may be NULL) gets the
 * target directory, the caller's to free.
 */
int spool_send(const struct spool *sp, const char *fdir, const char *fname,
	       enum state state, const struct token *to, char **dir);

/* Makes the symlink tmp/name with text and moves it to dir/name.  0 or -1;
 * on -1 nothing is left unless errno is EINPROGRESS: not known. */
int spool_publish(const struct spool *sp, const char *text, const char *dir,
		  const char *name);

int bucket_parse(const char *name, struct bucket *b);	/* 1 or 0 */
/* Entries of queue/, and what follows ID.NONCE. in out/.  Strict: 1 (or the
 * kind "out", "err", "att" within rest) for a name as nfsq writes it, else 0
 * (NULL).  A drain's host and name are the caller's to free. */
int request_parse(const char *name, struct request *r);
int drain_parse(const char *name, struct drain *d);
const char *output_parse(const char *rest, unsigned *move, unsigned *attempt);
/* A shard's name: a decimal number as we write it.  1 or 0. */
int shard_parse(const char *name, uint64_t *shard);
/* Is it a worker's name? */
bool spool_is_uuid(const char *name);
/* What the token of a submitted job says of it, but id, nonce and times. */
void spool_fill_token(const struct job *j, struct token *t);

/* Percent-encodes to [A-Za-z0-9_:+-] (no dot), and back (1 or 0). */
void spool_encode(struct str *out, const char *text);
int spool_decode(const char *text, size_t n, struct str *out);

/* key=value words separated by one blank, values encoded: info, records. */
void words_add(struct str *s, const char *key, const char *value);
void words_addn(struct str *s, const char *key, int64_t value);
/* The decoded value of key, the caller's to free; NULL. */
char *words_get(const char *text, const char *key);
int64_t words_getn(const char *text, const char *key, int64_t none);

#endif

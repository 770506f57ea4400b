/*
 * spool-work.c - the verbs of a worker: join, beat, look, claim, start,
 * decide, commit, give back, leave
 *
 * Each changes one entry by one rename to a name that nobody made before and
 * nobody else makes (tests/model/core.pml: W).
 */
#include "nfsq.h"
#include "spool-int.h"

void
spool_seat(const struct spool *sp, const char *uuid, struct seat *seat)
{
	snprintf(seat->uuid, sizeof(seat->uuid), "%s", uuid);
	seat->dir = spool_path(sp, "workers/%s", uuid);
}

void
seat_release(struct seat *seat)
{
	free(seat->dir);
	seat->dir = NULL;
}

static int
mtime_of(const char *path, int64_t *ms)
{
	struct stat st;

	if (fs_lstat(path, &st) < 0)
		return -1;
	*ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return 0;
}

/* Fills tmp/UUID: lease and info. */
static int
fill_seat(const struct spool *sp, const char *tmp,
	  const struct worker_info *info)
{
	struct str text = STR_INIT;
	char *lease = xasprintf("%s/lease", tmp);
	char *link = xasprintf("%s/info", tmp);
	int r;

	words_add(&text, "name", info->name);
	words_add(&text, "host", info->host);
	words_add(&text, "user", info->user);
	words_add(&text, "version", info->version);
	words_addn(&text, "pid", info->pid);
	words_addn(&text, "cpus", info->cpus);
	r = fs_put(lease, "", 0, sp->file_mode, NULL);
	if (r == 0)
		r = fs_symlink(text.s, link);
	str_release(&text);
	free(lease);
	free(link);
	return r;
}

int
spool_join(struct spool *sp, struct seat *seat, const struct worker_info *info,
	   int64_t *server_ms, struct error *err)
{
	char *tmpdir = spool_path(sp, "tmp");
	char *dir = spool_path(sp, "workers");
	char *tmp = xasprintf("%s/%s", tmpdir, info->uuid);
	char *lease;
	int r;

	spool_seat(sp, info->uuid, seat);
	lease = xasprintf("%s/lease", seat->dir);
	r = fs_mkdir(tmp, sp->dir_mode & 0777);
	if (r == 0)
		r = fill_seat(sp, tmp, info);
	/* The seat appears with its lease in it. */
	if (r == 0)
		r = spool_rename(tmpdir, info->uuid, dir, info->uuid) == 1
			? 0 : -1;
	if (r == 0)
		r = mtime_of(lease, server_ms);
	if (r < 0)
		error_errno(err, "cannot join spool '%s'", sp->dir);
	free(lease);
	free(tmp);
	free(dir);
	free(tmpdir);
	return r;
}

int
spool_beat(struct spool *sp, const struct seat *seat, int64_t *server_ms)
{
	char *lease = xasprintf("%s/lease", seat->dir);
	int r = 1;

	(void)sp;
	if (fs_touch_time(lease, server_ms) < 0)
		r = errno == ENOENT || errno == ESTALE ? 0 : -1;
	free(lease);
	return r;
}

void
spool_mark_stopping(struct spool *sp, const struct seat *seat)
{
	char *path = xasprintf("%s/stopping", seat->dir);

	(void)sp;
	fs_symlink("stopping", path);
	free(path);
}

int
spool_leave(struct spool *sp, const struct seat *seat)
{
	if (spool_expire(sp, seat->uuid) < 0)
		return -1;
	return spool_bury(sp, seat->uuid) == 1 ? 0 : -1;
}

/* --- looking */

const char *
request_name(enum request_op op)
{
	static const char *const names[REQ_COUNT] = {
		[REQ_CANCEL] = "cancel",
		[REQ_REQUEUE] = "requeue",
		[REQ_REHOLD] = "rehold",
		[REQ_SIGNAL] = "signal",
		[REQ_SIGNAL_LEADER] = "signalleader",
		[REQ_STOP] = "stop",
		[REQ_STOP_NOW] = "stopnow",
	};

	return names[op];
}

/* req.OP.ARG.WHOM.NONCE */
int
request_parse(const char *name, struct request *r)
{
	char op[16], whom[UUID_LEN + 1], nonce[NONCE_LEN + 1], back[128];

	memset(r, 0, sizeof(*r));
	if (sscanf(name, "req.%15[a-z].%9d.%36[0-9a-f-].%10[0-9a-f]", op,
		   &r->arg, whom, nonce) != 4)
		return 0;
	/* scanf is lenient: blanks, signs, zeros, what follows. */
	snprintf(back, sizeof(back), "req.%s.%d.%s.%s", op, r->arg, whom,
		 nonce);
	if (strcmp(back, name) != 0 || strlen(nonce) != NONCE_LEN ||
	    r->arg < 0)
		return 0;
	while (r->op < REQ_COUNT && strcmp(op, request_name(r->op)) != 0)
		r->op++;
	if (r->op == REQ_COUNT)
		return 0;
	if (r->op != REQ_STOP && r->op != REQ_STOP_NOW)
		return token_parse_id(whom, &r->id);
	if (!spool_is_uuid(whom))
		return 0;
	snprintf(r->worker, sizeof(r->worker), "%s", whom);
	return 1;
}

/* n bytes, decoded; NULL when spool_encode would not have written them. */
static char *
decode_strictly(const char *text, size_t n)
{
	struct str plain = STR_INIT, back = STR_INIT;

	if (spool_decode(text, n, &plain) == 1)
		spool_encode(&back, plain.s);
	if (back.len != n || strncmp(back.s, text, n) != 0) {
		str_release(&plain);
		str_release(&back);
		return NULL;
	}
	str_release(&back);
	return str_detach(&plain);
}

/* drain.HOST.NAME.NONCE, both encoded; NAME empty: the whole host */
int
drain_parse(const char *name, struct drain *d)
{
	const char *host, *sub, *nonce;

	memset(d, 0, sizeof(*d));
	if (strncmp(name, "drain.", 6) != 0)
		return 0;
	host = name + 6;
	sub = strchr(host, '.');
	nonce = sub ? strchr(sub + 1, '.') : NULL;
	if (!nonce || strlen(nonce + 1) != NONCE_LEN ||
	    strspn(nonce + 1, "0123456789abcdef") != NONCE_LEN)
		return 0;
	d->host = decode_strictly(host, (size_t)(sub - host));
	if (!d->host)
		return 0;
	if (nonce == sub + 1)
		return 1;
	d->name = decode_strictly(sub + 1, (size_t)(nonce - sub - 1));
	if (d->name)
		return 1;
	free(d->host);
	d->host = NULL;
	return 0;
}

static int
cmp_bucket(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void
sort_in(struct queue *q, const char *name)
{
	struct bucket b;
	struct request r;
	struct drain d;

	if (bucket_parse(name, &b)) {
		b.name = xstrdup(name);
		q->buckets = xreallocarray(q->buckets, q->nbuckets + 1,
					   sizeof(b));
		q->buckets[q->nbuckets++] = b;
	} else if (request_parse(name, &r)) {
		r.name = xstrdup(name);
		q->requests = xreallocarray(q->requests, q->nrequests + 1,
					    sizeof(r));
		q->requests[q->nrequests++] = r;
	} else if (drain_parse(name, &d)) {
		d.entry = xstrdup(name);
		q->drains = xreallocarray(q->drains, q->ndrains + 1,
					  sizeof(d));
		q->drains[q->ndrains++] = d;
	}
}

int
spool_look(struct spool *sp, struct queue *q, struct error *err)
{
	struct strlist names = STRLIST_INIT;
	char *dir = spool_path(sp, "queue");
	int r = fs_list(dir, &names, &q->mtime_ms);

	q->buckets = NULL;
	q->requests = NULL;
	q->drains = NULL;
	q->nbuckets = q->nrequests = q->ndrains = 0;
	if (r < 0)
		error_errno(err, "cannot read '%s'", dir);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		sort_in(q, names.v[i]);
	if (q->nbuckets)
		qsort(q->buckets, q->nbuckets, sizeof(*q->buckets), cmp_bucket);
	strlist_release(&names);
	free(dir);
	return r;
}

void
queue_release(struct queue *q)
{
	for (size_t i = 0; i < q->nbuckets; i++)
		free(q->buckets[i].name);
	for (size_t i = 0; i < q->nrequests; i++)
		free(q->requests[i].name);
	for (size_t i = 0; i < q->ndrains; i++) {
		free(q->drains[i].host);
		free(q->drains[i].name);
		free(q->drains[i].entry);
	}
	free(q->buckets);
	free(q->requests);
	free(q->drains);
	memset(q, 0, sizeof(*q));
}

bool
request_stale(const struct request *r, const struct token *t)
{
	return r->op == REQ_REQUEUE && r->arg > 0 &&
	       t->attempt > (unsigned)r->arg;
}

bool
queue_drained(const struct queue *q, const char *host, const char *name)
{
	for (size_t i = 0; i < q->ndrains; i++)
		if (strcmp(q->drains[i].host, host) == 0 &&
		    (!q->drains[i].name ||
		     strcmp(q->drains[i].name, name) == 0))
			return true;
	return false;
}

static int
cmp_token(const void *a, const void *b)
{
	return token_cmp(a, b);
}

static int
list_tokens(const char *dir, struct token **t, size_t *n)
{
	struct strlist names = STRLIST_INIT;
	int r = fs_list(dir, &names, NULL);
	int saved = errno;

	*n = 0;
	*t = names.n ? xcalloc(names.n, sizeof(**t)) : NULL;
	for (size_t i = 0; i < names.n; i++)
		if (token_parse(names.v[i], &(*t)[*n]) == 1)
			(*n)++;
	if (*n)
		qsort(*t, *n, sizeof(**t), cmp_token);
	strlist_release(&names);
	if (r < 0) {		/* half a listing is none */
		free(*t);
		*t = NULL;
		*n = 0;
	}
	errno = saved;
	return r;
}

int
spool_bucket(struct spool *sp, const struct bucket *b, struct token **t,
	     size_t *n)
{
	char *dir = spool_path(sp, "queue/%s", b->name);
	int r = list_tokens(dir, t, n);

	free(dir);
	/* Gone, or not ours: whatever has a bucket's name, and cannot be
	 * listed for what it is, must not keep us from the other ones. */
	if (r < 0 && (errno == ENOENT || errno == ESTALE || errno == ENOTDIR ||
		      errno == ELOOP || errno == EACCES || errno == EPERM))
		r = 0;
	return r;
}

void
spool_drop_bucket(struct spool *sp, const struct bucket *b)
{
	char *dir = spool_path(sp, "queue/%s", b->name);

	fs_rmdir(dir);
	free(dir);
}

int
spool_own(struct spool *sp, const struct seat *seat, struct token **t,
	  size_t *n)
{
	(void)sp;
	return list_tokens(seat->dir, t, n);
}

/* --- transitions */

int
spool_claim(struct spool *sp, const struct seat *seat, const struct bucket *b,
	    struct token *t)
{
	char from[TOKEN_NAME_MAX + 1], to[TOKEN_NAME_MAX + 1];
	char *dir = spool_path(sp, "queue/%s", b->name);
	struct token next = *t;
	int r;

	next.move++;
	next.reason = REASON_NONE;
	spool_token_name(t, from);
	spool_token_name(&next, to);
	/* At this instant the job is ours (core.pml: W, claim). */
	r = spool_rename(dir, from, seat->dir, to);
	if (r == 1)
		*t = next;
	free(dir);
	return r;
}

static int
within_seat(const struct seat *seat, struct token *t, const struct token *next)
{
	char from[TOKEN_NAME_MAX + 1], to[TOKEN_NAME_MAX + 1];
	int r;

	spool_token_name(t, from);
	spool_token_name(next, to);
	r = spool_rename(seat->dir, from, seat->dir, to);
	if (r == 1)
		*t = *next;
	return r == MOVE_NO_TARGET ? 0 : r;
}

/* (core.pml: W, start.) */
int
spool_start(struct spool *sp, const struct seat *seat, struct token *t,
	    const char *host, int64_t server_ms)
{
	struct token next = *t;

	(void)sp;
	token_clear_end(&next);
	next.move++;
	next.attempt++;
	next.start_ms = server_ms;
	token_set_text(next.host, host);
	return within_seat(seat, t, &next);
}

/* (core.pml, output.pml: W, decide.) */
int
spool_decide(struct spool *sp, const struct seat *seat, struct token *t,
	     const struct token *end)
{
	struct token next = *end;

	(void)sp;
	next.move = t->move + 1;
	return within_seat(seat, t, &next);
}

static int
out_of_seat(struct spool *sp, const struct seat *seat, const struct token *t,
	    const struct token *to, enum state state)
{
	char from[TOKEN_NAME_MAX + 1];
	struct token next = *to;

	next.move = t->move + 1;
	spool_token_name(t, from);
	return spool_send(sp, seat->dir, from, state, &next, NULL);
}

int
spool_commit(struct spool *sp, const struct seat *seat, const struct token *t,
	     const struct token *end, enum state state)
{
	/* At this instant the job has ended (core.pml: W, commit). */
	return out_of_seat(sp, seat, t, end, state);
}

/* (core.pml: W, give back.) */
int
spool_give_back(struct spool *sp, const struct seat *seat,
		const struct token *t, const struct token *to)
{
	struct token next = *to;
	enum state state = STATE_QUEUED;

	token_clear_end(&next);
	if (next.flags & TOKEN_HOLD) {
		next.flags &= ~(unsigned)TOKEN_HOLD;
		next.reason = REASON_HOLD;
		state = STATE_HELD;
	}
	return out_of_seat(sp, seat, t, &next, state);
}

int
spool_record(struct spool *sp, const struct token *t, const char *worker,
	     const char *detail)
{
	struct str text = STR_INIT;
	char *dir = spool_path(sp, "out/%" PRIu64, spool_shard(t->id));
	char *name = xasprintf("%" PRIu64 ".%s.%u.a%u.att", t->id, t->nonce,
			       t->move, t->attempt);
	int r;

	words_add(&text, "host", t->host);
	words_add(&text, "worker", worker);
	words_add(&text, "reason", reason_name(t->reason));
	words_addn(&text, "start", t->start_ms);
	words_addn(&text, "end", t->end_ms);
	if (t->ended)
		words_addn(&text, "exit", t->exit_code);
	if (t->signal)
		words_addn(&text, "signal", t->signal);
	if (t->cpu_ms >= 0)
		words_addn(&text, "cpu", t->cpu_ms);
	if (t->rss_kb >= 0)
		words_addn(&text, "rss", t->rss_kb);
	words_add(&text, "detail", detail);
	if (text.len > 1000)
		str_truncate(&text, 1000);
	r = spool_publish(sp, text.s, dir, name);
	str_release(&text);
	free(name);
	free(dir);
	return r;
}

/*
 * fault-verbs.c - init, submit, a worker's verbs, reap: a scene each, the verb
 * as its real caller uses it, and what must hold for what the caller was told
 */
#include "nfsq.h"
#include "fault-verbs.h"

#include <uuid/uuid.h>

bool
told(const struct world *w, int r)
{
	return w->sh->returned && w->sh->last == r;
}

bool
forbidden(const struct world *w)
{
	return strstr(w->sh->log.what, strerror(EACCES)) ||
	       strstr(w->sh->log.what, strerror(EROFS));
}

void
keep_text(struct world *w, struct error *err)
{
	snprintf(w->sh->text, sizeof(w->sh->text), "%s", error_text(err));
	error_release(err);
}

/* --- init */

static void
prepare_empty(struct world *w)
{
	char *dir = xasprintf("%s/other", w->top);

	mkdir(dir, 0700);
	free(dir);
}

static int
act_init(struct world *w)
{
	char *dir = xasprintf("%s/other", w->top);
	struct error err = ERROR_INIT;
	int r = spool_init(dir, w->how != 0, 0, &err);

	keep_text(w, &err);
	free(dir);
	return r;
}

/* An init that failed leaves nothing, one that died nothing in the way. */
static void
after_init(struct world *w)
{
	struct strlist names = STRLIST_INIT;
	bool clean = w->sh->returned && !w->sh->log.stays;
	int r;

	fs_list(w->top, &names, NULL);
	for (size_t i = 0; i < names.n; i++)
		if (clean && strcmp(names.v[i], "other") != 0)
			wrong(w, "'%s' is left of init", names.v[i]);
	strlist_release(&names);
	free(w->dir);
	w->dir = xasprintf("%s/other", w->top);
	if (clean && told(w, -1) && file_exists(w, "nfsq.conf") &&
	    !strstr(w->sh->text, "may not outlive"))
		wrong(w, "refused, but it is a spool: %.200s", w->sh->text);
	r = act_init(w);
	if (r < 0 || (told(w, 1) && r != 0))
		wrong(w, "init again says %d", r);
	world_spool(w, "other");
	if (!w->failed)
		world_add(w, 0);
}

/* --- submit */

void
prepare_submit(struct world *w)
{
	char *path = xasprintf("%s/input", w->top);
	FILE *f = fopen(path, "we");

	for (int i = 0; f && i < 1000; i++)
		fprintf(f, "line %d\n", i);
	if (!f || fclose(f) != 0)
		wrong(w, "cannot make the input");
	free(path);
	world_spool(w, "spool");
}

static void
prepare_second(struct world *w)
{
	prepare_submit(w);
	world_add(w, 0);
}

static int
act_submit(struct world *w)
{
	struct error err = ERROR_INIT;
	int r = world_submit(w, w->how, &w->sh->t, &err);

	keep_text(w, &err);
	return r;
}

static void
after_submit(struct world *w)
{
	const struct share *sh = w->sh;
	bool refused = told(w, -1) && !strstr(sh->text, "not known whether") &&
		       !strstr(sh->text, "may not outlive");
	int want = w->how & MAKE_HELD ? STATE_HELD
		: w->how & MAKE_LATER ? STATE_WAITING : STATE_QUEUED;
	struct seen s;
	int state = sh->t.id ? state_of(w, &sh->t, &s) : -1;

	if (told(w, 0) && state != want)
		wrong(w, "acknowledged, but job %" PRIu64 " is not there",
		      sh->t.id);
	if (refused && state >= 0)
		wrong(w, "refused, but job %" PRIu64 " is there: %.200s",
		      sh->t.id, sh->text);
	if (refused && !sh->log.stays && sh->t.id &&
	    (file_exists(w, "jobs/0/%" PRIu64 ".%s", sh->t.id, sh->t.nonce) ||
	     file_exists(w, "jobs/0/%" PRIu64 ".%s.in", sh->t.id,
			 sh->t.nonce)))
		wrong(w, "refused, but its body is left");
	if (state >= 0)
		w->job[w->n++] = sh->t;
	/* A submitter's death leaves a body without a token: fsck. */
	w->orphans = !refused || sh->log.stays;
	world_add(w, w->how);
}

/* A block of ids.  Whoever is told a first one has them all to himself. */
static int
act_ids(struct world *w)
{
	char nonce[NONCE_LEN + 1];
	struct error err = ERROR_INIT;
	uint64_t first = 0;
	int r = spool_take_ids(w->sp, 50, &first, nonce, &err);

	keep_text(w, &err);
	w->sh->t.id = 0;
	w->sh->first = first;
	return r;
}

static void
after_ids(struct world *w)
{
	char nonce[NONCE_LEN + 1];
	uint64_t first = 0;

	if (spool_take_ids(w->sp, 1, &first, nonce, NULL) < 0)
		wrong(w, "no more ids can be taken");
	if (first <= w->job[0].id ||
	    (told(w, 0) && first < w->sh->first + 50))
		wrong(w, "id %" PRIu64 " was given to another one", first);
	world_add(w, 0);
}

/* --- the worker's own */

void
prepare_queued(struct world *w)
{
	world_spool(w, "spool");
	world_add(w, w->how);
	world_join(w);
}

static int
act_join(struct world *w)
{
	struct worker_info info = { .pid = 1, .cpus = 1 };
	char name[] = "w", host[] = "host", user[] = "u", version[] = "0";
	struct error err = ERROR_INIT;
	struct seat seat;
	int64_t ms;
	uuid_t u;
	int r;

	uuid_generate_random(u);
	uuid_unparse_lower(u, info.uuid);
	info.name = name;
	info.host = host;
	info.user = user;
	info.version = version;
	r = spool_join(w->sp, &seat, &info, &ms, &err);
	seat_release(&seat);
	error_release(&err);
	snprintf(w->sh->text, sizeof(w->sh->text), "%s", info.uuid);
	return r;
}

static void
after_join(struct world *w)
{
	struct seat seat;
	int64_t ms;

	if (!told(w, 0))
		return;
	spool_seat(w->sp, w->sh->text, &seat);
	if (!file_exists(w, "workers/%s/info", w->sh->text) ||
	    spool_beat(w->sp, &seat, &ms) != 1)
		wrong(w, "joined, but it is not there");
	seat_release(&seat);
}

void
prepare_claimed(struct world *w)
{
	prepare_queued(w);
	w->claim = w->job[0];
	world_claim(w, &w->claim, false);
}

void
prepare_started(struct world *w)
{
	prepare_queued(w);
	w->claim = w->job[0];
	world_claim(w, &w->claim, true);
	end_of(&w->claim, 7, &w->end);
	w->want[0] = 1u << STATE_DONE | 1u << STATE_FAILED;
}

static int
act_beat(struct world *w)
{
	int64_t ms;

	return spool_beat(w->sp, &w->seat, &ms);
}

static void
after_beat(struct world *w)
{
	if (told(w, 1) && w->sh->log.touch)
		wrong(w, "a heartbeat that failed counts");
}

static int
act_leave(struct world *w)
{
	return spool_leave(w->sp, &w->seat);
}

static void
after_leave(struct world *w)
{
	if (told(w, 0) && file_exists(w, "workers/%s", w->seat.uuid))
		wrong(w, "left, but its seat is there");
}

static int
act_claim(struct world *w)
{
	struct bucket b;
	struct queue q;
	int r = spool_look(w->sp, &q, NULL);

	if (r == 0)
		r = bucket_of(w->sp, &q, &w->job[0], &b);
	if (r == 1) {
		w->claim = w->job[0];
		r = spool_claim(w->sp, &w->seat, &b, &w->claim);
	}
	queue_release(&q);
	return r;
}

static void
after_claim(struct world *w)
{
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	if (told(w, 1) && state != STATE_RUNNING)
		wrong(w, "claimed, but it is in %.200s", s.rel);
	/* But it may look empty to who looks; then it is looked at again. */
	if (told(w, 0) && state == STATE_QUEUED && !w->sh->log.stays &&
	    !strstr(w->sh->log.what, "dir of"))
		wrong(w, "lost to nobody");
}

/* The clock goes on between tries, so the name does as well. */
static int
act_start(struct world *w)
{
	struct token *v;
	size_t n;
	int r = spool_start(w->sp, &w->seat, &w->claim, "host",
			    w->sh->again ? 1001 : 1000);

	if (r != 0 || spool_own(w->sp, &w->seat, &v, &n) < 0)
		return r;
	/* Adopted under the name that the first try gave it. */
	if (n == 1 && v[0].start_ms == 1000)
		r = 1;
	free(v);
	return r;
}

static void
after_start(struct world *w)
{
	struct seen s;

	state_of(w, &w->job[0], &s);
	if (told(w, 1) && (s.state != STATE_RUNNING || s.t.attempt != 1))
		wrong(w, "started, but it is %.200s", s.rel);
	if (told(w, 0))
		wrong(w, "taken by nobody");
	w->attempts[0] = s.t.attempt + 1;
}

static int
act_commit(struct world *w)
{
	return spool_commit(w->sp, &w->seat, &w->claim, &w->end, STATE_FAILED);
}

/* As the clerk puts a job with an output outside the spool in its place. */
static int
act_commit_output(struct world *w)
{
	struct error err = ERROR_INIT;
	int r;

	if (!w->claim.ended) {
		r = spool_decide(w->sp, &w->seat, &w->claim, &w->end);
		if (r != 1)
			return r;
		w->end = w->claim;
	}
	/* That it stays beside is told to the user, the result stands. */
	if (outputs_finish(&w->outs, &err) < 0)
		keep_text(w, &err);
	return act_commit(w);
}

static void
after_commit(struct world *w)
{
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	if (told(w, 0))
		wrong(w, "taken by nobody, but the result is dropped");
	if (told(w, 1) && (state != STATE_FAILED || s.t.exit_code != 7))
		wrong(w, "committed, but it is %.200s", s.rel);
	if (strstr(w->sh->log.what, "stale name") && w->sh->r != 1)
		wrong(w, "a stale name stops it");
	if (w->sh->again && !told(w, 1))
		wrong(w, "the second commit says %d", w->sh->last);
	if (state == STATE_FAILED || s.t.ended) {
		w->want[0] = 1u << STATE_FAILED;
		w->attempts[0] = 1;
	}
	w->strays = w->sh->text[0] != '\0';
	if (w->strays && !w->sh->log.stays && !forbidden(w))
		wrong(w, "one failure, and the output is not in its place: "
		      "%.200s", w->sh->text);
}

static int
act_stopping(struct world *w)
{
	spool_mark_stopping(w->sp, &w->seat);
	return 0;
}

static int
act_give_back(struct world *w)
{
	struct token record = w->claim, to = w->claim;


	if (w->change)
		to.flags |= TOKEN_HOLD;
	record.reason = REASON_CANCELLED;
	record.end_ms = 5000;
	if (spool_record(w->sp, &record, w->seat.uuid, "why") < 0)
		return -1;
	return spool_give_back(w->sp, &w->seat, &w->claim, &to);
}

static void
after_give_back(struct world *w)
{
	struct seen s;
	int state = state_of(w, &w->job[0], &s);

	if (told(w, 0))
		wrong(w, "taken by nobody");
	if (told(w, 1) && (state != (w->change ? STATE_HELD : STATE_QUEUED) ||
			   !file_exists(w, "out/0/%" PRIu64 ".%s.%u.a1.att",
					s.t.id, s.t.nonce, w->claim.move)))
		wrong(w, "given back, but it is %.200s", s.rel);
	w->attempts[0] = 2;
}

/* --- reap */

void
ask(struct world *w, enum request_op op, uint64_t id, const char *worker)
{
	struct request r = { .op = op, .id = id, .arg = 1 };
	struct error err = ERROR_INIT;

	if (worker)
		snprintf(r.worker, sizeof(r.worker), "%s", worker);
	if (spool_request(w->sp, &r, NULL, &err) < 0)
		wrong(w, "healthy request: %s", error_text(&err));
	error_release(&err);
}

static void
prepare_reap(struct world *w)
{
	static const struct {
		unsigned how;
		bool started, decided;
		int request;
		enum state end;
		uint32_t attempts, lost;
	} claims[] = {
		{ 0, false, false, REQ_COUNT, STATE_DONE, 1, 0 },
		{ 0, true, false, REQ_COUNT, STATE_DONE, 2, 1 },
		{ MAKE_OUTPUT, true, true, REQ_COUNT, STATE_FAILED, 1, 0 },
		{ 0, true, false, REQ_CANCEL, STATE_CANCELLED, 1, 0 },
		{ MAKE_FRAGILE, true, false, REQ_COUNT, STATE_FAILED, 1, 1 },
		{ 0, false, false, REQ_REHOLD, STATE_DONE, 1, 0 },
	};
	struct token t, end;

	world_spool(w, "spool");
	world_join(w);
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		t = *world_add(w, claims[i].how);
		world_claim(w, &t, claims[i].started);
		end_of(&t, 7, &end);
		if (claims[i].decided &&
		    spool_decide(w->sp, &w->seat, &t, &end) != 1)
			wrong(w, "healthy decide");
		if (claims[i].request != REQ_COUNT)
			ask(w, (enum request_op)claims[i].request, t.id, NULL);
		w->want[i] = 1u << claims[i].end;
		w->attempts[i] = claims[i].attempts;
		w->lost[i] = claims[i].lost;
	}
}

static int
act_reap(struct world *w)
{
	struct error err = ERROR_INIT;
	int r = recover_reap(w->sp, w->seat.uuid, &err);

	keep_text(w, &err);
	return r;
}

static void
after_reap(struct world *w)
{
	if (told(w, 1) && file_exists(w, "workers/%s", w->seat.uuid))
		wrong(w, "reaped, but its seat is there");
	/* What must not be read here does not hold up the others. */
	w->strays = w->sh->log.stays || forbidden(w);
}

/* The fence must not take a claim with it. */
static int
act_bury(struct world *w)
{
	if (spool_expire(w->sp, w->seat.uuid) < 0)
		return -1;
	return spool_bury(w->sp, w->seat.uuid);
}

static void
after_bury(struct world *w)
{
	if (told(w, 1) && w->claim.id)
		wrong(w, "buried with a claim in it");
	if (told(w, 1) && file_exists(w, "workers/%s", w->seat.uuid))
		wrong(w, "buried, but it is there");
}

static int
act_expire(struct world *w)
{
	return spool_expire(w->sp, w->seat.uuid);
}

/* From then on it is dead for all: for itself as well. */
static void
after_expire(struct world *w)
{
	int64_t ms;

	if (told(w, 0) && !strstr(w->sh->log.what, strerror(ENOENT)) &&
	    !strstr(w->sh->log.what, strerror(ESTALE)) &&
	    spool_beat(w->sp, &w->seat, &ms) == 1)
		wrong(w, "expired, but its heart beats");
}

#define RUN(n, p, a, f, m) \
	{ .name = n, .prepare = p, .act = a, .after = f, .least = m, \
	  .again = true }
#define SUBMIT(n, p, h, m) \
	{ .name = n, .prepare = p, .act = act_submit, .after = after_submit, \
	  .how = h, .reports = true, .least = m }

const struct verb spool_verbs[] = {
	{ .name = "init", .act = act_init, .after = after_init,
	  .reports = true,
	  .least = 525 },
	{ .name = "init, in a directory", .prepare = prepare_empty,
	  .act = act_init, .after = after_init, .how = 1, .reports = true,
	  .least = 692 },
	SUBMIT("submit, first", prepare_submit, 0, 446),
	SUBMIT("submit, next", prepare_second, 0, 324),
	SUBMIT("submit, held", prepare_submit, MAKE_HELD, 478),
	SUBMIT("submit, later", prepare_submit, MAKE_LATER, 495),
	SUBMIT("submit, with input", prepare_submit, MAKE_INPUT, 555),
	{ .name = "ids, many", .prepare = prepare_second, .act = act_ids,
	  .after = after_ids,
	  .least = 69 },
	{ .name = "join", .prepare = prepare_queued, .act = act_join,
	  .after = after_join, .reports = true,
	  .least = 118 },
	{ .name = "beat", .prepare = prepare_started, .act = act_beat,
	  .after = after_beat,
	  .least = 26 },
	{ .name = "leave", .prepare = prepare_queued, .act = act_leave,
	  .after = after_leave,
	  .least = 102 },
	RUN("claim", prepare_queued, act_claim, after_claim, 194),
	RUN("start", prepare_claimed, act_start, after_start, 34),
	RUN("commit", prepare_started, act_commit, after_commit, 284),
	{ .name = "commit, with output", .prepare = prepare_started,
	  .act = act_commit_output, .after = after_commit,
	  .how = MAKE_OUTPUT, .again = true,
	  .least = 345 },
	RUN("give back", prepare_started, act_give_back, after_give_back, 198),
	{ .name = "give back, held", .prepare = prepare_started,
	  .act = act_give_back, .after = after_give_back, .change = 1,
	  .again = true,
	  .least = 353 },
	RUN("reap", prepare_reap, act_reap, after_reap, 1928),
	{ .name = "bury", .prepare = prepare_claimed, .act = act_bury,
	  .after = after_bury,
	  .least = 110 },
	{ .name = "bury, empty", .prepare = prepare_queued, .act = act_bury,
	  .after = after_bury,
	  .least = 102 },
	{ .name = "expire", .prepare = prepare_claimed, .act = act_expire,
	  .after = after_expire,
	  .least = 19 },
	{ .name = "stopping", .prepare = prepare_queued, .act = act_stopping,
	  .least = 19 },
	{ .name = NULL },
};

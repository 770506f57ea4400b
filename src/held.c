/*
 * held.c - one claim from claim to commit
 *
 * Owns no file; each step is one transition of spool.h.  A transition that
 * was lost (0) means that the claim was taken from us: whatever ran is ended
 * and its result dropped (PROTOCOL P2).
 */
#include "nfsq.h"
#include "held.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "fs.h"
#include "proc.h"

struct held *
held_new(struct clerk *c, const struct token *t)
{
	struct held *h = xcalloc(1, sizeof(*h));

	h->serial = ++c->serial;
	h->t = *t;
	h->asked = REQ_COUNT;
	job_init(&h->job);
	c->v = xreallocarray(c->v, c->n + 1, sizeof(struct held *));
	c->v[c->n++] = h;
	return h;
}

void
held_free(struct held *h)
{
	job_release(&h->job);
	outputs_release(&h->outs);
	strlist_release(&h->requests);
	free(h->detail);
	free(h);
}

void
clerk_trouble(struct clerk *c, const char *what)
{
	if (!c->trouble)
		msg_warn("%s: %s; trying again", what, strerror(errno));
	c->trouble = true;
	if (c->retry_ms > proc_now())
		return;		/* with others that failed just now */
	c->delay_ms = c->delay_ms ? c->delay_ms * 2 : 500;
	if (c->delay_ms > 30000)
		c->delay_ms = 30000;
	c->retry_ms = proc_now() + c->delay_ms;
}

static char *
job_key(const struct token *t)
{
	return xasprintf("%" PRIu64 ".%s", t->id, t->nonce);
}

static char *
shard_key(const struct token *t)
{
	return xasprintf("%" PRIu64, t->id / SPOOL_SHARD);
}

bool
clerk_refused(const struct clerk *c, const struct token *t)
{
	char *key = job_key(t), *shard = shard_key(t);
	bool found = strlist_has(&c->refused, key) ||
		     strlist_has(&c->barred, shard);

	free(shard);
	free(key);
	return found;
}

static void
refuse(struct clerk *c, const struct token *t)
{
	if (c->refused.n > 10000)
		strlist_release(&c->refused);
	strlist_take(&c->refused, job_key(t));
}

/* One place is wrong, no outage: what belongs there waits, the rest goes on. */
static void
bar(struct clerk *c, const struct token *t, const char *what)
{
	char *shard = shard_key(t);

	if (!strlist_has(&c->told, shard)) {
		msg_warn("%s; jobs %" PRIu64 " to %" PRIu64 " wait until that "
			 "is mended (see nfsq fsck)", what,
			 t->id / SPOOL_SHARD * SPOOL_SHARD,
			 t->id / SPOOL_SHARD * SPOOL_SHARD + SPOOL_SHARD - 1);
		strlist_add(&c->told, shard);
	}
	if (!strlist_has(&c->barred, shard))
		strlist_add(&c->barred, shard);
	free(shard);
	if (c->barred_ms)
		return;
	c->barred_delay_ms = c->barred_delay_ms ? c->barred_delay_ms * 2 : 500;
	if (c->barred_delay_ms > 30000)
		c->barred_delay_ms = 30000;
	c->barred_ms = proc_now() + c->barred_delay_ms;
}

/* What cannot be put away now: the whole spool's fault, or its place's? */
static void
settle_later(struct clerk *c, struct held *h, const char *what)
{
	char *why;

	h->stuck = spool_barred(errno);
	if (!h->stuck) {
		clerk_trouble(c, what);
		return;
	}
	why = xasprintf("%s: %s", what, strerror(errno));
	bar(c, &h->t, why);
	free(why);
}

void
held_unbar(struct clerk *c)
{
	c->barred_ms = 0;
	strlist_release(&c->barred);
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->stuck && c->v[i]->phase == HELD_ENDING)
			held_settle(c, c->v[i]);
}

/* --- ways to end */

static void
set_end(struct clerk *c, struct held *h, enum state state, enum reason reason,
	int exit_code)
{
	h->phase = HELD_ENDING;
	h->end = h->t;
	h->end.ended = true;
	h->end.reason = reason;
	h->end.exit_code = exit_code;
	h->end.end_ms = worker_server_now(c->t);
	h->state = state;
	if (!h->end.host[0])
		token_set_text(h->end.host, c->t->set->host);
}

void
held_return(struct held *h)
{
	h->phase = HELD_ENDING;
	h->give_back = true;
	h->end = h->t;
}

/* The attempt ended without ending the job. */
static void
set_back(struct clerk *c, struct held *h, enum reason reason,
	 const char *detail)
{
	set_end(c, h, STATE_QUEUED, reason, 0);
	h->end.ended = false;
	h->give_back = true;
	h->record = true;
	free(h->detail);
	h->detail = detail ? xstrdup(detail) : NULL;
}

/* How many hosts have a live worker?  At least 1: this one. */
static unsigned
live_hosts(struct clerk *c)
{
	struct strlist hosts = STRLIST_INIT;
	struct worker_info *w;
	size_t n;
	int64_t now = worker_server_now(c->t);
	unsigned count;

	if (spool_workers(c->t->sp, &w, &n, NULL) < 0)
		return UINT_MAX;
	for (size_t i = 0; i < n; i++) {
		if (w[i].host && !strlist_has(&hosts, w[i].host) &&
		    now - w[i].beat_ms < c->t->sp->conf.lease_ms)
			strlist_add(&hosts, w[i].host);
		worker_info_release(&w[i]);
	}
	free(w);
	count = (unsigned)hosts.n;
	strlist_release(&hosts);
	return count ? count : 1;
}

/*
 * A directory, input or output cannot be opened on this host: the attempt is
 * not counted and another host may try, until three or all could not.
 */
static void
cannot_here(struct clerk *c, struct held *h, enum reason reason,
	    const char *what, int error)
{
	char *detail = xasprintf("%s: %s: %s", c->t->set->host, what,
				 strerror(error));
	unsigned tries = h->t.tries + 1;

	refuse(c, &h->t);
	if (tries >= 3 || tries >= live_hosts(c)) {
		set_end(c, h, STATE_FAILED, reason, EXIT_LOST);
		h->record = true;
		h->detail = xstrdup(detail);
	} else {
		set_back(c, h, reason, detail);
		h->end.tries = tries;
	}
	free(detail);
}

/* --- start */

/* The stored input of a job (run): never a link, a FIFO is not waited for.
 * -1 with errno. */
static int
open_input(struct clerk *c, const struct token *t)
{
	char *path = spool_input_path(c->t->sp, t);
	int fd = fs_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int saved = errno, r;

	free(path);
	if (fd >= 0) {
		r = fs_fstat(fd, &st);
		saved = r < 0 ? errno : EINVAL;
		if (r < 0 || !S_ISREG(st.st_mode)) {
			fs_close(fd);
			fd = -1;
		}
	}
	errno = saved;
	return fd;
}

/* input: -1 none; it is closed here. */
static bool
send_start(struct clerk *c, struct held *h, struct wish *w,
	   const struct str *text, int input)
{
	int fds[2] = { memfd_create("job", MFD_CLOEXEC), input };
	bool ok = fds[0] >= 0 &&
		  write(fds[0], text->s, text->len) == (ssize_t)text->len;

	if (ok && wire_send(c->sock, w, sizeof(*w), fds,
			    input >= 0 ? 2 : 1) < 0)
		_exit(1);	/* the keeper is gone */
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (!ok)
		return false;
	h->running = true;
	h->phase = HELD_RUNNING;
	return true;
}

/* Where one stream goes; sets the path, or the flag for the child. */
static void
aim(struct clerk *c, struct held *h, struct wish *w, int stream)
{
	const struct output *o = stream ? &h->outs.err : &h->outs.out;
	struct wire_file *f = &w->file[stream];
	const char *target = output_target(o, &f->flags);
	char *own;

	if (o->kind == OUTPUT_SPECIAL) {
		w->order.flags |= stream ? SHEPHERD_ERR_PATH
					 : SHEPHERD_OUT_PATH;
	} else if (target) {
		snprintf(f->path, sizeof(f->path), "%s", target);
	} else {
		own = spool_output_path(c->t->sp, &h->t,
					stream ? "err" : "out");
		snprintf(f->path, sizeof(f->path), "%s", own);
		f->flags = O_WRONLY | O_CREAT | O_EXCL;
		free(own);
	}
}

/* Does it say that there is no such input, and not that the spool fails? */
static bool
no_input(int error)
{
	return error == ENOENT || error == ELOOP || error == EINVAL ||
	       error == ENXIO || error == EACCES || error == EPERM;
}

/* input: the stored one, or -1 and input_error; it is closed here. */
static void
launch(struct clerk *c, struct held *h, const struct str *text, int input,
       int input_error)
{
	struct wish w = { .op = WISH_START, .serial = h->serial };
	struct error err = ERROR_INIT;
	int e;
	bool ours;

	/* Without its input it must not run at all. */
	if (input_error) {
		cannot_here(c, h, REASON_INPUT, "stored input", input_error);
		return;
	}
	outputs_plan(&h->job, &h->t, &h->outs);
	e = outputs_prepare(&h->outs, &err) < 0 ? errno : 0;
	/* Frozen in there until after the lease: FILE may have its result by
	 * now, from another attempt. */
	ours = !c->t->beat->fenced && proc_now() < c->t->beat->deadline_ms;
	outputs_settle(&h->outs, ours && e == 0);
	if (!ours) {
		error_release(&err);
		if (input >= 0)
			close(input);
		held_taken(c, h);
		return;
	}
	if (e != 0) {
		const char *path = h->outs.out.path ? h->outs.out.path
						    : h->outs.err.path;

		error_release(&err);
		if (input >= 0)
			close(input);
		cannot_here(c, h, REASON_OUTPUT, path, e);
		return;
	}
	w.separate = !h->outs.same;
	aim(c, h, &w, 0);
	if (w.separate)
		aim(c, h, &w, 1);
	w.order.op = SHEPHERD_START;
	w.order.attempt = h->t.attempt;
	w.order.body_len = text->len;
	token_format(&h->t, w.order.claim);
	snprintf(w.order.worker, sizeof(w.order.worker), "%s",
		 c->t->set->name);
	if (!send_start(c, h, &w, text, input))
		set_back(c, h, REASON_RESOURCES, strerror(errno));
}

/* 1 start it, 0 it got an end, -1 the spool failed. */
static int
read_job(struct clerk *c, struct held *h, struct str *text)
{
	struct error err = ERROR_INIT;
	int64_t stop = c->t->stop_ms;
	int r = spool_read_body(c->t->sp, &h->t, text, &err);

	if (r < 0 && errno == ENOTDIR) {
		bar(c, &h->t, error_text(&err));
		held_return(h);
		r = 0;
		goto out;
	}
	if (r < 0 && (errno == EACCES || errno == EPERM)) {
		/* Somebody's mode, no outage: it must not stop all others. */
		msg_warn("leave job %" PRIu64 " to another worker: %s",
			 h->t.id, error_text(&err));
		refuse(c, &h->t);
		held_return(h);
		r = 0;
		goto out;
	}
	if (r < 0) {
		clerk_trouble(c, "cannot read a job");
		goto out;
	}
	if (r == 1)
		r = job_parse(text->s, text->len, &h->job, &err);
	else
		r = -1;
	if (r < 0) {
		msg_warn("job %" PRIu64 " is corrupt: %s", h->t.id,
			 error_text(&err));
		set_end(c, h, STATE_CORRUPT, REASON_NONE, EXIT_LOST);
		r = 0;
	} else if (r == 0) {
		msg_warn("leave job %" PRIu64 " to a newer nfsq: %s", h->t.id,
			 error_text(&err));
		refuse(c, &h->t);
		held_return(h);
	} else if (stop && h->job.time_limit_ms &&
		   proc_now() + h->job.time_limit_ms > stop) {
		refuse(c, &h->t);	/* it cannot end in time */
		held_return(h);
		r = 0;
	}
out:
	error_release(&err);
	return r;
}

void
held_start(struct clerk *c, struct held *h)
{
	struct str text = STR_INIT;
	int r = read_job(c, h, &text), input = -1, error = 0;

	/* Before the start is counted: a failure of the spool ends no job
	 * (P11). */
	if (r == 1 && h->job.stdin_name) {
		input = open_input(c, &h->t);
		error = input < 0 ? errno : 0;
		if (error && !no_input(error)) {
			clerk_trouble(c, "cannot open a job's input");
			r = -1;
		}
	}
	/* Also one that was adopted after its start was counted: each start
	 * has a claim name, so output files, of its own. */
	if (r == 1) {
		r = spool_start(c->t->sp, &c->seat, &h->t, c->t->set->host,
				worker_server_now(c->t));
		if (r == 0)
			held_taken(c, h);
		else if (r < 0)
			clerk_trouble(c, "cannot start a job");
	}
	if (r == 1)
		launch(c, h, &text, input, error);
	else if (input >= 0)
		close(input);
	str_release(&text);
	if (h->phase == HELD_ENDING)
		held_settle(c, h);
}

/* --- end */

static void
start_failed(struct clerk *c, struct held *h, const struct shepherd_report *r)
{
	const char *cmd = h->job.argv.n ? h->job.argv.v[0] : "the script";
	char *detail;

	switch (r->stage) {
	case STAGE_CHDIR:
		cannot_here(c, h, REASON_CHDIR, h->job.cwd, r->error);
		return;
	case STAGE_INPUT:
		cannot_here(c, h, REASON_INPUT,
			    h->job.input ? h->job.input : "stored input",
			    r->error);
		return;
	case STAGE_OUTPUT:
		cannot_here(c, h, REASON_OUTPUT,
			    h->job.output ? h->job.output : h->job.error,
			    r->error);
		return;
	case STAGE_EXEC:
		set_end(c, h, STATE_FAILED, REASON_EXEC,
			r->error == ENOENT ? EXIT_NOTFOUND : EXIT_NOEXEC);
		break;
	default:
		/* No process, descriptor or room for the script on this host:
		 * another one may do better. */
		cannot_here(c, h, REASON_EXEC, cmd, r->error);
		return;
	}
	detail = xasprintf("%s: %s: %s", c->t->set->host, cmd,
			   strerror(r->error));
	h->record = true;
	free(h->detail);
	h->detail = detail;
}

static void
set_exit(struct clerk *c, struct held *h, const struct shepherd_report *r)
{
	if (WIFSIGNALED(r->status)) {
		int sig = WTERMSIG(r->status);

		set_end(c, h, STATE_FAILED, REASON_SIGNAL, 128 + sig);
		h->end.signal = sig;
	} else {
		int code = WEXITSTATUS(r->status);

		set_end(c, h, code ? STATE_FAILED : STATE_DONE, REASON_EXIT,
			code);
	}
}

/* It did not end by itself and did not end badly: where now? */
static void
cut_short(struct clerk *c, struct held *h, enum shepherd_why why)
{
	bool lost = why == WHY_LOST;
	uint32_t nlost = h->t.lost + lost;

	if ((why == WHY_SHUTDOWN || lost) &&
	    (h->t.flags & TOKEN_NO_REQUEUE ||
	     (lost && nlost >= h->t.max_attempts))) {
		set_end(c, h, STATE_FAILED, REASON_LOST, EXIT_LOST);
		return;
	}
	set_back(c, h, lost ? REASON_LOST : REASON_CANCELLED, NULL);
	h->end.lost = nlost;
	if (h->asked == REQ_REHOLD)
		h->end.flags |= TOKEN_HOLD;
}

/* What was asked for goes before the reason that was there first: a job to
 * be cancelled does not go back to the queue, whatever cut it short (P13). */
static enum shepherd_why
why_of(const struct held *h, enum shepherd_why why)
{
	bool cut = why == WHY_REQUEUE || why == WHY_SHUTDOWN ||
		   why == WHY_LOST;

	if (cut && h->asked == REQ_CANCEL)
		return WHY_CANCEL;
	if (cut && (h->asked == REQ_REQUEUE || h->asked == REQ_REHOLD))
		return WHY_REQUEUE;
	return why;
}

void
held_ended(struct clerk *c, struct held *h, const struct news *n)
{
	const struct shepherd_report *r = &n->report;

	h->running = false;
	c->nended++;
	if (h->missing || r->why == WHY_FENCED) {
		outputs_discard(&h->outs);
		h->phase = HELD_GONE;
		return;
	}
	switch (why_of(h, r->why)) {
	case WHY_CANCEL:
		set_end(c, h, STATE_CANCELLED, REASON_CANCELLED,
			EXIT_CANCELLED);
		break;
	case WHY_TIMEOUT:
		set_end(c, h, STATE_FAILED, REASON_TIMEOUT, EXIT_TIMEOUT);
		break;
	case WHY_REQUEUE:
	case WHY_SHUTDOWN:
	case WHY_LOST:
		cut_short(c, h, why_of(h, r->why));
		break;
	default:
		if (r->stage != STAGE_NONE)
			start_failed(c, h, r);
		else
			set_exit(c, h, r);
	}
	/* A cancel goes before another try elsewhere (P13). */
	if (h->give_back && h->asked == REQ_CANCEL) {
		h->give_back = false;
		set_end(c, h, STATE_CANCELLED, REASON_CANCELLED,
			EXIT_CANCELLED);
	}
	if (n->output_error && !h->give_back && h->state != STATE_CANCELLED) {
		/* Not written whole: no success, whatever it exited with. */
		set_end(c, h, STATE_FAILED, REASON_OUTPUT, EXIT_LOST);
		h->record = true;
		free(h->detail);
		h->detail = xasprintf("%s: cannot write the output: %s",
				      c->t->set->host,
				      strerror(n->output_error));
	}
	h->end.cpu_ms = r->cpu_ms;
	h->end.rss_kb = r->rss_kb;
	held_settle(c, h);
}

/* 1 gone to its place, 0 it was taken from us, -1 again later.
 * (core.pml: W, commit, give back; output.pml: W, decide, place.) */
static int
put_away(struct clerk *c, struct held *h)
{
	struct spool *sp = c->t->sp;
	struct error err = ERROR_INIT;
	int r;

	/* Its sibling stays: FILE shows it until the next attempt leads on to
	 * its own, or for good, if there is none. */
	if (h->give_back)
		return spool_give_back(sp, &c->seat, &h->t, &h->end);
	if (!(h->t.flags & TOKEN_OUTPUT) || h->state == STATE_CORRUPT)
		return spool_commit(sp, &c->seat, &h->t, &h->end, h->state);
	if (!h->t.ended) {
		/* At this instant the result is decided; whoever reaps us
		 * from here on completes it. */
		r = spool_decide(sp, &c->seat, &h->t, &h->end);
		if (r != 1)
			return r;
		h->end = h->t;
	}
	if (outputs_finish(&h->outs, &err) < 0) {
		msg_warn("job %" PRIu64 ": %s", h->t.id, error_text(&err));
		error_release(&err);
	}
	return spool_commit(sp, &c->seat, &h->t, &h->end, h->state);
}

/* (request.pml: W, commit, back, remove.) */
void
held_settle(struct clerk *c, struct held *h)
{
	int r;

	if (h->record) {
		bool kept = spool_record(c->t->sp, &h->end, c->t->uuid,
					 h->detail) == 0;
		bool full = !kept && (errno == ENOSPC || errno == EDQUOT);

		/* An end goes without: what it printed may be what fills the
		 * disk, and must be told (P11). */
		if (!kept && (h->give_back || !full)) {
			settle_later(c, h, "cannot record an attempt");
			return;
		}
		if (!kept)
			msg_warn("job %" PRIu64 ": cannot keep why it failed: "
				 "%s", h->t.id, strerror(ENOSPC));
		h->record = false;
	}
	r = put_away(c, h);
	if (r < 0) {
		settle_later(c, h, "cannot put a job in its place");
		return;
	}
	if (r == 0) {
		msg_info("job %" PRIu64 " was taken from this worker; its "
			 "result is dropped", h->t.id);
		h->missing = true;
		/* What was decided, whoever reaped us puts in its place. */
		if (!h->t.ended)
			outputs_discard(&h->outs);
	} else {
		msg_debug("job %" PRIu64 " %s", h->t.id,
			  h->give_back ? "given back" : state_name(h->state));
	}
	/* Taken from us, or it ended by itself before it could be requeued:
	 * the wardens see to the requests (P13). */
	for (size_t i = 0; r == 1 && i < h->requests.n; i++)
		if (h->give_back == (h->asked != REQ_CANCEL))
			spool_request_done(c->t->sp, h->requests.v[i]);
	c->trouble = false;
	c->delay_ms = 0;
	h->phase = HELD_GONE;
}

/* --- from outside */

static void
order(struct clerk *c, struct held *h, enum shepherd_op op,
      enum shepherd_why why, int arg, int arg2)
{
	struct wish w = { .op = WISH_ORDER, .serial = h->serial };

	w.order.op = op;
	w.order.why = why;
	w.order.arg = arg;
	w.order.arg2 = arg2;
	if (h->running && wire_send(c->sock, &w, sizeof(w), NULL, 0) < 0)
		_exit(1);
}

void
held_request(struct clerk *c, struct held *h, const struct request *r)
{
	if (strlist_has(&h->requests, r->name))
		return;
	if (request_stale(r, &h->t)) {
		spool_request_done(c->t->sp, r->name);
		return;
	}
	if (r->op == REQ_SIGNAL || r->op == REQ_SIGNAL_LEADER) {
		order(c, h, SHEPHERD_SIGNAL, WHY_NONE, r->arg,
		      r->op == REQ_SIGNAL_LEADER);
		spool_request_done(c->t->sp, r->name);
		return;
	}
	/* Its end is decided already: who finds it there sees to the request. */
	if (h->phase == HELD_ENDING)
		return;
	strlist_add(&h->requests, r->name);
	if (h->asked != REQ_CANCEL)
		h->asked = r->op;
	order(c, h, SHEPHERD_END,
	      r->op == REQ_CANCEL ? WHY_CANCEL : WHY_REQUEUE, 0, 0);
	if (h->phase == HELD_CLAIMED) {
		if (h->asked == REQ_CANCEL)
			set_end(c, h, STATE_CANCELLED, REASON_CANCELLED,
				EXIT_CANCELLED);
		else
			held_return(h);
		if (r->op == REQ_REHOLD)
			h->end.flags |= TOKEN_HOLD;
		held_settle(c, h);
	}
}

void
held_taken(struct clerk *c, struct held *h)
{
	if (!h->running) {
		h->phase = HELD_GONE;
		return;
	}
	h->missing = true;
	order(c, h, SHEPHERD_KILL, WHY_FENCED, 0, 0);
}

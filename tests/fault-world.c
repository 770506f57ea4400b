/*
 * fault-world.c - makes the small spool, runs what is left of it to its end
 */
#include "nfsq.h"
#include "fault-world.h"

#include <dirent.h>
#include <uuid/uuid.h>

int
wrong(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->failed) {
		va_start(ap, fmt);
		vsnprintf(w->why, sizeof(w->why), fmt, ap);
		va_end(ap);
	}
	w->failed = true;
	return -1;
}

/* What the test itself cannot do ends it. */
static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fault: cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

void
world_begin(struct world *w, struct share *sh, const char *top)
{
	memset(w, 0, sizeof(*w));
	memset(sh, 0, sizeof(*sh));
	w->sh = sh;
	w->top = xstrdup(top);
	must(mkdir(top, 0700) == 0, "make a directory");
	snprintf(sh->log.client.root, sizeof(sh->log.client.root), "%s", top);
	fault_heal(&sh->log);
}

void
world_spool(struct world *w, const char *name)
{
	struct error err = ERROR_INIT;

	free(w->dir);
	w->dir = xasprintf("%s/%s", w->top, name);
	if (access(w->dir, F_OK) < 0)
		must(spool_init(w->dir, false, 300000, &err) == 1,
		     "make a spool");
	spool_free(w->sp);
	w->sp = spool_open(w->dir, &err);
	if (!w->sp)
		wrong(w, "%s", error_text(&err));
	error_release(&err);
}

void
world_end(struct world *w)
{
	remove_tree(w->top);
	spool_free(w->sp);
	seat_release(&w->seat);
	outputs_release(&w->outs);
	free(w->top);
	free(w->dir);
}

void
remove_tree(const char *path)
{
	struct dirent *e;
	DIR *d;

	if (unlink(path) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		char *p = xasprintf("%s/%s", path, e->d_name);

		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			remove_tree(p);
		free(p);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

/* --- jobs */

void
job_make(const struct world *w, unsigned how, struct job *j)
{
	char *text = xmalloc(2001);

	job_init(j);
	memset(text, 'x', 2000);
	text[2000] = '\0';
	strlist_add(&j->argv, "true");
	strlist_take(&j->argv, text);
	j->user = xstrdup("tester");
	j->name = xstrdup("fault");
	j->cwd = xstrdup(w->top);
	j->hold = how & MAKE_HELD;
	if (how & MAKE_LATER)
		j->begin_ms = INT64_C(4000000000000);
	if (how & MAKE_OUTPUT)
		j->output = xasprintf("%s/result-%%j.txt", w->top);
	if (how & MAKE_INPUT)
		j->stdin_name = xstrdup("in");
	if (how & MAKE_FRAGILE)
		j->no_requeue = true;
}

int
world_submit(struct world *w, unsigned how, struct token *t,
	     struct error *err)
{
	struct job j;
	char *path = xasprintf("%s/input", w->top);
	int r, fd = -1;

	if (how & MAKE_INPUT) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		must(fd >= 0, "open the input");
	}
	job_make(w, how, &j);
	r = spool_submit(w->sp, &j, fd, t, err);
	job_release(&j);
	if (fd >= 0)
		close(fd);
	free(path);
	return r;
}

struct token *
world_add(struct world *w, unsigned how)
{
	struct error err = ERROR_INIT;
	struct token *t = &w->job[w->n];

	if (world_submit(w, how, t, &err) < 0)
		wrong(w, "healthy submit: %s", error_text(&err));
	error_release(&err);
	w->n++;
	return t;
}

static void
join(struct world *w, struct seat *seat)
{
	struct worker_info info = { .pid = 1, .cpus = 1 };
	char name[] = "w", host[] = "host", user[] = "u", version[] = "0";
	struct error err = ERROR_INIT;
	int64_t ms;
	uuid_t u;

	uuid_generate_random(u);
	uuid_unparse_lower(u, info.uuid);
	info.name = name;
	info.host = host;
	info.user = user;
	info.version = version;
	if (spool_join(w->sp, seat, &info, &ms, &err) < 0)
		wrong(w, "healthy join: %s", error_text(&err));
	error_release(&err);
}

void
world_join(struct world *w)
{
	join(w, &w->seat);
}

int
bucket_of(struct spool *sp, const struct queue *q, const struct token *t,
	  struct bucket *b)
{
	for (size_t i = 0; i < q->nbuckets; i++) {
		bool found = false;
		struct token *v;
		size_t n;

		if (spool_bucket(sp, &q->buckets[i], &v, &n) < 0) {
			free(v);
			return -1;
		}
		for (size_t k = 0; k < n; k++)
			if (v[k].id == t->id && v[k].move == t->move)
				found = true;
		free(v);
		*b = q->buckets[i];
		if (found)
			return 1;
	}
	return 0;
}

void
write_output(struct world *w, const struct token *t, const struct outputs *o)
{
	int flags;
	const char *path = output_target(&o->out, &flags);
	char *own = path ? NULL : spool_output_path(w->sp, t, "out");
	char *text = xasprintf("job %" PRIu64 " attempt %u\n", t->id,
			       t->attempt);
	char *dir = xasprintf("%s/out/0", w->dir);
	int fd;

	mkdir(dir, 0700);
	fd = open(path ? path : own, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		  0600);
	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	     "write an output");
	close(fd);
	free(dir);
	free(own);
	free(text);
}

void
world_claim(struct world *w, struct token *t, bool started)
{
	struct error err = ERROR_INIT;
	struct bucket b;
	struct queue q;
	struct job j;

	spool_look(w->sp, &q, NULL);
	if (bucket_of(w->sp, &q, t, &b) != 1 ||
	    spool_claim(w->sp, &w->seat, &b, t) != 1)
		wrong(w, "healthy claim of job %" PRIu64, t->id);
	queue_release(&q);
	if (!started || w->failed)
		return;
	if (spool_start(w->sp, &w->seat, t, "host", 1000) != 1 ||
	    spool_read_job(w->sp, t, &j, NULL, &err) != 1) {
		wrong(w, "healthy start of job %" PRIu64, t->id);
		return;
	}
	outputs_release(&w->outs);
	outputs_plan(&j, t, &w->outs);
	if (outputs_prepare(&w->outs, &err) < 0)
		wrong(w, "healthy start: %s", error_text(&err));
	write_output(w, t, &w->outs);
	job_release(&j);
	error_release(&err);
}

void
end_of(const struct token *t, int exit_code, struct token *end)
{
	*end = *t;
	end->ended = true;
	end->reason = REASON_EXIT;
	end->exit_code = exit_code;
	end->end_ms = 5000;
}

int
run_claim(struct world *w, const struct seat *seat, struct token *t)
{
	struct error err = ERROR_INIT;
	struct outputs o;
	struct token end;
	struct job j;
	int r = 1;

	if (spool_read_job(w->sp, t, &j, NULL, &err) != 1)
		return wrong(w, "job %" PRIu64 " cannot be read: %s", t->id,
			     error_text(&err));
	if (t->start_ms == 0)
		r = spool_start(w->sp, seat, t, "host2", 2000);
	if (r != 1)
		return wrong(w, "job %" PRIu64 " cannot be started", t->id);
	outputs_plan(&j, t, &o);
	if (outputs_prepare(&o, &err) < 0)
		wrong(w, "%s", error_text(&err));
	write_output(w, t, &o);
	end_of(t, 0, &end);
	if (t->flags & TOKEN_OUTPUT) {
		r = spool_decide(w->sp, seat, t, &end);
		if (r == 1 && outputs_finish(&o, &err) < 0)
			wrong(w, "%s", error_text(&err));
		end = *t;
	}
	if (r == 1)
		r = spool_commit(w->sp, seat, t, &end, STATE_DONE);
	if (r != 1)
		wrong(w, "job %" PRIu64 " cannot be committed", t->id);
	outputs_release(&o);
	job_release(&j);
	error_release(&err);
	return w->failed ? -1 : 0;
}

/* --- to the end */

static void
reap_all(struct world *w)
{
	struct strlist names = STRLIST_INIT;
	struct error err = ERROR_INIT;

	if (spool_worker_names(w->sp, &names, &err) < 0)
		wrong(w, "%s", error_text(&err));
	for (size_t i = 0; i < names.n; i++)
		if (recover_reap(w->sp, names.v[i], &err) != 1)
			wrong(w, "reap: %s", error_text(&err));
	strlist_release(&names);
	error_release(&err);
}

static int
release_held(const struct entry *e, void *arg)
{
	struct world *w = arg;
	struct token next = e->t;

	next.reason = REASON_NONE;
	if (spool_move(w->sp, e, STATE_QUEUED, &next) != 1)
		wrong(w, "job %" PRIu64 " cannot be released", e->t.id);
	return 0;
}

/* One more worker claims, runs and commits all that is queued. */
static void
run_all(struct world *w)
{
	struct seat seat = { .dir = NULL };
	struct queue q;

	join(w, &seat);
	spool_look(w->sp, &q, NULL);
	for (size_t i = 0; i < q.nbuckets; i++) {
		struct token *v;
		size_t n;

		spool_bucket(w->sp, &q.buckets[i], &v, &n);
		for (size_t k = 0; k < n && !w->failed; k++)
			if (spool_claim(w->sp, &seat, &q.buckets[i],
					&v[k]) != 1)
				wrong(w, "job %" PRIu64 " cannot be claimed",
				      v[k].id);
			else
				run_claim(w, &seat, &v[k]);
		free(v);
	}
	queue_release(&q);
	if (!w->failed && spool_leave(w->sp, &seat) < 0)
		wrong(w, "cannot leave");
	seat_release(&seat);
}

static void
check_output(struct world *w, const struct seen *s)
{
	char *path = xasprintf("%s/result-%" PRIu64 ".txt", w->top, s->t.id);
	char *want = xasprintf("job %" PRIu64 " attempt %u\n", s->t.id,
			       s->t.attempt);
	char *side = xasprintf("%s/.result-%" PRIu64 ".txt.nfsq-%" PRIu64
			       ".%u", w->top, s->t.id, s->t.id, s->t.attempt);
	char buf[200] = "";
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0 || strcmp(buf, want) != 0)
		wrong(w, "output of job %" PRIu64 " is '%s', not of attempt "
		      "%u", s->t.id, buf, s->t.attempt);
	if (!w->strays && (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
			   access(side, F_OK) == 0))
		wrong(w, "output of job %" PRIu64 " is not in its place",
		      s->t.id);
	free(side);
	free(want);
	free(path);
}

static void
check_ends(struct world *w)
{
	struct seen *v;
	size_t n = tokens_seen(w, &v);

	for (size_t i = 0; i < w->n && !w->failed; i++) {
		struct seen s;
		int state = state_among(w, v, n, &w->job[i], &s);
		unsigned want = w->want[i] ? w->want[i] : 1u << STATE_DONE;

		if (state < 0 || !(want & 1u << state)) {
			wrong(w, "job %" PRIu64 " ended in %s",
			      w->job[i].id, s.rel);
			break;
		}
		if (w->attempts[i] && s.t.attempt != w->attempts[i])
			wrong(w, "job %" PRIu64 " took %u attempts, not %u",
			      w->job[i].id, s.t.attempt, w->attempts[i]);
		if (w->attempts[i] && s.t.lost < w->lost[i])
			wrong(w, "job %" PRIu64 " lost %u attempts, not %u",
			      w->job[i].id, s.t.lost, w->lost[i]);
		if (s.t.flags & TOKEN_OUTPUT &&
		    (state == STATE_DONE || s.t.reason == REASON_EXIT))
			check_output(w, &s);
	}
	free(v);
}

static int
purge_one(const struct entry *e, void *arg)
{
	struct world *w = arg;
	struct error err = ERROR_INIT;

	if (spool_purge(w->sp, e, &err) != 1)
		wrong(w, "purge: %s", error_text(&err));
	error_release(&err);
	return 0;
}

/* Nothing may be left but the spool itself, tombstones and directories. */
static void
check_remains(struct world *w, const char *rel, int depth)
{
	char *path = xasprintf("%s/%s", w->dir, rel);
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		char *sub = xasprintf("%s%s%s", rel, *rel ? "/" : "",
				      e->d_name);
		bool body = strncmp(sub, "jobs/", 5) == 0;
		bool keep = strcmp(sub, "nfsq.conf") == 0 ||
			    strncmp(sub, "seq/", 4) == 0 ||
			    strncmp(sub, "tomb/", 5) == 0 ||
			    (body && w->orphans);

		if (e->d_name[0] == '.' && depth == 0)
			keep = e->d_name[1] == '\0' || e->d_name[1] == '.';
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0) {
			free(sub);
			continue;
		}
		if (e->d_type == DT_DIR && strncmp(sub, "queue/", 6) != 0 &&
		    strncmp(sub, "tmp/", 4) != 0 &&
		    strncmp(sub, "workers/", 8) != 0)
			check_remains(w, sub, depth + 1);
		else if (!keep)
			wrong(w, "'%s' is left", sub);
		free(sub);
	}
	if (d)
		closedir(d);
	free(path);
}

void
finish(struct world *w)
{
	struct error err = ERROR_INIT;
	int64_t now = 0, next;

	judge(w);
	reap_all(w);
	judge(w);
	spool_server_now(w->sp, &now, &err);
	if (recover_queue(w->sp, &err) < 0 ||
	    recover_release_waiting(w->sp, INT64_C(5000000000000), &next,
				    &err) < 0 ||
	    spool_scan(w->sp, 1u << STATE_HELD, 0, UINT64_MAX, release_held, w,
		       &err) < 0)
		wrong(w, "%s", error_text(&err));
	if (!w->failed)
		run_all(w);
	judge(w);
	check_ends(w);
	spool_undrain(w->sp, "host", NULL, &err);
	recover_queue(w->sp, &err);
	spool_scan(w->sp, SCAN_ENDED, 0, UINT64_MAX, purge_one, w, &err);
	recover_sweep(w->sp, now + 90000000, &err);
	if (!w->failed)
		check_remains(w, "", 0);
	/* No name is ever used twice (NFS-FACTS 0.1). */
	if (w->sh->log.client.lie[0])
		wrong(w, "%s", w->sh->log.client.lie);
	error_release(&err);
}

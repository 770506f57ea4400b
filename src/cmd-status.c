/*
 * cmd-status.c - nfsq status: the spool on one screen, and what looks wrong
 *
 * Names only, no body is opened.
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "fsck.h"
#include "view.h"
#include "when.h"
#include "why.h"

#define MINUTE_MS 60000
#define HOUR_MS 3600000

struct values {
	bool json;
};

static const struct opt opts[] = {
	{ 0, "json", NULL, "print an object", OPT_FLAG,
	  offsetof(struct values, json), NULL, NULL },
	OPT_END
};

struct status {
	struct spool *sp;
	struct why look;
	size_t jobs[STATE_COUNT];
	size_t workers[WORKER_KINDS];
	int64_t cpus, used;	/* of those that live */
	int64_t most_cpus;
	size_t last_minute, last_hour;
	size_t foreign;
	struct entry oldest;	/* of those that could run; t.id 0: none */
	struct token big;	/* no living worker can run it; id 0: none */
	struct strlist problems;
};

/* --- looking */

static void
count_ended(struct status *s, const struct token *t)
{
	int64_t age = s->look.now_ms - t->end_ms;

	if (t->end_ms <= 0)
		return;
	s->last_minute += age < MINUTE_MS;
	s->last_hour += age < HOUR_MS;
}

static int
count_job(const struct entry *e, void *arg)
{
	struct status *s = arg;
	bool waits = e->state == STATE_QUEUED ||
		     (e->state == STATE_WAITING &&
		      e->t.begin_ms <= s->look.now_ms);

	s->jobs[e->state]++;
	if (state_ended(e->state))
		count_ended(s, &e->t);
	s->foreign += e->t.foreign && !state_ended(e->state);
	if (e->state == STATE_QUEUED && (int64_t)e->t.cpus > s->most_cpus &&
	    s->big.id == 0)
		s->big = e->t;
	if (waits && e->t.submit_ms > 0 &&
	    (s->oldest.t.id == 0 ||
	     e->t.submit_ms < s->oldest.t.submit_ms)) {
		s->oldest = *e;
		s->oldest.dir = NULL;
	}
	return 0;
}

static void
count_workers(struct status *s)
{
	for (size_t i = 0; i < s->look.nworkers; i++) {
		const struct worker_info *w = &s->look.workers[i];
		enum view_worker k = view_worker(s->sp, &s->look.queue, w,
						 s->look.now_ms);

		s->workers[k]++;
		if (k != WORKER_ALIVE && k != WORKER_DRAINING)
			continue;
		s->used += view_cpus_used(w);
		if (k != WORKER_ALIVE)
			continue;
		s->cpus += w->cpus;
		if (w->cpus > s->most_cpus)
			s->most_cpus = w->cpus;
	}
}

__attribute__((format(printf, 2, 3))) static void
problem(struct status *s, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	strlist_take(&s->problems, str_detach(&text));
}

static void
judge_workers(struct status *s)
{
	size_t alive = s->workers[WORKER_ALIVE];
	size_t queued = s->jobs[STATE_QUEUED];

	if (queued > 0 && alive == 0 && s->workers[WORKER_DRAINING] > 0)
		problem(s, "jobs are queued and all workers are drained "
			"(nfsq undrain)");
	else if (queued > 0 && alive == 0)
		problem(s, "jobs are queued and no worker is alive (start "
			"nfsq-worker)");
	else if (s->big.id > 0)
		problem(s, "job %" PRIu64 " needs %u cpus, the largest worker "
			"has %" PRId64, s->big.id, s->big.cpus, s->most_cpus);
	for (size_t i = 0; i < s->look.nworkers; i++) {
		const struct worker_info *w = &s->look.workers[i];

		if (view_worker(s->sp, &s->look.queue, w, s->look.now_ms) ==
		    WORKER_SILENT)
			problem(s, "worker %.8s on '%s' is silent for longer "
				"than the lease (jobs: %zu)", w->uuid,
				w->host ? w->host : "", w->nheld);
	}
}

static void
judge_disk(struct status *s)
{
	struct str left = STR_INIT;
	int64_t bytes;
	bool inodes;

	if (fsck_full(s->sp, &bytes, &inodes) != 1)
		return;
	when_add_size(&left, bytes);
	if (inodes)
		problem(s, "the disk is nearly out of inodes (nfsq purge)");
	else
		problem(s, "the disk is nearly full: %s left (nfsq purge)",
			left.s);
	str_release(&left);
}

static void
judge(struct status *s)
{
	judge_workers(s);
	if (s->jobs[STATE_CORRUPT] > 0)
		problem(s, "corrupt jobs: %zu (nfsq ls --state corrupt)",
			s->jobs[STATE_CORRUPT]);
	if (s->foreign > 0)
		problem(s, "jobs that need a newer nfsq: %zu", s->foreign);
	judge_disk(s);
}

static void
look(struct status *s, struct spool *sp)
{
	struct error err = ERROR_INIT;

	*s = (struct status){ .sp = sp };
	if (why_look(&s->look, sp, view_now(sp), &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	count_workers(s);
	if (spool_scan(sp, SCAN_ALL, 1, TOKEN_ID_MAX, count_job, s,
		       &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	judge(s);
}

/* --- telling */

static void
add_oldest(const struct status *s, struct str *out)
{
	const struct token *t = &s->oldest.t;

	if (t->id == 0)
		return;
	str_addf(out, "oldest    job %" PRIu64 ", %s for ", t->id,
		 state_name(s->oldest.state));
	when_add_duration(out, s->look.now_ms > t->submit_ms
			  ? s->look.now_ms - t->submit_ms : 0);
	str_add(out, ": ");
	why_add(&s->look, &s->oldest, out);
	str_addc(out, '\n');
}

static void
print_text(const struct status *s)
{
	struct str out = STR_INIT;

	str_add(&out, "spool     ");
	str_add_safe(&out, s->sp->dir, strlen(s->sp->dir));
	str_add(&out, "\njobs     ");
	for (size_t i = 0; i < STATE_COUNT; i++)
		str_addf(&out, " %zu %s%s", s->jobs[i],
			 state_name((enum state)i),
			 i + 1 < STATE_COUNT ? "," : "\nworkers  ");
	for (size_t i = 0; i < WORKER_KINDS; i++)
		str_addf(&out, " %zu %s%s", s->workers[i],
			 view_worker_name((enum view_worker)i),
			 i + 1 < WORKER_KINDS ? "," : "\n");
	str_addf(&out, "cpus      %" PRId64 " of %" PRId64 " in use\n",
		 s->used, s->cpus);
	str_addf(&out, "ended     %zu in the last minute, %zu in the last "
		 "hour\n", s->last_minute, s->last_hour);
	add_oldest(s, &out);
	for (size_t i = 0; i < s->problems.n; i++) {
		str_add(&out, "wrong     ");
		str_add_safe(&out, s->problems.v[i],
			     strlen(s->problems.v[i]));
		str_addc(&out, '\n');
	}
	cmd_out(&out);
	str_release(&out);
}

static json_t *
oldest_json(const struct status *s)
{
	const struct token *t = &s->oldest.t;
	int64_t age = s->look.now_ms - t->submit_ms;

	if (t->id == 0)
		return json_null();
	return json_pack("{s:I, s:s, s:f}", "id", (json_int_t)t->id, "state",
			 state_name(s->oldest.state), "age",
			 (double)(age > 0 ? age : 0) / 1000);
}

static void
print_json(const struct status *s)
{
	json_t *jobs = json_object(), *workers = json_object();
	json_t *problems = json_array();
	json_t *all;

	for (size_t i = 0; i < STATE_COUNT; i++)
		json_object_set_new(jobs, state_name((enum state)i),
				    json_integer((json_int_t)s->jobs[i]));
	for (size_t i = 0; i < WORKER_KINDS; i++)
		json_object_set_new(workers,
				    view_worker_name((enum view_worker)i),
				    json_integer((json_int_t)s->workers[i]));
	for (size_t i = 0; i < s->problems.n; i++)
		json_array_append_new(problems, json_text(s->problems.v[i]));
	all = json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o}",
			"spool", json_text(s->sp->dir), "jobs", jobs,
			"workers", workers, "cpus", (json_int_t)s->cpus,
			"cpus_used", (json_int_t)s->used,
			"ended_last_minute", (json_int_t)s->last_minute,
			"ended_last_hour", (json_int_t)s->last_hour,
			"oldest_waiting", oldest_json(s), "problems",
			problems);
	if (!all)
		die(EXIT_FAILED, "cannot make JSON");
	json_print(all);
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .json = false };
	struct globals all = *g;
	struct status s;
	struct spool *sp;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 0)
		return cmd_usage(cmd, "unexpected word '%s'", argv[0]);
	sp = cmd_open(&all);
	look(&s, sp);
	if (v.json)
		print_json(&s);
	else
		print_text(&s);
	why_release(&s.look);
	strlist_release(&s.problems);
	spool_free(sp);
	return EXIT_DONE;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "show the spool on one screen",
	.usage = "[options]",
	.text = "Jobs by state, workers, CPUs in use, what ended lately, the "
		"oldest waiting job, and what looks wrong.",
	.opts = opts,
	.run = run,
};

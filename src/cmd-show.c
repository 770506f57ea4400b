/*
 * cmd-show.c - nfsq show: everything about a job
 *
 * Names of environment variables are shown, never their values.
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "view.h"
#include "when.h"
#include "why.h"

struct values {
	bool json;
};

static const struct opt opts[] = {
	{ 0, "json", NULL, "print an array of objects", OPT_FLAG,
	  offsetof(struct values, json), NULL, NULL },
	OPT_END
};

struct page {
	const struct why *why;
	const struct entry *e;
	const struct job *j;	/* NULL: it cannot be read */
	struct attempt *a;
	size_t n;
	struct str *out;
};

/* --- lines: "  title     text" */

static void
line(const struct page *p, const char *title, const char *text)
{
	if (!text || !*text)
		return;
	str_addf(p->out, "  %-12s ", title);
	str_add_safe(p->out, text, strlen(text));
	str_addc(p->out, '\n');
}

__attribute__((format(printf, 3, 4))) static void
linef(const struct page *p, const char *title, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	line(p, title, s.s);
	str_release(&s);
}

static void
line_time(const struct page *p, const char *title, int64_t ms,
	  const char *more)
{
	struct str s = STR_INIT;

	if (ms <= 0)
		return;
	when_add_local(&s, ms, p->why->now_ms);
	str_add(&s, more);
	line(p, title, s.s);
	str_release(&s);
}

static void
line_list(const struct page *p, const char *title, const struct strlist *l,
	  bool names)
{
	struct str s = STR_INIT;

	/* Folded: an environment would fill half a screen with one line. */
	for (size_t i = 0; i < l->n; i++) {
		const char *v = l->v[i];
		size_t n = names ? strcspn(v, "=") : strlen(v);

		if (s.len > 0 && s.len + n > 62) {
			line(p, title, s.s);
			str_clear(&s);
			title = "";
		}
		if (s.len > 0)
			str_addc(&s, ' ');
		str_addn(&s, v, n);
	}
	line(p, title, s.s);
	str_release(&s);
}

/* --- the parts */

static void
show_state(const struct page *p)
{
	const struct token *t = &p->e->t;
	struct str s = STR_INIT;

	str_add(&s, state_name(p->e->state));
	if (t->reason != REASON_NONE) {
		str_add(&s, " (");
		view_reason(&s, t->reason, t->exit_code, t->signal);
		str_addc(&s, ')');
	}
	if (p->e->purged)
		str_add(&s, ", purged");
	if (t->foreign)
		str_add(&s, ", written by a newer nfsq");
	line(p, "state", s.s);
	str_clear(&s);
	if (!p->e->purged)
		why_add(p->why, p->e, &s);
	line(p, "waits", s.s);
	str_release(&s);
	if (view_ended(p->e))
		linef(p, "exit", "%d", cmd_exit_status(p->e));
	line(p, "worker", p->e->worker);
	line(p, "host", t->host);
}

static void
show_times(const struct page *p)
{
	const struct token *t = &p->e->t;
	int64_t end = t->end_ms > 0 ? t->end_ms : p->why->now_ms;
	struct str ran = STR_INIT, from = STR_INIT;

	if (p->j && p->j->submit_host)
		str_addf(&from, " on %s", p->j->submit_host);
	if (t->start_ms > 0) {
		str_add(&ran, " (ran ");
		when_add_duration(&ran, end > t->start_ms ? end - t->start_ms
							  : 0);
		str_addc(&ran, ')');
	}
	line_time(p, "submitted", t->submit_ms, from.s);
	line_time(p, "begins", t->begin_ms, "");
	line_time(p, "started", t->start_ms, t->end_ms > 0 ? "" : ran.s);
	line_time(p, "ended", t->end_ms, ran.s);
	str_release(&from);
	str_release(&ran);
}

static void
show_needs(const struct page *p)
{
	const struct token *t = &p->e->t;
	struct str s = STR_INIT;

	linef(p, "priority", "%d", t->priority);
	linef(p, "cpus", "%u", t->cpus);
	if (t->mem_mb > 0)
		linef(p, "memory", "%" PRIu64 " MiB", t->mem_mb);
	if (t->gpus > 0)
		linef(p, "gpus", "%u", t->gpus);
	if (p->j && p->j->time_limit_ms > 0) {
		when_add_duration(&s, p->j->time_limit_ms);
		str_add(&s, ", then SIGTERM, SIGKILL after ");
		when_add_duration(&s, p->j->kill_grace_ms);
		line(p, "time limit", s.s);
	}
	linef(p, "attempts", "%u, %u lost of %u%s", t->attempt, t->lost,
	      t->max_attempts, t->flags & TOKEN_NO_REQUEUE
	      ? ", never started again" : "");
	str_release(&s);
}

static void
show_request(const struct page *p)
{
	static const char *const modes[] = {
		[OPEN_RENAME] = NULL,
		[OPEN_APPEND] = "append",
		[OPEN_TRUNCATE] = "truncate",
	};
	const struct job *j = p->j;
	struct str command = STR_INIT;

	view_command(&command, j);
	line(p, "command", command.s);
	str_release(&command);
	if (j->script)
		linef(p, "script", "%s, %zu bytes stored",
		      j->script_path ? j->script_path : "standard input",
		      j->script_len);
	line(p, "directory", j->cwd);
	line(p, "submitted in", j->submit_dir);
	line(p, "input", j->stdin_name ? "stored in the spool" : j->input);
	line(p, "open mode", modes[j->open_mode]);
	linef(p, "umask", "%03o", (unsigned)j->umask);
	line_list(p, "labels", &j->labels, false);
	line(p, "comment", j->comment);
	line_list(p, j->no_env ? "variables" : "environment", &j->env, true);
	if (j->no_env)
		line(p, "environment", "the worker's basics and variables");
}

static void
show_files(const struct page *p)
{
	struct view_files f;

	view_files(p->e, p->j, p->n ? &p->a[p->n - 1] : NULL, &f);
	line(p, "output", f.out ? f.out : p->j->output);
	if (!f.out || !f.err || strcmp(f.out, f.err) != 0)
		line(p, "error", f.err ? f.err : p->j->error);
	view_files_release(&f);
}

static void
add_attempt(const struct page *p, const struct attempt *a, struct str *s)
{
	if (a->host)
		str_addf(s, "on %s", a->host);
	if (a->start_ms > 0) {
		str_add(s, " from ");
		when_add_local(s, a->start_ms, p->why->now_ms);
	}
	if (a->end_ms > 0) {
		str_add(s, " to ");
		when_add_local(s, a->end_ms, p->why->now_ms);
	}
	if (a->reason != REASON_NONE) {
		str_add(s, ", ");
		view_reason(s, a->reason, a->exit_code, a->signal);
	}
	if (a->cpu_ms >= 0) {
		str_add(s, ", cpu ");
		when_add_duration(s, a->cpu_ms);
	}
	if (a->rss_kb >= 0) {
		str_add(s, ", max rss ");
		when_add_size(s, a->rss_kb * 1024);
	}
}

static void
show_attempt(const struct page *p, size_t i)
{
	const struct attempt *a = &p->a[i];
	char *title = xasprintf("attempt %u", a->attempt);
	struct str s = STR_INIT;

	add_attempt(p, a, &s);
	line(p, title, s.len > 0 ? s.s : "nothing is known");
	line(p, "", a->detail);
	line(p, "", a->out);
	line(p, "", a->err);
	str_release(&s);
	free(title);
}

static void
show_page(const struct page *p)
{
	const struct token *t = &p->e->t;

	str_addf(p->out, "job %" PRIu64 "\n", t->id);
	line(p, "name", p->j ? p->j->name : t->name);
	line(p, "user", p->j ? p->j->user : t->user);
	show_state(p);
	show_times(p);
	show_needs(p);
	if (p->j) {
		show_request(p);
		show_files(p);
	}
	for (size_t i = 0; i < p->n; i++)
		show_attempt(p, i);
}

/* 0 or -1. */
static int
show_job(struct spool *sp, const struct why *why, const struct entry *e,
	 struct str *out, struct error *err)
{
	struct page p = { .why = why, .e = e, .out = out };
	struct error bad = ERROR_INIT;
	struct job j;
	int r;

	job_init(&j);
	if (spool_attempts(sp, e, &p.a, &p.n, err) < 0)
		return -1;
	r = e->purged ? -1 : spool_read_job(sp, &e->t, &j, NULL, &bad);
	p.j = r < 0 ? NULL : &j;
	show_page(&p);
	if (!e->purged && r <= 0)
		line(&p, r < 0 ? "unreadable" : "unknown", error_text(&bad));
	error_release(&bad);
	attempts_free(p.a, p.n);
	job_release(&j);
	return 0;
}

/* --- the command */

static void
show_text(struct spool *sp, const struct cmd_jobs *jobs)
{
	struct error err = ERROR_INIT;
	struct str out = STR_INIT;
	struct why why;

	if (why_look(&why, sp, view_now(sp), &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	for (size_t i = 0; i < jobs->n; i++) {
		if (i > 0)
			str_addc(&out, '\n');
		if (show_job(sp, &why, &jobs->v[i], &out, &err) < 0)
			die(EXIT_FAILED, "%s", error_text(&err));
	}
	cmd_out(&out);
	str_release(&out);
	why_release(&why);
}

struct list {
	struct spool *sp;
	const struct cmd_jobs *jobs;
};

static json_t *
object_of(size_t i, void *arg)
{
	const struct list *l = arg;
	struct error err = ERROR_INIT;
	json_t *j = json_job(l->sp, &l->jobs->v[i], true, true, 0, &err);

	if (!j)
		die(EXIT_FAILED, "%s", error_text(&err));
	return j;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .json = false };
	struct globals all = *g;
	struct cmd_jobs jobs = { .v = NULL };
	struct error err = ERROR_INIT;
	struct spool *sp;
	struct list l;
	int failures;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc == 0)
		return cmd_usage(cmd, "name a job");
	sp = cmd_open(&all);
	if (cmd_select(sp, argc, argv, NULL, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	l = (struct list){ sp, &jobs };
	if (v.json)
		json_print_list(object_of, jobs.n, &l);
	else if (jobs.n > 0)
		show_text(sp, &jobs);
	failures = jobs.failures;
	cmd_jobs_release(&jobs);
	spool_free(sp);
	return failures ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_show = {
	.name = "show",
	.summary = "tell everything about jobs",
	.usage = "[options] ID...",
	.text = "Also each attempt, with its host, times, use and outputs. Of "
		"the environment the names are shown, never the values.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

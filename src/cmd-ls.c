/*
 * cmd-ls.c - nfsq ls: a line a job, from the names in the spool alone
 *
 * Bodies are opened only when something is asked for that no name tells:
 * --full, a label, or one of the fields so marked below.
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "view.h"
#include "when.h"

#define RECENT_MS 3600000	/* ended jobs shown without --all */

struct values {
	struct cmd_filter f;
	const char *fields;
	bool no_header, all, json, full;
};

static const struct opt opts[] = {
	{ 's', "state", "STATE,..", "jobs in one of these states", OPT_PARSE,
	  offsetof(struct values, f.states), cmd_parse_states, "state" },
	{ 'n', "name", "GLOB", "jobs with a name like this", OPT_STRING,
	  offsetof(struct values, f.name), NULL, NULL },
	{ 'u', "user", "USER", "jobs of this user", OPT_STRING,
	  offsetof(struct values, f.user), NULL, "user" },
	{ 'm', "mine", NULL, "your jobs", OPT_FLAG,
	  offsetof(struct values, f.mine), NULL, NULL },
	{ 0, "label", "KEY[=VALUE]", "jobs with this label", OPT_LIST,
	  offsetof(struct values, f.labels), NULL, NULL },
	{ 'o', "output", "FIELD,..", "these fields, separated by tabs",
	  OPT_STRING, offsetof(struct values, fields), NULL, NULL },
	{ 0, "no-header", NULL, "leave the titles out", OPT_FLAG,
	  offsetof(struct values, no_header), NULL, NULL },
	{ 'a', "all", NULL, "also jobs that ended over an hour ago", OPT_FLAG,
	  offsetof(struct values, all), NULL, NULL },
	{ 0, "full", NULL, "read what only the jobs' files tell", OPT_FLAG,
	  offsetof(struct values, full), NULL, NULL },
	{ 0, "json", NULL, "print an array of objects", OPT_FLAG,
	  offsetof(struct values, json), NULL, NULL },
	OPT_END
};

/* --- -o: the keys of --json */

static const struct field {
	const char *name;
	bool body;		/* no name tells it */
} fields[] = {
	{ "id", false }, { "name", false }, { "state", false },
	{ "reason", false }, { "priority", false }, { "array_task", false },
	{ "submit_time", false }, { "begin_time", false },
	{ "start_time", false }, { "end_time", false },
	{ "exit_code", false }, { "signal", false }, { "attempt", false },
	{ "worker", false }, { "host", false }, { "user", false },
	{ "cpus", false }, { "mem_mb", false }, { "gpus", false },
	{ "cpu_seconds", false }, { "max_rss_kb", false },
	{ "output", true }, { "error", true }, { "command", true },
	{ "cwd", true }, { "labels", true },
};

static const struct field *
find_field(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* Splits -o; -1 when a field is not known, which is told. */
static int
read_fields(const struct command *cmd, struct values *v, struct strlist *l)
{
	struct str known = STR_INIT;
	const char *p = v->fields;

	for (;;) {
		size_t n = strcspn(p, ",");
		const struct field *f;

		strlist_take(l, xstrndup(p, n));
		f = find_field(l->v[l->n - 1]);
		if (!f)
			break;
		v->full |= f->body;
		if (!p[n])
			return 0;
		p += n + 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		str_addf(&known, "%s%s", i ? " " : "", fields[i].name);
	cmd_usage(cmd, "unknown field '%s' of --output (%s)", l->v[l->n - 1],
		  known.s);
	str_release(&known);
	return -1;
}

static void
add_words(struct str *out, json_t *array)
{
	struct str s = STR_INIT;

	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			str_addc(&s, ' ');
		str_add_shell(&s, json_string_value(json_array_get(array, i)));
	}
	str_add_safe(out, s.s, s.len);
	str_release(&s);
}

static void
add_pairs(struct str *out, json_t *object)
{
	struct str s = STR_INIT;

	for (void *i = json_object_iter(object); i;
	     i = json_object_iter_next(object, i))
		str_addf(&s, "%s%s=%s", s.len > 0 ? "," : "",
			 json_object_iter_key(i),
			 json_string_value(json_object_iter_value(i)));
	str_add_safe(out, s.s, s.len);
	str_release(&s);
}

static void
add_value(struct str *out, json_t *j)
{
	size_t before = out->len;

	if (json_is_string(j))
		str_add_safe(out, json_string_value(j),
			     json_string_length(j));
	else if (json_is_integer(j))
		str_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	else if (json_is_real(j))
		str_addf(out, "%.12g", json_real_value(j));
	else if (json_is_array(j))
		add_words(out, j);
	else if (json_is_object(j))
		add_pairs(out, j);
	if (out->len == before)
		str_addc(out, '-');
}

/* --- the three forms */

struct list {
	struct spool *sp;
	const struct cmd_jobs *jobs;
	bool full;
	int64_t now_ms;
};

static json_t *
object_of(size_t i, void *arg)
{
	const struct list *l = arg;
	struct error err = ERROR_INIT;
	json_t *j = json_job(l->sp, &l->jobs->v[i], l->full, false, l->now_ms,
			     &err);

	if (!j)
		die(EXIT_FAILED, "%s", error_text(&err));
	return j;
}

static void
print_fields(struct list *l, const struct strlist *names, bool header)
{
	struct str out = STR_INIT;

	for (size_t k = 0; header && k < names->n; k++)
		str_addf(&out, "%s%c", names->v[k],
			 k + 1 < names->n ? '\t' : '\n');
	for (size_t i = 0; i < l->jobs->n; i++) {
		json_t *j = object_of(i, l);

		for (size_t k = 0; k < names->n; k++) {
			add_value(&out, json_object_get(j, names->v[k]));
			str_addc(&out, k + 1 < names->n ? '\t' : '\n');
		}
		json_decref(j);
	}
	cmd_out(&out);
	str_release(&out);
}

static void
add_span(struct table *t, int64_t from, int64_t to)
{
	struct str s = STR_INIT;

	if (from > 0 && to > 0)
		when_add_duration(&s, to > from ? to - from : 0);
	table_add(t, s.s);
	str_release(&s);
}

static void
add_command(struct table *t, struct spool *sp, const struct entry *e)
{
	struct error err = ERROR_INIT;
	struct str s = STR_INIT;
	struct job j;

	job_init(&j);
	if (!e->purged && spool_read_job(sp, &e->t, &j, NULL, &err) >= 0)
		view_command(&s, &j);
	error_release(&err);
	table_add(t, s.s);
	str_release(&s);
	job_release(&j);
}

static void
add_job(struct table *t, const struct entry *e, int64_t now)
{
	const struct token *k = &e->t;
	struct str reason = STR_INIT;
	bool open = e->state == STATE_RUNNING;

	table_addn(t, (int64_t)k->id);
	table_add(t, k->name);
	table_add(t, k->user);
	table_add(t, state_name(e->state));
	view_reason(&reason, k->reason, k->exit_code, k->signal);
	table_add(t, reason.s);
	table_addn(t, k->cpus);
	add_span(t, k->submit_ms, now);
	add_span(t, k->start_ms, open ? now : k->end_ms);
	table_add(t, k->host);
	str_release(&reason);
}

static void
print_table(const struct list *l, bool header)
{
	const char *titles[] = {
		">ID", "NAME", "USER", "STATE", "REASON", ">CPUS", ">AGE",
		">TIME", "HOST", l->full ? "COMMAND" : NULL, NULL,
	};
	struct str out = STR_INIT;
	struct table t;

	table_init(&t, titles);
	for (size_t i = 0; i < l->jobs->n; i++) {
		add_job(&t, &l->jobs->v[i], l->now_ms);
		if (l->full)
			add_command(&t, l->sp, &l->jobs->v[i]);
	}
	table_end(&t, header, &out);
	cmd_out(&out);
	str_release(&out);
}

/* Drops what ended long ago. */
static void
keep_recent(struct cmd_jobs *jobs, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < jobs->n; i++) {
		struct entry *e = &jobs->v[i];

		if (state_ended(e->state) && e->t.end_ms > 0 &&
		    e->t.end_ms < now - RECENT_MS)
			entry_release(e);
		else
			jobs->v[kept++] = *e;
	}
	jobs->n = kept;
}

static int
list_jobs(const struct globals *g, int argc, char **argv,
	  const struct values *v, const struct strlist *names)
{
	struct spool *sp = cmd_open(g);
	struct cmd_jobs jobs = { .v = NULL };
	struct error err = ERROR_INIT;
	struct list l = { sp, &jobs, v->full, view_now(sp) };
	int failures;

	if (cmd_select(sp, argc, argv, &v->f, &jobs, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (!v->all && !v->f.states && argc == 0)
		keep_recent(&jobs, l.now_ms);
	if (v->json)
		json_print_list(object_of, jobs.n, &l);
	else if (v->fields)
		print_fields(&l, names, !v->no_header);
	else
		print_table(&l, !v->no_header);
	failures = jobs.failures;
	error_release(&err);
	cmd_jobs_release(&jobs);
	spool_free(sp);
	return failures ? EXIT_FAILED : EXIT_DONE;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .fields = NULL };
	struct strlist names = STRLIST_INIT;
	struct globals all = *g;
	int status = EXIT_USAGE;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 0 && (v.f.states || v.f.name || v.f.user || v.f.mine ||
			 v.f.labels.n > 0))
		cmd_usage(cmd, "name jobs or a filter, not both");
	else if (v.json && v.fields)
		cmd_usage(cmd, "--json and --output exclude each other");
	else if (!v.fields || read_fields(cmd, &v, &names) == 0)
		status = list_jobs(&all, argc, argv, &v, &names);
	strlist_release(&names);
	strlist_release(&v.f.labels);
	return status;
}

const struct command cmd_ls = {
	.name = "ls",
	.summary = "list jobs",
	.usage = "[options] [ID...]",
	.text = "The jobs of all users, the newest last. Without --all, "
		"--state or ids those that ended more than an hour ago are "
		"left out. The fields of --output are the keys of --json.",
	.opts = opts,
	.complete = "job",
	.run = run,
};

/*
 * cmd-workers.c - nfsq workers: who is there, on which host, doing what
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "view.h"
#include "when.h"

#define ID_SHOWN 8		/* characters of the UUID */

struct values {
	bool json, no_header;
};

static const struct opt opts[] = {
	{ 0, "no-header", NULL, "leave the titles out", OPT_FLAG,
	  offsetof(struct values, no_header), NULL, NULL },
	{ 0, "json", NULL, "print an array of objects", OPT_FLAG,
	  offsetof(struct values, json), NULL, NULL },
	OPT_END
};

struct look {
	struct spool *sp;
	struct worker_info *w;
	size_t n;
	struct queue queue;
	int64_t now_ms;
};

static const char *
state_of(const struct look *l, const struct worker_info *w)
{
	return view_worker_name(view_worker(l->sp, &l->queue, w, l->now_ms));
}

static int64_t
age_of(const struct look *l, const struct worker_info *w)
{
	return l->now_ms > w->beat_ms ? l->now_ms - w->beat_ms : 0;
}

static void
add_worker(struct table *t, const struct look *l, const struct worker_info *w)
{
	char id[ID_SHOWN + 1];
	struct str age = STR_INIT;

	snprintf(id, sizeof(id), "%.*s", ID_SHOWN, w->uuid);
	if (w->beat_ms > 0)
		when_add_duration(&age, age_of(l, w));
	table_add(t, w->name);
	table_add(t, w->host);
	table_add(t, w->user);
	table_add(t, id);
	table_addn(t, w->cpus);
	table_addn(t, view_cpus_used(w));
	table_addn(t, (int64_t)w->nheld);
	table_add(t, state_of(l, w));
	table_add(t, age.s);
	str_release(&age);
}

static void
print_table(const struct look *l, bool header)
{
	static const char *const titles[] = {
		"NAME", "HOST", "USER", "ID", ">CPUS", ">USED", ">JOBS",
		"STATE", ">AGE", NULL,
	};
	struct str out = STR_INIT;
	struct table t;

	table_init(&t, titles);
	for (size_t i = 0; i < l->n; i++)
		add_worker(&t, l, &l->w[i]);
	table_end(&t, header, &out);
	cmd_out(&out);
	str_release(&out);
}

static json_t *
object_of(const struct look *l, const struct worker_info *w)
{
	json_t *jobs = json_array();

	for (size_t i = 0; i < w->nheld; i++)
		json_array_append_new(jobs, json_integer(
				      (json_int_t)w->held[i].id));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:s, "
			 "s:o}", "id", w->uuid, "name", json_text(w->name),
			 "host", json_text(w->host), "user",
			 json_text(w->user), "version", json_text(w->version),
			 "pid", (json_int_t)w->pid, "cpus",
			 (json_int_t)w->cpus, "cpus_used",
			 (json_int_t)view_cpus_used(w), "jobs", jobs, "state",
			 state_of(l, w), "heartbeat_age", w->beat_ms > 0
			 ? json_real((double)age_of(l, w) / 1000)
			 : json_null());
}

static void
print_json(const struct look *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++)
		if (json_array_append_new(list, object_of(l, &l->w[i])) < 0)
			die(EXIT_FAILED, "cannot make a list of %zu workers",
			    l->n);
	json_print(list);
}

static int
compare(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int
cmp_worker(const void *a, const void *b)
{
	const struct worker_info *x = a, *y = b;
	int r = compare(x->host, y->host);

	if (r == 0)
		r = compare(x->name, y->name);
	return r != 0 ? r : strcmp(x->uuid, y->uuid);
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .json = false };
	struct globals all = *g;
	struct error err = ERROR_INIT;
	struct look l = { .w = NULL };

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 0)
		return cmd_usage(cmd, "unexpected word '%s'", argv[0]);
	l.sp = cmd_open(&all);
	/* The clock last, so that no heartbeat seems to be of the future. */
	if (spool_workers(l.sp, &l.w, &l.n, &err) < 0 ||
	    spool_look(l.sp, &l.queue, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	l.now_ms = view_now(l.sp);
	if (l.n > 0)
		qsort(l.w, l.n, sizeof(*l.w), cmp_worker);
	if (v.json)
		print_json(&l);
	else
		print_table(&l, !v.no_header);
	view_workers_free(l.w, l.n);
	queue_release(&l.queue);
	spool_free(l.sp);
	return EXIT_DONE;
}

const struct command cmd_workers = {
	.name = "workers",
	.summary = "list the workers",
	.usage = "[options]",
	.text = "AGE is that of the last heartbeat. A worker is silent when "
		"it is older than the lease; then others take its jobs over "
		"(reaping).",
	.opts = opts,
	.run = run,
};

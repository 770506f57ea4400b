/*
 * cmd-purge.c - nfsq purge: remove jobs that ended long ago
 *
 * How long ago is told by the server's clock alone: nothing is removed when
 * it cannot be read.
 */
#include "nfsq.h"
#include "cmd.h"

#include "when.h"

struct values {
	int64_t older_ms;	/* 0: the spool's retention */
	bool dry_run;
};

static int
parse_age(const char *value, void *field, struct error *err)
{
	return when_duration(value, WHEN_SECONDS, field, err);
}

static const struct opt opts[] = {
	{ 0, "older-than", "TIME", "that ended longer ago than this "
	  "(default: the spool's retention)", OPT_PARSE,
	  offsetof(struct values, older_ms), parse_age, NULL },
	{ 0, "dry-run", NULL, "only tell which", OPT_FLAG,
	  offsetof(struct values, dry_run), NULL, NULL },
	OPT_END
};

struct old {
	struct entry *v;
	size_t n, cap;
	int64_t before_ms;
};

static int
keep_old(const struct entry *e, void *arg)
{
	struct old *o = arg;

	if (e->t.end_ms <= 0 || e->t.end_ms >= o->before_ms)
		return 0;
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 64;
		o->v = xreallocarray(o->v, o->cap, sizeof(*o->v));
	}
	o->v[o->n] = *e;
	o->v[o->n++].dir = xstrdup(e->dir);
	return 0;
}

static int
cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return token_cmp(&x->t, &y->t);
}

static void
tell(const struct old *o, int64_t now)
{
	struct str out = STR_INIT;

	for (size_t i = 0; i < o->n; i++) {
		const struct token *t = &o->v[i].t;

		str_addf(&out, "job %" PRIu64 " ", t->id);
		str_add_safe(&out, t->name, strlen(t->name));
		str_addf(&out, " %s ", state_name(o->v[i].state));
		when_add_local(&out, t->end_ms, now);
		str_addc(&out, '\n');
	}
	cmd_out(&out);
	str_release(&out);
}

/* How many were purged; failures are told and counted. */
static size_t
purge_all(struct spool *sp, const struct old *o, int *failures)
{
	struct error err = ERROR_INIT;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		const struct entry *e = &o->v[i];
		int r = -1;

		if (e->t.foreign)
			error_set(&err, "cannot purge job %" PRIu64 ": it was "
				  "written by a newer nfsq, which is needed "
				  "to purge it", e->t.id);
		else
			r = spool_purge(sp, e, &err);
		n += r == 1;
		if (r >= 0)
			continue;
		msg_error("%s", error_text(&err));
		error_release(&err);
		++*failures;
	}
	return n;
}

static void
find_old(struct spool *sp, const struct values *v, struct old *o, int64_t *now)
{
	struct error err = ERROR_INIT;
	int64_t age = v->older_ms > 0 ? v->older_ms : sp->conf.retention_ms;

	if (spool_server_now(sp, now, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	o->before_ms = *now - age;
	if (spool_scan(sp, SCAN_ENDED, 1, TOKEN_ID_MAX, keep_old, o,
		       &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (o->n > 0)
		qsort(o->v, o->n, sizeof(*o->v), cmp_entry);
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .older_ms = 0 };
	struct globals all = *g;
	struct old o = { .v = NULL };
	struct spool *sp;
	size_t n;
	int64_t now;
	int failures = 0;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 0)
		return cmd_usage(cmd, "unexpected word '%s'", argv[0]);
	sp = cmd_open(&all);
	find_old(sp, &v, &o, &now);
	if (v.dry_run)
		tell(&o, now);
	n = v.dry_run ? o.n : purge_all(sp, &o, &failures);
	printf("%s %zu job%s\n", v.dry_run ? "would purge" : "purged", n,
	       n == 1 ? "" : "s");
	cmd_flush();
	for (size_t i = 0; i < o.n; i++)
		entry_release(&o.v[i]);
	free(o.v);
	spool_free(sp);
	return failures > 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_purge = {
	.name = "purge",
	.summary = "remove jobs that ended long ago",
	.usage = "[options]",
	.text = "Body, results and outputs of a purged job are removed; its "
		"exit status stays known. Jobs that have not ended are never "
		"touched.",
	.opts = opts,
	.run = run,
};

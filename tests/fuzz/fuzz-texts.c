/*
 * fuzz-texts.c - targets for whole texts: jobs, configurations, scripts
 */
#include "nfsq.h"
#include "fuzz.h"

#include "conf.h"
#include "job.h"
#include "script.h"

static void
check_strings(const struct strlist *a, const struct strlist *b)
{
	FUZZ_CHECK(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		FUZZ_CHECK(strcmp(a->v[i], b->v[i]) == 0);
}

static void
check_text(const char *a, const char *b)
{
	FUZZ_CHECK(a ? b && strcmp(a, b) == 0 : !b);
}

/* Writes a job that may be run, reads it back, compares. */
static void
round_trip(const struct job *j)
{
	struct str text = STR_INIT, again = STR_INIT;
	struct job back;

	job_format(j, &text);
	if (text.len <= JOB_BODY_MAX) {
		for (size_t i = 0; i < text.len; i++)
			FUZZ_CHECK(text.s[i] == '\n' || text.s[i] == '\t' ||
				   (text.s[i] >= ' ' && text.s[i] <= '~'));
		FUZZ_CHECK(job_parse(text.s, text.len, &back, NULL) == 1);
		job_format(&back, &again);
		FUZZ_CHECK(strcmp(text.s, again.s) == 0);
		check_strings(&j->argv, &back.argv);
		check_strings(&j->env, &back.env);
		check_strings(&j->labels, &back.labels);
		check_text(j->name, back.name);
		check_text(j->script, back.script);
		check_text(j->cwd, back.cwd);
		check_text(j->comment, back.comment);
		FUZZ_CHECK(j->script_len == back.script_len);
		FUZZ_CHECK(j->cpus == back.cpus && j->umask == back.umask);
		job_release(&back);
	}
	str_release(&text);
	str_release(&again);
}

void
fuzz_job(const uint8_t *data, size_t n)
{
	struct error err = ERROR_INIT;
	struct job j;
	int r = job_parse((const char *)data, n, &j, &err);

	FUZZ_CHECK((r == 1) == !err.text);
	if (r >= 0)
		FUZZ_CHECK(j.name && j.user);
	if (r == 1) {
		FUZZ_CHECK(j.cwd && j.cwd[0] == '/');
		FUZZ_CHECK(j.script || j.argv.n > 0);
		FUZZ_CHECK(!*j.name || job_check_name(j.name, NULL) == 0);
		round_trip(&j);
	}
	job_release(&j);
	error_release(&err);
}

/* "=.." would be refused: it gets a name. */
static void
add_pair(struct strlist *list, char *text)
{
	if (*text == '=' || !strchr(text, '='))
		strlist_take(list, xasprintf("K=%s", text));
	else
		strlist_add(list, text);
	free(text);
}

void
fuzz_job_made(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	struct job j;
	char *text;

	job_init(&j);
	j.user = fuzz_text(&in);
	j.cwd = xasprintf("/%s", text = fuzz_text(&in));
	free(text);
	text = fuzz_text(&in);
	j.name = *text ? job_default_name(text) : xstrdup("");
	FUZZ_CHECK(!*text || job_check_name(j.name, NULL) == 0);
	free(text);
	j.comment = fuzz_text(&in);
	text = fuzz_text(&in);
	if (*text) {
		j.script = text;
		j.script_len = strlen(text);
	} else {
		free(text);
		strlist_take(&j.argv, fuzz_text(&in));
	}
	j.cpus = (int64_t)(fuzz_number(&in) % 999999 + 1);
	j.umask = (int)(fuzz_number(&in) & 0777);
	j.begin_ms = (int64_t)(fuzz_number(&in) % UINT64_C(253402300799999));
	j.priority = (int)(fuzz_number(&in) % 201) - 100;
	add_pair(&j.labels, fuzz_text(&in));
	add_pair(&j.env, fuzz_text(&in));
	while (in.n > 0)
		strlist_take(&j.argv, fuzz_text(&in));
	round_trip(&j);
	job_release(&j);
}

void
fuzz_conf(const uint8_t *data, size_t n)
{
	struct error err = ERROR_INIT;
	struct conf c;
	int r;

	conf_init(&c);
	r = conf_parse(&c, "FILE", (const char *)data, n, &err);
	FUZZ_CHECK((r == 0) == !err.text);
	FUZZ_CHECK(c.cpus >= 0 && c.poll_ms >= 10);
	FUZZ_CHECK(!c.spool || c.spool[0] == '/');
	if (r < 0)
		FUZZ_CHECK(!c.spool && c.cpus == 0 && c.env_exclude.n == 0);
	conf_release(&c);
	error_release(&err);
}

void
fuzz_spool_conf(const uint8_t *data, size_t n)
{
	struct error err = ERROR_INIT;
	struct str text = STR_INIT;
	struct spool_conf c, back;
	int r;

	spool_conf_init(&c);
	spool_conf_init(&back);
	r = spool_conf_parse(&c, "FILE", (const char *)data, n, &err);
	FUZZ_CHECK((r == 1) == !err.text);
	if (r == 1) {
		FUZZ_CHECK(c.lease_ms >= 2000 && c.retention_ms >= 1000);
		spool_conf_format(&c, &text);
		FUZZ_CHECK(spool_conf_parse(&back, "FILE", text.s, text.len,
					    NULL) == 1);
		FUZZ_CHECK(strcmp(c.uuid, back.uuid) == 0 &&
			   c.group == back.group &&
			   c.lease_ms == back.lease_ms &&
			   c.retention_ms == back.retention_ms);
	}
	str_release(&text);
	spool_conf_release(&c);
	spool_conf_release(&back);
	error_release(&err);
}

void
fuzz_script(const uint8_t *data, size_t n)
{
	struct script s = SCRIPT_INIT;
	struct error err = ERROR_INIT;
	const char *text = (const char *)data;
	int r = script_parse("FILE", text, n, &s, &err);

	FUZZ_CHECK((r == 0) == !err.text);
	if (r == 0 && s.has_lines)
		FUZZ_CHECK(script_is(text, n));
	if (s.n > 0)
		FUZZ_CHECK(s.has_lines);
	for (size_t i = 0; i < s.n; i++) {
		FUZZ_CHECK(s.words[i].line > 0 && s.words[i].line <= n);
		FUZZ_CHECK(i == 0 || s.words[i].line >= s.words[i - 1].line);
		FUZZ_CHECK(strlen(s.words[i].text) <= n);
	}
	script_release(&s);
	error_release(&err);
}

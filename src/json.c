/*
 * json.c - owns the objects of --json: which keys, in which order, and that
 * every text is valid UTF-8
 *
 * A key once printed is not renamed; what is not known is null.  nfsq(1) has
 * the table.
 */
#include "nfsq.h"
#include "cmd.h"

#include <jansson.h>

#include "view.h"
#include "when.h"

#define CHUNK 65536		/* bytes printed at once */

/* Keys and texts are valid UTF-8 here, jansson need not look again. */
static void
put(json_t *o, const char *key, json_t *value)
{
	if (!value || json_object_set_new_nocheck(o, key, value) < 0)
		BUG("cannot set '%s' of a JSON object", key);
}

static void
append(json_t *a, json_t *value)
{
	if (!value || json_array_append_new(a, value) < 0)
		BUG("cannot extend a JSON array");
}

json_t *
json_text(const char *s)
{
	struct str u = STR_INIT;
	json_t *j;

	if (!s)
		return json_null();
	str_add_utf8(&u, s, strlen(s));
	j = json_stringn_nocheck(u.s, u.len);
	str_release(&u);
	return j;
}

/* A text that is unknown when empty. */
static json_t *
known_text(const char *s)
{
	return s && *s ? json_text(s) : json_null();
}

static json_t *
known_number(int64_t n, bool known)
{
	return known ? json_integer(n) : json_null();
}

static json_t *
utc(int64_t ms)
{
	struct str s = STR_INIT;
	json_t *j;

	if (ms <= 0)
		return json_null();
	when_add_utc(&s, ms);
	j = json_text(s.s);
	str_release(&s);
	return j;
}

static json_t *
seconds(int64_t ms)
{
	return ms < 0 ? json_null() : json_real((double)ms / 1000);
}

static json_t *
reason(enum reason why, int exit_code, int sig)
{
	struct str s = STR_INIT;
	json_t *j;

	view_reason(&s, why, exit_code, sig);
	j = known_text(s.s);
	str_release(&s);
	return j;
}

/* --- the body's part */

static json_t *
base64(const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	struct str s = STR_INIT;
	size_t n = strlen(text);
	json_t *j;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)p[i] << 16 |
			     (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? (unsigned)p[i + 2] : 0);

		str_addc(&s, digits[v >> 18]);
		str_addc(&s, digits[v >> 12 & 63]);
		str_addc(&s, left > 1 ? digits[v >> 6 & 63] : '=');
		str_addc(&s, left > 2 ? digits[v & 63] : '=');
	}
	j = json_string(s.s);
	str_release(&s);
	return j;
}

static bool
is_utf8(const char *s)
{
	struct str u = STR_INIT;
	bool bad = str_add_utf8(&u, s, strlen(s));

	str_release(&u);
	return !bad;
}

/* command, and command_base64 when a word is no valid UTF-8. */
static void
put_command(json_t *o, const struct job *j)
{
	json_t *words = json_array(), *raw = json_array();
	const char *word;
	size_t n = view_words(j, SIZE_MAX, &word);
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		view_words(j, i, &word);
		good &= is_utf8(word);
		append(words, json_text(word));
		append(raw, base64(word));
	}
	put(o, "command", words);
	if (good)
		json_decref(raw);
	else
		put(o, "command_base64", raw);
}

static json_t *
labels(const struct job *j)
{
	json_t *o = json_object();

	for (size_t i = 0; i < j->labels.n; i++) {
		const char *label = j->labels.v[i];
		size_t n = strcspn(label, "=");
		struct str key = STR_INIT;

		str_add_utf8(&key, label, n);
		put(o, key.s, json_text(label[n] ? label + n + 1 : ""));
		str_release(&key);
	}
	return o;
}

/* --- attempts */

/* Only the attempt that the job's name tells of has its outputs where the job
 * wants them. */
static void
attempt_files(const struct entry *e, const struct job *j,
	      const struct attempt *a, struct view_files *f)
{
	bool own = j && (j->error || j->split);
	const char *err = own ? a->err : a->out;

	if (j && a->attempt == e->t.attempt &&
	    (view_ended(e) || e->state == STATE_RUNNING)) {
		view_files(e, j, a, f);
		return;
	}
	f->out = a->out ? xstrdup(a->out) : NULL;
	f->err = err ? xstrdup(err) : NULL;
}

static json_t *
attempt(const struct entry *e, const struct job *j, const struct attempt *a)
{
	json_t *o = json_object();
	struct view_files f;

	attempt_files(e, j, a, &f);
	put(o, "attempt", json_integer(a->attempt));
	put(o, "worker", known_text(a->worker));
	put(o, "host", known_text(a->host));
	put(o, "start_time", utc(a->start_ms));
	put(o, "end_time", utc(a->end_ms));
	put(o, "exit_code", known_number(a->exit_code, a->exit_code >= 0));
	put(o, "signal", known_number(a->signal, a->signal > 0));
	put(o, "reason", reason(a->reason, a->exit_code, a->signal));
	put(o, "cpu_seconds", seconds(a->cpu_ms));
	put(o, "max_rss_kb", known_number(a->rss_kb, a->rss_kb >= 0));
	put(o, "output", json_text(f.out));
	put(o, "error", json_text(f.err));
	put(o, "detail", known_text(a->detail));
	view_files_release(&f);
	return o;
}

/* --- one job */

static void
put_name_part(json_t *o, const struct entry *e, const struct job *j)
{
	const struct token *t = &e->t;
	bool ended = view_ended(e);

	put(o, "id", json_integer((json_int_t)t->id));
	put(o, "name", json_text(j ? j->name : t->name));
	put(o, "state", json_text(state_name(e->state)));
	put(o, "reason", reason(t->reason, t->exit_code, t->signal));
	put(o, "priority", json_integer(t->priority));
	put(o, "array_task", json_null());
	put(o, "submit_time", utc(t->submit_ms));
	put(o, "begin_time", utc(t->begin_ms));
	put(o, "start_time", utc(t->start_ms));
	put(o, "end_time", utc(t->end_ms));
	put(o, "exit_code", known_number(t->exit_code, ended));
	put(o, "signal", known_number(t->signal, ended && t->signal > 0));
	put(o, "attempt", json_integer(t->attempt));
	put(o, "worker", known_text(e->worker));
	put(o, "host", known_text(t->host));
	put(o, "user", known_text(j ? j->user : t->user));
	put(o, "cpus", json_integer(t->cpus));
	put(o, "mem_mb", known_number((int64_t)t->mem_mb, t->mem_mb > 0));
	put(o, "gpus", known_number(t->gpus, t->gpus > 0));
	put(o, "cpu_seconds", seconds(t->cpu_ms));
	put(o, "max_rss_kb", known_number(t->rss_kb, t->rss_kb >= 0));
}

static void
put_body_part(json_t *o, const struct entry *e, const struct job *j,
	      const struct attempt *last)
{
	static const char *const keys[] = {
		"output", "error", "command", "cwd", "labels",
	};
	struct view_files f;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		put(o, keys[i], json_null());
	if (!j)
		return;
	view_files(e, j, last, &f);
	put(o, "output", json_text(f.out));
	put(o, "error", json_text(f.err));
	put_command(o, j);
	put(o, "cwd", known_text(j->cwd));
	put(o, "labels", labels(j));
	view_files_release(&f);
}

static json_t *
attempts_of(const struct entry *e, const struct job *j,
	    const struct attempt *a, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		append(list, attempt(e, j, &a[i]));
	return list;
}

/* Reads the body; NULL when it has none that can be read, which is told
 * unless the job is one of those that cannot. */
static struct job *
read_body(struct spool *sp, const struct entry *e, struct job *j)
{
	struct error err = ERROR_INIT;
	int r;

	job_init(j);
	if (e->purged)
		return NULL;
	r = spool_read_job(sp, &e->t, j, NULL, &err);
	if (r < 0 && e->state != STATE_CORRUPT)
		msg_warn("job %" PRIu64 ": %s", e->t.id, error_text(&err));
	error_release(&err);
	return r < 0 ? NULL : j;
}

json_t *
json_job(struct spool *sp, const struct entry *e, bool full, bool attempts,
	 int64_t now_ms, struct error *err)
{
	struct attempt *a = NULL;
	size_t n = 0;
	struct job own, *j = NULL;
	json_t *o = NULL;

	(void)now_ms;
	job_init(&own);
	if (full && spool_attempts(sp, e, &a, &n, err) < 0)
		goto out;
	if (full)
		j = read_body(sp, e, &own);
	o = json_object();
	put_name_part(o, e, j);
	put_body_part(o, e, j, n ? &a[n - 1] : NULL);
	if (attempts)
		put(o, "attempts", attempts_of(e, j, a, n));
out:
	attempts_free(a, n);
	job_release(&own);
	return o;
}

static void
add_text(struct str *out, json_t *j)
{
	size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(12);
	char *text;

	/* U+0080 to U+009F move some terminals; programs read either. */
	if (isatty(STDOUT_FILENO))
		flags |= JSON_ENSURE_ASCII;
	text = json_dumps(j, flags);
	json_decref(j);
	if (!text)
		BUG("cannot print JSON");
	str_add(out, text);
	free(text);
}

void
json_print(json_t *j)
{
	struct str out = STR_INIT;

	add_text(&out, j);
	str_addc(&out, '\n');
	cmd_out(&out);
	str_release(&out);
}

void
json_print_list(json_t *(*make)(size_t i, void *arg), size_t n, void *arg)
{
	struct str out = STR_INIT;

	str_addc(&out, '[');
	for (size_t i = 0; i < n; i++) {
		str_add(&out, i > 0 ? ",\n" : "\n");
		add_text(&out, make(i, arg));
		if (out.len > CHUNK) {
			cmd_out(&out);
			str_clear(&out);
		}
	}
	str_add(&out, n > 0 ? "\n]\n" : "]\n");
	cmd_out(&out);
	str_release(&out);
}

/*
 * view.c - owns how jobs and workers look to people
 *
 * Whatever comes from the spool is somebody's text: it is made safe for a
 * terminal before it is printed.
 */
#include "nfsq.h"
#include "view.h"

#include "msg.h"
#include "pattern.h"
#include "when.h"

int64_t
view_now(struct spool *sp)
{
	struct error err = ERROR_INIT;
	struct timespec ts;
	int64_t ms;

	if (spool_server_now(sp, &ms, &err) == 0)
		return ms;
	msg_debug("%s: using this host's clock", error_text(&err));
	error_release(&err);
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
view_reason(struct str *out, enum reason reason, int exit_code, int sig)
{
	if (reason == REASON_EXIT)
		str_addf(out, "exit:%d", exit_code);
	else if (reason == REASON_SIGNAL)
		str_addf(out, "signal:%d", sig);
	else
		str_add(out, reason_name(reason));
}

bool
view_ended(const struct entry *e)
{
	return e->t.ended && (e->purged || state_ended(e->state));
}

/* --- a job's files */

/* Does the pattern's expansion need the host's name? */
static bool
needs_host(const char *pattern)
{
	for (const char *p = pattern; (p = strchr(p, '%')) != NULL; p++) {
		p += 1 + strspn(p + 1, "0123456789");
		if (*p == 'N')
			return true;
		if (!*p)
			return false;
	}
	return false;
}

static char *
expand(const struct entry *e, const struct job *j, const char *pattern)
{
	struct pattern_values v = {
		.id = e->t.id,
		.name = j->name ? j->name : "",
		.host = e->t.host,
		.user = j->user ? j->user : "",
	};
	struct str s = STR_INIT;

	if (pattern_check(pattern, NULL) < 0)
		return NULL;
	if (needs_host(pattern) && !e->t.host[0])
		return NULL;
	if (pattern[0] != '/')
		str_addf(&s, "%s/", j->cwd ? j->cwd : "");
	pattern_expand(pattern, &v, &s);
	return str_detach(&s);
}

static char *
copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void
view_files(const struct entry *e, const struct job *j, const struct attempt *a,
	   struct view_files *f)
{
	f->out = j->output ? expand(e, j, j->output) : copy(a ? a->out : NULL);
	if (j->error)
		f->err = expand(e, j, j->error);
	else if (j->split)
		f->err = copy(a ? a->err : NULL);
	else
		f->err = copy(f->out);
}

void
view_files_release(struct view_files *f)
{
	free(f->out);
	free(f->err);
	f->out = f->err = NULL;
}

size_t
view_words(const struct job *j, size_t i, const char **word)
{
	bool script = j->script && !j->wrap;
	size_t n = j->argv.n + script;

	if (script && i == 0)
		*word = j->script_path ? j->script_path : "-";
	else if (i < n)
		*word = j->argv.v[i - script];
	return n;
}

void
view_command(struct str *out, const struct job *j)
{
	const char *word;
	size_t n = view_words(j, SIZE_MAX, &word);

	for (size_t i = 0; i < n; i++) {
		view_words(j, i, &word);
		if (i > 0)
			str_addc(out, ' ');
		str_add_shell(out, word);
	}
}

/* --- workers */

const char *
view_worker_name(enum view_worker k)
{
	static const char *const names[WORKER_KINDS] = {
		[WORKER_ALIVE] = "alive",
		[WORKER_DRAINING] = "draining",
		[WORKER_SILENT] = "silent",
		[WORKER_REAPING] = "reaping",
	};

	return names[k];
}

enum view_worker
view_worker(const struct spool *sp, const struct queue *q,
	    const struct worker_info *w, int64_t now_ms)
{
	if (w->beat_ms == 0)
		return WORKER_REAPING;
	if (now_ms - w->beat_ms > sp->conf.lease_ms)
		return WORKER_SILENT;
	if (w->stopping ||
	    queue_drained(q, w->host ? w->host : "", w->name ? w->name : ""))
		return WORKER_DRAINING;
	return WORKER_ALIVE;
}

int64_t
view_cpus_used(const struct worker_info *w)
{
	int64_t n = 0;

	for (size_t i = 0; i < w->nheld; i++)
		n += w->held[i].cpus;
	return n;
}

void
view_workers_free(struct worker_info *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		worker_info_release(&w[i]);
	free(w);
}

/* --- tables */

void
table_init(struct table *t, const char *const *titles)
{
	*t = (struct table){ .cells = STRLIST_INIT };
	for (; titles[t->ncols]; t->ncols++)
		strlist_add(&t->cells, titles[t->ncols]);
}

void
table_add(struct table *t, const char *cell)
{
	struct str s = STR_INIT;

	if (cell)
		str_add_safe(&s, cell, strlen(cell));
	if (s.len == 0)
		str_addc(&s, '-');
	strlist_take(&t->cells, str_detach(&s));
}

void
table_addn(struct table *t, int64_t n)
{
	strlist_take(&t->cells, xasprintf("%" PRId64, n));
}

/* Characters, which is near enough to columns. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
pad(struct str *out, size_t n)
{
	while (n-- > 0)
		str_addc(out, ' ');
}

static void
add_row(const struct table *t, const size_t *w, size_t row, struct str *out)
{
	for (size_t c = 0; c < t->ncols; c++) {
		const char *title = t->cells.v[c];
		const char *cell = t->cells.v[row * t->ncols + c];
		bool right = title[0] == '>', last = c + 1 == t->ncols;
		size_t fill;

		cell += row == 0 && right;
		fill = w[c] - width(cell);
		if (right)
			pad(out, fill);
		str_add(out, cell);
		if (!right && !last)
			pad(out, fill);
		str_add(out, last ? "\n" : "  ");
	}
}

void
table_end(struct table *t, bool header, struct str *out)
{
	size_t *w = xcalloc(t->ncols, sizeof(*w));
	size_t rows = t->cells.n / t->ncols;

	for (size_t i = header ? 0 : t->ncols; i < rows * t->ncols; i++) {
		const char *cell = t->cells.v[i];
		size_t n = width(cell + (i < t->ncols && cell[0] == '>'));

		if (n > w[i % t->ncols])
			w[i % t->ncols] = n;
	}
	for (size_t row = header ? 0 : 1; row < rows; row++)
		add_row(t, w, row, out);
	free(w);
	strlist_release(&t->cells);
}

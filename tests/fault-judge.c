/*
 * fault-judge.c - reads the directories of a hurt spool and says what is
 * wrong with them
 */
#include "nfsq.h"
#include "fault-world.h"

#include <dirent.h>

static const struct {
	const char *dir;
	unsigned state;
} places[] = {
	{ "held", STATE_HELD }, { "waiting", STATE_WAITING },
	{ "queue", STATE_QUEUED }, { "workers", STATE_RUNNING },
	{ "done", STATE_DONE }, { "failed", STATE_FAILED },
	{ "cancelled", STATE_CANCELLED }, { "corrupt", STATE_CORRUPT },
	{ "tomb", STATE_TOMB },
};

static void
names_of(const struct world *w, const char *rel, struct strlist *out)
{
	char *path = xasprintf("%s/%s", w->dir, rel);
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			strlist_add(out, e->d_name);
	if (d)
		closedir(d);
	free(path);
}

static void
add_tokens(struct world *w, const char *rel, unsigned state, struct seen **v,
	   size_t *n)
{
	struct strlist names = STRLIST_INIT;
	struct token t;

	names_of(w, rel, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (token_parse(names.v[i], &t) != 1)
			continue;
		*v = xreallocarray(*v, *n + 1, sizeof(**v));
		(*v)[*n].state = state;
		(*v)[*n].t = t;
		snprintf((*v)[*n].rel, sizeof((*v)[*n].rel), "%.100s/%s", rel,
			 names.v[i]);
		++*n;
	}
	strlist_release(&names);
}

size_t
tokens_seen(struct world *w, struct seen **v)
{
	size_t n = 0;

	*v = NULL;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct strlist names = STRLIST_INIT;

		names_of(w, places[i].dir, &names);
		for (size_t k = 0; k < names.n; k++) {
			char *rel = xasprintf("%s/%s", places[i].dir,
					      names.v[k]);

			add_tokens(w, rel, places[i].state, v, &n);
			free(rel);
		}
		strlist_release(&names);
	}
	return n;
}

int
state_among(struct world *w, const struct seen *v, size_t n,
	    const struct token *t, struct seen *out)
{
	size_t found = 0;

	memset(out, 0, sizeof(*out));
	snprintf(out->rel, sizeof(out->rel), "no directory");
	for (size_t i = 0; i < n; i++)
		if (v[i].t.id == t->id &&
		    strcmp(v[i].t.nonce, t->nonce) == 0) {
			if (found++ > 0)
				wrong(w, "job %" PRIu64 " is in %.200s and in "
				      "%.200s", t->id, out->rel, v[i].rel);
			*out = v[i];
		}
	return found ? (int)out->state : -1;
}

int
state_of(struct world *w, const struct token *t, struct seen *out)
{
	struct seen *v;
	size_t n = tokens_seen(w, &v);
	int state = state_among(w, v, n, t, out);

	free(v);
	return state;
}

bool
file_exists(const struct world *w, const char *fmt, ...)
{
	struct str s = STR_INIT;
	struct stat st;
	va_list ap;
	bool there;

	str_addf(&s, "%s/", w->dir);
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	there = lstat(s.s, &st) == 0;
	str_release(&s);
	return there;
}

static void
slurp(const char *path, struct str *out)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		str_addn(out, buf, (size_t)n);
	if (fd >= 0)
		close(fd);
}

/* The body of a job that exists is whole, and so is its stored input. */
static void
judge_body(struct world *w, const struct token *t)
{
	char *path = xasprintf("%s/jobs/0/%" PRIu64 ".%s", w->dir, t->id,
			       t->nonce);
	char *side = xasprintf("%s.in", path);
	char *from = xasprintf("%s/input", w->top);
	struct str text = STR_INIT, in = STR_INIT, want = STR_INIT;
	struct error err = ERROR_INIT;
	struct job j;

	slurp(path, &text);
	if (job_parse(text.s, text.len, &j, &err) != 1)
		wrong(w, "the body of job %" PRIu64 " is not whole: %s",
		      t->id, error_text(&err));
	else if (j.argv.n != 2 || strlen(j.argv.v[1]) != 2000)
		wrong(w, "the body of job %" PRIu64 " is another", t->id);
	else if (j.stdin_name) {
		slurp(side, &in);
		slurp(from, &want);
		if (in.len != want.len || memcmp(in.s, want.s, in.len) != 0)
			wrong(w, "the input of job %" PRIu64 " is not whole",
			      t->id);
	}
	job_release(&j);
	error_release(&err);
	str_release(&text);
	str_release(&in);
	str_release(&want);
	free(from);
	free(side);
	free(path);
}

void
judge(struct world *w)
{
	struct seen *v, s;
	size_t n;

	if (w->failed)
		return;
	n = tokens_seen(w, &v);
	for (size_t i = 0; i < w->n; i++)
		if (state_among(w, v, n, &w->job[i], &s) < 0)
			wrong(w, "job %" PRIu64 " is lost", w->job[i].id);
	for (size_t i = 0; i < n; i++) {
		bool known = v[i].t.id == w->sh->t.id;

		for (size_t k = 0; k < w->n; k++)
			known |= v[i].t.id == w->job[k].id;
		if (!known)
			wrong(w, "'%s' is nobody's", v[i].rel);
		for (size_t k = 0; k < i; k++)
			if (v[k].t.id == v[i].t.id)
				wrong(w, "job %" PRIu64 " is in %.200s and in "
				      "%.200s", v[i].t.id, v[k].rel, v[i].rel);
		if (v[i].state != STATE_TOMB && v[i].state != STATE_CORRUPT)
			judge_body(w, &v[i].t);
	}
	free(v);
}

/*
 * select.c - which jobs a command is about: ids, names, "last", filters
 *
 * A job that moves while the spool is read may be seen twice; the entry with
 * the highest move counter is the newest and wins.
 */
#include "nfsq.h"
#include "cmd.h"

#include "pattern.h"

struct list {
	struct entry *v;
	size_t n, cap;
};

static void
list_add(struct list *l, const struct entry *e)
{
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 64;
		l->v = xreallocarray(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n] = *e;
	l->v[l->n].dir = xstrdup(e->dir ? e->dir : "");
	l->n++;
}

static void
list_release(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_release(&l->v[i]);
	free(l->v);
	*l = (struct list){ NULL, 0, 0 };
}

/* By id; of one job the newest first. */
static int
cmp_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = token_cmp(&x->t, &y->t);

	if (r != 0)
		return r;
	return (x->t.move < y->t.move) - (x->t.move > y->t.move);
}

static void
list_sort(struct list *l)
{
	size_t kept = 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), cmp_entry);
	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && l->v[kept - 1].t.id == l->v[i].t.id)
			entry_release(&l->v[i]);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

/* --- the filter */

int
cmd_parse_states(const char *value, void *field, struct error *err)
{
	unsigned *states = field;
	unsigned set = 0;

	for (;;) {
		size_t n = strcspn(value, ",");
		char *word = xstrndup(value, n);
		int s = state_parse(word);

		if (s < 0) {
			error_set(err, "'%s' is no state (held waiting queued "
				  "running done failed cancelled corrupt)",
				  word);
			free(word);
			return -1;
		}
		set |= 1u << s;
		free(word);
		if (!value[n])
			break;
		value += n + 1;
	}
	*states = set;
	return 0;
}

struct filter {
	const struct cmd_filter *f;
	char user[TOKEN_TEXT_MAX + 1];	/* as tokens have it; "": any */
	struct list *out;
};

static int
keep_matching(const struct entry *e, void *arg)
{
	const struct filter *x = arg;

	if (x->user[0] && strcmp(e->t.user, x->user) != 0)
		return 0;
	if (x->f->name && !pattern_glob(x->f->name, e->t.name))
		return 0;
	list_add(x->out, e);
	return 0;
}

/* Does the job have the label KEY=VALUE or KEY? */
static bool
has_label(const struct job *j, const char *label)
{
	size_t n = strlen(label);

	for (size_t i = 0; i < j->labels.n; i++) {
		const char *have = j->labels.v[i];

		if (strcmp(have, label) == 0)
			return true;
		if (!strchr(label, '=') && strncmp(have, label, n) == 0 &&
		    have[n] == '=')
			return true;
	}
	return false;
}

/* 1, 0, or -1 when the spool fails; a body that cannot be read has none. */
static int
has_labels(struct spool *sp, const struct entry *e, const struct strlist *want,
	   struct error *err)
{
	struct str text = STR_INIT;
	struct job j;
	int r;

	job_init(&j);
	r = spool_read_body(sp, &e->t, &text, err);
	if (r == 1 && job_parse(text.s, text.len, &j, NULL) < 0)
		r = 0;
	for (size_t i = 0; r == 1 && i < want->n; i++)
		r = has_label(&j, want->v[i]);
	job_release(&j);
	str_release(&text);
	return r;
}

static int
keep_labelled(struct spool *sp, struct list *l, const struct strlist *want,
	      struct error *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (r >= 0)
			r = has_labels(sp, &l->v[i], want, err);
		if (r == 1)
			l->v[kept++] = l->v[i];
		else
			entry_release(&l->v[i]);
	}
	l->n = kept;
	return r < 0 ? -1 : 0;
}

static int
select_by_filter(struct spool *sp, const struct cmd_filter *f, struct list *l,
		 struct error *err)
{
	static const struct cmd_filter all;
	struct filter x = { f ? f : &all, "", l };
	unsigned states = x.f->states ? x.f->states : SCAN_ALL;
	int r;

	if (x.f->mine)
		token_set_text(x.user, cmd_user());
	if (x.f->user && x.f->mine && strcmp(x.f->user, cmd_user()) != 0)
		return 0;
	if (x.f->user)
		token_set_text(x.user, x.f->user);
	r = spool_scan(sp, states, 1, TOKEN_ID_MAX, keep_matching, &x, err);
	list_sort(l);
	if (r == 0 && x.f->labels.n > 0)
		r = keep_labelled(sp, l, &x.f->labels, err);
	return r;
}

/* --- names */

struct named {
	char name[TOKEN_TEXT_MAX + 1];	/* as tokens have it */
	char user[TOKEN_TEXT_MAX + 1];	/* "last": whose */
	struct list found;
};

static int
keep_named(const struct entry *e, void *arg)
{
	struct named *x = arg;

	if (strcmp(e->t.name, x->name) == 0)
		list_add(&x->found, e);
	return 0;
}

static int
keep_last(const struct entry *e, void *arg)
{
	struct named *x = arg;
	const struct entry *have = x->found.v;

	if (strcmp(e->t.user, x->user) != 0)
		return 0;
	if (x->found.n > 0 &&
	    (have->t.id > e->t.id ||
	     (have->t.id == e->t.id && have->t.move > e->t.move)))
		return 0;
	list_release(&x->found);
	list_add(&x->found, e);
	return 0;
}

/* A name that tokens have only cut is compared with the job's own. */
static int
drop_others(struct spool *sp, struct list *l, const char *name,
	    struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct job j;
		bool same;

		job_init(&j);
		if (spool_read_job(sp, &l->v[i].t, &j, NULL, err) < 0) {
			job_release(&j);
			return -1;
		}
		same = j.name && strcmp(j.name, name) == 0;
		job_release(&j);
		if (same)
			l->v[kept++] = l->v[i];
		else
			entry_release(&l->v[i]);
	}
	l->n = kept;
	return 0;
}

static void
complain_ambiguous(const char *name, const struct list *l)
{
	struct str ids = STR_INIT;

	for (size_t i = 0; i < l->n && i < 10; i++)
		str_addf(&ids, " %" PRIu64, l->v[i].t.id);
	msg_error("'%s' is the name of %zu jobs:%s%s (give an id)", name, l->n,
		  ids.s, l->n > 10 ? " ..." : "");
	str_release(&ids);
}

/* 1 *e is the job; 0 there is no such one or several (told); -1. */
static int
find_by_name(struct spool *sp, const char *word, struct entry *e,
	     struct error *err)
{
	bool last = strcmp(word, "last") == 0;
	struct named x = { .found = { NULL, 0, 0 } };
	int r;

	token_set_text(x.name, word);
	token_set_text(x.user, cmd_user());
	r = spool_scan(sp, SCAN_ALL, 1, TOKEN_ID_MAX,
		       last ? keep_last : keep_named, &x, err);
	list_sort(&x.found);
	if (r == 0 && !last && strcmp(x.name, word) != 0)
		r = drop_others(sp, &x.found, word, err);
	if (r == 0 && x.found.n == 1) {
		*e = x.found.v[0];
		x.found.n = 0;
		r = 1;
	} else if (r == 0 && x.found.n > 1) {
		complain_ambiguous(word, &x.found);
	} else if (r == 0 && last) {
		msg_error("no job in '%s' is yours", sp->dir);
	} else if (r == 0) {
		msg_error("no job in '%s' is called '%s'", sp->dir, word);
	}
	list_release(&x.found);
	return r;
}

/* --- ids */

struct wanted {
	uint64_t *ids;		/* sorted */
	size_t n;
	struct list *out;
};

static int
cmp_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
keep_wanted(const struct entry *e, void *arg)
{
	const struct wanted *w = arg;

	if (bsearch(&e->t.id, w->ids, w->n, sizeof(*w->ids), cmp_id))
		list_add(w->out, e);
	return 0;
}

static bool
list_has(const struct list *l, uint64_t id)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].t.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->v[lo].t.id == id;
}

/* Finds the jobs: many with one look, what it did not show one by one. */
static int
find_ids(struct spool *sp, struct wanted *w, struct cmd_jobs *jobs,
	 struct error *err)
{
	struct list more = { NULL, 0, 0 };
	int r = 0;

	qsort(w->ids, w->n, sizeof(*w->ids), cmp_id);
	if (w->n > 2)
		r = spool_scan(sp, SCAN_ALL, w->ids[0], w->ids[w->n - 1],
			       keep_wanted, w, err);
	list_sort(w->out);
	for (size_t i = 0; r >= 0 && i < w->n; i++) {
		struct entry e = { .dir = NULL };

		if ((i > 0 && w->ids[i] == w->ids[i - 1]) ||
		    list_has(w->out, w->ids[i]))
			continue;
		r = spool_find(sp, w->ids[i], &e, err);
		if (r == 1)
			list_add(&more, &e);
		entry_release(&e);
		if (r == 0) {
			msg_error("no job %" PRIu64 " in '%s'", w->ids[i],
				  sp->dir);
			jobs->failures++;
		}
	}
	for (size_t i = 0; i < more.n; i++)
		list_add(w->out, &more.v[i]);
	list_release(&more);
	return r < 0 ? -1 : 0;
}

/* A word that is no id.  0 or -1. */
static int
add_named(struct spool *sp, const char *word, struct list *l,
	  struct cmd_jobs *jobs, struct error *err)
{
	struct entry e;
	int r;

	if (isdigit((unsigned char)*word)) {
		msg_error("'%s' is no job's id", word);
		jobs->failures++;
		return 0;
	}
	r = find_by_name(sp, word, &e, err);
	if (r == 1) {
		list_add(l, &e);
		entry_release(&e);
	} else if (r == 0) {
		jobs->failures++;
	}
	return r < 0 ? -1 : 0;
}

static int
select_by_word(struct spool *sp, int argc, char **argv, struct list *l,
	       struct cmd_jobs *jobs, struct error *err)
{
	struct wanted w = { NULL, 0, l };
	struct list named = { NULL, 0, 0 };
	int r = 0;

	w.ids = xreallocarray(NULL, (size_t)argc, sizeof(*w.ids));
	for (int i = 0; r == 0 && i < argc; i++) {
		if (token_parse_id(argv[i], &w.ids[w.n]) == 1)
			w.n++;
		else
			r = add_named(sp, argv[i], &named, jobs, err);
	}
	if (r == 0 && w.n > 0)
		r = find_ids(sp, &w, jobs, err);
	for (size_t i = 0; i < named.n; i++)
		list_add(l, &named.v[i]);
	list_release(&named);
	list_sort(l);
	free(w.ids);
	return r;
}

int
cmd_select(struct spool *sp, int argc, char **argv, const struct cmd_filter *f,
	   struct cmd_jobs *jobs, struct error *err)
{
	struct list l = { NULL, 0, 0 };
	int r;

	*jobs = (struct cmd_jobs){ NULL, 0, 0 };
	if (argc > 0)
		r = select_by_word(sp, argc, argv, &l, jobs, err);
	else
		r = select_by_filter(sp, f, &l, err);
	if (r < 0) {
		list_release(&l);
		return -1;
	}
	jobs->v = l.v;
	jobs->n = l.n;
	return 0;
}

void
cmd_jobs_release(struct cmd_jobs *jobs)
{
	struct list l = { jobs->v, jobs->n, jobs->n };

	list_release(&l);
	*jobs = (struct cmd_jobs){ NULL, 0, 0 };
}

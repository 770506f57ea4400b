/*
 * doctor-join.c - the side of a doctor that joined: answers questions until
 * the other has done
 */
#include "nfsq.h"
#include "doctor-int.h"

#include <sys/utsname.h>

struct said {			/* a verdict of ours, to be sent */
	enum doctor_level level;
	char *finding, *advice;
};

struct join {
	struct doctor *d;
	struct doctor_talk talk;
	struct said *said;
	size_t nsaid;
	struct strlist names;	/* to race for */
	size_t won;
};

static void
keep(enum doctor_level level, const char *what, const char *finding,
     const char *advice, void *arg)
{
	struct join *j = arg;

	(void)what;
	j->said = xreallocarray(j->said, j->nsaid + 1, sizeof(*j->said));
	j->said[j->nsaid++] = (struct said){
		level, xstrdup(finding), advice ? xstrdup(advice) : NULL
	};
}

static void
add_boot(struct str *out)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	char id[64] = "";

	if (f && fgets(id, sizeof(id), f)) {
		id[strcspn(id, "\n")] = '\0';
		words_add(out, "boot", id);
	}
	if (f)
		fclose(f);
}

/* --- the questions: each adds words to the answer */

static void
hello(struct join *j, int64_t arg, struct str *out)
{
	struct utsname u;
	int64_t ahead;

	(void)arg;
	if (uname(&u) == 0)
		words_add(out, "host", u.nodename);
	words_add(out, "version", PACKAGE_VERSION);
	words_addn(out, "uid", geteuid());
	add_boot(out);
	if (doctor_put(j->d, "mk/bclock") == 0 &&
	    doctor_clock(j->d, "mk/bclock", &ahead) == 0)
		words_addn(out, "ahead", ahead);
	doctor_put(j->d, "mk/lb");
	doctor_move(j->d, "mk/lb", "b/lb");
}

static void
ping(struct join *j, int64_t arg, struct str *out)
{
	(void)j;
	words_addn(out, "pong", arg);
}

static void
tell_mount(struct join *j, int64_t arg, struct str *out)
{
	const struct said *s;

	if (arg == 0)
		doctor_mount(j->d);
	if (arg < 0 || (size_t)arg >= j->nsaid) {
		words_addn(out, "end", 1);
		return;
	}
	s = &j->said[arg];
	words_addn(out, "level", s->level);
	words_add(out, "finding", s->finding);
	words_add(out, "advice", s->advice);
}

static void
make_ready(struct join *j, int64_t arg, struct str *out)
{
	(void)arg;
	doctor_list(j->d, "race", &j->names);
	words_addn(out, "names", (int64_t)j->names.n);
}

static void
count_won(struct join *j, int64_t arg, struct str *out)
{
	(void)arg;
	words_addn(out, "won", (int64_t)j->won);
}

/* Works in f/ as a worker in its own directory: 0 while it is there, then
 * as one that was reaped (1: without its lease, 2: without it). */
static void
be_fenced(struct join *j, int64_t arg, struct str *out)
{
	struct strlist names = STRLIST_INIT;
	int64_t t;
	int r, error;

	if (arg == 0)
		doctor_list(j->d, "f", &names);
	if (arg == 0)
		doctor_make(j->d, "mk/q");
	r = arg < 2 ? doctor_touch(j->d, "f/lease", &t)
		    : doctor_move(j->d, "mk/q", "f/q");
	error = r < 0 ? errno : 0;
	words_addn(out, "error", error);
	words_add(out, "text", strerror(error));
	words_addn(out, "left", doctor_has(j->d, "mk", "q"));
	strlist_release(&names);
}

static void
begin_watch(struct join *j, int64_t arg, struct str *out)
{
	int64_t last = 0;

	(void)arg;
	if (doctor_mtime(j->d, "a/la", &last) < 0)
		words_addn(out, "error", errno);
	words_addn(out, "last", last);
}

/* --- what follows the answer */

static void
run_race(struct join *j, const char *answer)
{
	int64_t end = doctor_now_us() + DOCTOR_BLIND_MS * 1000;

	(void)answer;
	/* No pause: both shall begin at once. */
	while (doctor_has(j->d, "box", "go") == 0 && doctor_now_us() < end &&
	       !doctor_stopped(j->d))
		continue;
	j->won = doctor_race(j->d, &j->names, 'b');
}

/* Answers the other's heartbeat with one of ours. */
static void
watch(struct join *j, const char *answer)
{
	int64_t last = words_getn(answer, "last", 0), t;

	if (doctor_watch(j->d, "a/la", &last, DOCTOR_BLIND_MS) == 1)
		doctor_touch(j->d, "b/lb", &t);
}

static const struct question {
	const char *op;
	void (*answer)(struct join *j, int64_t arg, struct str *out);
	void (*then)(struct join *j, const char *answer);
} questions[] = {
	{ "hello", hello, NULL },
	{ "ping", ping, NULL },
	{ "mount", tell_mount, NULL },
	{ "watch", begin_watch, watch },
	{ "race", make_ready, run_race },
	{ "won", count_won, NULL },
	{ "fence", be_fenced, NULL },
};

/* 1 answered; 0 it was the last; -1. */
static int
serve_one(struct join *j, const char *text)
{
	char *op = words_get(text, "op");
	int64_t arg = words_getn(text, "arg", 0);
	struct str out = STR_INIT;
	const struct question *q = NULL;
	int r;

	for (size_t i = 0; op && i < ARRAY_LEN(questions); i++)
		if (strcmp(op, questions[i].op) == 0)
			q = &questions[i];
	if (q)
		q->answer(j, arg, &out);
	else
		words_addn(&out, "unknown", 1);
	r = op && strcmp(op, "bye") == 0 ? 0 : 1;
	if (doctor_send(&j->talk, out.s) < 0)
		r = -1;
	if (r == 1 && q && q->then)
		q->then(j, out.s);
	str_release(&out);
	free(op);
	return r;
}

static int
serve(struct join *j, struct error *err)
{
	struct str text = STR_INIT;
	int r;

	do {
		j->talk.n++;
		r = doctor_receive(&j->talk, &text) < 0
			? -1 : serve_one(j, text.s);
	} while (r == 1);
	if (r < 0 && errno == ETIMEDOUT && j->talk.n == 1)
		error_set(err, "found no doctor '%s' in '%s' (is it the same "
			  "directory, does the other still wait?)",
			  j->d->token, j->d->dir);
	else if (r < 0 && errno == ECONNRESET)
		error_set(err, "the other doctor in '%s' has ended",
			  j->d->dir);
	else if (r < 0)
		error_errno(err, "cannot go on in '%s'", j->d->dir);
	str_release(&text);
	return r;
}

/* Waits until the directory of the token is seen.  0 or -1. */
static int
find(struct doctor *d, int64_t timeout_ms)
{
	char *up = d->sp ? xasprintf("%s/tmp", d->dir) : xstrdup(d->dir);
	int64_t end = doctor_now_us() + timeout_ms * 1000;
	const char *name = strrchr(d->work, '/') + 1;
	int r;

	for (;;) {
		struct strlist names = STRLIST_INIT;

		r = fs_list_all(up, &names);
		if (r == 0 && !strlist_has(&names, name)) {
			errno = ETIMEDOUT;
			r = -1;
		}
		strlist_release(&names);
		if (r == 0 || doctor_now_us() > end || doctor_stopped(d))
			break;
		doctor_pause(100);
	}
	free(up);
	return r;
}

int
doctor_join(struct doctor *d, const char *token, int64_t timeout_ms,
	    struct error *err)
{
	struct join j = {
		.d = d,
		.talk = { .d = d, .me = 'b', .you = 'a',
			  .timeout_ms = timeout_ms },
	};
	int r;

	memcpy(d->token, token, sizeof(d->token));
	d->work = doctor_work(d, token);
	d->say = keep;
	d->arg = &j;
	if (find(d, timeout_ms) < 0)
		r = error_set(err, "found no doctor '%s' in '%s' (is it the "
			      "same directory, does the other still wait?)",
			      token, d->dir);
	else if ((r = serve(&j, err)) < 0)
		doctor_quit(&j.talk);
	for (size_t i = 0; i < j.nsaid; i++) {
		free(j.said[i].finding);
		free(j.said[i].advice);
	}
	free(j.said);
	strlist_release(&j.names);
	d->say = NULL;
	d->arg = NULL;
	return r;
}

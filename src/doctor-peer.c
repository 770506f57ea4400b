/*
 * doctor-peer.c - the side of a doctor that asks, and judges what two hosts
 * see of each other
 *
 * Times are from our question to the answer we see, on our own clock: half
 * of it is one way.  No two clocks are compared but to tell how they differ.
 */
#include "nfsq.h"
#include "doctor-int.h"

#define PINGS 20
#define BEATS 10
#define SLOW_MS 1000		/* one way */
#define BLIND_MS 5000
#define CLOCK_MS 2000

static const char fresh[] = "mount without nocto; see the network and the "
	"server";

struct meet {
	struct doctor *d;
	const char *host;
	struct doctor_talk talk;
	char *hello;		/* the words of its first answer */
	struct doctor_times trips;
};

__attribute__((format(printf, 5, 6))) static void
say(struct meet *m, enum doctor_level level, const char *what,
    const char *advice, const char *fmt, ...)
{
	char *with = *m->host ? xasprintf("%s %s", m->host, what)
			      : xstrdup(what);
	struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	m->d->say(level, with, text.s, advice, m->d->arg);
	str_release(&text);
	free(with);
}

/* Is it this very host?  */
static bool
is_here(const char *boot)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	char id[64] = "";
	bool same;

	same = f && fgets(id, sizeof(id), f) && boot &&
	       strncmp(id, boot, strlen(boot)) == 0;
	if (f)
		fclose(f);
	return same;
}

static int
greet(struct meet *m)
{
	struct str text = STR_INIT;
	char *version, *boot, *host;

	if (doctor_ask(&m->talk, "hello", 0, &text) < 0) {
		str_release(&text);
		return -1;
	}
	m->hello = str_detach(&text);
	version = words_get(m->hello, "version");
	boot = words_get(m->hello, "boot");
	host = words_get(m->hello, "host");
	if (is_here(boot))
		say(m, DOCTOR_WARN, "peer", "run it on another host, too",
		    "is this host: it shows nothing about others");
	else if (!version || strcmp(version, PACKAGE_VERSION) != 0)
		say(m, DOCTOR_WARN, "peer", "install the same version",
		    "'%s' has nfsq %s, this is %s", host ? host : "",
		    version ? version : "?", PACKAGE_VERSION);
	else
		say(m, DOCTOR_OK, "peer", NULL, "'%s' has joined",
		    host ? host : "");
	free(version);
	free(boot);
	free(host);
	return 0;
}

static void
judge_times(struct meet *m, const char *what, struct doctor_times *t)
{
	/* One way may be slow alone: of the worst, all. */
	int64_t median = doctor_median(t) / 2, worst = doctor_worst(t);
	enum doctor_level l = worst > BLIND_MS * 1000 ? DOCTOR_BAD
		: worst > SLOW_MS * 1000 ? DOCTOR_WARN : DOCTOR_OK;

	say(m, l, what, l == DOCTOR_OK ? NULL : fresh, "seen after %.1f ms, at "
	    "worst %.1f ms (%zu times)", (double)median / 1000,
	    (double)worst / 1000, t->n);
}

/* A new name, found by opendir. */
static int
meet_names(struct meet *m)
{
	struct str text = STR_INIT;
	int64_t end = doctor_now_us() + 3 * BLIND_MS * 1000;
	int r = 0;

	for (int i = 0; r == 0 && i < PINGS && doctor_now_us() < end; i++) {
		r = doctor_ask(&m->talk, "ping", i, &text);
		if (r == 0)
			doctor_time(&m->trips, m->talk.us);
	}
	str_release(&text);
	if (r == 0)
		judge_times(m, "new file", &m->trips);
	return r;
}

/* Touches a file so that its mtime changes: it is counted in ticks. */
static void
touch_anew(struct meet *m, const char *file, int64_t *last)
{
	int64_t now;

	for (int i = 0; i < 300; i++) {
		if (doctor_touch(m->d, file, &now) < 0 || now != *last)
			break;
		doctor_pause(10);
	}
	*last = now;
}

/* We touch a/la, the other sees it and touches b/lb, we see that. */
static int
meet_beats(struct meet *m)
{
	struct doctor_times t = { .n = 0 };
	struct str text = STR_INIT;
	int64_t mine = 0, yours, began;
	bool blind = false;
	int r = 0;

	doctor_put(m->d, "mk/la");
	doctor_move(m->d, "mk/la", "a/la");
	doctor_touch(m->d, "a/la", &mine);
	for (int i = 0; r == 0 && !blind && i < BEATS; i++) {
		doctor_pause(30);
		r = doctor_ask(&m->talk, "watch", i, &text);
		if (r < 0 || doctor_mtime(m->d, "b/lb", &yours) < 0)
			break;
		began = doctor_now_us();
		touch_anew(m, "a/la", &mine);
		blind = doctor_watch(m->d, "b/lb", &yours,
				     DOCTOR_BLIND_MS) != 1;
		if (!blind)
			doctor_time(&t, doctor_now_us() - began);
	}
	str_release(&text);
	if (r == 0 && !doctor_stopped(m->d) && (blind || t.n == 0))
		say(m, DOCTOR_BAD, "heartbeat", fresh, "is not seen within "
		    "%d s", DOCTOR_BLIND_MS / 1000);
	else if (r == 0)
		judge_times(m, "heartbeat", &t);
	return r;
}

static void
judge_clock(struct meet *m)
{
	int64_t here, there = words_getn(m->hello, "ahead", INT64_MIN);
	struct str text = STR_INIT;

	if (there == INT64_MIN || doctor_clock(m->d, "a/la", &here) < 0)
		return;
	str_add(&text, "its clock is ");
	doctor_add_ahead(&text, here - there);
	str_add(&text, " this host's");
	if (llabs(here - there) >= CLOCK_MS)
		say(m, DOCTOR_WARN, "clock", "set the clocks (NTP); nfsq "
		    "compares none, but people and make(1) do", "%s", text.s);
	else
		say(m, DOCTOR_OK, "clock", NULL, "%s", text.s);
	str_release(&text);
}

/* Does what it makes belong to it, seen from here? */
static void
judge_owner(struct meet *m)
{
	char *path = doctor_path(m->d, "b/lb");
	int64_t uid = words_getn(m->hello, "uid", -1);
	struct stat st;

	if (fs_lstat(path, &st) < 0)
		say(m, DOCTOR_BAD, "owner", fresh, "a file of its is not "
		    "seen: %s", strerror(errno));
	else if (uid != (int64_t)st.st_uid)
		say(m, DOCTOR_WARN, "owner", "give users the same number on "
		    "all hosts; root should not be one of them", "files of its "
		    "user %" PRId64 " belong to user %u here", uid,
		    (unsigned)st.st_uid);
	else
		say(m, DOCTOR_OK, "owner", NULL, "files of its user %" PRId64
		    " are that user's here", uid);
	free(path);
}

/* What it says about its own mount. */
static int
meet_mount(struct meet *m)
{
	struct str text = STR_INIT;
	int r = 0;

	for (int i = 0; i < 8; i++) {
		char *finding, *advice;
		int64_t level;

		r = doctor_ask(&m->talk, "mount", i, &text);
		if (r < 0 || words_getn(text.s, "end", 0))
			break;
		level = words_getn(text.s, "level", DOCTOR_WARN);
		finding = words_get(text.s, "finding");
		advice = words_get(text.s, "advice");
		say(m, level == DOCTOR_OK ? DOCTOR_OK : level == DOCTOR_BAD
		    ? DOCTOR_BAD : DOCTOR_WARN, "mount",
		    level == DOCTOR_OK ? NULL : advice ? advice : "see there",
		    "%s", finding ? finding : "?");
		free(finding);
		free(advice);
	}
	str_release(&text);
	return r;
}

/* --- the race */

static size_t
count(struct meet *m, const char *dir, struct strlist *all)
{
	struct strlist names = STRLIST_INIT;
	size_t n = 0;

	doctor_list(m->d, dir, &names);
	for (size_t i = 0; i < names.n; i++)
		if (names.v[i][0] == 'n') {
			strlist_add(all, names.v[i]);
			n++;
		}
	strlist_release(&names);
	return n;
}

static void
judge_race(struct meet *m, size_t made, size_t mine, size_t yours)
{
	struct strlist all = STRLIST_INIT;
	size_t a = count(m, "a", &all), b = count(m, "b", &all), twice = 0;
	size_t left = count(m, "race", &all);
	const char *you = *m->host ? m->host : "a second process";

	strlist_sort(&all);
	for (size_t i = 1; i < all.n; i++)
		twice += strcmp(all.v[i - 1], all.v[i]) == 0;
	if (twice || left || a != mine || b != yours || a + b != made)
		say(m, DOCTOR_BAD, "race", "never use this file system for a "
		    "spool", "of %zu names %zu are here and %zu at %s, %zu "
		    "twice, %zu at none; they were told %zu and %zu", made, a,
		    b, you, twice, left, mine, yours);
	else
		say(m, DOCTOR_OK, "race", NULL, "%zu names, each renamed by "
		    "one: %zu by this process, %zu by %s", made, mine, yours, you);
	strlist_release(&all);
}

static int
meet_race(struct meet *m)
{
	struct strlist names = STRLIST_INIT;
	struct str text = STR_INIT;
	size_t mine = 0, made = 0;
	char name[32];
	int r;

	for (; made < DOCTOR_NAMES; made++) {
		snprintf(name, sizeof(name), "race/n%zu", made);
		if (doctor_make(m->d, name) < 0)
			break;
	}
	doctor_list(m->d, "race", &names);
	r = doctor_ask(&m->talk, "race", (int64_t)made, &text);
	if (r == 0 && (size_t)words_getn(text.s, "names", 0) != made)
		say(m, DOCTOR_BAD, "listing", fresh, "it sees %" PRId64
		    " of %zu names", words_getn(text.s, "names", 0), made);
	if (r == 0) {
		doctor_make(m->d, "mk/go");
		doctor_tick(m->d);
		doctor_move(m->d, "mk/go", "box/go");
		/* It sees that so much later. */
		doctor_pause(doctor_median(&m->trips) / 4000);
		mine = doctor_race(m->d, &names, 'a');
		r = doctor_ask(&m->talk, "won", 0, &text);
	}
	if (r == 0 && !doctor_stopped(m->d))
		judge_race(m, made, mine,
			   (size_t)words_getn(text.s, "won", 0));
	strlist_release(&names);
	str_release(&text);
	return r;
}

/* --- the fence */

/* Asks it to go on in f/: the errno of that, or -1. */
static int
step(struct meet *m, int64_t n, struct str *text)
{
	if (doctor_ask(&m->talk, "fence", n, text) < 0)
		return -1;
	return (int)words_getn(text->s, "error", 0);
}

static bool
is_gone(int error)
{
	return error == ENOENT || error == ESTALE || error == ENOTDIR;
}

/* It warms its caches, is reaped by us, and goes on as if nothing was. */
static int
meet_fence(struct meet *m)
{
	struct str text = STR_INIT;
	int before, beat = -1, move = -1, left = 0;

	doctor_mkdir(m->d, "f");
	doctor_put(m->d, "f/lease");
	before = step(m, 0, &text);
	if (before == 0) {
		doctor_unlink(m->d, "f/lease");
		beat = step(m, 1, &text);
		doctor_rmdir(m->d, "f");
		move = beat < 0 ? -1 : step(m, 2, &text);
		left = (int)words_getn(text.s, "left", 0);
	}
	str_release(&text);
	if (before < 0 || (before == 0 && (beat < 0 || move < 0)))
		return -1;
	if (before > 0)
		say(m, DOCTOR_BAD, "fence", fresh, "cannot touch a file in a "
		    "new directory: %s", strerror(before));
	else if (!is_gone(beat) || !is_gone(move) || left != 1)
		say(m, DOCTOR_BAD, "fence", "never use this file system for a "
		    "spool", "in a directory that was removed here a touch "
		    "said '%s' there and a rename '%s'", strerror(beat),
		    strerror(move));
	else
		say(m, DOCTOR_OK, "fence", NULL, "nothing of its enters a "
		    "directory that was removed here");
	return 0;
}

static int
meet_all(struct meet *m, bool race_only)
{
	if (race_only)
		return meet_race(m);
	if (greet(m) < 0 || meet_names(m) < 0)
		return -1;
	/* Each question would take a minute. */
	if (doctor_worst(&m->trips) > BLIND_MS * 1000)
		return 0;
	if (meet_mount(m) < 0)
		return -1;
	judge_owner(m);
	if (meet_beats(m) < 0)
		return -1;
	judge_clock(m);
	return meet_race(m) < 0 || meet_fence(m) < 0 ? -1 : 0;
}

static void
say_lost(struct meet *m)
{
	char *advice = xasprintf("see what it says; run there: nfsq -S DIR "
				 "doctor --join %s", m->d->token);

	if (errno == ETIMEDOUT && m->talk.n <= 1)
		say(m, DOCTOR_BAD, "peer", advice, "did not come within %.0f s",
		    (double)m->talk.timeout_ms / 1000);
	else if (errno == ETIMEDOUT)
		say(m, DOCTOR_BAD, "peer", fresh, "did not answer within %.0f "
		    "s", (double)m->talk.timeout_ms / 1000);
	else
		say(m, DOCTOR_BAD, "peer", "see what it says", "%s",
		    errno == ECONNRESET ? "went away" : strerror(errno));
	free(advice);
}

int
doctor_meet(struct doctor *d, const struct doctor_peer *p)
{
	struct meet m = {
		.d = d, .host = p->race_only ? "" : p->host,
		.talk = { .d = d, .me = 'a', .you = 'b',
			  .timeout_ms = p->timeout_ms,
			  .alive = p->alive, .arg = p->arg },
	};
	struct str text = STR_INIT;
	int r = meet_all(&m, p->race_only);

	if (r < 0 && !doctor_stopped(d))
		say_lost(&m);
	if (r < 0)
		doctor_quit(&m.talk);
	else
		doctor_ask(&m.talk, "bye", 0, &text);
	str_release(&text);
	free(m.hello);
	return r;
}

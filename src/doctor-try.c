/*
 * doctor-try.c - what this host's calls do in the directory, and how long
 * they take
 *
 * Each probe uses names of its own, once, as nfsq itself does.
 */
#include "nfsq.h"
#include "doctor-int.h"

#define NAMES 2000		/* in a large directory */
#define MAKE_US (5 * 1000000)	/* for so long they are made */
#define ROUNDS 50
#define CLOCK_MS 2000		/* a difference of clocks worth a warning */
#define SLOW_US 100000

static const char elsewhere[] = "use another file system";

void
doctor_time(struct doctor_times *t, int64_t us)
{
	if (t->n < ARRAY_LEN(t->us))
		t->us[t->n++] = us;
}

static int
cmp_us(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t
doctor_median(struct doctor_times *t)
{
	qsort(t->us, t->n, sizeof(t->us[0]), cmp_us);
	return t->n ? t->us[t->n / 2] : 0;
}

int64_t
doctor_worst(const struct doctor_times *t)
{
	int64_t max = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->us[i] > max)
			max = t->us[i];
	return max;
}

/* What failed of a row of steps: the first, with its errno. */
struct fault {
	const char *step;	/* NULL: none */
	int error;		/* 0: it was done, but should not */
};

static bool
want(struct fault *f, const char *step, bool good)
{
	if (!good && !f->step) {
		f->step = step;
		f->error = errno;
	}
	return good;
}

/* Was the call refused, and with one of these? */
static bool
refused(int r, int a, int b, int c)
{
	if (r >= 0) {
		errno = 0;
		return false;
	}
	return errno == a || errno == b || errno == c;
}

static void
tell(struct doctor *d, const struct fault *f, const char *what,
     const char *good)
{
	if (!f->step)
		doctor_say(d, DOCTOR_OK, what, NULL, "%s", good);
	else
		doctor_say(d, DOCTOR_BAD, what, elsewhere, "%s: %s", f->step,
			   f->error ? strerror(f->error) : "not so");
}

static void
try_rename(struct doctor *d)
{
	struct fault f = { .step = NULL };

	want(&f, "make a link", doctor_make(d, "mk/r") == 0);
	want(&f, "rename into another directory",
	     doctor_move(d, "mk/r", "a/r") == 0);
	errno = 0;
	want(&f, "renamed, it is in the new directory",
	     doctor_has(d, "a", "r") == 1);
	want(&f, "renamed, it is no more in the old",
	     doctor_has(d, "mk", "r") == 0);
	want(&f, "the second rename fails",
	     refused(doctor_move(d, "mk/r", "b/r"), ENOENT, ESTALE, ENOENT));
	doctor_unlink(d, "a/r");
	tell(d, &f, "rename", "moves a name between directories, once");
}

/* rmdir of a worker's directory must keep it out (P2). */
static void
try_fence(struct doctor *d)
{
	struct fault f = { .step = NULL };

	want(&f, "make a directory", doctor_mkdir(d, "f") == 0);
	want(&f, "make a link", doctor_make(d, "f/x") == 0 &&
	     doctor_make(d, "mk/f") == 0);
	want(&f, "rmdir of what is not empty is refused",
	     refused(doctor_rmdir(d, "f"), ENOTEMPTY, EEXIST, ENOTEMPTY));
	want(&f, "unlink", doctor_unlink(d, "f/x") == 0);
	want(&f, "rmdir of what is empty", doctor_rmdir(d, "f") == 0);
	want(&f, "a rename into it is refused then",
	     refused(doctor_move(d, "mk/f", "f/y"), ENOENT, ESTALE, ENOTDIR));
	errno = 0;
	want(&f, "what was not renamed is still there",
	     doctor_has(d, "mk", "f") == 1);
	doctor_unlink(d, "mk/f");
	tell(d, &f, "fence", "nothing enters a directory that was removed");
}

static int
open_excl(struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);
	int fd = fs_open(path, O_WRONLY | O_CREAT | O_EXCL, d->file_mode);
	int saved = errno;

	if (fd >= 0)
		fs_close(fd);
	free(path);
	errno = saved;
	return fd < 0 ? -1 : 0;
}

static void
try_exclusive(struct doctor *d)
{
	struct fault f = { .step = NULL };

	want(&f, "open with O_EXCL", open_excl(d, "mk/e") == 0);
	want(&f, "a second open with O_EXCL is refused",
	     refused(open_excl(d, "mk/e"), EEXIST, EEXIST, EEXIST));
	want(&f, "mkdir of what is there is refused",
	     refused(doctor_mkdir(d, "mk"), EEXIST, EEXIST, EEXIST));
	want(&f, "symlink over what is there is refused",
	     refused(doctor_make(d, "mk/e"), EEXIST, EEXIST, EEXIST));
	doctor_unlink(d, "mk/e");
	tell(d, &f, "exclusive", "a name is made by one (O_EXCL, mkdir, "
	     "symlink)");
}

static void
try_links(struct doctor *d)
{
	char text[1001], name[TOKEN_NAME_MAX + 1];
	struct fault f = { .step = NULL };
	struct str back = STR_INIT;
	char *path;

	memset(text, 't', sizeof(text) - 1);
	memset(name, ',', sizeof(name) - 1);
	text[sizeof(text) - 1] = name[sizeof(name) - 1] = '\0';
	path = doctor_path(d, "mk/%s", name);
	want(&f, "make a link of 1000 bytes with a name of 240",
	     fs_symlink(text, path) == 0);
	want(&f, "read the link", fs_get_link(path, &back) == 0);
	errno = 0;
	want(&f, "the link's text is whole", strcmp(back.s, text) == 0);
	want(&f, "the name is as it was made", doctor_has(d, "mk", name) == 1);
	fs_unlink(path);
	free(path);
	str_release(&back);
	tell(d, &f, "links", "symbolic links and long names as they were made");
}

/* Nothing of nfsq needs hard links: told, no verdict against it. */
static void
try_hard_link(struct doctor *d)
{
	char *a = doctor_path(d, "mk/h1"), *b = doctor_path(d, "mk/h2");

	if (doctor_put(d, "mk/h1") == 0 && fs_link(a, b) == 0 &&
	    fs_link(a, b) < 0 && errno == EEXIST)
		doctor_say(d, DOCTOR_OK, "hard links", NULL, "there, and none "
			   "is replaced");
	else
		doctor_say(d, DOCTOR_OK, "hard links", NULL, "none: %s (nfsq "
			   "needs none)", strerror(errno));
	fs_unlink(a);
	fs_unlink(b);
	free(a);
	free(b);
}

static void
try_write(struct doctor *d)
{
	struct fault f = { .step = NULL };
	struct str back = STR_INIT;
	char *path = doctor_path(d, "mk/w");
	char *dir = doctor_path(d, "mk");
	char text[8192];

	memset(text, 'w', sizeof(text));
	want(&f, "write, fsync and close",
	     fs_put(path, text, sizeof(text), d->file_mode, NULL) == 0);
	want(&f, "fsync of a directory", fs_sync_dir(dir, false) == 0);
	want(&f, "read", fs_get(path, sizeof(text), &back) == 0);
	errno = 0;
	want(&f, "what is read is what was written",
	     back.len == sizeof(text) &&
	     memcmp(back.s, text, sizeof(text)) == 0);
	fs_unlink(path);
	str_release(&back);
	free(path);
	free(dir);
	tell(d, &f, "write", "write, fsync, close, read; fsync of a directory");
}

/* Whose is what we make?  Root squash shows here. */
static void
try_owner(struct doctor *d)
{
	char *path = doctor_path(d, "mk/o");
	struct stat st = { .st_uid = geteuid() };
	uid_t me = geteuid();

	if (doctor_put(d, "mk/o") < 0 || fs_lstat(path, &st) < 0)
		doctor_say(d, DOCTOR_BAD, "owner", "see owner and mode of the "
			   "directory", "cannot make a file: %s",
			   strerror(errno));
	else if (st.st_uid != me && me == 0)
		doctor_say(d, DOCTOR_WARN, "owner", "submit and work as a "
			   "user, not as root", "root squash: files of root "
			   "belong to user %u", (unsigned)st.st_uid);
	else if (st.st_uid != me)
		doctor_say(d, DOCTOR_BAD, "owner", "give the user the same "
			   "number on all hosts (see idmapd, all_squash)",
			   "files of user %u belong to user %u", (unsigned)me,
			   (unsigned)st.st_uid);
	else
		doctor_say(d, DOCTOR_OK, "owner", NULL, "files of user %u are "
			   "the user's%s", (unsigned)me,
			   me == 0 ? ", no root squash" : "");
	fs_unlink(path);
	free(path);
}

/* --- clock */

static int64_t
real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int
doctor_clock(const struct doctor *d, const char *file, int64_t *ahead_ms)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		int64_t before = real_ms(), t, after, off;

		if (doctor_touch(d, file, &t) < 0)
			return -1;
		after = real_ms();
		/* File systems count in ticks, some in seconds. */
		off = t > after ? t - after
			: t < before - (t % 1000 ? 20 : 1020) ? t - before : 0;
		if (llabs(off) < llabs(best))
			best = off;
	}
	*ahead_ms = best;
	return 0;
}

void
doctor_add_ahead(struct str *out, int64_t ms)
{
	int64_t far = ms < 0 ? -ms : ms;

	if (ms == 0)
		str_add(out, "the same as");
	else
		str_addf(out, "%" PRId64 ".%03" PRId64 "s %s", far / 1000,
			 far % 1000, ms > 0 ? "ahead of" : "behind");
}

static void
try_clock(struct doctor *d)
{
	struct str text = STR_INIT;
	int64_t ahead;

	if (doctor_put(d, "mk/c") < 0 || doctor_clock(d, "mk/c", &ahead) < 0) {
		doctor_say(d, DOCTOR_BAD, "clock", elsewhere, "cannot touch a "
			   "file: %s", strerror(errno));
		return;
	}
	doctor_unlink(d, "mk/c");
	str_add(&text, "that of files is ");
	doctor_add_ahead(&text, ahead);
	str_add(&text, " this host's");
	if (llabs(ahead) >= CLOCK_MS)
		doctor_say(d, DOCTOR_WARN, "clock", "set the clocks (NTP); "
			   "nfsq compares none, but people and make(1) do",
			   "%s", text.s);
	else
		doctor_say(d, DOCTOR_OK, "clock", NULL, "%s", text.s);
	str_release(&text);
}

/* How small a step of mtime there is: heartbeats are such steps. */
static void
try_steps(struct doctor *d)
{
	int64_t end = doctor_now_us() + 2500000, t, last, least = 0;
	int steps = 0;

	if (doctor_put(d, "mk/s") < 0 || doctor_touch(d, "mk/s", &last) < 0)
		return;
	while (steps < 6 && doctor_now_us() < end &&
	       doctor_touch(d, "mk/s", &t) == 0) {
		/* The first one only begins a step. */
		if (t != last && ++steps > 1 &&
		    (least == 0 || llabs(t - last) < least))
			least = llabs(t - last);
		last = t;
		doctor_pause(1);
	}
	doctor_unlink(d, "mk/s");
	if (steps > 1 && least < 500)
		doctor_say(d, DOCTOR_OK, "heartbeat", NULL, "times of files "
			   "change with each touch, in steps of %" PRId64
			   " ms or less", least);
	else if (steps > 0)
		doctor_say(d, DOCTOR_WARN, "heartbeat", "use a lease of 60s or "
			   "more", "times of files change by the second only");
	else
		doctor_say(d, DOCTOR_BAD, "heartbeat", elsewhere,
			   "the time of a file does not change by a touch");
}

/* --- how long */

static void
try_large(struct doctor *d)
{
	struct strlist names = STRLIST_INIT;
	int64_t began = doctor_now_us(), list;
	size_t n = 0;
	char name[32];

	for (; n < NAMES && doctor_now_us() - began < MAKE_US &&
	       !doctor_stopped(d); n++) {
		snprintf(name, sizeof(name), "many/%zu", n);
		if (doctor_make(d, name) < 0)
			break;
	}
	list = doctor_now_us();
	if (doctor_list(d, "many", &names) < 0 || names.n != n)
		doctor_say(d, DOCTOR_BAD, "listing", elsewhere, "%zu names "
			   "were made, %zu are listed", n, names.n);
	else {
		list = doctor_now_us() - list;
		doctor_say(d, list > 2000000 ? DOCTOR_WARN : DOCTOR_OK,
			   "listing", list > 2000000 ? "see why the server is "
			   "slow; keep fewer jobs in the spool" : NULL,
			   "%zu names in %.1f ms", n, (double)list / 1000);
	}
	strlist_release(&names);
	for (size_t i = 0; i < n && !doctor_stopped(d); i++) {
		snprintf(name, sizeof(name), "many/%zu", i);
		doctor_unlink(d, name);
	}
}

enum call { CREATE, RENAME, TOUCH, WRITE, LIST, UNLINK, CALLS };
static const char *const call_names[CALLS] = {
	"create", "rename", "touch", "write", "opendir", "unlink",
};

/* One call in round i; each has what the one before made. */
static int
do_call(struct doctor *d, enum call c, int i)
{
	char made[32], moved[32], file[32];
	struct strlist names = STRLIST_INIT;
	int64_t t;
	int r = -1;

	snprintf(made, sizeof(made), "mk/l%d", i);
	snprintf(moved, sizeof(moved), "a/l%d", i);
	snprintf(file, sizeof(file), "b/l%d", i);
	switch (c) {
	case CREATE:
		return doctor_make(d, made);
	case RENAME:
		return doctor_move(d, made, moved);
	case TOUCH:
		return doctor_touch(d, moved, &t);
	case WRITE:
		return doctor_put(d, file);
	case LIST:
		r = doctor_list(d, "a", &names);
		strlist_release(&names);
		return r;
	default:
		doctor_unlink(d, file);
		return doctor_unlink(d, moved);
	}
}

static void
judge_lease(struct doctor *d, int64_t worst)
{
	int64_t beat = spool_beat_ms(d->sp);

	if (worst / 1000 > beat / 2)
		doctor_say(d, DOCTOR_WARN, "lease", "make the spool with a "
			   "longer one (nfsq init --lease)", "%.1fs, a "
			   "heartbeat each %.1fs, but a call took %.1fs",
			   (double)d->sp->conf.lease_ms / 1000,
			   (double)beat / 1000, (double)worst / 1000000);
	else
		doctor_say(d, DOCTOR_OK, "lease", NULL, "%.1fs, a heartbeat "
			   "each %.1fs; the slowest call took %.1f ms",
			   (double)d->sp->conf.lease_ms / 1000,
			   (double)beat / 1000, (double)worst / 1000);
}

static void
try_latency(struct doctor *d)
{
	struct doctor_times t[CALLS] = { { .n = 0 } };
	struct str text = STR_INIT;
	int64_t slowest = 0, worst = 0;

	for (int i = 0; i < ROUNDS && !doctor_stopped(d); i++)
		for (int c = 0; c < CALLS; c++) {
			int64_t began = doctor_now_us();

			if (do_call(d, (enum call)c, i) == 0)
				doctor_time(&t[c], doctor_now_us() - began);
		}
	for (int c = 0; c < CALLS; c++) {
		int64_t median = doctor_median(&t[c]);
		int64_t most = doctor_worst(&t[c]);

		str_addf(&text, "%s%s %.1f/%.1f", c ? ", " : "", call_names[c],
			 (double)median / 1000, (double)most / 1000);
		slowest = median > slowest ? median : slowest;
		worst = most > worst ? most : worst;
	}
	doctor_say(d, slowest > SLOW_US ? DOCTOR_WARN : DOCTOR_OK, "latency",
		   slowest > SLOW_US ? "see why the server or the network is "
		   "slow" : NULL, "%s ms (median/worst of %d)", text.s, ROUNDS);
	if (d->sp)
		judge_lease(d, worst);
	str_release(&text);
}

void
doctor_try(struct doctor *d)
{
	static void (*const probes[])(struct doctor *) = {
		try_owner, try_rename, try_fence, try_exclusive, try_links,
		try_hard_link, try_write, try_clock, try_steps, try_large,
		try_latency,
	};

	for (size_t i = 0; i < ARRAY_LEN(probes) && !doctor_stopped(d); i++)
		probes[i](d);
}

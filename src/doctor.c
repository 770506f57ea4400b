/*
 * doctor.c - the frame of doctor: its directory, its verdicts, and what is
 * seen without a change
 *
 * Leaves nothing behind but what a kill leaves: see doctor.h.
 */
#include "nfsq.h"
#include "doctor-int.h"

#include "when.h"

static const char *const rooms[] = { "box", "mk", "a", "b", "race", "many" };

void
doctor_say(struct doctor *d, enum doctor_level level, const char *what,
	   const char *advice, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	d->say(level, what, text.s, advice, d->arg);
	str_release(&text);
}

bool
doctor_stopped(const struct doctor *d)
{
	return d->stop && *d->stop;
}

void
doctor_pause(int64_t ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

int64_t
doctor_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- names within its directory */

char *
doctor_work(const struct doctor *d, const char *token)
{
	if (d->sp)
		return xasprintf("%s/tmp/doctor.%s", d->dir, token);
	return xasprintf("%s/.nfsq-doctor-%s", d->dir, token);
}

char *
doctor_path(const struct doctor *d, const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	str_addf(&s, "%s/", d->work);
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return str_detach(&s);
}

/* Frees what a call was given; keeps errno. */
static int
done(int r, char *path, char *other)
{
	int saved = errno;

	free(path);
	free(other);
	errno = saved;
	return r;
}

int
doctor_make(const struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_symlink("doctor", path), path, NULL);
}

int
doctor_move(const struct doctor *d, const char *from, const char *to)
{
	char *a = doctor_path(d, "%s", from), *b = doctor_path(d, "%s", to);

	return done(fs_rename(a, b), a, b);
}

int
doctor_mkdir(const struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_mkdir(path, d->dir_mode), path, NULL);
}

int
doctor_rmdir(const struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_rmdir(path), path, NULL);
}

int
doctor_unlink(const struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_unlink(path), path, NULL);
}

int
doctor_put(const struct doctor *d, const char *name)
{
	char *path = doctor_path(d, "%s", name);
	char text[512];

	memset(text, 'x', sizeof(text));
	return done(fs_put(path, text, sizeof(text), d->file_mode, NULL),
		    path, NULL);
}

int
doctor_mtime(const struct doctor *d, const char *name, int64_t *ms)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_dir_mtime(path, ms), path, NULL);
}

int
doctor_touch(const struct doctor *d, const char *name, int64_t *ms)
{
	char *path = doctor_path(d, "%s", name);

	return done(fs_touch_time(path, ms), path, NULL);
}

int
doctor_list(const struct doctor *d, const char *dir, struct strlist *l)
{
	char *path = doctor_path(d, "%s", dir);

	return done(fs_list(path, l, NULL), path, NULL);
}

int
doctor_has(const struct doctor *d, const char *dir, const char *name)
{
	char *path = doctor_path(d, "%s", dir);

	return done(spool_has(path, name), path, NULL);
}

/* --- the frame */

/* A directory made on another host just now may be believed missing: a
 * listing of the one above makes it fresh (NFS-FACTS 1.2). */
static char *
resolve(const char *dir)
{
	struct strlist names = STRLIST_INIT;
	char *path = realpath(dir, NULL), *up;
	const char *slash = strrchr(dir, '/');

	if (path || errno != ENOENT)
		return path;
	up = slash ? xstrndup(dir, (size_t)(slash - dir) + 1) : xstrdup(".");
	fs_list(up, &names, NULL);
	strlist_release(&names);
	free(up);
	return realpath(dir, NULL);
}

int
doctor_is_spool(const char *dir, struct error *err)
{
	char *path = resolve(dir);
	int r = path ? spool_has(path, "nfsq.conf") : -1;

	if (r < 0)
		error_errno(err, "cannot read '%s'", dir);
	free(path);
	return r;
}

int
doctor_init(struct doctor *d, const char *dir, struct spool *sp, mode_t mask,
	    struct error *err)
{
	struct stat st;

	memset(d, 0, sizeof(*d));
	d->dir = realpath(dir, NULL);
	if (!d->dir || fs_lstat(d->dir, &st) < 0)
		return error_errno(err, "cannot open '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, "'%s' is no directory, a spool is one",
				 dir);
	d->sp = sp;
	d->nfs = fs_is_nfs(d->dir);
	d->dir_mode = sp ? sp->dir_mode & 0777 : 0777 & ~mask;
	d->file_mode = sp ? sp->file_mode : 0666 & ~mask;
	return 0;
}

void
doctor_release(struct doctor *d)
{
	free(d->work);
	free(d->dir);
	d->work = d->dir = NULL;
}

int
doctor_begin(struct doctor *d)
{
	int r;

	spool_nonce(d->token);
	d->work = doctor_work(d, d->token);
	r = fs_mkdir(d->work, d->dir_mode);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(rooms); i++)
		r = doctor_mkdir(d, rooms[i]);
	if (r < 0) {
		doctor_say(d, DOCTOR_BAD, "write", "see owner, mode and mount "
			   "of the directory", "cannot make a directory: %s",
			   strerror(errno));
		doctor_end(d);
	}
	return r;
}

void
doctor_end(struct doctor *d)
{
	if (!d->work)
		return;
	/* A peer that is not quite gone may still add a name. */
	for (int i = 0; i < 5 && spool_remove_tree(d->work, 2) < 0; i++)
		doctor_pause(20);
	free(d->work);
	d->work = NULL;
}

/* --- seen without a change */

static void
look_kind(struct doctor *d)
{
	if (d->sp)
		doctor_say(d, DOCTOR_OK, "directory", NULL, "%s, a %sspool of "
			   "a format known here", d->dir,
			   d->sp->conf.group ? "group " : "");
	else
		doctor_say(d, DOCTOR_OK, "directory", NULL, "%s, no spool yet "
			   "(nfsq init makes one in an empty or new directory)",
			   d->dir);
}

static void
look_mode(struct doctor *d)
{
	struct stat st;

	if (fs_lstat(d->dir, &st) < 0)
		return;
	if (!d->sp && (st.st_mode & 0022))
		doctor_say(d, DOCTOR_WARN, "mode", "keep the spool in a "
			   "directory of its own: others could rename it",
			   "%04o, others may write here",
			   (unsigned)st.st_mode & 07777);
	else if (st.st_uid != geteuid() && !(d->sp && d->sp->conf.group))
		doctor_say(d, DOCTOR_WARN, "mode", "use a directory of your "
			   "own", "%04o, of user %u, not of %u",
			   (unsigned)st.st_mode & 07777, (unsigned)st.st_uid,
			   (unsigned)geteuid());
	else
		doctor_say(d, DOCTOR_OK, "mode", NULL, "%04o, of user %u",
			   (unsigned)st.st_mode & 07777, (unsigned)st.st_uid);
}

static void
look_space(struct doctor *d)
{
	static const char advice[] = "free some (nfsq purge removes old jobs)";
	struct str text = STR_INIT;
	struct fs_space s;
	bool few, low;

	if (fs_space(d->dir, &s) < 0) {
		doctor_say(d, DOCTOR_WARN, "space", "see df", "not known: %s",
			   strerror(errno));
		return;
	}
	few = s.inodes < s.all_inodes / 50;
	low = s.bytes < s.all_bytes / 20 && s.bytes < UINT64_C(10) << 30;
	when_add_size(&text, (int64_t)s.bytes);
	str_add(&text, " of ");
	when_add_size(&text, (int64_t)s.all_bytes);
	str_add(&text, " free");
	if (s.all_inodes > 0)
		str_addf(&text, ", %" PRIu64 " of %" PRIu64 " inodes", s.inodes,
			 s.all_inodes);
	if (s.bytes == 0 || (s.inodes == 0 && s.all_inodes > 0))
		doctor_say(d, DOCTOR_BAD, "space", advice, "%s", text.s);
	else
		doctor_say(d, few || low ? DOCTOR_WARN : DOCTOR_OK, "space",
			   few || low ? advice : NULL, "%s", text.s);
	str_release(&text);
}

static void
look_workers(struct doctor *d)
{
	struct worker_info *w = NULL;
	size_t n = 0, alive = 0;
	int64_t now = 0;

	if (!d->sp || spool_server_now(d->sp, &now, NULL) < 0)
		return;
	if (spool_workers(d->sp, &w, &n, NULL) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		alive += w[i].beat_ms > 0 &&
			 now - w[i].beat_ms < d->sp->conf.lease_ms;
		worker_info_release(&w[i]);
	}
	free(w);
	if (n > alive)
		doctor_say(d, DOCTOR_WARN, "workers", "see nfsq workers; any "
			   "live worker takes over from the silent",
			   "%zu alive, %zu silent", alive, n - alive);
	else
		doctor_say(d, DOCTOR_OK, "workers", NULL, "%zu alive", alive);
}

/* What an earlier one left that was killed, in a plain directory: in a spool
 * it is swept. */
static void
look_leftovers(struct doctor *d)
{
	struct strlist names = STRLIST_INIT;
	size_t n = 0;

	if (!d->sp && fs_list_all(d->dir, &names) == 0)
		for (size_t i = 0; i < names.n; i++)
			n += strncmp(names.v[i], ".nfsq-doctor-", 13) == 0;
	if (n > 0)
		doctor_say(d, DOCTOR_WARN, "leftovers", "remove them unless "
			   "one runs now", "of %zu doctors: .nfsq-doctor-*", n);
	strlist_release(&names);
}

void
doctor_look(struct doctor *d)
{
	look_kind(d);
	look_mode(d);
	doctor_mount(d);
	look_space(d);
	look_leftovers(d);
	look_workers(d);
}

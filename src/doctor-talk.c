/*
 * doctor-talk.c - two doctors meet in one directory
 *
 * A message is a symbolic link, its text the words.  It enters box/ by one
 * rename under a name that is never used again, and is found by a fresh
 * listing: the ways that nfsq itself trusts.  Each question has one answer.
 */
#include "nfsq.h"
#include "doctor-int.h"

bool
doctor_is_token(const char *text)
{
	return strlen(text) == NONCE_LEN &&
	       strspn(text, "0123456789abcdef") == NONCE_LEN;
}

static int
put(struct doctor_talk *t, const char *name, const char *text)
{
	char *mk = doctor_path(t->d, "mk/%s", name);
	char *box = doctor_path(t->d, "box/%s", name);
	int r = fs_symlink(text, mk), saved;

	if (r == 0)
		r = fs_rename(mk, box);
	saved = errno;
	free(mk);
	free(box);
	errno = saved;
	return r;
}

/* Two changes of a directory within one tick of the server's clock look like
 * one where times are all that tells of a change (NFS 3): who lists it between
 * them never sees the second.  So none follows one of the other's at once. */
void
doctor_tick(const struct doctor *d)
{
	if (d->nfs)
		doctor_pause(DOCTOR_TICK_MS);
}

int
doctor_send(struct doctor_talk *t, const char *text)
{
	char name[32];

	doctor_tick(t->d);
	snprintf(name, sizeof(name), "%c.%u", t->me, t->n);
	return put(t, name, text);
}

void
doctor_quit(struct doctor_talk *t)
{
	char name[32];

	snprintf(name, sizeof(name), "%c.quit", t->me);
	put(t, name, "quit");
}

/* 1 it is there; 0 not yet; -1. */
static int
look(struct doctor_talk *t, const char *name, struct str *text)
{
	struct strlist names = STRLIST_INIT;
	char quit[] = { t->you, '.', 'q', 'u', 'i', 't', '\0' };
	int r = doctor_list(t->d, "box", &names), saved = errno;
	char *path = doctor_path(t->d, "box/%s", name);

	if (r == 0 && strlist_has(&names, name)) {
		str_clear(text);
		r = fs_get_link(path, text) == 0 ? 1 : -1;
		saved = errno;
	} else if (r == 0 && strlist_has(&names, quit)) {
		r = -1;
		saved = ECONNRESET;
	} else if (r < 0 && (saved == ENOENT || saved == ESTALE)) {
		saved = ECONNRESET;
	}
	strlist_release(&names);
	free(path);
	errno = saved;
	return r;
}

/* Looks often at first, then seldom. */
static void
pause_for(int64_t waited_us)
{
	int64_t ms = waited_us / 10000;

	doctor_pause(ms < 2 ? 2 : ms > 200 ? 200 : ms);
}

int
doctor_receive(struct doctor_talk *t, struct str *text)
{
	int64_t began = doctor_now_us(), waited;
	bool alive = true;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "%c.%u", t->you, t->n);
	for (;;) {
		r = look(t, name, text);
		if (r != 0)
			return r < 0 ? -1 : 0;
		waited = doctor_now_us() - began;
		if (doctor_stopped(t->d))
			errno = EINTR;
		else if (!alive)
			errno = ECONNRESET;
		else if (waited / 1000 > t->timeout_ms)
			errno = ETIMEDOUT;
		else
			errno = 0;
		if (errno)
			return -1;
		/* One more look after its end: it may have answered. */
		alive = !t->alive || t->alive(t->arg);
		pause_for(waited);
	}
}

int
doctor_ask(struct doctor_talk *t, const char *op, int64_t arg,
	   struct str *answer)
{
	int64_t began = doctor_now_us();
	struct str text = STR_INIT;
	int r;

	t->n++;
	words_add(&text, "op", op);
	words_addn(&text, "arg", arg);
	r = doctor_send(t, text.s);
	if (r == 0)
		r = doctor_receive(t, answer);
	t->us = doctor_now_us() - began;
	if (t->d->nfs)		/* ours and the other's are no part of it */
		t->us -= 2 * DOCTOR_TICK_MS * 1000;
	str_release(&text);
	return r;
}

static void
pause_us(int64_t us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

size_t
doctor_race(struct doctor *d, const struct strlist *names, char room)
{
	size_t won = 0;

	for (size_t i = 0; i < names->n && !doctor_stopped(d); i++) {
		char *from = doctor_path(d, "race/%s", names->v[i]);
		char *to = doctor_path(d, "%c/%s", room, names->v[i]);

		int64_t began = doctor_now_us();

		if (fs_rename(from, to) == 0) {
			won++;
			/* The other may catch up, that it be a race. */
			pause_us(doctor_now_us() - began);
		}
		free(from);
		free(to);
	}
	return won;
}

int
doctor_watch(struct doctor *d, const char *file, int64_t *last, int64_t ms)
{
	int64_t began = doctor_now_us(), now;

	while (doctor_now_us() - began < ms * 1000 && !doctor_stopped(d)) {
		if (doctor_mtime(d, file, &now) < 0)
			return -1;
		if (now != *last) {
			*last = now;
			return 1;
		}
		doctor_pause(2);
	}
	return 0;
}

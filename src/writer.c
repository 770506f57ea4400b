/*
 * writer.c - copies what jobs print from their pipes to files
 *
 * The only process of a worker that has files with dirty pages open, so the
 * only one that cannot be killed while the server is away (NFS-FACTS 7.2).
 * A file is made with the first byte.  At the end it is fsynced and closed,
 * both checked, before the keeper hears of it; after an error the rest is
 * read and dropped, so that the job does not hang, and the error is told.
 */
#include "nfsq.h"
#include "worker.h"

#include <poll.h>
#include <sys/ioctl.h>

#include "fs.h"
#include "proc.h"
#include "wire.h"

#define CHUNK (256 << 10)
#define FLUSH_MS 1000	/* how late `log -f` on another host may be */

struct copy {
	uint64_t serial;
	int stream;
	int from;		/* the pipe */
	int to;			/* -1 not yet open */
	bool nfs, finish;
	int error;
	int64_t flushed_ms;	/* 0: nothing written since */
	struct wire_file file;
};

struct writer {
	struct term *t;
	int sock;
	struct copy **v;
	size_t n;
	char *buf;
};

static int
open_file(struct writer *w, struct copy *c)
{
	struct spool *sp = w->t->sp;
	bool ours = c->file.flags & O_CREAT;

	c->to = fs_open(c->file.path, c->file.flags, sp->file_mode);
	if (c->to < 0 && errno == ENOENT && ours) {
		char *dir = xstrndup(c->file.path,
				     (size_t)(strrchr(c->file.path, '/') -
					      c->file.path));

		if (fs_mkdir(dir, sp->dir_mode & 0777) == 0 ||
		    errno == EEXIST)
			c->to = fs_open(c->file.path, c->file.flags,
					sp->file_mode);
		free(dir);
	}
	if (c->to < 0)
		return -1;
	c->nfs = ours ? sp->nfs : fs_is_nfs(c->file.path);
	return 0;
}

static void
write_out(struct writer *w, struct copy *c, size_t n)
{
	if (c->error)
		return;
	if ((c->to < 0 && open_file(w, c) < 0) ||
	    fs_write_all(c->to, w->buf, n) < 0) {
		c->error = errno;
		return;
	}
	if (c->nfs && !c->flushed_ms)
		c->flushed_ms = proc_now();
}

/* The copy is over: the file is made durable, the keeper told. */
static void
end_copy(struct writer *w, size_t i)
{
	struct copy *c = w->v[i];
	struct receipt r = { c->serial, c->stream, c->error };

	if (c->to >= 0) {
		if (!r.error && fs_fsync(c->to) < 0)
			r.error = errno;
		if (fs_close(c->to) < 0 && !r.error)
			r.error = errno;
	}
	close(c->from);
	if (wire_send(w->sock, &r, sizeof(r), NULL, 0) < 0)
		_exit(1);
	free(c);
	w->v[i] = w->v[--w->n];
}

/*
 * Reads the last of it: what the job wrote is in the pipe now, for its tree is
 * gone.  Somebody outside of that tree may have been given the pipe and write
 * on for ever: that is no output of the job.
 */
static void
drain(struct writer *w, struct copy *c)
{
	int left;

	if (ioctl(c->from, FIONREAD, &left) < 0)
		left = 0;
	while (left > 0) {
		ssize_t n = read(c->from, w->buf,
				 left < CHUNK ? (size_t)left : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		write_out(w, c, (size_t)n);
		left -= (int)n;
	}
}

/* Reads what is there.  true: it goes on. */
static bool
pump(struct writer *w, struct copy *c)
{
	if (c->finish) {
		drain(w, c);
		return false;
	}
	for (int i = 0; i < 16; i++) {
		ssize_t n = read(c->from, w->buf, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		write_out(w, c, (size_t)n);
	}
	return true;
}

static void
take_sheet(struct writer *w, const struct sheet *s, int fd)
{
	struct copy *c;

	if (s->finish) {
		for (size_t i = 0; i < w->n; i++)
			if (w->v[i]->serial == s->serial &&
			    w->v[i]->stream == s->stream)
				w->v[i]->finish = true;
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->serial = s->serial;
	c->stream = s->stream;
	c->from = fd;
	c->error = fd < 0 ? EMFILE : 0;	/* it got lost on its way */
	c->to = -1;
	c->file = s->file;
	w->v = xreallocarray(w->v, w->n + 1, sizeof(struct copy *));
	w->v[w->n++] = c;
}

/* Makes what was written visible to other hosts; errors come at the end. */
static void
flush_some(struct writer *w, int64_t now)
{
	for (size_t i = 0; i < w->n; i++) {
		struct copy *c = w->v[i];

		if (!c->flushed_ms || now - c->flushed_ms < FLUSH_MS)
			continue;
		if (fs_fsync(c->to) < 0 && !c->error)
			c->error = errno;
		c->flushed_ms = 0;
	}
}

static int
until_flush(const struct writer *w, int64_t now)
{
	int64_t wait = -1;

	for (size_t i = 0; i < w->n; i++) {
		int64_t left = w->v[i]->flushed_ms + FLUSH_MS - now;

		if (!w->v[i]->flushed_ms)
			continue;
		left = left < 0 ? 0 : left;
		if (wait < 0 || left < wait)
			wait = left;
	}
	return (int)wait;
}

/* One round: messages, then pipes.  false: the keeper is gone. */
static bool
serve(struct writer *w, struct pollfd **p)
{
	size_t n = w->n;

	*p = xreallocarray(*p, n + 1, sizeof(**p));
	for (size_t i = 0; i < n; i++)
		(*p)[i] = (struct pollfd){ w->v[i]->from, POLLIN, 0 };
	(*p)[n] = (struct pollfd){ w->sock, POLLIN, 0 };
	if (poll(*p, n + 1, until_flush(w, proc_now())) < 0 && errno != EINTR)
		return false;
	/* Backwards: end_copy puts the last one, already seen, in its place.*/
	for (size_t i = n; i-- > 0;)
		if ((*p)[i].revents && !pump(w, w->v[i]))
			end_copy(w, i);
	flush_some(w, proc_now());
	if ((*p)[n].revents) {
		struct sheet s;
		int fds[WIRE_FDS], r;

		while ((r = wire_recv(w->sock, &s, sizeof(s), fds)) == 1)
			take_sheet(w, &s, fds[0]);
		if (r < 0)
			return false;
		for (size_t i = w->n; i-- > 0;)
			if (w->v[i]->finish && !pump(w, w->v[i]))
				end_copy(w, i);
	}
	return true;
}

void
writer_main(struct term *t, int sock)
{
	struct writer w = { .t = t, .sock = sock, .buf = xmalloc(CHUNK) };
	struct pollfd *p = NULL;

	while (serve(&w, &p))
		continue;
	free(p);
	free(w.buf);
}

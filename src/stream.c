/*
 * stream.c - copying a growing output file to a descriptor
 *
 * Another host may be writing the file.  It is opened anew each time, since
 * on NFS only an open asks the server how long the file is by now.  A host
 * sends its pages in any order: a page sent late is read as NULs by others
 * until it arrives, so NULs up to a page's end are believed only when they
 * stay, or when the file is final.
 */
#include "nfsq.h"
#include "stream.h"

#include "cmd.h"

#define CHUNK (256 << 10)
#define PAGE 4096		/* no client's pages are smaller */
#define HOLE_MS 5000

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
stream_set(struct stream *s, const char *path)
{
	free(s->path);
	s->path = path ? xstrdup(path) : NULL;
	s->offset = 0;
	s->hole = -1;
	str_clear(&s->tail);
}

void
stream_move(struct stream *s, const char *path)
{
	char *copy = xstrdup(path);

	free(s->path);
	s->path = copy;
}

void
stream_release(struct stream *s)
{
	free(s->path);
	s->path = NULL;
	str_release(&s->tail);
}

/* --- holes */

/* The bytes of buf, which are at `at` in the file, before the first run of
 * NULs that ends with a page. */
static size_t
before_hole(const char *buf, size_t n, off_t at)
{
	size_t end = PAGE - (size_t)(at % PAGE);

	for (; end <= n; end += PAGE) {
		size_t start = end;

		while (start > 0 && buf[start - 1] == '\0')
			start--;
		if (start < end)
			return start;
	}
	return n;
}

/* How many of the n bytes read at s->offset are to be believed. */
static size_t
believed(struct stream *s, const char *buf, size_t n)
{
	size_t good = before_hole(buf, n, s->offset);
	off_t hole = s->offset + (off_t)good;

	if (good == n)
		return n;
	if (s->hole != hole) {
		s->hole = hole;
		s->hole_since = now_ms();
	}
	if (good > 0 || now_ms() - s->hole_since < HOLE_MS)
		return good;
	s->hole = -1;
	return n;
}

/* --- escapes */

/* The length of the part of a colour sequence that text ends in, or of a
 * character. */
static size_t
unfinished(const char *text, size_t n)
{
	for (size_t k = 1; k <= 32 && k <= n; k++) {
		unsigned char c = (unsigned char)text[n - k];

		if (c == '\033')
			return k;
		if (!isdigit(c) && c != ';' && c != '[')
			break;
	}
	for (size_t k = 1; k <= 3 && k <= n; k++) {
		unsigned char c = (unsigned char)text[n - k];
		size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if (c >= 0xc0)
			return want > k ? k : 0;
		if (c < 0x80)
			break;
	}
	return 0;
}

static int
put_escaped(struct stream *s, const char *buf, size_t n, bool final)
{
	struct str out = STR_INIT;
	size_t keep;
	char *rest;
	int r;

	str_addn(&s->tail, buf, n);
	keep = final ? 0 : unfinished(s->tail.s, s->tail.len);
	str_add_log(&out, s->tail.s, s->tail.len - keep);
	rest = xmemdup0(s->tail.s + s->tail.len - keep, keep);
	str_clear(&s->tail);
	str_addn(&s->tail, rest, keep);
	r = cmd_write(s->fd, out.s, out.len);
	free(rest);
	str_release(&out);
	return r;
}

static int
put(struct stream *s, const char *buf, size_t n, bool final)
{
	int r = s->escape ? put_escaped(s, buf, n, final)
			  : cmd_write(s->fd, buf, n);

	return r < 0 ? STREAM_CLOSED : 0;
}

/* --- reading */

static ssize_t
read_at(int fd, char *buf, off_t at)
{
	ssize_t n;

	cmd_busy(true);
	do
		n = pread(fd, buf, CHUNK, at);
	while (n < 0 && errno == EINTR);
	cmd_busy(false);
	return n;
}

/* Copies from fd until its end. */
static int
copy(struct stream *s, int fd, bool final, struct error *err)
{
	char *buf = xmalloc(CHUNK);
	int r = 0, ret = 0;

	while (r == 0) {
		ssize_t n = read_at(fd, buf, s->offset);
		size_t good;

		if (n < 0)
			r = error_errno(err, "cannot read '%s'", s->path);
		if (n <= 0)
			break;
		good = final ? (size_t)n : believed(s, buf, (size_t)n);
		if (good == 0)
			break;
		s->offset += (off_t)good;
		r = put(s, buf, good, false);
		ret = 1;
	}
	if (r >= 0 && final && s->tail.len > 0)
		r = put(s, "", 0, true);
	free(buf);
	return r < 0 ? r : ret;
}

/* A regular file, opened; -1 (errno, err). */
static int
open_file(const struct stream *s, struct error *err)
{
	int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
	struct stat st;
	int fd;

	cmd_busy(true);
	fd = open(s->path, s->outside ? flags : flags | O_NOFOLLOW);
	cmd_busy(false);
	if (fd < 0)
		return error_errno(err, "cannot read '%s'", s->path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return error_set(err, "cannot read '%s': it is no regular file",
			 s->path);
}

int
stream_pump(struct stream *s, bool final, struct error *err)
{
	int fd, r;

	if (!s->path || s->fd < 0)
		return 0;
	fd = open_file(s, err);
	if (fd < 0)
		return -1;
	r = copy(s, fd, final, err);
	close(fd);
	return r;
}

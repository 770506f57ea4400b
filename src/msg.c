/*
 * msg.c - owns what goes to standard error, and the text of errors
 *
 * A line is built whole, made safe for a terminal and written by one
 * write(2), so that lines of several processes do not mix.  What cannot be
 * written is dropped: there is nobody left to tell.  errno survives every
 * call here.
 */
#include "nfsq.h"
#include "msg.h"

#include "str.h"

static const char *program = "nfsq";
static enum msg_level max_level = MSG_INFO;

static void
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static PRINTF(2, 0) void
put_line(const char *prefix, const char *fmt, va_list ap)
{
	struct str text = STR_INIT;
	struct str line = STR_INIT;
	int saved = errno;

	str_add(&text, prefix);
	str_vaddf(&text, fmt, ap);
	str_addf(&line, "%s: ", program);
	str_add_safe(&line, text.s, text.len);
	str_addc(&line, '\n');
	write_all(STDERR_FILENO, line.s, line.len);
	str_release(&line);
	str_release(&text);
	errno = saved;
}

void
msg_program(const char *name)
{
	program = name;
}

void
msg_set_level(enum msg_level level)
{
	max_level = level;
}

enum msg_level
msg_get_level(void)
{
	return max_level;
}

void
msg_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
}

void
msg_warn(const char *fmt, ...)
{
	va_list ap;

	if (max_level < MSG_WARN)
		return;
	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
}

void
msg_info(const char *fmt, ...)
{
	va_list ap;

	if (max_level < MSG_INFO)
		return;
	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
}

void
msg_debug(const char *fmt, ...)
{
	va_list ap;

	if (max_level < MSG_DEBUG)
		return;
	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
}

void
die(enum exit_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line("", fmt, ap);
	va_end(ap);
	exit(status);
}

void
msg_bug(const char *file, int line, const char *fmt, ...)
{
	struct str where = STR_INIT;
	va_list ap;

	str_addf(&where, "BUG at %s:%d: ", file, line);
	va_start(ap, fmt);
	put_line(where.s, fmt, ap);
	va_end(ap);
	abort();
}

/* Replaces the text by one that may have been built from it. */
static void
error_take(struct error *err, struct str *text)
{
	free(err->text);
	err->text = str_detach(text);
}

int
error_set(struct error *err, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;
	int saved = errno;

	if (!err)
		return -1;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	error_take(err, &text);
	errno = saved;
	return -1;
}

int
error_errno(struct error *err, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;
	int saved = errno;

	if (!err)
		return -1;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	str_addf(&text, ": %s", strerror(saved));
	error_take(err, &text);
	errno = saved;
	return -1;
}

int
error_prefix(struct error *err, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;
	int saved = errno;

	if (!err || !err->text)
		return -1;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	str_addf(&text, ": %s", err->text);
	error_take(err, &text);
	errno = saved;
	return -1;
}

const char *
error_text(const struct error *err)
{
	return err && err->text ? err->text : "unknown error";
}

void
error_release(struct error *err)
{
	free(err->text);
	err->text = NULL;
}

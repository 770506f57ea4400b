/*
 * stream.h - copying a growing output file to a descriptor
 *
 *	struct stream s = STREAM_INIT;
 *	s.fd = STDOUT_FILENO;
 *	stream_set(&s, path);
 *	while (...)
 *		stream_pump(&s, false, &err);
 *	stream_pump(&s, true, &err);	// what is left
 *	stream_release(&s);
 */
#ifndef NFSQ_STREAM_H
#define NFSQ_STREAM_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

struct stream {
	int fd;			/* where to; -1: nowhere */
	bool escape;		/* for a terminal */
	bool outside;		/* not in the spool: a link may lead there */
	char *path;		/* NULL: not known yet */
	off_t offset;		/* of what was read */
	struct str tail;	/* read, not yet written: half a character */
	off_t hole;		/* where bytes seem to be missing yet; -1 */
	int64_t hole_since;	/* ms, monotonic */
};
#define STREAM_INIT { .fd = -1, .tail = STR_INIT, .hole = -1 }

/* Reads from the beginning of path (copied; NULL: none yet). */
void stream_set(struct stream *s, const char *path);
/* Goes on in path, the same file under another name. */
void stream_move(struct stream *s, const char *path);
/*
 * Copies what is there.  final: the file will not grow, all of it is copied.
 * 1 something was copied; 0 nothing new; -1 the file cannot be read (err and
 * errno);
 * STREAM_CLOSED the descriptor cannot be written (errno).
 */
enum { STREAM_CLOSED = -2 };
int stream_pump(struct stream *s, bool final, struct error *err);
void stream_release(struct stream *s);

#endif

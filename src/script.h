/*
 * script.h - #NFSQ lines of a batch script
 *
 * A line that begins with `#NFSQ` and a blank, before the first line that is
 * neither empty nor a comment, holds options of submit.  Words are split as
 * sh does with quotes and backslash, nothing is expanded, ` #` begins a
 * comment; `##NFSQ` is a comment.  Pure.
 */
#ifndef NFSQ_SCRIPT_H
#define NFSQ_SCRIPT_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

struct script_word {
	char *text;
	unsigned line;	/* from 1 */
};

struct script {
	struct script_word *words;
	size_t n;
	bool has_lines;	/* an #NFSQ line was there, even an empty one */
};
#define SCRIPT_INIT { NULL, 0, false }

/* Does text begin with #! ? */
bool script_is(const char *text, size_t len);
/*
 * Collects the words.  -1 with err "FILE:LINE: ..." for an unfinished quote,
 * #NFSQ lines without #!, a #! line ending in CR, over JOB_SCRIPT_MAX, a NUL
 * in the text, or an #NFSQ line ending in CR.  0 otherwise.  has_lines is
 * right even on -1, so that the caller can run a file without such lines in
 * place, whatever its bytes are.  Release s in every case.
 */
int script_parse(const char *file, const char *text, size_t len,
		 struct script *s, struct error *err);
void script_release(struct script *s);

#endif

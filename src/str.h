/*
 * str.h - memory that cannot fail, strings that grow, lists of strings
 *
 *	struct str s = STR_INIT;
 *	str_addf(&s, "%s/%s", dir, name);
 *	use(s.s);		// always terminated, "" when empty
 *	str_release(&s);
 */
#ifndef NFSQ_STR_H
#define NFSQ_STR_H

#include "nfsq.h"

/* They never return NULL: out of memory ends the program with a line. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xmemdup0(const void *p, size_t n);	/* n bytes and a NUL */
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

struct str {
	char *s;	/* owned, NUL-terminated; may hold NULs within len */
	size_t len;
	size_t cap;	/* 0: s is the shared empty string */
};
extern char str_empty[];
#define STR_INIT { str_empty, 0, 0 }

void str_init(struct str *s);
void str_release(struct str *s);
void str_clear(struct str *s);		/* keeps the memory */
void str_truncate(struct str *s, size_t len);
/* Room for n more bytes and a NUL. */
void str_reserve(struct str *s, size_t n);
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const void *bytes, size_t n);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) PRINTF(2, 3);
void str_vaddf(struct str *s, const char *fmt, va_list ap) PRINTF(2, 0);
/* The text, now the caller's to free; s is empty again. */
char *str_detach(struct str *s);

/*
 * Appends bytes made safe for a terminal: controls, DEL, C1 controls and
 * invalid UTF-8 become \n \t \e or \xNN, a backslash stays as it is.
 * str_add_log is the same with newline, tab, CR and SGR colour sequences
 * (ESC [ digits and ; m) let through: for `nfsq log` on a terminal.
 */
void str_add_safe(struct str *s, const void *bytes, size_t n);
void str_add_log(struct str *s, const void *bytes, size_t n);
/* Appends text quoted so that sh reads it back as one word; safe as above
 * ($'..' with escapes where needed). */
void str_add_shell(struct str *s, const char *word);
/* Appends valid UTF-8: each invalid byte becomes U+FFFD.  Returns true when
 * one was replaced. */
bool str_add_utf8(struct str *s, const void *bytes, size_t n);
/* The bytes of the UTF-8 character at the front of n bytes; 0: none. */
size_t str_utf8_len(const void *bytes, size_t n);

struct strlist {
	char **v;	/* owned strings; v[n] is NULL once n > 0 */
	size_t n;
	size_t cap;
};
#define STRLIST_INIT { NULL, 0, 0 }

void strlist_add(struct strlist *l, const char *text);	/* copies */
void strlist_take(struct strlist *l, char *text);	/* takes it over */
void strlist_release(struct strlist *l);
void strlist_sort(struct strlist *l);			/* strcmp order */
bool strlist_has(const struct strlist *l, const char *text);
/* v as a NULL-terminated vector even when empty; borrowed. */
char **strlist_argv(struct strlist *l);

#endif

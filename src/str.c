/*
 * str.c - owns memory allocation, growing strings, lists of strings, and the
 * ways bytes of others are made fit to print
 *
 * Nothing here returns an error: without memory the program ends with a
 * line, and a size that overflows counts as no memory.  A struct str is
 * terminated at all times; with cap 0 it borrows str_empty, which is never
 * written.
 */
#include "nfsq.h"
#include "str.h"

#include "msg.h"

char str_empty[1];

/* Without msg.c's help, which needs memory itself. */
static _Noreturn void
out_of_memory(void)
{
	static const char line[] = "nfsq: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, line, sizeof(line) - 1);

	(void)ignored;
	exit(EXIT_FAILED);
}

void *
xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size > 0 ? size : 1);

	if (!q)
		out_of_memory();
	return q;
}

void *
xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	if (size > 0 && n > SIZE_MAX / size)
		out_of_memory();
	return xrealloc(p, n * size);
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1);

	if (!p)
		out_of_memory();
	return p;
}

char *
xmemdup0(const void *p, size_t n)
{
	char *copy;

	if (n == SIZE_MAX)
		out_of_memory();
	copy = xmalloc(n + 1);
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *
xstrdup(const char *s)
{
	return xmemdup0(s, strlen(s));
}

char *
xstrndup(const char *s, size_t n)
{
	return xmemdup0(s, strnlen(s, n));
}

char *
xasprintf(const char *fmt, ...)
{
	struct str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return str_detach(&s);
}

void
str_init(struct str *s)
{
	s->s = str_empty;
	s->len = 0;
	s->cap = 0;
}

void
str_release(struct str *s)
{
	if (s->cap > 0)
		free(s->s);
	str_init(s);
}

void
str_clear(struct str *s)
{
	str_truncate(s, 0);
}

void
str_truncate(struct str *s, size_t len)
{
	if (len > s->len)
		BUG("truncating %zu bytes to %zu", s->len, len);
	s->len = len;
	if (s->cap > 0)
		s->s[len] = '\0';
}

void
str_reserve(struct str *s, size_t n)
{
	size_t need, cap;

	if (n >= SIZE_MAX - s->len)
		out_of_memory();
	need = s->len + n + 1;
	if (need <= s->cap)
		return;
	cap = s->cap <= SIZE_MAX / 2 ? s->cap * 2 : need;
	if (cap < need)
		cap = need;
	if (cap < 32)
		cap = 32;
	s->s = xrealloc(s->cap > 0 ? s->s : NULL, cap);
	s->cap = cap;
	s->s[s->len] = '\0';
}

void
str_addn(struct str *s, const void *bytes, size_t n)
{
	if (n == 0)
		return;
	str_reserve(s, n);
	memcpy(s->s + s->len, bytes, n);
	s->len += n;
	s->s[s->len] = '\0';
}

void
str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void
str_addc(struct str *s, char c)
{
	str_addn(s, &c, 1);
}

void
str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(s, fmt, ap);
	va_end(ap);
}

void
str_vaddf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	str_reserve(s, 64);
	va_copy(again, ap);
	n = vsnprintf(s->s + s->len, s->cap - s->len, fmt, again);
	va_end(again);
	if (n < 0)
		BUG("cannot format '%s'", fmt);
	if ((size_t)n >= s->cap - s->len) {
		str_reserve(s, (size_t)n);
		vsnprintf(s->s + s->len, (size_t)n + 1, fmt, ap);
	}
	s->len += (size_t)n;
}

char *
str_detach(struct str *s)
{
	char *text = s->cap > 0 ? s->s : xstrdup("");

	str_init(s);
	return text;
}

/* How many bytes the first byte of a character promises, and in which range
 * its second must be, so that no overlong form, surrogate or number above
 * U+10FFFF passes. */
struct utf8_class {
	unsigned char first_lo, first_hi;
	unsigned char second_lo, second_hi;
	size_t len;
};

static const struct utf8_class utf8_classes[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool
utf8_rest_valid(const struct utf8_class *c, const unsigned char *p)
{
	if (p[1] < c->second_lo || p[1] > c->second_hi)
		return false;
	for (size_t i = 2; i < c->len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return false;
	return true;
}

size_t
str_utf8_len(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(utf8_classes); i++) {
		const struct utf8_class *c = &utf8_classes[i];

		if (p[0] < c->first_lo || p[0] > c->first_hi)
			continue;
		return n >= c->len && utf8_rest_valid(c, p) ? c->len : 0;
	}
	return 0;
}

/* The bytes of the printable character at p; 0: escape *p. */
static size_t
printable_len(const unsigned char *p, size_t n)
{
	size_t len = str_utf8_len(p, n);

	if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	/* U+0080 to U+009F: as strong as ESC on some terminals */
	if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return len;
}

static void
add_escape(struct str *s, unsigned char c)
{
	if (c == '\n')
		str_add(s, "\\n");
	else if (c == '\t')
		str_add(s, "\\t");
	else if (c == 0x1b)
		str_add(s, "\\e");
	else
		str_addf(s, "\\x%02x", c);
}

void
str_add_safe(struct str *s, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n;) {
		size_t len = printable_len(p + i, n - i);

		if (len == 0)
			add_escape(s, p[i++]);
		str_addn(s, p + i, len);
		i += len;
	}
}

/* The length of ESC [ digits and ; m at p, or 0. */
static size_t
sgr_len(const unsigned char *p, size_t n)
{
	size_t i = 2;

	if (n < 3 || p[0] != 0x1b || p[1] != '[')
		return 0;
	while (i < n && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';'))
		i++;
	return i < n && p[i] == 'm' ? i + 1 : 0;
}

void
str_add_log(struct str *s, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n;) {
		size_t len = printable_len(p + i, n - i);

		if (p[i] == '\n' || p[i] == '\t' || p[i] == '\r')
			len = 1;
		if (len == 0)
			len = sgr_len(p + i, n - i);
		if (len == 0)
			add_escape(s, p[i++]);
		str_addn(s, p + i, len);
		i += len;
	}
}

/* Needs word no quotes?  A '=' may make an assignment of a word that does
 * not begin with a dash. */
static bool
is_plain_word(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+:,./-";
	size_t n = strspn(word, plain);

	if (word[0] == '-')
		while (word[n] == '=')
			n += 1 + strspn(word + n + 1, plain);
	return n > 0 && word[n] == '\0';
}

static bool
is_printable(const char *word, size_t n)
{
	const unsigned char *p = (const unsigned char *)word;

	for (size_t i = 0; i < n;) {
		size_t len = printable_len(p + i, n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

/* As $'..'; octal, because \x takes more than two digits in some shells. */
static void
add_dollar_quoted(struct str *s, const char *word, size_t n)
{
	const unsigned char *p = (const unsigned char *)word;

	str_add(s, "$'");
	for (size_t i = 0; i < n;) {
		size_t len = printable_len(p + i, n - i);

		if (p[i] == '\\' || p[i] == '\'')
			str_addc(s, '\\');
		if (len == 0 && (p[i] == '\n' || p[i] == '\t' ||
				 p[i] == 0x1b))
			add_escape(s, p[i++]);
		else if (len == 0)
			str_addf(s, "\\%03o", p[i++]);
		str_addn(s, p + i, len);
		i += len;
	}
	str_addc(s, '\'');
}

void
str_add_shell(struct str *s, const char *word)
{
	size_t n = strlen(word);

	if (is_plain_word(word)) {
		str_add(s, word);
		return;
	}
	if (!is_printable(word, n)) {
		add_dollar_quoted(s, word, n);
		return;
	}
	str_addc(s, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			str_add(s, "'\\'");
		str_addc(s, *word);
	}
	str_addc(s, '\'');
}

bool
str_add_utf8(struct str *s, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	bool replaced = false;

	for (size_t i = 0; i < n;) {
		size_t len = str_utf8_len(p + i, n - i);

		if (len == 0) {
			str_add(s, "\xef\xbf\xbd");
			replaced = true;
			i++;
		}
		str_addn(s, p + i, len);
		i += len;
	}
	return replaced;
}

/* Room for one more entry and the NULL after it. */
static void
strlist_reserve(struct strlist *l)
{
	size_t cap = l->cap > 0 ? l->cap * 2 : 8;

	if (l->n + 2 <= l->cap)
		return;
	if (l->cap > SIZE_MAX / 2)
		out_of_memory();
	l->v = xreallocarray(l->v, cap, sizeof(l->v[0]));
	l->cap = cap;
	l->v[l->n] = NULL;
}

void
strlist_take(struct strlist *l, char *text)
{
	strlist_reserve(l);
	l->v[l->n++] = text;
	l->v[l->n] = NULL;
}

void
strlist_add(struct strlist *l, const char *text)
{
	strlist_take(l, xstrdup(text));
}

void
strlist_release(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
	l->cap = 0;
}

static int
compare_strings(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

void
strlist_sort(struct strlist *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(l->v[0]), compare_strings);
}

bool
strlist_has(const struct strlist *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], text) == 0)
			return true;
	return false;
}

char **
strlist_argv(struct strlist *l)
{
	strlist_reserve(l);
	return l->v;
}

/*
 * fuzz-values.c - targets for what users write in options, and for what is
 * printed of the bytes of others
 */
#include "nfsq.h"
#include "fuzz.h"

#include "opt.h"
#include "pattern.h"
#include "str.h"
#include "when.h"

/* --- when */

void
fuzz_when(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	/* from 1970 to 2286 */
	int64_t now = (int64_t)(fuzz_number(&in) % UINT64_C(10000000000000));
	char *text = fuzz_text(&in);
	int64_t v = -1;

	if (when_duration(text, WHEN_SECONDS, &v, NULL) == 0)
		FUZZ_CHECK(v > 0 && v <= INT64_MAX / 8);
	if (when_duration(text, WHEN_NO_BARE, &v, NULL) == 0)
		FUZZ_CHECK(v > 0 && !isdigit((unsigned char)
					     text[strlen(text) - 1]));
	if (when_duration0(text, WHEN_SECONDS, &v, NULL) == 0)
		FUZZ_CHECK(v >= 0);
	if (when_limit(text, &v, NULL) == 0)
		FUZZ_CHECK(v > 0 && v <= INT64_MAX / 8);
	if (when_size(text, &v, NULL) == 0)
		FUZZ_CHECK(v > 0);
	if (when_int(text, -100, 100, &v, NULL) == 0)
		FUZZ_CHECK(v >= -100 && v <= 100);
	if (when_int(text, INT64_MIN, INT64_MAX, &v, NULL) == 0)
		FUZZ_CHECK(strspn(text, "-0123456789") == strlen(text));
	if (when_begin(text, now, &v, NULL) == 0) {
		FUZZ_CHECK(v >= 0);
		/* "HH:MM" and "now" are never in the past */
		if (text[0] == 'n' || strlen(text) == 5)
			FUZZ_CHECK(v >= now);
		if (strlen(text) == 5)
			FUZZ_CHECK(v - now <= INT64_C(3) * 86400 * 1000);
	}
	free(text);
}

void
fuzz_told(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	int64_t ms = (int64_t)fuzz_number(&in);
	int64_t now = (int64_t)fuzz_number(&in);
	struct str s = STR_INIT;
	int64_t back;

	now /= 2;		/* a clock that is not at its very end */
	when_add_local(&s, ms, now);
	when_add_duration(&s, ms);
	when_add_size(&s, ms);
	str_clear(&s);
	when_add_utc(&s, ms);
	/* What we write of a time from 1970 to 9999 is read as --begin. */
	if (ms >= 0 && ms < INT64_C(253402300800000)) {
		FUZZ_CHECK(when_begin(s.s, 0, &back, NULL) == 0);
		FUZZ_CHECK(back == ms / 1000 * 1000);
	}
	str_release(&s);
}

/* --- patterns */

static size_t
count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

void
fuzz_pattern(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	struct pattern_values v = {
		.id = fuzz_number(&in), .task = fuzz_number(&in),
	};
	char *pattern = fuzz_text(&in), *name = fuzz_text(&in);
	char *host = fuzz_text(&in), *user = fuzz_text(&in);
	struct str out = STR_INIT, sibling = STR_INIT;
	struct error err = ERROR_INIT;

	v.name = name;
	v.host = host;
	v.user = user;
	if (pattern_check(pattern, &err) == 0) {
		pattern_expand(pattern, &v, &out);
		FUZZ_CHECK(strlen(out.s) == out.len);
		FUZZ_CHECK(count(out.s, '/') == count(pattern, '/'));
		if (!strchr(pattern, '%'))
			FUZZ_CHECK(strcmp(out.s, pattern) == 0);
		pattern_sibling(out.s, v.id, 1, &sibling);
		FUZZ_CHECK(count(sibling.s, '/') == count(out.s, '/'));
	} else {
		FUZZ_CHECK(err.text);
	}
	/* As on a command line: stars make it slow. */
	if (count(pattern, '*') + count(pattern, '(') < 6 && n < 200)
		(void)pattern_glob(pattern, name);
	str_release(&out);
	str_release(&sibling);
	error_release(&err);
	free(pattern);
	free(name);
	free(host);
	free(user);
}

/* --- what is printed */

static bool
is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0], next = (unsigned char)s[1];

	return c < ' ' || c == 0x7f ||
	       (c == 0xc2 && next >= 0x80 && next <= 0x9f);
}

/* Valid UTF-8 without controls but those of `except`. */
static void
check_safe(const struct str *s, const char *except)
{
	FUZZ_CHECK(strlen(s->s) == s->len);
	for (size_t i = 0; i < s->len;) {
		size_t len = str_utf8_len(s->s + i, s->len - i);

		FUZZ_CHECK(len > 0);
		FUZZ_CHECK(!is_control(s->s + i) || strchr(except, s->s[i]));
		i += len;
	}
}

/* Colours are all that may follow an ESC. */
static void
check_colours(const struct str *s)
{
	for (const char *p = s->s; (p = strchr(p, 0x1b)); p++) {
		FUZZ_CHECK(p[1] == '[');
		FUZZ_CHECK(p[2 + strspn(p + 2, "0123456789;")] == 'm');
	}
}

/* One character of $'..' at *p. */
static char
dollar_char(const char **p)
{
	char c = *(*p)++;
	int n = 0;

	if (c != '\\')
		return c;
	c = *(*p)++;
	if (c >= '0' && c <= '3') {
		(*p)--;
		for (int i = 0; i < 3; i++) {
			FUZZ_CHECK(**p >= '0' && **p <= '7');
			n = n * 8 + *(*p)++ - '0';
		}
		return (char)n;
	}
	if (c == 'n' || c == 't')
		return c == 'n' ? '\n' : '\t';
	if (c == 'e')
		return 0x1b;
	FUZZ_CHECK(c == '\\' || c == '\'');
	return c;
}

/* What a shell makes of it must be the word, and one word. */
static void
check_shell(const char *quoted, const char *word)
{
	struct str back = STR_INIT;
	const char *p = quoted;

	FUZZ_CHECK(*p);
	while (*p) {
		if (p[0] == '$') {
			FUZZ_CHECK(p[1] == '\'');
			for (p += 2; *p != '\'';) {
				FUZZ_CHECK(*p);
				str_addc(&back, dollar_char(&p));
			}
			p++;
		} else if (*p == '\'') {
			for (p++; *p != '\''; p++) {
				FUZZ_CHECK(*p);
				str_addc(&back, *p);
			}
			p++;
		} else if (*p == '\\') {
			FUZZ_CHECK(p[1] == '\'');
			str_addc(&back, p[1]);
			p += 2;
		} else {
			FUZZ_CHECK(isalnum((unsigned char)*p) ||
				   strchr("_@%+:,./-=", *p));
			str_addc(&back, *p++);
		}
	}
	FUZZ_CHECK(strcmp(back.s, word) == 0);
	str_release(&back);
}

void
fuzz_str(const uint8_t *data, size_t n)
{
	struct str s = STR_INIT;
	char *word = xmemdup0(data, n);
	bool replaced;

	str_add_safe(&s, data, n);
	check_safe(&s, "");
	str_clear(&s);
	str_add_log(&s, data, n);
	check_safe(&s, "\n\t\r\x1b");
	check_colours(&s);
	str_clear(&s);
	str_add_shell(&s, word);
	check_safe(&s, "");
	check_shell(s.s, word);
	str_clear(&s);
	replaced = str_add_utf8(&s, data, n);
	for (size_t i = 0; i < s.len;) {
		size_t len = str_utf8_len(s.s + i, s.len - i);

		FUZZ_CHECK(len > 0);
		i += len;
	}
	FUZZ_CHECK(replaced || (s.len == n && (n == 0 ||
					       memcmp(s.s, data, n) == 0)));
	str_release(&s);
	free(word);
}

/* --- options */

struct values {
	const char *name;
	int64_t number;
	bool wait, hold;
	struct strlist env;
};

static int
parse_number(const char *value, void *field, struct error *err)
{
	return when_int(value, -100, 100, field, err);
}

static const struct opt opts[] = {
	{ 'n', "name", "NAME", "name", OPT_STRING,
	  offsetof(struct values, name), NULL, NULL },
	{ 0, "no-env", NULL, "none", OPT_FLAG,
	  offsetof(struct values, hold), NULL, NULL },
	{ 'w', "wait", NULL, "wait", OPT_FLAG,
	  offsetof(struct values, wait), NULL, NULL },
	{ 'p', "priority", "N", "number", OPT_PARSE,
	  offsetof(struct values, number), parse_number, NULL },
	{ 0, "env", "NAME", "variable", OPT_LIST,
	  offsetof(struct values, env), NULL, NULL },
	OPT_END
};

void
fuzz_opt(const uint8_t *data, size_t n)
{
	struct fuzz_input in = { data, n };
	struct strlist args = STRLIST_INIT;
	struct globals g = { .spool = NULL };
	struct values v = { .name = NULL };
	struct error err = ERROR_INIT;
	bool dashes = false;
	char **argv;
	int flags = n > 0 && data[0] & 1 ? CMD_STOP : 0, argc, left;

	while (in.n > 0 && args.n < 100)
		strlist_take(&args, fuzz_text(&in));
	argc = (int)args.n;
	argv = xcalloc(args.n + 1, sizeof(*argv));
	for (size_t i = 0; i < args.n; i++)
		argv[i] = args.v[i];
	left = opt_parse(argc, argv, opts, &v, &g, flags, &dashes, &err);
	FUZZ_CHECK((left < 0) == (err.text != NULL));
	FUZZ_CHECK(left <= argc && v.number >= -100 && v.number <= 100);
	/* Words in their order. */
	for (int i = 0, at = 0; i < left; i++, at++) {
		while (at < argc && args.v[at] != argv[i])
			at++;
		FUZZ_CHECK(at < argc);
	}
	if (left >= 0)
		FUZZ_CHECK(left == argc || !argv[left]);
	strlist_release(&v.env);
	strlist_release(&args);
	error_release(&err);
	free(argv);
}

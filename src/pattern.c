/*
 * pattern.c - owns the % patterns of output files and globs of names
 *
 * A pattern is checked when it is given and expanded much later on another
 * host; expanding one that was never checked is our mistake.  What is put in
 * cannot add a '/': a name, host or user stays within one component.
 */
#include "nfsq.h"
#include "pattern.h"

#include <fnmatch.h>

#include "msg.h"
#include "str.h"

#define WIDTH_MAX 10

/* One % and what follows it. */
struct directive {
	int width;
	char letter;		/* '\0': the pattern ends in it */
	size_t len;
};

static struct directive
directive_at(const char *p)
{
	struct directive d = { 0, '\0', 1 };

	for (; p[d.len] >= '0' && p[d.len] <= '9'; d.len++)
		if (d.width <= WIDTH_MAX)
			d.width = d.width * 10 + p[d.len] - '0';
	d.letter = p[d.len];
	if (d.letter != '\0')
		d.len++;
	return d;
}

int
pattern_check(const char *pattern, struct error *err)
{
	const char *p = pattern;

	if (!*p || p[strlen(p) - 1] == '/')
		return error_set(err, "'%s' is no file name", pattern);
	while ((p = strchr(p, '%'))) {
		struct directive d = directive_at(p);

		if (d.letter == '\0')
			return error_set(err, "'%s' in '%s' is unfinished "
					 "(%%%% is a percent sign)", p,
					 pattern);
		if (!strchr("jAaxNu%", d.letter) ||
		    (d.letter == '%' && d.len > 2))
			return error_set(err, "'%.*s' in '%s' is unknown "
					 "(known: %%j %%A %%a %%x %%N %%u "
					 "%%%%)", (int)d.len, p, pattern);
		if (d.width > WIDTH_MAX)
			return error_set(err, "'%.*s' in '%s' is wider than "
					 "%d", (int)d.len, p, pattern,
					 WIDTH_MAX);
		p += d.len;
	}
	return 0;
}

static void
add_component(struct str *out, const char *text)
{
	for (; *text; text++)
		str_addc(out, *text == '/' ? '_' : *text);
}

static void
expand_one(struct directive d, const struct pattern_values *v,
	   struct str *out)
{
	switch (d.letter) {
	case 'j':
	case 'A':
		str_addf(out, "%0*" PRIu64, d.width, v->id);
		return;
	case 'a':
		str_addf(out, "%0*" PRIu64, d.width, v->task);
		return;
	case 'x':
		add_component(out, v->name);
		return;
	case 'N':
		add_component(out, v->host);
		return;
	case 'u':
		add_component(out, v->user);
		return;
	case '%':
		str_addc(out, '%');
		return;
	}
	BUG("'%%%c' in a pattern that was not checked", d.letter);
}

void
pattern_expand(const char *pattern, const struct pattern_values *v,
	       struct str *out)
{
	while (*pattern) {
		size_t n = strcspn(pattern, "%");
		struct directive d;

		str_addn(out, pattern, n);
		pattern += n;
		if (!*pattern)
			return;
		d = directive_at(pattern);
		expand_one(d, v, out);
		pattern += d.len;
	}
}

void
pattern_sibling(const char *path, uint64_t id, unsigned attempt,
		struct str *out)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;

	str_addn(out, path, (size_t)(file - path));
	str_addf(out, ".%s.nfsq-%" PRIu64 ".%u", file, id, attempt);
}

bool
pattern_glob(const char *glob, const char *text)
{
	return fnmatch(glob, text, 0) == 0;
}

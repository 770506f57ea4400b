/*
 * unit-pattern.c - % patterns of output files, siblings, globs
 */
#include "nfsq.h"
#include "unit.h"

#include "msg.h"
#include "pattern.h"
#include "str.h"

const char unit_suite[] = "unit-pattern";

static const struct pattern_values values = {
	.id = 1042, .task = 7, .name = "a/b c", .host = "node3",
	.user = "alice",
};

static const struct {
	const char *name, *pattern, *want;
} good[] = {
	{ "no percent", "out.txt", "out.txt" },
	{ "id", "%j.out", "1042.out" },
	{ "array's id", "%A", "1042" },
	{ "task", "%A_%a.out", "1042_7.out" },
	{ "name with a slash", "%x.log", "a_b c.log" },
	{ "host and user", "/x/%N/%u", "/x/node3/alice" },
	{ "percent sign", "100%%", "100%" },
	{ "percent signs", "%%j%%%j", "%j%1042" },
	{ "padded", "%6j", "001042" },
	{ "padded task", "%3a-%04a", "007-0007" },
	{ "narrower than the number", "%2j", "1042" },
	{ "width 0", "%0j", "1042" },
	{ "greatest width", "%10j", "0000001042" },
	{ "width of a text", "%9N", "node3" },
	{ "backslash is itself", "\\%j", "\\1042" },
};

static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error err = ERROR_INIT;
		struct str s = STR_INIT;
		int r = pattern_check(good[i].pattern, &err);

		CHECK(r == 0 && !err.text, good[i].name);
		if (r == 0)
			pattern_expand(good[i].pattern, &values, &s);
		CHECK_STR(s.s, good[i].want, good[i].name);
		str_release(&s);
		error_release(&err);
	}
}

#define KNOWN " (known: %j %A %a %x %N %u %%)"

static const struct {
	const char *name, *pattern, *want;
} bad[] = {
	{ "unknown", "%q.out", "'%q' in '%q.out' is unknown" KNOWN },
	{ "unknown, later", "%j%J", "'%J' in '%j%J' is unknown" KNOWN },
	{ "unknown with width", "%3z", "'%3z' in '%3z' is unknown" KNOWN },
	{ "percent sign with width", "%3%",
	  "'%3%' in '%3%' is unknown" KNOWN },
	{ "minus", "%-4j", "'%-' in '%-4j' is unknown" KNOWN },
	{ "unfinished", "a%",
	  "'%' in 'a%' is unfinished (%% is a percent sign)" },
	{ "unfinished width", "a%4",
	  "'%4' in 'a%4' is unfinished (%% is a percent sign)" },
	{ "too wide", "%11j", "'%11j' in '%11j' is wider than 10" },
	{ "much too wide", "%99999999999999999999j",
	  "'%99999999999999999999j' in '%99999999999999999999j' is wider "
	  "than 10" },
	{ "empty", "", "'' is no file name" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;

		CHECK(pattern_check(bad[i].pattern, &err) == -1, bad[i].name);
		CHECK_STR(err.text, bad[i].want, bad[i].name);
		CHECK(pattern_check(bad[i].pattern, NULL) == -1, bad[i].name);
		error_release(&err);
	}
}

static void
test_large(void)
{
	struct pattern_values v = values;
	struct str s = STR_INIT;

	v.id = UINT64_MAX;
	v.host = "..";
	v.user = "../x";
	pattern_expand("%10j/%u", &v, &s);
	CHECK_STR(s.s, "18446744073709551615/.._x", "large id");
	str_release(&s);
}

static const struct {
	const char *name, *path, *want;
} siblings[] = {
	{ "absolute", "/a/b/out.txt", "/a/b/.out.txt.nfsq-1042.3" },
	{ "in the root", "/out", "/.out.nfsq-1042.3" },
	{ "no directory", "out", ".out.nfsq-1042.3" },
	{ "hidden", "a/.out", "a/..out.nfsq-1042.3" },
	{ "directory", "a/", "a/..nfsq-1042.3" },
};

static void
test_siblings(void)
{
	for (size_t i = 0; i < ARRAY_LEN(siblings); i++) {
		struct str s = STR_INIT;

		pattern_sibling(siblings[i].path, 1042, 3, &s);
		CHECK_STR(s.s, siblings[i].want, siblings[i].name);
		str_release(&s);
	}
}

static const struct {
	const char *name, *glob, *text;
	bool want;
} globs[] = {
	{ "same", "render", "render", true },
	{ "part", "rend", "render", false },
	{ "star", "ren*", "render", true },
	{ "star alone", "*", "", true },
	{ "question mark", "r?nder", "render", true },
	{ "set", "[a-r]*", "render", true },
	{ "not in the set", "[!a-r]*", "render", false },
	{ "case", "RENDER", "render", false },
	{ "escaped star", "a\\*", "ab", false },
	{ "dot is no exception", "*", ".a", true },
	{ "unfinished set", "[a", "[a", true },
};

static void
test_globs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(globs); i++)
		CHECK(pattern_glob(globs[i].glob, globs[i].text) ==
		      globs[i].want, globs[i].name);
}

const struct unit units[] = {
	{ "good patterns", test_good },
	{ "bad patterns", test_bad },
	{ "large values", test_large },
	{ "siblings", test_siblings },
	{ "globs", test_globs },
	{ NULL, NULL }
};

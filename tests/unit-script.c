/*
 * unit-script.c - #NFSQ lines: which lines count, how words are split
 */
#include "nfsq.h"
#include "unit.h"

#include "job.h"
#include "msg.h"
#include "script.h"
#include "str.h"

const char unit_suite[] = "unit-script";

#define SH "#!/bin/sh\n"

/* A text of exactly n bytes on the heap, so that ASan sees one too many. */
static int
parse(const char *text, size_t n, struct script *s, struct error *err)
{
	char *copy = xmalloc(n);
	int r;

	if (n > 0)
		memcpy(copy, text, n);
	r = script_parse("job.sh", copy, n, s, err);
	free(copy);
	return r;
}

/* want: each word as LINE:<word>, joined by blanks; NULL: no #NFSQ line. */
static const struct {
	const char *name, *text, *want;
} good[] = {
	{ "empty text", "", NULL },
	{ "no lines", SH "echo\n", NULL },
	{ "no script at all", "hello\n", NULL },
	{ "one line", SH "#NFSQ -n x\n", "2:<-n> 2:<x>" },
	{ "no last newline", SH "#NFSQ -n x", "2:<-n> 2:<x>" },
	{ "only #!", "#!", NULL },
	{ "tab behind the mark", SH "#NFSQ\t-n\tx\t\n", "2:<-n> 2:<x>" },
	{ "empty line of ours", SH "#NFSQ\n", "" },
	{ "blank line of ours", SH "#NFSQ  \n", "" },
	{ "several lines", SH "#NFSQ -n x\n# text\n\n  \t\n#NFSQ --hold\n",
	  "2:<-n> 2:<x> 6:<--hold>" },
	{ "indented comment goes on", SH "  # a\n#NFSQ -H\n", "3:<-H>" },
	{ "ends at the first command", SH "#NFSQ -H\necho\n#NFSQ -n x\n",
	  "2:<-H>" },
	{ "indented is a comment", SH " #NFSQ -H\n", NULL },
	{ "doubled is a comment", SH "##NFSQ -H\n", NULL },
	{ "longer word is a comment", SH "#NFSQX -H\n", NULL },
	{ "lower case is a comment", SH "#nfsq -H\n", NULL },
	{ "blank before NFSQ is a comment", SH "# NFSQ -H\n", NULL },
	{ "trailing comment", SH "#NFSQ -H # hold it\n", "2:<-H>" },
	{ "only a comment", SH "#NFSQ # nothing\n", "" },
	{ "# within a word", SH "#NFSQ -n a#b\n", "2:<-n> 2:<a#b>" },
	{ "quoted #", SH "#NFSQ -n '#a' \\#b\n", "2:<-n> 2:<#a> 2:<#b>" },
	{ "single quotes", SH "#NFSQ -n 'a  \"$b\\'c\n",
	  "2:<-n> 2:<a  \"$b\\c>" },
	{ "double quotes", SH "#NFSQ \"a '\\\"\\$\\`\\\\ \\n\"\n",
	  "2:<a '\"$`\\ \\n>" },
	{ "empty words", SH "#NFSQ '' \"\"\n", "2:<> 2:<>" },
	{ "joined quotes", SH "#NFSQ a'b c'\"d e\"f\n", "2:<ab cd ef>" },
	{ "backslash", SH "#NFSQ a\\ b \\\\ \\'\n", "2:<a b> 2:<\\> 2:<'>" },
	{ "nothing expanded", SH "#NFSQ ~ $HOME * `x` a;b|c\n",
	  "2:<~> 2:<$HOME> 2:<*> 2:<`x`> 2:<a;b|c>" },
	{ "CR in a later line", SH "#NFSQ -H\necho\r\n", "2:<-H>" },
	{ "no #!, mark too late", "echo\n#NFSQ -H\n", NULL },
	{ "invalid UTF-8", SH "#NFSQ \xff\n", "2:<\xff>" },
};

static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct script s = SCRIPT_INIT;
		struct error err = ERROR_INIT;
		struct str got = STR_INIT;

		CHECK(parse(good[i].text, strlen(good[i].text), &s,
			    &err) == 0, good[i].name);
		CHECK_STR(err.text, NULL, good[i].name);
		for (size_t w = 0; w < s.n; w++)
			str_addf(&got, "%s%u:<%s>", w > 0 ? " " : "",
				 s.words[w].line, s.words[w].text);
		CHECK(s.has_lines == (good[i].want != NULL), good[i].name);
		CHECK_STR(got.s, good[i].want ? good[i].want : "",
			  good[i].name);
		str_release(&got);
		error_release(&err);
		script_release(&s);
	}
}

static const struct {
	const char *name, *text;
	size_t len;		/* 0: strlen */
	bool has_lines;
	const char *want;
} bad[] = {
	{ "unfinished single quote", SH "#NFSQ -H\n#NFSQ 'a\n'\n", 0, true,
	  "job.sh:3: unfinished quote" },
	{ "unfinished double quote", SH "#NFSQ \"a\\\"", 0, true,
	  "job.sh:2: unfinished quote" },
	{ "quote at the end", SH "#NFSQ a'", 0, true,
	  "job.sh:2: unfinished quote" },
	{ "backslash at the end", SH "#NFSQ a\\\n# b\n", 0, true,
	  "job.sh:2: nothing follows the last backslash" },
	{ "no #!", "# hello\n\n#NFSQ -H\n", 0, true,
	  "job.sh:3: an #NFSQ line, but the text does not begin with #!" },
	{ "mark first", "#NFSQ -H", 0, true,
	  "job.sh:1: an #NFSQ line, but the text does not begin with #!" },
	{ "#! in the second line", "\n#!/bin/sh\n#NFSQ -H\n", 0, true,
	  "job.sh:3: an #NFSQ line, but the text does not begin with #!" },
	{ "#! line ends in CR", "#!/bin/sh\r\n#NFSQ -H\r\n", 0, true,
	  "job.sh:1: the #! line ends in CR" },
	{ "#! line ends in CR, no more", "#!/bin/sh\r", 0, false,
	  "job.sh:1: the #! line ends in CR" },
	{ "our line ends in CR", SH "#NFSQ -H\r\n", 0, true,
	  "job.sh:2: the line ends in CR" },
	{ "our empty line ends in CR", SH "#NFSQ\r\n", 0, true,
	  "job.sh:2: the line ends in CR" },
	{ "NUL", SH "#NFSQ -H\necho \0x\n", sizeof(SH) + 16, true,
	  "job.sh:3: a NUL byte in the text" },
	{ "NUL first", "\0", 1, false, "job.sh:1: a NUL byte in the text" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t len = bad[i].len > 0 ? bad[i].len : strlen(bad[i].text);
		struct script s = SCRIPT_INIT;
		struct error err = ERROR_INIT;

		CHECK(parse(bad[i].text, len, &s, &err) == -1, bad[i].name);
		CHECK_STR(err.text, bad[i].want, bad[i].name);
		CHECK(s.has_lines == bad[i].has_lines, bad[i].name);
		error_release(&err);
		script_release(&s);
	}
}

static void
test_size(void)
{
	struct script s = SCRIPT_INIT;
	struct error err = ERROR_INIT;
	struct str text = STR_INIT;

	str_add(&text, SH "#NFSQ -H\n");
	while (text.len < JOB_SCRIPT_MAX)
		str_addc(&text, '\n');
	CHECK(script_parse("f", text.s, text.len, &s, &err) == 0, "largest");
	script_release(&s);
	str_addc(&text, '\n');
	CHECK(script_parse("f", text.s, text.len, &s, &err) == -1, "larger");
	CHECK_STR(err.text, "f: larger than 4 MiB", "larger");
	CHECK(s.has_lines, "larger");
	script_release(&s);
	error_release(&err);
	str_release(&text);
}

static void
test_many_words(void)
{
	struct script s = SCRIPT_INIT;
	struct str text = STR_INIT;

	str_add(&text, SH "#NFSQ");
	for (int i = 0; i < 1000; i++)
		str_addf(&text, " w%d", i);
	CHECK(script_parse("f", text.s, text.len, &s, NULL) == 0, "many");
	CHECK(s.n == 1000, "many");
	CHECK_STR(s.words[999].text, "w999", "many");
	script_release(&s);
	CHECK(s.n == 0 && !s.words, "released");
	str_release(&text);
}

static void
test_is(void)
{
	CHECK(script_is("#!/bin/sh", 9), "script");
	CHECK(script_is("#!", 2), "shortest");
	CHECK(!script_is("#!", 1), "too short");
	CHECK(!script_is("", 0), "empty");
	CHECK(!script_is(" #!", 3), "blank first");
	CHECK(!script_is("\177ELF", 4), "binary");
}

const struct unit units[] = {
	{ "is a script", test_is },
	{ "good scripts", test_good },
	{ "bad scripts", test_bad },
	{ "size", test_size },
	{ "many words", test_many_words },
	{ NULL, NULL }
};

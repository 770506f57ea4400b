/*
 * unit-str.c - strings, lists and escapes of str.c; errors and lines of msg.c
 */
#include "nfsq.h"
#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "msg.h"
#include "str.h"

const char unit_suite[] = "unit-str";

/* Bytes with their length, so that a case may hold a NUL. */
struct bytes {
	const char *s;
	size_t n;
};
#define BYTES(text) { text, sizeof(text) - 1 }

struct text_case {
	const char *name;
	struct bytes in;
	const char *want;
};

typedef void add_fn(struct str *s, const void *bytes, size_t n);

static void
check_texts(const struct text_case *cases, size_t n, add_fn *add)
{
	for (size_t i = 0; i < n; i++) {
		struct str s = STR_INIT;
		char *in = xmemdup0(cases[i].in.s, cases[i].in.n);

		/* exactly as large, so that ASan sees a byte too many */
		in = xrealloc(in, cases[i].in.n);
		str_add(&s, "<");
		add(&s, in, cases[i].in.n);
		CHECK(s.s[0] == '<', cases[i].name);
		CHECK_STR(s.s + 1, cases[i].want, cases[i].name);
		CHECK(strlen(s.s) == s.len, cases[i].name);
		str_release(&s);
		free(in);
	}
}

static const struct text_case safe_cases[] = {
	{ "empty", BYTES(""), "" },
	{ "plain", BYTES("a b~"), "a b~" },
	{ "backslash stays", BYTES("a\\n"), "a\\n" },
	{ "newline", BYTES("a\nb"), "a\\nb" },
	{ "tab", BYTES("\t"), "\\t" },
	{ "escape", BYTES("\033[2J"), "\\e[2J" },
	{ "carriage return", BYTES("a\rb"), "a\\x0db" },
	{ "NUL", BYTES("a\0b"), "a\\x00b" },
	{ "bell", BYTES("\a"), "\\x07" },
	{ "DEL", BYTES("\177"), "\\x7f" },
	{ "two bytes", BYTES("\xc3\xa4"), "\xc3\xa4" },
	{ "three bytes", BYTES("\xe2\x82\xac"), "\xe2\x82\xac" },
	{ "four bytes", BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
	{ "last code point", BYTES("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf" },
	{ "no-break space", BYTES("\xc2\xa0"), "\xc2\xa0" },
	{ "C1 as UTF-8", BYTES("\xc2\x9b" "2J"), "\\xc2\\x9b2J" },
	{ "C1 as a byte", BYTES("\x9b" "2J"), "\\x9b2J" },
	{ "overlong slash", BYTES("\xc0\xaf"), "\\xc0\\xaf" },
	{ "overlong, 3 bytes", BYTES("\xe0\x80\xaf"), "\\xe0\\x80\\xaf" },
	{ "overlong, 4 bytes", BYTES("\xf0\x80\x80\xaf"),
	  "\\xf0\\x80\\x80\\xaf" },
	{ "surrogate", BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80" },
	{ "above U+10FFFF", BYTES("\xf4\x90\x80\x80"),
	  "\\xf4\\x90\\x80\\x80" },
	{ "cut short", BYTES("a\xe2\x82"), "a\\xe2\\x82" },
	{ "good after bad", BYTES("\xe2\xc3\xa4"), "\\xe2\xc3\xa4" },
	{ "not a first byte", BYTES("\xff\xfe"), "\\xff\\xfe" },
};

static void
test_add_safe(void)
{
	check_texts(safe_cases, ARRAY_LEN(safe_cases), str_add_safe);
}

static const struct text_case log_cases[] = {
	{ "lines", BYTES("a\tb\r\nc\n"), "a\tb\r\nc\n" },
	{ "colour", BYTES("\033[1;31mred\033[m"), "\033[1;31mred\033[m" },
	{ "clear screen", BYTES("\033[2J"), "\\e[2J" },
	{ "private mode", BYTES("\033[?25l"), "\\e[?25l" },
	{ "SGR with ?", BYTES("\033[?1m"), "\\e[?1m" },
	{ "SGR with colons", BYTES("\033[4:3m"), "\\e[4:3m" },
	{ "unfinished", BYTES("\033[31"), "\\e[31" },
	{ "ESC at the end", BYTES("a\033"), "a\\e" },
	{ "title", BYTES("\033]0;x\a"), "\\e]0;x\\x07" },
	{ "C1", BYTES("\xc2\x9b" "31m"), "\\xc2\\x9b31m" },
	{ "invalid", BYTES("\xff\n"), "\\xff\n" },
	{ "NUL", BYTES("a\0"), "a\\x00" },
};

static void
test_add_log(void)
{
	check_texts(log_cases, ARRAY_LEN(log_cases), str_add_log);
}

static void
add_utf8(struct str *s, const void *bytes, size_t n)
{
	str_add_utf8(s, bytes, n);
}

static const struct text_case utf8_cases[] = {
	{ "valid", BYTES("a\xc3\xa4\n\033"), "a\xc3\xa4\n\033" },
	{ "one byte", BYTES("a\xff" "b"), "a\xef\xbf\xbd" "b" },
	{ "each byte", BYTES("\xed\xa0\x80"),
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "cut short", BYTES("\xf0\x9f"), "\xef\xbf\xbd\xef\xbf\xbd" },
};

static void
test_add_utf8(void)
{
	struct str s = STR_INIT;

	check_texts(utf8_cases, ARRAY_LEN(utf8_cases), add_utf8);
	CHECK(!str_add_utf8(&s, "\xc3\xa4", 2), "none replaced");
	CHECK(str_add_utf8(&s, "\xc3", 1), "one replaced");
	str_release(&s);
}

static const struct {
	const char *name, *word, *want;
} shell_cases[] = {
	{ "plain", "render.sh", "render.sh" },
	{ "path", "/usr/bin/x_y-z+1:2,3@4%5", "/usr/bin/x_y-z+1:2,3@4%5" },
	{ "option with =", "--name=a=b", "--name=a=b" },
	{ "option with = and blank", "--name=a b", "'--name=a b'" },
	{ "assignment", "A=b", "'A=b'" },
	{ "empty", "", "''" },
	{ "blank", "a b", "'a b'" },
	{ "quote", "it's", "'it'\\''s'" },
	{ "only quotes", "''", "''\\'''\\'''" },
	{ "variable", "$HOME", "'$HOME'" },
	{ "tilde", "~", "'~'" },
	{ "glob", "*.c", "'*.c'" },
	{ "backslash", "a\\b", "'a\\b'" },
	{ "UTF-8", "\xc3\xa4", "'\xc3\xa4'" },
	{ "newline", "a\nb", "$'a\\nb'" },
	{ "newline and quote", "'\n\\", "$'\\'\\n\\\\'" },
	{ "escape and tab", "\033\t", "$'\\e\\t'" },
	{ "control before a digit", "\0011", "$'\\0011'" },
	{ "invalid byte", "\xff" "f", "$'\\377f'" },
	{ "C1", "\xc2\x9b", "$'\\302\\233'" },
};

static void
test_add_shell(void)
{
	for (size_t i = 0; i < ARRAY_LEN(shell_cases); i++) {
		struct str s = STR_INIT;

		str_add_shell(&s, shell_cases[i].word);
		CHECK_STR(s.s, shell_cases[i].want, shell_cases[i].name);
		str_release(&s);
	}
}

static void
test_str(void)
{
	struct str s = STR_INIT;
	char *text;

	CHECK_STR(s.s, "", "fresh");
	str_clear(&s);
	str_truncate(&s, 0);
	CHECK(s.s == str_empty, "clearing takes no memory");
	text = str_detach(&s);
	CHECK_STR(text, "", "detached empty");
	free(text);
	str_addn(&s, "a\0b", 3);
	CHECK(s.len == 3 && s.s[1] == '\0' && s.s[3] == '\0', "holds a NUL");
	str_truncate(&s, 1);
	str_addf(&s, "%d-%s", 42, "x");
	CHECK_STR(s.s, "a42-x", "formatted");
	text = str_detach(&s);
	CHECK_STR(text, "a42-x", "detached");
	CHECK(s.len == 0 && s.s == str_empty, "empty again");
	free(text);
	for (int i = 0; i < 10000; i++)
		str_addc(&s, 'x');
	CHECK(s.len == 10000 && strlen(s.s) == 10000, "grown");
	str_clear(&s);
	CHECK(s.len == 0 && s.cap > 10000, "clear keeps the memory");
	str_release(&s);
	str_release(&s);
	CHECK_STR(s.s, "", "released twice");
}

static void
test_alloc(void)
{
	char *p = xmalloc(0);
	char *q = xcalloc(0, 8);
	char *r = xasprintf("%s/%d", "a", 7);

	CHECK(p && q, "0 bytes");
	CHECK_STR(r, "a/7", "xasprintf");
	free(r);
	r = xstrndup("abcdef", 3);
	CHECK_STR(r, "abc", "xstrndup cuts");
	free(r);
	r = xstrndup("ab", 3);
	CHECK_STR(r, "ab", "xstrndup of a short text");
	free(r);
	r = xmemdup0("a\0b", 3);
	CHECK(memcmp(r, "a\0b", 4) == 0, "xmemdup0");
	free(r);
	free(q);
	free(p);
}

static void
test_strlist(void)
{
	struct strlist l = STRLIST_INIT;

	CHECK(!strlist_has(&l, ""), "empty has none");
	strlist_sort(&l);
	CHECK(!strlist_argv(&l)[0], "argv of an empty list");
	for (int i = 0; i < 20; i++)
		strlist_take(&l, xasprintf("%d", 19 - i));
	strlist_add(&l, "");
	CHECK(l.n == 21 && !l.v[21], "ends with NULL");
	strlist_sort(&l);
	CHECK_STR(l.v[0], "", "sorted, first");
	CHECK_STR(l.v[3], "10", "sorted as text");
	CHECK_STR(l.v[20], "9", "sorted, last");
	CHECK(strlist_has(&l, "19") && !strlist_has(&l, "20"), "has");
	CHECK(strlist_argv(&l) == l.v, "argv");
	strlist_release(&l);
	CHECK(l.n == 0 && !l.v, "released");
}

static void
test_error(void)
{
	struct error err = ERROR_INIT;

	CHECK_STR(error_text(&err), "unknown error", "none");
	CHECK_STR(error_text(NULL), "unknown error", "NULL");
	CHECK(error_prefix(&err, "x") == -1 && !err.text, "prefix of none");
	CHECK(error_set(NULL, "x %d", 1) == -1, "set without a place");
	CHECK(error_errno(NULL, "x") == -1, "errno without a place");
	CHECK(error_prefix(NULL, "x") == -1, "prefix without a place");
	CHECK(error_set(&err, "cannot claim '%s'", "17") == -1, "set");
	CHECK_STR(err.text, "cannot claim '17'", "text");
	error_set(&err, "again: %s", err.text);
	CHECK_STR(err.text, "again: cannot claim '17'", "from its own text");
	errno = ENOSPC;
	CHECK(error_errno(&err, "cannot write '%s'", "f") == -1, "errno");
	CHECK(errno == ENOSPC, "errno is kept");
	CHECK_STR(err.text, "cannot write 'f': No space left on device",
		  "with its cause");
	CHECK(error_prefix(&err, "job %d", 7) == -1, "prefix");
	CHECK_STR(err.text, "job 7: cannot write 'f': No space left on device",
		  "prefixed");
	error_release(&err);
	error_release(&err);
	CHECK(!err.text, "released twice");
}

/*
 * Standard error as datagrams: each write is one.  Runs `say` in a child and
 * puts what it wrote, '|' after each write, into got.  Returns the wait
 * status.
 */
static int
capture(void (*say)(void), struct str *got)
{
	char buf[4096];
	int fds[2], status = -1;
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		say();
		_exit(77);
	}
	close(fds[1]);
	if (pid > 0 && waitpid(pid, &status, 0) != pid)
		status = -1;
	while ((n = recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		str_addn(got, buf, (size_t)n);
		str_addc(got, '|');
	}
	close(fds[0]);
	return status;
}

static void
say_info(void)
{
	msg_info("cannot %s: %d", "x\n\033[2J", 7);
}

static void
say_all(void)
{
	msg_error("e");
	msg_warn("w");
	msg_info("i");
	msg_debug("d");
}

static void
say_quietly(void)
{
	msg_set_level(MSG_ERROR);
	say_all();
}

static void
say_more(void)
{
	msg_set_level(MSG_DEBUG);
	say_all();
}

static void
say_renamed(void)
{
	msg_program("nfsq-worker");
	errno = EINTR;
	msg_warn("hello");
	if (errno != EINTR)
		msg_error("errno was lost");
}

static void
say_die(void)
{
	msg_set_level(MSG_ERROR);
	die(EXIT_USAGE, "unknown option '%s'", "--foo");
}

static void
say_bug(void)
{
	msg_bug("x.c", 12, "%s", "oops");
}

static void
say_too_long(void)
{
	struct str s = STR_INIT;

	str_truncate(&s, 1);
}

static void
say_no_memory(void)
{
	xreallocarray(NULL, SIZE_MAX / 2, 3);
}

static void
say_no_room(void)
{
	struct str s = STR_INIT;

	str_reserve(&s, SIZE_MAX);
}

enum { RETURNED = 77 << 8 };

static const struct {
	const char *name;
	void (*say)(void);
	int status;		/* of waitpid */
	const char *want;	/* the beginning */
} msg_cases[] = {
	{ "escaped", say_info, RETURNED,
	  "unit-str: cannot x\\n\\e[2J: 7\n|" },
	{ "default level", say_all, RETURNED,
	  "unit-str: e\n|unit-str: w\n|unit-str: i\n|" },
	{ "quiet", say_quietly, RETURNED, "unit-str: e\n|" },
	{ "verbose", say_more, RETURNED,
	  "unit-str: e\n|unit-str: w\n|unit-str: i\n|unit-str: d\n|" },
	{ "name and errno", say_renamed, RETURNED, "nfsq-worker: hello\n|" },
	{ "die", say_die, EXIT_USAGE << 8,
	  "unit-str: unknown option '--foo'\n|" },
	{ "bug", say_bug, SIGABRT, "unit-str: BUG at x.c:12: oops\n|" },
	{ "truncate too long", say_too_long, SIGABRT, NULL },
	{ "overflow of a product", say_no_memory, EXIT_FAILED << 8,
	  "nfsq: out of memory\n|" },
	{ "overflow of a sum", say_no_room, EXIT_FAILED << 8,
	  "nfsq: out of memory\n|" },
};

static void
test_msg(void)
{
	for (size_t i = 0; i < ARRAY_LEN(msg_cases); i++) {
		struct str got = STR_INIT;
		int status = capture(msg_cases[i].say, &got);

		/* the core bit is not ours to say */
		CHECK((status & ~0x80) == msg_cases[i].status,
		      msg_cases[i].name);
		if (msg_cases[i].want)
			CHECK_STR(got.s, msg_cases[i].want,
				  msg_cases[i].name);
		str_release(&got);
	}
	CHECK(msg_get_level() == MSG_INFO, "default level");
}

const struct unit units[] = {
	{ "str", test_str },
	{ "alloc", test_alloc },
	{ "strlist", test_strlist },
	{ "add safe", test_add_safe },
	{ "add log", test_add_log },
	{ "add utf8", test_add_utf8 },
	{ "add shell", test_add_shell },
	{ "error", test_error },
	{ "msg", test_msg },
	{ NULL, NULL }
};

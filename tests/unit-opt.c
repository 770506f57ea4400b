/*
 * unit-opt.c - option tables: what is parsed and refused, help, completion
 */
#include "nfsq.h"
#include "unit.h"

#include "msg.h"
#include "opt.h"
#include "str.h"
#include "when.h"

const char unit_suite[] = "unit-opt";

struct values {
	const char *name;
	bool hold, wait, nano;
	struct strlist env;
	int64_t time_ms;
	unsigned count;
};

static int
parse_time(const char *value, void *field, struct error *err)
{
	return when_limit(value, field, err);
}

/* An option without argument that is no flag. */
static int
parse_count(const char *value, void *field, struct error *err)
{
	unsigned *count = field;

	if (value)
		return error_set(err, "a value out of nowhere");
	if (*count == 3)
		return error_set(err, "3 are enough");
	++*count;
	return 0;
}

static const struct opt opts[] = {
	{ 'n', "name", "NAME", "name of the job", OPT_STRING,
	  offsetof(struct values, name), NULL, NULL },
	{ 'H', "hold", NULL, "hold it", OPT_FLAG,
	  offsetof(struct values, hold), NULL, NULL },
	{ 'w', "wait", NULL, "wait for it: it's [all] that is done here, "
	  "and it takes as long as the job takes", OPT_FLAG,
	  offsetof(struct values, wait), NULL, NULL },
	{ 0, "names", NULL, "an option that begins like another", OPT_FLAG,
	  offsetof(struct values, nano), NULL, NULL },
	{ 'e', "env", "NAME[=VAL]", "one more variable", OPT_LIST,
	  offsetof(struct values, env), NULL, NULL },
	{ 't', "time", "LIMIT", "time limit", OPT_PARSE,
	  offsetof(struct values, time_ms), parse_time, NULL },
	{ 'c', NULL, NULL, "count", OPT_PARSE,
	  offsetof(struct values, count), parse_count, NULL },
	{ 0, "an-option-with-a-long-name", "DIRECTORY", "where", OPT_STRING,
	  offsetof(struct values, name), NULL, "dir" },
	OPT_END
};

#define WORDS_MAX 12

struct parsed {
	char *words[WORDS_MAX + 1];	/* what opt_parse moves about */
	char *copies[WORDS_MAX];
	int argc;
	struct values v;
	struct globals g;
	bool dashes;
	struct error err;
	int n;
};

static void
parse(struct parsed *p, const char *const *words, int flags)
{
	memset(p, 0, sizeof(*p));
	for (; words[p->argc]; p->argc++) {
		p->copies[p->argc] = xstrdup(words[p->argc]);
		p->words[p->argc] = p->copies[p->argc];
	}
	p->n = opt_parse(p->argc, p->words, opts, &p->v, &p->g, flags,
			 &p->dashes, &p->err);
}

static void
parsed_release(struct parsed *p)
{
	for (int i = 0; i < p->argc; i++)
		free(p->copies[i]);
	strlist_release(&p->v.env);
	error_release(&p->err);
}

/* All that was read, on one line. */
static void
describe(const struct parsed *p, struct str *out)
{
	if (p->v.name)
		str_addf(out, "name=%s ", p->v.name);
	if (p->v.hold)
		str_add(out, "hold ");
	if (p->v.wait)
		str_add(out, "wait ");
	if (p->v.nano)
		str_add(out, "names ");
	for (size_t i = 0; i < p->v.env.n; i++)
		str_addf(out, "env=%s ", p->v.env.v[i]);
	if (p->v.time_ms != 0)
		str_addf(out, "time=%" PRId64 " ", p->v.time_ms);
	if (p->v.count > 0)
		str_addf(out, "count=%u ", p->v.count);
	if (p->g.spool)
		str_addf(out, "spool=%s ", p->g.spool);
	str_addf(out, "%s%s%s%s%s", p->g.help ? "help " : "",
		 p->g.version ? "version " : "", p->g.quiet ? "quiet " : "",
		 p->g.verbose ? "verbose " : "", p->dashes ? "-- " : "");
	str_add(out, "|");
	for (int i = 0; i < p->n; i++)
		str_addf(out, " %s", p->words[i]);
}

static const struct {
	const char *name;
	const char *words[WORDS_MAX];
	int flags;
	const char *want;
} good[] = {
	{ "nothing", { NULL }, 0, "|" },
	{ "long, =", { "--name=x" }, 0, "name=x |" },
	{ "long, next word", { "--name", "x" }, 0, "name=x |" },
	{ "short, attached", { "-nx" }, 0, "name=x |" },
	{ "short, next word", { "-n", "x" }, 0, "name=x |" },
	{ "short, = is of the value", { "-n=x" }, 0, "name==x |" },
	{ "empty values", { "--name=", "--env", "" }, 0, "name= env= |" },
	{ "second = is of the value", { "--env=A=b=c" }, 0, "env=A=b=c |" },
	{ "value like an option", { "--name", "-H" }, 0, "name=-H |" },
	{ "value --", { "-n", "--", "x" }, 0, "name=-- | x" },
	{ "last wins", { "-nx", "--name=y" }, 0, "name=y |" },
	{ "list", { "-eA", "--env=B", "-e", "C" }, 0,
	  "env=A env=B env=C |" },
	{ "bundle", { "-Hwv" }, 0, "hold wait verbose |" },
	{ "bundle with value", { "-Hnx", "-wn", "y" }, 0,
	  "name=y hold wait |" },
	{ "shortened", { "--ho", "--w", "--t=30" }, 0,
	  "hold wait time=1800000 |" },
	{ "exact wins over longer", { "--name", "x" }, 0, "name=x |" },
	{ "longer of two", { "--names" }, 0, "names |" },
	{ "shortened global", { "--sp", "/s", "--vers" }, 0,
	  "spool=/s version |" },
	{ "globals", { "-S", "/s", "-h", "--version", "-q", "-v" }, 0,
	  "spool=/s help version quiet verbose |" },
	{ "globals, long", { "--spool=/s", "--help", "--quiet", "--verbose" },
	  0, "spool=/s help quiet verbose |" },
	{ "without argument, not a flag", { "-cc" }, 0, "count=2 |" },
	{ "mixed with words", { "a", "-H", "b", "-n", "x", "c" }, 0,
	  "name=x hold | a b c" },
	{ "dash is a word", { "-", "-H" }, 0, "hold | -" },
	{ "empty word", { "", "-H" }, 0, "hold | " },
	{ "-- ends", { "a", "-H", "--", "-w", "--", "b" }, 0,
	  "hold -- | a -w -- b" },
	{ "-- last", { "-H", "--" }, 0, "hold -- |" },
	{ "stop at the word", { "-H", "ls", "-w", "--", "-x" }, CMD_STOP,
	  "hold | ls -w -- -x" },
	{ "stop at --", { "-H", "--", "-w", "ls" }, CMD_STOP,
	  "hold -- | -w ls" },
	{ "stop, second --", { "--", "--", "ls" }, CMD_STOP, "-- | -- ls" },
	{ "stop at the dash", { "-H", "-", "-w" }, CMD_STOP, "hold | - -w" },
	{ "stop at the empty word", { "", "-w" }, CMD_STOP, "|  -w" },
	{ "stop, no word", { "-H" }, CMD_STOP, "hold |" },
	{ "stop, value is no word", { "-n", "x", "ls" }, CMD_STOP,
	  "name=x | ls" },
};

static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct parsed p;
		struct str got = STR_INIT;

		parse(&p, good[i].words, good[i].flags);
		CHECK(p.n >= 0, good[i].name);
		CHECK_STR(p.err.text, NULL, good[i].name);
		describe(&p, &got);
		CHECK_STR(got.s, good[i].want, good[i].name);
		CHECK(p.n < 0 || !p.words[p.n], good[i].name);
		str_release(&got);
		parsed_release(&p);
	}
}

static const struct {
	const char *name;
	const char *words[WORDS_MAX];
	const char *want;
} bad[] = {
	{ "unknown", { "--foo" }, "unknown option '--foo'" },
	{ "unknown with value", { "--foo=bar" }, "unknown option '--foo'" },
	{ "too long", { "--holder" }, "unknown option '--holder'" },
	{ "no name", { "--=x" }, "unknown option '--'" },
	{ "three dashes", { "---hold" }, "unknown option '---hold'" },
	{ "upper case", { "--HOLD" }, "unknown option '--HOLD'" },
	{ "unknown letter", { "-x" }, "unknown option '-x'" },
	{ "unknown letter in a bundle", { "-Hx" }, "unknown option '-x'" },
	{ "negative number", { "-5" }, "unknown option '-5'" },
	{ "letter of two bytes", { "-\xc3\xa4" },
	  "unknown option '-\xc3\xa4'" },
	{ "long name with one dash", { "-hold" }, "unknown option '-o'" },
	{ "ambiguous", { "--nam", "x" },
	  "option '--nam' is ambiguous: --name, --names" },
	{ "ambiguous with a global", { "--h" },
	  "option '--h' is ambiguous: --hold, --help" },
	{ "ambiguous globals", { "--ver=1" },
	  "option '--ver' is ambiguous: --version, --verbose" },
	{ "missing", { "--name" }, "option '--name' needs an argument" },
	{ "missing, shortened", { "--spo" },
	  "option '--spool' needs an argument" },
	{ "missing, short", { "-H", "-n" }, "option '-n' needs an argument" },
	{ "missing in a bundle", { "-Hn" }, "option '-n' needs an argument" },
	{ "none taken", { "--hold=yes" },
	  "option '--hold' takes no argument" },
	{ "none taken, empty", { "--ho=" },
	  "option '--hold' takes no argument" },
	{ "bad value", { "--time", "x" }, "option '--time': 'x' is no time "
	  "limit, like 30, 1:30:00, 2-12 or 90m" },
	{ "bad value, shortened", { "--ti=0" },
	  "option '--time': '0' is no time limit: 0 is not allowed" },
	{ "bad value, short", { "-tx" }, "option '-t': 'x' is no time "
	  "limit, like 30, 1:30:00, 2-12 or 90m" },
	{ "empty value", { "--time=" }, "option '--time': '' is no time "
	  "limit, like 30, 1:30:00, 2-12 or 90m" },
	{ "refused without argument", { "-cccc" },
	  "option '-c': 3 are enough" },
	{ "behind words", { "a", "--foo", "b" }, "unknown option '--foo'" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct parsed p;

		parse(&p, bad[i].words, 0);
		CHECK(p.n == -1, bad[i].name);
		CHECK_STR(p.err.text, bad[i].want, bad[i].name);
		parsed_release(&p);
	}
}

static void
test_null(void)
{
	char word[] = "--foo";
	char *argv[] = { word };
	struct values v = { .name = NULL };
	struct globals g = { .spool = NULL };

	CHECK(opt_parse(1, argv, opts, &v, &g, 0, NULL, NULL) == -1,
	      "no place for the error");
	CHECK(opt_parse(0, argv, opts, &v, &g, 0, NULL, NULL) == 0,
	      "no words, no place for dashes");
}

static const struct opt no_opts[] = { OPT_END };

static const struct opt kind_opts[] = {
	{ 's', "state", "S,..", "only these", OPT_STRING, 0, NULL, "state" },
	{ 0, "user", "USER", "only theirs", OPT_STRING, 0, NULL, "user" },
	{ 'i', "input", "FILE", "the input", OPT_STRING, 0, NULL, "file" },
	OPT_END
};

static const struct command cmd_submit = {
	"submit", "queue a job",
	"[options] [--] COMMAND [ARG...]\n[options] SCRIPT [ARG...]",
	"Two lines\n  that stay as they are.\n\nAnd one that is much too long "
	"for one line of help, so that it must go on on the next one.\n",
	opts, "command", CMD_STOP, NULL,
};
static const struct command cmd_ls = {
	"ls", "list: jobs", "[options] [ID...]", NULL, kind_opts, "job", 0,
	NULL,
};
static const struct command cmd_init = {
	"init", "make a spool", "", NULL, no_opts, "dir", 0, NULL,
};
static const struct command cmd_worker = {
	"nfsq-worker", "run jobs", "[options]", NULL, no_opts, NULL, 0, NULL,
};
static const struct command *const commands[] = {
	&cmd_submit, &cmd_ls, &cmd_init, NULL
};

static void
test_command(void)
{
	CHECK(opt_command(commands, "submit") == 0, "first");
	CHECK(opt_command(commands, "init") == 2, "last");
	CHECK(opt_command(commands, "sub") == -1, "shortened");
	CHECK(opt_command(commands, "submits") == -1, "longer");
	CHECK(opt_command(commands, "LS") == -1, "upper case");
	CHECK(opt_command(commands, "") == -1, "empty");
}

#define GLOBAL_HELP \
	"\nglobal options:\n" \
	"  -S, --spool DIR         the spool, instead of $NFSQ_SPOOL\n" \
	"  -h, --help              say how to use this\n" \
	"      --version           say which version this is\n" \
	"  -q, --quiet             print errors only\n" \
	"  -v, --verbose           say more on standard error\n"

static const char submit_help[] =
	"usage: nfsq submit [options] [--] COMMAND [ARG...]\n"
	"       nfsq submit [options] SCRIPT [ARG...]\n"
	"\n"
	"queue a job\n"
	"\n"
	"Two lines\n"
	"  that stay as they are.\n"
	"\n"
	"And one that is much too long for one line of help, so that it must "
	"go on on\n"
	"the next one.\n"
	"\n"
	"options:\n"
	"  -n, --name NAME         name of the job\n"
	"  -H, --hold              hold it\n"
	"  -w, --wait              wait for it: it's [all] that is done here, "
	"and it\n"
	"                          takes as long as the job takes\n"
	"      --names             an option that begins like another\n"
	"  -e, --env NAME[=VAL]    one more variable\n"
	"  -t, --time LIMIT        time limit\n"
	"  -c                      count\n"
	"      --an-option-with-a-long-name DIRECTORY\n"
	"                          where\n"
	GLOBAL_HELP;

static const char all_help[] =
	"usage: nfsq [-S DIR] COMMAND [options] [ARG...]\n"
	"\n"
	"commands:\n"
	"  submit  queue a job\n"
	"  ls      list: jobs\n"
	"  init    make a spool\n"
	GLOBAL_HELP
	"\n"
	"'nfsq COMMAND --help' tells about one command.\n";

static void
check_width(const char *text, const char *name)
{
	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		CHECK(n <= 79, name);
		CHECK(n == 0 || text[n - 1] != ' ', name);
	}
}

static void
test_help(void)
{
	struct str s = STR_INIT;

	opt_help(&s, "nfsq", &cmd_submit);
	CHECK_STR(s.s, submit_help, "submit");
	check_width(s.s, "submit");
	str_clear(&s);
	opt_help(&s, "nfsq", &cmd_init);
	CHECK_STR(s.s, "usage: nfsq init\n\nmake a spool\n" GLOBAL_HELP,
		  "no options, no usage");
	str_clear(&s);
	opt_help(&s, "nfsq-worker", &cmd_worker);
	CHECK_STR(s.s, "usage: nfsq-worker [options]\n\nrun jobs\n"
		  GLOBAL_HELP, "a program of its own");
	str_clear(&s);
	opt_help_all(&s, "nfsq", commands);
	CHECK_STR(s.s, all_help, "all");
	check_width(s.s, "all");
	str_release(&s);
}

/* A long word without blanks, and a usage too long for its line. */
static void
test_help_long(void)
{
	static const struct command cmd = {
		"x", "sum", "[--alpha] [--beta] [--gamma] [--delta] "
		"[--epsilon] [--zeta] [--eta] [--theta]",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaa b", no_opts, NULL, 0, NULL,
	};
	struct str s = STR_INIT;

	opt_help(&s, "nfsq", &cmd);
	CHECK(strstr(s.s, "[--zeta]\n              [--eta] [--theta]\n"),
	      "usage goes on below its beginning");
	CHECK(strstr(s.s, "aaa\nb\n"), "a word too long stays whole");
	str_release(&s);
}

static const struct {
	const char *name, *text;
} bash_parts[] = {
	{ "commands", "_nfsq_commands='submit ls init'\n" },
	{ "options", "\tsubmit) names=' -n --name -H --hold " },
	{ "options without a long name", " -t --time -c --an-option" },
	{ "globals of a command", " -S --spool -h --help" },
	{ "value", "\tsubmit:-n | submit:--name) kind=any ;;\n" },
	{ "value of no letter", "\tls:--user) kind=user ;;\n" },
	{ "global value", "\t*:-S | *:--spool) kind=dir ;;\n" },
	{ "words", "\tls) kind=job stop= ;;\n" },
	{ "stop", "\tsubmit) kind=command stop=yes ;;\n" },
	{ "jobs", "_nfsq_list ls --no-header -o id\n" },
	{ "states", "held waiting queued running done failed" },
	{ "both programs", "complete -F _nfsq nfsq nfsq-worker\n" },
}, zsh_parts[] = {
	{ "first line", "#compdef nfsq nfsq-worker\n" },
	{ "command", "'submit:queue a job'\n" },
	{ "colon in a summary", "'ls:list\\: jobs'\n" },
	{ "option", "'(-n --name)-n+[name of the job]:NAME:'\n" },
	{ "long form", "'(-n --name)--name=[name of the job]:NAME:'\n" },
	{ "flag", "'(-H --hold)-H[hold it]'\n" },
	{ "no other form", "'-c[count]'\n" },
	{ "list", "'*-e+[one more variable]:NAME[=VAL]:'\n" },
	{ "escapes", "--wait[wait for it\\: it'\\''s \\[all\\] that" },
	{ "directory", ":DIRECTORY:_files -/'\n" },
	{ "words", "'*:job:_nfsq_job'\n" },
	{ "stop", "_arguments -s -S -A '-*' : $specs" },
};

static void
test_completion(void)
{
	struct str s = STR_INIT;

	opt_complete_bash(&s, commands, &cmd_worker);
	for (size_t i = 0; i < ARRAY_LEN(bash_parts); i++)
		CHECK(strstr(s.s, bash_parts[i].text), bash_parts[i].name);
	CHECK(!strstr(s.s, "submit:-H"), "a flag takes no value");
	CHECK(!strstr(s.s, "workers"), "bash: a kind nobody uses is absent");
	str_clear(&s);
	opt_complete_zsh(&s, commands, &cmd_worker);
	for (size_t i = 0; i < ARRAY_LEN(zsh_parts); i++)
		CHECK(strstr(s.s, zsh_parts[i].text), zsh_parts[i].name);
	CHECK(!strstr(s.s, "workers"), "zsh: a kind nobody uses is absent");
	str_release(&s);
}

const struct unit units[] = {
	{ "good words", test_good },
	{ "bad words", test_bad },
	{ "without places", test_null },
	{ "commands by name", test_command },
	{ "help", test_help },
	{ "long help", test_help_long },
	{ "completion", test_completion },
	{ NULL, NULL }
};

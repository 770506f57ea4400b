/*
 * unit-job.c - job bodies: both directions, what is corrupt, what is not ours
 */
#include "nfsq.h"
#include "unit.h"

#include "job.h"

const char unit_suite[] = "unit-job";

#define BEGIN "format = 1;\ncwd = \"/w\";\nargv = (\"a\");\n"
#define END "end = \"nfsq\";\n"

static void
set(char **field, const char *text)
{
	free(*field);
	*field = xstrdup(text);
}

static bool
same_list(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

static void
check_same(const struct job *a, const struct job *b, const char *name)
{
	CHECK_STR(b->name, a->name ? a->name : "", name);
	CHECK_STR(b->user, a->user ? a->user : "", name);
	CHECK_STR(b->comment, a->comment, name);
	CHECK_STR(b->script, a->script, name);
	CHECK_STR(b->script_path, a->script_path, name);
	CHECK_STR(b->cwd, a->cwd, name);
	CHECK_STR(b->submit_dir, a->submit_dir, name);
	CHECK_STR(b->submit_host, a->submit_host, name);
	CHECK_STR(b->output, a->output, name);
	CHECK_STR(b->error, a->error, name);
	CHECK_STR(b->input, a->input, name);
	CHECK_STR(b->stdin_name, a->stdin_name, name);
	CHECK(same_list(&a->argv, &b->argv), name);
	CHECK(same_list(&a->env, &b->env), name);
	CHECK(same_list(&a->labels, &b->labels), name);
	CHECK(a->script_len == b->script_len, name);
	CHECK(a->wrap == b->wrap && a->no_env == b->no_env, name);
	CHECK(a->split == b->split && a->hold == b->hold, name);
	CHECK(a->no_requeue == b->no_requeue, name);
	CHECK(a->open_mode == b->open_mode, name);
	CHECK(a->priority == b->priority && a->umask == b->umask, name);
	CHECK(a->cpus == b->cpus && a->mem_mb == b->mem_mb, name);
	CHECK(a->gpus == b->gpus && a->begin_ms == b->begin_ms, name);
	CHECK(a->time_limit_ms == b->time_limit_ms, name);
	CHECK(a->kill_grace_ms == b->kill_grace_ms, name);
	CHECK(a->max_attempts == b->max_attempts, name);
}

static void
check_round_trip(const struct job *j, const char *name)
{
	struct error err = ERROR_INIT;
	struct str body = STR_INIT;
	struct job back;

	job_format(j, &body);
	CHECK(job_parse(body.s, body.len, &back, &err) == 1, name);
	CHECK_STR(err.text, NULL, name);
	if (!err.text)
		check_same(j, &back, name);
	job_release(&back);
	error_release(&err);
	str_release(&body);
}

static void
make_plain(struct job *j)
{
	job_init(j);
	set(&j->cwd, "/w");
	strlist_add(&j->argv, "true");
}

static void
fill_least(struct job *j)
{
	(void)j;
}

static void
fill_most(struct job *j)
{
	set(&j->name, "a name");
	set(&j->user, "alice");
	set(&j->comment, "");
	strlist_add(&j->labels, "K=V");
	strlist_add(&j->labels, "empty=");
	strlist_add(&j->argv, "");
	strlist_add(&j->argv, "-x y");
	set(&j->script_path, "run me.sh");
	strlist_add(&j->env, "PATH=/bin");
	strlist_add(&j->env, "f()=() {\n}");
	set(&j->submit_dir, "/home/alice");
	set(&j->submit_host, "node1");
	set(&j->output, "out/%j");
	set(&j->error, "err");
	set(&j->input, "/dev/zero");
	set(&j->stdin_name, "1.in");
	j->no_env = j->split = j->no_requeue = j->hold = true;
}

static void
fill_low(struct job *j)
{
	j->priority = -100;
	j->umask = 0;
	j->max_attempts = 1;
	j->kill_grace_ms = 0;
	j->open_mode = OPEN_APPEND;
}

static void
fill_high(struct job *j)
{
	j->priority = 100;
	j->umask = 0777;
	j->cpus = 999999;
	j->gpus = 9999;
	j->mem_mb = 8796093022207;
	j->time_limit_ms = j->kill_grace_ms = j->begin_ms = 253402300799999;
	j->max_attempts = 999999;
	j->open_mode = OPEN_TRUNCATE;
}

/* More than 32 bits, where the 32-bit calls say 0. */
static void
fill_wide(struct job *j)
{
	j->mem_mb = 8589934592;
	j->begin_ms = 4294967296;
	j->time_limit_ms = 2147483648;
}

static void
fill_bytes(struct job *j)
{
	char all[256];

	for (int c = 1; c < 256; c++)
		all[c - 1] = (char)c;
	all[255] = '\0';
	strlist_add(&j->argv, all);
	set(&j->comment, all);
	set(&j->user, all);
}

/* Text that looks like the language around it. */
static void
fill_traps(struct job *j)
{
	strlist_add(&j->argv, "@include \"/etc/passwd\"");
	strlist_add(&j->argv, "\n@include \"/etc/passwd\"\n");
	strlist_add(&j->argv, "\r@include \"/etc/passwd\"");
	strlist_add(&j->argv, "\\");
	strlist_add(&j->argv, "\"");
	strlist_add(&j->argv, "\\\"");
	strlist_add(&j->argv, "\\x00");
	strlist_add(&j->argv, "\\n");
	strlist_add(&j->argv, "0x10");
	strlist_add(&j->argv, "// # /* ");
	strlist_add(&j->argv, "((((((((((((((((((((((((((((((((((((((((((");
	strlist_add(&j->argv, "\nend = \"nfsq\";\n");
	strlist_add(&j->argv, "\xff" "0\x01" "a");
}

static void
fill_script(struct job *j)
{
	set(&j->script, "#!/bin/sh\n#NFSQ -c 2\n\n\tprintf '\\n'\n\n");
	j->script_len = strlen(j->script);
	strlist_release(&j->argv);
}

static void
fill_empty_script(struct job *j)
{
	set(&j->script, "");
}

static void
fill_wrap(struct job *j)
{
	strlist_release(&j->argv);
	strlist_add(&j->argv, "/bin/sh");
	strlist_add(&j->argv, "-c");
	strlist_add(&j->argv, "echo a; echo b");
	j->wrap = true;
}

static void
fill_many(struct job *j)
{
	for (int i = 0; i < 20000; i++)
		strlist_add(&j->argv, "a, b = c;");
}

static const struct {
	const char *name;
	void (*fill)(struct job *j);
} jobs[] = {
	{ "least", fill_least },
	{ "most", fill_most },
	{ "low ends", fill_low },
	{ "high ends", fill_high },
	{ "more than 32 bits", fill_wide },
	{ "all bytes", fill_bytes },
	{ "traps", fill_traps },
	{ "script", fill_script },
	{ "empty script", fill_empty_script },
	{ "wrap", fill_wrap },
	{ "20,000 arguments", fill_many },
};

static void
test_round_trips(void)
{
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		struct job j;

		make_plain(&j);
		jobs[i].fill(&j);
		check_round_trip(&j, jobs[i].name);
		job_release(&j);
	}
}

/* Every cut of a body with everything in it is corrupt. */
static void
test_cut(void)
{
	struct str body = STR_INIT;
	struct job j, back;

	make_plain(&j);
	fill_most(&j);
	fill_traps(&j);
	job_format(&j, &body);
	CHECK(job_parse(body.s, body.len, &back, NULL) == 1, "whole");
	job_release(&back);
	for (size_t len = 0; len < body.len; len++) {
		CHECK(job_parse(body.s, len, &back, NULL) == -1, "cut");
		job_release(&back);
	}
	job_release(&j);
	str_release(&body);
}

static const struct {
	const char *name, *text, *error;
} corrupt[] = {
	{ "empty", "", "cut short: the last line is missing" },
	{ "end only", "\n" END, "no settings" },
	{ "no end", BEGIN, "cut short: the last line is missing" },
	{ "no newline at the end", BEGIN "end = \"nfsq\";",
	  "cut short: the last line is missing" },
	{ "text after the end", BEGIN END "x = 1;\n",
	  "cut short: the last line is missing" },
	{ "other end", BEGIN "end = \"nfsQ\";\n",
	  "cut short: the last line is missing" },
	{ "end with two blanks", BEGIN "end =  \"nfsq\";\n",
	  "cut short: the last line is missing" },
	{ "end in a comment", BEGIN "/*\n" END, NULL },
	{ "end in a line comment", BEGIN "# x\\\n//\\" "\n#end\n" "a = 1; /* \n"
	  END, NULL },
	{ "end in a string", BEGIN "comment = \"\n" END, NULL },
	{ "end twice", BEGIN END END, "line 5: duplicate setting name" },
	{ "no format", "cwd = \"/w\";\nargv = (\"a\");\n" END,
	  "does not begin with 'format'" },
	{ "format not first", "cwd = \"/w\";\nformat = 1;\nargv = (\"a\");\n"
	  END, "does not begin with 'format'" },
	{ "format 0", "format = 0;\n" END, "line 1: 'format' takes a number" },
	{ "format a string", "format = \"1\";\n" END,
	  "line 1: 'format' takes a number" },
	{ "format true", "format = true;\n" END,
	  "line 1: 'format' takes a number" },
	{ "format 1.0", "format = 1.0;\n" END,
	  "line 1: 'format' takes a number" },
	{ "no cwd", "format = 1;\nargv = (\"a\");\n" END, "no setting 'cwd'" },
	{ "cwd relative", "format = 1;\ncwd = \"w\";\n" END,
	  "line 2: 'cwd' takes an absolute path" },
	{ "cwd empty", "format = 1;\ncwd = \"\";\n" END,
	  "line 2: 'cwd' takes an absolute path" },
	{ "nothing to run", "format = 1;\ncwd = \"/\";\n" END,
	  "neither 'argv' nor 'script'" },
	{ "argv empty", "format = 1;\ncwd = \"/\";\nargv = ();\n" END,
	  "neither 'argv' nor 'script'" },
	{ "syntax", BEGIN "x = ;\n" END, "line 4: syntax error" },
	{ "binary", "\x7f" "ELF\n" END, NULL },
	{ "brace left open", BEGIN "x = { a = 1;\n" END, NULL },
	{ "string left open", BEGIN "x = \"abc;\n" END, NULL },
	{ "setting twice", BEGIN "cpus = 1;\ncpus = 1;\n" END,
	  "line 5: duplicate setting name" },
	{ "unknown setting twice", BEGIN "zz = 1;\nzz = 1;\n" END,
	  "line 5: duplicate setting name" },
	{ "include", BEGIN "@include \"/etc/passwd\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include in the first line", "@include \"x\"\n" BEGIN END,
	  "line 1: @include is not allowed" },
	{ "include after blanks", BEGIN " \t @include \"x\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include after empty lines", BEGIN "\n\n@include \"x\"\n" END,
	  "line 6: @include is not allowed" },
	{ "include after CR", BEGIN "x = 1;\r@include \"x\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include after CR LF", BEGIN "\r\n@include \"x\"\n" END,
	  "line 5: @include is not allowed" },
	{ "include after form feed", BEGIN "x = 1;\f @include \"x\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include after vertical tab", BEGIN "x = 1;\v@include \"x\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include of another kind", BEGIN "@include_dir \"x\"\n" END,
	  "line 4: @include is not allowed" },
	{ "include in a comment", BEGIN "/*\n@include \"x\"\n*/\n" END,
	  "line 5: @include is not allowed" },
	{ "include in a string of two lines",
	  BEGIN "comment = \"\n@include \\\"x\\\"\";\n" END,
	  "line 5: @include is not allowed" },
	{ "include within a line", BEGIN "x = 1; @include \"x\"\n" END, NULL },
	{ "NUL in a string", BEGIN "comment = \"a\\x00b\";\n" END,
	  "line 4: NUL in a string" },
	{ "NUL in a string after backslashes",
	  BEGIN "comment = \"\\\\\\x00b\";\n" END, "line 4: NUL in a string" },
	{ "name of digits", BEGIN "name = \"1a\";\n" END,
	  "line 4: 'name' takes a job's name" },
	{ "name with slash", BEGIN "name = \"a/b\";\n" END,
	  "line 4: 'name' takes a job's name" },
	{ "name a number", BEGIN "name = 1;\n" END,
	  "line 4: 'name' takes a job's name" },
	{ "user a number", BEGIN "user = 1;\n" END,
	  "line 4: 'user' takes a string" },
	{ "comment a list", BEGIN "comment = (\"a\");\n" END,
	  "line 4: 'comment' takes a string" },
	{ "argv a string",
	  "format = 1;\ncwd = \"/w\";\nargv = \"a\";\n" END,
	  "line 3: 'argv' takes a list of strings" },
	{ "argv of numbers",
	  "format = 1;\ncwd = \"/w\";\nargv = [ 1, 2 ];\n" END,
	  "line 3: 'argv' takes a list of strings" },
	{ "argv mixed",
	  "format = 1;\ncwd = \"/w\";\nargv = ( \"a\", 2 );\n" END,
	  "line 3: 'argv' takes a list of strings" },
	{ "argv in argv",
	  "format = 1;\ncwd = \"/w\";\nargv = ( \"a\", (\"b\") );\n" END,
	  "line 3: 'argv' takes a list of strings" },
	{ "argv a group",
	  "format = 1;\ncwd = \"/w\";\nargv = { a = \"b\"; };\n" END,
	  "line 3: 'argv' takes a list of strings" },
	{ "env without value", BEGIN "env = (\"A\");\n" END,
	  "line 4: 'env' takes a list of NAME=VALUE" },
	{ "env without name", BEGIN "env = (\"=A\");\n" END,
	  "line 4: 'env' takes a list of NAME=VALUE" },
	{ "label without value", BEGIN "labels = (\"A\");\n" END,
	  "line 4: 'labels' takes a list of KEY=VALUE" },
	{ "open mode unknown", BEGIN "open_mode = \"erase\";\n" END,
	  "line 4: 'open_mode' takes rename, append or truncate" },
	{ "stdin elsewhere", BEGIN "stdin_name = \"../x\";\n" END,
	  "line 4: 'stdin_name' takes a file name without '/'" },
	{ "stdin in a directory", BEGIN "stdin_name = \"a/x\";\n" END,
	  "line 4: 'stdin_name' takes a file name without '/'" },
	{ "stdin a dot", BEGIN "stdin_name = \"..\";\n" END,
	  "line 4: 'stdin_name' takes a file name without '/'" },
	{ "stdin empty", BEGIN "stdin_name = \"\";\n" END,
	  "line 4: 'stdin_name' takes a file name without '/'" },
	{ "wrap without shell", BEGIN "wrap = true;\n" END,
	  "'wrap' without /bin/sh -c in 'argv'" },
	{ "hold a number", BEGIN "hold = 1;\n" END,
	  "line 4: 'hold' takes true or false" },
	{ "hold a string", BEGIN "hold = \"true\";\n" END,
	  "line 4: 'hold' takes true or false" },
	{ "priority low", BEGIN "priority = -101;\n" END,
	  "line 4: 'priority' takes a number in its range" },
	{ "priority high", BEGIN "priority = 101;\n" END,
	  "line 4: 'priority' takes a number in its range" },
	{ "priority of 2^32", BEGIN "priority = 4294967296L;\n" END,
	  "line 4: 'priority' takes a number in its range" },
	{ "cpus 0", BEGIN "cpus = 0;\n" END,
	  "line 4: 'cpus' takes a number in its range" },
	{ "cpus a string", BEGIN "cpus = \"2\";\n" END,
	  "line 4: 'cpus' takes a number in its range" },
	{ "cpus 1.5", BEGIN "cpus = 1.5;\n" END,
	  "line 4: 'cpus' takes a number in its range" },
	{ "cpus too many", BEGIN "cpus = 1000000;\n" END,
	  "line 4: 'cpus' takes a number in its range" },
	{ "cpus of 2^31", BEGIN "cpus = 2147483648;\n" END,
	  "line 4: number of over 32 bits without L" },
	{ "cpus of 2^32 + 1", BEGIN "cpus = 4294967297;\n" END,
	  "line 4: number of over 32 bits without L" },
	{ "cpus of 2^32 + 1, L", BEGIN "cpus = 4294967297L;\n" END,
	  "line 4: 'cpus' takes a number in its range" },
	{ "cpus of 2^64 + 1", BEGIN "cpus = 18446744073709551617;\n" END,
	  "line 4: number of over 32 bits without L" },
	{ "cpus of -2^32 + 1", BEGIN "cpus = -4294967295;\n" END,
	  "line 4: number of over 32 bits without L" },
	{ "cpus of 2^64 + 1, L", BEGIN "cpus = 18446744073709551617L;\n" END,
	  NULL },
	{ "cpus hexadecimal", BEGIN "cpus = 0x10000000000000001L;\n" END,
	  "line 4: hexadecimal numbers are not taken" },
	{ "memory negative", BEGIN "mem_mb = -1;\n" END,
	  "line 4: 'mem_mb' takes a number in its range" },
	{ "memory too large", BEGIN "mem_mb = 8796093022208L;\n" END,
	  "line 4: 'mem_mb' takes a number in its range" },
	{ "gpus negative", BEGIN "gpus = -1;\n" END,
	  "line 4: 'gpus' takes a number in its range" },
	{ "limit negative", BEGIN "time_limit_ms = -1;\n" END,
	  "line 4: 'time_limit_ms' takes a number in its range" },
	{ "grace negative", BEGIN "kill_grace_ms = -1;\n" END,
	  "line 4: 'kill_grace_ms' takes a number in its range" },
	{ "begin negative", BEGIN "begin_ms = -1L;\n" END,
	  "line 4: 'begin_ms' takes a number in its range" },
	{ "attempts 0", BEGIN "max_attempts = 0;\n" END,
	  "line 4: 'max_attempts' takes a number in its range" },
	{ "umask too large", BEGIN "umask = 512;\n" END,
	  "line 4: 'umask' takes a number in its range" },
	{ "umask a string", BEGIN "umask = \"022\";\n" END,
	  "line 4: 'umask' takes a number in its range" },
	{ "array a number", BEGIN "array = 1;\n" END,
	  "line 4: 'array' takes a string" },
	{ "corrupt beats unknown", BEGIN "zz = 1;\ncpus = 0;\n" END,
	  "line 5: 'cpus' takes a number in its range" },
	{ "end not the last setting",
	  "format = 1;\nend = \"nfsq\";\nx = { y = 1; }; /*\n" END, NULL },
};

static void
check_corrupt(const char *name, const char *text, size_t len,
	      const char *want)
{
	struct error err = ERROR_INIT;
	struct job j;

	CHECK(job_parse(text, len, &j, &err) == -1, name);
	CHECK(err.text && *err.text, name);
	if (want)
		CHECK_STR(err.text, want, name);
	CHECK(!j.cwd && !j.name && j.argv.n == 0 && j.cpus == 1, name);
	job_release(&j);
	error_release(&err);
}

static void
test_corrupt(void)
{
	for (size_t i = 0; i < ARRAY_LEN(corrupt); i++)
		check_corrupt(corrupt[i].name, corrupt[i].text,
			      strlen(corrupt[i].text), corrupt[i].error);
}

static void
test_nul(void)
{
	static const char text[] = BEGIN "comment = \"a\0b\";\n" END;
	static const char hidden[] = BEGIN END "\0" "\n" END;

	check_corrupt("NUL byte", text, sizeof(text) - 1, "line 4: NUL byte");
	check_corrupt("NUL before the rest", hidden, sizeof(hidden) - 1,
		      "line 5: NUL byte");
}

/* Texts made of `unit` again and again, as large as a body may be. */
static const struct {
	const char *name, *unit, *error;
} floods[] = {
	{ "lists in lists", "(", "line 4: values are nested too deeply" },
	{ "arrays in arrays", "[", "line 4: values are nested too deeply" },
	{ "groups in groups", "{ a = ",
	  "line 4: values are nested too deeply" },
	{ "ends of lists", ")", "line 4: syntax error" },
	{ "many values", "1,", "line 4: too many values" },
	{ "many settings", "a=1;", "line 4: too many settings" },
	{ "line of blanks", " ", NULL },
	{ "many lines", "\n", NULL },
	{ "many strings", "\"\" ", NULL },
	{ "include at each line's end", "x@include\n", NULL },
};

static void
test_floods(void)
{
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct str text = STR_INIT;

		str_add(&text, BEGIN "x = (");
		while (text.len + 40 < JOB_BODY_MAX)
			str_add(&text, floods[i].unit);
		str_add(&text, "\n" END);
		check_corrupt(floods[i].name, text.s, text.len,
			      floods[i].error);
		str_release(&text);
	}
}

static void
test_size(void)
{
	struct str text = STR_INIT;
	struct job j;

	str_add(&text, BEGIN "#");
	while (text.len < JOB_BODY_MAX - strlen(END) - 1)
		str_addc(&text, 'x');
	str_add(&text, "\n" END);
	CHECK(text.len == JOB_BODY_MAX, "length");
	CHECK(job_parse(text.s, text.len, &j, NULL) == 1, "as large as can be");
	job_release(&j);
	str_truncate(&text, text.len - strlen(END));
	str_add(&text, "\n" END);
	check_corrupt("a byte more", text.s, text.len, "over 8388608 bytes");
	str_release(&text);
}

/*
 * libconfig lets a string grow by 64 bytes at a time: with an allocator that
 * copies each time (a sanitizer's) a script of 4 MiB takes minutes.
 */
static void
test_large_script(void)
{
	struct str text = STR_INIT;
	struct job j;

	make_plain(&j);
	str_add(&text, "#!/bin/sh\n");
	while (text.len < 128 << 10)
		str_addc(&text, "echo 'some text'; \n"[text.len % 19]);
	set(&j.script, text.s);
	j.script_len = text.len;
	check_round_trip(&j, "script of 128 KiB");
	job_release(&j);
	str_release(&text);
}

static const struct {
	const char *name, *text, *stranger;
} later[] = {
	{ "unknown number", BEGIN "zz = 1;\n" END, "zz" },
	{ "unknown fraction", BEGIN "z-9999999999 = 0.123456789012;\n" END,
	  "z-9999999999" },
	{ "unknown group", BEGIN "zz = { a = ( 1, { b = [ 2 ]; } ); };\n" END,
	  "zz" },
	{ "the first is named", BEGIN "yy = 1;\nzz = 1;\n" END, "yy" },
	{ "unknown and nothing to run",
	  "format = 1;\ncontainer = \"x\";\n" END, "container" },
	{ "array", BEGIN "array = \"0-9\";\n" END, "array" },
	{ "dependency", BEGIN "dependency = \"afterok:1\";\n" END,
	  "dependency" },
	{ "needs", BEGIN "needs = \"avx\";\n" END, "needs" },
	{ "key", BEGIN "key = \"k\";\n" END, "key" },
	{ "key empty", BEGIN "key = \"\";\n" END, "key" },
	{ "name in capitals", BEGIN "Cpus = 1;\n" END, "Cpus" },
	{ "format 2", "format = 2;\ncpus = \"many\";\n" END, "format" },
};

static void
test_later(void)
{
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		struct error err = ERROR_INIT;
		struct str want = STR_INIT;
		struct job j;

		str_addf(&want, "this version does not act on setting '%s'",
			 later[i].stranger);
		CHECK(job_parse(later[i].text, strlen(later[i].text), &j,
				&err) == 0, later[i].name);
		CHECK_STR(err.text, want.s, later[i].name);
		job_release(&j);
		error_release(&err);
		str_release(&want);
	}
}

/* What this version keeps a place for is written, too. */
static void
test_later_format(void)
{
	struct str body = STR_INIT;
	struct job j, back;

	make_plain(&j);
	set(&j.key, "nightly");
	job_format(&j, &body);
	CHECK(job_parse(body.s, body.len, &back, NULL) == 0, "parse");
	CHECK_STR(back.key, "nightly", "key");
	job_release(&back);
	job_release(&j);
	str_release(&body);
}

/* As another program could have written it. */
static const char *const loose[] = {
	BEGIN END,
	"# a job\n" BEGIN "// x\n/* y\n*/\n" END,
	"format: 1\ncwd: \"/\" \"w\"\nargv: [ \"a\" ]\n" END,
	BEGIN "cpus = 2L;\npriority = -5L;\numask = 18L;\n" END,
	BEGIN "hold = FALSE;\nopen_mode = \"rename\";\n" END,
	BEGIN "comment = \"user@include.org\"; x_ = 1 // @include\n" END,
};

static void
test_loose(void)
{
	for (size_t i = 0; i < ARRAY_LEN(loose); i++) {
		int want = strstr(loose[i], "x_") ? 0 : 1;
		struct job j;

		CHECK(job_parse(loose[i], strlen(loose[i]), &j, NULL) == want,
		      loose[i]);
		CHECK_STR(j.cwd, "/w", loose[i]);
		CHECK(j.argv.n == 1, loose[i]);
		job_release(&j);
	}
}

static void
test_text(void)
{
	struct str body = STR_INIT;
	struct job j;

	make_plain(&j);
	set(&j.name, "a\"b\\");
	strlist_add(&j.argv, "x\ny\t\xc3\xa4");
	j.mem_mb = 8589934592;
	job_format(&j, &body);
	CHECK_STR(body.s,
		  "format = 1;\n"
		  "name = \"a\\\"b\\\\\";\n"
		  "argv = (\n"
		  "\t\"true\",\n"
		  "\t\"x\\n\"\n"
		  "\t\"y\\t\\xc3\\xa4\"\n"
		  ");\n"
		  "cwd = \"/w\";\n"
		  "mem_mb = 8589934592L;\n"
		  "end = \"nfsq\";\n", "text");
	job_release(&j);
	str_release(&body);
}

static const struct {
	const char *name;
	int ret;
} names[] = {
	{ "a", 0 },
	{ "render", 0 },
	{ "with blank", 0 },
	{ "a1-2.x", 0 },
	{ ".hidden", 0 },
	{ "lasting", 0 },
	{ "Last", 0 },
	{ "\xc3\xa4", 0 },
	{ "\xc2\xa0", 0 },
	{ "\xff", 0 },
	{ "", -1 },
	{ "last", -1 },
	{ "1", -1 },
	{ "9a", -1 },
	{ "-", -1 },
	{ "-a", -1 },
	{ "a/b", -1 },
	{ "/", -1 },
	{ "a\nb", -1 },
	{ "a\tb", -1 },
	{ "\x1b[31m", -1 },
	{ "a\x7f", -1 },
	{ "a\xc2\x9b" "31m", -1 },
};

static void
test_names(void)
{
	char longest[202];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct error err = ERROR_INIT;

		CHECK(job_check_name(names[i].name, &err) == names[i].ret,
		      names[i].name);
		CHECK(!err.text == (names[i].ret == 0), names[i].name);
		error_release(&err);
	}
	memset(longest, 'a', sizeof(longest));
	longest[201] = '\0';
	CHECK(job_check_name(longest, NULL) == -1, "201 bytes");
	longest[200] = '\0';
	CHECK(job_check_name(longest, NULL) == 0, "200 bytes");
}

static const struct {
	const char *command, *name;
} defaults[] = {
	{ "true", "true" },
	{ "/usr/bin/povray", "povray" },
	{ "./run me.sh", "run me.sh" },
	{ "dir/", "dir" },
	{ "dir//", "dir" },
	{ "", "job" },
	{ "/", "job" },
	{ "7z", "_7z" },
	{ "/opt/-x", "_-x" },
	{ "last", "last_" },
	{ "/bin/last", "last_" },
	{ "a\nb\x7f", "a_b_" },
	{ "a\xc2\x9b" "c", "a_c" },
	{ "\xc3\xa4", "\xc3\xa4" },
};

static void
test_default_names(void)
{
	char longest[302];

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		char *name = job_default_name(defaults[i].command);

		CHECK_STR(name, defaults[i].name, defaults[i].command);
		CHECK(job_check_name(name, NULL) == 0, defaults[i].command);
		free(name);
	}
	for (size_t i = 0; i < 300; i += 3)
		memcpy(longest + i, "\xe2\x82\xac", 3);
	longest[300] = '\0';
	{
		char *name = job_default_name(longest);

		CHECK(strlen(name) == 198, "cut at a character");
		free(name);
	}
}

const struct unit units[] = {
	{ "round trips", test_round_trips },
	{ "text", test_text },
	{ "cut at each byte", test_cut },
	{ "corrupt", test_corrupt },
	{ "NUL", test_nul },
	{ "floods", test_floods },
	{ "size", test_size },
	{ "large script", test_large_script },
	{ "later versions", test_later },
	{ "places for later", test_later_format },
	{ "loose", test_loose },
	{ "names", test_names },
	{ "default names", test_default_names },
	{ NULL, NULL }
};

/*
 * unit-conf.c - nfsq.conf of host and spool: values, errors with their lines
 */
#include "nfsq.h"
#include "unit.h"

#include "conf.h"

const char unit_suite[] = "unit-conf";

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define LEAST "format = 1;\nuuid = \"" UUID "\";\n"

static const struct {
	const char *name, *text;
	const char *spool;
	int64_t cpus, poll_ms;
	size_t patterns;
} good[] = {
	{ "empty", "", NULL, 0, 1000, 0 },
	{ "comments", "# a\n// b\n/* @include */\n", NULL, 0, 1000, 0 },
	{ "spool", "spool = \"/srv/spool\";\n", "/srv/spool", 0, 1000, 0 },
	{ "all", "spool = \"/s\";\ncpus = 8;\npoll = \"250ms\";\n"
	  "env_exclude = [ \"A_*\", \"B\" ];\n", "/s", 8, 250, 2 },
	{ "no semicolons", "cpus = 2\npoll = \"2s\"\n", NULL, 2, 2000, 0 },
	{ "colons", "cpus: 2", NULL, 2, 1000, 0 },
	{ "64 bits", "cpus = 3L;", NULL, 3, 1000, 0 },
	{ "lowest", "cpus = 0; poll = \"10ms\";", NULL, 0, 10, 0 },
	{ "highest", "cpus = 999999; poll = \"1h\";", NULL, 999999, 3600000,
	  0 },
	{ "list of patterns", "env_exclude = ( \"A\" );", NULL, 0, 1000, 1 },
	{ "no patterns", "env_exclude = [ ];", NULL, 0, 1000, 0 },
	{ "include in a string", "spool = \"/a @include\";", "/a @include", 0,
	  1000, 0 },
	{ "last line without end", "cpus = 4; # four", NULL, 4, 1000, 0 },
};

static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error err = ERROR_INIT;
		const char *name = good[i].name;
		struct conf c;

		conf_init(&c);
		CHECK(conf_parse(&c, "f", good[i].text, strlen(good[i].text),
				 &err) == 0, name);
		CHECK_STR(err.text, NULL, name);
		CHECK_STR(c.spool, good[i].spool, name);
		CHECK(c.cpus == good[i].cpus, name);
		CHECK(c.poll_ms == good[i].poll_ms, name);
		CHECK(c.env_exclude.n == good[i].patterns, name);
		conf_release(&c);
		error_release(&err);
	}
}

#define TAKES_SPOOL "'spool' takes an absolute path: \"/shared/spool\""
#define TAKES_CPUS "'cpus' takes a number from 0 to 999999; 0 is all"
#define TAKES_POLL \
	"'poll' takes a duration from 10 ms to 1 h with its unit: \"1s\""
#define TAKES_ENV "'env_exclude' takes a list of patterns: [ \"MY_*\" ]"

/* Errors of the host's file, which is called "f". */
static const struct {
	const char *name, *text, *error;
} bad[] = {
	{ "unknown", "cpu = 1;\n", "f:1: unknown setting 'cpu'" },
	{ "unknown, line 3", "\ncpus = 1;\nlease = \"1s\";\n",
	  "f:3: unknown setting 'lease'" },
	{ "capitals", "Cpus = 1;\n", "f:1: unknown setting 'Cpus'" },
	{ "format", "format = 1;\n", "f:1: unknown setting 'format'" },
	{ "syntax", "cpus = 1;\npoll = ;\n", "f:2: syntax error" },
	{ "no value", "cpus;\n", "f:1: syntax error" },
	{ "twice", "cpus = 1;\ncpus = 1;\n", "f:2: duplicate setting name" },
	{ "include", "cpus = 1;\n@include \"g\"\n",
	  "f:2: @include is not allowed" },
	{ "include after blanks", " \t@include \"g\"\n",
	  "f:1: @include is not allowed" },
	{ "include after CR", "cpus = 1;\r@include \"g\"\n",
	  "f:1: @include is not allowed" },
	{ "include within a line", "cpus = 1; @include \"g\"\n",
	  "f:1: syntax error" },
	{ "NUL in a string", "\nspool = \"/a\\x00b\";\n",
	  "f:2: NUL in a string" },
	{ "nested", "a = ((((((((((((((((((((((((((((((((((((((((((((((((((",
	  "f:1: values are nested too deeply" },
	{ "spool relative", "spool = \"srv\";", "f:1: " TAKES_SPOOL },
	{ "spool empty", "spool = \"\";", "f:1: " TAKES_SPOOL },
	{ "spool with tilde", "spool = \"~/s\";", "f:1: " TAKES_SPOOL },
	{ "spool a number", "spool = 1;", "f:1: " TAKES_SPOOL },
	{ "spool a list", "spool = [ \"/a\" ];", "f:1: " TAKES_SPOOL },
	{ "cpus negative", "cpus = -1;", "f:1: " TAKES_CPUS },
	{ "cpus too many", "cpus = 1000000;", "f:1: " TAKES_CPUS },
	{ "cpus of 2^32 + 1", "cpus = 4294967297;",
	  "f:1: number of over 32 bits without L" },
	{ "cpus of 2^32 + 1, L", "cpus = 4294967297L;", "f:1: " TAKES_CPUS },
	{ "cpus hexadecimal", "cpus = 0x8;",
	  "f:1: hexadecimal numbers are not taken" },
	{ "cpus a string", "cpus = \"8\";", "f:1: " TAKES_CPUS },
	{ "cpus a fraction", "cpus = 1.0;", "f:1: " TAKES_CPUS },
	{ "cpus true", "cpus = true;", "f:1: " TAKES_CPUS },
	{ "poll a number", "poll = 1;", "f:1: " TAKES_POLL },
	{ "poll without unit", "poll = \"1\";", "f:1: " TAKES_POLL },
	{ "poll 0", "poll = \"0s\";", "f:1: " TAKES_POLL },
	{ "poll negative", "poll = \"-1s\";", "f:1: " TAKES_POLL },
	{ "poll too short", "poll = \"9ms\";", "f:1: " TAKES_POLL },
	{ "poll too long", "poll = \"2h\";", "f:1: " TAKES_POLL },
	{ "poll of another unit", "poll = \"1y\";", "f:1: " TAKES_POLL },
	{ "poll empty", "poll = \"\";", "f:1: " TAKES_POLL },
	{ "patterns a string", "env_exclude = \"A\";", "f:1: " TAKES_ENV },
	{ "pattern a number", "env_exclude = [ 1 ];", "f:1: " TAKES_ENV },
	{ "pattern empty", "env_exclude = [ \"\" ];", "f:1: " TAKES_ENV },
	{ "patterns a group", "env_exclude = { };", "f:1: " TAKES_ENV },
};

static void
test_bad(void)
{
	static const char before[] =
		"spool = \"/s\"; cpus = 7; env_exclude = [ \"A\" ];";

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;
		const char *name = bad[i].name;
		struct conf c;

		conf_init(&c);
		CHECK(conf_parse(&c, "g", before, strlen(before), &err) == 0,
		      name);
		CHECK(conf_parse(&c, "f", bad[i].text, strlen(bad[i].text),
				 &err) == -1, name);
		CHECK_STR(err.text, bad[i].error, name);
		CHECK_STR(c.spool, "/s", name);
		CHECK(c.cpus == 7 && c.poll_ms == 1000, name);
		CHECK(c.env_exclude.n == 1, name);
		conf_release(&c);
		error_release(&err);
	}
}

/* The user's file is laid over the host's, setting by setting. */
static void
test_layers(void)
{
	static const char host[] = "spool = \"/a\"; cpus = 4;\n"
				   "env_exclude = [ \"A\", \"B\" ];\n";
	static const char user[] = "spool = \"/b\"; poll = \"5s\";\n"
				   "env_exclude = [ \"C\" ];\n";
	struct conf c;

	conf_init(&c);
	CHECK(conf_parse(&c, "h", host, strlen(host), NULL) == 0, "host");
	CHECK(conf_parse(&c, "u", user, strlen(user), NULL) == 0, "user");
	CHECK_STR(c.spool, "/b", "replaced");
	CHECK(c.cpus == 4, "kept");
	CHECK(c.poll_ms == 5000, "added");
	CHECK(c.env_exclude.n == 1, "list replaced");
	if (c.env_exclude.n == 1)
		CHECK_STR(c.env_exclude.v[0], "C", "list replaced");
	conf_release(&c);
	CHECK(!c.spool && c.poll_ms == 1000, "released");
}

/* Only len bytes are looked at. */
static void
test_length(void)
{
	static const char text[] = "cpus = 4;\0cpus = 5;";
	struct error err = ERROR_INIT;
	struct conf c;

	conf_init(&c);
	CHECK(conf_parse(&c, "f", "cpus = 4;garbage", 9, &err) == 0, "part");
	CHECK(c.cpus == 4, "part");
	CHECK(conf_parse(&c, "f", text, sizeof(text) - 1, &err) == -1, "NUL");
	CHECK_STR(err.text, "f:1: NUL byte", "NUL");
	error_release(&err);
	conf_release(&c);
}

static const struct {
	const char *name, *text;
	bool group;
	int64_t lease_ms, retention_ms;
} spools[] = {
	{ "least", LEAST, false, 300000, 2592000000 },
	{ "all", LEAST "group = true;\nlease = \"3s\";\nretention = \"2h\";\n",
	  true, 3000, 7200000 },
	{ "lowest", LEAST "lease = \"2s\"; retention = \"1s\";", false, 2000,
	  1000 },
	{ "highest", LEAST "lease = \"30d\"; retention = \"36500d\";", false,
	  2592000000, 3153600000000 },
	{ "milliseconds", LEAST "lease = \"2500ms\";", false, 2500,
	  2592000000 },
	{ "comment before", "# ours\n\n" LEAST, false, 300000, 2592000000 },
	{ "tight", "format=1;uuid=\"" UUID "\";group=false;", false, 300000,
	  2592000000 },
};

static void
test_spools(void)
{
	for (size_t i = 0; i < ARRAY_LEN(spools); i++) {
		struct error err = ERROR_INIT;
		const char *name = spools[i].name;
		struct str out = STR_INIT;
		struct spool_conf c, back;

		spool_conf_init(&c);
		spool_conf_init(&back);
		CHECK(spool_conf_parse(&c, "f", spools[i].text,
				       strlen(spools[i].text), &err) == 1,
		      name);
		CHECK_STR(err.text, NULL, name);
		CHECK_STR(c.uuid, UUID, name);
		CHECK(c.format == 1 && c.group == spools[i].group, name);
		CHECK(c.lease_ms == spools[i].lease_ms, name);
		CHECK(c.retention_ms == spools[i].retention_ms, name);
		if (c.uuid)
			spool_conf_format(&c, &out);
		CHECK(spool_conf_parse(&back, "f", out.s, out.len, &err) == 1,
		      name);
		CHECK_STR(back.uuid, c.uuid, name);
		CHECK(back.group == c.group, name);
		CHECK(back.lease_ms == c.lease_ms, name);
		CHECK(back.retention_ms == c.retention_ms, name);
		spool_conf_release(&back);
		spool_conf_release(&c);
		str_release(&out);
		error_release(&err);
	}
}

static void
test_spool_text(void)
{
	struct str out = STR_INIT;
	struct spool_conf c;

	spool_conf_init(&c);
	c.uuid = xstrdup(UUID);
	spool_conf_format(&c, &out);
	CHECK_STR(out.s, "format = 1;\nuuid = \"" UUID "\";\ngroup = false;\n"
		  "lease = \"300s\";\nretention = \"30d\";\n", "text");
	spool_conf_release(&c);
	str_release(&out);
}

#define TAKES_UUID "'uuid' takes a UUID of 36 characters in lower case"
#define TAKES_LEASE \
	"'lease' takes a duration from 2 s to 30 d with its unit: \"300s\""
#define NO_FORMAT "f:1: does not begin with 'format = 1;'"

/* Errors of a spool's file. */
static const struct {
	const char *name, *text;
	int ret;
	const char *error;
} bad_spools[] = {
	{ "format 2", "format = 2;\nuuid = \"" UUID "\";\n", 0,
	  "'f' has format 2, this nfsq knows 1: install a newer nfsq" },
	{ "format 2, no libconfig", "format = 2;\n<xml/>\n@include \"x\"\n", 0,
	  "'f' has format 2, this nfsq knows 1: install a newer nfsq" },
	{ "format 11", "format = 11;\n", 0,
	  "'f' has format 11, this nfsq knows 1: install a newer nfsq" },
	{ "format of 20 digits", "format = 99999999999999999999;\n", 0,
	  "'f' has format 99999999999999999999, this nfsq knows 1: "
	  "install a newer nfsq" },
	{ "empty", "", -1, NO_FORMAT },
	{ "no format", "uuid = \"" UUID "\";\n", -1, NO_FORMAT },
	{ "format not first", "uuid = \"" UUID "\";\nformat = 1;\n", -1,
	  NO_FORMAT },
	{ "format alone", "format", -1, NO_FORMAT },
	{ "format without value", "format = ;", -1, NO_FORMAT },
	{ "format cut", "format = 1", -1, NO_FORMAT },
	{ "format negative", "format = -1;", -1, NO_FORMAT },
	{ "format a string", "format = \"1\";", -1, NO_FORMAT },
	{ "format 1.5", "format = 1.5;", -1, NO_FORMAT },
	{ "formats", "formats = 1;", -1, NO_FORMAT },
	{ "binary", "\x7f" "ELF", -1, NO_FORMAT },
	{ "format twice", LEAST "format = 1;\n", -1,
	  "f:3: duplicate setting name" },
	{ "no uuid", "format = 1;\n", -1, "f: no setting 'uuid'" },
	{ "uuid short", "format = 1;\nuuid = \"0f8fad5b\";\n", -1,
	  "f:2: " TAKES_UUID },
	{ "uuid long", "format = 1;\nuuid = \"" UUID "0\";\n", -1,
	  "f:2: " TAKES_UUID },
	{ "uuid upper case",
	  "format = 1;\nuuid = \"0F8FAD5B-D9CB-469F-A165-70867728950E\";\n",
	  -1, "f:2: " TAKES_UUID },
	{ "uuid without dashes",
	  "format = 1;\nuuid = \"0f8fad5bad9cba469faa165a70867728950e\";\n",
	  -1, "f:2: " TAKES_UUID },
	{ "uuid empty", "format = 1;\nuuid = \"\";\n", -1,
	  "f:2: " TAKES_UUID },
	{ "uuid a number", "format = 1;\nuuid = 7;\n", -1,
	  "f:2: " TAKES_UUID },
	{ "unknown", LEAST "limits = 1;\n", -1,
	  "f:3: unknown setting 'limits'" },
	{ "host's setting", LEAST "cpus = 1;\n", -1,
	  "f:3: unknown setting 'cpus'" },
	{ "group a number", LEAST "group = 1;\n", -1,
	  "f:3: 'group' takes true or false" },
	{ "group a string", LEAST "group = \"true\";\n", -1,
	  "f:3: 'group' takes true or false" },
	{ "lease too short", LEAST "lease = \"1999ms\";\n", -1,
	  "f:3: " TAKES_LEASE },
	{ "lease too long", LEAST "lease = \"31d\";\n", -1,
	  "f:3: " TAKES_LEASE },
	{ "lease without unit", LEAST "lease = \"300\";\n", -1,
	  "f:3: " TAKES_LEASE },
	{ "lease a number", LEAST "lease = 300;\n", -1,
	  "f:3: " TAKES_LEASE },
	{ "lease overflow", LEAST "lease = \"9999999999999999999s\";\n", -1,
	  "f:3: " TAKES_LEASE },
	{ "retention 0", LEAST "retention = \"0d\";\n", -1,
	  "f:3: 'retention' takes a duration from 1 s to 36500 d with its "
	  "unit: \"30d\"" },
	{ "syntax", LEAST "lease = = 1;\n", -1, "f:3: syntax error" },
	{ "include", LEAST "@include \"/etc/passwd\"\n", -1,
	  "f:3: @include is not allowed" },
};

static void
test_bad_spools(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_spools); i++) {
		struct error err = ERROR_INIT;
		const char *name = bad_spools[i].name;
		struct spool_conf c;

		spool_conf_init(&c);
		CHECK(spool_conf_parse(&c, "f", bad_spools[i].text,
				       strlen(bad_spools[i].text),
				       &err) == bad_spools[i].ret, name);
		CHECK_STR(err.text, bad_spools[i].error, name);
		CHECK(!c.uuid && c.lease_ms == 300000, name);
		spool_conf_release(&c);
		error_release(&err);
	}
}

static const struct {
	const char *name, *text;
	unsigned line;
	const char *error;
} checks[] = {
	{ "empty", "", 0, NULL },
	{ "quote in a comment", "# \"\na = 0; // \"\n/* \" */ b = 1;", 0,
	  NULL },
	{ "comment in a string", "a = \"/*\"; b = \"#\"; c = \"//\";", 0,
	  NULL },
	{ "escaped quote", "a = \"\\\"\"; b = 1;", 0, NULL },
	{ "escaped backslash", "a = \"\\\\\"; # \"", 0, NULL },
	{ "hexadecimal in a string", "a = \"0x10\";", 0, NULL },
	{ "name that looks hexadecimal", "a0x = 1;", 0, NULL },
	{ "name of digits", "a-99999999999 = 1;", 0, NULL },
	{ "largest of 32 bits", "a = 2147483647;", 0, NULL },
	{ "64 bits", "a = 9223372036854775807L;", 0, NULL },
	{ "fraction", "a = 0.12345678901; b = 12345678901.5;", 0, NULL },
	{ "NUL escape in a comment", "# \"\\x00\"", 0, NULL },
	{ "escaped backslash before x00", "a = \"\\\\x00\";", 0, NULL },
	{ "NUL escape", "\na = \"\\x00\";", 2, "NUL in a string" },
	{ "hexadecimal", "a = 0x1;", 1, "hexadecimal numbers are not taken" },
	{ "hexadecimal, capital", "a = -0X1L;", 1,
	  "hexadecimal numbers are not taken" },
	{ "33 bits", "a = 2147483648;", 1,
	  "number of over 32 bits without L" },
	{ "33 bits in a list after lines", "a = (\n1,\n4294967296);", 3,
	  "number of over 32 bits without L" },
	{ "include after a comment's line", "# x\n@include", 2,
	  "@include is not allowed" },
};

static void
test_text_check(void)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		unsigned line;
		const char *bad_text = conf_text_check(
			checks[i].text, strlen(checks[i].text), &line);

		CHECK_STR(bad_text, checks[i].error, checks[i].name);
		if (checks[i].error)
			CHECK(line == checks[i].line, checks[i].name);
	}
}

static void
test_tables(void)
{
	static const char *const host[] = {
		"spool", "cpus", "poll", "env_exclude", NULL, NULL
	};
	static const char *const spool[] = {
		"format", "uuid", "group", "lease", "retention", NULL, NULL
	};

	for (size_t i = 0; i < ARRAY_LEN(host); i++)
		CHECK_STR(conf_setting(i, false), host[i], "host");
	for (size_t i = 0; i < ARRAY_LEN(spool); i++)
		CHECK_STR(conf_setting(i, true), spool[i], "spool");
}

const struct unit units[] = {
	{ "good", test_good },
	{ "bad", test_bad },
	{ "layers", test_layers },
	{ "length", test_length },
	{ "spools", test_spools },
	{ "text of a spool's file", test_spool_text },
	{ "bad spools", test_bad_spools },
	{ "text check", test_text_check },
	{ "tables", test_tables },
	{ NULL, NULL }
};

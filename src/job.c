/*
 * job.c - owns what a job is, and its text form, the body
 *
 * One table of settings drives defaults, writing, reading and the finding of
 * what this version does not know.  The writer escapes by itself and leaves
 * defaults out; the reader is libconfig, behind conf_text_check and a look at
 * the last line, so that neither an @include nor a cut text reaches it.
 *
 * A body comes from a directory that others may write to: each value is held
 * against its type and range here, and nobody behind need look again.
 */
#include "nfsq.h"
#include "job.h"

#include <libconfig.h>

#include "conf.h"
#include "token.h"

#define BODY_FORMAT 1
#define NAME_MAX_BYTES 200
#define LAST_LINE "\nend = \"nfsq\";\n"

struct setting {
	const char *name;
	/* Appends "name = value;\n", or nothing for the default. */
	void (*put)(const struct setting *s, const struct job *j,
		    struct str *out);
	/* 1 read; 0 good, but this version does not act on it; -1 not what
	 * `takes` says. */
	int (*get)(const struct setting *s, const config_setting_t *value,
		   struct job *j);
	size_t offset;
	const char *takes;
	int64_t min, max, def;
};

static const char *const open_modes[] = {
	[OPEN_RENAME] = "rename",
	[OPEN_APPEND] = "append",
	[OPEN_TRUNCATE] = "truncate",
};

/* The field of a setting; the caller knows its type by the table. */
static void *
field_of(const struct setting *s, struct job *j)
{
	return (char *)j + s->offset;
}

static const void *
field_in(const struct setting *s, const struct job *j)
{
	return (const char *)j + s->offset;
}

/* --- writing */

/*
 * A string for libconfig.  After a newline within the text it goes on on the
 * next line: adjacent strings are one, and a script can be read.
 */
static void
put_quoted(const char *text, struct str *out)
{
	str_addc(out, '"');
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			str_addf(out, "\\%c", c);
		else if (c >= ' ' && c <= '~')
			str_addc(out, (char)c);
		else if (c == '\t')
			str_add(out, "\\t");
		else if (c == '\n')
			str_add(out, p[1] ? "\\n\"\n\t\"" : "\\n");
		else
			str_addf(out, "\\x%02x", c);
	}
	str_addc(out, '"');
}

static void
put_string(const struct setting *s, const struct job *j, struct str *out)
{
	const char *text = *(char *const *)field_in(s, j);

	if (!text)
		return;
	str_addf(out, "%s = ", s->name);
	put_quoted(text, out);
	str_add(out, ";\n");
}

static void
put_list(const struct setting *s, const struct job *j, struct str *out)
{
	const struct strlist *list = field_in(s, j);

	if (list->n == 0)
		return;
	str_addf(out, "%s = (", s->name);
	for (size_t i = 0; i < list->n; i++) {
		str_add(out, i > 0 ? ",\n\t" : "\n\t");
		put_quoted(list->v[i], out);
	}
	str_add(out, "\n);\n");
}

static void
put_number(const struct setting *s, const struct job *j, struct str *out)
{
	int64_t n = *(const int64_t *)field_in(s, j);

	if (n != s->def)
		str_addf(out, "%s = %" PRId64 "L;\n", s->name, n);
}

static void
put_int(const struct setting *s, const struct job *j, struct str *out)
{
	int n = *(const int *)field_in(s, j);

	if (n != s->def)
		str_addf(out, "%s = %d;\n", s->name, n);
}

static void
put_bool(const struct setting *s, const struct job *j, struct str *out)
{
	if (*(const bool *)field_in(s, j))
		str_addf(out, "%s = true;\n", s->name);
}

static void
put_mode(const struct setting *s, const struct job *j, struct str *out)
{
	if (j->open_mode != OPEN_RENAME)
		str_addf(out, "%s = \"%s\";\n", s->name,
			 open_modes[j->open_mode]);
}

static void
put_format(const struct setting *s, const struct job *j, struct str *out)
{
	(void)j;
	str_addf(out, "%s = %d;\n", s->name, BODY_FORMAT);
}

static void
put_end(const struct setting *s, const struct job *j, struct str *out)
{
	(void)j;
	str_addf(out, "%s = \"nfsq\";\n", s->name);
}

/* --- reading */

static const char *
string_of(const config_setting_t *value)
{
	const char *text;

	if (config_setting_type(value) != CONFIG_TYPE_STRING)
		return NULL;
	text = config_setting_get_string(value);
	return text ? text : "";
}

static int
get_string(const struct setting *s, const config_setting_t *value,
	   struct job *j)
{
	const char *text = string_of(value);
	char **field = field_of(s, j);

	if (!text)
		return -1;
	free(*field);
	*field = xstrdup(text);
	return 1;
}

/* A setting whose place format 1 has, for versions to come. */
static int
get_later(const struct setting *s, const config_setting_t *value,
	  struct job *j)
{
	return get_string(s, value, j) < 0 ? -1 : 0;
}

static int
get_name(const struct setting *s, const config_setting_t *value, struct job *j)
{
	const char *text = string_of(value);

	if (!text || (*text && job_check_name(text, NULL) < 0))
		return -1;
	return get_string(s, value, j);
}

static int
get_path(const struct setting *s, const config_setting_t *value, struct job *j)
{
	const char *text = string_of(value);

	return text && *text == '/' ? get_string(s, value, j) : -1;
}

/* The name of an entry in a directory of the spool. */
static int
get_entry(const struct setting *s, const config_setting_t *value,
	  struct job *j)
{
	const char *text = string_of(value);

	if (!text || !*text || *text == '.' || strchr(text, '/'))
		return -1;
	return get_string(s, value, j);
}

static int
get_script(const struct setting *s, const config_setting_t *value,
	   struct job *j)
{
	const char *text = string_of(value);

	if (!text || strlen(text) > JOB_SCRIPT_MAX)
		return -1;
	j->script_len = strlen(text);
	return get_string(s, value, j);
}

/* Adds the strings of value to the list; those without a name before a '='
 * are refused when pairs is set. */
static int
get_strings(const config_setting_t *value, bool pairs, struct strlist *list)
{
	int type = config_setting_type(value);

	if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
		return -1;
	for (int i = 0; i < config_setting_length(value); i++) {
		const char *text =
			string_of(config_setting_get_elem(value, (unsigned)i));

		if (!text || (pairs && (*text == '=' || !strchr(text, '='))))
			return -1;
		strlist_add(list, text);
	}
	return 1;
}

static int
get_list(const struct setting *s, const config_setting_t *value, struct job *j)
{
	return get_strings(value, false, field_of(s, j));
}

static int
get_pairs(const struct setting *s, const config_setting_t *value,
	  struct job *j)
{
	return get_strings(value, true, field_of(s, j));
}

static int
get_in_range(const struct setting *s, const config_setting_t *value,
	     int64_t *n)
{
	int type = config_setting_type(value);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return -1;
	*n = config_setting_get_int64(value);
	return *n < s->min || *n > s->max ? -1 : 1;
}

static int
get_number(const struct setting *s, const config_setting_t *value,
	   struct job *j)
{
	int64_t n;

	if (get_in_range(s, value, &n) < 0)
		return -1;
	*(int64_t *)field_of(s, j) = n;
	return 1;
}

static int
get_int(const struct setting *s, const config_setting_t *value, struct job *j)
{
	int64_t n;

	if (get_in_range(s, value, &n) < 0)
		return -1;
	*(int *)field_of(s, j) = (int)n;
	return 1;
}

static int
get_bool(const struct setting *s, const config_setting_t *value, struct job *j)
{
	if (config_setting_type(value) != CONFIG_TYPE_BOOL)
		return -1;
	*(bool *)field_of(s, j) = config_setting_get_bool(value) == CONFIG_TRUE;
	return 1;
}

static int
get_mode(const struct setting *s, const config_setting_t *value, struct job *j)
{
	const char *text = string_of(value);

	(void)s;
	for (size_t i = 0; text && i < ARRAY_LEN(open_modes); i++)
		if (strcmp(text, open_modes[i]) == 0) {
			j->open_mode = (enum open_mode)i;
			return 1;
		}
	return -1;
}

/* A body of another format is not corrupt: somebody else can read it. */
static int
get_format(const struct setting *s, const config_setting_t *value,
	   struct job *j)
{
	int64_t n;

	(void)j;
	if (get_in_range(s, value, &n) < 0)
		return -1;
	return n == BODY_FORMAT;
}

static int
get_end(const struct setting *s, const config_setting_t *value, struct job *j)
{
	const char *text = string_of(value);

	(void)s;
	(void)j;
	return text && strcmp(text, "nfsq") == 0 ? 1 : -1;
}

#define FIELD(f) offsetof(struct job, f)
#define OTHER(name, put, get, field, takes) \
	{ name, put, get, FIELD(field), takes, 0, 0, 0 }
#define STRING(name, field) \
	OTHER(name, put_string, get_string, field, "a string")
#define BOOL(name, field) \
	OTHER(name, put_bool, get_bool, field, "true or false")
#define LATER(name, field) \
	OTHER(name, put_string, get_later, field, "a string")
#define NUMBER(name, field, min, max, def) \
	{ name, put_number, get_number, FIELD(field), "a number in its range", \
	  min, max, def }
#define INT(name, field, min, max, def) \
	{ name, put_int, get_int, FIELD(field), "a number in its range", \
	  min, max, def }

/* In the order in which they are written; format is first and end last. */
static const struct setting settings[] = {
	{ "format", put_format, get_format, 0, "a number", 1, INT_MAX, 0 },
	OTHER("name", put_string, get_name, name, "a job's name"),
	STRING("user", user),
	STRING("comment", comment),
	OTHER("labels", put_list, get_pairs, labels, "a list of KEY=VALUE"),
	OTHER("argv", put_list, get_list, argv, "a list of strings"),
	BOOL("wrap", wrap),
	OTHER("script", put_string, get_script, script,
	      "a string of 4 MiB at most"),
	STRING("script_path", script_path),
	OTHER("env", put_list, get_pairs, env, "a list of NAME=VALUE"),
	BOOL("no_env", no_env),
	OTHER("cwd", put_string, get_path, cwd, "an absolute path"),
	STRING("submit_dir", submit_dir),
	STRING("submit_host", submit_host),
	STRING("output", output),
	STRING("error", error),
	STRING("input", input),
	OTHER("open_mode", put_mode, get_mode, open_mode,
	      "rename, append or truncate"),
	BOOL("split", split),
	OTHER("stdin_name", put_string, get_entry, stdin_name,
	      "a file name without '/'"),
	INT("priority", priority, -100, 100, 0),
	NUMBER("cpus", cpus, 1, TOKEN_CPUS_MAX, 1),
	NUMBER("mem_mb", mem_mb, 0, TOKEN_MEM_MAX, 0),
	NUMBER("gpus", gpus, 0, TOKEN_GPUS_MAX, 0),
	NUMBER("time_limit_ms", time_limit_ms, 0, TOKEN_TIME_MAX, 0),
	NUMBER("kill_grace_ms", kill_grace_ms, 0, TOKEN_TIME_MAX, 10000),
	NUMBER("begin_ms", begin_ms, 0, TOKEN_TIME_MAX, 0),
	NUMBER("max_attempts", max_attempts, 1, TOKEN_COUNT_MAX, 5),
	BOOL("no_requeue", no_requeue),
	BOOL("hold", hold),
	INT("umask", umask, 0, 0777, 022),
	LATER("array", array),
	LATER("dependency", dependency),
	LATER("needs", needs),
	LATER("key", key),
	{ "end", put_end, get_end, 0, "\"nfsq\"", 0, 0, 0 },
};

void
job_init(struct job *j)
{
	memset(j, 0, sizeof(*j));
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].get == get_number)
			*(int64_t *)field_of(&settings[i], j) =
				settings[i].def;
		else if (settings[i].get == get_int)
			*(int *)field_of(&settings[i], j) =
				(int)settings[i].def;
}

void
job_release(struct job *j)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].put == put_string)
			free(*(char **)field_of(&settings[i], j));
		else if (settings[i].put == put_list)
			strlist_release(field_of(&settings[i], j));
	job_init(j);
}

void
job_format(const struct job *j, struct str *out)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		settings[i].put(&settings[i], j, out);
}

static const struct setting *
find_setting(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

/* What no single setting shows. */
static int
check_whole(const struct job *j, struct error *err)
{
	if (!j->cwd)
		return error_set(err, "no setting 'cwd'");
	if (!j->script && j->argv.n == 0)
		return error_set(err, "neither 'argv' nor 'script'");
	if (!j->wrap)
		return 0;
	if (j->script || j->argv.n != 3 ||
	    strcmp(j->argv.v[0], "/bin/sh") != 0 ||
	    strcmp(j->argv.v[1], "-c") != 0)
		return error_set(err, "'wrap' without /bin/sh -c in 'argv'");
	return 0;
}

/* The first setting is format, the last end. */
static int
check_ends(const config_setting_t *root, struct error *err)
{
	int n = config_setting_length(root);
	const char *first, *last;

	if (n < 2)
		return error_set(err, "no settings");
	first = config_setting_name(config_setting_get_elem(root, 0));
	last = config_setting_name(
		config_setting_get_elem(root, (unsigned)n - 1));
	if (strcmp(first, "format") != 0)
		return error_set(err, "does not begin with 'format'");
	if (strcmp(last, "end") != 0)
		return error_set(err, "does not end with 'end'");
	return 0;
}

/* Reads all settings.  *stranger becomes the first that this version does
 * not know or act on. */
static int
read_settings(const config_setting_t *root, struct job *j,
	      const char **stranger, struct error *err)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *value =
			config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(value);
		const struct setting *s = find_setting(name);
		int ret = s ? s->get(s, value, j) : 0;

		if (ret < 0)
			return error_set(err, "line %u: '%s' takes %s",
					 config_setting_source_line(value),
					 name, s->takes);
		if (ret == 0 && !*stranger)
			*stranger = name;
		if (ret == 0 && s && s->get == get_format)
			return 0;	/* the rest may mean anything */
	}
	return 0;
}

/* Refuses what libconfig must not see or would not notice. */
static int
check_text(const char *text, size_t len, struct error *err)
{
	const size_t tail = strlen(LAST_LINE);
	unsigned line;
	const char *bad;

	if (len > JOB_BODY_MAX)
		return error_set(err, "over %d bytes", JOB_BODY_MAX);
	if (len < tail || memcmp(text + len - tail, LAST_LINE, tail) != 0)
		return error_set(err, "cut short: the last line is missing");
	bad = conf_text_check(text, len, &line);
	if (bad)
		return error_set(err, "line %u: %s", line, bad);
	return 0;
}

static int
read_body(config_t *cf, const char *text, struct job *j, struct error *err)
{
	const char *stranger = NULL;
	const config_setting_t *root;

	if (config_read_string(cf, text) != CONFIG_TRUE)
		return error_set(err, "line %d: %s", config_error_line(cf),
				 config_error_text(cf));
	root = config_root_setting(cf);
	if (check_ends(root, err) < 0)
		return -1;
	if (read_settings(root, j, &stranger, err) < 0)
		return -1;
	if (stranger) {
		error_set(err, "this version does not act on setting '%s'",
			  stranger);
		return 0;
	}
	return check_whole(j, err) < 0 ? -1 : 1;
}

int
job_parse(const char *text, size_t len, struct job *j, struct error *err)
{
	config_t cf;
	char *copy;
	int ret;

	job_init(j);
	if (check_text(text, len, err) < 0)
		return -1;
	copy = xmemdup0(text, len);
	config_init(&cf);
	ret = read_body(&cf, copy, j, err);
	config_destroy(&cf);
	free(copy);
	if (ret < 0)
		job_release(j);
	if (ret >= 0 && !j->name)
		j->name = xstrdup("");
	if (ret >= 0 && !j->user)
		j->user = xstrdup("");
	return ret;
}

/* --- names */

/* Bytes of the control character at s: C0, DEL, or C1 in UTF-8; else 0. */
static size_t
control_len(const char *s)
{
	unsigned char c = (unsigned char)*s, next;

	if (c < ' ' || c == 0x7f)
		return 1;
	if (c != 0xc2)
		return 0;
	next = (unsigned char)s[1];
	return next >= 0x80 && next <= 0x9f ? 2 : 0;
}

int
job_check_name(const char *text, struct error *err)
{
	if (!*text)
		return error_set(err, "a job's name cannot be empty");
	if (strcmp(text, "last") == 0)
		return error_set(err, "'last' means the newest job and cannot "
				      "be a name");
	if (*text == '-' || (*text >= '0' && *text <= '9'))
		return error_set(err, "name '%s' begins with a digit or '-'",
				 text);
	if (strlen(text) > NAME_MAX_BYTES)
		return error_set(err, "name of over %d bytes", NAME_MAX_BYTES);
	for (const char *p = text; *p; p++)
		if (*p == '/' || control_len(p) > 0)
			return error_set(err, "name '%s' has a '/' or a "
					      "control character", text);
	return 0;
}

/* Cuts text to n bytes at most, not within a character. */
static void
cut_name(struct str *text, size_t n)
{
	if (text->len <= n)
		return;
	while (n > 0 && ((unsigned char)text->s[n] & 0xc0) == 0x80)
		n--;
	str_truncate(text, n);
}

char *
job_default_name(const char *command)
{
	struct str name = STR_INIT;
	size_t len = strlen(command), start;

	while (len > 0 && command[len - 1] == '/')
		len--;
	for (start = len; start > 0 && command[start - 1] != '/'; start--)
		;
	if (len == start)
		return xstrdup("job");
	if (command[start] == '-' ||
	    (command[start] >= '0' && command[start] <= '9'))
		str_addc(&name, '_');
	while (start < len) {
		size_t control = control_len(command + start);

		str_addc(&name, control > 0 ? '_' : command[start]);
		start += control > 0 ? control : 1;
	}
	cut_name(&name, NAME_MAX_BYTES);
	if (strcmp(name.s, "last") == 0)
		str_addc(&name, '_');
	return str_detach(&name);
}

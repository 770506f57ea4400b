/*
 * conf.c - owns the settings of nfsq.conf, and what libconfig may be given
 *
 * One table for the host's and user's files, one for the spool's: name, what
 * it takes, range, default.  The tables drive defaults, parsing and the list
 * of names.  A file is read whole or not at all: on an error nothing of it is
 * taken over.
 *
 * libconfig obeys @include lines, cuts a string at \x00, reads numbers modulo
 * 2^32 (without L) or 2^64 (hexadecimal), and looks through all earlier
 * settings for each new one; conf_text_check refuses such texts before
 * libconfig sees them.  Deep nesting ends in an error of its parser, but we
 * stop it long before.
 */
#include "nfsq.h"
#include "conf.h"

#include <libconfig.h>

#include "when.h"

#define NESTING_MAX 32
#define ASSIGNMENTS_MAX 4096
#define VALUES_MAX (1 << 19)

#define SECOND INT64_C(1000)
#define DAY (86400 * SECOND)

struct setting {
	const char *name;
	const char *takes;	/* for messages: "'poll' takes ..." */
	/* Reads a value into the field at `field`. 0 or -1, silent. */
	int (*get)(const struct setting *s, const config_setting_t *value,
		   void *field);
	/* Appends the value; NULL in the table that is never written. */
	void (*put)(const void *field, struct str *out);
	size_t offset;
	int64_t min, max, def;
	bool needed;
};

/* --- what libconfig may see */

struct scan {
	const char *text;
	size_t len, at;
	unsigned line, depth, assignments, values;
};

/* Bytes of the name at s->at. */
static size_t
name_len(const struct scan *s)
{
	size_t n = 0;

	while (s->at + n < s->len &&
	       (isalnum((unsigned char)s->text[s->at + n]) ||
		strchr("-_*", s->text[s->at + n])))
		n++;
	return n;
}

static const char *
scan_number(struct scan *s)
{
	const char *p = s->text + s->at;
	size_t n = 0, digits = 0;

	while (s->at + n < s->len &&
	       (isalnum((unsigned char)p[n]) || p[n] == '.')) {
		digits += p[n] >= '0' && p[n] <= '9';
		n++;
	}
	if (n > 1 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return "hexadecimal numbers are not taken";
	if (n == digits &&
	    (n > 10 || (n == 10 && memcmp(p, "2147483647", 10) > 0)))
		return "number of over 32 bits without L";
	s->at += n - 1;
	return NULL;
}

static const char *
scan_code(struct scan *s, char c)
{
	if (strchr("([{", c) && ++s->depth > NESTING_MAX)
		return "values are nested too deeply";
	if (strchr(")]}", c) && s->depth > 0)
		s->depth--;
	if ((c == '=' || c == ':') && ++s->assignments > ASSIGNMENTS_MAX)
		return "too many settings";
	if (c == ',' && ++s->values > VALUES_MAX)
		return "too many values";
	if (isalpha((unsigned char)c) || c == '*')
		s->at += name_len(s) - 1;
	else if (c >= '0' && c <= '9')
		return scan_number(s);
	return NULL;
}

static bool
scan_sees(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return s->len - s->at >= n && memcmp(s->text + s->at, what, n) == 0;
}

/* Walks over the text; `until` is what ends a string or comment. */
static const char *
scan_text(struct scan *s)
{
	const char *until = NULL, *bad = NULL;

	for (; s->at < s->len && !bad; s->at++) {
		char c = s->text[s->at];

		if (until && c == '\\' && *until == '"') {
			if (scan_sees(s, "\\x00"))
				bad = "NUL in a string";
			if (scan_sees(s, "\\\\") || scan_sees(s, "\\\""))
				s->at++;
		} else if (until && scan_sees(s, until)) {
			s->at += strlen(until) - 1;
			until = NULL;
		} else if (!until && c == '"') {
			until = "\"";
		} else if (!until && scan_sees(s, "/*")) {
			until = "*/";
			s->at++;
		} else if (!until && (c == '#' || scan_sees(s, "//"))) {
			until = "\n";
		} else if (!until) {
			bad = scan_code(s, c);
		}
		if (c == '\n' && !bad)
			s->line++;
	}
	return bad;
}

/* Is there nothing but white space between a line's start and text[at]? */
static bool
begins_line(const char *text, size_t at)
{
	while (at > 0) {
		char c = text[--at];

		if (c == '\n' || c == '\r' || c == '\v' || c == '\f')
			return true;
		if (c != ' ' && c != '\t')
			return false;
	}
	return true;
}

static unsigned
line_of(const char *text, size_t at)
{
	unsigned line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

static const char *
find_include(const char *text, size_t len)
{
	static const char word[] = "@include";
	const char *end = text + len, *p = text;

	while ((p = memchr(p, '@', (size_t)(end - p))) != NULL) {
		if ((size_t)(end - p) >= strlen(word) &&
		    memcmp(p, word, strlen(word)) == 0 &&
		    begins_line(text, (size_t)(p - text)))
			return p;
		p++;
	}
	return NULL;
}

const char *
conf_text_check(const char *text, size_t len, unsigned *line)
{
	struct scan s = { .text = text, .len = len, .line = 1 };
	const char *p = memchr(text, '\0', len), *bad;

	if (p) {
		*line = line_of(text, (size_t)(p - text));
		return "NUL byte";
	}
	p = find_include(text, len);
	if (p) {
		*line = line_of(text, (size_t)(p - text));
		return "@include is not allowed";
	}
	bad = scan_text(&s);
	*line = s.line;
	return bad;
}

/* --- kinds of values */

static int
get_number(const struct setting *s, const config_setting_t *value, void *field)
{
	int type = config_setting_type(value);
	int64_t n;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return -1;
	n = config_setting_get_int64(value);
	if (n < s->min || n > s->max)
		return -1;
	*(int64_t *)field = n;
	return 0;
}

static void
put_number(const void *field, struct str *out)
{
	str_addf(out, "%" PRId64, *(const int64_t *)field);
}

/* The string of a value, NULL when it is none. */
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
get_duration(const struct setting *s, const config_setting_t *value,
	     void *field)
{
	const char *text = string_of(value);
	int64_t ms;

	if (!text || when_duration(text, WHEN_NO_BARE, &ms, NULL) < 0)
		return -1;
	if (ms < s->min || ms > s->max)
		return -1;
	*(int64_t *)field = ms;
	return 0;
}

static void
put_duration(const void *field, struct str *out)
{
	int64_t ms = *(const int64_t *)field;

	if (ms % DAY == 0)
		str_addf(out, "\"%" PRId64 "d\"", ms / DAY);
	else if (ms % SECOND == 0)
		str_addf(out, "\"%" PRId64 "s\"", ms / SECOND);
	else
		str_addf(out, "\"%" PRId64 "ms\"", ms);
}

static int
get_bool(const struct setting *s, const config_setting_t *value, void *field)
{
	(void)s;
	if (config_setting_type(value) != CONFIG_TYPE_BOOL)
		return -1;
	*(bool *)field = config_setting_get_bool(value) == CONFIG_TRUE;
	return 0;
}

static void
put_bool(const void *field, struct str *out)
{
	str_add(out, *(const bool *)field ? "true" : "false");
}

static int
get_path(const struct setting *s, const config_setting_t *value, void *field)
{
	const char *text = string_of(value);
	char **path = field;

	(void)s;
	if (!text || *text != '/')
		return -1;
	free(*path);
	*path = xstrdup(text);
	return 0;
}

static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' :
			   !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return text[36] == '\0';
}

static int
get_uuid(const struct setting *s, const config_setting_t *value, void *field)
{
	const char *text = string_of(value);
	char **uuid = field;

	(void)s;
	if (!text || !is_uuid(text))
		return -1;
	free(*uuid);
	*uuid = xstrdup(text);
	return 0;
}

static void
put_uuid(const void *field, struct str *out)
{
	str_addf(out, "\"%s\"", *(char *const *)field);
}

static int
get_list(const struct setting *s, const config_setting_t *value, void *field)
{
	struct strlist list = STRLIST_INIT, *to = field;
	int type = config_setting_type(value);

	(void)s;
	if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
		return -1;
	for (int i = 0; i < config_setting_length(value); i++) {
		const char *text =
			string_of(config_setting_get_elem(value, (unsigned)i));

		if (!text || !*text) {
			strlist_release(&list);
			return -1;
		}
		strlist_add(&list, text);
	}
	strlist_release(to);
	*to = list;
	return 0;
}

/* --- the tables */

static const struct setting host_settings[] = {
	{ .name = "spool",
	  .takes = "an absolute path: \"/shared/spool\"",
	  .get = get_path, .offset = offsetof(struct conf, spool) },
	{ .name = "cpus",
	  .takes = "a number from 0 to 999999; 0 is all",
	  .get = get_number, .offset = offsetof(struct conf, cpus),
	  .min = 0, .max = 999999, .def = 0 },
	{ .name = "poll",
	  .takes = "a duration from 10 ms to 1 h with its unit: \"1s\"",
	  .get = get_duration, .offset = offsetof(struct conf, poll_ms),
	  .min = 10, .max = 3600 * SECOND, .def = SECOND },
	{ .name = "env_exclude",
	  .takes = "a list of patterns: [ \"MY_*\" ]",
	  .get = get_list, .offset = offsetof(struct conf, env_exclude) },
	{ .name = NULL }
};

static const struct setting spool_settings[] = {
	{ .name = "format",
	  .takes = "1",
	  .get = get_number, .put = put_number,
	  .offset = offsetof(struct spool_conf, format),
	  .min = SPOOL_FORMAT, .max = SPOOL_FORMAT, .def = SPOOL_FORMAT,
	  .needed = true },
	{ .name = "uuid",
	  .takes = "a UUID of 36 characters in lower case",
	  .get = get_uuid, .put = put_uuid,
	  .offset = offsetof(struct spool_conf, uuid), .needed = true },
	{ .name = "group",
	  .takes = "true or false",
	  .get = get_bool, .put = put_bool,
	  .offset = offsetof(struct spool_conf, group) },
	{ .name = "lease",
	  .takes = "a duration from 2 s to 30 d with its unit: \"300s\"",
	  .get = get_duration, .put = put_duration,
	  .offset = offsetof(struct spool_conf, lease_ms),
	  .min = 2 * SECOND, .max = 30 * DAY, .def = 300 * SECOND },
	{ .name = "retention",
	  .takes = "a duration from 1 s to 36500 d with its unit: \"30d\"",
	  .get = get_duration, .put = put_duration,
	  .offset = offsetof(struct spool_conf, retention_ms),
	  .min = SECOND, .max = 36500 * DAY, .def = 30 * DAY },
	{ .name = NULL }
};

const char *
conf_setting(size_t i, bool of_spool)
{
	size_t n = of_spool ? ARRAY_LEN(spool_settings) :
			      ARRAY_LEN(host_settings);

	if (i >= n)
		return NULL;
	return of_spool ? spool_settings[i].name : host_settings[i].name;
}

static void
set_defaults(const struct setting *table, void *to)
{
	for (const struct setting *s = table; s->name; s++)
		if (s->get == get_number || s->get == get_duration)
			*(int64_t *)(void *)((char *)to + s->offset) = s->def;
}

/* --- reading by a table */

static const struct setting *
find_setting(const struct setting *table, const char *name)
{
	for (const struct setting *s = table; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static int
apply(const struct setting *table, const char *file,
      const config_setting_t *root, void *to, struct error *err)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *value =
			config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(value);
		unsigned line = config_setting_source_line(value);
		const struct setting *s = find_setting(table, name);

		if (!s)
			return error_set(err, "%s:%u: unknown setting '%s'",
					 file, line, name);
		if (s->get(s, value, (char *)to + s->offset) < 0)
			return error_set(err, "%s:%u: '%s' takes %s", file,
					 line, name, s->takes);
	}
	for (const struct setting *s = table; s->name; s++)
		if (s->needed && !config_setting_get_member(root, s->name))
			return error_set(err, "%s: no setting '%s'", file,
					 s->name);
	return 0;
}

/* Text to cf, which the caller has initialised.  text need not end in NUL. */
static int
read_text(config_t *cf, const char *file, const char *text, size_t len,
	  struct error *err)
{
	unsigned line;
	const char *bad = conf_text_check(text, len, &line);
	struct str copy = STR_INIT;
	int ok;

	if (bad)
		return error_set(err, "%s:%u: %s", file, line, bad);
	str_addn(&copy, text, len);
	str_addc(&copy, '\n');	/* or a comment at the end is an error */
	ok = config_read_string(cf, copy.s);
	str_release(&copy);
	if (ok != CONFIG_TRUE)
		return error_set(err, "%s:%d: %s", file, config_error_line(cf),
				 config_error_text(cf));
	return 0;
}

void
conf_init(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	set_defaults(host_settings, c);
}

void
conf_release(struct conf *c)
{
	free(c->spool);
	strlist_release(&c->env_exclude);
	conf_init(c);
}

int
conf_parse(struct conf *c, const char *file, const char *text, size_t len,
	   struct error *err)
{
	struct conf trial;
	config_t cf;
	int ret = -1;

	conf_init(&trial);
	config_init(&cf);
	if (read_text(&cf, file, text, len, err) < 0)
		goto out;
	if (apply(host_settings, file, config_root_setting(&cf), &trial, err) <
	    0)
		goto out;
	ret = apply(host_settings, file, config_root_setting(&cf), c, err);
out:
	config_destroy(&cf);
	conf_release(&trial);
	return ret;
}

void
spool_conf_init(struct spool_conf *c)
{
	memset(c, 0, sizeof(*c));
	set_defaults(spool_settings, c);
}

void
spool_conf_release(struct spool_conf *c)
{
	free(c->uuid);
	spool_conf_init(c);
}

void
spool_conf_format(const struct spool_conf *c, struct str *out)
{
	if (!c->uuid || !is_uuid(c->uuid))
		BUG("spool without a uuid");
	for (const struct setting *s = spool_settings; s->name; s++) {
		str_addf(out, "%s = ", s->name);
		s->put((const char *)c + s->offset, out);
		str_add(out, ";\n");
	}
}

/* Skips white space and comments that begin with '#'. */
static size_t
skip_blank(const char *text, size_t len, size_t at)
{
	while (at < len) {
		if (text[at] == '#')
			while (at < len && text[at] != '\n')
				at++;
		else if (text[at] && strchr(" \t\r\n", text[at]))
			at++;
		else
			break;
	}
	return at;
}

/*
 * Finds the number in the "format = N;" that begins text, without looking
 * further: a later format need not be libconfig.  0 or -1.
 */
static int
find_format(const char *text, size_t len, const char **digits, size_t *n)
{
	static const char word[] = "format";
	size_t at = skip_blank(text, len, 0);

	if (len - at < strlen(word) ||
	    memcmp(text + at, word, strlen(word)) != 0)
		return -1;
	at = skip_blank(text, len, at + strlen(word));
	if (at == len || text[at] != '=')
		return -1;
	at = skip_blank(text, len, at + 1);
	*digits = text + at;
	*n = 0;
	while (at < len && text[at] >= '0' && text[at] <= '9') {
		at++;
		++*n;
	}
	at = skip_blank(text, len, at);
	return *n > 0 && *n <= 20 && at < len && text[at] == ';' ? 0 : -1;
}

int
spool_conf_parse(struct spool_conf *c, const char *file, const char *text,
		 size_t len, struct error *err)
{
	struct spool_conf trial;
	const char *digits;
	config_t cf;
	size_t n;
	int ret = -1;

	if (find_format(text, len, &digits, &n) < 0)
		return error_set(err,
				 "%s:1: does not begin with 'format = %d;'",
				 file, SPOOL_FORMAT);
	if (n != 1 || *digits != '0' + SPOOL_FORMAT) {
		error_set(err, "'%s' has format %.*s, this nfsq knows %d: "
			  "install a newer nfsq", file, (int)n, digits,
			  SPOOL_FORMAT);
		return 0;
	}
	spool_conf_init(&trial);
	config_init(&cf);
	if (read_text(&cf, file, text, len, err) == 0 &&
	    apply(spool_settings, file, config_root_setting(&cf), &trial,
		  err) == 0) {
		spool_conf_release(c);
		*c = trial;
		spool_conf_init(&trial);
		ret = 1;
	}
	config_destroy(&cf);
	spool_conf_release(&trial);
	return ret;
}

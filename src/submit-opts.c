/*
 * submit-opts.c - reading the values of submit's and run's options
 *
 * Each checks the value as far as it can be checked without the spool, so
 * that wrong usage is told before anything is made.
 */
#include "nfsq.h"
#include "submit.h"

#include "pattern.h"
#include "token.h"
#include "when.h"

int
submit_parse_text(const char *value, void *field, struct error *err)
{
	const char **text = field;

	if (!*value)
		return error_set(err, "it cannot be empty");
	*text = value;
	return 0;
}

int
submit_parse_name(const char *value, void *field, struct error *err)
{
	const char **text = field;

	if (job_check_name(value, err) < 0)
		return -1;
	*text = value;
	return 0;
}

int
submit_parse_priority(const char *value, void *field, struct error *err)
{
	return when_int(value, -100, 100, field, err);
}

int
submit_parse_cpus(const char *value, void *field, struct error *err)
{
	return when_int(value, 1, TOKEN_CPUS_MAX, field, err);
}

int
submit_parse_attempts(const char *value, void *field, struct error *err)
{
	return when_int(value, 1, TOKEN_COUNT_MAX, field, err);
}

static int
check_duration(const char *value, int64_t ms, struct error *err)
{
	if (ms > TOKEN_TIME_MAX)
		return error_set(err, "'%s' is too long", value);
	return 0;
}

int
submit_parse_time(const char *value, void *field, struct error *err)
{
	int64_t *ms = field;

	if (when_limit(value, ms, err) < 0)
		return -1;
	return check_duration(value, *ms, err);
}

int
submit_parse_grace(const char *value, void *field, struct error *err)
{
	int64_t *ms = field;

	if (when_duration(value, WHEN_SECONDS, ms, err) < 0)
		return -1;
	return check_duration(value, *ms, err);
}

/* The server's clock is known later; here only the form is looked at. */
int
submit_parse_begin(const char *value, void *field, struct error *err)
{
	const char **text = field;
	int64_t ms;

	if (when_begin(value, (int64_t)time(NULL) * 1000, &ms, err) < 0)
		return -1;
	*text = value;
	return 0;
}

int
submit_parse_pattern(const char *value, void *field, struct error *err)
{
	const char **text = field;

	if (pattern_check(value, err) < 0)
		return -1;
	*text = value;
	return 0;
}

int
submit_parse_mode(const char *value, void *field, struct error *err)
{
	enum open_mode *mode = field;

	if (strcmp(value, "append") == 0)
		*mode = OPEN_APPEND;
	else if (strcmp(value, "truncate") == 0)
		*mode = OPEN_TRUNCATE;
	else
		return error_set(err, "'%s' is neither append nor truncate",
				 value);
	return 0;
}

/* Replaces the entry with the same text up to '=', or adds one. */
static void
set_pair(struct strlist *list, char *pair)
{
	size_t n = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < list->n; i++)
		if (strncmp(list->v[i], pair, n) == 0) {
			free(list->v[i]);
			list->v[i] = pair;
			return;
		}
	strlist_take(list, pair);
}

int
submit_parse_env(const char *value, void *field, struct error *err)
{
	const char *mine;

	if (!*value || *value == '=')
		return error_set(err, "'%s' names no variable", value);
	if (strchr(value, '=')) {
		set_pair(field, xstrdup(value));
		return 0;
	}
	mine = getenv(value);
	if (!mine)
		return error_set(err, "'%s' is not set here (give it as "
				 "%s=VALUE)", value, value);
	set_pair(field, xasprintf("%s=%s", value, mine));
	return 0;
}

int
submit_parse_label(const char *value, void *field, struct error *err)
{
	if (*value == '=' || !strchr(value, '='))
		return error_set(err, "'%s' is not of the form K=V", value);
	set_pair(field, xstrdup(value));
	return 0;
}

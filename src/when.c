/*
 * when.c - owns how durations, sizes and times are read and written
 *
 * Numbers are read digit by digit and checked for overflow; signs, blanks
 * and fractions are errors.  No duration is longer than MAX_MS, so that a
 * point in time and a few durations always add up.
 */
#include "nfsq.h"
#include "when.h"

#include "msg.h"
#include "str.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define MAX_MS (INT64_MAX / 8)

/* Reads digits at *p, at least one, and moves *p behind them.  0, or -1 when
 * there is none or the number is too large. */
static int
read_number(const char **p, int64_t *n)
{
	const char *start = *p;
	int64_t value = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		int digit = **p - '0';

		if (value > (INT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*n = value;
	return *p > start ? 0 : -1;
}

/* Adds n times unit to *sum; 0, or -1 when that is more than MAX_MS. */
static int
add_units(int64_t *sum, int64_t n, int64_t unit)
{
	if (n > (MAX_MS - *sum) / unit)
		return -1;
	*sum += n * unit;
	return 0;
}

struct unit_name {
	const char *name;
	int64_t size;
};

static const struct unit_name durations[] = {
	{ "ms", 1 }, { "s", SECOND_MS }, { "m", MINUTE_MS },
	{ "h", HOUR_MS }, { "d", DAY_MS },
};

/* Reads a number and its suffix.  0 or -1. */
static int
read_duration(const char *text, enum when_bare bare, int64_t *ms)
{
	const char *p = text;
	int64_t n, sum = 0, unit = 0;

	if (read_number(&p, &n) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(durations); i++)
		if (strcmp(p, durations[i].name) == 0)
			unit = durations[i].size;
	if (*p == '\0' && (bare == WHEN_SECONDS || n == 0))
		unit = SECOND_MS;
	if (unit == 0 || add_units(&sum, n, unit) < 0)
		return -1;
	*ms = sum;
	return 0;
}

int
when_duration0(const char *text, enum when_bare bare, int64_t *ms,
	       struct error *err)
{
	if (read_duration(text, bare, ms) == 0)
		return 0;
	return error_set(err, "'%s' is no duration, like 90s, 10m, 2h or 1d",
			 text);
}

int
when_duration(const char *text, enum when_bare bare, int64_t *ms,
	      struct error *err)
{
	int64_t n;

	if (when_duration0(text, bare, &n, err) < 0)
		return -1;
	if (n == 0)
		return error_set(err, "'%s' is too short: 0 is not allowed",
				 text);
	*ms = n;
	return 0;
}

/* Reads numbers with ':' between them, at most max, to the end of text.
 * Returns how many, or -1. */
static int
read_fields(const char *p, int max, int64_t *field)
{
	for (int n = 0; n < max; n++) {
		if (read_number(&p, &field[n]) < 0)
			return -1;
		if (*p == '\0')
			return n + 1;
		if (*p++ != ':')
			return -1;
	}
	return -1;
}

/* sbatch's forms: a field may be larger than the next unit (90:00). */
static int
read_limit(const char *text, int64_t *ms)
{
	static const int64_t units[] = { HOUR_MS, MINUTE_MS, SECOND_MS };
	const char *dash = strchr(text, '-');
	const int64_t *unit = units;
	int64_t field[3], sum = 0, days = 0;
	int n;

	if (dash && (read_number(&text, &days) < 0 || text != dash))
		return -1;
	n = read_fields(dash ? dash + 1 : text, 3, field);
	if (n < 0 || add_units(&sum, days, DAY_MS) < 0)
		return -1;
	if (!dash && n < 3)
		unit++;		/* "M" and "M:S" */
	for (int i = 0; i < n; i++)
		if (add_units(&sum, field[i], unit[i]) < 0)
			return -1;
	*ms = sum;
	return 0;
}

int
when_limit(const char *text, int64_t *ms, struct error *err)
{
	int64_t n;

	if (read_limit(text, &n) < 0 &&
	    read_duration(text, WHEN_NO_BARE, &n) < 0)
		return error_set(err, "'%s' is no time limit, like 30, "
				 "1:30:00, 2-12 or 90m", text);
	if (n == 0)
		return error_set(err, "'%s' is no time limit: 0 is not "
				 "allowed", text);
	*ms = n;
	return 0;
}

int
when_size(const char *text, int64_t *bytes, struct error *err)
{
	static const char suffixes[] = "KMGT";
	const char *p = text;
	int shift = 20;
	int64_t n;

	if (read_number(&p, &n) < 0)
		return error_set(err, "'%s' is no size, like 512M or 4G",
				 text);
	if (*p) {
		const char *s = strchr(suffixes, toupper((unsigned char)*p));

		if (!s || p[1])
			return error_set(err, "'%s' is no size, like 512M "
					 "or 4G", text);
		shift = 10 * (int)(s - suffixes + 1);
	}
	if (n == 0)
		return error_set(err, "'%s' is no size: 0 is not allowed",
				 text);
	if (n > INT64_MAX >> shift)
		return error_set(err, "'%s' is too large a size", text);
	*bytes = n << shift;
	return 0;
}

int
when_int(const char *text, int64_t min, int64_t max, int64_t *n,
	 struct error *err)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	size_t len = strspn(digits, "0123456789");
	intmax_t value = 0;
	bool ok = len > 0 && digits[len] == '\0';
	int saved = errno;

	if (ok) {
		errno = 0;
		value = strtoimax(text, NULL, 10);
		ok = errno == 0 && value >= min && value <= max;
		errno = saved;
	}
	if (!ok)
		return error_set(err, "'%s' is no number from %" PRId64
				 " to %" PRId64, text, min, max);
	*n = value;
	return 0;
}

/* What --begin says, taken apart. */
struct moment {
	struct tm tm;
	bool zoned;
	int offset;		/* seconds east of Greenwich */
};

/* Reads exactly `len` digits, min..max.  0 or -1. */
static int
read_digits(const char **p, int len, int min, int max, int *n)
{
	int value = 0;

	for (int i = 0; i < len; i++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + *(*p)++ - '0';
	}
	*n = value;
	return value >= min && value <= max ? 0 : -1;
}

/* YYYY-MM-DD */
static int
read_date(const char **p, struct tm *tm)
{
	int year, month;

	if (read_digits(p, 4, 1970, 9999, &year) < 0 || *(*p)++ != '-' ||
	    read_digits(p, 2, 1, 12, &month) < 0 || *(*p)++ != '-' ||
	    read_digits(p, 2, 1, 31, &tm->tm_mday) < 0)
		return -1;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return 0;
}

/* HH:MM[:SS] */
static int
read_clock(const char **p, struct tm *tm)
{
	if (read_digits(p, 2, 0, 23, &tm->tm_hour) < 0 || *(*p)++ != ':' ||
	    read_digits(p, 2, 0, 59, &tm->tm_min) < 0)
		return -1;
	if (**p != ':')
		return 0;
	(*p)++;
	return read_digits(p, 2, 0, 59, &tm->tm_sec);
}

/* Z or +HH:MM or -HH:MM or nothing */
static int
read_zone(const char **p, struct moment *m)
{
	int hours, minutes;
	char sign = **p;

	if (sign == '\0')
		return 0;
	m->zoned = true;
	(*p)++;
	if (sign == 'Z')
		return 0;
	if ((sign != '+' && sign != '-') ||
	    read_digits(p, 2, 0, 23, &hours) < 0 || *(*p)++ != ':' ||
	    read_digits(p, 2, 0, 59, &minutes) < 0)
		return -1;
	m->offset = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	return 0;
}

static int
read_moment(const char *p, struct moment *m)
{
	if (read_date(&p, &m->tm) < 0)
		return -1;
	if (*p == 'T' || *p == ' ') {
		p++;
		if (read_clock(&p, &m->tm) < 0)
			return -1;
	}
	return read_zone(&p, m) == 0 && *p == '\0' ? 0 : -1;
}

/* The point in time that has these fields; -1 when none has: the 30th of
 * February, an hour that summer time leaves out, a time before 1970. */
static int
moment_ms(const struct moment *m, int64_t *ms)
{
	struct tm tm = m->tm;
	int64_t s;

	tm.tm_isdst = -1;
	s = m->zoned ? timegm(&tm) : mktime(&tm);
	s -= m->offset;
	if (tm.tm_year != m->tm.tm_year || tm.tm_mon != m->tm.tm_mon ||
	    tm.tm_mday != m->tm.tm_mday || tm.tm_hour != m->tm.tm_hour ||
	    tm.tm_min != m->tm.tm_min || tm.tm_sec != m->tm.tm_sec)
		return -1;
	if (s < 0)
		return -1;
	*ms = s * 1000;
	return 0;
}

/* The fields of a point in time, in UTC or in the process's zone. */
static struct tm
fields_of(int64_t ms, bool utc)
{
	time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm = { .tm_mday = 1 };

	tzset();	/* which localtime_r need not do */
	if (utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	return tm;
}

/* The next HH:MM[:SS] from now on.  Today, tomorrow, or a day later when
 * summer time leaves it out tomorrow. */
static int
next_clock(const struct tm *clock, int64_t now_ms, int64_t *ms)
{
	struct tm today = fields_of(now_ms, false);

	for (int i = 0; i < 3; i++) {
		/* noon exists every day, and carries over months */
		struct tm day = { .tm_year = today.tm_year,
				  .tm_mon = today.tm_mon,
				  .tm_mday = today.tm_mday + i,
				  .tm_hour = 12, .tm_isdst = -1 };
		struct moment m = { .zoned = false };

		if (mktime(&day) == -1)
			return -1;
		m.tm = day;
		m.tm.tm_hour = clock->tm_hour;
		m.tm.tm_min = clock->tm_min;
		m.tm.tm_sec = clock->tm_sec;
		if (moment_ms(&m, ms) == 0 && *ms >= now_ms)
			return 0;
	}
	return -1;
}

/* "now" and "now+2h" */
static int
begin_now(const char *text, int64_t now_ms, int64_t *ms, struct error *err)
{
	int64_t later = 0;

	if (*text && when_duration0(text + 1, WHEN_SECONDS, &later, err) < 0)
		return -1;
	if (now_ms > INT64_MAX - later)
		return error_set(err, "'%s' is too late", text);
	*ms = now_ms + later;
	return 0;
}

int
when_begin(const char *text, int64_t now_ms, int64_t *ms, struct error *err)
{
	struct moment m = { .zoned = false };
	struct tm clock = { .tm_sec = 0 };
	const char *p = text;
	int64_t result;

	if (strncmp(text, "now", 3) == 0 && (!text[3] || text[3] == '+'))
		return begin_now(text + 3, now_ms, ms, err);
	if (read_clock(&p, &clock) == 0 && *p == '\0') {
		if (next_clock(&clock, now_ms, &result) < 0)
			return error_set(err, "there is no '%s' soon", text);
	} else if (read_moment(text, &m) < 0) {
		return error_set(err, "'%s' is no time, like 18:30, "
				 "2026-01-31T18:30 or now+2h", text);
	} else if (moment_ms(&m, &result) < 0) {
		return error_set(err, "'%s' does not exist", text);
	}
	*ms = result;
	return 0;
}

void
when_add_utc(struct str *out, int64_t ms)
{
	struct tm tm = fields_of(ms, true);

	str_addf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void
when_add_local(struct str *out, int64_t ms, int64_t now_ms)
{
	struct tm tm = fields_of(ms, false);

	if (ms > now_ms - 20 * HOUR_MS && ms < now_ms + 20 * HOUR_MS)
		str_addf(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min,
			 tm.tm_sec);
	else
		str_addf(out, "%04d-%02d-%02d %02d:%02d", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

void
when_add_duration(struct str *out, int64_t ms)
{
	int64_t s, tenth;

	if (ms < 0)
		ms = 0;
	s = ms / 1000;
	tenth = ms / 100 % 10;
	if (s < 10 && tenth > 0)
		str_addf(out, "%" PRId64 ".%" PRId64 "s", s, tenth);
	else if (s < 60)
		str_addf(out, "%" PRId64 "s", s);
	else if (s < 60 * 60)
		str_addf(out, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
	else if (s < 24 * 60 * 60)
		str_addf(out, "%" PRId64 "h%02" PRId64 "m", s / 3600,
			 s / 60 % 60);
	else
		str_addf(out, "%" PRId64 "d%02" PRId64 "h", s / 86400,
			 s / 3600 % 24);
}

void
when_add_size(struct str *out, int64_t bytes)
{
	static const char suffixes[] = "BKMGT";
	int64_t unit = 1, tenth;
	size_t i = 0;

	if (bytes < 0)
		bytes = 0;
	while (i + 2 < sizeof(suffixes) && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	tenth = bytes % unit * 10 / unit;
	str_addf(out, "%" PRId64, bytes / unit);
	if (bytes / unit < 100 && tenth > 0)
		str_addf(out, ".%" PRId64, tenth);
	str_addc(out, suffixes[i]);
}

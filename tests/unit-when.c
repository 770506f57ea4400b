/*
 * unit-when.c - durations, sizes, numbers and times, both directions
 */
#include "nfsq.h"
#include "unit.h"

#include "msg.h"
#include "str.h"
#include "when.h"

const char unit_suite[] = "unit-when";

#define MIN INT64_C(60000)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
/* What a refused call must leave alone. */
#define UNTOUCHED INT64_C(-12345)

/* want is UNTOUCHED for an error, of which `text` must be a part. */
struct number_case {
	const char *text;
	int64_t want;
	const char *part;
};

typedef int read_fn(const char *text, int64_t *n, struct error *err);

static void
check_numbers(const struct number_case *cases, size_t n, read_fn *read)
{
	for (size_t i = 0; i < n; i++) {
		const struct number_case *c = &cases[i];
		struct error err = ERROR_INIT;
		int64_t got = UNTOUCHED;
		int r = read(c->text, &got, &err);

		CHECK(r == (c->want == UNTOUCHED ? -1 : 0), c->text);
		CHECK(got == c->want, c->text);
		CHECK(!err.text == (r == 0), c->text);
		if (r < 0 && c->part)
			CHECK(strstr(error_text(&err), c->part), c->text);
		if (r < 0)
			CHECK(read(c->text, &got, NULL) == -1, c->text);
		error_release(&err);
	}
}

static int
bare_duration(const char *text, int64_t *ms, struct error *err)
{
	return when_duration(text, WHEN_SECONDS, ms, err);
}

static int
setting_duration(const char *text, int64_t *ms, struct error *err)
{
	return when_duration(text, WHEN_NO_BARE, ms, err);
}

static int
bare_duration0(const char *text, int64_t *ms, struct error *err)
{
	return when_duration0(text, WHEN_SECONDS, ms, err);
}

static int
setting_duration0(const char *text, int64_t *ms, struct error *err)
{
	return when_duration0(text, WHEN_NO_BARE, ms, err);
}

/* The same in options and in settings. */
static const struct number_case durations[] = {
	{ "90s", 90000, NULL },
	{ "10m", 10 * MIN, NULL },
	{ "2h", 2 * HOUR, NULL },
	{ "1d", DAY, NULL },
	{ "250ms", 250, NULL },
	{ "010s", 10000, NULL },
	{ "100000d", 100000 * DAY, NULL },
	{ "", UNTOUCHED, "'' is no duration" },
	{ "s", UNTOUCHED, "no duration" },
	{ "-1s", UNTOUCHED, "no duration" },
	{ "+1s", UNTOUCHED, "no duration" },
	{ " 1s", UNTOUCHED, "no duration" },
	{ "1 s", UNTOUCHED, "no duration" },
	{ "1s ", UNTOUCHED, "no duration" },
	{ "1S", UNTOUCHED, "no duration" },
	{ "1.5h", UNTOUCHED, "no duration" },
	{ "1h30m", UNTOUCHED, "no duration" },
	{ "1w", UNTOUCHED, "no duration" },
	{ "1msx", UNTOUCHED, "no duration" },
	{ "0x10s", UNTOUCHED, "no duration" },
	{ "9223372036854775807s", UNTOUCHED, "no duration" },
	{ "9223372036854775808ms", UNTOUCHED, "no duration" },
	{ "99999999999999999999d", UNTOUCHED, "no duration" },
	{ "106751991168d", UNTOUCHED, "no duration" },
};

static const struct number_case bare_durations[] = {
	{ "90", 90000, NULL },
	{ "0", UNTOUCHED, "'0' is too short" },
	{ "0s", UNTOUCHED, "too short" },
	{ "000", UNTOUCHED, "too short" },
	{ "9223372036854775807", UNTOUCHED, "no duration" },
};

static const struct number_case setting_durations[] = {
	{ "90", UNTOUCHED, "no duration" },
	{ "0", UNTOUCHED, "too short" },
	{ "0d", UNTOUCHED, "too short" },
};

static const struct number_case bare_durations0[] = {
	{ "0", 0, NULL },
	{ "0s", 0, NULL },
	{ "0ms", 0, NULL },
	{ "7", 7000, NULL },
	{ "0x", UNTOUCHED, "no duration" },
	{ "-0", UNTOUCHED, "no duration" },
	{ "", UNTOUCHED, "no duration" },
};

static const struct number_case setting_durations0[] = {
	{ "0", 0, NULL },
	{ "0h", 0, NULL },
	{ "1h", HOUR, NULL },
	{ "7", UNTOUCHED, "no duration" },
};

static void
test_durations(void)
{
	check_numbers(durations, ARRAY_LEN(durations), bare_duration);
	check_numbers(durations, ARRAY_LEN(durations), setting_duration);
	check_numbers(durations, ARRAY_LEN(durations), bare_duration0);
	check_numbers(durations, ARRAY_LEN(durations), setting_duration0);
	check_numbers(bare_durations, ARRAY_LEN(bare_durations),
		      bare_duration);
	check_numbers(setting_durations, ARRAY_LEN(setting_durations),
		      setting_duration);
	check_numbers(bare_durations0, ARRAY_LEN(bare_durations0),
		      bare_duration0);
	check_numbers(setting_durations0, ARRAY_LEN(setting_durations0),
		      setting_duration0);
}

static const struct number_case limits[] = {
	{ "30", 30 * MIN, NULL },
	{ "1:30", MIN + 30000, NULL },
	{ "0:01", 1000, NULL },
	{ "90:00", 90 * MIN, NULL },
	{ "1:30:00", 90 * MIN, NULL },
	{ "100:00:00", 100 * HOUR, NULL },
	{ "2-12", 2 * DAY + 12 * HOUR, NULL },
	{ "0-1", HOUR, NULL },
	{ "2-12:30", 2 * DAY + 12 * HOUR + 30 * MIN, NULL },
	{ "1-00:00:01", DAY + 1000, NULL },
	{ "90s", 90000, NULL },
	{ "10m", 10 * MIN, NULL },
	{ "2h", 2 * HOUR, NULL },
	{ "1d", DAY, NULL },
	{ "500ms", 500, NULL },
	{ "x", UNTOUCHED, "'x' is no time limit" },
	{ "", UNTOUCHED, "no time limit" },
	{ "0", UNTOUCHED, "0 is not allowed" },
	{ "0s", UNTOUCHED, "0 is not allowed" },
	{ "0:00", UNTOUCHED, "0 is not allowed" },
	{ "0-0:0:0", UNTOUCHED, "0 is not allowed" },
	{ "-30", UNTOUCHED, "no time limit" },
	{ "-1", UNTOUCHED, "no time limit" },
	{ "+30", UNTOUCHED, "no time limit" },
	{ "1-", UNTOUCHED, "no time limit" },
	{ "1--2", UNTOUCHED, "no time limit" },
	{ "1-2-3", UNTOUCHED, "no time limit" },
	{ "1-2:3:4:5", UNTOUCHED, "no time limit" },
	{ "1:2:3:4", UNTOUCHED, "no time limit" },
	{ "1:", UNTOUCHED, "no time limit" },
	{ ":1", UNTOUCHED, "no time limit" },
	{ "1::2", UNTOUCHED, "no time limit" },
	{ "1:2x", UNTOUCHED, "no time limit" },
	{ "1:2h", UNTOUCHED, "no time limit" },
	{ "1x-2", UNTOUCHED, "no time limit" },
	{ "30 ", UNTOUCHED, "no time limit" },
	{ " 30", UNTOUCHED, "no time limit" },
	{ "1.5", UNTOUCHED, "no time limit" },
	{ "UNLIMITED", UNTOUCHED, "no time limit" },
	{ "9223372036854775807", UNTOUCHED, "no time limit" },
	{ "9223372036854775808-1", UNTOUCHED, "no time limit" },
	{ "106751991168-0", UNTOUCHED, "no time limit" },
	{ "1:9223372036854775807", UNTOUCHED, "no time limit" },
};

static void
test_limits(void)
{
	check_numbers(limits, ARRAY_LEN(limits), when_limit);
}

static const struct number_case sizes[] = {
	{ "512", INT64_C(512) << 20, NULL },
	{ "512K", INT64_C(512) << 10, NULL },
	{ "4M", INT64_C(4) << 20, NULL },
	{ "2G", INT64_C(2) << 30, NULL },
	{ "1T", INT64_C(1) << 40, NULL },
	{ "2g", INT64_C(2) << 30, NULL },
	{ "8388607T", INT64_C(8388607) << 40, NULL },
	{ "8388608T", UNTOUCHED, "'8388608T' is too large" },
	{ "8796093022208", UNTOUCHED, "too large" },
	{ "9223372036854775808", UNTOUCHED, "no size" },
	{ "0", UNTOUCHED, "0 is not allowed" },
	{ "0G", UNTOUCHED, "0 is not allowed" },
	{ "", UNTOUCHED, "'' is no size" },
	{ "G", UNTOUCHED, "no size" },
	{ "-1G", UNTOUCHED, "no size" },
	{ "+1G", UNTOUCHED, "no size" },
	{ "1.5G", UNTOUCHED, "no size" },
	{ "1 G", UNTOUCHED, "no size" },
	{ "1GB", UNTOUCHED, "no size" },
	{ "1GiB", UNTOUCHED, "no size" },
	{ "1P", UNTOUCHED, "no size" },
	{ "1G ", UNTOUCHED, "no size" },
};

static void
test_sizes(void)
{
	check_numbers(sizes, ARRAY_LEN(sizes), when_size);
}

static int
priority(const char *text, int64_t *n, struct error *err)
{
	return when_int(text, -100, 100, n, err);
}

static int
any_int(const char *text, int64_t *n, struct error *err)
{
	return when_int(text, INT64_MIN, INT64_MAX, n, err);
}

static const struct number_case priorities[] = {
	{ "0", 0, NULL },
	{ "-100", -100, NULL },
	{ "100", 100, NULL },
	{ "007", 7, NULL },
	{ "-0", 0, NULL },
	{ "101", UNTOUCHED, "'101' is no number from -100 to 100" },
	{ "-101", UNTOUCHED, "no number" },
	{ "", UNTOUCHED, "'' is no number" },
	{ "-", UNTOUCHED, "no number" },
	{ "--1", UNTOUCHED, "no number" },
	{ "+1", UNTOUCHED, "no number" },
	{ " 1", UNTOUCHED, "no number" },
	{ "1 ", UNTOUCHED, "no number" },
	{ "1\n", UNTOUCHED, "no number" },
	{ "0x1", UNTOUCHED, "no number" },
	{ "1e1", UNTOUCHED, "no number" },
	{ "high", UNTOUCHED, "no number" },
	{ "18446744073709551617", UNTOUCHED, "no number" },
};

static const struct number_case any_ints[] = {
	{ "9223372036854775807", INT64_MAX, NULL },
	{ "-9223372036854775808", INT64_MIN, NULL },
	{ "9223372036854775808", UNTOUCHED, "no number" },
	{ "-9223372036854775809", UNTOUCHED, "no number" },
	{ "99999999999999999999999", UNTOUCHED, "no number" },
};

static void
test_ints(void)
{
	check_numbers(priorities, ARRAY_LEN(priorities), priority);
	check_numbers(any_ints, ARRAY_LEN(any_ints), any_int);
}

/* --begin: now and the result as UTC, the zone as TZ has it. */
#define UTC "UTC0"
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"

static const struct {
	const char *zone, *now, *text, *want;
} begins[] = {
	{ UTC, "2026-11-22T14:46:10Z", "now", "2026-11-22T14:46:10Z" },
	{ UTC, "2026-11-22T14:46:10Z", "now+2h", "2026-11-22T16:46:10Z" },
	{ UTC, "2026-11-22T14:46:10Z", "now+90", "2026-11-22T14:47:40Z" },
	{ UTC, "2026-11-22T14:46:10Z", "now+0", "2026-11-22T14:46:10Z" },
	{ UTC, "2026-11-22T14:46:10Z", "now+10d", "2026-12-02T14:46:10Z" },
	/* the next one */
	{ UTC, "2026-11-22T14:46:10Z", "18:30", "2026-11-22T18:30:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "14:46", "2026-11-23T14:46:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "14:46:10", "2026-11-22T14:46:10Z" },
	{ UTC, "2026-11-22T14:46:10Z", "14:46:11", "2026-11-22T14:46:11Z" },
	{ UTC, "2026-12-31T23:59:59Z", "00:00", "2027-01-01T00:00:00Z" },
	{ UTC, "2028-02-28T12:00:00Z", "11:00", "2028-02-29T11:00:00Z" },
	{ BERLIN, "2026-11-22T23:30:00Z", "01:00", "2026-11-23T00:00:00Z" },
	{ BERLIN, "2026-11-22T23:30:00Z", "00:15", "2026-11-23T23:15:00Z" },
	/* 2026-03-29 has no 02:30 in Berlin */
	{ BERLIN, "2026-03-28T20:00:00Z", "02:30", "2026-03-30T00:30:00Z" },
	{ BERLIN, "2026-03-28T20:00:00Z", "03:00", "2026-03-29T01:00:00Z" },
	{ BERLIN, "2026-03-28T20:00:00Z", "01:59", "2026-03-29T00:59:00Z" },
	/* dates */
	{ UTC, "2026-11-22T14:46:10Z", "2026-12-24", "2026-12-24T00:00:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "2026-12-24T18:30",
	  "2026-12-24T18:30:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "2026-12-24 18:30:05",
	  "2026-12-24T18:30:05Z" },
	{ UTC, "2026-11-22T14:46:10Z", "2001-01-01", "2001-01-01T00:00:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "2028-02-29", "2028-02-29T00:00:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "2000-02-29", "2000-02-29T00:00:00Z" },
	{ UTC, "2026-11-22T14:46:10Z", "9999-12-31T23:59:59Z",
	  "9999-12-31T23:59:59Z" },
	{ UTC, "2026-11-22T14:46:10Z", "1970-01-01T00:00Z",
	  "1970-01-01T00:00:00Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-12-24",
	  "2026-12-23T23:00:00Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-07-01T12:00",
	  "2026-07-01T10:00:00Z" },
	{ NEW_YORK, "2026-11-22T14:46:10Z", "2026-12-24T18:30",
	  "2026-12-24T23:30:00Z" },
	/* zones */
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-12-24T18:30Z",
	  "2026-12-24T18:30:00Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-12-24Z",
	  "2026-12-24T00:00:00Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-12-24T18:30+05:30",
	  "2026-12-24T13:00:00Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-12-24T18:30:01-08:00",
	  "2026-12-25T02:30:01Z" },
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-03-29T02:30Z",
	  "2026-03-29T02:30:00Z" },
	/* errors */
	{ BERLIN, "2026-11-22T14:46:10Z", "2026-03-29T02:30", NULL },
	{ NEW_YORK, "2026-11-22T14:46:10Z", "2026-03-08T02:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "soon", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "nower", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "NOW", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now+", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now-1h", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now+-1h", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now + 1h", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now+1h ", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now+9223372036854775807", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "now+99999999999d", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "24:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12:60", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12:00:60", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "9:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12:", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12:00:", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "12:00Z", NULL },
	{ UTC, "2026-11-22T14:46:10Z", " 12:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-02-29", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-02-29Z", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2100-02-29Z", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-04-31T12:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-00-01", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-13-01", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-32", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-1-1", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "26-01-01", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "02026-01-01", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026/01/01", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T24:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00z", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00+1", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00+0100", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00+24:00", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00+01:60", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00ZZ", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01T12:00:00.5Z", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "2026-01-01x", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "1969-12-31", NULL },
	{ UTC, "2026-11-22T14:46:10Z", "1970-01-01T00:00+01:00", NULL },
};

static void
test_begins(void)
{
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		const char *text = begins[i].text;
		struct error err = ERROR_INIT;
		struct str got = STR_INIT;
		int64_t now, ms = UNTOUCHED;
		int r;

		setenv("TZ", begins[i].zone, 1);
		CHECK(when_begin(begins[i].now, 0, &now, NULL) == 0, text);
		r = when_begin(text, now, &ms, &err);
		CHECK(r == (begins[i].want ? 0 : -1), text);
		CHECK(!err.text == (r == 0), text);
		if (r == 0)
			when_add_utc(&got, ms);
		else
			CHECK(ms == UNTOUCHED, text);
		CHECK_STR(got.s, begins[i].want ? begins[i].want : "", text);
		str_release(&got);
		error_release(&err);
	}
}

static void
test_begin_fraction(void)
{
	int64_t ms = 0;

	setenv("TZ", UTC, 1);
	CHECK(when_begin("now+1", 1500, &ms, NULL) == 0 && ms == 2500,
	      "milliseconds are kept");
	CHECK(when_begin("00:00:01", 1500, &ms, NULL) == 0 &&
	      ms == DAY + 1000, "half a second ago");
	CHECK(when_begin("now+1", INT64_MAX - 5, &ms, NULL) == -1,
	      "the end of time");
}

static const struct {
	int64_t ms;
	const char *want;
} utcs[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ 999, "1970-01-01T00:00:00Z" },
	{ -1, "1969-12-31T23:59:59Z" },
	{ 1763822770123, "2025-11-22T14:46:10Z" },
	{ INT64_C(253402300799999), "9999-12-31T23:59:59Z" },
};

static void
test_utc(void)
{
	setenv("TZ", BERLIN, 1);
	for (size_t i = 0; i < ARRAY_LEN(utcs); i++) {
		struct str s = STR_INIT;

		when_add_utc(&s, utcs[i].ms);
		CHECK_STR(s.s, utcs[i].want, utcs[i].want);
		str_release(&s);
	}
}

#define NOW INT64_C(1763822770123)	/* 2025-11-22 15:46:10 in Berlin */

static const struct {
	int64_t ms;
	const char *want;
} locals[] = {
	{ NOW, "15:46:10" },
	{ NOW - 20 * HOUR + 1, "19:46:10" },
	{ NOW - 20 * HOUR, "2025-11-21 19:46" },
	{ NOW + 20 * HOUR - 1, "11:46:10" },
	{ NOW + 20 * HOUR, "2025-11-23 11:46" },
	{ 0, "1970-01-01 01:00" },
};

static void
test_local(void)
{
	setenv("TZ", BERLIN, 1);
	for (size_t i = 0; i < ARRAY_LEN(locals); i++) {
		struct str s = STR_INIT;

		when_add_local(&s, locals[i].ms, NOW);
		CHECK_STR(s.s, locals[i].want, locals[i].want);
		str_release(&s);
	}
}

static const struct {
	int64_t n;
	const char *duration, *size;
} printed[] = {
	{ 0, "0s", "0B" },
	{ -5, "0s", "0B" },
	{ INT64_MIN, "0s", "0B" },
	{ 99, "0s", "99B" },
	{ 300, "0.3s", "300B" },
	{ 1000, "1s", "1000B" },
	{ 1023, "1s", "1023B" },
	{ 1024, "1s", "1K" },
	{ 1536, "1.5s", "1.5K" },
	{ 9999, "9.9s", "9.7K" },
	{ 12900, "12s", "12.5K" },
	{ 59999, "59s", "58.5K" },
	{ 185000, "3m05s", "180K" },
	{ HOUR - 1, "59m59s", "3.4M" },
	{ 130 * MIN, "2h10m", "7.4M" },
	{ DAY, "1d00h", "82.3M" },
	{ 76 * HOUR, "3d04h", "260M" },
	{ INT64_C(3) << 29, "18d15h", "1.5G" },
	{ INT64_C(1) << 40, "12725d19h", "1T" },
	{ INT64_C(1) << 52, "52124995d16h", "4096T" },
	{ INT64_MAX, "106751991167d07h", "8388607T" },
};

static void
test_printed(void)
{
	for (size_t i = 0; i < ARRAY_LEN(printed); i++) {
		struct str s = STR_INIT;

		when_add_duration(&s, printed[i].n);
		CHECK_STR(s.s, printed[i].duration, printed[i].duration);
		str_clear(&s);
		when_add_size(&s, printed[i].n);
		CHECK_STR(s.s, printed[i].size, printed[i].size);
		str_release(&s);
	}
}

const struct unit units[] = {
	{ "durations", test_durations },
	{ "limits", test_limits },
	{ "sizes", test_sizes },
	{ "integers", test_ints },
	{ "begin", test_begins },
	{ "begin between seconds", test_begin_fraction },
	{ "UTC", test_utc },
	{ "local time", test_local },
	{ "durations and sizes printed", test_printed },
	{ NULL, NULL }
};

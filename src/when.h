/*
 * when.h - durations, sizes, times: text to numbers and back
 *
 * Durations are milliseconds in an int64_t everywhere in this program; points
 * in time are milliseconds since the epoch.  Pure: `now` is an argument.
 */
#ifndef NFSQ_WHEN_H
#define NFSQ_WHEN_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

enum when_bare {
	WHEN_SECONDS,	/* a bare number is seconds (options) */
	WHEN_NO_BARE,	/* a suffix is needed (settings) */
};

/* "90s" "10m" "2h" "1d" "250ms", or by `bare` "90".  0, negative, overflow
 * and trailing text are errors.  0 or -1. */
int when_duration(const char *text, enum when_bare bare, int64_t *ms,
		  struct error *err);
/* The same with 0 allowed ("0", "0s"). */
int when_duration0(const char *text, enum when_bare bare, int64_t *ms,
		   struct error *err);
/* sbatch's --time: "30" minutes, "M:S", "H:M:S", "D-H", "D-H:M", "D-H:M:S",
 * and all of when_duration's suffixed forms.  0 or -1. */
int when_limit(const char *text, int64_t *ms, struct error *err);
/* "512" MiB, "512K" "4M" "2G" "1T", powers of 1024; result in bytes. */
int when_size(const char *text, int64_t *bytes, struct error *err);
/* A decimal integer from min to max, nothing else around it. */
int when_int(const char *text, int64_t min, int64_t max, int64_t *n,
	     struct error *err);

/*
 * --begin: "YYYY-MM-DD[THH:MM[:SS]][Z|+HH:MM|-HH:MM]" (a blank instead of T
 * is allowed), "HH:MM[:SS]" (the next one), "now", "now+2h" (when_duration).
 * No zone: the process's time zone (mktime).  Impossible dates are errors.
 */
int when_begin(const char *text, int64_t now_ms, int64_t *ms,
	       struct error *err);

/* RFC 3339 in UTC: "2026-11-22T14:46:10Z". */
void when_add_utc(struct str *out, int64_t ms);
/* For people, in the reader's zone: "14:46:10" when within 20 h of now,
 * else "2026-11-22 14:46". */
void when_add_local(struct str *out, int64_t ms, int64_t now_ms);
/* "0.3s" "12s" "3m05s" "2h10m" "3d04h". */
void when_add_duration(struct str *out, int64_t ms);
/* "512K" "1.5G" from bytes. */
void when_add_size(struct str *out, int64_t bytes);

#endif

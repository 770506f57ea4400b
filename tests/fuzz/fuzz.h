/*
 * fuzz.h - targets for fuzzing: one for each grammar that nfsq reads
 *
 * A target takes any bytes and aborts when a promise of the module is not
 * kept.  The same functions are run by libFuzzer (make fuzz) and, over the
 * inputs in tests/fuzz/corpus/NAME/, by fuzz-replay (make check).
 */
#ifndef NFSQ_FUZZ_H
#define NFSQ_FUZZ_H

#include "nfsq.h"

typedef void fuzz_fn(const uint8_t *data, size_t n);

struct fuzz_target {
	const char *name;
	fuzz_fn *run;
};
extern const struct fuzz_target fuzz_targets[];	/* ends with a NULL name */
/* NULL when there is none. */
const struct fuzz_target *fuzz_find(const char *name);

/* Aborts with a line. */
_Noreturn void fuzz_fail(const char *file, int line, const char *what);
#define FUZZ_CHECK(ok) \
	((ok) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #ok))

/* Bytes taken from the front, one NUL-terminated text after the other. */
struct fuzz_input {
	const uint8_t *p;
	size_t n;
};
/* The text up to the next NUL or the end; the caller's to free. */
char *fuzz_text(struct fuzz_input *in);
/* Eight bytes, zeros where there are none. */
uint64_t fuzz_number(struct fuzz_input *in);

/* fuzz-names.c */
fuzz_fn fuzz_token, fuzz_token_made, fuzz_names, fuzz_words, fuzz_decode;
/* fuzz-texts.c */
fuzz_fn fuzz_job, fuzz_job_made, fuzz_conf, fuzz_spool_conf, fuzz_script;
/* fuzz-values.c */
fuzz_fn fuzz_when, fuzz_told, fuzz_pattern, fuzz_str, fuzz_opt;

#endif

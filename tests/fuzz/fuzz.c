/*
 * fuzz.c - the table of targets, and what libFuzzer calls
 *
 * One program for all: the target is what follows "fuzz-" in the name it is
 * called by.
 */
#include "nfsq.h"
#include "fuzz.h"

#include "str.h"

const struct fuzz_target fuzz_targets[] = {
	{ "token", fuzz_token },
	{ "token-made", fuzz_token_made },
	{ "names", fuzz_names },
	{ "words", fuzz_words },
	{ "decode", fuzz_decode },
	{ "job", fuzz_job },
	{ "job-made", fuzz_job_made },
	{ "conf", fuzz_conf },
	{ "spool-conf", fuzz_spool_conf },
	{ "script", fuzz_script },
	{ "when", fuzz_when },
	{ "told", fuzz_told },
	{ "pattern", fuzz_pattern },
	{ "str", fuzz_str },
	{ "opt", fuzz_opt },
	{ NULL, NULL }
};

const struct fuzz_target *
fuzz_find(const char *name)
{
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

void
fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

char *
fuzz_text(struct fuzz_input *in)
{
	const uint8_t *end = in->n > 0 ? memchr(in->p, 0, in->n) : NULL;
	size_t n = end ? (size_t)(end - in->p) : in->n;
	char *text = xmemdup0(in->p, n);

	in->p += n + (end != NULL);
	in->n -= n + (end != NULL);
	return text;
}

uint64_t
fuzz_number(struct fuzz_input *in)
{
	uint64_t number = 0;
	size_t n = in->n < sizeof(number) ? in->n : sizeof(number);

	if (n > 0)
		memcpy(&number, in->p, n);
	in->p += n;
	in->n -= n;
	return number;
}

/* libconfig forgets a string when the text behind it is no good. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig\n";
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct fuzz_target *chosen;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '/');

	(void)argc;
	name = name ? name + 1 : (*argv)[0];
	chosen = strncmp(name, "fuzz-", 5) == 0 ? fuzz_find(name + 5) : NULL;
	if (!chosen) {
		fprintf(stderr, "'%s' is no target: call this fuzz-NAME\n",
			name);
		exit(2);
	}
	/* summer time, the same everywhere */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	chosen->run(data, n);
	return 0;
}

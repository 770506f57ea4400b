/*
 * replay.c - runs the fuzz targets over the inputs that are kept
 *
 *	fuzz-replay [DIR]
 *
 * DIR/TARGET/ holds a target's inputs; without DIR it is
 * $NFSQ_SRC/tests/fuzz/corpus.  An input that makes its target fail aborts
 * the program after its name was printed.  Each input is also run cut short
 * at every length up to 200 bytes.
 */
#include "nfsq.h"
#include "fuzz.h"

#include <dirent.h>

#include "str.h"

static void
read_file(const char *path, struct str *out)
{
	FILE *f = fopen(path, "rb");
	char buf[4096];
	size_t n;

	if (!f) {
		fprintf(stderr, "cannot read '%s': %s\n", path,
			strerror(errno));
		exit(99);
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_addn(out, buf, n);
	fclose(f);
}

/* On memory of its exact size, so that a sanitizer sees a step beyond. */
static void
run(const struct fuzz_target *t, const struct str *input, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (!copy)
		exit(99);
	if (n > 0)
		memcpy(copy, input->s, n);
	t->run(copy, n);
	free(copy);
}

/* Returns the number of inputs. */
static size_t
replay(const struct fuzz_target *t, const char *corpus)
{
	char *dir = xasprintf("%s/%s", corpus, t->name);
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d))) {
		struct str input = STR_INIT;
		char *path = xasprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] != '.') {
			printf("%s\n", path);
			fflush(stdout);
			read_file(path, &input);
			for (size_t k = 0; k < 200 && k < input.len; k++)
				run(t, &input, k);
			run(t, &input, input.len);
			n++;
		}
		str_release(&input);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
	return n;
}

int
main(int argc, char **argv)
{
	const char *src = getenv("NFSQ_SRC");
	char *corpus = argc > 1 ? xstrdup(argv[1])
		: xasprintf("%s/tests/fuzz/corpus", src ? src : ".");
	int bad = 0;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	for (const struct fuzz_target *t = fuzz_targets; t->name; t++) {
		size_t n = replay(t, corpus);

		printf("%s: %zu inputs\n", t->name, n);
		if (n == 0)
			bad = 1;
	}
	if (bad)
		fprintf(stderr, "a target has no input in '%s'\n", corpus);
	free(corpus);
	return bad;
}

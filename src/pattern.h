/*
 * pattern.h - sbatch's file name patterns of --output, --error
 *
 * %j id  %A array's id (the id)  %a task (0 without)  %x name ('/' becomes
 * '_')  %N host  %u user  %% a percent sign; %4j pads with zeros (width up
 * to 10).  Pure.
 */
#ifndef NFSQ_PATTERN_H
#define NFSQ_PATTERN_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

struct pattern_values {
	uint64_t id;
	uint64_t task;
	const char *name;
	const char *host;
	const char *user;
};

/* 0, or -1 for an unknown or unfinished % (err names it). */
int pattern_check(const char *pattern, struct error *err);
/* Appends the expansion of a checked pattern. */
void pattern_expand(const char *pattern, const struct pattern_values *v,
		    struct str *out);
/* The name of the private sibling of path: DIR/.FILE.nfsq-ID.ATTEMPT */
void pattern_sibling(const char *path, uint64_t id, unsigned attempt,
		     struct str *out);

/* Shell-like glob over a whole string, for --name GLOB (fnmatch). */
bool pattern_glob(const char *glob, const char *text);

#endif

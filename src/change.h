/*
 * change.h - cancel, hold, release and requeue share their options and the
 * way from words to jobs; the change itself is change_job (cmd.h)
 */
#ifndef NFSQ_CHANGE_H
#define NFSQ_CHANGE_H

#include "nfsq.h"
#include "cmd.h"

struct change_values {
	const char *user, *name;
	unsigned states;
	struct strlist labels;
	bool wait;
	bool hold;		/* requeue --hold */
};

/* The options all four have. */
#define CHANGE_OPTS \
	{ 'u', "user", "USER", "jobs of this user", OPT_STRING, \
	  offsetof(struct change_values, user), NULL, "user" }, \
	{ 'n', "name", "GLOB", "jobs with a name like this", OPT_STRING, \
	  offsetof(struct change_values, name), NULL, NULL }, \
	{ 's', "state", "STATE,..", "jobs in one of these states", \
	  OPT_PARSE, offsetof(struct change_values, states), \
	  cmd_parse_states, "state" }, \
	{ 0, "label", "KEY[=VALUE]", "jobs with this label", OPT_LIST, \
	  offsetof(struct change_values, labels), NULL, NULL }, \
	{ 'w', "wait", NULL, "return when it is done", OPT_FLAG, \
	  offsetof(struct change_values, wait), NULL, NULL }

/* Makes the change to the jobs named by the words or by the filter; a filter
 * without --state is about jobs in `states`.  v holds what cmd_parse read and
 * is released.  Returns the exit status. */
int change_command(const struct globals *g, int argc, char **argv,
		   const struct command *cmd, struct change_values *v,
		   enum change c, unsigned states);

#endif

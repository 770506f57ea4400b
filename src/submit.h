/*
 * submit.h - from words and options to a job: what submit and run share
 *
 *	struct submit s;
 *	submit_init(&s, cmd);
 *	submit_parse(&s, argc, argv, &g);	// exits on wrong usage
 *	submit_job(&s, sp, &job);		// or dies
 *	...
 *	submit_release(&s);
 */
#ifndef NFSQ_SUBMIT_H
#define NFSQ_SUBMIT_H

#include "nfsq.h"
#include "cmd.h"
#include "job.h"
#include "script.h"

struct submit_values {
	const char *name, *output, *error, *input, *chdir, *comment, *wrap;
	const char *begin;
	int64_t priority, cpus, time_ms, grace_ms, max_attempts;
	enum open_mode open_mode;
	bool hold, no_env, no_requeue, wait, script;
	struct strlist env, labels;
};

struct submit {
	const struct command *cmd;
	struct submit_values v;
	bool dashes;		/* a -- stood before the command */
	int argc;		/* the command's words */
	char **argv;
	struct strlist words;	/* owns them */
	struct script script;
	char *script_file;	/* as messages name it */
	char *script_path;	/* absolute; NULL for stdin */
	struct str text;	/* of the script */
	bool has_script;
};

void submit_init(struct submit *s, const struct command *cmd);
/* Parses the command line, reads the script if it is one and the options in
 * it.  Exits 2 with a line on wrong usage, 1 when a file cannot be read. */
void submit_parse(struct submit *s, int argc, char **argv, struct globals *g);
/* Fills j (initialised here), all but what run adds.  Dies on errors. */
void submit_job(struct submit *s, struct spool *sp, struct job *j);
void submit_release(struct submit *s);

/* submit-opts.c: the parsers of values */
opt_parse_fn submit_parse_name, submit_parse_priority, submit_parse_cpus,
	submit_parse_time, submit_parse_grace, submit_parse_begin,
	submit_parse_pattern, submit_parse_mode, submit_parse_attempts,
	submit_parse_env, submit_parse_label, submit_parse_text;

#define SUBMIT_OPT(letter, name, arg, help, parse, field, complete) \
	{ letter, name, arg, help, OPT_PARSE, \
	  offsetof(struct submit, v.field), submit_parse_##parse, complete }
#define SUBMIT_FLAG(letter, name, help, field) \
	{ letter, name, NULL, help, OPT_FLAG, \
	  offsetof(struct submit, v.field), NULL, NULL }

/* The options of both, for their tables. */
#define SUBMIT_OPTS \
	SUBMIT_OPT('n', "name", "NAME", "name of the job", name, name, NULL), \
	SUBMIT_OPT('p', "priority", "N", "-100..100, higher first " \
		   "(default 0)", priority, priority, NULL), \
	SUBMIT_OPT('c', "cpus", "N", "CPUs it needs (default 1)", cpus, \
		   cpus, NULL), \
	SUBMIT_OPT('t', "time", "LIMIT", "end it after this: minutes, " \
		   "H:M:S, D-H, 90s, 2h", time, time_ms, NULL), \
	SUBMIT_OPT(0, "kill-grace", "T", "from SIGTERM to SIGKILL when it " \
		   "is ended (default 10s)", grace, grace_ms, NULL), \
	SUBMIT_OPT('b', "begin", "TIME", "not before: [YYYY-MM-DDT]HH:MM, " \
		   "now+2h", begin, begin, NULL), \
	SUBMIT_FLAG('H', "hold", "hold it until it is released", hold), \
	SUBMIT_OPT('o', "output", "PATTERN", "write its output there " \
		   "(%j id, %x name, %N host, %u user)", pattern, output, \
		   "file"), \
	SUBMIT_OPT('e', "error", "PATTERN", "write its standard error there", \
		   pattern, error, "file"), \
	SUBMIT_OPT('i', "input", "FILE", "read its standard input there", \
		   pattern, input, "file"), \
	SUBMIT_OPT(0, "open-mode", "MODE", "append or truncate: write the " \
		   "output file itself", mode, open_mode, NULL), \
	SUBMIT_OPT('D', "chdir", "DIR", "run it in this directory", text, \
		   chdir, "dir"), \
	SUBMIT_OPT(0, "env", "NAME[=VAL]", "give it this variable", env, env, \
		   NULL), \
	SUBMIT_FLAG(0, "no-env", "give it no other variable of yours", \
		    no_env), \
	SUBMIT_OPT(0, "max-attempts", "N", "start it at most N times when " \
		   "its worker is lost (default 5)", attempts, max_attempts, \
		   NULL), \
	SUBMIT_FLAG(0, "no-requeue", "never start it again", no_requeue), \
	SUBMIT_FLAG('w', "wait", "wait for it and exit as it does", wait), \
	SUBMIT_OPT(0, "comment", "TEXT", "stored and shown", text, comment, \
		   NULL), \
	SUBMIT_OPT(0, "label", "K=V", "stored, shown, to select by", label, \
		   labels, NULL)

#endif

/*
 * opt.h - tables of options and commands: parsing, help and completion
 *
 * A command's table is the only source of its options.  Values land in one
 * struct local to the command:
 *
 *	struct values { const char *name; bool wait; struct strlist env; };
 *	static const struct opt opts[] = {
 *		{ 'n', "name", "NAME", "name of the job",
 *		  OPT_STRING, offsetof(struct values, name), NULL, NULL },
 *		{ 'w', "wait", NULL, "wait for the job",
 *		  OPT_FLAG, offsetof(struct values, wait), NULL, NULL },
 *		OPT_END
 *	};
 *
 * GNU long options, shortened while unique; --name=VALUE and --name VALUE;
 * -nVALUE and -n VALUE; flags bundle (-Hw); `--` ends the options.
 */
#ifndef NFSQ_OPT_H
#define NFSQ_OPT_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

enum opt_kind {
	OPT_FLAG,	/* bool: set to true */
	OPT_STRING,	/* const char *: points into argv */
	OPT_LIST,	/* struct strlist: one more entry each time */
	OPT_PARSE,	/* parse(value, field, err) */
};

/* Reads value (NULL when the option takes none) into *field.  0, or -1 with a
 * text that need not name the option ("'x' is no number from -100 to 100"):
 * opt_parse puts it before. */
typedef int opt_parse_fn(const char *value, void *field, struct error *err);

struct opt {
	char letter;		/* 0: none */
	const char *name;	/* without the dashes */
	const char *arg;	/* NULL: takes none; "NAME", "TIME" ... */
	const char *help;	/* one line, lower case, no full stop */
	enum opt_kind kind;
	size_t offset;		/* of the field in the values struct */
	opt_parse_fn *parse;	/* OPT_PARSE only */
	const char *complete;	/* "dir" "file" "job" "worker" "state"
				   "user" "signal" "command" (any program),
				   "subcommand" (ours) or NULL */
};
#define OPT_END { 0, NULL, NULL, NULL, OPT_FLAG, 0, NULL, NULL }

/* Options every program has: -S -h --help --version -q -v. */
struct globals {
	const char *spool;	/* -S, or NULL */
	bool help;
	bool version;
	bool quiet;
	bool verbose;
};
extern const struct opt opt_globals[];

enum {
	CMD_STOP = 1,	/* options end at the first word that is no option */
};

struct command {
	const char *name;
	const char *summary;	/* "queue a job" */
	const char *usage;	/* "[options] [--] COMMAND [ARG...]"; several
				   forms are separated by '\n' */
	const char *text;	/* more help, wrapped at 76; or NULL */
	const struct opt *opts;	/* ends with OPT_END; never NULL */
	const char *complete;	/* what its words are: as in struct opt */
	int flags;
	/* argv[0..argc-1]: the words that are no options.  Returns the exit
	 * status. */
	int (*run)(const struct globals *g, int argc, char **argv,
		   const struct command *cmd);
};

/*
 * Parses argv[0..argc-1] (argv[0] is the first option or word) by the tables
 * `opts` (into values) and opt_globals (into g).  Words are moved, in order,
 * to the front of argv; returns their number, or -1 with err naming the
 * option: "unknown option '--foo' (see nfsq submit --help)" gets its hint by
 * the caller.  With CMD_STOP in flags parsing ends at the first word; then
 * *dashes (may be NULL) tells whether a `--` stood before it.
 */
int opt_parse(int argc, char **argv, const struct opt *opts, void *values,
	      struct globals *g, int flags, bool *dashes, struct error *err);

/* The index of `name` among commands (ended by NULL) or -1. Exact only. */
int opt_command(const struct command *const *cmds, const char *name);

/*
 * Help, wrapped at 79 columns:
 *	usage: nfsq submit [options] ...
 *	<summary>
 *	options: ...
 * `prog` is "nfsq" or "nfsq-worker"; cmd->name is left out of the usage
 * when it equals prog.
 */
void opt_help(struct str *out, const char *prog, const struct command *cmd);
/* The list of commands with their summaries, for `nfsq --help`. */
void opt_help_all(struct str *out, const char *prog,
		  const struct command *const *cmds);
/* Completion scripts for bash and zsh, from the tables. `worker` is the
 * command nfsq-worker. */
void opt_complete_bash(struct str *out, const struct command *const *cmds,
		       const struct command *worker);
void opt_complete_zsh(struct str *out, const struct command *const *cmds,
		      const struct command *worker);

#endif

/*
 * nfsq.c - main: the options before the command, and its call
 */
#include "nfsq.h"
#include "cmd.h"

/*
 * A file opened later must never become descriptor 0, 1 or 2: messages would
 * be written into it.  What is closed is opened such that using it fails.
 */
static void
open_standard(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", flags[fd]) != fd)
			_exit(EXIT_FAILED);
}

static void
show_commands(struct str *out)
{
	opt_help_all(out, "nfsq", commands);
}

static int
help_all(void)
{
	struct str help = STR_INIT;

	show_commands(&help);
	cmd_out(&help);
	str_release(&help);
	cmd_close_stdout();
	return EXIT_DONE;
}

/* Without a command there is nothing to do: usage, but as an error. */
static int
help_missing(void)
{
	struct str help = STR_INIT;

	show_commands(&help);
	(void)cmd_write(STDERR_FILENO, help.s, help.len);
	str_release(&help);
	return EXIT_USAGE;
}

static const struct command *
find_command(const char *name)
{
	int i = opt_command(commands, name);

	if (i >= 0)
		return commands[i];
	msg_error("unknown command '%s' (see nfsq --help)", name);
	return NULL;
}

/* nfsq help [CMD] */
static int
help(int argc, char **argv)
{
	struct globals g = { .spool = NULL };
	struct error err = ERROR_INIT;
	static const struct opt none[] = { OPT_END };
	const struct command *cmd;
	int n = opt_parse(argc, argv, none, NULL, &g, 0, NULL, &err);

	if (n < 0 || n > 1) {
		msg_error("%s (see nfsq --help)",
			  n < 0 ? error_text(&err) : "help takes one command");
		error_release(&err);
		return EXIT_USAGE;
	}
	if (g.version)
		cmd_version();
	if (n == 0 || strcmp(argv[0], "help") == 0)
		return help_all();
	cmd = find_command(argv[0]);
	if (!cmd)
		return EXIT_USAGE;
	cmd_help(cmd);
}

static int
run(int argc, char **argv)
{
	static const struct opt none[] = { OPT_END };
	struct globals g = { .spool = NULL };
	struct error err = ERROR_INIT;
	const struct command *cmd;
	int n = opt_parse(argc, argv, none, NULL, &g, CMD_STOP, NULL, &err);

	if (n < 0) {
		msg_error("%s (see nfsq --help)", error_text(&err));
		error_release(&err);
		return EXIT_USAGE;
	}
	if (g.version)
		cmd_version();
	cmd_levels(&g);
	if (n > 0 && strcmp(argv[0], "help") == 0)
		return help(n - 1, argv + 1);
	if (n == 0)
		return g.help ? help_all() : help_missing();
	cmd = find_command(argv[0]);
	if (!cmd)
		return EXIT_USAGE;
	if (g.help)
		cmd_help(cmd);
	return cmd->run(&g, n - 1, argv + 1, cmd);
}

int
main(int argc, char **argv)
{
	int status;

	msg_program("nfsq");
	open_standard();
	cmd_umask = umask(0);
	/* A reader that went away is seen where output is written; messages
	 * without one must not stop what was asked for. */
	signal(SIGPIPE, SIG_IGN);
	status = run(argc - 1, argv + 1);
	cmd_close_stdout();
	return status;
}

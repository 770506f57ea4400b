/*
 * mkcompletion.c - prints the completion script of a shell, from the tables
 *
 * Runs when nfsq is built; never installed.
 */
#include "nfsq.h"
#include "cmd.h"
#include "worker-opts.h"

int
main(int argc, char **argv)
{
	struct str out = STR_INIT;

	msg_program("mkcompletion");
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		opt_complete_bash(&out, commands, &cmd_worker_options);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		opt_complete_zsh(&out, commands, &cmd_worker_options);
	else
		die(EXIT_USAGE, "usage: mkcompletion bash|zsh");
	cmd_out(&out);
	cmd_close_stdout();
	str_release(&out);
	return EXIT_DONE;
}

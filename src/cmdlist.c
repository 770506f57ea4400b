/*
 * cmdlist.c - the commands of nfsq, in the order in which help lists them
 */
#include "nfsq.h"
#include "cmd.h"

const struct command *const commands[] = {
	&cmd_init,
	&cmd_submit,
	&cmd_run,
	&cmd_ls,
	&cmd_status,
	&cmd_show,
	&cmd_log,
	&cmd_wait,
	&cmd_cancel,
	&cmd_hold,
	&cmd_release,
	&cmd_requeue,
	&cmd_signal,
	&cmd_workers,
	&cmd_drain,
	&cmd_undrain,
	&cmd_stop,
	&cmd_purge,
	&cmd_fsck,
	&cmd_doctor,
	NULL
};

/*
 * fault-ops.h - a table of calls that fails, lies or dies at the Nth call
 *
 *	fault_heal(log);		// calls work; names are remembered
 *	fault_lay(log, nth, variant);	// one fault at the Nth call
 *
 * The variants of a call are numbered from 0: each errno it can give on NFS
 * without being done; done but reported as failed; short writes; the process
 * dies before or after it; and faults that stay from then on.  Besides, the
 * client remembers names (fault-client.h).  Nothing is really synced: no test
 * here cuts the power.
 */
#ifndef NFSQ_FAULT_OPS_H
#define NFSQ_FAULT_OPS_H

#include "nfsq.h"
#include "fault-client.h"
#include "fs.h"

enum { FAULT_EXIT = 77 };	/* exit status of a process that died */

struct fault_log {		/* lies in memory that processes share */
	unsigned calls;
	bool fired;		/* the fault happened */
	bool none;		/* the Nth call has no such variant */
	bool stays;		/* it was of the kind that stays */
	bool data;		/* a write, fsync or close was failed */
	bool file;		/* of a file, not a directory */
	bool touch;		/* a touch was failed */
	char what[300];		/* the fault, for people */
	struct client client;	/* whose names these are */
};

void fault_heal(struct fault_log *log);
void fault_lay(struct fault_log *log, unsigned nth, unsigned variant);

#endif

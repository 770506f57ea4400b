/*
 * cgroup.h - what the kernel's control groups allow, and one of our own
 *
 * Everything here is best effort: where there is no cgroup v2, none that was
 * given to this user, or something fails, the caller goes without.  Files of
 * /proc and /sys only, so no call can hang on a server.
 */
#ifndef NFSQ_CGROUP_H
#define NFSQ_CGROUP_H

#include "nfsq.h"

/* Makes an empty group below the one this process is in and returns its
 * directory, the caller's to free; NULL when that is not possible.  Groups
 * that dead processes left there are removed. */
char *cgroup_make(int slot);
/* Kills every process in it.  path may be NULL. */
void cgroup_kill(const char *path);
/* Removes it, which works when it is empty.  path may be NULL. */
void cgroup_remove(const char *path);
/* Whole CPUs that the quotas of this process's groups allow, at least 1;
 * INT_MAX when there is no quota. */
int cgroup_cpus(void);

#endif

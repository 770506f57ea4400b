/*
 * runfile.h - private local copies of scripts while they run
 *
 * They live in $XDG_RUNTIME_DIR/nfsq, else /tmp/nfsq-UID, a directory of mode
 * 0700 of this user, and are named by the process that made them (pid name
 * space, pid, birth), so that any later process can tell the forgotten ones.
 */
#ifndef NFSQ_RUNFILE_H
#define NFSQ_RUNFILE_H

#include "nfsq.h"

/* The directory, made if need be: its descriptor, and its path in *path (the
 * caller's to free).  -1 (errno). */
int runfile_dir(char **path);

/* Writes len bytes to this process's file, mode 0700.  Returns its path, the
 * caller's to free, or NULL (errno).  *noexec: nothing can be executed on that
 * file system.  One file a process: an older one is replaced. */
char *runfile_write(const char *text, size_t len, bool *noexec);
/* Removes it.  path may be NULL. */
void runfile_remove(const char *path);
/* Removes the files of processes that are no more. */
void runfile_sweep(void);

#endif

/*
 * fault-client.h - a client of NFS that remembers names, and lies when one is
 * used again
 *
 * Each name that was made, renamed to, listed or looked at is remembered with
 * its file, until a listing of its directory shows that it is gone: to this
 * client all that happened meanwhile is another host's doing.  Then, as
 * measured (NFS-FACTS 2.4, 2.5),
 *
 *	- a rename of a file to a name that is remembered as that same file
 *	  says that it was done, and is not;
 *	- a rename of a name that is remembered as another file, which still
 *	  exists, is done, but the target opens the other file.
 *
 * Either needs a name that is used twice.  So a lie is a failure of the test,
 * whatever the judge finds; so is, even where no client would lie, a target
 * of two renames.
 */
#ifndef NFSQ_FAULT_CLIENT_H
#define NFSQ_FAULT_CLIENT_H

#include "nfsq.h"

#include <dirent.h>

#define CLIENT_NAMES 1500
#define CLIENT_TARGETS 250

struct client {			/* lies in memory that processes share */
	char root[300];		/* nothing outside is looked at */
	unsigned nnames;
	struct client_name {
		uint64_t path, dir;	/* hashes */
		uint64_t ino;
		bool stale;	/* not in the listing under way */
	} names[CLIENT_NAMES];
	unsigned ntargets;
	char targets[CLIENT_TARGETS][280];
	char lie[500];		/* the first one told, or what is wrong */
};

/* The client of this process from now on. */
void client_use(struct client *c);
void client_saw(const char *path, uint64_t ino);
/* What is there now. */
void client_looks(const char *path);
void client_opendir(const char *path, DIR *d);
/* e NULL: the listing came to its end. */
void client_readdir(DIR *d, const struct dirent *e);
void client_closedir(DIR *d);
/* The inode that ends with this name; 0 none.  Its number may come again for
 * another file, so it is told when it has ended. */
uint64_t client_last(const char *path);
void client_ended(uint64_t ino);
/* Does it, or lies. */
int client_rename(const char *from, const char *to);
void client_made_dir(const char *path);
/* A descriptor of the file that path opens by mistake, or -1. */
int client_mistaken(const char *path);

#endif

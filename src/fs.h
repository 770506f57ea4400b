/*
 * fs.h - the only module that makes system calls on the spool
 *
 * All of them go through a table, so that tests can make each call fail, lie
 * or die.  errno is meaningful on return.  Calls may block without end while
 * the server is away (hard mount): who owns child processes or the lease's
 * deadline never calls in here.
 *
 * Names are looked at with fs_list only: opendir makes a directory fresh on
 * NFS, stat, access and open of a remembered name do not (NFS-FACTS 1.1).
 */
#ifndef NFSQ_FS_H
#define NFSQ_FS_H

#include "nfsq.h"
#include "msg.h"
#include "str.h"

#include <dirent.h>

struct fs_ops {
	int (*open)(const char *path, int flags, mode_t mode);
	ssize_t (*read)(int fd, void *buf, size_t n);
	ssize_t (*write)(int fd, const void *buf, size_t n);
	int (*fsync)(int fd);
	int (*close)(int fd);
	int (*fstat)(int fd, struct stat *st);
	int (*lstat)(const char *path, struct stat *st); /* always fresh */
	int (*peek)(const char *path, struct stat *st);	 /* as cached */
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rmdir)(const char *path);
	int (*symlink)(const char *text, const char *path);
	ssize_t (*readlink)(const char *path, char *buf, size_t n);
	int (*touch)(const char *path);	/* utimensat(UTIME_NOW), no follow */
	int (*chmod)(const char *path, mode_t mode);
	DIR *(*opendir)(const char *path);
	struct dirent *(*readdir)(DIR *d);
	int (*closedir)(DIR *d);
};
extern struct fs_ops fs_ops;		/* the real ones, until a test lays
					   others over them */
extern const struct fs_ops fs_real;

/* From now on the real calls refuse, with ELOOP, each path that leads through
 * a link below dir; links above it are the user's. */
void fs_guard(const char *dir);

/* Since when (CLOCK_MONOTONIC, ms) a call is under way; 0: none. */
extern _Atomic int64_t fs_busy_since;

/* The calls, each timed for fs_busy_since. */
int fs_open(const char *path, int flags, mode_t mode);
ssize_t fs_read(int fd, void *buf, size_t n);
ssize_t fs_write(int fd, const void *buf, size_t n);
int fs_fsync(int fd);
int fs_close(int fd);
int fs_fstat(int fd, struct stat *st);
int fs_lstat(const char *path, struct stat *st);
int fs_rename(const char *from, const char *to);
int fs_unlink(const char *path);
int fs_mkdir(const char *path, mode_t mode);
int fs_rmdir(const char *path);
int fs_symlink(const char *text, const char *path);
ssize_t fs_readlink(const char *path, char *buf, size_t n);
int fs_touch(const char *path);
int fs_chmod(const char *path, mode_t mode);

/* The names in dir but those that begin with a dot, in no order, appended to
 * out.  mtime_ms (may be NULL): the directory's mtime when it was opened.
 * 0 or -1. */
int fs_list(const char *dir, struct strlist *out, int64_t *mtime_ms);
/* All names but . and .. */
int fs_list_all(const char *dir, struct strlist *out);
/* The directory's mtime, fresh (one GETATTR).  0 or -1. */
int fs_dir_mtime(const char *dir, int64_t *mtime_ms);

/* Writes all n bytes to fd.  0 or -1; a short write without an errno is
 * ENOSPC. */
int fs_write_all(int fd, const void *buf, size_t n);
/* Makes a new file whole: create, write, fsync, close, each checked.  On
 * failure nothing is left (as far as unlink could do it).  mtime_ms (may be
 * NULL): the server's clock at the write.  0 or -1. */
int fs_put(const char *path, const void *buf, size_t n, mode_t mode,
	   int64_t *mtime_ms);
/* Appends the text of a regular file of at most max bytes to out, links not
 * followed, FIFOs not waited for.  0, or -1: ELOOP for a link, EFBIG, EINVAL
 * for what is no regular file. */
int fs_get(const char *path, size_t max, struct str *out);
/* Touches path and reads its new mtime, the server's clock, from the reply
 * (one SETATTR).  0 or -1. */
int fs_touch_time(const char *path, int64_t *mtime_ms);
/* Makes the names in dir durable.  No call on NFS, where each reply means
 * that it is. 0 or -1. */
int fs_sync_dir(const char *dir, bool nfs);
/* A link's text, at most max bytes, appended to out. 0 or -1. */
int fs_get_link(const char *path, struct str *out);
/* A hard link, which nothing but doctor tries.  0 or -1. */
int fs_link(const char *from, const char *to);
/* Is path on NFS?  false when it cannot be told. */
bool fs_is_nfs(const char *path);

/* What is free in path's file system for this user, and of how much. */
struct fs_space {
	uint64_t bytes, all_bytes;
	uint64_t inodes, all_inodes;	/* 0 of 0: not counted */
};
/* 0 or -1. */
int fs_space(const char *path, struct fs_space *s);

/* Does a failure leave open whether the call was done? */
bool fs_unsure(int error);

#endif

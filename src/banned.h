/*
 * banned.h - functions that nobody here calls
 *
 * Each is unsafe (unbounded copies), hides errors, depends on the locale or
 * on static storage.  Included last by nfsq.h, so that system headers are
 * already read.
 */
#ifndef NFSQ_BANNED_H
#define NFSQ_BANNED_H

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison gmtime localtime ctime asctime mktemp tempnam tmpnam
#pragma GCC poison atoi atol atoll system popen

#endif

/*
 * nfslab-xstate: lets User Mode Linux run on processors with a large register
 * state.  Preloaded (LD_PRELOAD) into linux.uml.
 *
 * UML sets a guest process's registers with PTRACE_SETREGSET(NT_X86_XSTATE)
 * from a buffer of fixed size, made for AVX-512 (2,696 bytes).  The host's
 * kernel accepts the whole state only, and with AMX that is 11,008 bytes: the
 * first process of a guest would die with EFAULT.  So a short set is made whole
 * here: the present state of the process, UML's part laid over it.  What lies
 * beyond UML's buffer (the AMX tiles, which no guest process may use without
 * asking) is put to its initial state.  Where the sizes agree, all calls pass
 * through unchanged.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

enum { XSTATE_BV = 512, XSTATE_MAX = 65536 };

/* Where each component of the standard format ends. */
static const struct { int bit; size_t end; } component[] = {
	{ 2, 832 },             /* AVX                                      */
	{ 3, 1024 },            /* MPX bounds                               */
	{ 4, 1088 },            /* MPX configuration                        */
	{ 5, 1152 },            /* AVX-512 masks                            */
	{ 6, 1664 },            /* upper halves of ZMM0 to 15               */
	{ 7, 2688 },            /* ZMM16 to 31                              */
	{ 9, 2696 },            /* protection keys                          */
};

/* UML calls from one thread, on small stacks. */
static _Alignas(64) unsigned char whole[XSTATE_MAX];

static uint64_t within(size_t size)
{
	uint64_t bits = 3;      /* x87 and SSE: always there                */

	for (size_t i = 0; i < sizeof component / sizeof component[0]; i++)
		if (component[i].end <= size)
			bits |= (uint64_t)1 << component[i].bit;
	return bits;
}

static long set_xstate(pid_t pid, void *type, const struct iovec *part)
{
	struct iovec all = { whole, sizeof whole };
	uint64_t bits;

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, type, &all) < 0)
		return -1;
	if (part->iov_len >= all.iov_len || part->iov_len < XSTATE_BV + 64)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, part);
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&bits, whole + XSTATE_BV, sizeof bits);
	bits &= within(part->iov_len);
	memcpy(whole + XSTATE_BV, &bits, sizeof bits);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, type, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;
	pid_t pid;
	void *addr, *data;
	long peeked, r;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);
	if (request == PTRACE_SETREGSET && (uintptr_t)addr == NT_X86_XSTATE)
		return set_xstate(pid, addr, data);
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA &&
	    request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, pid, addr, data);
	r = syscall(SYS_ptrace, request, pid, addr, &peeked);
	return r < 0 ? r : peeked;
}

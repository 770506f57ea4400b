/*
 * mark.c - the job of the lab's tests: leaves marks outside the spool
 *
 * usage: mark DIR SECONDS [SECONDS-OF-LATER-ATTEMPTS]
 *
 * For each process a base name ID.ATTEMPT.WORKER.PID in DIR, a folder of the
 * machine that carries the lab, so that a power loss of the guest loses none:
 *
 *	BASE.S	made at the start	BASE.E	made at the end
 *	BASE.T	written to every 50 ms while it lives
 *	BASE.U	made on SIGUSR1
 *
 * It prints a line each second.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char base[4000];

/* The descriptor of the mark. */
static int
mark(const char *kind)
{
	char path[4100];
	int fd;

	snprintf(path, sizeof(path), "%s.%s", base, kind);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		perror(path);
		_exit(99);
	}
	return fd;
}

static volatile sig_atomic_t told;

static void
on_usr1(int sig)
{
	(void)sig;
	told = 1;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : "unset";
}

int
main(int argc, char **argv)
{
	struct timespec pause = { 0, 50000000 };
	double seconds, begin = now(), said = begin;
	int tick = -1;

	if (argc < 3)
		return 98;
	snprintf(base, sizeof(base), "%s/%s.%s.%s.%d", argv[1],
		 env("NFSQ_JOB_ID"), env("NFSQ_ATTEMPT"), env("NFSQ_WORKER"),
		 (int)getpid());
	seconds = atof(argv[argc > 3 && atoi(env("NFSQ_ATTEMPT")) > 1 ? 3 : 2]);
	signal(SIGUSR1, on_usr1);
	umask(0);
	mark("S");
	if (seconds > 0)
		tick = mark("T");
	while (now() - begin < seconds) {
		nanosleep(&pause, NULL);
		if (pwrite(tick, "t", 1, 0) != 1)
			return 97;
		if (told == 1) {
			told = 2;
			mark("U");
		}
		if (now() - said >= 1) {
			said += 1;
			printf("%d\n", (int)(said - begin + 0.5));
			fflush(stdout);
		}
	}
	mark("E");
	return 0;
}

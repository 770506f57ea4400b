#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-lock.sh - no lock protects data: workers whose locks fail, or are removed,
# run each job exactly once all the same (P9)
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

JOBS=60

# submit_all N: each leaves a mark a start; every third one fails
submit_all() {
	mkdir -p "$W/marks"
	cat >mark <<'S'
#!/bin/sh
ln -s "$NFSQ_WORKER" "$1/$NFSQ_JOB_ID.$$" || exit 9
echo "job $NFSQ_JOB_ID"
sleep 0.0$((NFSQ_JOB_ID % 7))
exit $((NFSQ_JOB_ID % 3 == 0))
S
	chmod 755 mark
	_i=0
	while [ "$_i" -lt "$1" ]; do
		_i=$((_i + 1))
		nfsq submit -- ./mark "$W/marks" >/dev/null
	done
}

count() {			# STATE: how many jobs
	nfsq ls --no-header -o id --state "$1" | wc -l
}

all_ended() {			# a condition
	[ $(($(count 'done') + $(count failed))) -eq "$JOBS" ]
}

# Each started once, and has one result, its own.
exactly_once() {
	until_ok 30 "all jobs end" all_ended
	same "starts" "$(find "$W/marks" -type l | wc -l)" "$JOBS"
	same "jobs that were started twice" \
		"$(find "$W/marks" -type l -printf '%f\n' |
			sed 's/\..*//' | sort | uniq -d | tr '\n' ' ')" ''
	same "failed" "$(count failed)" $((JOBS / 3))
	same "results" "$(find "$NFSQ_SPOOL/done" "$NFSQ_SPOOL/failed" \
		-name '*.*.*' | wc -l)" "$JOBS"
	same "attempts" "$(nfsq ls --no-header -o attempt \
		--state done,failed | sort | uniq -c | tr -s ' ')" " $JOBS 1"
	log_is 7 "job 7"
	fsck_clean
}

workers_alive() {		# N: a condition
	[ "$(nfsq workers --no-header 2>/dev/null | grep -c ' alive ')" = "$1" ]
}

# Every lock is granted at once, to whoever asks.
no_locks() {
	command -v "${CC:-cc}" >/dev/null || return 1
	cat >"$W/lock.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
int flock(int fd, int how)
{
	(void)fd;
	(void)how;
	return 0;
}
int lockf(int fd, int how, off_t n)
{
	(void)fd;
	(void)how;
	(void)n;
	return 0;
}
static int any(int fd, int cmd, long arg)
{
	if (cmd == F_SETLK || cmd == F_SETLKW || cmd == F_OFD_SETLK ||
	    cmd == F_OFD_SETLKW)
		return 0;
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
}
int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;
	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return any(fd, cmd, arg);
}
int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;
	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return any(fd, cmd, arg);
}
C
	ok "${CC:-cc}" -shared -fPIC -o "$W/lock.so" "$W/lock.c"
	# not under a sanitizer, which wants to be first
	[ -z "$(env LD_PRELOAD=lock.so LD_LIBRARY_PATH="$W" \
		nfsq --version 2>&1 >/dev/null)" ]
}

# Three workers of one name at once, none of which the lock stops.
test_every() {
	if ! no_locks; then
		echo "     every: no compiler, or a sanitizer"
		return 0
	fi
	for _w in 1 2 3; do
		env LD_PRELOAD=lock.so LD_LIBRARY_PATH="$W" nfsq-worker -q \
			--name same --cpus 2 --poll 50ms </dev/null >"$W/w$_w.wout" \
			2>>"$W/w$_w.werr" 3>&- &
		echo "$!" >"$W/w$_w.pid"
	done
	until_ok 10 "all three are alive" workers_alive 3
	submit_all "$JOBS"
	exactly_once
	for _w in 1 2 3; do
		worker_stop "w$_w"
	done
}

# Its file is removed again and again: a second and a third worker start.
test_removed() {
	for _w in 1 2 3; do
		rm -f "$W"/run/nfsq/worker-*.lock
		nfsq-worker -q --name same --cpus 2 --poll 50ms </dev/null \
			>"$W/w$_w.wout" 2>>"$W/w$_w.werr" 3>&- &
		echo "$!" >"$W/w$_w.pid"
		until_ok 10 "worker $_w is alive" workers_alive "$_w"
	done
	submit_all "$JOBS"
	until all_ended; do
		rm -f "$W"/run/nfsq/worker-*.lock
		sleep 0.05
	done
	exactly_once
	for _w in 1 2 3; do
		worker_stop "w$_w"
	done
}

# A worker that looks for locks elsewhere (started by cron, without
# $XDG_RUNTIME_DIR) does not take the jobs of a live one for left over.
test_late() {
	submit -- sh -c "until [ -e '$W/go' ]; do sleep 0.05; done"
	worker a
	running 1
	mkdir -m 700 "$W/run2"
	for _w in a b; do
		ok env XDG_RUNTIME_DIR="$W/run2" nfsq-worker --once --name "$_w" \
			--poll 50ms
	done
	: >"$W/go"
	wait_for 0 1
	check_field attempt 1 1
	worker_stop a
	fsck_clean
}

checks every removed late

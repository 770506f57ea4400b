#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-promises.sh - promises that no other test would miss: each case fails when
# a line of code is gone (tests/teeth.table says which)
# shellcheck source=lib.sh

# Where we may mount, in a name space of our own, for the case `outage`.
if [ -z "${NFSQ_MOUNTS:-}" ]; then
	NFSQ_MOUNTS=no
	export NFSQ_MOUNTS
	for _how in "-m" "-rm"; do
		mkdir -p "$NFSQ_BUILD/tests"
		# shellcheck disable=SC2016 # by that sh
		if unshare "$_how" sh -c 'd=$(mktemp -d "$1/tmp.XXXXXX") || exit 1
			mount -t tmpfs none "$d"; r=$?
			[ $r = 0 ] && umount "$d"; rmdir "$d"; exit $r' \
			sh "$NFSQ_BUILD/tests" 2>/dev/null; then
			NFSQ_MOUNTS=yes
			exec unshare "$_how" sh "$0"
		fi
	done
fi

. "$NFSQ_SRC/tests/lib.sh"

command -v pgrep >/dev/null || skip "no pgrep"

# lease TIME: the check goes on with a spool of that lease
lease() {
	NFSQ_SPOOL=$W/leased
	run 0 nfsq init --lease "$1" "$NFSQ_SPOOL"
}

# --- parts of a worker

# part N PID: the Nth of pulse, writer, warden, clerk of the worker, in the
# order in which it starts them
part() {
	pgrep -P "$2" -x nfsq-worker | sort -n | sed -n "${1}p"
}

# tree PID: it and all below it
tree() {
	echo "$1"
	for _c in $(pgrep -P "$1"); do
		tree "$_c"
	done
}

freeze() {			# PID
	# shellcheck disable=SC2046 # words are wanted
	kill -STOP $(tree "$1") 2>/dev/null || :	# one may have ended
}

thaw() {			# PID
	# shellcheck disable=SC2046 # words are wanted
	kill -CONT $(tree "$1") 2>/dev/null || :	# one may have ended
}

seat_of() {			# NAME: prints its directory
	for _s in "$NFSQ_SPOOL"/workers/*; do
		case $(readlink "$_s/info") in
		*"name=$1 "*) echo "$_s" ;;
		esac
	done
}

joined() {			# NAME: a condition
	[ -n "$(seat_of "$1")" ]
}

lost_lease() {			# NAME: a condition
	grep -q 'lost its lease' "$W/$1.werr"
}

# Ends it; whatever it said of its troubles was foreseen.
stop_troubled() {		# NAME
	worker_stop "$1"
	foreseen "$1" '^nfsq-worker: '
}

# began SECONDS: job 1 runs, as that sleep; run again it ends at once
began() {
	running 1
	until_ok 10 "the job's process" not no_cmd "sleep $1"
	: >"$W/go"
}

# --- tokens

tokens() {			# ID: where it is, a line each
	find "$NFSQ_SPOOL" -name "$1.*" -not -path '*/jobs/*' \
		-not -path '*/out/*' -not -path '*/seq/*'
}

# take ID DIR [WORDS]: moves the token there as another process would, its
# counter one up
take() {
	_from=$(tokens "$1")
	[ -d "$2" ] || mkdir -m 700 "$2"
	mv "$_from" "$2/$(echo "${_from##*/}" | sed \
		's/^\([0-9]*\.[0-9a-f]*\)\.\([0-9]*\)/\1 \2 /' |
		{ read -r _head _move _rest
		echo "$_head.$((_move + 1))$_rest"; })${3:-}"
}

word() {			# KEY ID: of the token's name
	tokens "$2" | sed -n "s/.*,$1=\([^,]*\).*/\1/p"
}

# near MS: within ten minutes of the real time
near() {
	_d=$(($1 - $(now_ms)))
	[ "${_d#-}" -lt 600000 ]
}

# --- P2

# A job that was taken from a worker ends there.
test_taken_ends() {
	worker a
	submit -- sh -c "[ -e '$W/go' ] && exit 0; exec sleep 4718.1"
	began 4718.1
	take 1 "$NFSQ_SPOOL/held/0"
	until_ok 10 "the worker ends what was taken" no_cmd 'sleep 4718.1'
	check_field state 1 held
	ok nfsq release 1
	wait_for 0 1
	check_field attempt 1 2
	worker_stop a
	fsck_clean
}

# Its result is dropped, and what it printed is not taken for another's.
test_taken_result() {
	lease 60s
	worker a
	submit -- sh -c "if [ -e '$W/go' ]; then echo second; exit 0; fi
		echo first; : >'$W/began'; until [ -e '$W/go' ]; do sleep 0.05; done
		exit 3"
	until_ok 10 "the job begins" test -e "$W/began"
	take 1 "$NFSQ_SPOOL/held/0"
	: >"$W/go"
	until_ok 10 "no job is left" sh -c '! pgrep -f "$1" >/dev/null' \
		sh "$W/beg[a]n"
	submit -- true		# it does the one after the other
	wait_for 0 2
	same "tokens" "$(tokens 1 | sed 's,.*/\(held/0/1\)\..*,\1,')" held/0/1
	ok nfsq release 1
	wait_for 0 1
	log_is 1 second
	check_field attempt 1 2
	worker_stop a
}

# A worker that was reaped knows, though its own clock says it is alive.
test_reaped() {
	lease 60s
	submit -- sh -c "[ -e '$W/go' ] && exit 0; exec sleep 4718.2"
	worker a
	began 4718.2
	rm "$(seat_of a)/lease"
	worker b
	until_ok 20 "it knows that it was reaped" lost_lease a
	until_ok 10 "its job ends" no_cmd 'sleep 4718.2'
	wait_for 0 1
	check_field attempt 1 2
	stop_troubled a
	worker_stop b
}

# --- P3

# A job that moves all the time is there.
test_moving() {
	submit --hold -- true
	_base=$(tokens 1)
	_base=${_base##*/}
	_base=${_base%.0,*}
	cat >"$W/move" <<'S'
import os, sys
spool, base, stop = sys.argv[1:]
places = [spool + "/held/0", spool + "/done/0", spool + "/failed/0"]
for p in places:
    os.makedirs(p, exist_ok=True)
old = [p + "/" + n for p in places for n in os.listdir(p)][0]
words = old.split(",", 1)[1]
move = 1
while not os.path.exists(stop):
    new = f"{places[move % 3]}/{base}.{move},{words}"
    os.rename(old, new)
    old, move = new, move + 1
os.rename(old, f"{places[0]}/{base}.{move},{words}")
S
	python3 "$W/move" "$NFSQ_SPOOL" "$_base" "$W/stop" &
	_mover=$!
	_i=0
	while [ "$_i" -lt 300 ]; do
		_i=$((_i + 1))
		nfsq show 1 >/dev/null 2>"$W/err" || {
			: >"$W/stop"
			fail "a job that moves is said to be gone"
		}
	done
	: >"$W/stop"
	wait "$_mover"
	check_field state 1 held
}

# --- P4

# A heartbeat after the deadline comes too late, though it works.
test_late_beat() {
	submit -- sh -c "[ -e '$W/go' ] && exit 0; exec sleep 4718.3"
	worker a
	began 4718.3
	_pulse=$(part 1 "$worker_pid")
	freeze "$worker_pid"
	sleep 3.5
	kill -CONT "$_pulse"
	sleep 1
	thaw "$worker_pid"
	until_ok 10 "it knows that it lost its lease" lost_lease a
	wait_for 0 1
	check_field attempt 1 2
	stop_troubled a
	fsck_clean
}

# Nor does it go on when there is no heartbeat.
test_no_beat() {
	submit -- sh -c "[ -e '$W/go' ] && exit 0; exec sleep 4718.4"
	worker a
	began 4718.4
	kill -STOP "$(part 1 "$worker_pid")"
	until_ok 10 "it knows that it lost its lease" lost_lease a
	until_ok 5 "its job ends" no_cmd 'sleep 4718.4'
	wait_for 0 1
	check_field attempt 1 2
	stop_troubled a
	fsck_clean
}

# Parts that hang and a shepherd's job die with their parent.
test_orphans() {
	submit -- sh -c "[ -e '$W/go' ] && exit 0; exec sleep 4718.5"
	worker a
	began 4718.5
	_shepherd=$(pgrep -P "$worker_pid" -x nfsq-shepherd)
	kill -STOP "$worker_pid"
	kill -KILL "$_shepherd"
	until_ok 5 "its job dies with the shepherd" no_cmd 'sleep 4718.5'
	kill -CONT "$worker_pid"
	wait_for 0 1
	_parts=$(pgrep -P "$worker_pid" -x nfsq-worker)
	same "parts" "$(echo "$_parts" | wc -l)" 4
	# shellcheck disable=SC2086 # words are wanted
	kill -STOP $_parts
	kill -KILL "$worker_pid"
	worker_ends a 137 5
	for _p in $_parts; do
		until_ok 5 "the parts die with the keeper" gone "$_p"
	done
	foreseen a '^nfsq-worker: '
}

# --- P5

# Time in which a watcher did not reach the server is not the other's silence;
# an outage below the lease ends no job, and what ended in it is committed.
test_outage() {
	if [ "$NFSQ_MOUNTS" != yes ]; then
		echo "     outage: cannot mount here"
		return 0
	fi
	mkdir "$W/small"
	mount -t tmpfs -o "size=1M,mode=700" none "$W/small"
	NFSQ_SPOOL=$W/small/spool
	run 0 nfsq init --lease 8s "$NFSQ_SPOOL"
	worker b
	until_ok 10 "b joins" joined b
	_b=$worker_pid
	worker a --cpus 2
	until_ok 10 "a joins" joined a
	sleep 1			# a has seen b
	_seat=$(seat_of b)
	freeze "$_b"
	_t0=$(now_ms)
	submit -- sleep 4718.6
	submit -- sh -c "until [ -e '$W/go' ]; do sleep 0.05; done"
	running 1
	running 2
	mount -o remount,bind,ro "$W/small"
	: >"$W/go"
	sleep 3.5
	mount -o remount,bind,rw "$W/small"
	_back=$(now_ms)
	while [ $(($(now_ms) - _t0)) -lt 10500 ]; do
		sleep 0.1
		[ -d "$_seat" ] || [ $(($(now_ms) - _back)) -ge 8000 ] ||
			fail "b is taken for dead because of an outage"
	done
	not lost_lease a || fail "all of a was ended by a short outage"
	check_field state 1 running
	check_field attempt 1 1
	until_ok 10 "what the spool refused is tried again" \
		field_is state 2 'done'
	check_field attempt 2 1
	until_ok 20 "b is reaped in the end" not test -d "$_seat"
	ok nfsq cancel --wait 1
	thaw "$_b"
	until_ok 10 "b knows" lost_lease b
	stop_troubled a
	stop_troubled b
	fsck_clean
	umount "$W/small"
}

clean_up() {
	umount "$W/small" 2>/dev/null || :
}

# Who has no heartbeat judges nobody.
test_own_beat() {
	lease 8s
	worker b
	_b=$worker_pid
	until_ok 10 "b joins" joined b
	worker a
	until_ok 10 "a joins" joined a
	sleep 1			# a has seen b
	_seat=$(seat_of b)
	freeze "$_b"
	sleep 3
	kill -STOP "$(part 1 "$worker_pid")"
	until_ok 20 "a loses its lease" lost_lease a
	[ -d "$_seat" ] || fail "b is taken for dead by one that may be itself"
	worker_stop a
	thaw "$_b"
	until_ok 10 "b knows" lost_lease b
	stop_troubled b
	foreseen a '^nfsq-worker: '
}

# --- P6

uuid=00000000-0000-4000-8000-0000000000

# What is in a seat without a lease is taken at once; that a claim was never
# started is no fault of the job.
test_unstarted() {
	submit --max-attempts 1 -- true
	take 1 "$NFSQ_SPOOL/workers/${uuid}21"
	check_field state 1 running
	worker a
	wait_for 0 1
	worker_stop a
	check_field attempt 1 1
	same "attempts lost" "$(word l 1)" ''
	fsck_clean
}

# --once looks again after its own warden has queued what a dead one had.
test_once_again() {
	for _i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		submit -- true
		take "$_i" "$NFSQ_SPOOL/workers/$uuid$((20 + _i))"
		ok nfsq-worker -q --once --poll 50ms
		check_field state "$_i" 'done'
	done
}

# --- P7, P11: outputs

traced() {
	command -v strace >/dev/null &&
		strace -f -o /dev/null true 2>/dev/null &&
		! nm "$NFSQ_BUILD/nfsq" 2>/dev/null | grep -q __asan_init &&
		return 0
	echo "     $check: no strace, or a sanitizer"
	return 1
}

# Written before it is told.  (On a local disk only the call shows it.)
test_output_written() {
	traced || return 0
	submit -- echo hello
	ok strace -f -y -o "$W/trace" -e trace=fsync,close,rename \
		nfsq-worker --once --poll 50ms
	for _call in 'fsync(.*/out/0/1\.' 'close(.*/out/0/1\.' \
		'rename(.*/done/0/1\.'; do
		grep -n "$_call" "$W/trace" | tail -n 1 | sed 's/:.*//' \
			>>"$W/lines"
	done
	same "lines of the calls" "$(wc -l <"$W/lines")" 3 # fsync close rename
	sort -n "$W/lines" | cmp -s - "$W/lines" ||
		fail "not in the order fsync, close, rename"
}

# The end of a job is not told before its output's.
test_output_first() {
	worker a
	until_ok 10 "it joins" joined a
	until_ok 10 "its parts" sh -c \
		"[ \"\$(pgrep -P $worker_pid -x nfsq-worker | wc -l)\" = 4 ]"
	_writer=$(part 2 "$worker_pid")
	kill -STOP "$_writer"
	submit -- sh -c "echo hello; : >'$W/ended'"
	until_ok 10 "it ends" test -e "$W/ended"
	run 124 nfsq wait --timeout 2s 1
	same "its state, before its output is written," "$(field state 1)" \
		running
	kill -CONT "$_writer"
	wait_for 0 1
	log_is 1 hello
	worker_stop a
}

# Who waits opens the directory of the outputs, so that names remembered as
# missing are fresh.  (On a local disk only the call shows it.)
test_settle() {
	traced || return 0
	submit -- echo hello
	once
	run 0 strace -f -o "$W/trace" -e trace=openat,open nfsq wait 1
	grep 'O_DIRECTORY' "$W/trace" | tail -n 2 | grep -q '/out/0"' ||
		fail "the directory of the outputs is not opened"
}

# broken_output CALL: that call on the output fails
broken_output() {
	traced || return 0
	submit -- echo hello
	_t=$(tokens 1)
	_nonce=${_t##*/1.}
	_nonce=${_nonce%%.*}
	run 0 strace -f -o "$W/trace" -P "$NFSQ_SPOOL/out/0/1.$_nonce.2.a1.out" \
		-e inject="$1":error=EIO nfsq-worker -q --once --poll 50ms
	grep -q "$1.*INJECTED" "$W/trace" || fail "no $1 of the output"
	check_field reason 1 output
	run 125 nfsq wait 1
}

test_output_fsync() {
	broken_output fsync
}

test_output_close() {
	broken_output close
}

# --- P8

# By its name alone: a path may have a blank.
preload() {			# LIBRARY COMMAND...
	_lib=$1
	shift
	env LD_PRELOAD="$_lib" LD_LIBRARY_PATH="$W" "$@"
}

# A host whose clock is $SHIFT s off, and whose heartbeats, with $TOUCH, are
# as if the server's clock were.
clock_lib() {
	command -v "${CC:-cc}" >/dev/null || return 1
	cat >"$W/clock.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <fcntl.h>
static long off(const char *name)
{
	const char *v = getenv(name);
	return v ? atol(v) : 0;
}
int clock_gettime(clockid_t c, struct timespec *t)
{
	int (*real)(clockid_t, struct timespec *) =
		(int (*)(clockid_t, struct timespec *))
		dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(c, t);
	if (c == CLOCK_REALTIME)
		t->tv_sec += off("SHIFT");
	return r;
}
time_t time(time_t *p)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (p)
		*p = t.tv_sec;
	return t.tv_sec;
}
int gettimeofday(struct timeval *v, void *z)
{
	struct timespec t;
	(void)z;
	clock_gettime(CLOCK_REALTIME, &t);
	v->tv_sec = t.tv_sec;
	v->tv_usec = t.tv_nsec / 1000;
	return 0;
}
int utimensat(int fd, const char *path, const struct timespec t[2], int flags)
{
	int (*real)(int, const char *, const struct timespec *, int) =
		(int (*)(int, const char *, const struct timespec *, int))
		dlsym(RTLD_NEXT, "utimensat");
	struct timespec now[2];
	if (!off("TOUCH") || !t || t[1].tv_nsec != UTIME_NOW)
		return real(fd, path, t, flags);
	clock_gettime(CLOCK_REALTIME, &now[1]);
	now[1].tv_sec += off("TOUCH");
	now[0] = now[1];
	return real(fd, path, now, flags);
}
C
	ok "${CC:-cc}" -shared -fPIC -o "$W/clock.so" "$W/clock.c" -ldl
	# not under a sanitizer, which wants to be first
	[ -z "$(preload clock.so nfsq --version 2>&1 >/dev/null)" ]
}

off() {				# SHIFT TOUCH COMMAND...
	_shift=$1
	_touch=$2
	shift 2
	preload clock.so env SHIFT="$_shift" TOUCH="$_touch" "$@"
}

lease_ms() {			# NAME: the time of its lease file
	echo "$(($(stat -c %Y "$(seat_of "$1")/lease") * 1000))"
}

# As worker(), on such a host.
worker_off() {			# NAME SHIFT TOUCH
	env SHIFT="$2" TOUCH="$3" LD_PRELOAD=clock.so LD_LIBRARY_PATH="$W" \
		nfsq-worker -q --name "$1" --poll 50ms </dev/null \
		>"$W/$1.wout" 2>>"$W/$1.werr" 3>&- &
	echo "$!" >"$W/$1.pid"
	worker_pid=$!
}

# Times are the server's, whatever a host's clock says.
test_clocks() {
	if ! clock_lib; then
		echo "     clocks: no compiler, or a sanitizer"
		return 0
	fi
	id=$(off 3600 0 nfsq submit -- true)
	near "$(word s "$id")" || fail "submitted at the submitter's own time"
	off -3600 0 nfsq-worker -q --once --poll 50ms
	wait_for 0 "$id"
	near "$(word bs "$id")" || fail "started at the host's own time"
	near "$(word be "$id")" || fail "ended at the host's own time"
	worker_off a 3600 0
	until_ok 10 "a joins" joined a
	sleep 1
	near "$(lease_ms a)" || fail "a heartbeat has the host's own time"
	# One whose heartbeats bear another time than any clock shows.
	worker_off b 0 -7200
	until_ok 10 "b joins" joined b
	sleep 1
	near "$(lease_ms b)" && fail "the server's clock is not off for b"
	_seats=$(ls "$NFSQ_SPOOL/workers")
	sleep 5
	same "seats (none is taken for dead)" "$(ls "$NFSQ_SPOOL/workers")" \
		"$_seats"
	not lost_lease a || fail "a lost its lease: taken for dead"
	not lost_lease b || fail "b lost its lease: taken for dead"
	worker_stop a
	worker_stop b
	fsck_clean
}

# --- P10

# A worker stops when the spool's format is no longer one it knows.
test_format() {
	worker a
	until_ok 10 "it joins" joined a
	cp "$NFSQ_SPOOL/nfsq.conf" "$W/conf"
	sed 's/^format = 1;/format = 2;/' "$W/conf" >"$W/new"
	cp "$W/new" "$NFSQ_SPOOL/nfsq.conf"
	worker_ends a 0 15
	grep -q 'stop claiming' "$W/a.werr" || fail "it does not say why"
	foreseen a 'stop claiming'
	failure nfsq submit -- true
	failure nfsq ls
	cp "$W/conf" "$NFSQ_SPOOL/nfsq.conf"
	fsck_clean
}

# A token of a newer nfsq stays in a dead one's seat, others do not.
test_foreign_reap() {
	submit -- true
	submit -- sleep 1
	take 1 "$NFSQ_SPOOL/workers/${uuid}21" ,zz=1
	_was=$(tokens 1)
	run 0 nfsq-worker -q --once --poll 50ms
	no_err
	wait_for 0 2
	same "the token" "$(tokens 1)" "$_was"
}

# A job with a setting of a newer nfsq is left where it is.
test_foreign_body() {
	submit -- touch "$W/ran"
	sed -i 's/^end = "nfsq";/zz = 1;\n&/' "$NFSQ_SPOOL"/jobs/0/1.*
	run 0 nfsq-worker --once --poll 50ms
	err_has 'newer nfsq'
	check_field state 1 queued
	[ ! -e "$W/ran" ] || fail "it was run"
}

# --- P12

# Nothing is read that a body includes, though it would do no harm.
test_include() {
	submit -- true
	echo 'comment = "from elsewhere";' >"$W/more"
	sed -i "s,^end = .*,  @include \"$W/more\"\\n&," \
		"$NFSQ_SPOOL"/jobs/0/1.*
	run 0 nfsq-worker --once --poll 50ms
	check_field state 1 corrupt
	err_has 'include'
}

# --- P13

# What was said to be done is on the disk.
test_durable() {
	traced || return 0
	submit -- true
	for _words in 'hold:held/0' 'release:queue/' 'cancel:cancelled/0'; do
		run 0 strace -f -y -o "$W/trace" -e trace=fsync,rename \
			nfsq "${_words%%:*}" 1
		grep -A 99 "rename(.*/${_words#*:}" "$W/trace" |
			grep -q "fsync(.*/${_words#*:}" ||
			fail "no fsync after nfsq ${_words%%:*}"
	done
}

# A cancel goes before the shutdown that came first.
test_cancel_first() {
	submit --kill-grace 4s -- sh -c "trap '' TERM; : >'$W/began'
		while :; do sleep 0.1; done"
	worker a
	until_ok 10 "it begins" test -e "$W/began"
	kill -TERM "$worker_pid"
	sleep 0.3
	ok nfsq cancel 1
	worker_ends a 0 15
	check_field state 1 cancelled
	fsck_clean
}

# A requeue that failed takes nothing away from one that was promised.
test_requeue_kept() {
	submit -- sh -c 'exit 3'
	once
	check_field state 1 failed
	ln -s request "$NFSQ_SPOOL/queue/req.requeue.1.1.0123456789"
	mv "$NFSQ_SPOOL/out/0" "$W/out.0" 2>/dev/null || :
	: >"$NFSQ_SPOOL/out/0"
	failure nfsq requeue --hold 1
	rm "$NFSQ_SPOOL/out/0"
	[ ! -d "$W/out.0" ] || mv "$W/out.0" "$NFSQ_SPOOL/out/0"
	worker a
	until_ok 10 "it has run again" field_is attempt 1 2
	wait_for 3 1
	worker_stop a
	fsck_clean
}

checks taken_ends taken_result reaped moving late_beat no_beat orphans outage \
	own_beat unstarted once_again output_written output_first settle output_fsync \
	output_close clocks format foreign_reap foreign_body include \
	durable cancel_first requeue_kept

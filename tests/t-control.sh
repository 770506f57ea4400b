#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-control.sh - cancel, hold, release, requeue, signal, begin
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

note() {			# exit 0 with one line
	run 0 "$@"
	no_out
	err_lines 1
}

test_waiting() {
	submit -- true
	ok nfsq hold 1
	check_field state 1 held
	check_field reason 1 hold
	note nfsq hold 1
	once
	check_field state 1 held
	ok nfsq release 1
	check_field state 1 queued
	note nfsq release 1
	note nfsq requeue 1
	once
	wait_for 0 1
	submit -H -- true
	check_field state 2 held
	ok nfsq cancel 2
	check_field state 2 cancelled
	note nfsq cancel 2
	failure nfsq hold 2
	note nfsq release 2
	wait_for 130 2
	note nfsq cancel 1
	err_has 'ended'
	check_field state 1 'done'
	fsck_clean
}

test_running() {
	worker w
	submit -- sh -c 'echo "up $NFSQ_ATTEMPT"; exec sleep 4714.1'
	running 1
	failure nfsq hold 1
	err_has 'requeue --hold'
	note nfsq release 1
	ok nfsq requeue --wait 1
	until_ok 10 "the second attempt" sh -c \
		'nfsq log --attempt 2 1 | grep -q "up 2"'
	ok nfsq log --attempt 1 1
	out_is 'up 1'
	ok nfsq requeue --hold --wait 1
	until_ok 10 "it is held" field_is state 1 held
	until_ok 2 "no process is left" no_cmd 'sleep 4714.1'
	ok nfsq release 1
	running 1
	_t=$(now_ms)
	ok nfsq cancel 1
	_t=$(($(now_ms) - _t))
	[ "$_t" -lt 2000 ] || fail "cancel took $_t ms"
	wait_for 130 1
	until_ok 2 "no process is left" no_cmd 'sleep 4714.1'
	worker_stop w
	fsck_clean
}

test_requeue_counts_not() {
	worker w
	submit --max-attempts 1 -- sh -c 'exec sleep 4714.2'
	for _i in 1 2 3; do
		until_ok 10 "attempt $_i" field_is attempt 1 "$_i"
		ok nfsq requeue 1
	done
	until_ok 10 "attempt 4" field_is attempt 1 4
	ok nfsq cancel --wait 1
	check_field state 1 cancelled
	worker_stop w
}

test_requeue_ended() {
	submit -- sh -c 'echo "$NFSQ_ATTEMPT"; exit "$NFSQ_ATTEMPT"'
	once
	wait_for 1 1
	ok nfsq requeue 1
	check_field state 1 queued
	once
	wait_for 2 1
	ok nfsq requeue --hold 1
	check_field state 1 held
	ok nfsq release 1
	once
	wait_for 3 1
	for _i in 1 2 3; do
		ok nfsq log --attempt "$_i" 1
		out_is "$_i"
	done
	ok nfsq show 1
	out_has 'attempt 1 .*exit:1'
	out_has 'attempt 3 .*exit:3'
	# also a cancelled one that never ran
	submit -- true
	ok nfsq cancel 2
	ok nfsq requeue 2
	once
	wait_for 0 2
	fsck_clean
}

test_filters() {
	submit -n red1 --label c=red -- true
	submit -n red2 --label c=red -H -- true
	submit -n blue --label c=blue -- true
	ok nfsq cancel --name 'red*'
	check_field state 1 cancelled
	check_field state 2 cancelled
	check_field state 3 queued
	ok nfsq hold --label c=blue --user "$(id -un)"
	check_field state 3 held
	ok nfsq release --state held
	check_field state 3 queued
	note nfsq cancel --name 'nothing*'
	usage_error nfsq cancel
	usage_error nfsq cancel --name x 3
	run 1 nfsq hold 3 99 98
	err_lines 2
	check_field state 3 held
	failure nfsq cancel nobody
	submit -n twin -- true
	submit -n twin -- true
	run 1 nfsq cancel twin
	err_has 4
	err_has 5
	check_field state 4 queued
	ok nfsq cancel last
	check_field state 5 cancelled
}

test_signal() {
	worker w
	submit -- sh -c 'trap "echo got; exit 8" USR1; echo up
		while :; do sleep 0.05; done'
	until_ok 10 "the job is up" sh -c 'nfsq log 1 | grep -q up'
	usage_error nfsq signal NOSIG 1
	ok nfsq signal USR1 1
	wait_for 8 1
	ok nfsq log 1
	out_has got
	failure nfsq signal USR1 1
	err_has 'not running'
	submit -H -- true
	failure nfsq signal TERM 2
	submit -- sleep 4714.3
	running 3
	ok nfsq signal SIGINT 3
	wait_for 130 3
	check_field reason 3 signal:2
	submit -- sleep 4714.3
	running 4
	ok nfsq signal 9 4
	wait_for 137 4
	usage_error nfsq signal 1
	usage_error nfsq signal USR1
	worker_stop w
}

test_signal_tree() {
	worker w
	cat >tree <<'S'
#!/bin/sh
trap 'echo leader >>"$1"' USR1
sh -c 'trap "echo child >>\"$1\"" USR1; echo up >>"$1"
	while [ ! -e "$2" ]; do sleep 0.05; done' sh "$1" "$2" &
setsid sh -c 'trap "echo other >>\"$1\"" USR1; echo up >>"$1"
	while [ ! -e "$2" ]; do sleep 0.05; done' sh "$1" "$2" &
while [ ! -e "$2" ]; do sleep 0.05; done
S
	chmod 755 tree
	submit -- ./tree "$W/marks" "$W/stop"
	until_ok 10 "all are up" sh -c "[ \$(grep -c up '$W/marks') = 2 ]"
	ok nfsq signal --leader USR1 1
	until_ok 10 "the leader has it" grep -q leader "$W/marks"
	if grep -q -e child -e other "$W/marks"; then
		fail "--leader reached others"
	fi
	: >"$W/marks"
	ok nfsq signal SIGUSR1 1
	for _m in leader child other; do
		until_ok 10 "'$_m' has it" grep -q "$_m" "$W/marks"
	done
	: >"$W/stop"
	run 0 nfsq wait --timeout 10s 1 || :
	worker_stop w
}

test_begin() {
	submit --begin now+2s -- true
	check_field state 1 waiting
	check_field reason 1 begin
	_t=$(date +%s)
	worker w
	wait_for 0 1
	[ "$(($(date +%s) - _t))" -ge 1 ] || fail "it began too early"
	submit --begin now+1h -- true
	ok nfsq cancel 2
	wait_for 130 2
	submit --begin now+1h -H -- true
	check_field state 3 held
	ok nfsq release 3
	check_field state 3 waiting
	submit --begin 2001-02-03T04:05:06Z -- true
	wait_for 0 4
	for _b in never 25:00 2026-13-01 now+; do
		usage_error nfsq submit --begin "$_b" -- true
	done
	worker_stop w
	fsck_clean
}

test_cancel_wait_many() {
	worker w --cpus 4
	for _i in 1 2 3 4 5 6; do
		submit -- sleep 4714.4
	done
	running 4
	ok nfsq cancel --wait --user "$(id -un)"
	same "cancelled" "$(nfsq ls --no-header -o id --state cancelled | wc -l)" 6
	no_cmd 'sleep 4714.4' || fail "a job still runs"
	worker_stop w
	fsck_clean
}

checks waiting running requeue_counts_not requeue_ended filters signal \
	signal_tree begin cancel_wait_many

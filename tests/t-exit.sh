#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-exit.sh - the exit status that a waiter sees
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# one STATUS STATE REASON SUBMIT-WORD...
one() {
	_st=$1 _state=$2 _reason=$3
	shift 3
	submit "$@"
	once
	wait_for "$_st" "$id"
	check_field state "$id" "$_state"
	check_field reason "$id" "$_reason"
	check_field exit_code "$id" "$_st"
	fsck_clean
}

test_own() {
	one 0 'done' exit:0 -- true
	one 1 failed exit:1 -- false
	one 3 failed exit:3 -- sh -c 'exit 3'
	one 255 failed exit:255 -- sh -c 'exit 255'
	one 137 failed exit:137 -- sh -c 'exit 137'
}

test_signal() {
	one 137 failed signal:9 -- sh -c 'kill -9 $$'
	check_field signal "$id" 9
	one 143 failed signal:15 -- sh -c 'kill -15 $$'
	one 134 failed signal:6 -- sh -c 'kill -6 $$'
}

test_time() {
	one 124 failed timeout --time 1s -- sleep 4711.1
	no_cmd 'sleep 4711.1' || fail "the job still runs"
	one 124 failed timeout --time 1s --kill-grace 1s -- \
		sh -c 'trap "exit 0" TERM; sleep 4711.2 & wait'
	no_cmd 'sleep 4711.2' || fail "a child of the job still runs"
	one 0 'done' exit:0 --time 1 -- true
}

test_missing() {
	one 127 failed exec -- no-such-command-here
	one 127 failed exec -- /no/such/command
	echo '#!/bin/sh' >"$W/noexec"
	chmod 644 "$W/noexec"
	one 126 failed exec -- "$W/noexec"
	one 126 failed exec -- "$W/dir"
	echo '#!/no/such/interpreter' >"$W/badint"
	chmod 755 "$W/badint"
	submit -- "$W/badint"
	once
	wait_for 127 "$id"
}

test_cancelled() {
	submit -- true
	ok nfsq cancel "$id"
	wait_for 130 "$id"
	check_field state "$id" cancelled
	check_field reason "$id" cancelled
	submit -- sleep 4711.3
	worker w
	running "$id"
	ok nfsq cancel "$id"
	wait_for 130 "$id"
	check_field state "$id" cancelled
	no_cmd 'sleep 4711.3' || fail "the job still runs"
	worker_stop w
	fsck_clean
}

test_chdir() {
	mkdir "$W/away"
	submit -D "$W/away" -- true
	rmdir "$W/away"
	run 0 nfsq-worker --once --poll 50ms -q
	wait_for 125 "$id"
	check_field state "$id" failed
	check_field reason "$id" chdir
	ok nfsq show "$id"
	out_has "$W/away"
	out_has 'No such file'
	submit -i "$W/away" -- cat
	run 0 nfsq-worker --once --poll 50ms -q
	wait_for 125 "$id"
	check_field reason "$id" input
	: >"$W/file"
	submit -o "$W/file/out" -- true
	run 0 nfsq-worker --once --poll 50ms -q
	wait_for 125 "$id"
	check_field reason "$id" output
	fsck_clean
}

test_full_output() {
	[ -w /dev/full ] || return 0
	submit -o /dev/full -- sh -c 'echo text'
	run 0 nfsq-worker --once --poll 50ms -q
	run "$(field exit_code "$id")" nfsq wait --timeout 30s "$id"
	check_field state "$id" failed
	[ -c /dev/full ] || fail "/dev/full was replaced"
}

test_several() {
	submit -- sh -c 'exit 3'
	submit -- sh -c 'exit 9'
	submit -- true
	once
	wait_for 9 1 2 3
	wait_for 9 2 1
	wait_for 3 1 3
}

checks own signal time missing cancelled chdir full_output several

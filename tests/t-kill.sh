#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-kill.sh - kill -9 of each process of a worker, one after the other
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

LEASE=2s
pid=''

command -v pgrep >/dev/null || skip "no pgrep"

# parts PID: the worker's own processes, without those of its jobs
parts() {
	echo "$1"
	for _p in $(pgrep -P "$1"); do
		case $(tr '\0' ' ' <"/proc/$_p/cmdline" 2>/dev/null) in
		*nfsq-worker*) echo "$_p" ;;
		esac
	done
}

# two_jobs N: both leave a start mark; the first time they do not end
two_jobs() {
	rm -f "$W/marks" "$W/go"
	_ids=''
	for _j in 1 2; do
		submit -- sh -c "echo \$NFSQ_JOB_ID >>'$W/marks'
			[ -e '$W/go' ] && exit 0
			setsid sleep 4716.$1$_j & sleep 4716.$1$_j"
		_ids="$_ids $id"
	done
	worker "k$1" --cpus 2
	for _j in 1 2; do
		until_ok 10 "all processes of job $_j" \
			sh -c "[ \"\$(pgrep -f -x -c 'sleep 4716.$1$_j')\" = 2 ]"
	done
	: >"$W/go"
	same "processes of a worker" "$(parts "$worker_pid" | wc -l)" 7
}

starts() {			# ID
	grep -c -x -e "$1" "$W/marks" || :
}

# Afterwards nothing but the jobs' results may be left of them.
all_over() {
	for _w in "$@"; do
		foreseen "$_w" 'nfsq-worker: '
		worker_stop "$_w"
		foreseen "$_w" 'nfsq-worker: '
	done
	none_left || fail "left: $(ours)"
	fsck_clean
}

# The Nth process is killed while two jobs run; one that serves the whole
# worker.
kill_nth() {
	two_jobs "$1"
	pid=$(parts "$worker_pid" | sed -n "${1}p")
	kill -KILL "$pid"
	until_ok 2 "no process of its jobs is left (process $1)" \
		no_cmd "sleep 4716.$1[12]"
	_others=''
	if [ "$1" = 1 ]; then
		worker_ends k1 137 5
		worker o1 --cpus 2
		_others=o1
	else
		_others=k$1
	fi
	# shellcheck disable=SC2086 # words are wanted
	wait_for 0 $_ids
	for _id in $_ids; do
		same "starts of job $_id (process $1)" "$(starts "$_id")" 2
		check_field attempt "$_id" 2
	done
	all_over "$_others"
}

# The Nth process, a job's shepherd: only its job ends and starts anew.
kill_shepherd() {
	two_jobs "$1"
	pid=$(parts "$worker_pid" | sed -n "${1}p")
	kill -KILL "$pid"
	until_ok 2 "no process of its job is left (process $1)" \
		sh -c "! pgrep -f -x 'sleep 4716.${1}1' ||
			! pgrep -f -x 'sleep 4716.${1}2'"
	# shellcheck disable=SC2086 # words are wanted
	wait_for 0 --any $_ids
	_again=0
	for _id in $_ids; do
		if field_is state "$_id" 'done'; then
			same "starts of job $_id" "$(starts "$_id")" 2
			_again=$((_again + 1))
		else
			same "starts of job $_id" "$(starts "$_id")" 1
			ok nfsq cancel --wait "$_id"
		fi
	done
	same "jobs that began anew" "$_again" 1
	all_over "k$1"
}

# main, pulse, clerk, writer, warden, and two shepherds
test_main() {
	kill_nth 1
}

test_part_2() {
	kill_nth 2
}

test_part_3() {
	kill_nth 3
}

test_part_4() {
	kill_nth 4
}

test_part_5() {
	kill_nth 5
}

test_shepherd() {
	kill_shepherd 6
}

silent() {			# a condition
	nfsq workers --no-header | grep -q ' silent '
}

# A worker that is killed again and again: --max-attempts, --no-requeue
test_lost() {
	submit --max-attempts 2 -- sleep 4716.98
	submit --no-requeue -- sleep 4716.98
	for _i in 1 2; do
		worker "l$_i" --cpus 2
		until_ok 15 "attempt $_i" field_is attempt 1 "$_i"
		until_ok 10 "its process" \
			not no_cmd 'sleep 4716.98'
		kill -KILL "$worker_pid"
		worker_ends "l$_i" 137 5
		until_ok 2 "no process of its jobs is left" no_cmd 'sleep 4716.98'
		foreseen "l$_i" 'nfsq-worker: '
	done
	until_ok 10 "its worker is silent" silent
	# it stays until it has watched for a lease
	run 0 nfsq-worker -q --once --name "after" --poll 50ms
	wait_for 125 1
	check_field reason 1 lost
	check_field attempt 1 2
	wait_for 125 2
	check_field reason 2 lost
	check_field attempt 2 1
	fsck_clean
}

# All of a worker at once: only the next one on this host can clean up, and
# does before it claims.
test_all_at_once() {
	submit -- sh -c "[ -e '$W/go' ] && exit 0
		setsid sleep 4716.99 & sleep 4716.99"
	worker w
	until_ok 10 "all processes of the job" \
		sh -c "[ \"\$(pgrep -f -x -c 'sleep 4716.99')\" = 2 ]"
	: >"$W/go"
	# shellcheck disable=SC2046 # words are wanted
	kill -KILL $(parts "$worker_pid")
	worker_ends w 137 5
	worker w
	until_ok 5 "the next worker ends what is left" no_cmd 'sleep 4716.99'
	wait_for 0 1
	check_field attempt 1 2
	all_over w
}

checks main part_2 part_3 part_4 part_5 shepherd lost all_at_once

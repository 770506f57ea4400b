#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-log.sh - what a worker says: a line a job while they are few, sums when
# they are many, one line when it cannot start
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# talker [OPTION...]: a worker that is not quiet; what it says in $W/said
talker() {
	nfsq-worker --name w --poll 50ms "$@" </dev/null \
		>"$W/w.wout" 2>"$W/said" 3>&- &
	echo "$!" >"$W/w.pid"
}

said_is() {			# LINE...: exactly these
	printf 'nfsq-worker: %s\n' "$@" >"$W/want"
	cmp -s "$W/want" "$W/said" || {
		cp "$W/said" "$W/err"
		fail "it said something else than: $*"
	}
}

# many_queued N M: N jobs that end well, M that do not
many_queued() {
	{
		yes 'submit -- true' | head -n "$1"
		yes 'submit -- false' | head -n "$2"
	} | xargs -P 4 -L 1 nfsq >"$W/ids" || fail "cannot submit"
	same "submitted" "$(wc -l <"$W/ids")" $(($1 + $2))
}

all_ended() {
	[ "$(nfsq ls --no-header -o state --all | grep -c 'done\|failed')" = "$1" ]
}

test_few() {
	talker --cpus 1
	submit -- true
	submit -- sh -c 'exit 3'
	submit -- sh -c 'kill -9 $$'
	wait_for 137 1 2 3
	submit -- sh -c 'sleep 4716.1'
	running 4
	ok nfsq cancel --wait 4
	submit -t 1s -- sleep 4716.2
	wait_for 124 5
	submit -- sleep 4716.3
	running 6
	worker_stop w
	said_is 'job 1 done' 'job 2 failed: exit 3' 'job 3 failed: signal 9' \
		'job 4 cancelled' 'job 5 failed: timeout' \
		'job 6 goes back to the queue'
}

# What one cannot read is summed up, and nothing is missing in the sums.
test_many() {
	many_queued 550 50
	talker --cpus 2
	until_ok 60 "all have ended" all_ended 600
	worker_stop w
	_lines=$(wc -l <"$W/said")
	# 10 and 10 and a sum, each 10 s
	[ "$_lines" -le 130 ] || fail "$_lines lines for 600 jobs"
	sed 's/^nfsq-worker: //' "$W/said" | awk '
	/^job [0-9]+ done$/ { good++; next }
	/^job [0-9]+ failed: exit 1$/ { bad++; next }
	/^more jobs in [0-9]+ s: / {
		sums++
		for (i = 6; i < NF; i += 2) {
			if ($(i + 1) ~ /^done/) good += $i
			if ($(i + 1) ~ /^failed/) bad += $i
		}
		next
	}
	{ other++ }
	END { print good + 0, bad + 0, other + 0, (sums > 0) }' >"$W/sum"
	same "told: done, failed, others; sums" "$(cat "$W/sum")" '550 50 0 1'
}

test_verbose() {
	many_queued 60 20
	talker --cpus 2 -v
	until_ok 60 "all have ended" all_ended 80
	worker_stop w
	same "lines of jobs" "$(grep -c -x \
		'nfsq-worker: job [0-9]* \(done\|failed\)' "$W/said")" 80
	same "different ones" "$(grep -o 'job [0-9]* ' "$W/said" | sort -u |
		wc -l)" 80
	not grep -q 'more jobs' "$W/said" || fail "each is told of, and the sum"
}

test_quiet() {
	many_queued 20 20
	talker --cpus 2 -q
	until_ok 60 "all have ended" all_ended 40
	worker_stop w
	same "lines" "$(wc -l <"$W/said")" 0
	submit -- false
	once
}

# A part that is killed while the worker starts: one line, exit 1.
test_killed_start() {
	if ! command -v strace >/dev/null ||
		! strace -f -o /dev/null true 2>/dev/null; then
		echo "    (no strace: the start was not tried)"
		return 0
	fi
	# The first rename of a worker is that of its seat, by its pulse.
	run 1 strace -f -o /dev/null \
		-e inject=rename,renameat,renameat2:signal=KILL:when=1 \
		nfsq-worker --poll 50ms
	err_lines 1
	err_has 'was killed while it started (signal 9)'
	run 0 nfsq-worker --once
	no_err
}

checks few many verbose quiet killed_start

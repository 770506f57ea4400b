#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-timeouts.sh - with a full queue a worker never waits for time to pass
#
# strace of a worker with 200 jobs of `true` and one slot: between the end of a
# job and the start of the next none of the processes that lead to it (keeper,
# clerk, shepherd) may act because a poll, select or sleep ended by time-out.
# A timer that happens to be due then, after which the process waits on, does
# no harm; the pulse and the warden wait for time by their nature.
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

command -v strace >/dev/null || skip "no strace"
if grep -q -s -e '-fsanitize' "$NFSQ_BUILD/Makefile"; then
	skip "strace and a sanitizer do not go together"
fi
mkdir -p "$NFSQ_BUILD/tests"
strace -f -o "$NFSQ_BUILD/tests/strace.$$" true 2>/dev/null ||
	{ rm -f "$NFSQ_BUILD/tests/strace.$$"; skip "strace is not permitted"; }
rm -f "$NFSQ_BUILD/tests/strace.$$"

calls=execve,poll,ppoll,select,pselect6,epoll_wait,epoll_pwait,nanosleep
calls=$calls,clock_nanosleep,rename,renameat,renameat2,prctl,clone,clone3
calls=$calls,fork,vfork,sendmsg,sendto

judge() {
	awk '
	{
		pid = $1
		line = $0
		sub(/^[0-9]+ +[0-9.]+ +/, "", line)
	}
	NR == 1 { part[pid] = "keeper" }
	# The first word of a call that does something: was it time that woke?
	line !~ /^(<\.\.\.|\+\+\+|---|p?poll|p?select|epoll|(clock_)?nanosleep)/ {
		if (late[pid] != "") {
			print part[pid] " acts after: " late[pid]
			bad++
		}
	}
	line !~ /^<\.\.\./ { late[pid] = "" }
	# A call may be on two lines.
	line ~ /unfinished \.\.\.>$/ { begun[pid] = line }
	line ~ /^<\.\.\. / {
		sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", line)
		line = begun[pid] line
	}
	line ~ /^rename.*\/queue\// && !(pid in part) { part[pid] = "clerk" }
	line ~ /nfsq-shepherd/ { part[pid] = "shepherd" }
	line ~ /^execve\(.*= 0$/ && line !~ /nfsq-worker/ {
		job[pid] = 1; started++; idle = 0
	}
	line ~ /^\+\+\+ exited/ && pid in job { ended++; idle = ended < 200 }
	line ~ /^(p?poll|p?select6?|epoll_p?wait)\(.*Timeout/ ||
	line ~ /^(clock_)?nanosleep\(.*= 0$/ {
		if (pid in part && idle)
			late[pid] = line
	}
	END {
		for (p in part)
			if (!seen[part[p]]++)
				parts++
		printf "%d jobs, %d ended, %d parts, %d waits\n", started,
			ended, parts, bad
	}' "$1"
}

test_full_queue() {
	_i=0
	while [ "$_i" -lt 200 ]; do
		_i=$((_i + 1))
		nfsq submit -- true >/dev/null
	done
	LIMIT=80
	ok strace -f -ttt -s 4096 -o "$W/trace" -e signal=none \
		-e "trace=$calls" nfsq-worker --once --name w --cpus 1
	judge "$W/trace" >"$W/out"
	out_has '^200 jobs, 200 ended, 3 parts, 0 waits$'
}

# A clerk that looks for the job's end every 10 ms is found.
test_judge() {
	cat >"$W/trace" <<'T'
1 1.0 execve("nfsq-worker", ["nfsq-worker"], 0x1) = 0
2 1.1 rename("s/queue/b/1.x.0", "s/workers/w/1.x.1") = 0
3 1.2 execve("/bin/true", ["true"], 0x1) = 0
2 1.2 poll([{fd=11, events=POLLIN}], 1, 10 <unfinished ...>
3 1.3 +++ exited with 0 +++
2 1.4 <... poll resumed>) = 0 (Timeout)
2 1.4 rename("s/queue/b/2.x.0", "s/workers/w/2.x.1") = 0
2 1.4 poll([{fd=11, events=POLLIN}], 1, 10) = 0 (Timeout)
2 1.5 poll([{fd=11, events=POLLIN}], 1, 10) = 1 ([{fd=11, revents=POLLIN}])
2 1.5 rename("s/workers/w/1.x.1", "s/done/0/1.x.2") = 0
4 1.6 execve("/bin/true", ["true"], 0x1) = 0
4 1.7 +++ exited with 0 +++
T
	judge "$W/trace" >"$W/out"
	out_has '^2 jobs, 2 ended, 2 parts, 1 waits$'
}

checks judge full_queue

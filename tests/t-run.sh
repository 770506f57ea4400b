#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-run.sh - nfsq run: as if the command ran here
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

test_streams() {
	worker w
	run 3 nfsq run -- sh -c 'printf "a\000b\377\n"; echo err >&2
		printf last; exit 3'
	printf 'a\000b\377\nlast' >"$W/want"
	cmp "$W/out" "$W/want" || fail "standard output"
	same "standard error" "$(cat "$W/err")" err
	ok nfsq run true
	no_out
	run 127 nfsq run -- no-such-command-here
	no_out
	run 137 nfsq run -- sh -c 'kill -9 $$'
	run 124 nfsq run -t 1s -- sleep 4713.1
	worker_stop w
	fsck_clean
}

test_large() {
	worker w
	run 0 nfsq run -- sh -c 'head -c 20M /dev/zero | tr "\0" x
		head -c 3M /dev/zero | tr "\0" y >&2'
	same "bytes of standard output" "$(tr -d x <"$W/out" | wc -c)" 0
	same "bytes of standard output" "$(wc -c <"$W/out")" 20971520
	same "bytes of standard error" "$(tr -d y <"$W/err" | wc -c)" 0
	same "bytes of standard error" "$(wc -c <"$W/err")" 3145728
	: >"$W/out"
	: >"$W/err"
	worker_stop w
}

test_stdin() {
	worker w
	run 0 sh -c 'printf "b\na\n\0" | nfsq run -- sort'
	printf '\0a\nb\n' >"$W/want"
	sort -u "$W/out" | tr -d '\0\n' >"$W/letters"
	same "what came back" "$(cat "$W/letters")" ab
	run 0 sh -c 'head -c 5M /dev/zero | nfsq run -- wc -c'
	out_is 5242880
	run 0 sh -c 'echo unread | nfsq run -i /dev/null -- wc -c'
	out_is 0
	run 0 sh -c 'nfsq run -- wc -c </dev/null'
	out_is 0
	run 0 sh -c 'nfsq run -- wc -c <&-'
	out_is 0
	# its input is still there for a second attempt
	ok nfsq requeue 2
	wait_for 0 2
	log_is 2 5242880
	worker_stop w
	fsck_clean
}

test_files() {
	worker w
	run 0 nfsq run -o f.txt -- sh -c 'echo out; echo err >&2'
	no_out
	same f.txt "$(cat f.txt)" out
	same "standard error" "$(cat "$W/err")" err
	worker_stop w
}

# interrupted SIGNAL...: a nfsq run that gets them
interrupted() {
	rm -f "$W/run.out"	# the last one was up, too
	# below nohup SIGHUP is ignored, and stays so
	setsid env --default-signal=INT,TERM,HUP \
		nfsq run -- sh -c 'echo up; sleep 4713.2' >"$W/run.out" 2>"$W/run.err" &
	_r=$!
	until_ok 10 "the job is up" grep -q up "$W/run.out"
	_r=$(pgrep -x -f 'nfsq run -- sh -c echo up; sleep 4713.2' |
		while read -r p; do
			grep -q -s -F "$W/" "/proc/$p/environ" && echo "$p"
		done | head -n 1)
	kill -"$1" "$_r"
}

test_interrupt() {
	worker w
	for _s in TERM HUP; do
		interrupted "$_s"
		until_ok 10 "nfsq run ends" gone "$_r"
		until_ok 5 "no job is left" no_cmd 'sleep 4713.2'
		wait_for 130 last
	done
	worker_stop w
	fsck_clean
}

test_ctrl_c() {
	command -v python3 >/dev/null || skip "no python3"
	worker w
	run 0 python3 - <<'P'
import signal, subprocess, sys
p = subprocess.Popen(["nfsq", "run", "--", "sh", "-c",
                      "echo up; exec sleep 4713.3"],
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
assert p.stdout.readline() == b"up\n"
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=20)
print(p.returncode, out, file=sys.stderr)
assert p.returncode == 130, (p.returncode, err)
P
	wait_for 130 last
	no_cmd 'sleep 4713.3' || fail "the job still runs"
	# twice: leaves at once, although no worker could end the job
	worker_stop w
	run 0 python3 - <<'P'
import signal, subprocess, time
p = subprocess.Popen(["nfsq", "run", "-v", "--", "true"],
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
p.stderr.readline()
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=20)
assert p.returncode == 130, (p.returncode, err)
P
	check_field state last cancelled
}

test_closed_output() {
	worker w
	run 0 sh -c 'nfsq run -- sh -c "yes | head -c 4M" | head -n 1'
	out_is y
	until_ok 10 "the job has ended" sh -c \
		'nfsq ls --no-header -o state last | grep -q -e cancelled -e done'
	worker_stop w
}

test_second_attempt() {
	worker w
	nfsq run -- sh -c 'echo "try $NFSQ_ATTEMPT"
		[ "$NFSQ_ATTEMPT" = 2 ] || sleep 4713.4' >"$W/run.out" 2>"$W/run.err" &
	_r=$!
	until_ok 10 "the first attempt" grep -q 'try 1' "$W/run.out"
	ok nfsq requeue 1
	until_ok 15 "nfsq run ends" gone "$_r"
	wait "$_r" || fail "nfsq run failed"
	same "its output" "$(cat "$W/run.out")" 'try 1
try 2'
	grep -q 'attempt 2' "$W/run.err" || fail "no word of the second attempt"
	worker_stop w
	fsck_clean
}

checks streams large stdin files interrupt ctrl_c closed_output second_attempt

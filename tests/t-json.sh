#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-json.sh - --json is valid, and its keys are those that the manual has
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# Where python3 is a script that looks for the real one, once is enough.
python=$(python3 -c 'import json, sys; print(sys.executable)' 2>/dev/null) ||
	skip "no python3"

job_keys='id name state reason priority array_task submit_time begin_time
start_time end_time exit_code signal attempt worker host user cpus mem_mb gpus
cpu_seconds max_rss_kb output error command cwd labels'

# keys [INDEX]: the keys of the object of $W/out, or of its element
keys() {
	"$python" -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
print(" ".join((d[int(sys.argv[2])] if len(sys.argv) > 2 else d).keys()))' \
		"$W/out" "$@"
}

value() {			# EXPRESSION of d
	"$python" -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
print(eval(sys.argv[2]))' "$W/out" "$1"
}

is() {				# EXPRESSION VALUE
	_is=$(value "$1")
	[ "$_is" = "$2" ] || fail "$(printf '%s is %s, not %s' "$1" "$_is" "$2")"
}

words() {
	echo "$*"
}

# shellcheck disable=SC2086 # words are wanted
test_job_keys() {
	submit -n one -c 2 -p 3 --label a=b --label c= --begin 2001-02-03 -- \
		sh -c 'echo x; exit 3'
	once --cpus 2
	ok nfsq ls --json
	same "keys of ls" "$(keys 0)" "$(words $job_keys)"
	is 'd[0]["id"]' 1
	is 'type(d[0]["id"]).__name__' int
	is 'd[0]["name"]' one
	is 'd[0]["state"]' failed
	is 'd[0]["reason"]' exit:3
	is 'd[0]["priority"]' 3
	is 'd[0]["cpus"]' 2
	is 'd[0]["exit_code"]' 3
	is 'd[0]["signal"]' None
	is 'd[0]["attempt"]' 1
	is 'd[0]["user"]' "$(id -un)"
	is 'd[0]["host"]' "$(hostname)"
	is 'd[0]["begin_time"][-1]' Z
	is 'd[0]["end_time"] >= d[0]["start_time"] >= d[0]["submit_time"]' True
	is '[d[0][k] for k in "command cwd output error labels".split()]' \
		'[None, None, None, None, None]'
	ok nfsq ls --json --full 1
	same "keys of ls --full" "$(keys 0)" "$(words $job_keys)"
	is 'd[0]["command"]' "['sh', '-c', 'echo x; exit 3']"
	is 'd[0]["labels"]' "{'a': 'b', 'c': ''}"
	is 'd[0]["cwd"]' "$W/dir"
	is 'ascii(open(d[0]["output"]).read())' "'x\n'"
	ok nfsq show --json 1
	same "keys of show" "$(keys 0)" "$(words $job_keys attempts)"
	is 'len(d[0]["attempts"])' 1
	is 'sorted(d[0]["attempts"][0])' "['attempt', 'cpu_seconds', 'detail', \
'end_time', 'error', 'exit_code', 'host', 'max_rss_kb', 'output', 'reason', \
'signal', 'start_time', 'worker']"
	run 3 nfsq wait --json 1
	same "keys of wait" "$(keys 0)" "$(words $job_keys)"
}

test_waiting() {
	submit -H -- true
	submit --begin now+1h -- true
	submit -- true
	ok nfsq ls --json
	is 'len(d)' 3
	is '[j["state"] for j in d]' "['held', 'waiting', 'queued']"
	is '[j["reason"] for j in d]' "['hold', 'begin', None]"
	is '[j["exit_code"] for j in d]' '[None, None, None]'
	is '[j["start_time"] for j in d]' '[None, None, None]'
	is '[j["attempt"] for j in d]' '[0, 0, 0]'
	ok nfsq ls --json --state failed
	is 'd' '[]'
	run 1 nfsq ls --json 99
	same "of nothing" "$(cat "$W/out")" '[]'
}

test_not_utf8() {
	_bad=$(printf 'a\377\n\033"\\')
	_want_words=$(cat <<'S'
['echo', 'a\ufffd\n\x1b"\\', '\xe9']
S
)
	_want_bytes=$(cat <<'S'
[b'echo', b'a\xff\n\x1b"\\', b'\xc3\xa9']
S
)
	_want_labels=$(cat <<'S'
{'k': 'a\ufffd\n\x1b"\\'}
S
)
	submit --label "k=$_bad" --comment "$_bad" -n "x$(printf '\377')" -- \
		echo "$_bad" é
	once
	for _c in 'ls --full' show; do
		# shellcheck disable=SC2086 # words are wanted
		ok nfsq $_c --json 1
		is 'ascii(d[0]["command"])' \
			"$_want_words"
		is '[__import__("base64").b64decode(w) for w in d[0]["command_base64"]]' \
			"$_want_bytes"
		is 'ascii(d[0]["labels"])' \
			"$_want_labels"
	done
}

test_status_and_workers() {
	worker w --cpus 3
	submit -c 2 -- sleep 4717.1
	running 1
	until_ok 10 "the worker is told of" worker_alive w
	ok nfsq workers --json
	same "keys of workers" "$(keys 0)" \
		"id name host user version pid cpus cpus_used jobs state heartbeat_age"
	is '[d[0][k] for k in "name host cpus cpus_used jobs state".split()]' \
		"['w', '$(hostname)', 3, 2, [1], 'alive']"
	is 'd[0]["pid"]' "$worker_pid"
	ok nfsq ls --json
	_w=$(value 'd[0]["worker"]')
	ok nfsq workers --json
	is 'd[0]["id"]' "$_w"
	submit -H -- true
	ok nfsq status --json
	same "keys of status" "$(keys)" \
		"spool jobs workers cpus cpus_used ended_last_minute ended_last_hour oldest_waiting problems"
	is 'd["jobs"]["running"]' 1
	is 'd["jobs"]["held"]' 1
	is 'd["workers"]["alive"]' 1
	is 'd["cpus"]' 3
	is 'd["cpus_used"]' 2
	is 'd["spool"]' "$W/spool"
	ok nfsq cancel --wait 1
	worker_stop w
	ok nfsq workers --json
	is d '[]'
}

# The table of nfsq(1) has these keys, in this order.
test_manual() {
	_man=$NFSQ_SRC/man/nfsq.1.in
	[ -e "$_man" ] || return 0
	sed -n '/^\.Sh JSON/,/^\.El/s/^\.It \([a-z_0-9]*\) Ta .*/\1/p' "$_man" \
		>"$W/man"
	# shellcheck disable=SC2086 # words are wanted
	same "keys of the manual" \
		"$(grep -v -x -e command_base64 "$W/man" | tr '\n' ' ')" \
		"$(words $job_keys attempts) "
	has_line "$W/man" command_base64 || fail "no command_base64 there"
}

checks job_keys waiting not_utf8 status_and_workers manual

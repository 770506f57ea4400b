# shellcheck shell=sh disable=SC2120,SC2317 # functions called by name
# lib.sh - what the black-box tests share; sourced, never run
#
# The environment: NFSQ_BUILD, the folder that holds the programs, and
# NFSQ_SRC, the one that holds the sources.  A test is a file of functions,
# each a check, named at its end:
#
#	. "$NFSQ_SRC/tests/lib.sh"
#	test_one() { ...; }
#	checks one two
#
# A check runs in a subshell with set -e, in a folder $W of its own ($W/dir is
# the current one) with a spool, a home and a run-time folder in it.  After it
# all workers that it started are stopped, what they said on standard error
# must have been foreseen, and no process that knows the spool may be left.
# NFSQ_KEEP=1 keeps the folders of checks that failed.

set -u
: "${NFSQ_BUILD:?the folder with the programs}"
: "${NFSQ_SRC:?the folder with the sources}"

test_name=${0##*/}
TOP=''
W=''
id=''				# of the last submit
status=''			# of the last run
LIMIT=40			# seconds a command may take

unset NFSQ_SPOOL NFSQ_TASK_ID NFSQ_ATTEMPT NFSQ_SCRIPT CDPATH TMPDIR ENV
unset OMP_NUM_THREADS XDG_CONFIG_HOME NO_COLOR
PATH=$NFSQ_BUILD:$PATH
export PATH

skip() {
	echo "SKIP: $test_name: $*"
	exit 77
}

# Files of the check, to be shown when it fails.
show_file() {
	[ -s "$1" ] || return 0
	echo "  --- ${1##*/}:"
	head -c 3000 "$1" | tr -c '[:print:]\n\t' '?' | sed 's/^/  | /'
}

fail() {
	{
		printf 'FAIL: %s: %s: %s\n' "$test_name" "$check" "$*"
		for f in "$W"/cmd "$W"/out "$W"/err "$W"/*.werr; do
			show_file "$f"
		done
	} >&3
	exit 1
}

# --- conditions

# until_ok SECONDS WHAT COMMAND...: waits for the condition, fails when it
# does not come.
until_ok() {
	_end=$(($(date +%s) + $1 + 1))
	_what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$_end" ] || fail "did not come: $_what"
		sleep 0.05
	done
}

has_line() {			# FILE LINE
	grep -qxF -e "$2" "$1"
}

not() {
	! "$@"
}

gone() {			# PID: no such process, or a zombie
	[ -e "/proc/$1" ] || return 0
	grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
}

now_ms() {
	date +%s%3N
}

# --- commands

# run STATUS COMMAND...: its output to $W/out and $W/err; must exit so.
run() {
	_want=$1
	shift
	printf '%s\n' "$*" >"$W/cmd"
	status=0
	timeout -k 2 "$LIMIT" "$@" >"$W/out" 2>"$W/err" || status=$?
	[ "$status" = "$_want" ] ||
		fail "exit status $status, not $_want, of: $*"
}

# ok COMMAND...: exits 0 and says nothing on standard error.
ok() {
	run 0 "$@"
	no_err
}

no_err() {
	[ ! -s "$W/err" ] || fail "unexpected standard error"
}

no_out() {
	[ ! -s "$W/out" ] || fail "unexpected standard output"
}

out_is() {			# TEXT, without the last newline
	[ "$(cat "$W/out")" = "$1" ] || fail "output is not '$1'"
}

out_has() {			# BASIC-REGEXP
	grep -q -e "$1" "$W/out" || fail "no '$1' in the output"
}

err_has() {
	grep -q -e "$1" "$W/err" || fail "no '$1' on standard error"
}

err_lines() {			# N lines exactly
	[ "$(wc -l <"$W/err")" -eq "$1" ] ||
		fail "not $1 line(s) on standard error"
}

same() {			# WHAT IS WANTED
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# usage_error COMMAND...: exit 2, one line that names the trouble ($want_err)
usage_error() {
	run 2 "$@"
	no_out
	err_lines 1
}

# failure COMMAND...: exit 1, one line
failure() {
	run 1 "$@"
	err_lines 1
}

# submit ...: sets $id; nothing but the id may be printed.
submit() {
	ok nfsq submit "$@"
	id=$(cat "$W/out")
	case $id in
	'' | *[!0-9]*) fail "submit did not print an id alone" ;;
	esac
	[ "$(wc -l <"$W/out")" -eq 1 ] || fail "submit printed more than a line"
}

# wait_for STATUS ID...: nfsq wait exits so, silently.
wait_for() {
	_status=$1
	shift
	run "$_status" nfsq wait --timeout 30s "$@"
	no_out
	no_err
}

field() {			# FIELD ID: prints it
	nfsq ls --no-header -o "$1" "$2" 2>/dev/null
}

field_is() {			# FIELD ID VALUE: a condition
	[ "$(field "$1" "$2")" = "$3" ]
}

check_field() {			# FIELD ID VALUE
	same "$1 of job $2" "$(field "$1" "$2")" "$3"
}

running() {			# ID
	until_ok 20 "job $1 runs" field_is state "$1" running
}

log_is() {			# ID TEXT
	ok nfsq log "$1"
	out_is "$2"
}

fsck_clean() {
	run 0 nfsq fsck
	no_err
	out_has '^clean: '
}

# --- workers

# worker NAME [OPTION...]: in the background; its pid is in $W/NAME.pid.
worker() {
	_w=$1
	shift
	nfsq-worker -q --name "$_w" --poll 50ms "$@" </dev/null \
		>"$W/$_w.wout" 2>>"$W/$_w.werr" 3>&- &
	echo "$!" >"$W/$_w.pid"
	# shellcheck disable=SC2034 # for the tests
	worker_pid=$!
}

# once [OPTION...]: runs what there is, silently.
once() {
	ok nfsq-worker --once --poll 50ms "$@"
	no_out
}

# worker_ends NAME STATUS SECONDS
worker_ends() {
	_pid=$(cat "$W/$1.pid")
	until_ok "$3" "worker '$1' ends" gone "$_pid"
	status=0
	wait "$_pid" || status=$?
	rm -f "$W/$1.pid"
	[ "$status" = "$2" ] || fail "worker '$1' exited $status, not $2"
}

worker_stop() {			# NAME: SIGTERM
	kill -TERM "$(cat "$W/$1.pid")"
	worker_ends "$1" 0 15
}

worker_alive() {		# NAME: a condition
	nfsq workers --no-header 2>/dev/null | grep -q "^$1 .* alive "
}

# What a worker said that was foreseen: removes these lines.
foreseen() {			# NAME BASIC-REGEXP
	[ -e "$W/$1.werr" ] || return 0
	grep -v -e "$2" "$W/$1.werr" >"$W/$1.wtmp" || :
	mv "$W/$1.wtmp" "$W/$1.werr"
}

# --- processes that know our folder by their environment, but this shell

# No pipe here: its other end would be one of ours.
ours() {
	_l=$(grep -l -s -F -e "$W/" /proc/[0-9]*/environ) || :
	for _p in $_l; do
		_p=${_p#/proc/}
		_p=${_p%/environ}
		gone "$_p" || echo "$_p"
	done
}

none_left() {
	[ -z "$(ours)" ]
}

# How many processes of this command line there are.
count_cmd() {
	pgrep -f -x -c "$1" || :
}

no_cmd() {			# a condition
	! pgrep -f -x "$1" >/dev/null
}

# --- the frame

# new_spool: a spool, with a lease short enough for tests
new_spool() {
	NFSQ_SPOOL="$W/spool"
	export NFSQ_SPOOL
	run 0 nfsq init --lease "${LEASE:-3s}" "$NFSQ_SPOOL"
}

# A test may have its own: called at the end of each check.
clean_up() {
	:
}

set_up() {
	W="$TOP/$1"
	mkdir "$W" "$W/home" "$W/run" "$W/dir"
	chmod 700 "$W/run"
	HOME="$W/home"
	XDG_RUNTIME_DIR="$W/run"
	NFSQ_CONFIG="$W/no.conf"
	PWD="$W/dir"
	export HOME XDG_RUNTIME_DIR NFSQ_CONFIG
	cd "$W/dir" || exit 1
	new_spool
}

tear_down() {			# STATUS
	_failed=$1
	for _f in "$W"/*.pid; do
		[ -e "$_f" ] || continue
		_w=${_f##*/}
		_w=${_w%.pid}
		_pid=$(cat "$_f")
		kill -TERM "$_pid" 2>/dev/null
		_i=0
		while ! gone "$_pid"; do
			_i=$((_i + 1))
			if [ "$_i" -gt 300 ]; then
				[ "$_failed" -ne 0 ] || echo "FAIL: $test_name:" \
					"$check: worker '$_w' does not end" >&3
				_failed=1
				kill -KILL "$_pid" 2>/dev/null
				break
			fi
			sleep 0.05
		done
	done
	_i=0
	while ! none_left && [ "$_i" -lt 60 ]; do
		_i=$((_i + 1))
		sleep 0.05
	done
	for _pid in $(ours); do
		[ "$_failed" -ne 0 ] || {
			echo "FAIL: $test_name: $check: left a process:" \
				"$_pid $(ps -o args= -p "$_pid")" >&3
		}
		_failed=1
		kill -KILL "$_pid" 2>/dev/null
	done
	if [ "$_failed" -eq 0 ]; then
		for _f in "$W"/*.werr "$W"/*.wout; do
			[ -s "$_f" ] || continue
			_failed=1
			{
				echo "FAIL: $test_name: $check: a worker said"
				show_file "$_f"
			} >&3
		done
	fi
	clean_up
	return "$_failed"
}

end_check() {			# STATUS
	trap - EXIT
	set +e
	cd "$TOP" || exit 1
	tear_down "$1"
	exit $?
}

remove() {
	chmod -R u+rwX "$1" 2>/dev/null
	rm -rf "$1"
}

one_check() {
	check=$1
	(
		set -e
		trap 'end_check $?' EXIT
		trap 'exit 129' HUP
		trap 'exit 130' INT
		trap 'exit 143' TERM
		set_up "$check"
		"test_$check"
	)
}

# checks NAME...: runs each; only those in $NFSQ_ONLY when that is set.
checks() {
	exec 3>&2 </dev/null
	mkdir -p "$NFSQ_BUILD/tests"
	TOP=$(umask 077 && mktemp -d "$NFSQ_BUILD/tests/tmp.XXXXXX") || exit 1
	trap 'remove "$TOP"' EXIT
	trap 'exit 1' HUP INT TERM
	_bad=0
	for check in ${NFSQ_ONLY:-"$@"}; do
		_began=$(now_ms)
		if (one_check "$check"); then
			echo "ok   $check ($(($(now_ms) - _began)) ms)"
		else
			_bad=1
			echo "FAIL: $test_name: $check" >&3
			if [ -n "${NFSQ_KEEP:-}" ]; then
				trap - EXIT
				echo "kept: $TOP" >&3
			fi
		fi
	done
	[ "$_bad" -eq 0 ] || exit 1
	exit 0
}

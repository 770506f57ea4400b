#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-output.sh - where what jobs print goes, and nfsq log
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

nothing_stray() {
	find "$W/dir" -name '.*.nfsq-*' >"$W/stray"
	[ ! -s "$W/stray" ] || fail "left: $(cat "$W/stray")"
}

test_patterns() {
	submit -n 'a b' -o 'o/%x.%j.%4j.%A.%a.%%.txt' -e 'e/deep/%u.%N' -- \
		sh -c 'echo out; echo err >&2'
	once
	wait_for 0 1
	_o="$W/dir/o/a b.1.0001.1.0.%.txt"
	same out "$(cat "$_o")" out
	[ ! -h "$_o" ] || fail "the file is a link"
	same err "$(cat "$W/dir/e/deep/$(id -un).$(hostname)")" err
	log_is 1 out
	ok nfsq log --stderr 1
	out_is err
	nothing_stray
	for _p in '%q' '%' 'a%' '%4' '%99999999999j'; do
		usage_error nfsq submit -o "$_p" -- true
	done
	fsck_clean
}

test_separate_and_merged() {
	submit -- sh -c 'echo 1; echo 2 >&2; echo 3'
	submit -e err.txt -- sh -c 'echo 1; echo 2 >&2; echo 3'
	submit -o out.txt -- sh -c 'echo 1; echo 2 >&2; echo 3'
	submit -o same.txt -e same.txt -- sh -c 'echo 1; echo 2 >&2; echo 3'
	once
	log_is 1 '1
2
3'
	failure nfsq log --stderr 1
	log_is 2 '1
3'
	same err.txt "$(cat err.txt)" 2
	same out.txt "$(cat out.txt)" '1
2
3'
	same same.txt "$(cat same.txt)" '1
2
3'
	nothing_stray
	fsck_clean
}

test_link_while_running() {
	echo before >f.txt
	worker w
	submit -o f.txt -- sh -c 'echo now; until [ -e go ]; do sleep 0.05; done
		echo after'
	until_ok 10 "f.txt is a link" test -h f.txt
	until_ok 10 "its output can be read" grep -q now f.txt
	case $(readlink f.txt) in
	.f.txt.nfsq-1.*) ;;
	*) fail "a link to $(readlink f.txt)" ;;
	esac
	: >go
	wait_for 0 1
	[ ! -h f.txt ] || fail "still a link after the end"
	same f.txt "$(cat f.txt)" 'now
after'
	nothing_stray
	worker_stop w
	fsck_clean
}

test_devices() {
	mkfifo pipe
	cat pipe >"$W/piped" &
	_cat=$!
	submit -o /dev/null -- echo nothing
	submit -o pipe -- echo through
	once
	wait_for 0 1 2
	until_ok 5 "the FIFO's reader ends" gone "$_cat"
	[ -c /dev/null ] || fail "/dev/null was replaced"
	[ -p pipe ] || fail "the FIFO was replaced"
	same "what came through" "$(cat "$W/piped")" through
	nothing_stray
}

test_open_mode() {
	echo first >f.txt
	submit -o f.txt --open-mode append -- echo second
	once
	same append "$(cat f.txt)" 'first
second'
	submit -o f.txt --open-mode truncate -- echo third
	once
	same truncate "$(cat f.txt)" third
	usage_error nfsq submit --open-mode nonsense -- true
	nothing_stray
}

test_foreign_link() {
	echo 'what was there' >"$W/target"
	ln -s "$W/target" f.txt
	ln -s "$W/not there yet" g.txt
	submit -o f.txt -- echo new
	submit -o g.txt -- echo new
	submit -o f.txt --open-mode append -- echo more
	once --cpus 1		# in this order
	wait_for 0 1 2 3
	[ -h f.txt ] || fail "the link was replaced"
	same "what is behind the link" "$(cat "$W/target")" 'new
more'
	same "what was made there" "$(cat "$W/not there yet")" new
	nothing_stray
}

test_large() {
	_mb=64
	[ -z "${NFSQ_LONG:-}" ] || _mb=1024
	submit -- sh -c "head -c ${_mb}M /dev/zero | tr '\\0' x; echo end"
	submit -o big.txt -- sh -c "head -c 8M /dev/zero"
	# shellcheck disable=SC2034 # of lib.sh
	LIMIT=300
	once
	wait_for 0 1 2
	nfsq log 1 | wc -c >"$W/n"
	same "bytes" "$(cat "$W/n")" "$((_mb * 1024 * 1024 + 4))"
	nfsq log 1 | tr -d x >"$W/rest"
	same "the rest" "$(cat "$W/rest")" end
	same "bytes of big.txt" "$(wc -c <big.txt)" $((8 * 1024 * 1024))
	nothing_stray
}

test_binary() {
	submit -- printf '\000\001\377\033[31m\n\r\n'
	once
	ok nfsq log 1
	printf '\000\001\377\033[31m\n\r\n' >"$W/want"
	cmp "$W/out" "$W/want" || fail "log changed bytes"
	ok nfsq log --raw 1
	cmp "$W/out" "$W/want" || fail "log --raw changed bytes"
	command -v script >/dev/null || return 0
	script -qec "nfsq log 1" /dev/null >"$W/tty" </dev/null
	if grep -q "$(printf '\001')" "$W/tty"; then
		fail "a raw control on a terminal"
	fi
	grep -q "$(printf '\033')\[31m" "$W/tty" || fail "no colour passes"
}

test_follow() {
	worker w
	submit -- sh -c 'echo one; until [ -e go1 ]; do sleep 0.05; done
		echo two; until [ -e go2 ]; do sleep 0.05; done; printf three'
	nfsq log -f 1 >"$W/follow" 2>"$W/follow.err" &
	_f=$!
	until_ok 10 "the first line is followed" has_line "$W/follow" one
	ok nfsq log 1
	out_is one
	: >go1
	until_ok 10 "the second is" has_line "$W/follow" two
	! gone "$_f" || fail "log -f ended early"
	: >go2
	until_ok 10 "log -f ends" gone "$_f"
	wait "$_f" || fail "log -f failed"
	same "followed" "$(cat "$W/follow")" 'one
two
three'
	[ ! -s "$W/follow.err" ] || fail "$(cat "$W/follow.err")"
	ok nfsq log -f 1
	out_is 'one
two
three'
	worker_stop w
}

test_follow_waiting() {
	submit -H -- echo late
	nfsq log -f 1 >"$W/follow" 2>"$W/follow.err" &
	_f=$!
	ok nfsq release 1
	once
	until_ok 10 "log -f ends" gone "$_f"
	same "followed" "$(cat "$W/follow")" late
	submit -H -- echo never
	nfsq log -f 2 >"$W/follow" 2>"$W/follow.err" &
	_f=$!
	ok nfsq cancel 2
	until_ok 10 "log -f ends" gone "$_f"
	_s=0
	wait "$_f" || _s=$?
	same "its status" "$_s" 1
}

test_attempts() {
	submit -e err -- sh -c 'echo "try $NFSQ_ATTEMPT"; echo "e $NFSQ_ATTEMPT" >&2'
	submit -- sh -c 'echo "try $NFSQ_ATTEMPT"'
	once
	ok nfsq requeue 1 2
	once
	wait_for 0 1 2
	log_is 2 'try 2'
	ok nfsq log --attempt 1 2
	out_is 'try 1'
	ok nfsq log --attempt 2 2
	out_is 'try 2'
	failure nfsq log --attempt 3 2
	usage_error nfsq log --attempt 0 2
	ok nfsq log --attempt 1 1
	out_is 'try 1'
	same err "$(cat err)" 'e 2'
	fsck_clean
}

test_cancelled_between_attempts() {
	worker w
	submit -o f.txt -- sh -c 'echo part; sleep 60'
	until_ok 10 "it writes" grep -q part f.txt
	ok nfsq requeue --hold 1
	until_ok 10 "it is held" field_is state 1 held
	same "f.txt of the held job" "$(cat f.txt)" part
	ok nfsq cancel 1
	same "f.txt of the cancelled job" "$(cat f.txt)" part
}

same_stdout() {			# PID PID: a condition
	[ "$(readlink "/proc/$1/fd/1")" = "$(readlink "/proc/$2/fd/1")" ]
}

# Who was handed a job's output and is no part of the job keeps nobody waiting.
test_foreign_writer() {
	submit -- sh -c 'echo mine; echo $$ >pid.new; mv pid.new pid
		until [ -e going ]; do sleep 0.05; done'
	worker w
	until_ok 20 "the job runs" test -e pid
	# Several, so that the pipe is never empty.
	_y=''
	for _i in 1 2 3; do
		yes theirs >"/proc/$(cat pid)/fd/1" 2>/dev/null &
		_y="$_y $!"
	done
	for _i in $_y; do
		until_ok 10 "the others write" same_stdout "$_i" "$(cat pid)"
	done
	touch going
	wait_for 0 1
	for _i in $_y; do
		until_ok 10 "the others have lost their pipe" gone "$_i"
	done
	same "the first line" "$(nfsq log --raw 1 | head -n 1)" mine
}

checks patterns separate_and_merged link_while_running devices open_mode \
	cancelled_between_attempts foreign_writer foreign_link large binary \
	follow follow_waiting attempts

#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-bad.sh - bad input: one clear line, the right exit status, nothing lost
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

commands='submit ls status show log wait cancel hold release requeue signal
workers drain undrain stop purge fsck run'

# with_words COMMAND: sets $words, so that only the spool can be wrong
with_words() {
	case $1 in
	submit | run) words='true' ;;
	show | log | wait | cancel | hold | release | requeue) words='1' ;;
	signal) words='TERM 1' ;;
	drain | undrain | stop) words='w' ;;
	*) words='' ;;
	esac
}

# each PATTERN: every command fails with one line that says so.
each() {
	for _c in $commands; do
		with_words "$_c"
		# shellcheck disable=SC2086 # words are wanted
		failure nfsq "$_c" $words
		no_out
		err_has "$1"
	done
	failure nfsq-worker --once
	err_has "$1"
}

test_no_spool() {
	unset NFSQ_SPOOL
	each 'nfsq init DIR'
	NFSQ_SPOOL=$W/not/there
	export NFSQ_SPOOL
	each 'no spool'
	[ ! -e "$W/not" ] || fail "something was made"
}

test_no_spool_but_dir() {
	mkdir "$W/plain"
	: >"$W/plain/mine"
	NFSQ_SPOOL=$W/plain
	each 'is no spool'
	same "what is there" "$(ls -A "$W/plain")" mine
	NFSQ_SPOOL=$W/plain/mine
	each 'no directory'
}

test_format_2() {
	submit -- true
	sed 's/^format = 1;/format = 2;/' "$W/spool/nfsq.conf" >"$W/conf"
	cat "$W/conf" >"$W/spool/nfsq.conf"
	find "$W/spool" | sort >"$W/before"
	each 'format'
	find "$W/spool" | sort >"$W/after"
	cmp -s "$W/before" "$W/after" || fail "something was changed"
	echo 'no conf at all {' >"$W/spool/nfsq.conf"
	each "$W/spool"
	: >"$W/spool/nfsq.conf"
	each "$W/spool"
}

# A worker that runs drains when the format changes.
test_format_changes() {
	worker w
	submit -- true
	wait_for 0 1
	sed 's/^format = 1;/format = 2;/' "$W/spool/nfsq.conf" >"$W/conf"
	cp "$W/spool/nfsq.conf" "$W/conf1"
	cat "$W/conf" >"$W/spool/nfsq.conf"
	until_ok 15 "the worker notices" grep -q format "$W/w.werr"
	cat "$W/conf1" >"$W/spool/nfsq.conf"
	until_ok 15 "it has drained" gone "$worker_pid"
	rm "$W/w.pid"
	foreseen w 'nfsq-worker: .*format'
}

test_permission() {
	[ "$(id -u)" -ne 0 ] || return 0
	submit -- true
	chmod 000 "$W/spool"
	each "$W/spool"
	chmod 500 "$W/spool"
	chmod 500 "$W/spool/queue" "$W/spool/seq" "$W/spool/tmp" \
		"$W/spool/workers"
	failure nfsq submit -- true
	err_has 'Permission denied'
	failure nfsq-worker --once
	ok nfsq ls
	ok nfsq show 1
	chmod 700 "$W/spool" "$W/spool/queue" "$W/spool/seq" "$W/spool/tmp" \
		"$W/spool/workers"
	once
	wait_for 0 1
	fsck_clean
}

test_others_may_write() {
	chmod 777 "$W/spool"
	each 'others'
	chmod 700 "$W/spool"
	ok nfsq ls
}

test_options() {
	for _c in init $commands; do
		usage_error nfsq "$_c" --no-such-option
		err_has 'no-such-option'
		usage_error nfsq "$_c" -Z
		err_has '-Z'
	done
	usage_error nfsq nonsense
	err_has nonsense
	usage_error nfsq --no-such-option
	usage_error nfsq ls --state
	usage_error nfsq ls --json=yes
	usage_error nfsq-worker --no-such-option
	usage_error nfsq-worker stray
	usage_error nfsq status stray
	usage_error nfsq submit --no-such -- true
	ok nfsq ls --no-header
	no_out
	for _v in 0 -1 1x '' 99999999999999999999 1.5; do
		usage_error nfsq submit --cpus "$_v" -- true
		usage_error nfsq submit --time "$_v" -- true
		usage_error nfsq submit --kill-grace "$_v" -- true
		usage_error nfsq-worker --cpus "$_v"
		usage_error nfsq-worker --idle-exit "$_v"
	done
}

test_ids() {
	submit -n twin -- true
	submit -n twin -- true
	for _i in 3 0 99999999999999999999999 nobody 1x; do
		failure nfsq show "$_i"
		failure nfsq log "$_i"
		failure nfsq cancel "$_i"
		run 1 nfsq wait --timeout 1s "$_i"
		err_lines 1
	done
	failure nfsq show twin
	err_has '1'
	err_has '2'
	run 1 nfsq show 1 99
	out_has '^job 1$'
	err_lines 1
	run 1 nfsq show "$(printf '\033[31mred')"
	if grep -q "$(printf '\033')" "$W/err"; then
		fail "a raw escape on standard error"
	fi
}

test_output_trouble() {
	submit -- true
	once
	for _c in 'ls' 'show 1' 'status' 'workers' '--help' 'help ls' 'log -h' \
		'--version' 'ls --json' 'fsck'; do
		run 1 sh -c "nfsq $_c >/dev/full"
		err_lines 1
		err_has 'No space left'
		run 0 sh -c "nfsq $_c | :"
		no_err
	done
	run 1 sh -c "nfsq submit -- true >/dev/full"
	err_has 'No space left'
	submit -- sh -c 'yes | head -c 1M'
	once
	run 0 sh -c 'nfsq log 3 | head -n 1'
	out_is y
	no_err
	run 1 sh -c 'nfsq log 3 >/dev/full'
	err_lines 1
	run 1 sh -c 'nfsq ls >&-'
}

body_of() {
	find "$W/spool/jobs" -name "$1.*" -type f
}

test_corrupt_body() {
	for _i in 1 2 3 4 5; do
		submit -n "job$_i" -- true
	done
	head -c 40 "$(body_of 1)" >"$W/short"
	cat "$W/short" >"$(body_of 1)"
	sed '1i @include "/etc/passwd"' "$(body_of 2)" >"$W/incl"
	cat "$W/incl" >"$(body_of 2)"
	_b=$(body_of 3)
	mv "$_b" "$W/body3"
	ln -s "$W/body3" "$_b"
	: >"$(body_of 4)"
	run 1 nfsq fsck
	for _i in 1 2 4; do
		out_has "queue/[^/]*/$_i\\..*does not parse"
	done
	out_has "jobs/0/3\\..*is no regular file"
	run 0 nfsq-worker -q --once --poll 50ms
	for _i in 1 2 3 4; do
		check_field state "$_i" corrupt
		run 125 nfsq wait --timeout 5s "$_i"
		run 0 nfsq show "$_i"
	done
	check_field state 5 'done'
	ok nfsq ls
	failure nfsq requeue 1
	err_has corrupt
}

test_unknown_setting() {
	submit -- true
	submit -- true
	_b=$(body_of 1)
	sed '1a future_setting = 3;' "$_b" >"$W/b"
	cat "$W/b" >"$_b"
	run 0 nfsq-worker -q --once --poll 50ms
	check_field state 1 queued
	check_field state 2 'done'
}

# Names, files and links that nfsq did not make: ignored, reported, never
# followed, never printed raw.
test_foreign() {
	submit -- true
	_esc=$(printf 'evil\033]0;x\007')
	_s=$W/spool
	echo precious >"$W/precious"
	: >"$_s/$_esc"
	: >"$_s/queue/$_esc"
	: >"$_s/done/$_esc"
	mkdir "$_s/workers/$_esc"
	: >"$_s/seq/$_esc"
	: >"$_s/tomb/$_esc"
	mkdir -p "$_s/done/0" "$_s/failed/0" "$_s/out/0"
	ln -s "$W/precious" "$_s/done/0/$_esc"
	ln -s "$W/precious" "$_s/out/0/stray"
	: >"$_s/jobs/0/$_esc"
	ln -s / "$_s/held/0"
	ln -s /etc/passwd "$(echo "$_s"/queue/0.*)/notajob"
	for _c in ls status workers 'ls --all --json'; do
		# shellcheck disable=SC2086 # words are wanted
		run 0 nfsq $_c
		if grep -q "$(printf '\033')" "$W/out" "$W/err"; then
			fail "a raw escape from $_c"
		fi
	done
	run 0 nfsq-worker -q --once --poll 50ms
	wait_for 0 1
	submit -- true
	run 0 nfsq-worker -q --once --poll 50ms
	wait_for 0 2
	run 1 nfsq fsck
	if grep -q "$(printf '\033')" "$W/out" "$W/err"; then
		fail "a raw escape from fsck"
	fi
	for _d in 'queue/' 'done/' 'workers/' 'seq/' 'tomb/' 'done/0/' \
		'jobs/0/' ; do
		out_has "^.*$_d.*evil"
	done
	out_has '^[^/]*evil'
	out_has 'out/0/stray'
	out_has 'notajob'
	out_has 'held/0'
	same "the file outside" "$(cat "$W/precious")" precious
	run 0 nfsq purge --older-than 1ms
	same "the file outside" "$(cat "$W/precious")" precious
	[ -h "$_s/out/0/stray" ] || fail "a foreign link was removed"
}

# Two tokens of a job, no counter, wrong modes: fsck says each.
test_fsck() {
	submit -- true
	once
	fsck_clean
	_t=$(find "$W/spool/done" -name '1.*')
	chmod 666 "$(body_of 1)"
	run 1 nfsq fsck
	out_has 'mode'
	chmod 600 "$(body_of 1)"
	fsck_clean
	_c=$(ls "$W/spool/seq")
	rm "$W/spool/seq/$_c"
	run 1 nfsq fsck
	out_has '^seq'
	failure nfsq submit -- true
	ln -s next "$W/spool/seq/1.0000000000"
	run 1 nfsq fsck
	out_has '^seq'
	mv "$W/spool/seq/1.0000000000" "$W/spool/seq/2.0000000000"
	fsck_clean
	mv "$(body_of 1)" "$W/body"
	run 1 nfsq fsck
	out_has '^done/0/1\.'
	usage_error nfsq fsck stray
	[ -n "$_t" ] || fail "no token"
}

checks no_spool no_spool_but_dir format_2 format_changes permission \
	others_may_write options ids output_trouble corrupt_body \
	unknown_setting foreign fsck

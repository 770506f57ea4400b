#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-basic.sh - init, and a job's way from submit to its log
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

test_init() {
	run 0 nfsq init "$W/new"
	out_has "^spool = \"$W/new\";$"
	same "mode" "$(stat -c %a "$W/new")" 700
	same "mode of queue" "$(stat -c %a "$W/new/queue")" 700
	same "mode of nfsq.conf" "$(stat -c %a "$W/new/nfsq.conf")" 600
	head -n 1 "$W/new/nfsq.conf" | grep -q '^format = 1;' ||
		fail "nfsq.conf does not begin with its format"
	[ ! -e "$W/no.conf" ] || fail "wrote the file of NFSQ_CONFIG"
	find "$W/new" | sort >"$W/before"
	run 0 nfsq init "$W/new"
	no_out
	err_has 'is a spool already'
	find "$W/new" | sort >"$W/after"
	cmp -s "$W/before" "$W/after" || fail "a second init changed something"
	run 0 nfsq -S "$W/new" fsck
	out_has '^clean: 0 jobs'
}

test_init_empty_dir() {
	mkdir "$W/empty"
	run 0 nfsq init "$W/empty"
	[ -d "$W/empty/queue" ] || fail "no spool in an empty directory"
	mkdir "$W/full"
	: >"$W/full/mine"
	failure nfsq init "$W/full"
	err_has 'not empty'
	same "what is there" "$(ls "$W/full")" mine
	failure nfsq init "$W/full/mine"
	failure nfsq init "$W/not/there/spool"
	usage_error nfsq init
	usage_error nfsq init "$W/a" "$W/b"
	usage_error nfsq init --lease 0 "$W/a"
	usage_error nfsq init --lease -5 "$W/a"
	usage_error nfsq init --lease 3x "$W/a"
	[ ! -e "$W/a" ] || fail "a wrong lease made a spool all the same"
}

test_init_group() {
	umask 077
	run 0 nfsq init --group "$W/group"
	err_has 'run commands as'
	same "mode" "$(stat -c %a "$W/group")" 2770
	same "mode of queue" "$(stat -c %a "$W/group/queue")" 2770
	same "mode of nfsq.conf" "$(stat -c %a "$W/group/nfsq.conf")" 660
	NFSQ_SPOOL=$W/group
	export MY_TOKEN=abc MY_PLAIN=def
	run 0 nfsq submit -- true
	err_has 'MY_TOKEN'
	if grep -rq MY_TOKEN "$W/group/jobs"; then
		fail "a secret is stored in a group spool"
	fi
	grep -rq MY_PLAIN "$W/group/jobs" || fail "an innocent one is not"
	run 0 nfsq submit --env MY_TOKEN -- true
	no_err
	grep -rq MY_TOKEN "$W/group/jobs" || fail "--env does not take one"
	find "$W/group" -type f ! -perm 660 >"$W/bad"
	find "$W/group" -type d ! -perm 2770 >>"$W/bad"
	[ ! -s "$W/bad" ] || fail "mode: $(cat "$W/bad")"
	if [ "$(id -u)" -eq 0 ]; then
		failure nfsq-worker --once
		err_has 'root'
	else
		once
		wait_for 0 1 2
	fi
}

test_default() {
	unset NFSQ_CONFIG NFSQ_SPOOL
	XDG_CONFIG_HOME=$W/home/.config
	export XDG_CONFIG_HOME
	run 0 nfsq init "$W/mine"
	err_has 'default'
	grep -q "^spool = \"$W/mine\";" "$W/home/.config/nfsq/nfsq.conf" ||
		fail "the default is not stored"
	ok nfsq submit -- true
	out_is 1
	run 0 nfsq init "$W/second"
	out_has "^spool = \"$W/second\";"
	grep -q "mine" "$W/home/.config/nfsq/nfsq.conf" ||
		fail "a second init changed the default"
	unset XDG_CONFIG_HOME
	ok nfsq submit -- true
	out_is 2
	NFSQ_SPOOL=$W/second
	export NFSQ_SPOOL
	ok nfsq submit -- true
	out_is 1
	ok nfsq -S "$W/mine" submit -- true
	out_is 3
	ok nfsq submit -S "$W/mine" -- true
	out_is 4
}

test_relative() {
	cd "$W"
	unset NFSQ_SPOOL
	mkdir "a b"
	run 0 nfsq init "a b/rel"
	out_has "$W/a b/rel"
	ok nfsq -S "a b/rel" submit -- sh -c 'echo "$NFSQ_SPOOL"'
	once -S "a b/rel"
	ok nfsq -S "a b/rel" log 1
	out_is "$W/a b/rel"
}

test_way() {
	submit -- sh -c 'echo hello; echo there >&2'
	same id "$id" 1
	check_field state 1 queued
	ok nfsq log -h
	failure nfsq log 1
	err_has 'not started'
	once
	wait_for 0 1
	log_is 1 'hello
there'
	check_field state 1 'done'
	check_field reason 1 exit:0
	check_field exit_code 1 0
	check_field attempt 1 1
	ok nfsq ls
	out_has '^ *1 .* done '
	ok nfsq show 1
	out_has '^job 1$'
	out_has 'hello; echo there'
	ok nfsq status
	out_has '1 done'
	once
	fsck_clean
}

test_ids() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		submit -n "job$i" -- true
		same id "$id" "$i"
	done
	once
	wait_for 0 1 2 3 4 5 6 7 8 9 10
	wait_for 0 job7
	wait_for 0 last
	ok nfsq ls --no-header -o id
	out_is '1
2
3
4
5
6
7
8
9
10'
	ok nfsq ls --no-header -o id,name 3 job9
	out_is '3	job3
9	job9'
	ok nfsq ls --no-header -o id --name 'job1*'
	out_is '1
10'
}

test_parallel_submits() {
	for i in 1 2 3 4 5 6 7 8; do
		(
			for k in 1 2 3 4 5; do
				nfsq submit -n "p$i.$k" -- true || echo bad
			done
		) >"$W/ids.$i" 2>&1 &
	done
	wait
	sort -n "$W"/ids.* >"$W/ids"
	same "number of ids" "$(sort -nu "$W/ids" | wc -l)" 40
	if grep -q '[^0-9]' "$W/ids"; then
		fail "a submit failed: $(grep '[^0-9]' "$W/ids" | head -n 1)"
	fi
	once
	same "done" "$(nfsq ls --no-header -o id --state 'done' | wc -l)" 40
	fsck_clean
}

test_ls_filters() {
	submit -n one --label kind=a -- true
	submit -n two --label kind=b -- false
	submit -n three -H -- true
	once
	run 1 nfsq wait two
	ok nfsq ls --no-header -o name --state failed
	out_is two
	ok nfsq ls --no-header -o name --state held,failed
	out_is 'two
three'
	ok nfsq ls --no-header -o name --label kind=a
	out_is one
	ok nfsq ls --no-header -o name --user "$(id -un)" --mine
	same lines "$(wc -l <"$W/out")" 3
	ok nfsq ls --no-header -o name --user nobody-there
	no_out
	usage_error nfsq ls --state nonsense
	usage_error nfsq ls -o nonsense
	failure nfsq ls 99
	run 1 nfsq ls --no-header -o id 1 99
	out_is 1
	err_lines 1
	wait_for 1 1 2
	run 124 nfsq wait --timeout 1s 3
	err_lines 1
	run 0 nfsq wait --any --timeout 5s 1 3
}

test_purge() {
	submit -- sh -c 'exit 7'
	once
	wait_for 7 1
	ok nfsq purge --dry-run --older-than 1h
	ok nfsq ls 1
	until_ok 10 "purge" sh -c 'nfsq purge --older-than 1ms &&
		[ -z "$(ls -A "$NFSQ_SPOOL/out/0" 2>/dev/null)" ]'
	wait_for 7 1
	failure nfsq log 1
	err_has purged
	fsck_clean
	usage_error nfsq purge --older-than 0
	submit -- true
	same "id after purge" "$id" 2
}

test_wait_option() {
	worker w
	run 5 nfsq submit --wait -- sh -c 'exit 5'
	no_err
	out_is 1
	run 0 nfsq submit -w -- true
	out_is 2
	worker_stop w
}

test_clean_wait() {
	worker w
	submit -- sh -c 'echo out; echo err >&2'
	wait_for 0 1
	ok nfsq wait --json 1
	out_has '"state": "done"'
	run 0 nfsq wait --progress 1
	failure nfsq wait 9
	err_has 9
	failure nfsq wait nobody
	run 1 nfsq wait 1 9
	err_lines 1
	usage_error nfsq wait
}

checks init init_empty_dir init_group default relative way ids \
	parallel_submits ls_filters purge wait_option clean_wait

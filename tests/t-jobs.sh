#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-jobs.sh - what a job is given, and that all of it ends
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

test_cwd() {
	submit -- pwd
	mkdir "$W/other dir"
	submit -D "$W/other dir" -- sh -c 'pwd; echo "$PWD"; echo "$NFSQ_SUBMIT_DIR"'
	submit -D ../home -- pwd
	once
	log_is 1 "$W/dir"
	log_is 2 "$W/other dir
$W/other dir
$W/dir"
	log_is 3 "$W/home"
	mkdir "$W/gone"
	submit -D "$W/gone" -- pwd
	rmdir "$W/gone"
	run 0 nfsq-worker --once --poll 50ms -q
	wait_for 125 4
	check_field reason 4 chdir
	fsck_clean
}

test_words() {
	_nl='two
lines'
	_bad=$(printf '\377\376x')
	# shellcheck disable=SC2016 # nothing may be expanded
	submit -- printf '<%s>\n' 'a b' '' "it's" '"quoted"' 'back\slash' \
		'$HOME `id` *' "$_nl" "$_bad" '-n' "	tab"
	once
	wait_for 0 1
	ok nfsq log 1
	# shellcheck disable=SC2016
	printf '<%s>\n' 'a b' '' "it's" '"quoted"' 'back\slash' \
		'$HOME `id` *' "$_nl" "$_bad" '-n' "	tab" >"$W/want"
	cmp "$W/out" "$W/want" || fail "the words are not the same"
	ok nfsq show 1
	ok nfsq ls --full 1
	fsck_clean
}

test_odd_names() {
	_bad=$(printf 'cmd\377\033[31m')
	echo '#!/bin/sh' >"$W/dir/$_bad"
	chmod 755 "$W/dir/$_bad"
	submit -- "./$_bad"
	once
	wait_for 0 1
	ok nfsq ls
	for _c in ls show status; do
		if [ "$_c" = show ]; then
			run 0 nfsq show 1
		else
			run 0 nfsq "$_c"
		fi
		if grep -q "$(printf '\033')" "$W/out"; then
			fail "a raw escape in the output of $_c"
		fi
	done
	for _n in last 1abc -x a/b "$(printf 'a\nb')" ''; do
		usage_error nfsq submit --name "$_n" -- true
	done
	submit --name 'ok name.é' -- true
	once
	wait_for 0 'ok name.é'
}

test_long() {
	_long=$(printf '%0100000d' 1)
	submit -- sh -c "printf %s \"\${1}\" | wc -c" sh "$_long"
	once
	log_is 1 100000
	_n=$(printf '%0200d' 2)
	submit -n "n$(printf '%0190d' 2)" -- true
	usage_error nfsq submit -n "n$_n$_n" -- true
}

test_kill_grace() {
	worker w
	submit --kill-grace 1s -- sh -c 'trap "" TERM; echo up
		while :; do sleep 4712.1; done'
	until_ok 10 "the job is up" sh -c 'nfsq log 1 | grep -q up'
	_t=$(now_ms)
	ok nfsq cancel --wait 1
	_t=$(($(now_ms) - _t))
	[ "$_t" -ge 900 ] || fail "killed after $_t ms, grace is 1 s"
	[ "$_t" -le 6000 ] || fail "killed after $_t ms only"
	wait_for 130 1
	until_ok 2 "no process is left" no_cmd 'sleep 4712.1'
	worker_stop w
}

test_daemon() {
	submit -- sh -c 'setsid sleep 4712.2 >/dev/null 2>&1 &
		setsid sh -c "sleep 4712.3 & setsid sleep 4712.4 &" &
		(trap "" TERM HUP; exec sleep 4712.5) & exit 4'
	once
	wait_for 4 1
	until_ok 2 "no process is left" no_cmd 'sleep 4712\.[2-5]'
	# a job that becomes a daemon at once
	submit -- sh -c '(setsid sh -c "trap \"\" TERM; sleep 4712.6; :" &)'
	once
	wait_for 0 2
	until_ok 2 "no process is left" no_cmd 'sleep 4712.6'
	fsck_clean
}

test_no_descriptor() {
	cat >"$W/fds" <<'S'
#!/bin/sh
ls -l /proc/self/fd | sed -n 's/.* \([0-9]*\) -> .*/\1/p' | sort -n
S
	chmod 755 "$W/fds"
	submit -- "$W/fds"
	exec 7</dev/null 8</etc/passwd
	once
	wait_for 0 1
	ok nfsq log 1
	# 3 is the folder that ls reads
	out_is '0
1
2
3'
	exec 7<&- 8<&-
}

test_stdin() {
	submit -- sh -c 'wc -c; readlink /proc/self/fd/0'
	echo 'some input' >"$W/in put"
	submit -i "$W/in put" -- cat
	printf 'by id' >"$W/dir/in.3"
	submit --input in.%j -- cat
	once
	log_is 1 '0
/dev/null'
	log_is 2 'some input'
	log_is 3 'by id'
}

test_umask() {
	(umask 027 && nfsq submit -- sh -c umask) >/dev/null
	(umask 002 && nfsq submit -- sh -c umask) >/dev/null
	(umask 077 && once)
	ok nfsq log 1
	out_has '^0*27$'
	ok nfsq log 2
	out_has '^0*2$'
}

test_signals_and_limits() {
	# TERM and INT ignored here must not be so there
	(
		trap '' HUP INT QUIT USR1
		nfsq submit -- sh -c \
			'sed -n "s/^Sig\(Blk\|Ign\):[[:space:]]*//p" /proc/self/status
			ulimit -c; ps -o tty= -p $$ | tr -d " "
			[ "$(ps -o sid= -p $$ | tr -d " ")" = $$ ] && echo leader' \
			>/dev/null
		nfsq-worker --once --poll 50ms
	)
	ok nfsq log 1
	out_is '0000000000000000
0000000000000000
0
?
leader'
}

test_environment() {
	export MINE='value of it
c' SSH_AUTH_SOCK=x DISPLAY=:9 XDG_SESSION_ID=4 TMUX_PANE=1 TMPDIR=/tmp
	export NFSQ_JOB_ID=77 NFSQ_TASK_ID=7 NFSQ_ATTEMPT=9 LISTEN_FDS=1
	export CUDA_VISIBLE_DEVICES=0 WINDOWID=3 INVOCATION_ID=5 STY=x
	submit -n envjob -c 1 -- env -0
	submit --env DISPLAY --env NEW=val --env MINE=other -- env
	unset MINE SSH_AUTH_SOCK DISPLAY XDG_SESSION_ID TMUX_PANE TMPDIR
	unset NFSQ_JOB_ID NFSQ_TASK_ID NFSQ_ATTEMPT LISTEN_FDS WINDOWID
	unset CUDA_VISIBLE_DEVICES INVOCATION_ID STY
	OTHER=worker once --name envworker
	wait_for 0 1 2
	ok nfsq log 1
	tr '\n\0' '~\n' <"$W/out" >"$W/env"
	has_line "$W/env" 'MINE=value of it~c' || fail "a variable is not the same"
	has_line "$W/env" "NFSQ_JOB_ID=1" || fail "NFSQ_JOB_ID"
	has_line "$W/env" "NFSQ_ATTEMPT=1" || fail "NFSQ_ATTEMPT"
	has_line "$W/env" "NFSQ_SPOOL=$W/spool" || fail "NFSQ_SPOOL"
	has_line "$W/env" "NFSQ_WORKER=envworker" || fail "NFSQ_WORKER"
	has_line "$W/env" "NFSQ_CPUS=1" || fail "NFSQ_CPUS"
	has_line "$W/env" "OMP_NUM_THREADS=1" || fail "OMP_NUM_THREADS"
	has_line "$W/env" "NFSQ_SUBMIT_DIR=$W/dir" || fail "NFSQ_SUBMIT_DIR"
	has_line "$W/env" "NFSQ_SUBMIT_HOST=$(hostname)" ||
		fail "NFSQ_SUBMIT_HOST"
	has_line "$W/env" "NFSQ_JOB_NAME=envjob" || fail "NFSQ_JOB_NAME"
	for _v in SSH_AUTH_SOCK DISPLAY XDG_SESSION_ID TMUX_PANE TMPDIR \
		NFSQ_TASK_ID LISTEN_FDS CUDA_VISIBLE_DEVICES WINDOWID \
		INVOCATION_ID STY XDG_RUNTIME_DIR OTHER; do
		if grep -q "^$_v=" "$W/env"; then fail "$_v is given"; fi
	done
	ok nfsq log 2
	has_line "$W/out" 'DISPLAY=:9' || fail "--env DISPLAY"
	has_line "$W/out" 'NEW=val' || fail "--env NEW=val"
	has_line "$W/out" 'MINE=other' || fail "--env MINE=other"
	usage_error nfsq submit --env NOT_SET_HERE -- true
	usage_error nfsq submit --env =x -- true
	ok nfsq show 1
	out_has MINE
	if grep -q 'value of it' "$W/out"; then fail "show shows a value"; fi
}

test_no_env() {
	export MINE=yes
	submit --no-env --env TAKEN=1 -- env
	HOME=$W/home2 LANG=C OTHER=1 once
	ok nfsq log 1
	if grep -q '^MINE=' "$W/out"; then fail "MINE is given"; fi
	has_line "$W/out" 'TAKEN=1' || fail "--env is not given"
	has_line "$W/out" "HOME=$W/home2" || fail "the worker's HOME is not"
	has_line "$W/out" 'LANG=C' || fail "the worker's LANG is not"
	if grep -q '^OTHER=' "$W/out"; then fail "OTHER of the worker is"; fi
	grep -q '^PATH=' "$W/out" || fail "no PATH"
}

test_env_exclude() {
	echo 'env_exclude = [ "MY_*" ];' >"$W/no.conf"
	export MY_A=1 NOT_MY=2
	submit -- env
	once
	ok nfsq log 1
	if grep -q '^MY_A=' "$W/out"; then fail "MY_A is given"; fi
	has_line "$W/out" 'NOT_MY=2' || fail "NOT_MY is not given"
}

test_path() {
	mkdir "$W/bin"
	printf '#!/bin/sh\necho found\n' >"$W/bin/my-own-command"
	chmod 755 "$W/bin/my-own-command"
	PATH=$W/bin:$PATH nfsq submit -- my-own-command >/dev/null
	once
	log_is 1 found
}

checks cwd words odd_names long kill_grace daemon no_descriptor stdin umask \
	signals_and_limits environment no_env env_exclude path

#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-full.sh - a disk that gets full, and one that cannot be written
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# Once more in a mount name space of our own, where we may mount.
if [ -z "${NFSQ_MOUNTS:-}" ]; then
	NFSQ_MOUNTS=yes
	export NFSQ_MOUNTS
	mkdir -p "$NFSQ_BUILD/tests"
	for _how in "-m" "-rm"; do
		# shellcheck disable=SC2016 # by that sh
		if unshare "$_how" sh -c 'd=$(mktemp -d "$1/tmp.XXXXXX") || exit 1
			mount -t tmpfs none "$d"; r=$?
			[ $r = 0 ] && umount "$d"; rmdir "$d"; exit $r' \
			sh "$NFSQ_BUILD/tests" 2>/dev/null; then
			exec unshare "$_how" sh "$0"
		fi
	done
	skip "cannot mount a tmpfs here"
fi

clean_up() {
	umount "$W/small" 2>/dev/null || :
}

# small SIZE: the spool is on a tmpfs of that size
small() {
	mkdir "$W/small"
	mount -t tmpfs -o "size=$1,mode=700" none "$W/small"
	NFSQ_SPOOL=$W/small/spool
	run 0 nfsq init --lease 3s "$NFSQ_SPOOL"
}

fill() {
	# also the last page
	cat /dev/zero >"$W/small/fill" 2>/dev/null || :
}

test_submit() {
	small 1M
	submit -- true
	fill
	find "$NFSQ_SPOOL" | sort >"$W/before"
	_full=no
	for _i in 1 2 3; do
		_s=0
		nfsq submit -- true >"$W/out" 2>"$W/err" || _s=$?
		[ "$_s" != 0 ] || continue
		_full=yes
		same "exit status" "$_s" 1
		err_lines 1
		err_has 'No space left'
		no_out
	done
	same "a submit failed" "$_full" yes
	ok nfsq ls
	ok nfsq show 1
	rm "$W/small/fill"
	submit -- true
	once
	wait_for 0 1 "$id"
	fsck_clean
	umount "$W/small"
}

# Inodes run out before the bytes do.
test_inodes() {
	mkdir "$W/small"
	mount -t tmpfs -o "size=4M,nr_inodes=60,mode=700" none "$W/small"
	NFSQ_SPOOL=$W/small/spool
	run 0 nfsq init --lease 3s "$NFSQ_SPOOL"
	_n=0
	while nfsq submit -- true >"$W/out" 2>"$W/err"; do
		_n=$((_n + 1))
		[ "$_n" -lt 60 ] || fail "no end of inodes"
	done
	err_lines 1
	err_has 'No space left'
	same "queued" "$(nfsq ls --no-header -o id --state queued | wc -l)" "$_n"
	ok nfsq cancel --state queued
	same "cancelled" \
		"$(nfsq ls --no-header -o id --state cancelled | wc -l)" "$_n"
	fsck_clean
	umount "$W/small"
}

test_job() {
	small 2M
	head -c 64k /dev/zero >"$W/small/ballast"
	submit -- sh -c 'head -c 8M /dev/zero; exit 0'
	submit -- sh -c 'head -c 8M /dev/zero 2>/dev/null; exit 3'
	worker w --cpus 1
	until_ok 20 "the disk is full" sh -c \
		'grep -q "No space" "$1" || nfsq ls --no-header -o state 1 |
			grep -q failed' sh "$W/w.werr"
	# The worker goes on when the disk does.
	rm "$W/small/ballast"
	until_ok 20 "both have ended" sh -c \
		'[ "$(nfsq ls --no-header -o id --state failed | wc -l)" = 2 ]'
	check_field reason 1 output
	check_field reason 2 output
	run 125 nfsq wait 1 2
	rm -f "$NFSQ_SPOOL"/out/0/*.out
	submit -- echo fits
	wait_for 0 3
	log_is 3 fits
	kill -TERM "$worker_pid"
	worker_ends w 0 15
	foreseen w 'No space left\|cannot\|output'
	umount "$W/small"
}

# Attaches strace to all parts of worker $1, so that for them every directory is
# full; false where one may not do that.  What was refused is in $W/refused.
full_for() {
	# shellcheck disable=SC2046 # words are wanted
	strace -ttt -o "$W/refused" -e signal=none \
		-e trace=rename,renameat,renameat2,symlink,symlinkat,mkdir,mkdirat \
		-e inject=rename,renameat,renameat2,symlink,symlinkat,mkdir,mkdirat:error=ENOSPC \
		$(printf -- '-p %s ' $(cat "/proc/$1/task/$1/children")) \
		2>"$W/strace" 3>&- &
	strace_pid=$!
	until grep -q -s attached "$W/strace"; do
		kill -0 "$strace_pid" 2>/dev/null || return 1
		sleep 0.05
	done
}

refused() {			# how often
	grep -c INJECTED "$W/refused" || :
}

# A worker that cannot move anything tries less and less often, says so once,
# and goes on by itself.
test_back_off() {
	worker w --cpus 2
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 1
	if ! full_for "$worker_pid"; then
		echo "    (no strace: the back-off was not tried)"
		: >go
		wait_for 0 1
		worker_stop w
		return 0
	fi
	submit -- true
	submit -- true
	until_ok 10 "a claim is refused" sh -c '[ -s "$1" ]' sh "$W/refused"
	: >go
	sleep 10
	_n=$(refused)
	kill "$strace_pid"
	wait "$strace_pid" 2>/dev/null || :
	# a poll each 50 ms would be 200 tries; 0.5 1 2 4 8 s are 5, each of
	# them for the one that ended and for those that wait
	[ "$_n" -ge 2 ] || fail "nothing was refused"
	[ "$_n" -le 40 ] || fail "$_n calls on a full disk in 10 s"
	same "lines of the worker" "$(wc -l <"$W/w.werr")" 1
	grep -q 'No space left on device; trying again' "$W/w.werr" ||
		fail "it does not say what the trouble is"
	echo "    $_n calls were refused in 10 s, one line said so"
	wait_for 0 1 2 3
	same "lines of the worker" "$(wc -l <"$W/w.werr")" 1
	worker_stop w
	foreseen w 'No space left'
	fsck_clean
}

test_output_file() {
	mkdir "$W/small"
	mount -t tmpfs -o "size=64k,mode=700" none "$W/small"
	submit -o "$W/small/out.txt" -- sh -c 'head -c 1M /dev/zero; exit 0'
	run 0 nfsq-worker --once -q --poll 50ms
	wait_for 125 1
	check_field reason 1 output
	fsck_clean
	umount "$W/small"
}

test_read_only() {
	small 1M
	submit -- echo hello
	once
	mount -o remount,bind,ro "$W/small"
	failure nfsq submit -- true
	err_has 'Read-only file system'
	failure nfsq requeue 1
	failure nfsq-worker --once
	ok nfsq ls
	ok nfsq show 1
	log_is 1 hello
	wait_for 0 1
	ok nfsq status
	ok nfsq workers
	fsck_clean
	mount -o remount,bind,rw "$W/small"
	submit -- true
	once
	wait_for 0 2
	umount "$W/small"
}

checks submit inodes job back_off output_file read_only

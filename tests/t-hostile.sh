#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-hostile.sh - things in a spool that nfsq did not make: never followed,
# executed, waited on or printed raw; a worker runs other jobs on regardless
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

esc=$(printf '\033')
nl='
'
nonce=0123456789
uuid=01234567-89ab-cdef-0123-456789abcdef

# A folder outside whose state must stay as it is.
victim() {
	mkdir "$W/victim"
	echo precious >"$W/victim/precious"
	: >"$W/victim/lease"
	touch -d '3 days ago' "$W/victim/lease" "$W/victim"
	find "$W/victim" -printf '%p %s %m %u %T@\n' | sort >"$W/victim.was"
}

unharmed() {
	find "$W/victim" -printf '%p %s %m %u %T@\n' | sort >"$W/victim.is"
	cmp -s "$W/victim.was" "$W/victim.is" ||
		fail "changed outside: $(diff "$W/victim.was" "$W/victim.is")"
	same "the file outside" "$(cat "$W/victim/precious")" precious
}

body_of() {
	find "$W/spool/jobs" -name "$1.*" ! -name '*.in'
}

nonce_of() {
	basename "$(body_of "$1")" | cut -d. -f2
}

bucket() {
	echo "$W"/spool/queue/0.c1.0.*
}

# What was printed has no control character but newline and tab.
no_raw() {
	for _f in "$W/out" "$W/err" "$W"/*.werr; do
		[ -e "$_f" ] || continue
		if LC_ALL=C tr -d '\n\t' <"$_f" | LC_ALL=C grep -q '[[:cntrl:]]'
		then
			fail "raw bytes in ${_f##*/}"
		fi
	done
}

# Every command that looks: ends, and prints nothing raw.
look_all() {
	for _c in ls 'ls --all' 'ls --all --json' 'ls --all -o id,name,host' \
		status 'status --json' workers 'workers --json' fsck \
		'purge --dry-run'; do
		printf '%s\n' "nfsq $_c" >"$W/cmd"
		status=0
		# shellcheck disable=SC2086 # words are wanted
		timeout -k 2 20 nfsq $_c >"$W/out" 2>"$W/err" || status=$?
		[ "$status" -le 1 ] || fail "exit status $status of $_c"
		no_raw
		case $_c in
		*--json)
			python3 -c 'import json, sys; json.load(sys.stdin)' \
				<"$W/out" || fail "no JSON from $_c"
			;;
		esac
	done
	for _i in "$@"; do
		for _c in show 'show --json' log; do
			status=0
			# shellcheck disable=SC2086
			timeout -k 2 20 nfsq $_c "$_i" >"$W/out" 2>"$W/err" ||
				status=$?
			[ "$status" -le 1 ] || fail "exit $status of $_c $_i"
			no_raw
		done
	done
}

# A worker goes over it all, in bounded time.
work() {
	run 0 nfsq-worker -q --once --poll 50ms
	no_raw
}

test_tokens() {
	victim
	submit -- true
	_b=$(bucket)
	# names that are tokens', but not as nfsq writes them
	for _t in "9.$nonce.0,n=a,u=b" "9.$nonce.0,x=5" "09.$nonce.0" \
		"9.$nonce.0,n=%41" "9.$nonce.0,a=1,a=1" "9.$nonce.0$nl" \
		"9.$nonce.0,n=${esc}[31m" "$esc]0;x"; do
		ln -s "$W/victim/precious" "$_b/$_t"
	done
	# tokens without a body, of all types
	ln -s "$W/victim/precious" "$_b/11.$nonce.0,n=%1B%5B31m"
	mkfifo "$_b/12.$nonce.0"
	mkdir "$_b/13.$nonce.0"
	echo '#!/bin/sh' >"$_b/14.$nonce.0"
	ln "$W/victim/precious" "$_b/15.$nonce.0"
	ln -s "$W/victim" "$_b/16.$nonce.0"
	# of a later version
	ln -s x "$_b/17.$nonce.0,zz=1"
	# a bucket that is a link, one that is a file, one for others
	ln -s "$W/victim" "$W/spool/queue/0.c1.1.$nonce"
	: >"$W/spool/queue/0.c1.2.$nonce"
	: >"$W/spool/queue/5.c1.0.$nonce"
	mkfifo "$W/spool/queue/0.c1.3.$nonce"
	mkdir "$W/spool/queue/100.c1.4.$nonce"
	touch -d '3 days ago' "$W/victim/precious"
	find "$W/victim" -printf '%p %s %m %u %T@\n' | sort >"$W/victim.was"
	look_all 11 12 13 17
	work
	wait_for 0 1
	for _i in 11 12 13 14 15 16; do
		check_field state "$_i" corrupt
		run 125 nfsq wait --timeout 5s "$_i"
	done
	check_field state 17 queued
	failure nfsq cancel 17
	err_has 'newer nfsq'
	submit -p 5 -- true
	work
	wait_for 0 "$id"
	look_all 11 12 13 17
	run 1 nfsq fsck
	out_has 'queue/.*9\.'
	unharmed
	run 0 nfsq purge --older-than 1ms
	unharmed
}

test_bodies() {
	victim
	for _i in 1 2 3 4 5 6 7; do
		submit -- true
	done
	cat "$(body_of 6)" >"$W/good"
	for _i in 1 2 3 4 5 6; do
		_b=$(body_of "$_i")
		rm "$_b"
		case $_i in
		1) ln -s "$W/good" "$_b" ;;
		2) mkfifo "$_b" ;;
		3) mkdir "$_b" ;;
		4) truncate -s 1T "$_b" 2>/dev/null || truncate -s 1G "$_b" ;;
		5) ln "$W/victim/precious" "$_b" ;;
		6) mknod "$_b" c 1 5 2>/dev/null || ln -s /dev/zero "$_b" ;;
		esac
	done
	find "$W/victim" -printf '%p %s %m %u %T@\n' | sort >"$W/victim.was"
	look_all 1 2 3 4 5 6
	work
	for _i in 1 2 3 4 5 6; do
		check_field state "$_i" corrupt
	done
	wait_for 0 7
	look_all 1 2 3 4 5 6
	unharmed
	run 0 nfsq purge --older-than 1ms
	unharmed
}

test_include() {
	submit -- true
	_b=$(body_of 1)
	{
		sed '$d' "$_b"
		printf '\t@include "/etc/passwd"\n'
		printf 'end = "nfsq";\n'
	} >"$W/b"
	cat "$W/b" >"$_b"
	look_all 1
	work
	check_field state 1 corrupt
	if nfsq show 1 2>&1 | grep -q root:; then
		fail "a file was included"
	fi
	echo '@include "/etc/passwd"' >>"$W/spool/nfsq.conf"
	failure nfsq ls
	err_has include
}

# Stored input that is a FIFO, a link, a folder.
test_input() {
	victim
	for _t in 1 2 3 4; do
		echo in | timeout 30 nfsq run -- cat >"$W/run$_t" 2>&1 &
		echo "$!" >"$W/run$_t.who"
		until_ok 10 "job $_t is queued" field_is state "$_t" queued
		_f=$(find "$W/spool/jobs" -name "$_t.*.in")
		[ -n "$_f" ] || fail "no stored input"
		[ "$_t" = 4 ] || rm "$_f"
		case $_t in
		1) mkfifo "$_f" ;;
		2) ln -s "$W/victim/precious" "$_f" ;;
		3) mkdir "$_f" ;;
		esac
	done
	work
	for _t in 1 2 3; do
		wait "$(cat "$W/run$_t.who")" || :
		check_field state "$_t" failed
		check_field reason "$_t" input
		if grep -q precious "$W/run$_t"; then
			fail "a link was followed"
		fi
	done
	wait "$(cat "$W/run4.who")" || fail "the good one failed"
	same "its output" "$(cat "$W/run4")" in
	unharmed
}

# The names of output files can be foretold.
test_outputs() {
	victim
	for _i in 1 2 3 4 5; do
		submit -- echo "out$_i"
	done
	mkdir -m 700 "$W/spool/out/0"
	_o=$W/spool/out/0
	ln -s "$W/victim/precious" "$_o/1.$(nonce_of 1).2.a1.out"
	ln -s "$W/victim/new" "$_o/2.$(nonce_of 2).2.a1.out"
	mkfifo "$_o/3.$(nonce_of 3).2.a1.out"
	mkdir "$_o/4.$(nonce_of 4).2.a1.out"
	# records and names that are none
	ln -s "detail=%1B]0;x host=${esc}[31m reason=exit$nl" \
		"$_o/5.$(nonce_of 5).9.a7.att"
	mkfifo "$_o/5.$(nonce_of 5).9.a8.att"
	: >"$_o/5.$(nonce_of 5). 9.a$nl+9.out"
	: >"$_o/5.$(nonce_of 5).9.a9.$esc"
	work
	for _i in 1 2 3 4; do
		check_field state "$_i" failed
		check_field reason "$_i" output
	done
	wait_for 0 5
	look_all 1 2 3 4 5
	for _i in 1 2 3 4; do
		run 1 timeout 10 nfsq log "$_i"
		no_out
	done
	log_is 5 out5
	unharmed
	run 0 nfsq purge --older-than 1ms
	unharmed
}

# Folders of the spool that are links: nothing is written or removed through
# them, and fsck says so.
test_shards() {
	victim
	submit -- echo hello
	mkdir "$W/real"
	ln -s "$W/victim" "$W/spool/out/0"
	ln -s "$W/victim" "$W/spool/cancelled/0"
	run 1 nfsq fsck
	out_has '^out/0: is no directory'
	out_has '^cancelled/0: is no directory'
	failure nfsq cancel 1
	# What was run cannot be recorded: it is kept until it can.
	worker w
	until_ok 15 "the worker says so" grep -q 'symbolic links' "$W/w.werr"
	unharmed
	rm "$W/spool/out/0"
	until_ok 30 "the job ends" field_is state 1 failed
	check_field reason 1 output
	worker_stop w
	foreseen w 'symbolic links'
	mv "$W/spool/jobs/0" "$W/real/0"
	ln -s "$W/real/0" "$W/spool/jobs/0"
	find "$W/real" | sort >"$W/real.was"
	failure nfsq submit -- true
	run 0 nfsq purge --older-than 1ms
	find "$W/real" | sort >"$W/real.is"
	cmp -s "$W/real.was" "$W/real.is" || fail "changed through a link"
	rm "$W/spool/jobs/0"
	mv "$W/real/0" "$W/spool/jobs/0"
	submit -- echo again
	work
	wait_for 0 "$id"
	unharmed
	mv "$W/spool/queue" "$W/real/queue"
	ln -s "$W/real/queue" "$W/spool/queue"
	find "$W/real" | sort >"$W/real.was"
	run 1 nfsq submit -- true
	run 1 nfsq ls
	err_lines 1
	find "$W/real" | sort >"$W/real.is"
	cmp -s "$W/real.was" "$W/real.is" || fail "changed through a link"
}

# The ids that follow are of shard $1.
to_shard() {
	mv "$W"/spool/seq/* "$W/spool/seq/${1}0001.$nonce"
}

# spoil DIR HOW: a link out of the spool, a file, unreadable (not for root)
spoil() {
	case $2 in
	mode)
		chmod 0 "$W/spool/$1"
		return
		;;
	link) ln -s "$W/real" "$W/spool.new" ;;
	file) : >"$W/spool.new" ;;
	esac
	mv "$W/spool/$1" "$W/real"
	mv "$W/spool.new" "$W/spool/$1"
	find "$W/real" -printf '%p %m %T@\n' | sort >"$W/real.was"
}

mend() {
	if [ -d "$W/real" ]; then
		find "$W/real" -printf '%p %m %T@\n' | sort >"$W/real.is"
		cmp -s "$W/real.was" "$W/real.is" ||
			fail "changed: $(diff "$W/real.was" "$W/real.is")"
		rm "$W/spool/$1"
		mv "$W/real" "$W/spool/$1"
	fi
	chmod 700 "$W/spool/$1"
}

ways() {
	echo link file
	[ "$(id -u)" -eq 0 ] || echo mode
}

# What looks goes on, and says what it could not see ($2 lines, of DIR);
# fsck finds that, and nothing else.
passed_by() {
	for _c in 'ls --all' 'ls --all --json' status 'status --json' \
		'purge --dry-run'; do
		# shellcheck disable=SC2086 # words are wanted
		run 0 nfsq $_c
		[ "$(wc -l <"$W/err")" -le "$2" ] || fail "$_c repeats itself"
	done
	run 0 nfsq ls --all --no-header -o id
	same "lines about $1" "$(grep -c "pass by '.*/$1'" "$W/err")" "$2"
	run 1 nfsq fsck
	err_lines 1
	out_has "^$1: \(is no directory\|cannot be read\)"
	same "lines of fsck" "$(grep -c -v 'has mode 0000' "$W/out")" 1
}

# The bodies of a shard are nowhere: its jobs stay queued, others run.
test_bodies_nowhere() {
	_n=0
	for _way in $(ways); do
		submit -- true
		_a=$id
		to_shard $((_n + 1))
		submit -- true
		_b=$id
		spoil jobs/$_n "$_way"
		passed_by jobs/$_n 0
		run 0 nfsq-worker -q --once --poll 50ms
		err_lines 1
		err_has "/jobs/$_n/"
		no_raw
		check_field state "$_a" queued
		check_field state "$_b" 'done'
		worker w
		submit -- true
		wait_for 0 "$id"
		check_field state "$_a" queued
		sleep 0.5
		same "lines of the worker" "$(wc -l <"$W/w.werr")" 1
		worker_stop w
		rm "$W/w.werr"
		mend jobs/$_n
		work
		wait_for 0 "$_a"
		fsck_clean
		_n=$((_n + 1))
	done
}

# One shard of a state, or one bucket: what is in it waits, not the rest.
test_places() {
	submit -- true
	submit -- false
	submit --hold -- true
	run 0 nfsq-worker -q --once --poll 50ms
	to_shard 1
	submit -- true
	submit --hold -- true
	run 0 nfsq-worker -q --once --poll 50ms
	for _way in $(ways); do
		for _d in done/0:1 failed/0:2 held/0:3; do
			spoil "${_d%:*}" "$_way"
			passed_by "${_d%:*}" 1
			run 0 nfsq ls --all --no-header -o id
			out_has '^10001$'
			check_field state 10001 'done'
			# never "there is no such job", nor a new one
			failure nfsq show "${_d#*:}"
			err_has "cannot read '.*/${_d%:*}'"
			touch -d '3 days ago' "$W"/spool/jobs/0/*
			if [ "$_way" = mode ]; then
				run 0 nfsq fsck --repair
				out_has "^mended: ${_d%:*}: set the mode"
				continue
			fi
			run 1 nfsq fsck --repair
			same "mended" "$(grep -c mended "$W/out")" 0
			mend "${_d%:*}"
		done
	done
	fsck_clean
	spoil done/0 link
	run 0 nfsq purge --older-than 1ms
	run 0 nfsq show 10001
	out_has 'state .*purged'
	mend done/0
	check_field state 1 'done'
	fsck_clean
}

# The results of a shard have no place: they wait for one, others run on.
test_results_nowhere() {
	submit -- true
	work
	for _way in $(ways); do
		submit --hold -- true
		submit --hold -- true
	done
	to_shard 1
	worker w --cpus 1
	_n=2
	for _way in $(ways); do
		spoil done/0 "$_way"
		nfsq release $_n $((_n + 1))
		until_ok 20 "it says so" grep -q 'in its place' "$W/w.werr"
		for _i in 1 2 3; do
			submit -- true
			wait_for 0 "$id"
		done
		# one was run, the other not, for want of a place
		field_is state $_n running || field_is state $((_n + 1)) running ||
			fail "no result waits"
		field_is state $_n queued || field_is state $((_n + 1)) queued ||
			fail "both were run"
		same "lines of the worker" "$(wc -l <"$W/w.werr")" 1
		mend done/0
		wait_for 0 $_n $((_n + 1))
		_n=$((_n + 2))
	done
	foreseen w 'in its place'
	worker_stop w
	fsck_clean
}

test_places_queued() {
	submit --begin now+1h -- true
	submit -p 1 -- true
	to_shard 1
	submit --begin now+1s -- true
	_a=$id
	submit -- true
	_b=$id
	for _way in $(ways); do
		spoil waiting/0 "$_way"
		passed_by waiting/0 1
		_k=$(basename "$W"/spool/queue/1.c1.0.*)
		mend waiting/0
		spoil "queue/$_k" "$_way"
		passed_by "queue/$_k" 1
		failure nfsq show 2
		err_has "cannot read '.*/$_k'"
		mend "queue/$_k"
	done
	spoil waiting/0 link
	mv "$W/real" "$W/real.waiting"
	spoil "queue/$_k" file
	worker w
	wait_for 0 "$_a" "$_b"
	submit -p 1 -- true
	wait_for 0 "$id"
	sleep 1
	# by the one that looks at first, and by the one that looks again
	_n=$(grep -c "pass by '.*/waiting/0'" "$W/w.werr")
	case $_n in
	1 | 2) ;;
	*) fail "the worker said it $_n times" ;;
	esac
	foreseen w 'pass by'
	worker_stop w
	mend "queue/$_k"
	mv "$W/real.waiting" "$W/real"
	: >"$W/real.was"
	rm "$W/spool/waiting/0"
	mv "$W/real" "$W/spool/waiting/0"
	work
	wait_for 0 2
	check_field state 1 waiting
	fsck_clean
	# A bucket that bars us is passed by, and only one is made instead.
	for _way in $(ways); do
		submit -p 2 -- true
		_a=$id
		_k=$(basename "$W"/spool/queue/2.c1.2.*)
		spoil "queue/$_k" "$_way"
		submit -p 2 -- true
		submit -p 2 -- true
		set -- "$W"/spool/queue/2.c1.2.*
		same "buckets" "$#" 2
		work
		wait_for 0 "$id"
		mend "queue/$_k"
		work
		wait_for 0 "$_a"
	done
	fsck_clean
}

test_requests() {
	worker w --cpus 4
	submit -- sleep 60
	submit -- sh -c 'sleep 1; echo done'
	running 1
	running 2
	_q=$W/spool/queue
	for _r in "req.cancel.0. 1.$nonce" "req.cancel.+0.1.$nonce" \
		"req.cancel.0.01.$nonce" "req.cancel.0.1.012345678" \
		"req.cancel.0.1.$nonce.x" "req.cancel.-1.1.$nonce" \
		"req.nonsense.0.1.$nonce" "req.cancel.0.$uuid.$nonce" \
		"req.stop.0.1.$nonce" "req.stop.0.-.$nonce" \
		"req.cancel$nl.0.1.$nonce" "req.${esc}[31m.0.1.$nonce" \
		"req.signal.99999999999.1.$nonce" "drain.." \
		"drain.$(uname -n)..zzzzzzzzzz" \
		"drain.${esc}[31m..$nonce" "drain.%2..$nonce"; do
		ln -s request "$_q/$_r"
	done
	ln -s request "$_q/req.signal.9999.1.$nonce"
	ln -s request "$_q/req.stop.0.$uuid.$nonce"
	mkdir "$_q/req.cancel.0.77.$nonce"
	mkfifo "$_q/req.requeue.0.78.$nonce"
	wait_for 0 2
	sleep 1
	check_field state 1 running
	look_all 1 2
	run 1 nfsq fsck
	out_has 'queue/req.nonsense'
	ok nfsq cancel 1
	wait_for 130 1
	foreseen w 'cancel\|cannot'
}

test_workers() {
	victim
	submit -- true
	_w=$W/spool/workers
	ln -s "$W/victim" "$_w/$uuid"
	: >"$_w/11234567-89ab-cdef-0123-456789abcdef"
	mkfifo "$_w/21234567-89ab-cdef-0123-456789abcdef"
	_d=$_w/31234567-89ab-cdef-0123-456789abcdef
	mkdir "$_d" && mkfifo "$_d/lease" && : >"$_d/info"
	_d=$_w/41234567-89ab-cdef-0123-456789abcdef
	mkdir "$_d" && : >"$_d/lease"
	ln -s "name=%1B%5D0;x host=${esc}[31m user=$nl pid=99999999999999999999" \
		"$_d/info"
	ln -s "$W/victim/precious" "$_d/51.$nonce.3,a=1,n=%1B%5B31m,bs=5"
	_d=$_w/51234567-89ab-cdef-0123-456789abcdef
	mkdir "$_d" && ln -s "$W/victim/lease" "$_d/lease"
	mkfifo "$_d/info" && mkdir "$_d/sub"
	mkdir "$_w/$esc]0;x"
	look_all
	worker w
	wait_for 0 1
	# longer than a lease: all of them are reaped, or tried to be
	until_ok 20 "the dead worker's job is taken over" \
		field_is state 51 corrupt
	sleep 4
	submit -- echo still
	wait_for 0 "$id"
	worker_alive w || fail "the worker is not alive"
	look_all 51
	unharmed
	foreseen w 'reap\|remove\|corrupt\|read\|take job\|look at'
}

test_tmp() {
	victim
	_t=$W/spool/tmp
	ln -s "$W/victim" "$_t/$uuid"
	ln -s "$W/victim/precious" "$_t/1.$nonce.0"
	mkfifo "$_t/fifo" "$_t/now.$nonce"
	mkdir -p "$_t/dir/deep" "$_t/seat"
	: >"$_t/dir/deep/file"
	ln "$W/victim/precious" "$_t/hard"
	ln -s "$W/victim/precious" "$_t/seat/lease"
	: >"$_t/$esc]0;x$nl"
	touch -h -d '3 days ago' "$_t"/* "$W/victim/precious"
	find "$W/victim" -printf '%p %s %m %u %T@\n' | sort >"$W/victim.was"
	look_all
	worker w
	submit -- true
	wait_for 0 "$id"
	sleep 2
	look_all
	unharmed
	[ -e "$_t/dir/deep/file" ] || fail "a foreign folder was emptied"
}

test_owner() {
	[ "$(id -u)" -eq 0 ] || return 0
	submit -- true
	submit -- true
	chown 65534 "$(body_of 1)"
	chown -h 65534 "$(bucket)"/2.*
	run 1 nfsq fsck
	out_has 'jobs/0/1\..*belongs to user 65534'
	out_has 'queue/.*2\..*belongs to user 65534'
	look_all 1 2
	work
	submit -- true
	work
	wait_for 0 3
	chown 65534 "$W/spool"
	failure nfsq ls
	err_has 'private to user 65534'
	failure nfsq-worker --once
	chown 0 "$W/spool"
}

test_writable() {
	submit -- true
	for _m in 777 770 720 702; do
		chmod "$_m" "$W/spool"
		for _c in ls 'submit -- true' 'cancel 1' 'log 1' fsck \
			'purge --older-than 1ms'; do
			# shellcheck disable=SC2086 # words are wanted
			failure nfsq $_c
			no_out
			err_has 'lets others write'
		done
		failure nfsq-worker --once
		err_has 'lets others write'
	done
	chmod 700 "$W/spool"
	check_field state 1 queued
}

# A second user and a private spool.
test_second_user() {
	[ "$(id -u)" -eq 0 ] || return 0
	command -v setpriv >/dev/null || return 0
	submit -- true
	# nobody must come as far as the spool, and to the programs
	cp "$NFSQ_BUILD/nfsq" "$NFSQ_BUILD/nfsq-worker" "$W/"
	chmod 755 "$W" "$W/nfsq" "$W/nfsq-worker"
	chmod 711 "$TOP"
	as='setpriv --reuid=65534 --regid=65534 --clear-groups env
		XDG_RUNTIME_DIR=/nonexistent HOME=/nonexistent'
	# shellcheck disable=SC2086 # words are wanted
	$as "$W/nfsq" --version >"$W/out" 2>&1 || return 0
	find "$W/spool" -printf '%p %s %m %u %T@\n' | sort >"$W/was"
	for _c in ls status 'show 1' 'log 1' 'wait 1' 'submit -- true' \
		'run -- true' 'cancel 1' 'hold 1' 'release 1' 'requeue 1' \
		'signal TERM 1' workers 'drain w' 'undrain w' 'stop w' \
		'purge --older-than 1s' fsck; do
		# shellcheck disable=SC2086 # words are wanted
		failure $as "$W/nfsq" $_c
		no_out
		err_has 'spool\|Permission'
	done
	# shellcheck disable=SC2086
	failure $as "$W/nfsq-worker" --once
	# shellcheck disable=SC2086
	run 1 $as "$W/nfsq" init "$W/spool"
	find "$W/spool" -printf '%p %s %m %u %T@\n' | sort >"$W/is"
	cmp -s "$W/was" "$W/is" || fail "something changed"
	# One that lets look, but not write, is private all the same.
	chmod 755 "$W/spool"
	# shellcheck disable=SC2086
	failure $as "$W/nfsq" ls
	chmod 700 "$W/spool"
}

checks tokens bodies include input outputs shards bodies_nowhere places \
	results_nowhere places_queued requests workers tmp owner writable \
	second_user

#!/bin/sh
# t-repair.sh - fsck --repair: each planted damage is mended, nothing else is
# touched, what was mended runs to its end, and a second run finds nothing
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

LIMIT=60

# repair: mends all; the second run is clean and says nothing else.
repair() {
	run 0 nfsq -q fsck --repair
	no_err
	cp "$W/out" "$W/first"
	run 0 nfsq -q fsck --repair
	no_err
	[ "$(wc -l <"$W/out")" -eq 1 ] || fail "the second run did something"
	out_has '^clean: '
	cp "$W/first" "$W/out"
}

# leaves: not all can be mended.
leaves() {
	run 1 nfsq -q fsck --repair
	err_lines 1
}

token_of() {			# ID: its path
	find "$W/spool" -name "$1.*,*" -type l
}

body_of() {
	find "$W/spool/jobs" -name "$1.*" -type f ! -name '*.in'
}

stem_of() {			# ID: ID.NONCE
	_b=$(body_of "$1")
	echo "${_b##*/}"
}

old() {				# FILE: two days ago
	touch -h -d '2 days ago' "$1"
}

# All names, modes and texts but those of tmp/ and empty buckets.
snapshot() {
	find "$W/spool" ! -path "$W/spool/tmp*" \
		! \( -path "$W/spool/queue/*" -type d -empty \) \
		-printf '%P %m %l\n' |
		sort >"$1"
}

same_tree() {
	snapshot "$W/after"
	cmp -s "$W/before" "$W/after" || {
		diff "$W/before" "$W/after" >&3
		fail "something else was touched"
	}
}

test_clean() {
	submit -- true
	once
	submit --hold -- true
	submit --begin now+1h -- true
	submit -- true
	snapshot "$W/before"
	run 0 nfsq fsck --repair
	no_err
	out_is 'clean: 4 jobs'
	same_tree
	usage_error nfsq fsck --repair stray
}

test_counter() {
	submit -- true
	submit -- true
	submit -- true
	rm "$W"/spool/seq/*
	failure nfsq submit -- true
	err_has 'nfsq fsck --repair'
	repair
	out_has '^mended: seq: '
	submit -- true
	same "the id" "$id" 4
	# not above every id: outputs and tombs count as well
	mv "$W"/spool/seq/* "$W/spool/seq/2.0123456789"
	: >"$W/spool/jobs/0/17.0123456789"
	chmod 600 "$W/spool/jobs/0/17.0123456789"
	repair
	submit -- true
	same "the id" "$id" 18
	ln -s next "$W/spool/seq/5.0123456789"
	ln -s next "$W/spool/seq/19.0123456789"
	repair
	same "entries in seq/" "$(ls "$W/spool/seq" | wc -l)" 1
	submit -- true
	same "the id" "$id" 19
	once
	wait_for 0 1 2 3 4 18 19
	# nothing is left above it
	ln -s 'no' "$W/spool/done/0/999999999999999.0123456789.0"
	leaves
	out_has '^left alone: seq: .*no number'
}

# A token that was lost: nobody can tell whether the job was acknowledged.
test_orphan() {
	submit -- sh -c 'echo it ran'
	_t=$(token_of 1)
	rm "$_t"
	_b=$(body_of 1)
	touch -d '2 hours ago' "$_b"
	rmdir "${_t%/*}"
	snapshot "$W/before"
	leaves
	out_has '^left alone: jobs/0/1\..*under way'
	same_tree
	old "$_b"
	# its submit waits still
	ln -s body "$W/spool/tmp/${_b##*/}.0,c=1"
	leaves
	out_has '^left alone: jobs/0/1\..*under way'
	rm "$W/spool/tmp/${_b##*/}.0,c=1"
	repair
	out_has '^mended: jobs/0/1\..* in held/'
	check_field state 1 held
	check_field user 1 "$(id -un)"
	once
	check_field state 1 held
	ok nfsq release 1
	once
	wait_for 0 1
	log_is 1 'it ran'
	fsck_clean
	# an attempt was made and its output is there: nothing is used twice
	rm "$(token_of 1)"
	old "$(body_of 1)"
	repair
	out_has '^mended: jobs/0/1\..* in held/'
	check_field state 1 held
	check_field attempt 1 1
	ok nfsq release 1
	once
	wait_for 0 1
	check_field attempt 1 2
	log_is 1 'it ran'
	fsck_clean
}

# A submit that died while it wrote.
test_half_written() {
	submit -- true
	submit -- true
	# the input is written first, then the body, then the token
	_in=$W/spool/jobs/0/$(stem_of 1).in
	(umask 077 && echo text >"$_in")
	rm "$(token_of 1)" "$(token_of 2)" "$(body_of 1)"
	: >"$(body_of 2)"
	old "$_in"
	old "$(body_of 2)"
	repair
	out_has '^mended: jobs/0/2\..* in corrupt/'
	check_field state 1 corrupt
	check_field state 2 corrupt
	run 0 nfsq purge --older-than 1ms
	same "files" "$(find "$W/spool/jobs" -type f)" ''
	fsck_clean
}

test_no_body() {
	worker w
	until_ok 10 "it is alive" worker_alive w
	ok nfsq drain w
	for _i in 1 2 3 4; do
		submit -- true
	done
	submit --hold -- true
	submit --begin now+1h -- true
	rm "$(body_of 1)" "$(body_of 5)"
	: >"$(body_of 2)"
	printf '@include "/etc/passwd"\n' >"$(body_of 6)"
	repair
	for _i in 1 2 5 6; do
		check_field state "$_i" corrupt
		run 125 nfsq wait --timeout 5s "$_i"
	done
	ok nfsq undrain w
	wait_for 0 3 4
	worker_stop w
	fsck_clean
}

test_twins() {
	submit -- sh -c 'echo one >>once'
	submit -- sh -c 'echo two >>once'
	_t=$(token_of 1)
	once
	# as a restored snapshot would leave it
	ln -s "../../jobs/0/$(stem_of 1)" "$_t" 2>/dev/null || {
		mkdir "${_t%/*}"
		ln -s "../../jobs/0/$(stem_of 1)" "$_t"
	}
	repair
	out_has '^mended: queue/.*1\..*removed'
	check_field state 1 'done'
	once
	same "runs" "$(sort once)" "$(printf 'one\ntwo')"
	# a result that is told in the removed name alone is kept
	_d=$(token_of 2)
	ok nfsq requeue 2
	ln -s "../../jobs/0/$(stem_of 2)" "$_d"
	repair
	out_has '^mended: done/.*2\..*removed'
	check_field state 2 queued
	once
	wait_for 0 2
	run 0 nfsq show 2
	out_has 'exit'
	fsck_clean
}

test_places() {
	submit -- true
	submit -- true
	submit --hold -- true
	once
	submit --cpus 2 -- true
	_s=$W/spool
	mkdir -m 700 "$_s/done/7" "$_s/held/7" "$_s/jobs/7" "$_s/out/7" \
		"$_s/queue/5.c1.0.0123456789"
	mv "$_s"/done/0/1.* "$_s/done/7/"
	mv "$_s"/held/0/3.* "$_s/held/7/"
	mv "$(body_of 2)" "$_s/jobs/7/"
	mv "$(token_of 4)" "$_s/queue/5.c1.0.0123456789/"
	repair
	check_field state 1 'done'
	check_field state 3 held
	[ -e "$_s/jobs/0/$(stem_of 2)" ] || fail "the body is not in its place"
	ok nfsq release 3
	once --cpus 2
	wait_for 0 1 2 3 4
	fsck_clean
	# never over another
	cp -p "$(body_of 1)" "$_s/jobs/7/"
	snapshot "$W/before"
	leaves
	out_has '^left alone: jobs/7/1\..*right place'
	same_tree
}

test_modes() {
	submit -- sh -c 'echo out'
	once
	submit -- true
	_s=$W/spool
	chmod 644 "$(body_of 1)" "$(body_of 2)"
	chmod 755 "$_s/done/0" "$_s/queue"
	chmod 666 "$_s"/out/0/1.*.out
	rmdir "$_s/waiting"
	repair
	out_has '^mended: waiting: made'
	same "modes" "$(find "$_s" \( -type d ! -perm 700 \) -o \
		\( -type f ! -perm 600 \))" ''
	# a second name may be one of a file outside
	echo precious >"$W/precious"
	chmod 644 "$W/precious"
	rm "$_s"/out/0/1.*.out
	ln "$W/precious" "$_s/out/0/$(stem_of 1).3.a9.out"
	leaves
	out_has '^left alone: out/0/1\..*second name'
	same "its mode" "$(stat -c %a "$W/precious")" 644
}

test_purged() {
	submit -- sh -c 'echo out'
	once
	_b=$(stem_of 1)
	run 0 nfsq purge --older-than 1ms
	: >"$W/spool/jobs/0/$_b"
	: >"$W/spool/out/0/$_b.2.a1.out"
	chmod 600 "$W/spool/jobs/0/$_b" "$W/spool/out/0/$_b.2.a1.out"
	ln -s request "$W/spool/queue/req.cancel.0.1.0123456789"
	ln -s request "$W/spool/queue/req.stop.0.\
01234567-0123-0123-0123-012345678901.0123456789"
	touch -h -d '1 hour ago' "$W"/spool/queue/req.*
	: >"$W/spool/tmp/something"
	old "$W/spool/tmp/something"
	repair
	[ "$(grep -c '^mended: ' "$W/out")" -eq 5 ] || fail "not five mended"
	same "files" "$(find "$W/spool/jobs" "$W/spool/out" "$W/spool/tmp" \
		-type f)" ''
	same "queue" "$(ls "$W/spool/queue")" ''
}

# seat NAME...: moves these jobs to the seat of a worker that is no more
seat() {
	_u=01234567-0123-0123-0123-01234567890$1
	mkdir -m 700 "$W/spool/workers/$_u"
	: >"$W/spool/workers/$_u/lease"
	chmod 600 "$W/spool/workers/$_u/lease"
	ln -s 'name=gone host=nowhere' "$W/spool/workers/$_u/info"
	shift
	for _i; do
		_t=$(token_of "$_i")
		_n=${_t##*/}
		_k=${_n#*.*.}
		_n="${_n%".$_k"}.9,${_k#*,}"
		[ -z "$ended" ] || _n="${_n%,u=*},w=exit,u=${_n##*,u=}$ended"
		mv "$_t" "$W/spool/workers/$_u/$_n"
	done
}

test_seats() {
	ended=
	submit -- true
	submit -- true
	submit -- true
	submit -- true
	seat 1 1 2
	# its result was decided, and its lease is gone
	_t=$(token_of 3)
	ended=,exit=3,bs=1,be=2
	seat 2 3
	rm "$W/spool/workers/$_u/lease"
	worker live
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 5
	run 0 nfsq fsck --repair
	grep -v '^nfsq: watching ' "$W/err" >"$W/err2" || :
	[ ! -s "$W/err2" ] || fail "unexpected standard error"
	check_field state 3 failed
	check_field state 5 running
	check_field attempt 5 1
	: >go
	wait_for 0 1 2 4 5
	worker_stop live
	fsck_clean
}

# With no worker at all it takes a lease, never less, and then they are gone.
test_seats_alone() {
	ended=
	submit -- true
	submit -- true
	seat 1 1 2
	touch -d '1 hour ago' "$W/spool/workers/$_u/lease"
	_began=$(now_ms)
	run 0 nfsq fsck --repair
	[ $(($(now_ms) - _began)) -ge 3000 ] || fail "it was not watched"
	err_has 'watching 1 silent worker for the lease'
	out_has '^mended: workers/.*taken over'
	check_field state 1 queued
	check_field state 2 queued
	run 0 nfsq -q fsck --repair
	out_is 'clean: 2 jobs'
	once
	wait_for 0 1 2
}

# A worker that only seems silent, by a clock that jumped, is left in peace.
test_seat_lives() {
	worker w
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 1
	touch -d '1 hour ago' "$W"/spool/workers/*/lease
	run 0 nfsq -q fsck --repair
	check_field state 1 running
	check_field attempt 1 1
	: >go
	wait_for 0 1
	worker_stop w
}

test_foreign() {
	submit -- true
	_s=$W/spool
	_esc=$(printf 'evil\033]0;x\007')
	echo precious >"$W/precious"
	: >"$_s/$_esc"
	mkdir -p "$_s/done/0" "$_s/out/0"
	chmod 700 "$_s/done/0" "$_s/out/0"
	mkdir "$_s/workers/$_esc"
	: >"$_s/done/$_esc"
	: >"$_s/seq/$_esc"
	: >"$_s/jobs/0/$_esc"
	mkfifo "$_s/jobs/0/7.0123456789"
	ln -s "$W/precious" "$_s/out/0/stray"
	ln -s / "$_s/held/0"
	: >"$_s/jobs/0/99999999999999999999.0123456789"
	# a token of a later version
	_t=$(token_of 1)
	mkdir -m 700 "$_s/waiting/3"
	ln -s "../../jobs/0/1.0123456789" \
		"$_s/waiting/3/1.0123456789.0,zz=1"
	snapshot "$W/before"
	leaves
	out_has '^left alone: '
	if grep -q '^mended' "$W/out"; then
		fail "something was mended"
	fi
	if grep -q "$(printf '\033')" "$W/out" "$W/err"; then
		fail "a raw escape"
	fi
	same_tree
	[ -n "$_t" ] || fail "no token"
}

# Over and over beside workers and submitters: all jobs run once.
test_beside() {
	worker one --cpus 2
	worker two --cpus 2
	mkdir "$W/marks"
	export W
	(
		i=0
		while [ ! -e "$W/stop" ]; do
			nfsq -q fsck --repair >>"$W/repairs" 2>&1 ||
				echo "failed $i" >>"$W/repairs"
			i=$((i + 1))
		done
	) 3>&- &
	_pid=$!
	for _i in $(seq 1 60); do
		# shellcheck disable=SC2016 # the job's own
		submit -- sh -c 'mkdir "$0/$NFSQ_JOB_ID.$$"' "$W/marks"
		case $_i in
		*0)
			nfsq hold "$_i" >/dev/null 2>&1 || :
			nfsq release "$_i" >/dev/null 2>&1 || :
			;;
		esac
	done
	# shellcheck disable=SC2046 # words are wanted
	wait_for 0 $(seq 1 60)
	: >"$W/stop"
	wait "$_pid"
	same "started" "$(ls "$W/marks" | wc -l)" 60
	if grep -v '^clean: ' "$W/repairs" >&3; then
		fail "it mended what was whole"
	fi
	worker_stop one
	worker_stop two
	fsck_clean
}

checks clean counter orphan half_written no_body twins places modes purged \
	seats seats_alone seat_lives foreign beside

#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-doctor.sh - nfsq doctor: alone, with another process, where it cannot
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# Each line is a verdict, the last one the summary; those that are not ok say
# what to do.
well_formed() {
	if sed '$d' "$W/out" | grep -v -e '^ok   [^:]*: .' \
		-e '^warn [^:]*: .*; ' -e '^bad  [^:]*: .*; '; then
		fail "a line is no verdict"
	fi
	tail -n 1 "$W/out" | grep -q \
		'^\(not \)\{0,1\}fit: [0-9]* ok, [0-9]* warnings\{0,1\}, [0-9]* bad$' ||
		fail "the last line is no summary"
}

nothing_left() {		# DIR
	[ -z "$(find "$1" -name '*doctor*')" ] ||
		fail "it left something in $1"
}

tmp_is_empty() {		# a condition
	[ -z "$(ls "$NFSQ_SPOOL/tmp")" ]
}

test_spool() {
	ok nfsq doctor --timeout 30s
	well_formed
	out_has '^ok   directory: .*, a spool'
	for w in owner rename fence exclusive links write race heartbeat \
		lease workers; do
		out_has "^ok   $w: "
	done
	out_has '^ok   race: 200 names'
	for w in mode mount space clock listing latency; do
		grep -q "^[a-z]*  *$w: " "$W/out" || fail "nothing about $w"
	done
	out_has '^fit: '
	tmp_is_empty || fail "it left something in tmp/"
	fsck_clean
	worker w
	until_ok 10 "the worker lives" worker_alive w
	ok nfsq doctor "$NFSQ_SPOOL"
	out_has '^ok   workers: 1 alive'
	worker_stop w
}

test_plain() {
	mkdir "$W/a b"
	echo text >"$W/a b/mine"
	ok nfsq doctor "$W/a b"
	well_formed
	out_has "^ok   directory: $W/a b, no spool yet"
	out_has '^fit: '
	same "what is there" "$(ls -A "$W/a b")" mine
	ok nfsq -S "$W/a b" doctor
	nothing_left "$W/a b"
	mkdir "$W/a b/.nfsq-doctor-0123456789"
	ok nfsq doctor "$W/a b"
	out_has '^warn leftovers: '
	rmdir "$W/a b/.nfsq-doctor-0123456789"
}

# begin [OPTION...]: a doctor that waits for one joined by hand; $token
begin() {
	rm -f "$W/a.err"	# of the one before
	nfsq doctor --peer - "$@" >"$W/a.out" 2>"$W/a.err" 3>&- &
	doctor=$!
	until_ok 30 "it says what to run" grep -q \
		-e '--join [0-9a-f][0-9a-f]*$' "$W/a.err"
	token=$(sed -n 's/.*--join \([0-9a-f]*\)$/\1/p' "$W/a.err")
}

ended() {			# STATUS
	until_ok 40 "it ends" gone "$doctor"
	status=0
	wait "$doctor" || status=$?
	cp "$W/a.out" "$W/out"
	cp "$W/a.err" "$W/err"
	same "its exit status" "$status" "$1"
}

meet_in() {			# DIR
	begin --timeout 30s "$1"
	run 0 nfsq -S "$1" doctor --join "$token" --timeout 30s
	no_out
	err_has '^nfsq: done'
	ended 0
	well_formed
	err_lines 1
	out_has '^warn peer peer: is this host'
	for w in 'new file' heartbeat owner fence; do
		out_has "^ok   peer $w: "
	done
	out_has '^ok   peer race: 200 names'
	nothing_left "$1"
}

test_peer() {
	meet_in "$NFSQ_SPOOL"
	fsck_clean
	mkdir "$W/plain"
	meet_in "$W/plain"
}

# An ssh that runs the words here.
test_ssh() {
	mkdir "$W/bin"
	cat >"$W/bin/ssh" <<-'END'
		#!/bin/sh
		[ "$1 $2 $3" = '-o BatchMode=yes --' ] || exit 3
		case $4 in
		deaf) exit 255 ;;
		esac
		exec sh -c "$5"
	END
	chmod 755 "$W/bin/ssh"
	PATH=$W/bin:$PATH
	mkdir "$W/a 'b"
	ok nfsq doctor --peer one --peer two "$W/a 'b"
	well_formed
	out_has '^ok   one fence: '
	out_has '^ok   two race: 200 names'
	nothing_left "$W/a 'b"
	run 1 nfsq doctor --peer deaf
	well_formed
	out_has '^bad  deaf peer: went away; '
	out_has '^not fit: '
	fsck_clean
}

test_peer_fails() {
	begin --timeout 1s
	ended 1
	well_formed
	out_has '^bad  peer peer: did not come within 1 s; '
	failure nfsq doctor --join "$token" --timeout 1s
	err_has 'found no doctor'
	usage_error nfsq doctor --join x
	usage_error nfsq doctor --join ../0123456
	usage_error nfsq doctor --join "$token" --peer host
	usage_error nfsq doctor --peer ''
	usage_error nfsq doctor --timeout 0
	usage_error nfsq doctor a b
	fsck_clean
}

test_signals() {
	for sig in INT TERM; do
		# a shell's background commands ignore SIGINT
		begin --timeout 30s
		[ $sig = TERM ] || kill -TERM "$doctor"
		[ $sig = INT ] || kill -$sig "$doctor"
		ended 143
		nothing_left "$NFSQ_SPOOL"
	done
	begin --timeout 30s
	kill -KILL "$doctor"
	ended 137
	[ -d "$NFSQ_SPOOL/tmp/doctor.$token" ] || fail "killed too late"
	fsck_clean
	# a day later
	touch -d '2 days ago' "$NFSQ_SPOOL/tmp/"doctor.*
	run 1 nfsq fsck
	out_has '^tmp/doctor\..*is left over'
	run 0 nfsq fsck --repair
	tmp_is_empty || fail "fsck --repair does not sweep it"
	fsck_clean
}

test_unfit() {
	if [ "$(id -u)" -ne 0 ]; then
		mkdir "$W/ro"
		chmod 500 "$W/ro"
		run 1 nfsq doctor "$W/ro"
	else
		run 1 nfsq doctor /proc
	fi
	no_err
	well_formed
	out_has '^bad  write: cannot make a directory'
	out_has '^not fit: '
	failure nfsq doctor "$W/none"
	err_has 'No such file'
	no_out
	: >"$W/file"
	failure nfsq doctor "$W/file"
	no_out
	chmod 777 "$NFSQ_SPOOL"
	run 1 nfsq doctor
	no_err
	well_formed
	out_has '^bad  spool: refuse '
	chmod 700 "$NFSQ_SPOOL"
	sed 's/^format = 1;/format = 99;/' "$NFSQ_SPOOL/nfsq.conf" >"$W/new"
	cat "$W/new" >"$NFSQ_SPOOL/nfsq.conf"
	run 1 nfsq doctor
	well_formed
	out_has '^bad  spool: '
}

checks spool plain peer ssh peer_fails signals unfit

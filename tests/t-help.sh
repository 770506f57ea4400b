#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-help.sh - help, usage, and how options look
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

commands() {
	nfsq --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

outside() {
	unset NFSQ_SPOOL
	cd /
}

test_each() {
	outside
	commands >"$W/commands"
	for _c in init submit run ls status show log wait cancel hold release \
		requeue signal workers drain undrain stop purge fsck; do
		has_line "$W/commands" "$_c" || fail "no '$_c' in --help"
	done
	while read -r _c; do
		ok nfsq "$_c" -h
		out_has "^usage: nfsq $_c"
		cp "$W/out" "$W/want"
		for _form in "$_c --help" "--help $_c" "-h $_c" "help $_c" \
			"$_c --he"; do
			# shellcheck disable=SC2086 # words are wanted
			ok nfsq $_form
			cmp -s "$W/out" "$W/want" || fail "nfsq $_form differs"
		done
		if [ "$(wc -L <"$W/want")" -gt 80 ]; then
			fail "help of $_c is wider than 80 columns"
		fi
	done <"$W/commands"
	ok nfsq-worker -h
	cp "$W/out" "$W/want"
	ok nfsq-worker --help
	cmp -s "$W/out" "$W/want" || fail "-h and --help differ"
	out_has '^usage: nfsq-worker'
}

test_none() {
	outside
	run 2 nfsq
	no_out
	err_has '^usage: nfsq'
	ok nfsq --help
	cp "$W/out" "$W/want"
	for _form in -h help 'help help'; do
		# shellcheck disable=SC2086 # words are wanted
		ok nfsq $_form
		cmp -s "$W/out" "$W/want" || fail "nfsq $_form differs"
	done
	usage_error nfsq help nonsense
	usage_error nfsq help ls ls
	for _f in '--version' 'ls --version' '--version ls'; do
		# shellcheck disable=SC2086 # words are wanted
		ok nfsq $_f
		out_has '^nfsq [0-9][0-9.]*$'
	done
	ok nfsq-worker --version
	out_has '^nfsq-worker [0-9]'
}

test_forms() {
	submit -Hp5 -n first -- true
	check_field priority 1 5
	check_field state 1 held
	submit -H --prio=-3 --na two --no-r -- true
	check_field priority 2 -3
	check_field name 2 two
	submit -p -7 -Hnthree true --name no
	check_field priority 3 -7
	check_field name 3 three
	ok nfsq ls --no-h -o id -n three
	out_is 3
	ok nfsq ls 3 --no-header -o id 1
	out_is '1
3'
	ok nfsq -S "$W/spool" ls -qo id --no-header -- 2
	out_is 2
	usage_error nfsq submit --no -- true
	err_has 'ambiguous'
	usage_error nfsq submit --name
	err_has 'needs'
	usage_error nfsq submit -p
	usage_error nfsq submit --hold=yes -- true
	ok nfsq cancel 1 2 3
	submit echo -n --not-ours -p
	once
	log_is 4 '--not-ours -p'
}

# What is not in the help is not there.
test_absent() {
	commands >"$W/commands"
	for _c in alter why top history report doctor metrics; do
		has_line "$W/commands" "$_c" || usage_error nfsq "$_c"
	done
	nfsq submit --help >"$W/help"
	for _o in --mem=1 --array=1-2 --dependency=afterok:1 --key=k \
		--retries=1 --scratch; do
		grep -q -e "${_o%%=*}" "$W/help" ||
			usage_error nfsq submit "$_o" -- true
	done
}

checks each none forms absent

#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-script.sh - scripts and their #NFSQ lines
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

test_lines() {
	cat >s <<'S'
#!/bin/sh
# a comment
#NFSQ --name "from script" -p 7
##NFSQ --nonsense

#NFSQ --label k='a b' # a comment
#NFSQ --comment it\'s
echo "$NFSQ_JOB_NAME" "$@"
#NFSQ --nonsense
S
	submit s x 'y z'
	check_field name 1 'from script'
	check_field priority 1 7
	submit -n mine s
	check_field name 2 mine
	check_field priority 2 7
	submit -p 3 ./s
	check_field priority 3 3
	ok nfsq ls --no-header -o id --label 'k=a b'
	out_is '1
2
3'
	once
	wait_for 0 1 2 3
	log_is 1 'from script x y z'
	log_is 2 'mine'
	fsck_clean
}

test_edited_after() {
	printf '#!/bin/sh\n#NFSQ -n x\necho old "$0" >&2\necho old $NFSQ_SCRIPT\n' >s
	submit -e /dev/null s
	submit -e /dev/null s
	printf '#!/bin/sh\n#NFSQ -n x\necho new\n' >s
	once
	log_is 1 "old $W/dir/s"
	submit s
	rm s
	once
	log_is 3 new
	log_is 2 "old $W/dir/s"
	[ -z "$(find "$W/run" -type f -name '*script*')" ] ||
		fail "a copy of a script is left"
	same "files in the run-time folder" "$(find "$W/run" -type f \
		! -name 'worker-*.lock')" ''
}

test_stdin() {
	printf '#!/bin/sh\n#NFSQ --name piped\necho "in $1"\n' >s
	run 0 sh -c 'nfsq submit - arg <s'
	no_err
	out_is 1
	check_field name 1 piped
	printf '#!/bin/sh\necho plain\n' >p
	run 0 sh -c 'nfsq submit - <p'
	once
	log_is 1 'in arg'
	log_is 2 plain
	run 2 sh -c 'echo no script | nfsq submit -'
	err_lines 1
	run 2 sh -c 'nfsq submit - </dev/null'
	err_lines 1
}

test_wrap() {
	submit --wrap 'echo "a  b" | tr a c; echo $((1 + 1)) >&2'
	once
	log_is 1 'c  b
2'
	usage_error nfsq submit --wrap 'true' -- true
	usage_error nfsq submit --wrap ''
	usage_error nfsq submit
	usage_error nfsq submit --
}

test_errors() {
	printf '#!/bin/sh\n# x\n#NFSQ --nonsense\n' >bad
	usage_error nfsq submit bad
	err_has '^nfsq: bad:3: .*nonsense'
	printf '#!/bin/sh\n#NFSQ -n a stray\n' >bad
	usage_error nfsq submit bad
	err_has '^nfsq: bad:2: .*stray'
	printf '#!/bin/sh\n#NFSQ -n "a\n' >bad
	usage_error nfsq submit bad
	err_has '^nfsq: bad:2: '
	for _o in '-S /x' '-w' '--wait' '--wrap x'; do
		printf '#!/bin/sh\n#NFSQ %s\n' "$_o" >bad
		usage_error nfsq submit bad
		err_has '^nfsq: bad:2: '
	done
	printf '#NFSQ -n x\necho\n' >bad
	usage_error nfsq submit bad
	err_has 'bad'
	printf '#!/bin/sh\r\n#NFSQ -n x\r\n' >bad
	usage_error nfsq submit bad
	err_has 'CR'
	{
		printf '#!/bin/sh\n#NFSQ -n x\n'
		head -c 4200000 /dev/zero | tr '\0' '#'
	} >bad
	usage_error nfsq submit bad
	err_has 'MiB'
	ok nfsq ls --no-header -o id
	no_out
}

test_not_a_script() {
	printf '#!/bin/sh\necho "in place $0"\n' >cmd
	submit ./cmd
	chmod 755 cmd
	printf '#!/bin/sh\n#NFSQ -n x\necho "with lines $0"\n' >lines
	chmod 755 lines
	submit -- ./lines
	check_field name 2 lines
	submit --script ./cmd
	once
	log_is 1 'in place ./cmd'
	log_is 2 'with lines ./lines'
	wait_for 0 3
	# never looked up in PATH
	mkdir "$W/bin"
	printf '#!/bin/sh\n#NFSQ -n frompath\necho x\n' >"$W/bin/in-path"
	chmod 755 "$W/bin/in-path"
	PATH=$W/bin:$PATH nfsq submit in-path >/dev/null
	check_field name 4 in-path
	failure nfsq submit --script /no/such/script
	submit ls -l
	once
	wait_for 0 "$id"
}

test_interpreter() {
	printf '#!/usr/bin/env -S sh -e\n#NFSQ -n x\nfalse\necho no\n' >s
	submit s
	printf '#! /bin/sh -e\n#NFSQ -n x\nfalse\necho no\n' >s
	chmod 600 s
	submit s
	once
	wait_for 1 1 2
	log_is 1 ''
}

checks lines edited_after stdin wrap errors not_a_script interpreter

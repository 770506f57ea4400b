#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-spools.sh - spools of every format that there was run to their end
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

test_format1() {
	rm -rf "$W/spool"
	tar -x -f "$NFSQ_SRC/tests/spools/format1.tar" -C "$W" --no-same-owner \
		-p || skip "no tar"
	chmod 700 "$W/spool"
	ok nfsq ls --all --no-header -o id,state
	out_is "$(printf '%s\t%s\n' 2 'done' 3 failed 4 cancelled 5 corrupt \
		6 'done' 7 running 8 queued 9 queued 10 held 11 waiting \
		12 queued 13 queued)"
	log_is 2 two
	wait_for 7 1
	# what an earlier worker left is taken over after the lease
	worker w --cpus 2
	ok nfsq release 10
	run 130 nfsq wait --timeout 30s 1 2 3 4 5 6 7 8 9 10 11 12 13
	no_err
	ok nfsq ls --all --no-header -o id,state,reason
	out_is "$(printf '%s\t%s\t%s\n' 2 'done' exit:0 3 failed exit:3 \
		4 cancelled cancelled 5 corrupt - 6 'done' exit:0 \
		7 'done' exit:0 8 'done' exit:0 9 'done' exit:0 \
		10 'done' exit:0 11 'done' exit:0 12 failed exit:4 \
		13 'done' exit:0)"
	log_is 7 'try 2'
	ok nfsq log --attempt 1 7
	out_is 'try 1'
	ok nfsq log --attempt 1 6
	out_is 'round 1'
	log_is 6 'round 2'
	log_is 8 eight
	log_is 10 ten
	log_is 11 eleven
	log_is 12 'script arg'
	ok nfsq log 9
	printf '%s|' 'a b' "it's" 'new
line' "$(printf '\377')" >"$W/want"
	cmp "$W/out" "$W/want" || fail "words with odd bytes"
	ok nfsq ls --all --no-header -o id --label kind=old
	out_is 2
	ok nfsq show 13
	out_has 'a comment'
	submit -- true
	same "the next id" "$id" 14
	wait_for 0 14
	worker_stop w
	fsck_clean
}

checks format1

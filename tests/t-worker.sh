#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-worker.sh - what workers claim, when they end
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

# A job that says when it begins and ends; $1 its weight.
test_cpus() {
	cat >weigh <<'S'
#!/bin/sh
echo "+$NFSQ_CPUS" >>"$1"
sleep 0.2
echo "-$NFSQ_CPUS" >>"$1"
S
	chmod 755 weigh
	for _c in 2 1 1 1 2 1 1 2; do
		submit -c "$_c" -- ./weigh "$W/marks"
	done
	once --cpus 2
	awk '{ s += $1; if (s > m) m = s } END { print m, s }' "$W/marks" \
		>"$W/sum"
	same "most at once, in the end" "$(cat "$W/sum")" '2 0'
	grep -q -A 1 -x '+1' "$W/marks" || fail "no job of one CPU ran"
	awk '{ s += $1; n += s == 2 && $1 == 1 } END { exit n == 0 }' \
		"$W/marks" || fail "two jobs of one CPU never ran together"
	fsck_clean
}

test_too_large() {
	submit -c 3 -- true
	submit -c 1 -- true
	once --cpus 2
	check_field state 1 queued
	check_field state 2 'done'
	ok nfsq show 1
	once --cpus 3
	wait_for 0 1
}

test_max_jobs() {
	for _i in 1 2 3; do
		submit -- sh -c "echo + >>'$W/marks'; sleep 0.1; echo - >>'$W/marks'"
	done
	once --cpus 4 --max-jobs 1
	same marks "$(tr -d '\n' <"$W/marks")" '+-+-+-'
}

test_idle_exit() {
	worker w --idle-exit 1s
	submit -- true
	wait_for 0 1
	worker_ends w 0 15
	none_left || fail "left: $(ours)"
	same "seats" "$(ls "$NFSQ_SPOOL/workers")" ''
}

test_max_time() {
	worker w --max-time 2s
	submit --time 1h -- true
	submit -- true
	submit -t 1s -- true
	wait_for 0 3
	worker_ends w 0 15
	check_field state 1 queued
	# what runs is finished
	submit -- sleep 2
	worker v --max-time 1s
	worker_ends v 0 20
	check_field state 1 queued
	check_field state 4 'done'
}

test_same_name() {
	worker w
	until_ok 10 "it is alive" worker_alive w
	ok nfsq-worker --name w --poll 50ms
	no_out
	run 0 nfsq-worker -v --name w
	err_has 'runs already'
	run 0 nfsq-worker --once --name w
	no_err
	once --name other
	worker_stop w
	once --name w
	usage_error nfsq-worker --name ''
	usage_error nfsq-worker --name a/b
}

test_share() {
	mkdir "$W/marks"
	cat >mark <<'S'
#!/bin/sh
ln -s "$NFSQ_WORKER" "$1/$NFSQ_JOB_ID.$$" || exit 1
S
	chmod 755 mark
	_i=0
	while [ "$_i" -lt 200 ]; do
		_i=$((_i + 1))
		nfsq submit -- ./mark "$W/marks" >/dev/null
	done
	worker one --cpus 2
	worker two --cpus 2
	# shellcheck disable=SC2046 # words are wanted
	wait_for 0 $(seq 1 200)
	worker_stop one
	worker_stop two
	same "started" "$(find "$W/marks" -type l | wc -l)" 200
	same "jobs started" \
		"$(find "$W/marks" -type l |
			sed 's,.*/\([0-9]*\)\..*,\1,' | sort -nu | wc -l)" 200
	same "done" "$(nfsq ls --no-header -o id --state 'done' | wc -l)" 200
	for _w in one two; do
		_n=$(find "$W/marks" -lname "$_w" | wc -l)
		[ "$_n" -ge 10 ] || fail "worker '$_w' had only $_n of 200"
	done
	fsck_clean
}

test_drain() {
	worker w
	until_ok 10 "it is alive" worker_alive w
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 1
	ok nfsq drain w
	run 0 nfsq drain w
	err_has already
	submit -- true
	: >go
	wait_for 0 1
	until_ok 10 "it is said" sh -c \
		'nfsq workers | grep -q "^w .*draining"'
	run 124 nfsq wait --timeout 1s 2
	ok nfsq undrain w
	wait_for 0 2
	run 0 nfsq undrain w
	err_has 'not drained'
	failure nfsq drain nobody
	failure nfsq undrain nobody
	failure nfsq stop nobody
	usage_error nfsq drain
	# stays over restarts
	ok nfsq drain w
	worker_stop w
	submit -- true
	once --name w
	check_field state 3 queued
	ok nfsq undrain w
	once --name w
	wait_for 0 3
	fsck_clean
}

test_drain_host() {
	worker w
	until_ok 10 "it is alive" worker_alive w
	ok nfsq drain "$(hostname)"
	submit -- true
	worker v
	run 124 nfsq wait --timeout 1s 1
	ok nfsq undrain "$(hostname)"
	wait_for 0 1
	worker_stop w
	worker_stop v
}

test_stop() {
	worker w
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 1
	ok nfsq stop w
	: >go
	worker_ends w 0 15
	check_field state 1 'done'
	worker v
	submit -- sleep 4715.2
	running 2
	ok nfsq stop --now v
	worker_ends v 0 15
	check_field state 2 queued
	until_ok 2 "no process is left" no_cmd 'sleep 4715.2'
	fsck_clean
}

test_term() {
	worker w --cpus 2
	submit -- sh -c 'exec sleep 4715.3'
	submit --no-requeue -- sh -c 'exec sleep 4715.3'
	running 1
	running 2
	worker_stop w
	check_field state 1 queued
	check_field state 2 failed
	until_ok 2 "no process is left" no_cmd 'sleep 4715.3'
	same "seats" "$(ls "$NFSQ_SPOOL/workers")" ''
	worker w
	running 1
	kill -INT "$(cat "$W/w.pid")"
	worker_ends w 0 15
	check_field state 1 queued
	fsck_clean
}

test_usr1() {
	worker w
	submit -- sh -c 'until [ -e go ]; do sleep 0.05; done'
	running 1
	kill -USR1 "$(cat "$W/w.pid")"
	: >go
	worker_ends w 0 15
	check_field state 1 'done'
	check_field attempt 1 1
}

test_order() {
	for _p in 0 5 -5 5 0 100 -100; do
		submit -p "$_p" -- sh -c "echo \$NFSQ_JOB_ID >>'$W/order'"
	done
	once --cpus 1
	same "order" "$(tr '\n' ' ' <"$W/order")" '6 2 4 1 5 3 7 '
	: >"$W/order"
	for _i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		submit -- sh -c "echo \$NFSQ_JOB_ID >>'$W/order'"
	done
	once --cpus 1
	same "order" "$(tr '\n' ' ' <"$W/order")" \
		'8 9 10 11 12 13 14 15 16 17 18 19 '
	usage_error nfsq submit -p 101 -- true
	usage_error nfsq submit -p -101 -- true
	usage_error nfsq submit -c 0 -- true
	usage_error nfsq submit -c x -- true
}

test_soon() {
	nfsq-worker -q --name w </dev/null >"$W/w.wout" 2>"$W/w.werr" &
	echo "$!" >"$W/w.pid"
	until_ok 10 "it is alive" worker_alive w
	submit -- true
	_t=$(now_ms)
	wait_for 0 1
	_t=$(($(now_ms) - _t))
	[ "$_t" -lt 2500 ] || fail "started and ended after $_t ms only"
	worker_stop w
}

test_listing() {
	worker w --cpus 3
	submit -c 2 -- sleep 4715.4
	running 1
	until_ok 10 "the CPUs are told" sh -c \
		'nfsq workers --no-header | grep -q "^w  *[^ ]*  *[^ ]*  *[^ ]*  *3  *2  *1 "'
	ok nfsq status
	out_has '1 alive'
	out_has '2 of 3'
	ok nfsq cancel --wait 1
	worker_stop w
	ok nfsq workers --no-header
	no_out
}

checks cpus too_large max_jobs idle_exit max_time same_name share drain \
	drain_host stop term usr1 order soon listing

#!/bin/sh
# bench.sh - how fast: jobs of `true` by two workers beside xargs
#
# usage: NFSQ_BUILD=DIR tests/bench.sh [JOBS [ROUNDS]]	(make bench)
#
# Each round measures both, one after the other, so that what else the machine
# does hits both; the figures are medians.  Nothing is asserted.  The spool is
# in BENCH_DIR, else /dev/shm.
set -eu
: "${NFSQ_BUILD:?the folder with the programs}"
jobs=${1:-5000}
rounds=${2:-3}
PATH=$NFSQ_BUILD:$PATH
export PATH
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/nfsq-bench.XXXXXX")
one='' two=''
stop() {
	for p in $one $two; do
		kill -TERM "$p" 2>/dev/null || :
		wait "$p" 2>/dev/null || :
	done
	one='' two=''
}
trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
NFSQ_SPOOL=$dir/spool
NFSQ_CONFIG=$dir/none
XDG_RUNTIME_DIR=$dir
export NFSQ_SPOOL NFSQ_CONFIG XDG_RUNTIME_DIR
mkdir "$dir/work"
cd "$dir/work"

now() {
	date +%s.%N
}

calc() {
	awk "BEGIN { printf \"%.${2:-2}f\\n\", $1 }"
}

median() {			# of the numbers in a file
	sort -n "$1" | awk '{ v[NR] = $1 } END {
		print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# CPU seconds of all children waited for so far, to $cpu; not in a subshell,
# whose children are others
get_cpu() {
	times >"$dir/m-times"
	cpu=$(tail -n 1 "$dir/m-times" | tr 'ms' '  ' |
		awk '{ print $1 * 60 + $2 + $3 * 60 + $4 }')
}

submit_all() {
	i=0
	while [ "$i" -lt "$jobs" ]; do
		i=$((i + 1))
		nfsq submit -- true
	done >"$dir/m-ids"
}

ended() {
	nfsq status --json | sed -n 's/.*"done": \([0-9]*\).*/\1/p'
}

rss() {				# of each process of a worker
	for p in $1 $(pgrep -P "$1"); do
		awk -v p="$p" '/^Name:/ { n = $2 } /^VmRSS:/ { r = $2 }
			/^RssAnon:/ { a = $2 }
			END { printf "  %-16s %6d KiB, %5d of its own\n", n, r, a }' \
			"/proc/$p/status" 2>/dev/null || :
	done
}

echo "$jobs jobs of true, 2 workers of 1 CPU each, $rounds rounds, in $dir"
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	rm -rf "$NFSQ_SPOOL"
	nfsq init "$NFSQ_SPOOL" >/dev/null 2>&1

	t=$(now)
	submit_all
	calc "$jobs / ($(now) - $t)" 0 >>"$dir/m-submits"

	get_cpu
	c=$cpu
	t=$(now)
	seq "$jobs" | xargs -P2 -n1 true
	t=$(calc "$(now) - $t" 4)
	calc "$jobs / $t" 0 >>"$dir/m-xargs"
	x=$(calc "$jobs / $t" 4)
	get_cpu
	calc "($cpu - $c) * 1000 / $jobs" 3 >>"$dir/m-xargs-cpu"

	get_cpu
	c=$cpu
	t=$(now)
	nfsq-worker --name one --cpus 1 --once & one=$!
	nfsq-worker --name two --cpus 1 --once & two=$!
	if [ "$round" = 1 ]; then
		sleep 1		# in the middle of it
		rss "$one" >"$dir/m-rss"
	fi
	wait "$one"
	wait "$two"
	one='' two=''
	t=$(calc "$(now) - $t" 4)
	calc "$jobs / $t" 0 >>"$dir/m-nfsq"
	calc "$jobs / $t / $x" 3 >>"$dir/m-ratio"
	get_cpu
	calc "($cpu - $c) * 1000 / $jobs" 3 >>"$dir/m-nfsq-cpu"
	n=$(ended)
	[ "$n" = "$jobs" ] || echo "only $n jobs are done"
done

printf '%-28s %10s %10s\n' '' nfsq 'xargs -P2'
printf '%-28s %10s %10s\n' 'jobs/s' "$(median "$dir/m-nfsq")" \
	"$(median "$dir/m-xargs")"
printf '%-28s %10s %10s\n' 'CPU seconds per 1,000 jobs' \
	"$(median "$dir/m-nfsq-cpu")" "$(median "$dir/m-xargs-cpu")"
printf '%-28s %10s\n' 'jobs/s, nfsq / xargs' "$(median "$dir/m-ratio")"
printf '%-28s %10s\n' 'submits/s, one by one' "$(median "$dir/m-submits")"
echo 'memory of a worker with one slot:'
cat "$dir/m-rss"

if command -v strace >/dev/null && strace -f -o /dev/null true 2>/dev/null; then
	few=200
	i=0
	while [ "$i" -lt "$few" ]; do
		i=$((i + 1))
		nfsq submit -- true
	done >/dev/null
	strace -f -c -o "$dir/m-calls" nfsq-worker --name one --cpus 1 --once
	awk -v n="$few" '$NF == "total" {
		printf "system calls a job: %.0f\n", $4 / n }' "$dir/m-calls"
	sort -rn -k4 "$dir/m-calls" | awk -v n="$few" '$4 ~ /^[0-9]+$/ &&
		$NF != "total" && k++ < 8 { printf "  %-16s %6.1f\n", $NF, $4 / n }'
fi

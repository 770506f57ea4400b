#!/bin/sh
# A parameter sweep: a job for each pair of parameters, then one table.
#
# usage: sweep.sh [DIR]
#
# Each job computes the Lyapunov exponent of the logistic map x -> r x (1 - x)
# for one r and one start x: above zero the map is chaotic.  A job writes its
# line to DIR/result-R-X (default ./sweep), and DIR/table has all of them.
# On several machines DIR is one that all of them see.

set -eu

dir=${1:-sweep}
mkdir -p -- "$dir"
dir=$(CDPATH='' cd -- "$dir" && pwd)

simulate='
BEGIN {
	for (i = 0; i < 200000; i++) {
		x = r * x * (1 - x)
		slope = r * (1 - 2 * x)
		sum += log(slope < 0 ? -slope : slope + 1e-300)
	}
	printf "%s\t%s\t%.4f\n", r, x0, sum / i
}'

ids=
for r in 3.2 3.5 3.6 3.7 3.83 3.9 4.0; do
	for x in 0.1 0.3 0.7; do
		id=$(nfsq submit -n "logistic-$r-$x" -D "$dir" \
			-o "result-$r-$x" -e "error-$r-$x" --env LC_ALL=C -- \
			awk -v r=$r -v x=$x -v x0=$x "$simulate")
		ids="$ids $id"
	done
done

# shellcheck disable=SC2086 # ids, one a word
nfsq wait --progress $ids || {
	echo "sweep: a job failed: nfsq ls$ids" >&2
	exit 1
}

{
	printf 'r\tstart\texponent\n'
	cat -- "$dir"/result-* | sort -n
} >"$dir/table"
cat -- "$dir/table"

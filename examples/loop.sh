#!/bin/sh
# A loop over files: compresses each on some worker, FILE to FILE.gz.
#
# usage: loop.sh FILE...
#
# gzip reads FILE on the worker's host and its output becomes FILE.gz by one
# rename when the job has ended, so nobody sees half of it, whatever dies.
# Keep the loop and replace gzip by what you do with your files.

set -eu

if [ $# -eq 0 ]; then
	echo "usage: loop.sh FILE..." >&2
	exit 2
fi

ids=
for file; do
	dir=$(dirname -- "$file")
	base=$(basename -- "$file")
	# in a pattern %j and others stand for something, %% for a %
	pattern=$(printf '%s\n' "$base.gz" | sed 's/%/%%/g')
	id=$(nfsq submit -n gzip -D "$dir" -i "$base" -o "./$pattern" \
		-e /dev/null -- gzip -9)
	echo "job $id: $file"
	ids="$ids $id"
done

# The highest exit status of the jobs is the exit status of wait, and ours.
# shellcheck disable=SC2086 # ids, one a word
exec nfsq wait --progress $ids

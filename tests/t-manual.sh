#!/bin/sh
# Compares what the programs say of themselves with the manual, both ways:
# commands, options and their words, settings, keys of --json; mandoc -T lint.

set -u
LC_ALL=C
export LC_ALL

: "${NFSQ_BUILD:?}" "${NFSQ_SRC:?}"
man=$NFSQ_BUILD/man
command -v mandoc >/dev/null || {
	echo "skipped: no mandoc"
	exit 77
}
tmp=$(mktemp -d "$NFSQ_BUILD/t-manual.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
NFSQ_CONFIG=$tmp/none
NFSQ_SPOOL=$tmp/spool
export NFSQ_CONFIG NFSQ_SPOOL
failures=0

nfsq() {
	"$NFSQ_BUILD/nfsq" "$@"
}

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# same WHAT A B: two lists of words in files, in any order; what only one has
same() {
	sort -u "$2" >"$tmp/a"
	sort -u "$3" >"$tmp/b"
	[ -s "$tmp/a" ] || fail "$1: nothing to compare"
	cmp -s "$tmp/a" "$tmp/b" && return
	fail "$1: the program alone has" \
		"'$(comm -23 "$tmp/a" "$tmp/b" | tr '\n' ' ')', the manual" \
		"alone '$(comm -13 "$tmp/a" "$tmp/b" | tr '\n' ' ')'"
}

# The options under "options:" ($1) or "global options:" of a --help text.
help_options() {
	awk -v title="$1:" '
	/^[^ ]/ { on = $0 == title }
	on && /^  / && substr($0, 1, 26) ~ /^  (-.|   ) *-*/ {
		for (i = 1; i <= 2; i++)
			if ($i ~ /^-[A-Za-z],?$|^--[a-z]/) {
				sub(/,$/, "", $i)
				print $i
			}
	}'
}

# The words of the options, one option a line, without blanks and quotes.
help_words() {
	awk '
	function flush() {
		if (text != "") print text
		text = ""
	}
	/^options:|^global options:/ { on = 1; flush(); next }
	/^[^ ]|^$/ { on = 0; flush(); next }
	on && /^  (-.|   ).*--/ { flush() }
	on { if (substr($0, 25, 2) == "  " || $0 !~ /^  (-|    -)/)
		text = text " " substr($0, 27) }
	END { flush() }' | squeeze
}

squeeze() {
	tr -d " \t'\`\"\$" | tr '[:upper:]' '[:lower:]'
}

# page_options PAGE WORD: those in .It lines of the subsections whose title
# has the word; WORD empty: of the whole page
page_options() {
	awk -v word="$2" '
	/^\.S[hs] / {
		on = word == ""
		n = split($0, w, /[ ,]+/)
		for (i = 2; i <= n; i++)
			if (w[i] == word) on = 1
	}
	on && /^\.It Fl / {
		for (i = 2; i < NF; i++)
			if ($i == "Fl") print "-" $(i + 1)
	}' "$1"
}

# page_text PAGE WORD: the same subsections as read, on one line, squeezed
page_text() {
	mandoc -T ascii "$1" | awk -v word="$2" '
	{ gsub(/.\010/, "") }
	/^   [^ ]|^[^ ]/ {
		on = word == ""
		n = split($0, w, /[ ,]+/)
		for (i = 1; i <= n; i++)
			if (w[i] == word) on = 1
	}
	on { printf "%s ", $0 }
	END { print "" }' | squeeze
}

# says WHAT TEXT LINES: does the squeezed text have each of the lines?
says() {
	while IFS= read -r line; do
		case $2 in
		*"$line"*) ;;
		*) fail "$1: not in the manual: '$line'" ;;
		esac
	done <"$3"
}

# --- lint

for page in nfsq.1 nfsq-worker.8 nfsq.conf.5 nfsq-spool.5; do
	if [ ! -f "$man/$page" ]; then
		fail "no $man/$page"
		continue
	fi
	mandoc -T lint -W warning "$man/$page" || fail "mandoc -T lint $page"
	! grep -n '@[a-z]*@' "$man/$page" || fail "$page: not substituted"
done

# --- nfsq(1)

nfsq --help >"$tmp/help" 2>&1 || fail "nfsq --help"
awk '/^[^ ]/ { on = $0 == "commands:" } on && /^  [a-z]/ { print $1 }' \
	"$tmp/help" >"$tmp/commands"
awk '/^\.Sh / { on = $2 == "COMMANDS" }
	on && /^\.Ss / && NF == 2 { print $2 }' "$man/nfsq.1" >"$tmp/page"
same "commands" "$tmp/commands" "$tmp/page"

help_options "global options" <"$tmp/help" >"$tmp/opts"
page_options "$man/nfsq.1" Global >"$tmp/page"
same "global options" "$tmp/opts" "$tmp/page"

while IFS= read -r cmd; do
	nfsq "$cmd" --help >"$tmp/help" 2>&1 || fail "nfsq $cmd --help"
	help_options options <"$tmp/help" >"$tmp/opts"
	page_options "$man/nfsq.1" "$cmd" >"$tmp/page"
	# a command may have none
	echo "$cmd" >>"$tmp/opts"
	echo "$cmd" >>"$tmp/page"
	same "nfsq $cmd" "$tmp/opts" "$tmp/page"
	sed '/^global options:/,$d' "$tmp/help" | help_words >"$tmp/words"
	nfsq --help | awk -v cmd="$cmd" '$1 == cmd { $1 = ""; print }' |
		squeeze >>"$tmp/words"
	says "nfsq $cmd" "$(page_text "$man/nfsq.1" "$cmd")" "$tmp/words"
done <"$tmp/commands"

# --- nfsq-worker(8)

"$NFSQ_BUILD/nfsq-worker" --help >"$tmp/help" 2>&1 ||
	fail "nfsq-worker --help"
{
	help_options options <"$tmp/help"
	help_options "global options" <"$tmp/help"
} >"$tmp/opts"
page_options "$man/nfsq-worker.8" '' >"$tmp/page"
same "nfsq-worker" "$tmp/opts" "$tmp/page"
help_words <"$tmp/help" >"$tmp/words"
says "nfsq-worker" "$(page_text "$man/nfsq-worker.8" '')" "$tmp/words"

# --- nfsq.conf(5): the tables of conf.c

settings() {
	awk -v table="$1" '
	$0 ~ table "\\[\\] = " { on = 1 }
	/^};/ { on = 0 }
	on && match($0, /\.name = "[a-z_]+"/) {
		print substr($0, RSTART + 9, RLENGTH - 10)
	}' "$NFSQ_SRC/src/conf.c"
}

page_settings() {
	awk -v last="$1" '/^\.S[hs] / { on = $NF == last }
	on && /^\.It Va / { print $3 }' "$man/nfsq.conf.5"
}

settings host_settings >"$tmp/opts"
page_settings user >"$tmp/page"
same "settings of the host and user" "$tmp/opts" "$tmp/page"
settings spool_settings >"$tmp/opts"
page_settings spool >"$tmp/page"
same "settings of the spool" "$tmp/opts" "$tmp/page"

# --- keys of --json

nfsq -q init "$tmp/spool" >/dev/null || fail "nfsq init"
nfsq submit --hold -- true >/dev/null || fail "nfsq submit"

keys() {
	sed -n 's/^  "\([a-z0-9_]*\)":.*/\1/p'
}

page_keys() {
	awk '/^\.Sh / { on = $2 == "JSON" }
	on && /^\.It [a-z]/ && $3 == "Ta" { print $2 }' "$man/nfsq.1"
}

nfsq show --json 1 | keys >"$tmp/opts"
page_keys | grep -v '^command_base64$' >"$tmp/page"
same "keys of nfsq show --json" "$tmp/opts" "$tmp/page"
nfsq ls --json | keys >"$tmp/opts"
page_keys | grep -v -e '^command_base64$' -e '^attempts$' >"$tmp/page"
same "keys of nfsq ls --json" "$tmp/opts" "$tmp/page"

# --- states and reasons, as the program names them

nfsq ls --state '?' 2>&1 | sed 's/.*no state (\([^)]*\)).*/\1/' | tr ' ' '\n' >"$tmp/opts"
awk '/^\.S[hs] / { on = $2 == "States" }
	on && /^\.It [a-z]/ && $3 == "Ta" { print $2 }' "$man/nfsq.1" \
	>"$tmp/page"
same "states" "$tmp/opts" "$tmp/page"

[ $failures -eq 0 ]

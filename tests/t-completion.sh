#!/bin/sh
# The completions load in bash, and in zsh where there is one, and offer
# exactly the commands and options that --help names.

set -u
LC_ALL=C
export LC_ALL

: "${NFSQ_BUILD:?}"
command -v bash >/dev/null || {
	echo "skipped: no bash"
	exit 77
}
bash_file=$NFSQ_BUILD/completions/nfsq.bash
zsh_file=$NFSQ_BUILD/completions/_nfsq
tmp=$(mktemp -d "$NFSQ_BUILD/t-completion.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
NFSQ_CONFIG=$tmp/none
HOME=$tmp
PATH=$NFSQ_BUILD:$PATH
export NFSQ_CONFIG HOME PATH
unset NFSQ_SPOOL XDG_CONFIG_HOME
failures=0

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# same WHAT A B: two files of words, in any order
same() {
	sort -u "$2" >"$tmp/a"
	sort -u "$3" >"$tmp/b"
	[ -s "$tmp/a" ] || fail "$1: nothing to compare"
	cmp -s "$tmp/a" "$tmp/b" && return
	fail "$1: only in --help '$(comm -23 "$tmp/a" "$tmp/b" |
		tr '\n' ' ')', only completed '$(comm -13 "$tmp/a" "$tmp/b" |
		tr '\n' ' ')'"
}

long_options() {
	sed -n 's/^  \(-.,\|   \) \(--[a-z-]*\).*/\2/p'
}

"$NFSQ_BUILD/nfsq" --help | awk '
	/^[^ ]/ { on = $0 == "commands:" }
	on && /^  [a-z]/ { print $1 }' >"$tmp/commands"

# offer WORD...: what bash offers for the last word
offer() {
	bash --norc --noprofile -c '
		source "$1" || exit 1
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		COMP_LINE="$*"
		COMP_POINT=${#COMP_LINE}
		_nfsq "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
		((${#COMPREPLY[@]})) && printf "%s\n" "${COMPREPLY[@]}"
		exit 0' bash "$bash_file" "$@" </dev/null 2>"$tmp/stderr" ||
		fail "bash: completing $*"
	[ ! -s "$tmp/stderr" ] ||
		fail "bash: completing $*: $(cat "$tmp/stderr")"
}

bash -n "$bash_file" || fail "bash -n"
offer nfsq '' >"$tmp/got"
same "bash: commands" "$tmp/commands" "$tmp/got"
while IFS= read -r cmd; do
	"$NFSQ_BUILD/nfsq" "$cmd" --help | long_options >"$tmp/want"
	offer nfsq "$cmd" -- >"$tmp/got"
	same "bash: nfsq $cmd" "$tmp/want" "$tmp/got"
done <"$tmp/commands"
"$NFSQ_BUILD/nfsq-worker" --help | long_options >"$tmp/want"
offer nfsq-worker -- >"$tmp/got"
same "bash: nfsq-worker" "$tmp/want" "$tmp/got"

# Values: of a state, of jobs and of workers, the latter by nfsq itself.
"$NFSQ_BUILD/nfsq" -q init "$tmp/spool" >/dev/null || fail "nfsq init"
"$NFSQ_BUILD/nfsq" -S "$tmp/spool" submit --hold -- true >/dev/null ||
	fail "nfsq submit"
offer nfsq ls --state he >"$tmp/got"
echo held >"$tmp/want"
same "bash: a state" "$tmp/want" "$tmp/got"
offer nfsq -S "$tmp/spool" show '' >"$tmp/got"
echo 1 >"$tmp/want"
same "bash: a job" "$tmp/want" "$tmp/got"
uuid=0b2f6d7e-3c1a-4f7e-9d43-1d0a6e5b8c21
mkdir "$tmp/spool/workers/$uuid"
ln -s "name=w1 host=node3 user=alice version=0 pid=1 cpus=1" \
	"$tmp/spool/workers/$uuid/info"
offer nfsq -S "$tmp/spool" stop '' >"$tmp/got"
echo w1 >"$tmp/want"
same "bash: a worker" "$tmp/want" "$tmp/got"

if ! command -v zsh >/dev/null; then
	echo "no zsh: its completion is not tried"
	[ $failures -eq 0 ]
	exit
fi

# _arguments is replaced by what prints the options it is given.
zsh_options() {
	zsh -f -c '
		_arguments() {
			local spec
			for spec; do
				[[ $spec == (#b)(\([^\)]#\)|\*|)(--[a-z-]##)* ]] &&
					print -r -- $match[2]
			done
			return 0
		}
		_describe() { print -rl -- ${(P)4%%:*} }
		compadd() { : }
		setopt extendedglob
		words=(nfsq) CURRENT=1 service=other
		source "$1" >/dev/null
		_nfsq_set_globals
		if [[ $2 == commands ]]; then
			_nfsq_subcommand
		else
			_nfsq_args "$2"
		fi' zsh "$zsh_file" "$1" </dev/null 2>"$tmp/stderr" ||
		fail "zsh: $1"
	[ ! -s "$tmp/stderr" ] || fail "zsh: $1: $(cat "$tmp/stderr")"
}

zsh -n "$zsh_file" || fail "zsh -n"
zsh -f -c '
	autoload -U compinit && compinit -D -u && source "$1"' \
	zsh "$zsh_file" </dev/null >/dev/null 2>"$tmp/stderr"
grep -v 'can only be called from completion function' "$tmp/stderr" &&
	fail "zsh: loading prints"
zsh_options commands >"$tmp/got"
same "zsh: commands" "$tmp/commands" "$tmp/got"
while IFS= read -r cmd; do
	"$NFSQ_BUILD/nfsq" "$cmd" --help | long_options >"$tmp/want"
	zsh_options "$cmd" >"$tmp/got"
	same "zsh: nfsq $cmd" "$tmp/want" "$tmp/got"
done <"$tmp/commands"
"$NFSQ_BUILD/nfsq-worker" --help | long_options >"$tmp/want"
zsh_options nfsq-worker >"$tmp/got"
same "zsh: nfsq-worker" "$tmp/want" "$tmp/got"

[ $failures -eq 0 ]

#!/bin/sh
# shellcheck disable=SC2016,SC2119,SC2154,SC2317 # functions called by name
# t-units.sh - the systemd units and the crontab line that are shipped
# shellcheck source=lib.sh
. "$NFSQ_SRC/tests/lib.sh"

units=$NFSQ_BUILD/contrib/systemd

# The units with our own program in place of the one that is not installed.
copy_units() {
	for _u in nfsq-worker.service nfsq-worker@.service; do
		! grep -q '@[a-z]*dir@' "$units/$_u" ||
			fail "$_u has a directory that was not filled in"
		sed "s|^ExecStart=.*|ExecStart=/bin/true|" "$units/$_u" \
			>"$W/dir/$_u"
	done
}

test_verify() {
	command -v systemd-analyze >/dev/null ||
		fail "systemd-analyze is missing"
	copy_units
	ok systemd-analyze --man=no --user verify "$W/dir/nfsq-worker.service"
	cp "$W/dir/nfsq-worker@.service" "$W/dir/nfsq-worker@root.service"
	ok systemd-analyze --man=no verify "$W/dir/nfsq-worker@root.service"
}

test_settings() {
	for _line in User=%i Delegate=yes KillMode=mixed; do
		grep -qx "$_line" "$units/nfsq-worker@.service" ||
			fail "the template has no $_line"
	done
	grep -q '^After=.*remote-fs.target' "$units/nfsq-worker@.service" ||
		fail "the template does not wait for remote file systems"
	_stop=$(sed -n 's/^TimeoutStopSec=//p' "$units/nfsq-worker@.service")
	[ "$_stop" -gt 30 ] || fail "TimeoutStopSec is not over the grace"
}

# The line as cron runs it: sh -c, with little in the environment.
test_crontab() {
	_line=$(sed -n 's/^\* \* \* \* \*[[:space:]]*//p' \
		"$NFSQ_SRC/contrib/nfsq.crontab")
	[ -n "$_line" ] || fail "no line in contrib/nfsq.crontab"
	submit -- sh -c 'echo by cron'
	ok env -i HOME="$HOME" PATH="$NFSQ_BUILD:/usr/bin:/bin" SHELL=/bin/sh \
		NFSQ_SPOOL="$NFSQ_SPOOL" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" \
		/bin/sh -c "$_line"
	no_out
	log_is "$id" 'by cron'
	fsck_clean
}

# Where systemd is pid 1 and we are root: really started, for a moment.
test_started() {
	[ "$(cat /proc/1/comm)" = systemd ] && [ "$(id -u)" = 0 ] || return 0
	submit -- sh -c 'echo by systemd'
	_unit=nfsq-test-$$
	ok systemd-run --quiet --wait --collect --unit "$_unit" \
		-p Delegate=yes -p KillMode=mixed \
		-E NFSQ_SPOOL="$NFSQ_SPOOL" -E XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" \
		"$NFSQ_BUILD/nfsq-worker" --once
	log_is "$id" 'by systemd'
}

command -v systemd-analyze >/dev/null || skip "systemd-analyze is missing"
checks verify settings crontab started

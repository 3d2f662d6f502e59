#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what is kept of a mount is looked at before it is used: of another layout, or damaged, it makes open files stale, and never others of them.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9

start_mounted kept
printf v >"$active/k"

# Answered by the one that serves.
worker() {
	awk '$1 == "pid" { print $2 }' "$control/node/mount"
}
# serves_instead PID: where the mount is made anew, nobody does for a moment.
serves_instead() {
	local pid
	pid=$(worker 2>/dev/null) && [ -n "$pid" ] && [ "$pid" != "$1" ]
}
# memory NAME: where it is reached; the keeper has it.
memory() {
	local fd
	for fd in /proc/"$KEEPER_PID"/fd/*; do
		case $(readlink "$fd") in
		"/memfd:gsession-fs:$1 "*) echo "$fd" && return ;;
		esac
	done
	return 1
}
# damage NAME OFFSET [BYTE]: four such bytes are written over what is there, and another process takes over.
damage() {
	local pid fd
	pid=$(worker)
	fd=$(memory "$1") || return
	kill -STOP "$pid"
	printf "\\$3\\$3\\$3\\$3" | dd of="$fd" bs=1 seek="$2" conv=notrunc status=none
	kill -KILL "$pid"
	poll_until 10 serves_instead "$pid"
}
# In the header, which is the first page: what lies behind is another version's.
change_layout() {
	damage "$1" 8 125
}
for name in tables handles control intents stage mount; do
	check "$name is kept" memory "$name"
	check_not "nobody takes pages of it away" truncate -s 4096 "$(memory "$name")"
done

# ---- another layout ----
printf one >"$active/one"
printf two >"$active/two"
exec 5<"$active/one"
check "handles are laid out otherwise" change_layout handles
# reads_other FILE: while it is opened again and again its number would be that of descriptor 5, if they began anew.
reads_other() {
	local i
	for i in {1..40}; do
		exec 6<"$1"
		cat <&5 2>&1 && return
		exec 6<&-
	done
	return 1
}
check_not "what was open is not another file" reads_other "$active/two"
check_not "it is stale" cat <&5
check_match "as it says" "$output" 'Stale file handle'
check_eq "what is opened then is as ever" "$(cat "$active/two")" two
exec 5<&-
exec 5<"$control/node/mount"
check "otherwise again" change_layout handles
check_not "what was open in control/ is not another" reads_other "$control/version"
check_not "it is stale" cat <&5
check_match "as it says" "$output" 'Stale file handle'
exec 5<&-

exec 5<"$control/sessions/rings"
check "control is laid out otherwise" change_layout control
ls -R "$control" >/dev/null
check_not "a directory of before is stale" ls "/dev/fd/5/"
check_match "as it says" "$output" 'Stale file handle'
check "by its name it is there" test -d "$control/sessions/rings/active"
exec 5<&-

exec 5>"$active/a.tmp"
printf a >&5
check "stage is laid out otherwise" change_layout stage
printf b >"$active/b.tmp"
check_not "a temporary file of before is stale" bash -c 'printf c >&5'
check_not "and not there" test -e "$active/a.tmp"
check_eq "and no other" "$(cat "$active/b.tmp")" b
exec 5>&-

# ---- damage ----
exec 5<"$active/one"
for where in 'tables 4096' 'handles 4096' 'control 4096' 'stage 8192' 'intents 4112' 'mount 4096'; do
	# Two words.
	# shellcheck disable=SC2086
	check "where ${where% *} is damaged another serves" damage $where 377
	check_eq "what was there" "$(cat "$active/k")" v
	printf w >"$active/c.tmp" && mv "$active/c.tmp" "$active/w"
	check_eq "with all that it does" "$(cat "$active/w" "$control/node/instance")" "w$INSTANCE"
done
check_not "one that knows no answer any more has mounted anew" cat <&5
exec 5<&-
check "the keeper is the same" kill -0 "$KEEPER_PID"
check "the audit is clean" gs audit

done_testing

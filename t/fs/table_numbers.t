#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the kernel's numbers mean the same tables to the next gsession-fs, whatever the configuration has become meanwhile.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9

# with TABLE...: the daemon and the mount begin anew with these tables beside the default one.
with() {
	local pid
	printf '[table %s]\nrecord_size = 1K\n' "$@" >"$tmp/tables.conf"
	[ -z "${MANAGER_PID-}" ] || stop_manager
	# It keeps nothing of the mount open.
	start_manager "$tmp/tables.conf" 5>&- 6>&- 7>&- 8>&-
	[ -n "${KEEPER_PID-}" ] || return 0
	pid=$(worker)
	kill -KILL "$pid" && [ "$(worker)" != "$pid" ]
}
# Answered by the one that serves.
worker() {
	awk '$1 == "pid" { print $2 }' "$tmp/mnt/control/node/mount"
}

new_instance
# Nor does it stand in it.
printf '#!/bin/sh\ncd / && exec "%s" "$@"\n' "$GSESSIOND" >"$tmp/gsessiond"
chmod +x "$tmp/gsessiond"
GSESSIOND=$tmp/gsessiond
with tokens
start_kept_mount "$tmp/mnt"
cleanup_fn cd /
cd "$tmp/mnt/tokens/active" || exit 1
printf old >k
exec 5<>k 6>x.tmp 7<.
check_eq "a table has its sessions" "$(gs -t tokens get k)" old

# ---- one comes before it ----
check "a table comes before it, and another serves" with aaa tokens zzz
check_eq "all are there" "$(ls "$tmp/mnt" | tr '\n' ' ')" "aaa control sessions tokens zzz "
printf new >&5
check_eq "what was open writes to its own" "$(gs -t tokens get k)" new
check_not "and to no other" gs -t aaa get k
printf made >made
check_eq "a directory of before is its own" "$(gs -t tokens get made)" made
printf temporary >&6
mv x.tmp y
check_eq "and so is a temporary file" "$(gs -t tokens get y)" temporary
check_not "none of it is another's" bash -c 'gs() { "$0" "$@"; }; "$1" -i "$2" -t aaa get made || "$1" -i "$2" -t sessions get made' - "$GSESSION" "$INSTANCE"
printf a >"$tmp/mnt/aaa/active/k"
check_eq "the new one is used as any" "$(gs -t aaa get k; gs -t tokens get k)" anew
exec 6>&-

# ---- it goes, and comes back ----
exec 8>left.tmp
check "it goes, and another serves" with aaa
check_eq "it is not there any more" "$(ls "$tmp/mnt" | tr '\n' ' ')" "aaa control sessions "
check_not "what was open is stale" bash -c 'printf gone >&5'
check_match "and says so" "$output" 'Stale file handle'
check_not "nor can a temporary file be written" bash -c 'printf gone >&8'
check_match "which says the same" "$output" 'Stale file handle'
for use in 'cat k' 'printf x >new' 'rm k' 'mv k l' 'mv left.tmp right.tmp' 'mkdir ns' 'touch .' 'ls /dev/fd/7/'; do
	check_not "nothing is done in its directory: $use" bash -c "$use"
	[ "${use%% *}" != printf ] || check_match "which is stale" "$output" 'Stale file handle'
done
check_eq "the others are as they were" "$(cat "$tmp/mnt/aaa/active/k")" a
check "a new name takes another number, and another serves" with bbb tokens
check_not "what was open stays stale" bash -c 'printf gone >&5'
printf back >k
check_eq "its directory is its own again" "$(gs -t tokens get k)" back
check_not "and not that of a new one" gs -t bbb get k

# ---- more than there are numbers ----
check "more come, and another serves" with c1 c2 c3
check "and more" with d1 d2 d3
check_eq "those that found no number are left out" "$(ls "$tmp/mnt" | tr '\n' ' ')" "control sessions "
cd /
exec 5>&- 7<&- 8>&-
umount "$tmp/mnt"
wait_gone "$KEEPER_PID"
start_kept_mount "$tmp/mnt"
check_eq "until it is mounted anew" "$(ls "$tmp/mnt" | tr '\n' ' ')" "control d1 d2 d3 sessions "
check "the audit is clean" gs audit

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: ids of sessions are credentials: only root lists, and only owners and root read, end and move.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "setpriv is not installed" setpriv --reuid 65534 --regid 65534 --clear-groups true

new_instance
start_manager
start_mount "$tmp/mnt"
chmod 755 "$tmp"
active=$tmp/mnt/sessions/active
warm=$tmp/mnt/sessions/warm

as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}
refused() {
	local sentence=$1 errno=$2
	shift 2
	check_not "$sentence" "$@"
	check_match "with $errno" "$output" "$errno"
}

check_eq "ring directories are 0733 and root's" "$(stat -c '%a %U' "$active")" "733 root"
check "anybody starts a session" as 1001 bash -c "umask 077; printf mine > '$active/k'"
check_eq "and owns it" "$(stat -c '%u %g %a' "$active/k")" "1001 1001 600"
check_eq "and reads it" "$(as 1001 cat "$active/k")" mine
refused "nobody but root lists" 'Permission denied' as 1001 ls "$active"
check_eq "root lists" "$(ls "$active")" k
check_eq "root reads" "$(cat "$active/k")" mine
refused "another does not read" 'Permission denied' as 1002 cat "$active/k"
refused "nor write" 'Permission denied' as 1002 bash -c "printf x > '$active/k'"
refused "nor truncate" 'Permission denied' as 1002 truncate -s 0 "$active/k"
refused "nor end" 'not permitted' as 1002 rm -f "$active/k"
refused "nor move" 'not permitted' as 1002 mv "$active/k" "$warm/"
refused "nor rename" 'not permitted' as 1002 mv "$active/k" "$active/k2"
refused "nor replace" 'not permitted' as 1002 bash -c "printf x > '$active/other' && mv -f '$active/other' '$active/k'"
refused "nor chmod" 'not permitted' as 1002 chmod 666 "$active/k"
refused "nor chown" 'not permitted' as 1002 chown 1002 "$active/k"
refused "nor age" 'denied|not permitted' as 1002 touch -d yesterday "$active/k"
refused "nor renew" 'denied|not permitted' as 1002 touch "$active/k"
refused "nor read attributes" 'Permission denied' as 1002 getfattr -n user.gsession.owner "$active/k"
refused "nor set them" 'not permitted' as 1002 setfattr -n user.gsession.owner -v me "$active/k"
check_eq "after all that it is as it was" "$(stat -c '%u %a' "$active/k"; cat "$active/k")" "$(printf '1001 600\nmine')"

diag "fs.protected_regular is $(cat /proc/sys/fs/protected_regular)"
check "root opens what is another's with O_CREAT, whatever fs.protected_regular is" bash -c "printf '' >> '$active/k'"
check "the owner changes its mode" as 1001 chmod 640 "$active/k"
refused "its owner does not give it away" 'not permitted' as 1001 chown 1002 "$active/k"
check "chown to whom it belongs is no change, and succeeds" as 1001 chown 1001:1001 "$active/k"
refused "a group it is not in does not count" 'Permission denied' as 1002 cat "$active/k"
check_eq "who is of its group reads" "$(setpriv --reuid 1002 --regid 1002 --groups 1001 cat "$active/k")" mine
refused "but does not write" 'Permission denied' setpriv --reuid 1002 --regid 1002 --groups 1001 truncate -s 0 "$active/k"
check "the owner moves it" as 1001 mv "$active/k" "$warm/"
check "and renews it" as 1001 touch "$active/k"
check "and ends it" as 1001 rm "$active/k"
check_not "then it is gone" test -e "$active/k"

printf x > "$active/open"
chmod 666 "$active/open"
check "who may write may renew" as 1002 touch "$active/open"
refused "but not set times" 'not permitted' as 1002 touch -d yesterday "$active/open"
check "test -r asks for the caller" as 1002 test -r "$active/open"
chmod 600 "$active/open"
check_not "and is told no" as 1002 test -r "$active/open"

# ---- roles: the mount acts as its caller ----

printf there > "$active/there"
chmod 666 "$active/there"
as 1001 bash -c "umask 077; printf mine > '$active/mine'"
check "roles come into force" gs set sessions/roles/worker 'user:1002'
gs set sessions/roles/reader 'user:1003 group:2003'
gs set sessions/roles/operator 'user:1005'
gs set sessions/roles/starter 'user:1009'
check "a worker reads" as 1002 cat "$active/there"
check "and writes" as 1002 bash -c "printf changed > '$active/there'"
check "and renews" as 1002 touch "$active/there"
refused "but starts nothing" 'not permitted' as 1002 touch "$active/new"
check_not "nothing was started" test -e "$active/new"
check "a reader reads" as 1003 cat "$active/there"
check "and who is one by a group" setpriv --reuid 1999 --regid 1999 --groups 2003 cat "$active/there"
refused "but does not write" 'not permitted' as 1003 bash -c "printf x > '$active/there'"
refused "nor renew" 'not permitted' as 1003 touch "$active/there"
refused "who has no role does not read" 'not permitted' as 1001 cat "$active/mine"
refused "nor end what is his" 'not permitted' as 1001 rm -f "$active/mine"
refused "nor move it" 'not permitted' as 1001 mv "$active/mine" "$warm/"
check "a starter starts" as 1009 bash -c "printf x > '$active/started'"
check "and renames" as 1009 mv "$active/started" "$active/renamed"
check "and ends" as 1009 rm "$active/renamed"
check "an operator writes a control file" as 1005 bash -c "echo 6m > '$tmp/mnt/control/sessions/rings/active/ttl'"
check_eq "which is in force" "$(gs show sessions/rings/active/ttl)" 6m
refused "who is none sees no control file" 'Permission denied' as 1003 cat "$tmp/mnt/control/events"
check_match "which is told" "$(gs show events)" ' forbidden table=sessions what=control uid=1003 pid=[0-9]+ '
check_match "each refusal is told, with uid and pid" "$(gs show events)" ' forbidden table=sessions what=start uid=1002 pid=[0-9]+ '
check_match "the end too" "$(gs show events)" ' forbidden table=sessions what=end uid=1001 pid=[0-9]+ '
check "and counted" test "$(gs show stats | sed -n 's/^forbidden //p')" -ge 7
check "root has every role" rm "$active/mine"

# What is in the memory needs no daemon.
kill -STOP "$MANAGER_PID"
check "while the daemon is stopped a starter of whom nothing was heard starts" setpriv --reuid 1009 --regid 1999 --clear-groups bash -c "printf x > '$active/stopped'"
check "and ends" as 1009 rm "$active/stopped"
check "and who is a reader by a group reads" setpriv --reuid 1998 --regid 1998 --groups 2003 cat "$active/there"
kill -CONT "$MANAGER_PID"
gs set sessions/roles/reader 'user:1003'
refused "a role that is taken away ends with the next request" 'not permitted' setpriv --reuid 1998 --regid 1998 --groups 2003 cat "$active/there"
gs set sessions/roles/starter any
check "roles that are taken back are" as 1001 bash -c "printf x > '$active/again'"
kill_manager
check "without the daemon what is known of roles holds" as 1001 cat "$active/again"
check "for whoever comes" as 1077 bash -c "printf x > '$active/fresh'"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a stopped instance's memory can be given up; who is attached to it, the mount too, goes over to the new one.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
echo old > "$tmp/mnt/sessions/active/k"
check_status 4 "a purge while the daemon serves is refused" "$GSESSIOND" -i "$INSTANCE" --purge
check_match "and says what to do" "$output" 'stop it first'
check_eq "nothing is lost" "$(gs get k)" old

kill_manager
check_eq "after kill -9 the sessions are there" "$(cat "$tmp/mnt/sessions/active/k")" old
check "a purge of a stopped instance" "$GSESSIOND" -i "$INSTANCE" --purge
check_not "leaves nothing behind" test -e "$GSESSION_SHM_DIR/$INSTANCE"
start_manager
check_status 1 "the sessions have ended" gs get k
ring=$tmp/mnt/control/sessions/rings/active
cat "$tmp/mnt/control/version" >/dev/null
check_eq "the mount counts none, before it has used any" "$(cat "$ring/count" "$ring/count")" $'0\n0'
echo new > "$tmp/mnt/sessions/active/k2"
check_eq "the mount works in the new memory" "$(gs get k2)" new
check_eq "and sees only that" "$(ls "$tmp/mnt/sessions/active")" k2
check "a purge of what is not there" "$GSESSIOND" -i nobody --purge
done_testing

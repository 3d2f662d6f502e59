#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a dead daemon stops nobody's sessions, and a dead mount is repaired by the next.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

start_mounted

printf before > "$active/k"
cat "$control/version" >/dev/null
kill_manager
check_eq "after kill -9 of the daemon, sessions are read" "$(cat "$active/k")" before
check "and written" bash -c "printf after > '$active/k'"
check "and started" bash -c "printf new > '$active/k2'"
check "and moved" mv "$active/k2" "$tmp/mnt/sessions/warm/"
check_eq "and listed" "$(ls "$active")" k
check_not "control files say" cat "$control/stats"
check_match "that the daemon is down" "$output" 'Host is down'
check "control itself is there" test -d "$control"

start_manager
check_eq "after its restart they are to be read again" "$(poll_until 5 cat "$control/node/pid"; cat "$control/node/pid")" "$MANAGER_PID"
check_eq "and every session is there" "$(cat "$active/k" "$tmp/mnt/sessions/warm/k2")" afternew
check "and written as before" bash -c "echo 3m > '$control/sessions/rings/active/ttl'"
check "the audit is clean" gs audit

cleanup_fn kill -CONT "$MANAGER_PID"
kill -STOP "$MANAGER_PID"
check_not "a frozen daemon does not answer" cat "$control/uptime"
check_match "in time" "$output" 'timed out'
for _ in {1..12}; do
	cat "$control/uptime" >/dev/null 2>&1 &
done
check_eq "while twelve wait for it, sessions are read" "$(timeout 1 cat "$active/k")" after
check "and written" timeout 1 bash -c "printf again > '$active/k' && printf after > '$active/k'"
kill -CONT "$MANAGER_PID"
wait $(jobs -p)
check "when it goes on it answers" poll_until 5 cat "$control/stats"

kill -KILL "$MOUNT_PID"
wait_gone "$MOUNT_PID"
check_not "a dead mount answers nothing" stat "$active/k"
check_match "but ENOTCONN" "$output" 'not connected'
check "gsession-fs mounts over it" "$GSESSION_FS" -i "$INSTANCE" "$tmp/mnt"
check_eq "and nothing is lost" "$(cat "$active/k")" after
find_mount_pid "$tmp/mnt"
kill -TERM "$MOUNT_PID"
check "SIGTERM ends it" wait_gone "$MOUNT_PID"
check_not "and unmounts" is_mounted "$tmp/mnt"
start_mount "$tmp/mnt"
umount "$tmp/mnt"
check "umount ends it" wait_gone "$MOUNT_PID"

done_testing

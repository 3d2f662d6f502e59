#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whatever hinders a mount is said in a sentence with what to do, and mount(8) works.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
mkdir "$tmp/mnt"
fs() {
	"$GSESSION_FS" -i "$INSTANCE" "$@"
}

check_status 3 "no daemon is status 3" fs "$tmp/mnt"
check_match "and says how to start it" "$output" "no daemon serves instance $INSTANCE: start it with gsessiond -i $INSTANCE"
check_not "nothing is mounted then" is_mounted "$tmp/mnt"

# holds PID: it has what we have open as 9.
holds() {
	readlink "/proc/$1/fd"/* | grep -Fqx "$tmp/lock"
}

exec 9> "$tmp/lock"
check "a descriptor of ours is seen in our own table" holds "$$"
start_manager
check_not "a daemon in the background has no descriptor of who started it" holds "$MANAGER_PID"
start_mount "$tmp/mnt"
check_not "and no mount has" holds "$MOUNT_PID"
stop_mount "$tmp/mnt"
exec 9>&-

check_status 2 "a directory that is missing" fs "$tmp/none"
check_match "is to be made" "$output" "mkdir -p $tmp/none"
: > "$tmp/file"
check_status 2 "a file" fs "$tmp/file"
check_match "is not a directory" "$output" 'not a directory'
check_status 2 "no directory at all" fs
check_match "is told the usage" "$output" '^usage: gsession-fs'
check_status 2 "two directories" fs "$tmp/mnt" "$tmp/mnt"
check_status 2 "an instance that cannot be" "$GSESSION_FS" -i ../x "$tmp/mnt"
check_match "is told what can" "$output" 'a-z 0-9'
check_status 2 "an option that is not ours" fs -o nonsense "$tmp/mnt"
check_match "is named" "$output" 'nonsense'
check_status 2 "attr_ms of a word" fs -o attr_ms=soon "$tmp/mnt"
check_match "is told its range" "$output" '0 to 60000'

cleanup_fn stop_mount "$tmp/mnt"
check "options may be before" fs -o attr_ms=0,defaults,x-systemd.automount "$tmp/mnt"
check_status 4 "mounting twice is refused" fs "$tmp/mnt"
check_match "in words" "$output" 'mounted there already'
printf x > "$tmp/mnt/sessions/active/k"
sizes() {
	local value
	for value in 1 22 333; do
		gs put k <<< "$value" >/dev/null
		stat -c %s "$tmp/mnt/sessions/active/k"
	done
}
check_eq "attr_ms=0 shows every change at once" "$(sizes | tr '\n' ' ')" "2 3 4 "
stop_mount "$tmp/mnt"
check "or behind the directory" fs "$tmp/mnt" -o ro
check_not "ro is read-only" touch "$tmp/mnt/sessions/active/k"
check_match "with EROFS" "$output" 'Read-only'
check_eq "and readable" "$(wc -c < "$tmp/mnt/sessions/active/k")" 4
stop_mount "$tmp/mnt"

"$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt" 2>"$tmp/fs.err" &
fs_pid=$!
cleanup_fn end_process "$fs_pid"
check "-f stays in the foreground" poll_until 10 is_mounted "$tmp/mnt"
check "and serves" test -d "$tmp/mnt/control"
kill -INT "$fs_pid" 2>/dev/null
kill -TERM "$fs_pid"
check "until it is told to end" wait_gone "$fs_pid"
check_not "and unmounts" is_mounted "$tmp/mnt"

helper=$tmp/sbin/mount.gsession
mkdir "$tmp/sbin"
cp "$srctop/fs/mount.gsession" "$helper"
ln -s "$GSESSION_FS" "$tmp/sbin/gsession-fs"
ln -s "$helper" "$tmp/linked"
check "mount.gsession INSTANCE DIR -o as mount(8) calls it" "$tmp/linked" "$INSTANCE" "$tmp/mnt" -o rw,nosuid,attr_ms=10
check "mounts" is_mounted "$tmp/mnt"
stop_mount "$tmp/mnt"
check "a configuration file stands for its instance" "$helper" "/etc/gsession/$INSTANCE.conf" "$tmp/mnt" -n -v -o rw
check "and mounts" is_mounted "$tmp/mnt"
stop_mount "$tmp/mnt"
check "-f only says so" "$helper" "$INSTANCE" "$tmp/mnt" -fv
check_match "what it would do" "$output" "gsession-fs -i $INSTANCE -o fsname=$INSTANCE -- $tmp/mnt"
check_not "and does not" is_mounted "$tmp/mnt"
check_status 32 "what cannot be mounted is status 32, as mount(8) wants" "$helper" no-such-instance "$tmp/mnt"
check_status 1 "a wrong call is status 1" "$helper" "$INSTANCE"

done_testing

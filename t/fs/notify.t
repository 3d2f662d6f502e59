#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: inotify tells of a change of control/events.counts, by a process that ends with the mount however that ends.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
notify=$buildtop/t/fs/notify
requires "t/fs/notify is not built" test -x "$notify"

new_instance
start_manager
start_mount "$tmp/mnt"
counts=$tmp/mnt/control/events.counts
has() {
	grep -q "$2" "$1"
}
# Watch for so many ms, into a file.
watch() {
	: > "$2"
	"$notify" "$counts" "$1" > "$2" &
	watcher=$!
	poll_until 5 has "$2" ready
}
# The process of the mount that writes.
poker() {
	grep -lsx gsession-poke /proc/[0-9]*/comm | while IFS=/ read -r _ _ pid _; do
		[ "$(sed -n 's/^PPid:\t//p' "/proc/$pid/status" 2>/dev/null)" != "$MOUNT_PID" ] || echo "$pid"
	done
}

check_eq "it may be written by whoever may change the configuration" "$(stat -c %a "$counts" "$tmp/mnt/control/events" "$tmp/mnt/control/events_pipe" | tr '\n' ' ')" \
	"640 640 640 "
check_not "though nothing comes of it" bash -c "echo x > '$counts'"
check_not "nor of a write to the log" bash -c "echo x > '$tmp/mnt/control/events'"

# Looking it up may be told as a change, once.
watch 1000 "$tmp/first"
wait "$watcher"
watch 700 "$tmp/quiet"
wait "$watcher"
check_eq "nothing is told while nothing changes" "$(tail -n 1 "$tmp/quiet")" nothing
watch 10000 "$tmp/changed"
printf x > "$tmp/mnt/sessions/active/k"
wait "$watcher"
check_eq "a change is" "$(tail -n 1 "$tmp/changed")" modified
check "the counts have it" has "$counts" '^created 1$'
watch 10000 "$tmp/again"
rm "$tmp/mnt/sessions/active/k"
wait "$watcher"
check_eq "the next one too" "$(tail -n 1 "$tmp/again")" modified
check_not "what is written is no event of its own" bash -c "'$GSESSION' -i $INSTANCE events | grep -E 'events.counts|forbidden'"

stop_manager
start_manager
poll_until 10 cat "$counts"
watch 10000 "$tmp/next"
wait "$watcher"
check_eq "and those of the next daemon" "$(tail -n 1 "$tmp/next")" modified

pid=$(poker)
check_match "a process does that" "$pid" '^[0-9]+$'
before=$(cut -d' ' -f14,15 "/proc/$pid/stat")
watch 1500 "$tmp/quiet"
wait "$watcher"
check_eq "which costs nothing while nothing happens" "$(cut -d' ' -f14,15 "/proc/$pid/stat")" "$before"
stop_mount "$tmp/mnt"
check "it ends with the mount" wait_gone "$pid"

start_mount "$tmp/mnt"
check "so it does" cat "$counts"
pid=$(poker)
printf x > "$tmp/mnt/sessions/active/k"
kill -KILL "$MOUNT_PID"
check "when the mount is killed" wait_gone "$pid"
check "and keeps it from nothing" wait_gone "$MOUNT_PID"
umount -l "$tmp/mnt"
done_testing

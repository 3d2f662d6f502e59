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
server=$MOUNT_PID
find_mount_pid "$tmp/mnt"
check_eq "which is not the one that serves" "$MOUNT_PID" "$server"
# Of two with the same arguments the one that comes first is looked at first; where only such a one is there, nobody serves.
mkfifo "$tmp/hold"
(exec -a gsession-fs bash -c 'printf gsession-poke > "/proc/$$/comm"; read -r _' of "$tmp/elsewhere" < "$tmp/hold") &
like=$!
exec 7> "$tmp/hold"
cleanup_fn end_process "$like"
is_like() {
	[ "$(cat "/proc/$like/comm")" = gsession-poke ]
}
check "another one is like it" poll_until 5 is_like
check_not "nor does that" find_mount_pid "$tmp/elsewhere"
MOUNT_PID=$server
exec 7>&-
check "it ends" wait_gone "$like"
before=$(cut -d' ' -f14,15 "/proc/$pid/stat")
watch 1500 "$tmp/quiet"
wait "$watcher"
check_eq "which costs nothing while nothing happens" "$(cut -d' ' -f14,15 "/proc/$pid/stat")" "$before"
stop_mount "$tmp/mnt"
check "it ends with the mount" wait_gone "$pid"

start_mount "$tmp/mnt"
cat "$counts" > /dev/null
pid=$(poker)
kill -STOP "$pid"
check "one that does not end keeps no mount from its end" stop_mount "$tmp/mnt"
check "nor is it left" wait_gone "$pid"

# Its own mount is out of sight, and another one's file has the path.
"$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt" > "$tmp/log" 2>&1 &
poll_until 10 is_mounted "$tmp/mnt"
find_mount_pid "$tmp/mnt"
below=$MOUNT_PID
exec 8< "$tmp/mnt/control"
watch 10000 "$tmp/begun"
wait "$watcher"
pid=$(poker)
umount -l "$tmp/mnt"
start_mount "$tmp/mnt"
printf x > "$tmp/mnt/sessions/active/k"
check "where another is mounted it ends rather than write" wait_gone "$pid"
cat /proc/self/fd/8/events.counts /proc/self/fd/8/events.counts > /dev/null
check_eq "which is logged once" "$(grep -c 'gsession-poke has ended' "$tmp/log")" 1
exec 8<&-
check "and its mount ends" wait_gone "$below"
stop_mount "$tmp/mnt"

start_mount "$tmp/mnt"
ls -f "$tmp/mnt/control" > /dev/null
watch 10000 "$tmp/listed"
rm "$tmp/mnt/sessions/active/k"
wait "$watcher"
check_eq "who knows its name by a listing is told too" "$(tail -n 1 "$tmp/listed")" modified
pid=$(poker)
printf x > "$tmp/mnt/sessions/active/k"
kill -KILL "$MOUNT_PID"
check "when the mount is killed" wait_gone "$pid"
check "and keeps it from nothing" wait_gone "$MOUNT_PID"
umount -l "$tmp/mnt"
done_testing

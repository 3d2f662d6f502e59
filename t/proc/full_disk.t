#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a full disk makes a ring on it full, or one in memory at the start; nobody is killed, and nothing that it has is lost.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m mount -t tmpfs none /mnt 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires "mounts cannot be private here" test -n "${GS_PRIVATE_MOUNTS-}"
new_instance
disk=$tmp/disk
mkdir "$disk"
# A tmpfs stands for the disk: it is as full as one of its size.
mount -t tmpfs -o size=4M,mode=700 none "$disk"
cleanup_fn umount -l "$disk"
cat > "$tmp/disk.conf" <<-CONF
	[table sessions]
	record_size = 4K
	slot_sizes =
	[ring cold]
	capacity = 8000
	store = file:$disk/cold
CONF
fill_disk() {
	dd if=/dev/zero of="$disk/filler" bs=4096 status=none 2>/dev/null
}
lose_memory() {
	rm -rf "${GSESSION_SHM_DIR:?}/$INSTANCE"
}
in_cold() {
	gs show sessions/rings/cold/count
}
put_cold() {
	gs put "$1" < "$tmp/value" && gs mv "$1" cold
}
head -c 4000 /dev/urandom > "$tmp/value"

# ---- the disk fills ----
start_manager "$tmp/disk.conf"
n=0
while put_cold "s$n" 2>"$tmp/refused"; do
	n=$((n + 1))
done
check "sessions were moved there" test "$n" -gt 300
check_match "until there was no room" "$(cat "$tmp/refused")" 'no room in the ring'
check "the one that found none is where it was" cmp <(gs get "s$n") "$tmp/value"
check_eq "the others are on the disk" "$(in_cold)" "$n"
check "audit is clean" gs audit
fill_disk
check_eq "not a page is free" "$(stat -f -c %a "$disk")" 0
check "reads go on" cmp <(gs get s0) "$tmp/value"
check_eq "what was asked for came in" "$(in_cold)" $((n - 1))
check "in its slot there is room again, when the disk was asked" poll_until 10 gs mv s0 cold
check "audit is clean" gs audit

# ---- a restart, and one without memory, on the full disk ----
kill_manager
start_manager "$tmp/disk.conf"
check_eq "a daemon started on it finds every session" "$(in_cold)" "$n"
kill_manager
lose_memory
start_manager "$tmp/disk.conf"
check_match "without memory and without room to part from who may use the file: a sentence" "$(cat "$tmp/manager.out")" \
	"ring cold: .*$disk/cold.*: the ring begins empty, in memory"
check_match "it is in last_error" "$(gs show last_error)" "ring cold: "
check_eq "the ring is in memory" "$(gs show sessions/rings/cold/store)" shm
check "and works" put_cold new
check "so does the rest" gs put k <<< k
check "audit is clean" gs audit
kill_manager

# ---- room again ----
rm "$disk/filler"
mount -o remount,size=64M "$disk"
lose_memory
start_manager "$tmp/disk.conf"
check_eq "with room again every session is found" "$(in_cold)" "$n"
check "whole" cmp <(gs get s1) "$tmp/value"
check "audit is clean" gs audit
stop_manager

# ---- a disk that is full from the beginning ----
rm -rf "$disk/cold"
lose_memory
mount -o remount,size=1M "$disk"
fill_disk
start_manager "$tmp/disk.conf"
check_match "a disk that has no room for an empty ring: a sentence" "$(cat "$tmp/manager.out")" 'kept in memory|in memory'
check "the ring works" put_cold new
check_eq "in memory" "$(gs show sessions/rings/cold/store)" shm
check "audit is clean" gs audit
stop_manager
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: on a tmpfs that is too small or full the daemon says so, sessions go outwards or puts are refused, and nobody is killed by a
# page that is not there.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m mount -t tmpfs none /mnt 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires "mounts cannot be private here" test -n "${GS_PRIVATE_MOUNTS-}"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
small=$tmp/small
mkdir "$small"
export GSESSION_SHM_DIR=$small
# All rings share the tmpfs, and nothing may be dropped.
cat > "$tmp/refuse.conf" <<-CONF
	[ring cold]
	on_full = refuse
	store = shm
CONF

# mount_small SIZE
mount_small() {
	mount -t tmpfs -o size="$1",mode=700 none "$small"
}
cleanup_fn umount -l "$small"

capacity() {
	gs show "sessions/rings/$1/capacity"
}

# ---- too small for anything ----
mount_small 256k
check_status 4 "a tmpfs that cannot hold an empty store is refused" timeout 10 "$GSESSIOND" -i "$INSTANCE" -c "$tmp/refuse.conf"
check_match "with what to do" "$output" 'table sessions: the tmpfs has [0-9]+ bytes free, the smallest store takes [0-9]+: free some'
check_eq "no file of the table stays" "$(find "$small" -name 'sessions.*')" ""
umount "$small"

# ---- too small for the capacities ----
mount_small 16M
start_manager "$tmp/refuse.conf"
cp "$tmp/manager.out" "$tmp/said"
for ring in active:8192 warm:16384 cold:32768 suspect:1024; do
	check_match "ring ${ring%:*} is cut, and it is said" "$(cat "$tmp/said")" \
		"table sessions: ring ${ring%:*}: capacity cut from ${ring#*:} to $(capacity "${ring%:*}"), the tmpfs has [0-9]+ bytes free"
done
check "the cut is below what was asked" test "$(capacity active)" -lt 8192

check_status 1 "sessions are put until there is no room" "$client" fill "$INSTANCE" 30000
check_match "which is what the client is told" "$output" 'put s[0-9]+: no room in the ring'
n=$(sed -n 's/.*put s\([0-9]*\): .*/\1/p' <<< "$output")
check_eq "every session before that is there, whole" "$("$client" verify "$INSTANCE" 2>&1)" "$n whole, 0 torn"
check "audit is clean" gs audit
check_match "it is counted" "$(gs show stats)" '^enospc [1-9]'

# ---- full to the last page ----
dd if=/dev/zero of="$small/filler" bs=4096 status=none 2>/dev/null
check_eq "not a page is free" "$(stat -f -c %a "$small")" 0
check_eq "reads go on" "$("$client" verify "$INSTANCE" 2>&1)" "$n whole, 0 torn"
dd if=/dev/zero bs=8000 count=1 status=none > "$tmp/large"
# What is committed already can still be filled.
large=0
while gs put "large$large" < "$tmp/large" 2>"$tmp/refused"; do
	large=$((large + 1))
done
check_status 4 "a put that needs another page is refused" "$GSESSION" -i "$INSTANCE" put "large$large" < "$tmp/large"
check_match "with a sentence" "$output" 'no room in the ring'
check_status 1 "it left nothing" "$GSESSION" -i "$INSTANCE" get "large$large"
for ((i = 0; i < large; i++)); do
	gs del "large$i"
done
check "a session is ended" gs del s0
check "in its slot there is room for another" "$GSESSION" -i "$INSTANCE" put new <<< small
check "moves within the room there is work" gs mv new warm
check "the memory of a client that comes is refused or granted, nobody dies" "$client" crowd "$INSTANCE" 3
diag "$output"
check_match "and it is told why" "$output" '^[0-3] attached, then (GS_ENOSPC|GS_OK)$'
check "settings can still be changed" gs set sessions/rings/active/ttl 6m
check "audit is clean" gs audit

# ---- restarts on a full tmpfs ----
kill_manager
start_manager "$tmp/refuse.conf"
check_eq "a daemon started on it finds every session" "$("$client" verify "$INSTANCE" 2>/dev/null | cut -d ' ' -f 1)" $((n - 1))
check_eq "the capacities are as they were" "$(capacity active)" "$(sed -n 's/.*ring active: capacity cut from 8192 to \([0-9]*\),.*/\1/p' "$tmp/said")"
check "audit is clean" gs audit

# ---- room again ----
rm "$small/filler"
mount -o remount,size=64M "$small"
check "with room again puts go on" "$GSESSION" -i "$INSTANCE" put "large$large" < "$tmp/large"
check "what was put is there" cmp <("$GSESSION" -i "$INSTANCE" get "large$large") "$tmp/large"
check "audit is clean" gs audit
stop_manager

counter() {
	gs show stats | sed -n "s/^$1 //p"
}
# fresh SIZE CONF
fresh() {
	umount "$small"
	mount_small "$1"
	start_manager "$2"
}

# ---- what on_full allows goes before anybody is refused ----
sed 's/refuse/oneshot/' "$tmp/refuse.conf" > "$tmp/oneshot.conf"
fresh 16M "$tmp/oneshot.conf"
check "where crawlers' sessions may be dropped nobody is refused" "$client" fill "$INSTANCE" 8000
check_eq "not once" "$(counter enospc)" 0
check "some were dropped, and counted" test "$(counter dropped_oneshot)" -gt 100
check_eq "the others are there, whole" "$("$client" verify "$INSTANCE" 2>&1)" "$((8000 - $(counter dropped_oneshot))) whole, 0 torn"
check "audit is clean" gs audit
stop_manager

# ---- the tmpfs is full, the disk is not ----
mkdir -m 700 "$tmp/disk"
cat > "$tmp/disk.conf" <<-CONF
	[table sessions]
	slot_sizes =
	[ring active]
	capacity = 1500
	reserve = 0
	[ring warm]
	capacity = 1500
	[ring cold]
	capacity = 12000
	on_full = refuse
	store = file:$tmp/disk/cold
CONF
fresh 64M "$tmp/disk.conf"
check_eq "the memory was there when the store was made" "$(capacity active) $(capacity warm)" "1500 1500"
head -c "$(($(stat -f -c '%a * %S' "$small") - (8 << 20)))" /dev/zero > "$small/filler"
check "sessions are put, more than the tmpfs holds" "$client" fill "$INSTANCE" 6000
check_eq "none is refused" "$(counter enospc)" 0
check_eq "none is dropped" "$(counter dropped_oneshot) $(counter dropped_anonymous)" "0 0"
check "they went to the disk" test "$(gs show sessions/rings/cold/count)" -gt 2500
check_eq "all are there, whole" "$("$client" verify "$INSTANCE" 2>&1)" "6000 whole, 0 torn"
check "the rings in memory have places left" test "$(gs show sessions/rings/active/count)" -lt 1000
check "one that was asked for comes in" gs get "$(gs ls cold --limit 1 | awk 'NR == 1 { print $1 }')"
check "audit is clean" gs audit
stop_manager
done_testing

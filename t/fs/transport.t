#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: control/node/mount counts the kernel's requests, and a look-up that waits keeps none of the same directory waiting.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt" -o coherence=strict
active=$tmp/mnt/sessions/active
report=$tmp/mnt/control/node/mount

counted() {
	awk -v key="$1" '$1 == key { print $2 }' "$report"
}

# ---- what it says ----
check_match "it is listed" "$(ls "$tmp/mnt/control/node")" '^mount$'
check_eq "with the process that serves" "$(counted pid)" "$MOUNT_PID"
check_match "each line is a name and a number" "$(grep -Ev '^[a-z_]+(\.[a-z_0-9]+)? [0-9]+$' "$report"; echo .)" '^\.$'
check_eq "nobody writes it" "$(bash -c "echo 1 > '$report'" 2>&1 | sed 's/.*: //')" "Operation not permitted"

printf x > "$active/k"
for op in open read create unlink; do
	declare "before_$op=$(counted requests.$op)"
done
exec 5<"$active/k"
check_eq "an open and a read are one request each" "$(cat <&5)" x
check_eq "it counts files that are open" "$(counted files)" 1
exec 5<&-
# Five looks at the counts since the first are opens too.
check_eq "opens" "$(($(counted requests.open) - before_open))" 6
check_eq "creates" "$(: > "$active/k1"; : > "$active/k2"; echo $(($(counted requests.create) - before_create)))" 2
check_eq "unlinks" "$(rm "$active/k1" "$active/k2"; echo $(($(counted requests.unlink) - before_unlink)))" 2
check "and reads" test "$(counted requests.read)" -gt "$before_read"

# ---- in parallel ----
now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}
stop_mount "$tmp/mnt"
start_mount "$tmp/mnt"
cleanup_fn kill -CONT "$MANAGER_PID"
stat "$tmp/mnt/control/node" >/dev/null
start=$(now_ms)
kill -STOP "$MANAGER_PID"
stat "$tmp/mnt/control/node/pid" >/dev/null 2>&1 &
held=$!
is_asked() {
	grep -qs . "/proc/$held/wchan" && grep -Eq 'fuse|request_wait' "/proc/$held/wchan"
}
poll_until 1 is_asked || diag "the look-up of pid is not seen waiting: $(cat "/proc/$held/wchan")"
check "another name of the directory is looked up" stat "$report"
took=$(($(now_ms) - start))
wait "$held"
held_ms=$(($(now_ms) - start))
kill -CONT "$MANAGER_PID"
check "while the first look-up waits for a daemon that does not answer: $took of $held_ms ms" test "$took" -lt $((held_ms / 2))

# More of them than threads that wait for requests: others take their places, who by the second time are there and stand aside.
many=6
are_asked() {
	for held in "${waiting[@]}"; do
		is_asked || return 1
	done
}
for turn in 1 2; do
	poll_until 10 stat "$tmp/mnt/control/node/pid" >/dev/null || diag "the daemon does not answer again"
	start=$(now_ms)
	kill -STOP "$MANAGER_PID"
	waiting=()
	for ((i = 0; i < many; i++)); do
		stat "$tmp/mnt/control/node/no$i" >/dev/null 2>&1 &
		waiting+=($!)
	done
	poll_until 1 are_asked || diag "not all $many look-ups are seen waiting"
	check_eq "with $many of them waiting a session is read ($turn)" "$(cat "$active/k")" x
	took=$(($(now_ms) - start))
	wait "${waiting[@]}"
	held_ms=$(($(now_ms) - start))
	kill -CONT "$MANAGER_PID"
	check "before they are answered: $took of $held_ms ms" test "$took" -lt $((held_ms / 2))
done

done_testing

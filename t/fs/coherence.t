#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: with coherence=strict the kernel never shows what another program has changed since; else not longer than attr_ms.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager

# What the looks of 300 changes of each kind missed, in one line.
stale() {
	"$buildtop/t/fs/coherence" "$INSTANCE" "$tmp/mnt/sessions" 300 | tr '\n' ' '
}
ring_is_shown() {
	test -d "$tmp/mnt/sessions/outer"
}

start_mount "$tmp/mnt" -o coherence=strict
check_eq "strict: whatever another program changed is seen at once" "$(stale)" "size 0 mode 0 end 0 move 0 "
check_not "a ring that is not there is not shown" ring_is_shown
gs ring add outer >/dev/null
check "one that was made is" ring_is_shown
gs ring remove outer >/dev/null
check_not "one that was removed is not" ring_is_shown
stop_mount "$tmp/mnt"

start_mount "$tmp/mnt" -o attr_ms=60000,coherence=strict
check_eq "the later of two options holds" "$(stale)" "size 0 mode 0 end 0 move 0 "
stop_mount "$tmp/mnt"

start_mount "$tmp/mnt" -o coherence=strict,attr_ms=60000
check_match "the looks would find what the kernel is allowed to believe" "$(stale)" '^size [23][0-9][0-9] mode [23][0-9][0-9] end [23][0-9][0-9] move [23][0-9][0-9] '
stop_mount "$tmp/mnt"

start_mount "$tmp/mnt"
is_fresh() {
	[ "$(stat -c %s "$tmp/mnt/sessions/active/k")" = "$1" ]
}
gs put k <<< 1 >/dev/null
is_fresh 2
gs put k <<< 22 >/dev/null
check "without, it is seen soon" poll_until 1 is_fresh 3

check_status 2 "another coherence is refused" "$GSESSION_FS" -i "$INSTANCE" -o coherence=lax "$tmp/mnt"
check_match "in a sentence" "$output" 'coherence=lax: there is only strict'

done_testing

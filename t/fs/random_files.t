#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whatever two processes do to files, in whatever order, each call answers what a model of these files says.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

# GS_SEED tries a finding again.
seeds=20 calls=30000
[ -z "${GS_QUICK-}" ] || seeds=3 calls=8000
first=${GS_SEED:-$((RANDOM * 32768 + RANDOM))}
[ -z "${GS_SEED-}" ] || seeds=1

new_instance
printf '[table sessions]\nrecord_size = 4K\n' > "$tmp/conf"
start_manager "$tmp/conf"
start_mount "$tmp/mnt" -o coherence=strict

# Found by seed 1: the time of a touch, which is kept apart from that of a write, got lost.
was_touched() {
	touch "$tmp/mnt/sessions/active/k0"
	[ "$(stat -c %.9Y "$tmp/mnt/sessions/active/k0")" != "$written" ]
}
printf x > "$tmp/mnt/sessions/active/k0"
written=$(stat -c %.9Y "$tmp/mnt/sessions/active/k0")
check "a touch is seen" poll_until 1 was_touched
touched=$(stat -c %.9Y "$tmp/mnt/sessions/active/k0")
mv "$tmp/mnt/sessions/active/k0" "$tmp/mnt/sessions/active/k1"
check_eq "and goes along with a rename" "$(stat -c %.9Y "$tmp/mnt/sessions/active/k1")" "$touched"

# Found by another: so did a touch in the tick in which a time was given; not one so old that a sweep between the two ends the session.
given_and_touched() {
	local i given
	for ((i = 0; i < 20; i++)); do
		given=$(($(date +%s) - 9))
		python3 -c 'import os, sys; os.utime(sys.argv[1], (1, int(sys.argv[2]))); os.utime(sys.argv[1])' \
			"$tmp/mnt/sessions/active/k1" "$given" && [ "$(stat -c %Y "$tmp/mnt/sessions/active/k1")" -gt "$given" ] || return 1
	done
}
check "a touch just after a time was given is seen" given_and_touched

for ((seed = first; seed < first + seeds; seed++)); do
	rm -f "$tmp/mnt/sessions"/{active,warm,cold}/k?
	check "$calls random calls, seed $seed" "$buildtop/t/fs/random_files" "$tmp/mnt/sessions" 4096 "$seed" "$calls" || break
done
check "the store is in order" gs audit

done_testing

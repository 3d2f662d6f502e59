#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: ls -U of a directory of a million sessions, over one of as many files of a file system that stores nothing (accept 1.3)
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

names=1000000
rounds=9
[ -z "${GS_QUICK-}" ] || names=100000

# As in mount.sh.
taskset -p -c "$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')" $$ >/dev/null

# Print how many ms it takes to list a directory, which must have all names.
list() {
	local start=${EPOCHREALTIME/./} n
	n=$(ls -U "$1" | wc -l)
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
	[ "$n" -eq "$names" ] || { diag "$1: $n names of $names" >&2; return 1; }
}

start_roomy $((names * 5 / 4))
"$buildtop/t/fs/million" fill "$INSTANCE" "$names" || exit 1

start_nullfs "$tmp/null" "$names"

# median COLUMN: of what the rounds took
median() {
	awk -v column="$1" '{ print $column }' "$tmp/took" | sort -n | sed -n "$((rounds / 2 + 1))p"
}

# Round 0 only fills caches.
for ((i = 0; i <= rounds; i++)); do
	ours=$(list "$tmp/mnt/sessions/active") && null=$(list "$tmp/null/sessions/active") || exit 1
	[ "$i" -eq 0 ] || awk -v ours="$ours" -v null="$null" 'BEGIN { print ours, null, ours / null }'
done > "$tmp/took"
printf 'mount ls -U | wc -l of %d names %.2f   (%d ms, %d ms where nothing is stored; %d rounds)\n' "$names" \
	"$(median 3)" "$(median 1)" "$(median 2)" "$rounds"

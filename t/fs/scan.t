#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a look at everything, by a backup, ls, find, gs_scan or gs_peek, promotes nothing and counts for nothing.
# Goal: where promote is second, neither does a crawler that reads each session once.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
askers=$buildtop/t/proc/askers
requires "t/proc/askers is not built" test -x "$askers"

new_instance
start_manager
start_mount "$tmp/mnt"
cd "$tmp/mnt/sessions" || exit 1
cleanup_fn cd /

for i in $(seq 40); do
	echo "value $i" > "active/k$i"
done
for i in $(seq 40); do
	mv "active/k$i" "$([ $((i % 2)) = 0 ] && echo warm || echo cold)/"
done
places() {
	for ring in active warm cold; do
		gs ls "$ring" | sed "s/^/$ring /"
	done | awk '{ print $1, $2 }' | sort
}
before=$(places) hits=$(gs stat k1 | grep ^hits)
nothing_changed() {
	check_eq "$1 moves no session" "$(places)" "$before"
	check_eq "$1 promotes none" "$(gs show stats | grep '^promoted ')" "promoted 0"
	check_eq "$1 counts as no access" "$(gs stat k1 | grep ^hits)" "$hits"
}

check "ls -l of every ring" ls -lR active warm cold
check_match "shows what is there" "$output" ' k40$'
nothing_changed "ls -l"
check "find with every test that looks at times" find active warm cold -type f -mmin -100 -size -100k -newermt 2000-01-01
nothing_changed "find"
check "cp -a of cold" cp -a cold "$tmp/backup"
check_eq "has copied it" "$(cat "$tmp/backup/k39")" "value 39"
nothing_changed "cp -a"
check "tar of all outer rings" tar -cf "$tmp/backup.tar" warm cold
check_eq "has them all" "$(tar -tf "$tmp/backup.tar" | grep -c /k)" 40
nothing_changed "tar"
check "grep through the outer rings" grep -r "value 40" warm cold
nothing_changed "grep"
check "a scan of the library that peeks at every session" "$askers" "$INSTANCE"
check_eq "and reads all of them" "$output" "40 seen"
nothing_changed "a scan with peek"

# A crawler: each once, through active, long after what made them.
for ring in warm cold; do
	gs set "sessions/rings/$ring/promote" second
done
gs set sessions/rings/active/half_life 0
for i in $(seq 40); do
	touch -d '20 minutes ago' "$([ $((i % 2)) = 0 ] && echo warm || echo cold)/k$i"
done
before=$(places)
for i in $(seq 40); do
	cat "active/k$i"
done > "$tmp/crawled"
check_eq "a crawler reads all of them through active" "$(wc -l < "$tmp/crawled")" 40
check_eq "where promote is second it brings none in" "$(places)" "$before"
check_eq "and none is promoted" "$(gs show stats | grep '^promoted ')" "promoted 0"
check_eq "whoever asks again has his session brought in" "$(cat active/k1; ls active)" "$(printf 'value 1\nk1')"
check_eq "and that is one promotion" "$(gs show stats | grep '^promoted ')" "promoted 1"
check "audit is clean" gs audit
done_testing

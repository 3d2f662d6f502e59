#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: PHP's files handler has its sessions on the mount, by nothing but session.save_path.
. "${0%/*}/lib.sh"
requires_package php8.2-cli command -v php
client_store

client() {
	php -d "session.save_path=$dir" "$srctop/t/fs/clients/client.php" "$@"
}
file_of() {
	echo "sess_$1"
}

refused='open\(.*Disk quota exceeded \(122\)'
client_everything "$refused" "$refused" "$refused" 'Write failed: File too large \(27\)'

# ---- locks ----
id=$(client create one)
for _ in 1 2 3 4; do
	client count "$id" 200 &
done >"$tmp/counts" 2>&1
wait $(jobs -p)
check_eq "four at once, two hundred times each" "$(xargs < "$tmp/counts")" "ok ok ok ok"
check_eq "have added every one" "$(client counted "$id")" 800

# ---- from a disk and back, while users stay logged in ----
mount_dir=$dir
mkdir "$tmp/disk"
dir=$tmp/disk
for i in {1..20}; do
	ids[i]=$(client create "user $i")
done
touch -d '10 minutes ago' "$tmp/disk/sess_${ids[7]}"
dir=$mount_dir
there=$(client create there)
client count "$there" 2000 >"$tmp/count" 2>&1 &
check "sessions of a disk are copied in with cp -a" cp -a "$tmp/disk"/* "$dir"
check_not "while somebody's requests go on" is_gone $!
wait $!
check_eq "who sees nothing of it" "$(cat "$tmp/count"; client counted "$there")" "$(printf 'ok\n2000')"
values() {
	for i in {1..20}; do
		client load "${ids[i]}"
	done
}
mtime=$(stat -c %Y "$tmp/disk/sess_${ids[7]}")
check_eq "with their times" "$(stat -c %Y "$dir/sess_${ids[7]}")" "$mtime"
check_eq "and everybody is logged in" "$(values)" "$(seq -f 'user %g' 20)"
check_eq "and works on" "$(client update "${ids[3]}" changed; client load "${ids[3]}")" "$(printf 'ok\nchanged')"
mkdir "$tmp/back"
client count "${ids[5]}" 2000 >"$tmp/count" 2>&1 &
poll_until 10 grep -q 'n|i:' "$dir/sess_${ids[5]}"
check "they are copied out with cp -a" cp -a "$dir"/* "$tmp/back"
check_not "while one changes again and again" is_gone $!
wait $!
check_eq "who sees nothing of that" "$(cat "$tmp/count"; client counted "${ids[5]}")" "$(printf 'ok\n2000')"
dir=$tmp/back
check_eq "where everybody is logged in again" "$(values)" "$(seq -f 'user %g' 20 | sed '3s/.*/changed/')"
check_match "and has what was his in a moment of the copy" "$(client counted "${ids[5]}")" '^[0-9]+$'

done_testing

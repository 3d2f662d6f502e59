#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: programs that keep their sessions in files work on the mount as on a disk.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active

write() {
	printf '%s' "$2" > "$1"
}
size_of() {
	stat -c %s "$1"
}
mtime_of() {
	stat -c %.9Y "$1"
}

check_eq "the root shows control and the table" "$(ls "$tmp/mnt")" "$(printf 'control\nsessions')"
check_eq "a table shows its rings" "$(ls "$tmp/mnt/sessions" | sort | tr '\n' ' ')" "active cold suspect warm "
check "the kind of the mount is fuse.gsession" grep -q "^gsession $tmp/mnt fuse.gsession rw,nosuid,nodev,noexec,.*allow_other" /proc/mounts
check_not "the kernel does not check modes for us" grep -q "^gsession $tmp/mnt .*default_permissions" /proc/mounts

check "a session is written" write "$active/k" hello
check_eq "and read" "$(cat "$active/k")" hello
check_eq "and got by the command line" "$(gs get k)" hello
check_eq "its size is its value's" "$(size_of "$active/k")" 5
check_eq "it takes blocks of 512 bytes" "$(stat -c '%b %h %F' "$active/k")" "1 1 regular file"
check_eq "it is listed" "$(ls "$active")" k
check "the command line writes one" gs put byhand <<< by
check_eq "that the mount shows" "$(cat "$active/byhand")" by

printf ' world' >> "$active/k"
check_eq ">> appends" "$(cat "$active/k")" "hello world"
write "$active/k" bye
check_eq "> replaces" "$(cat "$active/k")" bye
gs put k <<< 'a value that is longer than before' >/dev/null
check_eq "what others write is read whole" "$(cat "$active/k")" 'a value that is longer than before'
check_eq "and its size is true at once" "$(size_of "$active/k")" 35

truncate -s 7 "$active/k"
check_eq "truncate cuts" "$(cat "$active/k")" "a value"
truncate -s 9 "$active/k"
check_eq "truncate fills with zeros" "$(od -An -c "$active/k" | tr -d ' \n')" 'avalue\0\0'
: > "$active/k"
check "truncation alone empties, at the close" poll_until 5 test ! -s "$active/k"
printf abcdef > "$active/k"
printf XY | dd of="$active/k" bs=1 seek=2 conv=notrunc status=none
check_eq "writing in the middle changes the middle" "$(cat "$active/k")" abXYef
check_eq "reading from the middle begins there" "$(tail -c +3 "$active/k" | head -c 2)" XY

write "$active/tmp1" new
mv "$active/tmp1" "$active/k"
check_eq "a file renamed onto a session replaces it" "$(cat "$active/k")" new
check_not "and is gone under its old name" test -e "$active/tmp1"
inode=$(stat -c %i "$active/k")
write "$active/k" again
check_eq "an update keeps the inode" "$(stat -c %i "$active/k")" "$inode"
check "rm ends it" rm "$active/k"
check_not "then it is not there" test -e "$active/k"
check_status 1 "for nobody" gs get k
write "$active/k" third
check_not "a new session of that name is another file" test "$(stat -c %i "$active/k")" = "$inode"

touch "$active/t"
check_eq "touch makes an empty session" "$(size_of "$active/t")" 0
before=$(mtime_of "$active/t")
check "touch renews" poll_until 5 bash -c "touch '$active/t'; [ \"\$(stat -c %.9Y '$active/t')\" != $before ]"
touch -d '2026-01-02 03:04:05.123456789 UTC' "$active/t"
check_eq "touch -d sets mtime to the nanosecond" "$(mtime_of "$active/t")" 1767323045.123456789
check_eq "and last access with it" "$(stat -c %X "$active/t")" 1767323045
check_eq "touch -c of none makes none" "$(touch -c "$active/none"; ls "$active" | grep -c none)" 0

chmod 640 "$active/k"
check_eq "chmod" "$(stat -c %a "$active/k")" 640
chown 12:34 "$active/k"
check_eq "chown" "$(stat -c %u:%g "$active/k")" 12:34
check_eq "both keep the value" "$(cat "$active/k")" third
check_eq "umask holds" "$(umask 077; : > "$active/secret"; stat -c %a "$active/secret")" 600

write "$active/exists" x
check_not "noclobber finds what is there" bash -c "set -C; : > '$active/exists'"
check "mv -n onto another leaves it" mv -n "$active/k" "$active/exists"
check_eq "as it was" "$(cat "$active/exists")" x

for what in "mkdir $tmp/mnt/sessions/d" "mkdir $tmp/mnt/d" "ln -s k $active/l" "ln $active/k $active/h" "mkfifo $active/p" \
	"rmdir $active" "rmdir $tmp/mnt/sessions" "touch $tmp/mnt/sessions/x" "mv $active $tmp/mnt/sessions/b"; do
	check_not "refused: ${what%% *} ${what#* "$tmp"/mnt/}" $what
	check_match "with EPERM" "$output" 'not permitted'
done

umask 022
rm "$active"/*
mkdir "$tmp/saved"
for i in 1 2 3 4 5; do
	write "$active/s$i" "value $i"
	touch -d "$i minutes ago" "$active/s$i"
done
cp -a "$active/." "$tmp/saved"
tar -C "$active" --format=posix -cf "$tmp/saved.tar" .
list() {
	(cd "$1" && stat -c '%n %s %.9Y %a' s* && cat s*)
}
want=$(list "$active")
check_eq "cp -a saves values and ages" "$(list "$tmp/saved")" "$want"
rm "$active"/*
check "cp -a takes nothing amiss" cp -a "$tmp/saved/." "$active"
check_eq "and restores them" "$(list "$active")" "$want"
rm "$active"/*
check "tar takes nothing amiss" tar -C "$active" -xf "$tmp/saved.tar"
check_eq "and restores them too" "$(list "$active")" "$want"
check "tar restores onto what is there" tar -C "$active" -xf "$tmp/saved.tar"
check_eq "the same" "$(list "$active")" "$want"
find "$active" -type f -mmin +2.5 -delete
check_eq "find -mmin deletes by age" "$(ls "$active" | tr '\n' ' ')" "s1 s2 "

check_eq "df counts sessions" "$(df --output=itotal,iused "$active" | tail -n 1 | tr -s ' ')" " 8192 2"
check_eq "du counts blocks" "$(du -s --apparent-size -b "$active" | cut -f 1)" 14

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a ring's directory shows its sessions, finds those farther out, and mv moves them.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
cd "$tmp/mnt/sessions" || exit 1
cleanup_fn cd /

ring_of() {
	gs stat --json "$1" | sed -nE 's/.*"ring": ?"([a-z]*)".*/\1/p'
}
write() {
	printf '%s' "$2" > "$1"
}

write active/k one
check "mv moves a session outwards" mv active/k cold/
check_eq "it lives there" "$(ring_of k)" cold
check_eq "listings show it there and nowhere else" "$(ls active warm cold | tr '\n' ' ')" "active:  cold: k  warm: "
check_eq "a stat through active finds it and changes nothing" "$(stat -c %s active/k; ring_of k)" "$(printf '3\ncold')"
check_not "it is not seen through suspect" test -e suspect/k
check_eq "seen through two rings it is two files" "$(stat -c %i active/k cold/k | sort -u | wc -l)" 2
check_eq "reading it through cold leaves it there" "$(cat cold/k; ring_of k)" "onecold"
check_eq "so does reading it through warm" "$(cat warm/k; ring_of k)" "onecold"
check_eq "reading it through active" "$(cat active/k)" one
check_eq "brings it in" "$(ring_of k)" active
check_not "then it is not seen through cold" test -e cold/k

mv active/k warm/k
exec 3< active/k
check_eq "opening it without reading changes nothing" "$(ring_of k)" warm
exec 3<&-
write warm/k two
check_eq "writing it through warm leaves it there" "$(ring_of k)" warm
write active/k three
check_eq "writing it through active brings it in" "$(cat active/k; ring_of k)" "threeactive"

check_not "a key that lives farther in cannot be created farther out" write cold/k x
check_match "with EEXIST" "$output" 'File exists'
write cold/new born
check_eq "a session created through cold begins there" "$(ring_of new)" cold
# By the system call: mv looks at a name that it cannot see, and now and then says something else of it.
check_not "nothing is renamed onto a key that lives farther in" perl -e 'rename($ARGV[0], $ARGV[1]) or die "$!\n"' cold/new cold/k
check_match "with EEXIST" "$output" 'File exists'
check "mv inwards" mv cold/new active/
check_eq "moves in" "$(ring_of new)" active
check "mv onto a key of an outer ring" mv active/new active/renamed
check_eq "renames" "$(cat active/renamed; ls active | tr '\n' ' ')" "bornk renamed "
check "mv with another name into another ring does both" mv active/renamed warm/both
check_eq "at once" "$(ring_of both; ls warm; cat warm/both)" "$(printf 'warm\nboth\nborn')"
write active/r1 value
before="$(stat -c '%y %x' active/r1; getfattr --only-values -n user.gsession.created active/r1)"
mv active/r1 active/r2
check_eq "a rename keeps the session's times and its beginning" "$(stat -c '%y %x' active/r2
	getfattr --only-values -n user.gsession.created active/r2)" "$before"
mv active/r2 warm/r2
write cold/there old
check "mv in an outer ring, onto a key that lives farther out" mv -f warm/r2 warm/there
check_eq "ends in that ring" "$(ring_of there; cat warm/there)" "$(printf 'warm\nvalue')"
write active/r3 new
check "mv of an inner session onto a key of an outer ring, through that ring" mv -f active/r3 warm/there
check_eq "too" "$(ring_of there; cat warm/there)" "$(printf 'warm\nnew')"
rm active/there
check "rm ends a session through any ring that shows it" rm active/both
check_eq "wherever it lives" "$(ls warm)" ""

write active/s secret
inode=$(stat -c %i active/s)
exec 4<> active/s
check "mv into suspect is a quarantine" mv active/s suspect/
check_eq "after which it lives there" "$(ring_of s)" suspect
check_eq "a suspect's look-up and stat succeed" "$(stat -c '%s %i' active/s)" "6 $inode"
for what in "cat active/s" "touch active/s" "touch -d yesterday active/s" "truncate -s 0 active/s" "dd of=active/s if=/dev/null status=none"; do
	check_not "refused: $what" $what
	check_match "with EDQUOT" "$output" 'Disk quota exceeded'
done
check_not "its key cannot be created elsewhere" write warm/s x
check_match "with EDQUOT" "$output" 'Disk quota exceeded'
write active/other o
check_not "nothing is renamed onto it" mv active/other active/s
check_match "with EDQUOT" "$output" 'Disk quota exceeded'
check_eq "a handle that was open goes on reading" "$(cat <&4)" secret
printf more >&4
check_eq "and writing" "$(cat suspect/s)" secretmore
exec 4>&-
check_eq "which changes its ring no more than looking does" "$(ring_of s)" suspect
check "mv back to active is a pardon" mv suspect/s active/
check_eq "then it can be read" "$(cat active/s; ring_of s)" "secretmoreactive"
mv active/s suspect/
check "a suspect can be renamed" mv active/s active/s2
check_eq "and stays one" "$(ring_of s2)" suspect
check "and ended" rm active/s2

gs set sessions/rings/cold/promote never >/dev/null
write active/n x
mv active/n cold/
check_eq "where promote is never, reading through active" "$(cat active/n)" x
check_eq "serves it where it is" "$(ring_of n)" cold

write active/quiet x
mv active/quiet warm/
check_eq "an open with O_NOATIME looks" "$(dd if=active/quiet iflag=noatime status=none)" x
check_eq "and changes nothing" "$(ring_of quiet)" warm

hits_of() {
	getfattr --only-values -n user.gsession.hits "$1"
}
write active/h x
before=$(hits_of active/h)
exec 4<> active/h
dd bs=1 count=1 status=none <&4 >/dev/null
dd bs=1 count=1 status=none <&4 >/dev/null
printf y >&4
exec 4>&-
check_eq "from open to close, reads and writes are one access" "$(($(hits_of active/h) - before))" 1

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what does not fit is refused, and what was there before stays.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active

zeros() {
	head -c "$1" /dev/zero
}
fill() {
	zeros "$1" > "$2"
}
counter() {
	sed -n "s/^$1 //p" "$tmp/mnt/control/sessions/stats"
}
key() {
	printf "%0$1d" 0
}

check "a value of record_size is stored" fill 8192 "$active/full"
check_eq "whole" "$(stat -c %s "$active/full")" 8192
printf old > "$active/k"
check_not "one byte more is refused" fill 8193 "$active/k"
check_match "with EFBIG" "$output" 'File too large'
check_eq "and the old value stays" "$(cat "$active/k")" old
check_eq "stats count it" "$(counter efbig)" 1
check_eq "and keep how long it was" "$(counter largest_value)" 8193

check_not "a write far behind the end is refused" dd of="$active/k" bs=1 seek=1000000000 conv=notrunc status=none <<< x
check_eq "the old value stays" "$(cat "$active/k")" old
check_not "so is a truncation to more than fits" truncate -s 8193 "$active/k"
check_eq "the old value stays there too" "$(cat "$active/k")" old

in_pieces() {
	zeros 10000 | dd of="$1" bs=1000 iflag=fullblock status=none
}
check_not "a truncating writer is refused at the piece that does not fit" in_pieces "$active/k"
check_match "with EFBIG" "$output" 'File too large'
check_eq "and its earlier pieces are taken back" "$(cat "$active/k")" old
exec 3> "$active/k"
zeros 8000 >&3
check_eq "until then they are to be seen" "$(stat -c %s "$active/k")" 8000
zeros 1000 2>/dev/null >&3
check_eq "then no more" "$(cat "$active/k")" old
printf x 2>/dev/null >&3
check_eq "nothing else is written by that handle" "$(cat "$active/k")" old
exec 3>&-
check_eq "nor by its close" "$(cat "$active/k")" old

exec 3> "$active/k"
zeros 8000 >&3
printf other > "$active/k"
zeros 1000 2>/dev/null >&3
exec 3>&-
check_eq "what somebody else wrote meanwhile is not taken back" "$(stat -c %s "$active/k" | sed 's/^9000$/both/')" "$(stat -c %s "$active/k")"
check_not "a new file that is refused" in_pieces "$active/fresh"
check_eq "is as empty as it was made" "$(stat -c %s "$active/fresh")" 0

printf 0123456789 > "$active/k"
check_not "appending more than fits is refused" dd if=/dev/zero of="$active/k" bs=8190 count=1 oflag=append conv=notrunc status=none
check_eq "and nothing was appended" "$(cat "$active/k")" 0123456789

# A request of the kernel takes 256 pages, and each buffer lies in one of its own.
vector() {	# FILE BUFFERS: truncate, and write so many of 8 bytes at once
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
sys.exit(os.writev(fd, [b"%07d\n" % i for i in range(int(sys.argv[2]))]) != 8 * int(sys.argv[2]))' "$1" "$2"
}
puts_of() {	# COMMAND...: how many it makes
	local before=$(($(counter started) + $(counter updated)))
	"$@" || echo failed
	echo $(($(counter started) + $(counter updated) - before))
}
if command -v python3 >/dev/null; then
	printf old > "$active/vector"
	check_eq "256 buffers are written in one step" "$(puts_of vector "$active/vector" 256)" 1
	check_eq "of 1,024, as many in each" "$(puts_of vector "$active/vector" 1024)" 4
	check_eq "and the value is whole" "$(md5sum < "$active/vector")" "$(seq -f %07g 0 1023 | md5sum)"
	check_eq "under a temporary name in none" "$(puts_of vector "$active/vector.tmp" 1024)" 0
	check_eq "and the rename is the one" "$(puts_of mv "$active/vector.tmp" "$active/vector2")" 1
	check_eq "with all of it" "$(md5sum < "$active/vector2")" "$(seq -f %07g 0 1023 | md5sum)"
	check_eq "a value of record_size is one request, wherever it lies in memory" \
	    "$(puts_of python3 -c 'import os, sys; b = memoryview(bytearray(12288)); fd = os.open(sys.argv[1], os.O_WRONLY); [os.pwrite(fd, b[i:i + 8192], 0) for i in (0, 1, 4095)]' "$active/full")" 3
else
	skip "many buffers are written in few steps" "python3 is not installed"
fi

check "a key of 255 bytes is stored" fill 3 "$active/$(key 255)"
check_eq "and found" "$(stat -c %s "$active/$(key 255)")" 3
check_not "one of 256 is refused" fill 3 "$active/$(key 256)"
check_match "with ENAMETOOLONG" "$output" 'File name too long'
for what in "cat $active/$(key 256)" "rm $active/$(key 256)" "mv $active/k $active/$(key 256)" "stat $active/$(key 4000)"; do
	check_not "so is ${what%% *}" $what
	check_match "with ENAMETOOLONG" "$output" 'File name too long'
done
check_eq "the file that should have got that name is there" "$(cat "$active/k")" 0123456789
odd=$'\x01 \n\xff\\"'"'"'*'
check "a key may be of any bytes but / and NUL" fill 1 "$active/$odd"
check "and is found by them" test -e "$active/$odd"
check "and ended" rm "$active/$odd"
gs put 'a/b' <<< x >/dev/null
check_eq "a key that no file can have is not listed" "$(ls "$active" | grep -c /)" 0

cat > "$tmp/small.conf" <<-'CONF'
	[ring active]
	capacity = 60
	reserve = 4
	[ring warm]
	capacity = 64
	[ring cold]
	capacity = 64
	on_full = refuse
CONF
if "$GSESSIOND" -t -c "$tmp/small.conf" >/dev/null 2>&1; then
	stop_mount "$tmp/mnt"
	stop_manager
	new_instance "s$$"
	start_manager "$tmp/small.conf"
	start_mount "$tmp/mnt"
	made=0
	while [ "$made" -lt 1000 ] && printf x 2>/dev/null > "$active/f$made"; do
		made=$((made + 1))
	done
	near=$(ls "$active" | grep -vx f0 | head -n 1) far=$(ls "$tmp/mnt/sessions/cold" | grep -vx f0 | head -n 1)
	printf new > "$active/$near"
	check "when there is room in no ring, what lives far out is replaced by a rename" mv "$active/$near" "$active/$far"
	check_eq "where it is" "$(gs stat "$far" | awk '$1 == "ring" { print $2 }') $(cat "$active/$far")" "cold new"
	check_not "and has one name" test -e "$active/$near"
	check "one more is started in the place of the other" fill 1 "$active/$near"
	check_eq "there is room for as many sessions as all rings have places, reserve included" "$made" 192
	check_eq "a ring holds as many as it has" "$(ls "$active" | wc -l)" 64
	check_not "then no more are started" fill 1 "$active/one-more"
	check_match "with ENOSPC" "$output" 'No space left'
	check_eq "those that are there are as they were" "$(cat "$active/f0")" x
	check "and one that ends makes room for another" bash -c "rm '$active/f0' && printf y > '$active/one-more'"
fi

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a damaged record is refused, shown by audit and can be ended; a full tmpfs refuses what needs room and loses nothing.
. "${0%/*}/../lib/functions.sh"
requires "gsession is not built" test -x "$GSESSION"
new_instance
start_manager

# One record with a key that is in no other place, behind a header of 192 bytes; at 40 of that is the length of the value.
key=damaged-$RANDOM$RANDOM$RANDOM
gs put "$key" <<< value
gs put other <<< value
file=$GSESSION_SHM_DIR/$INSTANCE/sessions.0.0
at=$(grep -abo "$key" "$file" | head -n 1 | cut -d: -f1)
slot=$((at - 192))
check_eq "the record is found in its arena" "$(od -An -tu1 -j $((slot + 40)) -N 3 "$file" | tr -s ' ')" " 6 0 ${#key}"
printf '\377\377' | dd of="$file" bs=1 seek=$((slot + 40)) conv=notrunc status=none

check_status 5 "get of a damaged record is refused" gs get "$key"
check_match "and says so" "$output" 'damaged memory or file'
check_status 5 "put over it too" gs put "$key" <<< new
check_status 5 "and stat" gs stat "$key"
check_match "the counter has it" "$(gs show sessions/stats)" '^corrupt [1-9]'
check_status 5 "audit finds it" gs audit
has_event() {
	gs show events | grep -q "$1"
}
check "the events say once what is damaged, and where" poll_until 20 has_event ' damaged table=sessions what=lengths entry=[0-9]* ring=active count=1$'
# A key of no bytes is nobody's, but the rest says whose it was.
printf '\0' | dd of="$file" bs=1 seek=$((slot + 42)) conv=notrunc status=none
check_status 5 "a damaged length of the key is no missing session" gs get "$key"
check_eq "its neighbour is well" "$(gs get other)" value
check "it can be ended" gs del "$key"
check "then its key can be used again" gs put "$key" <<< new
check_eq "as any other" "$(gs get "$key")" new
check "and the memory is sound" gs audit
stop_manager

# A tmpfs that is smaller than what the rings may hold.
if [ "$(id -u)" -ne 0 ] || ! { mkdir "$tmp/small" && mount -t tmpfs -o size=12M none "$tmp/small"; } 2>/dev/null; then
	skip "a full tmpfs refuses what needs room" "only root may mount a small one"
	done_testing
fi
cleanup_fn umount -l "$tmp/small"
export GSESSION_SHM_DIR=$tmp/small
printf '[table sessions]\nrecord_size = 60000\nslot_sizes = 384\n[ring active]\ncapacity = 1000\n[ring warm]\ncapacity = 32\n[ring cold]\ncapacity = 32\n[ring suspect]\ncapacity = 1\n' > "$tmp/conf"
start_manager "$tmp/conf"
head -c 60000 /dev/zero > "$tmp/big"
n=0
while [ "$n" -lt 1000 ] && gs put "k$n" < "$tmp/big" > "$tmp/out" 2>&1; do
	n=$((n + 1))
done
check "a full tmpfs refuses a put" test "$n" -lt 1000
check_match "as no room" "$(cat "$tmp/out")" 'no room in the ring'
diag "$n sessions fit"
lost=$(for ((i = 0; i < n; i++)); do gs get "k$i" | cmp -s - "$tmp/big" || echo "k$i"; done)
check_eq "what was there is there" "$lost" ""
check "one can be ended" gs del k0
check "and another be started in its place" gs put new < "$tmp/big"
check "the memory is sound" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a million names are listed, counted, found and deleted while others come, change, move and go; who stays is seen once.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

names=1000000
[ -z "${GS_QUICK-}" ] || names=50000
program=$buildtop/t/fs/million

start_roomy $((names * 2))
check "$names sessions are started" "$program" fill "$INSTANCE" "$names"

# They churn until their standard input ends, which is when descriptor 8 is closed.
mkfifo "$tmp/until"
churners=()
for who in 1 2; do
	"$program" churn "$INSTANCE" "$active" "$names" "$who" <"$tmp/until" >"$tmp/churn$who" 2>&1 &
	churners+=($!)
	cleanup_fn end_process "$!"
done
exec 8> "$tmp/until"

once="once $names never 0 twice 0 places [0-9]{2,} lost 0$"
for turn in 1 2 3; do
	check_match "each that stays is listed once, and places in the listing last ($turn)" "$("$program" check "$active" "$names")" "^$once"
done
check_eq "ls has them all" "$(ls -U "$active" | grep -c '^k')" "$names"
find "$active" -name 'k*' > "$tmp/found"
check_eq "find has them all" "$(wc -l < "$tmp/found")" "$names"
check_eq "and none twice" "$(sort "$tmp/found" | uniq -d | wc -l)" 0
check_eq "one is found by name" "$(find "$active" -name "k$((names / 3))")" "$active/k$((names / 3))"
check_eq "all by their mtime, which is read of each" "$(find "$active" -name 'k*' -type f -mmin -120 -size -3 | wc -l)" "$names"
check_eq "and none by an old ctime" "$(find "$active" -name 'k*' -cmin +120 | wc -l)" 0
check "find deletes all that stayed" find "$active" -name 'k*' -delete
check_eq "all of them" "$(ls -U "$active" | grep -c '^k')" 0
check_eq "the others were not kept from coming and going" "$(kill -0 "${churners[@]}" && echo alive)" alive

exec 8>&-
for pid in "${churners[@]}"; do
	check "and end as they should" wait "$pid"
done
check_match "having done something meanwhile" "$(cat "$tmp"/churn?)" '^[0-9]{3,} turns'
check "the store is in order" gs audit

done_testing

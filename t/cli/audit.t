#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: audit exits with 0 and a report when the memory is sound, with 5 when it is damaged.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
start_manager

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# free + live + listed and capacity of the report's first such line
sum() {
	sed -n 's/.*free \([0-9]*\) + live \([0-9]*\) + listed \([0-9]*\) = capacity \([0-9]*\).*/\1 \2 \3 \4/p' <<< "$1" |
	    { read -r free live listed capacity; echo "$((free + live + listed - capacity)) $live"; }
}

check "audit of an empty store is clean" gs audit
check_eq "and adds up" "$(sum "$output")" '0 0'
for i in 1 2 3; do
	gs put "k$i" <<< "$i"
done
check "audit of a store with sessions is clean" gs audit
check_eq "and adds up" "$(sum "$output")" '0 3'
check_eq "audit --json says so" "$(gs audit -j | json 'd["clean"], len(d["report"]) > 0')" '(True, True)'

# A file of the index, after its first page: an entry that refers to a slot never used.
index=$(find "$GSESSION_SHM_DIR" -name 'sessions.idx')
check "the index is a file" test -f "$index"
printf '\x77\x00\x00\x00\x05\x00\x04\x10' | dd of="$index" bs=1 seek=$((4096 + 128 * 7 + 8)) conv=notrunc status=none
check_status 5 "audit of a damaged store is 5" gs audit
check_match "and names an invariant" "$output" 'I[0-9]'
check_eq "audit --json says so" "$(gs audit -j | json 'd["clean"]')" False
check_status 5 "its status too" gs audit -j
done_testing

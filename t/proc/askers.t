#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a thousand askers of a cold key, threads and processes, cost one move, and every one of them gets it.
. "${0%/*}/../lib/functions.sh"
askers=$buildtop/t/proc/askers
requires "t/proc/askers is not built" test -x "$askers"
new_instance
start_manager

counter() {
	gs show stats | sed -n "s/^$1 //p"
}
for round in 1 2 3; do
	gs put "cold$round" <<< value
	check "a session is moved to cold" gs mv "cold$round" cold
	check "a thousand ask for it at once, and each gets it" "$askers" "$INSTANCE" "cold$round"
	check_eq "it was brought in once" "$(counter promoted)" "$round"
	check_eq "every access counts" "$(counter gets)" $((round * 1000))
	check_match "it is in active" "$(gs stat "cold$round")" '^ring +active'
done
check_eq "nobody missed it" "$(counter misses)" 0

gs set sessions/rings/cold/promote second
gs set sessions/rings/active/half_life 0
gs set sessions/rings/active/ttl 1s
gs put twice <<< value
gs mv twice cold
check "where it takes two accesses, a thousand at once" "$askers" "$INSTANCE" twice
check_eq "bring it in once" "$(counter promoted)" 4
check "audit is clean" gs audit
done_testing

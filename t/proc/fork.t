#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a forked child goes on with its parent's handle, on contexts of its own; neither can harm the other, however it ends.
. "${0%/*}/../lib/functions.sh"
forks=$buildtop/t/proc/forks client=$buildtop/t/proc/client
requires "t/proc/forks is not built" test -x "$forks" -a -x "$client"
new_instance
start_manager

all_gone() {
	gs show stats | grep -qx 'clients 0'
}

check "a parent and sixteen children work at once, half of the children are killed" "$forks" work "$INSTANCE"
check "the daemon sees all of them end" poll_until 10 all_gone
check "audit is clean" gs audit
check_match "nothing is listed but what the daemon may hold" "$output" '^free .* listed ([0-9]|[12][0-9]|3[0-2]) ='
check_eq "the killed half was recovered" "$(gs show stats | sed -n 's/^clients_recovered //p')" 8
check_eq "every child and the parent left their sessions" "$(gs ls | wc -l)" $((17 * 8 + 1))

check "a child that makes no call and detaches leaves the parent's contexts alone" "$forks" untouched "$INSTANCE"
check "a child of a child of a child attaches anew" "$forks" deep "$INSTANCE"
check "the daemon sees all of them end" poll_until 10 all_gone
check_eq "those needed no recovery" "$(gs show stats | sed -n 's/^clients_recovered //p')" 8
check "audit is clean" gs audit

# ---- a server that forks its workers ----
counter() {
	gs show stats | sed -n "s/^$1 //p"
}
has() {
	[ "$(counter "$1")" = "$2" ]
}
none_listed() {
	gs audit | grep -Eq '^free .* listed ([0-9]|[12][0-9]|3[0-2]) ='
}
check "sixteen workers begin when their parent has detached" "$forks" prefork "$INSTANCE"
check_eq "and none of their updates of one session is lost" "$output" "8000 visits"
check "the daemon sees all of them end" poll_until 10 all_gone
check_eq "the killed quarter was recovered" "$(counter clients_recovered)" 12
check "audit is clean" gs audit
check "no slot is held by the dead" poll_until 10 none_listed
check_eq "every worker left its sessions" "$(gs ls | grep -c '^worker')" $((16 * 8))
check "contexts come back: so many can be had as before" "$client" crowd "$INSTANCE" 20
check_match "none of them is missing" "$output" '^20 attached'

"$client" fill "$INSTANCE" 60
told=$(counter reader_accesses)
check "sixteen readers read on their parent's handle" "$forks" readers "$INSTANCE" 60
check_eq "all read" "$output" "38000 reads"
check "each access of each is counted, of the killed ones too" poll_until 10 has reader_accesses $((told + 38000))
check_eq "none was lost" "$(counter reader_lost) $(counter reader_nonsense)" "0 0"
check "and nothing of them stays" poll_until 10 has readers 0
check "the daemon sees all of them end" poll_until 10 all_gone
check "audit is clean" gs audit

check "when the daemon is dead" "$forks" down "$INSTANCE" "$MANAGER_PID"
check_match "the child's first call fails within its timeout, and so does the next" "$output" '^child: GS_EDOWN, then GS_EDOWN, in time'
check_match "and the parent goes on" "$output" '^parent: goes on'
start_manager
check "the next daemon has nothing to complain of" gs audit
done_testing

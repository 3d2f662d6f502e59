#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a forked child goes on with its parent's handle, on contexts of its own; neither can harm the other, however it ends.
. "${0%/*}/../lib/functions.sh"
forks=$buildtop/t/proc/forks
requires "t/proc/forks is not built" test -x "$forks"
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

check "when the daemon is dead" "$forks" down "$INSTANCE" "$MANAGER_PID"
check_match "the child's first call fails within its timeout, and so does the next" "$output" '^child: GS_EDOWN, then GS_EDOWN, in time'
check_match "and the parent goes on" "$output" '^parent: goes on'
start_manager
check "the next daemon has nothing to complain of" gs audit
done_testing

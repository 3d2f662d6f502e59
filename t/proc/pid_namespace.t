#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: who writes from another pid namespace, where his number means somebody else, is killed and recovered as anybody.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
in_namespace=(unshare --pid --fork --mount-proc --kill-child)
requires "no pid namespace can be made here" "${in_namespace[@]}" true
new_instance
start_manager

all_recovered() {
	gs show stats | grep -qx 'clients 0'
}
recovered() {
	gs show stats | sed -n 's/^clients_recovered //p'
}
works_there() {
	gs show stats | grep -q '^clients [1-9]'
}

seed=${GS_SEED:-$RANDOM$RANDOM}
diag "GS_SEED=$seed"
check "he has a number of his own" [ "$("${in_namespace[@]}" bash -c 'echo $$')" = 1 ]
check "sixty writers there are killed" "${in_namespace[@]}" "$client" slaughter "$INSTANCE" 60 4 "$seed"
check_match "each one" "$output" '^60 killed$'
check "the daemon sees all of them end" poll_until 10 all_recovered
check "and has had to recover some" test "$(recovered)" -gt 0
check "audit is clean" gs audit
check "every value is whole" "$client" verify "$INSTANCE"

# ---- a whole namespace at once, with who made it ----
before=$(recovered)
"${in_namespace[@]}" "$client" slaughter "$INSTANCE" 100000 4 "$seed" >"$tmp/slaughter" 2>&1 &
maker=$!
check "writers are at it" poll_until 10 works_there
kill -KILL "$maker"
wait "$maker" 2>/dev/null
check "the namespace is gone, and the daemon sees all of them end" poll_until 10 all_recovered
check "audit is clean again" gs audit
check "every value is whole, too" "$client" verify "$INSTANCE"
check_match "others go on" "$(gs put k <<< v; gs get k)" '^v$'
done_testing

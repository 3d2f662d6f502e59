#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a thousand writers killed at random moments cost nothing but what the daemon takes back: every slot is accounted for, every value whole.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
start_manager

all_recovered() {
	gs show stats | grep -qx 'clients 0'
}

# free + live + listed = capacity, as audit's last line says it.
adds_up() {
	awk '/^free/ { n = ($2 + $5 + $8 == $11) } END { exit !n }' <<< "$1"
}

seed=${GS_SEED:-$RANDOM$RANDOM}
diag "GS_SEED=$seed"
n=1000
[ -z "${GS_QUICK-}" ] || n=100
"$client" slaughter "$INSTANCE" "$n" 8 "$seed" >"$tmp/slaughter" 2>&1 &
slaughter=$!
audits=0 unsound=0
while ! is_gone "$slaughter"; do
	audit=$(gs audit) || { unsound=$((unsound + 1)); diag "$audit"; }
	audits=$((audits + 1))
done
wait "$slaughter"
check_eq "$n writers work and are killed" "$? $(cat "$tmp/slaughter")" "0 $n killed"
check_eq "an audit at any moment meanwhile is clean" "$unsound" 0
diag "$audits audits meanwhile"

check "the daemon sees all of them end" poll_until 10 all_recovered
check "audit is clean" gs audit
audit=$output
check "free + live + listed = capacity" adds_up "$audit"
check "nothing is listed but what the daemon itself may hold" test "$(awk '/^free/ { print $8 }' <<< "$audit")" -le 32
check "every value is whole" "$client" verify "$INSTANCE"
check_match "and there are some" "$output" '^[1-9][0-9]* whole, 0 torn'

check "clients that come and go as they should" "$client" churn "$INSTANCE" 200
before=$(gs show stats | sed -n 's/^clients_recovered //p')
check "again" "$client" churn "$INSTANCE" 200
check_eq "none of them needed to be recovered" "$(gs show stats | sed -n 's/^clients_recovered //p')" "$before"
check "audit is still clean" gs audit
done_testing

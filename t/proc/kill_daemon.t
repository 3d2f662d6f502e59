#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: kill -9 of the daemon stops nobody and loses nothing; the next daemon finds the sessions, the settings, and the clients that died meanwhile.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/../lib/steady.sh"
new_instance
start_manager

has_total() {
	[ "$(total "$1")" = "$2" ]
}

total() {
	gs show stats | sed -n "s/^$1 //p"
}

check "a store of 1500 sessions" "$client" fill "$INSTANCE" 1500
gs put owned --owner somebody --class authenticated <<< mine
check "a setting is changed" gs set sessions/rings/active/ttl 7m
start_steady one; one=$STEADY_PID
start_steady two; two=$STEADY_PID
start_steady doomed; doomed=$STEADY_PID
for c in one two doomed; do
	check "client $c works" goes_on "$c"
done

kill_manager
for c in one two doomed; do
	check "with no daemon client $c goes on" goes_on "$c"
done
check_eq "a new client is told that the daemon is down, in time" "$("$client" attach "$INSTANCE" 500)" "GS_EDOWN in time"
kill -KILL "$doomed"
wait "$doomed" 2>/dev/null
for c in one two; do
	check "a client that dies while no daemon runs does not disturb client $c" goes_on "$c"
done

start_manager
check "the next daemon finds that clients live" poll_until 10 has_total clients 2
check "and takes back what the dead one held" has_total clients_recovered 1
check "audit is clean while they work" gs audit
check_eq "every session is there" "$(gs ls | grep -c '^s[0-9]')" 1500
check_eq "owner and class are kept" "$(gs get owned; gs stat owned | grep -cE 'somebody|authenticated')" "$(printf 'mine\n2')"
gs del owned
check "with its value" "$client" verify "$INSTANCE"
check_match "none is torn" "$output" '^[0-9]{4} whole, 0 torn'
check_eq "the changed setting is in force" "$(gs show sessions/rings/active/ttl)" 7m
for c in one two; do
	check "client $c still goes on" goes_on "$c"
done

# The last of them die while this daemon runs.
for round in 1 2 3 4 5; do
	kill_manager
	check "killed again, round $round: client one goes on" goes_on one
	start_manager
done
check "client two had no error through all of it" ended_well "$two" two
check "client one neither" ended_well "$one" one
check "they gave back what they held, to a daemon they never met" poll_until 10 has_total clients 0
check "audit is clean" gs audit
check_match "nothing is listed" "$output" '^free .* listed ([0-9]|[12][0-9]|3[0-2]) ='

# Writers and the daemon die at the same time.
"$client" slaughter "$INSTANCE" 60 6 "$RANDOM" >"$tmp/slaughter" 2>&1 &
slaughter=$!
n_killed=0
while ! is_gone "$slaughter"; do
	kill_manager
	start_manager
	n_killed=$((n_killed + 1))
	gs audit >"$tmp/audit" || not_ok "audit after kill $n_killed: $(cat "$tmp/audit")"
done
wait "$slaughter"
check_eq "sixty writers are killed, and the daemon as often as it comes up" "$? $(cat "$tmp/slaughter")" "0 60 killed"
diag "the daemon: $n_killed times"
check "the last daemon sees that none is left" poll_until 10 has_total clients 0
check "audit is clean" gs audit
check_match "nothing is listed" "$output" '^free .* listed ([0-9]|[12][0-9]|3[0-2]) ='
check "every value is whole" "$client" verify "$INSTANCE"

check_status 4 "a second daemon of the instance is refused" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/defaults.conf"
check_match "with a sentence that says what to do" "$output" "instance $INSTANCE: gsessiond runs already \\(pid $MANAGER_PID\\): stop it first, or"
check_status 4 "one with another run directory too" env GSESSION_RUN_DIR="$tmp" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/defaults.conf"
check_match "because of the memory" "$output" 'served by another gsessiond: stop it first, or'
check "the first one does not mind" gs audit

stop_manager
check_not "a daemon that stops removes its socket" test -e "$GSESSION_RUN_DIR/$INSTANCE.sock"
check_not "and its pid file" test -e "$GSESSION_RUN_DIR/$INSTANCE.pid"
start_manager
check_eq "after a clean stop every session is there" "$(gs ls | grep -c '^s[0-9]')" 1500
check_eq "and the setting" "$(gs show sessions/rings/active/ttl)" 7m
check "audit is clean" gs audit
done_testing

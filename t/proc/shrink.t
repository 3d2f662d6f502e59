#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a ring that empties gives its memory back to the system, while clients work in it and the daemon is killed at any step.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/../lib/steady.sh"
new_instance
cat > "$tmp/gsession.conf" <<'END'
[ring active]
capacity = 50000
[ring warm]
capacity = 50000
[ring cold]
capacity = 50000
END
start_manager "$tmp/gsession.conf"

# What the files of the instance have behind them, in KiB.
memory() {
	du -ks "$GSESSION_SHM_DIR" | cut -f1
}

is_below() {
	[ "$(memory)" -lt "$1" ]
}

# Of all rings: what the daemon says that they have.
committed() {
	gs show sessions/stats | sed -n 's/^committed_bytes //p'
}

empty=$(memory)
check "a store of 120,000 sessions" "$client" fill "$INSTANCE" 120000
full=$(memory)
third=$((empty + (full - empty) / 3))
check "takes memory" test "$((full - empty))" -gt 50000
said=$(committed)
start_steady one; one=$STEADY_PID
start_steady two; two=$STEADY_PID
check "clients work in it" goes_on one
check "most of the sessions end" "$client" thin "$INSTANCE" 20
check "their memory goes back to the system, more than two thirds of it" poll_until 60 is_below "$third"
check "the daemon says so too" test "$(committed)" -lt $((said / 3))
check_match "and tells of it in events" "$(gs show events.counts)" '^shrunk [0-9]+$'
check "audit is clean" gs audit
check "what stayed is whole" "$client" verify "$INSTANCE"
check_eq "and all of it is there" "$(gs ls | grep -c '^s[0-9]')" 6000
check "clients go on" goes_on two

check "the store fills again" "$client" fill "$INSTANCE" 120000
check "and takes memory for it" test "$(memory)" -gt $((empty + (full - empty) * 3 / 4))
check "every value is whole" "$client" verify "$INSTANCE"
check_match "all 120,000 of them" "$output" '^1200[0-9][0-9] whole, 0 torn'

# The daemon is killed while it gives back, again and again; what one began the next one ends.
check "they end again" "$client" thin "$INSTANCE" 20
n_killed=0
end=$((SECONDS + 90))
while ! is_below "$third" && [ "$SECONDS" -lt "$end" ]; do
	kill_manager
	start_manager "$tmp/gsession.conf"
	n_killed=$((n_killed + 1))
	# longer from time to time, or no daemon would live to see that there is too much
	poll_until $((n_killed % 4 == 0 ? 8 : 1)) is_below "$third"
done
diag "the daemon was killed $n_killed times"
check "with the daemon killed again and again the memory goes back as well" is_below "$third"
check "audit is clean" gs audit
check "what stayed is whole" "$client" verify "$INSTANCE"
check_eq "and all of it is there" "$(gs ls | grep -c '^s[0-9]')" 6000
check "client one had no error through all of it" ended_well "$one" one
check "client two neither" ended_well "$two" two

# A ring's reserve.
gs set sessions/rings/active/capacity 100
gs set sessions/rings/active/reserve 10
i=0
while gs put "r$i" <<< x >"$tmp/put" 2>&1; do
	i=$((i + 1))
	[ "$i" -lt 200 ] || break
done
holds_110() {
	[ "$(gs show sessions/rings/active/count)" = 110 ]
}
check "a ring takes its capacity and its reserve, and no more: the others go outwards" poll_until 10 holds_110
check_eq "nobody is lost by that" "$(gs ls | grep -c '^s[0-9]')" 6000
done_testing

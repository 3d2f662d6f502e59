#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: sessions asked for at ten times their quota are suspects at once and nobody else; they come home when left alone, or the reaper ends them.
. "${0%/*}/../lib/functions.sh"
hammer=$buildtop/t/proc/hammer
rate=20
burst=10
new_instance
cat > "$tmp/gsession.conf" <<-EOF
	[quota]
	rate = $rate/s
	burst = $burst
	action = quarantine
	hold = 300ms
	release = 600ms
EOF
start_manager "$tmp/gsession.conf"

said() {
	grep -q "^$2 " "$1"
}
leased_are() {
	[ "$(gs show sessions/suspects | grep -c ' leased$')" -eq "$1" ]
}
suspects_are() {
	[ "$(gs ls suspect | sort | tr '\n' ' ')" = "$1" ]
}
stat_of() {
	gs show sessions/stats | sed -n "s/^$1 //p"
}

# A thousand work just below their quota; ten are asked for ten times as often, by four processes.
"$hammer" calm "$INSTANCE" 1000 $rate > "$tmp/calm" 2>&1 &
calm=$!
cleanup_fn kill "$calm"
poll_until 10 grep -q working "$tmp/calm"
"$hammer" loud "$INSTANCE" 10 $rate $burst 2 > "$tmp/loud" 2>&1 &
loud=$!
cleanup_fn kill "$loud"
check "all ten are refused" poll_until 30 said "$tmp/loud" caught
read -r _ _ _ beyond _ late < <(grep '^caught' "$tmp/loud")
diag "at most $beyond accesses beyond the quota, refused at most $late ms later"
# That is how many come at ten times the rate.
check "before any of them was served for 50 ms at ten times its quota" test "$beyond" -le $((10 * rate * 50 / 1000))
check "two that are left alone come home" poll_until 30 said "$tmp/loud" home
read -r _ _ _ least most < <(grep '^home' "$tmp/loud")
diag "after $least to $most ms"
check "not before release" test "$least" -ge 595
check "the others stay in suspect as long as they are asked for" poll_until 5 suspects_are 'h2 h3 h4 h5 h6 h7 h8 h9 '
check_eq "and nobody else was ever there" "$(stat_of quarantined)" 10

# A reaper is killed in the middle of a batch.
"$GSESSION" -i "$INSTANCE" reaper --policy all --command 'exec sleep 1000' --timeout 1h > /dev/null 2>&1 & # not a wait: it is to be killed
reaper=$!
cleanup_fn kill -KILL "$reaper"
check "a reaper takes the eight" poll_until 10 leased_are 8
kill -KILL "$reaper"
wait_gone "$reaper"
check "killed, it has lost none" suspects_are 'h2 h3 h4 h5 h6 h7 h8 h9 '
check "and has none any more" poll_until 5 leased_are 0

# The next one ends those that are asked for faster than five times the quota.
"$GSESSION" -i "$INSTANCE" reaper --policy "rate=$((5 * rate))/s" --again 100ms > "$tmp/reaper" 2>&1 &
reaper=$!
cleanup_fn kill -KILL "$reaper"
check "the next one ends all of them" poll_until 30 said "$tmp/loud" ended
wait "$loud"
check_eq "their clients find them gone, and nothing else" "$? $(tail -n1 "$tmp/loud")" '0 ended 8'
check_eq "which is counted" "$(stat_of expelled)" 8
kill -TERM "$reaper"
wait "$reaper"
check_eq "the reaper ends by SIGTERM, and that is no failure" $? 0

kill -TERM "$calm"
wait "$calm"
check_eq "of the thousand none was refused" $? 0
diag "$(cat "$tmp/calm")"
check_eq "and none accused" "$(gs show sessions/suspects)" ''
check_eq "the store is whole" "$(gs audit | tail -n1 | awk '{ print $2 + $5 + $8 == $11 }')" 1
done_testing

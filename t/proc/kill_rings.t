#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: kill -9 of the daemon at any moment of making, switching, draining and removing rings loses no session, and leaves rings that are whole.
. "${0%/*}/../lib/functions.sh"
new_instance
start_manager
n=60
for i in $(seq 1 $n); do
	gs put "k$i" <<< "$i" || break
done

# Steps of a ring's life, each asked for while the daemon is about to be killed.
steps=('ring add live ttl=20d capacity=500' 'set sessions/rings/live/state on' 'mv k1 live' 'mv k2 live' 'ring drain live' 'ring remove live'
    'ring add mid ttl=2h capacity=500 decay_to=cold state=on' 'mv k3 mid' 'set sessions/rings/cold/ttl 20d' 'ring drain mid' 'ring remove mid')
rounds=${GS_QUICK:+6}
rounds=${rounds:-22}
lost=0 unsound=0 broken=0 seed=$$
RANDOM=$seed
for ((round = 0; round < rounds; round++)); do
	(
		for step in "${steps[@]:$((round % ${#steps[@]}))}"; do
			# What drains is off, and can be removed, after a sweep.
			# shellcheck disable=SC2086
			case $step in
			'ring remove'*) poll_until 1 gs $step ;;
			*) gs $step ;;
			esac >/dev/null 2>&1
		done
	) &
	asking=$!
	# From nothing to a quarter of a second: the steps and the sweep's are in it.
	sleep "0.$(printf '%03d' $((RANDOM % 250)))"
	kill_manager
	wait $asking
	start_manager
	gs audit >/dev/null 2>&1 || { unsound=$((unsound + 1)); gs audit 2>&1 | diag "$(cat)"; }
	[ "$(gs ls | wc -l)" -eq $n ] || { lost=$((lost + 1)); diag "round $round: $(gs ls | wc -l) sessions"; }
	gs conf show > "$tmp/shown.conf" && "$GSESSION" conf check "$tmp/shown.conf" >/dev/null || broken=$((broken + 1))
done
diag "seed $seed, $rounds kills"
check_eq "no session was lost" $lost 0
check_eq "the memory was sound each time" $unsound 0
check_eq "and the rings a configuration" $broken 0

# What was left half done goes on by hand.
drained() {
	gs set sessions/rings/cold/ttl 20d
	gs ring drain "$1" 2>/dev/null
	[ "$(gs show "sessions/rings/$1/state")" = off ]
}
for ring in live mid; do
	gs show "sessions/rings/$ring/state" >/dev/null 2>&1 || continue
	check "$ring drains" poll_until 10 drained $ring
	check "and is removed" gs ring remove $ring
done
check_eq "every value is right" "$(for i in $(seq 1 $n); do gs get "k$i"; done | sha1sum)" "$(seq 1 $n | sha1sum)"
check "the memory is sound" gs audit
done_testing

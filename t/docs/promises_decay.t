#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: sessions leave their rings when gsession(7) says they do, by its examples, to the second, in virtual time.
. "${0%/*}/../lib/functions.sh"
requires "gsession is not built" test -x "$GSESSION"
requires "python3 is not installed" python3 -c ''
manual=$(mandoc -T ascii "$srctop/man/gsession.7" 2>/dev/null | col -b) || skip_all "mandoc is not installed"
manual=$(tr -s ' \n\t' ' ' <<< "$manual")

# Requests of one visitor at these seconds, then one of another who makes the report end there.
log() {
	local end=$1 s
	shift
	for s; do
		printf '10.0.0.1 - - [%s] "GET / HTTP/1.1" 200 1\n' "$(date -u -d "@$((1700000000 + s))" '+%d/%b/%Y:%H:%M:%S +0000')"
	done
	printf '10.0.0.2 - - [%s] "GET / HTTP/1.1" 200 1\n' "$(date -u -d "@$((1700000000 + end))" '+%d/%b/%Y:%H:%M:%S +0000')"
}

# The ring of the first visitor at the end; the second is in active.
ring_at() {
	log "$@" > "$tmp/log"
	"$GSESSION" replay --json "$tmp/log" | python3 -c '
import json, sys
rings = json.load(sys.stdin)["rings"]
rings["active"] -= 1
print(*[r for r, n in rings.items() if n], sep=",")'
}

# leaves "SENTENCE OF THE MANUAL" RING NEXT SECONDS REQUEST...: in RING that long after the last request, and a second later in NEXT.
leaves() {
	local text=$1 ring=$2 next=$3 after=$4 last=${!#}
	shift 4
	check "the manual says: $text" grep -qF -- "$text" <<< "$manual"
	check_eq "until then it is in $ring" "$(ring_at $((last + after)) "$@")" "$ring"
	check_eq "then it is in ${next:-none}" "$(ring_at $((last + after + 1)) "$@")" "$next"
}

minutes=$(seq 0 60 3540)
leaves "once 1 5m" active warm 300 0
leaves "8 times at once 8 5m + 5m * 3 = 20m" active warm 1200 0 0 0 0 0 0 0 0
# 19m44.75s, and 25 minutes more in warm, as it is rounded in the manual.
# shellcheck disable=SC2086
leaves "every minute for an hour 7.72 5m + 5m * 2.95 = 19m45s" active warm 1184 $minutes
# shellcheck disable=SC2086
leaves "44m45s after its last access" warm cold 2684 $minutes
leaves "half_life of 0 makes interest always 1" active warm 300 0
check_eq "14 days after one access it is in cold" "$(ring_at $((14 * 86400)) 0)" cold
check_eq "a second later it has expired" "$(ring_at $((14 * 86400 + 1)) 0)" ""

# The same on a store that runs: what stat says is what the formula says.
new_instance
start_manager
between() {
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}
until_minus_accessed() {
	gs stat -j "$1" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["ring_until"] - d["accessed"])'
}
gs put k <<< v
check_eq "a session just put leaves 5 minutes after that" "$(until_minus_accessed k)" 300000
for _ in 1 2 3 4 5 6 7; do
	gs get k > /dev/null
done
check "one asked for 8 times within a few seconds after about 20" between "$(until_minus_accessed k)" 1190000 1200000
gs set sessions/rings/active/half_life 0
gs get k > /dev/null
check_eq "half_life 0: ttl is a plain idle time" "$(until_minus_accessed k)" 300000
gs put d <<< v
gs mv d warm
check_eq "a session moved outwards counts from its last access" "$(until_minus_accessed d)" 1800000

# Decay for lack of interest, never early, about half a second late at most.
gs set sessions/rings/active/ttl 1s
gs put e <<< v
left=$(gs stat -j e | python3 -c 'import json, sys; print(json.load(sys.stdin)["ring_until"])')
in_warm() {
	[ "$(gs stat e | sed -n 's/^ring  *//p')" = warm ]
}
check "a second later the session moves" poll_until 10 in_warm
check "not early" test "$(date +%s%3N)" -gt "$left"
check_match "the table counts it" "$(gs show sessions/stats)" '^decayed [1-9]'

# Stuck: the outer ring is full, and the one behind it. A smaller capacity ends nobody.
gs set sessions/rings/cold/on_full refuse
gs set sessions/rings/cold/capacity 1
gs set sessions/rings/warm/capacity 1
gs put f <<< v
is_stuck() {
	gs show sessions/stats | grep -q '^stuck [1-9]'
}
check "with no room outside a session stays and is counted as stuck" poll_until 10 is_stuck
check_eq "in its ring" "$(gs stat f | sed -n 's/^ring  *//p')" active
gs set sessions/rings/warm/capacity 100
not_in_active() {
	[ "$(gs stat f | sed -n 's/^ring  *//p')" = warm ]
}
check "and goes when there is room" poll_until 10 not_in_active
check "the memory is sound" gs audit
done_testing

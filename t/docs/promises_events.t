#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the events of gsession(7) are those of the header, and control/events says what the manual says of it.
. "${0%/*}/../lib/functions.sh"
requires "gsession is not built" test -x "$GSESSION"
manual=$srctop/man/gsession.7

table() {
	sed -n "/^#define $1(X)/,/\")\$/p" "$srctop/include/gsession.h" |
		sed -nE 's/^\tX\([A-Z]+,[[:space:]]*[0-9]+,[[:space:]]*"([a-z]+)",[[:space:]]*"(.*)"\).*$/\1: \2/p' | sed 1d
}
# The first list of .Ss Events, and the second.
paged() {
	sed -n '/^\.Ss Events/,/^\.Sh/p' "$manual" | awk -v n="$1" '/^\.Bl/ { i++ } i == n' |
		sed -n '/^\.It Li/ { s/^\.It Li //; N; s/\n/: /; p }'
}
check "there are events" test "$(table GS_EVENT_TABLE | wc -l)" -ge 15
check_eq "the kinds are in the manual, in order and with their sentences" "$(paged 1)" "$(table GS_EVENT_TABLE)"
check_eq "so are the reasons" "$(paged 2)" "$(table GS_REASON_TABLE)"

new_instance
start_manager
line() {
	gs show events | grep -E "$1" | tail -1
}
# All revisions are told, one after the other.
in_order() {
	gs show events | awk '{ if (NR > 1 && $1 != last + 1) bad = 1; last = $1 } END { exit bad }'
}

gs put --owner 'some body' abcdefghijkl <<< x
check_match "a session that starts is told with what applies" "$(line ' created ')" \
	'^[0-9]+ 20[0-9-]+T[0-9:]+\.[0-9]{3}Z created table=sessions key=abcdefgh~[0-9a-f]{8} to=active reason=write owner=some\\040body pid=[0-9]+ uid='"$(id -u)"'$'
gs mv abcdefghijkl suspect
check_match "a quarantine too" "$(line ' quarantined ')" 'from=active to=suspect reason=operator owner=some\\040body pid='
for i in 1 2 3 4 5; do gs get abcdefghijkl > "$tmp/out" 2>&1; done
check_match "a refusal too" "$(line ' refused ')" ' key=abcdefgh~.* reason=suspect .*pid='
gs mv abcdefghijkl active
gs del abcdefghijkl
check_match "a pardon too" "$(line ' pardoned ')" 'from=suspect to=active reason=operator'
check_match "and an end" "$(line ' ended ')" 'from=active reason=owner owner=some\\040body pid='
gs put --ttl 1ms short <<< x
check "what the daemon does by itself has no pid" poll_until 10 eval 'line " expired " | grep -E "from=active reason=lifetime$"'
check "revisions are without a gap" in_order

# A restart.
last=$(gs show events | tail -1 | cut -d' ' -f1)
gs put before <<< x
kill_manager
start_manager
first=$(gs show events | head -1)
check "the numbers go on after a restart" test "${first%% *}" -gt "$last"
check "numbers are without a gap after it" in_order
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: of a thousand and ten sessions the ten that are hammered become suspects, at once, and come home; who has patience is served.
. "${0%/*}/../lib/functions.sh"
hasty=$buildtop/t/proc/hasty
requires "t/proc/hasty is not built" test -x "$hasty"
new_instance
start_manager

counter() {
	gs show stats | sed -n "s/^$1 //p"
}
quota() {
	gs set "sessions/quota/$1" "$2"
}
# A burst of 2: the start and one access more; ten times a rate of 20 is one in 5 ms.
quota rate 20/s && quota burst 2 && quota hold 1s && quota release 1s
quota action quarantine
check "four processes hammer ten sessions, one works with a thousand others" "$hasty" "$INSTANCE" quarantine 20
check_match "the ten are suspects, nobody else is" "$output" '^suspects 10 others 1000 '
took=$output
diag "$took"
check "within 50 ms from the first access" test "$(sed -n 's/.* median \([0-9]*\) .*/\1/p' <<< "$took")" -le 50
check "all of them, however busy the machine is" test "$(sed -n 's/.* most \([0-9]*\) ms/\1/p' <<< "$took")" -le 1000
check_eq "each was accused once" "$(counter accused) $(counter quarantined)" "10 10"
check_match "it is an event" "$(gs show events)" ' quarantined .*from=active to=suspect'
home() {
	[ "$(gs show sessions/rings/suspect/count)" = 0 ]
}
check "left alone they come home" poll_until 10 home
check_eq "pardoned" "$(counter pardoned)" 10
check_match "which is an event" "$(gs show events)" ' pardoned .*from=suspect to=active'

quota action slow
quota rate 10/s
gs put slowed <<< value
check "one who does not wait" "$hasty" "$INSTANCE" hurry 20
check_match "is refused, and told when to come again" "$output" '^refused (1[0-9]|20) '
check "one who waits for his turn" "$hasty" "$INSTANCE" patience 6
check_match "is served each time" "$output" '^refused 0 '
check "and it takes its time" test "$(sed -n 's/.* ms //p' <<< "$output")" -ge 400
quota expel_after 2
hammered_on() {
	"$hasty" "$INSTANCE" hurry 200 > /dev/null
	gs suspects | grep -Eq '^slowed .* 2 +[0-9]+ listed$'
}
check "one who never stops offends again after a hold, and is one for the reaper" poll_until 20 hammered_on

# Four keys in one call, of which three ask too fast and one of them for half a minute.
quota overrides $'key far 2/m 1\nkey other0 none'
gs put slow2 <<< value
gs put far <<< value
check_status 4 "gsession get of one that is refused" gs get far
check_match "says when to come again" "$output" '^gsession: it is served again in [0-9]+(ms|s)$'
check "one who gets many waits for the turns of those whose are near" "$hasty" "$INSTANCE" together 4
check_match "each time, and for nobody else" "$output" '^found 4 far 0 longest '
check "no call takes longer than its patience" test "$(sed -n 's/.*longest \([0-9]*\) ms/\1/p' <<< "$output")" -le 1500
quota overrides -
quota action report
check_match "where nothing is refused, it is served" "$(gs get slowed; gs get slowed; gs get slowed)" '^value'
check "audit is clean" gs audit
done_testing

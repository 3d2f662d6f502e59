#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: who is accused is listed and followed, pardoned and expelled, by those who may.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
# Nobody comes home by himself while this runs.
printf '[quota]\nhold = 1h\nrelease = 1h\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}
ring_of() {
	gs stat -j "$1" | json 'd["ring"]'
}
stat_of() {
	gs show sessions/stats | sed -n "s/^$1 //p"
}
lists() {
	gs show sessions/suspects | grep -Eq "$1"
}
told() {
	gs show events | grep -Eq "$1"
}
lists_not() {
	! lists "$1"
}

check_eq "nobody is accused" "$(gs show sessions/suspects)" ''
check_eq "and the list is a title" "$(gs suspects)" "$(printf '%-32s %12s %8s %10s %s' key rate offences held_ms state)"
check_eq "no object in JSON" "$(gs suspects -j | json 'd')" '[]'
gs put calm <<< v
gs put "a b" <<< v
gs put loud <<< v
gs mv "a b" suspect
gs mv loud suspect
check "who is moved to the suspects is listed" poll_until 5 lists '^loud '
check "the key is escaped" poll_until 5 lists '^a\\040b [0-9]+\.[0-9]{2}/s [0-9]+ [0-9]+ held$'
check_eq "each has a line" "$(gs show sessions/suspects | wc -l)" 2
check_match "suspects prints them for people" "$(gs suspects)" '^loud  +[0-9.]+/s +[0-9]+ +[0-9]+ held$'
check_eq "and for programs" "$(gs suspects --json | json 'sorted((s["key"], s["state"]) for s in d)')" "[('a b', 'held'), ('loud', 'held')]"
check_eq "numbers are numbers" "$(gs suspects -j | json '{type(s["held_ms"]) for s in d}, {type(s["offences"]) for s in d}')" "({<class 'int'>}, {<class 'int'>})"
check_eq "show --json has the list too" "$(gs show -j sessions | json 'len(d["suspects"])')" 2
check_status 1 "no table, no suspects" gs -t nothing suspects
check_match "and it says so" "$output" 'nothing: no such table'

# A daemon that is new makes the list anew.
kill_manager
start_manager "$tmp/gsession.conf"
check "after a restart the list is as before" poll_until 5 lists '^loud '

# following
"$GSESSION" -i "$INSTANCE" suspects --follow -j > "$tmp/followed" &
follower=$!
cleanup_fn kill "$follower"
followed() {
	grep -q "\"key\":\"$1\".*\"state\":\"$2\"" <(tr -d ' ' < "$tmp/followed")
}
check "--follow begins with who is there" poll_until 5 followed loud held
gs put late <<< v
gs mv late suspect
check "tells of a new one" poll_until 5 followed late held

# pardon
check "pardon" gs pardon loud
check_eq "brings the session to the innermost ring" "$(ring_of loud)" active
check_eq "and counts" "$(stat_of pardoned)" 1
check "it is an event, with no more of the key than others have" poll_until 5 told \
    ' pardoned table=sessions key=loud~[0-9a-f]{8} from=suspect to=active reason=operator'
check "and so is who decided it" poll_until 5 told " judged table=sessions key=loud~[0-9a-f]{8} verdict=pardoned offences=[0-9]+ uid=$(id -u) pid=[0-9]+"
check "the list follows" lists_not '^loud '
check "--follow tells that he is gone" poll_until 5 followed loud gone
check_status 1 "pardon of who is not accused is no" gs pardon calm
check_match "and says so" "$output" 'gsession: calm: no suspect'
check_status 1 "pardon of nobody is no" gs pardon nobody
check "mv out of the suspects is a pardon too" gs mv late active
check "the list follows it" poll_until 5 lists_not '^late '
check_eq "and it counts" "$(stat_of pardoned)" 2

# expel
check "expel, with the key on standard input" gs expel - <<< 'a b'
check_status 1 "ends the session" gs stat 'a b'
check_status 1 "for good: its key cannot be started again" gs put 'a b' <<< v
check_eq "is counted as such" "$(stat_of expelled)" 1
check_eq "and not as ended by its owner" "$(stat_of ended)" 0
check "it is an event" poll_until 5 told ' expelled table=sessions key=a\\040b~[0-9a-f]{8} from=suspect reason=operator'
check "expel of who is no suspect" gs expel calm
check_status 1 "ends it all the same" gs stat calm
check_status 1 "expel of nobody is no" gs expel nobody
check_match "and says so" "$output" 'gsession: nobody: no such session'
check_eq "the store is whole" "$(gs audit | tail -n1 | awk '{ print $2 + $5 + $8 == $11 }')" 1
kill "$follower"

stop_manager
check_status 3 "without a daemon: not reachable" gs suspects
check_status 3 "nor does pardon reach it" gs pardon k
done_testing

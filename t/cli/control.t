#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: show prints the control tree for people and programs, set changes it, and what is refused changes nothing.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
start_manager

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# show
gs put k <<< v
gs get k > "$tmp/out"
status=$(gs)
check_eq "bare gsession is show" "$(head -n1 <<< "$status" | sed 's/up.*//')" "$(gs show | head -n1 | sed 's/up.*//')"
check_match "the status has the daemon's pid" "$status" "instance $INSTANCE  pid $MANAGER_PID "
check_match "the status has a line of each ring" "$status" '^  active +1 +8192 +5m +5m +warm +access$'
check_match "the last one expires" "$status" '^  cold +0 +32768 +14d +5m +none +access$'
check_match "the status has counters" "$status" '  gets 1  .*started 1 '
check_eq "show PATH prints one file" "$(gs show sessions/rings/warm/ttl)" 30m
check_eq "show node/pid" "$(gs show node/pid)" "$MANAGER_PID"
check_eq "show node/instance" "$(gs show node/instance)" "$INSTANCE"
check_match "show of a directory prints what is below it" "$(gs show sessions/rings)" '^sessions/rings/cold/decay_to none$'
check_match "show README explains" "$(gs show README)" 'half_life'
check_match "show ctl lists its verbs" "$(gs show ctl)" '^audit '
check_status 1 "show of what is not there is not found" gs show sessions/rings/deep/ttl
check_match "and says so" "$output" 'sessions/rings/deep/ttl: no such control file'
check_match "a slash too many finds nothing" "$(gs show sessions/ 2>&1)" 'no such control file'

# JSON
check_eq "show --json is the tree" "$(gs show --json | json 'd["sessions"]["rings"]["warm"]["ttl"]')" 1800000
check_eq "-j before the verb is the same" "$(gs -j | json 'd["sessions"]["rings"]["active"]["count"]')" 1
check_eq "numbers are numbers" "$(gs -j show | json 'd["node"]["pid"]')" "$MANAGER_PID"
check_eq "sizes are bytes" "$(gs -j show | json 'd["sessions"]["record_size"], d["sessions"]["slot_sizes"]')" "(8192, [384, 768, 2048])"
check_eq "yes and no are true and false" "$(gs -j show | json 'd["node"]["log_keys"]')" False
check_eq "counters are an object" "$(gs -j show | json 'd["stats"]["started"]')" 1
check_eq "what has no end is max" "$(gs -j show sessions/rings/suspect | json 'd["ttl"]')" max
check_eq "one file is an object of one member" "$(gs show -j sessions/rings/warm/ttl | json 'd')" "{'ttl': 1800000}"
check_eq "a directory is an object" "$(gs show -j sessions/rings | json 'list(d)')" "['active', 'warm', 'cold', 'suspect']"
check_status 1 "no path, no JSON" gs show -j nothing

# set
round_trip() {
	check "set $1 $2" gs set "$1" "$2"
	check_eq "show $1 says $3" "$(gs show "$1")" "$3"
	check "set $1 takes what show said" gs set "$1" "$3"
	check_eq "show $1 still says $3" "$(gs show "$1")" "$3"
}
round_trip sessions/rings/active/ttl 90s 90s
round_trip sessions/rings/active/ttl 120s 2m
round_trip sessions/rings/active/half_life 0 0
round_trip sessions/rings/active/promote never never
round_trip sessions/rings/warm/capacity 16000 16000
round_trip sessions/rings/cold/ttl max max
round_trip node/log_level debug debug
round_trip node/log_keys yes yes
check_match "an accepted write is an event" "$(gs show events)" \
    "set path=sessions/rings/active/ttl old=90s new=2m uid=$(id -u) pid=[0-9]+"
check_match "events are lines of revision, time and name" "$(gs show events)" \
    '^[0-9]+ [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z [a-z_]+'
check_match "events.counts counts them" "$(gs show events.counts)" '^set [0-9]+$'
check "several lines at once" gs set sessions/rings/active/ttl $'1m\n3m'
check_eq "the last one wins" "$(gs show sessions/rings/active/ttl)" 3m

refused() {
	check_status "$1" "set $2 $(printf '%.30q' "$3") is refused" gs set "$2" "$3"
	check_match "and says why" "$output" "$4"
	check_match "last_error has the same" "$(gs show last_error)" "$4"
	check_eq "nothing was changed by it" "$(gs show sessions/rings/active/ttl)" 3m
}
refused 2 sessions/rings/active/ttl 5 'duration'
refused 2 sessions/rings/active/ttl 5x '5x'
refused 2 sessions/rings/active/ttl '' 'duration|nothing'
refused 2 sessions/rings/active/ttl 10h 'outwards'
refused 2 sessions/rings/active/ttl $'1m\nnonsense' 'nonsense'
refused 2 sessions/rings/active/ttl $'1m\t2m' 'control bytes'
refused 2 sessions/rings/active/ttl "$(printf '%05000d' 1)" '4096'
refused 2 sessions/rings/active/capacity 100000000 'made|together'
refused 2 sessions/rings/active/promote maybe 'never.access'
refused 4 sessions/record_size 16K 'when the daemon starts'
refused 4 sessions/rings/active/count 5 'cannot be written'
refused 4 version 2 'cannot be written'
refused 1 sessions/rings/deep/ttl 5m 'no such control file'
refused 2 ctl dance 'reload, audit'
check_match "last_error names the process" "$(gs show last_error)" '^pid [0-9]+: ctl: '

# ctl
check "ctl takes audit" gs set ctl audit
check_match "the verdict is an event" "$(gs show events)" ' audit broken=0 free=[0-9]+ live=1 listed=[0-9]+ capacity=[0-9]+$'
check "ctl takes reload" gs set ctl reload

# What is set is what happens
check "ttl of active: 1s" gs set sessions/rings/active/ttl 1s
gs put short <<< x
in_warm() {
	[ "$(gs stat -j short | json 'd["ring"]')" = warm ]
}
check "a session decays by the new ttl" poll_until 4 in_warm
done_testing

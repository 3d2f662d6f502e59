#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: classes of sessions have lifetimes of their own, set by file and by hand, and keep their names whatever the configuration becomes.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
export GSESSION_STATE_DIR=$tmp/state
conf=$tmp/gsession.conf
disk=$tmp/disk
classes=sessions/classes

write_conf() {	# SECTIONS...
	printf '%s\n' '[ring active]' 'capacity = 256' 'reserve = 0' '[ring warm]' 'capacity = 256' '[ring cold]' 'capacity = 512' \
		"store = file:$disk" "$@" > "$conf"
}
field() {	# KEY NAME
	gs stat "$1" | sed -n "s/^$2 *//p"
}
json() {
	gs --json stat "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}
has_ended() {
	! gs stat "$1" >/dev/null 2>&1
}
expired() {
	gs show sessions/stats | sed -n 's/^expired //p'
}

write_conf '[class guest]' 'ttl = 2h' 'idle = 1h' '[class admin]' 'idle = 15m'
start_manager "$conf"

# ---- what the file says ----
check_eq "classes are there, the built-in ones first" "$(gs conf show | sed -n 's/^\[class sessions\/\(.*\)\]/\1/p' | xargs)" 'anonymous authenticated guest admin'
check_eq "with what the file says" "$(gs show $classes/guest/ttl) $(gs show $classes/guest/idle) $(gs show $classes/admin/ttl) $(gs show $classes/admin/idle)" '2h 1h max 15m'
check_eq "those that it does not name are not limited" "$(gs show $classes/anonymous/ttl) $(gs show $classes/authenticated/idle)" 'max max'
check "a session is put of one" gs put --class guest g <<< v
check_eq "and is of it" "$(field g class)" guest
check_status 2 "a class that there is not is refused" gs put --class king k <<< v
check_match "with a sentence" "$output" '"king": the table has no class of this name'
check "the session of it is none" has_ended k
check_eq "it ends with its idle" "$(($(json g deadline) - $(json g accessed)))" 3600000
gs put --class guest --ttl 10m short <<< v
check_eq "or its own ttl, where that is shorter" "$(($(json short deadline) - $(json short touched)))" 600000
gs put --class guest --ttl 5h long <<< v
check_eq "a longer one does not help" "$(($(json long deadline) - $(json long accessed)))" 3600000
gs put --class admin a <<< v
gs put none <<< v

# ---- by hand ----
gs mv a cold
before=$(expired)
check "a limit is changed" gs set $classes/admin/idle 1ms
poll_until 5 has_ended a
check "it holds for whom there is, in whatever ring" has_ended a
poll_until 5 eval '[ "$(expired)" -gt "$before" ]'
check_eq "and the sweep ends it" "$(expired)" $((before + 1))
check_match "which is an event, for want of accesses" "$(gs show events)" ' expired .*ring=cold.* reason=idle|expired .*from=cold.* reason=idle'
check_match "as the write is" "$(gs show events)" " set path=$classes/admin/idle old=15m new=1ms uid="
check "others stay" gs get g
check "those of no class too" gs get none
check "a limit is taken away" gs set $classes/admin/idle max
gs put --class admin a <<< v
check "and holds no more" gs get a
check "ttl ends one however often it is asked for" gs set $classes/anonymous/ttl 1ms
gs put --class anonymous brief <<< v
poll_until 5 has_ended brief
check "as ttl does" has_ended brief
poll_until 5 eval 'gs show events | grep -q "expired .*reason=lifetime"'
check_match "which is an event of its own reason" "$(gs show events)" 'expired .*reason=lifetime'

check "class add makes one, with its limits" gs class add bot idle=5m
check_eq "and they are there" "$(gs show $classes/bot/ttl) $(gs show $classes/bot/idle)" 'max 5m'
gs put --class bot crawler <<< v
check_eq "and hold" "$(($(json crawler deadline) - $(json crawler accessed)))" 300000
check_match "it is an event" "$(gs show events)" ' class_added table=sessions class=bot uid='
check_not "not twice" gs class add bot
check_match "which is said" "$output" 'is there'

refused() {	# SENTENCE STATUS PATH VALUE REGEX
	check_status "$2" "$1" gs set -- "$3" "$4"
	check_match "with a sentence: $1" "$output" "$5"
}
refused "an idle of 0" 2 $classes/guest/idle 0 '"0": idle is a duration from 1ms to max'
refused "a negative one" 2 $classes/guest/idle -5m 'idle is a duration'
refused "one without unit" 2 $classes/guest/ttl 5 'ttl is a duration'
refused "an idle beyond the ttl" 2 $classes/guest/idle 3h 'idle = 3h": max, or at most 2h, its ttl'
refused "a ttl below the idle" 2 $classes/guest/ttl 30m 'at most 30m, its ttl'
refused "a class that there is not" 1 $classes/king/ttl 1h 'no such control file'
check_eq "nothing of that is in force" "$(gs show $classes/guest/ttl) $(gs show $classes/guest/idle)" '2h 1h'

# ---- what stays ----
gs set $classes/guest/idle 50m
gs put --class guest g <<< v
stop_manager
start_manager "$conf"
check_eq "a restart keeps what was set" "$(gs show $classes/guest/idle)" 50m
check_eq "and what the session is of" "$(field g class)" guest
write_conf '[class member]' 'idle = 1h' '[class admin]' 'idle = 15m' '[class guest]' 'ttl = 2h' 'idle = 1h'
check "a file with another order is read anew" gs set ctl reload
check_eq "names are what counts" "$(field g class) $(field a class)" 'guest admin'
check_eq "what the file does not say anew stays as it was set" "$(gs show $classes/guest/idle)" 50m
write_conf '[class member]' 'idle = 1h' '[class admin]' 'idle = 15m'
check "a class is taken out of the file" gs set ctl reload
check_eq "who is of it stays of it" "$(field g class)" guest
check_eq "without its limits" "$(($(json g deadline) > $(json g accessed) + 7200000))" 1
check_status 2 "and nobody else gets it" gs put --class guest more <<< v

# ---- what a snapshot, and a disk, says of them ----
gs put --class member m <<< v
gs put --class admin a <<< v
gs mv a cold
gs mv m cold
check "snapshot" gs snapshot "$tmp/snap"
syncs() {
	gs show sessions/rings/cold/stats | sed -n 's/^syncs //p'
}
n=$(syncs)
poll_until 10 eval '[ "$(syncs)" -ge $((n + 2)) ]'
kill_manager
rm -rf "${GSESSION_SHM_DIR:?}/$INSTANCE"
write_conf '[class first]' '[class second]' '[class admin]' 'idle = 20m'
start_manager "$conf"
check_eq "after a reboot with other classes a session on the disk is what it was" "$(field a class)" admin
check_eq "held to what its class is now" "$(($(json a deadline) - $(json a accessed)))" 1200000
check_eq "also one whose class the file does not have any more" "$(field m class)" member
check "classes that are new take no id of those" gs put --class second s <<< v
check_eq "and are what they say" "$(field s class) $(field m class)" 'second member'
check "audit is clean" gs audit

stop_manager
"$GSESSIOND" -i "$INSTANCE" -c "$conf" --purge
start_manager "$conf"
check "restore into a store with other classes" gs --json restore "$tmp/snap"
check_eq "a class of the same name is the same" "$(field a class)" admin
check_eq "sessions of none there is are left out, and counted" \
	"$(python3 -c 'import json, sys; print(json.load(sys.stdin)["unknown"])' <<< "$output")" 5
check "audit is clean" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: classes are made and limited by mkdir, echo and cat on the mount while sessions are of them.
. "${0%/*}/../lib/functions.sh"
requires_fuse
requires "setfattr is not installed" command -v setfattr
new_instance
start_manager
mkdir "$tmp/mnt"
start_mount "$tmp/mnt"
sessions=$tmp/mnt/sessions
classes=$tmp/mnt/control/sessions/classes
error=$tmp/mnt/control/last_error

refused() {	# SENTENCE PATH VALUE ERRNO-TEXT REGEX-OF-last_error
	check_not "$1" bash -c 'echo "$1" > "$2"' - "$3" "$2"
	check_match "${1}: what the program is told" "$output" "$4"
	check_match "${1}: the sentence" "$(cat "$error")" "$5"
}
attribute() {	# KEY NAME
	getfattr --only-values -n "user.gsession.$2" "$sessions/active/$1" 2>/dev/null
}

check_eq "the built-in ones are there" "$(ls "$classes" | xargs)" 'anonymous authenticated'
check_eq "without limits" "$(cat "$classes"/*/* | xargs)" 'max max max max'
echo v > "$sessions/active/k"
check_not "a class that there is not cannot be given" setfattr -n user.gsession.class -v guest "$sessions/active/k"
check_match "which is told" "$output" 'Invalid argument'
check "a class is made by mkdir" mkdir "$classes/guest"
check_eq "it has no limits" "$(cat "$classes/guest/ttl" "$classes/guest/idle" | xargs)" 'max max'
check_match "it is an event" "$(cat "$tmp/mnt/control/events")" ' class_added table=sessions class=guest uid='
check "and can be given" setfattr -n user.gsession.class -v guest "$sessions/active/k"
check_eq "and is shown" "$(attribute k class)" guest
check "limits are written" sh -c 'echo 2h > "$1/ttl" && echo 30m > "$1/idle"' - "$classes/guest"
check_eq "and read" "$(cat "$classes/guest/ttl" "$classes/guest/idle" | xargs)" '2h 30m'
accessed=$(stat -c %X "$sessions/active/k")
check_eq "the end is that of its class" "$(($(attribute k deadline) / 1000 - accessed))" 1800
check_not "the same again" mkdir "$classes/guest"
check_match "is there" "$output" 'File exists'
check_not "a name that is none" mkdir "$classes/Guest"
check_match "with a sentence" "$(cat "$error")" '"Guest": a name is 1 to 31'
check_not "a reserved one" mkdir "$classes/none"
check_match "with a sentence" "$(cat "$error")" 'are no names of classes'
check_not "a class is not removed" rmdir "$classes/guest"
check_match "with a sentence" "$(cat "$error")" 'a class stays'
check_not "a directory in a class" mkdir "$classes/guest/more"
refused "a ttl of 0" "$classes/guest/ttl" 0 'range|result' 'ttl is a duration from 1ms'
refused "an idle beyond the ttl" "$classes/guest/idle" 3h 'range|result' 'at most 2h, its ttl'
refused "what is no duration" "$classes/guest/idle" soon 'Invalid' 'idle is a duration'
for i in $(seq 13); do
	mkdir "$classes/c$i"
done
check_not "a seventeenth" mkdir "$classes/more"
check_match "is one too many" "$(cat "$error")" 'at most 16 classes'

# ---- a changed limit ----
for key in a b; do
	echo v > "$sessions/active/$key"
	setfattr -n user.gsession.class -v c1 "$sessions/active/$key"
done
mv "$sessions/active/b" "$sessions/cold/"
expired() {
	sed -n 's/^expired //p' "$tmp/mnt/control/sessions/stats"
}
before=$(expired)
check "a shorter limit" sh -c 'echo 1ms > "$1"' - "$classes/c1/idle"
poll_until 5 eval '[ "$(expired)" -ge $((before + 2)) ]'
check_eq "ends those that there are within a sweep, in whatever ring" "$(expired)" $((before + 2))
check_eq "and nobody else" "$(cat "$sessions/active/k")" v
check_eq "they are gone for who looks" "$(ls "$sessions/active" "$sessions/cold" | grep -cx '[ab]')" 0

stop_manager
start_manager
check_eq "a restart of the daemon keeps classes and limits" "$(cat "$classes/c1/idle" "$classes/guest/idle" | xargs)" '1ms 30m'
check "audit is clean" gs audit
done_testing

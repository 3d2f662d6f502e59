#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what gsession(1) does not take is refused with 2 and a sentence, before anything is done.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
start_manager

misuse() {
	check_status 2 "$1" gs "${@:3}" < /dev/null
	check_match "and says so: $1" "$output" "$2"
}

misuse "an unknown verb" 'unknown verb "dance"' dance
misuse "an unknown option" 'unknown option --dance' --dance
misuse "an unknown option of a verb" 'unknown option --dance' get --dance
misuse "an option of another verb" 'unknown option --ttl' get k --ttl 5m
misuse "an option without its value" 'needs' put k --ttl
misuse "a value for an option that has none" 'takes no value' show --json=yes
misuse "a missing key" 'usage: gsession get KEY' get
misuse "an argument too many" '"b" is one argument too many' get a b
misuse "a missing value of set" 'usage: gsession set PATH VALUE' set node/log_level
misuse "a ttl that is none" '"5": a duration' put k --ttl 5
misuse "a ttl of 0" 'duration' put k --ttl 0
misuse "a ttl without end" 'duration' put k --ttl max
misuse "a ttl of touch that is none" 'duration' touch k --ttl soon
misuse "a version that is none" 'version' put k --if-version x
misuse "a version of 0" 'version' del k --if-version 0
misuse "an owner of 65 bytes" '65 bytes, at most 64' put k --owner "$(printf 'o%.0s' $(seq 65))"
misuse "a verb of class that there is not" '"remove": add is expected' class remove x
misuse "a class with a slash" 'no name of a class' class add a/b
misuse "a setting that is none" 'KEY=VALUE is expected' class add x 5m
misuse "an unknown class" '"king": the table has no class' put k --class king
misuse "an idle time that is none" 'duration' ls --idle 10
misuse "a limit that is none" 'count' ls --limit -1
misuse "a conf verb that is none" 'check, show, diff, template, defaults' conf dance
misuse "conf check without file" 'file is missing' conf check
misuse "conf show of a file" 'one argument too many' conf show file
check_status 2 "an instance that is no name" "$GSESSION" -i ../../etc show
check_status 1 "a table that is not there is not found" gs -t nowhere get k
check_status 2 "a table that is no name" gs -t ../x get k

check_status 1 "nothing of all that stored a session" gs get k
check_eq "nothing at all" "$(gs ls)" ''

# Values
head -c 8193 /dev/zero > "$tmp/large"
gs put k <<< old
check_status 4 "a value over record_size is refused" gs put k < "$tmp/large"
check_match "and says how long it may be" "$output" '8193 bytes, at most 8192'
check_eq "the old value stays" "$(gs get k)" old
check_status 4 "a value of many megabytes is refused" gs put k < <(head -c 100000000 /dev/zero)
check_eq "stats counts both" "$(gs show stats | grep '^efbig ')" 'efbig 2'
check_match "show warns" "$(gs)" 'warning: efbig 2: '

# Output that cannot be written
check_status 5 "a full disk is said" bash -c '"$1" -i "$2" get k > /dev/full' - "$GSESSION" "$INSTANCE"
check_status 5 "also by show" bash -c '"$1" -i "$2" > /dev/full' - "$GSESSION" "$INSTANCE"

check "the memory is sound" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession rotate: a session goes on under another key, the old one leads to it for the grace, and then gives a thief away.
. "${0%/*}/../lib/functions.sh"
[ -x "$GSESSIOND" ] || skip_all "gsessiond is not built"
new_instance
start_manager

counter() { gs show sessions/stats | sed -n "s/^$1 //p"; }
ring_of() { gs stat "$1" | sed -n 's/^ring *//p'; }

gs put --owner alice --class authenticated old <<< hello
check "a session goes on under a key that is given" gs rotate old new
check_eq "which is printed" "$output" new
check_eq "there is its value" "$(gs get new)" hello
check_eq "and its owner" "$(gs stat new | sed -n 's/^owner *//p')" alice
check_eq "the old key leads to it" "$(gs get old)" hello
gs put old <<< changed
check_eq "for writers too" "$(gs get new)" changed
check_status 1 "the old key is not rotated again" gs rotate old third
check_eq "it was counted" "$(counter rotated)" 1
fresh=$(gs rotate new)
check_match "without a key a fresh one is drawn" "$fresh" '^[A-Za-z0-9_][A-Za-z0-9_-]{31}$'
check_eq "and leads there" "$(gs get "$fresh") $(gs get new) $(gs get old)" "changed changed changed"
check_match "as JSON" "$(gs rotate --json "$fresh")" '"key": ?"[A-Za-z0-9_-]{32}"'

gs put a <<< one
gs put b <<< two
check_status 4 "a key that is there is not taken" gs rotate a b
check_eq "and nothing has changed" "$(gs get a) $(gs get b)" "one two"
check_status 1 "what is not there is not rotated" gs rotate nobody
check_status 2 "a grace is a duration" gs rotate --grace soon a
check_status 2 "not longer than 49 days" gs rotate --grace 60d a
check_status 2 "a key is not rotated to itself" gs rotate a a

# No grace: whoever comes with the old key is found out.
last=$(gs rotate --grace 0 a)
check_eq "the session is there" "$(gs get "$last")" one
poll_until 5 test "$(gs get a 2>&1)" != one
check_status 1 "the old key is refused" gs get a
check_match "with a sentence" "$output" 'gone'
check "it is counted" test "$(counter replayed)" -gt 0
poll_until 5 eval 'gs events | grep -q " reused "'
check_match "it is an event" "$(gs events)" ' reused '
check_eq "the session is a suspect" "$(gs ls suspect | grep -c -- "^$last\$")" 1
check_status 4 "and refused until it is pardoned" gs get "$last"
gs mv "$last" active
check_eq "then it is served" "$(gs get "$last")" one
check "what is left of the old key can be ended" gs del a
check_status 1 "nothing starts under it" gs put a <<< again

# The table may say that of every key.
gs put mine <<< x
gs del mine
check "a key that its owner ended may start again" gs put mine <<< x
check "the table can forbid it" gs set sessions/ended final
gs del mine
check_status 1 "then it may not" gs put mine <<< x
check_match "which has a sentence" "$output" 'gone'
check "it is counted" test "$(counter stale)" -ge 2
stop_manager
start_manager
check_status 1 "a restart of the daemon changes nothing about it" gs put mine <<< x
check_eq "nor about the setting" "$(gs show sessions/ended)" final
check "the memory is right" gs audit
done_testing

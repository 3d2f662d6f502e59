#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: `gsession torture` finds nothing in a store that is right, finds what somebody else does to it, and leaves nothing behind.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
start_manager

# What a run is called by those who interfere.
inside() {
	"$GSESSION" --run-dir "$place/run" -i torture "$@"
}

finds_place() {
	place=$(ls -d "$GSESSION_SHM_DIR"/gsession-torture.* 2>/dev/null | head -n 1)
	[ -n "$place" ]
}

# Keys of a kind that are there now: o, of one writer, or h, of all.
keys_of() {
	inside ls 2>/dev/null | grep "^$1[0-9]"
}

# begin SECONDS: a torture in the background, and wait until there is something to interfere with.
begin() {
	"$GSESSION" torture --seconds "$1" --seed 11 >"$tmp/out" 2>"$tmp/err" &
	torture=$!
	cleanup_fn kill -KILL "$torture"
	poll_until 20 finds_place
	poll_until 20 has_work
}

has_work() {
	[ "$(keys_of o | wc -l)" -gt 20 ]
}

# How many of what the last line counts.
counted() {
	tail -n 1 "$tmp/out" | grep -oE "[0-9]+ $1" | cut -d ' ' -f 1
}

gs put mine <<< untouched
pid=$MANAGER_PID
seconds=8
[ -z "${GS_QUICK-}" ] || seconds=3
check "a torture of $seconds seconds" "$GSESSION" torture --seconds "$seconds" --seed 4711
diag "$output"
check_eq "finds nothing" "$(tail -n 1 <<< "$output")" "0 lost, 0 torn, 0 resurrected, 0 leaked (seed 4711)"
for what in put add update 'put if_version' del 'del if_version' touch setattr get peek 'multi_get, keys' move scan 'ring made larger' \
	'ring made smaller' 'worker killed' 'worker stopped' 'worker continued' 'daemon killed' 'history of a contended key checked'; do
	check_match "it did: $what" "$output" "^ *[1-9][0-9]*  $what\$"
done
[ -n "${GS_QUICK-}" ] || check_match "memory was given back" "$output" '^ *[1-9][0-9]*  segment given back$'
check_eq "every history was decided" "$(sed -n 's/^ *\([0-9]*\)  history too long to decide$/\1/p' <<< "$output")" 0
check "the store that runs here is not touched" test "$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid") $(gs get mine) $(gs ls | wc -l)" = "$pid untouched 1"
check_not "no directory is left" finds_place
check "without a seed" "$GSESSION" torture --seconds 1
check_match "it says the one it took" "$(tail -n 1 <<< "$output")" '^0 lost, 0 torn, 0 resurrected, 0 leaked \(seed [0-9]+\)$'

# Whoever does something else to the store than the workers do is found out.
ends_one() {
	inside del "$(keys_of o | shuf -n 1)" 2>/dev/null
	[ -s "$tmp/err" ]
}
begin 20
poll_until 20 ends_one
kill -TERM "$torture"
wait "$torture"
check_eq "sessions that somebody else ends: exit status" "$?" 5
check "are lost" test "$(counted lost)" -ge 1
check_eq "nothing is torn" "$(counted torn)" 0
check_match "the key is told" "$(cat "$tmp/err")" '^worker [0-9]: .* of o[0-9]+\.'
check_match "and the seed" "$(tail -n 1 "$tmp/out")" '\(seed 11\)$'
check_match "and that it was ended early" "$(cat "$tmp/out")" '^interrupted before 20 seconds'

puts_one() {
	inside put "$(keys_of o | shuf -n 1)" <<< "not what a worker writes" 2>/dev/null
	[ -s "$tmp/err" ]
}
begin 20
poll_until 20 puts_one
kill -TERM "$torture"
wait "$torture"
check_eq "values that somebody else puts: exit status" "$?" 5
check "are torn" test "$(counted torn)" -ge 1

puts_back() {
	key=$(keys_of o | shuf -n 1)
	inside get "$key" >"$tmp/old" 2>/dev/null || return
	# Meanwhile its writer goes on.
	inside put "$key" <"$tmp/old" 2>/dev/null
	[ -s "$tmp/err" ]
}
begin 20
poll_until 20 puts_back
kill -TERM "$torture"
wait "$torture"
check_eq "old values that somebody puts back: exit status" "$?" 5
check "are lost updates or resurrected sessions" test "$(($(counted lost) + $(counted resurrected)))" -ge 1
check_eq "and not torn" "$(counted torn)" 0

# Only of what all write; what one alone writes is let be.
is_unexplained() {
	grep -q 'no order explains' "$tmp/err"
}
begin 60
GSESSION_RUN_DIR=$place/run "$client" reap torture h >"$tmp/reaped" 2>&1 &
reaper=$!
check "calls that no worker made leave a history that no order explains" poll_until 30 is_unexplained
kill -TERM "$reaper"
wait "$reaper"
kill -TERM "$torture"
wait "$torture"
check_eq "which is exit status" "$?" 5
check "and counted" test "$(counted lost)" -ge 1
check_match "with its calls" "$(cat "$tmp/err")" '^  worker [0-9] from [0-9]+ to [0-9]+: '

# Killed itself.
begin 60
children=$(cat "/proc/$torture/task/$torture/children")
check "a torture has children" test "$(wc -w <<< "$children")" -ge 8
kill -KILL "$torture"
wait "$torture" 2>/dev/null
are_gone() {
	local p
	for p in $children; do
		is_gone "$p" || return 1
	done
}
check "they die with it" poll_until 10 are_gone
check "its directory is left" finds_place
left=$place
check "until the next torture" "$GSESSION" torture --seconds 1
check_not "removes it" test -e "$left"

check_status 2 "no time at all" "$GSESSION" torture --seconds 0
check_status 2 "more than a day" "$GSESSION" torture --seconds 86401
check_status 2 "a seed that is none" "$GSESSION" torture --seed none
mkdir "$tmp/alone"
cp "$buildtop/tools/.libs/gsession" "$tmp/alone/" 2>/dev/null || cp "$GSESSION" "$tmp/alone/"
check_status 1 "without a gsessiond beside it" env LD_LIBRARY_PATH="$buildtop/src/.libs" "$tmp/alone/gsession" torture
check_match "it says where it looked" "$output" "no gsessiond beside $tmp/alone"
done_testing

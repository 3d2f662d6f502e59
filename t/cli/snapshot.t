#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: snapshot writes every session, whole or not at all, while the store works; restore puts back what may live, and nothing else.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
requires "t/proc/client is not built" test -x "$buildtop/t/proc/client"
client=$buildtop/t/proc/client
new_instance
export GSESSION_STATE_DIR=$tmp/state
conf=$tmp/gsession.conf
printf '[ring active]\ncapacity = 60000\n[ring cold]\nstore = shm\n' > "$conf"
start_manager "$conf"

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# What ctl says of the last job.
job() {
	gs show ctl | grep '^job '
}

job_is_over() {
	job | grep -Eq ' (done|failed) '
}

# the store's value of a counter of the last restore
became() {
	json "d['$1']" <<< "$output"
}

begin_anew() {
	stop_manager
	"$GSESSIOND" -i "$INSTANCE" -c "$conf" --purge
	start_manager "$conf"
}

# ---- out and back ----

gs put kept --owner bob --class authenticated --ttl 1h <<< 'the value'
gs put gone <<< 'ended later'
gs put outer <<< w
gs mv outer warm
check "snapshot FILE" gs snapshot "$tmp/snap"
check_match "says how many sessions there are" "$output" '^sessions +3$'
check_eq "the file is for its owner alone" "$(stat -c %a "$tmp/snap")" 600
check_eq "nothing else is left beside it" "$(find "$tmp" -maxdepth 1 -name 'snap*' | wc -l)" 1
before=$(gs stat kept | grep -Ev '^(version|id) ')
check "restore into a store that has all of it" gs restore "$tmp/snap" --json
check_eq "changes nothing" "$(became older) $(became restored)" '3 0'

begin_anew
check "restore into an empty store" gs restore "$tmp/snap" --json
check_eq "brings back all" "$(became restored)" 3
check_eq "the value" "$(gs get kept)" 'the value'
check_eq "and every attribute but what gets have added" "$(gs stat outer | grep -c '^ring *warm')" 1
check_eq "with its times" "$(gs stat kept | grep -E '^(created|touched|modified|ttl|owner|class)')" \
    "$(grep -E '^(created|touched|modified|ttl|owner|class)' <<< "$before")"
check "audit is clean" gs audit

gs put kept <<< 'a later value'
check "restore into a store that has later values" gs restore "$tmp/snap" --json
check_eq "keeps those" "$(gs get kept)" 'a later value'
check_eq "and counts them" "$(became older)" 3

# ---- by name ----

check "a name in ctl" gs set ctl 'snapshot nightly'
check "is over soon" poll_until 20 job_is_over
check_match "ctl says how it went" "$(job)" '^job [0-9]+ snapshot nightly done sessions=3 damaged=0 bytes=[0-9]+ took_ms=[0-9]+$'
check "it lies in the instance's directory of snapshots" test -f "$tmp/state/$INSTANCE/snapshots/nightly"
check_eq "which is for the daemon alone" "$(stat -c %a "$tmp/state/$INSTANCE/snapshots")" 700
check_match "the events have who wrote it, as one word" "$(gs show events)" ' set path=ctl new=snapshot\\040nightly uid=[0-9]+ pid=[0-9]+$'
check_match "and the events have it" "$(gs show events)" ' job_done number=[0-9]+ what=snapshot name=nightly sessions=3 '
gs put more <<< x
check "restore by name" gs set ctl 'restore nightly'
check "is over soon" poll_until 20 job_is_over
check_match "and says what became of each" "$(job)" 'restore nightly done restored=0 older=3 expired=0 '
for bad in 'a/b' '..' '.hidden' '-x' "$(printf 'n%.0s' {1..65})" 'two words'; do
	check_status 2 "no name for a snapshot: ${bad:0:12}" gs set ctl "snapshot $bad"
done
check_match "the sentence is in last_error" "$(gs show last_error)" 'a snapshot.s name is'
check_status 2 "and none at all" gs set ctl snapshot
check_status 1 "a snapshot that is not there" gs set ctl 'restore never'
check_status 4 "two at once" gs set ctl $'snapshot a\nsnapshot b'
check "neither was begun" test ! -e "$tmp/state/$INSTANCE/snapshots/a"

gs del gone
gs del outer
check "restore after an end" gs restore "$tmp/snap" --json
check_eq "does not bring back what has ended" "$(became ended) $(became restored)" '2 0'
check_status 1 "it is not there" gs get gone

# ---- what is not whole ----

size=$(stat -c %s "$tmp/snap")
refused=0 n=0
for at in 0 1 31 32 48 80 $((size / 2)) $((size - 48)) $((size - 1)); do
	head -c "$at" "$tmp/snap" > "$tmp/cut"
	n=$((n + 1))
	run_quietly gs restore "$tmp/cut"
	[ $? -eq 5 ] && grep -q 'cut short' <<< "$output" && refused=$((refused + 1))
done
check_eq "a snapshot cut short anywhere is 5, and says so" "$refused" "$n"
refused=0 n=0
for ((at = 0; at < size; at += 37)); do
	cp "$tmp/snap" "$tmp/changed"
	printf '%b' "\\x$(printf %02x $((0x$(xxd -s $at -l 1 -p "$tmp/snap" 2>/dev/null || od -An -tx1 -j $at -N 1 "$tmp/snap" | tr -d ' ') ^ 4)))" |
	    dd of="$tmp/changed" bs=1 seek=$at conv=notrunc status=none
	n=$((n + 1))
	run_quietly gs restore "$tmp/changed"
	[ $? -eq 5 ] && refused=$((refused + 1))
done
check_eq "so is one with a changed byte" "$refused" "$n"
check_status 1 "nothing was restored of any" gs get outer
check_status 5 "a file of something else is none" gs restore "$conf"
check_status 1 "a file that is not there" gs restore "$tmp/nothing"
check_status 2 "a directory is no file" gs restore "$tmp"

# ---- under load, and killed ----

"$client" fill "$INSTANCE" 30000
"$client" steady "$INSTANCE" own "$tmp/calls" > "$tmp/writer" 2>&1 &
writer=$!
cleanup_fn kill -KILL "$writer"
check "snapshot while others write" gs snapshot "$tmp/big" --json
big=$(became sessions)
check "has all that were there" test "$big" -ge 30000
gs set ctl 'snapshot killed'
child=$(pgrep -P "$MANAGER_PID" | head -n 1)
if [ -n "$child" ] && kill -KILL "$child" 2>/dev/null; then
	check "a job whose process is killed" poll_until 20 job_is_over
	check_match "has failed" "$(job)" 'snapshot killed (failed GS_ESYSTEM: its process was ended by signal 9|done)'
fi
check "the store works on" gs put after <<< x
kill -TERM "$writer"
check "a writer saw no error of any of this" wait "$writer"
gs set ctl 'snapshot left' || true
kill_manager
check "no file of half a snapshot has a name" test "$(find "$tmp/state/$INSTANCE/snapshots" -type f ! -name '.*' ! -name nightly ! -name killed ! -name left | wc -l)" -eq 0
start_manager "$conf"
check "a daemon begins behind one that was killed at its snapshot" gs set ctl 'snapshot left'
check "and makes it" poll_until 20 job_is_over
check_match "whole" "$(job)" 'snapshot left done sessions=[0-9]+ '
check_eq "of the one that was killed nothing is left" "$(find "$tmp/state/$INSTANCE/snapshots" -name '.left*' | wc -l)" 0
begin_anew
check "restore of many" gs restore "$tmp/big" --json
# The writer ends sessions and starts them again, within a tick of the clock: of those the last end counts.
check_eq "brings back all that did not end meanwhile" "$(($(became restored) + $(became ended)))" "$big"
check "which are nearly all" test "$(became restored)" -ge 30000
check "audit is clean" gs audit
done_testing

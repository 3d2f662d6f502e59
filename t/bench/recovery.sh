#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what a death costs: a dead client's recovery; gets and sweeps around a kill -9 of the daemon, a million sessions in the store
. "${0%/*}/../lib/functions.sh"
recovery=$buildtop/t/bench/recovery

sessions=1000000
[ -z "${GS_QUICK-}" ] || sessions=100000
"$recovery" dead "$sessions"

new_instance
third=$((sessions * 7 / 20))
printf '[ring %s]\ncapacity = '"$third"'\n' active warm cold > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
"$buildtop/t/proc/client" fill "$INSTANCE" "$sessions"

now_ms() {
	date +%s%3N
}

has_swept() {
	[ "$(gs show stats 2>/dev/null | sed -n 's/^sweeps //p')" -ge 1 ]
}

# gets NAME: start a reader whose report is NAME's.
gets() {
	: > "$tmp/$1.on"
	"$recovery" calls "$INSTANCE" "$sessions" "$tmp/$1.on" > "$tmp/$1" &
	reader=$!
	cleanup_fn kill -KILL "$reader"
	sleep 1			# what is measured is a second of it
}

gets quiet
sleep 2
rm "$tmp/quiet.on"
wait "$reader"
echo "undisturbed: $(cat "$tmp/quiet")"

gets killed
kill_manager
from=$(now_ms)
start_manager "$tmp/gsession.conf"
up=$(now_ms)
poll_until 20 has_swept || exit 1
swept=$(now_ms)
sleep 1
rm "$tmp/killed.on"
wait "$reader" || exit 1
echo "around a kill -9: $(cat "$tmp/killed")"
echo "the next daemon serves after $((up - from)) ms and has swept after $((swept - from)) ms (accept 1000)"

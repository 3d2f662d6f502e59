#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what a death costs: a dead client's recovery, and requests while all are counted again; gets and sweeps around the daemon's, a million in the store
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

# asks NAME SECONDS: whoever asks the daemon meanwhile.
asks() {
	: > "$tmp/$1.on"
	"$recovery" asks "$INSTANCE" "$tmp/$1.on" > "$tmp/$1" &
	asker=$!
	cleanup_fn kill -KILL "$asker"
	sleep "$2"
	rm "$tmp/$1.on"
	wait "$asker" || exit 1
}

# Where there are namespaces a recount looks at each session. It is eight looks at the index, one begun by each sweep.
gs namespace add shop || exit 1
asks asked 3
echo "undisturbed: $(cat "$tmp/asked")"
mkfifo "$tmp/hold"
"$buildtop/t/proc/askers" "$INSTANCE" "$sessions" "$sessions" < "$tmp/hold" > "$tmp/attached" &
victim=$!
cleanup_fn kill -KILL "$victim"
exec 7> "$tmp/hold"
poll_until 10 test -s "$tmp/attached" || exit 1
kill -KILL "$victim"
# Recounts rest a hundred times as long as they take: the one at the start took little.
asks counted 12
echo "after a client's death: $(cat "$tmp/counted") (accept: as before)"

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

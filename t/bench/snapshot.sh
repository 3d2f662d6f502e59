#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a snapshot of a million sessions stalls no put: the longest of 200,000 puts a second, alone and while it is taken
. "${0%/*}/../lib/functions.sh"

sessions=1000000 rate=200000
[ -z "${GS_QUICK-}" ] || sessions=100000
new_instance
# The client fills all three; each has room for all, so that nobody has to go for what is put.
printf '[ring %s]\ncapacity = '"$((sessions * 5 / 4))"'\n' active warm cold > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
"$buildtop/t/proc/client" fill "$INSTANCE" "$sessions"

# puts NAME: start them; their report is NAME's.
puts() {
	: > "$tmp/$1.on"
	"$buildtop/t/bench/stalls" "$INSTANCE" "$sessions" "$rate" "$tmp/$1.on" > "$tmp/$1" &
	putter=$!
	cleanup_fn kill -KILL "$putter"
}

end_puts() {
	rm "$tmp/$1.on"
	wait "$putter" || exit 1
	echo "$2: $(cat "$tmp/$1")"
}

puts alone
sleep 5				# what is measured is five seconds of it
end_puts alone "undisturbed"
puts beside
sleep 1
took=$(gs snapshot "$tmp/snap" --json)
end_puts beside "beside a snapshot"
echo "the snapshot: $took"

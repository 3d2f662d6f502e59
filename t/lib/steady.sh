# SPDX-License-Identifier: BSD-2-Clause
# steady.sh - clients that work on keys of their own and must see no error, whatever else happens; source it after functions.sh.
#
#	start_steady NAME		t/proc/client steady in the background; its pid in $STEADY_PID
#	goes_on NAME			it makes calls now
#	ended_well PID NAME		it was told to end, and had no error
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"

start_steady() {
	"$client" steady "$INSTANCE" "$1" "$tmp/$1.calls" >"$tmp/$1.out" 2>&1 &
	STEADY_PID=$!
	cleanup_fn kill -KILL "$STEADY_PID"
}

calls_of() {
	cat "$tmp/$1.calls"
}

has_gone_on() {
	[ -n "$(calls_of "$1")" ] && [ "$(calls_of "$1")" != "$2" ]
}

goes_on() {
	local before
	before=$(calls_of "$1")
	poll_until 20 has_gone_on "$1" "$before"
}

ended_well() {
	kill -TERM "$1"
	wait "$1" && [ "$(cat "$tmp/$2.out")" = "no error" ]
}

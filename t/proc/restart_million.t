#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a store of a million sessions survives the death, the planned restart and the upgrade of its daemon, and no client fails a call.
. "${0%/*}/../lib/functions.sh"
slow_test
. "${0%/*}/../lib/steady.sh"
n=1000000
available() {
	[ "$(df -k --output=avail /dev/shm | tail -n1)" -gt 3000000 ]
}
requires "/dev/shm has not 3 GB free" available
new_instance
cat > "$tmp/gsession.conf" <<'END'
[ring active]
capacity = 350000
[ring warm]
capacity = 350000
[ring cold]
capacity = 350000
END
start_manager "$tmp/gsession.conf"

has_swept() {
	[ "$(gs show stats | sed -n 's/^sweeps //p')" -ge 1 ]
}

sessions() {
	local r sum=0
	for r in active warm cold; do
		sum=$((sum + $(gs show "sessions/rings/$r/count")))
	done
	echo "$sum"
}

check "a million sessions" "$client" fill "$INSTANCE" "$n"
start_steady one; one=$STEADY_PID
check "a client works among them" goes_on one

kill_manager
check "with no daemon it goes on" goes_on one
start_manager "$tmp/gsession.conf"
check "the next daemon sweeps" poll_until 20 has_swept
check "the client goes on" goes_on one
check "the million is there" test "$(sessions)" -ge "$n"

# Another program of the same format takes over, as in an upgrade: it is told to end, and the next one is started.
cp "$(readlink -f "$GSESSIOND")" "$tmp/gsessiond-of-another-place" 2>/dev/null
if "$tmp/gsessiond-of-another-place" --version >"$tmp/version" 2>&1; then
	GSESSIOND=$tmp/gsessiond-of-another-place
fi
stop_manager
check "while a daemon is upgraded the client goes on" goes_on one
start_manager "$tmp/gsession.conf"
check "the new one sweeps" poll_until 20 has_swept
check "and has the million" test "$(sessions)" -ge "$n"
check "the client had no error through all of it" ended_well "$one" one
check "every value is whole" "$client" verify "$INSTANCE"
check_match "all of them" "$output" '^10000[0-9][0-9] whole, 0 torn'
check "audit is clean" gs audit
done_testing

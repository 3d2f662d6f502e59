#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: max_per_owner holds whoever is killed between the start of a session and the look at the others of its owner.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"

cat > "$tmp/gsession.conf" <<-CONF
	[table sessions]
	max_per_owner = 3
CONF
new_instance
start_manager "$tmp/gsession.conf"

of() {
	gs ls --owner "$1" | grep -c "^$1-"
}
is_down_to() {
	[ "$(of "$1")" -eq "$2" ]
}
# As many as he may have.
has_some() {
	[ "$(gs ls --owner "$1" | grep -c "^$1-[0-9]")" -ge 3 ]
}

n=$([ -n "${GS_QUICK-}" ] && echo 5 || echo 20)
for ((i = 0; i < n; i++)); do
	"$client" login "$INSTANCE" "o$i" &
	pid=$!
	poll_until 10 has_some "o$i"
	kill -9 "$pid"
	wait "$pid" 2> /dev/null
	poll_until 10 is_down_to "o$i" 3 || not_ok "owner $i has $(of "o$i") sessions"
done
ok "the daemon made up for $n passes that the dead owed, or had made"
check_eq "each has as many as he may have" "$(gs ls | grep -c '^o[0-9]')" $((3 * n))

# The same while nobody is there who could: the next daemon does it.
"$client" login "$INSTANCE" late &
pid=$!
poll_until 10 has_some late
kill_manager
kill -9 "$pid"
wait "$pid" 2> /dev/null
start_manager "$tmp/gsession.conf"
check "a daemon that starts makes up for those who died before" poll_until 10 is_down_to late 3
check "audit is clean" gs audit
done_testing

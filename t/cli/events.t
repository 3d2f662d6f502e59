#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: control/events tells what became of a session, and shows no more of its key than tells it apart.
. "${0%/*}/../lib/functions.sh"
new_instance
start_manager

key=abcdefghijklmnop
gs put "$key" <<< x
gs set sessions/rings/active/half_life 0
gs set sessions/rings/active/ttl 1s

told() {
	gs show events | grep -Eq "$1"
}
check "a decay is told, with eight characters of the key and a hash" \
	poll_until 10 told " decayed table=sessions key=abcdefgh~[0-9a-f]{8} from=active to=warm reason=idle$"
check_not "the whole key is not" told "$key"
check "with log_keys" gs set node/log_keys yes
gs touch "$key"
gs mv "$key" active
check "it is" poll_until 10 told " decayed table=sessions key=$key~* *from=active to=warm reason=idle$"
gs put "short and odd" --ttl 1s <<< x
check "a key is escaped" poll_until 10 told ' expired table=sessions key=short\\040and\\040odd from='
gs set node/log_keys no
for i in {1..60}; do
	gs put "many$i" --ttl 1s <<< x
done
expired_are() {
	[ "$(gs show stats | sed -n 's/^expired //p')" -eq "$1" ]
}
check "many expire" poll_until 20 expired_are 61
check "a change of a setting is told with who made it" told " set path=node/log_keys old=yes new=no uid=$(id -u) "
done_testing

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

check_match "stat tells the turns of a session" "$(gs stat "$key" | sed -n '/^why/,$p' | head -1)" '^why +20[^ ]+Z [a-z]+ '
check_eq "and as JSON" "$(gs stat -j "$key" | python3 -c 'import json, sys; print(json.load(sys.stdin)["why"][-1].split(" ", 1)[1])')" \
	"decayed from=active to=warm reason=idle"

# The verb.
gs put verb <<< x
line=$(gs events | grep ' created table=sessions key=verb~')
check_match "the verb prints the lines" "$line" '^[0-9]+ [^ ]+Z created table=sessions key=verb~'
check_eq "as many as there are" "$(gs events | wc -l)" "$(gs show events | wc -l)"
last=$(gs events | tail -1 | cut -d' ' -f1)
check_eq "since the last there is none" "$(gs events --since "$last")" ""
gs del verb
check_match "since then, what came" "$(gs events --since "$last")" '^[0-9]+ [^ ]+ ended table=sessions key=verb~[0-9a-f]{8} from=active reason=owner pid='
check_eq "and nothing else" "$(gs events -s "$last" | wc -l)" 1
check_eq "as JSON, an object on a line" "$(gs events -s "$last" --json | python3 -c '
import json, sys
for line in sys.stdin:
    e = json.loads(line)
    print(e["event"], e["revision"] > '"$last"', e["key"][:5], e["from"], e["reason"], "to" in e, int(e["uid"]))
')" "ended True verb~ active owner False $(id -u)"
check_status 2 "a number that is none is refused" gs events --since yesterday
check_match "with a sentence" "$output" 'yesterday'
check_status 2 "it takes no operand" gs events now

gs events --follow --since "$last" > "$tmp/followed" &
follower=$!
cleanup_fn kill "$follower"
check "--follow prints what is there" poll_until 5 grep -q ' ended ' "$tmp/followed"
gs put more <<< x
check "and what comes" poll_until 5 grep -q ' created table=sessions key=more~' "$tmp/followed"
n_lines=$(grep -c . "$tmp/followed")
check_eq "each once" "$(sort -u "$tmp/followed" | wc -l)" "$n_lines"
stop_manager
wait "$follower"
check_eq "it ends with the daemon, which is status 3" $? 3
check_status 3 "without one the verb says so" gs events
done_testing

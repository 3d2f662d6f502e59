#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: conf diff names each setting in force that is not what the file says, and its commands keep it or put it back.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance

cat > "$tmp/gsession.conf" <<'END'
[ring active]
ttl = 4m
[quota]
overrides = key abc 10/s 5
[class guest]
idle = 10m
[namespace app]
idle = 24m
[namespace gone]
mode = 0755
END
start_manager "$tmp/gsession.conf"
check_eq "the daemon tells its file" "$(gs show node/conf)" "$tmp/gsession.conf"
check_status 0 "a fresh store is as its file says" gs conf diff
check_eq "nothing is printed" "$output" ''
check_eq "as JSON an empty array" "$(gs conf diff -j)" '[]'

# The commands below a heading, run as they stand.
run_advice() {
	local commands
	PATH=${GSESSION%/*}:$PATH
	commands=$(gs conf diff | sed -n "/^to $1/,/^[^\t]/p" | sed -n 's/^\t//p')
	[ -n "$commands" ] || return 1
	bash -ec "$(grep -v ' ring remove ' <<< "$commands")" || return 1
	# A ring that drains is off when its sessions have moved.
	commands=$(grep ' ring remove ' <<< "$commands") || return 0
	poll_until 10 bash -ec "$commands"
}

gs set node/log_level info
gs set sessions/max_per_owner 9
gs set sessions/quota/burst 77
gs set sessions/quota/overrides 'owner o 5/s 7'
gs set -- sessions/quota/overrides '-key abc'
gs set sessions/roles/reaper group:daemon
gs set sessions/rings/cold/ttl 20d
gs set sessions/classes/guest/idle 11m
gs ring add extra ttl=1h capacity=100 decay_to=cold
gs ring drain warm
is_off() {
	[ "$(gs show sessions/rings/warm/state)" = off ]
}
check "a ring is drained" poll_until 5 is_off
gs ring remove warm
gs class add robot ttl=1h
gs set sessions/namespaces/app/idle 25m
gs namespace remove gone
gs namespace add more
check_status 1 "what was changed at run time is told" gs conf diff
diff=$output
for line in 'daemon +log_level +notice +info' 'table sessions +max_per_owner +0 +9' 'quota sessions +burst +200 +77' \
	'quota sessions +overrides +"key abc 10/s 5" +-' 'quota sessions +overrides +- +"owner o 5/s 7"' \
	'roles sessions +reaper +none +group:daemon' 'class sessions/guest +idle +10m +11m' 'class sessions/robot +- +- +there' \
	'namespace sessions/app +idle +24m +25m' 'namespace sessions/gone +- +there +-' 'namespace sessions/more +- +- +there' \
	'ring sessions/cold +ttl +14d +20d' 'ring sessions/warm +- +there +-' 'ring sessions/extra +- +- +there'; do
	check_match "told: $line" "$diff" "^$line\$"
done
check_eq "and nothing else but how active decays" "$(sed '/^$/,$d' <<< "$diff" | wc -l)" 15
check_match "which is a setting like others" "$diff" '^ring sessions/active +decay_to +warm +cold$'
json=$(gs conf diff -j | python3 -c '
import json, sys
for d in json.load(sys.stdin):
	print(d["path"], d.get("key", "*"), d.get("file", "?"), d.get("live", "?"), d["changed"])')
check_match "JSON has the control file and which was changed" "$json" '^sessions/quota/burst burst 200 77 live$'
check_match "and rings that are missing" "$json" '^sessions/rings/warm \* there \? live$'

check "reload" gs set ctl reload
check_eq "changes nothing of it" "$(gs conf diff)" "$diff"

sed -i 's/4m/6m/; 1i[daemon]\nlog_keys = yes' "$tmp/gsession.conf"
check_match "what was changed in the file is told" "$(gs conf diff)" '^ring sessions/active +ttl +6m +4m$'
check_match "and that a reload takes it" "$(gs conf diff)" "^to take what was changed in the file"
check_eq "JSON says which" "$(gs conf diff -j | grep -o '"changed": "file"' | wc -l)" 2
check "the command for that" run_advice 'take what was changed'
check_eq "takes it" "$(gs show sessions/rings/active/ttl; gs show node/log_keys)" "$(printf '6m\nyes')"

check "the commands that put back what was changed at run time" run_advice 'take what the file says'
check_eq "leave only the class, which stays" "$(gs conf diff | sed '/^$/,$d')" "$(printf '%-24s %-14s %-20s %s' 'class sessions/robot' - - there)"
check_match "and say so" "$(gs conf diff)" '^1 of them cannot change while the daemon runs'

gs set sessions/rings/active/ttl 9m
check "the command that keeps what is live" run_advice 'keep'
check_status 0 "makes them equal" gs conf diff
kill_manager
gs_start() {
	start_manager "$tmp/gsession.conf"
}
gs_start
check_status 0 "also for the next daemon" gs conf diff
check_eq "with the setting" "$(gs show sessions/rings/active/ttl)" 9m

# Without a look beside the memory it is not known which of the two was changed.
gs set sessions/rings/active/ttl 8m
check_match "without the memory's directory the differences are told all the same" \
	"$(GSESSION_SHM_DIR=$tmp gs conf diff -j)" '"live": "8m".*"changed": "unknown"'

echo 'tttl = 5m' >> "$tmp/gsession.conf"
check_status 5 "a file with errors is no difference" gs conf diff
check_match "and its line is told" "$output" 'gsession.conf:[0-9]+: .*tttl'
stop_manager
check_status 3 "no daemon, no live settings" gs conf diff

: > "$tmp/defaults.conf"
check_status 2 "one argument too many" gs conf diff "$tmp/defaults.conf"
done_testing

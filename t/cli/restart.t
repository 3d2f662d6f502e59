#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: sessions and changed settings outlive kill -9 of the daemon; a reload applies what changed in the file.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance

stat_of() {
	gs stat -j "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}

cat > "$tmp/gsession.conf" <<'END'
[ring active]
ttl = 4m
END
start_manager "$tmp/gsession.conf"
for i in 1 2 3 4 5; do
	gs put "k$i" --owner "o$i" <<< "value $i"
done
gs mv k5 cold
gs set sessions/rings/active/ttl 7m
gs set sessions/rings/active/half_life 1m
gs set sessions/rings/warm/capacity 15000
gs set sessions/rings/cold/promote never
gs set sessions/rings/active/reserve 0
slots=$(($(gs show sessions/max_sessions) - 15000 - 32768 - 1024))
check "capacity may grow to what the index was made for" gs set sessions/rings/active/capacity "$slots"
check_status 2 "but not beyond" gs set sessions/rings/active/capacity "$((slots + 1))"
version=$(stat_of k3 version)

kill_manager
start_manager "$tmp/gsession.conf"
check_eq "every session is there" "$(gs ls | sort | tr '\n' ' ')" 'k1 k2 k3 k4 k5 '
check_eq "with its value" "$(gs get k3)" 'value 3'
check_eq "its owner" "$(stat_of k3 owner)" o3
check_eq "its version" "$(stat_of k3 version)" "$version"
check_eq "and its ring" "$(stat_of k5 ring)" cold
check_eq "a changed ttl is still in force" "$(gs show sessions/rings/active/ttl)" 7m
check_eq "a changed half_life too" "$(gs show sessions/rings/active/half_life)" 1m
check_eq "a changed capacity too" "$(gs show sessions/rings/warm/capacity)" 15000
check_eq "also the greatest" "$(gs show sessions/rings/active/capacity)" "$slots"
check_eq "and a changed reserve" "$(gs show sessions/rings/active/reserve)" 0
check_eq "a changed promote too" "$(gs show sessions/rings/cold/promote)" never
check_eq "what is in force is what show says: cold serves where it is" "$(gs get k5; stat_of k5 ring)" "$(printf 'value 5\ncold')"
check "the memory is sound" gs audit

sed -i 's/4m/6m/' "$tmp/gsession.conf"
check "reload" gs set ctl reload
check_eq "applies what changed in the file" "$(gs show sessions/rings/active/ttl)" 6m
check_eq "and nothing else" "$(gs show sessions/rings/active/half_life)" 1m
echo 'tttl = 5m' >> "$tmp/gsession.conf"
check_not "reload of a wrong file is refused" gs set ctl reload
check_match "with file, line and text" "$output" 'gsession.conf:3: .*tttl'
check_match "also in last_error" "$(gs show last_error)" 'gsession.conf:3: .*tttl'
check_eq "and changes nothing" "$(gs show sessions/rings/active/ttl)" 6m

sed -i '/tttl/d' "$tmp/gsession.conf"
printf '[ring warm]\ncapacity = 12000\n' >> "$tmp/gsession.conf"
check "a smaller capacity in the file is taken by a reload" gs set ctl reload
check_eq "and is in force" "$(gs show sessions/rings/warm/capacity)" 12000
sed -i 's/12000/90000/' "$tmp/gsession.conf"
check_not "one that the memory was not made for is refused" gs set ctl reload
check_match "and says what the memory has" "$(gs show last_error)" 'max_sessions 75520'
sed -i 's/90000/11000/' "$tmp/gsession.conf"
kill_manager
start_manager "$tmp/gsession.conf"
check_eq "a restart takes the file's new capacity" "$(gs show sessions/rings/warm/capacity)" 11000
check_eq "and keeps the sessions" "$(gs ls | wc -l)" 5
done_testing

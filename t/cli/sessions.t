#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every verb on a session does what gsession(1) says, and its exit status says how it went.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
start_manager

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

get_json() {
	gs get -j "$1" | json "$2"
}

put() {
	printf '%s' "$2" | gs put "$1" "${@:3}"
}

# put, get
check "put starts a session" put k hello
check_eq "get prints the value, not a byte more" "$(gs get k | od -An -c | tr -d ' ')" hello
check "put replaces a value" put k world
check_eq "get prints the new one" "$(gs get k)" world
check_status 1 "get of what is not there is no" gs get nobody
check_match "and says so" "$output" '^gsession: nobody: no such session$'
check "an empty value is a value" put empty ''
check_eq "and is got" "$(gs get empty | wc -c)" 0
head -c 8192 /dev/urandom > "$tmp/value"
check "a value of any bytes, as long as record_size, is stored" gs put binary < "$tmp/value"
gs get binary > "$tmp/got"
check "and comes back byte by byte" cmp "$tmp/value" "$tmp/got"

# what put is given
check "put takes ttl, owner and class" put who x --ttl 1h --owner alice --class authenticated
check_eq "stat has the ttl in ms" "$(gs stat -j who | json 'd["ttl_ms"]')" 3600000
check_eq "stat has the owner" "$(gs stat -j who | json 'd["owner"]')" alice
check_eq "stat has the class" "$(gs stat -j who | json 'd["class"]')" authenticated
check_match "stat for people has it too" "$(gs stat who)" '^owner +alice$'
check "a put without them keeps them" put who y
check_eq "the owner is still there" "$(gs stat -j who | json 'd["owner"]')" alice
version=$(gs stat -j who | json 'd["version"]')
check "put with the right version" put who z --if-version "$version"
check_status 4 "put with an old version is refused" put who never --if-version "$version"
check_eq "and the value stays" "$(gs get who)" z
check_eq "put --json says that a session started" "$(put fresh x -j | json 'd["started"]')" True
check_eq "put --json says that one was replaced" "$(put fresh x --json | json 'd["started"], d["size"]')" "(False, 1)"
check "options before the key are as good" gs put --owner bob early < /dev/null
check_eq "they were taken" "$(gs stat -j early | json 'd["owner"]')" bob

# add
check "add starts a session" gs add a <<< one
check_status 4 "add of what is there is refused" gs add a <<< two
check_eq "and changes nothing" "$(gs get a)" one

# touch, stat, del
before=$(gs stat -j a | json 'd["touched"]')
later() {
	gs touch a && [ "$(gs stat -j a | json 'd["touched"]')" -gt "$before" ]
}
check "touch renews the times" poll_until 5 later
check_eq "touch --ttl gives a ttl" "$(gs touch a --ttl 90s; gs stat -j a | json 'd["ttl_ms"]')" 90000
check_status 1 "touch of what is not there is no" gs touch nobody
check_status 1 "stat of what is not there is no" gs stat nobody
hits=$(get_json a 'd["hits"]')
gs stat a > "$tmp/out"
check_eq "stat is no access, get is" "$(get_json a 'd["hits"]')" "$((hits + 1))"
check_eq "get --json has the value" "$(get_json a 'd["value"]')" "$(printf 'one\n')"
version=$(gs stat -j a | json 'd["version"]')
gs put a <<< three
check_status 4 "del with an old version is refused" gs del a --if-version "$version"
check "del ends a session" gs del a
check_status 1 "it is gone" gs get a
check_status 1 "del of what is not there is no" gs del a

# new
id=$(gs new)
check_match "new prints 32 url-safe characters" "$id" '^[A-Za-z0-9_-]{32}$'
check_eq "two are different" "$([ "$id" != "$(gs new)" ] && echo yes)" yes
check_status 1 "new starts nothing" gs get "$id"
check_eq "new --json has a key" "$(gs new -j | json 'len(d["key"])')" 32

# mv, ls
check "mv moves outwards" gs mv who cold
check_eq "stat says where it is" "$(gs stat -j who | json 'd["ring"]')" cold
check_eq "ls of a ring prints its keys" "$(gs ls cold)" who
check "get brings it back" gs get who
check_eq "and it is in the innermost ring" "$(gs stat -j who | json 'd["ring"]')" active
check_eq "ls of the ring is empty then" "$(gs ls cold)" ''
check_status 1 "mv of what is not there is no" gs mv nobody cold
check_status 2 "mv to no ring is misuse" gs mv who nowhere
check_match "and says which rings there are" "$output" 'active, warm, cold, suspect'
check_status 2 "ls of no ring is misuse" gs ls nowhere
check_eq "ls --owner finds whose it is" "$(gs ls --owner alice)" who
check_eq "ls --limit stops" "$(gs ls --limit 2 | wc -l)" 2
check_eq "ls --limit 0 prints nothing" "$(gs ls --limit 0)" ''
check_eq "ls --idle of an hour finds nobody" "$(gs ls --idle '>1h')" ''
check_eq "ls --idle below an hour finds all" "$(gs ls --idle '<1h' | sort)" "$(gs ls | sort)"
check_eq "ls --json is an array of sessions" "$(gs ls -j | json 'sorted(i["key"] for i in d)')" \
    "$(gs ls | python3 -c 'import sys; print(sorted(sys.stdin.read().split()))')"
check_match "ls --long has ring, size and owner" "$(gs ls -l --owner alice)" '^who +active .* 1 alice$'

check_status 2 "logout without an owner is misuse" gs logout
check_status 2 "logout of nobody is misuse" gs logout --owner ''
check "a session of another ring" gs put far --owner alice < /dev/null
check "is moved there" gs mv far cold
check "and one is a suspect" eval 'gs put bad --owner alice < /dev/null && gs mv bad suspect'
check_eq "logout ends all of the owner and says how many" "$(gs logout --owner alice)" 3
check_eq "none is there" "$(gs ls --owner alice)" ''
check_status 1 "nor is it found by its key" gs get who
check_eq "others are" "$(gs ls --owner bob)" early
check_eq "logout of who has none ends none" "$(gs logout --owner alice --json | json 'd["ended"]')" 0
check_status 1 "its key is refused, whoever is late" gs put who --owner alice
check "the owner may come back" eval 'gs put again --owner alice < /dev/null'
check_eq "with a session of its own" "$(gs ls --owner alice)" again
check_eq "the counter says three" "$(gs show stats | sed -n 's/^logged_out //p')" 3

check "a session is parked" gs park again --ttl 2h
check_eq "in the outermost ring" "$(gs stat -j again | json 'd["ring"]')" cold
check_match "stat says that it is" "$(gs stat again)" '^parked +yes'
check "resume brings it back" gs resume again
check_eq "to the innermost ring" "$(gs stat -j again | json 'd["ring"]')" active
check_eq "as it was" "$(gs stat again | grep -c '^parked')" 0
check "a suspect" gs mv again suspect
check_status 4 "cannot be parked" gs park again
check_status 1 "nor can nobody" gs park nobody
check "max_per_owner is set" gs set sessions/max_per_owner 3
for i in 1 2 3; do gs put "crowd$i" --owner carol < /dev/null; done
check_eq "an owner has as many as that" "$(gs ls --owner carol | wc -l)" 3
gs touch crowd1
check "one more is started" eval 'gs put crowd4 --owner carol < /dev/null'
check_eq "the one that was asked for longest ago has ended" "$(gs ls --owner carol | sort | tr '\n' ' ')" 'crowd1 crowd3 crowd4 '
check_eq "which is counted" "$(gs show stats | sed -n 's/^displaced //p')" 1
check "and is no rule any more" gs set sessions/max_per_owner 0

# many
for i in $(seq 200); do echo "many$i"; done > "$tmp/keys"
while read -r key; do
	gs put "$key" < /dev/null
done < "$tmp/keys"
check_eq "ls lists more than one page, each once" "$(gs ls active | grep -c '^many')" 200
check_eq "and no key twice" "$(gs ls | sort | uniq -d)" ''

done_testing

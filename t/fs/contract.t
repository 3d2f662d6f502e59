#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: each system call of the programs that keep sessions in files has the result that they need.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
contract=$buildtop/t/fs/contract
requires "t/fs/contract is not built" test -x "$contract"
new_instance
# Programs of another user, each session faster than its quota.
printf '[daemon]\ngroup = nogroup\n[quota]\nrate = 10000/s\n' > "$tmp/conf"
start_manager "$tmp/conf"
start_mount "$tmp/mnt"
chmod 0755 "$tmp"
active=$tmp/mnt/sessions/active
uid=65534
gid=$(getent group nogroup | cut -d: -f3)

as_user() {
	setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"
}
put_count() {
	awk '/^(started|updated) / { n += $2 } END { print n }' "$tmp/mnt/control/sessions/stats"
}
leaves_nothing() {
	check_eq "$1 leaves nothing" "$(ls -A "$active"; sed -n 's/^staged.files //p' "$tmp/mnt/control/node/mount")" 0
}

# Each client, and how many puts it makes: those that write in place one for the start and one for each write, those that
# write another file and rename it one for each of 201 saves, and Django another for its placeholder.
while read -r client puts; do
	before=$(put_count)
	check "$client" "$contract" "$active" "$client"
	check_eq "$client makes $puts puts" $(($(put_count) - before)) "$puts"
	leaves_nothing "$client"
done <<-'EOF'
	php 202
	django 202
	express 201
	cachelib 202
	cgi 202
	gorilla 202
	tomcat 201
	rails 201
	rsync 1
	cp 4
	tar 4
EOF
for client in shell locks times refused names sizes; do
	check "$client" "$contract" "$active" "$client"
	leaves_nothing "$client"
done
for client in django express cachelib cgi gorilla tomcat rails rsync cp tar shell locks times refused names sizes; do
	check "$client, by another user" as_user "$contract" "$active" "$client"
done
leaves_nothing "another user"

# ---- what happens to a session meanwhile ----

for ring in warm cold; do
	for client in php django express cachelib cgi gorilla tomcat; do
		check "$client finds a session that has moved to $ring" "$contract" "$active" "$client" "'$GSESSION' -i '$INSTANCE' mv \"\$1\" $ring > /dev/null"
	done
done
leaves_nothing "who finds them"

# ---- a session that ended while the kernel knew its name, and another of that name ----

start_mount "$tmp/late" -o attr_ms=60000
late=$tmp/late/sessions/active
for call in 'cat "$1"' 'stat -c %s "$1"' 'printf 3 >> "$1"; cat "$1"' 'chmod 600 "$1"; stat -c %s "$1"'; do
	gs put reused <<< 1 > /dev/null
	(eval "cat '$late/reused'") > /dev/null
	gs del reused > /dev/null
	gs put reused <<< 2 > /dev/null
	check "is not the kernel's business: $call" sh -c "$call" - "$late/reused"
done
gs del reused > /dev/null
stop_mount "$tmp/late"

# ---- who asks too fast ----

stop_mount "$tmp/mnt"
stop_manager
new_instance "q$$"
printf '[quota]\nrate = 1/h\nburst = 2\naction = quarantine\nhold = 1h\nrelease = 1h\n' > "$tmp/conf"
start_manager "$tmp/conf"
start_mount "$tmp/mnt"
printf old > "$active/k"
is_suspect() {
	cat "$active/k" > /dev/null 2>&1
	gs stat k | grep -Eq '^ring +suspect'
}
check "a session becomes a suspect" poll_until 10 is_suspect
printf new > "$active/k.tmp"
check_not "a file is not renamed onto it" mv "$active/k.tmp" "$active/k"
check_match "with EDQUOT" "$output" 'Disk quota exceeded'
check_eq "which stays, and the session too" "$(cat "$active/k.tmp" "$tmp/mnt/sessions/suspect/k")" newold
check_not "nor is it written" sh -c "printf new > '$active/k'"
check_match "with EDQUOT" "$output" 'Disk quota exceeded'
check_eq "it has its value" "$(cat "$tmp/mnt/sessions/suspect/k")" old
done_testing

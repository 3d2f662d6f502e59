#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: files of counts say at the mount, byte for byte, what the daemon says when it is asked, and need no daemon that answers.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"

new_instance
mkdir -p "$tmp/disk"
cat > "$tmp/gsession.conf" <<-END
	[table sessions]
	slot_sizes = 320 704 2K
	[ring sessions/cold]
	store = file:$tmp/disk
	[ring sessions/warm]
	reserve = 70
	[table tokens]
	record_size = 100
	[namespace sessions/app]
	[namespace sessions/other]
END
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
control=$tmp/mnt/control
rings=$control/sessions/rings

# What of it goes on by itself is left to its name.
still() {
	sed -E 's/^(gsession_)?(sweeps(_total)?) .*/\2/'
}
# Is FILE at the mount as the daemon says, while what that says does not change?
same() {
	local before here after
	while :; do
		before=$(gs show "$1" | still; echo .)
		here=$(still < "$control/$1"; echo .)
		after=$(gs show "$1" | still; echo .)
		[ "$before" != "$after" ] || break
	done
	[ "$here" = "$after" ] || { diff <(echo "$here") <(echo "$after"); return 1; }
}
files_of_counts() {
	(cd "$control" && find . -name stats -o -name count -o -name metrics) | sed 's|^\./||' | sort
}
same_everywhere() {	# WHEN
	local file
	for file in $(files_of_counts); do
		check "$1: $file is as the daemon says" same "$file"
	done
}

check_eq "there are files of each kind" "$(files_of_counts | sed -E 's/tokens|sessions/T/; s,rings/[a-z]*/,rings/R/,; s,namespaces/[a-z]*/,namespaces/N/,' | sort -u | xargs)" \
	'T/namespaces/N/count T/rings/R/count T/rings/R/stats T/stats metrics stats'

# Sessions of all sizes, in each ring and namespace; what is refused, misses.
for i in {1..80}; do
	head -c $((i * 50)) /dev/zero | tr '\0' x > "$tmp/mnt/sessions/active/k$i"
	echo "token $i" > "$tmp/mnt/tokens/active/t$i"
done
for i in {1..30}; do
	mv "$tmp/mnt/sessions/active/k$i" "$tmp/mnt/sessions/warm/"
done
for i in {31..60}; do
	mv "$tmp/mnt/sessions/active/k$i" "$tmp/mnt/sessions/cold/"
done
for i in {31..40}; do
	rm "$tmp/mnt/sessions/cold/k$i"
done
echo one > "$tmp/mnt/sessions/active/app/a"
gs -n app put b <<< two
gs get k1 >/dev/null
gs get nobody 2>/dev/null
head -c 9000 /dev/zero | gs put large 2>/dev/null
mkdir "$rings/spare" "$rings/going"
echo 123 > "$rings/spare/capacity"
echo 45 > "$rings/spare/reserve"
same_everywhere "with sessions in them"
check_match "a ring that is off says what it was given" "$(cat "$rings/spare/stats")" $'capacity 123\nreserve 45\n'
check_match "a ring on a disk has lines of its own" "$(cat "$rings/cold/stats")" $'\nwaiting [0-9]+\nsyncs [0-9]+$'
check_match "slots have their sizes" "$(cat "$rings/active/stats")" $'\nslots_320 [0-9]+\n'
check_eq "a namespace has its number" "$(cat "$control/sessions/namespaces/app/count")" 2
check_match "who is attached is counted" "$(cat "$control/stats")" $'\nclients 1\n'
"$client" login "$INSTANCE" somebody &
login=$!
cleanup_fn end_process "$login"
check "and who comes" poll_until 5 grep -qx 'clients 2' "$control/stats"
kill -KILL "$login"
wait "$login" 2>/dev/null
check "one that died is counted as such" poll_until 5 grep -qx 'clients_recovered 1' "$control/stats"
check_match "and no more as attached" "$(cat "$control/stats")" $'\nclients 1\n'
check "as the daemon says" same stats

# ---- rings that come and go ----
exec 5< "$rings/going/stats" 6< "$rings/going/count"
check_match "an open file of a ring that is there is read" "$(cat <&5)" '^count 0'
check "the ring is removed" rmdir "$rings/going"
exec 7< <(python3 -c 'import os; print(os.pread(6, 100, 0))' 6<&6 2>&1)
check_match "then it is no more, be it open" "$(cat <&7)" 'No such file'
check_not "nor by its name" cat "$rings/going/count"
mkdir "$rings/going"
check_eq "made again it is there at once" "$(cat "$rings/going/count")" 0
check "and as the daemon says" same sessions/rings/going/stats
echo on > "$rings/spare/state"
mv "$tmp/mnt/sessions/warm/k5" "$tmp/mnt/sessions/spare/" 2>/dev/null || mv "$tmp/mnt/sessions/active/k70" "$tmp/mnt/sessions/spare/"
check_eq "one that was switched on counts its sessions" "$(cat "$rings/spare/count")" "$(gs show sessions/rings/spare/count)"
check "and all of it is as the daemon says" same metrics

# ---- a daemon that does not answer, and none ----
# Their names are asked for at the daemon, so they are opened before.
last=$(cat "$rings/active/stats")
exec 5< "$rings/active/stats" 6< "$control/sessions/stats" 7< "$control/metrics" 8< "$control/stats" 9< "$control/uptime"
cleanup_fn kill -CONT "$MANAGER_PID"
kill -STOP "$MANAGER_PID"
check_eq "while the daemon is stopped counts are read" "$(timeout 1 cat <&5)" "$last"
check_match "those of a table" "$(timeout 1 cat <&6)" '^gets [0-9]'
check_match "all of them" "$(timeout 1 cat <&7)" '# EOF$'
check_match "and the daemon's own" "$(timeout 1 cat <&8)" $'\nclients 1\n'
check_not "what only it knows is not" cat <&9
check_match "in time" "$output" 'timed out'
kill -CONT "$MANAGER_PID"
poll_until 5 cat "$control/uptime"

exec 5< "$rings/active/stats"
kill_manager
check_not "without a daemon there are no counts" cat <&5
check_match "as it is down" "$output" 'Host is down'
start_manager "$tmp/gsession.conf"
check "with the next there are" poll_until 5 cat "$rings/active/stats"
same_everywhere "with another daemon"

exec 5<&- 6<&- 7<&- 8<&- 9<&-
done_testing

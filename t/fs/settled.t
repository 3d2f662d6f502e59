#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a setting is read without the daemon as long as nothing has changed, and nothing else than what is in force is ever read.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

times=500
[ -z "${GS_QUICK-}" ] || times=100

new_instance
write_conf() {
	printf '[table sessions]\nmax_per_owner = %s\n' "$1" > "$tmp/conf"
}
write_conf 1000
start_manager "$tmp/conf"
chmod 755 "$tmp"
start_mount "$tmp/mnt"
start_mount "$tmp/other"
control=$tmp/mnt/control
# Through these only the last name of a path is looked up, and none.
exec 7<"$control/sessions/rings/active" 8<"$control/node/mount"
active=/proc/self/fd/7
of_mount=/proc/self/fd/8
counted=$control/sessions/max_per_owner

# ---- without the daemon ----
lookups() {
	sed -n 's/^requests.lookup //p' "$of_mount"
}
is_asked_for_again() {
	stat "$active/ttl" >/dev/null || echo failed >> "$tmp/failed"
	[ "$(lookups)" -gt "$before" ]
}
check_eq "a setting is read" "$(cat "$active/ttl" "$active/ttl" "$active/ttl" | sort -u)" 5m
check "and its attributes" stat --cached=never "$active/ttl"
cleanup_fn kill -CONT "$MANAGER_PID"
kill -STOP "$MANAGER_PID"
check_eq "while the daemon is stopped it is read" "$(for _ in {1..20}; do cat "$active/ttl"; done | sort | uniq -c | tr -s ' ')" " 20 5m"
check "and its attributes" stat --cached=never "$active/ttl"
before=$(lookups)
: > "$tmp/failed"
check "and its name is looked up anew" poll_until 5 is_asked_for_again
check_eq "each time with an answer" "$(cat "$tmp/failed")" ""
check_not "who may not read it may not now" setpriv --reuid 1666 --regid 1666 --clear-groups cat "$active/ttl"
check_match "because of its mode" "$output" 'Permission denied'
check_not "of what nobody has asked for before nothing is known" cat "$active/half_life"
check_match "as the daemon does not answer" "$output" 'timed out'
kill -CONT "$MANAGER_PID"
check "when it goes on, it is read" poll_until 5 cat "$active/half_life"

# ---- changes ----
is_seen=yes
for ((i = 1; i <= 20; i++)); do
	gs set sessions/max_per_owner "$i" >/dev/null
	[ "$(cat "$counted")" = "$i" ] || is_seen="no: $i by gsession set"
	echo "$((i + 100))" > "$counted"
	[ "$(cat "$counted")" = "$((i + 100))" ] || is_seen="no: $i by the mount"
	echo "$((i + 200))" > "$tmp/other/control/sessions/max_per_owner"
	[ "$(cat "$counted" "$counted" | sort -u)" = "$((i + 200))" ] || is_seen="no: $i by another mount"
done
check_eq "what was written is read next" "$is_seen" yes
check_eq "by whoever reads while another writes" \
	"$(python3 "$srctop/t/fs/settled.py" "$counted" sessions/max_per_owner "$GSESSION" "$INSTANCE" "$times" 2>&1)" "$times seen"

reloads() {
	gs show events | grep -c ' reloaded '
}
is_reloaded() {
	[ "$(reloads)" -gt "$before" ]
}
is_seen=yes
for i in {1..5}; do
	before=$(reloads)
	write_conf "$((2000 + i))"
	cat "$counted" >/dev/null
	kill -HUP "$MANAGER_PID"
	poll_until 5 is_reloaded
	[ "$(cat "$counted")" = "$((2000 + i))" ] || is_seen="no: $i"
done
check_eq "what a reload has changed is read next" "$is_seen" yes

rings=$tmp/other/control/sessions/rings
state=$control/sessions/rings/deep/state
is_seen=yes
for i in {1..5}; do
	mkdir "$rings/deep"
	[ "$(cat "$state" "$state" | sort -u)" = off ] || is_seen="no: made $i"
	exec 9<"$state"
	rmdir "$rings/deep"
	! cat <&9 2>/dev/null >&2 || is_seen="no: removed $i"
done
exec 9<&-
check_eq "of a ring that was removed nothing is read, and what was made is" "$is_seen" yes

mkdir "$rings/deep"
echo on > "$rings/deep/state"
check_eq "a ring is on" "$(cat "$state" "$state" | sort -u)" on
printf x > "$tmp/mnt/sessions/deep/k"
echo draining > "$rings/deep/state"
check_match "when it drains, that is read" "$(cat "$state")" '^(draining [01]|off)$'
is_drained() {
	cat "$state" >/dev/null
	gs show events | grep -q ' drained '
}
check "when it is empty that is told" poll_until 10 is_drained
check_eq "and that it is off is read next" "$(cat "$state")" off

# ---- other daemons ----
is_seen=yes
for i in {1..3}; do
	cat "$counted" "$active/ttl" >/dev/null
	kill_manager
	! cat "$counted" 2>"$tmp/err" >&2 || is_seen="no: a dead daemon answers"
	grep -q 'Host is down' "$tmp/err" || is_seen="no: $(cat "$tmp/err")"
	! stat --cached=never "$active/ttl" >/dev/null 2>&1 || is_seen="no: of a dead daemon attributes are known"
	write_conf "$((3000 + i))"
	start_manager "$tmp/conf"
	[ "$(cat "$counted" "$counted" | sort -u)" = "$((3000 + i))" ] || is_seen="no: $i"
done
check_eq "a dead daemon answers nothing, and what the next one has is read" "$is_seen" yes

kill_manager
"$GSESSIOND" -i "$INSTANCE" --purge >/dev/null 2>&1
start_manager "$tmp/conf"
is_seen=yes
for i in {1..10}; do
	gs set sessions/max_per_owner "$i" >/dev/null
	[ "$(cat "$counted" "$counted" | sort -u)" = "$i" ] || is_seen="no: $i"
done
check_eq "with memory that was made anew behind the mount, too" "$is_seen" yes
exec 7<&- 8<&-

done_testing

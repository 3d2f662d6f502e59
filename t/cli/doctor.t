#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: doctor finds nothing wrong with a healthy store, names each planted fault, and the command it prints mends it.
. "${0%/*}/../lib/functions.sh"
requires_root
requires "unshare cannot make a mount namespace here" unshare -m true
requires "python3 is not installed" python3 -c ''
new_instance
. "${0%/*}/../lib/doctor.sh"

# ---- a healthy store ----
start_manager
check "nothing is wrong with a healthy store" poll_until 10 is_healthy
check_match "and that is said" "$(cat "$tmp/found")" '^nothing found'
check_eq "as JSON too" "$(alone "gsession -i $INSTANCE doctor -j" | grep -o '"findings": \[\]')" '"findings": []'
# All waiting is bounded by how often it asks, and that no answer is waited for twice.
check_match "it asks little" "$(alone "gsession -i $INSTANCE doctor -j")" '"requests": [0-9]{1,3}, "unanswered": 0\}'

# ---- the daemon ----
kill -STOP "$MANAGER_PID"
finds daemon_stopped "pid $MANAGER_PID"
check_match "of a daemon that does not answer one answer is waited for" "$(alone "gsession -i $INSTANCE doctor -j")" '"requests": 1, "unanswered": 1\}'
mends daemon_stopped

echo 1 > "$GSESSION_RUN_DIR/$INSTANCE.pid"
finds pid_file "says 1, and the daemon is $MANAGER_PID"
mends pid_file

n=$(ls "/proc/$MANAGER_PID/fd" | wc -l)
prlimit --pid "$MANAGER_PID" --nofile="$((n + 3)):"
finds descriptors_low "of $((n + 3)) descriptors"
mends descriptors_low

check "a session is put" gs put kept <<< value

chown 54321 "$GSESSION_RUN_DIR"
finds run_dir_foreign 'user 54321'
mends run_dir_foreign
check_eq "it is the daemon's again" "$(stat -c %u "$GSESSION_RUN_DIR")" 0

# As if the clock had been two hours behind when the daemon made its socket; and then, ahead.
touch -d '3 hours' "$GSESSION_RUN_DIR/$INSTANCE.sock"
finds clock_jumped 'was set back by .* would come back that much younger'
touch -d '2 hours ago' "$GSESSION_RUN_DIR/$INSTANCE.sock"
finds clock_jumped 'was set forward by .* would come back that much older'
mends clock_jumped
adopt_manager
rm -f "/var/tmp/gsession-$INSTANCE.snapshot"
check_eq "no session is lost by that" "$(gs get kept)" value
rm "$GSESSION_RUN_DIR/$INSTANCE.sock"
finds socket_gone "pid $MANAGER_PID"
mends socket_gone
adopt_manager
check_eq "the session is still there" "$(gs get kept)" value

kill_manager
finds daemon_dead "instance $INSTANCE"
mends daemon_dead
adopt_manager
check_eq "and still" "$(gs get kept)" value

# As a daemon of another version has made it, which runs, and then does not.
of_version() {
	printf "\\$1" | dd of="$GSESSION_SHM_DIR/$INSTANCE/sessions.ctl" bs=1 seek=8 conv=notrunc status=none
}
of_version 003
finds memory_version 'table sessions is of version 3, and this gsession is for version 4'
mends memory_version
adopt_manager
rm -f "/var/tmp/gsession-$INSTANCE.snapshot"
check_eq "what the one that runs can say of sessions is kept" "$(gs get kept)" value
kill_manager
of_version 011
finds memory_version 'is of version 9'
check_not "such memory is not served" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/defaults.conf" --detach
mends memory_version
adopt_manager
check_eq "where none runs it is given up" "$(gs ls)" ''
check "a session is put again" gs put kept <<< value

export GSESSION_STATE_DIR=$tmp/state
mkdir "$GSESSION_STATE_DIR"
stop_manager
start_manager
gs put kept <<< value
gs set ctl 'snapshot fine'
has_snapshot() {
	test -f "$GSESSION_STATE_DIR/$INSTANCE/snapshots/$1"
}
check "there is a snapshot" poll_until 10 has_snapshot fine
check "which is nothing to tell of" has_not snapshot_version
cp "$GSESSION_STATE_DIR/$INSTANCE/snapshots/fine" "$GSESSION_STATE_DIR/$INSTANCE/snapshots/old$$"
printf '\002' | dd of="$GSESSION_STATE_DIR/$INSTANCE/snapshots/old$$" bs=1 seek=32 conv=notrunc status=none
finds snapshot_version 'of version 2, and this gsession reads versions 3 to 5'
cleanup_fn rm -f "/var/tmp/old$$"
mends snapshot_version
check "the other one is left" has_snapshot fine

mkdir "$tmp/prog"
cp "$GSESSIOND" "$tmp/prog/gsessiond"
stop_manager
"$tmp/prog/gsessiond" -i "$INSTANCE" -c "$tmp/defaults.conf" --detach 2>/dev/null
adopt_manager
cp "$GSESSIOND" "$tmp/prog/new" && mv "$tmp/prog/new" "$tmp/prog/gsessiond"
finds daemon_replaced "pid $MANAGER_PID"
mends daemon_replaced
adopt_manager

rm "$GSESSION_SHM_DIR/$INSTANCE"/*
finds memory_gone
mends memory_gone
adopt_manager
check_eq "no session is lost by that" "$(gs get kept)" value

python3 - "$GSESSION_RUN_DIR/silent.sock" <<'END' &
import signal, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen(64)
signal.pause()
END
silent=$!
cleanup_fn end_process "$silent"
whole=$INSTANCE
check "there is somebody who does not answer" poll_until 5 test -S "$GSESSION_RUN_DIR/silent.sock"
INSTANCE=silent
finds daemon_silent "pid $silent"
mends daemon_silent
INSTANCE=silent adopt_manager
stop_manager
INSTANCE=$whole
finds memory_left 'instance silent'
mends memory_left
MANAGER_PID=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")

printf '[daemon]\ngroup = nogroup\n' > "$tmp/group.conf"
renew "$tmp/group.conf"
chgrp root "$GSESSION_RUN_DIR/$INSTANCE.sock"
finds socket_rights 'group nogroup'
mends socket_rights
chmod 700 "$GSESSION_RUN_DIR"
finds run_dir_closed 'group nogroup'
mends run_dir_closed
renew

# ---- the configuration ----
cat > "$tmp/g.conf" <<< ''
renew "$tmp/g.conf"
gs set sessions/rings/active/ttl 7m
finds conf_changed '^1 of the settings'
mends conf_changed
sed -i 's/^ttl = 7m/ttl = 6m/' "$tmp/g.conf"
finds conf_unread '^1 of the settings'
mends conf_unread
gs put kept <<< value
sed -i 's/^key_max = .*/key_max = 100/' "$tmp/g.conf"
finds conf_fixed '^1 of the settings'
mends conf_fixed
adopt_manager
check_eq "no session is lost by that either" "$(gs get kept)" value
echo 'no line' >> "$tmp/g.conf"
finds conf_wrong 'g.conf:[0-9]+: .*no line'
check_match "the command says the same" "$(bash -c "$(mend_of conf_wrong)" 2>&1)" 'g.conf:[0-9]+: .*no line'

# ---- values and rings ----
cat > "$tmp/g.conf" <<'END'
[ring active]
capacity = 20
reserve = 4
[ring warm]
capacity = 20
[ring cold]
capacity = 20
on_full = refuse
[ring suspect]
capacity = 10
[table sessions]
record_size = 1K
max_sessions = 1000
END
renew "$tmp/g.conf"
gs put kept <<< value
head -c 1000 /dev/zero | gs put near
finds value_near_limit 'of 1000 bytes'
head -c 2000 /dev/zero | gs put big 2> /dev/null
finds value_too_long 'the longest had 2000 bytes'
mends value_too_long
adopt_manager
check "what was too long is not any more" gs put big < <(head -c 2000 /dev/zero)
check_eq "and the others are still there" "$(gs get kept)" value
check "a sound store again" poll_until 10 is_healthy

# Puts sessions OF ... into a ring.
fill() {
	local ring=$1 i
	shift
	for i; do
		gs put "$ring$i" <<< v
		[ "$ring" = active ] || gs mv "$ring$i" "$ring"
	done
}
fill cold {1..18}
finds ring_filling 'ring cold has 18 of 20'
fill cold 19 20
finds ring_refuses 'ring cold is full \(20 of 20\)'
mends ring_refuses
check "now there is no finding of it at all" poll_until 10 has_not ring_filling
fill suspect {1..9}
finds suspects_full '9 of 10'
mends suspects_full
gs set sessions/rings/cold/capacity 20
fill warm {1..20}
fill active {1..22}
finds reserve_used 'ring active has 2[0-9] sessions, more than its capacity of 20'
mends reserve_used

# ---- suspects ----
renew
gs set sessions/quota/burst 3
gs set sessions/quota/rate 1/h
gs put fast <<< v
for i in {1..8}; do
	gs get fast > /dev/null
done
finds quota_reports '^1 sessions of table sessions'
mends quota_reports
gs set sessions/quota/expel_after 1
gs set sessions/quota/hold 1h
for i in {1..8}; do
	gs get fast > /dev/null 2>&1
done
finds reaper_missing '^1 suspects'
mends reaper_missing

# ---- damage ----
renew
key=damaged-$RANDOM$RANDOM$RANDOM
gs put "$key" <<< value
# Behind a header of 192 bytes lies the key; at 40 of that is the length of the value.
file=$GSESSION_SHM_DIR/$INSTANCE/sessions.0.0
at=$(grep -abo "$key" "$file" | head -n 1 | cut -d: -f1)
printf '\377\377' | dd of="$file" bs=1 seek=$((at - 192 + 40)) conv=notrunc status=none
gs get "$key" > /dev/null 2>&1
finds damage '^1 damaged'
check_match "the command shows where" "$(bash -c "$(mend_of damage)" 2>&1)" 'lengths'

# ---- another user ----
cp "$GSESSION" "$buildtop"/src/.libs/libgsession.so* "$buildtop/tools/.libs/gsession" "$tmp/prog" 2>/dev/null
chmod a+rx "$tmp" "$tmp/prog" "$tmp"/prog/*
stranger="setpriv --reuid 54321 --regid 54321 --clear-groups env LD_LIBRARY_PATH=$tmp/prog $tmp/prog/gsession"
if $stranger --version > /dev/null 2>&1; then
	check_status 1 "a stranger finds that he may not ask" $stranger -i "$INSTANCE" doctor
	check_match "and who may" "$output" '^no_access: this user may not ask the daemon'
else
	skip "a stranger finds that he may not ask" "this machine lets nobody run programs of this directory"
	skip "and who may" "this machine lets nobody run programs of this directory"
fi

# ---- what takes too long ----
if command -v strace > /dev/null; then
	check_match "what does not fit into the time is left out, and that is said" \
		"$(strace -f -o /dev/null -e trace=openat -e inject=openat:delay_enter=20000 gsession -i "$INSTANCE" doctor)" '^unfinished: .* more than [0-9]+ ms'
else
	skip "what does not fit into the time is left out, and that is said" "strace is not installed"
fi
check_status 2 "an instance of no name" gsession -i '../x' doctor
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whatever is written to whichever control file, by processes at once, it is done as a whole or not at all, as the types and bounds of the settings say.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

# GS_SEED tries a finding again; GS_CONTROL_WRITES=1000000 writes a million times.
writes=40000
[ -z "${GS_QUICK-}" ] || writes=5000
writes=${GS_CONTROL_WRITES:-$writes}
seed=${GS_SEED:-$((RANDOM * 32768 + RANDOM))}
diag "GS_SEED=$seed, $writes writes"
tables='sessions one two three four'

new_instance
export GSESSION_STATE_DIR=$tmp/state
for table in $tables; do
	printf '[table %s]\nrecord_size = 1K\nmax_sessions = 1200\n' "$table"
	for ring in active warm cold suspect; do
		printf '[ring %s/%s]\ncapacity = 200\nreserve = 20\nstore = shm\n' "$table" "$ring"
	done
done > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
start_kept_mount "$tmp/mnt"
control=$tmp/mnt/control
random() {
	local what=$1
	shift
	python3 "$srctop/t/fs/control_random.py" "$what" "$control" "$srctop" "$@" "$tmp/model"
}

# Rings, classes, namespaces and sessions, so that each shape of a directory is there more than once.
furnish() {
	local table i
	for table in $tables; do
		mkdir "$control/$table/rings/spare" "$control/$table/rings/made" "$control/$table/classes/staff" \
			"$tmp/mnt/$table/active/app" "$tmp/mnt/$table/active/shop" || return
		for ((i = 0; i < 30; i++)); do
			echo "$i" > "$tmp/mnt/$table/active/s$i" || return
		done
	done
}
check "there are tables, rings, classes, namespaces and sessions" furnish
daemon=$MANAGER_PID server=$MOUNT_PID
check "each of $writes writes is done or refused as the model says, and each value is the model's" random write "$seed" "$writes"
diag "$output"
check_match "which was done by a process for each table" "$output" '^5 processes, [0-9]{3,} files$'
check "the daemon is the same" kill -0 "$daemon"
check "the mount is the same" kill -0 "$server"
check "the store is in order" gs audit

served_anew() {
	find_mount_pid "$tmp/mnt" && [ "$MOUNT_PID" != "$server" ] && [ -r "$control/version" ]
}
kill_manager
kill -KILL "$server"
start_manager "$tmp/gsession.conf"
check "after a kill of both there is a mount again" poll_until 10 served_anew
check "and each value is as it was" random compare
check "and the store is in order" gs audit

done_testing

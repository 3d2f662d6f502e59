#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a read of a random session through the mount, over the same read of a FUSE file system that stores nothing
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

sessions=5000
batches=160
[ -z "${GS_QUICK-}" ] || batches=40

new_instance
start_manager
start_mount "$tmp/mnt"

mkdir "$tmp/null"
"$buildtop/t/bench/nullfs" 512 "$tmp/null" &
null_pid=$!
cleanup_fn end_process "$null_pid"
cleanup_fn umount -l "$tmp/null"
poll_until 10 is_mounted "$tmp/null" || exit 1

value=$(printf 'x%.0s' {1..512})
for ((i = 0; i < sessions; i++)); do
	printf %s "$value" > "$tmp/mnt/sessions/active/k$i"
done
"$buildtop/t/bench/mount_read" -b "$batches" -r 500 "$sessions" "$tmp/mnt/sessions/active" "$tmp/null/sessions/active"

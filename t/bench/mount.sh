#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: reading, creating, ending and listing sessions through the mount, over a FUSE file system that stores nothing
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

sessions=5000
batches=160
[ -z "${GS_QUICK-}" ] || batches=40

# measure OPERATION CLIENTS BATCHES TIMES
measure() {
	"$buildtop/t/bench/mount_ops" -c "$2" -b "$3" -n "$4" "$1" "$sessions" "$tmp/mnt/sessions/active" "$tmp/null/sessions/active"
}

# On one processor: waking another one takes longer than all that is compared, and not always equally long.
taskset -p -c "$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')" $$ >/dev/null

new_instance
start_manager
start_mount "$tmp/mnt"

start_nullfs "$tmp/null" "$sessions"

value=$(printf 'x%.0s' {1..512})
for ((i = 0; i < sessions; i++)); do
	printf %s "$value" > "$tmp/mnt/sessions/active/k$i"
done
for clients in 1 4; do
	measure read "$clients" "$batches" $((500 / clients))
	measure stat "$clients" "$batches" $((500 / clients))
	measure create "$clients" "$batches" $((500 / clients))
	measure save "$clients" "$batches" $((500 / clients))
	measure delete "$clients" "$batches" $((500 / clients))
	measure list "$clients" "$batches" 4
done

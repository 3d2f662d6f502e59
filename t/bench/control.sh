#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: reading a control file through the mount, over a file of as many bytes in a FUSE file system that stores nothing (accept 1.2)
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

batches=160
[ -z "${GS_QUICK-}" ] || batches=40

# On one processor, as in mount.sh.
taskset -p -c "$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')" $$ >/dev/null

new_instance
start_manager
start_mount "$tmp/mnt"

start_nullfs "$tmp/null" 1

# A setting, what is counted, text that is made of much, the file system's own.
for file in sessions/rings/active/ttl sessions/rings/active/stats stats metrics node/mount; do
	path=$tmp/mnt/control/$file
	for clients in 1 4; do
		printf '%s: ' "$file"
		"$buildtop/t/bench/mount_ops" -c "$clients" -b "$batches" -n $((400 / clients)) cat 1 "$path" \
			"$tmp/null/sessions/active/control-$(wc -c <"$path")"
	done
done

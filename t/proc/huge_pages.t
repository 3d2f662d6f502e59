#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: where the tmpfs has huge pages a table lies in them, and gives its memory back all the same.
. "${0%/*}/../lib/functions.sh"
requires_root
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
export GSESSION_SHM_DIR=$tmp/huge
mkdir "$GSESSION_SHM_DIR"
requires "a tmpfs with huge pages cannot be mounted here" mount -t tmpfs -o huge=always,size=2g,mode=755 none "$GSESSION_SHM_DIR"
cleanup_fn umount -l "$GSESSION_SHM_DIR"
cat > "$tmp/gsession.conf" <<'END'
[table sessions]
slot_sizes =
record_size = 4096
[ring active]
capacity = 40000
END
start_manager "$tmp/gsession.conf"

memory() {
	df -k --output=used "$GSESSION_SHM_DIR" | tail -n1
}

is_below() {
	[ "$(memory)" -lt "$1" ]
}

# Of one process, in KiB.
mapped_huge() {
	awk '/^(ShmemPmdMapped|FilePmdMapped):/ { sum += $2 } END { print sum + 0 }' "/proc/$1/smaps"
}

empty=$(memory)
check "a store of 30,000 sessions" "$client" fill "$INSTANCE" 30000
full=$(memory)
check "every value is whole" "$client" verify "$INSTANCE"
# The audit looks at each slot: what the daemon has seen it has mapped.
check "audit is clean" gs audit
huge=$(mapped_huge "$MANAGER_PID")
diag "$huge KiB of $((full - empty)) KiB are mapped by huge pages in the daemon"
check "most of it is mapped by huge pages" test "$huge" -gt $(((full - empty) / 2))
check "most of the sessions end" "$client" thin "$INSTANCE" 20
check "the memory goes back" poll_until 60 is_below $((empty + (full - empty) / 2))
check "audit is clean" gs audit
check "what stayed is whole" "$client" verify "$INSTANCE"
done_testing

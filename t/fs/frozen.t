#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: while the daemon is stopped, who needs it waits, more of them than the mount has threads, and all others go on.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

new_instance
cat > "$tmp/conf" <<-END
	[table sessions]
	[roles sessions]
	starter = user:1009 group:2009
	worker = user:1888
	[table leased]
	[roles leased]
	starters = one
END
start_manager "$tmp/conf"
chmod 755 "$tmp"
start_mount "$tmp/holder"
printf x > "$tmp/holder/leased/warm/there"
check_match "a process has the lease" "$(gs show leased/roles/lease)" '^[0-9]+$'
start_mount "$tmp/mnt"
cleanup_fn kill -CONT "$MANAGER_PID"
active=$tmp/mnt/sessions/active
mkdir "$active/named"

while_stopped() {
	python3 "$srctop/t/fs/frozen.py" "$tmp/mnt" "$1" "$MANAGER_PID" 2>&1
}
for what in "reads of control files" "look-ups in control" "one look-up" "the making of a namespace" "the removal of a namespace" \
	"a namespace that gets another mode" "a session that takes the lease" "a rename that takes the lease" "interrupted"; do
	check_eq "others go on: $what" "$(while_stopped "$what")" "$what: yes"
done

# ---- afterwards ----
check_eq "with the daemon control files are read" "$(cat "$tmp/mnt/control/sessions/record_size")" "$(gs show sessions/record_size)"
check "namespaces are made" mkdir "$active/after"
check "and removed" rmdir "$active/after"
check_not "who may nothing is refused" setpriv --reuid 1666 --regid 1666 --clear-groups touch "$active/none"
is_told() {
	gs show events | grep -q ' forbidden table=sessions what=start uid=1666 '
}
check "which the daemon is told" poll_until 10 is_told
check_not "a session is not started without the lease" touch "$tmp/mnt/leased/active/k"
check "nor renamed" test -e "$tmp/mnt/leased/warm/there"
stop_mount "$tmp/holder"
takes_lease() {
	touch "$tmp/mnt/leased/active/k"
}
check "whose holder has ended can be taken" poll_until 10 takes_lease
check "and then a rename works too" mv "$tmp/mnt/leased/warm/there" "$tmp/mnt/leased/warm/to"

# ---- a request that was put aside is not lost with the process ----
if [ "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" != 6.9 ]; then
	skip "what was put aside is done by the next process" "before Linux 6.9 requests are not sent again"
	done_testing
fi
start_kept_mount "$tmp/kept"
is_waiting() {
	grep -Eqs 'fuse|request_wait' "/proc/$1/wchan"
}
kill -STOP "$MANAGER_PID"
mkdir "$tmp/kept/sessions/active/aside" 2>"$tmp/mkdir.err" &
held=$!
poll_until 2 is_waiting "$held" || diag "mkdir is not seen waiting"
kill -KILL "$MOUNT_PID"
wait_gone "$MOUNT_PID"
kill -CONT "$MANAGER_PID"
wait "$held"
check_eq "what was put aside is done by the next process" "$? $(cat "$tmp/mkdir.err")" "0 "
check "once" rmdir "$tmp/kept/sessions/active/aside"

done_testing

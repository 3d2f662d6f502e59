#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession-keep starts again what may serve again, later each time, and gives up what does not; it leaves no mount that nobody serves.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" command -v python3
ulimit -c 0

# keep READY SIGNAL: run the keeper over a program that is ready so many times and dies of this each time.
keep() {
	rm -f "$tmp/starts"
	"$GSESSION_KEEP" -f python3 "$testdir/keep.py" "$tmp/starts" "$@"
}
starts() {
	wc -l <"$tmp/starts"
}
has_started() {
	[ -e "$tmp/starts" ] && [ "$(starts)" -ge "$1" ]
}
# waits FROM TO MS: from the start of this number to that of the other it is so long.
waits() {
	awk -v from="$1" -v to="$2" -v ms="$3" 'NR == from { t = $1 } NR == to { exit !(($1 - t) * 1000 >= ms) }' "$tmp/starts"
}

# ---- giving up ----
check_status 5 "what crashes is given up" keep 1000 SIGSEGV
check_match "as it says" "$output" 'signal 11 .*11th time in a row: giving up'
check_eq "after ten crashes in a row" "$(starts)" 11
check "and pauses between them" waits 1 11 5000
check_status 5 "what is killed before it is ready is given up" keep 1 SIGKILL
check_match "as it says" "$output" 'signal 9 .*giving up'
check_eq "after ten in a row as well" "$(starts)" 12
check "and the same pauses" waits 2 12 5000
check_status 5 "what is killed before it was ever ready is not started again" keep 0 SIGKILL
check_eq "at all" "$(starts)" 1
keep 1000 SIGKILL >"$tmp/keeper.out" 2>&1 &
keeper=$!
if [ -n "${GS_QUICK-}" ]; then
	check "what is killed while it serves is started again" poll_until 120 has_started 65
	kill -TERM "$keeper"
	wait "$keeper"
else
	wait "$keeper"
	check_eq "what is killed while it serves is given up" $? 5
	check_eq "after a hundred" "$(starts)" 101
fi
check "with pauses from the sixtieth on" waits 62 65 300

# ---- the pid file ----
child_of() {
	tr -d ' ' <"/proc/$1/task/$1/children"
}
has_child() {
	[ -n "$(child_of "$1")" ]
}
"$GSESSION_KEEP" -f -p "$tmp/keep.pid" tail -f /dev/null &
keeper=$!
cleanup_fn end_process "$keeper"
check "the pid file is written" poll_until 10 test -s "$tmp/keep.pid"
check_eq "with its pid" "$(cat "$tmp/keep.pid")" "$keeper"
check_status 4 "another does not start with it" "$GSESSION_KEEP" -f -p "$tmp/keep.pid" true
check_match "and says who has it" "$output" "pid $keeper"
mv "$tmp/keep.pid" "$tmp/old.pid"
"$GSESSION_KEEP" -f -p "$tmp/keep.pid" tail -f /dev/null &
other=$!
cleanup_fn end_process "$other"
check "where it was taken away another does" poll_until 10 test -s "$tmp/keep.pid"
poll_until 10 has_child "$keeper"
kill -TERM "$keeper"
check "the first ends" wait_gone "$keeper"
check_eq "and leaves what is not its own" "$(cat "$tmp/keep.pid")" "$other"
kill -TERM "$other"
check "the other ends" wait_gone "$other"
check_not "and takes its own away" test -e "$tmp/keep.pid"
check_status 5 "where none can be written it does not start" "$GSESSION_KEEP" -f -p "$tmp/none/keep.pid" true

# ---- who does not die ----
if [ -n "${GS_QUICK-}" ] || ! command -v strace >/dev/null; then
	skip "a child that does not die is killed once" "it takes ten seconds and strace"
else
	# A kill that does nothing is as one that waits for the end of a system call.
	strace -qq -o "$tmp/kills" -e trace=kill -e inject=kill:retval=0 "$GSESSION_KEEP" -f tail -f /dev/null &
	tracer=$!
	has_grandchild() {
		keeper=$(child_of "$tracer") && [ -n "$keeper" ] && child=$(child_of "$keeper") && [ -n "$child" ]
	}
	poll_until 10 has_grandchild
	kill -TERM "$keeper"
	check "a child that does not die is killed" poll_until 20 grep -q SIGKILL "$tmp/kills"
	check_not "and waited for" poll_until 2 is_gone "$keeper"
	check_eq "not in a loop" "$(grep -c SIGKILL "$tmp/kills")" 1
	kill -KILL "$child"
	check "until it ends" wait_gone "$keeper"
fi

# ---- mounts ----
if [ "$(id -u)" -ne 0 ] || [ ! -w /dev/fuse ]; then
	skip "no mount is left that nobody serves" "it takes root and /dev/fuse"
	done_testing
fi
new_instance
start_manager
worker() {
	tr -d ' ' <"/proc/$KEEPER_PID/task/$KEEPER_PID/children"
}
# Served or not.
is_there() {
	grep -q " $tmp/mnt fuse.gsession " /proc/self/mounts
}
has_no_worker() {
	[ -z "$(worker)" ]
}
# Serves while nobody does: the daemon is dead, and without it no other goes on.
start_alone() {
	start_kept_mount "$tmp/mnt"
	printf v >"$tmp/mnt/sessions/active/k"
	[ $# -eq 0 ] || printf left >"$tmp/mnt/sessions/active/$1"
	kill_manager
	kill -KILL "$(worker)"
}
# umount(8) would ask the mount first, and wait.
is_taken_away() {
	python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).umount2(sys.argv[1].encode(), 2) != 0)' "$tmp/mnt"
}
start_alone
check "a mount that nobody serves is unmounted" is_taken_away
check "and its keeper ends, with the daemon dead" wait_gone "$KEEPER_PID"
start_manager
check_not "nobody mounts it again" is_there
start_alone x.tmp
check "so is one with a temporary file" is_taken_away
poll_until 10 has_no_worker
check_status 3 "which nobody has seen to yet" gs get x.tmp
start_manager
check "when the daemon is there its keeper ends" wait_gone "$KEEPER_PID"
check_eq "and the file is a session" "$(gs get x.tmp)" left
check_not "and nobody mounts it again" is_there

mkdir -p "$tmp/mnt"
if command -v strace >/dev/null; then
	# The first message after the mount is never sent.
	strace -f -o "$tmp/trace" -e trace=mount,sendmsg "$GSESSION_KEEP" -f "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt" 2>/dev/null &
	tracer=$!
	poll_until 20 is_mounted "$tmp/mnt"
	umount "$tmp/mnt"
	wait "$tracer"
	n=$(sed -n '/ mount(/q; / sendmsg(/p' "$tmp/trace" | wc -l)
	check "it says some things before it mounts" test "$n" -gt 1
	killed() {
		strace -f -qq -e trace=mount,sendmsg -e "inject=sendmsg:signal=KILL:when=$((n + 1))" -o "$tmp/trace" \
			"$GSESSION_KEEP" -f "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt"
	}
	check_status 5 "killed right after its first mount" killed
	check "when it has mounted" grep -q ' mount(.*= 0$' "$tmp/trace"
	check_not "it leaves none" is_there
else
	skip "killed right after its first mount" "strace is not installed"
fi

# ---- who does not keep ----
# Listens, and keeps nothing, as systemd does for a service without a store.
python3 - "$tmp/notify" <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    _, cmsgs, _, _ = s.recvmsg(4096, 4096)
    for _, _, fds in cmsgs:
        for at in range(0, len(fds), 4):
            os.close(int.from_bytes(fds[at:at + 4], sys.byteorder))
PY
cleanup_fn kill $!
poll_until 10 test -S "$tmp/notify"
served() {
	env NOTIFY_SOCKET="$tmp/notify" "$@" "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt" 2>"$tmp/served.err" &
	server=$!
	poll_until 20 is_mounted "$tmp/mnt" && poll_until 10 test -e "$tmp/mnt/sessions/active/k"
	kill -HUP "$server"
	wait "$server"
	server=$?
}
served
check_eq "told to give way where nobody keeps, it ends" "$server" 0
check_not "with its mount" is_there
served FDSTORE=16
check_eq "where somebody does it gives way" "$server" 137
check "and leaves the mount" is_there
umount "$tmp/mnt"

done_testing

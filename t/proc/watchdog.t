#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: systemd hears when daemon and mount are ready, that they live, and that they end; one that hangs is started again, and no session is lost.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance

# supervise NAME WATCHDOG COMMAND...: its pid in $supervisor; what was said in $tmp/NAME.said.
supervise() {
	local name=$1 seconds=$2
	shift 2
	: > "$tmp/$name.said"
	python3 "$srctop/t/lib/supervise.py" "$tmp/$name.notify" "$tmp/$name.said" "$seconds" "$@" >"$tmp/$name.out" 2>&1 &
	supervisor=$!
	cleanup_fn end_process "$supervisor"
}

# has_said NAME TIMES LINE: so often at least, a line that begins so.
has_said() {
	[ "$(grep -c "^$3" "$tmp/$1.said")" -ge "$2" ]
}
pid_of() {
	sed -n 's/^started //p' "$tmp/$1.said" | tail -n 1
}

# restarts NAME: the program is stopped, and another serves in its place.
restarts() {
	local late ready was
	late=$(grep -c '^late' "$tmp/$1.said")
	ready=$(grep -c '^READY=1' "$tmp/$1.said")
	was=$(pid_of "$1")
	kill -STOP "$was"
	poll_until 30 has_said "$1" "$((late + 1))" 'late' && poll_until 30 has_said "$1" "$((ready + 1))" 'READY=1' && [ "$(pid_of "$1")" != "$was" ]
}

: > "$tmp/gsession.conf"
supervise daemon 2 "$GSESSIOND" -i "$INSTANCE" -c "$tmp/gsession.conf"
daemon=$supervisor
check "the daemon says that it is ready" poll_until 30 has_said daemon 1 READY=1
check_match "and who it is" "$(cat "$tmp/daemon.said")" "^MAINPID=$(pid_of daemon)$"
check "it serves then" gs put k <<< v
check "and says that it lives, again and again" poll_until 30 has_said daemon 12 WATCHDOG=1
check_not "so it is not late, though the watchdog's time has passed" has_said daemon 1 late
check "one that hangs is found, ended and started again" restarts daemon
check_eq "the sessions are there" "$(gs get k)" v
check "and the memory is sound" gs audit

if [ -r /dev/fuse ] && [ -w /dev/fuse ] && [ "$(id -u)" -eq 0 ]; then
	mkdir "$tmp/mnt"
	cleanup_fn stop_mount "$tmp/mnt"
	# Its descriptors are kept, by whom it is to be ended first.
	supervise mount 2 "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt"
	check "the mount says that it is ready" poll_until 30 has_said mount 1 READY=1
	check_eq "files are there then" "$(cat "$tmp/mnt/sessions/active/k")" v
	check "it says that it lives" poll_until 30 has_said mount 6 WATCHDOG=1
	check_not "and is not late" has_said mount 1 late
	exec 8< "$tmp/mnt/sessions/active/k"
	check "one that hangs is found, ended and started again" restarts mount
	check_eq "it serves" "$(cat "$tmp/mnt/sessions/active/k")" v
	check_eq "a file that was open too" "$(cat <&8)" v
	exec 8<&- 8< "$tmp/mnt/sessions/active/k"
	was=$(pid_of mount)
	kill -HUP "$supervisor"
	is_another() { [ "$(pid_of mount)" != "$was" ] && is_mounted "$tmp/mnt" && [ "$(cat "$tmp/mnt/sessions/active/k")" = v ]; }
	check "a restart mounts anew, though a file is open" poll_until 30 is_another
	exec 8<&-
	umount "$tmp/mnt"
	check "umount ends it" wait_gone "$supervisor"
	check_match "with success" "$(tail -n 1 "$tmp/mount.said")" "^ended [0-9]+ 0$"
	check "it says that it ends" has_said mount 1 STOPPING=1
	supervise quiet 60 env -u NOTIFY_SOCKET -u WATCHDOG_USEC "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt"
	check "without a watchdog" poll_until 30 is_mounted "$tmp/mnt"
	check_not "nobody asks the mount" pgrep -x gsession-alive -P "$(pid_of quiet)"
	umount "$tmp/mnt"
else
	skip "the mount too" "nothing can be mounted here"
fi

kill -TERM "$daemon"
check "the daemon ends when it is told to" wait_gone "$daemon"
check "and says so" has_said daemon 1 STOPPING=1
check_match "with success" "$(tail -n 1 "$tmp/daemon.said")" "^ended [0-9]+ 0$"

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: systemd understands our units, they are as closed as they can be, and what they forbid the programs do not do.
. "${0%/*}/../lib/functions.sh"
requires "systemd-analyze is not installed" command -v systemd-analyze
requires "the units are not built" test -e "$buildtop/etc/gsessiond.service"

units=(gsessiond.service gsessiond@.service gsession-fs.service gsession-fs@.service mnt-gsession.mount)
mkdir "$tmp/units"
for unit in "${units[@]}"; do
	built=$buildtop/etc/$unit
	[ -e "$built" ] || built=$srctop/etc/$unit
	# The programs are not installed where the unit will look for them, nor are the manuals.
	sed -E 's:^(Exec[A-Za-z]*=-?)[^ ]*/gsession[^ ]*:\1/bin/true:; /^Documentation=/d' "$built" > "$tmp/units/$unit"
done

verify() {
	local found name=${1/@./@x.}
	[ "$name" = "$1" ] || ln -sf "$1" "$tmp/units/$name"
	found=$(SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no "$tmp/units/$name" 2>&1 | grep -E 'gsession' | grep -v 'is not executable')
	printf '%s\n' "$found"
	[ -z "$found" ]
}

# exposure UNIT: ten times what systemd says, without a point.
exposure() {
	systemd-analyze security --offline=true "$tmp/units/$1" 2>&1 | sed -nE 's/.*exposure level for [^:]*: ([0-9]+)\.([0-9]).*/\1\2/p'
}

at_most() {
	echo "$1 of at most $2"
	[ -n "$1" ] && [ "$1" -le "$2" ]
}

for unit in "${units[@]}"; do
	check "$unit is understood" verify "$unit"
done
for unit in "${units[@]:0:4}"; do
	check_match "$unit says when it is ready" "$(cat "$tmp/units/$unit")" '^Type=notify$'
	check_match "one that hangs is ended" "$(cat "$tmp/units/$unit")" '^WatchdogSec='
	check_match "and started again, however often" "$(cat "$tmp/units/$unit")" '^StartLimitIntervalSec=0$'
done
for unit in "${units[@]:0:2}"; do
	check "$unit is safe, as systemd has it" at_most "$(exposure "$unit")" 10
done
for unit in "${units[@]:2:2}"; do
	check "$unit is as closed as mounting allows" at_most "$(exposure "$unit")" 40
	# A view of its own of the file system would keep the mount from everybody else.
	check_not "it sees the files that all see" grep -E '^(Protect(System|Home|Kernel|Control|Proc)|Private|ReadWrite|ReadOnly|Inaccessible|Temporary|Bind|Root|Mount)' \
		"$tmp/units/$unit"
	check_match "it keeps the connection to the kernel" "$(cat "$tmp/units/$unit")" '^FileDescriptorStoreMax=[1-9]'
	check_match "and says so, as an older systemd does not" "$(cat "$tmp/units/$unit")" '^Environment=FDSTORE=[1-9]'
	check_not "the mount does not end with the daemon" grep -E '^(Requires|BindsTo|PartOf)=' "$tmp/units/$unit"
done
check_match "an instance has its configuration" "$(cat "$tmp/units/gsessiond@.service")" '^ExecStart=.* -i %i -c .*/gsession/%i\.conf$'
check_match "and its mount" "$(cat "$tmp/units/gsession-fs@.service")" '^ExecStart=.* -i %i .*/mnt/gsession-%i$'

if [ "$(id -u)" -eq 0 ] && command -v systemd-sysusers >/dev/null; then
	mkdir -p "$tmp/root/etc" "$tmp/root/dev/shm"
	check "systemd makes the user" systemd-sysusers --root="$tmp/root" "$srctop/etc/sysusers.d/gsession.conf"
	check_match "of the units" "$(cat "$tmp/root/etc/passwd")" "^$(sed -n 's/^User=//p' "$tmp/units/gsessiond.service"):"
	check "and the directory that anybody could make" systemd-tmpfiles --root="$tmp/root" --create "$srctop/etc/tmpfiles.d/gsession.conf"
	check_eq "which is the user's" "$(stat -c '%a %u' "$tmp/root/dev/shm/gsession")" "755 $(sed -n 's/^gsession:[^:]*:\([0-9]*\):.*/\1/p' "$tmp/root/etc/passwd")"
	check_match "and the daemon's" "$(cat "$tmp/units/gsessiond.service")" 'GSESSION_SHM_DIR=/dev/shm/gsession( |$)'
else
	skip "systemd makes the user and his directory" "only root may do this, with systemd-sysusers"
fi

echo 'Restart=sometimes' >> "$tmp/units/gsessiond.service"
check_not "a wrong line is found" verify gsessiond.service
sed -i '/^Protect/d; /^Private/d' "$tmp/units/gsessiond.service"
check_not "and a unit that is open" at_most "$(exposure gsessiond.service)" 10

# allowed UNIT: the system calls of its SystemCallFilter, as systemd's sets have them.
allowed() {
	local sets set names
	sets=$(sed -n 's/^SystemCallFilter=//p' "$buildtop/etc/$1")
	expand() {
		for set in $1; do
			case $set in
			@*) names=$(systemd-analyze syscall-filter "$set" | sed 's/#.*//' | tail -n +2) && expand "$names" ;;
			*) echo "$set" ;;
			esac
		done
	}
	comm -23 <(expand "$(grep -v '^~' <<< "$sets")" | sort -u) <(expand "$(sed -n 's/^~//p' <<< "$sets")" | sort -u)
}

# called TRACE...: those that were made.
called() {
	cat "$@" | sed -nE 's/^([0-9]+ +)?([a-z_0-9]+)\(.*/\2/p' | sort -u
}

if ! command -v strace >/dev/null || ! strace -o "$tmp/trace" true 2>/dev/null; then
	skip "the programs do what the units allow" "strace cannot be used here"
	done_testing
fi
new_instance
export GSESSION_STATE_DIR=$tmp/state
printf '[daemon]\ngroup = %s\n' "$(id -gn)" > "$tmp/gsession.conf"
strace -f -o "$tmp/daemon.trace" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/gsession.conf" 2>"$tmp/daemon.err" &
strace=$!
is_ready() { gs show version; }
check "the daemon serves under strace" poll_until 30 is_ready
daemon=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")
cleanup_fn end_process "$daemon"
use_store() {
	gs put k <<< v
	gs get k
	gs mv k cold
	gs set ctl reload
	gs set sessions/rings/active/ttl 1m
	gs ring add extra ttl=1h capacity=100 decay_to=cold
	gs snapshot "$tmp/s"
	gs restore "$tmp/s"
	gs events
	gs audit
}
check "and does what it is there for" use_store
use_mount() {
	echo hi > "$tmp/mnt/sessions/active/k2" && cat "$tmp/mnt/sessions/active/k2" "$tmp/mnt/control/version" && ls -l "$tmp/mnt/sessions/active"
}
if [ -r /dev/fuse ] && [ -w /dev/fuse ] && [ "$(id -u)" -eq 0 ]; then
	mkdir "$tmp/mnt"
	strace -f -o "$tmp/mount.trace" "$GSESSION_FS" -f -i "$INSTANCE" "$tmp/mnt" 2>"$tmp/mount.err" &
	straced_mount=$!
	cleanup_fn stop_mount "$tmp/mnt"
	check "the mount serves under strace" poll_until 30 is_mounted "$tmp/mnt"
	check "files" use_mount
	umount "$tmp/mnt"
	wait "$straced_mount"
	check_eq "the mount does what its unit allows" "$(comm -23 <(called "$tmp/mount.trace") <(allowed gsession-fs.service))" ""
else
	skip "the mount does what its unit allows" "nothing can be mounted here"
fi

# What systemd runs first: where a mount is to be gone on with, nobody serves it yet.
pre=$(sed -n 's/^ExecStartPre=-//p' "$buildtop/etc/gsession-fs.service" | sed "s|/mnt/gsession|$tmp/pre|g")
check "the unit makes its directory" bash -c "$pre"
check "where it is to be" test -d "$tmp/pre"
if [ -r /dev/fuse ] && [ -w /dev/fuse ] && [ "$(id -u)" -eq 0 ]; then
	start_mount "$tmp/pre"
	kill -STOP "$MOUNT_PID"
	check "and asks nothing of a mount that is there" timeout -s KILL 10 bash -c "$pre"
	kill -CONT "$MOUNT_PID"
	stop_mount "$tmp/pre"
else
	skip "and asks nothing of a mount that is there" "nothing can be mounted here"
fi
kill "$daemon"
wait "$strace"
check_eq "the daemon does what its unit allows" "$(comm -23 <(called "$tmp/daemon.trace") <(allowed gsessiond.service))" ""
check_eq "and would be found if it did more" "$(comm -23 <(echo reboot) <(allowed gsessiond.service))" "reboot"

done_testing

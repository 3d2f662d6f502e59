#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a user who is not root runs a daemon and mounts its store through fusermount3, for himself alone, and takes it away; what was killed he mends.

# In a mount namespace: where /dev/fuse is root's, as without udev, he is given one that is everybody's.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m mount -t tmpfs none /dev/shm 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires "fusermount3 is not installed" command -v fusermount3
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9

export XDG_RUNTIME_DIR=$tmp/home/run
unset GSESSION_RUN_DIR GSESSION_SHM_DIR
INSTANCE=t$$
user=$(id -un)
mkdir -p "$XDG_RUNTIME_DIR" "$tmp/home/mnt" "$tmp/roots"
if [ "$(id -u)" -eq 0 ]; then
	requires "mounts cannot be private here" test -n "${GS_PRIVATE_MOUNTS-}"
	requires "setpriv is not installed" command -v setpriv
	requires "there is no user nobody" id nobody
	user=nobody
	mount -t tmpfs -o mode=1777 none /dev/shm
	mkdir "$tmp/dev"
	mount -t tmpfs none "$tmp/dev" && cleanup_fn umount -l "$tmp/dev"
	mknod -m 666 "$tmp/dev/fuse" c 10 229 && mount --bind "$tmp/dev/fuse" /dev/fuse
	chmod 755 "$tmp"
	chmod 700 "$XDG_RUNTIME_DIR"
	chown -R "$user" "$tmp/home"
fi
# as USER COMMAND...: himself, when nobody else can be.
as() {
	local who=$1
	shift
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid="$who" --regid="$(id -g "$user")" --clear-groups -- "$@"
	else
		"$@"
	fi
}
he() {
	as "$user" "$@"
}
uid=$(id -u "$user")
requires "/dev/fuse cannot be opened here" he test -r /dev/fuse -a -w /dev/fuse
requires "other users cannot look into the build directory" he test -x "$GSESSION"
mnt=$tmp/home/mnt
k=$mnt/sessions/active/k
gs() {
	he "$GSESSION" -i "$INSTANCE" "$@"
}

# ---- the daemon ----
: > "$tmp/gsession.conf"
start_daemon() {
	he "$GSESSIOND" -i "$INSTANCE" -c "$tmp/gsession.conf" --detach || return
	MANAGER_PID=$(he cat "$XDG_RUNTIME_DIR/gsession/$INSTANCE.pid")
	cleanup_fn end_process "$MANAGER_PID"
}
cleanup_fn rm -rf "/dev/shm/gsession-$uid/$INSTANCE"
check "a user's daemon serves" start_daemon
check "where his programs look" he test -S "$XDG_RUNTIME_DIR/gsession/$INSTANCE.sock"

# ---- the mount ----
leave() {
	! is_mounted_here || he fusermount3 -uz "$mnt"
}
is_mounted_here() {
	grep -q " $mnt " /proc/self/mounts
}
# take_place COMMAND...: it serves then, and its pid is in $MOUNT_PID.
take_place() {
	he "$@" -i "$INSTANCE" "$mnt" && find_mount_pid "$mnt"
}
cleanup_fn leave
if [ "$(id -u)" -eq 0 ]; then
	check_status 5 "he cannot mount on what is not his" he "$GSESSION_FS" -i "$INSTANCE" "$tmp/roots"
	check_match "as fusermount3 says" "$output" 'fusermount3: .*no write access'
fi
check "he mounts it in a directory of his own" take_place "$GSESSION_FS"
options=$(awk -v dir="$mnt" '$2 == dir { print $3, $4 }' /proc/self/mounts)
check_match "as his" "$options" "^fuse\.gsession .*nosuid,nodev,noexec.*user_id=$uid"
check_not "and for nobody else" grep allow_other <<< "$options"
check "he starts a session" he sh -c "printf v > '$k'"
check_eq "reads it" "$(he cat "$k")" v
check_eq "it is his" "$(he stat -c %u "$k")" "$uid"
check_eq "and in the store" "$(gs get k)" v
printf w | gs put k
check_eq "as is what another program writes" "$(he cat "$k")" w
check_eq "he reads control files" "$(he cat "$mnt/control/node/pid")" "$MANAGER_PID"
ttl=$mnt/control/sessions/rings/active/ttl
was=$(he cat "$ttl")
check "and writes them" he sh -c "echo 3m > '$ttl'"
check_eq "which the daemon takes" "$(he cat "$ttl")" 3m
he sh -c "echo '$was' > '$ttl'"
if [ "$(id -u)" -eq 0 ]; then
	check_not "another user is kept out" as 12345 ls "$mnt"
	check_not "as is root" ls "$mnt"
fi
check_status 0 "gsession doctor finds nothing wrong" gs doctor

# ---- taking it away ----
hold_open "$k" he
check_not "while a file is open it is busy" he fusermount3 -u "$mnt"
check_eq "and served on" "$(reads_on)" w
let_go
check "fusermount3 -u unmounts" he fusermount3 -u "$mnt"
check "and ends it" wait_gone "$MOUNT_PID"
check_not "nothing is left" is_mounted_here
check "he mounts it again" take_place "$GSESSION_FS"
check "umount(8) does the same" he umount "$mnt"
check "and ends it" wait_gone "$MOUNT_PID"

# ---- when it dies, and nobody keeps it ----
take_place "$GSESSION_FS"
hold_open "$k" he
kill -KILL "$MOUNT_PID"
wait_gone "$MOUNT_PID"
check_match "without a keeper a file that was open is lost with it" "$(reads_on)" 'not connected'
check_status 1 "gsession doctor finds it" gs doctor
check_match "and what mends it" "$output" "mount_dead.*
.*
.*gsession-fs -i $INSTANCE $mnt"
check_not "nothing else is wrong" grep -E '^[a-z_]+:' <<< "$(grep -v ^mount_dead <<< "$output")"
check "the next one takes it away, and mounts" take_place "$GSESSION_FS"
check_eq "the sessions are there" "$(he cat "$k")" w
check_eq "it is mounted once" "$(grep -c " $mnt " /proc/self/mounts)" 1
let_go
check_status 0 "nothing is wrong then" gs doctor
he fusermount3 -u "$mnt"
wait_gone "$MOUNT_PID"

# ---- under a keeper ----
# goes_on PID: another serves, and what was open is.
goes_on() {
	poll_until 10 is_served_by_another "$1" && [ "$(reads_on)" = w ] && [ "$(he cat "$k")" = w ]
}
is_served_by_another() {
	find_mount_pid "$mnt" && [ "$MOUNT_PID" != "$1" ]
}
check "he mounts it under gsession-keep" take_place "$GSESSION_KEEP" "$GSESSION_FS"
keeper=$(awk '{ print $4 }' "/proc/$MOUNT_PID/stat")
cleanup_fn end_process "$keeper"
hold_open "$k" he
kill -KILL "$MOUNT_PID"
check "one that is killed is followed by another, and what was open stays so" goes_on "$MOUNT_PID"
let_go
hold_open "$k" he
kill -HUP "$MOUNT_PID"
check "as one that is to give way" goes_on "$MOUNT_PID"
let_go
check_match "it counts them" "$(he cat "$mnt/control/node/mount")" '^restarts 2$'
check_status 0 "gsession doctor finds nothing wrong" gs doctor
check "fusermount3 -u unmounts" he fusermount3 -u "$mnt"
check "and ends both" wait_gone "$keeper"
check "he mounts it once more" take_place "$GSESSION_KEEP" "$GSESSION_FS"
keeper=$(awk '{ print $4 }' "/proc/$MOUNT_PID/stat")
cleanup_fn end_process "$keeper"
he kill -TERM "$keeper"
check "a keeper that ends" wait_gone "$keeper"
check_not "takes the mount away" is_mounted_here

# ---- when the daemon dies ----
take_place "$GSESSION_FS"
kill -KILL "$MANAGER_PID"
wait_gone "$MANAGER_PID"
check_eq "while his daemon is dead he reads sessions" "$(he cat "$k")" w
check "and starts them" he sh -c "printf x > '${k}2'"
check "he starts it again" start_daemon
check "and the control files answer" poll_until 10 he cat "$mnt/control/node/pid"
check_eq "every session is there" "$(gs get k2)" x
he fusermount3 -u "$mnt"
check "nothing serves any more" wait_gone "$MOUNT_PID"

done_testing

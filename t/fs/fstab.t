#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: mount, mount -a, umount and findmnt take a store as any file system; who has a view of his own of all mounts sees it come and go.

# In a mount namespace: mount(8) looks for its helpers in /sbin alone, and ours are not to be put there for good.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_FSTAB_UNSHARED-}" ] && unshare -m true 2>/dev/null; then
	exec env GS_FSTAB_UNSHARED=1 unshare -m --propagation private "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "no mount namespace can be made here" test -n "${GS_FSTAB_UNSHARED-}"
requires "findmnt is not installed" command -v findmnt

new_instance
mkdir "$tmp/sbin" "$tmp/helpers" "$tmp/mnt"
cp "$srctop/fs/mount.gsession" "$tmp/helpers"
ln -s "$GSESSION_FS" "$tmp/helpers/gsession-fs"
ln -s "$tmp/helpers/mount.gsession" "$tmp/sbin/mount.gsession"
ln -s "$tmp/helpers/mount.gsession" "$tmp/sbin/mount.fuse.gsession"
sbin=$(realpath /sbin)
requires "nothing can be laid over $sbin here" mount -t overlay overlay -o "ro,lowerdir=$tmp/sbin:$sbin" "$sbin"
cleanup_fn umount "$sbin"
start_manager
gs put k <<< v
cleanup_fn stop_mount "$tmp/mnt"

# column NAME: of our mount, as the system has it.
column() {
	findmnt -n -o "$1" -M "$tmp/mnt"
}

for type in gsession fuse.gsession; do
	check "mount -t $type" mount -t "$type" -o attr_ms=10,nosuid "$INSTANCE" "$tmp/mnt"
	check_eq "mounts the store" "$(cat "$tmp/mnt/sessions/active/k")" v
	check_eq "findmnt -t finds it" "$(findmnt -n -o TARGET -t fuse.gsession | grep -cxF "$tmp/mnt")" 1
	check_eq "as what it is of" "$(column SOURCE)" "$INSTANCE"
	check_match "for all users, and with nothing to run in it" "$(column OPTIONS)" '^(.*,)?nosuid,nodev,noexec,.*allow_other'
	find_mount_pid "$tmp/mnt"
	check "umount" umount "$tmp/mnt"
	check "ends it" wait_gone "$MOUNT_PID"
done

# A line of fstab, as the manual has it.
line=$(sed -n 's|^default /mnt/gsession gsession|'"$INSTANCE $tmp/mnt"' gsession|p' "$srctop/man/gsession-fs.8")
check "the manual has a line for fstab" test -n "$line"
for line in "$line" "/etc/gsession/$INSTANCE.conf $tmp/mnt fuse.gsession _netdev,ro 0 0"; do
	echo "$line" > "$tmp/fstab"
	check "it is one: ${line##* gsession }" findmnt --verify --tab-file "$tmp/fstab"
	check "mount -a takes it" mount -a -T "$tmp/fstab"
	check_eq "and mounts" "$(cat "$tmp/mnt/sessions/active/k")" v
	check_eq "of what it says" "$(column SOURCE)" "${line%% *}"
	check "mount -a again" mount -a -T "$tmp/fstab"
	check_eq "finds it mounted" "$(findmnt -n -o TARGET -t fuse.gsession | grep -cxF "$tmp/mnt")" 1
	check "umount" umount "$tmp/mnt"
	check_not "unmounts" is_mounted "$tmp/mnt"
done

# The device of all FUSE mounts would be what it is of, if nobody said another.
start_mount "$tmp/mnt"
check_eq "a mount by hand is of gsession" "$(column SOURCE)" gsession
stop_mount "$tmp/mnt"
check_status 2 "no mount is of a device" "$GSESSION_FS" -i "$INSTANCE" -o fsname=/dev/fuse "$tmp/mnt"
check "any other name" "$GSESSION_FS" -i "$INSTANCE" -o 'fsname=a\b c' "$tmp/mnt"
check_eq "is as it was given" "$(column SOURCE)" 'a\b c'
stop_mount "$tmp/mnt"

# What gsession(7) says of services: views like that of a service of systemd, and how they see the mount go and come.
mkdir "$tmp/host" "$tmp/host/mnt"
mount --bind "$tmp/host" "$tmp/host"
mount --make-shared "$tmp/host"
cleanup_fn umount -l "$tmp/host"
start_mount "$tmp/host/mnt"
# view NAME PROPAGATION COMMAND: in a namespace of its own after the command; looks when it is told to.
view() {
	mkfifo "$tmp/$1.ask"
	unshare -m --propagation "$2" bash -c '
		eval "$1" || exit
		exec 3<"$2.ask"
		echo ready >"$2.ready"
		while read -r -u 3 _; do
			cat "$3/mnt/sessions/active/k" >"$2.got" 2>&1
			mv "$2.got" "$2.said"
		done
	' - "$3" "$tmp/$1" "$tmp/host" &
	cleanup_fn end_process $!
	exec {asker}>"$tmp/$1.ask"
	asks[$1]=$asker
	poll_until 10 test -s "$tmp/$1.ready"
}
sees() {
	rm -f "$tmp/$1.said"
	echo >&"${asks[$1]}"
	poll_until 10 test -e "$tmp/$1.said" && cat "$tmp/$1.said"
}
declare -A asks
view slave slave true
view above slave "mount --rbind $tmp/host $tmp/host && mount --make-rslave $tmp/host"
view fixed slave "mount --bind $tmp/host/mnt $tmp/host/mnt"
view private private true
for who in slave above fixed private; do
	check_eq "before, $who sees the mount" "$(sees "$who")" v
done
find_mount_pid "$tmp/host/mnt"
kill -KILL "$MOUNT_PID"
wait_gone "$MOUNT_PID"
start_mount "$tmp/host/mnt" 2>/dev/null
check_eq "after a new mount a slave sees it" "$(sees slave)" v
check_eq "and one that was given the directory above" "$(sees above)" v
check_match "one that was given the mount does not" "$(sees fixed)" 'not connected'
check_match "nor does one that is private" "$(sees private)" 'not connected'

done_testing

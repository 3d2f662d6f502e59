#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: doctor names what is wrong with a mount, the tmpfs, the disk and this host's programs, and its commands mend it.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "unshare cannot make a mount namespace here" unshare -m true
new_instance
. "${0%/*}/../lib/doctor.sh"
mnt=$tmp/mnt

start_manager
start_mount "$mnt"
check "nothing is wrong with a store that is mounted" poll_until 10 is_healthy

# ---- the mount ----
kill -STOP "$MOUNT_PID"
finds mount_stopped "pid $MOUNT_PID"
mends mount_stopped

kill -STOP "$MOUNT_PID"
# Somebody who looks like the server, and is not stopped.
mkfifo "$tmp/never"
bash -c 'exec -a gsession-fs bash -c "read -r _ < $tmp/never" -i "$1" "$2"' _ "$INSTANCE" "$mnt" &
like=$!
cleanup_fn end_process "$like"
finds mount_silent 'gsession-fs is pid'
check_match "no mount is waited for twice" "$(alone "gsession -i $INSTANCE doctor -j")" '"unanswered": 1\}'
check_match "the command ends the server, and mounts anew" "$(mend_of mount_silent)" "^kill -KILL [0-9]+; .* gsession-fs -i $INSTANCE $mnt\$"
kill "$like"
wait_gone "$like"
kill -CONT "$MOUNT_PID"
check "the mount answers again" poll_until 10 is_healthy

kill -KILL "$MOUNT_PID"
wait_gone "$MOUNT_PID"
finds mount_dead
mends mount_dead
find_mount_pid "$mnt"
check "it is mounted" test -d "$mnt/sessions/active"

stop_mount "$mnt"
mkdir "$tmp/prog"
program=$GSESSION_FS
[ ! -x "$buildtop/fs/.libs/gsession-fs" ] || program=$buildtop/fs/.libs/gsession-fs
cp "$program" "$tmp/prog/gsession-fs"
LD_LIBRARY_PATH=$buildtop/src/.libs "$tmp/prog/gsession-fs" -i "$INSTANCE" "$mnt"
cp "$program" "$tmp/prog/new" && mv "$tmp/prog/new" "$tmp/prog/gsession-fs"
finds mount_replaced
mends mount_replaced
find_mount_pid "$mnt"

# ---- one whose supervisor keeps nothing, as systemd without FileDescriptorStoreMax ----
stop_mount "$mnt"
cat > "$tmp/careless.py" <<'END'
import os, signal, socket, subprocess, sys
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(sys.argv[1])
inbox.settimeout(0.05)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
child = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=sys.argv[1]))
while child.poll() is None:
	try:
		for fd in socket.recv_fds(inbox, 4096, 16)[1]:
			os.close(fd)
	except TimeoutError:
		pass
END
python3 "$tmp/careless.py" "$tmp/notify" gsession-fs -f -i "$INSTANCE" "$mnt" 2> /dev/null &
careless=$!
cleanup_fn end_process "$careless"
check "it is mounted" poll_until 10 test -d "$mnt/sessions/active"
finds mount_unkept "has a supervisor, process $careless, that keeps no descriptor"
mends mount_unkept
check "then it is mounted" poll_until 10 test -d "$mnt/sessions/active"
wait_gone "$careless"
keeper=$(pgrep -f "gsession-keep gsession-fs -i $INSTANCE $mnt" | head -n 1)
cleanup_fn end_process "$keeper"

# ---- a store that is gone ----
python3 - "$GSESSION_SHM_DIR/$INSTANCE/sessions.idx" <<'END' &
import mmap, signal, sys
with open(sys.argv[1], "rb") as f:
	held = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
signal.pause()
END
holder=$!
cleanup_fn end_process "$holder"
holds() {
	grep -q "$GSESSION_SHM_DIR/$INSTANCE" "/proc/$holder/maps"
}
check "somebody uses the memory" poll_until 10 holds
renew
finds memory_held "process $holder holds"
mends memory_held
check "a mount that was idle meanwhile is none of them" is_healthy

# ---- programs of this host: /etc as it might be, where only this test sees it ----
mkdir -p "$tmp/etc/php/9.9/cli" "$tmp/work"
cat > "$tmp/etc/php/9.9/cli/php.ini" <<END
;session.gc_probability = 5
session.save_handler = files
session.save_path = "2;600;$mnt/sessions/active"
session.gc_probability = 1
END
printf 'PRUNE_BIND_MOUNTS="yes"\nPRUNEFS="NFS afs tmpfs"\nPRUNEPATHS="/tmp /var/spool"\n' > "$tmp/etc/updatedb.conf"
printf '%s %s gsession defaults 0 0\nproc /proc proc defaults 0 0\n' "$INSTANCE" "$tmp/other" > "$tmp/etc/fstab"
mount_etc="mount -t overlay overlay -o lowerdir=/etc,upperdir=$tmp/etc,workdir=$tmp/work /etc"
if alone "$mount_etc" 2> /dev/null; then
	planted=$mount_etc
	finds php_collects 'gc_probability is 1'
	check_eq "in the file of PHP" "$(grep -A 1 '^php_collects' "$tmp/found" | sed -n 's/^    file  //p')" /etc/php/9.9/cli/php.ini
	check "the command runs" alone "$(mend_of php_collects)"
	check "and PHP leaves the collecting to gsession" has_not php_collects
	check_eq "with one line" "$(grep gc_probability "$tmp/etc/php/9.9/cli/php.ini")" 'session.gc_probability = 0'
	finds updatedb_walks
	check "the command runs" alone "$(mend_of updatedb_walks)"
	check "and updatedb stays outside" has_not updatedb_walks
	check_eq "and of all it stayed outside of before" "$(grep PRUNEFS "$tmp/etc/updatedb.conf")" 'PRUNEFS="fuse.gsession NFS afs tmpfs"'
	finds mount_missing
	check_eq "the command is that of fstab" "$(mend_of mount_missing)" "mount $tmp/other"
	printf '%s %s gsession defaults 0 0\n' "$INSTANCE" "$mnt" > "$tmp/etc/fstab"
	check "a mount that is there is not missed" has_not mount_missing
else
	skip "what programs of this host do" "no overlay can be mounted over /etc"
fi

# ---- memory on swap: as the kernel would say it ----
cat > "$tmp/smaps" <<END
7f0000000000-7f0000100000 rw-s 00000000 00:1a 5 $GSESSION_SHM_DIR/$INSTANCE/sessions.idx
Size:               1024 kB
Swap:                512 kB
7f0000200000-7f0000300000 rw-p 00000000 00:00 0 [heap]
Swap:               4096 kB
END
planted="mount --bind $tmp/smaps /proc/$MANAGER_PID/smaps"
if alone true 2> /dev/null; then
	finds swapped '^512K of the sessions'
	sed -i 's/512 kB/0 kB/' "$tmp/smaps"
	check "memory of others on swap is none of ours" has_not swapped
else
	skip "memory on swap" "no file can be mounted over one of /proc"
fi
planted=:

# ---- the disk ----
mkdir "$tmp/disk"
mount -t tmpfs -o size=64m disk "$tmp/disk"
cleanup_fn umount -l "$tmp/disk"
printf '[ring cold]\nstore = file:%s/cold\ncapacity = 100\n' "$tmp/disk" > "$tmp/disk.conf"
renew "$tmp/disk.conf"
check_match "a ring lies on the disk" "$(gs show sessions/rings/cold/store)" "^file:$tmp/disk"
check "nothing is wrong with it" poll_until 10 is_healthy
head -c 200M /dev/zero > "$tmp/disk/filler" 2> /dev/null
finds disk_full 'ring cold has .* left of 64M'
check_match "the command shows what fills it" "$(bash -c "$(mend_of disk_full)")" "$tmp/disk\$"
rm "$tmp/disk/filler"
check "once there is room it is well" poll_until 10 has_not disk_full
planted="mount --bind $tmp/disk $tmp/disk && mount -o remount,bind,ro $tmp/disk"
finds disk_read_only 'ring cold is mounted read-only'
planted="$planted && $(mend_of disk_read_only)"
check "mounted for writing it is well" poll_until 10 has_not disk_read_only
planted=:
touch "$tmp/disk/cold/sessions@cold.0.bad"
finds file_aside "ring cold could not use this file"
check_eq "it names the file" "$(mend_of file_aside)" "mv -n $tmp/disk/cold/sessions@cold.0.bad /var/tmp/"
mv "$tmp/disk/cold/sessions@cold.0.bad" "$tmp"
check "elsewhere it is well" poll_until 10 has_not file_aside

# ---- the tmpfs ----
stop_mount "$mnt"
stop_manager
gsessiond -i "$INSTANCE" --purge 2> /dev/null
rm -rf "$GSESSION_SHM_DIR"
mkdir "$tmp/shm"
mount -t tmpfs -o size=64m shm "$tmp/shm"
cleanup_fn umount -l "$tmp/shm"
export GSESSION_SHM_DIR=$tmp/shm
start_manager
gs put kept <<< value
head -c 42M /dev/zero > "$tmp/shm/filler"
finds tmpfs_small 'the rings may come to need'
mends tmpfs_small
head -c 1G /dev/zero > "$tmp/shm/filler" 2> /dev/null
finds tmpfs_full 'has .* left of'
mends tmpfs_full
rm "$tmp/shm/filler"
stop_manager
gsessiond -i "$INSTANCE" --purge
mount -o remount,size=12m "$tmp/shm"
start_manager
gs put kept <<< value
finds capacity_cut
mends capacity_cut
adopt_manager
check_eq "no session is lost by that" "$(gs get kept)" value
check_eq "and the capacity is the file's" "$(gs show sessions/rings/cold/capacity)" 32768
check "nothing is wrong any more" poll_until 10 is_healthy
done_testing

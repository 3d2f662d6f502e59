#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a host that systemd boots serves the store and mounts it; kills, hangs, restarts, reloads, mount units, fstab and a reboot do what the manuals say.
#
# The host is this one's files with what `make install' installs laid over them, in namespaces and a cgroup of its own, in
# which a systemd is process 1. Nothing of it is left at the end. It takes half a minute.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m true 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m --propagation private "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9
requires "no mount namespace can be made here" test -n "${GS_PRIVATE_MOUNTS-}"
requires "systemd is not installed" test -x /lib/systemd/systemd
requires "nsenter and setpriv are not installed" command -v nsenter setpriv
requires "the programs are not built" test -x "$GSESSION_FS"
requires "built with a sanitizer, for which the units leave no room" sh -c "! grep -q -- -fsanitize= '$buildtop/Makefile'"
variable() {
	sed -n "s/^$1 = //p" "$buildtop/Makefile"
}
prefix=$(variable prefix)
requires "systemd looks for units in /usr and /usr/local alone, and this build is for $prefix" grep -xE '/usr(/local)?' <<< "$prefix"
# What is not installed cannot be booted.
requires "the units are to be put in $(variable systemdsystemunitdir)" test "$(variable systemdsystemunitdir)" = '${prefix}/lib/systemd/system'

# ---- a host ----
root=$tmp/host/root
make_host() {
	mkdir "$tmp/host" && mount -t tmpfs none "$tmp/host" || return
	cleanup_fn umount -l "$tmp/host"
	mkdir "$root" "$tmp/host/upper" "$tmp/host/work"
	mount -t overlay overlay -o "lowerdir=/,upperdir=$tmp/host/upper,workdir=$tmp/host/work" "$root" || return
	cleanup_fn umount -l "$root"
	# Nothing that this host starts, no disks, and nothing that was installed before.
	chroot "$root" sh -c '
		cd /etc || exit
		rm -rf systemd/system systemd/*.d rc?.d rc.local fstab crypttab gsession /lib/systemd/system/multi-user.target.wants
		for id in passwd group shadow gshadow; do
			[ ! -e "$id" ] || sed -i "/^gsession:/d" "$id"
		done
		echo "$1" >machine-id
		mkdir -p systemd/system systemd/system.conf.d systemd/journald.conf.d
		printf "[Manager]\nDefaultLimitCORE=0\n" >systemd/system.conf.d/t.conf
		printf "[Journal]\nStorage=volatile\n" >systemd/journald.conf.d/t.conf
	' - "$(tr -d - </proc/sys/kernel/random/uuid)"
}
requires "a host's files cannot be laid over these: no overlay can be mounted" make_host

requires "$prefix is a link to elsewhere" test "$(realpath "$root$prefix")" = "$root$prefix"

# The cgroup is below our own, as others find theirs.
make_cgroup() {
	mkdir "$tmp/cgroup" && mount -t cgroup2 none "$tmp/cgroup" || return
	cleanup_fn umount -l "$tmp/cgroup"
	cgroup=$tmp/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/gs-boot-$$
	mkdir "$cgroup" || return
	cleanup_fn remove_cgroup
}
is_empty() {
	grep -q '^populated 0' "$cgroup/cgroup.events"
}
remove_cgroup() {
	poll_until 10 is_empty
	find "$cgroup" -depth -type d -exec rmdir {} \;
}
requires "no cgroup can be made" make_cgroup

# What process 1 finds: file systems of its own, and nothing of the machine to set.
cat >"$tmp/init" <<'INIT'
cd "$1" || exit
mount -t proc none proc -o nosuid,nodev,noexec
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs none sys -o ro,nosuid,nodev,noexec
mount -t tmpfs none dev -o mode=755,nosuid
for device in null zero full random urandom tty fuse autofs; do
	[ ! -e "/dev/$device" ] || : >"dev/$device"
	[ ! -e "dev/$device" ] || mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts none dev/pts -o newinstance,ptmxmode=666 && ln -s pts/ptmx dev/ptmx
mount -t tmpfs none dev/shm -o mode=1777,nosuid,nodev
ln -s /proc/self/fd dev/fd
mount -t tmpfs none run -o mode=755,nosuid,nodev
mount -t tmpfs none tmp -o mode=1777,nosuid,nodev
mount -t cgroup2 none sys/fs/cgroup || exit
mkdir run/before && pivot_root . run/before && umount -l run/before && rmdir run/before || exit
mount --make-rshared /
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog -- \
	/lib/systemd/systemd --system --unit=multi-user.target --log-target=journal-or-kmsg --show-status=yes
INIT

# boot_host: its process 1 is $init; it ends with this test, whatever becomes of that.
boot_host() {
	(
		echo "$BASHPID" >"$cgroup/cgroup.procs" || exit
		exec env -i container=gsession PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --pdeathsig KILL -- \
			unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child --propagation private bash "$tmp/init" "$root"
	) >"$tmp/console" 2>&1 </dev/null &
	unshare=$!
	poll_until 10 has_init || return
	cleanup_fn end_host
	poll_until 30 has_booted_or_died && ! is_gone "$unshare"
}
has_init() {
	is_gone "$unshare" && return
	init=$(tr -d ' ' <"/proc/$unshare/task/$unshare/children") && [ -n "$init" ]
}
has_booted_or_died() {
	is_gone "$unshare" || on_host systemctl show -P Version
}
end_host() {
	is_gone "$unshare" && return
	kill -KILL "$init"
	wait_gone "$unshare"
}

# on_host COMMAND...: as root there; a command that hangs is a failure.
on_host() {
	timeout -k 1 120 nsenter -t "$init" -m -u -i -n -p -C -r -w env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
is_on_host() {
	[ "$(on_host "${@:2}" 2>&1)" = "$1" ]
}
of_unit() {
	on_host systemctl show -P "$2" "$1"
}
# is_another UNIT PID: a process that is not this one serves.
is_another() {
	local now
	now=$(on_host systemctl show -p MainPID -p ActiveState "$1")
	grep -qx 'ActiveState=active' <<< "$now" && ! grep -qx "MainPID=$2" <<< "$now"
}
is_mounted_there() {
	on_host grep -q " $1 fuse.gsession " /proc/self/mounts
}
# For what failed: what systemd and the programs said.
say_why() {
	[ "$n_failed" -gt 0 ] || return 0
	diag "$(tail -n 20 "$tmp/console")"
	diag "$(on_host journalctl -b --no-pager -o short-monotonic -n 80 2>&1)"
}

check "make install" env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$buildtop" install DESTDIR="$root"
# As make install does where nothing is in between.
check "the library is found" chroot "$root" ldconfig
# mount(8) looks there alone, as the manual says.
for name in mount.gsession mount.fuse.gsession; do
	[ -e "$root/sbin/$name" ] || ln -s "$prefix/sbin/$name" "$root/sbin/$name"
done
check "the units can be enabled" systemctl --root="$root" enable gsessiond.service gsession-fs.service
conf=$root$(variable sysconfdir | sed "s|\${prefix}|$prefix|")/gsession/gsession.conf
if ! boot_host; then
	diag "$(cat "$tmp/console")"
	skip "a host boots" "systemd cannot be process 1 of namespaces here: $(grep -v '^$' "$tmp/console" | tail -n 1)"
	done_testing
fi

# ---- booted ----
m=/mnt/gsession
k=$m/sessions/active/k
# up: all that is started at boot has been, and nothing of ours has failed; of what else this host has that may be.
up() {
	on_host systemctl is-system-running --wait | grep -xE 'running|degraded' &&
		is_on_host "" systemctl list-units --failed --plain --no-legend 'gsession*' systemd-sysusers.service systemd-tmpfiles-setup.service
}
check "the host is up, and none of our units has failed" up
check_eq "systemd made the user" "$(on_host id -un gsession)" gsession
check_eq "and his directories" "$(on_host stat -c '%U %a' /dev/shm/gsession /run/gsession /var/lib/gsession)" "gsession 755
gsession 755
gsession 755"
for unit in gsessiond gsession-fs; do
	check_eq "$unit serves" "$(on_host systemctl is-active $unit)" active
done
check_eq "the daemon is the user's" "$(on_host stat -c %U "/proc/$(of_unit gsessiond MainPID)")" gsession
check "the store is mounted" is_mounted_there $m
check "a session is written" on_host sh -c "printf v > $k"
check_eq "and read back" "$(on_host cat $k)" v
check_eq "it is in the store" "$(on_host gsession get k)" v
check_eq "control files are read" "$(on_host cat $m/control/node/pid)" "$(of_unit gsessiond MainPID)"
check "and written" on_host sh -c "echo debug > $m/control/node/log_level && echo notice > $m/control/node/log_level"
check_status 0 "gsession doctor finds nothing wrong" on_host gsession doctor
check "a namespace is made and given to a user" on_host sh -c "mkdir -m 700 $m/sessions/active/app && chown nobody: $m/sessions/active/app"
check "who starts a session there" on_host setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c "printf n > $m/sessions/active/app/s && cat $m/sessions/active/app/s"

# ---- a file that is open ----
on_host_long() {
	nsenter -t "$init" -m -u -i -n -p -C -r -w env -i PATH=/usr/bin:/bin "$@"
}

# ---- the mount is killed, upgraded and made anew ----
hold_open "$k" on_host_long
was=$(of_unit gsession-fs MainPID)
on_host kill -KILL "$was"
check_eq "after kill -9 of gsession-fs a file that was open is read on" "$(reads_on)" v
check "systemd has started another" poll_until 30 is_another gsession-fs "$was"
check_eq "which it counts" "$(of_unit gsession-fs NRestarts)" 1
check_eq "sessions are read" "$(on_host cat $k)" v
let_go
hold_open "$k" on_host_long
for _ in {1..6}; do
	was=$(of_unit gsession-fs MainPID)
	on_host kill -KILL "$was"
	poll_until 30 is_another gsession-fs "$was"
done
check_eq "after six more kills too, which are no reason to give up" "$(reads_on) $(of_unit gsession-fs NRestarts)" "v 7"
let_go
hold_open "$k" on_host_long
check "systemctl daemon-reexec, as when systemd is upgraded" on_host systemctl daemon-reexec
was=$(of_unit gsession-fs MainPID)
on_host kill -KILL "$was"
check_eq "loses nothing of what is kept" "$(reads_on)" v
let_go
hold_open "$k" on_host_long
poll_until 30 is_another gsession-fs "$was"
was=$(of_unit gsession-fs MainPID)
check "systemctl reload" on_host systemctl reload gsession-fs
check "has another process go on" poll_until 30 is_another gsession-fs "$was"
check_eq "with what is open" "$(reads_on)" v
let_go
hold_open "$k" on_host_long
was=$(of_unit gsession-fs MainPID)
check "systemctl restart" on_host systemctl restart gsession-fs
check_eq "returns when sessions are to be read" "$(on_host cat $k)" v
check "from another process" is_another gsession-fs "$was"
check_match "and another mount, as the manual says: what was open is lost" "$(reads_on)" 'not connected'
let_go

# ---- the daemon is killed ----
was=$(of_unit gsessiond MainPID)
on_host kill -KILL "$was"
check_eq "after kill -9 of gsessiond sessions are read" "$(on_host cat $k)" v
check "and written" on_host sh -c "printf w > $k"
check "systemd has started another" poll_until 30 is_another gsessiond "$was"
check_eq "which has the sessions" "$(on_host gsession get k)" w
check "and answers at the mount" poll_until 10 is_on_host "$(of_unit gsessiond MainPID)" cat $m/control/node/pid
check "systemctl restart" on_host systemctl restart gsessiond
check_eq "leaves them too" "$(on_host gsession get k)" w
check_eq "and the mount" "$(on_host cat $k)" w

# ---- who hangs ----
for unit in gsessiond gsession-fs; do
	mkdir "$root/etc/systemd/system/$unit.service.d"
	printf '[Service]\nWatchdogSec=2s\n' >"$root/etc/systemd/system/$unit.service.d/t.conf"
	on_host systemctl daemon-reload
	on_host systemctl restart "$unit"
	hold_open "$k" on_host_long
	was=$(of_unit $unit MainPID)
	on_host kill -STOP "$was"
	check "$unit that is stopped is ended by the watchdog, and another serves" poll_until 30 is_another $unit "$was"
	check_match "as the log says" "$(on_host journalctl -b --no-pager -u $unit)" 'Watchdog timeout'
	check_eq "sessions are read" "$(on_host cat $k)" w
	check_eq "and what was open" "$(reads_on)" w
	let_go
	rm -r "$root/etc/systemd/system/$unit.service.d"
	on_host systemctl daemon-reload
	on_host systemctl restart "$unit"
done

# ---- settings ----
ttl=$m/control/sessions/rings/active/ttl
printf '[ring active]\nttl = 3m\n' >"$conf"
was=$(of_unit gsessiond MainPID)
check "systemctl reload" on_host systemctl reload gsessiond
check_eq "takes a changed setting" "$(on_host cat $ttl)" 3m
check_eq "in the same process" "$(of_unit gsessiond MainPID)" "$was"
printf '[ring active]\nttl = soon\n' >"$conf"
check_not "of a configuration that is wrong it says so" on_host systemctl reload gsessiond
check_eq "and the daemon goes on as it was" "$(on_host systemctl is-active gsessiond; on_host cat $ttl)" "active
3m"
check_not "a restart with it fails" on_host systemctl restart gsessiond
check_eq "and is not tried again" "$(of_unit gsessiond ActiveState) $(of_unit gsessiond ExecMainStatus)" "failed 2"
check_eq "sessions are read all the same" "$(on_host cat $k)" w
: >"$conf"
check "with one that is right it starts" on_host systemctl start gsessiond

# ---- another instance ----
: >"${conf%/*}/two.conf"
check "another instance is started by its mount" on_host systemctl start gsession-fs@two
check_eq "with a daemon" "$(on_host systemctl is-active gsessiond@two)" active
check "a session is written" on_host sh -c "printf 2 > $m-two/sessions/active/k"
check_eq "to that store" "$(on_host gsession -i two get k)" 2
check_eq "and none other" "$(on_host cat $k)" w
check "both are stopped" on_host systemctl stop gsession-fs@two gsessiond@two
check_not "and nothing is mounted" is_mounted_there $m-two

# ---- stopped ----
check "systemctl stop" on_host systemctl stop gsession-fs
check_not "unmounts" is_mounted_there $m
check_eq "and nothing of it is left" "$(on_host pgrep gsession-)" ""
check "systemctl start" on_host systemctl start gsession-fs
check_eq "mounts again" "$(on_host cat $k)" w
hold_open "$k" on_host_long
check "a stop while a file is open" on_host systemctl stop gsession-fs
check_not "unmounts too" is_mounted_there $m
let_go

# ---- the mount unit, and fstab ----
check "the mount unit mounts" on_host systemctl start mnt-gsession.mount
check_eq "sessions are read" "$(on_host cat $k)" w
check "it is stopped" on_host systemctl stop mnt-gsession.mount
check_not "and unmounts" is_mounted_there $m
check "nobody serves" poll_until 10 is_on_host "" pgrep -x gsession-fs
sed -n '/^default \/mnt\/gsession gsession/p' "$srctop/man/gsession-fs.8" >"$root/etc/fstab"
check "fstab's line of the manual" test -s "$root/etc/fstab"
on_host systemctl daemon-reload
on_host systemctl stop gsessiond
check "mounts" on_host systemctl start mnt-gsession.mount
check_eq "from fstab" "$(of_unit mnt-gsession.mount FragmentPath)" /run/systemd/generator/mnt-gsession.mount
check_eq "with the daemon" "$(on_host systemctl is-active gsessiond)" active
check_eq "sessions are read" "$(on_host cat $k)" w
check "umount unmounts" on_host umount $m
check "as systemd sees" poll_until 10 is_on_host inactive systemctl is-active mnt-gsession.mount
if on_host test -e /dev/autofs; then
	sed -i 's/nofail/nofail,x-systemd.automount/' "$root/etc/fstab"
	on_host systemctl daemon-reload
	check "an automount" on_host systemctl start mnt-gsession.automount
	check_not "mounts nothing" is_mounted_there $m
	check_eq "before somebody looks" "$(on_host cat $k)" w
	check "who finds a mount" is_mounted_there $m
	check "it is stopped" on_host systemctl stop mnt-gsession.automount mnt-gsession.mount
else
	skip "an automount mounts when somebody looks" "this kernel has no autofs"
fi
rm "$root/etc/fstab"
on_host systemctl daemon-reload

# ---- what the units forbid ----
check_eq "no program was ended for what its unit forbids" "$(on_host journalctl -b --no-pager | grep -E 'gsession.*status=31/SYS')" ""

# ---- a reboot ----
on_host systemctl start gsession-fs
check "a session decays to the ring on the disk" on_host mv $k $m/sessions/cold/k
say_why
begun=$SECONDS
# Which may be gone before it has answered.
on_host systemctl poweroff 2>/dev/null
check "the host goes down" wait_gone "$unshare" 20
check "at once" test $((SECONDS - begun)) -lt 60
check "a host boots" boot_host
check "and all is up" up
check_eq "the session is there" "$(on_host cat $m/sessions/cold/k)" w
say_why

done_testing

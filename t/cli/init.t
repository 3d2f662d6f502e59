#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the init script starts, shows, reloads, restarts, stops and ends stores as LSB has it, and sessions outlive all but the last.
. "${0%/*}/../lib/functions.sh"
requires "setpriv is not installed" command -v setpriv

new_instance default
root=$tmp/root
script=$root/etc/init.d/gsession
mkdir -p "$root/etc/init.d" "$root/etc/default" "$root/etc/gsession" "$root/bin" "$root/sbin"
sed -e "s|@sysconfdir@|$root/etc|g; s|@bindir@|$root/bin|g; s|@sbindir@|$root/sbin|g" "$srctop/etc/init.d/gsession.in" > "$script"
chmod +x "$script"
ln -s "$GSESSION" "$root/bin/gsession"
ln -s "$GSESSIOND" "$GSESSION_FS" "${GSESSION_FS%/*}/gsession-keep" "$root/sbin"
settings=$root/etc/default/gsession
is_mounting=no
[ "$(id -u)" -ne 0 ] || [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ] || is_mounting=yes
configure() {
	cat > "$settings" <<-SETTINGS
	DAEMON_USER=$(id -un)
	GSESSION_RUN_DIR=$GSESSION_RUN_DIR
	GSESSION_SHM_DIR=$GSESSION_SHM_DIR
	GSESSION_STATE_DIR=$tmp/state
	MOUNT=$is_mounting
	MOUNT_POINT=$tmp/mnt
	SETTINGS
	printf '%s\n' "$@" >> "$settings"
}
init() {
	env -i PATH="$PATH" "$script" "$@" </dev/null
}
end_all() {
	local pid
	for pid in "$GSESSION_RUN_DIR"/*.pid; do
		pid=$(cat "$pid" 2>/dev/null) && end_process "$pid"
	done
	[ "$is_mounting" = no ] || { stop_mount "$tmp/mnt"; stop_mount "$tmp/mnt-second"; }
}
cleanup_fn end_all
# kill_kept PID: first who would start it again.
kill_kept() {
	local keeper
	keeper=$(ps -o ppid= -p "$1" | tr -d ' ')
	[ "$(cat "/proc/$keeper/comm")" = gsession-keep ] || return
	kill -KILL "$keeper" && wait_gone "$keeper"
	kill -KILL "$1" && wait_gone "$1"
}
pid_of() {
	cat "$GSESSION_RUN_DIR/$1.pid"
}

check "it is a script of any sh" sh -n "$script"
if command -v dash >/dev/null; then
	check "of dash" dash -n "$script"
else
	skip "of dash" "dash is not installed"
fi
if command -v checkbashisms >/dev/null; then
	check "and without bashisms" checkbashisms "$script"
else
	skip "and without bashisms" "checkbashisms is not installed"
fi
shown=$(sed 's/#\([A-Z_]*=\)/\1/p; d' "$srctop/etc/default/gsession" | tr -d '"' | sort)
check_eq "the settings show the defaults of the script" "$shown" "$(sed -n '/^INSTANCES=/,/^GSESSION_STATE_DIR=/p' "$script" | sort)"

check_status 2 "without an action it says which there are" init
check_match "those of LSB" "$output" 'start\|stop\|restart\|try-restart\|reload\|force-reload\|status'
configure
check_status 3 "status of what does not run is 3" init status
check_status 6 "without a configuration it does not start" init start
check_match "and says which" "$output" "there is no $root/etc/gsession/gsession.conf"
configure 'DAEMON_USER=nobody-of-this-name'
check_status 6 "nor without its user" init start
check_match "and says what to do" "$output" "useradd --system nobody-of-this-name.*$settings"
configure
: > "$root/etc/gsession/gsession.conf"
echo 'nonsense = 1' > "$root/etc/gsession/gsession.conf"
check_not "nor with one that is wrong" init start
check_match "and says where" "$output" 'gsession.conf:1: .*nonsense'
printf '[ring active]\nttl = 4m\n' > "$root/etc/gsession/gsession.conf"

check "start" init start
check_match "says what runs" "$output" 'default: gsessiond started'
check "the store serves" gs put k <<< v
check_status 0 "status is 0" init status
check_match "and shows the pid" "$output" "gsessiond runs \(pid $(pid_of default)\)"
check "start again" init start
check_match "changes nothing" "$output" 'runs already'

sed -i 's/4m/6m/' "$root/etc/gsession/gsession.conf"
check "reload" init reload
check_eq "takes the configuration's changes" "$(gs show sessions/rings/active/ttl)" 6m
echo 'nonsense = 1' >> "$root/etc/gsession/gsession.conf"
check_not "reload of a wrong file fails" init force-reload
check_match "and says where" "$output" 'gsession.conf:3: .*nonsense'
sed -i /nonsense/d "$root/etc/gsession/gsession.conf"

if [ "$is_mounting" = yes ]; then
	check_eq "the store is mounted" "$(cat "$tmp/mnt/sessions/active/k")" v
	find_mount_pid "$tmp/mnt"
	exec 8< "$tmp/mnt/sessions/active/k"
fi
was=$(pid_of default)
check "restart" init restart
check_not "is another daemon" test "$(pid_of default)" = "$was"
check_eq "with the same sessions" "$(gs get k)" v
if [ "$is_mounting" = yes ]; then
	check_eq "a file that was open is read on" "$(cat <&8)" v
	exec 8<&-
	kill -KILL "$MOUNT_PID"
	check_eq "one that is killed is started again" "$(cat "$tmp/mnt/sessions/active/k")" v
	find_mount_pid "$tmp/mnt"
	kill_kept "$MOUNT_PID"
	check_status 1 "a mount without its server is a status of 1" init status
	check_match "in words" "$output" 'has lost its server: start repairs it'
	check "start" init start
	check_eq "repairs it" "$(cat "$tmp/mnt/sessions/active/k")" v
fi
was=$(pid_of default)
kill -KILL "$was"
is_another() { [ "$(pid_of default)" != "$was" ] && gs show version; }
check "a daemon that is killed is started again" poll_until 30 is_another
kill_kept "$(pid_of default)"
check_status 1 "status of one that was killed with its keeper is 1" init status
if [ "$is_mounting" = yes ]; then
	find_mount_pid "$tmp/mnt"
	keeper=$(ps -o ppid= -p "$MOUNT_PID" | tr -d ' ')
	kill -KILL "$MOUNT_PID"
	check "stop of a mount that waits for a daemon" init stop
	check "ends who keeps it" wait_gone "$keeper"
	check_not "and the mount" grep -q " $tmp/mnt " /proc/self/mounts
fi
check "try-restart of what does not run" init try-restart
check_status 1 "leaves it so" init status
check_status 7 "nor can it be reloaded" init reload
check "restart starts it" init restart
check_eq "with its sessions" "$(gs get k)" v
check "try-restart of what runs" init try-restart
check_match "restarts it" "$output" 'gsessiond started'

check "stop" init stop
check_status 3 "ends it" init status
[ "$is_mounting" = no ] || check_not "and the mount" is_mounted "$tmp/mnt"
check "stop again" init stop
check "start" init start
check_eq "finds the sessions where they were" "$(gs get k)" v

configure 'INSTANCES="default second"' "LOG_DIR=$tmp/log"
check_status 6 "an instance without a configuration does not start" init start
check_match "the others do, or did" "$output" 'default: gsessiond runs already'
: > "$root/etc/gsession/second.conf"
check "with one it does" init start second
check "and serves" "$GSESSION" -i second put k <<< 2
check_eq "beside the first" "$(gs get k)" v
check_match "what it says is in its log" "$(cat "$tmp/log/gsessiond-second.log")" 'instance second: serving'
[ "$is_mounting" = no ] || check_eq "it has a mount of its own" "$(cat "$tmp/mnt-second/sessions/active/k")" 2
check "all are restarted" init restart
check "both logs are there" test -s "$tmp/log/gsessiond-default.log"
if command -v logrotate >/dev/null; then
	sed "s|/var/log/gsession|$tmp/log|; s/weekly/size 1/" "$srctop/etc/logrotate.d/gsession" > "$tmp/logrotate.conf"
	check "logrotate takes the log away" logrotate -s "$tmp/logrotate.state" "$tmp/logrotate.conf"
	check_eq "under the daemon" "$(stat -c %s "$tmp/log/gsessiond-second.log")" 0
	check "whose next words" "$GSESSION" -i second set ctl reload
	init restart second >/dev/null
	check_match "begin the new one" "$(head -c 200 "$tmp/log/gsessiond-second.log" | tr '\0' '?')" '^gsessiond: '
else
	skip "logrotate takes the log away" "logrotate is not installed"
fi
check "purge of one" init purge second
check_not "ends its sessions" test -e "$GSESSION_SHM_DIR/second"
check_eq "and no others" "$(gs get k)" v
check "stop of all" init stop
check_status 3 "stops all" init status

done_testing

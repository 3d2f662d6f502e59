#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a daemon of a user of its own is mounted by root for all users, who have at the mount what modes and roles give them, and cannot attach.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m mount -t tmpfs none /run 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires "mounts cannot be private here" test -n "${GS_PRIVATE_MOUNTS-}"
requires_fuse
requires "setpriv is not installed" command -v setpriv

keeper=12345 alice=23456 bob=34567 team=45678
# as USER COMMAND...: with a group of the same number, and that of the team.
as() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --groups "$team" -- "$@"
}
# alone USER COMMAND...: not in the team.
alone() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$@"
}

new_instance
# The daemon's user cannot make the system's directory: it is given to him, as the unit does it.
mount -t tmpfs none /run || skip_all "a tmpfs cannot be mounted at /run"
export GSESSION_RUN_DIR=/run/gsession
mkdir "$GSESSION_RUN_DIR"
# Others find the programs and their libraries only where everybody may look.
as "$alice" test -x "$GSESSION" || skip_all "other users cannot look into the build directory"
chmod 755 "$tmp"
chown "$keeper" "$GSESSION_RUN_DIR" "$GSESSION_SHM_DIR"
: > "$tmp/gsession.conf"
check "a daemon of its own user serves" alone "$keeper" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/gsession.conf" --detach
MANAGER_PID=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")
cleanup_fn end_process "$MANAGER_PID"
check_eq "its memory is its own" "$(stat -c '%a %u' "$GSESSION_SHM_DIR/$INSTANCE")" "700 $keeper"
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active
control=$tmp/mnt/control

put_as() {
	printf %s "$3" | as "$1" sh -c "umask $4; cat > '$active/$2'"
}
check "a user starts a session" put_as "$alice" a one 077
check_eq "which is his" "$(stat -c '%u %a' "$active/a")" "$alice 600"
check_eq "for him to read" "$(as "$alice" cat "$active/a")" one
check_not "not for another" as "$bob" cat "$active/a"
check_not "nor to write" as "$bob" sh -c "echo two > '$active/a'"
check_not "nor to remove" as "$bob" rm -f "$active/a"
check_not "nor to give away" as "$bob" chmod 644 "$active/a"
check_eq "nothing of it was changed" "$(as "$alice" cat "$active/a")" one
check "he lets others read" as "$alice" chmod 644 "$active/a"
check_eq "who do then" "$(as "$bob" cat "$active/a")" one
check_not "and cannot write" as "$bob" sh -c "echo two > '$active/a'"
check "he lets his group write" as "$alice" sh -c "chgrp $team '$active/a' && chmod 660 '$active/a'"
check "who is in it does" as "$bob" sh -c "printf two > '$active/a'"
check_eq "and it is his all the same" "$(stat -c %u "$active/a"; cat "$active/a")" "$(printf '%s\ntwo' "$alice")"
check_not "who is not in it does not read" alone "$bob" cat "$active/a"
check_not "nobody but root lists" as "$alice" ls "$active"
check "root does" ls "$active"
check_eq "and reads everything" "$(cat "$active/a")" two

check_not "users do not attach" as "$alice" "$GSESSION" -i "$INSTANCE" get a
check_eq "the daemon's user does" "$(alone "$keeper" "$GSESSION" -i "$INSTANCE" get a)" two
check_not "users do not change settings" as "$alice" sh -c "echo 1m > '$control/sessions/rings/active/ttl'"
check "root does" sh -c "echo 2m > '$control/sessions/rings/active/ttl'"
check "the daemon's user does at the socket" alone "$keeper" "$GSESSION" -i "$INSTANCE" set sessions/rings/active/ttl 3m
check_eq "and it is in force" "$(gs show sessions/rings/active/ttl)" 3m

check "an owner ends his session" as "$alice" rm "$active/a"
check_not "which is gone" test -e "$active/a"
kill_manager
put_as "$bob" b three 077
check_eq "while the daemon is dead users go on" "$(as "$bob" cat "$active/b")" three
check_not "each with what is his" as "$alice" cat "$active/b"

done_testing

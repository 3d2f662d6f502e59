#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a client that is not root, and is not told where, looks for the system's store first and then for its user's own.
if [ "$(id -u)" -eq 0 ] && [ -z "${GS_PRIVATE_MOUNTS-}" ] && unshare -m mount -t tmpfs none /run 2>/dev/null; then
	exec env GS_PRIVATE_MOUNTS=1 unshare -m "$0"
fi
. "${0%/*}/../lib/functions.sh"
requires_root
requires "mounts cannot be private here" test -n "${GS_PRIVATE_MOUNTS-}"
requires "setpriv is not installed" command -v setpriv
requires "t/proc/client is not built" test -x "$buildtop/t/proc/client"
requires "a tmpfs cannot be mounted at /run" mount -t tmpfs none /run
nobody=65534
group=$(getent group "$nobody" | cut -d : -f 1)
requires "no group has the number $nobody" test -n "$group"

# Programs where everybody may run them.
chmod 711 "$tmp"
cp "$buildtop/t/proc/client" "$GSESSIOND" "$tmp"
mkdir "$tmp/xdg"
own_shm=$(mktemp -d /dev/shm/gs-test.XXXXXX)
cleanup_fn rm -rf "$own_shm"
chown "$nobody" "$tmp/xdg" "$own_shm"

as_nobody() {
	env -u GSESSION_RUN_DIR XDG_RUNTIME_DIR="$tmp/xdg" GSESSION_SHM_DIR="$own_shm" \
		setpriv --reuid "$nobody" --regid "$nobody" --clear-groups "$@"
}

where() {
	as_nobody "$tmp/client" "$@" 2>&1
}

start_own() {
	as_nobody "$tmp/gsessiond" -i "$INSTANCE" -c "$tmp/defaults.conf" --detach >"$tmp/own.out" 2>&1 </dev/null || return
	own=$(cat "$tmp/xdg/gsession/$INSTANCE.pid")
	cleanup_fn end_process "$own"
}

new_instance
unset GSESSION_RUN_DIR
GSESSION_RUN_DIR=/run/gsession	# for start_manager, not exported
export -n GSESSION_RUN_DIR
printf '[daemon]\ngroup = %s\n' "$group" > "$tmp/group.conf"
: > "$tmp/defaults.conf"

check_eq "with no store at all it is down" "$(where attach "$INSTANCE" 500)" "GS_EDOWN in time"
check "a user starts a store of his own" start_own
check "he fills it" as_nobody "$tmp/client" fill "$INSTANCE" 5
check_eq "he finds it again, as there is none of the system's" "$(where verify "$INSTANCE")" "5 whole, 0 torn"

start_manager "$tmp/group.conf"
check "root fills the system's store" "$tmp/client" fill "$INSTANCE" 3
check_eq "the user now finds the system's" "$(where verify "$INSTANCE")" "3 whole, 0 torn"
check_eq "unless he says where" "$(as_nobody env GSESSION_RUN_DIR="$tmp/xdg/gsession" "$tmp/client" verify "$INSTANCE" 2>&1)" \
	"5 whole, 0 torn"

# One that is not for him.
stop_manager
start_manager "$tmp/defaults.conf"
check_eq "a system's store that refuses him leaves him his own" "$(where verify "$INSTANCE")" "5 whole, 0 torn"
check_eq "root does not trust what listens in a user's own directory" \
	"$(GSESSION_RUN_DIR="$tmp/xdg/gsession" "$tmp/client" attach "$INSTANCE" 500 2>&1)" "GS_EPERM in time"
check_status 4 "nor does its daemon put a socket there" env GSESSION_RUN_DIR="$tmp/xdg/gsession" "$GSESSIOND" -i another
check_match "and says why" "$output" "belongs to uid $nobody"
kill -TERM "$own"
check "his own ends" wait_gone "$own"
check_eq "then it is the refusal that he is told" "$(where attach "$INSTANCE" 500)" "GS_EACCES in time"
check_eq "root has the system's store" "$("$tmp/client" verify "$INSTANCE")" "3 whole, 0 torn"

kill_manager
check_eq "a dead daemon's socket counts as none" "$(where attach "$INSTANCE" 500 | sed 's/EACCES/EDOWN/')" "GS_EDOWN in time"
done_testing

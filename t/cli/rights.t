#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: of other users, the group of the configuration may use sessions and read the control tree, and nobody else anything.
. "${0%/*}/../lib/functions.sh"
requires_root
requires "setpriv is not installed" command -v setpriv
requires "the group nogroup does not exist" getent group nogroup
new_instance
printf '[daemon]\ngroup = nogroup\n[quota]\nhold = 1h\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
# Others may not enter every build directory: a copy of the program, and of the library if it is shared.
mkdir "$tmp/prog"
cp "$GSESSION" "$buildtop"/src/.libs/libgsession.so* "$tmp/prog" 2>/dev/null
cp "$buildtop/tools/.libs/gsession" "$tmp/prog" 2>/dev/null
export LD_LIBRARY_PATH=$tmp/prog
chmod -R a+rX "$tmp"
member=(setpriv --reuid 65534 --regid "$(getent group nogroup | cut -d: -f3)" --clear-groups "$tmp/prog/gsession" -i "$INSTANCE")
stranger=(setpriv --reuid 54321 --regid 54321 --clear-groups "$tmp/prog/gsession" -i "$INSTANCE")
requires "this machine lets nobody run programs of this directory" "${member[@]}" --version

check "a member of the group puts" "${member[@]}" put k <<< v
check "and gets" "${member[@]}" get k
check_match "the session is his" "$(gs stat k)" '^access +uid 65534 '
check "a member sees the status" "${member[@]}" show
check "and any control file" "${member[@]}" show sessions/rings/active/ttl
check_status 4 "a member may not set" "${member[@]}" set sessions/rings/active/ttl 1s
check_match "and is told so" "$output" 'uid 65534 may read but not write it'
check_match "last_error has it too" "$(gs show last_error)" 'ttl: uid 65534 may read'
check_eq "nothing was set" "$(gs show sessions/rings/active/ttl)" 5m
check_status 4 "a member may not reload" "${member[@]}" set ctl reload
check_status 4 "nor audit" "${member[@]}" audit

gs put stolen-session-id <<< v
gs mv stolen-session-id suspect
listed() {
	gs show sessions/suspects | grep -q '^stolen-session-id '
}
check "there is a suspect" poll_until 5 listed
check_match "a member sees that there is one, not its key" "$("${member[@]}" suspects)" '^stolen-s~[0-9a-f]{8} '
check_status 4 "a member may not pardon" "${member[@]}" pardon stolen-session-id
check_match "and is told who may" "$output" 'uid 65534 is no reaper and no operator'
check_status 4 "nor expel" "${member[@]}" expel stolen-session-id
check_status 4 "nor reap" "${member[@]}" reaper --once --policy all
check_eq "nothing came of it" "$(gs ls suspect)" stolen-session-id

check_status 4 "a stranger may not see the status" "${stranger[@]}" show
check_match "and is told who may" "$output" "the daemon's user, or of the group"
check_status 4 "nor get" "${stranger[@]}" get k
check_status 4 "nor put" "${stranger[@]}" put k < /dev/null
check_eq "nothing was put" "$(gs get k)" v
done_testing

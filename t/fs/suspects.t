#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: through the mount the suspects are seen in control/, and mv out of suspect/ is a pardon.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "setpriv is not installed" command -v setpriv
new_instance
printf '[daemon]\ngroup = nogroup\n[quota]\nhold = 1h\nrelease = 1h\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
cd "$tmp/mnt" || exit 1
cleanup_fn cd /
chmod 0755 "$tmp"
group=$(getent group nogroup | cut -d: -f3)

write() {
	printf '%s' "$2" > "$1"
}
lists() {
	grep -Eq "$1" control/sessions/suspects
}
lists_not() {
	! lists "$1"
}
pardoned() {
	sed -n 's/^pardoned //p' control/sessions/stats
}

write sessions/active/abcdefghijkl one
write 'sessions/active/two words' two
check "mv into suspect/" mv sessions/active/abcdefghijkl 'sessions/active/two words' sessions/suspect/
check "is seen in control/" poll_until 5 lists '^abcdefghijkl [0-9.]+/s [0-9]+ [0-9]+ held$'
check "with its key escaped" poll_until 5 lists '^two\\040words '
check_eq "the file is its group's to read and nobody's to write" "$(stat -c '%a %G' control/sessions/suspects)" '440 nogroup'
as_member=(setpriv --reuid 65534 --regid "$group" --clear-groups)
check_match "a member of the group is shown no whole key" "$("${as_member[@]}" cat control/sessions/suspects)" '^abcdefgh~[0-9a-f]{8} '
check_not "anybody else nothing" setpriv --reuid 54321 --regid 54321 --clear-groups cat control/sessions/suspects
before=$(pardoned)
check "mv out of suspect/" mv sessions/suspect/abcdefghijkl sessions/active/
check_eq "is a pardon" "$(pardoned)" $((before + 1))
check_eq "and the session is read again" "$(cat sessions/active/abcdefghijkl)" one
check "the list follows" poll_until 5 lists_not '^abcdefghijkl '
check "rm ends a suspect" rm 'sessions/suspect/two words'
check "the list follows that too" poll_until 5 lists_not '^two'
cd /
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what is written to the control files of a ring decides when its sessions leave it.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
cd "$tmp/mnt" || exit 1
cleanup_fn cd /

lives_in() {
	ls "sessions/$1" | grep -qx "$2"
}

echo x > sessions/active/before
echo 0 > control/sessions/rings/active/half_life
echo 2s > control/sessions/rings/active/ttl
check_eq "the ttl is what was written" "$(cat control/sessions/rings/active/ttl)" 2s
start=${EPOCHREALTIME/[.,]/}
echo x > sessions/active/k2
check_eq "a session begins in active" "$(ls sessions/active | grep k2)" k2
check "and is in warm three seconds later" poll_until 3 lives_in warm k2
spent_ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
check "not before its ttl" test "$spent_ms" -ge 1900
check "sessions that were there before follow the new ttl" poll_until 3 lives_in warm before
check_eq "it is still to be seen through active" "$(stat -c %s sessions/active/k2)" 2
check_eq "and comes back when it is read there" "$(cat sessions/active/k2; ls sessions/active)" "$(printf 'x\nk2')"

echo x > sessions/active/kept
keep_alive() {
	touch sessions/active/kept
	! lives_in active k2
}
check "a session that is touched stays while another goes" poll_until 6 keep_alive
check_eq "in its ring" "$(ls sessions/active)" kept

touch -d '1 minute ago' sessions/active/kept
check "a session that is aged by touch -d goes at once" poll_until 2 lives_in warm kept
mkdir "$tmp/old"
echo old > "$tmp/old/restored"
touch -d '2 hours ago' "$tmp/old/restored"
cp -a "$tmp/old/restored" sessions/active/
check "a restored session settles in the ring of its age" poll_until 3 lives_in cold restored

done_testing

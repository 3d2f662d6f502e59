#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: user.gsession.* show and set what a session has that a file has no place for.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "getfattr is not installed" command -v getfattr

new_instance
start_manager
start_mount "$tmp/mnt"
cd "$tmp/mnt/sessions" || exit 1
cleanup_fn cd /

value() {
	getfattr --only-values -n "user.gsession.$1" "${2-active/k}" 2>/dev/null
}
set_value() {
	setfattr -n "user.gsession.$1" -v "$2" active/k
}

before_ms=$(date +%s%3N)
printf x > active/k
check_eq "there are these" "$(getfattr -d active/k | sed -n 's/^user\.gsession\.\([a-z_]*\)=.*/\1/p' | sort | tr '\n' ' ')" \
	"class created deadline hits host interest namespace owner parked rate ring ttl_ms version why "
check_eq "ring" "$(value ring)" active
check_match "why: its turns" "$(value why)" '^20[0-9-]+T[0-9:.]+Z created to=active reason=write$'
check_eq "host" "$(value host)" "$(cat "$tmp/mnt/control/node/id")"
check "created is when it was started" test "$(value created)" -ge "$((before_ms - 1000))" -a "$(value created)" -le "$(date +%s%3N)"
check "deadline is its end" test "$(value deadline)" -gt "$(value created)"
check_match "interest begins at 1, and fades" "$(value interest)" "^(1|0\.99[0-9]*)$"
check_match "rate is per second" "$(value rate)" '^[0-9.e-]+/s$'
check_eq "no ttl of its own" "$(value ttl_ms)" 0
check_eq "no owner" "$(value owner)" ""
check_eq "no class" "$(value class)" ""
version=$(value version)
hits=$(value hits)
printf y > active/k
check "version grows with a write" test "$(value version)" -gt "$version"
check "hits count accesses" test "$(value hits)" -eq "$((hits + 1))"
version=$(value version)
stat active/k >/dev/null
check_eq "a look changes neither" "$(value version) $(value hits)" "$version $((hits + 1))"

check "owner can be set" set_value owner 'user 7'
check_eq "and read" "$(value owner)" 'user 7'
check "class can be set" set_value class authenticated
check_eq "and read" "$(value class)" authenticated
check "ttl_ms can be set" set_value ttl_ms 3600000
check_eq "and read" "$(value ttl_ms)" 3600000
check_match "the command line shows them" "$(gs stat k)" 'user'
check_eq "they last through a write" "$(printf z > active/k; value owner; value class; value ttl_ms)" "user 7authenticated3600000"
check_eq "and the value through them" "$(cat active/k)" z
check "owner can be taken away" setfattr -x user.gsession.owner active/k
check_eq "then there is none" "$(value owner)" ""
check "ttl_ms too" setfattr -x user.gsession.ttl_ms active/k
check_eq "then there is none of these either" "$(value ttl_ms)" 0

refused() {
	check_not "refused: $1" setfattr -n "$2" -v "$3" active/k
	check_match "with $4" "$output" "$4"
}
refused "a class that there is not" user.gsession.class king 'Invalid argument'
refused "an owner of 65 bytes" user.gsession.owner "$(printf '%065d' 0)" 'Invalid argument'
refused "a ttl that is no number" user.gsession.ttl_ms 5m 'Invalid argument'
refused "another ring" user.gsession.ring cold 'Operation not supported'
refused "a name that there is not" user.colour red 'Operation not supported'
refused "another kind of attribute" trusted.x y 'Operation not supported'
check_not "a name that there is not is not read" getfattr -n user.gsession.colour active/k
check_match "with ENODATA" "$output" 'No such attribute'
check_not "nor another kind" getfattr -n trusted.x active/k
check_match "with EOPNOTSUPP" "$output" 'Operation not supported'
check_not "control files have none" getfattr -n user.gsession.ring "$tmp/mnt/control/version"
check_match "with EOPNOTSUPP" "$output" 'Operation not supported'

printf x > active/short
setfattr -n user.gsession.ttl_ms -v 500 active/short
check "a session ends when its own ttl is over" poll_until 4 test ! -e active/short

mv active/k cold/
check_eq "ring says where it lives, not where it was looked for" "$(value ring active/k)" cold

cd /
umount "$tmp/mnt"
start_mount "$tmp/mnt" -o noxattr
printf x > "$tmp/mnt/sessions/active/k"
check_eq "with noxattr there are none" "$(getfattr -d "$tmp/mnt/sessions/active/k")" ""
check_not "none can be set" setfattr -n user.gsession.ttl_ms -v 1000 "$tmp/mnt/sessions/active/k"
check_match "as on a file system without" "$output" 'not supported'

done_testing

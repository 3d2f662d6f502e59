#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what is written under a temporary name is no session; its rename is one put; it is never dropped.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "attr is not installed" command -v setfattr

new_instance
start_manager
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active
control=$tmp/mnt/control

stat_of() {
	sed -n "s/^$1 //p" "$control/sessions/stats"
}
mount_of() {
	sed -n "s/^staged.$1 //p" "$control/node/mount"
}
put_count() {
	echo $(($(stat_of started) + $(stat_of updated)))
}
revision() {
	stat -c %s "$control/events"
}

check_eq "the default list" "$(cat "$control/node/temp_patterns")" '*.tmp *_out_???????? *.__wz_cache .*.?????? *.json.[0-9]* .*.tmp.* sed??????'
for name in sess_0123456789abcdefghijklmnop sess_a-b,c sessionid0123456789abcdefghijklmnopqrstuv AbCdEfGhIjKlMnOpQrStUvWxYz012345.json \
    2029240f6d1128be89ddc32729463129 cgisess_0123456789abcdef0123456789abcdef session_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRST \
    0123456789ABCDEF0123456789ABCDEF.session 0123456789ABCDEF0123456789ABCDEF.node1.session rack%3A%3Asession; do
	: > "$active/$name"
	check "$name is a session" gs stat "$name"
	rm "$active/$name"
done

# ---- a file beside the store ----

before=$(put_count) events=$(revision)
for name in a.tmp sessionidx_out_abcd_123 tmpabc.__wz_cache .k.Ab12Cd id.json.1234567890 .key.tmp.f00 sedAbC123; do
	printf %s "$name" > "$active/$name"
	check_eq "$name is written and read" "$(cat "$active/$name")" "$name"
	check_status 1 "and is no session" gs stat "$name"
done
check_eq "they are listed" "$(ls -A "$active" | wc -l)" 7
check_eq "and counted by the mount" "$(mount_of files)" 7
check_eq "and take its memory" "$(mount_of bytes)" $((7 * 4096))
check_eq "in no ring" "$(cat "$control/sessions/rings/active/count")" 0
check_eq "no put was made" "$(put_count)" "$before"
check_eq "no event told" "$(revision)" "$events"
check_eq "its size is true" "$(stat -c '%s %a %h %F' "$active/a.tmp")" "5 644 1 regular file"
printf more >> "$active/a.tmp"
check_eq "appended" "$(cat "$active/a.tmp")" a.tmpmore
truncate -s 3 "$active/a.tmp"
truncate -s 5 "$active/a.tmp"
check_eq "cut, and filled with zeros" "$(od -An -c "$active/a.tmp" | tr -d ' \n')" 'a.t\0\0'
printf z | dd of="$active/a.tmp" bs=1 seek=9 conv=notrunc status=none
check_eq "with a hole" "$(od -An -c "$active/a.tmp" | tr -d ' \n')" 'a.t\0\0\0\0\0\0z'
chmod 640 "$active/a.tmp"
chown 12:34 "$active/a.tmp"
touch -d '2026-01-02 03:04:05.123456789 UTC' "$active/a.tmp"
check_eq "mode, owner and times are set" "$(stat -c '%a %u %g %.9Y' "$active/a.tmp")" "640 12 34 1767323045.123456789"
check_not "once is once" bash -c "set -C; : > '$active/a.tmp'"
mv "$active/a.tmp" "$active/b.tmp"
check_eq "renamed to another temporary name it stays one" "$(stat -c '%s %a' "$active/b.tmp"); $(mount_of files)" "10 640; 7"
check_not "and is gone under the old" test -e "$active/a.tmp"
mv "$active/b.tmp" "$active/.k.Ab12Cd"
check_eq "onto another it replaces that" "$(stat -c %s "$active/.k.Ab12Cd"); $(mount_of files)" "10; 6"
exec 3< "$active/sedAbC123"
rm "$active"/* "$active"/.k*
check_eq "removed" "$(ls -A "$active"); $(mount_of files)" "; 0"
check_eq "but for who has it open" "$(cat <&3)" sedAbC123
exec 3<&-
check_eq "and then its memory is given back" "$(mount_of bytes)" 0
check_eq "still no put was made" "$(put_count)" "$before"

# ---- one put ----

before=$(put_count)
printf one > "$active/k.tmp"
chmod 640 "$active/k.tmp"
mtime=$(stat -c %.9Y "$active/k.tmp")
mv "$active/k.tmp" "$active/k"
check_eq "renamed it is a session" "$(gs get k)" one
check_eq "by one put" "$(put_count)" $((before + 1))
check_eq "with its mode and time" "$(stat -c '%a %.9Y' "$active/k")" "640 $mtime"
check_not "and no file beside it" test -e "$active/k.tmp"
created=$(getfattr --only-values -n user.gsession.created "$active/k" 2>/dev/null)
setfattr -n user.gsession.owner -v alice "$active/k"
before=$(put_count) inode=$(stat -c %i "$active/k")
exec 3< "$active/k"
printf 'two, and longer' > "$active/k.tmp"
exec 4>> "$active/k.tmp"
mv "$active/k.tmp" "$active/k"
check_eq "again, by one put" "$(cat "$active/k"), $(($(put_count) - before))" "two, and longer, 1"
check_eq "the session is the one that was there" "$(stat -c %i "$active/k") $(getfattr --only-values -n user.gsession.created "$active/k" 2>/dev/null) \
$(getfattr --only-values -n user.gsession.owner "$active/k" 2>/dev/null)" "$inode $created alice"
check_eq "who had the old file open reads that" "$(cat <&3)" one
check_eq "who has the new one open is at the session" "$(stat -L -c '%i %s' /proc/$$/fd/4)" "$(stat -c '%i %s' "$active/k")"
printf ' still' >&4
check_eq "and writes into it" "$(gs get k)" 'two, and longer still'
chmod 600 /proc/$$/fd/4
check_eq "and changes its mode" "$(stat -c %a "$active/k")" 600
rm "$active/k"
printf lost >&4
check_status 1 "when it has ended he does not bring it back" gs stat k
exec 3<&- 4>&-

printf old > "$active/aged.tmp"
touch -d '-2 hours' "$active/aged.tmp"
mtime=$(stat -c %.9Y "$active/aged.tmp")
mv "$active/aged.tmp" "$active/aged"
check_eq "an old file makes an old session" "$(stat -c %.9Y "$active/aged")" "$mtime"
check "which settles where its age belongs" poll_until 10 sh -c '"$1" -i "$2" stat aged | grep -Eq "^ring +cold"' - "$GSESSION" "$INSTANCE"

# ---- refusals leave the temporary file and the session ----

printf old > "$active/v"
version=$(gs stat v | grep ^version)
printf new > "$active/v.tmp"
mv -n "$active/v.tmp" "$active/v" 2>/dev/null
check_eq "a rename that replaces nothing leaves both" "$(cat "$active/v" "$active/v.tmp")" oldnew
check_not "a value that is too long is refused" dd if=/dev/zero of="$active/v.tmp" bs=8193 count=1 status=none
check_match "with EFBIG" "$output" 'File too large'
check_eq "stats count it" "$(stat_of efbig) $(stat_of largest_value)" "1 8193"
check_eq "the session has seen nothing of it" "$(gs stat v | grep ^version)" "$version"
rm -f "$active/v.tmp"
for i in $(seq 1024); do
	: > "$active/$i.tmp" || break
done 2>/dev/null
check_eq "1024 at once" "$(mount_of files)" 1024
check_not "and no more" touch "$active/another.tmp"
check_match "with ENOSPC" "$output" 'No space left'
check_match "and a sentence" "$(cat "$control/last_error")" 'too many temporary files'
check_eq "which is counted" "$(mount_of refused)" 1
find "$active" -name '*.tmp' -delete
check_eq "they are found and deleted" "$(mount_of files)" 0

# ---- what is a session stays one ----

printf backup > "$active/s"
mv "$active/s" "$active/s.tmp"
check_eq "a session renamed to a temporary name stays a session" "$(gs get s.tmp)" backup
printf again > "$active/s.tmp"
check_eq "and is written as one" "$(gs get s.tmp)" again
printf x > "$active/t.tmp"
mv "$active/s.tmp" "$active/t.tmp"
check_eq "onto a temporary file it replaces that" "$(gs get t.tmp) $(mount_of files)" "again 0"
printf 'a\n' > "$active/sed"
before=$(put_count)
sed -i s/a/b/ "$active/sed"
check_eq "sed -i is one put" "$(cat "$active/sed") $(($(put_count) - before))" "b 1"
before=$(put_count)
sed -i.bak s/b/c/ "$active/sed"
check_eq "and with a backup two" "$(cat "$active/sed" "$active/sed.bak" | tr '\n' ' ')$(($(put_count) - before))" "c b 2"

# ---- other rings ----

printf w > "$tmp/mnt/sessions/warm/w.tmp"
check_not "a temporary file is in its directory" test -e "$active/w.tmp"
mv "$tmp/mnt/sessions/warm/w.tmp" "$tmp/mnt/sessions/warm/w"
check_match "renamed in an outer ring it starts there" "$(gs stat w)" 'ring +warm'
printf w2 > "$tmp/mnt/sessions/warm/w.tmp"
mv "$tmp/mnt/sessions/warm/w.tmp" "$active/w"
check_match "renamed to another it is there" "$(gs get w) $(gs stat w | tr '\n' ' ')" 'w2 .*ring +active'

# ---- which names: as the setting says, at once ----

echo '+*.new' > "$control/node/temp_patterns"
printf x > "$active/k.new"
check_status 1 "a pattern that is added counts for the next file" gs stat k.new
gs set node/temp_patterns none > /dev/null
printf x > "$active/k.tmp"
check "without any there are none" gs stat k.tmp
check_eq "what there is stays what it is" "$(mount_of files)" 1
mv "$active/k.new" "$active/k"
check_eq "and has its name in the end" "$(gs get k)" x
gs set node/temp_patterns '*.tmp' > /dev/null

# ---- its ring or its namespace goes ----

made=0
begin_to_lose() {	# DIRECTORY: files in a ring and a namespace that are no more
	local rings=$1/control/sessions/rings
	made=$((made + 1))
	mkdir "$rings/deep" && echo on > "$rings/deep/state" && mkdir "$1/sessions/active/app$made" || return
	printf kept > "$1/sessions/deep/of_ring$made.tmp" || return
	printf lost > "$1/sessions/warm/app$made/of_namespace.tmp" || return
	echo off > "$rings/deep/state" && rmdir "$rings/deep" || return
	rmdir "$1/control/sessions/namespaces/app$made"
}
mkdir "$tmp/short"
"$GSESSION_FS" -f -i "$INSTANCE" "$tmp/short" 2> "$tmp/short.log" &
short=$!
cleanup_fn stop_mount "$tmp/short"
poll_until 10 is_mounted "$tmp/short"
check "a ring and a namespace go in which temporary files are" begin_to_lose "$tmp/short"
stop_mount "$tmp/short"
wait "$short"
check_eq "at the end of the mount that of the ring becomes a session of the innermost" "$(gs get of_ring1.tmp) $(gs stat of_ring1.tmp | awk '$1 == "ring" { print $2 }')" "kept active"
check_match "that of the namespace is lost, which the log says" "$(cat "$tmp/short.log")" 'of_namespace.tmp.* is lost.*namespace'
check_match "and the daemon's last_error" "$(gs show last_error)" 'namespace.*temporary file is lost'
start_mount "$tmp/short"
check "and again" begin_to_lose "$tmp/short"
lost=$(sed -n 's/^staged.lost //p' "$tmp/short/control/node/mount")

# ---- never dropped ----

printf left > "$active/left.tmp"
stop_mount "$tmp/mnt"
check_eq "at the end of the mount each becomes a session" "$(gs get left.tmp)" left
start_mount "$tmp/mnt"
exec 3> "$active/slow.tmp"
printf part >&3
if [ -z "${GS_QUICK-}" ]; then
	check "after a minute, too" poll_until 75 gs stat slow.tmp
	printf ' and rest' >&3
	check_eq "who still writes it writes the session" "$(gs get slow.tmp)" 'part and rest'
	mv "$active/slow.tmp" "$active/slow"
	check_eq "and renames that" "$(gs get slow)" 'part and rest'
	check_eq "so does one whose ring went" "$(poll_until 10 gs stat of_ring2.tmp; gs get of_ring2.tmp)" kept
	check "and that of a namespace that went gives its place back" poll_until 10 grep -qx 'staged.files 0' "$tmp/short/control/node/mount"
	check_eq "and is counted" "$lost $(sed -n 's/^staged.lost //p' "$tmp/short/control/node/mount")" "0 1"
fi
exec 3>&-
stop_mount "$tmp/short"

# ---- a full ring ----

stop_mount "$tmp/mnt"
stop_manager
cat > "$tmp/conf" <<-'EOF'
	[ring active]
	capacity = 60
	reserve = 4
	[ring warm]
	capacity = 64
	[ring cold]
	capacity = 64
	on_full = refuse
EOF
new_instance
start_manager "$tmp/conf"
start_mount "$tmp/mnt"
printf value > "$active/late.tmp"
i=0
while [ "$i" -lt 1000 ] && printf x 2>/dev/null > "$active/f$i"; do
	i=$((i + 1))
done
check_not "into full rings it is not renamed" mv "$active/late.tmp" "$active/late"
check_match "with ENOSPC" "$output" 'No space left'
check_eq "and stays" "$(cat "$active/late.tmp") $(mount_of files)" "value 1"
far=$(for i in $(seq 0 $((i - 1))); do [ ! -e "$tmp/mnt/sessions/active/f$i" ] || gs stat "f$i" | grep -q '^ring *cold' || continue; echo "f$i"; break; done)
printf anew > "$active/far.tmp"
check_eq "where its ring has no room a session is replaced where it is" "$(mv "$active/far.tmp" "$active/$far" 2>&1; gs get "$far"; gs stat "$far" | awk '$1 == "ring" { print " " $2 }')" "anew cold"
check_eq "and the temporary file is gone" "$(mount_of files)" 1
mkdir "$tmp/late"
"$GSESSION_FS" -f -i "$INSTANCE" "$tmp/late" 2> "$tmp/late.log" &
late=$!
cleanup_fn stop_mount "$tmp/late"
poll_until 10 is_mounted "$tmp/late"
printf lost > "$tmp/late/sessions/active/lost.tmp"
stop_mount "$tmp/late"
wait "$late"
check_match "what cannot become a session when the mount ends is named in the log" "$(cat "$tmp/late.log")" '1 temporary files .* are lost: No space left'
check_match "and in the daemon's last_error, which outlives the mount's" "$(gs show last_error)" 'cannot become sessions, and are lost'
rm "$active/f1"
check "when there is room it is" poll_until 5 mv "$active/late.tmp" "$active/late"
check_eq "whole" "$(gs get late)" value
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the sessions of a ring in a file outlive a reboot; a file or disk that is no good costs a sentence and nothing else.
. "${0%/*}/../lib/functions.sh"
new_instance
export GSESSION_STATE_DIR=$tmp/state
disk=$tmp/disk
file=$disk/sessions@cold.0

cat > "$tmp/file.conf" <<-CONF
	[ring active]
	capacity = 256
	reserve = 0
	[ring warm]
	capacity = 256
	[ring cold]
	capacity = 512
	store = file:$disk
CONF

ring_stat() {
	gs show sessions/rings/cold/stats | sed -n "s/^$1 //p"
}
# A sync that began after now is through.
wait_synced() {
	local n
	n=$(ring_stat syncs)
	poll_until 10 eval '[ "$(ring_stat syncs)" -ge $((n + 2)) ]'
}
# As after a reboot, all but the disk is gone.
lose_memory() {
	rm -rf "${GSESSION_SHM_DIR:?}/$INSTANCE"
}
said() {
	cat "$tmp/manager.out"
}
in_cold() {
	gs ls cold | awk '{ print $1 }' | grep -v '^KEY' | sort | xargs
}

# ---- a reboot ----
start_manager "$tmp/file.conf"
check_eq "the ring lies where the file says" "$(gs show sessions/rings/cold/store)" "file:$disk"
check_eq "the others in memory" "$(gs show sessions/rings/warm/store)" shm
check_eq "its directory is for nobody else" "$(stat -c '%a' "$disk")" 700
check_eq "nor are its files" "$(stat -c '%a' "$disk"/* | sort -u)" 600
for k in a b c; do
	gs put --owner me "$k" <<< "value of $k"
	gs mv "$k" cold
done
head -c 3000 /dev/urandom > "$tmp/large"
gs put --ttl 1h large < "$tmp/large"
gs mv large cold
gs put inner <<< inner
gs put gone <<< gone
gs mv gone cold
gs del gone
gs put back <<< back
gs mv back cold
gs mv back active
before=$(gs --json stat a)
kill_manager
lose_memory
start_manager "$tmp/file.conf"
check_eq "after a reboot each session of the ring is there, and no other" "$(in_cold)" "a b c large"
check_match "it is said how many" "$(said)" 'table sessions: found 4 sessions on disks \(over 2, damaged 0, without a place 0\)'
check_match "and an event" "$(gs show events)" ' found table=sessions sessions=4 '
check_eq "with its value" "$(gs get b)" "value of b"
check "whatever its size" cmp <(gs get large) "$tmp/large"
fields() {
	python3 -c '
import json, sys
s = json.loads(sys.argv[1])
s = s[0] if isinstance(s, list) else s
print({k: v for k, v in s.items() if k not in ("ring", "interest", "ttl_ms", "idle_ms", "inode", "rate", "leaves_ms", "remaining_ms", "why")})' "$1"
}
diag "$before"
check_eq "its owner, version and times by the wall clock" "$(fields "$(gs --json stat a)")" "$(fields "$before")"
check_status 1 "what had ended stays ended" "$GSESSION" -i "$INSTANCE" get gone
check_status 1 "what was only in memory is lost" "$GSESSION" -i "$INSTANCE" get inner
check_status 1 "so is what had been brought there" "$GSESSION" -i "$INSTANCE" get back
check "audit is clean" gs audit

# ---- a restart ----
gs put more <<< more
gs mv more cold
gs del c
kill_manager
start_manager "$tmp/file.conf"
check "what was asked for came in" test "$(gs stat large | grep -c active)" -gt 0
check_eq "a restart keeps the ring as it is" "$(in_cold)" "a more"
check "audit is clean" gs audit
check "slots that wait for the disk come back" poll_until 10 eval '[ "$(ring_stat waiting)" = 0 ]'

# ---- a store that cannot change ----
sed "s#^store = .*#store = file:$tmp/elsewhere#" "$tmp/file.conf" > "$tmp/other.conf"
kill_manager
check_status 2 "another directory is refused while the memory is there" timeout 10 "$GSESSIOND" -i "$INSTANCE" -c "$tmp/other.conf"
check_match "with what to do" "$output" "ring cold lies in $disk, the configuration says store = file:$tmp/elsewhere: give the old value back"
start_manager "$tmp/file.conf"
check_eq "and nothing is lost" "$(in_cold)" "a more"
check_not "at run time" gs set sessions/rings/cold/store shm
check_match "it cannot change either" "$output" 'it is fixed when the daemon starts'
# ---- another daemon ----
first=$INSTANCE first_pid=$MANAGER_PID
INSTANCE=$first-2
start_manager "$tmp/file.conf"
check_match "a directory that another daemon uses: a sentence" "$(said)" "ring cold: $disk is used by another gsessiond: the ring is kept in memory"
check_eq "and its sessions are its own" "$(in_cold)" ""
stop_manager
INSTANCE=$first MANAGER_PID=$first_pid
check_eq "those of the first are there" "$(in_cold)" "a more"

# ---- killed while it looks for them ----
if strace -o /dev/null -e inject=fdatasync:error=EIO true 2>/dev/null; then
	wait_synced
	kill_manager
	lost=
	for when in 1 2 4 5 7 8 10 11 12; do
		lose_memory
		{
			timeout 20 strace -f -o /dev/null -e trace=fdatasync -e "inject=fdatasync:signal=KILL:when=$when" \
				"$GSESSIOND" -i "$INSTANCE" -c "$tmp/file.conf" >/dev/null </dev/null
		} 2>/dev/null
		# On a slow host the time was over before the kill.
		pid=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid" 2>/dev/null) && kill -KILL "$pid" 2>/dev/null
		[ -z "$pid" ] || wait_gone "$pid"
		start_manager "$tmp/file.conf"
		[ "$(in_cold)" = "a more" ] || lost+=" $when:$(in_cold)"
		gs audit >/dev/null || lost+=" $when:audit"
		kill_manager
	done
	check_eq "a daemon killed at any sync of that: the next one finds the same" "$lost" ""
	start_manager "$tmp/file.conf"
else
	skip "a daemon killed while it looks for them" "strace cannot be used here"
fi

# ---- files that are no good, all memory lost ----
bad_file() {
	local name=$1 fault=$2
	kill_manager
	lose_memory
	rm -f "$disk"/*.bad
	eval "$3"
	start_manager "$tmp/file.conf"
	check_match "a file that is $name: a sentence" "$(said)" "ring cold: $file: $fault: set aside as sessions@cold.0.bad, the ring begins empty"
	check "it is kept" test -e "$file.bad"
	check_match "control/last_error has it" "$(gs show last_error)" "$fault"
	gs put fresh <<< fresh
	check "and the ring works" gs mv fresh cold
	check "audit is clean" gs audit
}
wait_synced
bad_file "cut short" "cut short" 'truncate -s 20000 "$file"'
bad_file "empty" "cut short" ': > "$file"'
bad_file "garbage" "no file of gsession" 'head -c 100000 /dev/urandom > "$file"'
# Where a member of the file's header is, by gsession-shm(7).
at() {
	local row
	row=$(sed -n '/^\.Sh T\.R\.C$/,/^\.Sh [^T]/s/^\.It Li "\(0x[0-9a-f]*\) .* '"$1"'.*"$/\1/p' "$srctop/man/gsession-shm.7")
	echo $((row))
}
bad_file "of another ABI" "made by another version of gsession" \
	'printf "\143" | dd of="$file" bs=1 seek="$(at abi_major)" conv=notrunc status=none'
bad_file "damaged in its header" "header damaged" \
	'printf "\377" | dd of="$file" bs=1 seek="$(at sip_k0)" conv=notrunc status=none'

# ---- one of another version does not make room for the next ----
kill_manager
lose_memory
printf '\143' | dd of="$file" bs=1 seek="$(at abi_major)" conv=notrunc status=none
cp "$file" "$tmp/other_version"
start_manager "$tmp/file.conf"
check_match "beside one that is kept it has another name" "$(said)" "set aside as sessions@cold.0.bad.2, the ring begins empty"
for i in 3 4; do
	kill_manager
	lose_memory
	: > "$file"
	start_manager "$tmp/file.conf"
done
check "it is what it was" cmp "$file.bad.2" "$tmp/other_version"
check "as are the others" test -e "$file.bad" -a -e "$file.bad.3" -a -e "$file.bad.4"

# ---- files that are no good, the memory is there ----
for what in missing cut; do
	gs put "kept-$what" <<< kept
	gs put "lost-$what" <<< lost
	gs mv "lost-$what" cold
	kill_manager
	rm -f "$disk"/*.bad*
	if [ "$what" = missing ]; then
		rm "$disk"/sessions@cold.?
	else
		for f in "$disk"/sessions@cold.?; do
			cp "$f" "$f.copy" && mv "$f.copy" "$f" && truncate -s 8192 "$f"
		done
	fi
	start_manager "$tmp/file.conf"
	check_match "a file that is $what at a restart: a sentence" "$(said)" "ring cold: $file: (missing|cut short): set aside"
	check_match "and how many are lost" "$(said)" 'table sessions: [0-9]+ sessions are lost with their files'
	check_eq "the sessions of other rings are there" "$(gs get "kept-$what")" kept
	check_status 1 "those of the ring are not" "$GSESSION" -i "$INSTANCE" get "lost-$what"
	gs put "new-$what" <<< new
	check "the ring works" gs mv "new-$what" cold
	check "audit is clean" gs audit
	poll_until 10 eval 'gs audit >/dev/null'
done
stop_manager

# ---- directories that are no good ----
no_directory() {
	local sentence=$1 match=$2 conf=$3
	lose_memory
	start_manager "$conf"
	check_match "$sentence: a sentence" "$(said)" "$match"
	check_eq "the ring is in memory" "$(gs show sessions/rings/cold/store)" shm
	gs put k <<< k
	check "and works" gs mv k cold
	stop_manager
	# What is in force does not count against the file.
	start_manager "$conf"
	check_eq "at a restart too" "$(gs get k)" k
	stop_manager
}
conf_for() {
	sed "s#^store = .*#store = file:$1#" "$tmp/file.conf" > "$tmp/no.conf"
}
: > "$tmp/plain"
conf_for "$tmp/plain"
no_directory "a directory that is a file" "ring cold: $tmp/plain: .*: the ring is kept in memory" "$tmp/no.conf"
mkdir "$tmp/open"
chmod 755 "$tmp/open"
conf_for "$tmp/open"
no_directory "one that is open to others" "ring cold: $tmp/open is open to others \\(mode 755\\): chmod 700" "$tmp/no.conf"
mkdir -m 700 "$tmp/real"
ln -s "$tmp/real" "$tmp/link"
conf_for "$tmp/link"
no_directory "a symbolic link" "ring cold: $tmp/link: .*: the ring is kept in memory" "$tmp/no.conf"
if [ "$(id -u)" -eq 0 ]; then
	mkdir -m 700 "$tmp/theirs"
	chown 12345 "$tmp/theirs"
	conf_for "$tmp/theirs"
	no_directory "somebody else's" "ring cold: $tmp/theirs belongs to uid 12345, not to us" "$tmp/no.conf"
else
	skip "somebody else's directory" "only root may make one"
fi

# ---- purge ----
lose_memory
start_manager "$tmp/file.conf"
gs put k <<< k
gs mv k cold
stop_manager
check "--purge" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/file.conf" --purge
check_eq "ends the sessions on disks too" "$(ls "$disk" | grep -v bad)" ""
start_manager "$tmp/file.conf"
gs put k <<< k
gs mv k cold
stop_manager
lose_memory
check "--purge without memory" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/file.conf" --purge
start_manager "$tmp/file.conf"
check_status 1 "ends them as well" "$GSESSION" -i "$INSTANCE" get k
stop_manager

# ---- the default ----
: > "$tmp/empty.conf"
lose_memory
start_manager "$tmp/empty.conf"
check_eq "by default cold lies below the state directory" "$(gs show sessions/rings/cold/store)" "file:$GSESSION_STATE_DIR/$INSTANCE/cold"
check_eq "and only cold" "$(for r in active warm suspect; do gs show sessions/rings/$r/store; done | sort -u)" shm
check "a reload changes nothing" gs set ctl reload
check_eq "of that" "$(gs show sessions/rings/cold/store)" "file:$GSESSION_STATE_DIR/$INSTANCE/cold"
stop_manager
lose_memory
unset GSESSION_STATE_DIR
start_manager "$tmp/empty.conf"
check_eq "without a state directory it lies in memory" "$(gs show sessions/rings/cold/store)" shm
stop_manager
done_testing

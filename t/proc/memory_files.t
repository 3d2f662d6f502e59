#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: memory that is not ours, not whole, of another version or of another shape is refused with the file and the remedy, and nothing of it is lost.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
: > "$tmp/defaults.conf"

# start CONF: a daemon that is to fail, in the foreground; one that does not is ended.
start() {
	timeout 10 "$GSESSIOND" -i "$INSTANCE" -c "$1"
}

# put back what was saved, and see that nothing is lost
check_nothing_lost() {
	cp -a "$tmp/saved/." "$shm"
	start_manager
	check_eq "$1: with the right file back every session is there" "$("$client" verify "$INSTANCE" 2>&1)" "300 whole, 0 torn"
	stop_manager
}

# refused STATUS SENTENCE REGEX
refused() {
	check_status "$1" "$2" start "$tmp/defaults.conf"
	check_match "$2: says which and why" "$output" "$3"
	check_match "$2: and what to do" "$output" 'to lose the sessions, gsessiond --purge'
	check_not "$2: nothing listens" test -e "$GSESSION_RUN_DIR/$INSTANCE.sock"
}

start_manager
"$client" fill "$INSTANCE" 300
gs mv "$(gs ls --limit 1)" warm
stop_manager
shm=$GSESSION_SHM_DIR/$INSTANCE
cp -a "$shm" "$tmp/saved"

# ---- cut short, or too long ----
for f in sessions.ctl sessions.idx sessions.ctx sessions.evt sessions.0.0 sessions.2.3; do
	truncate -s -1 "$shm/$f"
	refused 5 "$f cut by a byte" "gsessiond: table sessions: $f: cut short"
	truncate -s 0 "$shm/$f"
	refused 5 "$f emptied" "$f: cut short"
	cp -a "$tmp/saved/$f" "$shm"
	truncate -s +4096 "$shm/$f"
	refused 5 "$f grown by a page" "$f: cut short"
	cp -a "$tmp/saved/$f" "$shm"
done
check_nothing_lost "cut short"

# ---- missing, or no file ----
for f in sessions.idx sessions.ctx sessions.evt sessions.1.1; do
	rm "$shm/$f"
	refused 5 "$f missing" "$f: (No such file|missing)"
	mkdir "$shm/$f"
	refused 5 "$f a directory" "$f: "
	rmdir "$shm/$f"
	ln -s "$tmp/saved/$f" "$shm/$f"
	refused 5 "$f a symbolic link" "$f: "
	rm "$shm/$f"
	cp -a "$tmp/saved/$f" "$shm"
done
check_nothing_lost "missing"

# ---- foreign ----
other=$INSTANCE-other
"$GSESSIOND" -i "$other" -c "$tmp/defaults.conf" --detach >/dev/null 2>&1
other_pid=$(cat "$GSESSION_RUN_DIR/$other.pid")
end_process "$other_pid"
for f in sessions.idx sessions.0.0 sessions.3.3; do
	cp "$GSESSION_SHM_DIR/$other/$f" "$shm/$f"
	refused 5 "another store's $f" "$f: belongs to another table"
	cp -a "$tmp/saved/$f" "$shm"
done
for f in sessions.ctl sessions.idx sessions.0.0; do
	head -c "$(stat -c %s "$tmp/saved/$f")" /dev/urandom > "$shm/$f"
	refused 5 "$f of something else" "$f: (no table of ours|belongs to another table)"
	cp -a "$tmp/saved/$f" "$shm"
done
check_nothing_lost "foreign"

# ---- damaged, or of another version ----
# poke FILE OFFSET BYTES
poke() {
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
poke "$shm/sessions.ctl" 8 '\x63'
refused 5 "another ABI" 'sessions\.ctl: made by another version of gsession'
cp -a "$tmp/saved/sessions.ctl" "$shm"
poke "$shm/sessions.ctl" 12 '\x63'
refused 5 "a later ABI" 'sessions\.ctl: made by another version of gsession'
cp -a "$tmp/saved/sessions.ctl" "$shm"
poke "$shm/sessions.ctl" 16 '\x01\x02\x03\x04\x05\x06\x07\x08'
refused 5 "another byte order" 'sessions\.ctl: made by another version of gsession'
cp -a "$tmp/saved/sessions.ctl" "$shm"
for offset in 24 40 56 64 72 80 84 88 92 176; do
	poke "$shm/sessions.ctl" "$offset" '\xa5\x5a'
	refused 5 "a header damaged at $offset" 'sessions\.ctl: (header damaged|made by another version)'
	cp -a "$tmp/saved/sessions.ctl" "$shm"
done
poke "$shm/sessions.0.0" 32 '\xff\xff\xff\x7f'
refused 5 "an arena's header damaged" 'sessions\.0\.0: header damaged'
cp -a "$tmp/saved/sessions.0.0" "$shm"
check_nothing_lost "damaged"

# ---- another shape ----
# shape NAME CONF REGEX
shape() {
	printf '%b' "$2" > "$tmp/shape.conf"
	check_status "${4-2}" "another $1 is refused" start "$tmp/shape.conf"
	check_match "another $1: with both values" "$output" "$3"
	check_match "another $1: and what to do" "$output" 'give the old value back, or, to lose the sessions, gsessiond --purge'
}
shape record_size '[table sessions]\nrecord_size = 4K\n' 'table sessions: the memory has record_size 8192, the configuration 4096'
shape key_max '[table sessions]\nkey_max = 64\n' 'key_max 255, the configuration 64'
shape slot_sizes '[table sessions]\nslot_sizes = 512 768 2K\n' 'slot size 384, the configuration 512'
shape "number of slot_sizes" '[table sessions]\nslot_sizes = 384 2K\n' 'slot_sizes'
shape max_sessions '[table sessions]\nmax_sessions = 100000\n' 'max_sessions 75520, the configuration says 100000'
shape "set of rings" '[table sessions]\nmax_sessions = 75520\n[ring active]\ndecay_to = cold\n' 'the memory has a ring warm, the configuration has none'
check_nothing_lost "another shape"

# ---- rings that a file adds, enlarges, and takes away again ----
printf '[table sessions]\nmax_sessions = 75520\n[ring active]\ncapacity = 9000\n[ring cold]\ndecay_to = frozen\n[ring frozen]\nttl = 20d\ncapacity = 100\n' > "$tmp/shape.conf"
start_manager "$tmp/shape.conf"
check_eq "a ring that the file adds is made" "$(gs show sessions/rings/frozen/state)" on
check_eq "and one that it enlarges is larger" "$(gs show sessions/rings/active/capacity)" 9000
check "the memory is sound" gs audit
stop_manager
start_manager "$tmp/defaults.conf"
check_not "one without sessions that the file has no more goes" gs show sessions/rings/frozen/state
check "the memory is sound, too" gs audit
stop_manager
check_nothing_lost "rings more and fewer"

# ---- the directory ----
chmod 755 "$shm"
check_status 4 "a directory that others can look into is refused" start "$tmp/defaults.conf"
check_match "with its mode and what to do" "$output" "$shm is open to others \\(mode 755\\): chmod 700"
chmod 700 "$shm"
if [ "$(id -u)" -eq 0 ]; then
	chown 65534 "$shm"
	check_status 4 "somebody else's directory is refused" start "$tmp/defaults.conf"
	check_match "with his uid and what to do" "$output" "$shm belongs to uid 65534, not to us: remove it, or choose another instance"
	chown 0 "$shm"
else
	skip "somebody else's directory is refused" "only root can make one"
fi
mv "$shm" "$shm.moved"
ln -s "$shm.moved" "$shm"
check_status 5 "a symbolic link in its place is refused" start "$tmp/defaults.conf"
check_match "by name" "$output" "$shm: "
rm "$shm"
mv "$shm.moved" "$shm"
check_nothing_lost "the directory"

if [ "$(stat -f -c %T "$tmp")" != tmpfs ]; then
	check_status 4 "what is not a tmpfs is refused" env GSESSION_SHM_DIR="$tmp/disk" "$GSESSIOND" -i "$INSTANCE" -c "$tmp/defaults.conf"
	check_match "with what to do" "$output" "$tmp/disk/$INSTANCE is not on a tmpfs: set GSESSION_SHM_DIR to a directory on one"
else
	skip "what is not a tmpfs is refused" "$tmp is on a tmpfs"
fi
done_testing

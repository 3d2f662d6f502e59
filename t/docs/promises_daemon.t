#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the daemon does what gsessiond(8) says: its files, its signals, what a restart keeps, and every refusal with its exit status.
. "${0%/*}/../lib/functions.sh"
manual=$srctop/man/gsessiond.8
requires "gsessiond is not built" test -x "$GSESSIOND"
new_instance
dir=$GSESSION_SHM_DIR/$INSTANCE
export GSESSION_STATE_DIR=$tmp/state
disk=$GSESSION_STATE_DIR/$INSTANCE/cold
conf=$tmp/gsession.conf
daemon() {
	"$GSESSIOND" -i "$INSTANCE" -c "$conf" "$@"
}
: > "$conf"

# Files
start_manager "$conf"
stop_manager
: > "$disk/sessions@cold.1"
start_manager "$conf"
listed=$(sed -nE '/^\.Sh FILES/,/^\.Sh EXIT/ s/^\.It Pa (TABLE|conf|lock)(.*)/\1\2/p' "$manual" | sed 's/ , /\n/' | sort)
there=$(cd "$dir" && printf '%s\n' * | sed -E 's/^sessions\.[0-9]+\.[0-9]+$/TABLE.R.C/; s/^sessions\./TABLE./' | sort -u
	cd "$disk" && printf '%s\n' * | sed -E 's/^sessions@cold\.[0-9]+/TABLE@RING.C/; s/^sessions@cold\./TABLE@RING./' | sort -u)
check_eq "the files of the memory are those of the manual" "$(sort <<< "$there")" "$listed"
check_eq "those on disks lie in one too" "$(stat -c %a "$disk") $(stat -c %a "$disk"/* | sort -u)" "700 600"
check_eq "they lie in a directory of mode 0700, and have 0600" "$(stat -c %a "$dir") $(stat -c %a "$dir"/* | sort -u)" "700 600"
check "they take less of the tmpfs than their size" test "$(du -s --block-size=1 "$dir" | cut -f1)" -lt "$(du -s --apparent-size --block-size=1 "$dir" | cut -f1)"
check_eq "without a group the socket lets in root and the daemon's user" "$(stat -c %a "$GSESSION_RUN_DIR/$INSTANCE.sock")" 600
check_eq "the pid file has the pid" "$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")" "$MANAGER_PID"
check_status 4 "--purge refuses an instance that runs" daemon --purge
check "and leaves it alone" gs audit

# Signals, and what a restart keeps
gs put k --owner alice --ttl 1h <<< value
gs mv k warm
gs set sessions/rings/active/ttl 3m
gs set sessions/rings/active/ttl nonsense 2>/dev/null
started=$(gs show sessions/stats | sed -n 's/^started //p')
printf '[ring warm]\nttl = 40m\n' > "$conf"
kill -HUP "$MANAGER_PID"
warm_is_40m() {
	[ "$(gs show sessions/rings/warm/ttl)" = 40m ]
}
check "SIGHUP applies what changed in the file" poll_until 5 warm_is_40m
printf '[ring warm]\nttl = 41m\nnonsense\n' > "$conf"
kill -HUP "$MANAGER_PID"
check_eq "a file with an error changes nothing" "$(gs show sessions/rings/warm/ttl)" 40m
printf '[table sessions]\nrecord_size = 4K\n[ring warm]\nttl = 41m\n' > "$conf"
kill -HUP "$MANAGER_PID"
check_eq "nor does one that needs a restart" "$(gs show sessions/rings/warm/ttl)" 40m
printf '[ring warm]\nttl = 40m\n' > "$conf"
before=$(gs stat -j k)
for how in TERM INT KILL; do
	kill "-$how" "$MANAGER_PID"
	check "SIG$how ends it" wait_gone "$MANAGER_PID"
	start_manager "$conf"
	check_eq "SIG$how: the session is as it was" "$(gs stat -j k)" "$before"
	check_eq "SIG$how: its value too" "$(gs get k; gs mv k warm)" value
	before=$(gs stat -j k)
	check_eq "SIG$how: the counters go on" "$(gs show sessions/stats | sed -n 's/^started //p')" "$started"
	check_eq "SIG$how: what was changed by hand is in force" "$(gs show sessions/rings/active/ttl)" 3m
	check_eq "SIG$how: last_error begins anew" "$(gs show last_error)" ""
	check_match "SIG$how: the lines of the events too, and their numbers go on" "$(gs show events | head -1)" '^[0-9]*([02-9]|[0-9]1) [^ ]+ started .*memory=kept'
done
stop_manager
printf '[ring active]\nttl = 4m\n' > "$conf"
start_manager "$conf"
check_eq "what the file says anew wins" "$(gs show sessions/rings/active/ttl)" 4m
stop_manager
"$GSESSIOND" -i "$INSTANCE" -c "$conf" >/dev/null 2>"$tmp/log" </dev/null &
MANAGER_PID=$!
cleanup_fn end_process "$MANAGER_PID"
check "it serves in the foreground" poll_until 10 gs get k
kill -TERM "$MANAGER_PID"
wait "$MANAGER_PID"
check_eq "and its exit status is 0 when it was told to stop" "$?" 0
check_match "its messages go to standard error" "$(cat "$tmp/log")" '^gsessiond: instance .*: serving'

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace -f -o "$tmp/trace" -e trace=connect "$GSESSIOND" -i "$INSTANCE" -c "$conf" -d >/dev/null 2>&1 </dev/null &
	traced=$!
	check "with -d they go to syslog from when it serves" poll_until 10 grep -q '/dev/log' "$tmp/trace"
	kill -TERM "$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")"
	wait "$traced"
else
	skip "with -d they go to syslog from when it serves" "strace cannot be used here"
fi

# Each diagnostic of the manual, words in capitals standing for anything, is looked up by a part of it.
mapfile -t diagnostics < <(sed -n '/^\.Bl -diag/,/^\.El/ s/^\.It //p' "$manual" | sed 's/\\(dq/"/g')
provoked=0
refused() {
	local status=$1 part=$2 i regex=
	shift 2
	for i in "${diagnostics[@]}"; do
		[[ $i != *"$part"* ]] || regex=$(sed -E 's/[][().*+?{}|\\^$]/\\&/g; s/\b[A-Z]+\b/.+/g' <<< "$i")
	done
	check_status "$status" "status $status: $part" "$@"
	check_match "in the words of the manual" "$output" "^gsessiond: ${regex:-not in the manual}"
	provoked=$((provoked + 1))
}
shaped() {
	printf '%s\n' "$@" > "$conf"
	daemon -d
}

refused 2 'WHAT IS ALLOWED' shaped '[ring active]' 'ttl = 5x'
check_status 2 "-t finds it as well" daemon -t
refused 2 'the memory has' shaped '[table sessions]' 'record_size = 4K'
refused 2 'the memory has' shaped '[table sessions]' 'key_max = 100'
refused 2 'the memory has' shaped '[table sessions]' 'slot_sizes = 512'
provoked=$((provoked - 2))
refused 2 'the memory was made for' shaped '[ring active]' 'capacity = 20000'
refused 2 'the configuration says store' shaped '[ring cold]' "store = file:$tmp/elsewhere"
: > "$conf"
check "-t finds nothing in a right one" daemon -t
check_eq "and says so" "$output" "configuration ok"
start_manager "$conf"
refused 4 'gsessiond runs already' daemon -d
refused 4 'is served by another gsessiond' env GSESSION_RUN_DIR="$tmp/other" "$GSESSIOND" -i "$INSTANCE" -c "$conf" -d
stop_manager
chmod 750 "$dir"
refused 4 'is open to others' daemon -d
chmod 700 "$dir"
if [ "$(id -u)" -eq 0 ]; then
	chown 12345 "$dir"
	refused 4 'belongs to uid' daemon -d
	chown 0 "$dir"
else
	provoked=$((provoked + 1))
fi
mkdir "$tmp/disk"
if [ "$(stat -f -c %T "$tmp/disk")" != tmpfs ]; then
	refused 4 'is not on a tmpfs' env GSESSION_SHM_DIR="$tmp/disk" "$GSESSIOND" -i "$INSTANCE" -c "$conf" -d
else
	provoked=$((provoked + 1))
fi
refused 2 'the path of a socket' env GSESSION_RUN_DIR="$tmp/$(printf 'x%.0s' {1..100})" "$GSESSIOND" -i "$INSTANCE" -c "$conf" -d

# Bytes of the memory that are not ours. The version is at 8, the geometry behind it is under a checksum.
damaged() {
	local file=$1 at=$2
	cp "$dir/$file" "$tmp/kept"
	printf '\377\377' | dd of="$dir/$file" bs=1 seek="$at" conv=notrunc status=none
	daemon -d
	local status=$?
	cp "$tmp/kept" "$dir/$file"
	return "$status"
}
cut_short() {
	cp "$dir/$1" "$tmp/kept"
	truncate -s 100 "$dir/$1"
	daemon -d
	local status=$?
	cp "$tmp/kept" "$dir/$1"
	return "$status"
}
refused 5 'made by another version' damaged sessions.ctl 8
refused 5 'cut short, or no table' cut_short sessions.ctl
for what in 'sessions.ctl 0:no table of ours' 'sessions.ctl 64:header damaged' 'sessions.idx 8:belongs to another table'; do
	# shellcheck disable=SC2086
	check_status 5 "status 5: ${what#*:}" damaged ${what%:*}
	check_match "in the words of the manual" "$output" "^gsessiond: table sessions: .*${what#*:}"
	check "which has them" grep -qF "${what#*:}" "$manual"
done
check_status 5 "status 5: cut short" cut_short sessions.idx
mv "$dir/sessions.0.0" "$tmp/kept"
check_status 5 "status 5: missing" daemon -d
check_match "in the words of the manual" "$output" "^gsessiond: table sessions: .*missing"
check "which has it" grep -qF "Sq missing" "$manual"
mv "$tmp/kept" "$dir/sessions.0.0"
start_manager "$conf"
check_eq "after all of them the memory is as it was" "$(gs get k)" value
check "and sound" gs audit
stop_manager
check "--purge ends the instance" daemon --purge
check_not "nothing is left of it" test -e "$dir"

# Rings on disks
start_manager "$conf"
stop_manager
rm -rf "${dir:?}"
refused 2 'the file was made for' shaped '[ring cold]' 'capacity = 1000000'
check_status 2 "status 2: the file has slot size" shaped '[table sessions]' 'slot_sizes = 512 1K 4K'
check_match "in the words of the manual" "$output" '^gsessiond: table sessions: ring cold: the file has slot size [0-9]+, the configuration [0-9]+'
check "which has it" grep -qF "the file has slot size N, the configuration N" "$manual"
: > "$conf"
# The pid file is gone a little before the locks are.
end_served() {
	local pid
	pid=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null
	wait_gone "$pid"
}
served() {
	local status=0
	daemon -d || status=$?
	end_served
	return "$status"
}
gone() {
	[ ! -e "$GSESSION_RUN_DIR/$INSTANCE.pid" ]
}
: > "$disk/sessions@cold.0"
refused 0 'set aside as' served
chmod 755 "$disk"
rm -rf "${dir:?}"
refused 0 'the ring is kept in memory' served
chmod 700 "$disk"
rm -rf "${dir:?}"
if strace -o /dev/null -e inject=fdatasync:error=EIO true 2>/dev/null; then
	failing() {
		strace -f -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO "$GSESSIOND" -i "$INSTANCE" -c "$conf" \
			2>"$tmp/failing" </dev/null &
		local pid=$!
		poll_until 10 grep -q 'rings on disks' "$tmp/failing"
		kill "$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")"
		wait "$pid"
		grep 'rings on disks' "$tmp/failing"
	}
	rm -f "$disk"/*
	refused 0 'the disk does not take' failing
else
	provoked=$((provoked + 1))
fi
daemon --purge
unset GSESSION_STATE_DIR

# A small tmpfs, and a group
small() {
	mkdir -p "$tmp/small" && mount -t tmpfs -o size="$1" none "$tmp/small" && cleanup_fn umount -l "$tmp/small"
}
warned() {
	local status=0
	GSESSION_SHM_DIR=$1 daemon -d || status=$?
	end_served
	return "$status"
}
if [ "$(id -u)" -eq 0 ] && small 16M 2>/dev/null; then
	refused 0 'capacity cut' warned "$tmp/small"
	poll_until 10 gone
	umount "$tmp/small"
	small 64K
	refused 4 'the smallest store takes' warned "$tmp/small"
	umount "$tmp/small"
else
	provoked=$((provoked + 2))
fi
printf '[daemon]\ngroup = no-such-group\n' > "$conf"
refused 0 'does not exist' warned "$GSESSION_SHM_DIR"
poll_until 10 gone
if [ "$(id -u)" -eq 0 ] && getent group nogroup >/dev/null; then
	printf '[daemon]\ngroup = nogroup\n' > "$conf"
	start_manager "$conf"
	check_eq "with a group the socket lets it in" "$(stat -c '%a %G' "$GSESSION_RUN_DIR/$INSTANCE.sock")" "660 nogroup"
	stop_manager
fi
check_eq "the manual has no other diagnostics" "$provoked" "${#diagnostics[@]}"
done_testing

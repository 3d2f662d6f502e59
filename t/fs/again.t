#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a request that gsession-fs was killed over is sent again, and is done once, wherever it was killed.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9
requires "the library of a sanitizer has to be the first" sh -c "! grep -q -- -fsanitize= '$buildtop/Makefile'"
requires "python3 is not installed" command -v python3

CREATE=35 OPEN=14 RELEASE=18 RENAME=12 RENAME2=45

new_instance
start_manager
export GS_STOP_AT=$tmp/stop_at
LD_PRELOAD=$buildtop/t/fs/.libs/stop_at.so start_kept_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active
report=$tmp/mnt/control/node/mount

worker() {
	tr -d ' ' <"/proc/$KEEPER_PID/task/$KEEPER_PID/children"
}
is_stopped() {
	[ "$(sed -n 's/^State:\t//p' "/proc/$1/status" 2>/dev/null | cut -c1)" = T ]
}
# A command is begun, and at that point gsession-fs stops.
begin() {	# POINT COMMAND...
	echo "$1" > "$GS_STOP_AT"
	shift
	"$@" > "$tmp/command.out" 2>&1 &
	command=$!
	stopped=$(worker)
	poll_until 10 stops_or_ends && is_stopped "$stopped" && return
	rm -f "$GS_STOP_AT"
	wait "$command"
	return 1
}
stops_or_ends() {
	is_stopped "$stopped" || ! kill -0 "$command" 2>/dev/null
}
# It is killed, and the command is done by the next one.
finish() {
	kill -KILL "$stopped"
	echo >> "$tmp/kills"
	wait "$command"
}
killed_at() {	# POINT COMMAND...
	begin "$@" && finish
}
counted() {
	sed -n "s/^$1 //p" "$report"
}
puts_made() {
	awk '$1 == "started" || $1 == "updated" { n += $2 } END { print n }' "$tmp/mnt/control/sessions/stats"
}
value_of() {
	gs get "$1" 2>/dev/null
}
# A rename as renameat2(2) with RENAME_NOREPLACE.
rename_new() {
	python3 -c 'import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
if c.renameat2(-100, os.fsencode(sys.argv[1]), -100, os.fsencode(sys.argv[2]), 1) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))' "$1" "$2"
}

# ---- a temporary file becomes a session ----
printf old > "$active/k"
exec 5<"$active/k"
printf new > "$active/k.tmp"
before=$(puts_made)
check "killed when it was put, its rename succeeds" killed_at put mv "$active/k.tmp" "$active/k"
check_eq "it was put once" "$(value_of k) $(($(puts_made) - before))" "new 1"
check_not "the temporary name is gone" test -e "$active/k.tmp"
check_eq "who had the old one open reads that" "$(cat <&5)" old
exec 5<&-
exec 5<"$active/k"
check_eq "who opens it then reads the new one" "$(cat <&5)" new
exec 5<&-
printf second > "$active/k.tmp"
before=$(puts_made)
check "killed when it was to be answered, too" killed_at "answer $RENAME" mv "$active/k.tmp" "$active/k"
check_eq "it was put once" "$(value_of k) $(($(puts_made) - before))" "second 1"
printf first > "$active/n.tmp"
check "one that must not replace anything succeeds when it was put" killed_at put rename_new "$active/n.tmp" "$active/n"
check_eq "and is what it put" "$(value_of n) $(counted staged.files)" "first 0"
printf other > "$active/n.tmp"
check_not "and another of its kind does not" rename_new "$active/n.tmp" "$active/n"
rm "$active/n.tmp"

printf AAA > "$active/same"
printf BBB > "$active/same.tmp"
touch -r "$active/same" "$active/same.tmp"
check_eq "a session has the length and time of a temporary file" "$(stat -c '%s %.9Y' "$active/same.tmp")" "$(stat -c '%s %.9Y' "$active/same")"
check "killed before that is put its rename succeeds" killed_at "to put" mv "$active/same.tmp" "$active/same"
check_eq "and the one is not taken for the other" "$(value_of same)" BBB

# ---- who has it open ----
check "killed when its creation was to be answered it is created" killed_at "answer $CREATE" bash -c ": > '$active/o.tmp'"
check_eq "killed when its opening was to be answered it is read" "$(printf value > "$active/o.tmp"; killed_at "answer $OPEN" cat "$active/o.tmp"; cat "$tmp/command.out")" value
# Wherever they are between two locks.
n=0
for k in $(seq 40); do
	printf value > "$active/open$k.tmp"
	killed_at "unlock $OPEN $k" cat "$active/open$k.tmp" || break
	[ "$(cat "$tmp/command.out")" = value ] || diag "killed after lock $k it is not opened"
	n=$((n + 1))
done
check "killed anywhere in its opening it is opened" test "$n" -ge 2
for k in $(seq 40); do
	killed_at "unlock $CREATE $k" bash -c 'printf value > "$0"' "$active/create$k.tmp" || break
	n=$((n + 1))
done
check "and anywhere in its creation" test "$n" -ge 4
check_eq "each has what was written" "$(cat "$active"/create*.tmp | sed 's/value/&\n/g' | sort | uniq -c | xargs)" "$k value"
rm "$active"/open*.tmp "$active"/create*.tmp
check "killed when it was to be closed it is closed" killed_at "answer $RELEASE" bash -c "exec 3<'$active/o.tmp' 3<&-; ls '$active' > /dev/null"
rm "$active/o.tmp"
check_eq "and nobody has it open any more: its memory is given back" "$(poll_until 5 sh -c '! grep -q "^staged.bytes [1-9]" "$1"' - "$report"; counted staged.bytes)" 0
check "killed when one that has become a session was to be closed it is" killed_at "answer $RELEASE" \
    bash -c 'exec 3> "$0.tmp"; printf one >&3; mv "$0.tmp" "$0"; printf two >&3; exec 3>&-; stat "$0"' "$active/l"
check_eq "and so is what it had open there" "$(poll_until 5 grep -qx 'files 0' "$report"; counted files)" 0
check_eq "and it has what was written" "$(value_of l)" onetwo

# It is renamed while it is open: killed between any two locks.
cat > "$tmp/open.py" <<'PY'
import os, sys
fd = os.open(sys.argv[1] + ".tmp", os.O_RDWR | os.O_CREAT, 0o600)
os.write(fd, b"one")
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
sys.exit(os.pwrite(fd, b"two", 3) != 3 or open(sys.argv[1]).read() != "onetwo")
PY
n=0 before=$(puts_made)
for k in $(seq 60); do
	killed_at "unlock $RENAME $k" python3 "$tmp/open.py" "$active/open$k" || break
	n=$((n + 1))
done
check "killed anywhere in the rename of one that is open it goes on as the session" test "$n" -ge 4
check_eq "which was put once, and written once" "$(($(puts_made) - before))" $((2 * k))
check_eq "and nothing stays open" "$(poll_until 5 grep -qx 'files 0' "$report"; counted files)" 0

# ---- a session is renamed ----
printf from > "$active/from"
printf to > "$active/to"
begin rename mv "$active/from" "$active/to"
gs del from
check_not "a rename of what ended before it was done fails" finish
check_match "as there was nothing to rename" "$(cat "$tmp/command.out")" 'No such file'
check_eq "and what has the new name is as it was" "$(value_of to)" to
printf from > "$active/from"
exec 5<"$active/to"
check "one that was done succeeds" killed_at "answer $RENAME" mv "$active/from" "$active/to"
check_eq "and is what was renamed" "$(value_of to) $(cat <&5)" "from to"
exec 5<&-
printf from > "$active/from"
check "as does one to a new name" killed_at "answer $RENAME2" mv "$active/from" "$active/fresh"
check_eq "with what was renamed" "$(value_of fresh)" from

check "the audit is clean" gs audit
check_eq "it was taken over as often as it was killed" "$(counted restarts)" "$(wc -l < "$tmp/kills")"
done_testing

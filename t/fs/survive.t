#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession-fs is killed again and again under load, and nobody who has files open sees an error, a loss or a thing done twice.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9

loads=0
load_pids=()
load_kinds=()
kills=60
[ -z "${GS_QUICK-}" ] || kills=20

new_instance
start_manager
start_kept_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active
report=$tmp/mnt/control/node/mount

counted() {
	awk -v key="$1" '$1 == key { print $2 }' "$report"
}
worker() {
	tr -d ' ' <"/proc/$KEEPER_PID/task/$KEEPER_PID/children"
}
is_another() {
	[ -n "$(worker)" ] && [ "$(worker)" != "$1" ]
}
kill_worker() {
	local pid
	pid=$(worker)
	[ -n "$pid" ] && kill -KILL "$pid" && poll_until 10 is_another "$pid"
}

# ---- a file that is open ----
printf 'hello world' > "$active/open"
exec 5<"$active/open" 6<>"$active/staged" 7>>"$active/appended"
printf old >&6
check_eq "a file is read half" "$(head -c 5 <&5)" hello
exec 8<>"$active/locked"
flock -x 8
mkfifo "$tmp/go_on" "$tmp/go_on.many"
python3 - "$active/staged" "$tmp/go_on" >"$tmp/stager.out" <<'PY' &
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.ftruncate(fd, 0)
print("staged", flush=True)
open(sys.argv[2]).close()
os.write(fd, b"new")
PY
stager=$!
poll_until 10 grep -q staged "$tmp/stager.out"
before=$(counted pid)
check "it is killed" kill_worker
check "another serves" test "$(counted pid)" != "$before"
check_eq "which is counted" "$(counted restarts)" 1
check_eq "what was open is read on" "$(cat <&5)" " world"
check_eq "a truncation that waits for its write is not seen" "$(cat "$active/staged")" old
: > "$tmp/go_on"
wait "$stager"
check_eq "until that write" "$(cat "$active/staged")" new
printf one >&7
check_eq "what was open is appended to" "$(cat "$active/appended")" one
check_not "a lock is held on" flock -n "$active/locked" true
exec 8>&-
check "until its file is closed" flock -n "$active/locked" true
exec 5<&- 6>&- 7>&-
check_eq "nothing stays open" "$(poll_until 5 test "$(counted files)" = 0; counted files)" 0

# ---- an end while it is open ----
printf doomed > "$active/doomed"
exec 5<"$active/doomed"
rm "$active/doomed"
kill_worker
check_eq "what ended while it was open is read on" "$(cat <&5)" doomed
check_not "and does not come back" test -e "$active/doomed"
exec 5<&-

# ---- many open ----
python3 - "$active" "$tmp/many" "$tmp/go_on.many" <<'PY' &
import os, resource, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
n = min(10000, hard - 50)
resource.setrlimit(resource.RLIMIT_NOFILE, (n + 50, hard))
fds = []
for i in range(n):
    fd = os.open(f"{sys.argv[1]}/many{i}", os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(fd, b"%d" % i, 0)
    fds.append(fd)
open(sys.argv[2] + ".open", "w").close()
open(sys.argv[3]).close()
bad = [i for i, fd in enumerate(fds) if os.pread(fd, 100, 0) != b"%d" % i]
sys.exit(f"not what was written: {bad[:10]}" if bad else 0)
PY
many=$!
poll_until 30 test -e "$tmp/many.open"
check "with ten thousand open files it is killed" kill_worker
: > "$tmp/go_on.many"
check "each is its own still" wait "$many"
rm -f "$active"/many*

# ---- under load ----
for kind in php php append append excl rename temporary overwrite move; do
	loads=$((loads + 1))
	python3 "$testdir/survive_load.py" "$kind" "$active" "$tmp/stop" >"$tmp/load.$loads.out" 2>&1 &
	load_pids+=($!)
	load_kinds+=("$kind")
done
for ((i = 0; i < kills; i++)); do
	kill_worker || diag "there is no other worker after kill $i"
	sleep "0.0$((RANDOM % 9))"
done
: > "$tmp/stop"
php_rounds=0
for ((i = 0; i < loads; i++)); do
	check "${load_kinds[i]} goes on through $kills kills" wait "${load_pids[i]}"
	rounds=$(cat "$tmp/load.$((i + 1)).out")
	check_match "... and went round: $rounds" "$rounds" '^[1-9][0-9]*$'
	[ "${load_kinds[i]}" != php ] || php_rounds=$((php_rounds + rounds))
done
check_eq "the two that raised a counter under a lock lost none and raised none twice" "$(cat "$active/sess_shared")" "count|i:$php_rounds;"
# One that is killed before it has taken over counts for nothing.
check "it was taken over again and again" test "$(counted restarts)" -ge $((kills / 2))
check_eq "nothing stays open" "$(poll_until 5 test "$(counted files)" = 0; counted files)" 0
check "the audit is clean" gs audit

done_testing

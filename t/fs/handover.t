#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: from one gsession-fs to the next: no event is lost or twice, what was done and not answered is not done again, upgrade, and the end of the keeper.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3
requires "before Linux 6.9 requests are not sent again" test "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" = 6.9

new_instance
start_manager
start_kept_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active
warm=$tmp/mnt/sessions/warm
control=$tmp/mnt/control

worker() {
	tr -d ' ' <"/proc/$KEEPER_PID/task/$KEEPER_PID/children"
}
is_another() {
	[ -n "$(worker)" ] && [ "$(worker)" != "$1" ]
}
end_worker() {
	local pid
	pid=$(worker)
	kill "-$1" "$pid" && poll_until 10 is_another "$pid"
}
restarts() {
	awk '$1 == "restarts" { print $2 }' "$control/node/mount"
}

# ---- events ----
cat "$control/events_pipe" >"$tmp/pipe.out" &
pipe=$!
tail -n +1 -f "$control/events" >"$tmp/tail.out" 2>"$tmp/tail.err" &
tail=$!
cleanup_fn kill "$pipe" "$tail"
python3 - "$control/events.counts" "$tmp/polled" <<'PY' &
import select, sys
f = open(sys.argv[1])
f.read()
open(sys.argv[2], "w").close()
p = select.poll()
p.register(f, select.POLLPRI | select.POLLERR)
sys.exit(0 if p.poll(20000) else 1)
PY
poller=$!
is_told() {
	grep -q -- "$1" "$tmp/pipe.out" && grep -q -- "$1" "$tmp/tail.out"
}
# What was before the pipe was opened it does not tell.
is_told_anew() {
	: > "$active/first"
	rm "$active/first"
	is_told first
}
check "the readers read" poll_until 10 is_told_anew
for ((i = 0; i < 15; i++)); do
	: > "$active/e$i"
	end_worker KILL
	rm "$active/e$i"
done
: > "$active/last"
check "after 15 kills they still do" poll_until 20 is_told last
kill "$pipe" "$tail"
wait "$pipe" "$tail" 2>/dev/null
numbers() {
	sed -n 's/^\([0-9][0-9]*\) .*/\1/p' "$1" | sed -n '/./p'
}
for out in pipe tail; do
	from=$(numbers "$tmp/$out.out" | head -n 1)
	to=$(numbers "$tmp/$out.out" | tail -n 1)
	check "$out was told of many" test $((to - from)) -ge 30
	check_eq "of each once, in order" "$(numbers "$tmp/$out.out" | md5sum)" "$(seq "$from" "$to" | md5sum)"
done
check_eq "tail had nothing to complain of" "$(cat "$tmp/tail.err")" ""
check "who polls is woken, or woke before" wait "$poller"

# A poll that waits when its process dies.
python3 - "$control/events.counts" "$tmp/go" <<'PY' >"$tmp/poll.out" &
import select, sys
f = open(sys.argv[1])
f.read()
p = select.poll()
p.register(f, select.POLLPRI)
print("waits", flush=True)
print(bool(p.poll(20000)), flush=True)
PY
poller=$!
is_polling() {
	grep -q waits "$tmp/poll.out" && grep -q poll "/proc/$poller/wchan"
}
poll_until 10 is_polling
end_worker KILL
: > "$active/wakes"
wait "$poller"
check_eq "a poll of before is woken by what comes after" "$(tail -n 1 "$tmp/poll.out")" True
rm -f "$active"/*

# ---- done, and not answered ----
if command -v strace >/dev/null; then
	# die_at N COMMAND...: instead of the Nth answer of a thread of its the worker dies. The command is to succeed all the same.
	die_at() {
		local n=$1
		shift
		local pid tracer status
		pid=$(worker)
		strace -f -qq -e trace=writev -e "inject=writev:signal=KILL:when=$n" -p "$pid" >"$tmp/strace.out" 2>&1 &
		tracer=$!
		is_traced() {
			grep -q "^TracerPid:[[:space:]]*[1-9]" "/proc/$pid/task/$pid/status"
		}
		poll_until 10 is_traced
		run_quietly "$@"
		status=$?
		# It may have needed fewer answers.
		kill -INT "$tracer" 2>/dev/null
		wait "$tracer" 2>/dev/null
		[ "$status" -eq 0 ] || diag "answer $n: $output"
		return "$status"
	}
	exec 5>>"$active/appended"
	check "an append is not answered" die_at 1 bash -c "echo once >&5"
	check_eq "and is there once" "$(cat "$active/appended")" once
	check "nor another" die_at 1 bash -c "echo once >&5"
	check_eq "and is there once too" "$(cat "$active/appended")" $'once\nonce'
	exec 5>&-
	rm "$active/appended"

	cat > "$tmp/names.py" <<'PY'
import os, sys, time
active, warm, rings = sys.argv[1:4]
def is_there(path):
    return os.path.exists(path)
fd = os.open(f"{active}/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
os.write(fd, b"value")
os.close(fd)
os.rename(f"{active}/new", f"{active}/named")
os.rename(f"{active}/named", f"{warm}/named")
os.unlink(f"{warm}/named")
fd = os.open(f"{active}/a.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
os.write(fd, b"a")
os.write(fd, b"b")
os.close(fd)
os.rename(f"{active}/a.tmp", f"{active}/a")
assert open(f"{active}/a").read() == "ab"
os.unlink(f"{active}/a")
fd = os.open(f"{active}/gone.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
os.unlink(f"{active}/gone.tmp")
os.close(fd)
os.listdir(rings)
fd = os.open(f"{active}/cut", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
os.write(fd, b"long value")
os.ftruncate(fd, 0)
os.pwrite(fd, b"short", 0)
os.close(fd)
assert open(f"{active}/cut").read() == "short"
os.close(os.open(f"{active}/cut", os.O_WRONLY | os.O_TRUNC))
# the kernel tells of the close when it likes: close(2) does not wait for RELEASE
end = time.monotonic() + 10
while open(f"{active}/cut").read() != "":
    assert time.monotonic() < end, "a truncation that no write followed is not there after its close"
os.unlink(f"{active}/cut")
assert not os.listdir(active), os.listdir(active)
PY
	failed=0
	died=0
	for n in {1..20} {1..20}; do
		before=$(restarts)
		die_at "$n" python3 "$tmp/names.py" "$active" "$warm" "$control/sessions/rings" || failed=$((failed + 1))
		[ "$(restarts)" = "$before" ] || died=$((died + 1))
	done
	check_eq "whatever answer does not get out, names are created, renamed, moved and removed once" "$failed" 0
	check "died $died times in their midst" test "$died" -ge 20
else
	skip "what was done and not answered is not done again" "strace is not installed"
fi

# ---- upgrade ----
for kind in append excl php; do
	python3 "$testdir/survive_load.py" "$kind" "$active" "$tmp/stop" >"$tmp/$kind.out" 2>&1 &
	load+=($!)
done
for ((i = 0; i < 5; i++)); do
	pid=$(worker)
	kill -HUP "$KEEPER_PID"
	check "SIGHUP to the keeper: another serves" poll_until 10 is_another "$pid"
done
: > "$tmp/stop"
for pid in "${load[@]}"; do
	wait "$pid" || failed_load=1
done
check_eq "and nobody who works meanwhile sees an error" "${failed_load:-0}" 0 || cat "$tmp"/{append,excl,php}.out

# ---- in a mount namespace of its own ----
printf inner > "$active/inner"
mkfifo "$tmp/fifo"
unshare -m --propagation slave bash -c "exec 5<'$active/inner'; head -c 3 <&5; read -r; cat <&5; cat '$active/inner'" >"$tmp/inner.out" <"$tmp/fifo" &
inner=$!
exec 6>"$tmp/fifo"
poll_until 10 grep -q inn "$tmp/inner.out"
end_worker KILL
echo >&6
exec 6>&-
wait "$inner"
check_eq "who has a mount namespace of his own goes on as well" "$(cat "$tmp/inner.out")" innerinner

# ---- crashes ----
end_worker SEGV
check_eq "after a crash another serves too" "$(cat "$active/inner")" inner
kill_manager
exec 5<"$active/inner"
pid=$(worker)
kill -KILL "$pid"
( cat <&5 >"$tmp/waited.out" ) &
reader=$!
start_manager
wait "$reader"
check_eq "without a daemon nobody can go on, and who waits is answered when there is one" "$(cat "$tmp/waited.out")" inner
exec 5<&-

# ---- the keeper ----
poll_until 10 test -n "$(worker)"
kill -TERM "$KEEPER_PID"
check "SIGTERM ends the keeper" wait_gone "$KEEPER_PID"
check_not "and the mount" is_mounted "$tmp/mnt"
start_kept_mount "$tmp/mnt"
exec 5<"$active/inner"
pid=$MOUNT_PID
kill -KILL "$KEEPER_PID"
wait_gone "$KEEPER_PID"
check_eq "without its keeper it serves" "$(cat "$active/inner")" inner
kill -KILL "$pid"
wait_gone "$pid"
check_not "until it dies" cat "$active/inner"
check_match "which everybody sees" "$output" 'not connected'
exec 5<&-
start_kept_mount "$tmp/mnt"
check_eq "and the next start repairs" "$(cat "$active/inner")" inner
check_status 2 "a keeper wants a program" "$GSESSION_KEEP"
check_status 3 "and ends as one that cannot begin" "$GSESSION_KEEP" "$GSESSION_FS" -i "$INSTANCE-none" "$tmp"
umount "$tmp/mnt"
check "umount ends both" wait_gone "$KEEPER_PID"

done_testing

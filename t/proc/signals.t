#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what signals do to the daemon: HUP reloads, TERM and INT end it in good order, STOP stops nobody else; systemd is told.
. "${0%/*}/../lib/functions.sh"
client=$buildtop/t/proc/client
requires "t/proc/client is not built" test -x "$client"
new_instance
conf=$tmp/gsession.conf
printf '[ring active]\nttl = 4m\n' > "$conf"

# start_in_foreground: its log in $tmp/log
start_in_foreground() {
	: > "$tmp/log"
	"$GSESSIOND" -i "$INSTANCE" -c "$conf" >>"$tmp/log" 2>&1 </dev/null &
	MANAGER_PID=$!
	cleanup_fn kill -KILL "$MANAGER_PID"
	poll_until 10 serves
}

serves() {
	gs show node/pid
}

is_logged() {
	poll_until 5 grep -Eq -- "$1" "$tmp/log"
}

# ---- HUP ----
start_in_foreground
gs put k <<< v
printf '[ring active]\nttl = 5m\n' > "$conf"
kill -HUP "$MANAGER_PID"
check "HUP reloads the configuration" is_logged '^gsessiond: configuration reloaded$'
check_eq "what changed in it is in force" "$(gs show sessions/rings/active/ttl)" 5m
check_match "and is an event" "$(gs show events)" 'reloaded'

printf '[ring active]\nttl = 5 minutes\n' > "$conf"
kill -HUP "$MANAGER_PID"
check "a wrong file is refused with file, line and text" is_logged 'configuration not reloaded: .*gsession\.conf:2: .*5 minutes'
check_eq "and changes nothing" "$(gs show sessions/rings/active/ttl)" 5m
printf '[table sessions]\nrecord_size = 4K\n' > "$conf"
kill -HUP "$MANAGER_PID"
check "what cannot change while it runs is refused" is_logged 'configuration not reloaded: .*record_size cannot change'
rm "$conf"
kill -HUP "$MANAGER_PID"
check "so is a file that is gone" is_logged 'configuration not reloaded: .*gsession\.conf: .*No such file'
check_eq "it serves on" "$(gs get k)" v

# ---- STOP ----
printf '[ring active]\nttl = 4m\n' > "$conf"
"$client" steady "$INSTANCE" steady "$tmp/calls" >"$tmp/steady.out" 2>&1 &
steady=$!
cleanup_fn kill -KILL "$steady"
check "a client works" poll_until 10 test -s "$tmp/calls"
has_gone_on() {
	[ "$(cat "$tmp/calls")" != "$1" ]
}
kill -STOP "$MANAGER_PID"
check "while the daemon is stopped it goes on" poll_until 10 has_gone_on "$(cat "$tmp/calls")"
check_eq "a new client gives up in time" "$("$client" attach "$INSTANCE" 400)" "GS_ETIMEDOUT in time"
check_eq "also when signals interrupt it" "$(timeout 10 "$client" ticking "$INSTANCE" 400)" "GS_ETIMEDOUT in time"
kill -CONT "$MANAGER_PID"
check_eq "after that one can attach" "$("$client" attach "$INSTANCE" 2000)" "GS_OK in time"
check_eq "and signals do no harm to that" "$(timeout 10 "$client" ticking "$INSTANCE" 2000)" "GS_OK in time"

# ---- TERM, INT ----
for sig in TERM INT; do
	# A shell starts what is in its background with INT ignored: the daemon must not inherit that.
	kill -"$sig" "$MANAGER_PID"
	check "$sig ends the daemon" wait_gone "$MANAGER_PID"
	wait "$MANAGER_PID"
	check_eq "$sig: with status 0" $? 0
	check_match "$sig: it says that the memory stays" "$(cat "$tmp/log")" 'stopping, the memory stays'
	check_not "$sig: the socket is removed" test -e "$GSESSION_RUN_DIR/$INSTANCE.sock"
	check_not "$sig: the pid file too" test -e "$GSESSION_RUN_DIR/$INSTANCE.pid"
	check "$sig: the memory is kept" test -s "$GSESSION_SHM_DIR/$INSTANCE/sessions.ctl"
	check "$sig: the client goes on" poll_until 10 has_gone_on "$(cat "$tmp/calls")"
	start_in_foreground
	check_eq "$sig: the next daemon has the session" "$(gs get k)" v
done
kill -TERM "$steady"
wait "$steady"
check_eq "the client had no error through all of it" "$(cat "$tmp/steady.out")" "no error"

# ---- PIPE ----
stop_manager
mkfifo "$tmp/pipe"
"$GSESSIOND" -i "$INSTANCE" -c "$conf" >/dev/null 2>"$tmp/pipe" </dev/null &
MANAGER_PID=$!
cleanup_fn kill -KILL "$MANAGER_PID"
head -n 1 "$tmp/pipe" >/dev/null
check "the reader of its log is gone: it serves" poll_until 10 serves
kill -HUP "$MANAGER_PID"
check "and has something to say to nobody: it serves on" poll_until 10 serves
check_eq "as before" "$(gs show node/pid)" "$MANAGER_PID"
stop_manager

# ---- systemd ----
if ! python3 -c '' 2>/dev/null; then
	skip "systemd is told" "python3 is not installed"
	done_testing
fi
cat > "$tmp/notified.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
PY
python3 "$tmp/notified.py" "$tmp/notify" >"$tmp/notified" 2>&1 &
notified=$!
cleanup_fn kill "$notified"
poll_until 10 grep -q bound "$tmp/notified"
export NOTIFY_SOCKET=$tmp/notify
is_notified() {
	poll_until 5 grep -Eq -- "$1" "$tmp/notified"
}
start_in_foreground
unset NOTIFY_SOCKET
check "systemd is told when it is ready, and who it is" is_notified "^READY=1 MAINPID=$MANAGER_PID STATUS="
check "that it lives" is_notified '^WATCHDOG=1'
check_not "not that it stops" grep -q STOPPING "$tmp/notified"
kill -TERM "$MANAGER_PID"
check "and when it stops" is_notified '^STOPPING=1'
check "it ends" wait_gone "$MANAGER_PID"
done_testing

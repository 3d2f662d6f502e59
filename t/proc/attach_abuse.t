#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a peer that speaks nonsense on the daemon's socket is dropped and counted, and costs nobody else anything.
. "${0%/*}/../lib/functions.sh"
liars=$buildtop/t/proc/liars client=$buildtop/t/proc/client
requires "t/proc/liars is not built" test -x "$liars" -a -x "$client"
new_instance
: > "$tmp/group.conf"
[ "$(id -u)" -ne 0 ] || printf '[daemon]\ngroup = %s\n' "$(getent group 65534 | cut -d : -f 1)" > "$tmp/group.conf"
start_manager "$tmp/group.conf"
socket=$GSESSION_RUN_DIR/$INSTANCE.sock
gs put k <<< v

total() {
	gs show stats | sed -n "s/^$1 //p"
}

has_clients() {
	[ "$(total clients)" = "$1" ]
}

n_fds() {
	find "/proc/$MANAGER_PID/fd" -mindepth 1 | wc -l
}

has_fds() {
	[ "$(n_fds)" -eq "$1" ]
}

"$client" steady "$INSTANCE" steady "$tmp/calls" >"$tmp/steady.out" 2>&1 &
steady=$!
cleanup_fn kill -KILL "$steady"
check "a client works" poll_until 10 test -s "$tmp/calls"
fds=$(n_fds)

# ---- packets ----
timeout 60 "$liars" packets "$socket" >"$tmp/packets" 2>&1
reaction() {
	sed -n "s/^$1: //p" "$tmp/packets"
}

n_dropped=0
while IFS=: read -r name want; do
	check_eq "$name" "$(reaction "$name")" "${want# }"
	[ "${want# }" != dropped ] || n_dropped=$((n_dropped + 1))
done <<'END'
garbage: dropped
http: dropped
magic: dropped
version: dropped
type 0: dropped
type 65535: dropped
welcome: dropped
reply: dropped
len too great: dropped
len too small: dropped
len huge: dropped
half a head: dropped
a byte: dropped
a byte too many: dropped
oversized: dropped
empty hello: dropped
short hello: dropped
long hello: dropped
empty bye: dropped
long bye: dropped
empty request: dropped
short request: dropped
verb 0: dropped
verb 99: dropped
path longer than the packet: dropped
path shorter than the packet: dropped
path of 4G: dropped
path of 512 bytes: dropped
value longer than the packet: dropped
value of 4G: dropped
lengths that wrap: dropped
a NUL in the path: dropped
a path upwards: GS_ENOENT
an absolute path: GS_ENOENT
an offset beyond the end: GS_OK
a right one: GS_OK
another ABI: GS_EVERSION
no such table: GS_ENOENT
a table without a name: GS_ENOENT
a table that does not end: GS_EINVAL
a table upwards: GS_ENOENT
no context: GS_EINVAL
65 contexts: GS_EINVAL
4G contexts: GS_EINVAL
a role that is none: GS_EINVAL
END
check_eq "every one dropped is counted" "$(total clients_dropped)" "$n_dropped"
# The log is full of what the client does; when it stands still there is room for others.
kill -STOP "$steady"
timeout 60 "$liars" packets "$socket" >/dev/null 2>&1
check_match "and is an event with pid, uid and reason" "$(gs show events)" "dropped pid=[0-9]+ uid=$(id -u) reason=malformed-request"
kill -CONT "$steady"
check_eq "none of them got a context" "$(total clients)" 1

# ---- good-byes ----
check "good-byes" timeout 20 "$liars" foreign-bye "$socket"
check_eq "count only from the process itself and with its cookie" "$output" "joined: clients 2
after another's bye: clients 2
after a bye with a wrong cookie: clients 2
after its own bye: clients 1
after a second one: clients 1"
check "a connection asks for contexts once" timeout 20 "$liars" joins "$socket"
check_eq "and is dropped when it does again" "$output" "a second hello: dropped"
check_eq "which is counted" "$(total clients_dropped)" $((2 * n_dropped + 1))

# ---- many ----
check "two hundred requests with descriptors" timeout 20 "$liars" fds "$socket" 200
check_eq "are answered" "$output" "descriptors: GS_OK"
check "and no descriptor stays" poll_until 5 has_fds "$fds"

# start_liars VERB SOCKET COUNT: ready when it says so; it ends when its input does.
start_liars() {
	rm -f "$tmp/$1.in" "$tmp/$1.out"
	mkfifo "$tmp/$1.in"
	"$liars" "$1" "$2" "$3" <"$tmp/$1.in" >"$tmp/$1.out" 2>&1 &
	liar=$!
	exec 9>"$tmp/$1.in"
	poll_until 10 grep -q ready "$tmp/$1.out"
}

stop_liars() {
	exec 9>&-
	wait "$liar"
}

for verb in flood deaf; do
	check "two hundred peers ($verb)" start_liars "$verb" "$socket" 200
	check_eq "others are served meanwhile" "$(timeout 5 "$GSESSION" -i "$INSTANCE" get k)" v
	check_eq "they can attach too" "$("$client" attach "$INSTANCE" 2000)" "GS_OK in time"
	stop_liars
	check "when they end nothing of them stays" poll_until 5 has_fds "$fds"
done
check "their contexts neither" poll_until 5 has_clients 1

# ---- more contexts than there are ----
if [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 8000 ]; then
	check "a hundred and thirty handles of 64 threads" "$client" crowd "$INSTANCE" 130
	check_eq "are more than there are contexts for" "$output" "128 attached, then GS_EBUSY"
	check_eq "when they end there is room for others" "$("$client" attach "$INSTANCE" 2000)" "GS_OK in time"
	check "and nothing of them stays" poll_until 5 has_clients 1
else
	skip "more handles than there are contexts for" "a process may not have so many descriptors here"
fi
if grep -q -- -fsanitize= "$buildtop/Makefile"; then
	skip "an attach that fails gives its contexts back" "a sanitizer needs all the address space"
else
	check "two hundred attaches of a process that has no room to map" "$client" cramped "$INSTANCE" 200
	check_eq "give their contexts back each time" "$output" GS_ENOMEM
fi

# ---- more connections than the daemon may have ----
few=$INSTANCE-few
(ulimit -n 60 && exec "$GSESSIOND" -i "$few" -c "$tmp/group.conf" --detach) >/dev/null 2>&1
few_pid=$(cat "$GSESSION_RUN_DIR/$few.pid")
cleanup_fn end_process "$few_pid"

# Processor time used so far, in clock ticks.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$few_pid/stat"
}

check "a daemon of few descriptors gets a hundred connections" start_liars flood "$GSESSION_RUN_DIR/$few.sock" 100
before=$(ticks)
sleep 0.5	# not a wait: the time in which it would
check "it does not go in circles" test $(($(ticks) - before)) -lt 20
stop_liars
check "and serves when they are gone" poll_until 5 "$GSESSION" -i "$few" put k -- < "$tmp/group.conf"
check "what was put is there" "$GSESSION" -i "$few" get k

# ---- rights ----
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	as_nobody() {
		setpriv --reuid 65534 --regid "$1" --clear-groups "${@:2}"
	}
	# Others may look through these, and the programs may lie where they cannot.
	chmod 711 "$tmp"
	cp "$liars" "$client" "$tmp"
	check_match "who is not of the group cannot connect" "$(as_nobody 65533 "$tmp/client" attach "$INSTANCE" 500)" '^GS_EACCES'
	check_match "who is of the group can" "$(as_nobody 65534 "$tmp/client" attach "$INSTANCE" 500)" '^GS_OK'
	check_match "but when he says he is root he is not believed" \
		"$(as_nobody 65534 "$tmp/liars" set "$socket" node/log_level debug)" '^set: GS_E(PERM|ACCES)'
	check_eq "and nothing changes" "$(gs show node/log_level)" notice
else
	skip "who says he is root is not believed" "only root can be somebody else"
fi

# ---- the end ----
check "the daemon lives" kill -0 "$MANAGER_PID"
kill -TERM "$steady"
wait "$steady"
check_eq "the client had no error" "$(cat "$tmp/steady.out")" "no error"
check "audit is clean" gs audit
done_testing

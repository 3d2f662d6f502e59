#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: top shows on a terminal what goes on in a store, follows keys and the terminal's size, and outlives the daemon.
. "${0%/*}/../lib/functions.sh"
new_instance
start_manager
gs set sessions/quota/expel_after 63

# ---- without a terminal ----
check_status 2 "a screen needs a terminal" gs top < /dev/null
check_match "and that is said" "$output" '-b prints without one'
for wrong in '-d 5' '-d 1ms' '-d 2h' '-N 0' '-N x'; do
	check_status 2 "refused: $wrong" gs top -b $wrong
done
gs put first --owner alice <<< value
check "frames of text can be had anywhere" gs top -b -d 100ms -N 3
check_eq "as many as asked for" "$(grep -c '^gsession top ' <<< "$output")" 3
check_match "with the daemon" "$output" "^gsession top  $INSTANCE/sessions  .* daemon pid $MANAGER_PID up "
check_match "the rings" "$output" '^active +1 +8192 #\.+ +0 +0\.0 +0\.0$'
check_match "and the session" "$output" '^first +[0-9.]+ +1 +6 active$'
check_status 1 "of a namespace that is not there nothing is shown" gs -n nosuch top -b -d 100ms -N 1
check_match "but said that it is not" "$output" 'no namespace nosuch'
check_not "and no frame" grep -q '^gsession top' <<< "$output"
check_status 1 "nor of a table" gs -t nosuch top -b -d 100ms -N 1
check_match "in the same way" "$output" 'no table nosuch'
gs namespace add shop
gs -n shop put basket <<< value
check "of one that is, it is" gs -n shop top -b -d 100ms -N 2
check_match "with its sessions" "$output" '^basket '
gs -n shop del basket
gs namespace remove shop
stop_manager
check "without a daemon it runs too" gs top -b -d 100ms -N 1
check_match "and says so" "$output" 'DAEMON NOT REACHABLE'
start_manager "$tmp/defaults.conf"

requires_tmux() {
	command -v tmux > /dev/null && gs top < /dev/null 2>&1 | grep -q 'no terminal'
}
if ! requires_tmux; then
	skip "the screen" "tmux is not installed, or gsession was built without ncurses"
	done_testing
	exit
fi

# ---- on one ----
tm() {
	TMUX='' tmux -S "$tmp/tmux" -f /dev/null "$@"
}
end_tmux() {
	tm kill-server 2> /dev/null
}
cleanup_fn end_tmux
session=top
screen() {
	tm capture-pane -p -t "$session"
}
# The screen as it was when the regex was found in it, or at the end of the time.
sees() {
	screen > "$tmp/screen"
	grep -qE -- "$1" "$tmp/screen"
}
sees_not() {
	screen > "$tmp/screen"
	! grep -qE -- "$1" "$tmp/screen"
}
shows() {
	check "$1" poll_until 15 sees "$2"
}

start_top() {
	tm new-session -d -s "$session" -x 80 -y 24 "env TERM=screen LC_ALL=C '$GSESSION' -i '$INSTANCE' top $*; echo ended with \$?; read -r _"
}
# tmux has an environment of its own.
export GSESSION_RUN_DIR GSESSION_SHM_DIR
check "top starts in a terminal of 80 by 24" start_top -d 200ms
shows "the daemon" "^gsession top  $INSTANCE/sessions  .* daemon pid $MANAGER_PID up "
shows "the rings" '^RING +COUNT +CAPACITY'
shows "the keys" '^q quit  p pause  s sort'
check_eq "a line for each row" "$(screen | wc -l)" 24

for i in {1..12}; do
	gs put "user$i" --owner "owner$i" <<< "$(head -c "$((i * 10))" /dev/zero | tr '\0' x)"
done
shows "sessions that come" '^active +13 +8192 #'
shows "their events" ' created +user12 .*> active'
in_rate_falls() {
	sees '^active .* 0\.0 +0\.0$'
}
check "once nobody comes, the rate is 0" poll_until 15 in_rate_falls

# Somebody asks for one session, all the time.
ask() {
	while :; do
		gs get user3 > /dev/null 2>&1
	done
}
ask &
asker=$!
end_asker() {
	kill "$asker" 2> /dev/null
	wait "$asker" 2> /dev/null
}
cleanup_fn end_asker
hottest() {
	screen > "$tmp/screen"
	sed -n '/^HOTTEST/{n;p}' "$tmp/screen" | grep -qE "$1"
}
check "who is asked for stands first, with the rate" poll_until 15 hottest '^user3 +([1-9]|[0-9]+[1-9])[0-9.]* '
shows "and is in the sum" '^gets/s ([1-9]|[0-9]+\.)'
end_asker

tm send-keys -t top s s
shows "s sorts otherwise" '^HOTTEST by size'
check "the longest value stands first" poll_until 15 hottest '^user12 '
tm send-keys -t top Down Down Enter
shows "the arrows and enter show a session" '^owner +owner10'
check_match "all that is known of it" "$(screen)" '^hits +1'
shows "its turns too" 'created .*to=active'
tm send-keys -t top x
shows "any key leads back" '^HOTTEST by size'
tm send-keys -t top /
shows "a filter is asked for" '^filter: _'
tm send-keys -t top -l owner11
tm send-keys -t top Enter
shows "it is kept" '^filter owner11 '
check "only what it lets through is shown" poll_until 15 hottest '^user11 '
check_not "and nothing else" sees '^user12 '
tm send-keys -t top Escape
shows "escape takes it away" '^user12 '

tm send-keys -t top p
shows "p stops the screen" 'PAUSED'
gs put later <<< v
tm send-keys -t top /
shows "keys are followed all the same" '^filter: _'
tm send-keys -t top Escape
check_not "what comes is not shown" sees ' created +later '
tm send-keys -t top p
shows "until it goes on" ' created +later '

gs set sessions/quota/action quarantine
gs set sessions/quota/burst 2
gs set sessions/quota/rate 1/h
for i in {1..6}; do
	gs get user5 > /dev/null 2>&1
done
shows "a suspect is counted" '^SUSPECTS 1'
shows "and named" '^user5 .* held$'
# For who wants to see it: t/cli/top.t | sed -n 's/^# |//p'
screen | sed 's/^/# |/'

tm resize-window -t top -x 120 -y 40
wide() {
	[ "$(screen | wc -l)" -eq 40 ] && sees '^HOTTEST .* OWNER' && [ "$(sed -n 's/^active [^.#]*\([.#]*\).*/\1/p' "$tmp/screen" | wc -c)" -gt 50 ]
}
check "a larger terminal is used" poll_until 15 wide
tm resize-window -t top -x 80 -y 12
small() {
	[ "$(screen | wc -l)" -eq 12 ] && sees '^q quit' && sees '^active '
}
check "a small one has what matters" poll_until 15 small
tm resize-window -t top -x 80 -y 24
shows "and back" '^EVENTS'

kill_manager
shows "a daemon that dies is missed" 'DAEMON NOT REACHABLE'
shows "the memory is seen all the same" '^active +1[0-9] +8192 #'
start_manager "$tmp/defaults.conf"
shows "one that comes back is found" "daemon pid $MANAGER_PID up"
gs put again <<< v
shows "and what happens then" ' created +again '
kill -STOP "$MANAGER_PID"
shows "one that is stopped does not stop the screen" 'DAEMON DOES NOT ANSWER'
kill -CONT "$MANAGER_PID"
shows "and is heard when it goes on" "daemon pid $MANAGER_PID up"
stop_manager
"$GSESSIOND" -i "$INSTANCE" --purge
start_manager "$tmp/defaults.conf"
gs put fresh <<< v
shows "a store made anew is the one that is shown" '^active +1 +8192'
check "with its sessions" poll_until 15 hottest '^fresh '

tm send-keys -t top q
shows "q ends it" '^ended with 0'
session=again
check "it can be told to end by itself" start_top -d 100ms -N 3
shows "after so many looks" '^ended with 0'
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the daemon opens a reserve, lets sessions go outwards ahead of need, and gives the reserve back; without it nobody is refused.
. "${0%/*}/../lib/functions.sh"
askers=$buildtop/t/proc/askers
requires "t/proc/askers is not built" test -x "$askers"

cat > "$tmp/gsession.conf" <<'END'
[ring active]
ttl = 7d
capacity = 640
reserve = 640
[ring warm]
ttl = 8d
capacity = 20000
[ring cold]
ttl = 14d
store = shm
on_full = refuse
END
new_instance
start_manager "$tmp/gsession.conf"

ring() {
	gs show "sessions/rings/$1/stats" | sed -n "s/^$2 //p"
}
counter() {
	gs show stats | sed -n "s/^$1 //p"
}
start() {
	"$askers" "$INSTANCE" "$1" "$2" < /dev/null > /dev/null
}
is() {
	[ "$(ring "$1" "$2")" "$3" "$4" ]
}

start 0 500
check_eq "at ease a ring's reserve is closed" "$(ring active reserve_open)" 0
start 500 1000
check "above the high-water mark it is open" poll_until 5 is active reserve_open -eq 1
check_eq "and used before anybody goes" "$(ring active count) $(counter evicted)" "1000 0"
start 1000 4000
check "then sessions go outwards until there is room again" poll_until 5 is active count -le 1270
check_eq "nobody is refused" "$(counter enospc)" 0
check_eq "and nobody lost" "$(gs ls | grep -c '^s[0-9]')" 4000
check_eq "all are evicted, none has decayed" "$(counter evicted) $(counter decayed)" "$((4000 - $(ring active count))) 0"
check_eq "the ring's own count says so too" "$(ring active evicted)" "$(counter evicted)"
check_match "the opening is an event" "$(gs show events)" ' reserve table=sessions ring=active open=yes'

gs ls active | awk '{ print $1 }' | head -n 750 | while read -r key; do
	gs del "$key"
done
check "below the low-water mark the reserve is closed" poll_until 5 is active reserve_open -eq 0
check_match "which is an event" "$(gs show events)" ' reserve table=sessions ring=active open=no'

# Nobody but those who need the room.
mkfifo "$tmp/go"
"$askers" "$INSTANCE" 4000 8000 < "$tmp/go" > "$tmp/said" &
starter=$!
exec 5> "$tmp/go"
has_attached() {
	grep -q attached "$tmp/said"
}
check "a process attaches" poll_until 10 has_attached
kill_manager
exec 5>&-
check "and when the daemon is dead it starts sessions in a full ring" wait "$starter"
start_manager "$tmp/gsession.conf"
check_eq "none of them was refused" "$(counter enospc)" 0
check "the ring holds no more than it may" is active count -le 1280
check "audit is clean" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what the daemon takes of a core while ten million sessions are idle in a ring with room, while they decay and while they are asked for; how late a decay is
. "${0%/*}/../lib/functions.sh"
sweeps=$buildtop/t/bench/sweeps

sessions=10000000 seconds=20 spread=600
[ -z "${GS_QUICK-}" ] || { sessions=500000 seconds=5 spread=60; }
# 0.8 KB each, and what decays lies twice for a moment.
need=$((sessions * 1000 / 1024))
have=$(df --output=avail -k /dev/shm | tail -n 1)
while [ "$need" -gt $((have * 2 / 3)) ]; do
	sessions=$((sessions / 2)) need=$((need / 2))
done

new_instance
cat > "$tmp/gsession.conf" <<-CONF
	[table sessions]
	slot_sizes = 768
	[ring active]
	capacity = $((sessions + sessions / 8))
	ttl = 1d
	half_life = 0
	[ring warm]
	capacity = $((sessions / 4))
	ttl = 2d
	[ring cold]
	store = shm
CONF
start_manager "$tmp/gsession.conf"
began=$(date +%s)
"$sweeps" fill "$INSTANCE" "$sessions" "$spread" || exit 1

# Clock ticks that the daemon has run, of which there are 100 in a second.
ticks() {
	sed 's/.*) //' "/proc/$MANAGER_PID/stat" | awk '{ print $12 + $13 }'
}

# while_it COMMAND...: run it, and say what the daemon took of a core meanwhile.
while_it() {
	local from=$(($(date +%s%N) / 1000000)) was
	was=$(ticks)
	"$@" || exit 1
	awk -v ticks=$(($(ticks) - was)) -v ms=$(($(date +%s%N) / 1000000 - from)) -v hz="$(getconf CLK_TCK)" \
		'BEGIN { printf "%.2f %% of a core\n", 100 * ticks / hz / (ms / 1000) }'
}

echo "$sessions sessions, nothing due (accept 3 %): $(while_it sleep "$seconds")"

# From now on a session decays every few microseconds: the ages of all are the spread and what has passed since.
from=$(date +%s%N)
gs set sessions/rings/active/ttl "$((spread + $(date +%s) - began + 2))s" || exit 1
gs show stats > "$tmp/stats"
echo "a ttl that was changed is in force after $((($(date +%s%N) - from) / 1000000)) ms"
while_it "$sweeps" late "$INSTANCE" "$sessions" "$seconds" 97 > "$tmp/late"
echo "while $((sessions / spread)) a second decay: $(tail -n 1 "$tmp/late"); $(head -n 1 "$tmp/late")"
while_it "$sweeps" gets "$INSTANCE" "$sessions" "$seconds" 500000 > "$tmp/gets"
echo "gets beside these sweeps: $(head -n 1 "$tmp/gets"); the daemon $(tail -n 1 "$tmp/gets")"
while_it "$sweeps" gets "$INSTANCE" "$sessions" "$seconds" 1000000 > "$tmp/gets"
echo "asked for 1 M times a second: the daemon $(tail -n 1 "$tmp/gets") (accept 10 %); $(head -n 1 "$tmp/gets")"
# What the same gets take of this machine when there is nothing to sweep.
gs set sessions/rings/active/ttl 1d || exit 1
"$sweeps" gets "$INSTANCE" "$sessions" "$seconds" 500000 > "$tmp/gets" || exit 1
echo "gets while nothing decays: $(head -n 1 "$tmp/gets")"
gs show stats | grep -E '^(decayed|stuck|promoted) '

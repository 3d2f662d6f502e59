#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gets of the C API where a daemon runs and a mount is, over those where the daemon is stopped and there is no mount (accept 1.02)
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "there is one processor only" [ "$(nproc)" -gt 1 ]

sessions=5000 listed=2000 rounds=40 ms=100
[ -z "${GS_QUICK-}" ] || rounds=10

# Who gets has a processor to himself, as far as this machine is ours; who reads through the mount, and the mount, have another one.
cpus=$(taskset -cp $$ | sed 's/.*: *//')
first=${cpus%%[,-]*} last=${cpus##*[,-]}

new_instance
# No get is one too many, and nobody decays meanwhile.
cat > "$tmp/gsession.conf" <<-CONF
	[quota]
	rate = 10000/s
	burst = 10000
	[ring active]
	ttl = 1d
	[ring warm]
	ttl = 2d
	[ring cold]
	store = shm
CONF
start_manager "$tmp/gsession.conf"

coproc GETS { exec taskset -c "$first" "$buildtop/t/bench/presence" "$INSTANCE" "$sessions"; }
cleanup_fn end_process "$GETS_PID"
# The daemon may be stopped when we end.
cleanup_fn kill -CONT "$MANAGER_PID"

mounted() {
	kill -CONT "$MANAGER_PID"
	start_mount "$tmp/mnt"
	taskset -a -p -c "$last" "$MOUNT_PID" >/dev/null
}
alone() {
	stop_mount "$tmp/mnt"
	kill -STOP "$MANAGER_PID"
}

reader=
# read_in DIRECTORY: list it, and read every file, again and again.
read_in() {
	touch "$tmp/reading"
	taskset -c "$last" bash -c 'while [ -e "$2" ]; do ls -lU "$1" && cat "$1"/*; done' - "$1" "$tmp/reading" >/dev/null 2>&1 </dev/null &
	reader=$!
}
end_reader() {
	rm -f "$tmp/reading"
	[ -z "$reader" ] || wait "$reader"
	reader=
}
cleanup_fn end_reader

# slice STATE: what a get takes, three ways, in the state's file.
slice() {
	local got
	echo "$ms" >&"${GETS[1]}"
	read -r got <&"${GETS[0]}" || exit 1
	echo "$got" >>"$tmp/took.$1"
}

in_state() {
	case $1 in
	alone) alone ;;
	idle) mounted ;;
	beside_files) mounted; read_in "$plain" ;;
	beside_mount) mounted; read_in "$tmp/mnt/sessions/warm" ;;
	esac
	slice "$1"
	end_reader
	alone
}

# What those read who read something else meanwhile.
plain=$(mktemp -d /dev/shm/gs-bench.XXXXXX) || exit 1
cleanup_fn rm -rf "$plain"
mounted
for ((i = 0; i < listed; i++)); do
	printf 'x%.0s' {1..512} | tee "$plain/w$i" >"$tmp/mnt/sessions/warm/w$i"
done
alone
# The first fills caches.
slice none
states=(alone idle beside_files beside_mount)
for ((round = 0; round < rounds; round++)); do
	for ((i = 0; i < ${#states[@]}; i++)); do
		in_state "${states[(round + i) % ${#states[@]}]}"
	done
done

# median COLUMN STATE
median() {
	cut -d ' ' -f "$1" "$tmp/took.$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
# over STATE OTHER: the ratios of neighbours.
over() {
	local column how=("by the clock" "of the processor" "in the median hundred")
	for column in 1 2 3; do
		paste -d ' ' "$tmp/took.$1" "$tmp/took.$2" | awk -v c="$column" '{ print $c / $(c + 3) }' | sort -n |
			awk -v how="${how[column - 1]}" '{ v[NR] = $1 }
				END { printf "  %s %.3f (quartiles %.3f and %.3f)\n", how, v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)] }'
	done
}
echo "a get alone: $(median 1 alone) ns by the clock, $(median 2 alone) of the processor, $(median 3 alone) in the median hundred"
printf 'daemon and mount idle, over alone:\n%s\n' "$(over idle alone)"
printf 'the mount lists and reads another ring on another processor, over ls and cat of plain files there:\n%s\n' \
	"$(over beside_mount beside_files)"

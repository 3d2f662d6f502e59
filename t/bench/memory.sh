#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the memory and other stores, each operation over a dependent copy of as many bytes in the same run
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" command -v python3

results=$buildtop/results
shapes=("1000000 512" "10000000 512" "1000000 4096")
procs=2
ms=300
if [ -n "${GS_QUICK-}" ]; then
	shapes=("100000 512" "100000 4096")
	ms=60
fi

# What runs at the moment; a peer ends its server when it ends.
child=
end_child() {
	[ -z "$child" ] || end_process "$child"
}
cleanup_fn end_child

# In the background, as a signal to us would wait for a program in the foreground.
measured() {
	local status=0
	"$@" &
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

# The option of a peer whose copies are to be from pages as large as those of ours.
huge=
look_at_pages() {
	huge=
	[ "$(python3 -c 'import json, sys; m = json.load(open(sys.argv[1]))["memory"]; print(m["huge"] * 2 > m["slots"])' "$1")" = False ] ||
		huge=-H
}

# peer NAME RECORDS SIZE: measure another store; what is left out is said.
peer() {
	local program=$buildtop/t/bench/peer_$1 out=$results/$1-$2-$3.json status=0 dir
	if [ ! -x "$program" ]; then
		diag "$1 is not measured: its library is not installed"
		return
	fi
	dir=$(mktemp -d /dev/shm/gs-bench.XXXXXX) || exit 1
	cleanup_fn rm -rf "$dir"
	measured "$program" $huge -m "$ms" "$2" "$3" "$procs" "$dir" >"$out" || status=$?
	if [ "$status" -ne 0 ]; then
		rm -f "$out"
		diag "$1 is not measured with $2 records of $3 bytes (exit status $status)"
		[ ! -s "$dir/server.log" ] || diag "$(tail -n 5 "$dir/server.log")"
	fi
	# Before the next one needs the room.
	rm -rf "$dir"
}

# Of what the others are; nothing where there is none.
versions() {
	echo "lmdb=$(pkg-config --modversion lmdb 2>/dev/null)"
	echo "lfht=$(pkg-config --modversion liburcu-cds 2>/dev/null)"
	echo "redis=$( (redis-server -v || exec -a redis-server redis-check-rdb -v) 2>/dev/null | sed -n 's/.* v=\([^ ]*\).*/\1/p')"
	echo "memcached=$(memcached -V 2>/dev/null | sed 's/^memcached //')"
	echo "load=$(cut -d ' ' -f 1 /proc/loadavg)"
}

# Where memory runs out it is not others who end.
echo 1000 >"/proc/$$/oom_score_adj"

mkdir -p "$results" || exit 1
rm -f "$results"/*
versions >"$results/versions"
for shape in "${shapes[@]}"; do
	read -r records size <<< "$shape"
	for keys in uniform zipf; do
		measured "$GSESSION" bench --records "$records" --size "$size" --procs "$procs" --keys "$keys" --json \
			>"$results/gsession-$records-$size-$keys.json" || exit 1
	done
	look_at_pages "$results/gsession-$records-$size-uniform.json"
	for name in lmdb lfht redis memcached; do
		peer "$name" "$records" "$size"
	done
done
python3 "$srctop/t/bench/report.py" "$results"

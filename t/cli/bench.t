#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: `gsession bench` measures every operation on a private store, without a daemon, and says what it was asked.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c 'import json'

check "a small bench" eval "'$GSESSION' bench --records 4096 --size 64 --procs 2 --json > '$tmp/bench.json'"
check "has every ratio, and each is a positive number" python3 - "$tmp/bench.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    r = json.load(f)
assert (r['records'], r['size'], r['procs']) == (4096, 64, 2), r
assert set(r['ratios']) == {'get_hit', 'get_miss', 'multi_get', 'put', 'update', 'delete', 'touch'}, r
assert all(0 < v < 1e6 for v in list(r['ratios'].values()) + list(r['free_ratios'].values()) + list(r['ns'].values())), r
assert r['one_reads_per_s'] > 0 and r['all_reads_per_s'] > 0, r
END
check "for people" "$GSESSION" bench --records 2K --size 8
check_match "with a line for each operation" "$output" '^multi_get +[0-9.]+ +[0-9.]+ +[0-9.]+$'
check_status 2 "too few records" "$GSESSION" bench --records 3
check_status 2 "no process at all" "$GSESSION" bench --procs 0
check_status 2 "a size that no table has" "$GSESSION" bench --size 70000
check_status 2 "a size that is none" "$GSESSION" bench --size big
check_status 5 "more than the memory of the machine" "$GSESSION" bench --records 100000000 --size 65000
check_match "is said before it is tried" "$output" 'out of memory'
done_testing

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
assert r['keys'] == 'uniform', r
assert set(r['call_ratios']) == set(r['call_ns']) == set(r['ratios']), r
assert all(0 < v < 1e6 for v in list(r['call_ratios'].values()) + list(r['call_ns'].values())), r
assert all(r[m] > 0 for m in ('one_writes_per_s', 'all_writes_per_s', 'reads_scale', 'writes_scale',
                             'reads_cpu_scale', 'writes_cpu_scale')), r
# No slot is smaller than 256 bytes, and an index word has 8.
memory = r['memory']
assert memory['slots'] >= 4096 * 256 and memory['index'] >= 4096 * 8 and memory['rest'] > 0, r
assert abs(memory['per_session'] - (memory['slots'] + memory['index'] + memory['rest']) / 4096) < 0.1, r
assert 0 <= memory['huge'] <= memory['slots'] + memory['index'], r
END
check "a small bench of Zipf keys" eval "'$GSESSION' bench --records 4096 --size 4K --keys zipf --json > '$tmp/bench.json'"
check "measures the same, of values of 4 KiB" python3 - "$tmp/bench.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    r = json.load(f)
assert (r['size'], r['procs'], r['keys']) == (4096, 1, 'zipf'), r
assert len(r['ratios']) == 7 and all(v > 0 for v in list(r['ratios'].values()) + list(r['call_ratios'].values())), r
assert r['memory']['per_session'] >= 4096 + 32, r
END
check "for people" "$GSESSION" bench --records 2K --size 8
check_match "with a line for each operation" "$output" '^multi_get( +[0-9.]+){5}$'
check_match "and says how much memory a session takes" "$output" '^memory of a session [0-9.]+ bytes: .* by huge pages$'
check_match "and how often each key was asked for" "$output" ', uniform keys;'
check_status 2 "keys that are neither uniform nor zipf" "$GSESSION" bench --keys normal
check_match "is said" "$output" 'uniform and zipf are allowed'
check_status 2 "too few records" "$GSESSION" bench --records 3
check_status 2 "no process at all" "$GSESSION" bench --procs 0
check_status 2 "a size that no table has" "$GSESSION" bench --size 70000
check_status 2 "a size that is none" "$GSESSION" bench --size big
check_status 5 "more than the memory of the machine" "$GSESSION" bench --records 100000000 --size 65000
check_match "is said before it is tried" "$output" 'out of memory'

# What tools/bench makes of results: these are made up, so that its verdicts are known.
mkdir "$tmp/results"
python3 - "$tmp/results" <<'END'
import json, sys
ops = ('get_hit', 'get_miss', 'multi_get', 'put', 'update', 'delete', 'touch')
for keys in ('uniform', 'zipf'):
    ratios = dict(zip(ops, (1.5, 0.5, 0.9, 1.8, 2.5, 1.2, 1)))
    ours = {'records': 1000000, 'size': 512, 'procs': 2, 'keys': keys, 'ratios': ratios,
            'free_ratios': {op: 4 * r for op, r in ratios.items()}, 'call_ratios': {op: 2.0 for op in ops}, 'call_ns': {op: 500.0 for op in ops},
            'copy_ns': 250, 'reads_scale': 1.85, 'reads_cpu_scale': 1.95, 'writes_scale': 1.5, 'memory': {'per_session': 788.0, 'huge': 0}}
    with open('%s/gsession-1000000-512-%s.json' % (sys.argv[1], keys), 'w') as f:
        json.dump(ours, f)
redis = [{'keys': keys, 'modes': {'redis': {'ratios': {'get_hit': 250.0}, 'ns': {'get_hit': 60000.0}}}, 'copy_ns': 240, 'reads_scale': 1.1,
          'memory': {'per_session': 700.0}} for keys in ('uniform', 'zipf')]
with open(sys.argv[1] + '/redis-1000000-512.json', 'w') as f:
    json.dump(redis, f)
END
check "a report of results" python3 "$srctop/t/bench/report.py" "$tmp/results"
check_match "has a line for each operation, - for what is not there" "$output" '^get_hit +1\.50 +2\.00 +0\.25 +- +- +- +250 +-$'
check_match "says what is better than was asked" "$output" 'get_hit over a copy +<= 1\.9 +<= 1\.6 +1\.50 +stretch$'
check_match "what is as good" "$output" 'get_miss over a copy +<= 0\.6 +<= 0\.4 +0\.50 +met$'
check_match "and what is not" "$output" 'update over a copy +<= 2 +<= 1\.6 +2\.50 +not met$'
check_match "compares with other stores by the calls" "$output" 'Redis get over gs_get +>= 50 +>= 100 +125 +stretch, by the clock 120$'
check_match "processes with one" "$output" 'reads by 2 over by 1 +>= 1\.8 +>= 1\.9 +1\.85 +met$'
check_match "also by processor time" "$output" 'reads by 2 over by 1, processor time +>= 1\.8 +>= 1\.9 +1\.95 +stretch$'
check_match "and memory" "$output" 'bytes of a session +<= 800 +<= 740 +788 +met$'
check "its JSON has the same, its plot a panel for each run" python3 - "$tmp/results" <<'END'
import json, sys
import xml.etree.ElementTree as tree
with open(sys.argv[1] + '/bench.json') as f:
    r = json.load(f)
assert len(r['runs']) == 2 and r['runs'][0]['gsession']['ratios']['get_hit'] == 1.5, r
assert [f['verdict'] for f in r['figures'] if f['what'].endswith(' get over gs_get')] == ['stretch'], r
words = [t.text for t in tree.parse(sys.argv[1] + '/bench.svg').iter('{http://www.w3.org/2000/svg}text')]
assert '1,000,000 records of 512 bytes, uniform keys' in words and '1,000,000 records of 512 bytes, zipf keys' in words, words
assert words.count('250') == 2 and words.count('get_hit') == 2, words
END
done_testing

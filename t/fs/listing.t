#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a listing has what is there throughout exactly once, whatever happens meanwhile.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

new_instance
start_manager
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active

cat > "$tmp/listing.py" <<'PY'
import os, random, sys, threading
active = sys.argv[1]
N = 3000
keep = {'keep%d' % i for i in range(N)}
for name in keep:
    with open(os.path.join(active, name), 'wb') as f:
        f.write(b'x')
stop = threading.Event()
def churn(seed):
    r = random.Random(seed)
    while not stop.is_set():
        what = r.randrange(4)
        name = 'keep%d' % r.randrange(N)
        if what == 0:                     # an update of another size takes another slot
            with open(os.path.join(active, name), 'wb') as f:
                f.write(b'y' * r.choice((1, 300, 900, 3000)))
        elif what == 1:
            os.utime(os.path.join(active, name))
        elif what == 2:
            name = os.path.join(active, 'come-and-go%d' % r.randrange(500))
            with open(name, 'wb') as f:
                f.write(b'z')
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass
        else:
            os.stat(os.path.join(active, name))
threads = [threading.Thread(target=churn, args=(i,)) for i in range(3)]
for t in threads:
    t.start()
bad = []
try:
    for turn in range(8):
        seen = [n for n in os.listdir(active) if n.startswith('keep')]
        if len(seen) != N or set(seen) != keep:
            bad.append('turn %d: %d names, %d different' % (turn, len(seen), len(set(seen))))
    for turn in range(2):
        with os.scandir(active) as it:
            seen = [e.name for e in it if e.name.startswith('keep') and e.is_file() and e.stat().st_size > 0]
        if len(seen) != N or set(seen) != keep:
            bad.append('scandir: %d names, %d different' % (len(seen), len(set(seen))))
finally:
    stop.set()
    for t in threads:
        t.join()
print('\n'.join(bad))
sys.exit(bool(bad))
PY
check "3000 sessions are listed once each while three threads update, start and end" python3 "$tmp/listing.py" "$active"
check_eq "ls -l agrees" "$(ls -l "$active" | grep -c ' keep')" 3000
check_eq "find agrees on kinds" "$(find "$active" -type f -name 'keep*' | wc -l)" 3000
check "find deletes while it lists" find "$active" -name 'keep*' -delete
check_eq "all of them" "$(ls "$active" | grep -c keep)" 0
check_eq "ls -a shows . and .." "$(ls -aU "$active" | head -n 2 | tr '\n' ' ')" ". .. "
touch "$active/i"
check_eq "inodes in listings are those of stat" "$(ls -i "$active" | sed -n 's/^ *\([0-9]*\) i$/\1/p')" "$(stat -c %i "$active/i")"
rm "$active/i"
# More than the first answer has, which is of names with their attributes.
for ((i = 1; i <= 255; i++)); do
	printf "%0${i}d\n" 0
	printf "%0${i}d\n" 1
done | sort > "$tmp/lengths"
sed "s|^|$active/|" "$tmp/lengths" | xargs touch
check_eq "names of every length are listed whole" "$(ls -U "$active" | sort | cmp - "$tmp/lengths" && echo same)" same
check "the store is in order" gs audit

done_testing

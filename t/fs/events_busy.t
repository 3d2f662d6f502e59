#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what an operator did is found in control/events whatever sessions do after it, and who reads too slowly is told what he missed.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" python3 -c ''

new_instance
start_manager
start_mount "$tmp/mnt"
control=$tmp/mnt/control

readers=()
end_readers() {
	[ ${#readers[@]} -eq 0 ] || kill -KILL "${readers[@]}" 2>/dev/null
}
cleanup_fn end_readers

# Is every number behind the first argument there, as a line or in a LOST? Then says how many lines are LOST.
cat > "$tmp/whole.py" <<'PY'
import re, sys
last, lost = int(sys.argv[1]), 0
for line in open(sys.argv[2]):
    revision = int(line.split()[0])
    n = re.search(r" LOST n=(\d+)", line)
    step = int(n.group(1)) if n else 1
    if revision - step != last:
        sys.exit(f"behind {last}: {line}")
    last, lost = revision, lost + (n is not None)
print("whole", "with" if lost > 0 else "without", "losses")
PY
cat > "$tmp/slow.py" <<'PY'
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
fd = os.open(sys.argv[1] + "/events_pipe", os.O_RDONLY)
open(sys.argv[2], "w").close()
signal.sigwait([signal.SIGUSR1])
# In bits, so that lines are cut.
with open(sys.argv[2], "wb") as out:
    data = b""
    while b"path=node/log_keys old=yes" not in data[-5000:]:
        data += os.read(fd, 4099)
    out.write(data)
PY
has() {
	grep -q "$2" "$1"
}
last() {
	tail -n 1 "$1" | cut -d' ' -f1
}

echo 7m > "$control/sessions/rings/warm/ttl"
begin=$(gs events | tail -1 | cut -d' ' -f1)
python3 "$tmp/slow.py" "$control" "$tmp/slow" &
readers+=($!)
poll_until 5 test -e "$tmp/slow"
tail -n 0 -s 0.1 -f "$control/events" > "$tmp/followed" &
readers+=($!)
stands_at_the_end() {
	grep -q '^pos:.*[1-9]' "/proc/$1/fdinfo/3" 2>/dev/null
}
poll_until 5 stands_at_the_end "${readers[1]}"
"$GSESSION" -i "$INSTANCE" events --follow --since "$begin" > "$tmp/frozen" &
readers+=($!)
echo yes > "$control/node/log_keys"
check "who follows sees what comes" poll_until 5 has "$tmp/followed" 'path=node/log_keys old=no new=yes'
check "so does --follow" poll_until 5 has "$tmp/frozen" 'path=node/log_keys old=no new=yes'
kill -STOP "${readers[2]}"
check_eq "a hundred thousand events of sessions" "$("$abs_top_builddir/t/proc/client" bustle "$INSTANCE" 50000)" "100000 events"
echo no > "$control/node/log_keys"

cp "$control/events" "$tmp/all"
check "what an operator did before is there" has "$tmp/all" ' set path=sessions/rings/warm/ttl old=30m new=7m uid=0 pid='
check "so is the start of the daemon" has "$tmp/all" ' started pid='
check_eq "what is not is said, number by number" "$(python3 "$tmp/whole.py" 0 "$tmp/all" 2>&1)" "whole with losses"
check "a megabyte of all is there" test "$(wc -c < "$tmp/all")" -gt 1000000
check_match "its size is what it would be with all" "$(stat -c %s "$control/events")" '^[0-9]{7,8}$'
check_eq "the end of it is found by tail" "$(tail -n 4000 "$control/events" | grep -c 'path=node/log_keys old=yes new=no')" 1

check "who follows by tail comes to the end" poll_until 20 has "$tmp/followed" 'path=node/log_keys old=yes new=no'
first=$(head -n 1 "$tmp/followed" | cut -d' ' -f1)
check_match "and reads each number once" "$(python3 "$tmp/whole.py" $((first - 1)) "$tmp/followed" 2>&1)" '^whole '

kill -USR1 "${readers[0]}"
check "a reader of the pipe that was too slow comes to the end" poll_until 10 has "$tmp/slow" 'path=node/log_keys old=yes new=no'
check_eq "and is told how many it missed" "$(python3 "$tmp/whole.py" "$begin" "$tmp/slow" 2>&1)" "whole with losses"
check "but not what operators did" has "$tmp/slow" 'path=node/log_keys old=no new=yes'

kill -CONT "${readers[2]}"
check "--follow of one that was stopped comes to the end" poll_until 10 has "$tmp/frozen" 'path=node/log_keys old=yes new=no'
check_eq "and says what it missed" "$(python3 "$tmp/whole.py" "$begin" "$tmp/frozen" 2>&1)" "whole with losses"
middle=$((begin + 1000))
gs events --since "$middle" > "$tmp/since"
check_eq "--since counts what was lost behind its number" "$(python3 "$tmp/whole.py" "$middle" "$tmp/since" 2>&1)" "whole with losses"
check_match "as JSON too" "$(gs events --since "$middle" --json | head -n 1)" '^\{"revision": *[0-9]+, *"time": *"[^"]+", *"event": *"LOST", *"n": *"[0-9]+"'

# The numbers, and who waits, go on over a restart.
number=$(gs events | tail -1 | cut -d' ' -f1)
kill -KILL "${readers[@]}" 2>/dev/null
wait "${readers[@]}" 2>/dev/null
stop_manager
start_manager
gs events --since "$number" > "$tmp/next"
check_eq "a daemon goes on with the numbers of the last" "$(python3 "$tmp/whole.py" "$number" "$tmp/next" 2>&1)" "whole without losses"
check "what it did first too" has "$tmp/next" ' started pid='
check_match "who had read less has missed what went with the last" "$(gs events --since "$middle" | head -n 1)" ' LOST n=[0-9]+$'
done_testing

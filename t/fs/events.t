#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a read of control/events_pipe waits for the next event without keeping the mount from anything, and poll tells of a change.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" python3 -c ''

new_instance
start_manager
start_mount "$tmp/mnt"
control=$tmp/mnt/control
ring=$tmp/mnt/sessions/active

readers=()
end_readers() {
	[ ${#readers[@]} -eq 0 ] || kill -KILL "${readers[@]}" 2>/dev/null
}
cleanup_fn end_readers
# Read the pipe into a file until it ends; it is open when the file is there.
start_reader() {
	python3 -c '
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
out = open(sys.argv[2], "wb", 0)
try:
    while data := os.read(fd, 65536):
        out.write(data)
    out.write(b"end\n")
except OSError as e:
    out.write(("error %d\n" % e.errno).encode())
' "$control/events_pipe" "$1" &
	readers+=($!)
	poll_until 5 test -e "$1"
}
has() {
	grep -q "$2" "$1"
}

printf x > "$ring/before"
start_reader "$tmp/one"
start_reader "$tmp/two"
printf x > "$ring/first"
check "who reads the pipe gets what comes" poll_until 5 has "$tmp/one" ' created table=sessions key=first~'
check "so does the next" poll_until 5 has "$tmp/two" ' created table=sessions key=first~'
check_not "but not what came before it was opened" has "$tmp/one" 'key=before~'
rm "$ring/first"
check "and what comes then" poll_until 5 has "$tmp/one" ' ended table=sessions key=first~'
check_eq "each once" "$(grep -c 'key=first~' "$tmp/one") $(grep -c 'key=first~' "$tmp/two")" "2 2"

# More than the mount has threads.
for i in {1..30}; do start_reader "$tmp/many$i"; done
check "sessions are served while thirty wait" timeout 10 sh -c "printf y > $ring/busy && cat $ring/busy"
check "so is the control tree" timeout 10 cat "$control/version"
check "each gets it" poll_until 5 eval '(for i in {1..30}; do has "$tmp/many$i" "key=busy~" || exit 1; done)'

before_ms=$(date +%s%3N)
kill -KILL "${readers[0]}"
wait "${readers[0]}" 2>/dev/null
check "one that waits can be killed" test $(($(date +%s%3N) - before_ms)) -lt 3000
check_status 124 "and interrupted" timeout 1 cat "$control/events_pipe"
printf x > "$ring/second"
check "the others go on" poll_until 5 has "$tmp/two" 'key=second~'

# From within a line on: of a line that is cut it is not known which it is. Of less than a block tail reads all.
for i in {1..60}; do printf x > "$ring/more$i"; done
poll_until 5 has "$control/events" 'key=more60~'
tail -c 50 -s 0.1 -f "$control/events" > "$tmp/tailed" 2> /dev/null &
readers+=($!)
check "tail begins within the last line" poll_until 5 test -s "$tmp/tailed"
printf x > "$ring/tailed"
check "and goes on with what comes" poll_until 5 has "$tmp/tailed" 'key=tailed~'
check_eq "not with the whole log" "$(wc -l < "$tmp/tailed")" 2

# poll
cat > "$tmp/poll.py" <<'PY'
import os, select, sys
counts = os.open(sys.argv[1] + "/events.counts", os.O_RDONLY)
before = os.read(counts, 65536)
p = select.poll()
p.register(counts, select.POLLPRI | select.POLLERR)
print("quiet" if p.poll(100) == [] else "told of nothing", flush=True)
events = p.poll(10000)
print("changed" if events and events[0][1] & select.POLLPRI else "not told", flush=True)
after = os.pread(counts, 65536, 0)
print("more" if after != before else "the same", flush=True)
print("quiet" if p.poll(100) == [] else "told twice", flush=True)
PY
python3 "$tmp/poll.py" "$control" > "$tmp/polled" &
poller=$!
check "nothing is told of events.counts while nothing happens" poll_until 5 has "$tmp/polled" quiet
printf x > "$ring/third"
wait "$poller"
check_eq "POLLPRI says that events.counts has changed, until it is read" "$(tr '\n' ' ' < "$tmp/polled")" "quiet changed more quiet "
check_eq "other files are always ready" "$(python3 -c '
import os, select, sys
for name in sys.argv[1:]:
    fd = os.open(name, os.O_RDONLY)
    p = select.poll()
    p.register(fd, select.POLLIN)
    print(len(p.poll(1000)))
' "$ring/third" "$control/version" "$control/events" | tr '\n' ' ')" "1 1 1 "

# The daemon's end, and the mount's.
kill_manager
check "when the daemon ends they are told" poll_until 10 has "$tmp/two" "error $(python3 -c 'import errno; print(errno.EHOSTDOWN)')"
start_manager
start_reader "$tmp/three"
printf x > "$ring/fourth"
check "one that is opened then goes on with the next daemon" poll_until 5 has "$tmp/three" 'key=fourth~'

# Its numbers begin again with the memory.
cat > "$tmp/anew.py" <<'PY'
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
pipe, log = (os.open(sys.argv[1] + name, os.O_RDONLY) for name in ("/events_pipe", "/events"))
end = os.fstat(log).st_size
os.pread(log, 65536, end)
open(sys.argv[2], "w").close()
signal.sigwait([signal.SIGUSR1])
for text in (os.read(pipe, 65536), os.pread(log, 65536, end)):
    print(sum(b" started pid=" in line for line in text.splitlines()))
PY
python3 "$tmp/anew.py" "$control" "$tmp/open" > "$tmp/anew" &
anew=$!
readers+=("$anew")
poll_until 5 test -e "$tmp/open"
stop_manager
rm -rf "${GSESSION_SHM_DIR:?}"/*
start_manager
poll_until 10 cat "$control/version"
kill -USR1 "$anew"
wait "$anew"
check_eq "with a memory made anew they begin again, of the stream and of the log" "$(tr '\n' ' ' < "$tmp/anew")" "1 1 "
start_reader "$tmp/four"
kill "$MOUNT_PID"
check "the mount ends while one waits" wait_gone "$MOUNT_PID"
check "which is told" poll_until 10 has "$tmp/four" '^error '
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: through the mount a session that asks too fast is answered late, one access in an interval, and nobody else is.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "setsid is not installed" command -v setsid
requires "python3 is not installed" python3 -c ''
new_instance
printf '[quota]\naction = slow\nrate = 4/s\nburst = 2\nhold = 1h\nrelease = 1h\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
cleanup_fn cd /
active=$tmp/mnt/sessions/active
suspect=$tmp/mnt/sessions/suspect

now_ms() {
	date +%s%3N
}
quota() {
	gs set "sessions/quota/$1" "$2"
}
write() {
	printf '%s' "$2" > "$active/$1"
}
# Make a session one that asks too fast: until it is refused.
hurry() {
	write "$1" "of $1"
	for _ in {1..50}; do
		gs get "$1" > /dev/null 2>&1 || return
	done
}
refused() {
	gs show stats | sed -n 's/^refused //p'
}

hurry k
check "a session that asks too fast is found" test -f "$active/k"
before=$(refused)
began=$(now_ms)
for _ in 1 2 3 4; do
	cat "$active/k" || echo "cat failed: $?"
done > "$tmp/read" 2>&1
took=$(($(now_ms) - began))
check_eq "who opens it again and again is served each time" "$(cat "$tmp/read")" 'of kof kof kof k'
diag "4 opens took $took ms"
check "one in an interval of 250 ms" test "$took" -ge 700
check "each was refused at most once, when it came: to wait is to ask once" test $(($(refused) - before)) -le 4
check "who opens it to truncate it waits too" truncate -s 2 "$active/k"
check_eq "and it is done" "$(cat "$active/k")" of

# Others are served meanwhile: a thousand opens, by a mount with eight threads of which none may wait.
quota rate 1/s
hurry slowed
write other free
quota overrides 'key other none'
for _ in 1 2 3 4 5 6 7 8 9 10; do
	cat "$active/slowed" > "$tmp/slowed.$_" 2>&1 &
done
began=$(now_ms)
check_eq "while ten wait for one session, another is read" "$(for ((i = 0; i < 200; i++)); do cat "$active/other"; done | tr -d '\n' | wc -c)" 800
took=$(($(now_ms) - began))
diag "200 opens took $took ms"
began=$(now_ms)
wait
took=$(($(now_ms) - began))
check "no wait is longer than a second" test "$took" -le 3000
check_match "whose turn is later is refused" "$(cat "$tmp"/slowed.*)" 'Disk quota exceeded'
check "at most two of ten had their turn within it" test "$(grep -c '^of slowed' "$tmp"/slowed.* | grep -c ':1$')" -le 2

# A lock of the kernel's is kept while these wait: that of the file, and so the directory's of whoever removes it.
hurry named
cat "$active/named" > /dev/null
cat > "$tmp/named.py" <<'PY'
import os, sys, time
began = time.monotonic()
for what in (lambda path: os.truncate(path, 2), os.utime):
    try:
        what(sys.argv[1])
        print("done")
    except OSError as e:
        print(e.strerror)
print("at once" if time.monotonic() - began < 0.5 else "late")
PY
check_eq "a truncation and a renewal by name wait for nothing" "$(python3 "$tmp/named.py" "$active/named" | tr '\n' ,)" \
	'Disk quota exceeded,Disk quota exceeded,at once,'

# Forty at once: what one session may keep waiting is bounded, so some are refused while the turn is still far away.
hurry crowd
cat "$active/crowd" > /dev/null 2>&1
for i in {1..40}; do
	{
		began=$(now_ms)
		cat "$active/crowd" > /dev/null 2>&1 || echo $(($(now_ms) - began)) > "$tmp/crowd.$i"
	} &
done
wait
least=$(cat "$tmp"/crowd.* | sort -n | head -n 1)
diag "of 40 at once $(cat "$tmp"/crowd.* | wc -l) were refused, the first after $least ms"
check "who finds no place to wait is refused at once" test "$least" -le 600

# touch(1) is two requests, of which only the first is a turn.
quota rate 40/m
hurry touched
before=$(stat -c %y "$active/touched")
check "where turns are more than a second apart a touch has its turn" poll_until 10 touch "$active/touched"
check "and renews" test "$before" != "$(stat -c %y "$active/touched")"
cat > "$tmp/twice.py" <<'PY'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
with open(sys.argv[2], "w") as out:
    for i in range(2):
        try:
            os.utime(fd)
            print("done", file=out)
        except OSError as e:
            print(e.strerror, file=out)
PY
poll_until 10 python3 "$tmp/twice.py" "$active/touched" "$tmp/twice"
check_eq "a handle pays for one renewal, not for two" "$(tr '\n' , < "$tmp/twice")" 'done,Disk quota exceeded,'

# A turn that is too far away is waited for by nobody.
quota rate 2/m
hurry far
began=$(now_ms)
check_not "who would wait for half a minute" cat "$active/far"
took=$(($(now_ms) - began))
check_match "is refused" "$output" 'Disk quota exceeded'
check "at once" test "$took" -le 900
check_eq "O_NOATIME is a look, and never refused" "$(dd if="$active/far" iflag=noatime status=none)" 'of far'
check_eq "nor is one through another ring" "$(cat "$tmp/mnt/sessions/cold/far" 2>&1 | sed 's/.*: //')" 'No such file or directory'

# Two interrupted: by a signal that ends them, and by the end of the mount.
quota rate 1/s
hurry waiting
cat "$active/waiting" > /dev/null 2>&1
setsid cat "$active/waiting" > "$tmp/killed" 2>&1 &
victim=$!
is_blocked() {
	grep -q '^State:.*[SD]' "/proc/$victim/status" && [ "$(cat "/proc/$victim/comm")" = cat ]
}
check "one waits" poll_until 5 is_blocked
kill -KILL "$victim"
began=$(now_ms)
wait "$victim" 2> /dev/null
check "killed, it waits no more" test $(($(now_ms) - began)) -le 900
check_eq "nor was it served" "$(cat "$tmp/killed")" ''

quota action quarantine
quota hold 1h
hurry held
check "over its quota it is a suspect" test -f "$suspect/held"
began=$(now_ms)
check_not "in its hold it" cat "$active/held"
check_match "is refused" "$output" 'Disk quota exceeded'
check "at once" test $(($(now_ms) - began)) -le 900
quota rate 5/s
quota hold 1ms
check "whose hold is over is served" cat "$active/held"
began=$(now_ms)
check "and one more time" cat "$active/held"
check "and again" cat "$active/held"
check "in its turn" test $(($(now_ms) - began)) -ge 200

for _ in 1 2 3 4 5; do
	cat "$active/held" > "$tmp/end.$_" 2>&1 &
done
check "the mount ends while some wait" stop_mount "$tmp/mnt"
wait_all() {
	wait
}
check "and they were all answered" wait_all
check "audit is clean" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: files on the mount are as POSIX says, but for the deviations of the manual, each of which is checked.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" command -v python3

table=$srctop/t/fs/posix.py

new_instance
chmod 755 "$tmp"
start_manager
start_mount "$tmp/mnt" -o coherence=strict
while IFS= read -r line; do
	case $line in
	"ok "*) ok "${line#* - }" ;;
	"not ok "*) not_ok "${line#* - }" ;;
	"1.."*) ;;
	*) diag "${line#\# }" ;;
	esac
done < <(python3 "$table" "$tmp/mnt/sessions" "$tmp/mnt/control" 8192 2>&1)

written=$(sed -n '/^\.Sh DEVIATIONS/,/^\.Sh FILES/s/^\.It \(P[0-9]*\)$/\1/p' "$srctop/man/gsession-fs.8")
check_eq "the manual's deviations are those that are checked" "$(sort -u <<< "$written")" "$(python3 "$table" --deviations | sort -u)"

# What is open stays open: 10,000 of one process, and the first and the last of them are read.
many() {
	python3 - "$tmp/mnt/sessions/active" <<-'PY'
	import os, resource, sys
	resource.setrlimit(resource.RLIMIT_NOFILE, (11000, 11000))
	fds = []
	for i in range(10000):
	    p = os.path.join(sys.argv[1], 'open%d' % (i % 5000))
	    fds.append(os.open(p, os.O_RDWR | os.O_CREAT, 0o600))
	    os.pwrite(fds[-1], b'%d' % (i % 5000), 0)
	assert [os.pread(fds[i], 9, 0) for i in (0, 4999, 9999)] == [b'0', b'4999', b'4999']
	os.unlink(os.path.join(sys.argv[1], 'open7'))
	assert os.pread(fds[7], 9, 0) == b'7' and os.fstat(fds[5007]).st_nlink == 0
	PY
}
check "ten thousand open files" many

kill_manager
printf alive > "$tmp/mnt/sessions/active/orphan"
check_eq "without a daemon sessions are written and read" "$(cat "$tmp/mnt/sessions/active/orphan")" alive
check_not "and control says so" cat "$tmp/mnt/control/uptime"
check_match "with EHOSTDOWN" "$output" 'Host is down'

done_testing

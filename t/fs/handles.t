#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: nobody ever reads a half-written or emptied session, and an old handle brings nothing back.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
active=$tmp/mnt/sessions/active

printf old > "$active/k"
exec 3> "$active/k"
check_eq "an open that truncates shows nobody an empty session" "$(cat "$active/k")" old
printf new >&3
check_eq "the first write publishes both" "$(cat "$active/k")" new
printf er >&3
check_eq "later ones add to it" "$(cat "$active/k")" newer
exec 3>&-
exec 3> "$active/k"
check_eq "the copy of a descriptor that is closed publishes nothing" "$(bash -c ':' 3>&3; cat "$active/k")" newer
exec 3>&-
check "the last close does" poll_until 5 test ! -s "$active/k"

printf 'first value' > "$active/k"
exec 3< "$active/k"
IFS= read -r -N 5 -u 3 part
printf 'second, other value' > "$active/k"
IFS= read -r -u 3 rest
check_eq "a reader who began goes on with what he began" "$part$rest" "first value"
exec 3<&-

printf keep > "$active/k"
exec 3<> "$active/k"
rm "$active/k"
check_eq "after rm, who had it open reads on" "$(cat <&3)" keep
printf zombie >&3
check_eq "what he writes is lost" "$?" 0
check_not "and brings nothing back" test -e "$active/k"
check_eq "it has no links" "$(stat -L -c %h /dev/fd/3 3<&3)" 0
printf anew > "$active/k"
printf zombie >&3
check_eq "nor does it write into a new session of that name" "$(cat "$active/k")" anew
exec 3>&-
exec 3> "$active/k"
rm "$active/k"
exec 3>&-
check_not "a truncation that was never published brings nothing back" test -e "$active/k"

printf a > "$active/k"
exec 3<> "$active/k"
gs del k >/dev/null
printf zombie >&3
check_status 1 "nor when it was ended by another program" gs get k
exec 3>&-

printf one > "$active/k"
exec 3<> "$active/k"
mv "$active/k" "$active/k2"
printf two >&3
check_eq "a handle follows its file to another name" "$(cat "$active/k2")" two
check_not "and leaves nothing under the old one" test -e "$active/k"
exec 3>&-
printf mine > "$active/mine"
exec 3<> "$active/mine"
printf theirs > "$active/theirs"
mv "$active/theirs" "$active/mine"
printf lost >&3
check_eq "a handle of what was replaced does not write into its successor" "$(cat "$active/mine")" theirs
exec 3>&-
printf x > "$active/m"
exec 3<> "$active/m"
mv "$active/m" "$tmp/mnt/sessions/cold/"
printf moved >&3
check_eq "a handle follows its file to another ring" "$(gs get m)" moved
exec 3>&-

# The calls of PHP's files handler, of Django's and of write-file-atomic's, as they were traced.
if command -v python3 >/dev/null; then
	cat > "$tmp/clients.py" <<-'PY'
		import fcntl, os, sys, tempfile
		os.chdir(sys.argv[1])
		def php(data):
		    fd = os.open('sess_a', os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
		    fcntl.flock(fd, fcntl.LOCK_EX)
		    size = os.fstat(fd).st_size
		    old = os.pread(fd, size, 0)
		    assert len(old) == size
		    os.ftruncate(fd, 0)
		    assert os.fstat(fd).st_size in (0, size)
		    assert open('sess_a', 'rb').read() == old
		    assert os.pwrite(fd, data, 0) == len(data)
		    os.close(fd)
		    return old
		assert php(b'a|i:1;') == b''
		assert php(b'a|i:2;b|i:3;') == b'a|i:1;'
		assert open('sess_a', 'rb').read() == b'a|i:2;b|i:3;'
		os.utime('sess_a')
		fd = os.open('sessionidx', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
		os.close(fd)
		try:
		    os.open('sessionidx', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777)
		    assert False
		except FileExistsError:
		    pass
		fd, name = tempfile.mkstemp(dir='.', prefix='sessionidx_out_')
		os.write(fd, b'data')
		os.fsync(fd)
		os.close(fd)
		os.chown(name, os.getuid(), os.getgid())
		os.chmod(name, 0o644)
		os.rename(name, 'sessionidx')
		assert os.stat('sessionidx').st_size == 4
		assert open('sessionidx', 'rb').read() == b'data'
		try:
		    os.unlink(name)
		    assert False
		except FileNotFoundError:
		    pass
		fd = os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
		other = os.open('log', os.O_WRONLY | os.O_APPEND)
		os.write(fd, b'1'); os.write(other, b'2'); os.write(fd, b'3')
		assert open('log', 'rb').read() == b'123'
	PY
	check "the calls of well-known clients do what they do on a disk" python3 "$tmp/clients.py" "$active"
else
	skip "the calls of well-known clients do what they do on a disk" "python3 is not installed"
fi

writers() {
	local i
	for i in 1 2 3 4; do
		(for ((n = 0; n < 100; n++)); do printf '%0*d' "$((i * 1000))" "$i" > "$active/race"; done) &
	done
	wait
}
readers() {
	local n value
	for ((n = 0; n < 150; n++)); do
		value=$(cat "$active/race")
		case ${#value} in
		1000 | 2000 | 3000 | 4000) ;;
		*) echo "read ${#value} bytes"; return 1 ;;
		esac
	done
}
printf %01000d 1 > "$active/race"
writers &
writers_pid=$!
check "who reads while four write reads whole values" readers
wait "$writers_pid"
check "the store is in order" gs audit

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the workers of PHP's FastCGI server, under a user of their own and in a mount namespace of their own, share sessions on the mount.
. "${0%/*}/lib.sh"
PATH=$PATH:/usr/sbin:$clients/debian/usr/sbin
requires_package php8.2-fpm command -v php-fpm8.2
requires "there is no user www-data" getent passwd www-data
requires "no mount namespace can be made here" unshare -m true
mount --bind "$tmp" "$tmp"
mount --make-shared "$tmp"
cleanup_fn umount -l "$tmp"
client_user=www-data
unlisted='opendir\(.*Permission denied'
client_store

cp "$srctop/t/fs/clients/client.php" "$tmp/client.php"
pool() {	# PLACE
	client_at "$1"
	cat <<-CONF
		[$1]
		user = www-data
		group = www-data
		listen = $tmp/$1.sock
		pm = static
		pm.max_children = 4
		php_admin_value[session.save_path] = $dir
	CONF
}
{
	printf '[global]\nerror_log = %s\n' "$tmp/fpm.log"
	pool namespace
	pool ring
} >"$tmp/fpm.conf"
unshare -m --propagation slave php-fpm8.2 --nodaemonize --fpm-config "$tmp/fpm.conf" >"$tmp/fpm.out" 2>&1 </dev/null &
fpm=$!
cleanup_fn end_family "$fpm"
poll_until 10 listens_at "$tmp/ring.sock" || { diag "php-fpm did not start: $(cat "$tmp/fpm.out" "$tmp/fpm.log")"; exit 1; }

client() {
	python3 "$srctop/t/fs/clients/fcgi.py" "$tmp/$place.sock" "$tmp/client.php" "$@"
}
file_of() {
	echo "sess_$1"
}

refused='open\(.*Disk quota exceeded \(122\)'
client_everything "$refused" "$refused" "$refused" 'Write failed: File too large \(27\)'

# ---- four workers, one session ----
id=$(client create one)
check_eq "a session is its worker's" "$(stat -c %U "$dir/sess_$id")" www-data
check_eq "and closed to others" "$(stat -c %a "$dir/sess_$id")" 600
for _ in 1 2 3 4; do
	client count "$id" 200 &
done >"$tmp/counts" 2>&1
wait $(jobs -p | sed 1d)
check_eq "four requests at once that add two hundred times each" "$(xargs < "$tmp/counts")" "ok ok ok ok"
check_eq "have added every one" "$(client counted "$id")" 800
one_by_one() {
	for _ in {1..50}; do
		client count "$id" 1
	done
}
for _ in 1 2 3 4; do
	one_by_one &
done >"$tmp/counts" 2>&1
wait $(jobs -p | sed 1d)
check_eq "four times fifty requests, each of one" "$(sort -u "$tmp/counts")" ok
check_eq "have added every one, too" "$(client counted "$id")" 1000

# ---- the mount ends and is made anew ----
stop_mount "$tmp/mnt"
check_match "without the mount, a request says" "$(client load "$id")" 'open\(.*No such file or directory'
start_kept_mount "$tmp/mnt"
check_not "the server has a mount namespace of its own" [ "$(readlink "/proc/$fpm/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ]
check_eq "into which the new one comes" "$(nsenter -t "$fpm" -m findmnt -no FSTYPE "$tmp/mnt")" "$(findmnt -no FSTYPE "$tmp/mnt")"
check_eq "its users are logged in" "$(client load "$id")" one
check_eq "and work on" "$(client count "$id" 1; client counted "$id")" "$(printf 'ok\n1001')"

# ---- the end ----
# A worker that stands still keeps its master from his end; left alone, it would have files of the mount open.
worker=$(cut -d ' ' -f 1 "/proc/$fpm/task/$fpm/children")
kill -STOP "$worker"
check "the server ends" end_family "$fpm"
check "and no worker is left" is_gone "$worker"

done_testing

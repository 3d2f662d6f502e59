#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the workers of PHP's FastCGI server, under a user of their own, share sessions on the mount.
. "${0%/*}/lib.sh"
PATH=$PATH:/usr/sbin:$clients/debian/usr/sbin
requires_package php8.2-fpm command -v php-fpm8.2
requires "there is no user www-data" getent passwd www-data
client_store

cp "$srctop/t/fs/clients/client.php" "$tmp/client.php"
cat > "$tmp/fpm.conf" <<-CONF
	[global]
	error_log = $tmp/fpm.log
	[app]
	user = www-data
	group = www-data
	listen = $tmp/fpm.sock
	pm = static
	pm.max_children = 4
	php_admin_value[session.save_path] = $dir
CONF
php-fpm8.2 --nodaemonize --fpm-config "$tmp/fpm.conf" >"$tmp/fpm.out" 2>&1 </dev/null &
cleanup_fn end_process "$!"
poll_until 10 listens_at "$tmp/fpm.sock" || { diag "php-fpm did not start: $(cat "$tmp/fpm.out" "$tmp/fpm.log")"; exit 1; }

client() {
	python3 "$srctop/t/fs/clients/fcgi.py" "$tmp/fpm.sock" "$tmp/client.php" "$@"
}
file_of() {
	echo "sess_$1"
}

refused='open\(.*Disk quota exceeded \(122\)'
client_lives
client_decays
client_idles
client_suspected "$refused" "$refused" "$refused"
client_fills 'Write failed: File too large \(27\)'
client_outlives_daemon
client_outlives_mount
# A ring's directory is not listed by everybody, and so not collected.
check_match "who may not list collects nothing" "$(client collect)" 'opendir\(.*Permission denied'

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

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a request of PHP with its session on the mount, over one with its session in files, in Redis and in memcached (accept 0.7 of phpredis with locking)
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
servers=$buildtop/servers
PATH=$PATH:/usr/sbin:$servers/usr/sbin:$servers/usr/bin
requires "php8.2-fpm is not there; tools/bench fetches it" command -v php-fpm8.2
requires "there is no user www-data" getent passwd www-data

sessions=2000
batches=60
requests=64
[ -z "${GS_QUICK-}" ] || batches=10
# As many as ask at once at most: nobody waits for a process of PHP.
processes=16

# What runs beside this script; each is ended by its pid.
beside() {
	"$@" >>"$tmp/log" 2>&1 </dev/null &
	cleanup_fn end_process "$!"
}

# Where an extension of PHP is, installed or fetched; nothing where it is not.
extension() {
	find "$(php-fpm8.2 -n -i | sed -n 's/^extension_dir => \([^ ]*\) .*/\1/p')" "$servers/usr/lib/php" -name "$1.so" 2>/dev/null | head -n 1
}

# ---- PHP: no configuration but ours; a pool of processes for each store ----
options=(-n)
load() {
	local name path
	for name; do
		path=$(extension "$name")
		[ -n "$path" ] || { diag "PHP's extension $name is not there"; return 1; }
		[ "$name" = opcache ] && options+=(-d "zend_extension=$path") || options+=(-d "extension=$path")
	done
}
load opcache
has_redis= has_memcached=
if load igbinary msgpack; then
	load redis && command -v redis-server redis-check-rdb >/dev/null && has_redis=1
	load memcached && command -v memcached >/dev/null && has_memcached=1
fi

asked=()
# pool NAME LINE...: where sessions of NAME are.
pool() {
	asked+=("$1=$tmp/$1.sock")
	cat >>"$tmp/fpm.conf" <<-CONF
		[$1]
		user = www-data
		group = www-data
		listen = $tmp/$1.sock
		pm = static
		pm.max_children = $processes
		php_admin_value[session.use_cookies] = 0
		php_admin_value[session.use_only_cookies] = 0
		php_admin_value[session.cache_limiter] =
		php_admin_value[session.gc_probability] = 0
	CONF
	printf '%s\n' "${@:2}" >>"$tmp/fpm.conf"
}
files() {
	pool "$1" "php_admin_value[session.save_path] = $2"
}
# in_redis NAME LOCKING PERSISTENT URL: a connection of each process, or of each request, as it is by default.
in_redis() {
	pool "$1" "php_admin_value[session.save_handler] = redis" "php_admin_value[redis.session.locking_enabled] = $2" \
		"php_admin_value[session.save_path] = \"$4?persistent=$3&prefix=$1:\""
}
in_memcached() {
	pool "$1" "php_admin_value[session.save_handler] = memcached" "php_admin_value[memcached.sess_locking] = $2" \
		"php_admin_value[memcached.sess_persistent] = 1" "php_admin_value[memcached.sess_prefix] = $1:" \
		"php_admin_value[session.save_path] = $tmp/memcached_server.sock:0"
}
# own_directory PARENT: one of the processes', removed at the end; its path is then in $own.
own_directory() {
	own=$(mktemp -d "$1/gs-bench.XXXXXX") || exit 1
	cleanup_fn rm -rf "$own"
	chown www-data:www-data "$own"
}

new_instance
start_manager
start_mount "$tmp/mnt"
chmod 0755 "$tmp"
cp "$srctop/t/bench/php_request.php" "$tmp/php_request.php"
printf '[global]\nerror_log = %s\n' "$tmp/fpm.log" >"$tmp/fpm.conf"

files mount "$tmp/mnt/sessions/active"
# Of a file system that has no extended attributes the kernel asks for none before it truncates.
INSTANCE=$INSTANCE-noxattr
start_manager
start_mount "$tmp/noxattr" -o noxattr
files mount_noxattr "$tmp/noxattr/sessions/active"
own_directory /dev/shm
files files_tmpfs "$own"
if [ "$(stat -f -c %T /var/tmp)" = tmpfs ]; then
	diag "files on a disk are not measured: /var/tmp is none"
else
	own_directory /var/tmp
	files files_disk "$own"
fi
if [ -n "$has_redis" ]; then
	redis_port=$((20000 + RANDOM % 12000)) redis=unix://$tmp/redis_server.sock
	# Debian's redis-tools have the server by another name, and start no service when they are installed.
	beside bash -c 'command -v redis-server >/dev/null && exec redis-server "$@"; exec -a redis-server redis-check-rdb "$@"' - \
		--port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --unixsocket "$tmp/redis_server.sock" --unixsocketperm 777 --dir "$tmp"
	poll_until 10 listens_at "$tmp/redis_server.sock" || { diag "Redis did not start: $(tail -n 5 "$tmp/log")"; exit 1; }
	in_redis redis 0 1 "$redis"
	in_redis redis_locking 1 1 "$redis"
	in_redis redis_locking_connects 1 0 "$redis"
	# As the manual of PHP's extension has it.
	in_redis redis_locking_tcp 1 0 "tcp://127.0.0.1:$redis_port"
else
	diag "Redis is not measured: it or PHP's extension is not there"
fi
if [ -n "$has_memcached" ]; then
	beside memcached -s "$tmp/memcached_server.sock" -a 777 -m 256 -M -t 2 -u root
	poll_until 10 listens_at "$tmp/memcached_server.sock" || { diag "memcached did not start: $(tail -n 5 "$tmp/log")"; exit 1; }
	in_memcached memcached 0
	in_memcached memcached_locking 1
else
	diag "memcached is not measured: it or PHP's extension is not there"
fi
pool no_session 'env[NO_SESSION] = 1'

beside php-fpm8.2 "${options[@]}" --nodaemonize --fpm-config "$tmp/fpm.conf"
fpm_pid=$!
# It ends when the last of its many has: killed before, it would leave them with files of the mount open.
end_fpm() {
	kill -TERM "$fpm_pid" && wait_gone "$fpm_pid" 60
}
cleanup_fn end_fpm
poll_until 20 listens_at "$tmp/no_session.sock" || { diag "php-fpm did not start: $(tail -n 5 "$tmp/log" "$tmp/fpm.log")"; exit 1; }
"$buildtop/t/bench/php_load" -b "$batches" -s "$sessions" -n "$requests" "$tmp/php_request.php" "${asked[@]}"

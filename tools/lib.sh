# SPDX-License-Identifier: BSD-2-Clause
# lib.sh - what the commands of the source tree (up, down, check, bench) share.
#
# Source it first; it sets srctop, and stops the command at the first error.

set -euo pipefail
umask 022
srctop=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
me=${0##*/}
jobs=$(nproc 2>/dev/null || echo 1)

# Debian's names of what a build, a running store, and the tests need.
build_packages=(gcc libc6-dev make autoconf automake libtool pkg-config libinih-dev libfuse3-dev libxxhash-dev libsodium-dev libncurses-dev)
run_packages=(fuse3 attr)
test_packages=("${build_packages[@]}" "${run_packages[@]}" libcmocka-dev clang libclang-rt-14-dev mandoc groff-base python3 strace rsync systemd tmux logrotate
	tar git procps util-linux findutils python3-prometheus-client)
# Programs that keep sessions in files, which t/fs/clients runs as they are.
client_packages=(php8.2-cli python3-django python3-flask python3-flask-session python3-cachelib libcgi-session-perl)
# Those of which only the files are wanted: installed, they would start services.
client_files=(php8.2-fpm libtomcat10-java)
client_modules=(express@4.18.2 express-session@1.17.3 session-file-store@1.5.0)
# What tools/bench measures the store against; redis-tools have the server, and no service.
peer_packages=(liblmdb-dev liburcu-dev libhiredis-dev redis-tools libmemcached-dev php8.2-cli)
# Those of which only the files are wanted: installed, they would start services, or change how everybody's PHP is set up.
server_files=(memcached php8.2-fpm php8.2-igbinary php8.2-memcached php8.2-msgpack php8.2-opcache php8.2-redis)

say() {
	printf '%s: %s\n' "$me" "$*"
}

fail() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# What builds the library for 64-bit ARM, and runs that here.
cross_packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)

# Which of these packages are not installed.
missing_packages() {
	local p
	for p; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

as_root() {
	if is_root; then
		"$@"
	else
		sudo "$@"
	fi
}

# Install what is missing of these packages, and say so; nothing is asked of apt where nothing is missing.
need_packages() {
	local missing log
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "this is no Debian; it needs what these packages of Debian have: $*"
		return 0
	fi
	mapfile -t missing < <(missing_packages "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	is_root || command -v sudo >/dev/null ||
		fail "packages are missing and only root may install them: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	log=$(mktemp)
	if ! as_root apt-get -q update >"$log" 2>&1 ||
		! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}" >>"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		fail "apt-get could not install them"
	fi
	rm -f "$log"
}

# fetch_files DIR PACKAGE...: what is in these packages of Debian, below DIR, and nothing is installed.
fetch_files() {
	local dir=$1 p
	shift
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 0
	mkdir -p "$dir"
	for p; do
		[ ! -e "$dir/$p.done" ] || continue
		say "fetching $p"
		rm -f "$dir/$p"_*.deb
		(cd "$dir" && apt-get -q download "$p" && dpkg -x "$p"_*.deb "$dir") >"$dir/log" 2>&1 || return 1
		touch "$dir/$p.done"
	done
}

# What t/fs/clients runs, as far as it can be had: a test whose client is missing says so and is skipped.
need_clients() {
	local dir=$1 need=("${client_packages[@]}")
	# Of these, whoever has another than Debian's keeps that; Debian's npm brings hundreds of packages.
	command -v javac >/dev/null || need+=(default-jdk-headless)
	command -v node >/dev/null || need+=(nodejs)
	command -v npm >/dev/null || need+=(npm)
	(need_packages "${need[@]}") || say "testing without what is missing"
	fetch_files "$dir/debian" "${client_files[@]}" || say "cannot fetch ${client_files[*]}"
	mkdir -p "$dir/npm"
	[ "$(cat "$dir/npm/have" 2>/dev/null)" != "${client_modules[*]}" ] || return 0
	say "fetching ${client_modules[*]}"
	if npm install --prefix "$dir/npm" --no-audit --no-fund --ignore-scripts "${client_modules[@]}" >"$dir/npm/log" 2>&1 </dev/null; then
		echo "${client_modules[*]}" >"$dir/npm/have"
	else
		say "npm cannot be reached"
	fi
}

# Run a command with its output in a log; when it fails, show the end of that and stop.
quietly() {
	local log=$1
	shift
	"$@" >>"$log" 2>&1 </dev/null || {
		tail -n 40 "$log" >&2
		fail "failed: $* (all of it is in $log)"
	}
}

# Make configure; two commands at once take turns.
make_configure() {
	(
		flock 9
		[ -x "$srctop/configure" ] && [ "$srctop/configure" -nt "$srctop/configure.ac" ] && [ -e "$srctop/Makefile.in" ] ||
			(cd "$srctop" && autoreconf -i)
	) 9<"$srctop"
}

# build_in DIR LOG CONFIGURE-OPTION...: configure where it was not yet, or otherwise, and make.
build_in() {
	local dir=$1 log=$2
	shift 2
	mkdir -p "$dir"
	: >"$log"
	quietly "$log" make_configure
	if [ ! -e "$dir/Makefile" ] || [ "$(cat "$dir/configured-with" 2>/dev/null)" != "$*" ]; then
		quietly "$log" env -C "$dir" "$srctop/configure" "$@"
		printf '%s\n' "$*" >"$dir/configured-with"
	fi
	quietly "$log" make -C "$dir" -j "$jobs"
}

# The directory of sockets and pid files, as src/base/paths.h has it.
run_dir() {
	if [ -n "${GSESSION_RUN_DIR-}" ]; then
		echo "$GSESSION_RUN_DIR"
	elif is_root; then
		echo /run/gsession
	elif [ -n "${XDG_RUNTIME_DIR-}" ]; then
		echo "$XDG_RUNTIME_DIR/gsession"
	else
		echo "/tmp/gsession-$(id -u)"
	fi
}

shm_dir() {
	if [ -n "${GSESSION_SHM_DIR-}" ]; then
		echo "$GSESSION_SHM_DIR"
	elif is_root; then
		echo /dev/shm/gsession
	else
		echo "/dev/shm/gsession-$(id -u)"
	fi
}

# Gone, or a zombie, whose parent is late.
has_ended() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || :
	[ -z "$state" ] || [ "$state" = Z ]
}

# The pid of an instance's daemon, if it lives.
daemon_pid() {
	local pid
	pid=$(cat "$(run_dir)/$1.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && ! has_ended "$pid" && grep -q gsessiond "/proc/$pid/comm" && echo "$pid"
}

# The instances of this user that run.
running_instances() {
	local f
	for f in "$(run_dir)"/*.pid; do
		[ -e "$f" ] || continue
		f=${f##*/}
		daemon_pid "${f%.pid}" >/dev/null && echo "${f%.pid}"
	done
	return 0
}

# poll_until SECONDS COMMAND...
poll_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Where a mount is whose server is gone, or that is busy, it is taken away all the same.
unmount() {
	if is_root; then
		umount "$1" 2>/dev/null || umount -l "$1"
	else
		fusermount3 -u "$1" 2>/dev/null || fusermount3 -uz "$1"
	fi
}

# Also where its server has died, when mountpoint(1) cannot look any more.
is_mounted() {
	dir=${1// /\\040} awk '$2 == ENVIRON["dir"] { found = 1 } END { exit !found }' /proc/self/mounts
}

default_mount() {
	local base=/mnt/gsession
	is_root || base=$HOME/gsession
	if [ "$1" = default ]; then
		echo "$base"
	else
		echo "$base-$1"
	fi
}

# Options of up and down: one reader. Sets instance, mount, conf, install.
read_options() {
	instance=default mount= conf= install=yes
	while [ $# -gt 0 ]; do
		case $1 in
		--instance=* | --mount=* | --conf=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			continue
			;;
		--instance | --mount | --conf)
			[ $# -gt 1 ] || { usage >&2; exit 2; }
			printf -v "${1#--}" %s "$2"
			shift
			;;
		--no-install) install=no ;;
		-h | --help) usage; exit 0 ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	[[ $instance =~ ^[a-z0-9_][a-z0-9_.-]{0,30}$ ]] || fail "an instance's name is of a-z 0-9 _ . - and has at most 31 characters"
	[ -z "$mount" ] || mount=$(realpath -ms "$mount")
	[ -z "$conf" ] || [ -f "$conf" ] || fail "there is no file $conf"
	[ -z "$conf" ] || conf=$(realpath "$conf")
	record=$srctop/build/up-$instance
}

# SPDX-License-Identifier: BSD-2-Clause
# functions.sh - what every shell test says and does; source it first:
#
#	#!/bin/bash
#	# SPDX-License-Identifier: BSD-2-Clause
#	# Goal: a session that was put is got by another process.
#	. "${0%/*}/../lib/functions.sh"
#	new_instance
#	start_manager
#	check "put stores a value" gs put k <<< hello
#	check_eq "get prints it" "$(gs get k)" hello
#	done_testing
#
# By hand: `t/cli/x.t`, or with another build directory
# `abs_top_builddir=/tmp/b t/cli/x.t` (else build/ is used). Tests run in
# parallel: an instance, a directory and a port are never shared.
#
# SAYING
#	check "sentence" COMMAND...		ok when the command succeeds; else its output is shown
#	check_not "sentence" COMMAND...		ok when it fails
#	check_status N "sentence" COMMAND...	ok when it exits with N
#	check_eq "sentence" GOT WANT		ok when the two strings are equal
#	check_match "sentence" TEXT REGEX	ok when the extended regex is found in the text
#	    After any of the first three, $output has what the command printed, both streams.
#	ok "sentence"  not_ok "sentence"  diag "text"
#	skip "sentence" "why"			one test that cannot run here
#	plan N (at the top) or done_testing (at the end, counts for you)
#	skip_all "why"				the whole test, before anything was said
#	requires "why not" COMMAND...		skip_all unless the command succeeds
#	requires_root, requires_fuse, requires_shared, slow_test
#	    requires_shared: ../shared beside the source tree, its path then in $SHARED
#	    slow_test: left out when GS_QUICK is set
#
# DOING
#	$GSESSION $GSESSIOND $GSESSION_FS	the programs of the build directory
#	$srctop $buildtop			source and build tree; $tmp: a private directory, removed at the end
#	cleanup_fn COMMAND...			run it at the end whatever happens, last one first
#	new_instance [NAME]			unique $INSTANCE, private GSESSION_RUN_DIR and GSESSION_SHM_DIR (exported)
#	gs ARG...				gsession -i $INSTANCE ARG...
#	start_manager [CONF]			gsessiond on $INSTANCE, ready; pid in $MANAGER_PID; without CONF: built-in defaults
#	stop_manager, kill_manager		SIGTERM or SIGKILL, and wait until it is gone
#	start_mount DIR [OPTION...]		gsession-fs on $INSTANCE at DIR, ready; pid in $MOUNT_PID
#	start_kept_mount DIR [OPTION...]	the same under gsession-keep; its pid in $KEEPER_PID
#	stop_mount DIR
#	start_mounted [kept]			a new instance, its daemon and a (kept) mount at $tmp/mnt; $active and $control are in it
#	start_roomy CAPACITY			the same for so many sessions in ring active, none longer than 1K
#	start_nullfs DIR SESSIONS		t/bench/nullfs, which stores nothing, and has so many files in sessions/active
#	poll_until SECONDS COMMAND...		until it succeeds; fails after the deadline, says nothing
#	wait_gone PID [SECONDS]			until the process has ended (10 s)
#	hold_open FILE COMMAND...		open it in a process that COMMAND runs; reads_on prints what that reads then, or why not; let_go ends it
#	end_process PID, end_family PID		end it, by SIGKILL when it does not in 10 s; and its children
#	listens_at FILE				a socket is there
#
# A report of a sanitizer, from any program, fails the test, and so does a
# program of ours that it leaves running.

set -u
umask 022

testdir=$(cd "${0%/*}" && pwd) || exit 99
srctop=${abs_top_srcdir:-$(cd "$testdir/../.." && pwd)}
buildtop=${abs_top_builddir:-$srctop/build}
GSESSION=$buildtop/tools/gsession
GSESSIOND=$buildtop/src/gsessiond
GSESSION_FS=$buildtop/fs/gsession-fs
GSESSION_KEEP=$buildtop/fs/gsession-keep

n_said=0
n_failed=0
n_planned=
output=
cleanups=()
declare -A keepers		# by the directories of mounts

# /tmp and not TMPDIR: the path of a socket has at most 107 bytes.
tmp=$(mktemp -d /tmp/gs-test.XXXXXX) || exit 99

# Reports of programs whose standard error nobody reads any more.
export ASAN_OPTIONS="log_path=$tmp/sanitizer:${ASAN_OPTIONS-}"
export UBSAN_OPTIONS="log_path=$tmp/sanitizer:print_stacktrace=1:${UBSAN_OPTIONS-}"
export TSAN_OPTIONS="log_path=$tmp/sanitizer:${TSAN_OPTIONS-}"

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

ok() {
	n_said=$((n_said + 1))
	printf 'ok %d - %s\n' "$n_said" "$1"
}

not_ok() {
	n_said=$((n_said + 1))
	n_failed=$((n_failed + 1))
	printf 'not ok %d - %s\n' "$n_said" "$1"
}

skip() {
	n_said=$((n_said + 1))
	printf 'ok %d - %s # SKIP %s\n' "$n_said" "$1" "$2"
}

plan() {
	n_planned=$1
	printf '1..%d\n' "$1"
}

done_testing() {
	[ -n "$n_planned" ] || plan "$n_said"
	[ "$n_failed" -eq 0 ]
	exit
}

skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	n_planned=0
	exit 0
}

requires() {
	local why=$1
	shift
	"$@" >"$tmp/requires" 2>&1 || skip_all "$why"
}

requires_root() {
	[ "$(id -u)" -eq 0 ] || skip_all "only root may do this"
}

requires_fuse() {
	[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip_all "/dev/fuse cannot be opened here"
	[ "$(id -u)" -eq 0 ] || command -v fusermount3 >/dev/null || skip_all "fusermount3 is not installed"
}

requires_shared() {
	SHARED=$srctop/../shared
	[ -d "$SHARED" ] || skip_all "../shared is not beside the source tree"
}

slow_test() {
	[ -z "${GS_QUICK-}" ] || skip_all "takes long, left out by GS_QUICK"
}

# In this shell, not in a subshell, so that commands may set variables.
run_quietly() {
	local status=0
	"$@" >"$tmp/output" 2>&1 || status=$?
	output=$(tr -d '\0' <"$tmp/output")
	return "$status"
}

check() {
	local sentence=$1 status=0
	shift
	run_quietly "$@" || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$sentence"
		return
	fi
	not_ok "$sentence"
	diag "exit status $status of: $*"
	diag "$output"
	return 1
}

check_not() {
	local sentence=$1
	shift
	if run_quietly "$@"; then
		not_ok "$sentence"
		diag "succeeded: $*"
		diag "$output"
		return 1
	fi
	ok "$sentence"
}

check_status() {
	local want=$1 sentence=$2 status=0
	shift 2
	run_quietly "$@" || status=$?
	check_eq "$sentence" "$status" "$want" && return
	diag "from: $*"
	diag "$output"
	return 1
}

check_eq() {
	if [ "$2" = "$3" ]; then
		ok "$1"
		return
	fi
	not_ok "$1"
	diag "got:  $2"
	diag "want: $3"
	return 1
}

check_match() {
	if grep -Eq -- "$3" <<< "$2"; then
		ok "$1"
		return
	fi
	not_ok "$1"
	diag "no match for: $3"
	diag "in: $2"
	return 1
}

cleanup_fn() {
	cleanups+=("$(printf '%q ' "$@")")
}

# What the sanitizers had to say; the test has failed then.
report_sanitizers() {
	local f
	for f in "$tmp"/sanitizer.*; do
		[ -e "$f" ] || return 0
		diag "$(cat "$f")"
		exit_status=1
	done
}

# Programs on this test's instance that nobody ended; they would also keep our standard output open.
end_survivors() {
	local p name
	for p in /proc/[0-9]*; do
		name=$(cat "$p/comm" 2>/dev/null) || continue
		[[ $name == gsession* ]] || continue
		grep -qzxF "GSESSION_RUN_DIR=$tmp/run" "$p/environ" 2>/dev/null || continue
		is_gone "${p#/proc/}" && continue
		diag "$name (pid ${p#/proc/}) was left running"
		kill -KILL "${p#/proc/}" 2>/dev/null
		exit_status=1
	done
}

run_cleanups() {
	exit_status=$?
	trap - EXIT
	local i
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}" >/dev/null 2>&1
	done
	end_survivors
	report_sanitizers
	rm -rf "$tmp"
	exit "$exit_status"
}
trap run_cleanups EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP

# poll_until SECONDS COMMAND...: of a machine that does nothing else; a busy one is given six times as many, which only a failure costs.
poll_until() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 6 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# A zombie has ended too: only its parent is late.
is_gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

wait_gone() {
	poll_until "${2:-10}" is_gone "$1"
}

listens_at() {
	[ -S "$1" ]
}

# End a process that we started: politely, and after ten seconds not.
end_process() {
	is_gone "$1" && return
	kill -TERM "$1"
	wait_gone "$1" || { kill -KILL "$1" && wait_gone "$1"; }
}

# The same, and those that it has started: who is killed takes none of his with him.
end_family() {
	local child children
	children=$(cat "/proc/$1/task"/*/children 2>/dev/null)
	end_process "$1"
	for child in $children; do
		is_gone "$child" || { kill -KILL "$child" && wait_gone "$child"; }
	done
}

new_instance() {
	INSTANCE=${1:-t$$}
	GSESSION_RUN_DIR=$tmp/run
	GSESSION_SHM_DIR=$(mktemp -d /dev/shm/gs-test.XXXXXX) || skip_all "/dev/shm cannot be written"
	cleanup_fn rm -rf "$GSESSION_SHM_DIR"
	mkdir -p "$GSESSION_RUN_DIR"
	export GSESSION_RUN_DIR GSESSION_SHM_DIR
}

gs() {
	"$GSESSION" -i "$INSTANCE" "$@"
}

start_manager() {
	local conf=${1-}
	if [ -z "$conf" ]; then
		conf=$tmp/defaults.conf
		: > "$conf"
	fi
	"$GSESSIOND" -i "$INSTANCE" -c "$conf" --detach >"$tmp/manager.out" 2>&1 </dev/null || {
		diag "gsessiond did not start: $(cat "$tmp/manager.out")"
		exit 1
	}
	MANAGER_PID=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")
	cleanup_fn end_process "$MANAGER_PID"
}

stop_manager() {
	kill -TERM "$MANAGER_PID" && wait_gone "$MANAGER_PID"
}

kill_manager() {
	kill -KILL "$MANAGER_PID" && wait_gone "$MANAGER_PID"
}

is_mounted() {
	mountpoint -q "$1"
}

# The process that serves a mount of ours: no other gsession-fs has this directory as its last argument. Those beside it
# have names of their own, gsession-poke and gsession-alive, and may outlive it for a moment.
find_mount_pid() {
	local p name argv
	for p in /proc/[0-9]*; do
		read -r name 2>/dev/null <"$p/comm" && [[ $name != gsession-@(poke|alive) ]] || continue
		mapfile -d '' -t argv 2>/dev/null <"$p/cmdline" || continue
		[ "${#argv[@]}" -gt 1 ] || continue
		if [ "${argv[0]##*/}" = gsession-fs ] && [ "${argv[-1]}" = "$1" ]; then
			MOUNT_PID=${p#/proc/}
			return
		fi
	done
	return 1
}

start_mount() {
	local dir=$1
	shift
	mkdir -p "$dir"
	"$GSESSION_FS" -i "$INSTANCE" "$@" "$dir" >"$tmp/mount.out" 2>&1 </dev/null || {
		diag "gsession-fs did not start: $(cat "$tmp/mount.out")"
		exit 1
	}
	cleanup_fn stop_mount "$dir"
	find_mount_pid "$dir"
}

start_kept_mount() {
	local dir=$1
	shift
	# Where a mount has died it is there, and cannot be looked at.
	mkdir -p "$dir" 2>/dev/null
	"$GSESSION_KEEP" "$GSESSION_FS" -i "$INSTANCE" "$@" "$dir" >"$tmp/mount.out" 2>&1 </dev/null || {
		diag "gsession-fs did not start: $(cat "$tmp/mount.out")"
		exit 1
	}
	cleanup_fn stop_mount "$dir"
	find_mount_pid "$dir"
	KEEPER_PID=$(awk '{ print $4 }' "/proc/$MOUNT_PID/stat")
	keepers[$dir]=$KEEPER_PID
}

start_mounted() {
	new_instance
	start_manager
	"start_${1:+kept_}mount" "$tmp/mnt"
	active=$tmp/mnt/sessions/active
	control=$tmp/mnt/control
}

start_roomy() {
	new_instance
	cat > "$tmp/conf" <<-CONF
		[table sessions]
		record_size = 1K
		[ring active]
		capacity = $1
		ttl = 2h
		[ring warm]
		ttl = 3h
	CONF
	start_manager "$tmp/conf"
	start_mount "$tmp/mnt"
	active=$tmp/mnt/sessions/active
}

hold_open() {
	local file=$1
	shift
	coproc reader { "$@" bash -c 'exec 3< "$1" && echo open; while read -r _; do cat <&3 2>&1 | tr -d "\n"; echo; done' - "$file"; }
	cleanup_fn end_process "$reader_PID"
	asks=${reader[1]} answers=${reader[0]}
	read -r -t 60 -u "$answers" _
}

reads_on() {
	local answer=
	echo >&"$asks"
	read -r -t 60 -u "$answers" answer
	echo "$answer"
}

let_go() {
	local pid=$reader_PID
	exec {asks}>&- {answers}<&-
	wait_gone "$pid" || end_process "$pid"
	wait "$pid" 2>/dev/null
}

start_nullfs() {
	local pid
	mkdir "$1"
	"$buildtop/t/bench/nullfs" 512 "$2" "$1" &
	pid=$!
	cleanup_fn end_process "$pid"
	cleanup_fn umount -l "$1"
	poll_until 10 is_mounted "$1" || exit 1
}

# Of a mount that is gone what served it may still be on its way.
stop_mount() {
	local keeper=${keepers[$1]-}
	if is_mounted "$1"; then
		unmount "$1"
	fi
	[ -z "$keeper" ] || wait_gone "$keeper"
}

unmount() {
	find_mount_pid "$1" || MOUNT_PID=
	if [ "$(id -u)" -eq 0 ]; then
		umount "$1" || umount -l "$1"
	else
		fusermount3 -u "$1" || fusermount3 -uz "$1"
	fi
	[ -z "$MOUNT_PID" ] || wait_gone "$MOUNT_PID"
}

# What ends a test's processes: a test with a function of such a name would leave them running, and nobody would say so.
readonly -f is_gone wait_gone poll_until end_process end_survivors run_cleanups

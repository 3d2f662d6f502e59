#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a local hit makes no system call and allocates nothing, and neither do the other calls, but for committing memory.
. "${0%/*}/../lib/functions.sh"
hits=$buildtop/t/proc/hits
requires "t/proc/hits is not built" test -x "$hits"
new_instance
start_manager

calls=(get get_info miss peek stat multi_get touch put del move promote reader_get reader_info reader_miss reader_multi)
check "the calls are made" "$hits" "$INSTANCE"
for c in "${calls[@]}"; do
	check_match "$c allocates nothing" "$output" "^$c 0\$"
done
check_match "update allocates its buffer, and is seen to" "$output" '^update [1-9]'
check_eq "all calls were looked at" "$(grep -cE '^[a-z_]+ [0-9]+$' <<< "$output")" $((${#calls[@]} + 1))

# A leak checker cannot work in a traced process, and is not what is tested here.
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"

# The system calls between the marks of a call, one a line; brackets tell that the marks were seen.
between() {
	awk -v name="$1" '
		index($0, "\"begin " name "\\n\"") { print "["; inside = 1; next }
		index($0, "\"end " name "\\n\"") { print "]"; inside = 0 }
		inside' "$tmp/trace"
}

traced() {
	strace -f -o "$tmp/trace" "$hits" "$INSTANCE" 2>"$tmp/strace.err" >/dev/null
}

why=
command -v strace >/dev/null || why="strace is not installed"
[ -n "$why" ] || strace -o /dev/null true 2>/dev/null || why="a process cannot be traced here"
[ -n "$why" ] || ! grep -q -- '-fsanitize=thread' "$buildtop/Makefile" || why="the thread sanitizer makes system calls of its own"
[ -n "$why" ] || traced || why="a traced program fails here: $(tail -n 1 "$tmp/strace.err")"
for c in "${calls[@]}"; do
	if [ -n "$why" ]; then
		skip "$c makes no system call" "$why"
		continue
	fi
	case $c in
	put | del | move | promote)
		check_eq "$c makes no system call but fallocate" "$(between "$c" | grep -v ' fallocate(')" "$(printf '[\n]')" ;;
	*)
		check_eq "$c makes no system call" "$(between "$c")" "$(printf '[\n]')" ;;
	esac
done
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a process killed after any instruction of an operation delays nobody, loses nothing, and is recovered; so is the daemon.
. "${0%/*}/../lib/functions.sh"
kill_step=$buildtop/t/proc/kill_step
requires "t/proc/kill_step is not built" test -x "$kill_step"
why=$("$kill_step" probe 2>/dev/null) || skip_all "operations cannot be stepped: ${why:-a process cannot be traced here}"

seed=${GS_SEED:-$RANDOM}
total=0
while read -r name sentence; do
	case $name in
	control-*)
		check "$sentence, killed after each instruction: it is found out" "$kill_step" step "$name" "$seed"
		;;
	*)
		check "$sentence, killed after each instruction: others go on, nothing is lost" "$kill_step" step "$name" "$seed"
		[[ $output =~ $name:\ ([0-9]+)\ points ]] && total=$((total + BASH_REMATCH[1]))
		;;
	esac
	diag "$output"
done < <("$kill_step" list)
diag "$total points${GS_QUICK:+, every seventh instruction}, seed $seed"
check "operations were stepped" test "$total" -gt "$(if [ -n "${GS_QUICK-}" ]; then echo 2000; else echo 20000; fi)"
done_testing

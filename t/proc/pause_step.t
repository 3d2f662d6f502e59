#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: an operation that is stopped after any instruction while another context makes a whole one: one came after the other.
. "${0%/*}/../lib/functions.sh"
pause_step=$buildtop/t/proc/pause_step
requires "t/proc/pause_step is not built" test -x "$pause_step"
why=$("$pause_step" probe 2>/dev/null) || skip_all "operations cannot be stepped: ${why:-a process cannot be traced here}"

seed=${GS_SEED:-$RANDOM}
total=0
while read -r name sentence; do
	check "$sentence, stopped after each instruction while another works: as if one came after the other" \
		"$pause_step" step "$name" "$seed"
	diag "$output"
	[[ $output =~ $name:\ ([0-9]+)\ points ]] && total=$((total + BASH_REMATCH[1]))
done < <("$pause_step" list)
diag "$total points${GS_QUICK:+, every seventh instruction}, seed $seed"
check "operations were stepped" test "$total" -gt "$(if [ -n "${GS_QUICK-}" ]; then echo 2000; else echo 20000; fi)"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a logout ends all sessions of its owner, whoever touches, updates or moves them at that moment, or is killed doing it.
. "${0%/*}/../lib/functions.sh"
races=$buildtop/t/proc/logout
requires "t/proc/logout is not built" test -x "$races"

seed=${GS_SEED:-$RANDOM}
n=$([ -n "${GS_QUICK-}" ] && echo 20000 || echo 1000000)
for how in touch update put move; do
	check "$n races of $how against logout: logout always wins" "$races" "$how" "$n" "$seed"
	diag "$output"
	n=$((n / 5))
done
check "who is killed in the middle, on either side, changes nothing of that" "$races" kill $((n * 10)) "$seed"
diag "$output"
check_status 1 "writers that do not look at the marks are found out" "$races" blind 2000000 "$seed"
diag "$output"
done_testing

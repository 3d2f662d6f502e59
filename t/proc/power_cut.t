#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whenever the power is cut, the disk has each session of a ring in a file as the last sync saw it or as it became later.
. "${0%/*}/../lib/functions.sh"
power_cut=$buildtop/t/proc/power_cut
requires "t/proc/power_cut is not built" test -x "$power_cut"
"$power_cut" 1 0 > "$tmp/unfit" 2>&1
[ $? -ne 77 ] || skip_all "$(cat "$tmp/unfit")"

seed=${GS_SEED:-$RANDOM}
images=$([ -n "${GS_QUICK-}" ] && echo 1000 || echo 10000)
for n in 1 2; do
	check "no session that a sync covered is lost, none is torn, and none that had ended is back" "$power_cut" "$seed$n" "$images"
	diag "$output"
	[[ $output =~ ([0-9]+)\ images ]]
	check "many images were tried" test "${BASH_REMATCH[1]:-0}" -gt $((images / 4))
done
check_status 1 "slots that are free before a sync are found out" "$power_cut" "$seed" "$images" early
diag "$output"
check_status 1 "so are ended ones that are free a sync too early" "$power_cut" "$seed" 10000 forget
diag "$output"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: how often a session is in the innermost ring when it is asked for, beside a true LRU of as many sessions
. "${0%/*}/../lib/functions.sh"

results=$buildtop/results
logs=()
for log in semicomplete twiki; do
	path=${GS_SHARED-$srctop/../shared}/data/$log-access.log
	if [ -r "$path" ]; then
		logs+=("$path")
	else
		diag "the log $log is not replayed: $path is not there"
	fi
done
mkdir -p "$results" || exit 1
"$buildtop/t/bench/policy" ${GS_QUICK:+-q} "${logs[@]}" > "$tmp/out" || exit 1
sed '/^\[/,$d' "$tmp/out"
sed -n '/^\[/,$p' "$tmp/out" > "$results/policy.json"
echo "written: results/policy.json"

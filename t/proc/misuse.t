#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the library refuses what should not be given to it, with the right code, and nothing is harmed; any number of threads shares a handle.
. "${0%/*}/../lib/functions.sh"
requires "t/proc/misuse is not built" test -x "$buildtop/t/proc/misuse"
new_instance
start_manager
"$buildtop/t/proc/misuse" "$INSTANCE" >"$tmp/said" 2>&1
status=$?
# Its plan is the last line: one test is added before.
sed '/^1\.\./d' "$tmp/said"
n_said=$(grep -cE '^(not )?ok ' "$tmp/said")
n_failed=$(grep -c '^not ok ' "$tmp/said")
check_eq "the program ran to its end" "$status $(grep -c '^1\.\.' "$tmp/said")" "0 1"
check "audit is clean" gs audit
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a start that stands still after any of its instructions while its namespace is removed ends in none that is not there.
. "${0%/*}/../lib/functions.sh"
stop_step=$buildtop/t/proc/stop_step
requires "t/proc/stop_step is not built" test -x "$stop_step"
why=$("$stop_step" probe 2>/dev/null) || skip_all "operations cannot be stepped: ${why:-a process cannot be traced here}"

check "stopped after each instruction, it goes on, or goes on late, or dies: nobody is lied to" "$stop_step" step "${GS_SEED:-$RANDOM}"
diag "$output"
done_testing

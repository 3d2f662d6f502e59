#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: after `gsession replay --live` the store's counters differ by exactly what the report says, and its memory is whole.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c 'import json'

model=$testdir/replay_model.py
shared=${GS_SHARED-$srctop/../shared}
new_instance
start_manager

counters() {
	gs show stats | awk '$1 == "started" || $1 == "gets" { n[$1] = $2 } END { print n["started"], n["gets"] }'
}

# live SENTENCE SPEED LOG
live() {
	local before after sentence=$1
	before=($(counters))
	check "$sentence: replay --live" eval "gs replay --live --speed $2 --json '$3' > '$tmp/report.json'"
	after=($(counters))
	check_eq "$sentence: the store counted what the report says" \
	    "$((after[0] - before[0])) $((after[1] - before[1]))" "$(python3 "$model" counts "$tmp/report.json" started gets)"
	check "$sentence: audit is clean" gs audit
}

# Two hours of a dozen visitors, with lines that nobody can read among them.
python3 "$model" generate 5 60 > "$tmp/small.log"
live "a small log" 100000 "$tmp/small.log"
check_match "every request was put or got" "$(python3 "$model" counts "$tmp/report.json" requests started replaced gets refused)" \
    '^([0-9]+) [0-9]+ 0 [0-9]+ 0$'
check_eq "and none was lost" \
    "$(python3 "$model" counts "$tmp/report.json" requests)" \
    "$(($(python3 "$model" counts "$tmp/report.json" started gets | tr ' ' +)))"
check_match "latencies are in the report" "$(cat "$tmp/report.json")" '"latency": \{"get": \{"n": [0-9]+, "p50_us": [0-9.]+, "p99_us": [0-9.]+, "max_us": '

live "the same log again" 100000 "$tmp/small.log"
check_eq "finds its sessions there" "$(python3 "$model" counts "$tmp/report.json" started)" 0
check "for people" gs replay --live --speed 100000 "$tmp/small.log"
check_match "with latencies" "$output" 'get +[0-9]+ +p50 '

# Paced: ten seconds of log at ten times the speed are one second.
printf '%s - - [01/Mar/2020:00:00:%s +0000] "GET /" 200 1\n' p 00 p 10 > "$tmp/paced.log"
from=${EPOCHREALTIME/[.,]/}
check "a log of ten seconds, ten times faster" gs replay --live --speed 10 "$tmp/paced.log"
took=$((${EPOCHREALTIME/[.,]/} - from))
check "takes a second" test "$took" -ge 1000000
check "and not ten" test "$took" -lt 8000000

log=$shared/data/semicomplete-access.log
if [ -n "${GS_QUICK-}" ]; then
	skip "semicomplete" "takes a minute and a half, left out by GS_QUICK"
elif [ -r "$log" ]; then
	live "semicomplete" 3600 "$log"
else
	skip "semicomplete" "$log is not there"
fi

stop_manager
check_status 3 "without a daemon" gs replay --live "$tmp/paced.log"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: ten thousand suspects that are hammered are refused so cheaply that the gets of others take as long as ever: 99th percentiles in turn
. "${0%/*}/../lib/functions.sh"

suspects=10000 others=100000 seconds=20
[ -z "${GS_QUICK-}" ] || { suspects=1000 seconds=4; }
new_instance
cat > "$tmp/gsession.conf" <<-CONF
	[quota]
	rate = 1000/s
	burst = 100
	action = quarantine
	hold = 1h
	[ring active]
	capacity = $((others + suspects))
	[ring suspect]
	capacity = $((suspects * 2))
CONF
start_manager "$tmp/gsession.conf"
"$buildtop/t/bench/suspects" "$INSTANCE" "$suspects" "$others" "$seconds" || exit 1
gs show stats | grep -E '^(accused|quarantined|suspect_full) '

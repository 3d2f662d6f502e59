#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: how long a logout takes that ends 500 sessions of an owner among ten million others (accept 100 ms)
. "${0%/*}/../lib/functions.sh"

sessions=10000000
[ -z "${GS_QUICK-}" ] || sessions=500000
need=$((sessions * 900 / 1024))
have=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
while [ "$need" -gt $((have * 2 / 3)) ]; do
	sessions=$((sessions / 2)) need=$((need / 2))
done
"$buildtop/t/bench/logout" "$sessions" 500

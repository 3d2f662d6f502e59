#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: clusters of 3 to 1,000 hosts: how even their slots lie, what a host more or less moves beyond its own share, and what the map costs
. "${0%/*}/../lib/functions.sh"

"$buildtop/t/bench/placement"

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a table that changes while it is read leads no call out of its maps.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz race "calls on tables that change under them stay within their maps"
done_testing

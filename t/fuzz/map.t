#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: bytes of a map that a peer sends are refused, or are a map that breaks no rule.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz map "bytes of maps are refused, or taken and encoded to the same"
done_testing

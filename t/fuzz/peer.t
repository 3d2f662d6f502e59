#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a peer that lies to the daemon gets what it deserves, and costs nobody else anything.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz peer "a lying peer gets descriptors for a right hello only, and the honest ones their answers"
done_testing

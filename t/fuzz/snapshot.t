#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: any bytes as a snapshot are refused with a sentence, or leave the table sound, with nothing from the future or without end.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz snapshot "files of snapshots are refused with a sentence, or put back within bounds"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: no damage to a table makes a call crash, hang, leave its maps or answer what is no answer.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz table "every call on damaged tables ends with an answer, within its maps"
done_testing

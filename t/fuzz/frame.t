#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: frames and hellos that anybody sends are refused, or say what they are.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz frame "frames are refused or whole, and no changed hello is accepted"
done_testing

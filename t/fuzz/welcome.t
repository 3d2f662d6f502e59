#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a daemon that lies at an attach or in an answer gives its client an error, and nothing worse.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz welcome "attaches to and requests of a lying daemon end with an answer and leave no descriptor behind"
done_testing

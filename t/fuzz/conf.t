#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: any text as a configuration is refused with a sentence, or taken as it is printed.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz conf "texts of configurations are refused with a sentence, or taken, printed and taken again"
done_testing

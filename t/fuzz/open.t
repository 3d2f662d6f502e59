#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: files of a table that are not as they must be are refused, or do no harm.
. "${0%/*}/../lib/functions.sh"
. "${0%/*}/fuzz.sh"
fuzz open "files with damaged headers, of other lengths and kinds are refused, or every call stays within their maps"
done_testing

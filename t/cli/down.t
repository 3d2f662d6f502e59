#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: without a daemon every verb that needs one exits with 3 and says what to do.
. "${0%/*}/../lib/functions.sh"
new_instance

down() {
	check_status 3 "$1 without a daemon is 3" gs "$@" < /dev/null
	check_match "$1 says what to do" "$output" "gsessiond -i $INSTANCE"
}

down show
down show --json
down set node/log_level info
down get k
down put k
down add k
down touch k
down del k
down stat k
down new
down ls
down mv k cold
down audit
down conf show
check_status 3 "bare gsession too" gs
check "conf defaults needs none" gs conf defaults
check "--help needs none" gs --help

# The same after a daemon was killed: its socket is still there.
start_manager
gs put k <<< v
kill_manager
down show
down get k
start_manager
check_eq "the next daemon has the session" "$(gs get k)" v
stop_manager
down get k
done_testing

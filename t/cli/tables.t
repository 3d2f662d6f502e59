#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: two tables of different record_size stand side by side, each with its own rings, sessions and audit.
. "${0%/*}/../lib/functions.sh"
new_instance
cat > "$tmp/gsession.conf" <<'END'
[table tokens]
record_size = 100
key_max = 32
[ring tokens/active]
ttl = 1m
capacity = 500
END
start_manager "$tmp/gsession.conf"

check "put in sessions" gs put k <<< 'a session'
check "put in tokens" gs -t tokens put k <<< 'a token'
check_eq "a key is in each table's own" "$(gs get k) $(gs -t tokens get k)" 'a session a token'
check "del in one" gs -t tokens del k
check_eq "leaves the other" "$(gs get k)" 'a session'
check_status 1 "it is gone in the one" gs -t tokens get k
head -c 101 /dev/zero > "$tmp/value"
check "101 bytes go into sessions" gs put large < "$tmp/value"
check_status 4 "but not into tokens" gs -t tokens put large < "$tmp/value"
check_match "which says its own limit" "$output" 'at most 100'
check "a key of 32 bytes goes into tokens" gs -t tokens put 12345678901234567890123456789012 < /dev/null
check_status 2 "one of 33 does not" gs -t tokens put 123456789012345678901234567890123 < /dev/null
check_eq "record_size of each" "$(gs show sessions/record_size) $(gs show tokens/record_size)" '8K 100'
check_eq "rules of each" "$(gs show sessions/rings/active/ttl) $(gs show tokens/rings/active/ttl)" '5m 1m'
check "set in one" gs set tokens/rings/active/ttl 30s
check_eq "leaves the other" "$(gs show sessions/rings/active/ttl) $(gs show tokens/rings/active/ttl)" '5m 30s'
check_eq "stats has the sum of both" "$(gs show stats | grep '^started ')" 'started 4'
check_eq "each has its own" "$(gs show tokens/stats | grep '^started ')" 'started 2'
check_match "show has both" "$(gs)" '^table tokens  sessions 1  record_size 100$'
check "audit walks both" gs audit
check_match "sessions" "$output" '^table sessions: free [0-9]+ \+ live 2 \+ listed [0-9]+ = capacity [0-9]+$'
check_match "tokens" "$output" '^table tokens: free [0-9]+ \+ live 1 \+ listed [0-9]+ = capacity [0-9]+$'
check_match "and prints the sum" "$output" '^free [0-9]+ \+ live 3 \+ listed [0-9]+ = capacity [0-9]+$'
kill_manager
start_manager "$tmp/gsession.conf"
check_eq "both outlive the daemon" "$(gs get k) $(gs -t tokens ls)" 'a session 12345678901234567890123456789012'
check_eq "and what was set" "$(gs show tokens/rings/active/ttl)" 30s
done_testing

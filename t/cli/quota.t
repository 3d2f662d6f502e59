#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: quotas are configured by file and by hand, kept over a restart, printed as a file that loads back equal, and refused with a sentence.
. "${0%/*}/../lib/functions.sh"
new_instance
cat > "$tmp/conf" <<'EOT'
[quota]
rate = 100/m
burst = 7
overrides = key 192.0.2.7 1/s 20
overrides = owner alice\040b none

[table tokens]
record_size = 256

[quota tokens]
action = quarantine
strict = yes
EOT
start_manager "$tmp/conf"

is() {
	check_eq "$1 is $(printf %q "$2")" "$(gs show "$1")" "$2"
}
is sessions/quota/rate 100/m
is sessions/quota/burst 7
is sessions/quota/action report
is sessions/quota/overrides $'key 192.0.2.7 1/s 20\nowner alice\\040b none'
is tokens/quota/rate 50/s
is tokens/quota/action quarantine
is tokens/quota/strict yes
is tokens/quota/overrides ""

set_to() {
	check "set $1 $(printf %q "$2")" gs set -- "$1" "$2"
	check_eq "show $1 says $(printf %q "$3")" "$(gs show "$1")" "$3"
}
set_to sessions/quota/rate 120/m 2/s
set_to sessions/quota/burst 20 20
set_to sessions/quota/hold 5000ms 5s
set_to sessions/quota/release 2m 2m
set_to sessions/quota/expel_after 3 3
set_to sessions/quota/strict yes yes
set_to sessions/quota/action slow slow
set_to sessions/quota/overrides "key 192.0.2.7 5/s 5" $'key 192.0.2.7 5/s 5\nowner alice\\040b none'
set_to sessions/quota/overrides $'-key 192.0.2.7\nkey x\\073 10/s 1' $'owner alice\\040b none\nkey x\\073 10/s 1'
check_match "an accepted write is an event" "$(gs show events)" 'set path=sessions/quota/rate old=100/m new=2/s uid='

refused() {
	local before
	before=$(gs show "$2")
	check_status "$1" "set $2 $(printf '%.40q' "$3") is refused" gs set -- "$2" "$3"
	check_match "and says why" "$output" "$4"
	check_match "last_error has it" "$(gs show last_error)" "$4"
	check_eq "nothing was changed" "$(gs show "$2")" "$before"
}
refused 2 sessions/quota/rate 0/s 'rate is a rate from 1/h to 10000/s'
refused 2 sessions/quota/rate 0 'rate is a rate'
refused 2 sessions/quota/rate 50 'as 50/s 100/m 20/h'
refused 2 sessions/quota/rate none 'rate is a rate'
refused 2 sessions/quota/rate 20000/s 'to 10000/s'
refused 2 sessions/quota/burst 0 'burst is a number from 1'
refused 2 sessions/quota/action ban 'report.slow.quarantine'
refused 2 sessions/quota/expel_after 0 'a number from 1 to 63'
refused 1 sessions/quota/overrides 'namespace shop 5/s 5' 'there is no namespace of this name'
refused 2 sessions/quota/overrides 'key a 0/s 5' 'a rate from 1/h'
refused 2 sessions/quota/overrides $'key a 5/s 5\nkey b' 'namespace NAME RATE BURST'
refused 1 sessions/quota/overrides '-key nobody' 'there is no override of this name'
many=$(for i in $(seq 31); do echo "key k$i 1/s 1"; done)
refused 2 sessions/quota/overrides "$many" '32 overrides are the most'

is node/exempt_patterns 2029240f6d1128be89ddc32729463129
set_to node/exempt_patterns '+sess_count*' '2029240f6d1128be89ddc32729463129 sess_count*'
set_to node/exempt_patterns '-2029240f6d1128be89ddc32729463129' 'sess_count*'
refused 2 node/exempt_patterns '-nobody' 'none, or at most 8 patterns'
refused 2 node/exempt_patterns 'a +b' 'none, or at most 8 patterns'
# Both are asked for ten times as often as they may be.
gs set sessions/quota/overrides -
gs set sessions/quota/rate 1/m
gs set sessions/quota/burst 1
gs put sess_count1 <<< 1
gs put another <<< 1
check_eq "a key of a pattern is served as often as it is asked for" "$(for _ in 1 2 3 4 5; do gs get sess_count1; done | tr -d '\n')" 11111
check_status 4 "one of none is not" gs get another
is_listed() {
	gs suspects | grep -q "^$1 "
}
check "and is the one suspect" poll_until 5 is_listed another
check_not "the other is none" grep -q sess_count <<< "$(gs suspects)"
gs set sessions/quota/rate 2/s
gs set sessions/quota/burst 20
gs set sessions/quota/overrides $'owner alice\\040b none\nkey x\\073 10/s 1'

stop_manager
start_manager "$tmp/conf"
is node/exempt_patterns 'sess_count*'
is sessions/quota/rate 2/s
is sessions/quota/action slow
is sessions/quota/overrides $'owner alice\\040b none\nkey x\\073 10/s 1'
gs conf show > "$tmp/shown"
check_match "conf show has the overrides, a line each" "$(cat "$tmp/shown")" '^overrides = key x.073 10/s 1$'
check "conf show prints a file that is right" gs conf check "$tmp/shown"
stop_manager
gsessiond_purge() { "$GSESSIOND" -i "$INSTANCE" -c "$tmp/shown" --purge; }
check "the memory is given up" gsessiond_purge
start_manager "$tmp/shown"
check_eq "and loads back equal" "$(gs conf show)" "$(cat "$tmp/shown")"
check "echo - takes all overrides away" gs set sessions/quota/overrides -
is sessions/quota/overrides ""
done_testing

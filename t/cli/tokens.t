#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: tokens: records of a table of their own that hang on sessions, end with them, or are carried and handed over.
. "${0%/*}/../lib/functions.sh"
[ -x "$GSESSIOND" ] || skip_all "gsessiond is not built"
new_instance
cat > "$tmp/conf" <<END
[table sessions]
[table tokens]
record_size = 512
parent = sessions
orphan_ttl = 2s
[ring tokens/active]
capacity = 4096
ttl = 1d
decay_to = none
END
start_manager "$tmp/conf"
token() { gs -t tokens "$@"; }
has_token() { token stat "$1" >/dev/null 2>&1; }
is_without() { ! has_token "$1"; }
now_ms() { local t=$EPOCHREALTIME; echo $((${t/./} / 1000)); }

gs put alice <<< session
gs put bob <<< session
token put --parent alice bound <<< one
token put --parent alice --carried carried <<< two
token put --parent bob bobs <<< three
check_match "stat shows what a token hangs on" "$(token stat bound)" '^parent  *alice$'
check_match "and whether it is carried" "$(token stat carried)" '^carried  *yes$'
check_match "as JSON too" "$(token stat --json carried)" '"parent": ?"alice"'
check_status 2 "a session hangs on nothing" gs put --parent alice other <<< x
check_status 4 "a bound token is not handed over" token give bound --owner bob
begin=$(now_ms)
gs del alice
poll_until 5 is_without bound
took=$(($(now_ms) - begin))
check "a bound token ends with its session, within 100 ms and what two commands take ($took ms)" test "$took" -lt 400
check "a carried one does not" has_token carried
check "nor that of another session" has_token bobs
check_match "it hangs on none now" "$(token stat carried)" '^parent  *-$'
check "it is handed over" token give carried --owner bob --parent bob
check_match "to another owner" "$(token stat carried)" '^owner  *bob$'
check_match "and session" "$(token stat carried)" '^parent  *bob$'

new=$(gs rotate bob)
poll_until 5 eval '[ "$(token stat bobs | sed -n "s/^parent  *//p")" = "$new" ]'
check_match "a token goes with its session under another key" "$(token stat bobs)" "^parent  *$new\$"
gs del "$new"
poll_until 5 is_without bobs
check "and ends with it" is_without bobs
poll_until 10 is_without carried
check "one that nobody takes ends after orphan_ttl" is_without carried
token put --parent nobody late <<< x
poll_until 5 is_without late
check "one that hangs on no session ends at once" is_without late

# Killed before it came to it, or in the middle, the daemon finds it when it is back.
for i in $(seq 10); do
	gs put "carol$i" <<< session
	token put --parent "carol$i" "hers$i" <<< x
done
for i in $(seq 10); do gs del "carol$i"; done
kill_manager
start_manager "$tmp/conf"
left() { for i in $(seq 10); do ! has_token "hers$i" || echo "hers$i"; done; }
poll_until 5 eval '[ -z "$(left)" ]'
check_eq "a daemon that was killed at that moment ends them when it is back" "$(left)" ""
gs put --ttl 200ms dave <<< session
token put --parent dave his <<< x
poll_until 5 is_without his
check "expiry ends it too" is_without his
check "the memory is right" gs audit

printf '[table a]\nparent = b\n[table b]\n' > "$tmp/bad"
check_status 1 "a parent stands before" "$GSESSION" conf check "$tmp/bad"
check_match "which has a sentence" "$output" 'stands before'
printf '[table a]\nparent = sessions\n[table b]\nparent = a\n' > "$tmp/bad"
check_status 1 "and has none itself" "$GSESSION" conf check "$tmp/bad"
done_testing

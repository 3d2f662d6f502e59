#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession-fs is killed in the middle of PHP's requests and of a loop of dd, and neither sees an error or loses anything.
. "${0%/*}/lib.sh"
requires_package php8.2-cli command -v php
kills=50
[ -z "${GS_QUICK-}" ] || kills=10
client_store
requests_are_sent_again || { done_testing; exit; }

client() {
	php -d "session.save_path=$dir" "$srctop/t/fs/clients/client.php" "$@"
}
kill_worker() {
	local pid
	pid=$(worker)
	kill -KILL "$pid" && poll_until 10 is_another "$pid"
}

# ---- one of each, of which the middle is known ----
mkfifo "$tmp/half" "$tmp/go_on"
dd of="$dir/half" bs=4 status=none <"$tmp/half" 2>"$tmp/dd.said" &
writer=$!
exec 5>"$tmp/half"
printf 'once' >&5
check "dd has written half" poll_until 10 grep -q once "$dir/half"
id=$(client create one)
# shellcheck disable=SC2016 # PHP's
php -d "session.save_path=$dir" -d session.use_strict_mode=1 -r '
	session_id($argv[1]);
	session_start();
	touch("$argv[2].begun");
	fopen($argv[2], "r");
	$_SESSION["v"] .= " and two";
	session_write_close();' "$id" "$tmp/go_on" >"$tmp/php.said" 2>&1 &
request=$!
check "a request of PHP has its session" poll_until 10 test -e "$tmp/go_on.begun"
check "gsession-fs is killed" kill_worker
check_not "no other has the request's lock" flock -n "$dir/sess_$id" true
printf ' more' >&5
exec 5>&-
: >"$tmp/go_on"
check "dd ends well" wait "$writer"
check "and so does the request" wait "$request"
check_eq "neither has anything to say" "$(cat "$tmp/dd.said" "$tmp/php.said")" ''
check_eq "all of dd is there" "$(cat "$dir/half")" 'once more'
check_eq "and all of the request" "$(client load "$id")" 'one and two'

# ---- loops ----
# Each round has a value of its own, in 250 writes and 250 reads, and then in one write in the middle of what is there.
dd_goes_round() {	# NAME
	local n
	for ((n = 1; ; n++)); do
		printf '%04000d' "$n" >"$tmp/$1.value"
		echo "$n" >>"$tmp/$1.rounds"
		dd if="$tmp/$1.value" of="$dir/$1" bs=16 status=none || return
		dd if="$dir/$1" of="$tmp/$1.back" bs=16 status=none || return
		cmp "$tmp/$1.value" "$tmp/$1.back" || return
		printf middle | dd of="$dir/$1" bs=6 seek=100 conv=notrunc status=none || return
		[ "$(dd if="$dir/$1" bs=6 skip=100 count=1 status=none)" = middle ] || { echo "lost in round $n"; return 1; }
		[ ! -e "$tmp/enough" ] || return 0
	done
}
php_goes_round() {
	until [ -e "$tmp/enough" ]; do
		client count "$id" 20
	done
}
goes_on() {	# dd since N rounds, and PHP since N answers
	[ "$(wc -l <"$tmp/a.rounds")" -gt "$1" ] && [ "$(wc -l <"$tmp/php.said")" -gt "$2" ]
}

id=$(client create one)
before=$(restarts)
: >"$tmp/php.said"
: >"$tmp/a.rounds"
dd_goes_round a >"$tmp/a.said" 2>&1 &
first=$!
dd_goes_round b >"$tmp/b.said" 2>&1 &
second=$!
php_goes_round >>"$tmp/php.said" 2>&1 &
requests=$!
php_goes_round >>"$tmp/php.said" 2>&1 &
others=$!
check "they begin" poll_until 30 goes_on 0 0
for ((i = 0; i < kills; i++)); do
	kill_worker || diag "there is no other worker after kill $i"
	# Of the first round that begins now, the one that died may have served the end of the last.
	round=$(($(wc -l <"$tmp/a.rounds") + 1)) requested=$(wc -l <"$tmp/php.said")
	poll_until 60 goes_on "$round" "$requested" || { not_ok "after kill $i they go on"; break; }
done
: >"$tmp/enough"
check "dd goes on to its end" wait "$first"
check "the other, too" wait "$second"
check "and PHP" wait "$requests" "$others"
check_eq "gsession-fs was killed $kills times" "$(restarts)" $((before + kills))
check_eq "no dd has anything to say, nor has cmp" "$(cat "$tmp/a.said" "$tmp/b.said")" ''
check_eq "nor PHP" "$(sort -u "$tmp/php.said")" ok
check_eq "whose every request has counted" "$(client counted "$id")" $((20 * $(wc -l <"$tmp/php.said")))
diag "dd went round $(wc -l <"$tmp/a.rounds") and $(wc -l <"$tmp/b.rounds") times, $((20 * $(wc -l <"$tmp/php.said"))) requests of PHP were answered"
check "the audit finds nothing" gs audit

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the control files, counters and other lists of gsession(7) are those that the daemon has, and say what it says.
. "${0%/*}/../lib/functions.sh"
requires "gsession is not built" test -x "$GSESSION"
requires "python3 is not installed" python3 -c ''
manual=$srctop/man/gsession.7
new_instance
start_manager
gs namespace add app

# `.It Pa a , b Pq w` of the manual, one path on a line; what follows the first has its directory.
written=$(sed -n '/^\.Sh CONTROL FILES/,/^\.Ss Counters/ s/^\.It Pa //p' "$manual" | while read -r line; do
	mark=r
	[[ $line != *' Pq w' ]] || mark=w
	dir=
	for path in $(sed 's/ Pq w//; s/,//g' <<< "$line"); do
		[[ $path == */* ]] && dir=${path%/*}/ || path=$dir$path
		echo "$mark $path"
	done
done; sed -n '/^\.It Pa node\/log_level/,/^\.It Pa TABLE/ s/^\.Pa /r /p' "$manual")

# What the daemon has, by its own README: `(w)` behind what can be written.
served=$(gs show README | sed -n '/^\/$/,$p' | while read -r first rest; do
	case $first in
	/) dir= ;;
	*/) dir=$(sed 's|<table>|TABLE|; s|<ring>|RING|; s|<class>|CLASS|; s|<namespace>|NAMESPACE|' <<< "$first") ;;
	?*) [[ $rest == *'(w)' ]] && echo "w $dir$first" || echo "r $dir$first" ;;
	esac
done)
check "the daemon has control files" test "$(wc -l <<< "$served")" -ge 20
check_eq "every one is in the manual, marked as it is" "$(comm -23 <(sort <<< "$served") <(sort <<< "$written"))" ""
check_eq "the manual has no other" "$(comm -13 <(sort <<< "$served") <(sort <<< "$written"))" ""

bad=$(sort <<< "$served" | sed 's|TABLE|sessions|; s|RING|warm|; s|CLASS|anonymous|; s|NAMESPACE|app|' | while read -r mark path; do
	gs show "$path" > "$tmp/value" 2>&1 || echo "cannot be read: $path"
	[[ $path != */* || $path == */stats || $path == */preview || $path == */suspects ]] || [ "$(wc -l < "$tmp/value")" -eq 1 ] || echo "not one line: $path"
	[ "$mark" = w ] || ! gs set "$path" x 2>/dev/null || echo "can be written: $path"
done)
check_eq "each is read, those with one value have one line, and what is not marked is not written" "$bad" ""
settings=$(sed 's|TABLE|sessions|; s|RING|warm|; s|CLASS|anonymous|; s|NAMESPACE|app|' <<< "$served" | sed -n 's/^w //p' | grep -v '^ctl$')
bad=$(for path in $settings; do
	before=$(gs show "$path")
	gs set "$path" "$before" || echo "$path: $before"
	[ "$(gs show "$path")" = "$before" ] || echo "$path is $(gs show "$path"), was $before"
done 2>&1)
check_eq "what is read from a file can be written to it" "$bad" ""
gs set sessions/rings/warm/ttl never 2>/dev/null
check_match "a refused write leaves its sentence and the writer's pid in last_error" "$(gs show last_error)" '^pid [0-9]+: sessions/rings/warm/ttl: "never": '

# Counters, with their sentences.
table() {
	sed -nE 's/^COUNTER\([A-Z_]+,[[:space:]]*([a-z_]+),[[:space:]]*[A-Z]+,[[:space:]]*"(.*)"\)$/\1: \2/p' "$srctop/src/base/counters.def"
}
paged=$(sed -n '/^\.Ss Counters/,/^\.El/p' "$manual" | sed -n '/^\.It Li/ { s/^\.It Li //; N; s/\n/: /; p }')
check_eq "the counters are in the manual, in order and with their sentences" "$paged" "$(table)"
names=$(table | sed 's/:.*//')
check_eq "stats has them, and what the manual says besides" "$(gs show stats | sed 's/ .*//')" \
	"$(printf '%s\n' "$names" clients readers clients_recovered clients_dropped sweeps)"
check_eq "that of a table too" "$(gs show sessions/stats | sed 's/ .*//')" "$(printf '%s\n' "$names" sessions committed_bytes)"
check_eq "a counter is a name and a number" "$({ gs show stats; gs show sessions/stats; } | grep -vE '^[a-z_]+ [0-9]+$')" ""

# Every counter counts what its sentence says, once.
counts() {
	gs show sessions/stats | sed -n "s/^$1 //p"
}
counted() {
	local name=$1 sentence=$2 before
	shift 2
	before=$(counts "$name")
	"$@" >/dev/null 2>&1
	check_eq "$name: $sentence" "$(counts "$name")" "$((before + 1))"
}
store() {
	gs "$@" <<< value
}
counted started "a put of what is not there" store put a
counted updated "a put of what is" store put a
counted gets "a get" gs get a
counted misses "a get of none" gs get none
counted peeks "a stat" gs stat a
counted touched "a touch" gs touch a
counted moved "a move" gs mv a cold
counted promoted "an access through the innermost ring" gs get a
counted quarantined "a move to suspect" gs mv a suspect
counted refused "a get of a suspect" gs get a
counted pardoned "a move back" gs mv a active
counted efbig "a put of too much" eval 'head -c 8193 /dev/zero | gs put a'
check_eq "largest_value: has it" "$(counts largest_value)" 8193
store put owned --owner o > /dev/null
counted parked "a park" gs park owned
counted resumed "a get of a parked session" gs get owned
gs set sessions/max_per_owner 1
counted displaced "a start of who has as many as he may" store put owned2 --owner o
gs set sessions/max_per_owner 0
counted logged_out "a logout" gs logout --owner o
counted ended "a del" gs del a
store put b --ttl 1ms > /dev/null
has_expired() {
	[ "$(counts expired)" -gt 0 ]
}
check "expired: a ttl that is over" poll_until 10 has_expired
gs set sessions/rings/suspect/capacity 1
store put c > /dev/null
store put d > /dev/null
gs mv c suspect
counted enospc "a move to a full ring" gs mv d suspect

# Events
check_eq "events.counts has the events by name" "$(gs show events.counts | sort)" \
	"$(gs show events | awk '{ n[$3]++ } END { for (i in n) print i, n[i] }' | sort)"
check_match "an event has a number, a time and a name" "$(gs show events | tail -n 1)" '^[0-9]+ [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z [a-z]+( |$)'
check "writing audit to ctl" gs set ctl audit
check_match "puts the verdict into the events" "$(gs show events)" ' audit broken=0( |$)'
check "the memory is sound" gs audit
done_testing

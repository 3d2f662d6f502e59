#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a key may be any bytes, on the command line or on standard input, and what is no key is refused.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
start_manager

json() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# Store and get back under a key, and see how ls shows it.
round_trip() {
	local sentence=$1 key=$2 shown=$3
	check "$sentence: put" gs put -- "$key" <<< "$shown"
	check_eq "$sentence: get" "$(gs get -- "$key")" "$shown"
	check_eq "$sentence: ls" "$(gs ls)" "$shown"
	check "$sentence: ls --json is JSON" json 'd[0]["key"]' <<< "$(gs ls -j)"
	check "$sentence: del" gs del -- "$key"
}

round_trip "a key with a blank" 'a b' 'a\040b'
round_trip "a key with a newline and a tab" $'a\nb\tc' 'a\012b\011c'
round_trip "a key with a backslash" 'a\b' 'a\134b'
round_trip "a key with a quote" 'a"b' 'a"b'
round_trip "a key with bytes that are no UTF-8" $'\xff\xfe' '\377\376'
round_trip "a key that looks like an option" '--json' '--json'
round_trip "a key with a slash" 'a/b' 'a/b'

longest=$(printf 'x%.0s' $(seq 255))
check "a key of 255 bytes is a key" gs put "$longest" <<< yes
check_eq "and is found" "$(gs get "$longest")" yes
for verb in get put add touch del stat; do
	check_status 2 "$verb: a key of 256 bytes is refused" gs $verb "${longest}y" < /dev/null
	check_match "$verb: and says why" "$output" '255 bytes'
	check_status 2 "$verb: an empty key is refused" gs $verb '' < /dev/null
done
check_status 2 "mv: a key of 256 bytes is refused" gs mv "${longest}y" cold
gs del "$longest"

# -
check "put - takes the key from the first line" gs put - <<< $'from stdin\nvalue\nof two lines'
check_eq "and the value from the rest" "$(gs get 'from stdin')" $'value\nof two lines'
check_eq "get - too" "$(gs get - <<< 'from stdin')" $'value\nof two lines'
check_eq "a line need not end" "$(printf 'from stdin' | gs get -)" $'value\nof two lines'
check "stat -" gs stat - <<< 'from stdin'
check "touch -" gs touch - <<< 'from stdin'
check "mv -" gs mv - cold <<< 'from stdin'
check "del -" gs del - <<< 'from stdin'
check_status 1 "it is gone" gs get 'from stdin'
printf 'nul\0key\nv' > "$tmp/in"
check "a key with NUL comes by standard input" gs put - < "$tmp/in"
check_eq "and is shown escaped" "$(gs ls)" 'nul\000key'
check_status 2 "- with nothing on standard input is misuse" gs get - < /dev/null
check_status 2 "- with an empty line is misuse" gs get - <<< ''
check_status 2 "- with 256 bytes is misuse" gs get - <<< "${longest}y"

done_testing

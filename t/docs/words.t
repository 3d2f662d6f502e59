#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: nothing is left for later, every file says under which licence it is, and lines stay readable.
. "${0%/*}/../lib/functions.sh"

files() {
	(cd "$srctop" && find src fs tools include t etc man -type f ! -name '*.swp' ! -name '*.pyc' ! -name '*.inc~' | sort)
}

# Written so that this file does not find itself.
later="TO""DO|FIX""ME|XX""X|not ""implemented|st""ub\b|HA""CK\b"
found=$(cd "$srctop" && files | grep -v '^t/docs/words.t$' | xargs -d '\n' grep -nE "$later" | grep -v '/gs-test\.XXXXXX\|XXXXXX')
check_eq "nothing is left for later" "$found" ""

unlicensed=$(cd "$srctop" && files | grep -vE '\.(md|pc\.in|conf|def|golden|expected|log|json|txt)$' | while read -r f; do
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' || echo "$f"
done)
check_eq "every source says its licence at its top" "$unlicensed" ""

purposeless=$(cd "$srctop" && find t -name '*.t' | sort | while read -r f; do
	head -n 4 "$f" | grep -q '^# Goal: ' || echo "$f"
done)
check_eq "every shell test says its goal" "$purposeless" ""

found=$(cd "$srctop" && files | xargs -d '\n' grep -nE "/wo""rk/|deb\.deb""ian\.org")
check_eq "no file names a place of one machine" "$found" ""

unexecutable=$(cd "$srctop" && find t -name '*.t' ! -perm -100)
check_eq "every shell test is executable" "$unexecutable" ""

# A time that is part of what is tested has a comment that says `not a wait: why`.
sleepers=$(cd "$srctop" && grep -nE '^[^#]*\bsleep *(\(|[0-9])' -r t --include='*.[ch]' --include='*.t' | grep -v ' not a wait: ')
check_eq "no test sleeps and hopes" "$sleepers" ""

long=$(cd "$srctop" && find src fs tools include t \( -name '*.c' -o -name '*.h' \) | sort |
	xargs -d '\n' awk 'length($0) > 160 { print FILENAME ":" FNR }')
check_eq "no line of C has more than 160 bytes" "$long" ""

large=$(cd "$srctop" && find src fs tools -name '*.c' | xargs -d '\n' wc -l | awk '$1 > 700 && $2 != "total" { print $2, $1 }')
check_eq "no source file has more than 700 lines" "$large" ""

done_testing

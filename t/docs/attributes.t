#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every setting and every counter is in a manual and in the template, and neither has others.
. "${0%/*}/../lib/functions.sh"

# SECTION KEY of each row.
settings=$(sed -nE 's/^OPTION\(([A-Z]+),[[:space:]]*([a-z_]+),.*/\1 \2/p' "$srctop/src/conf/options.def")
check "options.def has rows" test "$(wc -l <<< "$settings")" -ge 10

manual=$srctop/man/gsession.conf.5
if [ -e "$manual" ]; then
	keys=$(cut -d ' ' -f 2 <<< "$settings" | sort -u)
	written=$(sed -nE 's/^\.It (Cm|Ic|Va) ([a-z_]+).*/\2/p' "$manual" | sort -u)
	check_eq "every setting is in gsession.conf(5)" "$(comm -23 <(echo "$keys") <(echo "$written"))" ""
	check_eq "gsession.conf(5) lists no other" "$(comm -13 <(echo "$keys") <(echo "$written"))" ""
else
	skip "every setting is in gsession.conf(5)" "the manual is not there"
fi

template=$srctop/etc/gsession.conf
if [ -e "$template" ]; then
	missing=$(cut -d ' ' -f 2 <<< "$settings" | while read -r key; do grep -qE "^#? ?$key =( |\$)" "$template" || echo "$key"; done)
	check_eq "every setting is in the template" "$missing" ""
	check_eq "everything in the template is a comment" "$(grep -vE '^(#|$)' "$template")" ""
	if [ -x "$GSESSION" ]; then
		check_eq "the template is what gsession conf template prints" "$("$GSESSION" conf template)" "$(cat "$template")"
	fi
else
	skip "every setting is in the template" "the template is not there"
fi

counters=$(sed -nE 's/^COUNTER\([A-Z]+,[[:space:]]*([a-z_]+),.*/\1/p' "$srctop/src/base/counters.def")
check "counters.def has rows" test "$(wc -l <<< "$counters")" -ge 10
shopt -s nullglob
manuals=("$srctop"/man/*.[0-9])
if grep -qE '^\.It (Cm|Ic|Va|Li) gets\b' "${manuals[@]}" /dev/null; then
	missing=$(for c in $counters; do grep -qhE "^\.It (Cm|Ic|Va|Li) $c\b" "${manuals[@]}" || echo "$c"; done)
	check_eq "every counter is in a manual" "$missing" ""
else
	skip "every counter is in a manual" "no manual has a list of counters yet"
fi

# gsession doctor's rows.
findings=$(sed -nE 's/^\t\{ "([a-z_]+)", doctor_[a-z_]+,$/\1/p' "$srctop/tools/doctor.c" | sort)
check "doctor has rows" test "$(wc -l <<< "$findings")" -ge 30
written=$(sed -n '/^\.It Cm doctor$/,/^\.El$/s/^\.It Cm \([a-z_]*_[a-z_]*\|damage\|swapped\|unfinished\)$/\1/p' "$srctop/man/gsession.1" | sort)
check_eq "every finding is in gsession(1), and no other" "$written" "$findings"
unplanted=$(for f in $findings; do grep -qw "$f" "$srctop"/t/cli/doctor.t "$srctop"/t/fs/doctor.t || echo "$f"; done)
check_eq "every finding is planted by a test" "$unplanted" ""

done_testing

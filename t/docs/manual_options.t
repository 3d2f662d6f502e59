#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every option of a program is in its manual, and every option in the manual is one of the program's.
. "${0%/*}/../lib/functions.sh"
requires "mandoc is not installed" command -v mandoc

# Bold is a letter, a backspace and the letter.
rendered() {
	mandoc -T ascii "$srctop/man/$1" | sed $'s/.\b//g'
}

# compare PROGRAM MANUAL
compare() {
	local name=${1##*/} program=$1 manual=$2 taken written listed
	if [ ! -x "$program" ] || [ ! -e "$srctop/man/$manual" ]; then
		skip "the options of $name are those of $manual" "one of the two is not there"
		return
	fi
	check "$name --long-options succeeds" "$program" --long-options
	taken=$(grep -oE -- '--[a-z][a-z-]+' <<< "$output" | sort -u)
	written=$(rendered "$manual" | grep -oE -- '--[a-z][a-z-]+[a-z]' | sort -u)
	check_eq "every option of $name is in $manual" "$(comm -23 <(echo "$taken") <(echo "$written"))" ""
	# Of the text around them, only what is a list's item is meant: examples call other programs too.
	listed=$(sed -n '/^\.It /s/Fl \\\{0,1\}-\([a-z]\)/\n--\1/gp' "$srctop/man/$manual" | grep -oE -- '^--[a-z][a-z-]+' | sort -u)
	check_eq "every option that $manual lists is one of $name" "$(comm -13 <(echo "$taken") <(echo "$listed"))" ""
	check "$name --help succeeds" "$program" --help
	check_eq "every option of $name is in its --help" \
		"$(for o in $taken; do grep -q -- "$o" <<< "$output" || [ "$name" = gsession ] || echo "$o"; done)" ""
	check "$name --version succeeds" "$program" --version
	check_match "$name --version says name and number" "$output" "^$name [0-9]+\.[0-9]+"
	check_status 2 "$name refuses an option it does not have" "$program" --no-such-option
}

compare "$GSESSION" gsession.1
compare "$GSESSIOND" gsessiond.8
compare "$GSESSION_FS" gsession-fs.8
compare "$GSESSION_KEEP" gsession-keep.8

done_testing

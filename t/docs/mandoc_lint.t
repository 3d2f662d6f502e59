#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every manual is clean mdoc, for mandoc and for groff, and refers only to manuals that exist.
. "${0%/*}/../lib/functions.sh"
requires "mandoc is not installed" command -v mandoc
shopt -s nullglob

manuals=("$srctop"/man/*.[0-9])
[ "${#manuals[@]}" -gt 0 ] || skip_all "there are no manuals yet"

# Style is not an error: our names of systems and sections are not all in its lists.
lint() {
	local found
	found=$(mandoc -T lint -W warning "$1" 2>&1)
	printf '%s\n' "$found"
	[ -z "$found" ]
}

groff_lint() {
	local found
	found=$(groff -mdoc -ww -z "$1" 2>&1)
	printf '%s\n' "$found"
	[ -z "$found" ]
}

ours=$(printf '%s\n' "${manuals[@]##*/}" | sed 's/\.\([0-9]\)$/ \1/')
for m in "${manuals[@]}"; do
	name=${m##*/}
	check "mandoc finds nothing in $name" lint "$m"
	if command -v groff >/dev/null; then
		check "groff finds nothing in $name" groff_lint "$m"
	fi
	dangling=$(grep -oE '^\.Xr (lib)?gsession[a-z.-]* [0-9]' "$m" | cut -d ' ' -f 2- | sort -u | grep -vxF -f <(echo "$ours"))
	check_eq "$name refers to no manual of ours that is not there" "$dangling" ""
	check_match "$name begins with its licence" "$(head -n 1 "$m")" 'SPDX-License-Identifier: BSD-2-Clause'
	check_eq "$name is called what it says" "$(sed -nE 's/^\.Dt ([^ ]+) ([0-9]).*/\1.\2/p' "$m" | tr 'A-Z' 'a-z')" "$name"
done

done_testing

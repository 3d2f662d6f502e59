#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: each of the README's ten lines does what the README says.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "getfattr is not installed" command -v getfattr

new_instance default
start_manager
start_mount "$tmp/mnt"
gsession() {
	"$GSESSION" "$@"
}

# One command per line, its output below it, the next line of a command that goes on joined.
sed -n '/^TEN LINES/,/^A FIRST PROGRAM/ s/^  //p' "$srctop/README" |
	sed -e ':a' -e '/\\$/ { N; s/\\\n *//; ba; }' > "$tmp/lines"
check "the README has its lines" test "$(grep -c '^\$ ' "$tmp/lines")" -ge 8

# What is a count here may be another one there.
blurred() {
	case $1 in
	*audit*) sed -E 's/[0-9]+/N/g' ;;
	"ls "*) tr -s ' \n' ' ' | sed 's/ $//' ;;
	*) cat ;;
	esac
}

run_line() {
	local command=$1 want=$2
	got=$(eval "${command//\/mnt\/gsession/$tmp/mnt}" 2>&1)
	check_eq "$command" "$(blurred "$command" <<< "$got")" "$(blurred "$command" <<< "$want")"
}

command='' want=''
while IFS= read -r line; do
	if [[ $line == '$ '* ]]; then
		[ -z "$command" ] || run_line "$command" "$want"
		command=${line#'$ '} want=''
	else
		want=$want${want:+$'\n'}$line
	fi
done < "$tmp/lines"
run_line "$command" "$want"

done_testing

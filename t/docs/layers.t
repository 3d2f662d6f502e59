#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a layer includes only the layers that src/ARCHITECTURE.md lists for it.
. "${0%/*}/../lib/functions.sh"

# Each #include "x/y.h" of DIR's files, as `FILE x`; a quoted name without a directory stands as `FILE .`.
includes_of() {
	grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"[^"]+"' "$1"/*.[ch] 2>/dev/null |
		sed -E 's|^([^:]+):[^"]*"([^"/]+)/.*|\1 \2|; s|^([^:]+):[^"]*"([^"]*)"$|\1 =\2|'
}

# Print every include under TREE that the table there does not allow.
violations() {
	local tree=$1 layer allowed file used dir
	while read -r layer allowed; do
		case $layer in
		fs | tools) dir=$tree/$layer ;;
		*) dir=$tree/src/$layer ;;
		esac
		while read -r file used; do
			case $used in
			=gsession.h) ;;
			# A program's own directory is not a layer with a path.
			=*) case $layer in fs | tools) ;; *) echo "$file includes \"${used#=}\" without its layer" ;; esac ;;
			*) [[ " $layer $allowed " == *" $used "* ]] || echo "$file includes $used" ;;
			esac
		done < <(includes_of "$dir")
	done < <(table_of "$tree")
}

table_of() {
	sed -n 's/^layer \([a-z]*\): *\(.*\)$/\1 \2/p' "$1/src/ARCHITECTURE.md"
}

layers=$(table_of "$srctop" | cut -d ' ' -f 1)
on_disk=$(cd "$srctop/src" && find . -mindepth 1 -maxdepth 1 -type d | sed 's|./||' | sort | tr '\n' ' ')
in_table=$(grep -vxE 'fs|tools' <<< "$layers" | sort | tr '\n' ' ')
check_eq "every directory of src is a row of the table, and every row a directory" "$in_table" "$on_disk"

points_up=$(table_of "$srctop" | awk '{
	for (i = 2; i <= NF; i++)
		if ($i != "-" && !($i in seen))
			print $1, "lists", $i
	seen[$1] = 1
}')
check_eq "every row lists only layers of rows above it" "$points_up" ""

check_eq "no file includes a layer that its row does not list" "$(violations "$srctop")" ""

cp -r "$srctop/src" "$tmp/"
mkdir -p "$tmp/fs"
echo '#include "shm/layout.h"' >> "$tmp/src/base/text.c"
echo '#include "shm/layout.h"' >> "$tmp/fs/planted.c"
echo '#include "table.h"' >> "$tmp/src/shm/planted.c"
found=$(violations "$tmp")
check_match "an upward include is found" "$found" 'base/text\.c includes shm'
check_match "an include of the memory by the mount is found" "$found" 'fs/planted\.c includes shm'
check_match "an include without its layer is found" "$found" 'shm/planted\.c includes "table\.h" without'

done_testing

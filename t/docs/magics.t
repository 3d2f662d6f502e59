#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: no two magic numbers are equal, so that a block of one kind is never taken for another.
. "${0%/*}/../lib/functions.sh"

# `NAME NUMBER` of each #define of a magic below DIR.
magics() {
	grep -rhoE '^#define[[:space:]]+[A-Z0-9_]*MAGIC[A-Z0-9_]*[[:space:]]+(UINT(32|64)_C\()?0x[0-9a-fA-F]+' --include='*.[ch]' "$@" |
		sed -E 's/^#define[[:space:]]+([A-Z0-9_]+)[[:space:]]+(UINT(32|64)_C\()?0x0*/\1 /' | sort -u
}

twice() {
	magics "$@" | awk '{ n[tolower($2)]++; who[tolower($2)] = who[tolower($2)] " " $1 } END { for (m in n) if (n[m] > 1) print "0x" m who[m] }'
}

dirs=("$srctop/src" "$srctop/fs" "$srctop/tools" "$srctop/include")
check "there are magics at all" test "$(magics "${dirs[@]}" | wc -l)" -ge 5
check_eq "no two magics are equal" "$(twice "${dirs[@]}")" ""

printf '#define GS_A_MAGIC UINT64_C(0x0AB1)\n#define GS_B_MAGIC UINT32_C(0xab1)\n' > "$tmp/planted.h"
check_match "two equal ones are found" "$(twice "$tmp")" 'GS_A_MAGIC GS_B_MAGIC'

undefined=$(grep -rhoE '\b[A-Z0-9_]+_MAGIC\b' --include='*.[ch]' "${dirs[@]}" | sort -u |
	grep -vxF -f <(magics "${dirs[@]}" | cut -d ' ' -f 1) | grep -vxE 'TMPFS_MAGIC|RAMFS_MAGIC|FUSE_SUPER_MAGIC')
check_eq "every magic that is used is one of those compared" "$undefined" ""

done_testing

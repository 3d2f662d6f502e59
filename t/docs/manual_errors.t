#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: libgsession(3) has every error of the header, with its errno, exit status and whether a retry can help.
. "${0%/*}/../lib/functions.sh"

manual=$srctop/man/libgsession.3
requires "man/libgsession.3 is not there" test -e "$manual"

# NAME ERRNO STATUS RETRY of each row of GS_ERROR_TABLE, then its sentence.
rows=$(sed -nE 's/^[[:space:]]*X\((GS_[A-Z]+),[[:space:]]*-[0-9]+,[[:space:]]*([A-Z]+),[[:space:]]*([0-9]), *(yes|no),[[:space:]]*"(.*)"\).*/\1 \2 \3 \4 \5/p' \
	"$srctop/include/gsession.h")
check "the table in the header can be read" test "$(wc -l <<< "$rows")" -eq "$(grep -cE '^[[:space:]]*X\(GS_E' "$srctop/include/gsession.h")"

# A row of the manual's list: `.It GS_X Ta ERRNO Ta STATUS Ta RETRY Ta sentence`.
while read -r name errno status retry sentence; do
	check "$name is in the manual as in the header" \
		grep -qxE "\.It (Dv |Er )?$name Ta (Er )?$errno Ta $status Ta $retry Ta ${sentence//\'/.}" "$manual"
done <<< "$rows"

unknown=$(grep -oE '\bGS_E[A-Z]+\b' "$manual" | sort -u | grep -vxF -f <(cut -d ' ' -f 1 <<< "$rows"))
check_eq "the manual names no other error" "$unknown" ""

functions=$(grep -oE '^GS_API .*\bgs_[a-z_]+\(' "$srctop/include/gsession.h" | grep -oE 'gs_[a-z_]+\($' | tr -d '(' | sort -u)
missing=$(for f in $functions; do grep -qE "^\.(Fn|Fo|Nm) $f\b" "$manual" || echo "$f"; done)
check_eq "every function of the header is in the manual" "$missing" ""

done_testing

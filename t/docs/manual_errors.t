#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: libgsession(3) has every error of the header, with its errno, exit status, whether a retry can help, and its sentence.
. "${0%/*}/../lib/functions.sh"

manual=$srctop/man/libgsession.3
requires "man/libgsession.3 is not there" test -e "$manual"

# NAME ERRNO STATUS RETRY of each row of GS_ERROR_TABLE, then its sentence.
rows=$(sed -nE 's/^[[:space:]]*X\((GS_[A-Z0-9]+),[[:space:]]*-[0-9]+,[[:space:]]*([A-Z0-9]+),[[:space:]]*([0-9]), *(yes|no),[[:space:]]*"(.*)"\).*/\1 \2 \3 \4 \5/p' \
	"$srctop/include/gsession.h")
check "the table in the header can be read" test "$(wc -l <<< "$rows")" -eq "$(grep -cE '^[[:space:]]*X\(GS_E' "$srctop/include/gsession.h")"

# Rows of the manual's list: `.It GS_X Ta ERRNO Ta STATUS Ta RETRY Ta sentence`.
listed=$(sed -nE 's/^\.It (Dv |Er )?(GS_[A-Z0-9]+) Ta (Er )?([A-Z0-9]+) Ta ([0-9]) Ta (yes|no) Ta (.*)$/\2 \4 \5 \6 \7/p' "$manual")
while read -r name errno status retry sentence; do
	check_eq "$name: errno, exit status, retry and sentence are those of the header" \
		"$(grep "^$name " <<< "$listed")" "$name $errno $status $retry $sentence"
done <<< "$rows"
check_eq "the manual has no other row, and this order" "$listed" "$rows"

# The library answers what the table says.
library=$buildtop/src/.libs/libgsession.so
if [ -e "$library" ] && command -v gcc >/dev/null && ! grep -q -- -fsanitize= "$buildtop/Makefile"; then
	cat > "$tmp/table.c" <<-'C'
	#include <stdio.h>
	#include <string.h>

	#include <gsession.h>

	#define ROW(name, number, errno_, status, retry, text) name,
	#include <errno.h>

	int
	main(void)
	{
		static const int codes[] = { GS_ERROR_TABLE(ROW) };

		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
			printf("%s %s %s\n", gs_errname(codes[i]), strerrorname_np(gs_errno(codes[i])), gs_strerror(codes[i]));
		return 0;
	}
	C
	check "a program that prints the table is built" gcc -D_GNU_SOURCE -I"$srctop/include" -o "$tmp/table" "$tmp/table.c" \
		-L"$buildtop/src/.libs" -lgsession
	check_eq "the library has the errno and the sentence of each" "$(LD_LIBRARY_PATH=$buildtop/src/.libs "$tmp/table")" \
		"$(sed -E 's/^([^ ]+ [^ ]+) [0-9] (yes|no) /\1 /' <<< "$rows")"
else
	skip "the library has the errno and the sentence of each" "there is no library that a program from outside can use"
fi

# gsession(1) lists the statuses that the table uses.
used=$(cut -d ' ' -f 3 <<< "$rows" | sort -u)
listed=$(sed -n '/^\.Sh EXIT STATUS/,/^\.El/ s/^\.It \([0-9]\)$/\1/p' "$srctop/man/gsession.1" | sort -u)
check_eq "every exit status is in gsession(1)" "$(comm -23 <(echo "$used") <(echo "$listed"))" ""

unknown=$(grep -oE '\bGS_E[A-Z0-9]+\b' "$manual" | sort -u | grep -vxF -f <(cut -d ' ' -f 1 <<< "$rows"))
check_eq "the manual names no other error" "$unknown" ""

functions=$(grep -oE '^GS_API .*\bgs_[a-z_]+\(' "$srctop/include/gsession.h" | grep -oE 'gs_[a-z_]+\($' | tr -d '(' | sort -u)
missing=$(for f in $functions; do grep -qE "^\.(Fn|Fo|Nm) $f\b" "$manual" || echo "$f"; done)
check_eq "every function of the header is in the manual" "$missing" ""

done_testing

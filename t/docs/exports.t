#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: libgsession exports what include/gsession.h declares, and nothing else.
. "${0%/*}/../lib/functions.sh"

library=$buildtop/src/.libs/libgsession.so
requires "libgsession is not built" test -e "$library"
requires "nm is not installed" command -v nm

# A sanitizer's own symbols are not ours.
exported=$(nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ { print $3 }' | grep -vE '^(__asan|__ubsan|__tsan|__odr_asan|__sanitizer|_fini$|_init$)' | sort)
declared=$(gcc -E -P -include "$srctop/include/gsession.h" -xc /dev/null | tr '\n' ' ' | tr ';' '\n' |
	grep 'visibility("default")' | sed -E 's/.*[ *](gs_[a-z_0-9]+) *\(.*/\1/' | sed -E 's/^.*[ *](gs_[a-z_0-9]+)$/\1/' | sort)

check "the header declares functions" test "$(wc -l <<< "$declared")" -ge 20
check_eq "exported but not declared: none" "$(comm -23 <(echo "$exported") <(echo "$declared"))" ""
check_eq "declared but not exported: none" "$(comm -13 <(echo "$exported") <(echo "$declared"))" ""
check_match "the library's name has the first number of the interface" \
	"$(objdump -p "$library" | grep SONAME)" "libgsession\.so\.$(sed -n 's/^#define GS_API_MAJOR //p' "$srctop/include/gsession.h")\$"

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every header compiles alone, and says in its first comment what it is for.
. "${0%/*}/../lib/functions.sh"

warnings="-std=c17 -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wwrite-strings -Werror"
fuse=$(pkg-config --cflags fuse3 2>/dev/null)

headers() {
	(cd "$srctop" && find include src fs tools t -name '*.h' | sort)
}

compile_alone() {
	local compiler=$1 header=$2
	echo "#include \"$header\"" |
		$compiler $warnings $fuse -D_GNU_SOURCE -I"$srctop/src" -I"$srctop/include" -I"$srctop/fs" -I"$srctop/tools" \
			-I"$srctop" -fsyntax-only -xc -
}

for compiler in gcc clang; do
	if ! command -v "$compiler" >/dev/null; then
		skip "headers compile alone with $compiler" "$compiler is not installed"
		continue
	fi
	for header in $(headers); do
		check "$header compiles alone with $compiler" compile_alone "$compiler" "$header"
	done
done

nameless=$(for header in $(headers); do
	sed -n 3p "$srctop/$header" | grep -q "^ \* ${header##*/} - [A-Za-z]" || echo "$header"
done)
check_eq "the third line of every header is \"name.h - its purpose\"" "$nameless" ""

unguarded=$(for header in $(headers); do
	[ "$(grep -c '^#ifndef .*_H$' "$srctop/$header")" -ge 1 ] || echo "$header"
done)
check_eq "every header has a guard" "$unguarded" ""

echo 'int main(void) { return gs_strerror(0) == nullptr; }' > "$tmp/x.cc"
if command -v g++ >/dev/null; then
	check "gsession.h compiles as C++" g++ -include "$srctop/include/gsession.h" -fsyntax-only "$tmp/x.cc"
fi

done_testing

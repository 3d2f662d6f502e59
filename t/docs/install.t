#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: make install respects DESTDIR and keeps a changed configuration; a C program is built against what it installed with pkg-config and works.
. "${0%/*}/../lib/functions.sh"
requires "pkg-config is not installed" command -v pkg-config
requires "the Makefile is not there" test -e "$buildtop/Makefile"
requires "built with a sanitizer, whose library a program from outside does not have" \
	sh -c "! grep -q -- -fsanitize= '$buildtop/Makefile'"
requires "gsession is not built" test -x "$GSESSION"

where=$tmp/root
make_quietly() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$buildtop" "$@" DESTDIR="$where"
}
variable() {
	sed -n "s/^$1 = //p" "$buildtop/Makefile"
}
prefix=$(variable prefix)
conf=$where$(variable sysconfdir | sed "s|\${prefix}|$prefix|")/gsession/gsession.conf

check "make install succeeds" make_quietly install
for f in bin/gsession sbin/gsessiond sbin/gsession-fs include/gsession.h lib/pkgconfig/gsession.pc lib/libgsession.so; do
	check "it installs $f" test -e "$where$prefix/$f"
done
check_eq "gsession.h is the only header" "$(find "$where" -name '*.h' | wc -l)" 1
check_eq "there is no static library" "$(find "$where" -name '*.a')" ""
check_eq "every manual is installed" "$(find "$where" -path '*/man/man*' -type f | wc -l)" "$(find "$srctop/man" -name '*.[0-9]' | wc -l)"
check "the configuration is the template" cmp "$conf" "$srctop/etc/gsession.conf"
check_not "no installed text has a place left open" grep -rIlE '@[a-z]+dir@|@prefix@|@PACKAGE_VERSION@' "$where"

echo "# mine" >> "$conf"
check "make install again succeeds" make_quietly install
check_eq "a changed configuration stays as it is" "$(tail -n 1 "$conf")" "# mine"

# The README's first program, as it stands there.
sed -n '/^A FIRST PROGRAM/,/^  \$ cc/ s/^  //p' "$srctop/README" | grep -v '^\$ cc' > "$tmp/first.c"
check "the README has a first program" grep -q '^main' "$tmp/first.c"
export PKG_CONFIG_PATH=$where$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$where
export LD_LIBRARY_PATH=$where$prefix/lib
check_eq "pkg-config knows the version" "$(pkg-config --modversion gsession)" "$(variable PACKAGE_VERSION)"
# shellcheck disable=SC2046
check "a first program is built with pkg-config" gcc -Wall -Wextra -Werror -o "$tmp/first" "$tmp/first.c" $(pkg-config --cflags --libs gsession)
new_instance default
start_manager
check "it runs" "$tmp/first"
check_match "it gets what it put, under a fresh key" "$output" '^[A-Za-z0-9_-]{32} user=7$'
key=${output%% *}
check "the installed gsession runs" "$where$prefix/bin/gsession" get "$key"
check_eq "and gets the same" "$output" user=7

check "make uninstall succeeds" make_quietly uninstall
check_eq "it leaves only what was changed" "$(find "$where" -type f)" "$conf"

done_testing

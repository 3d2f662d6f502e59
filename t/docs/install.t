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
for f in bin/gsession sbin/gsessiond sbin/gsession-fs sbin/gsession-keep include/gsession.h lib/pkgconfig/gsession.pc lib/libgsession.so; do
	check "it installs $f" test -e "$where$prefix/$f"
done
# variable() of a directory, whose parts may be variables.
directory() {
	local dir=$(variable "$1") name
	while [[ $dir =~ \$\{([a-z_]+)\} ]]; do
		name=${BASH_REMATCH[1]}
		dir=${dir//"\${$name}"/$(variable "$name")}
	done
	echo "$where$dir"
}
# installs VARIABLE FILE...: in that directory, if it is to have any.
installs() {
	local dir=$1 f
	shift
	for f; do
		if [ -n "$(variable "$dir")" ]; then
			check "it installs $f" test -e "$(directory "$dir")/$f"
		else
			check_eq "it does not install $f" "$(find "$where" -path "*/$f")" ""
		fi
	done
}
installs systemdsystemunitdir gsessiond.service gsessiond@.service gsession-fs.service gsession-fs@.service mnt-gsession.mount
installs sysusersdir gsession.conf
installs tmpfilesdir gsession.conf
installs initdir gsession
installs logrotatedir gsession
installs bashcompletiondir gsession gsessiond gsession-fs gsession-keep
installs sbindir mount.gsession mount.fuse.gsession
started=$(sed -nE 's/^Exec(Start|Reload)=([^ ]*gsession[^ ]*).*/\2/p' "$(directory systemdsystemunitdir)"/gsession*.service | sort -u)
check_eq "what units call is what is installed" "$started" \
	"$(printf '%s\n' "$(directory bindir)/gsession" "$(directory sbindir)/gsession-fs" "$(directory sbindir)/gsessiond" | sed "s|^$where||" | sort)"
called=$(grep -oE '[^"[:space:]]*/s?bin/gsession[a-z-]*' "$(directory initdir)/gsession" | sort -u)
check_eq "and what the init script calls" "$called" "$(sort <<< "$started
$(directory sbindir | sed "s|^$where||")/gsession-keep")"
settings=$(sed -n 's/^\[ ! -r \([^ ]*\) .*/\1/p' "$(directory initdir)/gsession")
check "the settings that it reads are there" cmp "$where$settings" "$srctop/etc/default/gsession"

check_eq "gsession.h is the only header" "$(find "$where" -name '*.h' | wc -l)" 1
check_eq "there is no static library" "$(find "$where" -name '*.a')" ""
check_eq "every manual is installed" "$(find "$where" -path '*/man/man*' -type f | wc -l)" "$(find "$srctop/man" -name '*.[0-9]' | wc -l)"
check "the configuration is the template" cmp "$conf" "$srctop/etc/gsession.conf"
check_not "no installed text has a place left open" grep -rIlE '@[a-z]+dir@|@prefix@|@PACKAGE_VERSION@' "$where"

echo "# mine" >> "$conf"
echo "# mine" >> "$where$settings"
check "make install again succeeds" make_quietly install
check_eq "a changed configuration stays as it is" "$(tail -n 1 "$conf")" "# mine"
check_eq "and changed settings of the init script" "$(tail -n 1 "$where$settings")" "# mine"

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
check_eq "it leaves only what was changed" "$(find "$where" ! -type d | sort)" "$(printf '%s\n' "$conf" "$where$settings" | sort)"

mkdir "$tmp/other"
chosen() {
	(cd "$tmp/other" && "$srctop/configure" --disable-programs --prefix=/usr --sysconfdir=/etc --with-systemdsystemunitdir=/units --with-tmpfilesdir=no \
		--with-sysusersdir=no --with-initdir=/etc/rc.d/init.d --with-logrotatedir=no --with-bashcompletiondir=no) &&
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$tmp/other" install-data DESTDIR="$tmp/chosen"
}
if [ -n "${GS_QUICK-}" ]; then
	skip "other directories can be chosen, and none" "takes long, left out by GS_QUICK"
	done_testing
fi
check "other directories can be chosen, and none" chosen
check_eq "and nothing else is in the way" "$(find "$tmp/chosen" ! -type d ! -path '*/share/*' ! -name '*.h' ! -name '*.pc' | sed "s|^$tmp/chosen||" | sort)" \
	"$(printf '%s\n' /etc/default/gsession /etc/gsession/gsession.conf /etc/rc.d/init.d/gsession /units/gsession-fs.service /units/gsession-fs@.service \
		/units/gsessiond.service /units/gsessiond@.service /units/mnt-gsession.mount | sort)"

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a distribution has every file of the repository, and no other but what autoreconf makes.
. "${0%/*}/../lib/functions.sh"
requires "git is not installed" command -v git
requires "the source tree is not a git checkout" git -C "$srctop" rev-parse --show-toplevel
[ "$(git -C "$srctop" rev-parse --show-toplevel)" = "$(cd "$srctop" && pwd -P)" ] || skip_all "the source tree is part of another checkout"

# What is there and not ignored, committed or not yet.
kept() {
	git -C "$srctop" ls-files -co --exclude-standard | while read -r f; do
		[ ! -e "$srctop/$f" ] || echo "$f"
	done | grep -vxE '\.gitignore|.*~' | sort -u
}

generated='aclocal\.m4|config\.h\.in|configure|Makefile\.in|build-aux/.*'

check "make distdir succeeds" env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$buildtop" distdir "distdir=$tmp/dist"
shipped=$(cd "$tmp/dist" && find . -type f | sed 's|^\./||' | grep -vxE "$generated" | sort)
check_eq "no file of the repository is missing from the distribution" "$(comm -13 <(echo "$shipped") <(kept))" ""
check_eq "no file of the distribution is missing from the repository" "$(comm -23 <(echo "$shipped") <(kept))" ""

done_testing

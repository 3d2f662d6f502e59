#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whoever keeps sessions by nothing but cp, rsync, tar, sed, mv, rm and find is a client as any other.
. "${0%/*}/lib.sh"
requires_package rsync command -v rsync
client_store

# TOOL FROM TO FILE: the file of one directory in another.
# rsync would pass over a change within a second that leaves the size as it is, and tar remove what it is to replace, a suspect too.
bring() {
	case $1 in
	cp) cp -a "$2/$4" "$3/" ;;
	rsync) rsync -a --ignore-times "$2/$4" "$3/" ;;
	tar) tar -C "$2" -cf - "$4" | tar -C "$3" --overwrite -xpf - ;;
	esac
}
put() {	# ID VALUE
	echo "$2" > "$tmp/there/$1"
	bring "$tool" "$tmp/there" "$dir" "$1"
}
load() {
	[ -e "$dir/$1" ] || { echo none; return; }
	bring "$tool" "$dir" "$tmp/here" "$1" && cat "$tmp/here/$1"
}
count() {
	local n
	for ((n = 0; n < $2; n++)); do
		sed -Ei 's/^([a-z]*|[0-9]+)$/echo $((\1 + 1))/e' "$dir/$1" || return
	done
}

client() {
	local verb=$1 id=${2-}
	case $verb in
	create)
		id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' ')
		put "$id" "$2" && echo "$id" ;;
	load | counted) load "$id" ;;
	update) put "$id" "$3" && echo ok ;;
	touch) touch "$dir/$id" && echo ok ;;
	regenerate)
		id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' ')
		mv "$dir/$2" "$dir/$id" && echo "$id" ;;
	destroy) rm "$dir/$id" && echo ok ;;
	collect) find "$dir" -type f -mmin "+$((LIFETIME / 60))" -delete && echo ok ;;
	count) count "$id" "$3" && echo ok ;;
	esac
}
file_of() {
	echo "$1"
}

mkdir "$tmp/here" "$tmp/there"
refused='Disk quota exceeded'
for tool in cp rsync tar; do
	diag "with $tool"
	client_everything "$refused" "$refused" '^ok$' 'File too large'
done

# ---- tar as it is ----
client_at namespace
id=$(client create one)
mv "$dir/$id" "$(ring suspect)/"
put "$id" two 2>"$tmp/said"
check_match "tar that overwrites is refused by a suspect" "$(cat "$tmp/said")" "$refused"
tar -C "$tmp/there" -cf "$tmp/one.tar" "$id"
check "tar that does not" tar -C "$dir" -xf "$tmp/one.tar"
check "ends it" lists_not suspect "$id"
check_eq "and begins another" "$(client load "$id")" two
head -c 9000 /dev/zero >"$tmp/there/$id"
tar -C "$tmp/there" -cf "$tmp/one.tar" "$id"
check_not "a value that is too long is refused" tar -C "$dir" -xf "$tmp/one.tar"
check_match "as such" "$output" 'File too large'
check_not "and the old one is lost" grep -q two "$dir/$id"

done_testing

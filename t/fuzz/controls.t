#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the fuzz targets can fail: each finds a check that was taken out of the source.
. "${0%/*}/../lib/functions.sh"
compiler=$(command -v gcc || command -v clang || command -v cc)
requires "no compiler is installed" test -n "$compiler"
! grep -q -- '-fsanitize=' "$buildtop/Makefile" || skip_all "the build without sanitizers does this"

tree=$tmp/tree
mkdir "$tree" "$tmp/objects"
cp -r "$srctop/src" "$srctop/include" "$tree"
mkdir "$tree/t"
cp -r "$srctop/t/fuzz" "$tree/t"
cp "$buildtop/config.h" "$tree"

compile() {
	(cd "$tree" && "$compiler" -std=c17 -O1 -w -D_GNU_SOURCE -include config.h -DGS_CONF_PATH='""' -Iinclude -Isrc $(pkg-config --cflags inih 2>/dev/null) \
		-c "$1" -o "$tmp/objects/${1//\//_}.o")
}
# Everything that targets need, once; then only what changed.
sources() {
	(cd "$tree" && ls src/{shm,policy,base,lib,ctl}/*.c t/fuzz/{driver,fuzz,place,ops}.c)
}
compile_all() {
	local f
	for f in $(sources) "t/fuzz/$1.c"; do
		compile "$f" || return 1
	done
}
link_target() {
	local objects=() f
	for f in $(sources) "t/fuzz/$1.c"; do
		objects+=("$tmp/objects/${f//\//_}.o")
	done
	"$compiler" -pthread -Wl,--wrap=gs_region_map,--wrap=munmap,--wrap=gs_random_bytes -o "$tmp/$1" "${objects[@]}" -lm
}

# control TARGET FILE SED-SCRIPT "what is missing": the target ends with a finding, within a minute.
control() {
	local target=$1 file=$2 script=$3 what=$4 status=0
	sed -E -i "$script" "$tree/$file"
	if cmp -s "$srctop/$file" "$tree/$file"; then
		not_ok "there is a check that can be taken out: $what"
		diag "$file has changed: let the script match the check as it is now: $script"
		return
	fi
	if [[ $file == *.h ]]; then compile_all "$target"; else compile "$file" && compile "t/fuzz/$target.c"; fi
	link_target "$target" || not_ok "$target is linked"
	# In a shell of its own, which says nothing of the abort.
	(timeout -k 5 150 "$tmp/$target" -s 1 -t 120; exit $?) >"$tmp/out" 2>&1 || status=$?
	check_match "$target finds $what" "$(cat "$tmp/out")" "again by: -s 1 -i [0-9]+"
	diag "exit status $status: $(grep 'again by' "$tmp/out" || tail -n 1 "$tmp/out")"
	cp "$srctop/$file" "$tree/$file"
	if [[ $file == *.h ]]; then compile_all "$target"; else compile "$file"; fi
}

check "the sources are compiled" compile_all table
control table src/shm/record.c 's/return gs_record_fits\(out, slot_size_of\(t, hit->entry\)\) \? 1 : GS_ECORRUPT/return 1/' "lengths that nobody checks"
control table src/shm/recover.c 's/addr != 0 && gs_table_slot\(t, addr - 1\) != NULL/addr != 0/' "cells that nobody checks"
[ -z "${GS_QUICK-}" ] || done_testing
control table src/shm/table.h 's/ \|\| slot >= a->n_slots//' "slot numbers that nobody checks"
control table src/shm/index.c 's/for \(int tries = 0; tries < TRIES; tries\+\+\) \{/for (;;) {/' "a loop without an end"
control table src/shm/index.c 's/GS_SLOT_HEADER_BYTES \+ k->len <= slot_size/1/' "a key longer than its slot"
control open src/shm/table_check.c 's/if \(gs_table_slot_bytes\(h->key_max, GS_OWNER_BYTES, h->record_size\) > .*\)$/if (0)/' "a shape whose slots are too small"
control race src/shm/kv_get.c 's/head->link_len\), head->val_len\);/head->link_len), hit->slot->val_len);/' "a length that is read twice"
done_testing

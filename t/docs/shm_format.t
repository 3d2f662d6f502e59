#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession-shm(7) is the memory format, byte by byte: every member, constant and bit field, and a reader made from it reads.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" command -v python3
compiler=$(command -v gcc || command -v clang || command -v cc)
requires "no compiler is installed" test -n "$compiler"

manual=$srctop/man/gsession-shm.7
header=$srctop/src/shm/layout.h
export PYTHONDONTWRITEBYTECODE=1

# What the compiler makes of a layout.h below DIR.
facts() {
	python3 "$srctop/t/docs/shm_format.py" probe "$1/shm/layout.h" > "$tmp/probe.c" &&
		"$compiler" -std=c17 -Wall -Wextra -Werror -I"$1" -o "$tmp/probe" "$tmp/probe.c" && "$tmp/probe" > "$2"
}
differences() {
	python3 "$srctop/t/docs/shm_format.py" compare "$1" "$2" 2>&1
}

check "the header can be read" facts "$srctop/src" "$tmp/facts"
check "it has structures" test "$(grep -c ^member "$tmp/facts")" -gt 90
check_eq "every member, constant and bit field is in the manual as the compiler has it, and nothing else" "$(differences "$manual" "$tmp/facts")" ""
check_eq "so are invariants, orders and counters" \
	"$(python3 "$srctop/t/docs/shm_format.py" words "$manual" "$header" "$srctop/src/base/counters.def" 2>&1)" ""
elsewhere=$(cd "$srctop/src/shm" && grep -nE '^[[:space:]]*_Atomic [a-z0-9_]+ [a-z0-9_]+(\[.*\])?;' ./*.h | grep -v '^./layout.h:')
check_eq "no other header of shm has a structure that lies in the memory: it belongs in layout.h" "$elsewhere" ""

# A header that changed must be noticed, and the sentence say what to write.
mkdir -p "$tmp/changed/shm"
changed() {
	sed -E "$1" "$header" > "$tmp/changed/shm/layout.h"
	cmp -s "$header" "$tmp/changed/shm/layout.h" && echo "nothing was changed"
	facts "$tmp/changed" "$tmp/changed/facts" && differences "$manual" "$tmp/changed/facts"
}
found=$(changed '/^struct gs_slot \{/,/^\};/ s/uint32_t lterm;/uint16_t term, more;/')
check_match "a new member is missed" "$found" '^struct gs_slot: add or correct the row \.It Li "0x0a2 2 u16 more"$'
check_match "one that is gone is too much" "$found" 'gs_slot has no such member .*"0x0a0 4 u32 lterm"$'
check_match "a hole is found" "$(changed '/^struct gs_ctx_reg/,/^\};/ s/uint32_t pad;/uint8_t pad;/')" '^struct gs_ctx_reg: 3 bytes at its end'
check_match "another type is found" "$(changed 's/_Atomic uint64_t ttl_ms;/uint64_t ttl_ms;/')" '"0x048 8 u64 ttl_ms"$'
check_match "another constant is found" "$(changed 's/GS_MAX_CTX = 8192/GS_MAX_CTX = 4096/')" '^GS_MAX_CTX is 4096'
check_match "another constant's row is asked for" "$(changed 's/GS_PROMOTE_ACCESS = 1/&, GS_PROMOTE_MORE/')" 'add the row \.It Li "GS_PROMOTE_MORE 2"$'
check_match "another bit field is found" "$(changed 's/e >> 27 \& 3/e >> 27 \& 1/')" 'gs_entry_class: add or correct the row \.It Li "27:27 entry class"$'

# Read sessions with nothing but the manual.
if [ ! -x "$GSESSIOND" ]; then
	skip "a reader made from the manual reads sessions" "gsessiond is not built"
	done_testing
fi
new_instance
start_manager
by_manual() {
	python3 "$srctop/t/docs/shm_reader.py" "$manual" "$GSESSION_SHM_DIR/$INSTANCE" sessions "$@"
}
head -c 3000 /dev/urandom | base64 -w 0 > "$tmp/long"
gs put k <<< hello
gs put --owner me long < "$tmp/long"
gs put outer <<< "in another ring"
gs mv outer warm
check_eq "a reader made from the manual reads a session" "$(by_manual k)" "$(gs get k)"
check "one of another size class with an owner" cmp <(by_manual long) "$tmp/long"
check_eq "one in another ring" "$(by_manual outer)" "in another ring"
gs namespace add app
gs -n app put k <<< "of a namespace"
check_eq "one of a namespace, whose key another has too" "$(by_manual k app) $(by_manual k)" "of a namespace hello"
gs put k <<< changed
check_eq "a new value" "$(by_manual k)" "changed"
check_status 1 "none that is not there" by_manual nobody
gs put --ttl 1ms brief <<< x
poll_until 5 test "$(gs get brief 2>&1)" != x
check_status 1 "nor one that is over" by_manual brief
gs put --class anonymous stranger <<< x
check_eq "one of a class" "$(by_manual stranger)" x
gs set sessions/classes/anonymous/idle 1ms
poll_until 5 test "$(gs get stranger 2>&1)" != x
check_status 1 "nor one that its class has ended" by_manual stranger
gs del k
check_status 1 "nor one that was ended" by_manual k
many=$(for i in $(seq 300); do gs put "many$i" <<< "value $i"; done
	for i in 1 100 200 300; do [ "$(by_manual "many$i")" = "value $i" ] || echo "many$i"; done)
check_eq "those of many" "$many" ""
done_testing

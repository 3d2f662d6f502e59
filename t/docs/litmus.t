#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every order of layout.h has a shape in t/litmus/shapes, and every access of a shape stands in src with at least its order.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" command -v python3
export PYTHONDONTWRITEBYTECODE=1

shapes=$srctop/t/litmus/shapes
sentences() {
	python3 "$srctop/t/docs/litmus.py" "$shapes" "$1" 2>&1
}
check_eq "no access of a shape is missing from src, or weaker there, and no order is without a shape" "$(sentences "$srctop/src")" ""
unknown=$(sed -n 's/^\t{ "\([a-z-]*\)", { .*/\1/p' "$srctop/t/litmus/cores.c" | while read -r name; do
	grep -q "^shape $name " "$shapes" || echo "$name"
done)
check_eq "what is run on two cores is one of the shapes" "$unknown" ""

# An order that got weaker must be noticed.
changed() {
	rm -rf "$tmp/src"
	cp -r "$srctop/src" "$tmp/src"
	sed -i "$2" "$tmp/src/$1"
	! cmp -s "$srctop/src/$1" "$tmp/src/$1" || echo "nothing was changed"
	sentences "$tmp/src"
}
check_match "a header that is loaded acquire only is found" \
	"$(changed shm/index.c '/^find_once/,/^}/ s/memory_order_seq_cst/memory_order_acquire/')" 'find_once of shm/index.c: .*seq_cst is needed$'
check_match "a cell that is stored relaxed is found" \
	"$(changed shm/slots.c '/^unlist_cell/,/^}/ s/memory_order_release/memory_order_relaxed/')" 'unlist_cell of shm/slots.c: .*release is needed$'
check_match "a fence that is gone is found" \
	"$(changed shm/record.c '/gs_fence_acquire();/d')" 'gs_record_is_same of shm/record.c has no fence'
check_match "a new order without a shape is found" \
	"$(changed shm/layout.h 's/^ \*   bitmap\t/ *   bitmap, another\t/')" 'ORDERS has another, and no shape'
done_testing

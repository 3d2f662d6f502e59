# SPDX-License-Identifier: BSD-2-Clause
# fuzz.sh - run a fuzz target of the build for a few seconds; source it behind lib/functions.sh.
#
#	fuzz TARGET "sentence"		t/fuzz/TARGET for GS_FUZZ_SECONDS (3, or 1 with GS_QUICK) from a new seed
#
# What it takes to try a finding again is shown: seed and number of the input, or the input itself as base64.

fuzz_seconds=${GS_FUZZ_SECONDS:-3}
[ -z "${GS_QUICK-}" ] || fuzz_seconds=1
fuzz_seed=$((RANDOM * 32768 + RANDOM + 1))

has_libfuzzer() {
	"$buildtop/t/fuzz/$1" -help=1 2>&1 | grep -q max_total_time
}

fuzz() {
	local target=$buildtop/t/fuzz/$1 f
	requires "t/fuzz/$1 is not built" test -x "$target"
	if has_libfuzzer "$1"; then
		check "$2" "$target" -max_total_time="$fuzz_seconds" -seed="$fuzz_seed" -timeout=20 -rss_limit_mb=4096 -max_len=2048 \
			-print_final_stats=1 -print_funcs=0 -verbosity=0 -artifact_prefix="$tmp/found-" || true
		diag "seed $fuzz_seed, $(sed -n 's/^stat::number_of_executed_units: *//p' <<< "$output") inputs"
	else
		check "$2" "$target" -s "$fuzz_seed" -t "$fuzz_seconds" || true
		diag "$(tail -n 1 <<< "$output")"
	fi
	for f in "$tmp"/found-*; do
		[ ! -e "$f" ] || diag "${f##*/}, base64: $(base64 -w 0 "$f")"
	done
}

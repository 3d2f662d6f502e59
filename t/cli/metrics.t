#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: `metrics` is OpenMetrics text that a strict reader takes, and says what `stats` says.
. "${0%/*}/../lib/functions.sh"
new_instance
export GSESSION_STATE_DIR=$tmp/state
cat > "$tmp/gsession.conf" <<-END
	[table tokens]
	record_size = 100
	[ring sessions/cold]
	store = file:$tmp/disk
	[ring tokens/cold]
	store = shm
END
start_manager "$tmp/gsession.conf"

read_strictly() {
	python3 "$srctop/t/cli/openmetrics.py"
}

for k in a b c; do
	gs put "$k" <<< "value of $k"
done
gs -t tokens put t <<< token
gs get a >/dev/null
gs get b >/dev/null
gs del c
head -c 9000 /dev/zero | gs put large 2>/dev/null

gs show metrics > "$tmp/metrics"
check "a strict reader takes it" eval 'read_strictly < "$tmp/metrics" > "$tmp/samples"'
value() {
	sed -n "s/^$1 $2 //p" "$tmp/samples"
}
check_eq "a counter of a table is a total with its label" "$(value gsession_started_total table=sessions)" 3
check_eq "of each table" "$(value gsession_started_total table=tokens)" 1
check_eq "a gauge has its name" "$(value gsession_ring_sessions table=sessions,ring=active)" 2
check_eq "what has a unit ends with it" "$(value gsession_largest_value_bytes table=sessions)" 9000
check_match "which is said" "$(cat "$tmp/metrics")" '^# UNIT gsession_largest_value_bytes bytes$'
check_eq "slots have their size" "$(grep -c '^gsession_ring_slots table=tokens,ring=active,slot_size=' "$tmp/samples")" \
	"$(gs show tokens/rings/active/stats | grep -c '^slots_')"
check_eq "a ring on a disk has its own" "$(grep -E '^gsession_ring_(waiting|syncs_total) ' "$tmp/samples" | cut -d ' ' -f 1,2 | xargs)" \
	"gsession_ring_waiting table=sessions,ring=cold gsession_ring_syncs_total table=sessions,ring=cold"

# Each line of each stats has its sample. The counts of what goes on by itself are left to the names.
labels_of() {
	case $1 in
	stats) echo - ;;
	*/rings/*) sed -E 's|(.*)/rings/(.*)/stats|table=\1,ring=\2|' <<< "$1" ;;
	*) echo "table=${1%/stats}" ;;
	esac
}
compare() {
	local path=$1 prefix=$2 name n labels metric
	labels=$(labels_of "$path")
	while read -r name n; do
		metric=gsession_$prefix$name
		case $name in
		*slots_[0-9]*) set -- "$labels,slot_size=${name##*_}"; metric=gsession_$prefix${name%_*} ;;
		count) set -- "$labels"; metric=gsession_ring_sessions ;;
		largest_value) set -- "$labels"; metric=gsession_largest_value_bytes ;;
		sweeps|syncs|waiting) continue ;;
		*) set -- "$labels" ;;
		esac
		grep -qE "^$metric(_total)? $1 $n\$" "$tmp/samples" || echo "$path: $name $n"
	done < <(gs show "$path" | if [ "$path" = stats ]; then sed -n '/^clients /,$p'; else cat; fi)
}
bad=$(compare stats ''
	for table in sessions tokens; do
		compare "$table/stats" ''
		for ring in active warm cold suspect; do
			compare "$table/rings/$ring/stats" ring_
		done
	done)
check_eq "each number of stats is in it, the same" "$bad" ""
sum=$(awk '$1 == "gsession_started_total" { n += $3 } END { print n }' "$tmp/samples")
check_eq "stats has the sum of what the tables have" "started $sum" "$(gs show stats | grep '^started ')"

# The reader is strict: each of these is refused.
refuses() {
	sed -E "$2" "$tmp/metrics" > "$tmp/broken"
	cmp -s "$tmp/metrics" "$tmp/broken" && not_ok "$1: nothing was broken" && return
	check_not "refused: $1" eval 'read_strictly < "$tmp/broken"'
}
refuses "no end" '$d'
refuses "something behind it" '$a x 1'
refuses "a counter without _total" 's/^gsession_gets_total/gsession_gets/'
refuses "a sample twice" '/^gsession_clients /p'
refuses "a family without a sentence" '/^# HELP gsession_gets /d'
refuses "a family without a type" '/^# TYPE gsession_gets /d'
refuses "a family in two parts" '$i # HELP gsession_gets once more'
refuses "a unit that is not in the name" 's/^(# UNIT .*) bytes$/\1 ms/'
refuses "a value that is no number" 's/^(gsession_clients) .*/\1 some/'
refuses "a counter below 0" 's/^(gsession_sweeps_total) .*/\1 -1/'
refuses "a label without quotes" 's/table="sessions"/table=sessions/'
refuses "an empty line" '3i\\
'

if /usr/bin/python3 -c 'import prometheus_client.openmetrics.parser' 2>/dev/null; then
	theirs() {
		/usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
for family in parse(sys.stdin.read()):
	for s in family.samples:
		print(s.name, ",".join(f"{k}={v}" for k, v in s.labels.items()) or "-", int(s.value))' < "$tmp/metrics"
	}
	check_eq "the reader of Prometheus takes it, and reads the same" "$(theirs)" "$(cat "$tmp/samples")"
else
	skip "the reader of Prometheus takes it, and reads the same" "python3-prometheus-client is not installed"
fi

done_testing

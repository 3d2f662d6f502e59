#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: `gsession replay` reports what an independent calculation of the decay law says, the same on every run.
# Goal: lines that it cannot read are counted and shown, whatever bytes they are of.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c 'import json'

model=$testdir/replay_model.py
shared=${GS_SHARED-$srctop/../shared}

printf '[ring active]\nhalf_life = 0\n' > "$tmp/plain.conf"
cat > "$tmp/small.conf" <<'END'
[table sessions]
key_max = 64
max_lifetime = 20h
[ring active]
ttl = 1m
half_life = 2m
capacity = 6
reserve = 0
[ring warm]
ttl = 10m
capacity = 4
[ring cold]
ttl = 5h
capacity = 5
END
sed 's/half_life = 2m/half_life = 0/' "$tmp/small.conf" > "$tmp/small-plain.conf"
sed '/ring cold/a on_full = refuse' "$tmp/small.conf" > "$tmp/small-refuse.conf"
sed '/ring warm\|ring cold/a promote = second' "$tmp/small.conf" > "$tmp/small-second.conf"
small_rings=active:60000:6,warm:600000:4,cold:18000000:5

report() {
	"$GSESSION" replay --json "$@" > "$tmp/report.json" 2> "$tmp/report.err"
}

counts() {
	python3 "$model" counts "$tmp/report.json" "$@"
}

# as_calculated SENTENCE LOG "OPTIONS OF REPLAY" "OPTIONS OF THE MODEL": equal, and equal again on a second run.
as_calculated() {
	local sentence=$1 log=$2 options=$3 as=$4
	# shellcheck disable=SC2086
	{
		check "$sentence: replay" report $options "$log"
		check "$sentence: as calculated" python3 "$model" expect "$tmp/report.json" "$log" $as
		mv "$tmp/report.json" "$tmp/first.json"
		report $options "$log"
		check "$sentence: the same again" cmp "$tmp/first.json" "$tmp/report.json"
	}
}

# The quotas of issue 4, and others under which sessions come and go.
quota_conf() {
	printf '[ring active]\nhalf_life = %s\n[quota]\nrate = %s\nburst = %s\naction = %s\nhold = %s\nrelease = %s\n[ring suspect]\ncapacity = %s\n' "$@"
}
quota_conf 10m 1/s 20 report 10s 1m 1024 > "$tmp/report.conf"
quota_conf 10m 1/s 20 quarantine 10s 1m 1024 > "$tmp/quarantine.conf"
quota_conf 5m 20/m 3 quarantine 5s 10s 2 > "$tmp/few.conf"
quota_conf 0 20/m 3 slow 5s 10s 1024 > "$tmp/slow.conf"
# One under which visitors go on asking too fast through several holds.
quota_conf 10m 6/m 1 report 2s 10m 1024 > "$tmp/again.conf"

# shipped NAME REQUESTS KEYS
shipped() {
	local log=$shared/data/$1-access.log
	if [ ! -r "$log" ]; then
		skip "the log $1" "$log is not there"
		return
	fi
	as_calculated "$1" "$log" "" ""
	check_eq "$1 has $2 requests of $3 keys" "$(counts requests keys unreadable)" "$2 $3 0"
	as_calculated "$1, half_life 0" "$log" "-c $tmp/plain.conf" "--half-life 0"
	as_calculated "$1, full rings" "$log" "-c $tmp/small.conf" "--half-life 120000 --rings $small_rings --max-lifetime 72000000"
	as_calculated "$1, promote = second" "$log" "-c $tmp/small-second.conf" \
	    "--half-life 120000 --rings $small_rings --max-lifetime 72000000 --promote second"
	quotas "$1" "$log"
}

quotas() {
	as_calculated "$1, quota 1/s, report" "$2" "-c $tmp/report.conf" "--half-life 600000 --quota 1000:20:report:10000:60000:1024"
	as_calculated "$1, quota 1/s, quarantine" "$2" "-c $tmp/quarantine.conf" "--half-life 600000 --quota 1000:20:quarantine:10000:60000:1024"
	as_calculated "$1, quota 20/m, two suspects" "$2" "-c $tmp/few.conf" "--quota 3000:3:quarantine:5000:10000:2"
	as_calculated "$1, quota 20/m, slow" "$2" "-c $tmp/slow.conf" "--half-life 0 --quota 3000:3:slow:5000:10000:1024"
	as_calculated "$1, quota 6/m, short holds" "$2" "-c $tmp/again.conf" "--half-life 600000 --quota 10000:1:report:2000:600000:1024"
}

shipped semicomplete 10000 1753
shipped twiki 1406 169

log=$shared/data/semicomplete-access.log
if [ -r "$log" ]; then
	as_calculated "semicomplete by address and agent" "$log" "--key ip+agent" "--key ip+agent"
	check_eq "its one cut-off line is counted as unreadable" "$(counts requests keys unreadable)" "9999 1861 1"
	check_match "and is shown with its number" "$(cat "$tmp/report.err")" ':8899: no user agent: 46\.118\.127\.106 '
else
	skip "semicomplete by address and agent" "$log is not there"
fi

for seed in 1 2 3; do
	log=$tmp/generated.log
	python3 "$model" generate $seed 1500 > "$log"
	for key in ip ip+agent; do
		as_calculated "generated log $seed by $key" "$log" "--key $key" "--key $key"
		as_calculated "generated log $seed by $key, half_life 0" "$log" "--key $key -c $tmp/plain.conf" "--key $key --half-life 0"
		as_calculated "generated log $seed by $key, full rings" "$log" "--key $key -c $tmp/small.conf" \
		    "--key $key --half-life 120000 --rings $small_rings --max-lifetime 72000000"
		[ "$key" != ip ] || quotas "generated log $seed" "$log"
		as_calculated "generated log $seed by $key, full rings, half_life 0" "$log" "--key $key -c $tmp/small-plain.conf" \
		    "--key $key --half-life 0 --rings $small_rings --max-lifetime 72000000"
	done
done
check_eq "full rings move sessions outwards, and in the end drop some" "$(counts evicted dropped | grep -c '^[1-9][0-9]* [1-9]')" 1
as_calculated "where none may be dropped" "$log" "--key ip+agent -c $tmp/small-refuse.conf" \
    "--key ip+agent --half-life 120000 --rings $small_rings --max-lifetime 72000000 --on-full refuse"
check_eq "puts are refused and decays held back" "$(counts refused stuck dropped | grep -c '^[1-9][0-9]* [1-9][0-9]* 0$')" 1

# One line each; `line` makes a readable one.
line() {
	printf '%s - - [%s] "GET / HTTP/1.1" 200 1 "-" "%s"\n' "$1" "$2" "${3-agent}"
}

# A session is in its ring at the deadline still: five minutes after one access, and not a second later.
{
	line a '01/Mar/2020:00:00:00 +0000'
	line b '01/Mar/2020:00:05:00 +0000'
} > "$tmp/at.log"
report "$tmp/at.log"
check_match "at its deadline a session is in its ring still" "$(cat "$tmp/report.json")" '"moves": \{\}, "rings": \{"active": 2, '
{
	line a '01/Mar/2020:00:00:00 +0000'
	line b '01/Mar/2020:00:05:01 +0000'
} > "$tmp/after.log"
report "$tmp/after.log"
check_match "and after it is not" "$(cat "$tmp/report.json")" '"moves": \{"active>warm": 1\}, "rings": \{"active": 1, "warm": 1, '

# Wrong years: back is no time at all, and from the first to the last that can be written is longer than store time.
{
	line a '01/Mar/2020:00:00:00 +0000'
	line b '01/Mar/1904:00:00:00 +0000'
	line a '01/Mar/9999:00:00:00 +0000'
	line a '01/Mar/2020:00:00:01 +0000'
} > "$tmp/years.log"
as_calculated "wrong years" "$tmp/years.log" "" ""
{
	line a '01/Jan/0001:00:00:00 +0000'
	line b '31/Dec/9999:23:59:59 +0000'
} > "$tmp/years.log"
as_calculated "the first and the last year" "$tmp/years.log" "" ""

: > "$tmp/empty.log"
as_calculated "an empty log" "$tmp/empty.log" "" ""
check "an empty log for people" "$GSESSION" replay "$tmp/empty.log"

line a '01/Mar/2020:00:00:00 +0000' | tr -d '\n' > "$tmp/one.log"
as_calculated "a line without an end" "$tmp/one.log" "" ""
check_eq "is one" "$(counts requests keys)" "1 1"

line a '01/Mar/2020:00:00:00 +0000' | sed 's/$/\r/' > "$tmp/crlf.log"
as_calculated "CRLF" "$tmp/crlf.log" "--key ip+agent" "--key ip+agent"
check_eq "is as good as LF" "$(counts requests unreadable)" "1 0"

python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(1000000))' > "$tmp/binary.log"
check_status 1 "a file without any readable line is no log" "$GSESSION" replay --json "$tmp/binary.log"
check_not "and nothing of it gets to the terminal unescaped" grep -qP '[^\n\x20-\x7e]' <<< "$output"
report "$tmp/binary.log"
check_eq "and nothing is read into it" "$(counts requests keys started)" "0 0 0"
check_eq "only the first five lines are shown" "$(wc -l < "$tmp/report.err")" 5

# 16 MB in one line: a readable beginning counts, and memory does not grow with it.
{
	printf 'a - - [01/Mar/2020:00:00:00 +0000] "GET /" 200 1 "-" "'
	head -c 16000000 /dev/zero | tr '\0' x
	printf '"\n'
	line b '01/Mar/2020:00:00:01 +0000'
} > "$tmp/long.log"
as_calculated "a line of 16 MB" "$tmp/long.log" "" ""
check_eq "is readable when its beginning is" "$(counts requests keys unreadable)" "2 2 0"
as_calculated "a line of 16 MB by agent" "$tmp/long.log" "--key ip+agent" "--key ip+agent"
check_eq "and not when what is needed is cut off" "$(counts requests keys unreadable)" "1 1 1"
rm -f "$tmp/long.log"

check_status 5 "a missing file" "$GSESSION" replay "$tmp/missing.log"
check_match "is said" "$output" 'missing\.log.*No such file'
check_status 5 "a directory" "$GSESSION" replay "$tmp"
check_match "is said" "$output" 'Is a directory'
check_status 2 "no log at all" "$GSESSION" replay
check_status 2 "an unknown key" "$GSESSION" replay --key host "$tmp/one.log"
check_status 2 "a speed without --live" "$GSESSION" replay --speed 2 "$tmp/one.log"
check_status 2 "a speed of nothing" "$GSESSION" replay --live --speed 0 "$tmp/one.log"
check_status 2 "--live and a configuration" "$GSESSION" replay --live -c "$tmp/plain.conf" "$tmp/one.log"
printf '[ring active]\nttl = 5 parsecs\n' > "$tmp/bad.conf"
check_status 2 "a wrong configuration" "$GSESSION" replay -c "$tmp/bad.conf" "$tmp/one.log"
check_match "is shown with its line" "$output" 'bad\.conf:2: '

mkdir "$tmp/plain.conf.d"
printf '[ring active]\ncapacity = 1\n' > "$tmp/plain.conf.d/more.conf"
line a '01/Mar/2020:00:00:00 +0000' > "$tmp/two.log"
line b '01/Mar/2020:00:00:00 +0000' >> "$tmp/two.log"
report -c "$tmp/plain.conf" "$tmp/two.log"
check_eq "-c reads only that file" "$(counts started refused)" "2 0"
printf '[ring cold]\nstore = file:%s\n' "$tmp/never" > "$tmp/stored.conf"
check "a ring on a disk is replayed" report -c "$tmp/stored.conf" "$tmp/two.log"
check_not "in memory" test -e "$tmp/never"

check_match "the report for people has the same figures" "$("$GSESSION" replay "$tmp/after.log")" 'active>warm +1$'
done_testing

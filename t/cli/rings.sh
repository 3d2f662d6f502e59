#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what makes the rings live - decay, promotion, pressure, quotas, suspects - is driven by echo, cat, mv, mkdir and rm on the mount alone.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
cat > "$tmp/gsession.conf" <<-CONF
	[ring active]
	capacity = 64
	reserve = 32
CONF
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
cd "$tmp/mnt" || exit 1
cleanup_fn cd /
rings=control/sessions/rings
quota=control/sessions/quota

lives_in() {
	ls "sessions/$1" | grep -qx "$2"
}
count_in() {
	find "sessions/$1" -type f | wc -l
}
stat_of() {
	sed -n "s/^$1 //p" control/sessions/stats
}
refused() {	# SENTENCE FILE VALUE REGEX-OF-last_error
	check_not "$1" sh -c 'echo "$1" > "$2"' - "$3" "$2"
	check_match "$1: the sentence" "$(cat control/last_error)" "$4"
}

# 1 Decay: a preview of a law, and the law.
for i in 1 2 3; do
	echo "value $i" > "sessions/active/k$i"
done
touch -d '3 minutes ago' sessions/active/k1
echo 'ttl 2m half_life 0' > "$rings/active/preview"
check_match "a preview says how many sessions would move" "$(cat "$rings/active/preview")" '^moving 1$'
check_eq "and moves none" "$(count_in active)" 3
echo 0 > "$rings/active/half_life"
echo 2m > "$rings/active/ttl"
check "with that ttl it moves" poll_until 3 lives_in warm k1
check_eq "alone" "$(count_in active)" 2

# 2 Promotion.
echo never > "$rings/warm/promote"
check_eq "promote = never: it is served" "$(cat sessions/active/k1)" "value 1"
check "where it is" lives_in warm k1
echo second > "$rings/warm/promote"
touch -d '10 minutes ago' sessions/warm/k1
check_eq "promote = second: the first access" "$(cat sessions/active/k1)" "value 1"
check "leaves it there" lives_in warm k1
check_eq "the second" "$(cat sessions/active/k1)" "value 1"
check "brings it in" lives_in active k1
echo access > "$rings/warm/promote"
mv sessions/active/k1 sessions/cold/
before=$(stat_of promoted)
mkdir "$tmp/backup"
cp -a sessions/cold sessions/warm "$tmp/backup/"
ls -l sessions/active sessions/warm sessions/cold > /dev/null
find sessions -type f -mmin +1000 > /dev/null
check_eq "a backup, ls and find promote nothing" "$(stat_of promoted)" "$before"
check_eq "an access brings in" "$(cat sessions/active/k1)" "value 1"
check_eq "in one move" "$(stat_of promoted)" "$((before + 1))"

# 3 Pressure: the ring holds 64 and 32; twice as many come, and none is refused.
echo 5m > "$rings/active/half_life"
cat sessions/active/k1 > /dev/null
for i in {1..200}; do
	echo "one $i" > "sessions/active/p$i" || break
done
check_eq "none is refused" "$i" 200
check "the ring keeps to its room" test "$(count_in active)" -le 96
check_eq "nobody is lost" "$(find sessions -type f -name 'p*' -o -type f -name 'k?' | wc -l)" 203
check "they were evicted outwards" test "$(stat_of evicted)" -gt 0
check "one that was asked for again stayed" lives_in active k1

check "a ring is made" mkdir "$rings/deep2"
echo 30d > "$rings/deep2/ttl"
check "and switched on" sh -c 'echo on > "$1"' - "$rings/deep2/state"
check_eq "it is the outermost" "$(cat "$rings/cold/decay_to")" deep2
check "it has a directory" mv sessions/active/k2 sessions/deep2/
check_eq "and is found through the innermost ring" "$(cat sessions/active/k2)" "value 2"
check "it is resized" sh -c 'echo 500 > "$1"' - "$rings/deep2/capacity"
refused "not beyond the index" "$rings/deep2/capacity" 100000000 .
refused "a ttl that shrinks outwards is refused" "$rings/deep2/ttl" 1s 'shrink'
refused "so is a ttl of 0" "$rings/active/ttl" 0 'ttl'
refused "and a circle" "$rings/deep2/decay_to" active .
echo 30d > "$rings/cold/ttl"
check "it drains" sh -c 'echo draining > "$1"' - "$rings/deep2/state"
check "until it is off" poll_until 10 grep -qx off "$rings/deep2/state"
check "and is removed" rmdir "$rings/deep2"
check_eq "nobody went with it" "$(find sessions -type f -name 'p*' -o -type f -name 'k?' | wc -l)" 203

# 4 Quotas.
refused "a quota of 0 is refused" "$quota/rate" 0/s 'rate'
refused "a burst of 0" "$quota/burst" 0 'burst'
refused "an override for an unknown namespace" "$quota/overrides" 'namespace nobody 5/s 5' 'namespace'
echo 20/s > "$quota/rate"
echo 10 > "$quota/burst"
echo 500ms > "$quota/hold"
echo 1s > "$quota/release"
hammer() {	# KEY TIMES: reads that are tried, whatever they answer
	local i
	for ((i = 0; i < $2; i++)); do
		read -r _ < "sessions/active/$1"
	done 2>/dev/null
}
echo h > sessions/active/h
hammer h 60
check "action = report: it is listed" poll_until 3 grep -q '^h ' control/sessions/suspects
check_eq "and refused nothing" "$(cat sessions/active/h)" h
echo quarantine > "$quota/action"
echo q > sessions/active/q
hammer q 60
check "action = quarantine: it is a suspect" lives_in suspect q
check_not "that is refused" cat sessions/active/q
check_match "as over its quota" "$output" 'quota'
check "but seen" stat sessions/active/q
check "nobody else is" test "$(count_in suspect)" -le 2

# 5 Suspects.
check "it is listed with its offences" poll_until 3 grep -qE '^q [^ ]+ 1 ' control/sessions/suspects
check "left alone it comes home" poll_until 10 lives_in active q
hammer q 60
check "asked too fast again it is back" lives_in suspect q
check "its offences are kept" poll_until 3 grep -qE '^q [^ ]+ 2 ' control/sessions/suspects
check "mv pardons" mv sessions/suspect/q sessions/active/
check_eq "and it is served" "$(cat sessions/active/q)" q
hammer q 60
check "rm ends a suspect" rm sessions/suspect/q
check_not "for everybody" test -e sessions/active/q
check_match "events say what happened" "$(cat control/events)" ' quarantined '
check_match "and what was changed" "$(cat control/events)" 'quota/action'
check "the memory is sound" gs audit
done_testing

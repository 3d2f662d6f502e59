#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a reaper ends the suspects that it is to end, leaves the others, and loses none, whatever becomes of it.
. "${0%/*}/../lib/functions.sh"
new_instance
# Nobody comes home by himself while this runs.
printf '[quota]\nhold = 1h\nrelease = 1h\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"

stat_of() {
	gs show sessions/stats | sed -n "s/^$1 //p"
}
# suspect KEY...: start them, and wait until the daemon lists each.
suspect() {
	local key
	for key; do
		gs put "$key" <<< v && gs mv "$key" suspect
	done
	poll_until 5 suspects_are "$(gs ls suspect | wc -l)"
}
suspects_are() {
	[ "$(gs show sessions/suspects | wc -l)" -eq "$1" ]
}
leased_are() {
	[ "$(gs show sessions/suspects | grep -c ' leased$')" -eq "$1" ]
}
has_line() {
	grep -Eq "$2" "$1"
}
lines_are() {
	[ "$(wc -l < "$1")" -eq "$2" ]
}
# In the background; its pid is in $reaper.
start_reaper() {
	"$GSESSION" -i "$INSTANCE" reaper "$@" > "$tmp/reaper.out" 2> "$tmp/reaper.err" &
	reaper=$!
	cleanup_fn kill -KILL "$reaper"
}
# A command that never ends; each writes its pid down.
hang="cat > /dev/null; echo \$\$ >> $tmp/pids; exec sleep 1000" # not a wait: it is to be killed
all_gone() {
	local pid
	while read -r pid; do
		is_gone "$pid" || return 1
	done < "$tmp/pids"
}

# once
check "once, with nobody to judge" gs reaper --once
check_eq "nobody is judged" "$output" 'expelled 0, left alone 0'
suspect k{1..10}
check "those who are not listed are not judged" gs reaper --once
check_eq "which is the default" "$output" 'expelled 0, left alone 0'
check "nor those of less than so many offences" gs reaper --once --policy offences=60
check_eq "as the policy says" "$output" 'expelled 0, left alone 0'
check "nor those who ask less fast" gs reaper --once -p all,rate=100000/s
check_eq "which is not lent them" "$output" 'expelled 0, left alone 0'
check "another rule meets all of them, by threes" gs reaper --once --policy all --batch 3
check_match "each is told of, with no more of its key than in events" "$output" '^expelled k10~[0-9a-f]{8} offences [0-9]+$'
check_eq "and at the end how many" "$(tail -n1 <<< "$output")" 'expelled 10, left alone 0'
check_eq "they are counted" "$(stat_of expelled)" 10
check_eq "nobody is left" "$(gs ls suspect | wc -l)" 0

# one who becomes faster while a reaper waits for such
suspect fast calm
start_reaper --policy all,rate=2/s
hurries() {
	gs get fast
	! gs stat fast
}
check "who becomes fast enough is lent to the reaper who waits" poll_until 20 hurries
check "who does not is left to others" gs stat calm
kill "$reaper"
wait "$reaper"
check_match "it has judged one" "$(tail -n1 "$tmp/reaper.out")" '^expelled 1, left alone 0$'
gs del calm

# a command decides
suspect good bad 'two words'
cat > "$tmp/decide" <<-'EOF'
	IFS= read -r key
	echo "$key $GSESSION_TABLE $GSESSION_STATE $GSESSION_RATE $GSESSION_OFFENCES $GSESSION_HELD_MS" >> "$1"
	[ "$key" != good ]
EOF
check "a command is asked" gs reaper --once --policy all --command "sh $tmp/decide $tmp/asked"
check_eq "it expels with 0 and leaves alone with 1" "$(tail -n1 <<< "$output")" 'expelled 2, left alone 1'
check_eq "each suspect once" "$(wc -l < "$tmp/asked")" 3
check "it is told key, table, state, rate, offences and time" has_line "$tmp/asked" '^two words sessions held [0-9.]+ [0-9]+ [0-9]+$'
check_eq "who was left alone is a suspect still" "$(gs ls suspect)" good
check "a command that ends with anything else" gs reaper --once --policy all -c 'exit 7'
check_eq "leaves alone" "$(tail -n1 <<< "$output")" 'expelled 0, left alone 1'
check_match "and that is said" "$output" '^gsession: reaper: the command ended neither with 0 nor with 1'
check "so does one that there is not" gs reaper --once --policy all -c /nonexistent
check_eq "too" "$(tail -n1 <<< "$output")" 'expelled 0, left alone 1'

# a command hangs
suspect h1 h2
check "a command that hangs is killed" gs reaper --once --policy all --command "$hang" --timeout 200ms
check_eq "and its suspects are left alone" "$(tail -n1 <<< "$output")" 'expelled 0, left alone 3'
check_eq "which is said once" "$(grep -c 'did not end in time and was killed' <<< "$output")" 1
check_eq "each was asked about" "$(wc -l < "$tmp/pids")" 3
check "none of it is left" poll_until 5 all_gone
check_eq "nobody is lost" "$(gs ls suspect | wc -l)" 3

# watching
start_reaper --policy all
check "a reaper that watches ends those who are there" poll_until 5 suspects_are 0
suspect later
check "and those who come" poll_until 5 has_line "$tmp/reaper.out" '^expelled later~'
kill_manager
check "it outlives the daemon" poll_until 5 has_line "$tmp/reaper.err" 'the daemon is gone'
start_manager
suspect after
check "and works for the next one" poll_until 5 has_line "$tmp/reaper.out" '^expelled after~'
check_eq "it has said that once" "$(wc -l < "$tmp/reaper.err")" 1
kill -TERM "$reaper"
wait "$reaper"
check_eq "it ends by SIGTERM, and that is no failure" $? 0
check_eq "with how many" "$(tail -n1 "$tmp/reaper.out")" 'expelled 5, left alone 0'

# One that was left alone comes again after a while.
suspect patient
start_reaper --policy all --command "sh $tmp/decide $tmp/again; exit 1" --again 300ms
check "who was left alone is judged again after a while" poll_until 10 lines_are "$tmp/again" 3
kill -INT "$reaper"
wait "$reaper"
check_eq "SIGINT ends it as well" $? 0
gs del patient

# a reaper dies, stops and is told to end in the middle of a batch
: > "$tmp/pids"
suspect s{1..5}
start_reaper --policy all --command "$hang" --timeout 1h
check "a reaper has the batch" poll_until 5 leased_are 5
check "and asks about the first" poll_until 5 test -s "$tmp/pids"
check "others get none of it" gs reaper --once --policy all
check_eq "as they are leased" "$output" 'expelled 0, left alone 0'
kill -KILL "$reaper"
wait_gone "$reaper"
check "killed, it has none any more" poll_until 5 leased_are 0
check_eq "and none is lost" "$(gs ls suspect | wc -l)" 5
check "its command has gone with it" poll_until 5 all_gone
start_reaper --policy all --command "$hang" --timeout 1h
check "the next one has them" poll_until 5 leased_are 5
kill -TERM "$reaper"
wait "$reaper"
check_eq "told to end while a command runs, it ends at once" $? 0
check "and gives them back" poll_until 5 leased_are 0
check "the command has ended" poll_until 5 all_gone
start_reaper --policy all --command "$hang" --timeout 1h --lease 500ms
check "a third one has them" poll_until 5 leased_are 5
kill -STOP "$reaper"
check "stopped, it has them until the lease is over" poll_until 5 leased_are 0
check "then another one ends them" gs reaper --once --policy all
check_eq "all" "$(tail -n1 <<< "$output")" 'expelled 5, left alone 0'
kill -KILL "$reaper"
wait_gone "$reaper"
check_eq "the store is whole" "$(gs audit | tail -n1 | awk '{ print $2 + $5 + $8 == $11 }')" 1

# misuse
for rule in '' often offences=0 offences=x rate=5 rate=0/s rate=5/d all, ,all; do
	check_status 2 "no policy: \"$rule\"" gs reaper --once --policy "$rule"
done
check_status 2 "no batch" gs reaper --once --batch 0
check_status 2 "no batch either" gs reaper --once --batch 257
check_status 2 "no time" gs reaper --once --timeout 0
check_status 2 "too long a time" gs reaper --once --again 2h
check_status 1 "no such table" gs -t nothing reaper --once
stop_manager
check_status 3 "no daemon" gs reaper --once
done_testing

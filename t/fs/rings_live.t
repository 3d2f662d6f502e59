#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: rings are made, configured, switched on, resized, drained and removed by mkdir, echo, cat, mv and rmdir while sessions live in them.
. "${0%/*}/../lib/functions.sh"
requires_fuse
new_instance
start_manager
mkdir "$tmp/mnt"
start_mount "$tmp/mnt"
sessions=$tmp/mnt/sessions
rings=$tmp/mnt/control/sessions/rings
error=$tmp/mnt/control/last_error

refused() {	# SENTENCE PATH VALUE ERRNO-TEXT REGEX-OF-last_error
	check_not "$1" bash -c 'echo "$1" > "$2"' - "$3" "$2"
	check_match "${1}: what the program is told" "$output" "$4"
	check_match "${1}: the sentence" "$(cat "$error")" "$5"
}

# Somebody who was attached before.
gs ls >/dev/null
check "a ring is made by mkdir" mkdir "$rings/deep2"
check_eq "it is off" "$(cat "$rings/deep2/state")" off
check_eq "with the ttl of the outermost ring" "$(cat "$rings/deep2/ttl" "$rings/deep2/half_life" "$rings/deep2/decay_to" "$rings/deep2/store" |
    tr '\n' ' ')" '14d 5m none shm '
check_eq "and shown by the mount at once" "$(ls "$sessions" | tr '\n' ' ')" 'active cold deep2 suspect warm '
check_eq "the chain is as it was" "$(cat "$rings/cold/decay_to")" none
for i in 1 2 3 4 5; do
	echo "value $i" > "$sessions/active/k$i"
done
check_not "while it is off nothing comes in" mv "$sessions/active/k1" "$sessions/deep2/"
check_eq "and the session stays where it is" "$(cat "$sessions/active/k1")" 'value 1'

check "its settings are written" sh -c 'echo 30d > "$1/ttl" && echo 1000 > "$1/capacity" && echo 10 > "$1/reserve" && echo never > "$1/promote" && echo next > "$1/promote_to"' - "$rings/deep2"
refused "a ttl of 0 is refused" "$rings/deep2/ttl" 0 'range|result' 'ttl is a duration from 1ms'
refused "a negative ttl" "$rings/deep2/ttl" -5s 'Invalid' 'ttl is a duration'
refused "a ring that decays to itself" "$rings/deep2/decay_to" deep2 'Invalid' 'does not lead back here'
refused "one that decays to the suspects" "$rings/deep2/decay_to" suspect 'Invalid' 'not suspect'
check_not "a store on a disk" gs set sessions/rings/deep2/store "file:$tmp/x"
check_match "is one of the configuration file" "$output" 'configuration file'
refused "a state that is none" "$rings/deep2/state" perhaps 'Invalid' 'one of on.off.draining'
check "it is switched on" sh -c 'echo on > "$1/state"' - "$rings/deep2"
check_eq "and the ring before it decays there" "$(cat "$rings/cold/decay_to")" deep2
check "sessions are moved in" mv "$sessions/active/k1" "$sessions/active/k2" "$sessions/deep2/"
check_eq "and are there" "$(ls "$sessions/deep2" | tr '\n' ' ')" 'k1 k2 '
check_eq "found through the innermost ring" "$(cat "$sessions/active/k1")" 'value 1'
check_eq "promote = never: served where it is" "$(ls "$sessions/deep2" | tr '\n' ' ')" 'k1 k2 '

mkdir "$rings/tepid"
echo 1h > "$rings/tepid/ttl"
refused "a ttl that shrinks outwards is refused when it is switched on" "$rings/tepid/state" on 'range|result' 'ttl does not shrink outwards'
check_eq "and the ring stays off" "$(cat "$rings/tepid/state")" off
echo cold > "$rings/tepid/decay_to"
echo 70000 > "$rings/tepid/capacity"
refused "so is one too large for the index" "$rings/tepid/state" on 'range|result' 'max_sessions'
echo 100 > "$rings/tepid/capacity"
check "with a decay_to it comes in the middle" sh -c 'echo on > "$1/state"' - "$rings/tepid"
check_eq "of the chain" "$(cat "$rings"/{active,warm,tepid,cold,deep2}/decay_to | tr '\n' ' ')" 'warm tepid cold deep2 none '
check_eq "which is the order of rings" "$(gs show | sed -n 's/^  \([a-z0-9]*\)  *[0-9].*/\1/p' | tr '\n' ' ')" 'active warm tepid cold deep2 suspect '
refused "decay_to of a ring that is on follows from the chain" "$rings/active/decay_to" cold 'Invalid' 'reached from active once'
check "a capacity grows" sh -c 'echo 5000 > "$1/capacity"' - "$rings/tepid"
refused "as far as the index" "$rings/tepid/capacity" 50000 'range|result' 'max_sessions'

mv "$sessions/active/k3" "$sessions/tepid/"
check "a move inwards goes by the order of rings, not by when they were made" mv "$sessions/deep2/k2" "$sessions/tepid/"
check_eq "and counts as an access" "$(getfattr -n user.gsession.hits --only-values --absolute-names "$sessions/tepid/k2")" 2
echo next > "$rings/cold/promote_to"
mv "$sessions/active/k4" "$sessions/cold/"
check_eq "promote_to = next" "$(cat "$sessions/active/k4"; getfattr -n user.gsession.ring --only-values --absolute-names "$sessions/active/k4")" \
    "$(printf 'value 4\ntepid')"

# preview
check_match "a preview of the law as it is" "$(cat "$rings/tepid/preview" | tr '\n' ' ')" '^ttl 1h half_life 5m sessions 3 moving 0 to cold looked_at 100% $'
touch -d '10 minutes ago' "$sessions/tepid/k3"
echo 'ttl 5m half_life 0' > "$rings/tepid/preview"
check_match "of another one" "$(cat "$rings/tepid/preview" | tr '\n' ' ')" '^ttl 5m half_life 0 sessions 3 moving 1 to cold looked_at 100% $'
check_eq "changes nothing" "$(cat "$rings/tepid/ttl"; ls "$sessions/tepid" | tr '\n' ' ')" "$(printf '1h\nk2 k3 k4 ')"
refused "a preview of nonsense is refused" "$rings/tepid/preview" 'ttl 5x' 'Invalid' 'ttl is a duration'
refused "and of another setting" "$rings/tepid/preview" 'capacity 5' 'Invalid' 'ttl T, half_life T'

# draining
check_not "a ring that is on is not removed" rmdir "$rings/tepid"
check_match "but EBUSY" "$output" 'busy'
refused "one with sessions is not off" "$rings/tepid/state" off 'busy' 'has 3 sessions'
check "it drains" sh -c 'echo draining > "$1/state"' - "$rings/tepid"
check "until it is off" poll_until 10 grep -qx off "$rings/tepid/state"
check_eq "the sessions are in the ring that it decayed to" "$(ls "$sessions/cold" | tr '\n' ' ')" 'k2 k3 k4 '
check_eq "with their values" "$(cat "$sessions/active/k3")" 'value 3'
check_eq "and the chain is closed" "$(cat "$rings/warm/decay_to")" cold
check "then it is removed" rmdir "$rings/tepid"
check_not "and is not there" ls "$rings/tepid/"
check_not "nor are its sessions' names" cat "$sessions/tepid/k3"

refused "the outermost ring does not drain where sessions would end" "$rings/deep2/state" draining 'range|result' 'would end some of them'
echo 30d > "$rings/cold/ttl"
mv "$sessions/cold/k4" "$sessions/deep2/"
echo 3 > "$rings/cold/capacity"
# It is not for a drain.
echo anonymous > "$rings/cold/on_full"
gs set sessions/rings/warm/promote never
echo f > "$sessions/cold/full"
check "with the same ttl it drains inwards" sh -c 'echo draining > "$1/state"' - "$rings/deep2"
check "what finds no room waits, and nobody is dropped for it" poll_until 5 grep -q '^draining 1$' "$rings/deep2/state"
check "and is counted stuck" poll_until 5 sh -c 'test "$(sed -n "s/^stuck //p" "$1")" -gt 0' - "$tmp/mnt/control/sessions/stats"
check_eq "it is found as before" "$(cat "$sessions/warm/k4")" 'value 4'
check_not "nothing comes in meanwhile" mv "$sessions/active/k5" "$sessions/deep2/"
rm "$sessions/cold/full"
check "when there is room it goes on" poll_until 10 grep -qx off "$rings/deep2/state"
check "rmdir" rmdir "$rings/deep2"

# limits
for i in 1 2 3 4; do
	mkdir "$rings/r$i"
done
check_not "there is no ninth ring" mkdir "$rings/r5"
check_match "for want of room" "$output" 'range|result'
check_match "with a sentence" "$(cat "$error")" 'at most 8 rings'
check_not "no second one of a name" mkdir "$rings/warm"
check_not "none of a name of control files" mkdir "$rings/stats"
for what in "rmdir $rings/active" "rmdir $rings/suspect" "rmdir $rings" "mkdir $rings/r1/x" "mkdir $sessions/r9" "rmdir $sessions/warm"; do
	check_not "refused: $what" $what
done
for i in 1 2 3 4; do
	rmdir "$rings/r$i"
done

# The command line does the same.
check "gsession ring add" gs ring add far ttl=40d capacity=77 state=on
check_eq "sets what is said" "$(cat "$rings/far/ttl" "$rings/far/capacity" "$rings/far/state" "$rings/cold/decay_to" | tr '\n' ' ')" '40d 77 on far '
check_status 2 "all of it or nothing" gs ring add near ttl=1s state=on
check_not "there is no half of a ring" ls "$rings/near/"
check_status 4 "a name that is there" gs ring add far
check_status 2 "no such verb" gs ring sell far
check_status 2 "no setting" gs ring add near ttl
echo 40d > "$rings/cold/ttl"
check "gsession ring drain" gs ring drain far
check "is off soon" poll_until 10 grep -qx off "$rings/far/state"
check "gsession ring remove" gs ring remove far
check_eq "is gone" "$(gs show sessions/rings 2>/dev/null | grep -c far)" 0

# It outlives the daemon, and is a configuration.
echo 100 > "$rings/cold/capacity"
gs ring add far ttl=41d state=on
echo draining > "$rings/warm/state"
kill_manager
start_manager
check_eq "all is as it was after kill -9" "$(gs show sessions/rings/far/state; gs show sessions/rings/far/ttl; gs show sessions/rings/active/decay_to)" \
    "$(printf 'on\n41d\ncold')"
check "what drained is off" poll_until 10 sh -c 'test "$("$@")" = off' - "$GSESSION" -i "$INSTANCE" show sessions/rings/warm/state
gs conf show > "$tmp/shown.conf"
check "conf show prints a file that is right" "$GSESSION" conf check "$tmp/shown.conf"
check_match "with the rings that are on and off" "$(cat "$tmp/shown.conf")" 'ring sessions/far'
gs ring remove warm
check "reload keeps what was done by hand" gs set ctl reload
check_eq "rings added and removed" "$(ls "$sessions" | tr '\n' ' ')" 'active cold far suspect '
gs conf show > "$tmp/shown.conf"
stop_manager
start_manager "$tmp/shown.conf"
check_eq "the daemon takes it for its file" "$(ls "$rings" | tr '\n' ' ')" 'active cold far suspect '
check "the memory is sound" gs audit
check_eq "and every session is there" "$(gs ls | sort | tr '\n' ' ')" 'k1 k2 k3 k4 k5 '
done_testing

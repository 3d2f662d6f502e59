#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a namespace has keys, limits and a quota of its own, is made and removed by file and by hand, and outlives what its sessions do.
. "${0%/*}/../lib/functions.sh"
requires "python3 is not installed" python3 -c ''
new_instance
export GSESSION_STATE_DIR=$tmp/state
conf=$tmp/gsession.conf
disk=$tmp/disk
ns=sessions/namespaces

write_conf() {	# SECTIONS...
	printf '%s\n' '[ring active]' 'capacity = 256' 'reserve = 0' '[ring warm]' 'capacity = 256' '[ring cold]' 'capacity = 512' \
		"store = file:$disk" "$@" > "$conf"
}
field() {	# KEY NAME
	gs -n app stat "$1" | sed -n "s/^$2  *//p"
}
has_ended() {
	! gs -n app stat "$1" >/dev/null 2>&1
}
has_at_most() {	# N
	[ "$(gs show $ns/app/count)" -le "$1" ]
}
is_suspect() {	# KEY
	[ "$(field "$1" ring)" = suspect ]
}
is_listed() {	# KEY
	gs suspects | grep -q "$1"
}
names() {
	gs namespace list | awk '{ print $1 }' | xargs
}

write_conf '[namespace app]' 'owner = 33:34' 'mode = 0750' 'idle = 24m' 'max_sessions = 100'
start_manager "$conf"

# ---- what the file says ----
check_eq "it is there with what the file says" "$(for f in owner mode idle max_sessions quota count; do gs show $ns/app/$f; done | xargs)" \
	'33:34 0750 24m 100 default 0'
check_eq "it is listed" "$(gs namespace list | xargs)" 'app 0 100 24m 0750 33:34'
check_eq "and as JSON" "$(gs namespace list --json | python3 -c 'import json, sys; print(*json.load(sys.stdin)[0].values())')" 'app 0 33 34 488 1440000 100'
gs conf show > "$tmp/shown.conf"
check_match "what is in force can be printed" "$(cat "$tmp/shown.conf")" '[namespace sessions/app]'
check "and is a file" gs conf check "$tmp/shown.conf"

# ---- equal keys are two sessions ----
gs put k <<< "of none"
check "a session is put in it" gs -n app put k <<< "of app"
check_eq "each has its own value" "$(gs get k), $(gs -n app get k)" 'of none, of app'
check_eq "stat says where it is" "$(field k namespace)" app
check_eq "and nothing of the default one" "$(gs stat k | grep -c '^namespace')" 0
check_eq "JSON does" "$(gs -n app --json stat k | python3 -c 'import json, sys; print(json.load(sys.stdin)["namespace"])')" app
gs -n app put only <<< v
check_eq "each lists its own" "$(gs ls | xargs), $(gs -n app ls | sort | xargs)" 'k, k only'
check_eq "they are counted" "$(gs show $ns/app/count)" 2
gs -n app mv only cold
check_eq "it is found in another ring, and moves on" "$(field only ring)" cold
check "del is of one" gs -n app del k
check_eq "the other stays" "$(gs get k)" 'of none'
check_status 1 "there is none in it" gs -n app get k
check_status 1 "nor a namespace that there is not" gs -n shop get k
check_match "with a sentence" "$output" 'no namespace shop'
check_match "events say which it was" "$(gs events)" 'ended table=sessions namespace=app key='

# ---- owners ----
gs put --owner alice a1 <<< v
gs -n app put --owner alice a2 <<< v
check_eq "owners of two namespaces are two" "$(gs ls --owner alice), $(gs -n app ls --owner alice)" 'a1, a2'
check_eq "a logout is of one" "$(gs -n app logout --owner alice) $(gs ls --owner alice)" '1 a1'

# ---- other ids ----
gs -n app put old <<< v
new=$(gs -n app rotate --grace 1h old)
check_eq "a key leads on within its namespace" "$(gs -n app get old) $(gs -n app get "$new")" 'v v'
check_status 1 "and not to that of another" gs get "$new"
check "an audit finds nothing" gs audit

# ---- limits ----
gs set $ns/app/max_sessions "$(gs show $ns/app/count)"
check_status 4 "one too many is refused" gs -n app put more <<< v
check_match "as by a full ring" "$output" 'no room'
check "what is there can be replaced" gs -n app put only <<< w
check "others are not concerned" gs put more <<< v
gs set $ns/app/max_sessions 0
check "0 is any number" gs -n app put more <<< v
gs -n app mv more warm
gs set $ns/app/idle 300ms
check "idle ends a session in whatever ring" poll_until 5 has_ended more
check "and leaves the others alone" gs get more
check "the sweep takes them" poll_until 5 has_at_most 2
gs set $ns/app/idle max

# ---- quota ----
check_eq "it has none of its own" "$(gs show $ns/app/quota)" default
gs set sessions/quota/overrides 'namespace app 1/s 3'
check_eq "a line of overrides is its quota" "$(gs show $ns/app/quota)" '1/s 3'
gs set $ns/app/quota '2/m 2'
check_eq "and the other way round" "$(gs show sessions/quota/overrides)" 'namespace app 2/m 2'
gs set sessions/quota/action quarantine
for i in 1 2 3 4 5; do gs -n app put hasty <<< v >/dev/null 2>&1; gs put hasty <<< v; done
check "who asks too fast there is a suspect" poll_until 5 is_suspect hasty
check_eq "who does the same elsewhere is none" "$(gs stat hasty | sed -n 's/^ring  *//p')" active
check "suspects say whose they are" poll_until 5 is_listed app/hasty
check "a pardon takes the same name" gs pardon app/hasty
check_eq "and finds it" "$(field hasty ring)" active
gs set $ns/app/quota default
check_eq "default takes the line away" "$(gs show sessions/quota/overrides)" ''
check_status 1 "a quota of one that is not there is refused" gs set sessions/quota/overrides 'namespace shop 5/s 5'
check_status 2 "and nonsense" gs set $ns/app/quota fast
gs set sessions/quota/action report

# ---- made and removed by hand ----
check "one is made with what is given" gs namespace add shop idle=1h mode=0700 owner=5:6 quota='5/s 10'
check_eq "all of it" "$(gs show $ns/shop/idle) $(gs show $ns/shop/owner) $(gs show $ns/shop/quota)" '1h 5:6 5/s 10'
check_status 4 "twice is refused" gs namespace add shop
check_status 2 "what cannot be leaves none" gs namespace add bad idle=often
check_eq "as was said" "$(names)" 'app shop'
check_status 2 "a name that is none is refused" gs namespace add Shop
check_status 4 "a name that is a key is" gs namespace add more
check_match "with a sentence" "$output" 'a session has this key'
check_status 4 "and a key that is a namespace" gs put shop <<< v
check_match "with a sentence" "$output" 'the key is the name of a namespace'
check "in another namespace it is a key" gs -n app put shop <<< v
gs -n shop put k <<< v
check_status 4 "it stays while it has a session" gs namespace remove shop
check_match "with a sentence" "$output" 'a ring has sessions of it'
gs -n shop del k
check "without it goes" gs namespace remove shop
check_eq "and its quota with it" "$(gs show sessions/quota/overrides)" ''
check "its name is a key again" gs put shop <<< v
gs del shop
check_status 1 "to remove it again finds none" gs namespace remove shop

# ---- one that takes the place of another ----
gs namespace add full max_sessions=1
gs -n full put k <<< v
check_status 4 "max_sessions refuses a second" gs -n full put k2 <<< v
check "a rotation is none" gs -n full rotate k k2
check "nor is the next" gs -n full rotate k2 k3
check_eq "it is there by its new key" "$(gs -n full get k3)" v
gs -n full del k3
check "an audit finds nothing" gs audit
gs namespace remove full

# ---- what outlives what ----
gs namespace add hand idle=2h owner=7:8
gs -n hand put h <<< "of hand"
kill_manager
start_manager "$conf"
check_eq "what was made by hand outlives the daemon" "$(gs show $ns/hand/idle) $(gs show $ns/hand/owner) $(gs -n hand get h)" '2h 7:8 of hand'
write_conf '[namespace new]'
gs set ctl reload
check_eq "a reload makes what is new, and keeps what has sessions" "$(names)" 'app hand new'
gs set $ns/new/quota '1/m 5'
write_conf
check "a reload does not stumble over what was set about one that is gone" gs set ctl reload
check_eq "and removes what has none" "$(names)" 'app hand'
check_eq "with its quota" "$(gs show sessions/quota/overrides)" ''

# ---- what the file has no more, and what it could not have ----
is_there() {	# NAME
	names | grep -qw "$1"
}
is_not_there() {
	! is_there "$1"
}
takes() {	# NAME
	gs -n "$1" put k <<< v 2> /dev/null
}
write_conf '[namespace busy]' 'idle = 3h' 'max_sessions = 5' '[quota]' 'overrides = namespace busy 7/s 9'
gs set ctl reload
gs -n busy put b <<< v
write_conf '[quota]' 'overrides = owner bob 1/s 1'
check "a file that drops one with sessions is taken" gs set ctl reload
check_eq "it keeps its limits, and its quota" "$(gs show $ns/busy/idle) $(gs show $ns/busy/max_sessions) $(gs show $ns/busy/quota)" '3h 5 7/s 9'
check_match "beside what the file says" "$(gs show sessions/quota/overrides)" 'owner bob 1/s 1'
write_conf '[quota]' 'overrides = owner eve 1/s 1'
gs set ctl reload
check_eq "also at the next reload" "$(gs show $ns/busy/idle) $(gs show $ns/busy/max_sessions)" '3h 5'
gs -n busy del b
check "without sessions it goes by itself" poll_until 10 is_not_there busy
check_eq "with its quota" "$(gs show sessions/quota/overrides)" 'owner eve 1/s 1'
check "one made by hand does not" is_there hand
write_conf '[namespace busy]' 'idle = 3h' '[quota]' 'overrides = namespace busy 7/s 9'
gs set ctl reload
gs -n busy put b <<< v
write_conf
stop_manager
start_manager "$conf"
check_eq "a restart with a file that drops it is the same" "$(gs show $ns/busy/idle) $(gs show $ns/busy/quota)" '3h 7/s 9'
gs -n busy del b
check "and it goes" poll_until 10 is_not_there busy
gs put late <<< v
write_conf '[namespace late]'
gs set ctl reload
check_status 1 "one whose name is a session's key is not there" takes late
gs del late
check "it is when that has ended" poll_until 10 takes late
gs -n late del k
write_conf
gs set ctl reload

gs -n hand mv h cold
gs set $ns/hand/quota "7/m 50"
gs snapshot "$tmp/snap" > /dev/null
check_eq "what was ended does not come back" "$(gs -n hand del h; gs restore "$tmp/snap" > /dev/null; gs -n hand ls)" ""
stop_manager
rm -rf "${GSESSION_SHM_DIR:?}/$INSTANCE" "${disk:?}"
start_manager "$conf"
check_eq "a new memory has none" "$(names)" ''
check "a restore brings namespaces back" gs restore "$tmp/snap"
check_eq "with what is in them" "$(gs -n hand get h)" 'of hand'
check_eq "and what they were like" "$(gs show $ns/hand/owner) $(gs show $ns/hand/mode) $(gs show $ns/hand/idle)" '7:8 0700 2h'
check_eq "and their quotas" "$(gs show $ns/hand/quota)" '7/m 50'
check_eq "among the lines of the table" "$(gs show sessions/quota/overrides | grep hand)" 'namespace hand 7/m 50'
kill_manager
start_manager "$conf"
check_eq "also when the daemon starts again" "$(gs show $ns/hand/owner) $(gs show $ns/hand/idle)" '7:8 2h'
check "an audit finds nothing afterwards" gs audit

gs -n hand put kept <<< "on the disk"
gs -n hand mv kept cold
stop_manager
rm -rf "${GSESSION_SHM_DIR:?}/$INSTANCE"
start_manager "$conf"
check_eq "a disk knows its namespaces when the memory is lost" "$(gs -n hand get kept)" 'on the disk'
check_eq "they are listed" "$(names | grep -ow hand)" hand
check_eq "and counted" "$(gs show $ns/hand/count)" "$(gs -n hand ls | wc -l)"
check "an audit finds nothing after all" gs audit
done_testing

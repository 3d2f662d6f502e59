# SPDX-License-Identifier: BSD-2-Clause
# lib.sh - what every client goes through on the mount; source it first, as functions.sh, which it sources.
#
# A script says how its client is asked, and what that client's sessions are called:
#	client VERB [ARGUMENT...]	prints what the client itself says
#	    create VALUE		the new session's id
#	    load ID			its value, or `none'
#	    update ID VALUE		ok
#	    touch ID			ok: a request that changes nothing
#	    regenerate ID		its new id
#	    destroy ID			ok
#	    collect			ok: the client's own collection of what has ended; $LIFETIME seconds is how long a session is to live
#	    count ID N			ok after N requests that each add one to what is counted in the session
#	    counted ID			to how many that has come
#	    each VERB VALUE ID...	a request of load, update, touch or destroy for each of these sessions, or of create for each of these values, by one process
#	file_of ID			the name of its file
#	make_old FILE			as if the session had not been used for three minutes, which is not yet time to decay; not needed where the client writes its end into it
# and then calls client_everything, whose table says where and while what happens the client goes through which step. `load' of a client
# that throws an exception prints what it says. Before, it may set
#	client_user			who the client is, when not root: his is the namespace
#	unlisted			a pattern of what `collect' says where he may not list: in a ring
#
# $place is where the client has its sessions: `ring', the directory of the innermost one, or `namespace', a directory in that. $dir is
# this on the mount, and `ring NAME' the same in another ring. tools/check puts what is not to be installed
# from Debian (programs that would start services, and what comes from npm) into $clients.

: "${abs_top_srcdir:=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)}"
. "$abs_top_srcdir/t/lib/functions.sh"
clients=${GS_CLIENTS:-$srctop/build-check/clients}
: "${LIFETIME:=3600}"
export LIFETIME

requires_package() {	# COMMAND...: what succeeds where the client is installed
	requires "$1 is not installed; tools/check installs it" "${@:2}"
}

# A store, mounted, on which nothing changes rings by itself within a test.
client_store() {	# CONF, option of the mount...
	requires_root
	requires_fuse
	new_instance
	printf '%s\n' "${1-}" > "$tmp/client.conf"
	start_manager "$tmp/client.conf"
	start_kept_mount "$tmp/mnt" "${@:2}"
	chmod 0755 "$tmp"
	sessions=$tmp/mnt/sessions
	control=$tmp/mnt/control
	client_at ring
}

ring() {
	if [ "$place" = namespace ]; then
		echo "$sessions/$1/app"
	else
		echo "$sessions/$1"
	fi
}

client_at() {	# PLACE
	place=$1
	dir=$(ring active)
	[ -d "$dir" ] || { mkdir "$dir" && chown "${client_user-root}" "$dir"; }
}

worker() {
	tr -d ' ' <"/proc/$KEEPER_PID/task/$KEEPER_PID/children"
}
is_another() {
	[ -n "$(worker)" ] && [ "$(worker)" != "$1" ]
}
restarts() {
	sed -n 's/^restarts //p' "$control/node/mount"
}

lists() {	# RING ID
	ls -U "$(ring "$1")" | grep -Fqx -- "$(file_of "$2")"
}

lists_not() {
	! lists "$@"
}

make_old() {
	touch -d '3 minutes ago' "$1"
}

changed_since() {	# FILE MTIME
	[ "$(stat -c %.9Y "$1")" != "$2" ]
}

client_lives() {
	local id other before
	id=$(client create one)
	check_match "create gives an id" "$id" '^[A-Za-z0-9,_-]{20,}$'
	check "the store has it in active" lists active "$id"
	check "and counts it" [ "$(ls -U "$dir" | wc -l)" -ge 1 ]
	check_eq "load" "$(client load "$id")" one
	cp "$dir/$(file_of "$id")" "$tmp/before"
	check_eq "update" "$(client update "$id" two)" ok
	check_eq "is loaded" "$(client load "$id")" two
	check_not "and is another value for the store" cmp "$tmp/before" "$dir/$(file_of "$id")"
	before=$(stat -c %.9Y "$dir/$(file_of "$id")")
	check_eq "touch" "$(client touch "$id")" ok
	check "renews it for the store" poll_until 5 changed_since "$dir/$(file_of "$id")" "$before"
	check_eq "and changes nothing" "$(client load "$id")" two
	other=$(client regenerate "$id")
	check_not "regenerate gives another id" [ "$other" = "$id" ]
	check_eq "with the same session" "$(client load "$other")" two
	check_eq "the old id is nobody's" "$(client load "$id")" none
	check "nor has the store it" lists_not active "$id"
	check_eq "destroy" "$(client destroy "$other")" ok
	check "ends it in the store" lists_not active "$other"
	check_eq "and for the client" "$(client load "$other")" none
	check_eq "a hundred requests" "$(id=$(client create one); client count "$id" 100; client counted "$id")" "$(printf 'ok\n100')"
}

collected() {
	LIFETIME=60 client collect >/dev/null && lists_not active "$1"
}

client_collects() {
	local old fresh
	if [ "$place" = ring ] && [ -n "${unlisted-}" ]; then
		check_match "who may not list collects nothing" "$(client collect)" "$unlisted"
		return
	fi
	old=$(LIFETIME=1 client create old)
	fresh=$(client create fresh)
	make_old "$dir/$(file_of "$old")"
	check_eq "collect" "$(LIFETIME=60 client collect)" ok
	check "ends who is past its end" poll_until 10 collected "$old"
	check_eq "for the client, too" "$(client load "$old")" none
	check_eq "and nobody else" "$(client load "$fresh")" fresh
}

# Interest that counts, and not the open of a look: a client's own load brings it in.
client_decays() {
	local id r
	id=$(client create one)
	for r in warm cold; do
		check "the session decays to $r" mv "$dir/$(file_of "$id")" "$(ring "$r")/"
		check "and is listed there" lists "$r" "$id"
		check "no more in active" lists_not active "$id"
		check_eq "from $r it is loaded" "$(client load "$id")" one
		check "and is back in active" lists active "$id"
		check "no more in $r" lists_not "$r" "$id"
	done
	mv "$dir/$(file_of "$id")" "$(ring cold)/"
	check_eq "an update reaches it in cold" "$(client update "$id" two)" ok
	check_eq "and is loaded" "$(client load "$id")" two
	check "there is one of it" [ "$(ls -U "$(ring active)" "$(ring warm)" "$(ring cold)" | grep -Fxc -- "$(file_of "$id")")" -eq 1 ]
	mv "$dir/$(file_of "$id")" "$(ring cold)/"
	check_eq "a session in cold is destroyed" "$(client destroy "$id")" ok
	check_eq "and nobody's" "$(client load "$id")" none
	check "in whatever ring" lists_not cold "$id"
}

# Past what its namespace, or in a ring its class, allows it is gone, in whatever ring.
client_idles() {
	local r limit=$control/sessions/classes/anonymous/idle
	local -A ids
	[ "$place" = ring ] || limit=$control/sessions/namespaces/app/idle
	for r in active warm cold suspect; do
		ids[$r]=$(client create one)
		[ "$place" = namespace ] || setfattr -n user.gsession.class -v anonymous "$dir/$(file_of "${ids[$r]}")"
		[ "$r" = active ] || mv "$dir/$(file_of "${ids[$r]}")" "$(ring "$r")/"
		check "a session is in $r" lists "$r" "${ids[$r]}"
	done
	echo 1s > "$limit"
	for r in active warm cold suspect; do
		check "past idle, the one of $r is gone" poll_until 15 lists_not "$r" "${ids[$r]}"
		check_eq "and nobody's" "$(client load "${ids[$r]}")" none
	done
	echo max > "$limit"
}

# Where no daemon sweeps it is gone at once, too.
client_idles_unswept() {
	local r id limit=$control/sessions/namespaces/app/idle
	echo 10m > "$limit"
	kill_manager
	for r in active warm cold suspect; do
		id=$(client create one)
		[ "$r" = active ] || mv "$dir/$(file_of "$id")" "$(ring "$r")/"
		check "without the daemon a session is in $r" lists "$r" "$id"
		touch -c -d '11 minutes ago' "$(ring "$r")/$(file_of "$id")"
		check "past idle it is gone" lists_not "$r" "$id"
		check_eq "and nobody's" "$(client load "$id")" none
	done
	start_manager "$tmp/client.conf"
	check "the daemon starts again" poll_until 5 cat "$control/node/pid"
	echo max > "$limit"
}

# What a client does with a session that is suspect is its own; what holds for all is that nothing is lost or begun anew.
# Who destroys one says ok and has, or something else and has not.
client_suspected() {
	local id
	id=$(client create one)
	mv "$dir/$(file_of "$id")" "$(ring suspect)/"
	check_match "of a suspect, load says" "$(client load "$id" 2>&1)" "$suspect_load"
	check_match "and update" "$(client update "$id" two 2>&1)" "$suspect_update"
	check "it stays a suspect" lists suspect "$id"
	check "and no session was begun in its place" lists_not active "$id"
	mv "$(ring suspect)/$(file_of "$id")" "$dir/"
	check_eq "pardoned, it is as it was" "$(client load "$id")" one
	mv "$dir/$(file_of "$id")" "$(ring suspect)/"
	output=$(client destroy "$id" 2>&1)
	check_match "and destroy" "$output" "$suspect_destroy"
	if [ "${output##*$'\n'}" = ok ]; then
		check "it is gone" lists_not suspect "$id"
	else
		check "it is there, for who looks into it" lists suspect "$id"
	fi
}

# A session is longer than record_size.
client_fills() {
	local id before
	id=$(client create one)
	before=$(sed -n 's/^efbig //p' "$control/sessions/stats")
	check_match "of a value that is too long, update says" "$(client update "$id" "$(head -c 9000 /dev/urandom | od -An -vtx1 | tr -d ' \n')" 2>&1)" "$too_long"
	check_not "the store counts it" [ "$(sed -n 's/^efbig //p' "$control/sessions/stats")" = "$before" ]
	check_eq "and the session is as it was" "$(client load "$id")" one
}

# The daemon is killed while requests go on, and started again.
client_outlives_daemon() {
	local id pid new
	id=$(client create one)
	client count "$id" 300 >"$tmp/count" 2>&1 &
	pid=$!
	poll_until 10 test -s "$dir/$(file_of "$id")"
	kill_manager
	new=$(client create new)
	check_eq "without the daemon, sessions begin" "$(client load "$new")" new
	check_eq "are updated" "$(client update "$new" two)" ok
	check_eq "and end" "$(client destroy "$new"; client load "$new")" "$(printf 'ok\nnone')"
	start_manager "$tmp/client.conf"
	check "it starts again" poll_until 5 cat "$control/node/pid"
	wait "$pid"
	check_eq "who was at it has seen nothing of that" "$(cat "$tmp/count")" ok
	check_eq "and every request has counted" "$(client counted "$id")" 300
	check_eq "all goes on" "$(client update "$id" three; client load "$id")" "$(printf 'ok\nthree')"
	check "the audit finds nothing" gs audit
}

has_answered() {	# more often than N
	[ "$(grep -c ok "$tmp/count")" -gt "$1" ]
}

requests_are_sent_again() {
	[ "$(printf '%s\n' 6.9 "$(uname -r)" | sort -V | head -n 1)" != 6.9 ] || return 0
	skip "the mount is killed" "before Linux 6.9 requests are not sent again"
	return 1
}

# The mount's own process is killed under requests, five times.
client_outlives_mount() {
	local id pid n before
	requests_are_sent_again || return 0
	before=$(restarts)
	id=$(client create one)
	until [ -e "$tmp/enough" ]; do
		client count "$id" 50
	done >"$tmp/count" 2>&1 &
	pid=$!
	for _ in 1 2 3 4 5; do
		n=$(grep -c ok "$tmp/count")
		poll_until 60 has_answered "$n"
		n=$(worker)
		kill -KILL "$n"
		poll_until 10 is_another "$n"
	done
	touch "$tmp/enough"
	wait "$pid"
	rm "$tmp/enough"
	check_eq "the mount was killed five times" "$(restarts)" $((before + 5))
	check_eq "requests have seen nothing of that" "$(sort -u "$tmp/count")" ok
	check_eq "and each has counted" "$(client counted "$id")" $((50 * $(wc -l < "$tmp/count")))
}

# ---- what happens to the store while a client goes through its steps ----

while_nothing() {
	"$@"
}

while_daemon_is_dead() {
	kill_manager
	"$@"
	start_manager "$tmp/client.conf"
	check "the daemon starts again" poll_until 5 cat "$control/node/pid"
	check "and the audit finds nothing" gs audit
}

# Ten times a second, but never before the last one has answered. Sixty in a row, of which none has lived for ten seconds, are many for
# gsession-keep, and a hundred too many: of a slow client's steps each fiftieth lives longer.
kill_workers() {
	local pid n
	for ((n = 1; ; n++)); do
		pid=$(worker)
		kill -KILL "$pid"
		poll_until 10 is_another "$pid"
		restarts >/dev/null
		is_enough_within $((n % 50 == 0 ? 110 : 1)) && break
	done
}
is_enough_within() {	# TENTHS of a second
	local i
	for ((i = 0; i < $1; i++)); do
		[ ! -e "$tmp/enough" ] || return 0
		sleep 0.1
	done
	return 1
}

while_mount_is_killed() {
	local before pid
	requests_are_sent_again || return 0
	before=$(restarts)
	kill_workers &
	pid=$!
	cleanup_fn end_process "$pid"
	"$@"
	touch "$tmp/enough"
	wait "$pid"
	rm "$tmp/enough"
	check "meanwhile the mount was killed, again and again" [ "$(restarts)" -ge $((before + 5)) ]
}

# ---- and all of it ----

client_steps() {	# STEP...
	local step
	for step; do
		diag "$place, $what: $step"
		"client_$step"
	done
}

# LOAD, UPDATE and DESTROY of a suspect, and UPDATE with too long a value: patterns of what the client says.
client_everything() {
	local where what steps
	suspect_load=$1 suspect_update=$2 suspect_destroy=$3 too_long=$4
	while read -r where what steps <&3; do
		client_at "$where"
		# shellcheck disable=SC2086 # words
		"while_$what" client_steps $steps
	done 3<<-TABLE
		ring		nothing		lives collects decays idles suspected fills
		namespace	nothing		lives collects decays idles suspected fills
		namespace	daemon_is_dead	lives collects decays suspected
		namespace	mount_is_killed	lives collects decays suspected
		namespace	nothing		outlives_daemon outlives_mount idles_unswept
	TABLE
}

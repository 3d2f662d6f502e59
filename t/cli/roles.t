#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: [roles] say who may what in a table: at the attach, in the library, for control files; every refusal is counted and told.
. "${0%/*}/../lib/functions.sh"
requires_root
requires "setpriv is not installed" command -v setpriv
requires "the group nogroup does not exist" getent group nogroup
requires "t/proc/client is not built" test -x "$buildtop/t/proc/client"
new_instance
conf=$tmp/gsession.conf
cat > "$conf" <<-END
	[daemon]
	group = nogroup
	[roles]
	starter = user:1001
	worker = user:1002
	reader = user:1003 group:2003
	reaper = user:1004
	operator = user:1005
	[table tokens]
	[roles tokens]
	starter = user:1002
END
start_manager "$conf"
# Others may not enter every build directory: a copy of the programs, and of the library if it is shared.
mkdir "$tmp/prog"
cp "$GSESSION" "$buildtop"/src/.libs/libgsession.so* "$tmp/prog" 2>/dev/null
cp "$buildtop/tools/.libs/gsession" "$tmp/prog" 2>/dev/null
cp "$buildtop/t/proc/readers" "$buildtop/t/proc/.libs/readers" "$tmp/prog" 2>/dev/null
export LD_LIBRARY_PATH=$tmp/prog
chmod -R a+rX "$tmp"
nogroup=$(getent group nogroup | cut -d: -f3)

# as UID ARG...: gsession as that user, who is in the group that may connect.
as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$nogroup" --clear-groups "$tmp/prog/gsession" -i "$INSTANCE" "$@"
}
requires "this machine lets nobody run programs of this directory" as 1001 --version

# ---- what each may ----

gs put there <<< v
check "a starter starts" as 1001 put new <<< v
check "and ends" as 1001 del new
check "a worker gets" as 1002 get there
check "and replaces" as 1002 put there <<< w
check "and renews" as 1002 touch there
check_status 4 "but starts nothing" as 1002 put new < /dev/null
check_match "and is told what it takes" "$output" 'role starter'
check_status 4 "nor adds" as 1002 add new < /dev/null
check_status 4 "nor ends" as 1002 del there
check_status 4 "nor moves" as 1002 mv there cold
check_status 1 "what nobody started is not there" gs get new
check_eq "and what he may not end is" "$(gs get there)" w
check "a reader gets" as 1003 get there
check "and lists" as 1003 ls active
check_status 4 "but does not replace" as 1003 put there < /dev/null
check_status 4 "nor renew" as 1003 touch there
check "who has the role by a group gets" setpriv --reuid 1999 --regid "$nogroup" --groups 2003 "$tmp/prog/gsession" -i "$INSTANCE" get there
check_status 4 "who has none does not" as 1999 get there
gs mv there suspect
check "a reaper ends a suspect" as 1004 del there
check_status 4 "but starts nothing" as 1004 put new < /dev/null
check "an operator sets" as 1005 set sessions/rings/active/ttl 6m
check_status 4 "but has no sessions" as 1005 ls
check_status 4 "a starter does not set" as 1001 set sessions/rings/active/ttl 7m
check_eq "nothing was set" "$(gs show sessions/rings/active/ttl)" 6m
check "an operator of all tables has audits made" as 1005 audit
check "roles are by table" as 1002 -t tokens put new <<< v
check_status 4 "each its own" as 1001 -t tokens put other < /dev/null
check "what [roles TABLE] does not say [roles] does" as 1003 -t tokens get new

# ---- counted and told ----

check "refusals are counted" test "$(gs show stats | sed -n 's/^forbidden //p')" -ge 10
check_match "those of the daemon are told, with pid and uid" "$(gs show events)" ' forbidden table=sessions what=attach uid=1999 pid=[0-9]+ '
check_match "and those of control writes" "$(gs show events)" ' forbidden table=sessions what=set uid=1001 pid=[0-9]+ '
check_match "those of the library too, of a worker who would start a session" "$(gs show events)" \
	' refused table=sessions key=new~[0-9a-f]{8} reason=role .*pid=[0-9]+ uid=1002'
check_match "and of a reader who would put, which the daemon tells for him" "$(gs show events)" \
	' refused table=sessions (key=there~[0-9a-f]{8} )?reason=role .*pid=[0-9]+ uid=1003'
check_match "whoever asks hears his roles" "$(as 1002 show sessions/roles/mine)" '^worker reader *$'

# ---- memory ----

gs put there <<< v
mkfifo "$tmp/in"
as_reader_once() {
	(as_reader "$@")
}
as_reader() {
	exec setpriv --reuid 1003 --regid "$nogroup" --clear-groups "$tmp/prog/readers" "$@"
}
check_not "who is only a reader does not attach as a writer" as_reader_once open-doors "$INSTANCE" "$GSESSION_SHM_DIR/$INSTANCE"
(as_reader get "$INSTANCE" there 1 < "$tmp/in" > "$tmp/reading" 2>&1) &
reader=$!
exec 7> "$tmp/in"
cleanup_fn kill -KILL "$reader"
has_maps() {
	grep -q "$GSESSION_SHM_DIR" /proc/"$reader"/maps
}
check "as a reader he does" poll_until 10 has_maps
check_eq "and nothing of the table is mapped so that he could write it" "$(grep "$GSESSION_SHM_DIR" /proc/"$reader"/maps | grep -c ' rw')" 0
exec 7>&-
wait "$reader"

# ---- while it runs ----

check "roles change while it runs" gs set sessions/roles/worker 'user:1002 user:1999'
gs put there <<< v
check "for whoever attaches then" as 1999 touch there
check_status 4 "in that table alone" as 1999 -t tokens get new
check_eq "and are shown" "$(gs show sessions/roles/worker)" 'user:1002 user:1999'
for bad in 'root' 'user:' 'user:a,b' 'any user:1' 'group:-x'; do
	check_status 2 "no list of users: $bad" gs set sessions/roles/worker "$bad"
done
check "somebody who does not exist is nobody" gs set sessions/roles/worker user:nobody-of-this-name

# ---- one starter ----

check "one starter at a time" gs set sessions/roles/starters one
check_eq "nobody has the lease" "$(gs show sessions/roles/lease)" none
"$buildtop/t/proc/client" steady "$INSTANCE" holder "$tmp/calls" > "$tmp/holder" 2>&1 &
holder=$!
cleanup_fn kill -KILL "$holder"
has_lease() {
	[ "$(gs show sessions/roles/lease)" = "$1" ]
}
check "the first who starts a session has it" poll_until 10 has_lease "$holder"
check_status 4 "another does not start" gs put another < /dev/null
check_match "and last_error says who does" "$(gs show last_error)" "has one starter, and process $holder of uid 0 has its lease"
check_status 1 "nothing was started" gs get another
kill_manager
start_manager "$conf"
check "it survives a restart of the daemon" has_lease "$holder"
check_status 4 "which refuses others" gs put another < /dev/null
kill -KILL "$holder"
wait "$holder" 2>/dev/null
check "it dies with its process" poll_until 10 has_lease none
check "and then another starts" gs put another <<< x
check "whose lease ends with him" poll_until 10 has_lease none
check "any, again" gs set sessions/roles/starters any
check "and all start" gs put more <<< x

# ---- files ----

bad_conf() {
	printf '%s\n' "$@" > "$tmp/bad.conf"
	gs conf check "$tmp/bad.conf"
}
check_status 1 "a role that is no list" bad_conf '[roles]' 'worker = bob'
check_match "is refused with its line" "$output" 'bad.conf:2: .*user:NAME and group:NAME'
check_status 1 "roles of no table" bad_conf '[roles nowhere]' 'worker = user:bob'
check_match "are refused" "$output" 'needs a \[table nowhere\]'
gs conf show > "$tmp/shown.conf"
check "what is in force loads back" gs conf check "$tmp/shown.conf"
check_match "with its roles" "$(cat "$tmp/shown.conf")" '^starter = user:1002$'
done_testing

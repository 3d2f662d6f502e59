#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a request of each client asks the mount as often as this table says, and no more.
. "${0%/*}/clients/lib.sh"
client_store '' -o attr_ms=50

# Of each operation, how often by now. When the kernel forgets is its own affair.
requests() {
	sed -n 's/^requests\.\([a-z_]*\) /\1 /p' "$control/node/mount" | grep -v forget
}

# cost VERB ID...: what one process asks for with a request for each of these.
cost() {
	local verb=$1
	shift
	# What changes a directory has its attributes asked for anew: it has changed before each.
	dd if=/dev/zero of="$dir/first" bs=1 count=1 conv=fsync status=none
	rm "$dir/first"
	# Nothing tells when the kernel believes no more what it knows: of these names it is so after attr_ms, of their ring after a second.
	sleep 1.1	# not a wait: the time that the kernel is given to forget, which it tells nobody
	requests >"$tmp/from"
	client each "$verb" changed "$@" >"$tmp/said" 2>&1
	requests >"$tmp/to"
	awk 'NR == FNR { from[$1] = $2; next } { print $1, $2 - from[$1] }' "$tmp/from" "$tmp/to"
}

# What twelve cost more than two, by ten: without what the process itself and this shell ask for.
# To the next whole one: one request of the ten may go its own way, as the first that finds a directory changed.
# First how many the program waits for, and how many it does not, then which.
per_request() {
	awk 'NR == FNR { two[$1] = $2; next }
		$2 != two[$1] { n = int(($2 - two[$1]) / 10 + 0.5); if (n == 0) next; list = list " " $1 " " n; if ($1 == "release") later = n; else waits += n }
		END { printf "%g+%g:%s\n", waits, later, list }' "$tmp/two" "$tmp/twelve"
}

# measure VERB SAYS: prints how many of the twelve said what they should, and what that took of each.
measure() {
	local i ids=()
	for i in {1..14}; do
		ids[i]=$i
		[ "$1" = create ] || ids[i]=$(client create one)
	done
	cost "$1" "${ids[@]:1:2}" >"$tmp/two"
	cost "$1" "${ids[@]:3:12}" >"$tmp/twelve"
	echo "$(grep -Ecx "$2" "$tmp/said") $(per_request)"
}

# costs SENTENCE VERB SAYS WANT: SAYS is a pattern for what each request says.
# Where the machine is so busy that a request takes longer than attr_ms, the kernel asks once more: such a count is taken again.
costs() {
	local got
	for _ in 1 2 3; do
		got=$(measure "$2" "$3")
		[ "$got" != "12 $4" ] || break
	done
	check_eq "$1" "$got" "12 $4"
}


client() {
	php -d "session.save_path=$dir" "$srctop/t/fs/clients/client.php" "$@"
}
if command -v php >/dev/null; then
	costs "PHP: a new session" create '[a-z0-9]{26}' "6+1: lookup 2 setattr 1 write 1 release 1 getxattr 1 create 1"
	costs "PHP: nothing changes" load one "4+1: lookup 1 setattr 1 open 1 read 1 release 1"
	costs "PHP: a change" update ok "6+1: lookup 1 setattr 1 open 1 read 1 write 1 release 1 getxattr 1"
	costs "PHP: log-out" destroy ok "4+1: lookup 1 unlink 1 open 1 read 1 release 1"
	# The same through a mount that has no extended attributes, for which the kernel asks before it truncates.
	mounted=$dir
	start_mount "$tmp/without" -o attr_ms=50,noxattr
	dir=$tmp/without/sessions/active control=$tmp/without/control
	costs "PHP: a change, with noxattr" update ok "5+1: lookup 1 setattr 1 open 1 read 1 write 1 release 1"
	dir=$mounted control=$tmp/mnt/control
else
	skip "PHP" "php8.2-cli is not installed; tools/check installs it"
fi

client() {
	/usr/bin/python3 -B "$srctop/t/fs/clients/client_django.py" "$dir" "$@"
}
if /usr/bin/python3 -c 'import django' 2>/dev/null; then
	costs "Django: a new session" create '[a-z0-9]{32}' "8+2: lookup 4 rename 1 write 1 release 2 create 2"
	costs "Django: load" load one "7+1: lookup 2 getattr 1 open 1 read 2 release 1 ioctl 1"
	costs "Django: load and save" update ok "13+3: lookup 4 getattr 1 rename 1 open 2 read 2 write 1 release 3 create 1 ioctl 1"
	costs "Django: load and delete" destroy ok "8+1: lookup 2 getattr 1 unlink 1 open 1 read 2 release 1 ioctl 1"
else
	skip "Django" "python3-django is not installed; tools/check installs it"
fi

client() {
	/usr/bin/python3 -B -W ignore "$srctop/t/fs/clients/client_flask.py" "$dir" "$@"
}
if /usr/bin/python3 -c 'import flask_session, cachelib' 2>/dev/null; then
	costs "cachelib: set" create '[a-z0-9-]{36}' "8+1: lookup 3 setattr 1 rename 1 write 1 release 1 create 1 ioctl 1"
	costs "cachelib: get and set" update ok "13+2: lookup 4 getattr 1 setattr 1 rename 1 open 1 read 1 write 1 release 2 create 1 ioctl 2"
	costs "cachelib: get and delete" destroy ok "6+1: lookup 2 unlink 1 open 1 read 1 release 1 ioctl 1"
else
	skip "cachelib" "python3-flask-session is not installed; tools/check installs it"
fi

client() {
	NODE_PATH=$clients/npm/node_modules node "$srctop/t/fs/clients/client.js" "$dir" "$@"
}
if NODE_PATH=$clients/npm/node_modules node -e 'for (const m of ["express", "session-file-store"]) require(m)' 2>/dev/null; then
	costs "session-file-store: set" create '[A-Za-z0-9_-]{32}' "9+1: lookup 5 getattr 1 rename 1 write 1 release 1 create 1"
	costs "session-file-store: get and touch" load one "19+3: lookup 5 getattr 4 setattr 2 rename 1 open 2 read 2 write 1 release 3 getxattr 1 create 1"
	costs "session-file-store: get, set and touch" update ok "29+3: lookup 9 getattr 6 setattr 4 rename 2 open 1 read 1 write 2 release 3 getxattr 2 create 2"
	costs "session-file-store: get and destroy" destroy ok "6+1: lookup 2 getattr 1 unlink 1 open 1 read 1 release 1"
else
	skip "session-file-store" "it is not there; tools/check fetches it where npm can be reached"
fi

client() {
	perl "$srctop/t/fs/clients/client.pl" "$dir" "$@"
}
if perl -MCGI::Session -e 1 2>/dev/null; then
	costs "CGI::Session: a new session" create '[0-9a-f]{32}' "9+1: lookup 3 getattr 1 setattr 1 write 1 release 1 getxattr 1 create 1 ioctl 1"
	costs "CGI::Session: load and store" update ok "11+2: lookup 1 getattr 1 setattr 1 open 2 read 2 write 1 release 2 getxattr 1 ioctl 2"
	costs "CGI::Session: load and delete" destroy ok "8+1: lookup 1 getattr 2 unlink 1 open 1 read 2 release 1 ioctl 1"
else
	skip "CGI::Session" "libcgi-session-perl is not installed; tools/check installs it"
fi

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a read-only client cannot write to the memory through any door, its accesses count all the same, and its lies do not.
. "${0%/*}/../lib/functions.sh"
readers=$buildtop/t/proc/readers client=$buildtop/t/proc/client
requires "t/proc/readers is not built" test -x "$readers" -a -x "$client"
new_instance
conf=$tmp/readers.conf
: > "$conf"
is_root=no
[ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null || is_root=yes
[ "$is_root" = no ] || printf '[daemon]\ngroup = %s\n' "$(getent group 65534 | cut -d : -f 1)" > "$conf"
start_manager "$conf"
shm=$GSESSION_SHM_DIR/$INSTANCE

# Others may look through this directory, and the programs may lie where they cannot.
chmod 711 "$tmp"
cp "$readers" "$client" "$tmp"
mkdir -m 777 "$tmp/others"
# as_reader VERB ARG...: by another user, where we may be one.
as_reader() {
	(become_reader "$@")
}
become_reader() {
	export ASAN_OPTIONS=${ASAN_OPTIONS//$tmp/$tmp/others} UBSAN_OPTIONS=${UBSAN_OPTIONS//$tmp/$tmp/others}
	[ "$is_root" = no ] || exec setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/readers" "$@"
	exec "$tmp/readers" "$@"
}

counter() {
	gs show stats | sed -n "s/^$1 //p"
}
has() {
	[ "$(counter "$1")" = "$2" ]
}
"$client" fill "$INSTANCE" 300

# ---- doors ----
if [ "$is_root" = yes ]; then
	sums() {
		sha256sum "$shm"/sessions.idx "$shm"/sessions.[0-9]*
	}
	# The first sweeps set when to look at each session.
	has_swept() {
		[ "$(counter sweeps)" -ge 3 ]
	}
	check "the daemon is at rest" poll_until 10 has_swept
	before=$(sums)
	as_reader doors "$INSTANCE" "$shm" > "$tmp/doors" 2>&1
	check_match "a reader of another user has the table's descriptors and maps" "$(cat "$tmp/doors")" '^doors: 35, maps: found$'
	while read -r way; do
		check_eq "shut: $way" "$(sed -n "s|^$way: ||p" "$tmp/doors")" shut
	done <<-'END'
	mmap
	mprotect
	mprotect of a new map
	mremap
	open of /proc/self/fd
	open for writing
	map_files
	ftruncate to 0
	ftruncate beyond
	fallocate
	a hole punched
	a range zeroed
	MADV_REMOVE
	MADV_POPULATE_WRITE
	write
	pwrite
	pwritev2
	sendfile
	copy_file_range
	splice
	process_vm_writev
	/proc/self/mem
	read into the map
	fchmod
	fchown
	futimens
	F_SETFL
	a seal
	a lease
	a link
	its path
	its directory
	END
	check_eq "no door was left out" "$(grep -c ': shut$' "$tmp/doors")" 32
	check_eq "no descriptor that came can be written through" "$(grep 'can be written through' "$tmp/doors")" ""
	check_eq "its own pages are for it alone, as many as it asked for" "$(sed -n 's/^own pages: //p' "$tmp/doors")" "3 of 3 contexts, mode 600"
	check_eq "and their size is the daemon's" "$(sed -n 's/^they //p' "$tmp/doors")" \
		"stay, do not grow, are not extended, are not sealed, are not opened to others"
	check_eq "nothing of the table has changed" "$(sums)" "$before"
	"$tmp/readers" open-doors "$INSTANCE" "$shm" > "$tmp/open" 2>&1
	check_match "a door that is open is seen" "$(cat "$tmp/open")" '^mmap: open'
	stop_manager
	"$GSESSIOND" -i "$INSTANCE" --purge
	start_manager "$conf"
	"$client" fill "$INSTANCE" 300
else
	skip "no door is open to another user" "only root can be somebody else"
fi

# ---- calls ----
as_reader refused "$INSTANCE" > "$tmp/refused" 2>&1
check_eq "every call that writes is refused" "$(grep -c ': GS_EPERM$' "$tmp/refused")" 11
check_eq "and none was made" "$(grep -v ': GS_EPERM$' "$tmp/refused")" ""
check "which is counted" test "$(gs show stats | sed -n 's/^forbidden //p')" -ge 11
check_match "and told when he is gone, by the daemon" "$(gs show events)" ' refused table=sessions reason=role count=[0-9]+ pid=[0-9]+ uid='
check_eq "nothing came of them" "$(counter started) $(counter updated) $(counter touched) $(counter ended) $(counter moved)" "300 0 0 0 0"

for ttl in 1ms 50ms 300ms 1s; do
	for i in $(seq 10); do
		gs put "brief$ttl$i" --ttl "$ttl" <<< x
	done
done
"$client" slaughter "$INSTANCE" 40 2 1 > "$tmp/slaughter" 2>&1 &
slaughter=$!
check "every call that reads, on every ring, on what is over, beside writers that are killed" as_reader calls "$INSTANCE" 200
check_match "has looked at many" "$output" '^[0-9]{4,} looked at$'
check "the writers were killed as meant" wait "$slaughter"
check "audit is clean" poll_until 10 gs audit

# ---- accesses ----
check "the reader's end is seen" poll_until 10 has readers 0
stop_manager
"$GSESSIOND" -i "$INSTANCE" --purge
start_manager "$conf"
"$client" fill "$INSTANCE" 300
was=$(gs stat s0)
mkfifo "$tmp/in"
as_reader get "$INSTANCE" s0 100 < "$tmp/in" > "$tmp/get" 2>&1 &
reader=$!
exec 8> "$tmp/in"
check "a reader gets a session a hundred times" poll_until 10 grep -qx ready "$tmp/get"
check "it is seen" has readers 1
check "its accesses are counted, while it waits" poll_until 5 has reader_accesses 100
check_eq "each for its session" "$(gs stat s0 | sed -n 's/^hits[^0-9]*//p')" 101
check_not "whose last access is a later one" test "$(gs stat s0)" = "$was"
check "and its gets are the table's" poll_until 5 has gets 100
exec 8>&-
wait "$reader"
check "good-bye" poll_until 5 has readers 0
maps() {
	grep -c 'memfd:gsession-reader' "/proc/$MANAGER_PID/maps"
}
check_eq "nothing of it stays" "$(maps)" 0

check_eq "a look at sessions in all rings" "$(as_reader many "$INSTANCE" 250)" "250 found"
check "counts for each" poll_until 5 has reader_accesses 350
check_eq "and brings in those of outer rings" "$(counter promoted)" 166
check_eq "where they are now" "$(gs show sessions/rings/active/count)" 266

# ---- deaths and lies ----
mkfifo "$tmp/in2"
become_reader get "$INSTANCE" s0 10 < "$tmp/in2" > "$tmp/get" 2>&1 &
exec 8> "$tmp/in2"
poll_until 10 grep -qx ready "$tmp/get"
reader=$!
kill -KILL "$reader"
{ wait "$reader"; } 2>/dev/null
check "a reader that is killed is missed" poll_until 10 has readers 0
check_eq "its accesses counted" "$(counter reader_accesses)" 360
check_eq "nothing of it stays" "$(maps)" 0
check_eq "and nothing had to be recovered" "$(counter clients_recovered)" 0
exec 8>&-

# ---- the next daemon ----
# told N: the reader gets so often; $n_gets is how often in all.
mkfifo "$tmp/orders" "$tmp/answers"
become_reader obey "$INSTANCE" s1 < "$tmp/orders" > "$tmp/answers" 2>&1 &
reader=$!
exec 8> "$tmp/orders" 9< "$tmp/answers"
n_gets=0
# (A daemon that we start must not hold the reader's standard input open.)
told() {
	local answer
	echo "$1" >&8
	read -rt 20 answer <&9 && [ "$answer" = "$1 found" ] && n_gets=$((n_gets + $1))
}
hits() {
	gs stat s1 | sed -n 's/^hits[^0-9]*//p'
}
was=$(hits) gets=$(counter gets)
has_hits() {
	[ "$(hits)" = $((was + n_gets)) ]
}
check "a reader reads" told 10
check "which counts" poll_until 5 has_hits
kill_manager
check "it goes on when the daemon is killed" told 1000
start_manager "$conf" 8>&- 9<&-
# One call asks, a later one hears the answer, and then nothing is owed.
comes_over() {
	told 1 && has readers 1 && poll_until 1 has_hits
}
check "it comes over to the next daemon by itself, and everything that it read meanwhile counts" poll_until 20 comes_over
check "in the table's counters too" poll_until 5 has gets $((gets + n_gets))
for i in 1 2 3; do
	kill_manager
	told $((i * 100)) || diag "it has stopped"
	start_manager "$conf" 8>&- 9<&-
	check "to another one too" poll_until 20 comes_over
done
check_eq "nothing was lost or not believed" "$(counter reader_lost) $(counter reader_nonsense)" "0 0"
stop_manager
told 5
start_manager "$conf" 8>&- 9<&-
check "and after a daemon that was told to stop" poll_until 20 comes_over
exec 8>&- 9<&-
check "good-bye to the last one" wait "$reader"
check "it is heard" poll_until 5 has readers 0

mkfifo "$tmp/in3"
become_reader lie "$INSTANCE" < "$tmp/in3" > "$tmp/lie" 2>&1 &
liar=$!
exec 8> "$tmp/in3"
check "a reader writes noise" poll_until 10 grep -qx ready "$tmp/lie"
is_noticed() {
	[ "$(counter reader_nonsense)" -gt 10000 ]
}
check "the daemon counts nonsense" poll_until 20 is_noticed
check_eq "others are served meanwhile" "$(timeout 5 "$GSESSION" -i "$INSTANCE" get s0 | cksum)" "$(gs get s0 | cksum)"
check "audit is clean meanwhile" gs audit
exec 8>&-
check "the liar ends" wait "$liar"
check_eq "every session is whole" "$("$client" verify "$INSTANCE" 2>&1 | tail -n 1)" "300 whole, 0 torn"
check "audit is clean" gs audit

check_eq "no sanitizer has a word to say of the readers" "$(cat "$tmp"/others/* 2>/dev/null)" ""

# ---- daemons from before there were roles ----
check "a reader that meets one" timeout 20 "$readers" old "$GSESSION_RUN_DIR/old.sock"
check_eq "is told that it knows no readers" "$output" "a reader says: GS_EVERSION"
done_testing

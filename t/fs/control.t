#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: control files are read with cat and changed with echo, and say what was wrong.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
start_manager
start_mount "$tmp/mnt"
control=$tmp/mnt/control
active=$control/sessions/rings/active

write() {
	echo "$2" > "$1"
}

for f in version uptime last_error README stats events events.counts ctl node/id node/pid sessions/record_size \
	sessions/rings/active/ttl sessions/rings/active/count sessions/rings/suspect/capacity; do
	check "control/$f is there and can be read" cat "$control/$f"
done
check_eq "node/pid is the daemon's" "$(cat "$control/node/pid")" "$MANAGER_PID"
check_eq "each ring has a directory" "$(ls "$control/sessions/rings" | sort | tr '\n' ' ')" "active cold suspect warm "
check_eq "all of it is read by grep -r" "$(grep -r --exclude=events_pipe . "$control" | grep -c '/rings/active/ttl:5m$')" 1
check_eq "bash reads it too" "$(< "$active/ttl")" 5m

for value in 90s 20m 500ms 5m; do
	check "ttl: $value is taken" write "$control/sessions/rings/active/ttl" "$value"
	check_eq "and read back" "$(cat "$active/ttl")" "$value"
done
echo 60s > "$active/ttl"
check_eq "durations are printed in the largest exact unit" "$(cat "$active/ttl")" 1m
printf 5m > "$active/ttl"
check_eq "the last newline may be missing" "$(cat "$active/ttl")" 5m
echo 6m >> "$active/ttl"
check_eq ">> is as good as >" "$(cat "$active/ttl")" 6m
echo 7m | tee "$active/ttl" >/dev/null
check_eq "and tee" "$(cat "$active/ttl")" 7m
exec 3<> "$active/ttl"
read -r before <&3
echo 8m >&3
exec 3>&-
check_eq "one handle reads and writes" "$before $(cat "$active/ttl")" "7m 8m"
check_eq "the command line sees it" "$(gs show sessions/rings/active/ttl)" 8m

refused() {
	check_not "refused: $2 in ${1#"$control"/}" write "$1" "$2"
	check_match "with $3" "$output" "$3"
}
refused "$active/ttl" 5x 'Invalid argument'
check_match "the sentence is in last_error" "$(cat "$control/last_error")" '5x'
check_eq "and nothing was changed" "$(cat "$active/ttl")" 8m
refused "$active/ttl" 17 'Invalid argument'
refused "$active/promote" perhaps 'Invalid argument'
refused "$control/version" 2 'not permitted'
refused "$control/sessions/rings/active/count" 2 'not permitted'
refused "$control/nonsense" 2 'not permitted'
refused "$active/capacity" 99999999999999999999 'argument|range'
for what in "rm $control/version" "rm $active/ttl" "mkdir $control/sessions/deep" "mkdir $control/deep" "rmdir $active" "mv $active/ttl $active/lifetime" \
	"ln $control/version $control/v" "chmod 777 $control/version" "chown 1 $control/version"; do
	check_not "refused: ${what%% *}" $what
	check_match "with EPERM" "$output" 'not permitted'
done
check_not "what is not there is ENOENT" cat "$control/nonsense"
check_match "as everywhere" "$output" 'No such file'
check_not "a value of 20000 bytes is too long" dd if=/dev/zero of="$active/ttl" bs=20000 count=1 status=none
check_match "with E2BIG" "$output" 'too long'

check_match "which last_error says" "$(cat "$control/last_error")" '^pid [0-9]+: sessions/rings/active/ttl: a write of 20000 bytes: at most 16384$'
check_not "nor may a line be longer than 4096" dd if=/dev/zero of="$active/ttl" bs=4097 count=1 status=none
check_match "with E2BIG" "$output" 'too long'
refused "$control/version" 2 'not permitted'
check_match "what may not be written at all is in last_error, too" "$(cat "$control/last_error")" '^pid [0-9]+: version: cannot be written$'
start_mount "$tmp/other"
check_eq "another mount has a last_error of its own" "$(cat "$tmp/other/control/last_error")" ""
check_not "refused there" write "$tmp/other/control/sessions/rings/warm/ttl" 7x
check_match "it is there" "$(cat "$tmp/other/control/last_error")" '^pid [0-9]+: sessions/rings/warm/ttl: "7x"'
check_match "and not here" "$(cat "$control/last_error")" ': version: cannot be written$'
check_eq "a mkdir that is refused leaves its sentence" "$(mkdir "$control/sessions/rings/stats" 2>/dev/null; sed 's/pid [0-9]*: //; s/stats: .*/stats/' "$control/last_error")" \
	"sessions/rings/stats"

check_eq "control and its files are for root and the group" "$(stat -c %a "$control" "$control/events" "$active/ttl" | tr '\n' ' ')" "750 640 640 "
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$tmp"
	as_nobody() {
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	}
	check_not "others cannot read it" as_nobody cat "$control/version"
	check_match "with EACCES" "$output" 'Permission denied'
	check_not "nor list it" as_nobody ls "$control"
	check_not "nor write it" as_nobody bash -c "echo 1s > '$active/ttl'"
fi

echo 0 > "$active/half_life"
size=$(stat -c %s "$control/events")
check_eq "events has the size of what it says" "$size" "$(wc -c < "$control/events")"
tail -n 0 -f --pid=$$ "$control/events" > "$tmp/followed" &
tail_pid=$!
cleanup_fn kill "$tail_pid"
follows() {
	echo 1m > "$active/ttl"
	echo 5m > "$active/ttl"
	[ -s "$tmp/followed" ]
}
check "tail -f shows what happens" poll_until 10 follows
check "events grows" test "$(stat -c %s "$control/events")" -gt "$size"
check_eq "what is read behind a byte is what cat shows there" "$(tail -c +$((size + 1)) "$control/events" | head -n 1)" \
	"$(head -c $((size + 4000)) "$control/events" | tail -c +$((size + 1)) | head -n 1)"

manual=$srctop/man/gsession-fs.8
mkdir "$control/sessions/namespaces/shop"
# Paths as the manual writes them.
as_written() {
	sed -E 's|^\./||; s|/rings/[a-z]+/|/rings/RING/|; s|/classes/[a-z]+/|/classes/CLASS/|; s|/namespaces/[a-z]+/|/namespaces/NAMESPACE/|; s|^sessions/|TABLE/|' | sort -u
}
there=$(cd "$control" && find . -type f | as_written)
written=$(sed -nE '/^\.Sh CONTROL FILES/,/^\.Ss/ s/^\.It Pa ([^ ]+).*/\1/p' "$manual" | sort -u)
check_eq "every control file is in the manual" "$(comm -23 <(echo "$there") <(echo "$written"))" ""
check_eq "and the manual has no other" "$(comm -13 <(echo "$there") <(echo "$written"))" ""
writable=$(cd "$control" && find . -type f -perm -200 ! -name 'events*' | as_written)
marked=$(sed -nE '/^\.Sh CONTROL FILES/,/^\.Ss/ { /^\.It Pa /{ s/^\.It Pa ([^ ]+).*/\1/; h; n; /^\(w\)/{ g; p; }; } }' "$manual" | sort -u)
check_eq "those that can be written are marked there" "$marked" "$writable"

printf x > "$tmp/mnt/sessions/active/k"
check_eq "counts are of now" "$(cat "$active/count")" 1

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the rules of control files hold for every file of the tree, which is walked, not listed.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" python3 -c ''

new_instance
cat > "$tmp/gsession.conf" <<-END
	[table tokens]
	record_size = 1K
END
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
control=$tmp/mnt/control
active=$control/sessions/rings/active

all=$(cd "$control" && find . -type f | sed 's|^\./||' | sort)
# Events are of a mode that can be written, and refuse it: see fs/poke.h.
writable=$(cd "$control" && find . -type f -perm -200 ! -name 'events*' | sed 's|^\./||' | sort)
settings=$(grep -vE '^ctl$|/preview$' <<< "$writable")
fixed=$(comm -23 <(echo "$all") <(echo "$writable"))
streams='^(events|events_pipe)$'
each() {
	local path
	while read -r path; do
		"$1" "$path" 2>&1
	done <<< "$2"
}
# Write the rest of the arguments, one write(2) for each; the sentence of what is refused.
write() {
	python3 -c 'import os, sys
how, path = sys.argv[1:3]
try:
	fd = os.open(path, os.O_WRONLY | (os.O_TRUNC if how == "trunc" else 0))
	for one in sys.argv[3:]:
		data = one.encode().decode("unicode_escape").encode("latin-1")
		n = os.pwrite(fd, data, 12345) if how == "far" else os.write(fd, data)
		assert n == len(data)
except OSError as e:
	sys.exit(os.strerror(e.errno))' "$@"
}
# Write the same to each file on standard input: says which took it, with which other errno than those of the list it was refused, and which changed.
refuse_each() {
	python3 -c 'import errno, os, sys
control, want, data = sys.argv[1], sys.argv[2].split(), sys.argv[3].encode().decode("unicode_escape").encode("latin-1")
def read(path):
	with open(path, "rb") as f:
		return f.read()
for name in sys.stdin.read().split():
	path = os.path.join(control, name)
	before = read(path)
	try:
		os.write(os.open(path, os.O_WRONLY), data)
		print(name, "took it")
	except OSError as e:
		if errno.errorcode[e.errno] not in want:
			print(name, os.strerror(e.errno))
	if read(path) != before and not name.endswith("/preview") and name not in ("events", "events.counts", "last_error", "node/mount", "metrics", "stats"):
		print(name, "was changed")' "$control" "$1" "$2" 2>&1
}
check "the tree is walked" test "$(wc -l <<< "$all")" -ge 120
check "much of it can be written" test "$(wc -l <<< "$writable")" -ge 80

# R1: one value, or lines of `name value`; what is read can be written, and is read again.
one_value() {
	local n
	[[ $1 =~ $streams ]] && return
	n=$(wc -l < "$control/$1")
	case $1 in
	*stats|metrics|events.counts|*/preview|*/suspects|*/overrides|README|ctl|node/mount) return ;;
	last_error|*/roles/*) [ "$n" -le 1 ] || echo "$1: $n lines" ;;
	*) [ "$n" -eq 1 ] || echo "$1: $n lines" ;;
	esac
}
check_eq "each file is one value, unless it is a table of some" "$(each one_value "$all")" ""
reparses() {
	local before after
	before=$(cat "$control/$1")
	printf '%s\n' "$before" > "$control/$1" || echo "$1: $before"
	after=$(cat "$control/$1")
	[ "$before" = "$after" ] || echo "$1: $before, and then $after"
}
# Its last line is the job under way, its count of sessions looked at moves on.
check_eq "what is read can be written, and is read again" "$(each reparses "$(grep -v '/preview$' <<< "$writable")")" ""
preview_reparses() {
	cat "$control/$1" > "$tmp/said" && cat "$tmp/said" > "$control/$1" || echo "$1"
}
check_eq "also of a preview" "$(each preview_reparses "$(grep '/preview$' <<< "$writable")")" ""

# R2: sizes.
sized() {
	[ "$(stat -c %s "$control/$1")" -eq 0 ] || echo "$1"
}
check_eq "only the log has a size" "$(each sized "$all")" "events"

# R3 and R4, in each way in which shells write. A missing newline, O_TRUNC, O_APPEND and offsets mean nothing.
ways() {
	local file=$control/$1 before
	before=$(cat "$file")
	[ -n "$before" ] || return
	[ "$(wc -l <<< "$before")" -eq 1 ] || return
	printf %s "$before" > "$file" || echo "$1: no newline"
	echo "$before" >> "$file" || echo "$1: >>"
	echo "$before" | tee "$file" >/dev/null || echo "$1: tee"
	echo "$before" | tee -a "$file" >/dev/null || echo "$1: tee -a"
	cat > "$file" <<< "$before" || echo "$1: heredoc"
	dash -c 'printf "%s\n%s\n" "$1" "$1" > "$2"' - "$before" "$file" || echo "$1: dash"
	echo -e "$before\n$before" > "$file" || echo "$1: echo -e"
	printf '  %s\t \n' "$before" > "$file" || echo "$1: blanks"
	dd of="$file" bs=1K conv=notrunc oflag=append status=none <<< "$before" || echo "$1: dd"
	[ "$(cat "$file")" = "$before" ] || echo "$1: now $(cat "$file")"
}
check_eq "every way to write a line is one" "$(each ways "$settings")" ""
check "a write goes to no offset" write far "$active/ttl" '4m\n'
check_eq "it is the value" "$(cat "$active/ttl")" 4m
check "truncation is nothing" truncate -s 0 "$active/ttl"
check_eq "the value stays" "$(cat "$active/ttl")" 4m
check "not even to a length" truncate -s 100000 "$active/ttl"
: > "$active/ttl"
check_eq "nor is : > FILE" "$(cat "$active/ttl")" 4m
check "O_TRUNC and a value is the value" write trunc "$active/ttl" '5m\n'
check_eq "it" "$(cat "$active/ttl")" 5m
check "several lines in one write" write plain "$active/ttl" '1m\n2m\n3m'
check_eq "the last holds" "$(cat "$active/ttl")" 3m
check_not "of which one is wrong" write plain "$active/ttl" '4m\n5x\n6m\n'
check_eq "nothing is done" "$output $(cat "$active/ttl")" "Invalid argument 3m"
check_not "nor when one is out of bounds" write plain "$active/ttl" '4m\n2d\n'
check_eq "which is ERANGE" "$output $(cat "$active/ttl")" "Numerical result out of range 3m"
check_not "one line a write" write plain "$active/ttl" '4m\n' '5x\n'
check_eq "each stands for itself" "$(cat "$active/ttl")" 4m
pieces() {
	python3 -c 'import os, sys
data = (b"40s\n" * 300)[:int(sys.argv[2]) - 1] + b"q"
try:
	print(os.writev(os.open(sys.argv[1], os.O_WRONLY), [data[i:i + 1] for i in range(len(data))]))
except OSError as e:
	print(os.strerror(e.errno))' "$active/ttl" "$1"
}
check_eq "of 256 pieces, too" "$(pieces 256) $(cat "$active/ttl")" "Invalid argument 4m"
# The kernel takes a longer one apart, see DEVIATIONS of gsession-fs(8), and says how much of it was taken.
check_eq "of more, what the answer says" "$(pieces 257) $(cat "$active/ttl")" "256 40s"
check_not "a table, all or nothing" write plain "$control/sessions/quota/overrides" 'key a rate=9/s\nkey b rate=never\n'
check_eq "has no half of it" "$(grep -c 'key a' "$control/sessions/quota/overrides")" 0
audits() {
	sed -n 's/^audit //p' "$control/events.counts"
}
before=$(audits)
check_not "verbs, all or nothing" write plain "$control/ctl" 'audit\nrestore nothing-of-this-name\n'
check_eq "the one before the refused is not done" "$(audits)" "$before"

# What is no value of any file: of every file, with the same errno, and nothing is changed by it.
refuse_in_all() {
	check_eq "$1" "$(refuse_each "$2" "$3" <<< "${4-$writable}")" ""
}
long=$(printf '%4097s' x)
refuse_in_all "a line of 4097 bytes is E2BIG" "E2BIG" "$long"
refuse_in_all "a write of 16385 bytes is E2BIG" "E2BIG" "$(printf 'x\\n%.0s' {1..8193})"
refuse_in_all "NUL is EINVAL" "EINVAL" '1\x002\n'
refuse_in_all "a control byte is EINVAL" "EINVAL" '1\x072\n'
refuse_in_all "DEL is EINVAL" "EINVAL" '1\x7f2\n'
refuse_in_all "a carriage return is EINVAL" "EINVAL" 'on\r\n'
durations=$(grep -E '/(ttl|half_life|idle|hold|release|orphan_ttl)$' <<< "$writable")
refuse_in_all "a bare number is no duration" "EINVAL" '17\n' "$durations"
refuse_in_all "nor is a word" "EINVAL" 'soon\n' "$durations"
refuse_in_all "nor is a number below 0" "EINVAL" '-5s\n' "$durations"
refuse_in_all "nor is one with two units" "EINVAL" '5s5m\n' "$durations"
counts=$(grep -E '/(capacity|reserve|burst|expel_after|max_per_owner)$' <<< "$writable")
refuse_in_all "a word is no number" "EINVAL" 'many\n' "$counts"
refuse_in_all "a number beyond 64 bits is ERANGE" "ERANGE" '99999999999999999999\n' "$counts"
words=$(grep -E '/(promote|promote_to|on_full|state|action|strict|ended|starters|log_level|log_keys)$' <<< "$writable")
check "words are known" test "$(wc -l <<< "$words")" -ge 20
refuse_in_all "another word is EINVAL" "EINVAL" 'perhaps\n' "$words"
refuse_in_all "a word in capitals is another" "EINVAL" 'ON\n' "$words"
refuse_in_all "a ring that is not there is EINVAL" "EINVAL" 'nowhere\n' "$(grep '/decay_to$' <<< "$writable")"

# Found by control_random.t: what begins like something that a file says, or like a number, and is none.
spare=$control/sessions/rings/spare
check "a ring is there, off" mkdir "$spare"
for line in 'draining xyz' 'draining -1' 'draining 1 2' 'draining 1x'; do
	check_not "\"$line\" is no state" write plain "$spare/state" "$line\\n"
	check_eq "but EINVAL, and the ring stays off" "$output $(cat "$spare/state")" "Invalid argument off"
done
check "what a ring that drains says is one" write plain "$spare/state" 'draining 17\n'
check "it is off then" poll_until 10 grep -qx off "$spare/state"
check "and goes" rmdir "$spare"
for line in 'job x' 'job' 'job 1' 'job 1 reload x'; do
	check_not "\"$line\" is no line of ctl" write plain "$control/ctl" "$line\\n"
done
check "that of a job is" write plain "$control/ctl" 'job 1 snapshot x running 5%\n'
check "a namespace is there" mkdir "$tmp/mnt/sessions/active/app"
check_not "an owner beyond 64 bits is out of bounds" write plain "$control/sessions/namespaces/app/owner" '0:99999999999999999999\n'
check_eq "as one beyond 32 is" "$output" "Numerical result out of range"
name=$(printf '%096d' 0)
check "an override's name has up to 96 bytes" write plain "$control/sessions/quota/overrides" "key $name none\\n"
check_not "and no more" write plain "$control/sessions/quota/overrides" "key ${name}0 none\\n"
check "with escapes, too" write plain "$control/sessions/quota/overrides" "key ${name:4}\\\\040 none\\n-key $name\\n-key ${name:4}\\\\040\\n"
check_eq "none is left" "$(cat "$control/sessions/quota/overrides")" ""
rmdir "$tmp/mnt/sessions/active/app"

# R5: canonical forms.
canon() {
	write plain "$active/$1" "$2\\n" && cat "$active/$1"
}
for pair in '120s 2m' '60000ms 1m' '90s 90s' '1500ms 1500ms' '0180s 3m'; do
	check_eq "ttl ${pair% *} is printed ${pair#* }" "$(canon ttl "${pair% *}" 2>&1)" "${pair#* }"
done
check_eq "0 is a duration" "$(canon half_life 0)" 0
check_eq "max is one" "$(echo max > "$control/sessions/classes/anonymous/ttl"; cat "$control/sessions/classes/anonymous/ttl")" max
check_eq "a rate in another unit" "$(echo 120/m > "$control/sessions/quota/rate"; cat "$control/sessions/quota/rate")" 2/s

# R6: once for each open, at the first read; from the beginning anew.
check_eq "a read that goes on is of the same text" "$(python3 - "$active" <<-'END'
	import os, sys
	def put(v):
	    with open(sys.argv[1] + "/ttl", "w") as f: f.write(v)
	put("4m")
	fd = os.open(sys.argv[1] + "/ttl", os.O_RDONLY)
	put("10s")
	first = os.read(fd, 1)
	put("4m")
	rest = os.read(fd, 100)
	end = os.read(fd, 100)
	again = os.pread(fd, 100, 0)
	print((first + rest + end + again).decode().replace("\n", " "))
END
)" "10s 4m "
for i in {1..1500}; do
	echo "1${i}ms" > "$control/sessions/rings/suspect/half_life"
done
check "the log is longer than 64 KiB" test "$(stat -c %s "$control/events")" -gt 70000
cp "$control/events" "$tmp/log"
check_eq "and read whole, whatever the piece" "$(for bs in 1000 65536 200000; do
	dd if="$control/events" bs=$bs status=none | head -c "$(stat -c %s "$tmp/log")" | cmp - "$tmp/log" || echo "$bs"; done)" ""

# R7: what nobody may write, not even root.
check_eq "what is read-only is EPERM for root" "$(grep -v '^events_pipe$' <<< "$fixed" | refuse_each EPERM '1\n')" ""
check_not "events_pipe as well" write plain "$control/events_pipe" x
check_eq "with that" "$output" "Operation not permitted"
modes=$(cd "$control" && find . -mindepth 1 \( -type d -printf 'd %m\n' -o -type f -printf 'f %m\n' \) | sort | uniq -c | awk '{ print $2, $3 }' | xargs)
check_eq "modes" "$modes" "d 750 f 440 f 640"

# R9: the shape is the daemon's.
unshaped() {
	local verb said
	for verb in "rm -f $1" "mv -T $1 $1.new" "ln $1 $1.link" "sed -i s/x/y/ $1"; do
		said=$(cd "$control" && $verb 2>&1) && echo "$verb"
		[[ $said == *'Operation not permitted'* ]] || echo "$verb: $said"
	done
}
check_eq "nothing is removed, renamed, linked or edited in its place" "$(each unshaped "$(grep -v '^events_pipe$' <<< "$all")")" ""
check_eq "all of it is there" "$(cd "$control" && find . -type f | sed 's|^\./||' | sort)" "$all"
no_newcomer() {
	touch "$control/$1/new" 2> "$tmp/errno" && echo "touch in $1"
	grep -q 'Operation not permitted' "$tmp/errno" || echo "touch in $1: $(cat "$tmp/errno")"
	ln -s x "$control/$1/new" 2>/dev/null && echo "ln -s in $1"
	mkfifo "$control/$1/new" 2>/dev/null && echo "mkfifo in $1"
	case $1 in
	*/rings|*/classes|*/namespaces) ;;
	*) mkdir "$control/$1/new" 2> "$tmp/errno" && echo "mkdir in $1"
		grep -q 'Operation not permitted' "$tmp/errno" || echo "mkdir in $1: $(cat "$tmp/errno")" ;;
	esac
}
check_eq "nothing is made where nothing can be" "$(each no_newcomer "$(cd "$control" && find . -type d | sed 's|^\./||')")" ""
not_emptied() {
	rmdir "$control/$1" 2> "$tmp/errno" && echo "rmdir $1"
	grep -qE 'not permitted|busy|not empty' "$tmp/errno" || echo "rmdir $1: $(cat "$tmp/errno")"
}
check_eq "no directory in use is removed" "$(each not_emptied "$(cd "$control" && find . -mindepth 1 -type d | sed 's|^\./||')")" ""

# R10: names.
check "a name of 31 bytes is one of a ring" mkdir "$control/sessions/rings/a234567890123456789012345678901"
check "and of none any more" rmdir "$control/sessions/rings/a234567890123456789012345678901"
for name in a2345678901234567890123456789012 Upper 'with blank' .hidden -dash 'tab	' control cluster node stats ctl events find; do
	check_not "\"$name\" is no name of a ring" mkdir -- "$control/sessions/rings/$name"
done

# Others: by the modes.
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$tmp"
	denied=$(while read -r path; do
		setpriv --reuid 65534 --regid 65534 --clear-groups cat "$control/$path" 2>&1 >/dev/null </dev/null | grep -q 'Permission denied' || echo "$path"
	done <<< "$all")
	check_eq "who is neither root nor of the group reads none, with EACCES" "$denied" ""
fi
check "the audit is clean" gs audit

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a namespace is a directory in every ring, with owner, mode and listing of its own; sessions in it are files as in a ring's.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "setpriv is not installed" setpriv --reuid 65534 --regid 65534 --clear-groups true

new_instance
start_manager
start_kept_mount "$tmp/mnt"
chmod 755 "$tmp"
rings=$tmp/mnt/sessions
active=$rings/active
warm=$rings/warm
control=$tmp/mnt/control/sessions/namespaces

as() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
}
refused() {
	local sentence=$1 errno=$2
	shift 2
	check_not "$sentence" "$@"
	check_match "with $errno" "$output" "$errno"
}
attribute() {	# NAME FILE
	getfattr --only-values -n "user.gsession.$1" "$2"
}

# ---- made and seen ----
check "mkdir makes one" as 1001 bash -c "umask 027; mkdir '$active/app'"
check_eq "owned by who made it, of the mode that he gave" "$(stat -c '%F %u %g %a' "$active/app")" 'directory 1001 1001 750'
check_eq "it is seen in every ring" "$(for r in active warm cold suspect; do stat -c %F "$rings/$r/app"; done | uniq)" directory
check_eq "as different directories" "$(stat -c %i "$rings"/*/app | sort -u | wc -l)" 4
check_eq "and in the control tree" "$(cat "$control/app/owner" "$control/app/mode" | xargs)" '1001:1001 0750'
check_eq "a ring lists it as a directory" "$(find "$active" -maxdepth 1 -mindepth 1 -printf '%y %f\n')" 'd app'
check_eq "whose parent is the ring" "$(stat -c %i "$active/app/..")" "$(stat -c %i "$active")"
refused "mkdir of one that is there is refused" 'File exists' mkdir "$active/app"
check "mkdir -p is not" mkdir -p "$active/app"
refused "in it there is none" 'not permitted' mkdir "$active/app/b"
refused "a name that is none is refused" 'Invalid argument' mkdir "$active/App"
refused "and one that is too long" 'too long' mkdir "$active/$(printf 'a%.0s' $(seq 300))"

# ---- its sessions ----
printf 'of none' > "$active/k"
check "a session is started in it" as 1001 bash -c "printf 'of app' > '$active/app/k'"
check_eq "equal names are two sessions" "$(cat "$active/k"), $(cat "$active/app/k")" 'of none, of app'
check_eq "the command line sees them" "$(gs get k), $(gs -n app get k)" 'of none, of app'
check_eq "an attribute says whose it is" "$(attribute namespace "$active/app/k"), $(attribute namespace "$active/k")" 'app, '
check_eq "each directory lists its own" "$(ls "$active" | xargs), $(ls "$active/app")" 'app k, k'
check_eq "the link count of the listing is right" "$(find "$active/app" -type f -printf '%f\n')" k
check_eq "they are counted" "$(cat "$control/app/count")" 1
check "a write replaces it" bash -c "printf more >> '$active/app/k'"
check_eq "at once" "$(gs -n app get k)" 'of appmore'
gs -n app put late <<< v
check_eq "what another program starts is seen" "$(cat "$active/app/late")" v
gs -n app mv late warm
check_eq "one farther out is found by its name" "$(stat -c %s "$active/app/late")" 2
check_eq "and listed where it is" "$(ls "$active/app" | xargs), $(ls "$warm/app")" 'k, late'
refused "not through a ring farther out than it" 'No such file' stat "$rings/cold/app/late"
check_eq "a read brings it in" "$(cat "$active/app/late" > /dev/null; attribute ring "$active/app/late")" active
check "mv decays it" mv "$active/app/late" "$warm/app/"
check_eq "there it is" "$(gs -n app stat late | sed -n 's/^ring  *//p')" warm
refused "and as it is farther in than cold, it is no file to start there" 'existing file|File exists' bash -c "set -C; : > '$rings/cold/app/late'"
check "rename within it" mv "$warm/app/late" "$warm/app/later"
check_eq "is another key of it" "$(cat "$warm/app/later")" v
check "rename out of it" mv "$warm/app/later" "$active/later"
check_eq "is a session of the default one" "$(gs get later) $(gs -n app ls)" 'v k'
check "and back into it, to another ring" mv "$active/later" "$warm/app/again"
check_eq "with its value" "$(cat "$warm/app/again")" v
check "a hard link is refused" test "$(ln "$active/app/k" "$active/app/l" 2>&1 | grep -c 'not permitted')" -eq 1
check "an open file goes on with a session that is renamed to another" bash -c "exec 3<> '$active/app/k'; mv '$active/app/k' '$active/moved'; printf XX >&3"
check_eq "and writes it" "$(gs get moved | head -c 2)" XX
mv "$active/moved" "$active/app/k"
check "a temporary name is staged" bash -c "printf staged > '$active/app/.k.Ab12Cd'"
check_eq "seen by the mount alone" "$(ls -A "$active/app" | xargs), $(gs -n app ls | sort | xargs)" '.k.Ab12Cd k, again k'
check "and renamed onto a session" mv "$active/app/.k.Ab12Cd" "$active/app/k"
check_eq "becomes it" "$(gs -n app get k)" staged
check "rm ends one" rm "$warm/app/again"
check_status 1 "there is none" gs -n app get again
check_eq "df counts sessions there, too" "$(df --output=itotal "$active/app" | tail -n 1 | xargs)" "$(df --output=itotal "$active" | tail -n 1 | xargs)"

# ---- a name is one or the other ----
refused "mkdir of a name that is a session is refused" 'File exists' mkdir "$active/k"
refused "and a session of a name that is one" 'Is a directory' bash -c ": > '$active/app'"
gs put farther <<< v
gs mv farther cold
refused "wherever it is" 'File exists' mkdir "$active/farther"
refused "one keeps its name" 'not permitted' mv "$active/app" "$active/app2"
refused "nothing is renamed onto it" 'cannot overwrite|Is a directory|directory' mv -T "$active/k" "$active/app"
check_eq "nothing was lost" "$(gs get k) $(gs -n app get k)" 'of none staged'

# ---- who may what ----
check_eq "its owner lists it" "$(as 1001 ls "$active/app")" k
refused "others do not" 'Permission denied' as 1002 ls "$active/app"
refused "nor do they look a name up" 'Permission denied' as 1002 stat "$active/app/k"
refused "nor start one" 'Permission denied' as 1002 bash -c ": > '$active/app/n'"
chmod 666 "$active/app/k"
stat "$active/app/k" > /dev/null
refused "not even when the kernel knows the name" 'Permission denied' as 1002 cat "$active/app/k"
check "its owner changes its mode" as 1001 chmod 755 "$active/app"
check_eq "everywhere" "$(stat -c %a "$warm/app") $(cat "$control/app/mode")" '755 0755'
check_eq "now others list and read" "$(as 1002 ls "$active/app") $(as 1002 cat "$active/app/k")" 'k staged'
refused "but start none" 'Permission denied' as 1002 bash -c ": > '$active/app/n'"
refused "nor end one" 'Permission denied' as 1002 rm -f "$active/app/k"
refused "nor rename one" 'Permission denied' as 1002 mv "$active/app/k" "$active/app/l"
refused "nor stage one" 'Permission denied' as 1002 bash -c ": > '$active/app/.k.Ab12Cd'"
refused "another does not change its mode" 'not permitted' as 1002 chmod 777 "$active/app"
refused "its owner does not give it away" 'not permitted' as 1001 chown 1002 "$active/app"
refused "nor has it other bits" 'not permitted' as 1001 chmod 2755 "$active/app"
check "root gives it away" chown 1002:1003 "$active/app"
check_eq "to whom he says" "$(stat -c '%u %g' "$active/app") $(cat "$control/app/owner")" '1002 1003 1002:1003'
check "who may write in it ends what another has made" as 1002 rm -f "$active/app/k"
check "and is started by its group" bash -c "chmod 2770 '$active/app' 2>/dev/null; chmod 770 '$active/app'; setpriv --reuid 1005 --regid 1003 --clear-groups bash -c ': > \"$active/app/g\"'"
check_eq "touch of a directory changes nothing" "$(touch "$active/app" && stat -c %a "$active/app")" 770
rm "$active/app/g"

# ---- removed ----
as 1002 bash -c ": > '$active/app/k'"
mv "$active/app/k" "$rings/cold/app/"
refused "it stays while a ring has a session of it" 'not empty' rmdir "$active/app"
rm "$rings/cold/app/k"
: > "$warm/app/.k.Ab12Cd"
refused "or a temporary file" 'not empty' rmdir "$active/app"
rm "$warm/app/.k.Ab12Cd"
refused "another does not remove it" 'not permitted' as 1005 rmdir "$active/app"
check_eq "its owner removes it, and who is in it sees nothing there" "$(cd "$active/app" && as 1002 rmdir "$warm/app" && ls -A . 2>/dev/null | wc -l)" 0
check_eq "from every ring" "$(find "$rings" -mindepth 2 -type d)" ''
refused "a session is no directory" 'Not a directory' rmdir "$active/k"

# ---- removed under those who use it ----
if command -v python3 >/dev/null; then
	check "who reads, lists and writes in one goes on with what there was" python3 - "$active" "$GSESSION" "$INSTANCE" <<'PY'
import errno, fcntl, os, subprocess, sys
ring, gs, instance = sys.argv[1:]
ns = ring + "/gone"


def expect(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def errno_of(f):
    try:
        f()
    except OSError as e:
        return errno.errorcode[e.errno]
    return 0


def make():
    os.mkdir(ns)
    for i in range(300):
        fd = os.open(f"{ns}/k{i}", os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(fd, b"value %d" % i)
        os.close(fd)


def remove(by_hand):
    if by_hand:
        for i in range(300):
            os.unlink(f"{ns}/k{i}")
    else:
        for i in range(300):
            subprocess.run([gs, "-i", instance, "-n", "gone", "del", f"k{i}"], check=True)
    os.rmdir(ring + "/../../control/sessions/namespaces/gone")


make()
directory = os.open(ns, os.O_RDONLY | os.O_DIRECTORY)
reader = os.open(f"{ns}/k1", os.O_RDONLY)
expect("begun", os.read(reader, 5), b"value")
writer = os.open(f"{ns}/k2", os.O_RDWR | os.O_TRUNC)
late = os.open(f"{ns}/k3", os.O_RDONLY)
locker = os.open(f"{ns}/k4", os.O_RDWR)
fcntl.flock(locker, fcntl.LOCK_EX)
names = os.scandir(directory)
first = next(names).name
remove(True)
expect("the reader reads on", os.read(reader, 100), b" 1")
expect("the writer's write goes nowhere", os.write(writer, b"late"), 4)
expect("who has not read yet reads what there was", os.read(late, 100), b"value 3")
fcntl.flock(locker, fcntl.LOCK_UN)
left = [e.name for e in names]
expect("no name comes twice", len({first, *left}), len(left) + 1)
expect("nothing is opened in it", errno_of(lambda: os.open("k5", os.O_RDONLY, dir_fd=directory)), "ENOENT")
expect("nothing is made in it", errno_of(lambda: os.open("new", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory)), "ENOENT")
expect("nor under a temporary name", errno_of(lambda: os.open("new.tmp", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory)), "ENOENT")
open(ring + "/out", "w").close()
expect("nothing is renamed into it", errno_of(lambda: os.rename(ring + "/out", "in", dst_dir_fd=directory)), "ENOENT")
os.unlink(ring + "/out")
make()
expect("one of the name is another: the reader stays at his", os.pread(reader, 100, 0), b"value 1")
expect("the writer writes not into that", (os.write(writer, b"late"), open(f"{ns}/k2").read()), (4, "value 2"))
for fd in (reader, writer, late, locker):
    os.close(fd)
expect("nor does a close", open(f"{ns}/k2").read(), "value 2")
remove(False)
PY
else
	skip "who reads, lists and writes in one goes on with what there was" "python3 is not installed"
fi

# ---- limits ----
mkdir "$active/short"
echo 300ms > "$control/short/idle"
printf v > "$active/short/s"
mv "$active/short/s" "$warm/short/"
is_no_more() {
	! stat "$active/short/s" 2>/dev/null
}
check "idle ends a session in whatever ring" poll_until 5 is_no_more
echo max > "$control/short/idle"
echo 1 > "$control/short/max_sessions"
count_is() {
	[ "$(cat "$control/short/count")" -eq "$1" ]
}
poll_until 5 count_is 0
printf v > "$active/short/s"
refused "max_sessions refuses one too many" 'No space left' bash -c ": > '$active/short/t'"
for i in $(seq 16); do
	as 1001 mkdir "$active/of1001-$i"
done
refused "one user makes no more than 16" 'No space left' as 1001 mkdir "$active/of1001-17"
check_match "as last_error says" "$(cat "$tmp/mnt/control/last_error")" 'uid 1001 has 16 namespaces'

# A name keeps its id: who makes and removes has had enough before the last.
as 1002 bash -c 'for i in {1..260}; do mkdir "$1/turn$i" && rmdir "$1/turn$i"; done' - "$active" 2> "$tmp/turns"
check_match "who is no operator does not take the last ids" "$(tail -n 1 "$tmp/turns")" 'No space left'
check_match "as last_error says" "$(cat "$tmp/mnt/control/last_error")" 'the last 64 are for operators'
check "one that was is made again" as 1002 mkdir "$active/turn1"
check "and an operator makes new ones" mkdir "$active/turnless"

# ---- many names, listed in pages ----
mkdir "$active/many"
for i in $(seq 150); do echo "many$i"; done | sort > "$tmp/want"
while read -r name; do : > "$active/many/$name"; done < "$tmp/want"
check "each is listed once" cmp <(ls -U "$active/many" | sort) "$tmp/want"
check_eq "and none of them in the ring" "$(ls "$active" | grep -c '^many[0-9]')" 0
check "find -delete deletes them" find "$active/many" -type f -delete
check_eq "all" "$(ls "$active/many" | wc -l)" 0

# ---- what outlives the mount ----
exec 6<> "$active/short/s"
printf before >&6
kill -KILL "$MOUNT_PID"
check "a file of one goes on when gsession-fs dies" bash -c 'printf after >&6' 6>&6
check_eq "with what was written" "$(gs -n short get s)" beforeafter
exec 6>&-
check "and so does the directory" mkdir "$active/short2"
check "an audit finds nothing" gs audit
done_testing

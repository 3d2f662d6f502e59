#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: cp, rsync, tar, sed and find work on sessions as on files.
. "${0%/*}/lib.sh"
requires_package rsync command -v rsync
client_store

same() {	# A B: names, values and times of modification, to the nanosecond
	diff <(cd "$1" && stat -c '%n %s %.9Y %a' -- * && cat -- *) <(cd "$2" && stat -c '%n %s %.9Y %a' -- * && cat -- *)
}
nothing_sent() {
	[ -z "$(rsync -a --out-format=%n "$1/" "$2" | grep -v '/$')" ]
}

mkdir "$tmp/disk"
for i in {1..40}; do
	echo "value $i" > "$tmp/disk/sess_$i"
	touch -d "$((i * 3)) seconds ago" "$tmp/disk/sess_$i"
done
chmod 600 "$tmp/disk"/*

# ---- in and out again ----
check "cp -a in" cp -a "$tmp/disk"/* "$dir/"
check "keeps values, modes and times" same "$tmp/disk" "$dir"
check_eq "for the command line, too" "$(gs get sess_17)" "value 17"
check "cp -a out" cp -a "$dir" "$tmp/out"
check "gives them back" same "$tmp/disk" "$tmp/out"
rm "$dir"/*
check "rsync -a in" rsync -a --omit-dir-times --no-perms "$tmp/disk/" "$dir/"
check "keeps them as well" same "$tmp/disk" "$dir"
check "a second one sends nothing" nothing_sent "$tmp/disk" "$dir"
echo changed > "$dir/sess_5"
check "nor does one out, but of what has changed" rsync -a "$dir/" "$tmp/out/"
check_eq "which it brings" "$(cat "$tmp/out/sess_5")" changed
check "the two are the same" same "$dir" "$tmp/out"
check "rsync onto what is there" rsync -a --omit-dir-times --no-perms --ignore-times "$tmp/disk/" "$dir/"
check "replaces it" same "$tmp/disk" "$dir"
check "with delete" rsync -a --omit-dir-times --no-perms --delete --exclude=sess_1 --delete-excluded "$tmp/disk/" "$dir/"
check_not "ends who is not in the copy" test -e "$dir/sess_1"
check "tar out" tar -C "$dir" --format=posix -cf "$tmp/all.tar" $(ls "$dir")
rm "$dir"/*
check "and in" tar -C "$dir" -xpf "$tmp/all.tar"
rm "$tmp/disk/sess_1"
check "keeps them" same "$tmp/disk" "$dir"
check "tar onto what is there" tar -C "$dir" -xpf "$tmp/all.tar"
check "changes nothing" same "$tmp/disk" "$dir"
check "nothing else is left behind" [ "$(ls -A "$dir" | wc -l)" -eq 39 ]

# ---- ages ----
mkdir "$tmp/old"
echo old > "$tmp/old/sess_old"
echo older > "$tmp/old/sess_older"
touch -d '10 minutes ago' "$tmp/old/sess_old"
touch -d '2 days ago' "$tmp/old/sess_older"
cp -a "$tmp/old"/* "$dir/"
check "a copy settles by its age, in the ring of that" poll_until 10 test -e "$(ring warm)/sess_old"
check_eq "with its value" "$(cat "$(ring warm)/sess_old" "$(ring active)/sess_old" | sort -u)" old
rm "$dir/sess_old" "$dir/sess_older"

# ---- editors ----
check "sed -i edits" sed -i 's/value/worth/' "$dir/sess_7"
check_eq "the session" "$(cat "$dir/sess_7")" "worth 7"
check_eq "and its mode stays" "$(stat -c %a "$dir/sess_7")" 600
check "a hundred edits" sed -i 's/value/worth/' "$dir"/sess_1? "$dir"/sess_2? "$dir"/sess_3?
check_eq "are all done" "$(cat "$dir"/* | grep -c worth)" 31
check "nothing of them is left behind" [ -z "$(ls -A "$dir" | grep -v '^sess_[0-9]*$')" ]

# ---- find ----
touch -d '4 minutes ago' "$dir"/sess_2?
check_eq "find -mmin finds who is old" "$(find "$dir" -type f -mmin +3 | wc -l)" 10
check "find -delete" find "$dir" -type f -mmin +3 -delete
check_eq "ends those" "$(ls "$dir" | grep -c 'sess_2.')" 0
check_eq "and no other" "$(ls "$dir" | wc -l)" 29
check_eq "find -size" "$(find "$dir" -type f -size -2 | wc -l)" 29
check_eq "find -newer" "$(touch "$dir/sess_8"; find "$dir" -type f -newer "$dir/sess_7" -printf '%f\n' | sort | tail -n 1)" sess_8
check_eq "du" "$(du -s --apparent-size -B1 "$dir" | cut -f1 | grep -c '^[1-9]')" 1
check "cp -r makes them new" sh -c 'cp -r "$1/sess_9" "$1/sess_new" && [ -n "$(find "$1/sess_new" -mmin -1)" ]' - "$dir"
check "ln is refused" sh -c '! ln "$1/sess_9" "$1/link"' - "$dir"

done_testing

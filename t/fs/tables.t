#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every table has its directory, its rings and its control files, and nothing crosses but by copying.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse

new_instance
cat > "$tmp/two.conf" <<-'CONF'
	[table tokens]
	record_size = 256
CONF
start_manager "$tmp/two.conf"
start_mount "$tmp/mnt"
cd "$tmp/mnt" || exit 1
cleanup_fn cd /

check_eq "both have a directory" "$(ls | tr '\n' ' ')" "control sessions tokens "
check_eq "with rings" "$(ls tokens | sort | tr '\n' ' ')" "active cold suspect warm "
check_eq "and control files" "$(cat control/sessions/record_size control/tokens/record_size | tr '\n' ' ')" "8K 256 "

printf session > sessions/active/k
printf token > tokens/active/k
check_eq "one key is two records" "$(cat sessions/active/k tokens/active/k)" sessiontoken
check_not "and two files" test "$(stat -c %i sessions/active/k)" = "$(stat -c %i tokens/active/k)"
check_eq "the command line agrees" "$(gs -t tokens get k)" token
check_not "a value that fits one table is refused by the other" bash -c "head -c 257 /dev/zero > tokens/active/long"
check_match "with EFBIG" "$output" 'File too large'
touch -d '2 minutes ago' sessions/active/k
mtime=$(stat -c %Y sessions/active/k)
check "mv from table to table copies and removes" mv sessions/active/k tokens/active/moved
check_eq "so that value and age arrive" "$(cat tokens/active/moved; stat -c %Y tokens/active/moved)" "session$mtime"
check_not "and the old one is gone" test -e sessions/active/k
echo 1m > control/tokens/rings/active/ttl
check_eq "rings of one name in two tables have settings of their own" \
	"$(cat control/sessions/rings/active/ttl control/tokens/rings/active/ttl | tr '\n' ' ')" "5m 1m "
check "the audit is clean" gs audit

done_testing

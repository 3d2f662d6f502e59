#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: gsession-fs(8) has an entry for each control file, with its format, what may be written, errors and an example, and all of it is so.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "python3 is not installed" python3 -c ''
requires "gsession-fs is not built" test -x "$GSESSION_FS"

new_instance
printf '[ring cold]\nstore = shm\n' > "$tmp/gsession.conf"
start_manager "$tmp/gsession.conf"
start_mount "$tmp/mnt"
entries() {
	python3 "$srctop/t/docs/control_entries.py" "$1" "$srctop/man/gsession-fs.8" "$tmp/mnt/control" 2>&1
}

check_eq "what the examples print is what stands below them" "$(entries examples)" ""
said=$(entries names)
check_eq "each file has an entry, whole and marked as it is, and there is no other" "$(sed '$d' <<< "$said")" ""
check_match "which are many" "$said" '^[0-9]{2,} entries$'
check_eq "each file is of the format of its entry" "$(entries formats)" ""
check_eq "what may be written is what the daemon says of it" "$(entries writes)" ""
check_eq "what is refused is refused with that errno, and changes nothing" "$(entries errors)" ""
check "the audit is clean" gs audit

done_testing

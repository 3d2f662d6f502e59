#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: systemd understands our units, and gsessiond's is as closed as it can be.
. "${0%/*}/../lib/functions.sh"
requires "systemd-analyze is not installed" command -v systemd-analyze

mkdir "$tmp/units"
for unit in gsessiond gsession-fs; do
	# The programs are not installed where the unit will look for them.
	sed -e "s|@sbindir@/$unit|/bin/true|; s|@bindir@/gsession|/bin/true|; s|@sysconfdir@|/etc|; /^Documentation=/d" \
		"$srctop/etc/$unit.service.in" > "$tmp/units/$unit.service"
done

verify() {
	local found
	found=$(SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no "$tmp/units/$1.service" 2>&1 | grep -F "$1.service")
	printf '%s\n' "$found"
	[ -z "$found" ]
}

check "gsessiond.service is understood" verify gsessiond
check "gsession-fs.service is understood" verify gsession-fs
check_match "gsessiond tells systemd when it is ready" "$(cat "$tmp/units/gsessiond.service")" '^Type=notify$'
check_match "systemd restarts a gsessiond that hangs" "$(cat "$tmp/units/gsessiond.service")" '^WatchdogSec='

echo 'Restart=sometimes' >> "$tmp/units/gsessiond.service"
check_not "a wrong line is found" verify gsessiond

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: Perl's CGI::Session has its sessions on the mount, by nothing but the Directory of its File driver.
. "${0%/*}/lib.sh"
requires_package libcgi-session-perl perl -MCGI::Session -e 1
client_store

client() {
	perl "$srctop/t/fs/clients/client.pl" "$dir" "$@"
}
file_of() {
	echo "cgisess_$1"
}

refused="couldn't open .*Disk quota exceeded"
client_everything "$refused" "$refused" "$refused" "couldn't close .*File too large"

done_testing

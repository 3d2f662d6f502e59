#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: Django's file backend has its sessions on the mount, by nothing but SESSION_FILE_PATH.
. "${0%/*}/lib.sh"
requires_package python3-django /usr/bin/python3 -c 'import django'
client_store

client() {
	/usr/bin/python3 -B "$srctop/t/fs/clients/client_django.py" "$dir" "$@"
}
file_of() {
	echo "sessionid$1"
}

client_everything '^none$' '^begun anew$' '^none$' '^ok$'

done_testing

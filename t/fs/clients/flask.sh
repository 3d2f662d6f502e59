#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: a Flask application with Flask-Session has its sessions on the mount, by cachelib's files and nothing but SESSION_FILE_DIR.
. "${0%/*}/lib.sh"
requires_package python3-flask-session /usr/bin/python3 -c 'import flask_session, cachelib'
client_store

client() {
	/usr/bin/python3 -B -W ignore "$srctop/t/fs/clients/client_flask.py" "$dir" "$@"
}
file_of() {
	printf 'session:%s' "$1" | md5sum | cut -d' ' -f1
}

refused='OSError: \[Errno 122\] Disk quota exceeded'
client_everything "$refused" "$refused" "$refused" 'OSError: \[Errno 27\] File too large'

done_testing

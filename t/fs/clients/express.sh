#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: an Express application with session-file-store has its sessions on the mount, by nothing but its path.
. "${0%/*}/lib.sh"
export NODE_PATH=$clients/npm/node_modules
requires "node with express, express-session and session-file-store is not there; tools/check fetches them where npm can be reached" \
	node -e 'for (const m of ["express", "express-session", "session-file-store"]) require(m)'
client_store

client() {
	node "$srctop/t/fs/clients/client.js" "$dir" "$@"
}
file_of() {
	echo "$1.json"
}
# When it was used last stands in the file.
make_old() {
	sed -Ei 's/("__lastAccess":)[0-9]+/\11700000000000/' "$1"
}

refused='Unknown system error -122'
client_everything "$refused" "$refused" "$refused" 'EFBIG: file too large'

done_testing

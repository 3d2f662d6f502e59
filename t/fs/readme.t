#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what README in the mount says of namespaces, temporary files and control files can be done as it stands there.
. "${0%/*}/../lib/functions.sh"
requires_root
requires_fuse
requires "there is no user www-data" getent passwd www-data
requires "setpriv is not installed" command -v setpriv

new_instance
start_manager
start_mount "$tmp/mnt"
chmod 755 "$tmp"
app=sessions/active/app
limits=control/sessions/namespaces/app
# there COMMAND...: in the root of the mount.
there() {
	(cd "$tmp/mnt" && "$@")
}
there_as() {	# USER COMMAND...
	there setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups -- "${@:2}"
}
denied() {	# SENTENCE COMMAND...: to others
	check_not "$1" there_as nobody "${@:2}"
	check_match "for want of a permission" "$output" 'Permission denied'
}

there cat control/README > "$tmp/readme"
check "it has commands" [ "$(grep -c $'^\t' "$tmp/readme")" -ge 7 ]
while IFS= read -r -u 3 line; do
	check "$line" there bash -c "$line"
done 3< <(sed -n 's/^\t//p' "$tmp/readme")
bad=$(grep -o 'control/[a-z_/]*[a-z]' "$tmp/readme" | while read -r path; do
	there test -e "$path" || echo "$path"
done)
check_eq "each path that it names is there" "$bad" ''
check "what it explains fits on a terminal" [ "$(sed "/^\/\$/,\$ d" "$tmp/readme" | wc -L)" -le 100 ]

# ---- namespaces ----
there stat -c '%U %a' sessions/{active,warm,cold,suspect}/app > "$tmp/said"
check_eq "a namespace is in every ring, its owner's" "$(sort -u "$tmp/said")" 'www-data 700'
check_eq "its limits are in force" "$(there cat $limits/idle $limits/max_sessions | xargs)" '30m 10000'
check "its owner lists it" there_as www-data ls $app
denied "others do not" ls $app
denied "nor begin sessions in it" sh -c "echo value > $app/other"
denied "nor find one" cat $app/k
check "its owner begins one" there_as www-data sh -c "echo value > $app/own"
check "and ends it" there_as www-data rm $app/own
check_eq "equal names elsewhere are others" "$(there test -e sessions/active/k || echo none)" none
check_not "one that has sessions is not removed" there rmdir $app

# ---- temporary files ----
check_eq "published, k is a session" "$(gs -n app get k)" value
check_not "and k.tmp is no more" there test -e $app/k.tmp
started=$(there sed -n 's/^started //p' control/sessions/stats) updated=$(there sed -n 's/^updated //p' control/sessions/stats)
there sh -c "echo better > $app/k.tmp"
check_status 1 "staged, k.tmp is no session" gs -n app stat k.tmp
check_eq "which the mount counts" "$(there sed -n 's/^staged.files //p' control/node/mount)" 1
check_eq "k is as it was" "$(there cat $app/k)" value
there mv $app/k.tmp $app/k
check_eq "until it is replaced" "$(there cat $app/k)" better
check_eq "in one step" "$(there sed -n 's/^started //p; s/^updated //p' control/sessions/stats | xargs)" "$started $((updated + 1))"

# ---- control files ----
check_eq "a setting was changed" "$(gs show sessions/rings/active/ttl)" 30s
check_not "a wrong value is refused" there sh -c 'echo 30 > control/sessions/rings/active/ttl'
check_match "with a sentence" "$(there cat control/last_error)" '"30"'
listed=$(sed -n '/^\/$/,$p' "$tmp/readme" | while read -r first _; do
	case $first in
	*/) dir=$(sed 's|<table>|sessions|; s|<ring>|warm|; s|<class>|anonymous|; s|<namespace>|app|; s|^/$||' <<< "$first") ;;
	?*) echo "control/$dir$first" ;;
	esac
done)
check "it lists control files" [ "$(wc -l <<< "$listed")" -ge 40 ]
bad=$(for path in $listed; do
	there test -f "$path" || echo "$path"
done)
check_eq "each where it says" "$bad" ''
for dir in rings classes namespaces; do
	check "mkdir in $dir" there mkdir control/sessions/$dir/made
done
check_eq "a ring that is made is off" "$(gs show sessions/rings/made/state)" off
check "and can be removed" there rmdir control/sessions/rings/made

# ---- the end of a session, and of a namespace ----
there mv $app/k sessions/cold/app/
there sh -c "echo value > $app/l"
there sh -c "echo 200ms > $limits/idle"
is_empty() {
	[ -z "$(there ls sessions/active/app sessions/cold/app | grep -x '[kl]')" ]
}
check "not used for as long as idle says, sessions are gone" poll_until 10 is_empty
check "and the namespace is removed" there rmdir $app
check_not "in every ring" there test -e sessions/cold/app

done_testing

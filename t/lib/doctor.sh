# SPDX-License-Identifier: BSD-2-Clause
# doctor.sh - plant a fault, have gsession doctor find it, and run the command that it prints; for root, after new_instance.
#
#	finds ID [REGEX]	there is a finding ID, whose sentence matches; all findings are in $tmp/found then
#	mends ID		the command that was printed for it runs, and there is no such finding any more
#	has ID, has_not ID	one look
#	mend_of ID, sentence_of ID	of $tmp/found
#	alone CODE		bash runs CODE where no mount of another test is seen, and $planted is done before
#	adopt_manager		$MANAGER_PID is the daemon that a command has started
#	renew [CONF]		the daemon anew, without a session

planted=:
PATH=$buildtop/tools:$buildtop/src:$buildtop/fs:$PATH
export tmp

# In a mount namespace of its own, so that the mounts of other tests are not seen, and files of this host can be planted.
alone() {
	unshare -m --propagation private bash -c '
		while read -r _ dir type _; do
			[ "$type" != fuse.gsession ] || [ "${dir#"$tmp"}" != "$dir" ] || umount -l "$dir"
		done < /proc/mounts
		'"$planted; $1"
}

doctor() {
	alone "gsession -i $INSTANCE doctor"
}

is_healthy() {
	doctor > "$tmp/found"
}

# Is there a finding ID? It stands in $tmp/found then.
has() {
	doctor > "$tmp/found"
	[ $? -eq 1 ] && grep -q "^$1: " "$tmp/found"
}

has_not() {
	doctor > "$tmp/found"
	! grep -q "^$1: " "$tmp/found"
}

mend_of() {
	sed -n "/^$1: /,/^    mend /s/^    mend  //p" "$tmp/found"
}

sentence_of() {
	sed -n "s/^$1: //p" "$tmp/found"
}

finds() {
	check "$1: found" poll_until 10 has "$1"
	[ -z "${2-}" ] || check_match "$1: the sentence" "$(sentence_of "$1")" "$2"
}

# The command is run as it stands.
mends() {
	local command
	command=$(mend_of "$1")
	check "$1: the command runs: ${command//"$tmp"/TMP}" bash -c "$command"
	check "$1: mended" poll_until 10 has_not "$1"
}

# A daemon that a command has started.
adopt_manager() {
	MANAGER_PID=$(cat "$GSESSION_RUN_DIR/$INSTANCE.pid")
	cleanup_fn end_process "$MANAGER_PID"
}

renew() {
	stop_manager
	gsessiond -i "$INSTANCE" --purge
	start_manager "$@"
}

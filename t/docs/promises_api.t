#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: every function of the library keeps what libgsession(3) says of it.
. "${0%/*}/../lib/functions.sh"
program=$buildtop/t/docs/promises_api
requires "t/docs/promises_api is not built" test -x "$program"
new_instance
printf '[table tiny]\nrecord_size = 256\nslot_sizes =\nkey_max = 16\n[ring tiny/active]\ncapacity = 3\nreserve = 1\n[ring tiny/warm]\ncapacity = 1\n[ring tiny/cold]\ncapacity = 1\non_full = refuse\n[namespace app]\nidle = 1h\nmax_sessions = 2\nowner = 5:6\nmode = 0750\n' > "$tmp/gsession.conf"

# The program kills and starts the daemon itself, by these.
pidfile=$GSESSION_RUN_DIR/$INSTANCE.pid
cat > "$tmp/stop" <<'STOP'
#!/bin/bash
pid=$(cat "$1") && kill -KILL "$pid" && for ((i = 0; i < 500; i++)); do
	[ -e "/proc/$pid" ] || exit 0
	read -rt 0.02 <> <(:) || :
done
exit 1
STOP
chmod +x "$tmp/stop"
end_last() {
	end_process "$(cat "$pidfile")"
}
start_manager "$tmp/gsession.conf"
cleanup_fn end_last

"$program" "$INSTANCE" "$tmp/stop $pidfile" "$GSESSIOND -i $INSTANCE -c $tmp/gsession.conf --detach" \
	"$GSESSIOND -i $INSTANCE --purge" 2>"$tmp/errors"
status=$?
diag "$(cat "$tmp/errors")"
[ "$status" -eq 0 ] || n_failed=1
n_planned=0
[ "$n_failed" -eq 0 ]

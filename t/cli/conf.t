#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: conf checks a file strictly, and what it prints is a configuration that loads back equal.
. "${0%/*}/../lib/functions.sh"
new_instance

accepted() {
	printf '%s\n' "$2" > "$tmp/gsession.conf"
	check "conf check takes $1" gs conf check "$tmp/gsession.conf"
}

refused() {
	printf '%s\n' "$2" > "$tmp/gsession.conf"
	check_status 1 "conf check refuses $1" gs conf check "$tmp/gsession.conf"
	check_match "with the line and why: $1" "$output" "gsession.conf:$3"
}

# No daemon runs: conf check, defaults and template need none.
accepted "an empty file" ''
accepted "settings of daemon, table and ring" '[daemon]
log_level = info
[table sessions]
record_size = 4K
[ring active]
ttl = 10m
[ring sessions/cold]
capacity = 1000'
refused "an unknown key" '[ring active]
tttl = 5m' '2: .*tttl'
refused "an unknown section" '[orbit]
x = 1' '[12]: .*orbit'
refused "a bad unit" '[ring active]
ttl = 5 minutes' '2: .*5 minutes'
refused "a number without unit" '[ring active]
ttl = 5' '2: .*"5"|2: .*ttl = 5'
refused "what is out of range" '[table sessions]
record_size = 1M' '2: .*65000'
refused "a key of a later version" '[ring active]
level = 3' '2: .*level'
refused "what is no setting" '[ring active]
ttl' '2: .*ttl'
refused "a ttl that shrinks outwards" '[ring warm]
ttl = 1m' '2: .*outwards'
check_status 1 "conf check of no file is no" gs conf check "$tmp/nothing.conf"
check_match "and names it" "$output" 'nothing.conf'

check "conf defaults prints a configuration" gs conf defaults
gs conf defaults > "$tmp/defaults.conf"
check "which is one" gs conf check "$tmp/defaults.conf"
check "conf template prints one too" gs conf template
gs conf template > "$tmp/template.conf"
check "which is one" gs conf check "$tmp/template.conf"
check_eq "of which every line is a comment, a section or empty" "$(grep -Ev '^(#|;|\[|$)' "$tmp/template.conf")" ''

check_status 3 "conf show needs the daemon" gs conf show

# Live
cat > "$tmp/live.conf" <<'END'
[daemon]
log_level = warn
[table sessions]
record_size = 2K
[ring active]
ttl = 90s
half_life = 0
[ring cold]
ttl = max
[table tokens]
record_size = 128
key_max = 64
max_lifetime = max
[ring tokens/warm]
capacity = 999
END
start_manager "$tmp/live.conf"
gs conf show > "$tmp/shown.conf"
check "conf show prints a configuration" gs conf check "$tmp/shown.conf"
stop_manager
rm -rf "${GSESSION_SHM_DIR:?}"/*
start_manager "$tmp/shown.conf"
gs conf show > "$tmp/again.conf"
check "a daemon started with it has the same" diff "$tmp/shown.conf" "$tmp/again.conf"
check "changes are in it" gs set sessions/rings/active/ttl 45s
gs set tokens/rings/warm/promote never
gs conf show > "$tmp/changed.conf"
check_eq "only what was changed differs" "$(diff "$tmp/again.conf" "$tmp/changed.conf" | grep '^>' | tr -d ' >' | sort | tr '\n' ' ')" \
    "promote=never ttl=45s "
gs conf defaults > "$tmp/d1"
stop_manager
rm -rf "${GSESSION_SHM_DIR:?}"/*
start_manager
gs conf show > "$tmp/d2"
check "a daemon without a file shows the defaults, and where auto leads" diff <(sed "s/^store = auto\$/store = shm/" "$tmp/d1") "$tmp/d2"
done_testing

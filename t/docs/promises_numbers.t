#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: the numbers that the manuals and the header name are those of the source.
. "${0%/*}/../lib/functions.sh"
requires "mandoc is not installed" command -v mandoc

page() {
	mandoc -T ascii "$srctop/man/$1" | col -b | tr -s ' \n\t' ' '
}
# The number behind the first NAME of a file: `NAME = 5`, `NAME 5` or `NAME (UINT32_C(1) << 20)`.
value() {
	local found
	found=$(sed 's/UINT[0-9]*_C//g' "$srctop/$1" | grep -oE "\b$2[ =(]+[0-9]+[) ]*(<< [0-9]+)?" | head -n 1 | sed -E 's/^[A-Z_]+//')
	found=${found//[=()]/}
	echo "$((found))"
}
# number PAGE "TEXT" FILE NAME NUMBER: the page says the text, and the name in the file has the number.
number() {
	local manual=$1 text=$2 file=$3 name=$4 want=$5
	check "$manual: $text" grep -qF -- "$text" <<< "$(page "$manual")"
	check_eq "and $name in $file is that" "$(value "$file" "$name")" "$want"
}

number libgsession.3 "replaced it 10,000 times during the call" src/shm/kv_impl.h KV_TRIES 10000
number libgsession.3 "other writers were faster 10,000 times" src/lib/session.c UPDATE_TRIES 10000
number libgsession.3 "wait for the daemon's answer (0: 2000)" src/lib/attach.c DEFAULT_TIMEOUT_MS 2000
number libgsession.3 "call at the same time (0: 4; at most 64)" src/lib/attach.c DEFAULT_THREADS 4
number libgsession.3 "(0: 4; at most 64)" src/ctl/wire.h GS_WIRE_MAX_GRANT 64
number libgsession.3 "all 8191 contexts of the table" src/shm/layout.h GS_MAX_CTX 8192
number libgsession.3 "is less than GS_ID_CHARS (33)" include/gsession.h GS_ID_CHARS 33
number libgsession.3 "at most 64 bytes of any kind" include/gsession.h GS_OWNER_BYTES 64
number libgsession.3 "1 to 255 bytes of any kind" include/gsession.h GS_KEY_BYTES 255
number libgsession.3 "there are 4096 readers already" src/daemon/readers.c MAX_READERS 4096
number libgsession.3 "or 8192 threads of readers" src/shm/layout.h GS_MAX_CTX 8192
number libgsession.3 "20 ms later as a rule" src/daemon/readers.h READERS_PERIOD_MS 20
number libgsession.3 "if it comes within a minute" src/shm/feedback.h GS_FEEDBACK_AGE_MS 60000
number libgsession.3 "no more than 1024 records of a handle" src/daemon/readers.c READER_CELLS 1024
number gsessiond.8 "4096 cells at a time at most" src/daemon/readers.c ROUND_CELLS 4096
number gsession.7 "what is due four times a second" src/daemon/sweep.h SWEEP_PERIOD_MS 250
number gsession.7 "tried again every second" src/daemon/sweep.c STUCK_RETRY_MS 1000
number gsession.7 "keeps the last megabyte" src/daemon/events.h GS_EVENTS_BYTES 1048576
number gsession.7 "about a megabyte at a time" src/shm/table_make.c SEGMENT_BYTES 1048576
number gsession.7 "a quarter more than it uses" src/policy/surplus.c KEPT_PART 4
number gsession.7 "for five seconds" src/daemon/shrink.h SHRINK_CALM_LOOKS 5
number gsession.7 "for five seconds" src/daemon/shrink.h SHRINK_PERIOD_TICKS 4
check_match "the header says how often a get tries" "$(cat "$srctop/include/gsession.h")" "replaced it 10,000 times during the call"
check_match "and what 0 stands for in gs_options" "$(cat "$srctop/include/gsession.h")" "at most this long; 0: 2000"
check_match "for threads too" "$(cat "$srctop/include/gsession.h")" "call at once; 0: 4"
done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: bash completes every verb, its options, and what can stand for them in the store that runs.
. "${0%/*}/../lib/functions.sh"
new_instance
start_manager
# As a user has them.
mkdir "$tmp/programs"
ln -s "$GSESSION" "$GSESSIOND" "$GSESSION_FS" "${GSESSION_FS%/*}/gsession-keep" "$tmp/programs"
PATH=$tmp/programs:$PATH
cd "$tmp" || exit 99

# completes LINE: what a tab at its end offers, a word each, in order. A line that ends in a blank begins a new word.
completes() {
	bash -c '
		. "$1"
		# As bash does it: = is a word of its own.
		read -ra COMP_WORDS <<< "${2//=/ = }"
		[[ $2 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}
		how=$(complete -p "${COMP_WORDS[0]}") || exit
		how=${how#*-F }
		"${how%% *}" "${COMP_WORDS[0]}"
		[[ ${#COMPREPLY[@]} -eq 0 ]] || printf "%s\n" "${COMPREPLY[@]}"
	' - "$srctop/etc/bash-completion/gsession" "$1" 2>&1 | sort
}
words() {
	printf '%s\n' "$@" | sort
}
offers() {
	check_eq "\`$1' offers $2" "$(completes "$1" | tr '\n' ' ')" "${2:+$2 }"
}

verbs=$(gsession --help | sed -n '/^verbs:/,$ s/^  \([a-z]*\) .*/\1/p')
check "there are verbs" test "$(wc -l <<< "$verbs")" -gt 20
check_eq "every verb is completed" "$(completes "gsession ")" "$(sort <<< "$verbs")"
offers "gsession par" "pardon park"
offers "gsession -i $INSTANCE lo" "logout"
check_eq "options before the verb" "$(completes "gsession -")" "$(gsession --long-options | sed '/^--long-options/q' | sed 's/^-. //' | sort)"

for verb in $verbs; do
	check_eq "the options of $verb" "$(completes "gsession $verb --")" "$(gsession "$verb" --long-options | sed 's/^-. //' | sort)"
done

gs put first <<< 1
gs put second <<< 2
gs put third --class authenticated <<< 3
at="gsession -i $INSTANCE"
for verb in $(for verb in $verbs; do gsession "$verb" --help | grep -q '^usage: gsession [a-z]* KEY' && echo "$verb"; done); do
	offers "$at $verb s" second
done
offers "$at rotate " "first second third"
offers "$at mv second " "active cold suspect warm"
offers "$at ls w" "warm"
offers "$at ring " "add drain remove"
offers "$at ring drain c" "cold"
offers "$at ring add c" ""
offers "$at class " "add"
offers "$at put new --class a" "anonymous authenticated"
offers "$at put new --class=au" "authenticated"
offers "$at put --ttl 5m new --parent f" "first"
offers "$at put new --owner " ""
offers "$at --instance ${INSTANCE:0:2}" "$INSTANCE"
offers "gsession -t s" ""
offers "$at -t s" "sessions"
offers "$at -n " ""
gs namespace add shop
gs namespace add desk
offers "$at -n " "desk shop"
offers "$at --namespace s" "shop"
offers "$at -t sessions -n d" "desk"
gs -n shop put basket <<< 1
offers "$at -n shop get " "basket"
offers "$at namespace remove s" "shop"
offers "gsessiond -i ${INSTANCE:0:2}" "$INSTANCE"

offers "$at show no" "node/"
offers "$at show sessions/rings/active/half" "sessions/rings/active/half_life"
offers "$at set sessions/classes/an" "sessions/classes/anonymous/"
offers "$at set sessions/rings/warm/ttl " "30m"
offers "$at set ctl rel" "reload"
check_eq "the whole of a directory" "$(completes "$at show sessions/rings/")" "$(words sessions/rings/{active,warm,cold,suspect}/)"
gs put 'a key' <<< blank
offers "$at show stat" "stats"

mkdir dir
touch dir/a.conf b.conf
offers "gsession conf " "check defaults diff show template"
offers "gsession conf check b" "b.conf"
offers "gsession conf check dir/" "dir/a.conf"
offers "gsession restore b" "b.conf"
offers "gsession replay --key " "ip ip+agent"
offers "gsessiond -c b" "b.conf"
offers "gsession-fs d" "dir"
check_eq "options of gsessiond" "$(completes "gsessiond --")" "$(gsessiond --long-options | sed 's/^-. //' | sort)"
check_eq "options of gsession-keep" "$(completes "gsession-keep --")" "$(gsession-keep --long-options | sed 's/^-. //' | sort)"
offers "gsession-keep gsessiond" "gsessiond"
check_eq "options of gsession-fs" "$(completes "gsession-fs --")" "$(gsession-fs --long-options | sed 's/^-. //' | sort)"

for ((i = 0; i < 220; i++)); do
	echo "key$i"
done | while read -r key; do
	gs put "$key" < /dev/null
done
check_eq "of many keys some are offered" "$(completes "$at get " | wc -l)" 200
kill_manager
offers "$at get " ""
offers "$at show " ""

done_testing

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: --help, --version and --long-options work everywhere, and gsession(1) has every verb and option.
. "${0%/*}/../lib/functions.sh"

manual=$srctop/man/gsession.1
verbs=$("$GSESSION" --help | sed -n '/^verbs:/,$s/^  \([a-z]*\) .*/\1/p')

check "--help" "$GSESSION" --help
check_match "prints the usage" "$output" '^usage: gsession '
check_eq "and all verbs" "$(tr '\n' ' ' <<< "$verbs")" \
    'show set get put add touch park resume del stat new ls logout mv snapshot restore events suspects pardon expel reaper give rotate audit conf top doctor ring class namespace replay bench torture '
check "--version" "$GSESSION" --version
check_match "prints the version" "$output" '^gsession [0-9]+\.[0-9]+'
check "--long-options" "$GSESSION" --long-options
for verb in $verbs; do
	check "$verb --help" "$GSESSION" "$verb" --help
	check_match "$verb --help prints its usage" "$output" "^usage: gsession $verb"
	check "$verb --long-options" "$GSESSION" "$verb" --long-options
	check "gsession(1) has $verb" grep -Eq "^\.(It )?Cm $verb( |\$)" "$manual"
done
for option in $("$GSESSION" --long-options | grep -o -- '--[a-z-]*' | sort -u); do
	check "gsession(1) has $option" grep -Eq -- "Fl \\\\${option#-}( |\$)" "$manual"
done
for letter in $("$GSESSION" --long-options | sed -n 's/^-\([a-zA-Z]\) .*/\1/p' | sort -u); do
	check "gsession(1) has -$letter" grep -Eq -- "(Fl |\| )$letter( |\$)" "$manual"
done
done_testing

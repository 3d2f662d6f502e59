#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: what Debian runs each half an hour ends PHP's old sessions on the mount, and no other.
. "${0%/*}/lib.sh"
requires_package php8.2-cli command -v php
requires "there is no sessionclean, which is in php-common of Debian" test -r /usr/lib/php/sessionclean
client_store

client() {
	php -d "session.save_path=$dir" "$srctop/t/fs/clients/client.php" "$@"
}
file_of() {
	echo "sess_$1"
}
# The script's own line, without what it asks of PHP's configuration.
clean() {
	save_path=$dir gc_maxlifetime=$1 bash -c "$(grep -E '^[[:space:]]*find -O3' /usr/lib/php/sessionclean)"
}

check_match "the line is there" "$(grep -E '^[[:space:]]*find -O3' /usr/lib/php/sessionclean)" \
	"-name 'sess_\*' -type f -cmin \"\+\\\$gc_maxlifetime\" -delete"
# Six seconds, as who waits for minutes would do the same.
cleaned() {
	client touch "$used" >/dev/null && clean 0.1 && lists_not active "$old"
}

client_cleans() {
	local i outer
	for i in {1..300}; do
		echo "v|s:1:\"$i\";" > "$dir/sess_crowd$i"
	done
	old=$(client create old)
	used=$(client create used)
	outer=$(client create outer)
	mv "$dir/$(file_of "$outer")" "$(ring warm)/"
	echo foreign > "$dir/foreign"
	check "it runs where nobody is old" clean 24
	check_eq "and ends nobody" "$(ls "$dir" | wc -l)" 303
	check "whose ctime is old is ended" poll_until 30 cleaned
	check_eq "with three hundred others" "$(ls -U "$dir" | grep -c sess_crowd)" 0
	check_eq "and is nobody's for PHP" "$(client load "$old")" none
	check_eq "who only read his session, meanwhile, has kept it" "$(client load "$used")" used
	check_eq "so has who is in another ring" "$(client load "$outer")" outer
	check_eq "and what is not PHP's" "$(cat "$dir/foreign")" foreign
	rm "$dir/$(file_of "$used")" "$dir/$(file_of "$outer")" "$dir/foreign"
}

while read -r where what <&3; do
	client_at "$where"
	"while_$what" client_steps cleans
done 3<<-TABLE
	ring		nothing
	namespace	nothing
	namespace	daemon_is_dead
	namespace	mount_is_killed
TABLE

done_testing

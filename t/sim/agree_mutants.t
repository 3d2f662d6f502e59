#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: whatever rule of the protocol is left out, some seed of t/sim/agree shows it.
. "${0%/*}/../lib/functions.sh"
requires "t/sim/agree is not built" test -e "$buildtop/t/sim/agree.o"
requires "there is no C compiler" command -v cc

rest=("$buildtop/t/sim/agree.o" "$buildtop/src/net/.libs/libgs_net.a" "$buildtop/src/base/.libs/libgs_base.a")
requires "another compiler's sanitizer is in the build" cc -o "$tmp/whole" "${rest[@]}" -lsodium -lm

# Does a seed show that the protocol was changed so? The last line that is printed says which, and by what.
is_found() {
	sed "$1" "$srctop/src/net/agree.c" > "$tmp/agree.c"
	! cmp "$tmp/agree.c" "$srctop/src/net/agree.c" > "$tmp/out" || { echo "no line was changed"; return 1; }
	cc -O1 -std=c17 -include "$buildtop/config.h" -I"$srctop/include" -I"$srctop/src" -o "$tmp/mutant" "$tmp/agree.c" "${rest[@]}" -lsodium -lm ||
		return
	timeout 200 "$tmp/mutant" -n 400000 > "$tmp/out"
	grep -E '^seed .*: A[1-6]: ' "$tmp/out"
}
# found SENTENCE SED-COMMANDS
found() {
	check "$1" is_found "$2" || true
	diag "$(tail -n 1 "$tmp/out")"
}

whole() {
	"$tmp/whole" -n 20000
}
check "as it is, none does" whole

found "a host need not accept" '/^have_all_accepted/,/^}/s/!a->has_accepted\[i\]/false/'
found "those who accepted an earlier proposal count for the next" '/^prepare(/,/^}/s/memset.*//'
found "what is accepted is not kept" '/^prepare(/,/^}/s/keep(t);//'
found "what is put in force is not kept" '/^put_in_force/,/^}/s/keep(t);//'
found "any other proposal goes before the one that is kept" '/^may_go_before/,/^}/s/return false;/return true;/; /^may_go_before/,/^}/s/!is_without(map, proposer(a))/false/'
found "a proposal goes before one that says that another host is dead" '/^may_go_before/,/^}/s/!is_without(map, first->hosts\[i\].id)/false/'
found "a map is taken of a host that is dead to us" '/^is_dead_to_us/,/^}/s/return .*/return a == NULL \&\& from == 0;/'
found "a proposal need not follow what is in force" '/^is_out_of_turn/,/^}/s/map_follows(map, now)/map->epoch == now->epoch + 1/'
found "an old proposal is accepted" '/^is_out_of_turn/,/^}/s/map_follows(map, now)/(map->epoch <= now->epoch + 1)/'
found "whatever is committed anywhere puts in force what is prepared" '/^on_commit/,/^}/s/is_named([^;]*))$/t->a->kept.n_prepared > 0)/'
found "anybody ends a proposal" '/^on_abort/,/^}/s/t->from != proposer(t->a) || !is_named(prepared(t->a), &t->m->name)/t->a->kept.n_prepared == 0/'
found "what has been in force is said to have been given up" '/^answer_prepared/,/^}/s/ || t->m->prepared.epoch != epoch_of(a->kept.in_force) + 1//'
found "who waits for a host that has forgotten is not told" '/^on_announce/,/^}/s/answer_prepared(t);//'
found "a proposal of before a restart binds its host" '/^agree_begin/,/^}/s/forget_last(a);/;/'
found "a fork is not seen" '/^look_at_name/,/^}/s/meet_fork(t);/;/'
found "a map of another past is taken" '/^on_map/,/^}/s/map_is_fork(map, now)/false/'
found "who is not dead to anybody is quarantined" '/^meet_fork/,/^}/s/is_without(in_force, t->from)/false/'
found "who is ahead is not asked" '/^look_at_name/,/^}/s/say(t, t->from, AGREE_ON_GET, now);/;/'
found "the map in force is exchanged for an earlier one" '/^on_get/,/^}/s/t->m->name.epoch < epoch_of(now)/now != NULL/; /^on_map/,/^}/s/map->epoch < epoch_of(now)/false/; /^on_map/,/^}/s/map->epoch > epoch_of(now)/true/'

done_testing

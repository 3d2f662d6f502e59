/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.c - model of clients that die at any step, and of a daemon that takes back what they held and may die of it too.
 *
 * Mirrors what slots.c, index.c and kv_put.c do for put, update, delete, move
 * and flush of two keys of one home, with the cells, op_entry and the home's
 * header; and of recover.c gs_recover_ctx, gs_recover_slot with look,
 * gs_recover_entries with kill_entry and gs_index_trim, in the order in
 * which recover of clients.c and the slow walk call them.  A daemon that dies
 * forgets where it was, and the next one begins anew.  At the end, when
 * everybody has ended or is recovered, the slow walk goes once over all.
 * The looks at the key in a slot are in publish.c, filter and kmax in stash.c.
 */
#include "life_model.h"

static bool
step(void *state, int who, const void *scenario, struct check_note *n)
{
	return who != AUDIT && life_step(state, who, scenario, n);
}

static const char *
judge(void *state, const void *scenario)
{
	return life_judge(state, scenario);
}

/* Not run alone: the daemon waits for a living client that lists what a dead one had. */
static const struct check_model model = { sizeof(struct state), PROCS, step, judge, 0 };

static void
holds(const char *name, const struct scenario *sc)
{
	struct state first;

	life_begin(&first, sc);
	check_holds(&model, &first, sc, name, 2500000);
}

static void
fails(const char *name, const char *broken, const struct scenario *sc)
{
	struct state first;

	life_begin(&first, sc);
	check_fails(&model, &first, sc, name, broken, 2500000);
}

#define OPS(...) .entries = 2, .ops = { __VA_ARGS__ }

int
main(void)
{
	holds("put; nobody else", &(struct scenario){ OPS("p"), .mortal = 1, .deaths = 2, .walks = 1 });
	holds("put; put", &(struct scenario){ OPS("p", "p"), .mortal = 1, .deaths = 1 });
	holds("put outside home; put", &(struct scenario){ OPS("p", "p"), .at = "1", .mortal = 1 });
	holds("update; update and flush", &(struct scenario){ OPS("p", "pf"), .at = "0", .mortal = 1, .deaths = 1 });
	holds("update; delete and put", &(struct scenario){ OPS("p", "dp"), .at = "0", .mortal = 1 });
	holds("delete; update", &(struct scenario){ OPS("d", "p"), .at = "0", .mortal = 1, .deaths = 1, .walks = 1 });
	holds("delete outside home; put", &(struct scenario){ OPS("d", "p"), .at = "10", .mortal = 1, .walks = 1 });
	holds("move; update", &(struct scenario){ OPS("m", "p"), .at = "0", .mortal = 1, .deaths = 1 });
	holds("move out; move out and in", &(struct scenario){ OPS("m", "mm"), .at = "0", .mortal = 1 });
	holds("update and flush; update of the other key", &(struct scenario){ OPS("pf", "P"), .at = "01", .mortal = 1, .deaths = 1 });
	holds("update; update; both may die", &(struct scenario){ OPS("p", "p"), .at = "0", .mortal = 3, .deaths = 1 });
	holds("put; put; both may die", &(struct scenario){ OPS("p", "p"), .mortal = 3 });
	holds("put; put, walk", &(struct scenario){ OPS("p", "p"), .mortal = 1, .walks = 1 });
	holds("delete; delete; not waited for", &(struct scenario){ OPS("d", "d"), .at = "0", .mortal = 1, .forgets = true });
	holds("update; update; not waited for", &(struct scenario){ OPS("p", "p"), .at = "0", .mortal = 1, .forgets = true });
	fails("no look at the index", "an entry names a slot that is not as it says",
	    &(struct scenario){ OPS("p", "p"), .at = "0", .mortal = 1, .walks = 1, .no_n = true });
	fails("no second look at the lists", "a slot is owned by one who does not have it alone",
	    &(struct scenario){ OPS("d", "d"), .at = "0", .depth = 1, .mortal = 1, .one_u = true });
	fails("no second look at W", "an entry names a slot that is not as it says",
	    &(struct scenario){ OPS("d", "dp"), .at = "0", .depth = 1, .mortal = 1, .blind_free = true });
	fails("listed only when it is owned", "a free slot has no bit, and nobody lists it",
	    &(struct scenario){ OPS("p", "p"), .mortal = 1, .late_list = true });
	fails("unlisted before the entry is there", "a slot is nobody's",
	    &(struct scenario){ OPS("p", "p"), .mortal = 1, .early_unlist = true });
	fails("the bitmap is believed, not W", "an entry names a slot that is not as it says",
	    &(struct scenario){ OPS("p", "P"), .at = "01", .walks = 1, .trust_bits = true });
	fails("op_entry is not looked at", "a slot is nobody's", &(struct scenario){ OPS("p"), .mortal = 1, .no_op = true });
	fails("only final entries count as the index", "an entry names a slot that is not as it says",
	    &(struct scenario){ OPS("p"), .mortal = 1, .no_op = true, .final_n = true });
	fails("a tentative entry is killed whatever it is by now", "a session was lost",
	    &(struct scenario){ OPS("p", "p"), .mortal = 1, .blind_kill = true });
	fails("a trim does not count tentative entries", "the header counts too few",
	    &(struct scenario){ OPS("p", "Pd"), .at = "1", .walks = 1, .no_tent = true });
	fails("a cell is cleared before its slot is settled", "a free slot has no bit, and nobody lists it",
	    &(struct scenario){ OPS("p", "p"), .mortal = 1, .deaths = 1, .clear_first = true });
	fails("a context is unused before it is recovered", "a free slot has no bit, and nobody lists it",
	    &(struct scenario){ OPS("p", "p"), .mortal = 1, .deaths = 1, .early_unused = true });
	fails("what a living client lists is forgotten, and there is no walk", "a slot is nobody's",
	    &(struct scenario){ OPS("d", "d"), .at = "0", .depth = 1, .mortal = 1, .forgets = true, .no_walk = true });
	return check_end();
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_journal.h"

#include "base/bits.h"

/* ---- the writer ---- */

uint64_t
torture_journal_next(const struct torture_key_journal *k)
{
	return gs_max_u64(torture_state_number(atomic_load(&k->acked)), atomic_load(&k->voided)) + 1;
}

uint64_t
torture_journal_intend(struct torture_key_journal *k, bool is_there)
{
	uint64_t acked = atomic_load(&k->acked), number = torture_journal_next(k);

	atomic_store(&k->intent, torture_state(number, torture_state_ends(acked) + (is_there ? 0 : 1), is_there));
	return number;
}

void
torture_journal_ack(struct torture_key_journal *k)
{
	atomic_store(&k->acked, atomic_load(&k->intent));
}

void
torture_journal_void(struct torture_key_journal *k)
{
	atomic_store(&k->voided, torture_state_number(atomic_load(&k->intent)));
}

bool
torture_journal_is_in_doubt(const struct torture_key_journal *k)
{
	uint64_t intent = torture_state_number(atomic_load(&k->intent));

	return intent > torture_state_number(atomic_load(&k->acked)) && intent > atomic_load(&k->voided);
}

/* ---- who looks ---- */

void
torture_journal_before(struct torture_key_journal *k, struct torture_before *b)
{
	uint64_t seen = atomic_load(&k->seen);

	/* In this order: numbers over acked that were voided before acked was read are void. */
	b->voided = atomic_load(&k->voided);
	b->acked = atomic_load(&k->acked);
	b->floor = torture_state_number(seen) > torture_state_number(b->acked) ? seen : b->acked;
}

/* From now on nobody sees anything earlier. */
static void
raise_seen(struct torture_key_journal *k, uint64_t state)
{
	uint64_t seen = atomic_load(&k->seen);

	while (torture_state_number(seen) < torture_state_number(state) && !atomic_compare_exchange_weak(&k->seen, &seen, state))
		;
}

enum torture_verdict
torture_journal_saw_value(struct torture_key_journal *k, const struct torture_before *b, uint64_t number)
{
	uint64_t intent = atomic_load(&k->intent), floor = torture_state_number(b->floor);

	if (number > torture_state_number(intent) || number == 0)
		return TORTURE_TORN;
	if (number > torture_state_number(b->acked) && number <= b->voided)
		return TORTURE_RESURRECTED;
	if (number < floor)
		return torture_state_is_there(b->floor) ? TORTURE_LOST : TORTURE_RESURRECTED;
	if ((number == floor && !torture_state_is_there(b->floor)) ||
	    (number == torture_state_number(intent) && !torture_state_is_there(intent)))
		return TORTURE_TORN;
	if (number == torture_state_number(intent))
		raise_seen(k, intent);
	return TORTURE_FINE;
}

enum torture_verdict
torture_journal_saw_it(struct torture_key_journal *k, const struct torture_before *b)
{
	uint64_t intent = atomic_load(&k->intent);

	/* Any write after the end of a session starts it. */
	if (torture_state_is_there(b->floor) ||
	    (torture_state_number(intent) > torture_state_number(b->floor) && torture_state_number(intent) > b->voided))
		return TORTURE_FINE;
	return TORTURE_RESURRECTED;
}

enum torture_verdict
torture_journal_saw_none(struct torture_key_journal *k, const struct torture_before *b)
{
	uint64_t intent = atomic_load(&k->intent);

	if (!torture_state_is_there(b->floor))
		return TORTURE_FINE;
	if (torture_state_ends(intent) == torture_state_ends(b->floor))
		return TORTURE_LOST;
	if (torture_state_number(intent) == torture_state_number(b->floor) + 1)
		raise_seen(k, intent);
	return TORTURE_FINE;
}

bool
torture_journal_stayed(const struct torture_key_journal *k, const struct torture_before *b)
{
	return torture_state_is_there(b->floor) && torture_state_ends(atomic_load(&k->intent)) == torture_state_ends(b->floor);
}

bool
torture_journal_stayed_away(const struct torture_key_journal *k, const struct torture_before *b)
{
	return !torture_state_is_there(b->floor) && torture_state_number(atomic_load(&k->intent)) <= gs_max_u64(torture_state_number(b->floor), b->voided);
}

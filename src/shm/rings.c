/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/rings.h"

#include <stdio.h>
#include <string.h>

#include "gsession.h"
#include "base/atomic.h"
#include "shm/region.h"

static uint32_t
word_of(const struct gs_table *t, uint32_t ring)
{
	return atomic_load_explicit(&t->ctl->ring[ring].state, memory_order_relaxed);
}

static void
set_word(struct gs_ring_cfg *r, uint32_t names, uint32_t state)
{
	/* release; pairs with the acquire in gs_table_ring_name, and in gs_table_has: the name is there, and the first pages */
	atomic_store_explicit(&r->state, gs_ring_word(names, state), memory_order_release);
}

static bool
is_unused(const struct gs_table *t, uint32_t ring)
{
	/* One on a disk belongs to the files that are there; a session that came late has to leave first. */
	return gs_ring_word_state(word_of(t, ring)) == GS_RING_ABSENT && t->ctl->store[ring][0] == '\0' &&
	    atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed) == 0;
}

uint32_t
gs_rings_unused(const struct gs_table *t)
{
	uint32_t found = GS_RING_NONE;

	for (uint32_t i = 0; i < t->n_rings; i++)
		if (is_unused(t, i) && (found == GS_RING_NONE || gs_ring_word_names(word_of(t, i)) < gs_ring_word_names(word_of(t, found))))
			found = i;
	return found;
}

int
gs_rings_make(struct gs_table *t, uint32_t ring, const char *name)
{
	struct gs_ring_cfg *r = &t->ctl->ring[ring];
	uint32_t names = gs_ring_word_names(word_of(t, ring)) + 1;
	char padded[GS_RING_NAME_BYTES] = "";
	int rc = 0;

	for (uint32_t i = 0; i < t->n_classes && rc == 0; i++) {
		struct gs_arena *a = gs_table_arena(t, ring, i);

		rc = gs_region_commit(a->fd, 0, (uint64_t)((unsigned char *)a->bitmap - (unsigned char *)a->map));
	}
	if (rc < 0)
		return rc;
	(void)snprintf(padded, sizeof(padded), "%s", name);
	r->kind = GS_RING_NORMAL;
	atomic_store_explicit(&t->ctl->given[ring].capacity, 0, memory_order_relaxed);
	atomic_store_explicit(&t->ctl->given[ring].reserve, 0, memory_order_relaxed);
	atomic_store_explicit(&r->capacity, 0, memory_order_relaxed);
	atomic_store_explicit(&r->reserve, 0, memory_order_relaxed);
	/* An id that was never used must not seem to be, before its name is there: 0 stays 0 until the end. */
	if (word_of(t, ring) != 0)
		set_word(r, names, GS_RING_ABSENT);
	/* Pairs with the fence in gs_table_ring_name: who reads of this name sees that it is not the one before. */
	gs_fence_release();
	gs_racy_store(r->name, padded, sizeof(padded));
	set_word(r, names, GS_RING_OFF);
	return 0;
}

void
gs_rings_set(struct gs_table *t, uint32_t ring, uint32_t state, uint32_t diameter)
{
	struct gs_ring_cfg *r = &t->ctl->ring[ring];

	atomic_store_explicit(&r->diameter, diameter, memory_order_relaxed);
	set_word(r, gs_ring_word_names(word_of(t, ring)), state);
}

void
gs_rings_drop(struct gs_table *t, uint32_t ring)
{
	atomic_store_explicit(&t->ctl->ring[ring].capacity, 0, memory_order_relaxed);
	atomic_store_explicit(&t->ctl->ring[ring].reserve, 0, memory_order_relaxed);
	set_word(&t->ctl->ring[ring], gs_ring_word_names(word_of(t, ring)), GS_RING_ABSENT);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/ctx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "shm/slots.h"

int
gs_ctx_init(struct gs_ctx *c, struct gs_table *t, uint32_t id)
{
	memset(c, 0, sizeof(*c));
	c->scratch = aligned_alloc(64, t->arena[t->n_classes - 1].slot_size);
	if (c->scratch == NULL)
		return GS_ENOMEM;
	c->id = id;
	c->pid = (uint32_t)getpid();
	c->uid = (uint32_t)geteuid();
	c->page = &t->ctx[id];
	c->page->magic = GS_CTX_MAGIC;
	/* Contexts begin to look for free slots at different places, so that they seldom meet. */
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		c->cursor[i] = id * 7;
	gs_slots_begin(c);
	return 0;
}

void
gs_ctx_init_reader(struct gs_ctx *c, struct gs_ctx_page *page)
{
	memset(c, 0, sizeof(*c));
	c->page = page;
	c->page->magic = GS_CTX_MAGIC;
	c->is_reader = true;
}

void
gs_ctx_fini(struct gs_ctx *c, struct gs_table *t)
{
	if (c->page != NULL)
		gs_slots_flush(t, c);
	free(c->scratch);
	memset(c, 0, sizeof(*c));
}

void
gs_ctx_add_totals(const struct gs_table *t, uint64_t count[GS_COUNTERS])
{
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);
	uint64_t largest = count[GS_COUNT_LARGEST];

	/* A page at a time: the same counter of all pages lies in the same set of the cache. */
	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++) {
		for (uint32_t n = 0; n < GS_COUNTERS; n++)
			count[n] += atomic_load_explicit(&t->ctx[i].count[n], memory_order_relaxed);
		largest = gs_max_u64(largest, atomic_load_explicit(&t->ctx[i].count[GS_COUNT_LARGEST], memory_order_relaxed));
	}
	count[GS_COUNT_LARGEST] = largest;
}

uint64_t
gs_ctx_total(const struct gs_table *t, enum gs_counter n)
{
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);
	uint64_t sum = 0, one;

	for (uint32_t i = 0; i < used && i < GS_MAX_CTX; i++) {
		one = atomic_load_explicit(&t->ctx[i].count[n], memory_order_relaxed);
		sum = n == GS_COUNT_LARGEST ? gs_max_u64(sum, one) : sum + one;
	}
	return sum;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/figures.h"

#include "base/bits.h"
#include "daemon/readers.h"
#include "shm/slots.h"

const struct figure figures[] = {
#define METRIC_OF_TOTAL(name) #name, FIGURE_TOTAL, ""
#define METRIC_OF_LONGEST(name) #name "_bytes", FIGURE_LONGEST, "bytes"
#define COUNTER(symbol, name, kind, text) { FIGURE_OF_COUNTER, GS_COUNT_##symbol, #name, METRIC_OF_##kind(name), text },
#include "base/counters.def"
#undef COUNTER
#define FIGURE(of, symbol, name, metric, kind, unit, text) { FIGURE_OF_##of, FIGURE_##symbol, #name, metric, FIGURE_##kind, unit, text },
#include "daemon/figures.def"
#undef FIGURE
	{ FIGURE_OF_HOST, FIGURES_IDS, NULL, NULL, FIGURE_GAUGE, NULL, NULL },
};

static const struct gs_table *
table_at(const struct figure_place *at)
{
	return at->m->tables[at->table].shm;
}

static uint32_t
ring_at(const struct figure_place *at)
{
	return gs_table_ring(table_at(at), at->m->conf.tables[at->table].rings[at->ring].name);
}

static const struct gs_arena *
arena_at(const struct figure_place *at)
{
	return &table_at(at)->arena[ring_at(at) * GS_MAX_CLASSES + at->slots];
}

bool
figures_are_there(enum figures_of of, const struct figure_place *at)
{
	switch (of) {
	case FIGURE_OF_HOST:
	case FIGURE_OF_COUNTER:
	case FIGURE_OF_TABLE:
		return true;
	case FIGURE_OF_RING:
		return ring_at(at) != GS_RING_NONE;
	case FIGURE_OF_SLOTS:
		return ring_at(at) != GS_RING_NONE && at->slots < table_at(at)->n_classes && gs_table_has(table_at(at), arena_at(at));
	case FIGURE_OF_STORE:
		return ring_at(at) != GS_RING_NONE && table_at(at)->ctl->store[ring_at(at)][0] != '\0';
	}
	return false;
}

static uint64_t
population(const struct gs_table *t, uint32_t ring)
{
	int64_t n = atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t
figures_population(const struct figure_place *at)
{
	uint32_t ring = ring_at(at);

	return ring == GS_RING_NONE ? 0 : population(table_at(at), ring);
}

uint32_t
figures_slot_size(const struct figure_place *at)
{
	return arena_at(at)->slot_size;
}

static uint64_t
committed_bytes(const struct gs_table *t, uint32_t ring)
{
	const struct gs_arena *a = &t->arena[ring * GS_MAX_CLASSES];
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < t->n_classes; i++) {
		if (gs_table_has(t, &a[i]))
			bytes += gs_slots_count_committed(&a[i]) * a[i].slot_size;
	}
	return bytes;
}

static uint64_t
waiting(const struct gs_table *t, uint32_t ring)
{
	const struct gs_arena *a = &t->arena[ring * GS_MAX_CLASSES];
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < t->n_classes; i++) {
		if (gs_table_has(t, &a[i]))
			n += gs_store_waiting(&a[i]);
	}
	return n;
}

/* Over all rings of the memory, be they in the configuration or not. */
static uint64_t
table_population(const struct gs_table *t)
{
	uint64_t sum = 0;
	uint32_t ring;

	for (ring = 0; ring < t->n_rings; ring++)
		sum += population(t, ring);
	return sum;
}

static uint64_t
table_committed_bytes(const struct gs_table *t)
{
	uint64_t sum = 0;
	uint32_t ring;

	for (ring = 0; ring < t->n_rings; ring++)
		sum += committed_bytes(t, ring);
	return sum;
}

static uint64_t
value(enum figures_id id, const struct figure_place *at)
{
	const struct manager *m = at->m;
	const struct gs_conf_ring *ring = &m->conf.tables[at->table].rings[at->ring];

	switch (id) {
	case FIGURE_CLIENTS:
		return m->n_clients;
	case FIGURE_READERS:
		return readers_count(m->readers);
	case FIGURE_RECOVERED:
		return m->clients_recovered;
	case FIGURE_LIARS:
		return m->clients_dropped;
	case FIGURE_SWEEPS:
		return m->sweeps;
	case FIGURE_SESSIONS:
		return table_population(table_at(at));
	case FIGURE_COMMITTED:
		return table_committed_bytes(table_at(at));
	case FIGURE_COUNT:
		return population(table_at(at), ring_at(at));
	case FIGURE_CAPACITY:
		return ring->capacity;
	case FIGURE_RESERVE:
		return ring->reserve;
	case FIGURE_OPEN:
		return atomic_load_explicit(&table_at(at)->ctl->ring[ring_at(at)].is_open, memory_order_relaxed);
	case FIGURE_EVICTED:
		return atomic_load_explicit(&table_at(at)->idx->population[ring_at(at)].evicted, memory_order_relaxed);
	case FIGURE_DROPPED:
		return atomic_load_explicit(&table_at(at)->idx->population[ring_at(at)].dropped, memory_order_relaxed);
	case FIGURE_RING_COMMITTED:
		return committed_bytes(table_at(at), ring_at(at));
	case FIGURE_SLOTS:
		return arena_at(at)->n_slots;
	case FIGURE_SLOTS_COMMITTED:
		return gs_slots_count_committed(arena_at(at));
	case FIGURE_WAITING:
		return waiting(table_at(at), ring_at(at));
	case FIGURE_SYNCS:
		return m->tables[at->table].sync.n_done;
	case FIGURES_IDS:
		break;
	}
	return 0;
}

uint64_t
figures_value(const struct figure *f, const struct figure_place *at)
{
	if (f->of == FIGURE_OF_COUNTER)
		return gs_ctx_total(table_at(at), (enum gs_counter)f->id);
	return value((enum figures_id)f->id, at);
}

uint64_t
figures_sum(const struct figure *f, const struct manager *m)
{
	struct figure_place at = { .m = m };
	uint64_t sum = 0, one;

	for (at.table = 0; at.table < m->conf.n_tables; at.table++) {
		one = figures_value(f, &at);
		sum = f->kind == FIGURE_LONGEST ? gs_max_u64(sum, one) : sum + one;
	}
	return sum;
}

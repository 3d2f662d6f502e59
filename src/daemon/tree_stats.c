/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include "base/bits.h"
#include "daemon/readers.h"
#include "shm/slots.h"

static const char *const counter_names[GS_COUNTERS] = {
#define COUNTER(symbol, name, text) #name,
#include "base/counters.def"
#undef COUNTER
};

static void
print_u64(FILE *to, const char *name, uint64_t n)
{
	(void)fprintf(to, "%s %llu\n", name, (unsigned long long)n);
}

/* The greatest value ever offered is no sum. */
static uint64_t
join(enum gs_counter counter, uint64_t a, uint64_t b)
{
	return counter == GS_COUNT_LARGEST ? gs_max_u64(a, b) : a + b;
}

static uint64_t
population(const struct gs_table *t, uint32_t ring)
{
	int64_t n = atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

static uint32_t
ring_id(const struct tree_place *p)
{
	return gs_table_ring(p->m->tables[p->table].shm, p->m->conf.tables[p->table].rings[p->ring].name);
}

static uint64_t
committed_slots(const struct gs_arena *a)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < a->n_segments; i++) {
		if (gs_slots_is_committed(a, i * a->seg_slots))
			n += a->seg_slots;
	}
	return n;
}

static uint64_t
committed_bytes(const struct gs_table *t, uint32_t ring)
{
	const struct gs_arena *a = &t->arena[ring * GS_MAX_CLASSES];
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < t->n_classes; i++) {
		if (gs_table_has(t, &a[i]))
			bytes += committed_slots(&a[i]) * a[i].slot_size;
	}
	return bytes;
}

void
tree_stats_total(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct manager *m = p->m;
	uint64_t sum;
	size_t i;
	int n;

	(void)offset;
	for (n = 0; n < GS_COUNTERS; n++) {
		sum = 0;
		for (i = 0; i < m->conf.n_tables; i++)
			sum = join((enum gs_counter)n, sum, gs_ctx_total(m->tables[i].shm, (enum gs_counter)n));
		print_u64(to, counter_names[n], sum);
	}
	print_u64(to, "clients", m->n_clients);
	print_u64(to, "readers", readers_count(m->readers));
	print_u64(to, "clients_recovered", m->clients_recovered);
	print_u64(to, "clients_dropped", m->clients_dropped);
	print_u64(to, "sweeps", m->sweeps);
}

void
tree_stats_table(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct gs_table *t = p->m->tables[p->table].shm;
	uint64_t sessions = 0, bytes = 0;
	uint32_t ring;
	int n;

	(void)offset;
	for (n = 0; n < GS_COUNTERS; n++)
		print_u64(to, counter_names[n], gs_ctx_total(t, (enum gs_counter)n));
	for (ring = 0; ring < t->n_rings; ring++) {
		sessions += population(t, ring);
		bytes += committed_bytes(t, ring);
	}
	print_u64(to, "sessions", sessions);
	print_u64(to, "committed_bytes", bytes);
}

void
tree_stats_ring(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct gs_table *t = p->m->tables[p->table].shm;
	const struct gs_arena *a;
	uint32_t ring = ring_id(p), i;
	uint64_t waiting = 0;

	(void)offset;
	if (ring == GS_RING_NONE)
		return;
	print_u64(to, "count", population(t, ring));
	print_u64(to, "capacity", p->m->conf.tables[p->table].rings[p->ring].capacity);
	print_u64(to, "reserve", p->m->conf.tables[p->table].rings[p->ring].reserve);
	print_u64(to, "reserve_open", atomic_load_explicit(&t->ctl->ring[ring].is_open, memory_order_relaxed));
	print_u64(to, "evicted", atomic_load_explicit(&t->idx->population[ring].evicted, memory_order_relaxed));
	print_u64(to, "dropped", atomic_load_explicit(&t->idx->population[ring].dropped, memory_order_relaxed));
	print_u64(to, "committed_bytes", committed_bytes(t, ring));
	for (i = 0; i < t->n_classes; i++) {
		a = &t->arena[ring * GS_MAX_CLASSES + i];
		if (!gs_table_has(t, a))
			continue;
		(void)fprintf(to, "slots_%u %u\n", a->slot_size, a->n_slots);
		(void)fprintf(to, "committed_slots_%u %llu\n", a->slot_size, (unsigned long long)committed_slots(a));
		waiting += gs_store_waiting(a);
	}
	if (t->ctl->store[ring][0] == '\0')
		return;
	print_u64(to, "waiting", waiting);
	print_u64(to, "syncs", p->m->tables[p->table].sync.n_done);
}

void
tree_stats_count(const struct tree_place *p, uint64_t offset, FILE *to)
{
	uint32_t ring = ring_id(p);

	(void)offset;
	(void)fprintf(to, "%llu\n",
	    ring == GS_RING_NONE ? 0ULL : (unsigned long long)population(p->m->tables[p->table].shm, ring));
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include "daemon/host.h"
#include "daemon/rings.h"

/* More than all figures of as many tables and rings as there can be. */
static char text[1 << 18];			/* large; one thread */

static void
give(const struct gs_append *a, FILE *to)
{
	(void)fwrite(a->out, 1, a->len < a->cap ? a->len : a->cap, to);
}

void
tree_stats_total(const struct tree_place *p, uint64_t offset, FILE *to)
{
	struct gs_append a = { .out = text, .cap = sizeof(text) };
	const struct gs_table *tables[GS_CONF_TABLES];
	struct gs_figures host;

	(void)offset;
	for (size_t i = 0; i < p->m->conf.n_tables; i++)
		tables[i] = p->m->tables[i].shm;
	host_figures(p->m, &host);
	gs_stats_print_total(tables, p->m->conf.n_tables, &host, &a);
	give(&a, to);
}

void
tree_stats_table(const struct tree_place *p, uint64_t offset, FILE *to)
{
	struct gs_append a = { .out = text, .cap = sizeof(text) };

	(void)offset;
	gs_stats_print_table(p->m->tables[p->table].shm, &a);
	give(&a, to);
}

void
tree_stats_ring(const struct tree_place *p, uint64_t offset, FILE *to)
{
	struct gs_append a = { .out = text, .cap = sizeof(text) };
	const struct gs_table *t = p->m->tables[p->table].shm;
	uint32_t id = gs_table_ring(t, p->m->conf.tables[p->table].rings[p->ring].name);

	(void)offset;
	/* One that is off may have no memory. */
	if (id != GS_RING_NONE)
		gs_stats_print_ring(t, id, &a);
	give(&a, to);
}

void
tree_stats_count(const struct tree_place *p, uint64_t offset, FILE *to)
{
	(void)offset;
	(void)fprintf(to, "%llu\n", (unsigned long long)rings_population(p->m, p->table, p->m->conf.tables[p->table].rings[p->ring].name));
}

void
tree_stats_metrics(const struct tree_place *p, uint64_t offset, FILE *to)
{
	static struct gs_stats_table tables[GS_CONF_TABLES];	/* large; one thread */
	struct gs_append a = { .out = text, .cap = sizeof(text) };
	struct gs_figures host;

	(void)offset;
	for (size_t i = 0; i < p->m->conf.n_tables; i++)
		gs_stats_look(p->m->tables[i].shm, &tables[i]);
	host_figures(p->m, &host);
	gs_stats_print_metrics(tables, p->m->conf.n_tables, &host, &a);
	give(&a, to);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/host.h"

#include "daemon/readers.h"

void
host_figures(const struct manager *m, struct gs_figures *out)
{
	out->of[GS_FIGURE_CLIENTS] = m->n_clients;
	out->of[GS_FIGURE_READERS] = readers_count(m->readers);
	out->of[GS_FIGURE_RECOVERED] = m->clients_recovered;
	out->of[GS_FIGURE_LIARS] = m->clients_dropped;
	out->of[GS_FIGURE_SWEEPS] = m->sweeps;
}

static void
tell(struct gs_host_told *told, const struct gs_figures *f, uint32_t n_tables, uint32_t place)
{
	atomic_store_explicit(&told->clients, f->of[GS_FIGURE_CLIENTS], memory_order_relaxed);
	atomic_store_explicit(&told->readers, f->of[GS_FIGURE_READERS], memory_order_relaxed);
	atomic_store_explicit(&told->recovered, f->of[GS_FIGURE_RECOVERED], memory_order_relaxed);
	atomic_store_explicit(&told->liars, f->of[GS_FIGURE_LIARS], memory_order_relaxed);
	atomic_store_explicit(&told->sweeps, f->of[GS_FIGURE_SWEEPS], memory_order_relaxed);
	atomic_store_explicit(&told->n_tables, n_tables, memory_order_relaxed);
	atomic_store_explicit(&told->place, place, memory_order_relaxed);
}

void
host_tell(const struct manager *m)
{
	struct gs_figures f;

	host_figures(m, &f);
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			tell(&m->tables[i].shm->ctl->host, &f, (uint32_t)m->conf.n_tables, (uint32_t)i);
}

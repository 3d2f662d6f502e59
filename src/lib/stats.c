/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/stats.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/handle.h"

enum { TABLES_MAX = 64, KIN_TRIES = 100 };	/* more than an instance has; than its daemon takes to store a number */

static int
check(const struct gs *gs)
{
	const struct gs_ctl_hdr *ctl = gs->t->ctl;

	/* acquire; pairs with the releases in manager_purge and gs_store_forget */
	if (atomic_load_explicit(&ctl->retired, memory_order_acquire) != gs->t->retired)
		return GS_EGONE;
	return atomic_load_explicit(&ctl->host.n_tables, memory_order_relaxed) == 0 ? GS_EVERSION : 0;
}

/* What is counted lies in the pages of those who count, which a reader is not given. */
static int
check_counters(const struct gs *gs)
{
	int rc = check(gs);

	return rc == 0 && gs->t->ctx == NULL ? GS_EPERM : rc;
}

static ssize_t
end(struct gs_append *a)
{
	gs_append_end(a);
	return (ssize_t)a->len;
}

static int
print_ring(const struct gs *gs, const char *ring, struct gs_append *to)
{
	uint32_t id = gs_table_ring(gs->t, ring);

	if (id == GS_RING_NONE)
		return GS_ENOENT;
	gs_stats_print_ring(gs->t, id, to);
	return 0;
}

ssize_t
gs_stats(struct gs *gs, const char *ring, char *out, size_t cap)
{
	struct gs_append a = { .out = out, .cap = cap };
	int rc = ring == NULL ? check_counters(gs) : check(gs);

	if (out == NULL && cap > 0)
		return GS_EINVAL;
	if (rc == 0 && ring != NULL)
		rc = print_ring(gs, ring, &a);
	else if (rc == 0)
		gs_stats_print_table(gs->t, &a);
	return rc < 0 ? rc : end(&a);
}

/* Are they of one instance? A daemon counts in all of its tables what its settings say, one after the other: then once more. */
static bool
are_kin(struct gs *const *gs, size_t n)
{
	size_t i = 0;

	for (int tries = 0; tries < KIN_TRIES && i < n; tries++)
		for (i = 1; i < n && gs_control_epoch(gs[i]) == gs_control_epoch(gs[0]);)
			i++;
	return i >= n && gs_control_epoch(gs[0]) != 0;
}

/* The tables of handles, in the daemon's order; 0, or GS_ENOENT when they are not all of one instance. */
static int
put_in_order(struct gs *const *gs, size_t n, const struct gs_table *out[TABLES_MAX])
{
	uint32_t place;
	int rc;

	if (n == 0 || n > TABLES_MAX)
		return n == 0 ? GS_ENOENT : GS_EINVAL;
	memset(out, 0, n * sizeof(*out));
	for (size_t i = 0; i < n; i++) {
		const struct gs_ctl_hdr *ctl = gs[i]->t->ctl;

		rc = check_counters(gs[i]);
		if (rc < 0)
			return rc;
		place = atomic_load_explicit(&ctl->host.place, memory_order_relaxed);
		if (atomic_load_explicit(&ctl->host.n_tables, memory_order_relaxed) != n || place >= n || out[place] != NULL)
			return GS_ENOENT;
		out[place] = gs[i]->t;
	}
	return are_kin(gs, n) ? 0 : GS_ENOENT;
}

ssize_t
gs_stats_all(struct gs *const *gs, size_t n, char *out, size_t cap)
{
	struct gs_append a = { .out = out, .cap = cap };
	const struct gs_table *tables[TABLES_MAX];
	struct gs_figures host;
	int rc = out == NULL && cap > 0 ? GS_EINVAL : put_in_order(gs, n, tables);

	if (rc < 0)
		return rc;
	gs_stats_host(tables[0], &host);
	gs_stats_print_total(tables, n, &host, &a);
	return end(&a);
}

ssize_t
gs_metrics(struct gs *const *gs, size_t n, char *out, size_t cap)
{
	struct gs_append a = { .out = out, .cap = cap };
	const struct gs_table *tables[TABLES_MAX];
	struct gs_stats_table *looks;
	struct gs_figures host;
	int rc = out == NULL && cap > 0 ? GS_EINVAL : put_in_order(gs, n, tables);

	if (rc < 0)
		return rc;
	looks = malloc(n * sizeof(*looks));
	if (looks == NULL)
		return GS_ENOMEM;
	for (size_t i = 0; i < n; i++)
		gs_stats_look(tables[i], &looks[i]);
	gs_stats_host(tables[0], &host);
	gs_stats_print_metrics(looks, n, &host, &a);
	free(looks);
	return end(&a);
}

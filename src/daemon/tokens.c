/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tokens.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/events.h"
#include "daemon/manager.h"
#include "shm/bond.h"

enum { ROUND_NS = 20 * 1000 * 1000, NO_PARENT = -1 };

struct tokens {
	struct manager *m;
	int timer_fd;
	int parent[GS_CONF_TABLES];		/* of each table: which one, or NO_PARENT */
};

static int
parent_of(const struct manager *m, size_t table)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (strcmp(m->conf.tables[i].name, m->conf.tables[table].parent) == 0)
			return (int)i;
	return NO_PARENT;
}

/* What the daemon before us had taken is not known. */
static bool
begin(struct tokens *k)
{
	bool is_any = false;

	for (size_t i = 0; i < k->m->conf.n_tables; i++) {
		k->parent[i] = parent_of(k->m, i);
		if (k->parent[i] != NO_PARENT)
			gs_bond_mark_all(k->m->tables[i].shm);
		is_any = is_any || k->parent[i] != NO_PARENT;
	}
	return is_any;
}

int
tokens_open(struct tokens **out, struct manager *m, int epoll_fd, uint64_t tag)
{
	const struct itimerspec period = { { 0, ROUND_NS }, { 0, ROUND_NS } };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };
	struct tokens *k = calloc(1, sizeof(*k));

	*out = NULL;
	if (k == NULL)
		return GS_ENOMEM;
	k->m = m;
	if (!begin(k)) {
		free(k);
		return 0;
	}
	k->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	*out = k;
	if (k->timer_fd >= 0 && timerfd_settime(k->timer_fd, 0, &period, NULL) == 0 &&
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, k->timer_fd, &ev) == 0)
		return 0;
	tokens_free(out);
	return GS_ESYSTEM;
}

void
tokens_free(struct tokens **kp)
{
	struct tokens *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	if (k->timer_fd >= 0)
		(void)close(k->timer_fd);
	free(k);
}

/* The tokens of one table, by the bits of its parent and its own. */
static void
pass(struct tokens *k, size_t table, const struct gs_bond_set *of_parent, bool is_any)
{
	struct manager_table *mt = &k->m->tables[table], *parent = &k->m->tables[k->parent[table]];
	struct gs_bond b = {
		.tokens = mt->shm, .parent = parent->shm, .c = &mt->ctx, .parent_c = &parent->ctx,
		.now_ms = gs_table_now_ms(mt->shm), .parent_now_ms = gs_table_now_ms(parent->shm),
		.orphan_ttl_ms = k->m->conf.tables[table].orphan_ttl_ms, .wall_ns = gs_clock_wall_ns(),
	};
	struct gs_bond_set set = *of_parent;

	if (!gs_bond_take(mt->shm, &set) && !is_any)
		return;
	gs_bond_pass(&b, &set);
	if (b.n_ended + b.n_orphaned > 0)
		events_add_often(k->m->events, "unbound", "table=%s ended=%llu orphaned=%llu", mt->shm->name, (unsigned long long)b.n_ended,
		    (unsigned long long)b.n_orphaned);
}

void
tokens_round(struct tokens *k)
{
	uint64_t n;

	if (read(k->timer_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	for (size_t p = 0; p < k->m->conf.n_tables; p++) {
		struct gs_bond_set set = { { 0 } };
		bool is_any;

		/* What tokens say of themselves is taken with what their parent says. */
		if (k->parent[p] != NO_PARENT)
			continue;
		is_any = gs_bond_take(k->m->tables[p].shm, &set);
		for (size_t i = 0; i < k->m->conf.n_tables; i++)
			if (k->parent[i] == (int)p)
				pass(k, i, &set, is_any);
	}
}

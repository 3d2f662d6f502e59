/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/rings.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/events.h"
#include "prog/log.h"
#include "shm/rings.h"
#include "shm/stats.h"

/* ---- from the configuration to the memory ---- */

uint64_t
rings_population(const struct manager *m, size_t table, const char *name)
{
	const struct gs_table *t = m->tables[table].shm;
	uint32_t id = gs_table_ring(t, name);

	return id == GS_RING_NONE ? 0 : gs_stats_population(t, id);
}

static void
rearm(struct gs_ring_cfg *r)
{
	atomic_store_explicit(&r->rearm, 1, memory_order_relaxed);
}

static void
apply_given(struct gs_table *t, uint32_t id, const struct gs_conf_ring *from)
{
	atomic_store_explicit(&t->ctl->given[id].capacity, from->capacity, memory_order_relaxed);
	atomic_store_explicit(&t->ctl->given[id].reserve, from->reserve, memory_order_relaxed);
}

/* Nothing comes in, and what is there goes. */
static void
apply_off(struct manager_table *mt, const struct gs_conf_table *c, size_t ring)
{
	uint32_t id = gs_table_ring(mt->shm, c->rings[ring].name), state = c->rings[ring].state == GS_CONF_STATE_OFF ? GS_RING_OFF : GS_RING_DRAINING;
	struct gs_ring_cfg *r;

	if (id == GS_RING_NONE)
		return;
	r = &mt->shm->ctl->ring[id];
	apply_given(mt->shm, id, &c->rings[ring]);
	atomic_store_explicit(&r->capacity, 0, memory_order_relaxed);
	atomic_store_explicit(&r->reserve, 0, memory_order_relaxed);
	/* Before the ring inwards is the outermost one: at no moment does anything expire from here. */
	atomic_store_explicit(&r->decay_to, gs_table_ring(mt->shm, c->rings[gs_conf_drains_to(c, ring)].name), memory_order_relaxed);
	atomic_store_explicit(&r->promote, (uint32_t)c->rings[ring].promote, memory_order_relaxed);
	atomic_store_explicit(&r->promote_to, GS_PROMOTE_TO_INNERMOST, memory_order_relaxed);
	atomic_store_explicit(&r->on_full, GS_ON_FULL_REFUSE, memory_order_relaxed);
	if (gs_table_ring_state(mt->shm, id) != state)
		rearm(r);
	gs_rings_set(mt->shm, id, state, (uint32_t)ring);
	shrink_hurry(&mt->shrink, id);
}

void
rings_rearm(struct manager_table *mt)
{
	for (uint32_t id = 0; id < mt->shm->n_rings; id++)
		rearm(&mt->shm->ctl->ring[id]);
}

/* Did the rules change by which sessions leave? First: a daemon that dies after the first rule leaves the others for the next one, and this. */
static void
note_rules(struct manager_table *mt, uint32_t id, const struct gs_conf_ring *from, uint32_t decay_to)
{
	struct gs_ring_cfg *r = &mt->shm->ctl->ring[id];

	if (atomic_load_explicit(&r->ttl_ms, memory_order_relaxed) != from->ttl_ms ||
	    atomic_load_explicit(&r->half_life_ms, memory_order_relaxed) != from->half_life_ms ||
	    atomic_load_explicit(&r->decay_to, memory_order_relaxed) != decay_to || gs_table_ring_state(mt->shm, id) != GS_RING_ON)
		rearm(r);
	if (from->capacity + from->reserve < atomic_load_explicit(&r->capacity, memory_order_relaxed) +
	    atomic_load_explicit(&r->reserve, memory_order_relaxed))
		shrink_hurry(&mt->shrink, id);
}

static void
apply_on(struct manager_table *mt, const struct gs_conf_table *c, size_t ring)
{
	const struct gs_conf_ring *from = &c->rings[ring];
	uint32_t id = gs_table_ring(mt->shm, from->name), decay_to;
	struct gs_ring_cfg *to;

	if (id == GS_RING_NONE)
		return;
	to = &mt->shm->ctl->ring[id];
	decay_to = strcmp(from->decay_to, "none") == 0 ? GS_RING_NONE : gs_table_ring(mt->shm, from->decay_to);
	apply_given(mt->shm, id, from);
	note_rules(mt, id, from, decay_to);
	/* relaxed; each is a rule on its own, clients read it whenever they judge */
	atomic_store_explicit(&to->ttl_ms, from->ttl_ms, memory_order_relaxed);
	atomic_store_explicit(&to->half_life_ms, from->half_life_ms, memory_order_relaxed);
	atomic_store_explicit(&to->promote, (uint32_t)from->promote, memory_order_relaxed);
	atomic_store_explicit(&to->promote_to, (uint16_t)from->promote_to, memory_order_relaxed);
	atomic_store_explicit(&to->on_full, (uint32_t)from->on_full, memory_order_relaxed);
	/* Behind ttl: what was outermost until now does not end by the ttl before. */
	atomic_store_explicit(&to->decay_to, decay_to, memory_order_relaxed);
	atomic_store_explicit(&to->capacity, from->capacity, memory_order_relaxed);
	atomic_store_explicit(&to->reserve, from->reserve, memory_order_relaxed);
	gs_rings_set(mt->shm, id, GS_RING_ON, (uint32_t)ring);
}

/* Make what the memory does not have, as after a start that follows a kill, or a file with a ring more. */
static void
make_missing(struct manager_table *mt, const struct gs_conf_table *c)
{
	for (size_t i = 0; i < c->n_rings; i++) {
		const char *name = c->rings[i].name;
		uint32_t id;
		int rc = 0;

		if (gs_table_ring(mt->shm, name) != GS_RING_NONE)
			continue;
		id = gs_rings_unused(mt->shm);
		rc = id == GS_RING_NONE ? GS_ERANGE : gs_rings_make(mt->shm, id, name);
		if (rc < 0)
			log_warnx("table %s: ring %s cannot be made: %s", c->name, name, gs_strerror(rc));
	}
}

static void
drop_others(struct manager_table *mt, const struct gs_conf_table *c)
{
	uint32_t outermost = gs_table_ring(mt->shm, c->rings[gs_conf_chain(c) - 1].name);
	char name[GS_RING_NAME_BYTES];

	for (uint32_t id = 0; id < mt->shm->n_rings; id++) {
		if (!gs_table_ring_name(mt->shm, id, name) || gs_conf_ring(c, name) < c->n_rings)
			continue;
		atomic_store_explicit(&mt->shm->ctl->ring[id].decay_to, outermost, memory_order_relaxed);
		gs_rings_drop(mt->shm, id);
		shrink_hurry(&mt->shrink, id);
	}
}

void
rings_apply(struct manager *m, size_t table)
{
	struct manager_table *mt = &m->tables[table];
	const struct gs_conf_table *c = &m->conf.tables[table];

	if (mt->shm == NULL)
		return;
	make_missing(mt, c);
	/* What is switched off first, and the others from outside: whoever decays finds a ring that is there. */
	for (size_t i = c->n_rings; i-- > 0;)
		if (c->rings[i].state != GS_CONF_STATE_ON)
			apply_off(mt, c, i);
	for (size_t i = c->n_rings; i-- > 0;)
		if (c->rings[i].state == GS_CONF_STATE_ON)
			apply_on(mt, c, i);
	drop_others(mt, c);
}

/* ---- what may become of a memory ---- */

#define REMEDY "give the old value back, or, to lose the sessions, gsessiond --purge"

/* A ring that the configuration does not have may go when there is nothing in it. */
static int
check_others(const struct gs_table *t, const struct gs_conf_table *c, char why[GS_CONF_WHY_BYTES])
{
	char name[GS_RING_NAME_BYTES];

	for (uint32_t id = 0; id < t->n_rings; id++)
		if (gs_table_ring_name(t, id, name) && gs_conf_ring(c, name) == c->n_rings && gs_stats_population(t, id) > 0)
			return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has a ring %s, the configuration has none: " REMEDY, c->name, name);
	return 0;
}

static int
check_ring(const struct gs_table *t, const struct gs_conf_table *c, const struct gs_conf_ring *r, char why[GS_CONF_WHY_BYTES])
{
	uint32_t id = gs_table_ring(t, r->name);

	if (id == GS_RING_NONE && strncmp(r->store, "file:", 5) == 0)
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has no ring %s, and one that is added to it is no file: " REMEDY, c->name,
		    r->name);
	if (id == GS_RING_NONE && gs_rings_unused(t) == GS_RING_NONE)
		return gs_conf_refuse(GS_EINVAL, why, "table %s: the memory has no ring %s, nor room for one more: " REMEDY, c->name, r->name);
	if (id != GS_RING_NONE && r->capacity + r->reserve > t->arena[id * GS_MAX_CLASSES].n_slots)
		return gs_conf_refuse(GS_ERANGE, why, "table %s: ring %s: the memory was made for %" PRIu32 " sessions, not %" PRIu64 ": " REMEDY,
		    c->name, r->name, t->arena[id * GS_MAX_CLASSES].n_slots, r->capacity + r->reserve);
	return 0;
}

int
rings_check(const struct gs_table *t, const struct gs_conf_table *c, char why[GS_CONF_WHY_BYTES])
{
	int rc = 0;

	for (size_t i = 0; i < c->n_rings && rc == 0; i++)
		rc = check_ring(t, c, &c->rings[i], why);
	return rc < 0 ? rc : check_others(t, c, why);
}

/* ---- by hand ---- */

int
rings_make(struct manager *m, size_t table, const char *name, char why[GS_CONF_WHY_BYTES])
{
	static struct gs_conf next;		/* large; one thread */
	struct gs_table *t = m->tables[table].shm;
	uint32_t id = gs_rings_unused(t);
	int rc;

	next = m->conf;
	rc = gs_conf_add_ring(&next.tables[table], name, why);
	if (rc == 0)
		rc = gs_conf_check(&next, why);
	if (rc < 0)
		return rc;
	if (id == GS_RING_NONE)
		return gs_conf_refuse(GS_EBUSY, why, "no ring can be made now: the memory of each that was removed has still sessions that came late");
	/* Killed behind this: a ring that no configuration has, and nobody is in, is dropped at the next start. */
	rc = gs_rings_make(t, id, name);
	if (rc < 0)
		return gs_conf_refuse(rc, why, "ring %s: %s", name, gs_strerror(rc));
	m->conf = next;
	manager_apply(m, table, 0);
	return 0;
}

int
rings_remove(struct manager *m, size_t table, size_t ring, char why[GS_CONF_WHY_BYTES])
{
	static struct gs_conf next;		/* large; one thread */
	const struct gs_conf_ring *r = &m->conf.tables[table].rings[ring];
	uint64_t n = rings_population(m, table, r->name);
	int rc;

	next = m->conf;
	rc = gs_conf_remove_ring(&next.tables[table], ring, why);
	if (rc == 0)
		rc = gs_conf_check(&next, why);
	if (rc < 0)
		return rc;
	if (strncmp(r->store, "file:", 5) == 0)
		return gs_conf_refuse(GS_EPERM, why, "ring %s lies on a disk: take it out of the configuration file, and give the memory up", r->name);
	if (n > 0)
		return gs_conf_refuse(GS_EBUSY, why, "ring %s has %" PRIu64 " sessions that came late: the sweep moves them, try again", r->name, n);
	m->conf = next;
	manager_apply(m, table, 0);
	return 0;
}

int
rings_switch(const struct manager *m, struct gs_conf *next, size_t table, size_t ring, uint64_t state, char why[GS_CONF_WHY_BYTES])
{
	const struct gs_conf_ring *r = &next->tables[table].rings[ring];
	uint64_t n = rings_population(m, table, r->name);

	if (state == GS_CONF_STATE_OFF && n > 0)
		return gs_conf_refuse(GS_EBUSY, why, "ring %s has %" PRIu64 " sessions: echo draining > state moves them out, then it is off", r->name, n);
	return gs_conf_switch_ring(&next->tables[table], ring, state, why);
}

static void
finish_drained(struct manager *m, size_t table)
{
	struct gs_conf_table *c = &m->conf.tables[table];

	for (size_t i = 0; i < c->n_rings; i++) {
		if (c->rings[i].state != GS_CONF_STATE_DRAINING || rings_population(m, table, c->rings[i].name) > 0)
			continue;
		c->rings[i].state = GS_CONF_STATE_OFF;
		manager_apply(m, table, 0);
		events_add(m->events, "drained", "table=%s ring=%s", c->name, c->rings[i].name);
	}
}

void
rings_tick(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			finish_drained(m, i);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/paths.h"
#include "conf/conf_impl.h"
#include "gsession.h"

#define USUAL_CAPACITY 8192		/* of a ring that is added, where the index has room for so many */

size_t
gs_conf_ring(const struct gs_conf_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n_rings; i++)
		if (strcmp(t->rings[i].name, name) == 0)
			break;
	return i;
}

static bool
is_on(const struct gs_conf_ring *r)
{
	return !r->is_suspect && r->state == GS_CONF_STATE_ON;
}

size_t
gs_conf_chain(const struct gs_conf_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_rings; i++)
		n += is_on(&t->rings[i]);
	return n;
}

/* Move ring `from` of out to the place `to`, which is not behind it. */
static void
bring_forward(struct gs_conf_table *t, size_t from, size_t to)
{
	const struct gs_conf_ring moved = t->rings[from];

	memmove(&t->rings[to + 1], &t->rings[to], (from - to) * sizeof(moved));
	t->rings[to] = moved;
}

void
gs_conf_order_rings(struct gs_conf_table *t)
{
	size_t n = 0, next = gs_conf_ring(t, "active"), i;

	/* Along decay_to from active; whatever is on and not reached comes next, for the check to find. */
	while (next >= n && next < t->n_rings && is_on(&t->rings[next])) {
		bring_forward(t, next, n);
		next = gs_conf_ring(t, t->rings[n++].decay_to);
	}
	for (i = n; i < t->n_rings; i++)
		if (is_on(&t->rings[i]))
			bring_forward(t, i, n++);
	for (i = n; i < t->n_rings; i++)
		if (!t->rings[i].is_suspect)
			bring_forward(t, i, n++);
}

size_t
gs_conf_drains_to(const struct gs_conf_table *t, size_t ring)
{
	size_t n = gs_conf_chain(t), next = ring;

	for (size_t hops = 0; hops < t->n_rings && next < t->n_rings; hops++) {
		next = gs_conf_ring(t, t->rings[next].decay_to);
		if (next < n)
			return next;
	}
	/* It was the outermost one, or is not in any chain: inwards, to what is outermost now. */
	return n - 1;
}

static int
check_name(const struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES])
{
	char quoted[GS_CONF_TEXT_BYTES];

	(void)gs_conf_quote(quoted, sizeof(quoted), name);
	if (!gs_name_is_valid(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": a name is 1 to 31 of a-z 0-9 _ . - and begins with none of . -", quoted);
	if (strcmp(name, "none") == 0 || gs_conf_is_reserved(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": any name but none and those of control files", quoted);
	if (gs_conf_ring(t, name) < t->n_rings)
		return gs_conf_refuse(GS_EEXIST, why, "\"%s\": table %s has a ring of this name", quoted, t->name);
	if (t->n_rings == GS_CONF_RINGS)
		return gs_conf_refuse(GS_ERANGE, why, "\"%s\": at most %d rings, suspect too, and table %s has as many", quoted, GS_CONF_RINGS,
		    t->name);
	return 0;
}

/* What the index has room for beside the rings that are there. */
static uint64_t
spare_sessions(const struct gs_conf_table *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n_rings; i++)
		sum += t->rings[i].state == GS_CONF_STATE_OFF ? 0 : t->rings[i].capacity + t->rings[i].reserve;
	return gs_sub_sat(t->max_sessions, sum);
}

int
gs_conf_add_ring(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES])
{
	const struct gs_conf_ring *last;
	struct gs_conf_ring *r;
	int rc = check_name(t, name, why);

	if (rc < 0)
		return rc;
	last = &t->rings[gs_conf_chain(t) - 1];
	r = &t->rings[t->n_rings++];
	gs_conf_init_ring(r, name);
	r->state = GS_CONF_STATE_OFF;
	r->ttl_ms = last->ttl_ms;
	r->half_life_ms = last->half_life_ms;
	r->capacity = gs_max_u64(1, gs_min_u64(USUAL_CAPACITY, spare_sessions(t)));
	gs_conf_order_rings(t);
	return 0;
}

int
gs_conf_remove_ring(struct gs_conf_table *t, size_t ring, char why[GS_CONF_WHY_BYTES])
{
	const struct gs_conf_ring *r = &t->rings[ring];

	if (ring == 0 || r->is_suspect)
		return gs_conf_refuse(GS_EPERM, why, "ring %s stays: no table is without it", r->name);
	if (r->state != GS_CONF_STATE_OFF)
		return gs_conf_refuse(GS_EBUSY, why, "ring %s is %s: echo draining > state, and wait until it is off", r->name,
		    r->state == GS_CONF_STATE_ON ? "on" : "draining");
	for (size_t i = 0; i < t->n_rings; i++)
		if (i != ring && strcmp(t->rings[i].decay_to, r->name) == 0)
			gs_conf_copy_name(t->rings[i].decay_to, r->decay_to);
	memmove(&t->rings[ring], &t->rings[ring + 1], (t->n_rings - ring - 1) * sizeof(*r));
	memset(&t->rings[--t->n_rings], 0, sizeof(*r));
	return 0;
}

/* Take a ring into the chain: what decayed to where it decays to decays to it. */
static int
switch_on(struct gs_conf_table *t, size_t ring, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_ring *r = &t->rings[ring];
	size_t n = gs_conf_chain(t), inner;

	for (inner = 0; inner < n && strcmp(t->rings[inner].decay_to, r->decay_to) != 0; inner++)
		;
	if (inner == n)
		return gs_conf_refuse(GS_EINVAL, why, "\"decay_to = %s\" of ring %s: a ring that is on, and not active, or none", r->decay_to, r->name);
	gs_conf_copy_name(t->rings[inner].decay_to, r->name);
	r->state = GS_CONF_STATE_ON;
	return 0;
}

/* Take a ring out of the chain. */
static int
switch_off(struct gs_conf_table *t, size_t ring, uint64_t state, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_ring *r = &t->rings[ring], *inner = &t->rings[ring - 1];

	if (strcmp(r->decay_to, "none") == 0 && state == GS_CONF_STATE_DRAINING &&
	    (inner->ttl_ms < r->ttl_ms || inner->half_life_ms < r->half_life_ms))
		return gs_conf_refuse(GS_ERANGE, why, "ring %s is the outermost: its sessions go to %s, whose ttl and half_life would end some of "
		    "them: give it those of %s first", r->name, inner->name, r->name);
	gs_conf_copy_name(inner->decay_to, r->decay_to);
	r->state = state;
	return 0;
}

int
gs_conf_switch_ring(struct gs_conf_table *t, size_t ring, uint64_t state, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_ring *r = &t->rings[ring];
	int rc = 0;

	if (state == r->state)
		return 0;
	if (ring == 0 || r->is_suspect)
		return gs_conf_refuse(GS_EPERM, why, "ring %s is always on", r->name);
	if (state == GS_CONF_STATE_ON)
		rc = switch_on(t, ring, why);
	else if (r->state == GS_CONF_STATE_ON)
		rc = switch_off(t, ring, state, why);
	else
		r->state = state;
	if (rc == 0)
		gs_conf_order_rings(t);
	return rc;
}

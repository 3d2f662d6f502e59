/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/spec.h"

#include <stdio.h>
#include <string.h>

#include "gsession.h"
#include "base/bits.h"
#include "policy/decay.h"

#define SLOT_BYTES_MIN 256	/* a header and a short key and value; gs_table_open() wants no less */

_Static_assert((int)GS_CONF_RINGS <= (int)GS_MAX_RINGS && (int)GS_CONF_CLASSES <= (int)GS_MAX_CLASSES,
    "what can be configured fits the memory");
_Static_assert((int)GS_CONF_NAME_BYTES == (int)GS_RING_NAME_BYTES, "names have one length");
_Static_assert((int)GS_CONF_PROMOTE_NEVER == (int)GS_PROMOTE_NEVER && (int)GS_CONF_PROMOTE_ACCESS == (int)GS_PROMOTE_ACCESS &&
    (int)GS_CONF_PROMOTE_SECOND == (int)GS_PROMOTE_SECOND,
    "promote has the same values in both");

static void
spec_slots(struct gs_table_spec *out, const struct gs_conf_table *c)
{
	uint32_t greatest = gs_table_slot_bytes((uint32_t)c->key_max, GS_OWNER_BYTES, (uint32_t)c->record_size);
	uint32_t last = 0;
	size_t i;

	for (i = 0; i < GS_CONF_CLASSES && c->slot_sizes[i] != 0 && out->n_classes < GS_MAX_CLASSES - 1; i++) {
		uint64_t size = gs_align_up(gs_max_u64(c->slot_sizes[i], SLOT_BYTES_MIN), 64);

		if (size >= greatest)
			break;
		if (size <= last)
			continue;
		last = (uint32_t)size;
		out->slot_size[out->n_classes++] = last;
	}
	out->slot_size[out->n_classes++] = greatest;
}

static uint32_t
ring_index(const struct gs_conf_table *c, const char *name)
{
	uint32_t i;

	for (i = 0; i < c->n_rings; i++)
		if (strcmp(c->rings[i].name, name) == 0)
			return i;
	return GS_RING_NONE;
}

static void
spec_ring(struct gs_ring_spec *out, const struct gs_conf_table *c, const struct gs_conf_ring *r)
{
	memcpy(out->name, r->name, sizeof(out->name));
	out->kind = r->is_suspect ? GS_RING_SUSPECT : GS_RING_NORMAL;
	out->promote = (uint32_t)r->promote;
	out->ttl_ms = r->ttl_ms;
	out->half_life_ms = r->half_life_ms;
	out->capacity = r->capacity;
	out->reserve = r->reserve;
	out->decay_to = ring_index(c, r->decay_to);
	if (strncmp(r->store, "file:", 5) == 0)
		(void)snprintf(out->store, sizeof(out->store), "%s", r->store + 5);
	/* Suspects neither decay nor leave by ttl, only by their lifetime. */
	if (r->is_suspect) {
		out->ttl_ms = GS_DURATION_MAX;
		out->decay_to = GS_RING_NONE;
	}
}

void
spec_from_conf(struct gs_table_spec *out, const struct gs_conf_table *c)
{
	size_t i;

	*out = (struct gs_table_spec){
		.record_size = (uint32_t)c->record_size,
		.key_max = (uint32_t)c->key_max,
		.max_sessions = c->max_sessions,
		.max_lifetime_ms = c->max_lifetime_ms,
		.n_rings = (uint32_t)c->n_rings,
	};
	memcpy(out->name, c->name, sizeof(out->name));
	spec_slots(out, c);
	for (i = 0; i < c->n_rings; i++)
		spec_ring(&out->rings[i], c, &c->rings[i]);
}

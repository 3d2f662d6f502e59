/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/spec.h"

#include <stdio.h>
#include <string.h>

#include "gsession.h"
#include "base/bits.h"
#include "base/text.h"
#include "policy/decay.h"

#define SLOT_BYTES_MIN 256	/* a header and a short key and value; gs_table_open() wants no less */

_Static_assert((int)GS_CONF_RINGS <= (int)GS_MAX_RINGS && (int)GS_CONF_CLASSES <= (int)GS_MAX_CLASSES,
    "what can be configured fits the memory");
_Static_assert((int)GS_CONF_PATTERNS_MOST == (int)GS_QUOTA_EXEMPT && (int)GS_CONF_PATTERN_BYTES == (int)GS_QUOTA_PATTERN_BYTES, "patterns fit");
_Static_assert((int)GS_CONF_NAME_BYTES == (int)GS_RING_NAME_BYTES, "names have one length");
_Static_assert((int)GS_CONF_PROMOTE_NEVER == (int)GS_PROMOTE_NEVER && (int)GS_CONF_PROMOTE_ACCESS == (int)GS_PROMOTE_ACCESS &&
    (int)GS_CONF_PROMOTE_SECOND == (int)GS_PROMOTE_SECOND,
    "promote has the same values in both");
_Static_assert(GS_CONF_RATE_MAX_PER_H == GS_QUOTA_RATE_MAX_PER_H && GS_CONF_BURST_MAX == GS_QUOTA_BURST_MAX &&
    (int)GS_CONF_OVERRIDES <= (int)GS_QUOTA_OVERRIDES, "what can be configured of quotas fits the memory");
_Static_assert((int)GS_CONF_NAMESPACES < (int)GS_NAMESPACES, "each namespace has an id");
_Static_assert((int)GS_CONF_OVERRIDE_KEY == (int)GS_QUOTA_OF_KEY && (int)GS_CONF_OVERRIDE_OWNER == (int)GS_QUOTA_OF_OWNER &&
    (int)GS_CONF_OVERRIDE_NAMESPACE == (int)GS_QUOTA_OF_NAMESPACE, "overrides have the same kinds in both");
_Static_assert((int)GS_CONF_SESSION_CLASSES < (int)GS_CLASSES, "and so do classes");
_Static_assert((int)GS_CONF_REPORT == (int)GS_QUOTA_REPORT && (int)GS_CONF_SLOW == (int)GS_QUOTA_SLOW &&
    (int)GS_CONF_QUARANTINE == (int)GS_QUOTA_QUARANTINE, "action has the same values in both");
_Static_assert((int)GS_CONF_ENDED_PLAIN == (int)GS_ENDED_PLAIN && (int)GS_CONF_ENDED_FINAL == (int)GS_ENDED_FINAL,
    "ended has the same values in both");
_Static_assert((int)GS_CONF_PROMOTE_TO_NEXT == (int)GS_PROMOTE_TO_NEXT, "promote_to has the same values in both");
_Static_assert((int)GS_CONF_ON_FULL_REFUSE == (int)GS_ON_FULL_REFUSE && (int)GS_CONF_ON_FULL_EXPIRED == (int)GS_ON_FULL_EXPIRED &&
    (int)GS_CONF_ON_FULL_ONESHOT == (int)GS_ON_FULL_ONESHOT && (int)GS_CONF_ON_FULL_ANONYMOUS == (int)GS_ON_FULL_ANONYMOUS,
    "and so has on_full");

static void
spec_slots(struct gs_table_spec *out, const struct gs_conf_table *c)
{
	uint32_t link = c->parent[0] != '\0' ? GS_KEY_BYTES : 0;
	/* The key that a token hangs on lies before its value. */
	uint32_t greatest = gs_table_slot_bytes((uint32_t)c->key_max, GS_OWNER_BYTES, (uint32_t)(c->record_size + gs_align_up(link, 8)));
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
	out->promote_to = (uint32_t)r->promote_to;
	out->on_full = (uint32_t)r->on_full;
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
		.ended = (uint32_t)c->ended,
		.max_per_owner = (uint32_t)c->max_per_owner,
		.n_rings = (uint32_t)c->n_rings,
		.can_grow = true,
	};
	memcpy(out->name, c->name, sizeof(out->name));
	spec_slots(out, c);
	for (i = 0; i < c->n_rings; i++)
		spec_ring(&out->rings[i], c, &c->rings[i]);
}

void
spec_quota(struct gs_quota_rules *out, const struct gs_conf_quota *c, const char *exempt)
{
	*out = (struct gs_quota_rules){
		.limit = gs_quota_limit(c->rate_per_h, c->burst),
		.hold_ms = c->hold_ms,
		.release_ms = c->release_ms,
		.action = (uint32_t)c->action,
		.expel_after = (uint32_t)c->expel_after,
		.is_strict = c->strict,
	};
	for (size_t i = 0; i < c->overrides.n; i++) {
		const struct gs_conf_override *o = &c->overrides.at[i];
		int len = gs_text_unescape(out->override[out->n_overrides].name, sizeof(out->override[0].name), o->name);

		if (len <= 0)
			continue;
		out->override[out->n_overrides].name_len = (uint32_t)len;
		out->override[out->n_overrides].whose = (enum gs_quota_whose)o->kind;
		out->override[out->n_overrides++].limit = o->rate_per_h == 0 ? GS_QUOTA_FREE : gs_quota_limit(o->rate_per_h, o->burst);
	}
	while (out->n_exempt < GS_QUOTA_EXEMPT && gs_conf_next_pattern(&exempt, out->exempt[out->n_exempt]))
		out->n_exempt++;
}

uint32_t
spec_classes(struct gs_class_spec *out, const struct gs_conf_table *c)
{
	for (size_t i = 0; i < c->n_classes; i++) {
		memcpy(out[i].name, c->classes[i].name, sizeof(out[i].name));
		out[i].rule = (struct gs_lifetime_rule){ .ttl_ms = c->classes[i].ttl_ms, .idle_ms = c->classes[i].idle_ms };
	}
	return (uint32_t)c->n_classes;
}

void
spec_namespace(struct gs_namespace_spec *out, const struct gs_conf_namespace *c)
{
	memcpy(out->name, c->name, sizeof(out->name));
	out->idle_ms = c->idle_ms;
	out->max_sessions = c->max_sessions == 0 ? GS_NAMESPACE_UNLIMITED : c->max_sessions;
	out->uid = gs_conf_owner_uid(c->owner);
	out->gid = gs_conf_owner_gid(c->owner);
	out->mode = (uint32_t)c->mode;
}

void
spec_namespace_back(struct gs_conf_namespace *out, const struct gs_namespace_spec *spec)
{
	out->idle_ms = spec->idle_ms;
	out->max_sessions = spec->max_sessions == GS_NAMESPACE_UNLIMITED ? 0 : spec->max_sessions;
	out->owner = gs_conf_owner(spec->uid, spec->gid);
	out->mode = spec->mode;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/plan.h"

#include <stdlib.h>
#include <string.h>

#include "gsession.h"

static const uint32_t copies_of[MAP_RINGS] = { [MAP_HOME] = MAP_COPIES, [MAP_OUTER] = MAP_OUTER_COPIES };

static const uint16_t *
holders(const struct map *m, enum map_ring ring, uint32_t slot)
{
	return ring == MAP_HOME ? m->home[slot] : m->outer[slot];
}

static void
set_holders(struct map *m, enum map_ring ring, const struct places *places)
{
	uint16_t host, *to;

	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		to = ring == MAP_HOME ? m->home[slot] : m->outer[slot];
		for (uint32_t copy = 0; copy < copies_of[ring]; copy++) {
			host = places->of[slot][copy];
			to[copy] = host == PLACE_NONE ? MAP_NOBODY : m->hosts[host].id;
		}
	}
}

static int
propose_ring(struct map *next, enum map_ring ring, uint32_t copies, struct place_host *hosts, struct places *places)
{
	int rc;

	for (uint32_t i = 0; i < next->n_hosts; i++) {
		const struct map_host *h = &next->hosts[i];

		hosts[i] = (struct place_host){
			.seed = place_seed(next->seed + ring, h->id), .weight = h->state == MAP_ACTIVE ? h->weight[ring] : 0, .zone = h->zone,
		};
	}
	rc = place_slots(hosts, next->n_hosts, copies, places);
	if (rc == 0)
		set_holders(next, ring, places);
	return rc;
}

int
plan_propose(struct map *next, uint32_t copies)
{
	struct place_host *hosts = calloc(MAP_HOSTS, sizeof(*hosts));
	struct places *places = malloc(sizeof(*places));
	int rc = hosts == NULL || places == NULL ? GS_ENOMEM : 0;

	if (rc == 0)
		rc = propose_ring(next, MAP_HOME, copies, hosts, places);
	if (rc == 0)
		rc = propose_ring(next, MAP_OUTER, copies < MAP_OUTER_COPIES ? copies : MAP_OUTER_COPIES, hosts, places);
	free(hosts);
	free(places);
	return rc;
}

static bool
can_send(const struct map_host *h)
{
	return h != NULL && h->state != MAP_DOWN && h->state != MAP_LEFT;
}

static uint16_t
source_of(const struct map *now, const struct map *next, enum map_ring ring, uint32_t slot)
{
	const uint16_t *have = holders(now, ring, slot);

	for (uint32_t copy = 0; copy < copies_of[ring]; copy++) {
		if (can_send(map_host(now, have[copy])) && can_send(map_host(next, have[copy])))
			return have[copy];
	}
	return MAP_NOBODY;
}

static bool
holds(const struct map *m, enum map_ring ring, uint32_t slot, uint16_t id)
{
	for (uint32_t copy = 0; copy < copies_of[ring]; copy++)
		if (holders(m, ring, slot)[copy] == id)
			return true;
	return false;
}

/* What each host sends and gets, by its place in the map. */
struct load {
	uint64_t sent[MAP_HOSTS], got[MAP_HOSTS];
};

/* A plan being made. */
struct work {
	struct plan *out;
	const struct map *now, *next;
	struct load load;
};

static void
add_load(struct load *load, const struct map *next, const struct plan_step *step, uint64_t bytes)
{
	const struct map_host *from = map_host(next, step->from), *to = map_host(next, step->to);

	if (from != NULL)
		load->sent[from - next->hosts] += bytes;
	if (to != NULL)
		load->got[to - next->hosts] += bytes;
}

static void
add_slot(struct work *w, enum map_ring ring, uint32_t slot, uint64_t bytes)
{
	const uint16_t *will = holders(w->next, ring, slot);
	uint16_t from = source_of(w->now, w->next, ring, slot);
	struct plan *out = w->out;
	uint32_t before = out->n_steps;

	for (uint32_t copy = 0; copy < copies_of[ring]; copy++) {
		struct plan_step *step = &out->steps[out->n_steps];

		if (will[copy] == MAP_NOBODY || holds(w->now, ring, slot, will[copy]))
			continue;
		*step = (struct plan_step){ .slot = (uint16_t)slot, .from = from, .to = will[copy], .ring = (uint8_t)ring };
		out->n_steps++;
		if (from == MAP_NOBODY)
			continue;
		out->bytes += bytes;
		add_load(&w->load, w->next, step, bytes);
	}
	if (out->n_steps == before && will[0] != holders(w->now, ring, slot)[0])
		out->n_switched++;
}

void
plan_make(struct plan *out, const struct map *now, const struct map *next, const uint64_t (*bytes)[MAP_SLOTS])
{
	struct work w = { .out = out, .now = now, .next = next };

	memset(out, 0, sizeof(*out));
	for (int ring = 0; ring < MAP_RINGS; ring++)
		for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
			add_slot(&w, (enum map_ring)ring, slot, bytes == NULL ? 0 : bytes[ring][slot]);
	for (uint32_t i = 0; i < next->n_hosts; i++) {
		uint64_t most = w.load.sent[i] > w.load.got[i] ? w.load.sent[i] : w.load.got[i];

		if (most > out->most_bytes)
			out->most_bytes = most;
	}
}

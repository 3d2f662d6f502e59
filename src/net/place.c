/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/place.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gsession.h"

enum { SLACK_PART = 20 };

/* One copy of all slots being given out. */
struct round {
	const struct place_host *hosts;
	size_t n;
	uint32_t copy;			/* those below it are given out */
	size_t n_zones;			/* that have weight */
	struct places *out;
	double score[PLACE_SLOTS];	/* of the host that the slot asked last */
	uint16_t *held;			/* cap slots of each host */
	uint32_t *n_held, *cap;
	size_t most;			/* the greatest cap */
};

uint64_t
place_seed(uint64_t cluster_seed, uint16_t id)
{
	return XXH3_64bits_withSeed(&id, sizeof(id), cluster_seed);
}

/* Greater is better; all of a slot's are different, but by an accident that index decides. */
static double
score_of(const struct place_host *host, uint32_t slot)
{
	uint64_t random = XXH3_64bits_withSeed(&slot, sizeof(slot), host->seed);
	/* Neither 0 nor 1. */
	double u = ((double)(random >> 12) + 0.5) * 0x1p-52;

	return -(double)host->weight / log(u);
}

static bool
has_copy(const struct round *r, uint32_t slot, uint16_t host)
{
	for (uint32_t copy = 0; copy < r->copy; copy++)
		if (r->out->of[slot][copy] == host)
			return true;
	return false;
}

static bool
zone_has_copy(const struct round *r, uint32_t slot, uint16_t zone)
{
	for (uint32_t copy = 0; copy < r->copy; copy++)
		if (r->out->of[slot][copy] != PLACE_NONE && r->hosts[r->out->of[slot][copy]].zone == zone)
			return true;
	return false;
}

/* The host of the greatest score below `below`; PLACE_NONE: there is no more that may have the slot. */
static uint16_t
next_best(const struct round *r, uint32_t slot, double below, double *score)
{
	bool needs_zone = r->copy < r->n_zones;
	uint16_t best = PLACE_NONE;

	*score = 0;
	for (size_t i = 0; i < r->n; i++) {
		double s;

		if (r->hosts[i].weight == 0 || has_copy(r, slot, (uint16_t)i) || (needs_zone && zone_has_copy(r, slot, r->hosts[i].zone)))
			continue;
		s = score_of(&r->hosts[i], slot);
		if (s < below && s > *score) {
			*score = s;
			best = (uint16_t)i;
		}
	}
	return best;
}

/* The slot that a host holds with its least score; its place among those held. */
static uint32_t
least_held(const struct round *r, uint16_t host)
{
	const uint16_t *held = r->held + host * r->most;
	uint32_t least = 0;

	for (uint32_t i = 1; i < r->n_held[host]; i++)
		if (r->score[held[i]] < r->score[held[least]])
			least = i;
	return least;
}

/* Have a host that is asked hold the slot. Returns the slot that it holds no more: another, this one, or PLACE_SLOTS for none. */
static uint32_t
ask(struct round *r, uint16_t host, uint32_t slot)
{
	uint16_t *held = r->held + host * r->most;
	uint32_t least, given_up;

	if (r->n_held[host] < r->cap[host]) {
		held[r->n_held[host]++] = (uint16_t)slot;
		return PLACE_SLOTS;
	}
	least = least_held(r, host);
	given_up = held[least];
	if (r->score[given_up] >= r->score[slot])
		return slot;
	held[least] = (uint16_t)slot;
	return given_up;
}

/* A slot asks its hosts, from the best on, and whoever has to give way for it asks on; who is refused by all is left with none. */
static void
match(struct round *r, uint32_t slot)
{
	while (slot < PLACE_SLOTS) {
		double score;
		uint16_t host = next_best(r, slot, r->score[slot], &score);

		r->score[slot] = score;
		slot = host == PLACE_NONE ? PLACE_SLOTS : ask(r, host, slot);
	}
}

/* Of those that all have refused: the limit gives way. */
static void
place_rest(struct round *r)
{
	double score;

	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		if (r->out->of[slot][r->copy] == PLACE_NONE)
			r->out->of[slot][r->copy] = next_best(r, slot, INFINITY, &score);
}

static void
give_out(struct round *r)
{
	memset(r->n_held, 0, r->n * sizeof(*r->n_held));
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++) {
		r->out->of[slot][r->copy] = PLACE_NONE;
		r->score[slot] = INFINITY;
	}
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		match(r, slot);
	for (uint16_t host = 0; host < r->n; host++)
		for (uint32_t i = 0; i < r->n_held[host]; i++)
			r->out->of[r->held[host * r->most + i]][r->copy] = host;
	place_rest(r);
}

static size_t
count_zones(const struct place_host *hosts, size_t n)
{
	size_t zones = 0, j;

	for (size_t i = 0; i < n; i++) {
		for (j = 0; j < i && (hosts[j].weight == 0 || hosts[j].zone != hosts[i].zone); j++)
			;
		zones += hosts[i].weight > 0 && j == i;
	}
	return zones;
}

/* A twentieth above its share of all slots, and at least one. */
static void
set_caps(struct round *r)
{
	uint64_t all = 0;

	for (size_t i = 0; i < r->n; i++)
		all += r->hosts[i].weight;
	r->most = 1;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t slots = all == 0 ? 0 : ((uint64_t)PLACE_SLOTS * r->hosts[i].weight * (SLACK_PART + 1) + all * SLACK_PART - 1) / (all * SLACK_PART);

		r->cap[i] = slots > PLACE_SLOTS ? PLACE_SLOTS : (uint32_t)slots;
		if (r->cap[i] > r->most)
			r->most = r->cap[i];
	}
}

static void
round_free(struct round *r)
{
	free(r->held);
	free(r->n_held);
	free(r->cap);
	free(r);
}

static struct round *
round_new(const struct place_host *hosts, size_t n, struct places *out)
{
	struct round *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->hosts = hosts;
	r->n = n;
	r->out = out;
	r->n_zones = count_zones(hosts, n);
	r->cap = calloc(n + 1, sizeof(*r->cap));
	r->n_held = calloc(n + 1, sizeof(*r->n_held));
	if (r->cap != NULL && r->n_held != NULL) {
		set_caps(r);
		r->held = calloc((n + 1) * r->most, sizeof(*r->held));
	}
	if (r->held == NULL) {
		round_free(r);
		return NULL;
	}
	return r;
}

int
place_slots(const struct place_host *hosts, size_t n, uint32_t copies, struct places *out)
{
	struct round *r;

	if (n > PLACE_HOSTS || copies == 0 || copies > PLACE_COPIES)
		return GS_EINVAL;
	r = round_new(hosts, n, out);
	if (r == NULL)
		return GS_ENOMEM;
	memset(out, 0xff, sizeof(*out));
	for (; r->copy < copies; r->copy++)
		give_out(r);
	round_free(r);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/map.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/paths.h"
#include "gsession.h"
#include "net/cursor.h"

#define MAP_MAGIC UINT32_C(0x504d534d)		/* MSMP */

enum { FORMAT = 1, HASH_AT = 16, VOTER = 1 };

/* ---- rules ---- */

static bool
is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static const char *
why_host_wrong(const struct map *m, uint32_t i)
{
	const struct map_host *h = &m->hosts[i];

	if (h->id == MAP_NOBODY || (i > 0 && h->id <= m->hosts[i - 1].id))
		return "the ids of hosts do not rise";
	if (h->state >= MAP_STATES)
		return "a host is in no known state";
	if (memchr(h->name, '\0', sizeof(h->name)) == NULL || !gs_name_is_valid(h->name))
		return "a host has no name";
	if (memchr(h->address, '\0', sizeof(h->address)) == NULL || !is_address(h->address) || h->port == 0)
		return "a host has no address";
	if (h->state == MAP_LEFT)
		return NULL;
	for (uint32_t j = 0; j < i; j++) {
		const struct map_host *other = &m->hosts[j];

		if (other->state == MAP_LEFT)
			continue;
		if (strcmp(h->name, other->name) == 0)
			return "two hosts have one name";
		if (strcmp(h->address, other->address) == 0 && h->port == other->port)
			return "two hosts have one address";
	}
	return NULL;
}

static bool
can_hold(const struct map *m, uint16_t id)
{
	const struct map_host *h = map_host(m, id);

	return h != NULL && h->state != MAP_LEFT && h->state != MAP_JOINING;
}

static const char *
why_slot_wrong(const struct map *m, const uint16_t *holders, uint32_t copies)
{
	for (uint32_t i = 0; i < copies; i++) {
		if (holders[i] == MAP_NOBODY)
			continue;
		if (i > 0 && holders[i - 1] == MAP_NOBODY)
			return "a slot has a replica behind nobody";
		if (!can_hold(m, holders[i]))
			return "a slot is on a host that holds none";
		for (uint32_t j = 0; j < i; j++)
			if (holders[j] == holders[i])
				return "two copies of a slot are on one host";
	}
	return NULL;
}

static const char *
why_move_wrong(const struct map *m, uint32_t i)
{
	const struct map_move *a = &m->moves[i], *before = &m->moves[i > 0 ? i - 1 : 0];

	if (a->slot >= MAP_SLOTS || a->ring >= MAP_RINGS || a->phase >= MAP_PHASES)
		return "a move is of no slot";
	if (i > 0 && (a->slot < before->slot || (a->slot == before->slot && a->ring <= before->ring)))
		return "moves are not in order";
	if (map_host(m, a->from) == NULL || map_host(m, a->to) == NULL || a->from == a->to || map_host(m, a->to)->state == MAP_LEFT)
		return "a move is between hosts that are none";
	return NULL;
}

const char *
map_why_wrong(const struct map *m)
{
	const char *why = NULL;

	if (m->epoch == 0 || m->epoch == UINT64_MAX)
		return "there is no such epoch, or none after it";
	if (m->n_hosts > MAP_HOSTS || m->n_moves > MAP_MOVES)
		return "too many hosts or moves";
	for (uint32_t i = 0; why == NULL && i < m->n_hosts; i++)
		why = why_host_wrong(m, i);
	for (uint32_t slot = 0; why == NULL && slot < MAP_SLOTS; slot++) {
		why = why_slot_wrong(m, m->home[slot], MAP_COPIES);
		if (why == NULL)
			why = why_slot_wrong(m, m->outer[slot], MAP_OUTER_COPIES);
	}
	for (uint32_t i = 0; why == NULL && i < m->n_moves; i++)
		why = why_move_wrong(m, i);
	return why;
}

/* ---- looks ---- */

static int
compare_id(const void *key, const void *host)
{
	return (int)*(const uint16_t *)key - (int)((const struct map_host *)host)->id;
}

const struct map_host *
map_host(const struct map *m, uint16_t id)
{
	return bsearch(&id, m->hosts, m->n_hosts, sizeof(*m->hosts), compare_id);
}

const struct map_host *
map_host_named(const struct map *m, const char *name)
{
	for (uint32_t i = 0; i < m->n_hosts; i++)
		if (m->hosts[i].state != MAP_LEFT && strcmp(m->hosts[i].name, name) == 0)
			return &m->hosts[i];
	return NULL;
}

uint16_t
map_slot(const struct map *m, uint16_t ns, const void *key, size_t len)
{
	return (uint16_t)(XXH3_64bits_withSeed(key, len, m->seed ^ XXH3_64bits_withSeed(&ns, sizeof(ns), m->seed)) >> 52);
}

_Static_assert(MAP_SLOTS == 1 << 12, "a slot is the upper 12 bits of a hash");

void
map_succeed(struct map *next, const struct map *m, uint64_t draw)
{
	*next = *m;
	next->epoch++;
	next->draw = draw;
	memmove(next->past[1], m->past[0], sizeof(next->past) - sizeof(next->past[0]));
	memcpy(next->past[0], m->hash, sizeof(next->past[0]));
	memset(next->hash, 0, sizeof(next->hash));
}

bool
map_is_kin(const struct map *b, const struct map *a)
{
	return b->cluster_id == a->cluster_id && b->seed == a->seed && b->record_size == a->record_size && b->key_max == a->key_max;
}

static bool
keeps_hosts(const struct map *b, const struct map *a)
{
	for (uint32_t i = 0; i < a->n_hosts; i++) {
		const struct map_host *h = map_host(b, a->hosts[i].id);

		if (h == NULL || (a->hosts[i].state == MAP_LEFT && h->state != MAP_LEFT))
			return false;
	}
	return true;
}

bool
map_follows(const struct map *b, const struct map *a)
{
	return b->epoch == a->epoch + 1 && memcmp(b->past[0], a->hash, sizeof(a->hash)) == 0 && map_is_kin(b, a) && keeps_hosts(b, a);
}

bool
map_knows(const struct map *b, const struct map *a)
{
	return b->epoch - a->epoch <= MAP_PAST;
}

bool
map_is_fork(const struct map *b, const struct map *a)
{
	uint64_t back = b->epoch - a->epoch;

	return map_knows(b, a) && memcmp(back == 0 ? b->hash : b->past[back - 1], a->hash, sizeof(a->hash)) != 0;
}

/* ---- bytes ---- */

static void
put_head(struct cursor *c, const struct map *m)
{
	cursor_put(c, MAP_MAGIC, 4);
	cursor_put(c, FORMAT, 2);
	cursor_put(c, m->n_hosts, 2);
	cursor_put(c, m->epoch, 8);
	cursor_put_bytes(c, m->hash, sizeof(m->hash));
	cursor_put_bytes(c, m->past, sizeof(m->past));
	cursor_put(c, m->created_hlc, 8);
	cursor_put(c, m->draw, 8);
	cursor_put(c, m->seed, 8);
	cursor_put(c, m->cluster_id, 4);
	cursor_put(c, m->record_size, 4);
	cursor_put(c, m->key_max, 2);
	cursor_put(c, MAP_SLOTS, 2);
	cursor_put(c, m->n_moves, 4);
}

static int
get_head(struct cursor *c, struct map *m)
{
	if (cursor_get(c, 4) != MAP_MAGIC)
		return GS_EPROTO;
	if (cursor_get(c, 2) != FORMAT)
		return c->is_over ? GS_EPROTO : GS_EVERSION;
	m->n_hosts = (uint16_t)cursor_get(c, 2);
	m->epoch = cursor_get(c, 8);
	cursor_get_bytes(c, m->hash, sizeof(m->hash));
	cursor_get_bytes(c, m->past, sizeof(m->past));
	m->created_hlc = cursor_get(c, 8);
	m->draw = cursor_get(c, 8);
	m->seed = cursor_get(c, 8);
	m->cluster_id = (uint32_t)cursor_get(c, 4);
	m->record_size = (uint32_t)cursor_get(c, 4);
	m->key_max = (uint16_t)cursor_get(c, 2);
	if (cursor_get(c, 2) != MAP_SLOTS)
		return c->is_over ? GS_EPROTO : GS_EVERSION;
	m->n_moves = (uint32_t)cursor_get(c, 4);
	return c->is_over || m->n_hosts > MAP_HOSTS || m->n_moves > MAP_MOVES ? GS_EPROTO : 0;
}

static void
put_host(struct cursor *c, const struct map_host *h)
{
	cursor_put(c, h->id, 2);
	cursor_put(c, h->state, 1);
	cursor_put(c, h->is_voter ? VOTER : 0, 1);
	cursor_put(c, h->zone, 2);
	cursor_put(c, h->port, 2);
	cursor_put(c, h->weight[MAP_HOME], 2);
	cursor_put(c, h->weight[MAP_OUTER], 2);
	cursor_put(c, h->incarnation, 4);
	cursor_put_text(c, h->name);
	cursor_put_text(c, h->address);
}

static void
get_host(struct cursor *c, struct map_host *h)
{
	uint8_t flags;

	memset(h, 0, sizeof(*h));
	h->id = (uint16_t)cursor_get(c, 2);
	h->state = (uint8_t)cursor_get(c, 1);
	flags = (uint8_t)cursor_get(c, 1);
	h->is_voter = (flags & VOTER) != 0;
	/* What is not understood could not be encoded again. */
	c->is_over = c->is_over || (flags & ~VOTER) != 0;
	h->zone = (uint16_t)cursor_get(c, 2);
	h->port = (uint16_t)cursor_get(c, 2);
	h->weight[MAP_HOME] = (uint16_t)cursor_get(c, 2);
	h->weight[MAP_OUTER] = (uint16_t)cursor_get(c, 2);
	h->incarnation = (uint32_t)cursor_get(c, 4);
	cursor_get_text(c, h->name, sizeof(h->name));
	cursor_get_text(c, h->address, sizeof(h->address));
}

static void
put_move(struct cursor *c, const struct map_move *move)
{
	cursor_put(c, move->slot, 2);
	cursor_put(c, move->from, 2);
	cursor_put(c, move->to, 2);
	cursor_put(c, move->ring, 1);
	cursor_put(c, move->phase, 1);
}

static void
get_move(struct cursor *c, struct map_move *move)
{
	move->slot = (uint16_t)cursor_get(c, 2);
	move->from = (uint16_t)cursor_get(c, 2);
	move->to = (uint16_t)cursor_get(c, 2);
	move->ring = (uint8_t)cursor_get(c, 1);
	move->phase = (uint8_t)cursor_get(c, 1);
}

int
map_encode(const struct map *m, void *bytes, size_t cap)
{
	struct cursor c = cursor_of(bytes, cap);

	put_head(&c, m);
	for (uint32_t i = 0; i < m->n_hosts; i++)
		put_host(&c, &m->hosts[i]);
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
		for (uint32_t copy = 0; copy < MAP_COPIES; copy++)
			cursor_put(&c, m->home[slot][copy], 2);
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
		for (uint32_t copy = 0; copy < MAP_OUTER_COPIES; copy++)
			cursor_put(&c, m->outer[slot][copy], 2);
	for (uint32_t i = 0; i < m->n_moves; i++)
		put_move(&c, &m->moves[i]);
	return c.is_over ? GS_ERANGE : (int)(cap - c.left);
}

/* Of the bytes with zeros where the hash stands. */
static void
hash_of(const unsigned char *bytes, size_t len, unsigned char hash[MAP_HASH_BYTES])
{
	static const unsigned char none[MAP_HASH_BYTES];
	XXH3_state_t state;
	XXH128_canonical_t canonical;

	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, bytes, HASH_AT);
	XXH3_128bits_update(&state, none, sizeof(none));
	XXH3_128bits_update(&state, bytes + HASH_AT + sizeof(none), len - HASH_AT - sizeof(none));
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
	memcpy(hash, canonical.digest, MAP_HASH_BYTES);
}

int
map_seal(struct map *m)
{
	unsigned char *bytes;
	int n;

	if (map_why_wrong(m) != NULL)
		return GS_EINVAL;
	bytes = malloc(MAP_BYTES);
	if (bytes == NULL)
		return GS_ENOMEM;
	n = map_encode(m, bytes, MAP_BYTES);
	if (n > 0)
		hash_of(bytes, (size_t)n, m->hash);
	free(bytes);
	return n > 0 ? 0 : n;
}

int
map_decode(struct map *out, const void *bytes, size_t len)
{
	struct cursor c = cursor_of(bytes, len);
	unsigned char hash[MAP_HASH_BYTES];
	int rc = get_head(&c, out);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < out->n_hosts; i++)
		get_host(&c, &out->hosts[i]);
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
		for (uint32_t copy = 0; copy < MAP_COPIES; copy++)
			out->home[slot][copy] = (uint16_t)cursor_get(&c, 2);
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
		for (uint32_t copy = 0; copy < MAP_OUTER_COPIES; copy++)
			out->outer[slot][copy] = (uint16_t)cursor_get(&c, 2);
	for (uint32_t i = 0; i < out->n_moves; i++)
		get_move(&c, &out->moves[i]);
	if (c.is_over || c.left > 0)
		return GS_EPROTO;
	hash_of(bytes, len, hash);
	if (memcmp(hash, out->hash, sizeof(hash)) != 0)
		return GS_ECORRUPT;
	return map_why_wrong(out) == NULL ? 0 : GS_EINVAL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.c - fuzz target: the bytes of a map, from a peer that may know how hashes are made.
 *
 * They are a map's in which the input has changed numbers, cut the end or put it elsewhere; half of the time the hash is made
 * to fit.  They are refused, or taken; what was taken breaks no rule and is encoded to the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz.h"
#include "net/map.h"

enum { HOSTS = 4, HASH_AT = 16, CHANGES = 6, HEAD = 700 };

static struct map whole, got;
static unsigned char original[MAP_BYTES], again[MAP_BYTES];
static size_t original_len;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int n;

	(void)argc;
	(void)argv;
	whole.epoch = 3;
	for (uint16_t id = 1; id <= HOSTS; id++) {
		struct map_host *h = &whole.hosts[whole.n_hosts++];

		*h = (struct map_host){ .id = id, .state = MAP_ACTIVE, .port = 7400, .weight = { 1, 1 } };
		(void)snprintf(h->name, sizeof(h->name), "h%u", id);
		(void)snprintf(h->address, sizeof(h->address), "10.0.0.%u", id);
	}
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		whole.home[slot][0] = (uint16_t)(1 + slot % HOSTS);
		whole.home[slot][1] = (uint16_t)(1 + (slot + 1) % HOSTS);
	}
	whole.moves[whole.n_moves++] = (struct map_move){ .slot = 1, .from = 2, .to = 3 };
	n = map_seal(&whole) == 0 ? map_encode(&whole, original, sizeof(original)) : -1;
	if (n < 0)
		fuzz_fail("no map to begin with");
	original_len = (size_t)n;
	return 0;
}

/* One number of one to eight bytes, mostly in the head and the hosts. */
static void
change(struct tape *in, unsigned char *bytes, size_t len)
{
	size_t size = (size_t)1 << tape_below(in, 4), at = tape_below(in, 2) == 0 ? tape_below(in, HEAD) : tape_below(in, (uint32_t)len);
	uint64_t number = 0;

	if (at + size > len)
		return;
	memcpy(&number, bytes + at, size);
	number = tape_change(in, number);
	memcpy(bytes + at, &number, size);
}

static void
forge_hash(unsigned char *bytes, size_t len)
{
	XXH128_canonical_t hash;

	memset(bytes + HASH_AT, 0, sizeof(hash));
	XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, len));
	memcpy(bytes + HASH_AT, hash.digest, sizeof(hash));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape in = { .at = data, .left = size };
	size_t len = tape_below(&in, 4) == 0 ? tape_below(&in, (uint32_t)original_len + 1) : original_len;
	unsigned char *bytes = fuzz_buffer(0, len);
	int rc, n;

	memcpy(bytes, original, len);
	for (uint32_t i = tape_below(&in, CHANGES); i > 0 && len > 0; i--)
		change(&in, bytes, len);
	if (tape_below(&in, 2) == 0 && len >= HASH_AT + sizeof(XXH128_canonical_t))
		forge_hash(bytes, len);
	rc = map_decode(&got, bytes, len);
	fuzz_answer("map_decode", rc);
	if (rc < 0)
		return 0;
	FUZZ_CHECK(map_why_wrong(&got) == NULL, "what was taken breaks a rule: %s", map_why_wrong(&got));
	n = map_encode(&got, again, sizeof(again));
	FUZZ_CHECK(n == (int)len && memcmp(again, bytes, len) == 0, "what was taken is encoded otherwise");
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench_keys.h"

#include <stddef.h>
#include <stdlib.h>

#include "gsession.h"
#include "base/bits.h"

#define ABSENT (UINT64_C(1) << 61)

static void
make_key(uint64_t key[BENCH_KEY_BYTES / 8], uint64_t id)
{
	size_t i;

	for (i = 0; i < BENCH_KEY_BYTES / 8; i++) {
		uint64_t x = id * 4 + i + UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		/* Six bits a byte, from '0' on: no space, no control character. */
		key[i] = ((x ^ x >> 31) & UINT64_C(0x3f3f3f3f3f3f3f3f)) + UINT64_C(0x3030303030303030);
	}
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Near the golden section of n, so that neighbours in rank are far apart, and without a common divisor: all are met. */
static uint64_t
scatter_of(uint64_t n)
{
	uint64_t by = gs_max_u64(1, gs_mulhi64(UINT64_C(0x9e3779b97f4a7c15), n));

	while (common_divisor(by, n) != 1)
		by++;
	return by;
}

int
bench_keys_init(struct bench_keys *k, uint64_t records)
{
	*k = (struct bench_keys){ .records = records, .parts = 1, .random = UINT64_C(88172645463325252) };
	zipf_init(&k->zipf, records, BENCH_ZIPF);
	k->scatter = scatter_of(records);
	k->ids = calloc(records, sizeof(*k->ids));
	return k->ids == NULL ? GS_ENOMEM : GS_OK;
}

void
bench_keys_fini(struct bench_keys *k)
{
	free(k->ids);
}

void
bench_keys_choose(struct bench_keys *k, bool is_zipf)
{
	k->is_zipf = is_zipf;
}

uint64_t
bench_keys_draw(struct bench_keys *k)
{
	uint64_t at;

	if (k->is_zipf)
		at = (uint64_t)((unsigned __int128)zipf_next(&k->zipf, &k->random) * k->scatter % k->records);
	else
		at = zipf_random(&k->random) % k->records;
	at = at - at % k->parts + k->part;
	return at < k->records ? at : at - k->parts;
}

void
bench_keys_start(struct bench_keys *k, uint64_t record, uint64_t key[BENCH_KEY_BYTES / 8])
{
	k->ids[record] = k->next_id++;
	make_key(key, k->ids[record]);
}

void
bench_keys_present(struct bench_keys *k)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		make_key(k->key[i], k->ids[bench_keys_draw(k)]);
}

void
bench_keys_absent(struct bench_keys *k)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++)
		make_key(k->key[i], zipf_random(&k->random) >> 3 | ABSENT);
}

void
bench_keys_fresh(struct bench_keys *k)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		k->fresh[i] = k->next_id++;
		make_key(k->key[i], k->fresh[i]);
	}
}

void
bench_keys_leaving(struct bench_keys *k)
{
	size_t i;

	for (i = 0; i < BENCH_BATCH; i++) {
		uint64_t *id = &k->ids[bench_keys_draw(k)];

		make_key(k->key[i], *id);
		*id = k->fresh[i];
	}
}

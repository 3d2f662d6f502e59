/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_keys.h - which keys a batch of a benchmark asks for.
 *
 * A record has a number, 0 to records-1, and at any time one id; its key is
 * computed from the id, as printable and as random as a session id, and not
 * looked up in memory that would take room in the cache.
 */
#ifndef LAB_BENCH_KEYS_H
#define LAB_BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "lab/zipf.h"

enum {
	BENCH_BATCH = 1024,		/* keys of a batch; a multiple of BENCH_MULTI */
	BENCH_KEY_BYTES = 32,
};

#define BENCH_ZIPF 0.99			/* as in YCSB */

struct bench_keys {
	uint64_t records;
	uint64_t *ids;			/* of the record with this number */
	uint64_t next_id;
	uint64_t random;
	bool is_zipf;			/* or all equally likely */
	struct zipf zipf;
	uint64_t scatter;		/* the rank r of a Zipf draw is record r * scatter % records */
	uint64_t part, parts;		/* only records whose number is `part` modulo `parts` */
	uint64_t fresh[BENCH_BATCH];	/* ids of the last batch of new ones */
	uint64_t key[BENCH_BATCH][BENCH_KEY_BYTES / 8];
};

/* 0, or GS_ENOMEM. No record has an id yet. */
int bench_keys_init(struct bench_keys *k, uint64_t records);
void bench_keys_fini(struct bench_keys *k);
/* From now on draw like this. */
void bench_keys_choose(struct bench_keys *k, bool is_zipf);

/* The number of a record, drawn. */
uint64_t bench_keys_draw(struct bench_keys *k);
/* Give a record a new id, and write its key. */
void bench_keys_start(struct bench_keys *k, uint64_t record, uint64_t key[BENCH_KEY_BYTES / 8]);

/* Fill k->key: of records drawn, of ids that nobody has, of new ids. */
void bench_keys_present(struct bench_keys *k);
void bench_keys_absent(struct bench_keys *k);
void bench_keys_fresh(struct bench_keys *k);
/* Of records drawn, which get the ids of the last bench_keys_fresh() in place of theirs. */
void bench_keys_leaving(struct bench_keys *k);

#endif

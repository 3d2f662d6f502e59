/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/stat.h>

#include "shm_place.h"

#include "shm/kin.h"

enum { OWNERS = 5, KEYS = 120 };

/* Three sizes of slots, so that a ring has three arenas. */
static int
open_usual(void **state)
{
	struct gs_table_spec spec = usual_spec();

	spec.n_classes = 3;
	spec.slot_size[2] = spec.slot_size[0];
	spec.slot_size[0] = 320;
	spec.slot_size[1] = 704;
	return begin_store(state, &spec);
}

static void
put_of(struct store *s, const char *key, const char *owner, size_t val_len, uint32_t ring)
{
	static const char value[1000];
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, key);

	args.set = GS_SET_OWNER_BIT;
	args.owner = owner;
	args.owner_len = (uint32_t)strlen(owner);
	args.ring = ring;
	assert_true(gs_kv_put(s->t, &s->c, &k, NOW, value, val_len, &args, NULL) >= 0);
}

/* Sessions that the records of a pass lead to, told apart by key. */
static int
sessions_of(struct store *s, const char *owner, bool seen[KEYS])
{
	struct gs_meta record, meta;
	struct gs_kin kin;
	int n = 0;

	memset(seen, 0, KEYS * sizeof(seen[0]));
	gs_kin_of_owner(&kin, gs_kin_hash(s->t, 0, owner, (uint32_t)strlen(owner)));
	while (gs_kin_next(s->t, &kin, &record) == 1) {
		int i = atoi((const char *)record.key + 1);

		assert_string_equal(record.owner, owner);
		assert_in_range(i, 0, KEYS - 1);
		if (peek_at(s, (const char *)record.key, NOW, &meta) >= 0 && strcmp((const char *)meta.owner, owner) == 0 && !seen[i]) {
			seen[i] = true;
			n++;
		}
	}
	return n;
}

/* Random operations against an array of whose each key is; rests and replaced records are met on the way. */
static void
pass_finds_the_sessions_of_an_owner_and_no_other(void **state)
{
	static const size_t lengths[] = { 10, 300, 900 };
	struct store *s = *state;
	uint64_t seed = 20261124, random = seed;
	int of[KEYS];
	bool seen[KEYS];
	char key[16], owner[16];

	for (int i = 0; i < KEYS; i++)
		of[i] = -1;
	for (int round = 0; round < 4000; round++) {
		int i = (int)(next_random(&random) % KEYS), who = (int)(next_random(&random) % OWNERS), n = 0;

		(void)snprintf(key, sizeof(key), "k%d", i);
		(void)snprintf(owner, sizeof(owner), "owner%d", who);
		switch (next_random(&random) % 4) {
		case 0:
			if (of[i] >= 0)
				assert_int_equal(del_at(s, key, NOW), 0);
			of[i] = -1;
			break;
		case 1:
			if (of[i] >= 0)
				(void)move_at(s, key, NOW, (uint32_t)(next_random(&random) % 4));
			break;
		default:
			if (of[i] >= 0 && ring_of(s, key) == SUSPECT)
				break;
			put_of(s, key, owner, lengths[next_random(&random) % 3], WARM);
			of[i] = who;
		}
		if (round % 20 != 0)
			continue;
		(void)snprintf(owner, sizeof(owner), "owner%d", who);
		for (int k = 0; k < KEYS; k++)
			n += of[k] == who;
		if (sessions_of(s, owner, seen) != n)
			fail_msg("seed %llu, round %d: %s has %d sessions", (unsigned long long)seed, round, owner, n);
		for (int k = 0; k < KEYS; k++)
			assert_int_equal(seen[k], of[k] == who);
	}
}

static void
nobody_has_no_kin(void **state)
{
	struct store *s = *state;
	struct gs_meta meta;
	struct gs_kin kin;

	assert_int_equal(put_at(s, "k1", "v", NOW), 1);
	gs_kin_of_owner(&kin, gs_kin_hash(s->t, 0, "", 0));
	assert_int_equal(gs_kin_next(s->t, &kin, &meta), 0);
	gs_kin_of_link(&kin, gs_kin_hash(s->t, 0, "k1", 2));
	assert_int_equal(gs_kin_next(s->t, &kin, &meta), 0);
}

/* An arena's file grows by what is touched, and by nothing else. */
static void
pass_makes_no_memory(void **state)
{
	struct store *s = *state;
	struct stat before, after;
	bool seen[KEYS];

	put_of(s, "k1", "alice", 10, ACTIVE);
	for (int i = 0; i < GS_MAX_ARENAS; i++) {
		if (s->t->arena[i].map == NULL)
			continue;
		assert_int_equal(fstat(s->t->arena[i].fd, &before), 0);
		assert_int_equal(sessions_of(s, "alice", seen), 1);
		assert_int_equal(fstat(s->t->arena[i].fd, &after), 0);
		assert_int_equal(after.st_blocks, before.st_blocks);
	}
}

/* A kin that fits by chance, or by damage, is not believed. */
static void
slot_decides_and_not_its_kin(void **state)
{
	struct store *s = *state;
	struct gs_hit hit;
	bool seen[KEYS];
	uint32_t kin;

	put_of(s, "k1", "alice", 10, ACTIVE);
	put_of(s, "k2", "bob", 10, ACTIVE);
	hit = hit_of(s, "k2");
	kin = s->t->arena[0].kin[gs_entry_slot(hit.entry)];
	s->t->arena[0].kin[gs_entry_slot(hit.entry)] = s->t->arena[0].kin[gs_entry_slot(hit_of(s, "k1").entry)];
	assert_int_equal(sessions_of(s, "alice", seen), 1);
	assert_true(seen[1]);
	s->t->arena[0].kin[gs_entry_slot(hit.entry)] = kin;
}

#define T_USUAL(name) cmocka_unit_test_setup_teardown(name, open_usual, end_clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_USUAL(pass_finds_the_sessions_of_an_owner_and_no_other),
		T_USUAL(nobody_has_no_kin),
		T_USUAL(pass_makes_no_memory),
		T_USUAL(slot_decides_and_not_its_kin),
	};

	return cmocka_run_group_tests_name("kin", tests, NULL, NULL);
}

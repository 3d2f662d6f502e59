/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kv_many - many gets at once against the same gets one by one, on two stores made alike.
 */
#include "shm_place.h"

enum { KEYS = 24, ITEMS = 40, NAME_BYTES = 8 };

struct twins {
	struct store many, one;
};

static void
open_twin(struct store *s)
{
	struct gs_table_spec spec = usual_spec();
	char name[NAME_BYTES];

	open_store(s, &spec);
	for (uint32_t i = 0; i < KEYS; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		if (i % 8 != 7)
			start_in(s, name, i % 4 == 3 ? SUSPECT : i % 4 == 2 ? WARM : ACTIVE, NOW + i);
	}
}

static int
open_twins(void **state)
{
	struct twins *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	open_twin(&w->many);
	open_twin(&w->one);
	*state = w;
	return 0;
}

static int
close_twins(void **state)
{
	struct twins *w = *state;

	assert_clean(w->many.t, NOW + DAY);
	assert_clean(w->one.t, NOW + DAY);
	close_store(&w->many);
	close_store(&w->one);
	free(w);
	return 0;
}

struct asked {
	char name[NAME_BYTES], buf[8], want[8];
	struct gs_meta meta, want_meta;
	ssize_t rc;
};

static void
assert_same_meta(const struct gs_meta *a, const struct gs_meta *b)
{
	assert_int_equal(a->ring, b->ring);
	assert_int_equal(a->accessed_ms, b->accessed_ms);
	assert_int_equal(a->touched_ms, b->touched_ms);
	assert_int_equal(a->interest, b->interest);
	assert_int_equal(a->hits, b->hits);
	assert_int_equal(a->val_len, b->val_len);
	assert_int_equal(a->version, b->version);
	assert_string_equal(a->key, b->key);
}

/* Ask both stores for the same: some without a buffer, some with one that is too small, some without meta. */
static void
ask(struct twins *w, struct asked *a, size_t n, uint64_t now_ms, uint64_t *random)
{
	struct gs_kv_item items[ITEMS];

	for (size_t i = 0; i < n; i++) {
		size_t cap = next_random(random) % 8 == 0 ? 0 : sizeof(a[i].buf);
		bool has_meta = next_random(random) % 4 != 0;
		struct gs_key k;

		a[i] = (struct asked){ .rc = 0 };
		(void)snprintf(a[i].name, sizeof(a[i].name), "k%u", (unsigned)(next_random(random) % KEYS));
		items[i] = (struct gs_kv_item){ .key = key_of(w->many.t, a[i].name), .cap = cap,
			.buf = next_random(random) % 8 == 0 ? NULL : a[i].buf, .meta = has_meta ? &a[i].meta : NULL };
		k = key_of(w->one.t, a[i].name);
		a[i].rc = gs_kv_get(w->one.t, &w->one.c, &k, now_ms, items[i].buf == NULL ? NULL : a[i].want, cap, 0,
		    has_meta ? &a[i].want_meta : NULL);
	}
	gs_kv_get_many(w->many.t, &w->many.c, now_ms, items, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(items[i].rc, a[i].rc);
		assert_string_equal(a[i].buf, a[i].want);
		assert_same_meta(&a[i].meta, &a[i].want_meta);
	}
}

static void
each_item_is_answered_as_alone_and_leaves_the_store_so(void **state)
{
	static const enum gs_counter counters[] = {
		GS_COUNT_GETS, GS_COUNT_MISSES, GS_COUNT_REFUSED, GS_COUNT_PROMOTED, GS_COUNT_PEEKS, GS_COUNT_CORRUPT,
	};
	static struct asked a[ITEMS];
	struct twins *w = *state;
	uint64_t random = 1;
	char name[NAME_BYTES];

	for (uint64_t round = 0; round < 400; round++)
		ask(w, a, next_random(&random) % (ITEMS + 1), NOW + 100 + round * S / 4, &random);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct gs_meta many = { .val_len = 0 }, one = { .val_len = 0 };

		(void)snprintf(name, sizeof(name), "k%u", i);
		assert_int_equal(peek_at(&w->many, name, NOW + 200 * S, &many), peek_at(&w->one, name, NOW + 200 * S, &one));
		assert_same_meta(&many, &one);
	}
	for (size_t i = 0; i < N_ROWS(counters); i++)
		assert_int_equal(counted(&w->many, counters[i]), counted(&w->one, counters[i]));
}

static void
session_that_is_asked_for_twice_at_once_counts_twice(void **state)
{
	struct twins *w = *state;
	struct gs_kv_item items[2];
	struct gs_meta meta[2];

	for (int i = 0; i < 2; i++)
		items[i] = (struct gs_kv_item){ .key = key_of(w->many.t, "k0"), .meta = &meta[i] };
	gs_kv_get_many(w->many.t, &w->many.c, NOW + S, items, 2);
	assert_int_equal(meta[0].hits, 2);
	assert_int_equal(meta[1].hits, 3);
	assert_true(meta[1].interest > meta[0].interest);
}

static void
item_that_has_an_error_is_left_alone(void **state)
{
	struct twins *w = *state;
	struct gs_kv_item items[3];

	for (int i = 0; i < 3; i++)
		items[i] = (struct gs_kv_item){ .key = key_of(w->many.t, "k0"), .rc = i == 1 ? GS_ENAMETOOLONG : 0 };
	gs_kv_get_many(w->many.t, &w->many.c, NOW + S, items, 3);
	assert_int_equal(items[0].rc, 1);
	assert_int_equal(items[1].rc, GS_ENAMETOOLONG);
	assert_int_equal(items[2].rc, 1);
	assert_int_equal(counted(&w->many, GS_COUNT_GETS), 2);
}

#define T_TWINS(name) cmocka_unit_test_setup_teardown(name, open_twins, close_twins)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_TWINS(each_item_is_answered_as_alone_and_leaves_the_store_so),
		T_TWINS(session_that_is_asked_for_twice_at_once_counts_twice),
		T_TWINS(item_that_has_an_error_is_left_alone),
	};

	return cmocka_run_group_tests_name("kv_many", tests, NULL, NULL);
}

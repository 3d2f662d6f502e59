/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_place - slots lie on hosts as their weights say, on different ones and zones, and a host that comes or goes moves little else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gsession.h"
#include "net/place.h"

static struct places places, before;

static void
make_hosts(struct place_host *hosts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hosts[i] = (struct place_host){ .seed = place_seed(42, (uint16_t)(i + 1)), .weight = 4, .zone = 0 };
}

static uint32_t
count(const struct places *p, uint32_t copy, uint16_t host)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		n += p->of[slot][copy] == host;
	return n;
}

static bool
holds(const struct places *p, uint32_t slot, uint16_t host)
{
	return p->of[slot][0] == host || p->of[slot][1] == host || p->of[slot][2] == host;
}

static void
no_host_gets_more_than_a_twentieth_above_its_share(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 5, 10, 50, 200 };
	struct place_host hosts[200];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t n = sizes[i], least = PLACE_SLOTS / n / 2, most = (PLACE_SLOTS * 21 + 20 * n - 1) / (20 * n);

		make_hosts(hosts, n);
		assert_int_equal(place_slots(hosts, n, 3, &places), 0);
		for (uint16_t host = 0; host < n; host++)
			for (uint32_t copy = 0; copy < 3 && copy < n; copy++)
				assert_in_range(count(&places, copy, host), least, most);
	}
}

static void
shares_are_by_weight(void **state)
{
	struct place_host hosts[4];
	uint32_t n[4];

	(void)state;
	make_hosts(hosts, 4);
	hosts[1].weight = 8;
	hosts[2].weight = 1;
	hosts[3].weight = 0;
	assert_int_equal(place_slots(hosts, 4, 1, &places), 0);
	for (uint16_t i = 0; i < 4; i++)
		n[i] = count(&places, 0, i);
	assert_in_range(n[0], 1260 - 126, 1260 + 64);	/* 4 of 13 */
	assert_in_range(n[1], 2521 - 252, 2521 + 127);
	assert_in_range(n[2], 315 - 63, 315 + 17);
	assert_int_equal(n[3], 0);
}

static void
copies_are_on_different_hosts(void **state)
{
	struct place_host hosts[5];

	(void)state;
	make_hosts(hosts, 5);
	assert_int_equal(place_slots(hosts, 5, 3, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++) {
		const uint16_t *of = places.of[slot];

		assert_true(of[0] < 5 && of[1] < 5 && of[2] < 5);
		assert_true(of[0] != of[1] && of[0] != of[2] && of[1] != of[2]);
	}
}

static void
copies_that_no_host_is_left_for_are_nowhere(void **state)
{
	struct place_host hosts[3];

	(void)state;
	make_hosts(hosts, 3);
	hosts[1].weight = 0;
	assert_int_equal(place_slots(hosts, 3, 3, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++) {
		assert_int_equal(places.of[slot][0] + places.of[slot][1], 2);	/* hosts 0 and 2 */
		assert_int_equal(places.of[slot][2], PLACE_NONE);
	}
	assert_int_equal(place_slots(hosts, 0, 3, &places), 0);
	assert_int_equal(places.of[7][0], PLACE_NONE);
	assert_int_equal(place_slots(hosts, 3, 1, &places), 0);
	assert_int_equal(places.of[7][1], PLACE_NONE);
}

static void
copies_are_in_different_zones_while_there_are(void **state)
{
	struct place_host hosts[7];

	(void)state;
	make_hosts(hosts, 7);
	for (size_t i = 0; i < 7; i++)
		hosts[i].zone = i < 5 ? 1 : 2;
	assert_int_equal(place_slots(hosts, 7, 3, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		assert_int_not_equal(hosts[places.of[slot][0]].zone, hosts[places.of[slot][1]].zone);
	hosts[6].zone = 3;
	assert_int_equal(place_slots(hosts, 7, 3, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++) {
		uint16_t a = hosts[places.of[slot][0]].zone, b = hosts[places.of[slot][1]].zone, c = hosts[places.of[slot][2]].zone;

		assert_true(a != b && a != c && b != c);
	}
}

static void
who_is_second_does_not_depend_on_who_is_first(void **state)
{
	struct place_host hosts[10];
	uint32_t second[10][10] = { { 0 } };

	(void)state;
	make_hosts(hosts, 10);
	assert_int_equal(place_slots(hosts, 10, 2, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		second[places.of[slot][0]][places.of[slot][1]]++;
	/* 45 of each expected, with a deviation of 7: the scores of a rotation would give one neighbour nearly all. */
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 0; j < 10; j++)
			assert_in_range(second[i][j], i == j ? 0 : 15, i == j ? 0 : 85);
}

/* Copies that a host has now and had not. */
static uint32_t
moved(uint16_t to)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		for (uint32_t copy = 0; copy < 3; copy++) {
			uint16_t host = places.of[slot][copy];

			n += (to == PLACE_NONE || host == to) && host != PLACE_NONE && !holds(&before, slot, host);
		}
	return n;
}

static void
who_comes_takes_and_others_exchange_next_to_nothing(void **state)
{
	struct place_host hosts[21];
	uint32_t own, all;

	(void)state;
	for (size_t n = 4; n <= 20; n += 4) {
		make_hosts(hosts, n + 1);
		assert_int_equal(place_slots(hosts, n, 3, &before), 0);
		assert_int_equal(place_slots(hosts, n + 1, 3, &places), 0);
		own = moved((uint16_t)n);
		all = moved(PLACE_NONE);
		assert_in_range(own, PLACE_SLOTS * 3 / (n + 1) * 9 / 10, PLACE_SLOTS * 3 / (n + 1) * 21 / 20 + 3);
		assert_in_range(all - own, 0, own / 4);
	}
}

static void
who_goes_leaves_and_others_exchange_next_to_nothing(void **state)
{
	struct place_host hosts[10];
	uint32_t had;

	(void)state;
	make_hosts(hosts, 10);
	assert_int_equal(place_slots(hosts, 10, 3, &before), 0);
	hosts[3].weight = 0;
	assert_int_equal(place_slots(hosts, 10, 3, &places), 0);
	had = count(&before, 0, 3) + count(&before, 1, 3) + count(&before, 2, 3);
	assert_in_range(moved(PLACE_NONE), had, had * 5 / 4);
}

static void
same_hosts_get_the_same_in_whatever_order_they_are_given(void **state)
{
	struct place_host hosts[9], turned[9];

	(void)state;
	make_hosts(hosts, 9);
	for (size_t i = 0; i < 9; i++)
		hosts[i].weight = (uint32_t)(1 + i % 4);
	for (size_t i = 0; i < 9; i++)
		turned[i] = hosts[8 - i];
	assert_int_equal(place_slots(hosts, 9, 3, &before), 0);
	assert_int_equal(place_slots(turned, 9, 3, &places), 0);
	for (uint32_t slot = 0; slot < PLACE_SLOTS; slot++)
		for (uint32_t copy = 0; copy < 3; copy++)
			assert_int_equal(before.of[slot][copy], 8 - places.of[slot][copy]);
}

static void
nonsense_is_refused(void **state)
{
	static struct place_host hosts[PLACE_HOSTS + 1];

	(void)state;
	assert_int_equal(place_slots(hosts, PLACE_HOSTS + 1, 1, &places), GS_EINVAL);
	assert_int_equal(place_slots(hosts, 1, 0, &places), GS_EINVAL);
	assert_int_equal(place_slots(hosts, 1, PLACE_COPIES + 1, &places), GS_EINVAL);
}

static void
seeds_are_by_cluster_and_host(void **state)
{
	(void)state;
	assert_int_equal(place_seed(1, 1), place_seed(1, 1));
	assert_int_not_equal(place_seed(1, 1), place_seed(1, 2));
	assert_int_not_equal(place_seed(1, 1), place_seed(2, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_host_gets_more_than_a_twentieth_above_its_share),
		cmocka_unit_test(shares_are_by_weight),
		cmocka_unit_test(copies_are_on_different_hosts),
		cmocka_unit_test(copies_that_no_host_is_left_for_are_nowhere),
		cmocka_unit_test(copies_are_in_different_zones_while_there_are),
		cmocka_unit_test(who_is_second_does_not_depend_on_who_is_first),
		cmocka_unit_test(who_comes_takes_and_others_exchange_next_to_nothing),
		cmocka_unit_test(who_goes_leaves_and_others_exchange_next_to_nothing),
		cmocka_unit_test(same_hosts_get_the_same_in_whatever_order_they_are_given),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(seeds_are_by_cluster_and_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

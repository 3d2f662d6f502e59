/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_plan - a plan names what has to be brought where, no more and no less, and what that weighs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gsession.h"
#include "net/plan.h"

enum { SLOT_BYTES = 1000 };

static struct map now, next;
static struct plan plan;
static uint64_t bytes[MAP_RINGS][MAP_SLOTS];

static void
add_host(struct map *m, uint16_t id)
{
	struct map_host *h = &m->hosts[m->n_hosts++];

	*h = (struct map_host){ .id = id, .state = MAP_ACTIVE, .port = 7400, .weight = { 4, 4 } };
	(void)snprintf(h->name, sizeof(h->name), "host%u", id);
	(void)snprintf(h->address, sizeof(h->address), "10.0.0.%u", id);
}

static int
setup(void **state)
{
	(void)state;
	memset(&now, 0, sizeof(now));
	now.epoch = 1;
	now.seed = 99;
	for (uint16_t id = 1; id <= 3; id++)
		add_host(&now, id);
	for (int ring = 0; ring < MAP_RINGS; ring++)
		for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
			bytes[ring][slot] = SLOT_BYTES;
	if (plan_propose(&now, 2) != 0)
		return -1;
	return map_seal(&now);
}

static uint32_t
held(const struct map *m, uint16_t id)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		for (uint32_t copy = 0; copy < MAP_COPIES; copy++)
			n += m->home[slot][copy] == id;
		for (uint32_t copy = 0; copy < MAP_OUTER_COPIES; copy++)
			n += m->outer[slot][copy] == id;
	}
	return n;
}

static void
first_plan_begins_empty_copies(void **state)
{
	memset(&next, 0, sizeof(next));
	assert_int_equal(setup(state), 0);
	next = now;
	memset(next.home, 0, sizeof(next.home));
	memset(next.outer, 0, sizeof(next.outer));
	plan_make(&plan, &next, &now, bytes);
	assert_int_equal(plan.n_steps, 4 * MAP_SLOTS);
	assert_int_equal(plan.steps[0].from, MAP_NOBODY);
	assert_int_equal(plan.bytes, 0);
}

static void
nothing_changes_nothing(void **state)
{
	(void)state;
	map_succeed(&next, &now, 7);
	assert_int_equal(plan_propose(&next, 2), 0);
	plan_make(&plan, &now, &next, bytes);
	assert_int_equal(plan.n_steps, 0);
	assert_int_equal(plan.n_switched, 0);
	assert_int_equal(plan.bytes, 0);
	assert_int_equal(plan.most_bytes, 0);
}

static void
who_comes_is_brought_its_share(void **state)
{
	uint32_t to_new = 0;

	(void)state;
	map_succeed(&next, &now, 7);
	add_host(&next, 4);
	assert_int_equal(plan_propose(&next, 2), 0);
	assert_int_equal(map_seal(&next), 0);
	plan_make(&plan, &now, &next, bytes);
	for (uint32_t i = 0; i < plan.n_steps; i++) {
		const struct plan_step *s = &plan.steps[i];

		to_new += s->to == 4;
		assert_int_equal(s->from, s->ring == MAP_HOME ? now.home[s->slot][0] : now.outer[s->slot][0]);
	}
	assert_int_equal(to_new, held(&next, 4));
	assert_in_range(to_new, 4096 * 9 / 10, 4096 * 21 / 20 + 4);
	assert_int_equal(plan.bytes, (uint64_t)plan.n_steps * SLOT_BYTES);
	/* It gets the most of all. */
	assert_int_equal(plan.most_bytes, (uint64_t)to_new * SLOT_BYTES);
}

static void
who_drains_has_nothing_in_the_end(void **state)
{
	(void)state;
	map_succeed(&next, &now, 7);
	next.hosts[1].state = MAP_DRAINING;
	assert_int_equal(plan_propose(&next, 2), 0);
	assert_int_equal(map_seal(&next), 0);
	plan_make(&plan, &now, &next, bytes);
	assert_int_equal(held(&next, 2), 0);
	/* With two left every slot is on both: who had none of it gets it. */
	assert_int_equal(plan.n_steps, held(&now, 2));
	assert_true(plan.n_switched < MAP_SLOTS);
}

static void
what_is_dead_sends_nothing(void **state)
{
	(void)state;
	now.hosts[0].state = MAP_DOWN;
	map_succeed(&next, &now, 7);
	assert_int_equal(plan_propose(&next, 2), 0);
	plan_make(&plan, &now, &next, NULL);
	assert_true(plan.n_steps > 0);
	for (uint32_t i = 0; i < plan.n_steps; i++)
		assert_int_not_equal(plan.steps[i].from, 1);
	assert_int_equal(plan.bytes, 0);
	/* Nor does what is declared dead by the plan itself. */
	now.hosts[0].state = MAP_ACTIVE;
	plan_make(&plan, &now, &next, bytes);
	assert_true(plan.n_steps > 0);
	for (uint32_t i = 0; i < plan.n_steps; i++)
		assert_int_not_equal(plan.steps[i].from, 1);
}

static void
hosts_without_a_weight_for_a_ring_are_given_none_of_it(void **state)
{
	(void)state;
	map_succeed(&next, &now, 7);
	next.hosts[0].weight[MAP_HOME] = 0;
	for (uint32_t i = 0; i < 3; i++)
		next.hosts[i].weight[MAP_OUTER] = 0;
	assert_int_equal(plan_propose(&next, 3), 0);
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		assert_true(next.home[slot][0] != 1 && next.home[slot][1] != 1);
		assert_int_equal(next.home[slot][2], MAP_NOBODY);
		assert_int_equal(next.outer[slot][0], MAP_NOBODY);
	}
	assert_int_equal(plan_propose(&next, MAP_COPIES + 1), GS_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(first_plan_begins_empty_copies, setup),
		cmocka_unit_test_setup(nothing_changes_nothing, setup),
		cmocka_unit_test_setup(who_comes_is_brought_its_share, setup),
		cmocka_unit_test_setup(who_drains_has_nothing_in_the_end, setup),
		cmocka_unit_test_setup(what_is_dead_sends_nothing, setup),
		cmocka_unit_test_setup(hosts_without_a_weight_for_a_ring_are_given_none_of_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_chain - rings that are added to a configuration, switched on and off, and removed: the chain is whole at each step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "gsession.h"

#define T(name) cmocka_unit_test(name)

static char why[GS_CONF_WHY_BYTES];

/* The rings in order; those that are not on in brackets. */
static const char *
order_of(const struct gs_conf_table *t)
{
	static char text[512];
	size_t len = 0;

	for (size_t i = 0; i < t->n_rings; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, t->rings[i].state == GS_CONF_STATE_ON ? "%s%s" : "%s(%s)", i > 0 ? " " : "",
		    t->rings[i].name);
	return text;
}

static int
switch_ring(struct gs_conf *c, const char *name, uint64_t state)
{
	struct gs_conf_table *t = &c->tables[0];
	int rc = gs_conf_switch_ring(t, gs_conf_ring(t, name), state, why);

	return rc < 0 ? rc : gs_conf_check(c, why);
}

static void
set_decay_to(struct gs_conf *c, const char *name, const char *to)
{
	struct gs_conf_table *t = &c->tables[0];

	assert_int_equal(gs_conf_set(gs_conf_find(GS_CONF_IN_RING, "decay_to"), &t->rings[gs_conf_ring(t, name)], to, why), 0);
}

static void
ring_is_added_off_with_what_fits(void **state)
{
	struct gs_conf c;
	struct gs_conf_table *t = &c.tables[0];
	const struct gs_conf_ring *r;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_add_ring(t, "deep", why), 0);
	assert_string_equal(order_of(t), "active warm cold (deep) suspect");
	assert_int_equal(gs_conf_check(&c, why), 0);
	r = &t->rings[gs_conf_ring(t, "deep")];
	assert_int_equal(r->ttl_ms, t->rings[2].ttl_ms);
	assert_int_equal(r->half_life_ms, t->rings[2].half_life_ms);
	assert_string_equal(r->decay_to, "none");
	assert_string_equal(r->store, "shm");
	assert_int_equal(r->capacity, 8192);
	assert_int_equal(switch_ring(&c, "deep", GS_CONF_STATE_ON), 0);
	assert_string_equal(order_of(t), "active warm cold deep suspect");
	assert_string_equal(t->rings[2].decay_to, "deep");
}

static void
names_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *name, *sentence;
		int rc;
	} rows[] = {
		{ "cold", "has a ring of this name", GS_EEXIST }, { "suspect", "has a ring of this name", GS_EEXIST },
		{ "none", "any name but none", GS_EINVAL }, { "control", "any name but none", GS_EINVAL },
		{ "stats", "any name but none", GS_EINVAL }, { "", "a name is 1 to 31", GS_EINVAL }, { "a b", "a name is 1 to 31", GS_EINVAL },
		{ ".x", "a name is 1 to 31", GS_EINVAL }, { "0123456789012345678901234567890123", "a name is 1 to 31", GS_EINVAL },
	};
	struct gs_conf c, was;

	(void)state;
	gs_conf_defaults(&c);
	was = c;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(gs_conf_add_ring(&c.tables[0], rows[i].name, why), rows[i].rc);
		assert_non_null(strstr(why, rows[i].sentence));
		assert_memory_equal(&c, &was, sizeof(c));
	}
}

static void
ninth_ring_is_refused(void **state)
{
	char name[] = "r0";
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	for (int i = 4; i < GS_CONF_RINGS; i++, name[1]++)
		assert_int_equal(gs_conf_add_ring(&c.tables[0], name, why), 0);
	assert_int_equal(gs_conf_check(&c, why), 0);
	assert_int_equal(gs_conf_add_ring(&c.tables[0], "ninth", why), GS_ERANGE);
	assert_non_null(strstr(why, "at most 8 rings"));
}

static void
switching_on_takes_a_ring_in_before_its_decay_to(void **state)
{
	struct gs_conf c;
	struct gs_conf_table *t = &c.tables[0];

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_add_ring(t, "tepid", why), 0);
	set_decay_to(&c, "tepid", "cold");
	t->rings[gs_conf_ring(t, "tepid")].ttl_ms = 60 * 60000;
	assert_int_equal(gs_conf_check(&c, why), 0);
	assert_int_equal(switch_ring(&c, "tepid", GS_CONF_STATE_ON), 0);
	assert_string_equal(order_of(t), "active warm tepid cold suspect");
	assert_int_equal(switch_ring(&c, "warm", GS_CONF_STATE_DRAINING), 0);
	assert_string_equal(order_of(t), "active tepid cold (warm) suspect");
	assert_string_equal(t->rings[0].decay_to, "tepid");
	assert_int_equal(gs_conf_drains_to(t, gs_conf_ring(t, "warm")), gs_conf_ring(t, "tepid"));
	/* What it drains to drains, too: on to where that leads. */
	assert_int_equal(switch_ring(&c, "tepid", GS_CONF_STATE_DRAINING), 0);
	assert_int_equal(gs_conf_drains_to(t, gs_conf_ring(t, "warm")), gs_conf_ring(t, "cold"));
	/* And back, where it was. */
	assert_int_equal(switch_ring(&c, "tepid", GS_CONF_STATE_ON), 0);
	assert_int_equal(switch_ring(&c, "warm", GS_CONF_STATE_ON), 0);
	assert_string_equal(order_of(t), "active warm tepid cold suspect");
}

static void
what_does_not_fit_the_chain_is_refused_when_it_is_switched_on(void **state)
{
	struct gs_conf c, was;
	struct gs_conf_table *t = &c.tables[0];
	struct gs_conf_ring *r;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_add_ring(t, "deep", why), 0);
	r = &t->rings[gs_conf_ring(t, "deep")];
	was = c;
	r->ttl_ms = 1000;
	assert_int_equal(switch_ring(&c, "deep", GS_CONF_STATE_ON), GS_ERANGE);
	assert_non_null(strstr(why, "ttl does not shrink outwards"));
	c = was;
	r->capacity = t->max_sessions;
	assert_int_equal(switch_ring(&c, "deep", GS_CONF_STATE_ON), GS_ERANGE);
	assert_non_null(strstr(why, "what the rings hold together"));
	c = was;
	set_decay_to(&c, "deep", "active");
	assert_int_equal(switch_ring(&c, "deep", GS_CONF_STATE_ON), GS_EINVAL);
	set_decay_to(&c, "deep", "suspect");
	assert_int_equal(gs_conf_check(&c, why), GS_EINVAL);
	set_decay_to(&c, "deep", "deep");
	assert_int_equal(gs_conf_check(&c, why), GS_EINVAL);
	/* Two that are off, round in a circle. */
	c = was;
	assert_int_equal(gs_conf_add_ring(t, "deeper", why), 0);
	set_decay_to(&c, "deep", "deeper");
	assert_int_equal(gs_conf_check(&c, why), 0);
	set_decay_to(&c, "deeper", "deep");
	assert_int_equal(gs_conf_check(&c, why), GS_EINVAL);
	assert_non_null(strstr(why, "does not lead back here"));
}

static void
outermost_drains_only_where_nothing_ends(void **state)
{
	struct gs_conf c;
	struct gs_conf_table *t = &c.tables[0];

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(switch_ring(&c, "cold", GS_CONF_STATE_DRAINING), GS_ERANGE);
	assert_non_null(strstr(why, "would end some of them"));
	assert_string_equal(order_of(t), "active warm cold suspect");
	t->rings[1].ttl_ms = t->rings[2].ttl_ms;
	assert_int_equal(switch_ring(&c, "cold", GS_CONF_STATE_DRAINING), 0);
	assert_string_equal(order_of(t), "active warm (cold) suspect");
	assert_int_equal(gs_conf_drains_to(t, 2), 1);
}

static void
ring_goes_only_when_it_is_off_and_never_the_first_and_last(void **state)
{
	struct gs_conf c;
	struct gs_conf_table *t = &c.tables[0];

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_remove_ring(t, 0, why), GS_EPERM);
	assert_int_equal(gs_conf_remove_ring(t, 3, why), GS_EPERM);
	assert_int_equal(gs_conf_remove_ring(t, 1, why), GS_EBUSY);
	assert_int_equal(switch_ring(&c, "active", GS_CONF_STATE_OFF), GS_EPERM);
	assert_int_equal(switch_ring(&c, "suspect", GS_CONF_STATE_DRAINING), GS_EPERM);
	assert_int_equal(switch_ring(&c, "warm", GS_CONF_STATE_DRAINING), 0);
	assert_int_equal(gs_conf_remove_ring(t, gs_conf_ring(t, "warm"), why), GS_EBUSY);
	assert_non_null(strstr(why, "draining"));
	assert_int_equal(switch_ring(&c, "warm", GS_CONF_STATE_OFF), 0);
	assert_int_equal(gs_conf_remove_ring(t, gs_conf_ring(t, "warm"), why), 0);
	assert_string_equal(order_of(t), "active cold suspect");
	assert_int_equal(gs_conf_check(&c, why), 0);
}

/* Whatever is asked for in whatever order: what was accepted is a chain, and prints as a file that loads back equal. */
static void
random_changes_leave_a_chain_that_loads_back(void **state)
{
	static const char *const names[] = { "active", "warm", "cold", "suspect", "ra", "rb", "rc", "rd", "re" };
	enum { NAMES = sizeof(names) / sizeof(names[0]) };
	char path[] = "/tmp/gsession-test-chain-XXXXXX";
	struct gs_conf c, next, loaded;
	uint64_t accepted = 0, seed = 20261124;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	gs_conf_defaults(&c);
	for (int round = 0; round < 3000; round++) {
		struct gs_conf_table *t = &next.tables[0];
		const char *name;
		size_t ring;
		int rc;
		FILE *to;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		name = names[(seed >> 33) % NAMES];
		next = c;
		ring = gs_conf_ring(t, name);
		if (ring == t->n_rings)
			rc = gs_conf_add_ring(t, name, why);
		else if ((seed >> 40) % 4 == 3)
			rc = gs_conf_remove_ring(t, ring, why);
		else
			rc = gs_conf_switch_ring(t, ring, (seed >> 40) % 4, why);
		if (rc == 0 && ring < t->n_rings && (seed >> 50) % 3 == 0 && t->rings[ring].state != GS_CONF_STATE_ON)
			(void)snprintf(t->rings[ring].decay_to, GS_CONF_NAME_BYTES, "%s", names[1 + (seed >> 53) % 2]);
		if (rc < 0 || gs_conf_check(&next, why) < 0)
			continue;
		accepted++;
		c = next;
		assert_string_equal(c.tables[0].rings[0].name, "active");
		assert_true(c.tables[0].rings[c.tables[0].n_rings - 1].is_suspect);
		for (size_t i = 0; i < c.tables[0].n_rings; i++)
			assert_true(gs_conf_drains_to(&c.tables[0], i) < gs_conf_chain(&c.tables[0]));
		if (round % 10 != 0)
			continue;
		to = fopen(path, "w");
		gs_conf_print(to, &c);
		assert_int_equal(fclose(to), 0);
		if (gs_conf_load_file(&loaded, path, why) != 0)
			fail_msg("round %d: %s", round, why);
		/* Those that are not on may stand in another order. */
		assert_int_equal(loaded.tables[0].n_rings, c.tables[0].n_rings);
		for (size_t i = 0; i < gs_conf_chain(&c.tables[0]); i++)
			assert_string_equal(loaded.tables[0].rings[i].name, c.tables[0].rings[i].name);
	}
	(void)close(fd);
	(void)unlink(path);
	assert_true(accepted > 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(ring_is_added_off_with_what_fits),
		T(names_that_cannot_be_are_refused),
		T(ninth_ring_is_refused),
		T(switching_on_takes_a_ring_in_before_its_decay_to),
		T(what_does_not_fit_the_chain_is_refused_when_it_is_switched_on),
		T(outermost_drains_only_where_nothing_ends),
		T(ring_goes_only_when_it_is_off_and_never_the_first_and_last),
		T(random_changes_leave_a_chain_that_loads_back),
	};

	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}

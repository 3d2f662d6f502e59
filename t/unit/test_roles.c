/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_roles - who may what by the roles, and that the memory tells them whole, whenever the daemon stops.
 */
#include "shm_place.h"

#include <pthread.h>

#include "gsession.h"
#include "shm/roles.h"

enum { OWNER = 900, CHANGES = 20000 };

static const struct gs_roles few = {
	.owner = OWNER,
	.of = {
		[GS_ROLES_STARTER] = { .n = 1, .id = { 10 } },
		[GS_ROLES_WORKER] = { .n = 2, .groups = 2, .id = { 11, 50 } },
		[GS_ROLES_READER] = { .n = GS_ROLES_WHO, .groups = 1 << 15, .id = { [0] = 12, [15] = 51 } },
		[GS_ROLES_REAPER] = { .n = 1, .id = { 13 } },
		[GS_ROLES_OPERATOR] = { .n = 1, .id = { 11 } },
	},
};

static uint32_t
rights_of(const struct gs_roles *r, uint32_t uid, uint32_t gid, uint32_t group)
{
	const struct gs_roles_who who = { .uid = uid, .gid = gid, .groups = &group, .n_groups = group != 0 };

	return gs_roles_rights(r, &who);
}

static void
a_right_comes_with_a_role_of_the_user_or_of_a_group(void **state)
{
	static const struct {
		uint32_t uid, gid, group, rights;
	} rows[] = {
		{ 0, 0, 0, GS_RIGHTS_ALL },
		{ OWNER, 1, 0, GS_RIGHTS_ALL },
		{ 10, 1, 0, GS_RIGHT_START | GS_RIGHT_WORK | GS_RIGHT_READ },
		{ 11, 1, 0, GS_RIGHT_WORK | GS_RIGHT_READ | GS_RIGHT_OPERATE },
		{ 99, 50, 0, GS_RIGHT_WORK | GS_RIGHT_READ },
		{ 99, 1, 50, GS_RIGHT_WORK | GS_RIGHT_READ },
		{ 99, 1, 51, GS_RIGHT_READ },
		{ 12, 1, 0, GS_RIGHT_READ },
		{ 13, 1, 51, GS_RIGHT_REAP | GS_RIGHT_READ },
		/* The number of a group is no user's, and the other way round. */
		{ 50, 1, 0, 0 },
		{ 51, 10, 11, 0 },
		{ 99, 99, 99, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rights_of(&few, rows[i].uid, rows[i].gid, rows[i].group), rows[i].rights);
}

static void
who_is_not_named_may_what_everybody_may(void **state)
{
	struct gs_roles r = few;

	(void)state;
	r.of[GS_ROLES_READER] = (struct gs_roles_list){ .is_any = true };
	assert_int_equal(rights_of(&r, 99, 99, 99), GS_RIGHT_READ);
}

static void
memory_tells_what_was_put_into_force_last(void **state)
{
	struct store *s = *state;
	struct gs_roles r = few, found;
	uint32_t epoch = gs_roles_epoch_of(s->t);

	gs_roles_apply(s->t, &r);
	assert_int_equal(gs_roles_epoch_of(s->t), epoch + 1);
	gs_roles_load(s->t, &found);
	assert_int_equal(rights_of(&found, 99, 1, 51), GS_RIGHT_READ);
	assert_int_equal(rights_of(&found, OWNER, 1, 0), GS_RIGHTS_ALL);
	r.of[GS_ROLES_STARTER] = (struct gs_roles_list){ .is_any = true };
	gs_roles_apply(s->t, &r);
	gs_roles_load(s->t, &found);
	assert_int_equal(rights_of(&found, 99, 1, 0), GS_RIGHT_START | GS_RIGHT_WORK | GS_RIGHT_READ);
	gs_roles_apply(s->t, &few);
	gs_roles_load(s->t, &found);
	assert_int_equal(rights_of(&found, 99, 1, 0), 0);
}

/* What gs_roles_apply has done when it is stopped before its last step. */
static void
change_by_half_hinders_nobody(void **state)
{
	struct store *s = *state;
	uint32_t epoch;
	struct gs_roles_cfg *other;
	struct gs_roles found;

	gs_roles_apply(s->t, &few);
	epoch = gs_roles_epoch_of(s->t);
	other = &s->t->ctl->roles[(epoch + 1) & 1];
	other->epoch = epoch;
	other->owner = 1;
	for (int i = 0; i < GS_ROLE_KINDS; i++)
		other->of[i].n = GS_ROLE_EVERYBODY;
	gs_roles_load(s->t, &found);
	assert_memory_equal(found.of[GS_ROLES_OPERATOR].id, few.of[GS_ROLES_OPERATOR].id, sizeof(uint32_t));
	assert_int_equal(rights_of(&found, 99, 1, 0), 0);
	assert_int_equal(found.owner, OWNER);
}

static void
memory_that_contradicts_itself_gives_nobody_a_role(void **state)
{
	struct store *s = *state;
	struct gs_roles found;

	gs_roles_apply(s->t, &few);
	s->t->ctl->roles[gs_roles_epoch_of(s->t) & 1].epoch += 2;
	gs_roles_load(s->t, &found);
	assert_int_equal(rights_of(&found, 10, 1, 0), 0);
	gs_roles_apply(s->t, &few);
}

/* All numbers of one change are the same. */
static void *
change(void *arg)
{
	struct gs_table *t = arg;
	struct gs_roles r;

	for (uint32_t n = 1; n <= CHANGES; n++) {
		r = (struct gs_roles){ .owner = n };
		for (int i = 0; i < GS_ROLES_KINDS; i++) {
			r.of[i].n = GS_ROLES_WHO;
			for (int k = 0; k < GS_ROLES_WHO; k++)
				r.of[i].id[k] = n;
		}
		gs_roles_apply(t, &r);
	}
	return NULL;
}

static void
nobody_goes_by_half_a_change(void **state)
{
	struct store *s = *state;
	struct gs_roles found = { .owner = 0 };
	pthread_t thread;

	gs_roles_apply(s->t, &(const struct gs_roles){ .owner = 0 });
	assert_int_equal(pthread_create(&thread, NULL, change, s->t), 0);
	while (found.owner != CHANGES) {
		gs_roles_load(s->t, &found);
		for (int i = 0; i < GS_ROLES_KINDS; i++)
			for (uint32_t k = 0; k < found.of[i].n; k++)
				assert_int_equal(found.of[i].id[k], found.owner);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_comes_with_a_role_of_the_user_or_of_a_group),
		cmocka_unit_test(who_is_not_named_may_what_everybody_may),
		cmocka_unit_test_setup_teardown(memory_tells_what_was_put_into_force_last, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(change_by_half_hinders_nobody, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(memory_that_contradicts_itself_gives_nobody_a_role, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(nobody_goes_by_half_a_change, begin_usual, end_clean),
	};

	return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}

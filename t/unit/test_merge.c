/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_merge.c - what a re-read file changes, what was changed by hand and stays, and what cannot change while running.
 */
#include "daemon/merge.h"

#include "conf_place.h"

enum { VALUE_BYTES = GS_CONF_VALUE_BYTES };

/* Where a setting lies: a ring's, a table's (ring NULL), its quota's (ring "quota") or the daemon's (table NULL). */
struct where {
	const char *table, *ring, *key;
};

static struct gs_conf_table *
table_of(struct gs_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_tables; i++)
		if (strcmp(c->tables[i].name, name) == 0)
			return &c->tables[i];
	return NULL;
}

static struct gs_conf_ring *
ring_of(struct gs_conf_table *t, const char *name)
{
	for (size_t i = 0; i < t->n_rings; i++)
		if (strcmp(t->rings[i].name, name) == 0)
			return &t->rings[i];
	return NULL;
}

static void *
find(struct gs_conf *c, const struct where *w, const struct gs_conf_option **o)
{
	struct gs_conf_table *t = w->table == NULL ? NULL : table_of(c, w->table);
	void *at = c;

	*o = gs_conf_find(w->table == NULL ? GS_CONF_IN_DAEMON : w->ring == NULL ? GS_CONF_IN_TABLE :
	    strcmp(w->ring, "quota") == 0 ? GS_CONF_IN_QUOTA : GS_CONF_IN_RING, w->key);
	assert_non_null(*o);
	if (w->table != NULL)
		at = w->ring == NULL ? (void *)t : strcmp(w->ring, "quota") == 0 ? (void *)&t->quota : (void *)ring_of(t, w->ring);
	assert_non_null(at);
	return at;
}

static void
set(struct gs_conf *c, const struct where *w, const char *value)
{
	const struct gs_conf_option *o;
	void *at = find(c, w, &o);
	char why[GS_CONF_WHY_BYTES];

	if (gs_conf_set(o, at, value, why) != 0)
		fail_msg("%s", why);
}

static void
assert_is(struct gs_conf *c, const struct where *w, const char *want)
{
	const struct gs_conf_option *o;
	void *at = find(c, w, &o);
	char got[VALUE_BYTES];

	gs_conf_get(o, at, got, sizeof(got));
	if (strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", w->key, got, want);
}

/* Three configurations of two tables each. */
struct three {
	struct gs_conf fresh, before, live;
};

static void
make_conf(struct gs_conf *c)
{
	gs_conf_defaults(c);
	c->tables[1] = c->tables[0];
	(void)snprintf(c->tables[1].name, sizeof(c->tables[1].name), "carts");
	c->n_tables = 2;
}

static int
make_three(void **state)
{
	struct three *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	make_conf(&t->fresh);
	make_conf(&t->before);
	make_conf(&t->live);
	*state = t;
	return 0;
}

static int
free_three(void **state)
{
	free(*state);
	return 0;
}

/* ---- merging ---- */

static const struct row {
	struct where where;
	const char *before, *fresh, *live;	/* the file then, the file now, what is in force */
	const char *want;
} rows[] = {
	/* nothing changed */
	{ { "sessions", "active", "ttl" }, "4m", "4m", "4m", "4m" },
	/* by hand alone: it stays */
	{ { "sessions", "active", "ttl" }, "4m", "4m", "7m", "7m" },
	{ { "sessions", "warm", "half_life" }, "5m", "5m", "0", "0" },
	{ { "sessions", "cold", "promote" }, "access", "access", "never", "never" },
	{ { "sessions", "active", "capacity" }, "8192", "8192", "100", "100" },
	{ { "carts", "cold", "ttl" }, "14d", "14d", "max", "max" },
	{ { NULL, NULL, "log_level" }, "notice", "notice", "debug", "debug" },
	{ { NULL, NULL, "log_keys" }, "no", "no", "yes", "yes" },
	{ { "sessions", "quota", "rate" }, "50/s", "50/s", "1/s", "1/s" },
	{ { "carts", "quota", "action" }, "report", "report", "slow", "slow" },
	{ { "sessions", "quota", "overrides" }, "key a 1/s 1", "key a 1/s 1", "-\nkey b 1/s 1", "key b 1/s 1" },
	{ { "sessions", "quota", "overrides" }, "", "", "key a 1/s 1\nowner b none", "key a 1/s 1\nowner b none" },
	{ { "sessions", "quota", "overrides" }, "key a 1/s 1", "key a 1/s 1", "", "" },
	/* in the file alone: it comes */
	{ { "sessions", "quota", "overrides" }, "", "key a 1/s 1", "", "key a 1/s 1" },
	{ { "sessions", "active", "ttl" }, "4m", "6m", "4m", "6m" },
	{ { "carts", "suspect", "capacity" }, "1024", "512", "1024", "512" },
	{ { NULL, NULL, "log_level" }, "notice", "warn", "notice", "warn" },
	/* both: the file says something new */
	{ { "sessions", "active", "ttl" }, "4m", "6m", "7m", "6m" },
	{ { NULL, NULL, "log_keys" }, "no", "yes", "no", "yes" },
	/* written otherwise, and the same */
	{ { "sessions", "active", "ttl" }, "60s", "1m", "7m", "7m" },
	/* what cannot change is the file's */
	{ { "sessions", NULL, "record_size" }, "8K", "8K", "4K", "8K" },
	{ { "sessions", NULL, "key_max" }, "255", "255", "64", "255" },
	/* but what the tmpfs could not hold was cut */
	{ { "sessions", NULL, "max_sessions" }, "75520", "75520", "1000", "1000" },
	{ { "sessions", NULL, "max_sessions" }, "75520", "80000", "1000", "80000" },
};

static void
the_file_wins_where_it_says_something_new_and_the_hand_elsewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct three *t;
		void *of_row = NULL;

		assert_int_equal(make_three(&of_row), 0);
		t = of_row;
		set(&t->before, &r->where, r->before);
		set(&t->fresh, &r->where, r->fresh);
		set(&t->live, &r->where, r->live);
		merge_conf(&t->fresh, &t->before, &t->live);
		assert_is(&t->fresh, &r->where, r->want);
		(void)free_three(&of_row);
	}
}

static void
a_change_touches_its_own_ring_and_table_alone(void **state)
{
	const struct where changed = { "sessions", "active", "ttl" };
	const struct where others[] = {
		{ "sessions", "warm", "ttl" }, { "carts", "active", "ttl" }, { "sessions", "active", "half_life" }, { NULL, NULL, "log_level" },
	};
	const char *const want[] = { "30m", "5m", "5m", "notice" };
	struct three *t = *state;

	set(&t->live, &changed, "1m");
	merge_conf(&t->fresh, &t->before, &t->live);
	assert_is(&t->fresh, &changed, "1m");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_is(&t->fresh, &others[i], want[i]);
}

static void
tables_and_rings_are_matched_by_name(void **state)
{
	const struct where warm = { "sessions", "warm", "ttl" }, carts = { "carts", "warm", "ttl" };
	struct three *t = *state;
	struct gs_conf_table table = t->live.tables[0];
	struct gs_conf_ring ring;

	/* what is in force has them in another order */
	t->live.tables[0] = t->live.tables[1];
	t->live.tables[1] = table;
	ring = t->live.tables[1].rings[1];
	t->live.tables[1].rings[1] = t->live.tables[1].rings[2];
	t->live.tables[1].rings[2] = ring;
	set(&t->live, &warm, "40m");
	merge_conf(&t->fresh, &t->before, &t->live);
	assert_is(&t->fresh, &warm, "40m");
	assert_is(&t->fresh, &carts, "30m");
}

static void
what_is_new_in_the_file_is_as_the_file_says(void **state)
{
	const struct where of_table = { "carts", "active", "ttl" }, of_ring = { "sessions", "cold", "ttl" };
	struct three *t = *state;

	/* what was in force knew neither the table carts nor the ring cold of sessions */
	t->before.n_tables = t->live.n_tables = 1;
	(void)snprintf(t->before.tables[0].rings[2].name, GS_CONF_NAME_BYTES, "frozen");
	(void)snprintf(t->live.tables[0].rings[2].name, GS_CONF_NAME_BYTES, "frozen");
	t->live.tables[0].rings[2].ttl_ms = 1000;
	t->live.tables[1].rings[0].ttl_ms = 1000;
	merge_conf(&t->fresh, &t->before, &t->live);
	assert_is(&t->fresh, &of_table, "5m");
	assert_is(&t->fresh, &of_ring, "14d");
}

static void
merging_a_configuration_with_itself_changes_nothing(void **state)
{
	struct three *t = *state;

	merge_conf(&t->fresh, &t->before, &t->live);
	assert_memory_equal(&t->fresh, &t->before, sizeof(t->fresh));
}

/* ---- what needs a restart ---- */

static const struct {
	struct where where;
	const char *value;
	const char *named;		/* what the sentence names; NULL: it can change while running */
} changes[] = {
	{ { "sessions", "active", "ttl" }, "1m", NULL },
	{ { "sessions", "active", "half_life" }, "1m", NULL },
	{ { "sessions", "active", "promote" }, "never", NULL },
	{ { "sessions", "active", "capacity" }, "100", NULL },
	{ { NULL, NULL, "log_level" }, "debug", NULL },
	{ { NULL, NULL, "log_keys" }, "yes", NULL },
	{ { NULL, NULL, "group" }, "www", "[daemon] group" },
	{ { "sessions", NULL, "record_size" }, "4K", "[table sessions] record_size" },
	{ { "carts", NULL, "key_max" }, "64", "[table carts] key_max" },
	{ { "carts", NULL, "slot_sizes" }, "512", "[table carts] slot_sizes" },
	{ { "sessions", NULL, "max_lifetime" }, "1d", "[table sessions] max_lifetime" },
};

static void
only_settings_of_the_memory_and_the_socket_need_a_restart(void **state)
{
	char why[GS_CONF_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct three *t;
		void *of_row = NULL;

		assert_int_equal(make_three(&of_row), 0);
		t = of_row;
		set(&t->fresh, &changes[i].where, changes[i].value);
		if (merge_needs_restart(&t->before, &t->fresh, &t->before, why) != (changes[i].named != NULL))
			fail_msg("%s", changes[i].where.key);
		if (changes[i].named != NULL)
			assert_non_null(strstr(why, changes[i].named));
		(void)free_three(&of_row);
	}
}

static void
other_tables_and_rings_need_a_restart(void **state)
{
	struct three *t = *state;
	char why[GS_CONF_WHY_BYTES];

	assert_false(merge_needs_restart(&t->before, &t->fresh, &t->before, why));
	t->fresh.n_tables = 1;
	assert_true(merge_needs_restart(&t->before, &t->fresh, &t->before, why));
	assert_true(merge_needs_restart(&t->fresh, &t->before, &t->fresh, why));
	make_conf(&t->fresh);
	(void)snprintf(t->fresh.tables[1].name, GS_CONF_NAME_BYTES, "other");
	assert_true(merge_needs_restart(&t->before, &t->fresh, &t->before, why));
	assert_non_null(strstr(why, "carts"));
	make_conf(&t->fresh);
	(void)snprintf(t->fresh.tables[0].rings[2].name, GS_CONF_NAME_BYTES, "frozen");
	assert_true(merge_needs_restart(&t->before, &t->fresh, &t->before, why));
	assert_non_null(strstr(why, "[table sessions] its rings"));
	make_conf(&t->fresh);
	t->fresh.tables[1].n_rings--;
	assert_true(merge_needs_restart(&t->before, &t->fresh, &t->before, why));
	assert_non_null(strstr(why, "[table carts] its rings"));
}

static void
classes_follow_what_the_file_says_anew_and_else_what_was_set(void **state)
{
	struct three *t = *state;
	struct gs_conf_table *fresh = &t->fresh.tables[0], *before = &t->before.tables[0], *live = &t->live.tables[0];
	char why[GS_CONF_WHY_BYTES];

	/* in the file and set; in the file, which changed; by hand; out of the file; new in it, and by hand as well */
	assert_int_equal(gs_conf_add_class(before, "guest", why), 0);
	assert_int_equal(gs_conf_add_class(before, "admin", why), 0);
	assert_int_equal(gs_conf_add_class(before, "late", why), 0);
	*live = *before;
	live->classes[gs_conf_class(live, "guest")].idle_ms = 1000;
	live->classes[gs_conf_class(live, "admin")].idle_ms = 1000;
	live->classes[gs_conf_class(live, "late")].idle_ms = 1000;
	assert_int_equal(gs_conf_add_class(live, "byhand", why), 0);
	live->classes[gs_conf_class(live, "byhand")].ttl_ms = 5000;
	assert_int_equal(gs_conf_add_class(live, "both", why), 0);
	live->classes[gs_conf_class(live, "both")].ttl_ms = 5000;
	assert_int_equal(gs_conf_add_class(fresh, "admin", why), 0);
	assert_int_equal(gs_conf_add_class(fresh, "guest", why), 0);
	assert_int_equal(gs_conf_add_class(fresh, "both", why), 0);
	fresh->classes[gs_conf_class(fresh, "admin")].idle_ms = 2000;
	fresh->classes[gs_conf_class(fresh, "both")].ttl_ms = 6000;
	merge_conf(&t->fresh, &t->before, &t->live);
	assert_int_equal(fresh->n_classes, 6);
	assert_int_equal(fresh->classes[gs_conf_class(fresh, "guest")].idle_ms, 1000);
	assert_int_equal(fresh->classes[gs_conf_class(fresh, "admin")].idle_ms, 2000);
	assert_int_equal(fresh->classes[gs_conf_class(fresh, "byhand")].ttl_ms, 5000);
	assert_int_equal(fresh->classes[gs_conf_class(fresh, "both")].ttl_ms, 6000);
	assert_int_equal(gs_conf_class(fresh, "late"), 6);
	assert_false(merge_needs_restart(&t->before, &t->fresh, &t->live, why));
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_three, free_three)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_wins_where_it_says_something_new_and_the_hand_elsewhere),
		T(a_change_touches_its_own_ring_and_table_alone),
		T(tables_and_rings_are_matched_by_name),
		T(what_is_new_in_the_file_is_as_the_file_says),
		T(merging_a_configuration_with_itself_changes_nothing),
		cmocka_unit_test(only_settings_of_the_memory_and_the_socket_need_a_restart),
		T(other_tables_and_rings_need_a_restart),
		T(classes_follow_what_the_file_says_anew_and_else_what_was_set),
	};

	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}

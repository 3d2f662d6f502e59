/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf_place.h"
#include "gsession.h"

#define DAY_MS (UINT64_C(24) * 60 * 60 * 1000)
#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
assert_ring(const struct gs_conf_ring *r, const struct gs_conf_ring *want)
{
	assert_string_equal(r->name, want->name);
	assert_true(r->ttl_ms == want->ttl_ms);
	assert_true(r->half_life_ms == want->half_life_ms);
	assert_string_equal(r->decay_to, want->decay_to);
	assert_true(r->promote == want->promote);
	assert_true(r->capacity == want->capacity);
	assert_true(r->reserve == want->reserve);
	assert_true(r->on_full == want->on_full);
	assert_string_equal(r->store, want->store);
	assert_int_equal(r->is_suspect, want->is_suspect);
}

static void
defaults_are_those_of_the_design(void **state)
{
	static const struct gs_conf_ring rings[] = {
		{ "active", 300000, 300000, "warm", GS_CONF_PROMOTE_ACCESS, 0, 0, 8192, 2048, GS_CONF_ON_FULL_REFUSE, "shm", false },
		{ "warm", 1800000, 300000, "cold", GS_CONF_PROMOTE_ACCESS, 0, 0, 16384, 0, GS_CONF_ON_FULL_REFUSE, "shm", false },
		{ "cold", 14 * DAY_MS, 300000, "none", GS_CONF_PROMOTE_ACCESS, 0, 0, 32768, 0, GS_CONF_ON_FULL_ONESHOT, "auto", false },
		{ "suspect", UINT64_MAX, 300000, "none", GS_CONF_PROMOTE_ACCESS, 0, 0, 1024, 0, GS_CONF_ON_FULL_REFUSE, "shm", true },
	};
	static const uint64_t slots[GS_CONF_CLASSES] = { 384, 768, 2048, 0 };
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf c, loaded;
	size_t i;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(c.log_level, 2);
	assert_false(c.log_keys);
	assert_string_equal(c.group, "");
	assert_int_equal(c.n_tables, 1);
	assert_string_equal(c.tables[0].name, "sessions");
	assert_int_equal(c.tables[0].record_size, 8192);
	assert_memory_equal(c.tables[0].slot_sizes, slots, sizeof(slots));
	assert_int_equal(c.tables[0].key_max, 255);
	assert_int_equal(c.tables[0].max_sessions, (8192 + 2048 + 16384 + 32768 + 1024) * 5 / 4);
	assert_true(c.tables[0].max_lifetime_ms == 30 * DAY_MS);
	assert_int_equal(c.tables[0].n_rings, N(rings));
	for (i = 0; i < N(rings); i++)
		assert_ring(&c.tables[0].rings[i], &rings[i]);
	assert_int_equal(gs_conf_load(&loaded, NULL, why), GS_OK);
	assert_conf_equal(&c, &loaded);
}

static void
an_empty_file_is_the_defaults(void **state)
{
	static const char *const rows[] = { "", "\n", "# only\n; comments\n\n  \t\n  # indented ones too", "[daemon]\n", "[ring warm]\n[table sessions]" };
	struct gs_conf c, defaults;
	size_t i;

	gs_conf_defaults(&defaults);
	for (i = 0; i < N(rows); i++) {
		load(*state, rows[i], &c);
		assert_conf_equal(&c, &defaults);
	}
}

static void
settings_are_taken(void **state)
{
	struct gs_conf c;

	load(*state,
	    "[daemon]\n"
	    "log_level = debug\n"
	    "log_keys=yes\n"
	    "group \t =   www-data  \n"
	    "[table sessions]\n"
	    "record_size = 64\n"
	    "slot_sizes = 256 \t 1K\n"
	    "key_max = 16\n"
	    "max_sessions = 100000\n"
	    "max_lifetime = max\n"
	    "[ring cold]\n"
	    "ttl = max\n"
	    "promote = never\n"
	    "on_full = anonymous\n"
	    "capacity = 7", &c);
	assert_int_equal(c.log_level, 4);
	assert_true(c.log_keys);
	assert_string_equal(c.group, "www-data");
	assert_int_equal(c.tables[0].record_size, 64);
	assert_int_equal(c.tables[0].slot_sizes[0], 256);
	assert_int_equal(c.tables[0].slot_sizes[1], 1024);
	assert_int_equal(c.tables[0].slot_sizes[2], 0);
	assert_int_equal(c.tables[0].key_max, 16);
	assert_int_equal(c.tables[0].max_sessions, 100000);
	assert_true(c.tables[0].max_lifetime_ms == UINT64_MAX);
	assert_true(c.tables[0].rings[2].ttl_ms == UINT64_MAX);
	assert_int_equal(c.tables[0].rings[2].promote, GS_CONF_PROMOTE_NEVER);
	assert_int_equal(c.tables[0].rings[2].on_full, GS_CONF_ON_FULL_ANONYMOUS);
	assert_int_equal(c.tables[0].rings[2].capacity, 7);
}

static void
a_list_of_slot_sizes_may_be_empty(void **state)
{
	struct gs_conf c;

	load(*state, "[table sessions]\nslot_sizes =\n", &c);
	assert_int_equal(c.tables[0].slot_sizes[0], 0);
}

static void
half_life_is_inherited_outwards(void **state)
{
	struct gs_conf c;

	load(*state, "[ring active]\nhalf_life = 1m\n[ring cold]\nhalf_life = 1h\n", &c);
	assert_int_equal(c.tables[0].rings[0].half_life_ms, 60000);
	assert_int_equal(c.tables[0].rings[1].half_life_ms, 60000);
	assert_int_equal(c.tables[0].rings[2].half_life_ms, 3600000);
	assert_int_equal(c.tables[0].rings[3].half_life_ms, 60000);
	load(*state, "[ring active]\nhalf_life = 0\n", &c);
	assert_int_equal(c.tables[0].rings[2].half_life_ms, 0);
}

static void
max_sessions_follows_the_capacities(void **state)
{
	struct gs_conf c;

	load(*state, "[ring active]\ncapacity = 1\nreserve = 0\n[ring warm]\ncapacity = 1\n[ring cold]\ncapacity = 1\n[ring suspect]\ncapacity = 2\n", &c);
	assert_int_equal(c.tables[0].max_sessions, 7);	/* 6.25, rounded up */
	load(*state, "[ring cold]\ncapacity = 120000000\n", &c);
	assert_int_equal(c.tables[0].max_sessions, 1 << 27);
	load(*state, "[table sessions]\nmax_sessions = 0\n", &c);
	assert_int_equal(c.tables[0].max_sessions, 75520);
}

static void
rings_are_in_the_order_of_decay_to(void **state)
{
	static const char *const want[] = { "active", "tepid", "warm", "cold", "deep", "suspect" };
	struct gs_conf c;
	size_t i;

	load(*state,
	    "[ring deep]\nttl = 20d\ncapacity = 10\n"
	    "[ring cold]\ndecay_to = deep\n"
	    "[ring tepid]\nttl = 10m\ncapacity = 20\ndecay_to = warm\n"
	    "[ring active]\ndecay_to = tepid\n", &c);
	assert_int_equal(c.tables[0].n_rings, N(want));
	for (i = 0; i < N(want); i++)
		assert_string_equal(c.tables[0].rings[i].name, want[i]);
	assert_string_equal(c.tables[0].rings[4].decay_to, "none");
	assert_int_equal(c.tables[0].rings[4].half_life_ms, 300000);
}

static void
built_in_rings_that_nothing_reaches_are_dropped(void **state)
{
	struct gs_conf c;

	load(*state, "[ring active]\ndecay_to = none\n", &c);
	assert_int_equal(c.tables[0].n_rings, 2);
	assert_string_equal(c.tables[0].rings[1].name, "suspect");
	load(*state, "[ring active]\ndecay_to = cold\n", &c);
	assert_int_equal(c.tables[0].n_rings, 3);
	assert_string_equal(c.tables[0].rings[1].name, "cold");
}

static void
tables_have_the_built_in_rings_and_their_own_settings(void **state)
{
	struct gs_conf c;

	load(*state,
	    "[table tokens]\nrecord_size = 256\n"
	    "[ring tokens/active]\nttl = 1m\ncapacity = 99\n"
	    "[ring sessions/active]\nttl = 2m\n"
	    "[table other]\n", &c);
	assert_int_equal(c.n_tables, 3);
	assert_string_equal(c.tables[0].name, "sessions");
	assert_string_equal(c.tables[1].name, "tokens");
	assert_string_equal(c.tables[2].name, "other");
	assert_int_equal(c.tables[0].rings[0].ttl_ms, 120000);
	assert_int_equal(c.tables[0].record_size, 8192);
	assert_int_equal(c.tables[1].rings[0].ttl_ms, 60000);
	assert_int_equal(c.tables[1].rings[0].capacity, 99);
	assert_int_equal(c.tables[1].record_size, 256);
	assert_int_equal(c.tables[1].n_rings, 4);
	assert_int_equal(c.tables[2].rings[0].ttl_ms, 300000);
	assert_int_equal(c.tables[2].max_sessions, 75520);
}

static void
later_files_win_in_the_order_of_their_names(void **state)
{
	const struct place *p = *state;
	struct gs_conf c;

	write_beside(p, "c.d/20-b.conf", "[ring active]\nttl = 2m\n[ring warm]\ncapacity = 22\n");
	write_beside(p, "c.d/10-a.conf", "[ring active]\nttl = 1m\n[ring warm]\ncapacity = 21\n[ring cold]\ncapacity = 31\n");
	write_beside(p, "c.d/30-c.conf.bak", "nonsense");
	write_beside(p, "c.d/.hidden.conf", "nonsense");
	write_beside(p, "c.d/.conf", "nonsense");
	write_beside(p, "c.d/README", "nonsense");
	load(p, "[ring active]\nttl = 3m\ncapacity = 11\n", &c);
	assert_int_equal(c.tables[0].rings[0].ttl_ms, 120000);
	assert_int_equal(c.tables[0].rings[0].capacity, 11);
	assert_int_equal(c.tables[0].rings[1].capacity, 22);
	assert_int_equal(c.tables[0].rings[2].capacity, 31);
}

static void
an_error_in_a_later_file_names_that_file(void **state)
{
	const struct place *p = *state;
	char why[GS_CONF_WHY_BYTES], want[160];
	struct gs_conf c;

	write_file(p->path, "", 0);
	write_beside(p, "c.d/10-a.conf", "[ring warm]\n\nttl = 1m\n");
	assert_int_equal(gs_conf_load(&c, p->path, why), GS_ERANGE);
	(void)snprintf(want, sizeof(want), "%s.d/10-a.conf:3: \"[ring sessions/warm] ttl = 1m\": ", p->path);
	assert_memory_equal(why, want, strlen(want));
}

static void
a_file_that_is_not_there_or_unreadable_is_said(void **state)
{
	const struct place *p = *state;
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf c;

	assert_int_equal(gs_conf_load(&c, p->path, why), GS_ENOENT);
	assert_non_null(strstr(why, p->path));
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(gs_conf_load(&c, p->dir, why), GS_ESYSTEM);
	assert_non_null(strstr(why, "directory"));
}

static void
every_row_takes_what_it_prints(void **state)
{
	const struct gs_conf_option *o;
	char value[GS_CONF_VALUE_BYTES], again[GS_CONF_VALUE_BYTES], why[GS_CONF_WHY_BYTES];
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_add_namespace(&c.tables[0], "app", why), 0);
	for (o = gs_conf_options; o->key != NULL; o++) {
		void *at = o->section == GS_CONF_IN_DAEMON ? (void *)&c : o->section == GS_CONF_IN_TABLE ? (void *)&c.tables[0] :
		    o->section == GS_CONF_IN_QUOTA ? (void *)&c.tables[0].quota : o->section == GS_CONF_IN_ROLES ? (void *)&c.tables[0].roles :
		    o->section == GS_CONF_IN_NAMESPACE ? (void *)&c.tables[0].namespaces[0] : (void *)&c.tables[0].rings[1];

		assert_ptr_equal(gs_conf_find(o->section, o->key), o);
		gs_conf_get(o, at, value, sizeof(value));
		assert_int_equal(gs_conf_set(o, at, value, why), GS_OK);
		gs_conf_get(o, at, again, sizeof(again));
		assert_string_equal(value, again);
	}
	assert_null(gs_conf_find(GS_CONF_IN_DAEMON, "ttl"));
}

static void
a_list_of_users_and_groups_is_one(void **state)
{
	static const char *const good[][2] = {
		{ "any", "any" }, { "none", "none" }, { "user:bob", "user:bob" }, { " user:1 \t group:2 ", "user:1 group:2" },
		{ "user:a.b-c_D group:www-data", "user:a.b-c_D group:www-data" },
	};
	static const char *const bad[] = {
		"", " ", "bob", "user:", "user", "any none", "any user:a", "user:a any", "user:a,user:b", "user:-a", "users:a", "user:a b",
		"user:abcdefghijklmnopqrstuvwxyzabcdefgh",
		"user:1 user:2 user:3 user:4 user:5 user:6 user:7 user:8 user:9 user:10 user:11 user:12 user:13 user:14 user:15 user:16 user:17",
	};
	const struct gs_conf_option *o = gs_conf_find(GS_CONF_IN_ROLES, "worker");
	char why[GS_CONF_WHY_BYTES], value[GS_CONF_VALUE_BYTES];
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(gs_conf_set(o, &c.tables[0].roles, good[i][0], why), GS_OK);
		gs_conf_get(o, &c.tables[0].roles, value, sizeof(value));
		assert_string_equal(value, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (gs_conf_set(o, &c.tables[0].roles, bad[i], why) == GS_OK)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_string_equal(c.tables[0].roles.worker, "user:a.b-c_D group:www-data");
}

static void
a_list_of_patterns_is_given_whole_or_changed(void **state)
{
	/* One after the other: what is written, and what the list is then. */
	static const char *const good[][2] = {
		{ "+sess_count", "2029240f6d1128be89ddc32729463129 sess_count" },
		{ "+sess_count", "2029240f6d1128be89ddc32729463129 sess_count" },
		{ " -2029240f6d1128be89ddc32729463129 \t +*.count ", "sess_count *.count" },
		{ "-*.count", "sess_count" },
		{ "-sess_count", "none" },
		{ "+a -a +b", "b" },
		{ "none", "none" },
		{ "a b c", "a b c" },
		{ "-b", "a c" },
		{ "-c", "a" },
		{ "[!a-z]* ?", "[!a-z]* ?" },
		{ "\\141\\040\\053 \\053x \\055y", "a\\040+ \\053x \\055y" },
		{ "+\\055y -\\053x", "a\\040+ \\055y" },
		{ "1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8" },
		{ "aa a aaa", "aa a aaa" },
		{ "-a", "aa aaa" },
		{ "123456789012345678901234567890123456789012345678901234567890123", "123456789012345678901234567890123456789012345678901234567890123" },
	};
	static const char *const bad[] = {
		"", " ", "+", "-", "-absent", "a +b", "+a b", "none a", "\\", "\\000", "1 2 3 4 5 6 7 8 9", "+1 +2 +3 +4 +5 +6 +7 +8",
		"1234567890123456789012345678901234567890123456789012345678901234",
		"a1234567890123456789012345678901234567890123456789 b1234567890123456789012345678901234567890123456789 "
		"c1234567890123456789012345678901234567890123456789 d1234567890123456789012345678901234567890123456789",
	};
	const struct gs_conf_option *o = gs_conf_find(GS_CONF_IN_DAEMON, "exempt_patterns");
	char why[GS_CONF_WHY_BYTES], value[GS_CONF_VALUE_BYTES], pattern[GS_CONF_PATTERN_BYTES];
	const char *at = "a\\040+ [b]";
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(gs_conf_set(o, &c, good[i][0], why), GS_OK);
		gs_conf_get(o, &c, value, sizeof(value));
		assert_string_equal(value, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (gs_conf_set(o, &c, bad[i], why) == GS_OK)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_string_equal(c.exempt_patterns, good[sizeof(good) / sizeof(good[0]) - 1][1]);
	assert_true(gs_conf_next_pattern(&at, pattern));
	assert_string_equal(pattern, "a +");
	assert_true(gs_conf_next_pattern(&at, pattern));
	assert_string_equal(pattern, "[b]");
	assert_false(gs_conf_next_pattern(&at, pattern));
	at = "none";
	assert_false(gs_conf_next_pattern(&at, pattern));
}

static void
a_refused_value_leaves_the_old_one(void **state)
{
	const struct gs_conf_option *ttl = gs_conf_find(GS_CONF_IN_RING, "ttl"), *sizes = gs_conf_find(GS_CONF_IN_TABLE, "slot_sizes");
	char why[GS_CONF_WHY_BYTES], value[256];
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	assert_int_equal(gs_conf_set(ttl, &c.tables[0].rings[0], "5x", why), GS_EINVAL);
	assert_string_equal(why, "\"5x\": ttl is a duration from 1ms to max, as 500ms 30s 5m 2h 7d");
	assert_int_equal(c.tables[0].rings[0].ttl_ms, 300000);
	assert_int_equal(gs_conf_set(sizes, &c.tables[0], "512 100", why), GS_ERANGE);
	gs_conf_get(sizes, &c.tables[0], value, sizeof(value));
	assert_string_equal(value, "384 768 2K");
	/* However long the text: the sentence is cut, nothing else. */
	(void)memset(value, 'x', sizeof(value) - 1);
	assert_int_equal(gs_conf_set(ttl, &c.tables[0].rings[0], value, why), GS_EINVAL);
	assert_true(strlen(why) < GS_CONF_WHY_BYTES);
}

static void
a_change_is_checked_against_the_whole(void **state)
{
	char why[GS_CONF_WHY_BYTES];
	struct gs_conf c;

	(void)state;
	gs_conf_defaults(&c);
	c.tables[0].rings[0].half_life_ms = 0;
	c.tables[0].rings[0].ttl_ms = 2000;
	assert_int_equal(gs_conf_check(&c, why), GS_OK);
	c.tables[0].rings[0].ttl_ms = 3600000;
	assert_int_equal(gs_conf_check(&c, why), GS_ERANGE);
	assert_string_equal(why, "\"[ring sessions/warm] ttl = 30m\": at least 1h, as in ring active: ttl does not shrink outwards");
	gs_conf_defaults(&c);
	(void)strcpy(c.tables[0].rings[0].decay_to, "cold");
	assert_int_equal(gs_conf_check(&c, why), GS_EINVAL);
	assert_string_equal(why, "\"[ring sessions/active] decay_to = cold\": warm here, so that every ring is reached from active once");
	gs_conf_defaults(&c);
	c.tables[0].rings[1].capacity = 50000;
	assert_int_equal(gs_conf_check(&c, why), GS_ERANGE);
	assert_non_null(strstr(why, "[table sessions] max_sessions = 75520"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(defaults_are_those_of_the_design),
		T(an_empty_file_is_the_defaults),
		T(settings_are_taken),
		T(a_list_of_slot_sizes_may_be_empty),
		T(half_life_is_inherited_outwards),
		T(max_sessions_follows_the_capacities),
		T(rings_are_in_the_order_of_decay_to),
		T(built_in_rings_that_nothing_reaches_are_dropped),
		T(tables_have_the_built_in_rings_and_their_own_settings),
		T(later_files_win_in_the_order_of_their_names),
		T(an_error_in_a_later_file_names_that_file),
		T(a_file_that_is_not_there_or_unreadable_is_said),
		T(every_row_takes_what_it_prints),
		T(a_list_of_users_and_groups_is_one),
		T(a_list_of_patterns_is_given_whole_or_changed),
		T(a_refused_value_leaves_the_old_one),
		T(a_change_is_checked_against_the_whole),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}

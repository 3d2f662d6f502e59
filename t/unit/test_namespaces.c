/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_namespaces - namespaces: equal keys of two are two sessions, ids stay, limits hold, and none goes while it has sessions.
 */
#include "shm_place.h"

#include "base/siphash.h"
#include "policy/lifetime.h"
#include "shm/kin.h"
#include "shm/logout.h"
#include "shm/namespaces.h"
#include "shm/recover.h"
#include "shm/store.h"

#define MAX GS_DURATION_MAX

/* The real clock of the table is what making and removing go by. */
static uint64_t
now(const struct store *s)
{
	return gs_table_now_ms(s->t);
}

static int
make_with(struct store *s, const char *name, uint64_t idle_ms, uint64_t max_sessions)
{
	struct gs_namespace_spec spec = { .idle_ms = idle_ms, .max_sessions = max_sessions, .uid = 7, .gid = 8, .mode = 0750 };

	(void)snprintf(spec.name, sizeof(spec.name), "%s", name);
	return gs_namespaces_make(s->t, &s->c, &spec);
}

static uint32_t
make(struct store *s, const char *name)
{
	int id = make_with(s, name, MAX, GS_NAMESPACE_UNLIMITED);

	assert_true(id > 0);
	return (uint32_t)id;
}

static struct gs_key
key_in(struct store *s, uint32_t ns, const char *text)
{
	struct gs_key k;

	assert_int_equal(gs_key_init_in(s->t, &k, ns, text, strlen(text)), 0);
	return k;
}

static int
put_in(struct store *s, uint32_t ns, const char *key, const char *value, const char *owner)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_in(s, ns, key);

	if (owner != NULL) {
		args.set = GS_SET_OWNER_BIT;
		args.owner = owner;
		args.owner_len = (uint32_t)strlen(owner);
	}
	return gs_kv_put(s->t, &s->c, &k, now(s), value, strlen(value), &args, NULL);
}

/* Its value, or "-" for none. */
static const char *
value_in(struct store *s, uint32_t ns, const char *key)
{
	static char buf[64];
	struct gs_key k = key_in(s, ns, key);
	struct gs_meta meta;
	ssize_t n = gs_kv_get(s->t, &s->c, &k, now(s), buf, sizeof(buf) - 1, GS_KV_INSPECT, &meta);

	if (n < 0)
		return "-";
	assert_int_equal(meta.ns, ns);
	buf[n] = '\0';
	return buf;
}

static int
del_in(struct store *s, uint32_t ns, const char *key)
{
	struct gs_key k = key_in(s, ns, key);

	return gs_kv_del(s->t, &s->c, &k, now(s), 0);
}

static void
equal_keys_of_two_namespaces_are_two_sessions(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a"), b = make(s, "b");

	assert_int_equal(put_in(s, 0, "k", "of none", NULL), 1);
	assert_int_equal(put_in(s, a, "k", "of a", NULL), 1);
	assert_string_equal(value_in(s, b, "k"), "-");
	assert_int_equal(put_in(s, b, "k", "of b", NULL), 1);
	assert_string_equal(value_in(s, 0, "k"), "of none");
	assert_string_equal(value_in(s, a, "k"), "of a");
	assert_int_equal(del_in(s, a, "k"), 0);
	assert_string_equal(value_in(s, a, "k"), "-");
	assert_string_equal(value_in(s, 0, "k"), "of none");
	assert_string_equal(value_in(s, b, "k"), "of b");
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
	assert_int_equal(gs_namespaces_count(s->t, b), 1);
	assert_int_equal(gs_namespaces_count(s->t, 0), 0);
}

static void
hash_of_the_default_namespace_is_that_of_the_key_alone(void **state)
{
	struct store *s = *state;

	assert_true(gs_key_hash(s->t, 0, "key", 3) == gs_siphash13(s->t->sip_k0, s->t->sip_k1, "key", 3));
	for (uint32_t ns = 1; ns < GS_NAMESPACES; ns++)
		assert_true(gs_key_hash(s->t, ns, "key", 3) != gs_key_hash(s->t, ns - 1, "key", 3));
}

static void
name_keeps_its_id(void **state)
{
	struct store *s = *state;
	struct gs_namespace_spec spec;
	char name[GS_RING_NAME_BYTES];
	uint32_t a = make(s, "a"), b = make(s, "b");

	assert_int_not_equal(a, b);
	assert_int_equal(gs_namespaces_find(s->t, "a"), a);
	assert_int_equal(gs_namespaces_find(s->t, ""), 0);
	assert_int_equal(gs_namespaces_find(s->t, NULL), 0);
	assert_int_equal(gs_namespaces_find(s->t, "c"), GS_ENOENT);
	assert_true(gs_namespaces_load(s->t, a, &spec));
	assert_string_equal(spec.name, "a");
	assert_true(spec.uid == 7 && spec.gid == 8 && spec.mode == 0750);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), 0);
	assert_int_equal(gs_namespaces_find(s->t, "a"), GS_ENOENT);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), GS_ENOENT);
	assert_false(gs_namespaces_load(s->t, a, &spec));
	gs_namespaces_name(s->t, a, name);
	assert_string_equal(name, "");
	assert_int_equal(make(s, "c"), b + 1);
	assert_int_equal(make(s, "a"), a);
}

static void
ids_are_used_up_at_255_names(void **state)
{
	struct store *s = *state;
	char name[GS_RING_NAME_BYTES];

	for (int i = 1; i < GS_NAMESPACES; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(make(s, name), i);
	}
	assert_int_equal(make_with(s, "more", MAX, GS_NAMESPACE_UNLIMITED), GS_ERANGE);
	assert_int_equal(make(s, "n255"), 255);
}

static void
removed_namespace_takes_no_session(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");

	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), GS_EBUSY);
	assert_int_equal(put_in(s, a, "other", "v", NULL), 1);
	assert_int_equal(del_in(s, a, "k"), 0);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), GS_EBUSY);
	assert_int_equal(del_in(s, a, "other"), 0);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), 0);
	assert_int_equal(put_in(s, a, "k", "v", NULL), GS_ENOENT);
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
}

/* As a recount does that takes one for the dead who stands between his counting and his entry. */
static void
miscount(struct store *s, uint32_t ns)
{
	atomic_fetch_add(&s->t->ns_lines[ns].n, 1);
	gs_recover_population(s->t);
	atomic_fetch_sub(&s->t->ns_lines[ns].n, 1);
}

static void
session_that_is_not_counted_keeps_it(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");

	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	miscount(s, a);
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), GS_EBUSY);
	assert_string_equal(value_in(s, a, "k"), "v");
	gs_recover_population(s->t);
	assert_int_equal(gs_namespaces_count(s->t, a), 1);
}

/* Who was counted and died before he had an entry. */
static void
count_without_a_session_does_not_keep_it(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");

	atomic_fetch_add(&s->t->ns_lines[a].n, 1);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), 0);
	gs_recover_population(s->t);
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
}

static void
nothing_starts_between_the_steps_of_a_removal(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a"), b = make(s, "b");
	struct gs_namespace_removal r;
	int steps = 1;

	atomic_fetch_add(&s->t->ns_lines[a].n, 1);
	gs_recover_population(s->t);
	assert_int_equal(gs_namespaces_remove_begin(s->t, &r, "no"), GS_ENOENT);
	assert_int_equal(gs_namespaces_remove_begin(s->t, &r, "a"), 0);
	assert_int_equal(gs_namespaces_remove_step(s->t, &s->c, &r, 1), 1);
	assert_int_equal(put_in(s, a, "k", "v", NULL), GS_EAGAIN);
	assert_int_equal(put_in(s, b, "k", "v", NULL), 1);
	while (gs_namespaces_remove_step(s->t, &s->c, &r, 100) == 1)
		steps++;
	assert_in_range(steps, gs_table_entries(s->t) / 100, gs_table_entries(s->t) / 100 + 1);
	assert_int_equal(put_in(s, a, "k", "v", NULL), GS_ENOENT);
	assert_int_equal(gs_namespaces_remove_step(s->t, &s->c, &r, 1), GS_ENOENT);
	/* Of one whose count nobody corrected there is nothing to look for. */
	assert_int_equal(del_in(s, b, "k"), 0);
	assert_int_equal(gs_namespaces_remove_begin(s->t, &r, "b"), 0);
	assert_int_equal(gs_namespaces_remove_step(s->t, &s->c, &r, 1), 0);
}

/* Where it has sessions nobody is kept from starting others while one of them is looked for. */
static void
door_of_one_with_sessions_stays_open(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");
	struct gs_namespace_removal r;
	int rc = 1;

	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	assert_int_equal(gs_namespaces_remove_begin(s->t, &r, "a"), 0);
	for (int i = 0; rc == 1; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "more%d", i % 20);
		assert_true(put_in(s, a, key, "v", NULL) >= 0);
		rc = gs_namespaces_remove_step(s->t, &s->c, &r, 10);
	}
	assert_int_equal(rc, GS_EBUSY);
	assert_int_equal(put_in(s, a, "last", "v", NULL), 1);
}

/* A client that died in the middle of a start, at an entry that the removal has behind it. */
static void
death_in_a_start_begins_a_removal_anew(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");
	struct gs_namespace_removal r;
	struct gs_key k = key_in(s, a, "k");

	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	miscount(s, a);
	assert_int_equal(gs_namespaces_remove_begin(s->t, &r, "a"), 0);
	r.at = gs_table_entries(s->t) - 1;
	atomic_store(&s->c.page->op_end, k.hash);
	(void)gs_recover_ctx(s->t, 1);
	assert_int_equal(gs_namespaces_remove_step(s->t, &s->c, &r, UINT64_MAX), GS_EBUSY);
	assert_string_equal(value_in(s, a, "k"), "v");
	/* When it was through before the death was known there is no such session. */
	atomic_store(&s->t->ctl->ns[a].state, GS_NAMESPACE_RETIRED);
	atomic_store(&s->t->ns_lines[a].n, 1);
	atomic_store(&s->c.page->op_end, k.hash);
	(void)gs_recover_ctx(s->t, 1);
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
	assert_int_equal(make(s, "a"), a);
	assert_string_equal(value_in(s, a, "k"), "-");
}

static void
sessions_lost_with_their_files_are_not_counted(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");
	struct gs_key k = key_in(s, a, "lost");

	assert_int_equal(put_in(s, a, "stays", "v", NULL), 1);
	assert_int_equal(put_in(s, a, "lost", "v", NULL), 1);
	assert_int_equal(gs_kv_move(s->t, &s->c, &k, now(s), COLD), 0);
	assert_int_equal(gs_namespaces_count(s->t, a), 2);
	assert_int_equal(gs_store_forget(s->t, 1u << (COLD * GS_MAX_CLASSES)), 1);
	assert_int_equal(gs_namespaces_count(s->t, a), 1);
	assert_string_equal(value_in(s, a, "stays"), "v");
	assert_string_equal(value_in(s, a, "lost"), "-");
}

static void
what_is_over_or_given_up_does_not_keep_it(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");
	struct gs_key from = key_in(s, a, "old"), to = key_in(s, a, "new");
	struct gs_put_args args = plain_args();
	unsigned char buf[1000];
	const struct gs_rotation r = { .from = &from, .to = &to, .buf = buf };

	assert_int_equal(put_in(s, a, "old", "v", NULL), 1);
	assert_int_equal(gs_kv_rotate(s->t, &s->c, now(s), &r), 0);
	assert_string_equal(value_in(s, a, "new"), "v");
	assert_int_equal(gs_namespaces_count(s->t, a), 2);
	assert_int_equal(del_in(s, a, "new"), 0);
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 1;
	assert_int_equal(gs_kv_put(s->t, &s->c, &to, now(s) - 10, "v", 1, &args, NULL), 1);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "a"), 0);
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
	/* Nobody starts again under the key that was given up. */
	assert_int_equal(make(s, "a"), a);
	assert_int_equal(put_in(s, a, "old", "v", NULL), GS_ESTALE);
}

static void
max_sessions_refuses_the_one_too_many(void **state)
{
	struct store *s = *state;
	int a = make_with(s, "a", MAX, 2);

	assert_true(a > 0);
	assert_int_equal(put_in(s, (uint32_t)a, "k1", "v", NULL), 1);
	assert_int_equal(put_in(s, (uint32_t)a, "k2", "v", NULL), 1);
	assert_int_equal(put_in(s, (uint32_t)a, "k3", "v", NULL), GS_ENOSPC);
	assert_int_equal(put_in(s, (uint32_t)a, "k2", "w", NULL), 0);
	assert_int_equal(put_in(s, 0, "k3", "v", NULL), 1);
	assert_int_equal(gs_namespaces_count(s->t, (uint32_t)a), 2);
	assert_int_equal(make_with(s, "a", MAX, 3), a);
	assert_int_equal(put_in(s, (uint32_t)a, "k3", "v", NULL), 1);
	assert_int_equal(del_in(s, (uint32_t)a, "k1"), 0);
	assert_int_equal(put_in(s, (uint32_t)a, "k4", "v", NULL), 1);
}

static void
idle_ends_a_session_in_whatever_ring(void **state)
{
	static const uint32_t rings[] = { ACTIVE, WARM, COLD };
	struct store *s = *state;
	uint32_t a = (uint32_t)make_with(s, "a", 10 * MIN, GS_NAMESPACE_UNLIMITED);
	struct gs_put_args args = plain_args();
	struct gs_settled done;
	struct gs_meta meta;
	char key[16];

	for (size_t i = 0; i < 3; i++) {
		struct gs_key k;

		(void)snprintf(key, sizeof(key), "k%zu", i);
		k = key_in(s, a, key);
		args.ring = rings[i];
		assert_int_equal(gs_kv_put(s->t, &s->c, &k, NOW, "v", 1, &args, NULL), 1);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 10 * MIN, NULL, 0, GS_KV_INSPECT, &meta), 1);
		assert_int_equal(gs_kv_ends_ms(s->t, &meta), NOW + 10 * MIN);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 10 * MIN + 1, NULL, 0, GS_KV_INSPECT, &meta), GS_ENOENT);
		assert_int_equal(gs_kv_get(s->t, &s->c, &k, NOW + 10 * MIN + 1, NULL, 0, GS_KV_INSPECT, NULL), GS_ENOENT);
		gs_kv_settle(s->t, &s->c, meta.ordinal, NOW + 10 * MIN + 1, &done);
		assert_int_equal(done.what, GS_SETTLE_EXPIRED);
	}
	assert_int_equal(gs_namespaces_count(s->t, a), 0);
}

static void
of_idle_limits_the_earliest_wins(void **state)
{
	static const struct gs_lifetime_rule rows[] = { { MAX, 5 * MIN }, { MAX, 20 * MIN }, { 3 * MIN, 20 * MIN } };
	static const uint64_t ends[] = { 5 * MIN, 10 * MIN, 3 * MIN };
	struct store *s = *state;
	uint32_t a = (uint32_t)make_with(s, "a", 10 * MIN, GS_NAMESPACE_UNLIMITED);

	for (size_t i = 0; i < 3; i++) {
		atomic_store(&s->t->ctl->session_class[GS_CLASS_ANONYMOUS].ttl_ms, rows[i].ttl_ms);
		atomic_store(&s->t->ctl->session_class[GS_CLASS_ANONYMOUS].idle_ms, rows[i].idle_ms);
		assert_int_equal(gs_record_bound_ms(s->t, &(struct gs_bounded){ .class_id = GS_CLASS_ANONYMOUS, .ns = a, .own_ms = GS_TIME_NEVER,
		    .touched_ms = NOW, .accessed_ms = NOW }), NOW + ends[i]);
	}
}

static void
name_is_a_key_or_a_namespace_never_both(void **state)
{
	struct store *s = *state;
	uint32_t other;

	assert_int_equal(put_in(s, 0, "app", "v", NULL), 1);
	assert_int_equal(make_with(s, "app", MAX, GS_NAMESPACE_UNLIMITED), GS_EEXIST);
	assert_int_equal(gs_namespaces_find(s->t, "app"), GS_ENOENT);
	assert_int_equal(put_in(s, 0, "app", "w", NULL), 0);
	assert_int_equal(del_in(s, 0, "app"), 0);
	(void)make(s, "app");
	assert_int_equal(put_in(s, 0, "app", "v", NULL), GS_EISDIR);
	assert_string_equal(value_in(s, 0, "app"), "-");
	/* In another namespace it is a key as any. */
	other = make(s, "other");
	assert_int_equal(put_in(s, other, "app", "v", NULL), 1);
	assert_int_equal(gs_namespaces_remove(s->t, &s->c, "app"), 0);
	assert_int_equal(put_in(s, 0, "app", "v", NULL), 1);
}

static void
owners_of_two_namespaces_are_two(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");
	uint64_t n;

	assert_int_equal(put_in(s, 0, "k", "v", "alice"), 1);
	assert_int_equal(put_in(s, a, "k", "v", "alice"), 1);
	assert_int_equal(put_in(s, a, "k2", "v", "alice"), 1);
	assert_int_equal(gs_logout_run(s->t, &s->c, gs_kin_hash(s->t, a, "alice", 5), now(s), &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(value_in(s, a, "k"), "-");
	assert_string_equal(value_in(s, 0, "k"), "v");
	atomic_store(&s->t->ctl->max_per_owner, 1);
	assert_int_equal(put_in(s, a, "l", "v", "alice"), 1);
	assert_string_equal(value_in(s, 0, "k"), "v");
	assert_int_equal(put_in(s, a, "m", "v", "alice"), 1);
	assert_string_equal(value_in(s, a, "l"), "-");
	assert_string_equal(value_in(s, 0, "k"), "v");
}

static void
quota_of_a_namespace_is_about_its_keys(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a"), b = make(s, "b");
	uint64_t l1 = gs_quota_limit(60, 1), l2 = gs_quota_limit(120, 2), l3 = gs_quota_limit(180, 3);
	struct gs_quota_rules rules = { .limit = GS_QUOTA_FREE, .n_overrides = 3 };
	struct gs_key k = key_in(s, a, "k"), k_in_b = key_in(s, b, "k"), plain = key_in(s, 0, "k");

	rules.override[0].whose = GS_QUOTA_OF_NAMESPACE;
	memcpy(rules.override[0].name, "a", 1);
	rules.override[0].name_len = 1;
	rules.override[0].limit = l1;
	rules.override[1].whose = GS_QUOTA_OF_OWNER;
	memcpy(rules.override[1].name, "alice", 5);
	rules.override[1].name_len = 5;
	rules.override[1].limit = l2;
	rules.override[2].whose = GS_QUOTA_OF_KEY;
	memcpy(rules.override[2].name, "b/k", 3);
	rules.override[2].name_len = 3;
	rules.override[2].limit = l3;
	gs_quota_apply(s->t, &rules);
	assert_true(gs_quota_find(s->t, &(struct gs_quota_whom){ k.hash, a, 0, NULL }) == l1);
	assert_true(gs_quota_find(s->t, &(struct gs_quota_whom){ k.hash, a, 5, "alice" }) == l2);
	assert_true(gs_quota_find(s->t, &(struct gs_quota_whom){ plain.hash, 0, 0, NULL }) == GS_QUOTA_FREE);
	assert_true(gs_quota_find(s->t, &(struct gs_quota_whom){ k_in_b.hash, b, 5, "alice" }) == l3);
}

static void
counters_that_the_dead_left_are_put_right(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");

	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	atomic_fetch_add(&s->t->ns_lines[a].n, 5);
	gs_recover_population(s->t);
	assert_int_equal(gs_namespaces_count(s->t, a), 1);
	atomic_fetch_sub(&s->t->ns_lines[a].n, 3);
	gs_recover_population(s->t);
	assert_int_equal(gs_namespaces_count(s->t, a), 1);
}

static void
half_made_and_half_removed_ones_are_settled(void **state)
{
	struct store *s = *state;
	uint32_t a = make(s, "a");

	atomic_store(&s->t->ctl->ns[a].state, GS_NAMESPACE_CLOSING);
	assert_int_equal(gs_namespaces_find(s->t, "a"), a);
	assert_int_equal(put_in(s, a, "k", "v", NULL), GS_EAGAIN);
	atomic_store(&s->t->ctl->ns[a + 1].state, GS_NAMESPACE_RETIRED);
	gs_namespaces_recover(s->t);
	assert_int_equal(put_in(s, a, "k", "v", NULL), 1);
	assert_int_equal(make(s, "b"), a + 1);
}

/* ---- against a naive store ---- */

enum { NS = 3, KEYS = 40, STEPS = 60000 };

struct model {
	char value[NS][KEYS][16];	/* "": none */
	uint32_t count[NS];
};

static void
check_step(struct store *s, const struct model *m, const uint32_t id[NS], uint32_t ns, uint32_t i)
{
	char key[16];

	(void)snprintf(key, sizeof(key), "k%u", i);
	for (uint32_t n = 0; n < NS; n++)
		assert_string_equal(value_in(s, id[n], key), m->value[n][i][0] == '\0' ? "-" : m->value[n][i]);
	if (ns != 0)
		assert_int_equal(gs_namespaces_count(s->t, id[ns]), m->count[ns]);
}

static void
random_operations_keep_to_a_naive_store(void **state)
{
	struct store *s = *state;
	uint32_t id[NS] = { 0, make(s, "a"), make(s, "b") };
	struct model *m = calloc(1, sizeof(*m));
	uint64_t seed = 20261125;

	assert_non_null(m);
	for (int step = 0; step < STEPS; step++) {
		uint32_t ns = (uint32_t)(next_random(&seed) % NS), i = (uint32_t)(next_random(&seed) % KEYS), to;
		char key[16], value[16];
		struct gs_key k;
		bool was;
		int rc;

		(void)snprintf(key, sizeof(key), "k%u", i);
		(void)snprintf(value, sizeof(value), "v%d", step);
		k = key_in(s, id[ns], key);
		was = m->value[ns][i][0] != '\0';
		switch (next_random(&seed) % 5) {
		case 0:
			rc = put_in(s, id[ns], key, value, ns == 1 ? "alice" : NULL);
			assert_int_equal(rc, was ? 0 : 1);
			m->count[ns] += !was;
			memcpy(m->value[ns][i], value, sizeof(value));
			break;
		case 1:
			assert_int_equal(del_in(s, id[ns], key), was ? 0 : GS_ENOENT);
			m->count[ns] -= was;
			m->value[ns][i][0] = '\0';
			break;
		case 2:
			assert_int_equal(gs_kv_touch(s->t, &s->c, &k, now(s)), was ? 0 : GS_ENOENT);
			break;
		case 3:
			to = (uint32_t)(next_random(&seed) % 3);
			assert_int_equal(gs_kv_move(s->t, &s->c, &k, now(s), to), was ? 0 : GS_ENOENT);
			break;
		default:
			assert_int_equal(gs_kv_get(s->t, &s->c, &k, now(s), NULL, 0, 0, NULL) >= 0, was);
		}
		check_step(s, m, id, ns, i);
	}
	free(m);
	assert_clean(s->t, now(s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_keys_of_two_namespaces_are_two_sessions, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(hash_of_the_default_namespace_is_that_of_the_key_alone, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(name_keeps_its_id, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(ids_are_used_up_at_255_names, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(removed_namespace_takes_no_session, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(session_that_is_not_counted_keeps_it, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(count_without_a_session_does_not_keep_it, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(nothing_starts_between_the_steps_of_a_removal, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(door_of_one_with_sessions_stays_open, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(death_in_a_start_begins_a_removal_anew, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(sessions_lost_with_their_files_are_not_counted, begin_usual, end_store),
		cmocka_unit_test_setup_teardown(what_is_over_or_given_up_does_not_keep_it, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(max_sessions_refuses_the_one_too_many, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(idle_ends_a_session_in_whatever_ring, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(of_idle_limits_the_earliest_wins, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(name_is_a_key_or_a_namespace_never_both, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(owners_of_two_namespaces_are_two, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(quota_of_a_namespace_is_about_its_keys, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(counters_that_the_dead_left_are_put_right, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(half_made_and_half_removed_ones_are_settled, begin_usual, end_clean),
		cmocka_unit_test_setup_teardown(random_operations_keep_to_a_naive_store, begin_usual, end_clean),
	};

	return cmocka_run_group_tests_name("namespaces", tests, NULL, NULL);
}

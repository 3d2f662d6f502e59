/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_bond - tokens end with the session that they hang on, whatever its end; carried ones do not.
 *
 * The seed is printed; GS_SEED=n runs that one again.
 */
#include "shm_place.h"

#include <time.h>

#include "shm/bond.h"

enum { SESSIONS = 40, TOKENS = 120, STEPS = 6000 };
#define ORPHAN_MS (10 * MIN)

struct world {
	struct store sessions, tokens;
	uint64_t n_ended, n_orphaned, n_relinked;
};

static struct gs_table_spec
token_spec(const struct gs_table *parent)
{
	struct gs_table_spec spec = usual_spec();

	spec.slot_size[0] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, 1000 + 256);
	spec.max_sessions = 400;
	spec.rings[ACTIVE].capacity = 300;
	spec.max_lifetime_ms = 30 * DAY;
	spec.has_secret = parent != NULL;
	spec.sip_k0 = parent != NULL ? parent->sip_k0 : 0;
	spec.sip_k1 = parent != NULL ? parent->sip_k1 : 0;
	return spec;
}

static void
open_world(struct world *w)
{
	struct gs_table_spec spec = usual_spec();

	memset(w, 0, sizeof(*w));
	spec.max_lifetime_ms = 30 * DAY;
	open_store(&w->sessions, &spec);
	spec = token_spec(w->sessions.t);
	open_store(&w->tokens, &spec);
	assert_int_equal(w->tokens.t->sip_k0, w->sessions.t->sip_k0);
	/* One clock for both. */
	atomic_store(&w->tokens.t->ctl->clock_add_ms, atomic_load(&w->sessions.t->ctl->clock_add_ms));
	atomic_store(&w->sessions.t->ctl->has_tokens, 1);
	atomic_store(&w->tokens.t->ctl->is_tokens, 1);
}

static void
close_world(struct world *w)
{
	close_store(&w->sessions);
	close_store(&w->tokens);
}

static void
hang(struct world *w, const char *token, const char *parent, bool is_carried, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(w->tokens.t, token);

	args.set = GS_SET_LINK_BIT | GS_SET_CARRIED_BIT;
	args.link = parent;
	args.link_len = (uint32_t)strlen(parent);
	args.is_carried = is_carried;
	assert_in_range(gs_kv_put(w->tokens.t, &w->tokens.c, &k, now_ms, "t", 1, &args, NULL), 0, 1);
}

/* A round of the daemon. True when there was anything to look at. */
static bool
round_at(struct world *w, uint64_t now_ms)
{
	struct gs_bond b = {
		.tokens = w->tokens.t, .parent = w->sessions.t, .c = &w->tokens.c, .parent_c = &w->sessions.c, .now_ms = now_ms,
		.parent_now_ms = now_ms, .orphan_ttl_ms = ORPHAN_MS, .wall_ns = 1,
	};
	struct gs_bond_set set = { { 0 } };
	bool is_any = gs_bond_take(w->sessions.t, &set);

	is_any = gs_bond_take(w->tokens.t, &set) || is_any;
	if (is_any)
		gs_bond_pass(&b, &set);
	w->n_ended += b.n_ended;
	w->n_orphaned += b.n_orphaned;
	w->n_relinked += b.n_relinked;
	return is_any;
}

static bool
has_token(struct world *w, const char *token, uint64_t now_ms)
{
	return peek_at(&w->tokens, token, now_ms, NULL) >= 0;
}

static void
assert_link(struct world *w, const char *token, const char *want, uint64_t now_ms)
{
	struct gs_meta m;

	assert_int_equal(peek_at(&w->tokens, token, now_ms, &m), 1);
	assert_string_equal((const char *)m.link, want);
}

static void
bound_token_ends_with_its_session(void **state)
{
	struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(put_at(&w.sessions, "s", "v", NOW), 1);
	assert_int_equal(put_at(&w.sessions, "other", "v", NOW), 1);
	hang(&w, "t1", "s", false, NOW + MIN);
	hang(&w, "t2", "s", false, NOW + MIN);
	hang(&w, "t3", "other", false, NOW + MIN);
	hang(&w, "free", "", false, NOW + MIN);
	assert_true(round_at(&w, NOW + MIN));
	assert_false(round_at(&w, NOW + MIN));
	assert_int_equal(w.n_ended, 0);
	assert_int_equal(del_at(&w.sessions, "s", NOW + MIN), 0);
	assert_true(round_at(&w, NOW + MIN));
	assert_int_equal(w.n_ended, 2);
	assert_false(has_token(&w, "t1", NOW + MIN) || has_token(&w, "t2", NOW + MIN));
	assert_true(has_token(&w, "t3", NOW + MIN) && has_token(&w, "free", NOW + MIN));
	assert_false(round_at(&w, NOW + MIN));
	assert_clean(w.tokens.t, NOW + MIN);
	close_world(&w);
}

static void
every_end_of_a_session_ends_its_tokens(void **state)
{
	struct gs_put_args args = plain_args();
	struct gs_meta m;
	struct gs_key k;
	struct world w;

	(void)state;
	open_world(&w);
	/* By the sweep, for its own ttl. */
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = MIN;
	k = key_of(w.sessions.t, "brief");
	assert_int_equal(gs_kv_put(w.sessions.t, &w.sessions.c, &k, NOW, "v", 1, &args, NULL), 1);
	hang(&w, "t", "brief", false, NOW);
	assert_int_equal(settle_at(&w.sessions, "brief", NOW + MIN + 1).what, GS_SETTLE_EXPIRED);
	(void)round_at(&w, NOW + MIN + 1);
	assert_false(has_token(&w, "t", NOW + MIN + 1));
	/* By a new session of the key in its place, before the sweep came. */
	assert_int_equal(gs_kv_put(w.sessions.t, &w.sessions.c, &k, NOW + 2 * MIN, "v", 1, &args, NULL), 1);
	hang(&w, "u", "brief", false, NOW + 2 * MIN);
	(void)round_at(&w, NOW + 2 * MIN);
	assert_int_equal(put_at(&w.sessions, "brief", "v", NOW + 4 * MIN), 1);
	(void)round_at(&w, NOW + 4 * MIN);
	assert_false(has_token(&w, "u", NOW + 4 * MIN));
	/* By an end for good: then the token is ended for good, too. */
	hang(&w, "x", "brief", false, NOW + 4 * MIN);
	assert_int_equal(peek_at(&w.sessions, "brief", NOW + 4 * MIN, &m), 1);
	assert_int_equal(gs_kv_end_at(w.sessions.t, &w.sessions.c, m.ordinal, m.birth, GS_TOMB_FINAL, NOW + 4 * MIN), 0);
	(void)round_at(&w, NOW + 4 * MIN);
	assert_int_equal(put_at(&w.tokens, "x", "v", NOW + 4 * MIN), GS_ESTALE);
	/* Who comes too late to hang one on it. */
	hang(&w, "late", "brief", false, NOW + 5 * MIN);
	hang(&w, "none", "there never was one", false, NOW + 5 * MIN);
	(void)round_at(&w, NOW + 5 * MIN);
	assert_false(has_token(&w, "late", NOW + 5 * MIN) || has_token(&w, "none", NOW + 5 * MIN));
	assert_clean(w.tokens.t, NOW + 5 * MIN);
	close_world(&w);
}

static void
carried_token_outlives_its_session_and_is_handed_over(void **state)
{
	struct gs_put_args give = { .set = GS_SET_LINK_BIT | GS_SET_GIVE_BIT | GS_SET_OWNER_BIT, .link = "next", .link_len = 4, .owner = "bob", .owner_len = 3 };
	struct gs_meta m;
	struct gs_key k;
	struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(put_at(&w.sessions, "s", "v", NOW), 1);
	assert_int_equal(put_at(&w.sessions, "next", "v", NOW), 1);
	hang(&w, "kept", "s", true, NOW);
	hang(&w, "given", "s", true, NOW);
	hang(&w, "bound", "s", false, NOW);
	k = key_of(w.tokens.t, "bound");
	assert_int_equal(gs_kv_setattr(w.tokens.t, &w.tokens.c, &k, NOW, &give), GS_EPERM);
	assert_int_equal(del_at(&w.sessions, "s", NOW + MIN), 0);
	(void)round_at(&w, NOW + MIN);
	assert_int_equal(w.n_orphaned, 2);
	assert_int_equal(w.n_ended, 1);
	assert_link(&w, "kept", "", NOW + MIN);
	k = key_of(w.tokens.t, "given");
	assert_int_equal(gs_kv_setattr(w.tokens.t, &w.tokens.c, &k, NOW + 2 * MIN, &give), 0);
	(void)round_at(&w, NOW + 2 * MIN);
	assert_link(&w, "given", "next", NOW + 2 * MIN);
	assert_int_equal(peek_at(&w.tokens, "given", NOW + 2 * MIN, &m), 1);
	assert_string_equal((const char *)m.owner, "bob");
	assert_int_equal(m.deadline_ms, NOW + 2 * MIN + 30 * DAY);
	/* The timeout is over for the one that nobody took, however much it is asked for. */
	assert_int_equal(touch_at(&w.tokens, "kept", NOW + MIN + ORPHAN_MS), 0);
	assert_false(has_token(&w, "kept", NOW + MIN + ORPHAN_MS + 1));
	assert_true(has_token(&w, "given", NOW + MIN + ORPHAN_MS + 1));
	/* It is carried still. */
	assert_int_equal(del_at(&w.sessions, "next", NOW + 3 * MIN), 0);
	(void)round_at(&w, NOW + 3 * MIN);
	assert_link(&w, "given", "", NOW + 3 * MIN);
	close_world(&w);
}

static void
token_goes_with_its_session_under_another_key(void **state)
{
	char buf[1000];
	struct world w;
	struct gs_key a, b;
	struct gs_rotation r = { .from = &a, .to = &b, .grace_ms = 30 * S, .wall_ns = 1, .buf = buf };

	(void)state;
	open_world(&w);
	a = key_of(w.sessions.t, "old");
	b = key_of(w.sessions.t, "new");
	assert_int_equal(put_at(&w.sessions, "old", "v", NOW), 1);
	hang(&w, "t", "old", false, NOW + MIN);
	assert_int_equal(gs_kv_rotate(w.sessions.t, &w.sessions.c, NOW + MIN, &r), 0);
	/* However late the daemon is. */
	(void)round_at(&w, NOW + 5 * MIN);
	assert_link(&w, "t", "new", NOW + 5 * MIN);
	assert_int_equal(del_at(&w.sessions, "new", NOW + 5 * MIN), 0);
	(void)round_at(&w, NOW + 5 * MIN);
	assert_false(has_token(&w, "t", NOW + 5 * MIN));
	close_world(&w);
}

static void
recovery_marks_what_the_dead_was_ending(void **state)
{
	struct world w;

	(void)state;
	open_world(&w);
	hang(&w, "t", "gone", false, NOW);
	{
		struct gs_bond_set none = { { 0 } };

		(void)gs_bond_take(w.tokens.t, &none);
	}
	assert_false(round_at(&w, NOW));
	atomic_store(&w.sessions.t->ctx[2].op_end, key_of(w.sessions.t, "gone").hash);
	(void)gs_recover_ctx(w.sessions.t, 2);
	assert_true(round_at(&w, NOW));
	assert_false(has_token(&w, "t", NOW));
	/* Of a token that was put it is not known on what it was to hang. */
	hang(&w, "u", "gone", false, NOW);
	{
		struct gs_bond_set none = { { 0 } };

		(void)gs_bond_take(w.tokens.t, &none);
	}
	atomic_store(&w.tokens.t->ctx[2].op_end, key_of(w.tokens.t, "u").hash);
	(void)gs_recover_ctx(w.tokens.t, 2);
	assert_true(round_at(&w, NOW));
	assert_false(has_token(&w, "u", NOW));
	close_world(&w);
}

/* ---- many, against a model ---- */

struct token_model {
	int parent;			/* -1: none */
	uint64_t life;			/* which session of the key */
	bool is_there, is_carried;
};

static void
random_ends_leave_what_the_model_has(void **state)
{
	const char *given = getenv("GS_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL), rng = seed, life[SESSIONS] = { 0 }, now_ms = NOW;
	struct token_model m[TOKENS] = { { 0 } };
	char key[16], parent[16];
	struct world w;

	(void)state;
	(void)printf("# seed %" PRIu64 "\n", seed);
	open_world(&w);
	for (int step = 0; step < STEPS; step++) {
		int p = (int)(next_random(&rng) % SESSIONS), i = (int)(next_random(&rng) % TOKENS);

		now_ms += 1 + next_random(&rng) % 5;
		(void)snprintf(parent, sizeof(parent), "s%d", p);
		(void)snprintf(key, sizeof(key), "t%d", i);
		switch (next_random(&rng) % 4) {
		case 0:
			if (put_at(&w.sessions, parent, "v", now_ms) == 1)
				life[p]++;
			break;
		case 1:
			(void)del_at(&w.sessions, parent, now_ms);
			break;
		case 2:
			if (!m[i].is_there) {
				m[i] = (struct token_model){ p, life[p], true, next_random(&rng) % 2 == 0 };
				hang(&w, key, parent, m[i].is_carried, now_ms);
			}
			break;
		default:
			(void)round_at(&w, now_ms);
			for (int k = 0; k < TOKENS; k++) {
				if (!m[k].is_there || m[k].parent < 0)
					continue;
				(void)snprintf(parent, sizeof(parent), "s%d", m[k].parent);
				if (peek_at(&w.sessions, parent, now_ms, NULL) >= 0 && life[m[k].parent] == m[k].life)
					continue;
				m[k].parent = -1;
				m[k].is_there = m[k].is_carried;
			}
			for (int k = 0; k < TOKENS; k++) {
				(void)snprintf(key, sizeof(key), "t%d", k);
				if (has_token(&w, key, now_ms) != m[k].is_there)
					fail_msg("seed %" PRIu64 ", step %d: token %d is %sthere", seed, step, k, m[k].is_there ? "not " : "");
			}
		}
	}
	assert_true(w.n_ended > 0 && w.n_orphaned > 0);
	assert_clean(w.tokens.t, now_ms);
	assert_clean(w.sessions.t, now_ms);
	close_world(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(bound_token_ends_with_its_session),
		T(every_end_of_a_session_ends_its_tokens),
		T(carried_token_outlives_its_session_and_is_handed_over),
		T(token_goes_with_its_session_under_another_key),
		T(recovery_marks_what_the_dead_was_ending),
		T(random_ends_leave_what_the_model_has),
	};

	return cmocka_run_group_tests_name("bond", tests, NULL, NULL);
}

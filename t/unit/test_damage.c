/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/damage.h"

#include "daemon/events.h"
#include "daemon/watch.h"
#include "lib/handle.h"
#include "shm_place.h"

/* Each row damages the session "k" of a store in which "well" is too. */
enum how {
	NOWHERE_SLOT, NOWHERE_RING, STALE_GEN, STALE_FREE, KEY_LEN_0, OWNER_LEN_200, VAL_LEN_MAX, VAL_LEN_AND_KEY_LEN, TAG, WORD_A, WORD_I, WORD_T,
	WORD_X,
};

/* What each call answers; ANY: what it likes, as the damage does not concern it. */
enum { ANY = 1000 };

static const struct row {
	const char *name;
	enum how how;
	enum gs_damage what;		/* as it is reported */
	int get, peek, put, touch, move, del;
} rows[] = {
	{ "a slot that there is not", NOWHERE_SLOT, GS_DAMAGE_NOWHERE, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT },
	{ "a ring that there is not", NOWHERE_RING, GS_DAMAGE_NOWHERE, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT },
	{ "another generation", STALE_GEN, GS_DAMAGE_STALE, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT },
	{ "a free slot", STALE_FREE, GS_DAMAGE_STALE, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT },
	{ "a key of no bytes", KEY_LEN_0, GS_DAMAGE_LENGTHS, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, 0 },
	{ "an owner of 200 bytes", OWNER_LEN_200, GS_DAMAGE_LENGTHS, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, 0 },
	{ "a value longer than the slot", VAL_LEN_MAX, GS_DAMAGE_LENGTHS, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, 0 },
	{ "another key and value length", VAL_LEN_AND_KEY_LEN, GS_DAMAGE_LENGTHS, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, GS_ECORRUPT, 0 },
	{ "another tag", TAG, GS_DAMAGE_PLACE, GS_ENOENT, GS_ENOENT, 1, GS_ENOENT, GS_ENOENT, GS_ENOENT },
	{ "last access of another generation", WORD_A, GS_DAMAGE_WORDS, GS_ECORRUPT, 1, ANY, GS_ECORRUPT, ANY, 0 },
	{ "interest of another generation", WORD_I, GS_DAMAGE_WORDS, GS_ECORRUPT, 1, ANY, ANY, ANY, 0 },
	{ "touched time of another generation", WORD_T, GS_DAMAGE_WORDS, 1, 1, ANY, GS_ECORRUPT, ANY, 0 },
	{ "end of another generation", WORD_X, GS_DAMAGE_WORDS, ANY, 1, ANY, ANY, ANY, 0 },
};

static void
other_generation(_Atomic uint64_t *word)
{
	uint64_t was = atomic_load(word);

	atomic_store(word, gs_timed(gs_timed_value(was), gs_timed_gen(was) + 1));
}

/* Returns the damaged entry's ordinal. */
static uint64_t
damage(struct store *s, enum how how)
{
	struct gs_hit hit = hit_of(s, "k");
	uint64_t e = hit.entry;

	switch (how) {
	case NOWHERE_SLOT:
		atomic_store(hit.at, e | (GS_SLOT_NUMBERS - 1));
		break;
	case NOWHERE_RING:
		atomic_store(hit.at, e | UINT64_C(7) << 29);
		break;
	case STALE_GEN:
		atomic_store(hit.at, e ^ UINT64_C(1) << 40);
		break;
	case STALE_FREE:
		atomic_store(&hit.slot->W, gs_word(gs_word_gen(hit.w), 0, GS_SLOT_FREE));
		break;
	case KEY_LEN_0:
		hit.slot->key_len = 0;
		break;
	case OWNER_LEN_200:
		hit.slot->owner_len = 200;
		break;
	case VAL_LEN_MAX:
		hit.slot->val_len = UINT16_MAX;
		break;
	case VAL_LEN_AND_KEY_LEN:
		hit.slot->key_len = 99;
		hit.slot->val_len = UINT16_MAX;
		break;
	case TAG:
		atomic_store(hit.at, e ^ UINT64_C(1) << 60);
		break;
	case WORD_A:
		other_generation(&hit.slot->A);
		break;
	case WORD_I:
		other_generation(&hit.slot->I);
		break;
	case WORD_T:
		other_generation(&hit.slot->T);
		break;
	case WORD_X:
		other_generation(&hit.slot->X);
		break;
	}
	return hit.ordinal;
}

enum call { GET, PEEK, PUT, TOUCH, MOVE, DEL, CALLS };
static const char *const call_names[CALLS] = { "get", "peek", "put", "touch", "move", "del" };

static int
wanted(const struct row *r, enum call call)
{
	const int want[CALLS] = { r->get, r->peek, r->put, r->touch, r->move, r->del };

	return want[call];
}

static int
make_call(struct store *s, enum call call)
{
	struct gs_meta meta;

	switch (call) {
	case GET:
		return (int)get_at(s, "k", NOW);
	case PEEK:
		return (int)peek_at(s, "k", NOW, &meta);
	case PUT:
		return put_at(s, "k", "w", NOW);
	case TOUCH:
		return touch_at(s, "k", NOW);
	case MOVE:
		return move_at(s, "k", NOW, COLD);
	case DEL:
		return del_at(s, "k", NOW);
	case CALLS:
		break;
	}
	return GS_EINVAL;
}

static void
open_with_two(struct store *s)
{
	const struct gs_table_spec spec = usual_spec();

	open_store(s, &spec);
	start_in(s, "k", ACTIVE, NOW);
	start_in(s, "well", ACTIVE, NOW);
}

static void
damage_is_answered_and_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		for (enum call call = GET; call < CALLS; call++) {
			int want = wanted(&rows[i], call), got;
			struct store s;

			open_with_two(&s);
			(void)damage(&s, rows[i].how);
			got = make_call(&s, call);
			if (want != ANY && got != want)
				fail_msg("%s: %s answers %d, not %d", rows[i].name, call_names[call], got, want);
			if (want == ANY && got < 0 && got != GS_ECORRUPT)
				fail_msg("%s: %s answers %d", rows[i].name, call_names[call], got);
			if (got == GS_ECORRUPT)
				assert_int_equal(counted(&s, GS_COUNT_CORRUPT), 1);
			assert_int_equal(get_at(&s, "well", NOW), 1);
			close_store(&s);
		}
}

static void
damage_is_told_from_what_is_well(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		uint64_t ordinal;
		struct store s;

		open_with_two(&s);
		assert_int_equal(gs_damage_of_entry(s.t, hit_of(&s, "k").ordinal), GS_DAMAGE_NONE);
		ordinal = damage(&s, rows[i].how);
		if (gs_damage_of_entry(s.t, ordinal) != rows[i].what)
			fail_msg("%s: said to be %s", rows[i].name, gs_damage_name(gs_damage_of_entry(s.t, ordinal)));
		assert_int_equal(gs_damage_of_entry(s.t, hit_of(&s, "well").ordinal), GS_DAMAGE_NONE);
		close_store(&s);
	}
}

/* What the sweep is told of a session whose record is damaged, and of one that no entry of ours names. */
static void
sweep_leaves_damage_alone(void **state)
{
	static const enum how damaged[] = { NOWHERE_SLOT, STALE_GEN, STALE_FREE, KEY_LEN_0, VAL_LEN_MAX };

	(void)state;
	for (size_t i = 0; i < N_ROWS(damaged); i++) {
		struct gs_settled done;
		struct gs_meta meta;
		uint64_t ordinal;
		struct store s;

		open_with_two(&s);
		ordinal = damage(&s, damaged[i]);
		gs_kv_settle(s.t, &s.c, ordinal, NOW + DAY, &done);
		assert_int_equal(done.what, GS_SETTLE_DAMAGED);
		assert_int_equal(gs_kv_at(s.t, &s.c, ordinal, NOW, &meta), GS_ECORRUPT);
		close_store(&s);
	}
}

static void
ended_damage_makes_room_for_the_key(void **state)
{
	struct store s;

	(void)state;
	open_with_two(&s);
	(void)damage(&s, KEY_LEN_0);
	assert_int_equal(del_at(&s, "k", NOW), 0);
	assert_int_equal(put_at(&s, "k", "anew", NOW), 1);
	assert_int_equal(get_at(&s, "k", NOW), 4);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
round_is_watched(struct watch *w, struct store *s, struct events *e)
{
	do
		watch_tick(w, s->t, &s->c, e);
	while (w->bucket != 0);
}

/* All that was said. */
static char *
said(struct events *e)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	events_print(e, 0, to);
	assert_int_equal(fclose(to), 0);
	return text;
}

static unsigned
times_said(struct events *e, const char *what)
{
	char *text = said(e);
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	free(text);
	return n;
}

static void
damage_is_an_event_once(void **state)
{
	struct events *e = events_new();
	struct watch w = { 0 };
	uint64_t ordinal;
	char want[128];
	struct store s;

	(void)state;
	assert_non_null(e);
	open_with_two(&s);
	round_is_watched(&w, &s, e);
	assert_int_equal(events_size(e), 0);

	ordinal = damage(&s, VAL_LEN_MAX);
	round_is_watched(&w, &s, e);
	(void)snprintf(want, sizeof(want), " damaged table=t what=lengths entry=%" PRIu64 " ring=active count=1\n", ordinal);
	assert_int_equal(times_said(e, want), 1);
	assert_int_equal(counted(&s, GS_COUNT_CORRUPT), 1);
	round_is_watched(&w, &s, e);
	assert_int_equal(times_said(e, " damaged "), 1);

	/* Another one is news. */
	other_generation(&hit_of(&s, "well").slot->A);
	round_is_watched(&w, &s, e);
	assert_int_equal(times_said(e, " count=2\n"), 1);
	/* So it is when it has gone and comes again. */
	assert_int_equal(del_at(&s, "k", NOW), 0);
	assert_int_equal(del_at(&s, "well", NOW), 0);
	round_is_watched(&w, &s, e);
	assert_int_equal(times_said(e, " damaged "), 2);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	(void)damage(&s, VAL_LEN_MAX);
	round_is_watched(&w, &s, e);
	assert_int_equal(times_said(e, " damaged "), 3);
	close_store(&s);
	events_free(&e);
}

static void
damaged_page_is_an_event(void **state)
{
	struct events *e = events_new();
	struct store s;

	(void)state;
	assert_non_null(e);
	open_with_two(&s);
	watch_page(s.t, &s.c, 2, e);
	assert_int_equal(events_size(e), 0);
	atomic_store(&s.t->ctx[2].held[3], UINT32_MAX);
	atomic_store(&s.t->ctx[2].held[4], hit_of(&s, "k").entry + 1);
	atomic_store(&s.t->ctx[2].op_entry, UINT64_MAX);
	watch_page(s.t, &s.c, 2, e);
	assert_int_equal(times_said(e, " damaged table=t what=context context=2 count=2\n"), 1);
	/* The recovery does what can be done all the same. */
	atomic_store(&s.t->ctl->reg[2].state, GS_CTX_DEAD);
	(void)gs_recover_ctx(s.t, 2);
	assert_true(gs_recover_is_done(s.t, 2));
	assert_int_equal(get_at(&s, "k", NOW), 1);
	close_store(&s);
	events_free(&e);
}

/* ---- what fuzzing found ---- */

static void
population_of_any_value_is_put_right(void **state)
{
	static const int64_t values[] = { INT64_MIN, INT64_MAX, -1, 1000000 };

	(void)state;
	for (size_t i = 0; i < N_ROWS(values); i++) {
		struct store s;

		open_with_two(&s);
		atomic_store(&s.t->idx->population[ACTIVE].n, values[i]);
		gs_recover_population(s.t);
		assert_int_equal(population(s.t, ACTIVE), 2);
		close_store(&s);
	}
}

static void
times_of_any_value_are_shown(void **state)
{
	static const uint64_t values[] = { 0, 1, GS_TIME_NEVER, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX };
	_Atomic uint32_t ready = GS_HANDLE_READY;

	(void)state;
	for (size_t i = 0; i < N_ROWS(values); i++) {
		struct gs_lease lease = { .is_taken = 0 };
		struct gs_own own = { .rights = GS_RIGHTS_ALL };
		struct gs gs = { .state = &ready, .n_leases = 1, .leases = &lease, .own = &own };
		struct gs_info info;
		struct store s;
		struct gs_slot *slot;

		open_with_two(&s);
		gs.t = s.t;
		assert_int_equal(gs_ctx_init(&lease.ctx, s.t, 2), 0);
		slot = hit_of(&s, "k").slot;
		slot->created = values[i];
		slot->mtime_ms = values[i];
		slot->mtime_ns = (int64_t)values[i];
		slot->ctime_ns = -(int64_t)(values[i] >> 1);
		slot->deadline = values[i];
		atomic_store(&s.t->ctl->wall_add_ms, values[i]);
		assert_int_equal(gs_stat(&gs, "k", 1, &info), 0);
		assert_int_equal(gs_rename(&gs, "k", 1, "other", 5, NULL, 0), 0);
		gs_ctx_fini(&lease.ctx, s.t);
		close_store(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(damage_is_answered_and_counted),
		T(damage_is_told_from_what_is_well),
		T(sweep_leaves_damage_alone),
		T(ended_damage_makes_room_for_the_key),
		T(damage_is_an_event_once),
		T(damaged_page_is_an_event),
		T(population_of_any_value_is_put_right),
		T(times_of_any_value_are_shown),
	};

	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}

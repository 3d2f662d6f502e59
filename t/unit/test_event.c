/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_event - the ring of events: each once and whole, or counted as lost; nobody waits for a writer that stopped.
 */
#include "shm_place.h"

#include <sys/wait.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "shm/event.h"

static struct gs_turn
turn_of(uint32_t kind, const char *key, const char *owner)
{
	return (struct gs_turn){
		.kind = kind, .reason = GS_REASON_WRITE, .from = GS_RING_NONE, .to = ACTIVE, .now_ms = NOW, .hash = 7, .version = 9,
		.key = key, .key_len = (uint32_t)strlen(key), .owner = owner, .owner_len = (uint32_t)strlen(owner),
	};
}

static void
tell(struct store *s, const char *key)
{
	struct gs_turn turn = turn_of(GS_EVENT_CREATED, key, "");

	gs_event_tell(s->t, &s->c, &turn);
}

/* The next event is of this kind and key. */
static void
assert_next(struct store *s, struct gs_event_cursor *cur, uint32_t kind, const char *key)
{
	struct gs_told e;

	assert_int_equal(gs_event_next(s->t, cur, NOW, &e), 1);
	assert_string_equal(gs_event_name(e.kind), gs_event_name(kind));
	assert_string_equal((char *)e.key, key);
}

static void
assert_lost(struct store *s, struct gs_event_cursor *cur, uint64_t now_ms, uint64_t n)
{
	struct gs_told e;

	assert_int_equal(gs_event_next(s->t, cur, now_ms, &e), 1);
	assert_int_equal(e.kind, GS_EVENT_LOST);
	assert_int_equal(e.count, n);
}

static void
assert_none(struct store *s, struct gs_event_cursor *cur, uint64_t now_ms)
{
	struct gs_told e;

	assert_int_equal(gs_event_next(s->t, cur, now_ms, &e), 0);
}

static struct gs_event_cell *
cell_of(struct store *s, uint64_t revision)
{
	return &s->t->events[revision % GS_EVENT_CELLS];
}

/* ---- one at a time ---- */

static void
what_is_told_is_read_once_whole_and_in_order(void **state)
{
	const struct gs_turn turn = turn_of(GS_EVENT_DECAYED, "some key", "somebody");
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	assert_none(&s, &cur, NOW);
	gs_event_tell(s.t, &s.c, &turn);
	tell(&s, "next");
	assert_int_equal(gs_event_last(s.t), 2);
	assert_int_equal(gs_event_next(s.t, &cur, NOW, &e), 1);
	assert_int_equal(e.revision, 1);
	assert_int_equal(e.kind, GS_EVENT_DECAYED);
	assert_int_equal(e.reason, GS_REASON_WRITE);
	assert_true(e.from == GS_RING_NONE && e.to == ACTIVE);
	assert_true(e.at_ms == NOW && e.hash == 7 && e.version == 9 && e.count == 1);
	assert_true(e.pid == (uint32_t)getpid() && e.uid == (uint32_t)geteuid());
	assert_string_equal((char *)e.key, "some key");
	assert_string_equal((char *)e.owner, "somebody");
	assert_next(&s, &cur, GS_EVENT_CREATED, "next");
	assert_none(&s, &cur, NOW + DAY);
	close_store(&s);
}

static void
the_longest_key_and_owner_fit(void **state)
{
	struct gs_table_spec spec = usual_spec();
	char key[GS_KEY_BYTES + 1], owner[GS_OWNER_BYTES + 1];
	struct gs_event_cursor cur;
	struct gs_turn turn;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	memset(key, 'k', GS_KEY_BYTES);
	memset(owner, 'o', GS_OWNER_BYTES);
	key[GS_KEY_BYTES] = owner[GS_OWNER_BYTES] = '\0';
	turn = turn_of(GS_EVENT_ENDED, key, owner);
	gs_event_tell(s.t, &s.c, &turn);
	gs_event_begin(&cur, 0);
	assert_int_equal(gs_event_next(s.t, &cur, NOW, &e), 1);
	assert_string_equal((char *)e.key, key);
	assert_string_equal((char *)e.owner, owner);
	close_store(&s);
}

static void
a_reader_that_is_overtaken_is_told_how_many_it_lost(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t seen = 0, lost = 0;
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	for (int i = 0; i < 3 * GS_EVENT_CELLS; i++)
		tell(&s, "k");
	while (gs_event_next(s.t, &cur, NOW, &e) == 1) {
		if (e.kind == GS_EVENT_LOST) {
			assert_int_equal(seen, 0);
			lost += e.count;
		} else {
			assert_int_equal(e.revision, lost + ++seen);
		}
	}
	assert_int_equal(seen + lost, 3 * GS_EVENT_CELLS);
	assert_true(seen >= GS_EVENT_CELLS / 2);
	close_store(&s);
}

static void
the_last_lap_is_kept_whole(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_told e;
	struct store s;
	uint64_t n = 0;

	(void)state;
	open_store(&s, &spec);
	for (int i = 0; i < GS_EVENT_CELLS + 100; i++)
		tell(&s, "k");
	assert_int_equal(gs_event_first(s.t), 101);
	for (uint64_t r = gs_event_first(s.t); r <= gs_event_last(s.t); r++)
		n += (uint64_t)gs_event_at(s.t, r, &e);
	assert_int_equal(n, GS_EVENT_CELLS);
	assert_int_equal(gs_event_at(s.t, 100, &e), 0);
	assert_int_equal(gs_event_at(s.t, gs_event_last(s.t) + 1, &e), 0);
	assert_int_equal(gs_event_at(s.t, 0, &e), 0);
	close_store(&s);
}

/* ---- a writer that stopped ---- */

static void
a_writer_that_died_costs_one_event_and_no_more_than_the_grace(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	tell(&s, "before");
	/* One that took a number, and one that took its cell as well. */
	(void)atomic_fetch_add(&s.t->evt->told, 1);
	(void)atomic_fetch_add(&s.t->evt->told, 1);
	atomic_store(&cell_of(&s, 3)->stamp, gs_stamp(3, 0));
	tell(&s, "after");
	assert_next(&s, &cur, GS_EVENT_CREATED, "before");
	assert_none(&s, &cur, NOW);
	assert_none(&s, &cur, NOW + GS_EVENT_GRACE_MS - 1);
	assert_lost(&s, &cur, NOW + GS_EVENT_GRACE_MS, 2);
	assert_next(&s, &cur, GS_EVENT_CREATED, "after");
	close_store(&s);
}

static void
one_that_comes_in_time_is_not_lost(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	tell(&s, "slow");
	atomic_store(&cell_of(&s, 1)->stamp, gs_stamp(1, 0));
	assert_none(&s, &cur, NOW);
	atomic_store(&cell_of(&s, 1)->stamp, gs_stamp(1, 1));
	assert_next(&s, &cur, GS_EVENT_CREATED, "slow");
	close_store(&s);
}

static void
who_is_a_lap_late_does_not_write_over_a_later_event(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct store s;
	uint64_t told;

	(void)state;
	open_store(&s, &spec);
	tell(&s, "k");
	for (int i = 0; i < GS_EVENT_CELLS; i++)
		tell(&s, "later");
	/* He took number 1, and comes to write it now. */
	told = atomic_exchange(&s.t->evt->told, 0);
	tell(&s, "late");
	atomic_store(&s.t->evt->told, told);
	gs_event_begin(&cur, told - 1);
	assert_next(&s, &cur, GS_EVENT_CREATED, "later");
	close_store(&s);
}

/* Every single byte: it is no event any more, but one that is lost. */
static void
a_cell_that_two_wrote_is_lost_and_never_shown(void **state)
{
	const struct gs_turn turn = turn_of(GS_EVENT_ENDED, "a key of some length", "an owner");
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	unsigned char *bytes;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_tell(s.t, &s.c, &turn);
	bytes = (unsigned char *)cell_of(&s, 1);
	for (size_t i = sizeof(uint64_t); i < GS_LINE_BYTES + 24 + 8; i++) {
		bytes[i] ^= 0x10;
		gs_event_begin(&cur, 0);
		assert_lost(&s, &cur, NOW, 1);
		bytes[i] ^= 0x10;
	}
	gs_event_begin(&cur, 0);
	assert_next(&s, &cur, GS_EVENT_ENDED, "a key of some length");
	close_store(&s);
}

static void
numbers_that_are_damaged_stop_nobody(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 500);
	tell(&s, "a");
	assert_none(&s, &cur, NOW);
	tell(&s, "b");
	assert_next(&s, &cur, GS_EVENT_CREATED, "b");
	atomic_store(&s.t->evt->told, UINT64_C(1) << 60);
	while (gs_event_next(s.t, &cur, NOW, &e) == 1)
		assert_int_equal(e.kind, GS_EVENT_LOST);
	while (gs_event_next(s.t, &cur, NOW + GS_EVENT_GRACE_MS, &e) == 1)
		assert_int_equal(e.kind, GS_EVENT_LOST);
	atomic_store(&s.t->evt->told, UINT64_C(1) << 40);
	assert_none(&s, &cur, NOW);
	tell(&s, "c");
	assert_next(&s, &cur, GS_EVENT_CREATED, "c");
	close_store(&s);
}

/* ---- what operations tell ---- */

static void
assert_told(struct store *s, struct gs_event_cursor *cur, const struct gs_turn *want)
{
	struct gs_told e;

	assert_int_equal(gs_event_next(s->t, cur, NOW, &e), 1);
	assert_string_equal(gs_event_name(e.kind), gs_event_name(want->kind));
	assert_string_equal(gs_reason_name(e.reason), gs_reason_name(want->reason));
	assert_true(e.from == want->from && e.to == want->to);
	assert_string_equal((char *)e.key, "k");
	assert_string_equal((char *)e.owner, "me");
	assert_true(e.version != 0 && e.hash == key_of(s->t, "k").hash);
	assert_none(s, cur, NOW);
}

static void
put_owned(struct store *s, uint64_t ttl_ms, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");

	args.set = GS_SET_OWNER_BIT | GS_SET_TTL_BIT;
	args.owner = "me";
	args.owner_len = 2;
	args.ttl_ms = ttl_ms;
	assert_int_equal(gs_kv_put(s->t, &s->c, &k, now_ms, "v", 1, &args, NULL), 1);
}

#define TOLD(kind, reason, from, to) \
	assert_told(&s, &cur, &(const struct gs_turn){ GS_EVENT_##kind, GS_REASON_##reason, from, to, 0, 0, 0, NULL, NULL, 0, 0, 0, 0 })

static void
every_turn_of_a_session_is_told_with_its_reason_and_owner(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	put_owned(&s, 0, NOW);
	TOLD(CREATED, WRITE, GS_RING_NONE, ACTIVE);
	assert_int_equal(get_at(&s, "k", NOW), 1);
	assert_int_equal(put_at(&s, "k", "w", NOW), 0);
	assert_none(&s, &cur, NOW);
	assert_int_equal(settle_at(&s, "k", NOW + 40 * MIN).what, GS_SETTLE_DECAYED);
	TOLD(DECAYED, IDLE, ACTIVE, WARM);
	assert_int_equal(get_at(&s, "k", NOW + 41 * MIN), 1);
	TOLD(PROMOTED, ACCESS, WARM, ACTIVE);
	assert_int_equal(move_at(&s, "k", NOW + 41 * MIN, COLD), 0);
	TOLD(MOVED, OPERATOR, ACTIVE, COLD);
	assert_int_equal(put_at(&s, "k", "w", NOW + 41 * MIN), 0);
	TOLD(PROMOTED, WRITE, COLD, ACTIVE);
	assert_int_equal(move_at(&s, "k", NOW + 41 * MIN, SUSPECT), 0);
	TOLD(QUARANTINED, OPERATOR, ACTIVE, SUSPECT);
	assert_int_equal(move_at(&s, "k", NOW + 41 * MIN, ACTIVE), 0);
	TOLD(PARDONED, OPERATOR, SUSPECT, ACTIVE);
	assert_int_equal(del_at(&s, "k", NOW + 41 * MIN), 0);
	TOLD(ENDED, OWNER, ACTIVE, GS_RING_NONE);
	put_owned(&s, 5 * S, NOW);
	TOLD(CREATED, WRITE, GS_RING_NONE, ACTIVE);
	assert_int_equal(settle_at(&s, "k", NOW + 6 * S).what, GS_SETTLE_EXPIRED);
	TOLD(EXPIRED, LIFETIME, ACTIVE, GS_RING_NONE);
	close_store(&s);
}

static void
what_begins_over_one_that_is_over_tells_of_both(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	put_owned(&s, 5 * S, NOW);
	gs_event_begin(&cur, gs_event_last(s.t));
	put_owned(&s, 0, NOW + 10 * S);
	assert_int_equal(gs_event_next(s.t, &cur, NOW, &e), 1);
	assert_true(e.kind == GS_EVENT_EXPIRED && e.reason == GS_REASON_REPLACED);
	assert_string_equal((char *)e.owner, "me");
	TOLD(CREATED, WRITE, GS_RING_NONE, ACTIVE);
	close_store(&s);
}

static void
what_changes_no_place_tells_nothing(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	struct gs_meta meta;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	put_owned(&s, 0, NOW);
	gs_event_begin(&cur, gs_event_last(s.t));
	assert_int_equal(peek_at(&s, "k", NOW, &meta), 1);
	assert_int_equal(touch_at(&s, "k", NOW), 0);
	assert_int_equal(settle_at(&s, "k", NOW + MIN).what, GS_SETTLE_STAYS);
	assert_int_equal(move_at(&s, "k", NOW, ACTIVE), 0);
	assert_int_equal(get_at(&s, "nobody", NOW), GS_ENOENT);
	assert_int_equal(del_at(&s, "nobody", NOW), GS_ENOENT);
	assert_none(&s, &cur, NOW + DAY);
	close_store(&s);
}

/* ---- what a stranger may cause ---- */

static void
a_flood_of_refusals_is_told_seldom_and_counted(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t told = 0, n = 0, last = 0;
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;
	char key[8];

	(void)state;
	open_store(&s, &spec);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		start_in(&s, key, SUSPECT, NOW);
	}
	gs_event_begin(&cur, gs_event_last(s.t));
	for (int i = 0; i < 4000; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i % 20);
		assert_int_equal(get_at(&s, key, NOW + (uint64_t)i), GS_EQUARANTINE);
	}
	assert_int_equal(touch_at(&s, "k0", NOW + 5 * S), GS_EQUARANTINE);
	while (gs_event_next(s.t, &cur, NOW, &e) == 1) {
		assert_int_equal(e.kind, GS_EVENT_REFUSED);
		assert_int_equal(e.reason, GS_REASON_SUSPECT);
		told++;
		n += e.count;
		last = e.count;
	}
	/* 4 seconds of it, and the touch that has all that was not told yet. */
	assert_int_equal(told, 4 * GS_EVENT_OFTEN + 1);
	assert_int_equal(n, 4001);
	assert_true(last > 1);
	close_store(&s);
}

static void
each_suspect_is_told_of_once_a_second(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t was;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	start_in(&s, "a", SUSPECT, NOW);
	start_in(&s, "b", SUSPECT, NOW);
	was = gs_event_last(s.t);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(get_at(&s, "a", NOW), GS_EQUARANTINE);
		assert_int_equal(get_at(&s, "b", NOW), GS_EQUARANTINE);
	}
	assert_int_equal(gs_event_last(s.t) - was, 2);
	close_store(&s);
}

/* ---- many at once ---- */

enum { TELLERS = 4, EACH = 30000 };

struct teller {
	struct gs_table *t;
	struct gs_ctx c;
	_Atomic uint32_t *n_ready;
	uint32_t id;
	pthread_t thread;
};

/* An event that shows whether it is whole: all follows from two numbers. */
static void
tell_checkable(struct teller *w, uint32_t n)
{
	char key[64], owner[32];
	struct gs_turn turn;

	(void)snprintf(key, sizeof(key), "%u.%u.%.*s", w->id, n, (int)(n % 40), "........................................");
	(void)snprintf(owner, sizeof(owner), "o%u", w->id * 7 + n);
	turn = turn_of(GS_EVENT_CREATED, key, owner);
	turn.version = (uint64_t)w->id << 32 | n;
	turn.hash = turn.version * UINT64_C(0x9e3779b97f4a7c15);
	gs_event_tell(w->t, &w->c, &turn);
}

/* Is it one of those? */
static bool
is_whole(const struct gs_told *e)
{
	uint32_t id = (uint32_t)(e->version >> 32), n = (uint32_t)e->version;
	char key[64], owner[32];

	(void)snprintf(key, sizeof(key), "%u.%u.%.*s", id, n, (int)(n % 40), "........................................");
	(void)snprintf(owner, sizeof(owner), "o%u", id * 7 + n);
	return strcmp((const char *)e->key, key) == 0 && strcmp((const char *)e->owner, owner) == 0 &&
	    e->hash == e->version * UINT64_C(0x9e3779b97f4a7c15);
}

static void *
tell_all(void *arg)
{
	struct teller *w = arg;

	(void)atomic_fetch_add(w->n_ready, 1);
	while (atomic_load(w->n_ready) <= TELLERS)
		continue;
	for (uint32_t n = 0; n < EACH; n++)
		tell_checkable(w, n);
	return NULL;
}

static void
of_four_that_tell_at_once_each_event_is_whole_in_its_order_or_counted(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t seen = 0, lost = 0, before[TELLERS] = { 0 };
	struct teller w[TELLERS];
	_Atomic uint32_t n_ready = 0;
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	for (uint32_t i = 0; i < TELLERS; i++) {
		w[i] = (struct teller){ .t = s.t, .id = i, .n_ready = &n_ready };
		assert_int_equal(gs_ctx_init(&w[i].c, s.t, 2 + i), 0);
		assert_int_equal(pthread_create(&w[i].thread, NULL, tell_all, &w[i]), 0);
	}
	(void)atomic_fetch_add(&n_ready, 1);
	while (seen + lost < (uint64_t)TELLERS * EACH) {
		if (gs_event_next(s.t, &cur, NOW, &e) == 0)
			continue;
		if (e.kind == GS_EVENT_LOST) {
			lost += e.count;
			continue;
		}
		seen++;
		assert_true(is_whole(&e));
		/* What one tells is seen in the order in which he did. */
		assert_true((uint32_t)e.version + 1 > before[e.version >> 32]);
		before[e.version >> 32] = (uint32_t)e.version + 1;
	}
	for (uint32_t i = 0; i < TELLERS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		gs_ctx_fini(&w[i].c, s.t);
	}
	assert_int_equal(gs_event_last(s.t), (uint64_t)TELLERS * EACH);
	assert_none(&s, &cur, NOW + DAY);
	assert_true(seen > 0);
	close_store(&s);
}

/* A child that tells until it is killed. */
static pid_t
start_teller(struct store *s, uint32_t id)
{
	struct teller w = { .t = s->t, .id = id };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (gs_ctx_init(&w.c, s->t, 2 + id) < 0)
		_exit(1);
	for (uint32_t n = 0;; n++)
		tell_checkable(&w, n);
}

/* Read what is there; how many were lost. */
static uint64_t
read_all(struct store *s, struct gs_event_cursor *cur, uint64_t now_ms, uint64_t *seen)
{
	struct gs_told e;
	uint64_t lost = 0;

	while (gs_event_next(s->t, cur, now_ms, &e) == 1) {
		if (e.kind == GS_EVENT_LOST)
			lost += e.count;
		else
			assert_true(is_whole(&e));
		*seen += e.kind != GS_EVENT_LOST;
	}
	return lost;
}

static void
each_of_the_killed_costs_at_most_one_event_of_the_last_lap(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_event_cursor cur;
	uint64_t seen, lost;
	struct store s;
	pid_t pid[TELLERS];

	(void)state;
	open_store(&s, &spec);
	for (int round = 0; round < 10; round++) {
		const uint64_t enough = gs_event_last(s.t) + 2000;

		for (uint32_t i = 0; i < TELLERS; i++) {
			pid[i] = start_teller(&s, i);
			assert_true(pid[i] > 0);
		}
		while (gs_event_last(s.t) < enough)
			continue;
		for (uint32_t i = 0; i < TELLERS; i++) {
			assert_int_equal(kill(pid[i], SIGKILL), 0);
			assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
		}
		/* The newest few of the lap: all who wrote there are dead. */
		gs_event_begin(&cur, gs_event_last(s.t) - gs_min_u64(gs_event_last(s.t), 1000));
		seen = 0;
		lost = read_all(&s, &cur, NOW, &seen);
		lost += read_all(&s, &cur, NOW + GS_EVENT_GRACE_MS, &seen);
		assert_true(lost <= TELLERS);
		assert_int_equal(seen + lost, gs_min_u64(gs_event_last(s.t), 1000));
	}
	close_store(&s);
}

/* ---- against a naive list ---- */

static void
random_turns_are_those_of_a_list(void **state)
{
	struct gs_table_spec spec = usual_spec();
	uint64_t rng = (uint64_t)getpid(), told = 0, at = 0;
	struct gs_event_cursor cur;
	struct gs_told e;
	struct store s;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)rng);
	open_store(&s, &spec);
	gs_event_begin(&cur, 0);
	for (int round = 0; round < 400; round++) {
		uint64_t n = next_random(&rng) % (round % 10 == 0 ? 2 * GS_EVENT_CELLS : 300);
		struct teller w = { .t = s.t, .c = s.c, .id = 1 };

		for (uint64_t i = 0; i < n; i++)
			tell_checkable(&w, (uint32_t)++told);
		n = next_random(&rng) % 400;
		for (uint64_t i = 0; i < n && gs_event_next(s.t, &cur, NOW, &e) == 1; i++) {
			at += e.kind == GS_EVENT_LOST ? e.count : 1;
			assert_int_equal(e.revision, at);
			if (e.kind == GS_EVENT_LOST)
				assert_true(told - at < GS_EVENT_CELLS);
			else
				assert_true((uint32_t)e.version == at && is_whole(&e));
		}
	}
	close_store(&s);
}

static void
names_are_words_and_every_number_has_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= GS_EVENT_STUCK; i++)
		assert_string_not_equal(gs_event_name(i), "unknown");
	for (uint32_t i = 0; i <= GS_REASON_STALE; i++)
		assert_string_not_equal(gs_reason_name(i), "unknown");
	assert_string_equal(gs_event_name(1000), "unknown");
	assert_string_equal(gs_reason_name(1000), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_told_is_read_once_whole_and_in_order),
		T(the_longest_key_and_owner_fit),
		T(a_reader_that_is_overtaken_is_told_how_many_it_lost),
		T(the_last_lap_is_kept_whole),
		T(a_writer_that_died_costs_one_event_and_no_more_than_the_grace),
		T(one_that_comes_in_time_is_not_lost),
		T(who_is_a_lap_late_does_not_write_over_a_later_event),
		T(a_cell_that_two_wrote_is_lost_and_never_shown),
		T(numbers_that_are_damaged_stop_nobody),
		T(every_turn_of_a_session_is_told_with_its_reason_and_owner),
		T(what_begins_over_one_that_is_over_tells_of_both),
		T(what_changes_no_place_tells_nothing),
		T(a_flood_of_refusals_is_told_seldom_and_counted),
		T(each_suspect_is_told_of_once_a_second),
		T(of_four_that_tell_at_once_each_event_is_whole_in_its_order_or_counted),
		T(each_of_the_killed_costs_at_most_one_event_of_the_last_lap),
		T(random_turns_are_those_of_a_list),
		T(names_are_words_and_every_number_has_one),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}

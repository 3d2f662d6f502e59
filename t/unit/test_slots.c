/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slots - free slots: listed before they are owned, never lost, never owned twice.
 */
#include "shm_place.h"

#include <unistd.h>

static struct gs_slot *
slot_of(struct store *s, uint32_t addr)
{
	return gs_table_slot(s->t, addr);
}

static uint32_t
state_of(struct store *s, uint32_t addr)
{
	return gs_word_state(atomic_load(&slot_of(s, addr)->W));
}

static uint32_t
listed_in(const struct gs_ctx *c)
{
	uint32_t n = 0;

	for (int i = 0; i < GS_HELD_CELLS; i++)
		n += atomic_load(&c->page->held[i]) != 0;
	return n;
}

static uint32_t
claim(struct store *s, int *cell)
{
	*cell = gs_slots_claim(s->t, &s->c, 0, 0);
	assert_true(*cell >= 0);
	return s->c.cell[*cell].addr;
}

/* Of every slot of a table, how many are not FREE and in nobody's list. */
static uint32_t
owned_and_not_listed(struct gs_table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->arena[0].n_slots; i++) {
		uint32_t addr = gs_entry_addr(gs_entry(0, 0, 0, 0, i));

		if (gs_slots_is_committed(&t->arena[0], i) && !gs_slots_is_listed(t, addr))
			n += gs_word_state(atomic_load(&gs_table_slot(t, addr)->W)) != GS_SLOT_FREE;
	}
	return n;
}

static void
claimed_slot_is_listed_and_being_written_by_us(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t addr;
	int cell;

	(void)state;
	open_store(&s, &spec);
	addr = claim(&s, &cell);
	assert_int_equal(atomic_load(&s.c.page->held[cell]), addr + 1);
	assert_true(gs_slots_is_listed(s.t, addr));
	assert_int_equal(state_of(&s, addr), GS_SLOT_WRITING);
	assert_int_equal(gs_word_ctx(atomic_load(&slot_of(&s, addr)->W)), 1);
	assert_false(gs_slots_has_bit(s.t, addr));
	assert_int_equal(owned_and_not_listed(s.t), 0);
	gs_slots_keep(&s.c, cell);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
empty_ring_has_no_memory_and_the_first_claim_commits_a_segment(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_audit a;
	int cell;

	(void)state;
	open_store(&s, &spec);
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.committed_bytes, 0);
	assert_int_equal(gs_slots_count_committed(&s.t->arena[0]), 0);
	assert_int_equal(a.capacity, 0);
	(void)claim(&s, &cell);
	gs_slots_keep(&s.c, cell);
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.capacity, s.t->arena[0].seg_slots);
	assert_int_equal(a.committed_bytes, (uint64_t)s.t->arena[0].seg_slots * s.t->arena[0].slot_size);
	assert_int_equal(gs_slots_count_committed(&s.t->arena[0]), s.t->arena[0].seg_slots);
	close_store(&s);
}

static void
refill_takes_a_few_slots_at_once(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t first;
	int cell;

	(void)state;
	open_store(&s, &spec);
	(void)claim(&s, &cell);
	gs_slots_keep(&s.c, cell);
	first = listed_in(&s.c);
	assert_in_range(first, 2, GS_HELD_CELLS / 2);
	/* what is held is used up before more is taken */
	for (uint32_t i = 0; i < first; i++) {
		(void)claim(&s, &cell);
		assert_int_equal(listed_in(&s.c), first);
	}
	(void)claim(&s, &cell);
	assert_in_range(listed_in(&s.c), first + 1, 2 * first);
	gs_slots_flush(s.t, &s.c);
	close_store(&s);
}

static void
kept_slot_is_the_next_that_is_claimed(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t addr;
	int cell, again;

	(void)state;
	open_store(&s, &spec);
	while ((addr = claim(&s, &cell)), listed_in(&s.c) < 8)
		;
	for (int i = 0; i < GS_HELD_CELLS; i++)
		if (s.c.cell[i].state == GS_CELL_OWNED)
			gs_slots_unlist(&s.c, i);
	gs_slots_keep(&s.c, cell);
	assert_int_equal(claim(&s, &again), addr);
	assert_int_equal(again, cell);
	close_store(&s);
}

/* Write and publish nothing: a slot as it is when it leaves the index. */
static uint32_t
retire_one(struct store *s)
{
	static unsigned n;
	struct gs_key k = key_of(s->t, "k");
	struct gs_draft d = { .key = k.bytes, .owner = "", .link = "", .value = "", .head = { .hash = k.hash + n++, .key_len = (uint8_t)k.len } };
	uint32_t addr;
	int cell;

	addr = claim(s, &cell);
	(void)gs_record_write(s->t, &s->c, cell, &d);
	gs_slots_retire(s->t, &s->c, cell);
	return addr;
}

static void
retired_slot_is_left_alone_for_eight_operations(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t addr;
	uint64_t w;
	int n = 0;

	(void)state;
	open_store(&s, &spec);
	for (int i = 0; i < 100; i++)
		(void)retire_one(&s);
	addr = retire_one(&s);
	w = atomic_load(&slot_of(&s, addr)->W);
	assert_int_equal(gs_word_state(w), GS_SLOT_READY);
	for (; atomic_load(&slot_of(&s, addr)->W) == w && n < 100; n++)
		(void)retire_one(&s);
	assert_in_range(n, 8, 32);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
steady_updates_keep_few_slots(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	char key[16];

	(void)state;
	open_store(&s, &spec);
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(put_at(&s, "k", "v", NOW), 0);
	assert_in_range(listed_in(&s.c), 1, 16);
	/* and so do steady ends: an idle client must not pin what others could use */
	for (int i = 0; i < 90; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&s, key, "v", NOW), 1);
	}
	for (int i = 0; i < 90; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(del_at(&s, key, NOW), 0);
	}
	assert_in_range(listed_in(&s.c), 1, 16);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
flush_gives_every_slot_back(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_audit a;
	uint32_t addr;

	(void)state;
	open_store(&s, &spec);
	for (int i = 0; i < 50; i++)
		addr = retire_one(&s);
	gs_slots_flush(s.t, &s.c);
	assert_int_equal(listed_in(&s.c), 0);
	assert_int_equal(state_of(&s, addr), GS_SLOT_FREE);
	assert_true(gs_slots_has_bit(s.t, addr));
	gs_audit_run(s.t, NOW, &a, NULL);
	assert_int_equal(a.n_broken, 0);
	assert_int_equal(a.free, a.capacity);
	close_store(&s);
}

static void
generation_of_a_slot_grows_with_each_use(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t addr, gen = 0;
	int cell;

	(void)state;
	open_store(&s, &spec);
	addr = claim(&s, &cell);
	for (int i = 0; i < 10; i++) {
		uint64_t w = atomic_load(&slot_of(&s, addr)->W);

		assert_true(gs_word_gen(w) > gen);
		gen = gs_word_gen(w);
		assert_true(gs_slots_free(s.t, addr, w));
		assert_int_equal(gs_word_gen(atomic_load(&slot_of(&s, addr)->W)), gen);
		gs_slots_unlist(&s.c, cell);
		for (int k = 0; k < GS_HELD_CELLS; k++)
			if (s.c.cell[k].state == GS_CELL_OWNED)
				gs_slots_unlist(&s.c, k);
		s.c.cursor[0] = gs_entry_slot(addr) / 64;
		assert_int_equal(claim(&s, &cell), addr);
	}
	close_store(&s);
}

static void
word_that_changed_is_not_freed(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint64_t w;
	uint32_t addr;
	int cell;

	(void)state;
	open_store(&s, &spec);
	addr = claim(&s, &cell);
	w = atomic_load(&slot_of(&s, addr)->W);
	assert_false(gs_slots_free(s.t, addr, w + 1));
	assert_false(gs_slots_has_bit(s.t, addr));
	assert_int_equal(atomic_load(&slot_of(&s, addr)->W), w);
	close_store(&s);
}

static void
arena_that_is_used_up_refuses_and_recovers(void **state)
{
	struct gs_table_spec spec = small_arena_spec(100);
	struct store s;
	uint32_t n = 0, total;
	int cell, last = -1;

	(void)state;
	open_store(&s, &spec);
	total = s.t->arena[0].n_slots;
	/* as if each were published and its slot forgotten */
	while ((cell = gs_slots_claim(s.t, &s.c, 0, 0)) >= 0) {
		n++;
		if (last >= 0)
			gs_slots_unlist(&s.c, last);
		last = cell;
	}
	assert_int_equal(cell, GS_ENOSPC);
	assert_int_equal(n, total);
	assert_int_equal(gs_slots_commit(&s.t->arena[0]), 0);
	assert_int_equal(gs_slots_claim(s.t, &s.c, 0, 0), GS_ENOSPC);
	/* the other ring has its own */
	cell = gs_slots_claim(s.t, &s.c, 1, 0);
	assert_true(cell >= 0);
	gs_slots_keep(&s.c, cell);
	/* one comes back, and is found */
	assert_true(gs_slots_free(s.t, s.c.cell[last].addr, atomic_load(&slot_of(&s, s.c.cell[last].addr)->W)));
	gs_slots_unlist(&s.c, last);
	assert_true(gs_slots_claim(s.t, &s.c, 0, 0) >= 0);
	assert_int_equal(gs_slots_claim(s.t, &s.c, 0, 0), GS_ENOSPC);
	close_store(&s);
}

static void
file_system_that_is_full_is_a_ring_that_is_full(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	int fd;

	(void)state;
	open_store(&s, &spec);
	fd = s.t->arena[0].fd;
	s.t->arena[0].fd = -1;		/* nothing can be committed */
	assert_int_equal(put_at(&s, "k", "v", NOW), GS_ENOSPC);
	assert_int_equal(counted(&s, GS_COUNT_ENOSPC), 1);
	assert_int_equal(population(s.t, 0), 0);
	assert_clean(s.t, NOW);
	s.t->arena[0].fd = fd;
	assert_int_equal(put_at(&s, "k", "v", NOW), 1);
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
committing_twice_at_once_does_no_harm(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	struct gs_arena *a;
	char key[16];

	(void)state;
	open_store(&s, &spec);
	a = &s.t->arena[0];
	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&s, key, "v", NOW), 1);
	}
	/* a slow one that began before the first segment was there sets its bits now */
	for (uint32_t i = 0; i < a->seg_slots / 64; i++)
		atomic_fetch_or(&a->bitmap[i], UINT64_MAX);
	for (int i = 50; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&s, key, "v", NOW), 1);
	}
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(get_at(&s, key, NOW), 1);
	}
	assert_clean(s.t, NOW);
	close_store(&s);
}

static void
free_slot_is_found_behind_bits_that_lie(void **state)
{
	struct gs_table_spec spec = small_arena_spec(100);
	struct store s;
	struct gs_arena *a;
	uint32_t n, addr = gs_entry_addr(gs_entry(0, 0, 0, 0, 127));
	int cell;

	(void)state;
	open_store(&s, &spec);
	a = &s.t->arena[0];
	for (n = 0; (cell = gs_slots_claim(s.t, &s.c, 0, 0)) >= 0; n++)
		gs_slots_unlist(&s.c, cell);
	assert_int_equal(n, a->n_slots);
	assert_true(gs_slots_free(s.t, addr, atomic_load(&slot_of(&s, addr)->W)));
	for (uint32_t i = 0; i < a->n_slots / 64; i++)
		atomic_store(&a->bitmap[i], UINT64_MAX);
	cell = gs_slots_claim(s.t, &s.c, 0, 0);
	assert_true(cell >= 0);
	assert_int_equal(s.c.cell[cell].addr, addr);
	close_store(&s);
}

static void
what_idle_clients_hold_leaves_a_ring_its_capacity(void **state)
{
	struct gs_table_spec spec = small_arena_spec(250);
	struct gs_ctx other[12];
	struct store s;
	char key[16];

	(void)state;
	open_store(&s, &spec);
	for (size_t i = 0; i < N_ROWS(other); i++) {
		struct store o = { .t = s.t };

		assert_int_equal(gs_ctx_init(&o.c, s.t, (uint32_t)i + 2), 0);
		for (int k = 0; k < 40; k++) {
			(void)snprintf(key, sizeof(key), "k%d", k);
			assert_int_equal(put_at(&o, key, "v", NOW), 1);
		}
		for (int k = 0; k < 40; k++) {
			(void)snprintf(key, sizeof(key), "k%d", k);
			assert_int_equal(del_at(&o, key, NOW), 0);
		}
		other[i] = o.c;
	}
	for (int k = 0; k < 250; k++) {
		(void)snprintf(key, sizeof(key), "k%d", k);
		if (put_at(&s, key, "v", NOW) != 1)
			fail_msg("only %d of 250 sessions had room", k);
	}
	assert_clean(s.t, NOW);
	for (size_t i = 0; i < N_ROWS(other); i++)
		gs_ctx_fini(&other[i], s.t);
	close_store(&s);
}

static void
dead_client_lists_nothing(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct store s;
	uint32_t addr;
	int cell;

	(void)state;
	open_store(&s, &spec);
	addr = claim(&s, &cell);
	assert_true(gs_slots_is_listed(s.t, addr));
	atomic_store(&s.t->ctl->reg[1].state, GS_CTX_DEAD);
	assert_false(gs_slots_is_listed(s.t, addr));
	atomic_store(&s.t->ctl->reg[1].state, GS_CTX_LIVE);
	assert_true(gs_slots_is_listed(s.t, addr));
	gs_slots_unlist(&s.c, cell);
	assert_false(gs_slots_is_listed(s.t, addr));
	close_store(&s);
}

static void
two_contexts_never_own_one_slot(void **state)
{
	struct gs_table_spec spec = small_arena_spec(100);
	struct store a, b;
	uint8_t seen[512] = { 0 };
	uint32_t n = 0, total;

	(void)state;
	open_store(&a, &spec);
	b.t = a.t;
	assert_int_equal(gs_ctx_init(&b.c, b.t, 2), 0);
	total = a.t->arena[0].n_slots;
	assert_true(total <= sizeof(seen));
	for (int idle = 0; idle < 2; ) {
		struct store *s = n % 2 == 0 ? &a : &b;
		int cell = gs_slots_claim(s->t, &s->c, 0, 0);

		if (cell < 0) {
			/* what the other holds unused is not ours to have */
			gs_slots_flush(a.t, n % 2 == 0 ? &b.c : &a.c);
			idle++;
			continue;
		}
		assert_int_equal(seen[gs_entry_slot(s->c.cell[cell].addr)], 0);
		seen[gs_entry_slot(s->c.cell[cell].addr)] = 1;
		gs_slots_unlist(&s->c, cell);
		n++;
	}
	assert_int_equal(n, total);
	gs_ctx_fini(&b.c, b.t);
	close_store(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(claimed_slot_is_listed_and_being_written_by_us),
		T(empty_ring_has_no_memory_and_the_first_claim_commits_a_segment),
		T(refill_takes_a_few_slots_at_once),
		T(kept_slot_is_the_next_that_is_claimed),
		T(retired_slot_is_left_alone_for_eight_operations),
		T(steady_updates_keep_few_slots),
		T(flush_gives_every_slot_back),
		T(generation_of_a_slot_grows_with_each_use),
		T(word_that_changed_is_not_freed),
		T(arena_that_is_used_up_refuses_and_recovers),
		T(file_system_that_is_full_is_a_ring_that_is_full),
		T(committing_twice_at_once_does_no_harm),
		T(free_slot_is_found_behind_bits_that_lie),
		T(what_idle_clients_hold_leaves_a_ring_its_capacity),
		T(dead_client_lists_nothing),
		T(two_contexts_never_own_one_slot),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}

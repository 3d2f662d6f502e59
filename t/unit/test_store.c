/* SPDX-License-Identifier: BSD-2-Clause */
/* test_store - rings in files: what a reboot finds, and that nothing is written over too early. */
#include "store_place.h"

#include <pthread.h>

#include "shm/kv_impl.h"

static struct disk d;
static char text[1001];

#define assert_value(key, want) assert_string_equal(value_in(&d, key, text), want)

static int
setup(void **state)
{
	(void)state;
	open_disk(&d);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close_disk(&d);
	return 0;
}

static struct gs_slot *
slot_of(const char *key, uint64_t *addr)
{
	struct gs_hit hit = hit_of(&d.s, key);

	*addr = gs_entry_addr(hit.entry);
	return hit.slot;
}

static uint32_t
state_at(uint64_t addr)
{
	return gs_word_state(atomic_load_explicit(&gs_table_slot(d.s.t, addr)->W, memory_order_relaxed));
}

/* ---- a reboot ---- */

static void
every_session_of_a_file_is_found_again_with_all_that_it_had(void **state)
{
	struct gs_meta before, after;
	uint64_t now;

	(void)state;
	assert_int_equal(put_in(&d, "a", "one", COLD), 1);
	assert_int_equal(put_in(&d, "b", "two", COLD), 1);
	assert_int_equal(peek_at(&d.s, "a", now_of(&d), &before), 3);
	now = now_of(&d);
	reboot(&d);
	assert_int_equal(d.found.sessions, 2);
	assert_int_equal(d.found.damaged, 0);
	assert_value("a", "one");
	assert_value("b", "two");
	assert_int_equal(peek_at(&d.s, "a", now_of(&d), &after), 3);
	assert_int_equal(after.ring, COLD);
	assert_string_equal(after.owner, "me");
	assert_int_equal(after.version, before.version);
	assert_int_equal(after.created_ms, before.created_ms);
	assert_int_equal(after.accessed_ms, before.accessed_ms);
	assert_int_equal(after.touched_ms, before.touched_ms);
	assert_int_equal(after.interest, before.interest);
	assert_int_equal(after.expires_ms, before.expires_ms);
	assert_in_range(now_of(&d), now - 50, now + 60 * S);
	assert_clean(d.s.t, now_of(&d));
}

static void
what_was_only_in_memory_is_lost(void **state)
{
	(void)state;
	assert_int_equal(put_in(&d, "inner", "x", ACTIVE), 1);
	assert_int_equal(put_in(&d, "moved", "x", COLD), 1);
	assert_int_equal(move_at(&d.s, "moved", now_of(&d), ACTIVE), 0);
	reboot(&d);
	assert_value("inner", "");
	assert_value("moved", "");
	assert_int_equal(d.found.sessions, 0);
	assert_int_equal(d.found.over, 1);
	assert_clean(d.s.t, now_of(&d));
}

static void
the_last_value_and_the_last_attributes_are_found(void **state)
{
	struct gs_put_args args = plain_args();
	struct gs_meta meta;
	struct gs_key k;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char value[16];

		(void)snprintf(value, sizeof(value), "v%d", i);
		assert_true(put_in(&d, "k", value, COLD) >= 0);
		if (i % 100 == 50)
			sync_now(&d);
	}
	k = key_of(d.s.t, "k");
	args.set = GS_SET_MODE_BIT;
	/* More turns of one version than a byte counts. */
	for (uint32_t mode = 0; mode <= 0640; mode++) {
		args.mode = mode;
		assert_int_equal(gs_kv_setattr(d.s.t, &d.s.c, &k, now_of(&d), &args), 0);
		sync_now(&d);
	}
	reboot(&d);
	assert_value("k", "v299");
	(void)peek_at(&d.s, "k", now_of(&d), &meta);
	assert_int_equal(meta.mode, 0640);
	assert_int_equal(d.found.sessions, 1);
	assert_clean(d.s.t, now_of(&d));
}

static void
what_has_ended_stays_ended(void **state)
{
	(void)state;
	/* Its older record is still in the file. */
	assert_int_equal(put_in(&d, "changed", "1", COLD), 1);
	assert_int_equal(put_in(&d, "changed", "2", COLD), 0);
	assert_int_equal(del_at(&d.s, "changed", now_of(&d)), 0);
	assert_int_equal(put_in(&d, "simple", "1", COLD), 1);
	assert_int_equal(del_at(&d.s, "simple", now_of(&d)), 0);
	/* Ended, begun anew, and that one lives. */
	assert_int_equal(put_in(&d, "again", "1", COLD), 1);
	assert_int_equal(del_at(&d.s, "again", now_of(&d)), 0);
	assert_int_equal(put_in(&d, "again", "2", COLD), 1);
	/* Brought in, sent out, brought in. */
	assert_int_equal(put_in(&d, "wanders", "1", COLD), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(move_at(&d.s, "wanders", now_of(&d), ACTIVE), 0);
		assert_int_equal(move_at(&d.s, "wanders", now_of(&d), COLD), 0);
	}
	assert_int_equal(move_at(&d.s, "wanders", now_of(&d), WARM), 0);
	reboot(&d);
	assert_value("changed", "");
	assert_value("simple", "");
	assert_value("again", "2");
	assert_value("wanders", "");
	assert_int_equal(d.found.sessions, 1);
	assert_clean(d.s.t, now_of(&d));
}

static void
an_end_does_not_forbid_another_session_of_its_key(void **state)
{
	struct gs_put_args args = plain_args();
	uint64_t now = now_of(&d), ended, begun;
	struct gs_ctx other;
	struct gs_key k = key_of(d.s.t, "k");

	(void)state;
	args.ring = COLD;
	assert_int_equal(gs_kv_put(d.s.t, &d.s.c, &k, now, "1", 1, &args, NULL), 1);
	ended = slot_of("k", &(uint64_t){ 0 })->version;
	assert_int_equal(gs_kv_del(d.s.t, &d.s.c, &k, now, 0), 0);
	/* In the same tick of the clock, by a context whose versions are lesser. */
	assert_int_equal(gs_ctx_init(&other, d.s.t, 0), 0);
	assert_int_equal(gs_kv_put(d.s.t, &other, &k, now, "2", 1, &args, NULL), 1);
	begun = slot_of("k", &(uint64_t){ 0 })->version;
	assert_true(begun < ended);
	gs_ctx_fini(&other, d.s.t);
	sync_now(&d);
	reboot(&d);
	assert_value("k", "2");
	assert_clean(d.s.t, now_of(&d));
}

static void
who_stands_still_before_he_publishes_is_helped_first(void **state)
{
	uint64_t first, second, w;
	struct gs_slot *s;
	int cell;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	first = gs_entry_addr(hit_of(&d.s, "k").entry);
	w = atomic_load_explicit(&gs_table_slot(d.s.t, first)->W, memory_order_relaxed);
	assert_int_equal(put_in(&d, "k", "2", COLD), 0);
	/* He lists the old slot, and his new one was looked at before he swung the entry. */
	s = slot_of("k", &second);
	atomic_fetch_and_explicit(&s->W, ~GS_WORD_PUBLISHED, memory_order_relaxed);
	atomic_store_explicit(&gs_table_slot(d.s.t, first)->W, w, memory_order_relaxed);
	(void)atomic_fetch_and_explicit(&gs_table_arena(d.s.t, COLD, 0)->retired[0], 0, memory_order_relaxed);
	cell = gs_slots_list(d.s.t, &d.s.c, (uint32_t)first);
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	assert_true((atomic_load_explicit(&s->W, memory_order_relaxed) & GS_WORD_PUBLISHED) != 0);
	gs_slots_unlist(&d.s.c, cell);
}

static void
a_session_whose_time_is_over_meanwhile_is_not_found(void **state)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(d.s.t, "brief");
	uint64_t until;

	(void)state;
	args.ring = COLD;
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 1;
	assert_int_equal(gs_kv_put(d.s.t, &d.s.c, &k, now_of(&d), "x", 1, &args, NULL), 1);
	assert_int_equal(put_in(&d, "longer", "x", COLD), 1);
	until = now_of(&d) + 20;
	while (now_of(&d) <= until)
		;
	reboot(&d);
	assert_int_equal(d.found.sessions, 1);
	assert_value("brief", "");
	assert_value("longer", "x");
	assert_clean(d.s.t, now_of(&d));
}

static void
a_write_that_was_refused_is_not_found(void **state)
{
	struct gs_slot *s;
	uint64_t addr;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	s = slot_of("k", &addr);
	/* As somebody leaves it whose compare-and-swap failed: ready, whole, and never named. */
	atomic_store_explicit(&s->W, atomic_load_explicit(&s->W, memory_order_relaxed) & ~GS_WORD_PUBLISHED, memory_order_relaxed);
	reboot(&d);
	assert_int_equal(d.found.sessions, 0);
	assert_value("k", "");
	assert_clean(d.s.t, now_of(&d));
}

static void
a_damaged_slot_is_left_out_and_counted(void **state)
{
	/* bytes from the slot's start: hash, length, flags, version, deadline, birth, crc, uid, mode, key, owner, value */
	static const uint32_t at[] = { 0x08, 0x28, 0x2e, 0x30, 0x68, 0xa8, 0xac, 0xb0, 0xbc, 0xc0, 0xc8, 0xd0 };

	(void)state;
	for (size_t i = 0; i < N_ROWS(at); i++) {
		char key[8];
		uint64_t addr;

		(void)snprintf(key, sizeof(key), "k%zu", i);
		assert_int_equal(put_in(&d, key, "value", COLD), 1);
		((unsigned char *)slot_of(key, &addr))[at[i]] ^= 0x10;
	}
	assert_int_equal(put_in(&d, "whole", "value", COLD), 1);
	reboot(&d);
	assert_int_equal(d.found.damaged, N_ROWS(at));
	assert_int_equal(d.found.sessions, 1);
	assert_value("whole", "value");
	assert_clean(d.s.t, now_of(&d));
}

static void
words_that_change_in_place_are_held_within_bounds(void **state)
{
	struct gs_meta meta;
	struct gs_slot *s;
	uint64_t addr, now;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	s = slot_of("k", &addr);
	atomic_store_explicit(&s->A, gs_timed(GS_TIME_NEVER - 5, gs_word_gen(atomic_load_explicit(&s->W, memory_order_relaxed))),
	    memory_order_relaxed);
	atomic_store_explicit(&s->T, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&s->X, 0, memory_order_relaxed);
	atomic_store_explicit(&s->I, UINT64_C(0x1234567890abcdef), memory_order_relaxed);
	reboot(&d);
	now = now_of(&d);
	assert_int_equal(peek_at(&d.s, "k", now, &meta), 1);
	assert_true(meta.accessed_ms <= now && meta.touched_ms <= now);
	assert_int_equal(meta.expires_ms, meta.deadline_ms);
	assert_clean(d.s.t, now);
}

static void
a_second_reboot_finds_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_in(&d, key, key, COLD), 1);
		if (i % 3 == 0)
			assert_int_equal(del_at(&d.s, key, now_of(&d)), 0);
	}
	for (int round = 0; round < 3; round++) {
		reboot(&d);
		assert_int_equal(d.found.sessions, 133);
		assert_value("k1", "k1");
		assert_value("k3", "");
		assert_clean(d.s.t, now_of(&d));
	}
	/* And can be worked with. */
	assert_int_equal(put_in(&d, "k1", "new", COLD), 0);
	assert_int_equal(del_at(&d.s, "k2", now_of(&d)), 0);
	reboot(&d);
	assert_int_equal(d.found.sessions, 132);
	assert_value("k1", "new");
	assert_value("k2", "");
}

static void
programs_of_the_lost_memory_do_not_disturb_the_new_one(void **state)
{
	struct store old = d.s;
	struct gs_key k;
	const struct gs_put_args args = plain_args();

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	old = d.s;
	gs_store_sync_fini(&d.sync);
	assert_int_equal(boot(&d), 0);
	/* They work on in what they know. */
	k = key_of(old.t, "k");
	assert_int_equal(gs_kv_put(old.t, &old.c, &k, NOW, "theirs", 6, &args, NULL), 0);
	assert_int_equal(gs_kv_del(old.t, &old.c, &k, NOW, 0), 0);
	assert_value("k", "x");
	assert_clean(d.s.t, now_of(&d));
	gs_ctx_fini(&old.c, old.t);
	gs_table_free(&old.t);
}

static void
time_goes_on_by_the_wall_clock(void **state)
{
	struct gs_arena *a;
	uint64_t now, day_ago;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	now = now_of(&d);
	/* As if the host had been off for a day: then it was a day earlier when the file was written. */
	a = gs_table_arena(d.s.t, COLD, 0);
	day_ago = atomic_load_explicit(&a->map->wall_add_ms, memory_order_relaxed) - DAY;
	atomic_store_explicit(&a->map->wall_add_ms, day_ago, memory_order_relaxed);
	atomic_store_explicit(&a->map->wall_check, ~day_ago, memory_order_relaxed);
	reboot(&d);
	/* Both clocks are read to the tick of the kernel. */
	assert_in_range(now_of(&d), now + DAY - 50, now + DAY + 60 * S);
	assert_value("k", "x");
	/* A week more, and it has left the last ring. */
	a = gs_table_arena(d.s.t, COLD, 0);
	day_ago = atomic_load_explicit(&a->map->wall_add_ms, memory_order_relaxed) - 7 * DAY;
	atomic_store_explicit(&a->map->wall_add_ms, day_ago, memory_order_relaxed);
	atomic_store_explicit(&a->map->wall_check, ~day_ago, memory_order_relaxed);
	reboot(&d);
	assert_value("k", "");
	assert_int_equal(d.found.over, 1);
}

static void
a_wall_clock_that_was_set_back_or_is_not_known_stops_time_and_no_more(void **state)
{
	struct gs_arena *a = gs_table_arena(d.s.t, COLD, 0);
	struct gs_meta meta;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	atomic_store_explicit(&a->map->wall_check, 0, memory_order_relaxed);
	assert_int_equal(peek_at(&d.s, "k", now_of(&d), &meta), 1);
	reboot(&d);
	assert_in_range(now_of(&d), meta.created_ms, meta.created_ms + 60 * S);
	assert_value("k", "x");
	a = gs_table_arena(d.s.t, COLD, 0);
	atomic_store_explicit(&a->map->wall_add_ms, UINT64_C(1) << 60, memory_order_relaxed);
	atomic_store_explicit(&a->map->wall_check, ~(UINT64_C(1) << 60), memory_order_relaxed);
	reboot(&d);
	assert_value("k", "x");
	assert_clean(d.s.t, now_of(&d));
}

/* ---- files that are no good ---- */

static void
corrupt(off_t at, const void *bytes, size_t n)
{
	char path[128];
	int fd;

	disk_path(&d, path, sizeof(path), "");
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	(void)close(fd);
}

static void
a_file_that_is_no_good_is_set_aside_with_a_sentence(void **state)
{
	static const struct {
		off_t at;		/* -1: cut to half */
		uint64_t bits;
		const char *fault;
	} rows[] = {
		{ 0, 1, "no file of gsession" },
		{ offsetof(struct gs_arena_hdr, abi_major), 7, "made by another version of gsession" },
		{ offsetof(struct gs_arena_hdr, sip_k0), 1, "header damaged" },
		{ offsetof(struct gs_arena_hdr, n_slots), 64, "header damaged" },
		{ -1, 0, "cut short" },
	};
	char path[128], aside[128], want[256];

	(void)state;
	disk_path(&d, path, sizeof(path), "");
	disk_path(&d, aside, sizeof(aside), ".bad");
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_arena_hdr head;
		uint64_t word;

		assert_int_equal(put_in(&d, "k", "x", COLD), 1);
		memcpy(&head, d.s.t->arena[COLD * GS_MAX_CLASSES].map, sizeof(head));
		halt(&d);
		if (rows[i].at >= 0) {
			memcpy(&word, (unsigned char *)&head + rows[i].at, sizeof(word));
			word ^= rows[i].bits;
			corrupt(rows[i].at, &word, sizeof(word));
		} else {
			assert_int_equal(truncate(path, (off_t)head.file_bytes / 2), 0);
		}
		d.told[0] = '\0';
		assert_int_equal(boot(&d), 0);
		(void)snprintf(want, sizeof(want), "cold: %s: %s: set aside as t@cold.0.bad, the ring begins empty\n", path, rows[i].fault);
		assert_string_equal(d.told, want);
		assert_int_equal(unlink(aside), 0);
		assert_value("k", "");
		assert_clean(d.s.t, now_of(&d));
	}
}

static void
what_is_kept_is_never_written_over(void **state)
{
	char path[128], aside[128], first = 0;
	int fd;

	(void)state;
	for (char c = '1'; c < '4'; c++) {
		halt(&d);
		disk_path(&d, path, sizeof(path), "");
		fd = open(path, O_WRONLY | O_TRUNC);
		assert_true(fd >= 0 && write(fd, &c, 1) == 1 && close(fd) == 0);
		assert_int_equal(boot(&d), 0);
	}
	for (char c = '1'; c < '4'; c++) {
		disk_path(&d, aside, sizeof(aside), c == '1' ? ".bad" : c == '2' ? ".bad.2" : ".bad.3");
		fd = open(aside, O_RDONLY);
		assert_true(fd >= 0 && read(fd, &first, 1) == 1 && close(fd) == 0);
		assert_int_equal(first, c);
		assert_int_equal(unlink(aside), 0);
	}
}

static void
a_file_of_another_shape_is_refused_and_stays(void **state)
{
	uint64_t capacity = d.spec.rings[COLD].capacity;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	halt(&d);
	d.spec.rings[COLD].capacity = 1000000;
	assert_int_equal(boot(&d), GS_ERANGE);
	assert_non_null(strstr(d.told, "table t: ring cold: the file was made for 1472 sessions, not 1000000"));
	d.spec.rings[COLD].capacity = capacity;
	d.spec.slot_size[0] += 64;
	d.told[0] = '\0';
	assert_int_equal(boot(&d), GS_EINVAL);
	assert_non_null(strstr(d.told, "table t: ring cold: the file has slot size"));
	d.spec.slot_size[0] -= 64;
	/* A smaller capacity is no matter. */
	d.spec.rings[COLD].capacity = 1;
	assert_int_equal(boot(&d), 0);
	assert_value("k", "x");
}

/* ---- nothing is written over too early ---- */

static void
a_replaced_slot_waits_for_one_sync_and_an_ended_one_for_two(void **state)
{
	uint64_t first, second;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	(void)slot_of("k", &first);
	assert_int_equal(put_in(&d, "k", "2", COLD), 0);
	(void)slot_of("k", &second);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	assert_int_equal(del_at(&d.s, "k", now_of(&d)), 0);
	assert_int_equal(state_at(second), GS_SLOT_ENDED);
	assert_int_equal(gs_store_waiting(gs_table_arena(d.s.t, COLD, 0)), 2);
	assert_clean(d.s.t, now_of(&d));
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_FREE);
	assert_int_equal(state_at(second), GS_SLOT_ENDED);
	sync_now(&d);
	assert_int_equal(state_at(second), GS_SLOT_FREE);
	assert_int_equal(gs_store_waiting(gs_table_arena(d.s.t, COLD, 0)), 0);
	assert_clean(d.s.t, now_of(&d));
}

static void
a_sync_that_began_before_does_not_count_nor_does_one_that_failed(void **state)
{
	uint64_t first;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	(void)slot_of("k", &first);
	(void)gs_store_sync_begin(&d.sync, d.s.t);
	assert_int_equal(put_in(&d, "k", "2", COLD), 0);
	assert_int_equal(gs_store_sync_end(&d.sync, d.s.t, true), 0);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	assert_int_equal(gs_store_sync_begin(&d.sync, d.s.t), 1);
	assert_int_equal(gs_store_sync_end(&d.sync, d.s.t, false), 0);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_FREE);
}

static void
a_full_ring_refuses_until_the_next_sync(void **state)
{
	uint64_t n = 0;
	int rc;

	(void)state;
	assert_int_equal(put_in(&d, "k", "x", COLD), 1);
	while ((rc = put_in(&d, "k", "y", COLD)) == 0)
		n++;
	assert_int_equal(rc, GS_ENOSPC);
	assert_true(n > 1000);
	assert_value("k", "y");
	assert_clean(d.s.t, now_of(&d));
	sync_now(&d);
	assert_int_equal(put_in(&d, "k", "z", COLD), 0);
	assert_clean(d.s.t, now_of(&d));
}

static void
who_stands_still_before_retiring_is_helped_along(void **state)
{
	uint64_t first, second;
	struct gs_hit hit;
	int cell;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	hit = hit_of(&d.s, "k");
	first = gs_entry_addr(hit.entry);
	assert_int_equal(put_in(&d, "k", "2", COLD), 0);
	(void)slot_of("k", &second);
	/* Context 1 swung the entry, and lists the old slot, which it has not retired. */
	atomic_store_explicit(&gs_table_slot(d.s.t, first)->W, hit.w, memory_order_relaxed);
	(void)atomic_fetch_and_explicit(&gs_table_arena(d.s.t, COLD, 0)->retired[0], 0, memory_order_relaxed);
	cell = gs_slots_list(d.s.t, &d.s.c, (uint32_t)first);
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	/* It is not freed while he may look at it, and knows when the session has ended. */
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_REPLACED);
	assert_int_equal(del_at(&d.s, "k", now_of(&d)), 0);
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_ENDED);
	sync_now(&d);
	sync_now(&d);
	assert_int_equal(state_at(second), GS_SLOT_FREE);
	gs_slots_unlist(&d.s.c, cell);
	sync_now(&d);
	sync_now(&d);
	assert_int_equal(state_at(first), GS_SLOT_FREE);
	assert_clean(d.s.t, now_of(&d));
}

static void
recovery_retires_what_a_dead_writer_had_taken_out(void **state)
{
	struct gs_recover_cursor at = { 0 };
	uint64_t addr;
	struct gs_hit hit;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	hit = hit_of(&d.s, "k");
	addr = gs_entry_addr(hit.entry);
	/* Killed between the end of the session and its mark. */
	assert_true(gs_index_remove(d.s.t, &hit, key_of(d.s.t, "k").hash));
	gs_kv_unreserve(d.s.t, COLD);
	assert_true(gs_recover_slot(d.s.t, (uint32_t)addr));
	assert_int_equal(state_at(addr), GS_SLOT_ENDED);
	/* Between the mark and its bit. */
	(void)atomic_fetch_and_explicit(&gs_table_arena(d.s.t, COLD, 0)->retired[0], 0, memory_order_relaxed);
	while (!at.done)
		(void)gs_recover_step(d.s.t, &at, 1000);
	assert_true(gs_store_has_bit(d.s.t, (uint32_t)addr));
	/* Between the entry and the mark that it was published. */
	assert_int_equal(put_in(&d, "k", "2", COLD), 1);
	hit = hit_of(&d.s, "k");
	atomic_store_explicit(&hit.slot->W, hit.w & ~GS_WORD_PUBLISHED, memory_order_relaxed);
	(void)gs_recover_slot(d.s.t, gs_entry_addr(hit.entry));
	assert_int_equal(atomic_load_explicit(&hit.slot->W, memory_order_relaxed), hit.w);
	sync_now(&d);
	sync_now(&d);
	assert_clean(d.s.t, now_of(&d));
}

static void
records_of_rings_in_memory_have_no_crc_and_wait_for_nobody(void **state)
{
	uint64_t addr;

	(void)state;
	assert_int_equal(put_in(&d, "k", "1", COLD), 1);
	assert_int_not_equal(slot_of("k", &addr)->crc, 0);
	assert_int_equal(move_at(&d.s, "k", now_of(&d), WARM), 0);
	assert_int_equal(slot_of("k", &addr)->crc, 0);
	assert_int_equal(slot_of("k", &addr)->W & GS_WORD_PUBLISHED, 0);
	assert_int_equal(del_at(&d.s, "k", now_of(&d)), 0);
	assert_int_not_equal(state_at(addr), GS_SLOT_ENDED);
}

static void
audit_finds_a_record_in_a_file_that_is_damaged_or_not_published(void **state)
{
	struct gs_audit a;
	struct gs_slot *s;
	uint64_t addr;

	(void)state;
	assert_int_equal(put_in(&d, "k", "value", COLD), 1);
	s = slot_of("k", &addr);
	((unsigned char *)s)[gs_record_value_off(1, 2, 0)] ^= 1;
	gs_audit_run(d.s.t, now_of(&d), &a, NULL);
	assert_int_equal(a.broken[11], 1);
	((unsigned char *)s)[gs_record_value_off(1, 2, 0)] ^= 1;
	gs_audit_run(d.s.t, now_of(&d), &a, NULL);
	assert_int_equal(a.n_broken, 0);
	atomic_store_explicit(&s->W, atomic_load_explicit(&s->W, memory_order_relaxed) & ~GS_WORD_PUBLISHED, memory_order_relaxed);
	gs_audit_run(d.s.t, now_of(&d), &a, NULL);
	assert_int_equal(a.broken[11], 1);
}

/* ---- many at once ---- */

enum { WORKERS = 3, SHARED_KEYS = 24, WORKER_OPS = 6000 };

static _Atomic uint32_t n_working;

static void *
work(void *arg)
{
	struct gs_ctx *c = arg;
	uint64_t seed = c->id;
	const struct gs_put_args args = { .ring = COLD, .flags = GS_KV_INSPECT, .wall_ns = 1 };

	for (uint32_t i = 0; i < WORKER_OPS; i++) {
		char key[8], value[32];
		struct gs_key k;

		(void)snprintf(key, sizeof(key), "k%u", (unsigned)(next_random(&seed) % SHARED_KEYS));
		(void)snprintf(value, sizeof(value), "%s of %u at %u", key, c->id, i);
		(void)gs_key_init(d.s.t, &k, key, strlen(key));
		switch (next_random(&seed) % 8) {
		case 0:
			(void)gs_kv_del(d.s.t, c, &k, now_of(&d), 0);
			break;
		case 1:
			(void)gs_kv_move(d.s.t, c, &k, now_of(&d), ACTIVE);
			break;
		case 2:
			(void)gs_kv_move(d.s.t, c, &k, now_of(&d), COLD);
			break;
		default:
			/* Full until the next sync: that is said, and no harm done. */
			(void)gs_kv_put(d.s.t, c, &k, now_of(&d), value, strlen(value), &args, NULL);
		}
	}
	(void)atomic_fetch_sub(&n_working, 1);
	return NULL;
}

static void
writers_and_syncs_at_once_leave_a_file_that_says_what_the_table_says(void **state)
{
	struct gs_ctx c[WORKERS];
	pthread_t thread[WORKERS];
	char value[SHARED_KEYS][1001], key[8];
	uint32_t ring[SHARED_KEYS];
	uint64_t n = 0;

	(void)state;
	n_working = WORKERS;
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(gs_ctx_init(&c[i], d.s.t, 2 + i), 0);
		assert_int_equal(pthread_create(&thread[i], NULL, work, &c[i]), 0);
	}
	while (atomic_load(&n_working) > 0)
		sync_now(&d);
	for (uint32_t i = 0; i < WORKERS; i++) {
		(void)pthread_join(thread[i], NULL);
		gs_ctx_fini(&c[i], d.s.t);
	}
	gs_recover_population(d.s.t);
	assert_clean(d.s.t, now_of(&d));
	sync_now(&d);
	sync_now(&d);
	assert_int_equal(gs_store_waiting(gs_table_arena(d.s.t, COLD, 0)), 0);
	for (uint32_t i = 0; i < SHARED_KEYS; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		ring[i] = value_in(&d, key, value[i])[0] == '\0' ? SUSPECT : ring_of(&d.s, key);
		n += ring[i] == COLD;
	}
	reboot(&d);
	assert_int_equal(d.found.sessions, n);
	assert_int_equal(d.found.damaged, 0);
	for (uint32_t i = 0; i < SHARED_KEYS; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		assert_value(key, ring[i] == COLD ? value[i] : "");
	}
	assert_clean(d.s.t, now_of(&d));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define D(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		D(every_session_of_a_file_is_found_again_with_all_that_it_had),
		D(what_was_only_in_memory_is_lost),
		D(the_last_value_and_the_last_attributes_are_found),
		D(what_has_ended_stays_ended),
		D(an_end_does_not_forbid_another_session_of_its_key),
		D(who_stands_still_before_he_publishes_is_helped_first),
		D(a_session_whose_time_is_over_meanwhile_is_not_found),
		D(a_write_that_was_refused_is_not_found),
		D(a_damaged_slot_is_left_out_and_counted),
		D(words_that_change_in_place_are_held_within_bounds),
		D(a_second_reboot_finds_the_same),
		D(programs_of_the_lost_memory_do_not_disturb_the_new_one),
		D(time_goes_on_by_the_wall_clock),
		D(a_wall_clock_that_was_set_back_or_is_not_known_stops_time_and_no_more),
		D(a_file_that_is_no_good_is_set_aside_with_a_sentence),
		D(what_is_kept_is_never_written_over),
		D(a_file_of_another_shape_is_refused_and_stays),
		D(a_replaced_slot_waits_for_one_sync_and_an_ended_one_for_two),
		D(a_sync_that_began_before_does_not_count_nor_does_one_that_failed),
		D(a_full_ring_refuses_until_the_next_sync),
		D(who_stands_still_before_retiring_is_helped_along),
		D(recovery_retires_what_a_dead_writer_had_taken_out),
		D(records_of_rings_in_memory_have_no_crc_and_wait_for_nobody),
		D(audit_finds_a_record_in_a_file_that_is_damaged_or_not_published),
		D(writers_and_syncs_at_once_leave_a_file_that_says_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

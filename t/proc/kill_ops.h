/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_ops.h - the operations that kill_step.c kills, each with the small table it finds.
 */
#ifndef T_PROC_KILL_OPS_H
#define T_PROC_KILL_OPS_H

#include "kill_place.h"
#include "kill_segments.h"

#include "shm/classes.h"

struct operation {
	const char *name, *sentence;
	void (*prepare)(struct place *);
	int (*run)(struct place *);	/* returns what the operation answers */
	bool is_seen;			/* others see what it did to the session */
	bool is_completed;		/* recovery makes an end of it that was begun */
	bool is_daemon;			/* the daemon makes it, and is killed */
	bool is_dirty;			/* it finds what a dead process left: the audit is clean after it only */
	bool is_walked;			/* what it works on is found by the daemon's walk, and not before */
	bool is_long;			/* only instructions that wrote are points */
	bool has_clock;			/* how many instructions it takes depends on the clock */
	bool is_stored;			/* ring warm lies in files */
	bool has_choice;		/* which session it moves is for it to choose */
	bool is_final;			/* what others end at that moment it has ended, too: for good */
	bool is_forgotten;		/* a control: the victim is not recovered */
	bool is_control;		/* must be found wrong */
	int n_dead;			/* how many died with it */
};

/* ---- what is there when the operation begins ---- */

static inline void
with_small_and_room_for_large(struct place *p)
{
	place_warm_up(p, PLACE_ACTIVE, PLACE_LARGE);
	place_start(p, PLACE_SMALL, PLACE_ACTIVE);
}

static inline void
with_large(struct place *p)
{
	place_warm_up(p, PLACE_ACTIVE, PLACE_SMALL);
	place_start(p, PLACE_LARGE, PLACE_ACTIVE);
}

static inline void
with_warm_session(struct place *p)
{
	place_warm_up(p, PLACE_ACTIVE, PLACE_SMALL);
	place_start(p, PLACE_SMALL, PLACE_WARM);
}

static inline void
with_room_in_warm(struct place *p)
{
	place_warm_up(p, PLACE_WARM, PLACE_SMALL);
	place_start(p, PLACE_SMALL, PLACE_ACTIVE);
}

/* It is over, and nobody has swept it. */
static inline void
with_expired(struct place *p)
{
	with_warm_session(p);
	p->now_ms += 24 * 60 * PLACE_MINUTE;
}

/* The ring would keep it, and nobody has asked for it as long as its class allows. */
static inline void
with_idle(struct place *p)
{
	const struct gs_class_spec guest = { "guest", { GS_DURATION_MAX, 2 * PLACE_MINUTE } };
	struct gs_put_args args = { .ring = GS_RING_NONE, .wall_ns = 1, .set = GS_SET_CLASS_BIT };

	place_must("the class", gs_classes_apply(p->t, &guest, 1) == 0);
	with_session(p);
	args.class_id = (uint32_t)gs_classes_find(p->t, guest.name);
	place_must("the session's class", gs_kv_setattr(p->t, &p->rescuer, &p->key, p->now_ms, &args) == 0);
	p->now_ms += 2 * PLACE_MINUTE;
}

/* No place is left where it is, and the others there were asked for later, and twice. */
static inline void
in_a_full_ring(struct place *p)
{
	place_warm_up(p, PLACE_WARM, PLACE_SMALL);
	with_session(p);
	for (int i = 0; i < PLACE_OTHERS; i++)
		place_must("an access", gs_kv_get(p->t, &p->rescuer, &p->other[i], p->now_ms, NULL, 0, 0, NULL) >= 0);
	atomic_store(&p->t->ctl->ring[PLACE_ACTIVE].capacity, PLACE_OTHERS + 1);
}

/* Nobody has used the ring: its first segment is committed by who comes. */
static inline void
with_empty_arena(struct place *p)
{
	(void)p;
}

/* The home bucket of the key is full, so that the key lies in the stash. */
static inline void
with_full_home(struct place *p)
{
	struct gs_probe mine, its;
	char text[16];

	gs_index_probe(p->t, p->key.hash, &mine);
	for (int i = 0, n = 0; n < GS_BUCKET_ENTRIES; i++) {
		struct gs_key k = place_key(p, text, sizeof(text), "full", i);

		gs_index_probe(p->t, k.hash, &its);
		if (its.bucket[0] != mine.bucket[0])
			continue;
		(void)place_put(p, &p->rescuer, &k, 10, 'f');
		n++;
	}
	place_warm_up(p, PLACE_ACTIVE, PLACE_SMALL);
}

static inline void
with_session_in_stash(struct place *p)
{
	with_full_home(p);
	place_start(p, PLACE_SMALL, PLACE_ACTIVE);
}

/* The victim has ended as many sessions as it keeps the slots of. */
static inline void
with_full_limbo(struct place *p)
{
	char text[16];

	for (int i = 0; i < 8; i++) {
		struct gs_key k = place_key(p, text, sizeof(text), "limbo", i);

		place_must("limbo", place_put(p, &p->victim, &k, 10, 'l') == 1 && gs_kv_del(p->t, &p->victim, &k, p->now_ms, 0) == 0);
	}
	place_start(p, PLACE_SMALL, PLACE_ACTIVE);
}

/* In the file: a slot that was replaced, and one whose session has ended and which one sync has covered. */
static inline void
with_slots_that_wait(struct place *p)
{
	char text[16];
	struct gs_key k = place_key(p, text, sizeof(text), "ended", 0);

	place_start(p, PLACE_SMALL, PLACE_WARM);
	place_must("an end", place_put_in(p, &p->rescuer, &k, 10, 'e', PLACE_WARM) == 1 &&
	    gs_kv_del(p->t, &p->rescuer, &k, p->now_ms, 0) == 0);
	(void)gs_store_sync_begin(&p->sync, p->t);
	place_must("a sync", gs_store_sync_end(&p->sync, p->t, true) == 0);
	place_must("a move", gs_kv_move(p->t, &p->rescuer, &p->key, p->now_ms, PLACE_ACTIVE) == 0);
	place_must("a move", gs_kv_move(p->t, &p->rescuer, &p->key, p->now_ms, PLACE_WARM) == 0);
}

/* ---- processes that died before ---- */

static inline void
late_puts(void *arg)
{
	struct place *p = arg;

	(void)place_put(p, &p->late, &p->key, PLACE_SMALL, 't');
}

static inline void
victim_puts(void *arg)
{
	struct place *p = arg;

	(void)place_put(p, &p->victim, &p->key, PLACE_SMALL, 'b');
}

static inline void
victim_ends(void *arg)
{
	struct place *p = arg;

	(void)gs_kv_del(p->t, &p->victim, &p->key, p->now_ms, 0);
}

static inline bool
is_tentative_there(const struct place *p, uint32_t id)
{
	uint64_t op = atomic_load(&p->t->ctx[id].op_entry);

	return op != 0 && (atomic_load(gs_table_entry(p->t, op - 1)) & GS_ENTRY_TENT) != 0;
}

static inline bool
late_is_tentative(const struct place *p)
{
	return is_tentative_there(p, PLACE_LATE);
}

static inline bool
victim_is_tentative(const struct place *p)
{
	return is_tentative_there(p, PLACE_VICTIM);
}

/* The home's header has counted an entry in the stash that is still tentative. */
static inline bool
victim_is_counted(const struct place *p)
{
	struct gs_probe probe;

	gs_index_probe(p->t, p->key.hash, &probe);
	return gs_header_count(atomic_load(&p->t->buckets[probe.bucket[0]].H)) > 0 && victim_is_tentative(p);
}

static inline bool
victim_has_swung(const struct place *p)
{
	uint64_t e = atomic_load(gs_table_entry(p->t, p->ordinal));

	return e == 0 || gs_word_ctx(atomic_load(&gs_table_slot(p->t, e)->W)) == PLACE_VICTIM;
}

/* The new record is written, the entry still names the old one. */
static inline bool
victim_is_ready(const struct place *p)
{
	for (int i = 0; i < GS_HELD_CELLS; i++) {
		uint32_t addr = atomic_load(&p->t->ctx[PLACE_VICTIM].held[i]);
		uint64_t w = addr == 0 ? 0 : atomic_load(&gs_table_slot(p->t, addr - 1)->W);

		if (gs_word_state(w) == GS_SLOT_READY && gs_word_ctx(w) == PLACE_VICTIM && gs_table_slot(p->t, addr - 1)->val_len == PLACE_SMALL &&
		    gs_table_slot(p->t, addr - 1)->hash == p->key.hash)
			return true;
	}
	return false;
}

static inline void
place_die_when(struct place *p, void (*work)(void *), bool (*is_there)(const struct place *))
{
	stepper_start(p->stepper, work, p);
	while (!is_there(p)) {
		place_must("a process that dies in time", stepper_progress(p->stepper) == STEP_INSIDE);
		stepper_step(p->stepper);
	}
	stepper_kill(p->stepper);
}

static inline void
with_tentative_of_another(struct place *p)
{
	with_nothing(p);
	place_die_when(p, late_puts, late_is_tentative);
}

static inline void
after_a_death_in_put(struct place *p)
{
	with_nothing(p);
	place_die_when(p, victim_puts, victim_is_tentative);
}

static inline void
after_a_death_before_update(struct place *p)
{
	with_session(p);
	place_die_when(p, victim_puts, victim_is_ready);
}

static inline void
after_a_death_after_update(struct place *p)
{
	with_session(p);
	place_die_when(p, victim_puts, victim_has_swung);
}

static inline void
after_a_death_in_del(struct place *p)
{
	with_session(p);
	place_die_when(p, victim_ends, victim_has_swung);
}

static inline void
late_ends(void *arg)
{
	struct place *p = arg;

	(void)gs_kv_del(p->t, &p->late, &p->key, p->now_ms, 0);
}

/* It lists the session's slot, and the session is there. */
static inline bool
late_lists(const struct place *p)
{
	uint64_t e = atomic_load(gs_table_entry(p->t, p->ordinal));

	for (int i = 0; i < GS_HELD_CELLS; i++)
		if (e != 0 && atomic_load(&p->t->ctx[PLACE_LATE].held[i]) == gs_entry_addr(e) + 1)
			return true;
	return false;
}

static inline bool
late_has_swung(const struct place *p)
{
	uint64_t e = atomic_load(gs_table_entry(p->t, p->ordinal));

	return gs_word_ctx(atomic_load(&gs_table_slot(p->t, e)->W)) == PLACE_LATE;
}

/* Before the victim ends or replaces it, another was about to end it. */
static inline void
after_a_late_del(struct place *p)
{
	with_session(p);
	place_die_when(p, late_ends, late_lists);
}

/* Another has replaced it, and still lists both slots. */
static inline void
after_a_late_put(struct place *p)
{
	with_room_in_warm(p);
	place_die_when(p, late_puts, late_has_swung);
}

/* Somebody's cells were forgotten: its slots are nobody's. */
static inline void
after_a_loss(struct place *p)
{
	after_a_death_before_update(p);
	gs_recover_forget(p->t, PLACE_VICTIM);
	place_set_state(p->t, PLACE_VICTIM, GS_CTX_UNUSED);
}

static inline void
after_a_death_in_stash(struct place *p)
{
	with_full_home(p);
	place_die_when(p, victim_puts, victim_is_counted);
	place_set_state(p->t, PLACE_VICTIM, GS_CTX_DEAD);
}

/* A place is reserved by nobody, and all looks but the last have been made. */
static inline void
before_the_last_look(struct place *p)
{
	with_session(p);
	(void)atomic_fetch_add(&p->t->idx->population[PLACE_ACTIVE].n, 1);
	for (int i = 0; i < 7; i++)
		place_must("looks", !gs_recover_recount(p->t, &p->recount, UINT64_MAX));
}

/* It was asked for once too often, where nothing is refused; the pardon is due. */
static inline void
with_accused(struct place *p)
{
	const struct gs_quota_rules strictest = { .limit = gs_quota_limit(1, 1), .action = GS_QUOTA_REPORT }, none = { .limit = GS_QUOTA_FREE };

	with_session(p);
	gs_quota_apply(p->t, &strictest);
	for (int i = 0; i < 2; i++)
		place_must("an access", gs_kv_get(p->t, &p->rescuer, &p->key, p->now_ms, NULL, 0, 0, NULL) >= 0);
	gs_quota_apply(p->t, &none);
	p->now_ms++;
}

static inline void
when_it_decays(struct place *p)
{
	with_session(p);
	p->now_ms += 11 * PLACE_MINUTE;
}

/* ---- the operations ---- */

static inline int
put_value(struct place *p, size_t len, uint32_t ring)
{
	const struct gs_put_args args = { .ring = ring, .wall_ns = 1 };

	return gs_kv_put(p->t, &p->victim, &p->key, p->now_ms, p->value, len, &args, NULL);
}

static inline int run_put(struct place *p) { return put_value(p, PLACE_SMALL, GS_RING_NONE); }
static inline int run_put_large(struct place *p) { return put_value(p, PLACE_LARGE, GS_RING_NONE); }
static inline int run_put_in_warm(struct place *p) { return put_value(p, PLACE_SMALL, PLACE_WARM); }
static inline int run_del(struct place *p) { return gs_kv_del(p->t, &p->victim, &p->key, p->now_ms, 0); }

static inline int
run_end(struct place *p)
{
	const struct gs_ending how = { .kind = GS_TOMB_FINAL };

	return gs_kv_end(p->t, &p->victim, &p->key, p->now_ms, &how);
}

static inline int
run_rotate(struct place *p)
{
	static unsigned char buf[PLACE_RECORD];
	char text[16];
	struct gs_key to = place_key(p, text, sizeof(text), "rotated", 0);
	const struct gs_rotation r = { .from = &p->key, .to = &to, .grace_ms = PLACE_MINUTE, .wall_ns = 1, .buf = buf };

	return gs_kv_rotate(p->t, &p->victim, p->now_ms, &r);
}

static inline int run_touch(struct place *p) { return gs_kv_touch(p->t, &p->victim, &p->key, p->now_ms); }
static inline int run_move_out(struct place *p) { return gs_kv_move(p->t, &p->victim, &p->key, p->now_ms, PLACE_WARM); }
static inline int run_move_in(struct place *p) { return gs_kv_move(p->t, &p->victim, &p->key, p->now_ms, PLACE_ACTIVE); }
static inline int run_flush(struct place *p) { gs_slots_flush(p->t, &p->victim); return 0; }
static inline int run_recount(struct place *p) { return gs_recover_recount(p->t, &p->recount, UINT64_MAX); }

static inline int
run_get(struct place *p)
{
	unsigned char buf[PLACE_RECORD];

	return (int)gs_kv_get(p->t, &p->victim, &p->key, p->now_ms, buf, sizeof(buf), 0, NULL);
}

static inline int
run_setattr(struct place *p)
{
	const struct gs_put_args args = { .set = GS_SET_TTL_BIT | GS_SET_OWNER_BIT, .ttl_ms = 1000000, .owner = "me", .owner_len = 2, .wall_ns = 2 };

	return gs_kv_setattr(p->t, &p->victim, &p->key, p->now_ms, &args);
}

static inline int run_pardon(struct place *p) { return gs_kv_pardon(p->t, &p->victim, &p->key, p->now_ms, 0); }

static inline int
run_settle(struct place *p)
{
	struct gs_settled done;

	gs_kv_settle(p->t, &p->daemon, p->ordinal, p->now_ms, &done);
	return (int)done.what;
}

/* As recover() in src/daemon/clients.c. */
static inline int
run_recover(struct place *p)
{
	place_set_state(p->t, PLACE_VICTIM, GS_CTX_DEAD);
	(void)gs_recover_ctx(p->t, PLACE_VICTIM);
	if (!gs_recover_is_done(p->t, PLACE_VICTIM))
		return 0;
	gs_recover_forget(p->t, PLACE_VICTIM);
	place_set_state(p->t, PLACE_VICTIM, GS_CTX_UNUSED);
	return 1;
}

static inline int
run_walk(struct place *p)
{
	struct gs_recover_cursor at = { 0 };

	return (int)gs_recover_step(p->t, &at, 16);
}

static inline int
run_trim(struct place *p)
{
	struct gs_probe probe;

	gs_index_probe(p->t, p->key.hash, &probe);
	(void)gs_recover_entries(p->t, probe.bucket[1], 1);
	return (int)gs_recover_entries(p->t, probe.bucket[0], 1);
}

/* A session that needs a place. */
static inline int
run_put_newcomer(struct place *p)
{
	char text[16];
	struct gs_key k = place_key(p, text, sizeof(text), "new", 0);

	return place_put(p, &p->victim, &k, PLACE_SMALL, 'n');
}

/* In a file: an operator's put, which leaves the session there. */
static inline int
run_put_stored(struct place *p)
{
	const struct gs_put_args args = { .ring = PLACE_WARM, .flags = GS_KV_INSPECT, .wall_ns = 1 };

	return gs_kv_put(p->t, &p->victim, &p->key, p->now_ms, p->value, PLACE_SMALL, &args, NULL);
}

static inline int
run_sync(struct place *p)
{
	(void)gs_store_sync_begin(&p->sync, p->t);
	return (int)gs_store_sync_end(&p->sync, p->t, true);
}

/* A control: the session is taken out of the index before its slot is listed. */
static inline int
run_wrong_del(struct place *p)
{
	struct gs_hit hit;

	if (gs_index_find(p->t, &p->victim, &p->key, GS_FETCH_HEAD, &hit) != 1 || !gs_index_remove(p->t, &hit, p->key.hash))
		return GS_ENOENT;
	gs_slots_retire(p->t, &p->victim, gs_slots_list(p->t, &p->victim, gs_entry_addr(hit.entry)));
	(void)atomic_fetch_sub(&p->t->idx->population[PLACE_ACTIVE].n, 1);
	return 0;
}

static const struct operation operations[] = {
	{ "put-new", "a put that starts a session", with_nothing, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-stash", "a put whose home bucket is full", with_full_home, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-over", "a put over a session", with_session, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-promotes", "a put over a session that it brings in", with_warm_session, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-expired", "a put over a session that is over", with_expired, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-tentative", "a put that meets a dead one's of the same key", with_tentative_of_another, run_put, .is_seen = true,
	    .has_clock = true, .n_dead = 2 },
	{ "put-idle", "a put over a session that was idle too long for its class", with_idle, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-late", "a put over a session whose slot a dead one lists", after_a_late_del, run_put, .is_seen = true, .n_dead = 2 },
	{ "del-late", "the end of a session whose slot a dead one lists", after_a_late_del, run_del, .is_seen = true, .n_dead = 2 },
	{ "move-late", "a move of a session that a dead one had just put", after_a_late_put, run_move_out, .is_seen = true, .n_dead = 2 },
	{ "update-larger", "an update to a larger slot", with_small_and_room_for_large, run_put_large, .is_seen = true, .n_dead = 1 },
	{ "update-smaller", "an update to a smaller slot", with_large, run_put, .is_seen = true, .n_dead = 1 },
	{ "setattr", "a change of attributes", with_session, run_setattr, .is_seen = true, .n_dead = 1 },
	{ "del", "the end of a session", with_session, run_del, .is_seen = true, .n_dead = 1 },
	{ "end", "the end of a session for good", with_session, run_end, .is_seen = true, .is_completed = true, .is_final = true, .n_dead = 1 },
	{ "rotate", "a session that goes on under another key", with_session, run_rotate, .is_seen = true, .n_dead = 1 },
	{ "del-stash", "the end of a session outside its home", with_session_in_stash, run_del, .is_seen = true, .n_dead = 1 },
	{ "del-limbo", "the end of a session by who holds many slots", with_full_limbo, run_del, .is_seen = true, .n_dead = 1 },
	{ "touch", "a touch", with_session, run_touch, .is_seen = true, .n_dead = 1 },
	{ "move-out", "a move outwards", with_room_in_warm, run_move_out, .is_seen = true, .n_dead = 1 },
	{ "move-in", "a move inwards", with_warm_session, run_move_in, .is_seen = true, .n_dead = 1 },
	{ "get", "a get", with_session, run_get, .is_seen = true, .n_dead = 1 },
	{ "get-promotes", "a get that brings the session in", with_warm_session, run_get, .is_seen = true, .n_dead = 1 },
	{ "put-evicts", "a put that moves it outwards to have its place", in_a_full_ring, run_put_newcomer, .is_seen = true,
	    .has_choice = true, .n_dead = 1 },
	{ "stored-evicts", "a put that moves it into a file to have its place", in_a_full_ring, run_put_newcomer, .is_seen = true,
	    .has_choice = true, .is_stored = true, .n_dead = 1 },
	{ "alloc-commit", "a put that commits a segment and refills", with_empty_arena, run_put_in_warm, .is_seen = true, .n_dead = 1 },
	{ "alloc-refill", "a put that refills", with_empty_arena, run_put, .is_seen = true, .n_dead = 1 },
	{ "flush", "giving back every slot held", with_full_limbo, run_flush, .n_dead = 1 },

	{ "put-drains", "a put by who has slots in a segment that drains", while_it_drains, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-undrains", "a put that needs a segment that drains", when_all_drain, run_put, .is_seen = true, .n_dead = 1 },
	{ "put-returns", "a put that commits a segment which was given back", when_it_was_given_back, run_put, .is_seen = true, .n_dead = 1 },

	{ "settle-decays", "a decay by the sweep", when_it_decays, run_settle, .is_seen = true, .is_daemon = true,
	    .n_dead = 1 },
	{ "pardon", "a pardon by an operator", with_accused, run_pardon, .is_seen = true, .n_dead = 1 },
	{ "settle-pardons", "a pardon by the sweep", with_accused, run_settle, .is_seen = true, .is_daemon = true, .n_dead = 1 },
	{ "settle-expires", "an expiry by the sweep", with_expired, run_settle, .is_daemon = true, .n_dead = 1 },
	{ "settle-idle", "an expiry by the sweep for the idle of a class", with_idle, run_settle, .is_daemon = true, .n_dead = 1 },
	{ "recover-put", "the recovery of who died in a put", after_a_death_in_put, run_recover, .is_daemon = true, .is_dirty = true, .is_long = true,
	    .n_dead = 2 },
	{ "recover-before", "the recovery of who died before an update", after_a_death_before_update, run_recover, .is_daemon = true,
	    .is_dirty = true, .is_long = true, .n_dead = 2 },
	{ "recover-after", "the recovery of who died after an update", after_a_death_after_update, run_recover, .is_daemon = true,
	    .is_dirty = true, .is_long = true, .n_dead = 2 },
	{ "recover-del", "the recovery of who died in the end of a session", after_a_death_in_del, run_recover, .is_daemon = true,
	    .is_dirty = true, .is_long = true, .n_dead = 2 },
	{ "walk", "the walk over slots that nobody lists", after_a_loss, run_walk, .is_daemon = true, .is_dirty = true, .is_long = true, .is_walked = true,
	    .n_dead = 2 },
	{ "trim", "the trim of a header that counts too much", after_a_death_in_stash, run_trim, .is_daemon = true, .is_dirty = true,
	    .is_long = true, .n_dead = 2 },
	{ "recount", "the last look of a recount", before_the_last_look, run_recount, .is_daemon = true, .is_long = true, .n_dead = 2 },

	{ "drain", "the draining of a segment", with_two_segments, run_drain, .is_daemon = true, .n_dead = 1 },
	{ "undrain", "the end of a draining", while_it_drains, run_undrain, .is_daemon = true, .n_dead = 1 },
	{ "evacuate", "moving what lives in a segment that drains", while_it_drains, run_evacuate, .is_daemon = true, .is_long = true, .n_dead = 1 },
	{ "release", "giving back the memory of a segment", when_it_is_empty, run_release, .is_daemon = true, .is_long = true, .n_dead = 1 },
	{ "reclaim", "giving back what came after that", when_it_was_given_back, run_reclaim, .is_daemon = true, .n_dead = 1 },

	{ "stored-new", "a put that starts a session in a file", with_nothing, run_put_stored, .is_seen = true, .is_stored = true, .n_dead = 1 },
	{ "stored-over", "a put over a session in a file", with_warm_session, run_put_stored, .is_seen = true, .is_stored = true, .n_dead = 1 },
	{ "stored-del", "the end of a session in a file", with_warm_session, run_del, .is_seen = true, .is_stored = true, .n_dead = 1 },
	{ "stored-in", "a move out of a file", with_warm_session, run_move_in, .is_seen = true, .is_stored = true, .n_dead = 1 },
	{ "stored-out", "a move into a file", with_room_in_warm, run_move_out, .is_seen = true, .is_stored = true, .n_dead = 1 },
	{ "stored-promotes", "a put over a session in a file that it brings in", with_warm_session, run_put, .is_seen = true, .is_stored = true,
	    .n_dead = 1 },
	{ "stored-decays", "a decay into a file", when_it_decays, run_settle, .is_seen = true, .is_daemon = true, .is_stored = true,
	    .n_dead = 1 },
	{ "stored-sync", "a sync that frees slots", with_slots_that_wait, run_sync, .is_daemon = true, .is_dirty = true, .is_stored = true, .is_long = true,
	    .is_walked = true, .n_dead = 1 },

	{ "control-forgotten", "who died in a put is not recovered (a control)", with_nothing, run_put, .is_seen = true, .n_dead = 1,
	    .is_control = true, .is_forgotten = true },
	{ "control-unlisted", "an end of a session that lists its slot too late (a control)", with_session, run_wrong_del, .is_seen = true,
	    .n_dead = 1, .is_control = true },
	{ NULL, NULL, NULL, NULL, .n_dead = 0 },
};

#endif

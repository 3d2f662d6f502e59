/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.c, restore.c: what a file has of sessions, what is refused of it, and what comes back of it. */
#include "shm_place.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "shm/event.h"
#include "shm/classes.h"
#include "shm/kin.h"
#include "shm/namespaces.h"
#include "shm/restore.h"
#include "shm/snapshot.h"
#include "shm/tomb.h"

#define HASH_MASK ((UINT64_C(1) << GS_TOMB_HASH_BITS) - 1)

enum { FILE_BYTES = 1 << 20 };

/* A store, its snapshot, and another store. */
struct f {
	struct store from, to;
	int fd;
	char quota[2][GS_SNAPSHOT_QUOTA_BYTES + 16];	/* of namespaces that were made: the id, what is said */
	int n_made;
};

static struct gs_table_spec
three_class_spec(void)
{
	struct gs_table_spec spec = usual_spec();

	spec.max_lifetime_ms = 30 * DAY;
	return spec;
}

static void
begin(struct f *f)
{
	const struct gs_table_spec spec = three_class_spec();

	open_store(&f->from, &spec);
	open_store(&f->to, &spec);
	gs_table_set_now(f->from.t, NOW);
	gs_table_set_now(f->to.t, NOW + 5 * DAY);
	f->n_made = 0;
	f->fd = memfd_create("snapshot", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
}

static void
finish(struct f *f)
{
	assert_clean(f->to.t, NOW + 100 * DAY);
	close_store(&f->from);
	close_store(&f->to);
	assert_int_equal(close(f->fd), 0);
}

static void
take_snapshot_with(struct f *f, char quota[][GS_SNAPSHOT_QUOTA_BYTES])
{
	struct gs_snapshot_out out;
	_Atomic uint64_t done = 0;

	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
	assert_int_equal(gs_snapshot_begin(&out, f->fd, 1), 0);
	assert_int_equal(gs_snapshot_add_table(&out, f->from.t, quota, &done), 0);
	assert_int_equal(gs_snapshot_finish(&out), 0);
	assert_int_equal(done, gs_table_entries(f->from.t));
	gs_snapshot_free(&out);
}

static void
take_snapshot(struct f *f)
{
	take_snapshot_with(f, NULL);
}

/* Read all of it. 0, or the error, whose sentence is in why. */
static int
read_through(int fd, uint64_t *n_records, char *why)
{
	struct gs_snapshot_item item;
	struct gs_snapshot_in in;
	int rc = gs_snapshot_open(&in, fd);

	while (rc >= 0 && (rc = gs_snapshot_next(&in, &item)) == 1)
		;
	*n_records = in.n_records;
	(void)snprintf(why, GS_SNAPSHOT_WHY_BYTES, "%s", in.why);
	gs_snapshot_close(&in);
	return rc;
}

/* Put all of it into a store, later_ms after it was taken by the wall clock. */
static void
restore_into(struct f *f, struct store *s, int64_t later_ms, const struct gs_restore_tombs *tombs, uint64_t became[GS_RESTORE_KINDS])
{
	struct gs_snapshot_item item;
	struct gs_snapshot_in in;
	struct gs_restore r;
	int rc;

	memset(became, 0, GS_RESTORE_KINDS * sizeof(became[0]));
	assert_int_equal(gs_snapshot_open(&in, f->fd), 0);
	while ((rc = gs_snapshot_next(&in, &item)) == 1) {
		if (item.kind == GS_SNAPSHOT_TABLE) {
			gs_restore_begin(&r, s->t, &s->c, &item.table,
			    (uint64_t)(item.table.wall_ms + later_ms) - gs_table_now_ms(s->t));
			r.tombs = tombs;
		} else if (item.kind == GS_SNAPSHOT_NAMESPACES) {
			uint32_t id = gs_restore_namespace(&r, &item.space);

			if (id != 0)
				(void)snprintf(f->quota[f->n_made++], sizeof(f->quota[0]), "%u %s", id, item.space.quota);
		} else if (item.kind == GS_SNAPSHOT_RECORDS) {
			became[gs_restore_record(&r, &item, gs_table_now_ms(s->t))]++;
		}
	}
	assert_int_equal(rc, 0);
	gs_restore_end(&r);
	gs_snapshot_close(&in);
}

/* What was told last of a store is that this session came from a snapshot, or is nothing of the kind. */
static bool
is_told(struct store *s, const char *key, const char *owner)
{
	struct gs_told e;

	return gs_event_at(s->t, gs_event_last(s->t), &e) == 1 && e.kind == GS_EVENT_CREATED && e.reason == GS_REASON_RESTORE &&
	    e.to == ACTIVE && strcmp((char *)e.key, key) == 0 && strcmp((char *)e.owner, owner) == 0;
}

static void
what_comes_back_is_told(void **state)
{
	struct gs_put_args args = plain_args();
	uint64_t became[GS_RESTORE_KINDS], last;
	struct gs_key k;
	struct f f;

	(void)state;
	begin(&f);
	args.set = GS_SET_OWNER_BIT;
	args.owner = "bob";
	args.owner_len = 3;
	k = key_of(f.from.t, "k");
	assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, NOW, "v", 1, &args, NULL), 1);
	take_snapshot(&f);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 1);
	assert_true(is_told(&f.to, "k", "bob"));
	last = gs_event_last(f.to.t);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	assert_int_equal(gs_event_last(f.to.t), last);
	finish(&f);
}

/* Where there is a place and no memory it goes further out, and nobody else does. */
static void
who_finds_no_slot_comes_back_further_out(void **state)
{
	uint64_t became[GS_RESTORE_KINDS];
	struct f f;

	(void)state;
	begin(&f);
	start_in(&f.from, "a", ACTIVE, NOW);
	start_in(&f.from, "b", WARM, NOW);
	take_snapshot(&f);
	f.to.t->arena[ACTIVE * GS_MAX_CLASSES].fd = -1;
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 2);
	assert_int_equal(ring_of(&f.to, "a"), WARM);
	/* nor in any ring */
	assert_int_equal(del_at(&f.to, "a", gs_table_now_ms(f.to.t)), 0);
	gs_slots_flush(f.to.t, &f.to.c);
	for (uint32_t ring = ACTIVE; ring <= COLD; ring++) {
		atomic_store(&f.to.t->ctl->ring[ring].on_full, GS_ON_FULL_ANONYMOUS);
		atomic_store(&f.to.t->ctl->ring[ring].capacity, ring == WARM ? 1 : 0);
	}
	start_in(&f.from, "c", ACTIVE, NOW);
	take_snapshot(&f);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	assert_int_equal(became[GS_RESTORE_NO_ROOM], 1);
	assert_true(peek_at(&f.to, "b", gs_table_now_ms(f.to.t), NULL) >= 0);
	assert_int_equal(counted(&f.to, GS_COUNT_DROPPED_ONESHOT) + counted(&f.to, GS_COUNT_EVICTED), 0);
	finish(&f);
}

/* What a logout does until its pass, by hand. */
static void
mark_by_hand(struct store *s, const char *owner, uint64_t at_ms)
{
	struct gs_mark *mark = &s->t->idx->mark[3];

	atomic_store(&mark->owner, gs_kin_hash(s->t, 0, owner, (uint32_t)strlen(owner)));
	atomic_store(&mark->at_ms, at_ms);
	atomic_store(&mark->M, gs_word(9, 2, GS_MARK_SET));
	atomic_fetch_or(&s->t->idx->marked, UINT64_C(1) << 3);
}

/* The pass may be through already: whoever brings a session back owes a look at the mark. */
static void
who_is_being_logged_out_does_not_come_back(void **state)
{
	static const char *const owners[] = { "alice", "bob", "alice", NULL };
	static const char *const keys[] = { "a", "b", "c", "d" };
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_told e;
	struct f f;

	(void)state;
	begin(&f);
	for (size_t i = 0; i < N_ROWS(keys); i++) {
		struct gs_put_args args = plain_args();
		struct gs_key k = key_of(f.from.t, keys[i]);

		args.set = owners[i] == NULL ? 0 : GS_SET_OWNER_BIT;
		args.wall_ns = 2;
		args.owner = owners[i];
		args.owner_len = owners[i] == NULL ? 0 : (uint32_t)strlen(owners[i]);
		assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, NOW, "v", 1, &args, NULL), 1);
	}
	take_snapshot(&f);
	/* c is there, an earlier write of it */
	gs_table_set_now(f.to.t, NOW);
	assert_int_equal(put_at(&f.to, "c", "w", NOW), 1);
	gs_table_set_now(f.to.t, NOW + MIN);
	mark_by_hand(&f.to, "alice", NOW + MIN);
	restore_into(&f, &f.to, MIN, NULL, became);
	assert_int_equal(became[GS_RESTORED], 2);
	assert_int_equal(became[GS_RESTORE_ENDED], 2);
	assert_true(peek_at(&f.to, "a", NOW + MIN, NULL) == GS_ENOENT && peek_at(&f.to, "c", NOW + MIN, NULL) == GS_ENOENT);
	assert_true(peek_at(&f.to, "b", NOW + MIN, NULL) >= 0 && peek_at(&f.to, "d", NOW + MIN, NULL) >= 0);
	for (uint32_t i = 0; i < atomic_load(&f.to.t->ctl->n_ctx_used); i++)
		assert_int_equal(atomic_load(&f.to.t->ctx[i].publishing), 0);
	/* it is told as it was: it came, and it was ended */
	for (uint64_t rev = 1; rev <= gs_event_last(f.to.t); rev++)
		if (gs_event_at(f.to.t, rev, &e) == 1 && e.key_len == 1 && e.key[0] == 'a')
			break;
	assert_int_equal(e.kind, GS_EVENT_CREATED);
	/* a logout before which it began is over: so it is with the next restore */
	atomic_store(&f.to.t->idx->marked, 0);
	atomic_store(&f.to.t->idx->mark[3].M, 0);
	restore_into(&f, &f.to, MIN, NULL, became);
	assert_int_equal(became[GS_RESTORED], 0);
	assert_int_equal(became[GS_RESTORE_ENDED], 2);
	finish(&f);
}

static void
everything_of_a_session_comes_back(void **state)
{
	struct gs_put_args args = plain_args();
	uint64_t became[GS_RESTORE_KINDS], ago = NOW - 2 * MIN;
	struct gs_meta was, is;
	struct gs_key k;
	struct f f;
	char buf[64];

	(void)state;
	begin(&f);
	args.set = GS_SET_OWNER_BIT | GS_SET_CLASS_BIT | GS_SET_TTL_BIT | GS_SET_PERM_BIT;
	args.owner = "bob";
	args.owner_len = 3;
	args.class_id = GS_CLASS_AUTHENTICATED;
	args.ttl_ms = HOUR;
	args.uid = 7;
	args.gid = 8;
	args.mode = 0640;
	args.wall_ns = 123456789;
	k = key_of(f.from.t, "key");
	assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, ago, "the value", 9, &args, NULL), 1);
	assert_int_equal(get_at(&f.from, "key", ago + MIN), 9);
	start_in(&f.from, "suspect", SUSPECT, ago);
	assert_int_equal(peek_at(&f.from, "key", NOW, &was), 9);
	take_snapshot(&f);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 2);
	k = key_of(f.to.t, "key");
	assert_int_equal(gs_kv_get(f.to.t, &f.to.c, &k, gs_table_now_ms(f.to.t), buf, sizeof(buf), GS_KV_INSPECT, &is), 9);
	assert_memory_equal(buf, "the value", 9);
	assert_string_equal(is.owner, "bob");
	assert_int_equal(is.class_id, GS_CLASS_AUTHENTICATED);
	assert_int_equal(is.uid, 7);
	assert_int_equal(is.gid, 8);
	assert_int_equal(is.mode, 0640);
	assert_int_equal(is.ttl_ms, HOUR);
	assert_int_equal(is.hits, was.hits);
	assert_int_equal(is.interest, was.interest);
	assert_int_equal(is.mtime_ns, was.mtime_ns);
	assert_int_equal(is.ctime_ns, was.ctime_ns);
	assert_int_equal(is.ring, ACTIVE);
	assert_int_equal(ring_of(&f.to, "suspect"), SUSPECT);
	finish(&f);
}

/* How long ago, as the table's clock says. */
static uint64_t
ago(const struct store *s, uint64_t ms)
{
	return gs_table_now_ms(s->t) - ms;
}

static void
ages_go_on_by_the_wall_clock(void **state)
{
	static const struct {
		const char *what;
		int64_t later_ms;
		uint64_t ago_ms;		/* last access, when it was taken */
		uint32_t ring;			/* where it comes to; GS_RING_NONE: nowhere */
	} rows[] = {
		{ "nothing has passed", 0, MIN, ACTIVE },
		{ "young still", 5 * MIN, MIN, ACTIVE },
		{ "as old as warm", 30 * MIN, MIN, WARM },
		{ "as old as cold", 2 * DAY, MIN, COLD },
		{ "over", 8 * DAY, MIN, GS_RING_NONE },
		{ "a clock that was set back", -400 * (int64_t)DAY, MIN, ACTIVE },
		{ "a clock that was set forward", 4000 * (int64_t)DAY, MIN, GS_RING_NONE },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		uint64_t became[GS_RESTORE_KINDS], late;
		struct gs_meta meta;
		struct f f;

		begin(&f);
		assert_int_equal(put_at(&f.from, "k", "v", NOW - rows[i].ago_ms), 1);
		take_snapshot(&f);
		restore_into(&f, &f.to, rows[i].later_ms, NULL, became);
		if (became[rows[i].ring == GS_RING_NONE ? GS_RESTORE_EXPIRED : GS_RESTORED] != 1)
			fail_msg("%s", rows[i].what);
		if (rows[i].ring != GS_RING_NONE) {
			assert_int_equal(ring_of(&f.to, "k"), rows[i].ring);
			assert_int_equal(peek_at(&f.to, "k", gs_table_now_ms(f.to.t), &meta), 1);
			late = ago(&f.to, rows[i].ago_ms) - (rows[i].later_ms > 0 ? (uint64_t)rows[i].later_ms : 0) - meta.accessed_ms;
			/* The clocks go on meanwhile. */
			assert_true(late < 60 * S);
			/* It does not live longer than it had. */
			assert_true(meta.deadline_ms <= gs_table_now_ms(f.to.t) + 30 * DAY - rows[i].ago_ms);
		}
		finish(&f);
	}
}

static void
own_ttl_ends_what_comes_back_too_late(void **state)
{
	struct gs_put_args args = plain_args();
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_key k;
	struct f f;

	(void)state;
	begin(&f);
	args.set = GS_SET_TTL_BIT;
	args.ttl_ms = 2 * MIN;
	k = key_of(f.from.t, "k");
	assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, NOW - MIN, "v", 1, &args, NULL), 1);
	take_snapshot(&f);
	restore_into(&f, &f.to, 2 * MIN, NULL, became);
	assert_int_equal(became[GS_RESTORE_EXPIRED], 1);
	restore_into(&f, &f.to, 30 * S, NULL, became);
	assert_int_equal(became[GS_RESTORED], 1);
	finish(&f);
}

static void
later_write_stays(void **state)
{
	struct gs_put_args args = plain_args();
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_meta before, after;
	struct gs_key k;
	struct f f;

	(void)state;
	begin(&f);
	/* In the memory that it was taken of: by version, whatever the clocks said. */
	args.wall_ns = 1000;
	k = key_of(f.from.t, "k");
	assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, NOW, "1", 1, &args, NULL), 1);
	take_snapshot(&f);
	restore_into(&f, &f.from, 0, NULL, became);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	args.wall_ns = 500;
	assert_int_equal(gs_kv_put(f.from.t, &f.from.c, &k, NOW + 1, "22", 2, &args, NULL), 0);
	assert_int_equal(peek_at(&f.from, "k", NOW + 1, &before), 2);
	restore_into(&f, &f.from, 0, NULL, became);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	assert_int_equal(peek_at(&f.from, "k", NOW + 1, &after), 2);
	assert_int_equal(after.version, before.version);
	/* In another: by the time of the write. */
	k = key_of(f.to.t, "k");
	args.wall_ns = 1000;
	assert_int_equal(gs_kv_put(f.to.t, &f.to.c, &k, gs_table_now_ms(f.to.t), "333", 3, &args, NULL), 1);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	args.wall_ns = 999;
	assert_int_equal(gs_kv_put(f.to.t, &f.to.c, &k, gs_table_now_ms(f.to.t), "333", 3, &args, NULL), 0);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 1);
	assert_int_equal(peek_at(&f.to, "k", gs_table_now_ms(f.to.t), &after), 1);
	finish(&f);
}

static void
what_has_ended_does_not_come_back(void **state)
{
	struct gs_restore_tombs tombs = { 0 };
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_snapshot_tomb tomb;
	struct gs_meta meta;
	struct f f;

	(void)state;
	begin(&f);
	assert_int_equal(put_at(&f.from, "ended", "v", NOW), 1);
	assert_int_equal(put_at(&f.from, "other", "v", NOW), 1);
	assert_int_equal(put_at(&f.from, "again", "v", NOW), 1);
	assert_int_equal(peek_at(&f.from, "ended", NOW, &meta), 1);
	for (uint64_t i = 0; i < 600; i++) {
		tomb = (struct gs_snapshot_tomb){ .hash = i * 77, .until_ms = UINT64_MAX };
		assert_int_equal(gs_restore_bury(&tombs, &tomb), 0);
	}
	tomb = (struct gs_snapshot_tomb){ .hash = meta.hash & HASH_MASK, .until_ms = meta.deadline_ms };
	assert_int_equal(gs_restore_bury(&tombs, &tomb), 0);
	/* One that ended before this one of the same key began. */
	assert_int_equal(peek_at(&f.from, "again", NOW, &meta), 1);
	tomb = (struct gs_snapshot_tomb){ .hash = meta.hash & HASH_MASK, .until_ms = meta.deadline_ms - 1 };
	assert_int_equal(gs_restore_bury(&tombs, &tomb), 0);
	gs_restore_sort(&tombs);
	take_snapshot(&f);
	restore_into(&f, &f.to, 0, &tombs, became);
	assert_int_equal(became[GS_RESTORE_ENDED], 1);
	assert_int_equal(became[GS_RESTORED], 2);
	assert_int_equal(peek_at(&f.to, "ended", gs_table_now_ms(f.to.t), &meta), GS_ENOENT);
	gs_restore_free(&tombs);
	finish(&f);
}

/* In the memory that it was taken of, and with what the file itself says. */
static void
what_ended_since_or_before_it_was_through_is_gone_for_good(void **state)
{
	struct gs_restore_tombs tombs = { 0 };
	uint64_t became[GS_RESTORE_KINDS], n_tombs = 0;
	struct gs_snapshot_item item;
	struct gs_snapshot_in in;
	struct f f;
	int rc;

	(void)state;
	begin(&f);
	assert_int_equal(put_at(&f.from, "since", "v", NOW), 1);
	assert_int_equal(put_at(&f.from, "before", "v", NOW), 1);
	assert_int_equal(put_at(&f.from, "anew", "v", NOW), 1);
	assert_int_equal(del_at(&f.from, "before", NOW), 0);
	assert_int_equal(del_at(&f.from, "anew", NOW), 0);
	assert_int_equal(put_at(&f.from, "anew", "v", NOW + 1), 1);
	take_snapshot(&f);
	assert_int_equal(gs_snapshot_open(&in, f.fd), 0);
	while ((rc = gs_snapshot_next(&in, &item)) == 1)
		if (item.kind == GS_SNAPSHOT_TOMBS) {
			n_tombs++;
			assert_int_equal(gs_restore_bury(&tombs, &item.tomb), 0);
		}
	assert_int_equal(rc, 0);
	gs_snapshot_close(&in);
	gs_restore_sort(&tombs);
	assert_int_equal(n_tombs, 2);
	assert_int_equal(del_at(&f.from, "since", NOW), 0);
	restore_into(&f, &f.from, 0, &tombs, became);
	assert_int_equal(became[GS_RESTORE_ENDED], 1);
	assert_int_equal(became[GS_RESTORE_OLDER], 1);
	/* Another store has never heard of the one that ended since; of the others the file tells. */
	restore_into(&f, &f.to, 0, &tombs, became);
	assert_int_equal(became[GS_RESTORED], 2);
	gs_restore_free(&tombs);
	finish(&f);
}

static void
full_rings_give_way_outwards_and_then_it_is_counted(void **state)
{
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_table_spec small = usual_spec();
	struct store to;
	struct f f;
	char key[16];

	(void)state;
	begin(&f);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put_at(&f.from, key, "v", NOW), 1);
	}
	small.rings[ACTIVE].capacity = 10;
	small.rings[WARM].capacity = 20;
	small.rings[COLD].capacity = 25;
	open_store(&to, &small);
	take_snapshot(&f);
	restore_into(&f, &to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 55);
	assert_int_equal(became[GS_RESTORE_NO_ROOM], 5);
	assert_int_equal(population(to.t, ACTIVE), 10);
	assert_int_equal(population(to.t, WARM), 20);
	assert_int_equal(population(to.t, COLD), 25);
	assert_clean(to.t, NOW);
	close_store(&to);
	finish(&f);
}

static void
another_shape_takes_what_fits_and_counts_the_rest(void **state)
{
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_table_spec other = usual_spec();
	struct store to;
	struct f f;

	(void)state;
	begin(&f);
	assert_int_equal(put_at(&f.from, "short", "v", NOW), 1);
	assert_int_equal(put_at(&f.from, "long", "a value of more than sixteen bytes", NOW), 1);
	assert_int_equal(put_at(&f.from, "a key of more than sixteen bytes", "v", NOW), 1);
	start_in(&f.from, "in a ring", WARM, NOW);
	other.record_size = 16;
	other.key_max = 16;
	(void)snprintf(other.rings[WARM].name, sizeof(other.rings[WARM].name), "luke");
	open_store(&to, &other);
	take_snapshot(&f);
	restore_into(&f, &to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 2);
	assert_int_equal(became[GS_RESTORE_TOO_LONG], 2);
	/* A ring that is not there: as young as it is, it begins in the innermost. */
	assert_int_equal(ring_of(&to, "in a ring"), ACTIVE);
	assert_clean(to.t, NOW);
	close_store(&to);
	finish(&f);
}

static void
put_of(struct f *f, const char *key, const char *class_name)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(f->from.t, key);

	args.set = GS_SET_CLASS_BIT;
	args.class_id = (uint32_t)gs_classes_find(f->from.t, class_name);
	assert_int_equal(gs_kv_put(f->from.t, &f->from.c, &k, NOW, "v", 1, &args, NULL), 1);
}

static void
classes_come_back_by_name_and_are_held_to_their_limits(void **state)
{
	const struct gs_class_spec there[] = {
		{ "guest", { GS_DURATION_MAX, GS_DURATION_MAX } }, { "admin", { GS_DURATION_MAX, GS_DURATION_MAX } },
		{ "late", { GS_DURATION_MAX, GS_DURATION_MAX } }, { "gone", { GS_DURATION_MAX, GS_DURATION_MAX } },
	};
	const struct gs_class_spec here[] = {
		{ "late", { GS_DURATION_MAX, MIN } }, { "other", { GS_DURATION_MAX, MIN } }, { "admin", { GS_DURATION_MAX, HOUR } },
		{ "guest", { HOUR, GS_DURATION_MAX } },
	};
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_meta meta;
	struct f f;

	(void)state;
	begin(&f);
	assert_int_equal(gs_classes_apply(f.from.t, there, N_ROWS(there)), 0);
	assert_int_equal(gs_classes_apply(f.to.t, here, N_ROWS(here)), 0);
	for (size_t i = 0; i < N_ROWS(there); i++)
		put_of(&f, there[i].name, there[i].name);
	put_of(&f, "anonymous", "anonymous");
	put_of(&f, "none", "");
	take_snapshot(&f);
	restore_into(&f, &f.to, 2 * (int64_t)MIN, NULL, became);
	assert_int_equal(became[GS_RESTORED], 4);
	assert_int_equal(became[GS_RESTORE_UNKNOWN], 1);
	assert_int_equal(became[GS_RESTORE_EXPIRED], 1);
	assert_int_equal(peek_at(&f.to, "admin", gs_table_now_ms(f.to.t), &meta), 1);
	assert_int_equal(meta.class_id, gs_classes_find(f.to.t, "admin"));
	assert_int_not_equal(meta.class_id, gs_classes_find(f.from.t, "admin"));
	assert_int_equal(peek_at(&f.to, "guest", gs_table_now_ms(f.to.t), &meta), 1);
	assert_int_equal(meta.class_id, gs_classes_find(f.to.t, "guest"));
	finish(&f);
}

static void
nonsense_in_a_record_is_counted_or_bounded(void **state)
{
	struct gs_snapshot_item item = { .kind = GS_SNAPSHOT_RECORDS };
	const struct gs_snapshot_record sane = { .val_len = 1, .key_len = 1, .created = NOW, .deadline = NOW + HOUR, .accessed_ms = NOW, .touched_ms = NOW };
	struct gs_restore r;
	struct gs_meta meta;
	struct f f;
	uint64_t now_ms;

	(void)state;
	begin(&f);
	item.table.n_rings = 1;
	item.table.now_ms = NOW;
	(void)snprintf(item.table.ring[0], sizeof(item.table.ring[0]), "active");
	item.key = item.owner = item.link = item.value = (const unsigned char *)"k";
	now_ms = gs_table_now_ms(f.to.t);
	gs_restore_begin(&r, f.to.t, &f.to.c, &item.table, 0);
	item.record = sane;
	item.record.class_id = GS_CLASSES;
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORE_UNKNOWN);
	item.record.class_id = GS_CLASS_ANONYMOUS;
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORE_UNKNOWN);
	(void)snprintf(item.table.class_name[GS_CLASS_ANONYMOUS], sizeof(item.table.class_name[0]), "king");
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORE_UNKNOWN);
	item.record = sane;
	item.record.flags = 128;
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORE_UNKNOWN);
	item.record = sane;
	item.record.ns = 1;
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORE_UNKNOWN);
	memset(&item.record, 0xff, sizeof(item.record));
	item.record.key_len = item.record.val_len = 1;
	item.record.owner_len = item.record.link_len = item.record.flags = item.record.class_id = 0;
	item.record.ns = 0;
	item.record.ring = 0;
	assert_int_equal(gs_restore_record(&r, &item, now_ms), GS_RESTORED);
	assert_int_equal(peek_at(&f.to, "k", now_ms, &meta), 1);
	assert_true(meta.created_ms <= now_ms && meta.accessed_ms <= now_ms && meta.touched_ms <= now_ms);
	assert_true(meta.deadline_ms <= now_ms + 30 * DAY);
	finish(&f);
}

/* ---- files ---- */

static void
what_is_cut_or_changed_anywhere_is_refused_with_a_sentence(void **state)
{
	unsigned char *bytes = malloc(FILE_BYTES);
	char why[GS_SNAPSHOT_WHY_BYTES];
	uint64_t n;
	ssize_t size;
	struct f f;
	int fd;

	(void)state;
	assert_non_null(bytes);
	begin(&f);
	for (int i = 0; i < 3; i++)
		start_in(&f.from, (const char *[]){ "a", "bb", "ccc" }[i], ACTIVE, NOW);
	take_snapshot(&f);
	size = pread(f.fd, bytes, FILE_BYTES, 0);
	assert_true(size > 0 && size < 16384);
	assert_int_equal(read_through(f.fd, &n, why), 0);
	assert_int_equal(n, 3);
	fd = memfd_create("changed", MFD_CLOEXEC);
	for (ssize_t at = 0; at < size; at++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, (size_t)at, 0), at);
		if (read_through(fd, &n, why) >= 0 || why[0] == '\0')
			fail_msg("cut at byte %zd of %zd", at, size);
	}
	for (ssize_t at = 0; at < size; at++)
		for (int bit = 0; bit < 8; bit++) {
			bytes[at] ^= (unsigned char)(1 << bit);
			assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
			if (read_through(fd, &n, why) >= 0 || why[0] == '\0')
				fail_msg("bit %d of byte %zd of %zd", bit, at, size);
			bytes[at] ^= (unsigned char)(1 << bit);
		}
	assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
	assert_int_equal(read_through(fd, &n, why), 0);
	assert_int_equal(pwrite(fd, "x", 1, size), 1);
	assert_int_equal(read_through(fd, &n, why), GS_ECORRUPT);
	assert_int_equal(close(fd), 0);
	free(bytes);
	finish(&f);
}

/* Offsets of the blocks of a file. */
static int
find_blocks(const unsigned char *bytes, ssize_t size, ssize_t at[16])
{
	int n = 0;

	for (ssize_t off = 0; off < size && n < 16; n++) {
		struct gs_snapshot_head head;

		at[n] = off;
		memcpy(&head, bytes + off, sizeof(head));
		off += (ssize_t)(sizeof(head) + head.bytes);
	}
	at[n] = size;
	return n;
}

static void
blocks_left_out_put_twice_or_of_another_snapshot_are_refused(void **state)
{
	static unsigned char one[16384], other[16384], made[3 * 16384];
	char why[GS_SNAPSHOT_WHY_BYTES];
	ssize_t size, at[17], at_other[17];
	uint64_t n;
	struct f f;
	int fd, n_blocks;

	(void)state;
	begin(&f);
	start_in(&f.from, "a", ACTIVE, NOW);
	take_snapshot(&f);
	size = pread(f.fd, one, sizeof(one), 0);
	n_blocks = find_blocks(one, size, at);
	assert_int_equal(n_blocks, 4);
	take_snapshot(&f);
	assert_int_equal(find_blocks(other, pread(f.fd, other, sizeof(other), 0), at_other), n_blocks);
	fd = memfd_create("made", MFD_CLOEXEC);
	for (int i = 0; i < n_blocks; i++)
		for (int how = 0; how < 3; how++) {
			size_t len = (size_t)at[i], block = (size_t)(at[i + 1] - at[i]);

			memcpy(made, one, len);
			if (how > 0) {
				memcpy(made + len, how == 1 ? one + at[i] : other + at_other[i], block);
				len += block;
			}
			if (how == 1) {
				memcpy(made + len, one + at[i], block);
				len += block;
			}
			memcpy(made + len, one + at[i + 1], (size_t)(size - at[i + 1]));
			len += (size_t)(size - at[i + 1]);
			assert_int_equal(ftruncate(fd, 0), 0);
			assert_int_equal(pwrite(fd, made, len, 0), (ssize_t)len);
			if (read_through(fd, &n, why) >= 0)
				fail_msg("block %d of %d, %s", i, n_blocks, (const char *[]){ "left out", "twice", "of another" }[how]);
		}
	assert_int_equal(close(fd), 0);
	finish(&f);
}

/* A block of namespaces as version 4 had them. Returns its bytes. */
static uint32_t
cut_quotas(unsigned char *block, uint32_t n)
{
	const size_t bytes = offsetof(struct gs_snapshot_namespace, quota);

	for (uint32_t i = 0; i < n; i++)
		memmove(block + i * bytes, block + i * sizeof(struct gs_snapshot_namespace), bytes);
	return (uint32_t)(n * bytes);
}

/* Make the file one of another version, with what that one says of namespaces: by whoever wrote it then. */
static void
make_older(int fd, uint32_t version)
{
	static unsigned char in[32768], out[32768];
	ssize_t size = pread(fd, in, sizeof(in), 0), at[17], len = 0;
	int n = find_blocks(in, size, at);
	uint32_t seq = 0;

	for (int i = 0; i < n; i++) {
		struct gs_snapshot_head head;

		memcpy(&head, in + at[i], sizeof(head));
		if (head.kind == GS_SNAPSHOT_NAMESPACES && version < 4)
			continue;
		if (head.kind == GS_SNAPSHOT_NAMESPACES && version == 4)
			head.bytes = cut_quotas(in + at[i] + sizeof(head), head.n_items);
		if (i == 0)
			memcpy(in + sizeof(head), &version, sizeof(version));
		head.seq = seq++;
		head.crc = gs_crc32c(0, in + at[i] + sizeof(head), head.bytes);
		head.head_crc = gs_crc32c(0, &head, offsetof(struct gs_snapshot_head, head_crc));
		memcpy(out + len, &head, sizeof(head));
		memcpy(out + len + (ssize_t)sizeof(head), in + at[i] + sizeof(head), head.bytes);
		len += (ssize_t)sizeof(head) + head.bytes;
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, out, (size_t)len, 0), len);
}

/* One that is there already, with limits of its own, and one that is not; each with two sessions, of which one is one too many. */
static void
begin_namespaces(struct f *f, uint32_t id[2])
{
	static char quota[GS_NAMESPACES][GS_SNAPSHOT_QUOTA_BYTES];
	struct gs_namespace_spec spec = { .name = "made", .idle_ms = 77 * DAY, .max_sessions = 2, .uid = 33, .gid = 34, .mode = 0750 };
	struct gs_put_args args = plain_args();
	struct gs_key k;

	begin(f);
	for (int i = 0; i < 2; i++) {
		id[i] = (uint32_t)gs_namespaces_make(f->from.t, &f->from.c, &spec);
		for (int key = 0; key < 2; key++) {
			assert_int_equal(gs_key_init_in(f->from.t, &k, id[i], key == 0 ? "a" : "b", 1), 0);
			assert_int_equal(gs_kv_put(f->from.t, &f->from.c, &k, NOW, "v", 1, &args, NULL), 1);
		}
		spec.max_sessions = 1;
		assert_int_equal(gs_namespaces_make(f->from.t, &f->from.c, &spec), (int)id[i]);
		spec = (struct gs_namespace_spec){ .name = "there", .idle_ms = 88 * DAY, .max_sessions = 2, .mode = 0700 };
	}
	spec.idle_ms = 99 * DAY;
	assert_true(gs_namespaces_make(f->to.t, &f->to.c, &spec) > 0);
	(void)snprintf(quota[id[0]], sizeof(quota[0]), "600/m 50");
	(void)snprintf(quota[id[1]], sizeof(quota[0]), "none");
	take_snapshot_with(f, quota);
}

/* One namespace was made, and this is what is said of its quota. */
static void
check_quota(struct f *f, const char *quota)
{
	char want[GS_SNAPSHOT_QUOTA_BYTES + 16];

	(void)snprintf(want, sizeof(want), "%d %s", gs_namespaces_find(f->to.t, "made"), quota);
	assert_int_equal(f->n_made, 1);
	assert_string_equal(f->quota[0], want);
}

static void
namespaces_come_back_with_what_they_were_like(void **state)
{
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_namespace_spec spec;
	uint32_t id[2];
	struct f f;

	(void)state;
	begin_namespaces(&f, id);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 4);
	assert_true(gs_namespaces_load(f.to.t, (uint32_t)gs_namespaces_find(f.to.t, "made"), &spec));
	assert_true(spec.uid == 33 && spec.gid == 34 && spec.mode == 0750 && spec.idle_ms == 77 * DAY && spec.max_sessions == 1);
	assert_true(gs_namespaces_load(f.to.t, (uint32_t)gs_namespaces_find(f.to.t, "there"), &spec));
	assert_true(spec.uid == 0 && spec.mode == 0700 && spec.idle_ms == 99 * DAY && spec.max_sessions == 2);
	check_quota(&f, "600/m 50");
	finish(&f);
}

static void
file_of_version_four_has_all_but_their_quotas(void **state)
{
	uint64_t became[GS_RESTORE_KINDS];
	struct gs_namespace_spec spec;
	uint32_t id[2];
	struct f f;

	(void)state;
	begin_namespaces(&f, id);
	make_older(f.fd, 4);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 4);
	assert_true(gs_namespaces_load(f.to.t, (uint32_t)gs_namespaces_find(f.to.t, "made"), &spec));
	assert_true(spec.uid == 33 && spec.gid == 34 && spec.mode == 0750 && spec.idle_ms == 77 * DAY && spec.max_sessions == 1);
	check_quota(&f, "");
	finish(&f);
}

static void
quota_without_an_end_is_refused(void **state)
{
	static unsigned char file[32768];
	char why[GS_SNAPSHOT_WHY_BYTES];
	ssize_t size, at[17];
	uint32_t id[2];
	uint64_t n;
	struct f f;

	(void)state;
	begin_namespaces(&f, id);
	size = pread(f.fd, file, sizeof(file), 0);
	for (int i = find_blocks(file, size, at) - 1; i >= 0; i--) {
		struct gs_snapshot_head head;

		memcpy(&head, file + at[i], sizeof(head));
		if (head.kind == GS_SNAPSHOT_NAMESPACES)
			memset(file + at[i] + sizeof(head) + offsetof(struct gs_snapshot_namespace, quota), 'x', GS_SNAPSHOT_QUOTA_BYTES);
	}
	assert_int_equal(pwrite(f.fd, file, (size_t)size, 0), size);
	make_older(f.fd, GS_SNAPSHOT_VERSION);	/* its checksums anew */
	assert_int_equal(read_through(f.fd, &n, why), GS_ECORRUPT);
	assert_non_null(strstr(why, "a namespace whose quota does not end"));
	finish(&f);
}

static void
file_of_version_three_has_only_their_names(void **state)
{
	uint64_t became[GS_RESTORE_KINDS], n;
	char why[GS_SNAPSHOT_WHY_BYTES];
	struct gs_namespace_spec spec;
	uint32_t id[2];
	struct f f;

	(void)state;
	begin_namespaces(&f, id);
	make_older(f.fd, 3);
	restore_into(&f, &f.to, 0, NULL, became);
	assert_int_equal(became[GS_RESTORED], 4);
	assert_true(gs_namespaces_load(f.to.t, (uint32_t)gs_namespaces_find(f.to.t, "made"), &spec));
	assert_true(spec.uid == 0 && spec.gid == 0 && spec.mode == 0700 && spec.idle_ms == GS_DURATION_MAX &&
	    spec.max_sessions == GS_NAMESPACE_UNLIMITED);
	make_older(f.fd, 2);
	assert_int_equal(read_through(f.fd, &n, why), GS_EVERSION);
	assert_non_null(strstr(why, "of version 2, and this program reads versions 3 to 5"));
	make_older(f.fd, 6);
	assert_int_equal(read_through(f.fd, &n, why), GS_EVERSION);
	finish(&f);
}

static void
random_sessions_come_back_as_they_were(void **state)
{
	enum { KEYS = 80, STEPS = 2000 };
	uint64_t seed = (uint64_t)getpid() * 7919, became[GS_RESTORE_KINDS], n_there = 0;
	char model[KEYS][32] = { "" }, key[16], buf[64];
	struct gs_key k;
	struct f f;

	(void)state;
	print_message("# seed %" PRIu64 "\n", seed);
	begin(&f);
	for (int i = 0; i < STEPS; i++) {
		uint64_t at = next_random(&seed) % KEYS;

		(void)snprintf(key, sizeof(key), "k%d", (int)at);
		if (next_random(&seed) % 3 == 0) {
			(void)del_at(&f.from, key, NOW);
			model[at][0] = '\0';
		} else {
			(void)snprintf(model[at], sizeof(model[at]), "value %d", i);
			assert_true(put_at(&f.from, key, model[at], NOW) >= 0);
		}
	}
	take_snapshot(&f);
	restore_into(&f, &f.to, 0, NULL, became);
	for (int i = 0; i < KEYS; i++) {
		ssize_t n;

		(void)snprintf(key, sizeof(key), "k%d", i);
		k = key_of(f.to.t, key);
		n = gs_kv_get(f.to.t, &f.to.c, &k, gs_table_now_ms(f.to.t), buf, sizeof(buf), GS_KV_INSPECT, NULL);
		assert_int_equal(n, model[i][0] == '\0' ? GS_ENOENT : (ssize_t)strlen(model[i]));
		if (n > 0)
			assert_memory_equal(buf, model[i], (size_t)n);
		n_there += n > 0;
	}
	assert_int_equal(became[GS_RESTORED], n_there);
	finish(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_comes_back_is_told),
		T(who_finds_no_slot_comes_back_further_out),
		T(who_is_being_logged_out_does_not_come_back),
		T(everything_of_a_session_comes_back),
		T(ages_go_on_by_the_wall_clock),
		T(own_ttl_ends_what_comes_back_too_late),
		T(later_write_stays),
		T(what_has_ended_does_not_come_back),
		T(what_ended_since_or_before_it_was_through_is_gone_for_good),
		T(full_rings_give_way_outwards_and_then_it_is_counted),
		T(another_shape_takes_what_fits_and_counts_the_rest),
		T(classes_come_back_by_name_and_are_held_to_their_limits),
		T(nonsense_in_a_record_is_counted_or_bounded),
		T(what_is_cut_or_changed_anywhere_is_refused_with_a_sentence),
		T(blocks_left_out_put_twice_or_of_another_snapshot_are_refused),
		T(namespaces_come_back_with_what_they_were_like),
		T(file_of_version_four_has_all_but_their_quotas),
		T(file_of_version_three_has_only_their_names),
		T(quota_without_an_end_is_refused),
		T(random_sessions_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

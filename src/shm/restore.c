/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/siphash.h"
#include "policy/decay.h"
#include "shm/bond.h"
#include "shm/classes.h"
#include "shm/logout.h"
#include "shm/namespaces.h"

#define KNOWN_FLAGS (GS_FLAG_PARKED | GS_FLAG_ROTATED | GS_FLAG_CARRIED)
#define ARRIVAL_UNITS UINT64_C(64)	/* of Q in a ms */

/* ---- what the snapshot says has ended ---- */

int
gs_restore_bury(struct gs_restore_tombs *tombs, const struct gs_snapshot_tomb *tomb)
{
	if (tombs->n == tombs->cap) {
		size_t cap = tombs->cap == 0 ? 256 : 2 * tombs->cap;
		struct gs_snapshot_tomb *more = realloc(tombs->tomb, cap * sizeof(*more));

		if (more == NULL)
			return GS_ENOMEM;
		tombs->tomb = more;
		tombs->cap = cap;
	}
	tombs->tomb[tombs->n++] = *tomb;
	return 0;
}

/* By hash, and of one hash the longest remembered last. */
static int
compare_tombs(const void *left, const void *right)
{
	const struct gs_snapshot_tomb *l = left, *r = right;

	if (l->hash != r->hash)
		return l->hash < r->hash ? -1 : 1;
	return (l->until_ms > r->until_ms) - (l->until_ms < r->until_ms);
}

void
gs_restore_sort(struct gs_restore_tombs *tombs)
{
	/* An array of none has no address, and qsort wants one. */
	if (tombs->n > 0)
		qsort(tombs->tomb, tombs->n, sizeof(tombs->tomb[0]), compare_tombs);
}

void
gs_restore_free(struct gs_restore_tombs *tombs)
{
	free(tombs->tomb);
	*tombs = (struct gs_restore_tombs){ 0 };
}

/*
 * A tombstone stands until the deadline of the session that it is of. One of a later deadline is another session, which
 * began after that one had ended; where sessions have no deadline nothing tells them apart, and it counts as ended.
 */
static bool
is_buried(const struct gs_restore *r, const struct gs_snapshot_item *item)
{
	uint64_t hash = gs_siphash_tweaked(1, 3, r->from->sip_k0, r->from->sip_k1, item->record.ns, item->key, item->record.key_len) &
	    ((UINT64_C(1) << GS_TOMB_HASH_BITS) - 1);
	size_t lo = 0, hi = r->tombs == NULL ? 0 : r->tombs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->tombs->tomb[mid].hash <= hash)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && r->tombs->tomb[lo - 1].hash == hash && r->tombs->tomb[lo - 1].until_ms >= item->record.deadline;
}

/* ---- times ---- */

/* A time of the snapshot in store ms of this table: not before its origin, not after `most`. */
static uint64_t
moved(const struct gs_restore *r, uint64_t ms, uint64_t most)
{
	uint64_t to = ms + r->shift_ms;

	if (ms >= GS_TIME_NEVER)
		return most;
	/* The shift is a difference of two times, so what wraps goes below zero. */
	if ((int64_t)to < 0)
		return 0;
	return gs_min_u64(to, most);
}

static void
set_times(const struct gs_restore *r, const struct gs_snapshot_record *from, struct gs_slot *head, uint64_t now_ms)
{
	uint64_t touched_ms = moved(r, from->touched_ms, now_ms), last_ms = moved(r, from->accessed_ms, now_ms);
	uint64_t most_ms = gs_min_u64(gs_add_sat(now_ms, r->t->max_lifetime_ms), GS_TIME_NEVER);

	head->created = moved(r, from->created, now_ms);
	head->deadline = moved(r, from->deadline, most_ms);
	head->ttl_ms = gs_min_u64(from->ttl_ms, GS_TIME_NEVER);
	head->mtime_ms = moved(r, from->mtime_ms, now_ms);
	head->mtime_ns = from->mtime_ns;
	head->ctime_ns = from->ctime_ns;
	gs_kv_set(&head->A, last_ms);
	gs_kv_set(&head->I, gs_min_u64(from->interest, GS_INTEREST_MAX));
	gs_kv_set(&head->T, touched_ms);
	gs_kv_set(&head->X, gs_record_expiry(touched_ms, head->ttl_ms, head->deadline));
	gs_kv_set(&head->H, gs_min_u64(from->hits, GS_TIME_NEVER));
	gs_kv_set(&head->Q, gs_min_u64(moved(r, from->arrival / ARRIVAL_UNITS, now_ms) * ARRIVAL_UNITS, GS_TIME_NEVER));
	gs_kv_set(&head->O, gs_offence_since_ms(from->offence) == 0 ? gs_offence(gs_offence_count(from->offence), 0) :
	    gs_offence(gs_offence_count(from->offence), moved(r, gs_offence_since_ms(from->offence), now_ms)));
	gs_kv_set(&head->L, from->attempt_ms == 0 ? 0 : moved(r, from->attempt_ms, now_ms));
	gs_kv_set(&head->S, from->soon_ms == 0 ? 0 : moved(r, from->soon_ms, now_ms));
}

/* ---- the record ---- */

/* The id that its class has here, or GS_EINVAL: there is none of its name. */
static int
class_of(const struct gs_restore *r, const struct gs_snapshot_record *from)
{
	if (from->class_id == GS_CLASS_NONE)
		return GS_CLASS_NONE;
	return from->class_id >= GS_CLASSES || r->from->class_name[from->class_id][0] == '\0' ? GS_EINVAL :
	    gs_classes_find_any(r->t, r->from->class_name[from->class_id]);
}

static void
draft_of(const struct gs_restore *r, const struct gs_snapshot_item *item, uint64_t now_ms, struct gs_draft *d)
{
	const struct gs_snapshot_record *from = &item->record;

	memset(d, 0, sizeof(*d));
	d->key = item->key;
	d->owner = item->owner;
	d->link = item->link;
	d->value = item->value;
	d->head.ns = (uint16_t)r->ns[from->ns];
	d->head.hash = gs_key_hash(r->t, d->head.ns, item->key, from->key_len);
	d->head.val_len = from->val_len;
	d->head.key_len = from->key_len;
	d->head.owner_len = from->owner_len;
	d->head.link_len = from->link_len;
	d->head.class_id = (uint8_t)class_of(r, from);
	d->head.flags = from->flags;
	d->head.mode = (uint16_t)(from->mode & 07777);
	d->head.uid = from->uid;
	d->head.gid = from->gid;
	d->head.resume_ttl_s = from->resume_ttl_s;
	d->head.lterm = from->lterm;
	d->head.writer = from->writer;
	d->head.hlc = from->hlc;
	set_times(r, from, &d->head, now_ms);
}

/* The ring that the decay law has for the age of a session of `ring`; GS_RING_NONE: from the last one it has expired. */
static uint32_t
ring_of_age(const struct gs_table *t, uint32_t ring, const struct gs_slot *head, uint64_t now_ms)
{
	uint32_t steps = 0, to;

	while (gs_table_ring_state(t, ring) != GS_RING_ON ||
	    gs_record_leaves_ms(t, ring, head->flags, gs_kv_word(&head->A), gs_kv_word(&head->I)) < now_ms) {
		to = atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed);
		if (to == GS_RING_NONE)
			return GS_RING_NONE;
		/* Rules that change at this moment may show a circle. */
		if (to >= t->n_rings || ++steps > GS_MAX_RINGS)
			return ring;
		ring = to;
	}
	return ring;
}

/* Which ring takes what a full one does not. */
static uint32_t
next_outwards(const struct gs_table *t, uint32_t ring)
{
	uint32_t to = t->ctl->ring[ring].kind == GS_RING_SUSPECT ? gs_table_innermost(t) :
	    atomic_load_explicit(&t->ctl->ring[ring].decay_to, memory_order_relaxed);

	return to < t->n_rings ? to : GS_RING_NONE;
}

static void
tell_back(struct gs_restore *r, const struct gs_draft *d, uint32_t ring, uint64_t now_ms)
{
	struct gs_turn turn = { .kind = GS_EVENT_CREATED, .reason = GS_REASON_RESTORE, .from = GS_RING_NONE, .to = ring, .now_ms = now_ms };

	gs_kv_tell_draft(r->t, r->c, d, &turn);
}

/*
 * Start it in a ring, where its key is not. It began when it did, so a logout of its owner that is under way ends it. As
 * gs_kv_start; GS_ENOSPC: not in this ring.
 */
static int
start_in(struct gs_restore *r, const struct gs_starting *s, const struct gs_draft *d)
{
	struct gs_hit hit;
	int rc;

	if (!gs_kv_reserve(r->t, s->ring))
		return GS_ENOSPC;
	rc = gs_kv_start(r->t, r->c, s, d, &hit);
	if (rc != 0)
		return rc;
	tell_back(r, d, s->ring, s->now_ms);
	gs_logout_look(r->t, r->c, d, true);
	return 0;
}

/* Put it in the place of what the key has: an earlier write, or a session that is over. 0, KV_AGAIN, GS_ENOSPC: not in this ring. */
static int
replace_in(struct gs_restore *r, const struct gs_over *over, const struct gs_draft *d)
{
	uint32_t was = gs_entry_ring(over->hit->entry);
	int rc;

	if (over->ring != was && !gs_kv_reserve(r->t, over->ring))
		return GS_ENOSPC;
	rc = gs_kv_publish(r->t, r->c, over, d);
	if (over->ring != was)
		gs_kv_unreserve(r->t, rc == 0 ? was : over->ring);
	if (rc == 0) {
		gs_bond_mark_link(r->t, d->link, d->head.link_len);
		tell_back(r, d, over->ring, over->now_ms);
	}
	return rc;
}

/* Does what is there stay? */
static bool
is_later(const struct gs_restore *r, const struct gs_slot *seen, const struct gs_snapshot_record *from)
{
	return r->is_same_memory ? seen->version >= from->version : seen->mtime_ns >= from->mtime_ns;
}

/* One attempt, in one ring. 0, KV_AGAIN, GS_EEXIST: what is there is later, GS_ESTALE: it was ended, GS_ENOSPC: not in this ring. */
static int
put_once(struct gs_restore *r, const struct gs_snapshot_item *item, struct gs_draft *d, uint32_t ring, uint64_t now_ms)
{
	const struct gs_key k = { .bytes = item->key, .len = item->record.key_len, .ns = d->head.ns, .hash = d->head.hash };
	struct gs_starting start;
	struct gs_slot seen;
	struct gs_hit hit;
	uint64_t unique;
	bool is_there = false;
	int rc = gs_index_find(r->t, r->c, &k, GS_FETCH_HEAD, &hit);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		rc = gs_record_header(r->t, &hit, &seen);
		if (rc <= 0)
			return rc < 0 ? rc : KV_AGAIN;
		is_there = !gs_record_is_over(r->t, gs_entry_ring(hit.entry), &seen, now_ms);
		if (is_there && is_later(r, &seen, &item->record))
			return GS_EEXIST;
	}
	if (!is_there && gs_kv_is_refused(r->t, k.hash, GS_TOMB_PLAIN, now_ms))
		return GS_ESTALE;
	unique = gs_kv_next_version(r->c, rc == 1 ? seen.version : 0, now_ms);
	d->head.birth = (uint32_t)(unique * UINT64_C(0x9e3779b97f4a7c15) >> 32);
	/* In the same memory its version goes on telling it from earlier and later writes of the same session. */
	d->head.version = r->is_same_memory ? item->record.version : unique;
	start = (struct gs_starting){ .key = &k, .least = GS_TOMB_PLAIN, .birth = d->head.birth, .ring = ring, .now_ms = now_ms };
	if (rc == 0)
		return start_in(r, &start, d);
	if (is_there)
		return replace_in(r, &(struct gs_over){ &hit, &seen, ring, now_ms }, d);
	gs_kv_begin_start(r->c, &k);
	rc = replace_in(r, &(struct gs_over){ &hit, &seen, ring, now_ms }, d);
	if (rc != 0) {
		gs_kv_give_up_start(r->c);
		return rc;
	}
	return gs_kv_end_start(r->t, r->c, &start);
}

static enum gs_restored
put(struct gs_restore *r, const struct gs_snapshot_item *item, struct gs_draft *d, uint32_t ring, uint64_t now_ms)
{
	int rc = KV_AGAIN;

	for (uint32_t steps = 0; ring != GS_RING_NONE && steps <= GS_MAX_RINGS; steps++) {
		for (int tries = 0; tries < KV_TRIES && rc == KV_AGAIN; tries++)
			rc = put_once(r, item, d, ring, now_ms);
		if (rc != GS_ENOSPC)
			break;
		rc = KV_AGAIN;
		ring = next_outwards(r->t, ring);
	}
	/* A logout that is under way had its look at what we published. */
	if (rc == 0)
		return gs_logout_ends(r->t, d) ? GS_RESTORE_ENDED : GS_RESTORED;
	if (rc == GS_EEXIST)
		return GS_RESTORE_OLDER;
	if (rc == GS_ESTALE)
		return GS_RESTORE_ENDED;
	return rc == GS_ECORRUPT ? GS_RESTORE_DAMAGED : GS_RESTORE_NO_ROOM;
}

/* ---- outside ---- */

static const struct gs_namespace_spec nothing_said = { .idle_ms = GS_DURATION_MAX, .max_sessions = GS_NAMESPACE_UNLIMITED, .mode = 0700 };

/* The ids that the snapshot's namespaces have here; what is not there is made, without limits and owner for now. */
static void
make_namespaces(struct gs_restore *r)
{
	for (uint32_t id = 1; id < GS_NAMESPACES; id++) {
		int here = !gs_name_is_valid(r->from->ns_name[id]) ? 0 : gs_namespaces_find(r->t, r->from->ns_name[id]);

		if (here < 0) {
			r->made[id] = nothing_said;
			memcpy(r->made[id].name, r->from->ns_name[id], sizeof(r->made[id].name));
			here = gs_namespaces_make(r->t, r->c, &r->made[id]);
		}
		r->ns[id] = here < 0 ? 0 : (uint32_t)here;
	}
}

uint32_t
gs_restore_namespace(struct gs_restore *r, const struct gs_snapshot_namespace *space)
{
	struct gs_namespace_spec *made = &r->made[space->id], now;

	if (made->name[0] == '\0' || r->ns[space->id] == 0)
		return 0;
	made->uid = space->uid;
	made->gid = space->gid;
	made->mode = space->mode & 0777;
	made->idle_ms = space->idle_ms == 0 ? GS_DURATION_MAX : space->idle_ms;
	made->max_sessions = space->max_sessions == 0 || space->max_sessions >= GS_SLOT_NUMBERS ? GS_NAMESPACE_UNLIMITED : space->max_sessions;
	now = *made;
	now.max_sessions = GS_NAMESPACE_UNLIMITED;
	(void)gs_namespaces_make(r->t, r->c, &now);
	return r->ns[space->id];
}

void
gs_restore_end(struct gs_restore *r)
{
	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		if (r->made[id].name[0] != '\0' && r->ns[id] != 0)
			(void)gs_namespaces_make(r->t, r->c, &r->made[id]);
}

void
gs_restore_begin(struct gs_restore *r, struct gs_table *t, struct gs_ctx *c, const struct gs_snapshot_table *from, uint64_t wall_add_ms)
{
	uint64_t now_ms = gs_table_now_ms(t), passed_ms = 0;
	int64_t wall_ms = (int64_t)(now_ms + wall_add_ms);

	*r = (struct gs_restore){ .t = t, .c = c, .from = from };
	make_namespaces(r);
	r->is_same_memory = memcmp(from->uuid, t->uuid, sizeof(t->uuid)) == 0 && from->now_ms <= now_ms;
	if (r->is_same_memory)
		return;
	/* A wall clock that was set back lets nothing expire early; whoever changed the file can say any time. */
	if (wall_ms > from->wall_ms)
		passed_ms = gs_min_u64((uint64_t)wall_ms - (uint64_t)from->wall_ms, GS_TIME_NEVER);
	r->shift_ms = now_ms - passed_ms - gs_min_u64(from->now_ms, GS_TIME_NEVER);
}

static bool
is_known(const struct gs_restore *r, const struct gs_snapshot_record *from)
{
	return class_of(r, from) >= 0 && (from->flags & ~KNOWN_FLAGS) == 0 && from->ns < GS_NAMESPACES && (from->ns == 0 || r->ns[from->ns] != 0);
}

enum gs_restored
gs_restore_record(struct gs_restore *r, const struct gs_snapshot_item *item, uint64_t now_ms)
{
	const struct gs_snapshot_record *from = &item->record;
	enum gs_restored rc;
	struct gs_draft d;
	uint32_t ring;

	if (from->key_len > r->t->key_max || from->val_len > r->t->record_size)
		return GS_RESTORE_TOO_LONG;
	if (!is_known(r, from))
		return GS_RESTORE_UNKNOWN;
	if (is_buried(r, item))
		return GS_RESTORE_ENDED;
	draft_of(r, item, now_ms, &d);
	if (gs_record_class(r->t, &d.head) >= GS_MAX_CLASSES)
		return GS_RESTORE_TOO_LONG;
	if (gs_record_bound_ms(r->t, &(struct gs_bounded){ d.head.class_id, d.head.ns, d.head.flags, gs_kv_word(&d.head.X),
	    gs_kv_word(&d.head.T), gs_kv_word(&d.head.A) }) < now_ms)
		return GS_RESTORE_EXPIRED;
	ring = gs_table_ring(r->t, r->from->ring[from->ring]);
	ring = ring_of_age(r->t, ring == GS_RING_NONE ? gs_table_innermost(r->t) : ring, &d.head, now_ms);
	if (ring == GS_RING_NONE)
		return GS_RESTORE_EXPIRED;
	/* Who comes back goes further out himself. */
	r->c->evict.cost = GS_EVICT_AT_NO_COST;
	rc = put(r, item, &d, ring, now_ms);
	r->c->evict.cost = GS_EVICT_AS_ALLOWED;
	return rc;
}

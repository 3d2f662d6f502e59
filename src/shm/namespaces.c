/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/namespaces.h"

#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/siphash.h"
#include "policy/decay.h"
#include "shm/kv_impl.h"

enum {
	DIR_MODE = 0700,
	AHEAD = 8,			/* slots that are fetched before they are looked at */
	CLEAR_TRIES = 100,
};

static const struct gs_namespace_spec nothing_said = { .idle_ms = GS_DURATION_MAX, .max_sessions = GS_NAMESPACE_UNLIMITED, .mode = DIR_MODE };

/* relaxed; each is a rule on its own, clients read it whenever they judge */
static void
set_limits(struct gs_namespace_cfg *ns, const struct gs_namespace_spec *spec)
{
	atomic_store_explicit(&ns->idle_ms, spec->idle_ms, memory_order_relaxed);
	atomic_store_explicit(&ns->max_sessions, spec->max_sessions, memory_order_relaxed);
	atomic_store_explicit(&ns->uid, spec->uid, memory_order_relaxed);
	atomic_store_explicit(&ns->gid, spec->gid, memory_order_relaxed);
	atomic_store_explicit(&ns->mode, spec->mode, memory_order_relaxed);
}

static uint32_t
state_of(const struct gs_namespace_cfg *ns)
{
	/* acquire; pairs with set_state: the name is there */
	return atomic_load_explicit(&ns->state, memory_order_acquire);
}

static void
set_state(struct gs_namespace_cfg *ns, uint32_t state)
{
	/* seq_cst; pairs with the look in gs_namespaces_door, and as a release with the acquire in state_of */
	atomic_store_explicit(&ns->state, state, memory_order_seq_cst);
}

static void
give_name(struct gs_namespace_cfg *ns, uint64_t sip_k0, uint64_t sip_k1, const char *name)
{
	char whole[GS_RING_NAME_BYTES] = "";
	size_t len = strnlen(name, sizeof(whole) - 1);

	memcpy(whole, name, len);
	gs_racy_store(ns->name, whole, sizeof(whole));
	atomic_store_explicit(&ns->hash, gs_siphash13(sip_k0, sip_k1, whole, len), memory_order_relaxed);
}

static bool
has_name(const struct gs_namespace_cfg *ns, const char *name)
{
	char whole[GS_RING_NAME_BYTES];

	gs_racy_load(whole, ns->name, sizeof(whole));
	return strncmp(whole, name, sizeof(whole)) == 0;
}

void
gs_namespaces_init(struct gs_ctl_hdr *ctl, const struct gs_past *past)
{
	for (uint32_t id = 0; id < GS_NAMESPACES; id++) {
		struct gs_namespace_cfg *ns = &ctl->ns[id];

		set_limits(ns, &nothing_said);
		if (id == 0 || past == NULL || past->ns_name[id][0] == '\0')
			continue;
		give_name(ns, ctl->sip_k0, ctl->sip_k1, past->ns_name[id]);
		set_state(ns, GS_NAMESPACE_RETIRED);
	}
}

/* ---- by name ---- */

/* The id that a name has or had, or GS_ENOENT. */
static int
find_any(const struct gs_table *t, const char *name)
{
	for (int id = 1; id < GS_NAMESPACES; id++)
		if (state_of(&t->ctl->ns[id]) != GS_NAMESPACE_UNUSED && has_name(&t->ctl->ns[id], name))
			return id;
	return GS_ENOENT;
}

static bool
is_there(const struct gs_table *t, uint32_t id)
{
	uint32_t state = id > 0 && id < GS_NAMESPACES ? state_of(&t->ctl->ns[id]) : GS_NAMESPACE_UNUSED;

	/* One that is being removed may still stay. */
	return state == GS_NAMESPACE_ON || state == GS_NAMESPACE_CLOSING;
}

int
gs_namespaces_find(const struct gs_table *t, const char *name)
{
	int id;

	if (name == NULL || name[0] == '\0')
		return 0;
	id = find_any(t, name);
	return id > 0 && is_there(t, (uint32_t)id) ? id : GS_ENOENT;
}

void
gs_namespaces_name(const struct gs_table *t, uint32_t id, char out[GS_RING_NAME_BYTES])
{
	memset(out, 0, GS_RING_NAME_BYTES);
	if (is_there(t, id))
		gs_racy_load(out, t->ctl->ns[id].name, GS_RING_NAME_BYTES);
}

bool
gs_namespaces_load(const struct gs_table *t, uint32_t id, struct gs_namespace_spec *out)
{
	const struct gs_namespace_cfg *ns = &t->ctl->ns[id < GS_NAMESPACES ? id : 0];

	if (!is_there(t, id))
		return false;
	gs_racy_load(out->name, ns->name, sizeof(out->name));
	out->idle_ms = atomic_load_explicit(&ns->idle_ms, memory_order_relaxed);
	out->max_sessions = atomic_load_explicit(&ns->max_sessions, memory_order_relaxed);
	out->uid = atomic_load_explicit(&ns->uid, memory_order_relaxed);
	out->gid = atomic_load_explicit(&ns->gid, memory_order_relaxed);
	out->mode = atomic_load_explicit(&ns->mode, memory_order_relaxed);
	return true;
}

bool
gs_namespaces_has_hash(const struct gs_table *t, uint64_t hash)
{
	/* seq_cst; pairs with that of set_filter, as a starter has it behind his insert */
	if (__builtin_expect((atomic_load_explicit(&t->ctl->ns_filter, memory_order_seq_cst) & gs_namespace_bit(hash)) == 0, 1))
		return false;
	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		/* Of two names with one hash the one that is no namespace is refused as well. */
		if (is_there(t, id) && atomic_load_explicit(&t->ctl->ns[id].hash, memory_order_relaxed) == hash)
			return true;
	return false;
}

bool
gs_namespaces_has(const struct gs_table *t, const struct gs_key *k)
{
	return k->ns == 0 && gs_namespaces_has_hash(t, k->hash);
}

bool
gs_namespaces_are_used(const struct gs_table *t)
{
	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		if (state_of(&t->ctl->ns[id]) != GS_NAMESPACE_UNUSED)
			return true;
	return false;
}

/* ---- counting ---- */

uint64_t
gs_namespaces_count(const struct gs_table *t, uint32_t id)
{
	int64_t n = id < GS_NAMESPACES ? atomic_load_explicit(&t->ns_lines[id].n, memory_order_relaxed) : 0;

	return n < 0 ? 0 : (uint64_t)n;
}

void
gs_namespaces_unreserve(struct gs_table *t, uint32_t id)
{
	if (__builtin_expect(id != 0, 0) && id < GS_NAMESPACES)
		(void)atomic_fetch_sub_explicit(&t->ns_lines[id].n, 1, memory_order_relaxed);
}

int
gs_namespaces_door(const struct gs_table *t, uint32_t id)
{
	/* seq_cst; pairs with set_state, see close_door */
	switch (atomic_load_explicit(&t->ctl->ns[id].state, memory_order_seq_cst)) {
	case GS_NAMESPACE_ON:
		return 0;
	case GS_NAMESPACE_CLOSING:
		return GS_EAGAIN;
	default:
		return GS_ENOENT;
	}
}

int
gs_namespaces_reserve(struct gs_table *t, uint32_t id, bool is_limited)
{
	const struct gs_namespace_cfg *ns;
	uint64_t most;
	int64_t n;
	int rc;

	if (__builtin_expect(id == 0, 1))
		return 0;
	if (id >= GS_NAMESPACES)
		return GS_ENOENT;
	ns = &t->ctl->ns[id];
	most = atomic_load_explicit(&ns->max_sessions, memory_order_relaxed);
	/* seq_cst; pairs with has_none: it sees us counted, or we see that it removes */
	n = atomic_fetch_add_explicit(&t->ns_lines[id].n, 1, memory_order_seq_cst);
	rc = gs_namespaces_door(t, id);
	if (rc == 0 && is_limited && n >= (int64_t)gs_min_u64(most, INT64_MAX))
		rc = GS_ENOSPC;
	if (rc < 0)
		gs_namespaces_unreserve(t, id);
	return rc;
}

/* ---- by the daemon ---- */

/* Whoever finds the files of rings on disks without the rest of the table learns the names there. The next sync takes them along. */
static void
note_names(struct gs_table *t)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++) {
		struct gs_arena *a = &t->arena[i];

		for (uint32_t id = 1; id < GS_NAMESPACES && a->map != NULL && a->is_file; id++)
			if (memcmp(a->names[id], t->ctl->ns[id].name, GS_RING_NAME_BYTES) != 0)
				memcpy(a->names[id], t->ctl->ns[id].name, GS_RING_NAME_BYTES);
	}
}

static void
set_filter(struct gs_table *t)
{
	uint64_t bits = 0;

	for (uint32_t id = 1; id < GS_NAMESPACES; id++)
		if (is_there(t, id))
			bits |= gs_namespace_bit(atomic_load_explicit(&t->ctl->ns[id].hash, memory_order_relaxed));
	/* seq_cst; pairs with the fence and the look in gs_kv_start */
	atomic_store_explicit(&t->ctl->ns_filter, bits, memory_order_seq_cst);
}

/* Where that changes when sessions end, all due hints are of the rule before, as they are when a ring's ttl changes. */
static void
change_limits(struct gs_table *t, struct gs_namespace_cfg *ns, const struct gs_namespace_spec *spec)
{
	/* First: a daemon that is killed between them has the next one do it. */
	for (uint32_t i = 0; i < t->n_rings && atomic_load_explicit(&ns->idle_ms, memory_order_relaxed) != spec->idle_ms; i++)
		atomic_store_explicit(&t->ctl->ring[i].rearm, 1, memory_order_relaxed);
	set_limits(ns, spec);
}

/* The id for a name: its own, or one that nobody had, named by now. GS_ERANGE. */
static int
take_id(struct gs_table *t, const char *name)
{
	int id = find_any(t, name);

	for (int i = 1; i < GS_NAMESPACES && id < 0; i++) {
		uint32_t unused = GS_NAMESPACE_UNUSED;

		if (!atomic_compare_exchange_strong_explicit(&t->ctl->ns[i].state, &unused, GS_NAMESPACE_RETIRED, memory_order_relaxed,
		    memory_order_relaxed))
			continue;
		give_name(&t->ctl->ns[i], t->sip_k0, t->sip_k1, name);
		id = i;
	}
	return id < 0 ? GS_ERANGE : id;
}

bool
gs_namespaces_has_room(struct gs_table *t, const char *name, uint32_t n_kept)
{
	uint32_t n = 0;

	if (find_any(t, name) >= 0)
		return true;
	/* relaxed; only the daemon's one thread takes them */
	for (int i = 1; i < GS_NAMESPACES; i++)
		n += atomic_load_explicit(&t->ctl->ns[i].state, memory_order_relaxed) == GS_NAMESPACE_UNUSED;
	return n > n_kept;
}

/* Is there a session of the default namespace whose key is this name? */
static bool
is_key(struct gs_table *t, struct gs_ctx *c, const char *name)
{
	struct gs_slot head;
	struct gs_hit hit;
	struct gs_key k;
	int rc = gs_key_init(t, &k, name, strlen(name));

	if (rc == 0)
		rc = gs_kv_look_up(t, c, &k, gs_table_now_ms(t), &hit, &head);
	return rc != GS_ENOENT && rc != GS_ENAMETOOLONG;
}

int
gs_namespaces_make(struct gs_table *t, struct gs_ctx *c, const struct gs_namespace_spec *spec)
{
	struct gs_namespace_cfg *ns;
	int id;

	/* Before it costs an id; after that it decides. */
	if (find_any(t, spec->name) < 0 && is_key(t, c, spec->name))
		return GS_EEXIST;
	id = take_id(t, spec->name);
	if (id < 0)
		return id;
	ns = &t->ctl->ns[id];
	change_limits(t, ns, spec);
	if (is_there(t, (uint32_t)id))
		return id;
	set_state(ns, GS_NAMESPACE_ON);
	set_filter(t);
	gs_fence_full();	/* pairs with that in gs_kv_start: it sees our bit, or we see its session */
	if (is_key(t, c, spec->name) && gs_namespaces_remove(t, c, spec->name) == 0)
		return GS_EEXIST;
	note_names(t);
	return id;
}

/* Is what the entry names of the namespace? By a look at the slot alone, which is that entry's as long as it names it. */
static bool
is_of(struct gs_table *t, uint64_t ordinal, uint32_t id)
{
	_Atomic uint64_t *at = gs_table_entry(t, ordinal);
	uint64_t e, seen;
	uint32_t ns;

	do {
		const struct gs_slot *s;

		/* acquire; pairs with the compare-and-swaps that publish */
		e = atomic_load_explicit(at, memory_order_acquire);
		s = e == 0 || (e & GS_ENTRY_TENT) != 0 ? NULL : gs_table_slot(t, e);
		ns = s == NULL ? GS_NAMESPACES : __atomic_load_n(&s->ns, __ATOMIC_RELAXED);
		/* The second look at the entry behind that at the slot, which may be another record's by now. */
		gs_fence_acquire();
		seen = atomic_load_explicit(at, memory_order_relaxed);
	} while (seen != e);
	return ns == id;
}

/* End what is no session at an ordinal, if it is of the namespace. 0: it is gone, KV_AGAIN: it has changed, GS_EBUSY: it is a session. */
static int
clear_once(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t id)
{
	uint64_t now_ms = gs_table_now_ms(t);
	struct gs_slot head;
	struct gs_hit hit;
	int rc = gs_kv_load_at(t, ordinal, &hit, &head, NULL);

	if (rc == GS_EAGAIN)
		return KV_AGAIN;
	if (rc != 1 || head.ns != id)
		return 0;
	if (!gs_kv_is_rotated(&head) && !gs_record_is_over(t, gs_entry_ring(hit.entry), &head, now_ms))
		return GS_EBUSY;
	(void)gs_kv_end_at(t, c, ordinal, head.birth, gs_kv_is_rotated(&head) ? GS_TOMB_FINAL : GS_TOMB_PLAIN, now_ms);
	/* Should another have come to be in its place, that one is to be seen. */
	return KV_AGAIN;
}

static int
clear_entry(struct gs_table *t, struct gs_ctx *c, uint64_t ordinal, uint32_t id)
{
	int rc = KV_AGAIN;

	for (int tries = 0; tries < CLEAR_TRIES && rc == KV_AGAIN; tries++)
		rc = clear_once(t, c, ordinal, id);
	return rc == KV_AGAIN ? GS_EBUSY : rc;
}

/* Clear the next entries. 1: there are more, 0, GS_EBUSY. */
static int
clear_some(struct gs_table *t, struct gs_ctx *c, struct gs_namespace_removal *r, uint64_t budget)
{
	uint64_t n = gs_table_entries(t), end = gs_min_u64(n, gs_add_sat(r->at, budget));

	for (; r->at < end; r->at++) {
		const struct gs_slot *ahead = r->at + AHEAD >= n ? NULL :
		    gs_table_slot(t, atomic_load_explicit(gs_table_entry(t, r->at + AHEAD), memory_order_relaxed));

		if (ahead != NULL)
			gs_prefetch(&ahead->ns);
		if (is_of(t, r->at, r->id) && clear_entry(t, c, r->at, r->id) < 0)
			return GS_EBUSY;
	}
	return r->at < n;
}

static void
close_door(struct gs_table *t, struct gs_namespace_removal *r)
{
	r->is_closing = true;
	r->at = 0;
	set_state(&t->ctl->ns[r->id], GS_NAMESPACE_CLOSING);
	/* Pairs with that in gs_kv_end_start: we see the session, or who started it sees that the door is closed, and ends it. */
	gs_fence_full();
}

/* Is the door closed, and nobody counted, by a count that is right? */
static bool
has_none(const struct gs_table *t, const struct gs_namespace_removal *r)
{
	/* seq_cst; pairs with gs_namespaces_reserve. The other is written by the daemon alone. */
	return r->is_closing && atomic_load_explicit(&t->ns_lines[r->id].n, memory_order_seq_cst) == 0 &&
	    atomic_load_explicit(&t->ctl->ns[r->id].recounted, memory_order_relaxed) == 0;
}

int
gs_namespaces_remove_begin(struct gs_table *t, struct gs_namespace_removal *r, const char *name)
{
	int id = gs_namespaces_find(t, name);

	if (id <= 0)
		return GS_ENOENT;
	*r = (struct gs_namespace_removal){ .id = (uint32_t)id };
	/* Where it is said to have sessions one is found, most likely, and nobody is kept from starting another. */
	if (gs_namespaces_count(t, r->id) == 0)
		close_door(t, r);
	return 0;
}

int
gs_namespaces_remove_step(struct gs_table *t, struct gs_ctx *c, struct gs_namespace_removal *r, uint64_t budget)
{
	struct gs_namespace_cfg *ns = &t->ctl->ns[r->id];
	int rc;

	if (!is_there(t, r->id))
		return GS_ENOENT;
	/* Somebody died in the middle of a start, where we may have been before: gs_namespaces_reopen. */
	if (r->is_closing && state_of(ns) != GS_NAMESPACE_CLOSING)
		close_door(t, r);
	rc = has_none(t, r) ? 0 : clear_some(t, c, r, budget);
	if (rc == 0 && !r->is_closing) {
		close_door(t, r);
		return 1;
	}
	if (rc == 1)
		return 1;
	set_state(ns, rc == 0 ? GS_NAMESPACE_RETIRED : GS_NAMESPACE_ON);
	if (rc == 0)
		change_limits(t, ns, &nothing_said);
	set_filter(t);
	return rc;
}

int
gs_namespaces_remove(struct gs_table *t, struct gs_ctx *c, const char *name)
{
	struct gs_namespace_removal r;
	int rc = gs_namespaces_remove_begin(t, &r, name);

	if (rc == 0)
		while ((rc = gs_namespaces_remove_step(t, c, &r, UINT64_MAX)) == 1)
			;
	return rc;
}

bool
gs_namespaces_reopen(struct gs_table *t, uint32_t id)
{
	struct gs_namespace_cfg *ns = &t->ctl->ns[id < GS_NAMESPACES ? id : 0];

	if (id != 0 && state_of(ns) == GS_NAMESPACE_CLOSING)
		set_state(ns, GS_NAMESPACE_ON);
	return id == 0 || is_there(t, id);
}

void
gs_namespaces_recover(struct gs_table *t)
{
	for (uint32_t id = 1; id < GS_NAMESPACES; id++) {
		struct gs_namespace_cfg *ns = &t->ctl->ns[id];

		if (state_of(ns) == GS_NAMESPACE_CLOSING)
			set_state(ns, GS_NAMESPACE_ON);
		/* Whoever was to name it was killed. */
		if (ns->name[0] == '\0')
			set_state(ns, GS_NAMESPACE_UNUSED);
	}
	set_filter(t);
	note_names(t);
}

void
gs_namespaces_meet(struct gs_table *t, uint32_t id)
{
	struct gs_namespace_cfg *ns = &t->ctl->ns[id < GS_NAMESPACES ? id : 0];
	char name[GS_RING_NAME_BYTES];

	if (id == 0 || id >= GS_NAMESPACES || is_there(t, id))
		return;
	(void)snprintf(name, sizeof(name), "unknown-%u", (unsigned)id);
	if (state_of(ns) == GS_NAMESPACE_UNUSED)
		give_name(ns, t->sip_k0, t->sip_k1, name);
	set_state(ns, GS_NAMESPACE_ON);
	set_filter(t);
}

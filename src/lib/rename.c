/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "lib/handle.h"
#include "lib/info.h"
#include "lib/session.h"
#include "lib/starter.h"

struct renaming {
	struct gs_key from, to;
	uint32_t ring;			/* where `to` goes; GS_RING_NONE: where `from` is */
	uint32_t flags;			/* enum gs_kv_flags */
	unsigned char *value;
	size_t cap;
};

/* An mtime well before the last change was set by hand (rsync -a, tar): the age that it gives is to be kept. */
#define BY_HAND_NS UINT64_C(1000000000)

/*
 * What the name that goes gives to the one that comes. A session that starts
 * takes everything; one that is there keeps its own beginning, end and
 * interest, takes the value and the modification time, and is accessed now:
 * the write-and-rename of file clients is one put.
 */
static void
fill_args(struct gs *gs, const struct gs_meta *from, const struct gs_now *now, struct gs_put_args *args)
{
	struct gs_info_times times = gs_info_times(from, now);
	bool by_hand = times.mtime_ns < times.ctime_ns && (uint64_t)times.ctime_ns - (uint64_t)times.mtime_ns > BY_HAND_NS;

	args->set |= GS_SET_LIFE_BIT | GS_SET_PERM_BIT;
	args->life = from;
	args->uid = from->uid;
	args->gid = from->gid;
	args->mode = from->mode;
	if (from->owner_len > 0) {
		args->set |= GS_SET_OWNER_BIT;
		args->owner = from->owner;
		args->owner_len = from->owner_len;
	}
	if (from->class_id != GS_CLASS_NONE) {
		args->set |= GS_SET_CLASS_BIT;
		args->class_id = from->class_id;
	}
	if (from->ttl_ms != 0) {
		args->set |= GS_SET_TTL_BIT;
		args->ttl_ms = from->ttl_ms;
	}
	gs_session_set_times(gs, args, times.mtime_ns, by_hand ? gs_info_wall_ns(gs, from->accessed_ms) : now->wall_ns);
}

static int
rename_with(struct gs *gs, struct gs_ctx *c, struct renaming *r)
{
	struct gs_put_args args;
	struct gs_meta from, to;
	struct gs_now now;
	/* relaxed; that a session was ended by a logout which is seen there is seen with its entry */
	uint64_t logout_ms = atomic_load_explicit(&gs->t->idx->logout_ms, memory_order_relaxed);
	ssize_t len;
	int rc;

	gs_info_now(gs, &now);
	len = gs_kv_get(gs->t, c, &r->from, now.store_ms, r->value, r->cap, GS_KV_INSPECT, &from);
	if (len < 0)
		return (int)len;
	rc = gs_session_put_args(gs, NULL, &args);
	if (rc < 0)
		return rc;
	fill_args(gs, &from, &now, &args);
	args.ring = r->ring == GS_RING_NONE ? from.ring : r->ring;
	/* Only a rename into the innermost ring is an access that brings a session in. */
	args.flags = r->flags | (args.ring == gs_table_innermost(gs->t) ? 0 : GS_KV_INSPECT);
	rc = gs_kv_put(gs->t, c, &r->to, now.store_ms, r->value, (size_t)len, &args, &to);
	if (rc < 0)
		return rc;
	/* Where there is no room for it, it stays in its ring: it has been replaced already. */
	if (to.ring != args.ring)
		(void)gs_kv_move(gs->t, c, &r->to, now.store_ms, args.ring);
	rc = gs_kv_del(gs->t, c, &r->from, now.store_ms, from.version);
	if (rc != GS_ENOENT)
		return rc;
	/* Somebody ended it meanwhile: the new name stands, as after a rename and an unlink. But not if that was a logout, perhaps. */
	if (from.owner_len == 0 || atomic_load_explicit(&gs->t->idx->logout_ms, memory_order_relaxed) == logout_ms)
		return 0;
	(void)gs_kv_del(gs->t, c, &r->to, now.store_ms, to.version);
	return GS_ENOENT;
}

static int
rename_to_itself(struct gs *gs, const void *key, size_t key_len, const char *ring, uint32_t flags)
{
	struct gs_info info;
	int rc = gs_stat(gs, key, key_len, &info);

	if (rc < 0)
		return rc;
	if ((flags & GS_ONLY_NEW) != 0)
		return GS_EEXIST;
	return ring == NULL ? 0 : gs_move(gs, key, key_len, ring);
}

int
gs_rename(struct gs *gs, const void *from, size_t from_len, const void *to, size_t to_len, const char *ring, uint32_t flags)
{
	return gs_rename_into(gs, from, from_len, gs, to, to_len, ring, flags);
}

int
gs_rename_into(struct gs *gs, const void *from, size_t from_len, struct gs *into, const void *to, size_t to_len, const char *ring, uint32_t flags)
{
	struct renaming r = { .flags = (flags & GS_ONLY_NEW) != 0 ? GS_KV_ONLY_NEW : 0, .cap = gs->t->record_size };
	struct gs_lease *l;
	int rc = gs_handle_may(gs, GS_RIGHT_START, from, from_len);

	if (rc == 0)
		rc = gs_handle_key(gs, &r.from, from, from_len);
	if (rc == 0)
		rc = gs->own == into->own ? gs_handle_key(into, &r.to, to, to_len) : GS_EINVAL;
	if (rc < 0)
		return rc;
	r.ring = ring == NULL ? GS_RING_NONE : gs_table_ring(gs->t, ring);
	if (ring != NULL && r.ring == GS_RING_NONE)
		return GS_EINVAL;
	if (gs->ns == into->ns && from_len == to_len && memcmp(from, to, to_len) == 0)
		return rename_to_itself(gs, from, from_len, ring, flags);
	r.value = malloc(r.cap);
	if (r.value == NULL)
		return GS_ENOMEM;
	rc = gs_starter_become(gs);
	if (rc == 0)
		rc = gs_handle_enter(gs, &l);
	if (rc == 0) {
		rc = rename_with(gs, &l->ctx, &r);
		gs_handle_leave(l);
	}
	free(r.value);
	return rc;
}

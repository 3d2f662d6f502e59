/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park.h - sessions that wait in the outermost ring until they are asked for.
 *
 * A parked session has a ttl of its own, from when it was parked; it does not
 * leave by its last access meanwhile.  Any access brings it back with the ttl
 * that it had before, from the outer ring too where that one's `promote`
 * allows it.  Parking and coming back are a new record each, published like
 * any other.
 */
#ifndef GS_SHM_PARK_H
#define GS_SHM_PARK_H

#include "shm/kv_impl.h"

/*
 * Park the session of a key for ttl_ms, 0: as long as it lives; of one that is parked the ttl begins anew.
 * Returns 0, GS_ENOENT, GS_EQUARANTINE, GS_ENOSPC.
 */
int gs_park_set(struct gs_table *t, struct gs_ctx *c, const struct gs_key *k, uint64_t now_ms, uint64_t ttl_ms);

/* The session that a hit names is parked and was asked for. 1: it is back; KV_AGAIN: it changed; 0: it stays parked for want of a slot. */
int gs_park_resume(struct gs_table *t, struct gs_ctx *c, const struct gs_hit *hit, uint64_t now_ms);

static inline bool
gs_park_is_parked(const struct gs_slot *head)
{
	return (head->flags & GS_FLAG_PARKED) != 0;
}

/* Does a session of this ring come in when it is asked for after its parking? */
bool gs_park_comes_in(const struct gs_table *t, uint32_t ring);

/* Make the header of a draft that of a session which is not parked any more, if it is; its times begin anew. */
void gs_park_clear(struct gs_slot *head, uint64_t now_ms);

#endif

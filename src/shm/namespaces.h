/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * namespaces.h - the namespaces of a table: their ids, names, limits and how many sessions they have.
 *
 * A key is one of a namespace: equal keys of two namespaces are two sessions,
 * and equal owners two owners.  A name keeps its id as long as the memory is
 * there, and longer where arenas lie on a disk: these say the names of the
 * ids in them.  The default namespace has the id 0, no name and no limits.
 */
#ifndef GS_SHM_NAMESPACES_H
#define GS_SHM_NAMESPACES_H

#include "shm/kv.h"

#define GS_NAMESPACE_UNLIMITED UINT64_MAX	/* of max_sessions */

/* A namespace as it is to be. */
struct gs_namespace_spec {
	char name[GS_RING_NAME_BYTES];
	uint64_t idle_ms;		/* GS_DURATION_MAX: max */
	uint64_t max_sessions;		/* GS_NAMESPACE_UNLIMITED: any number */
	uint32_t uid, gid, mode;	/* of its directory */
};

/* Fill the namespaces of a table that is made: those of a table before (NULL: none), RETIRED. */
void gs_namespaces_init(struct gs_ctl_hdr *ctl, const struct gs_past *past);

/*
 * By the daemon, and by a restore that it has started and waits for: have a namespace with these limits. Of one that is ON
 * they are changed; where that changes when sessions end, all rings are to be re-armed.
 * Returns its id, GS_EEXIST: a session of the default namespace has this key, GS_ERANGE: the ids are used up.
 */
int gs_namespaces_make(struct gs_table *t, struct gs_ctx *c, const struct gs_namespace_spec *spec);

/*
 * By the daemon: remove a namespace that has no sessions. What of it is over, or is but a key that was given up, ends with it.
 * Returns 0, GS_ENOENT, GS_EBUSY: it has sessions. Cost: where it has records, or its count was corrected, a walk over the index up to
 * the first session.
 */
int gs_namespaces_remove(struct gs_table *t, struct gs_ctx *c, const char *name);

/*
 * The same in steps, between which the daemon does other things, as long as no other removal of this namespace: where it has
 * sessions by its count it is looked through first; then its door is closed, and unless the count is right and 0 it is looked
 * through to the end.
 */
struct gs_namespace_removal {
	uint32_t id;
	bool is_closing;
	uint64_t at;			/* the next ordinal */
};

/* Returns 0 or GS_ENOENT. */
int gs_namespaces_remove_begin(struct gs_table *t, struct gs_namespace_removal *r, const char *name);
/* Look at so many entries. Returns 1: there are more, or as gs_namespaces_remove. */
int gs_namespaces_remove_step(struct gs_table *t, struct gs_ctx *c, struct gs_namespace_removal *r, uint64_t budget);
/*
 * By the daemon: somebody died who may have started a session of it. A removal under way begins anew. False: it is not there,
 * and neither is that session to be.
 */
bool gs_namespaces_reopen(struct gs_table *t, uint32_t id);

/* By the daemon at its start: a namespace whose removal or making was interrupted is there, or is not. */
void gs_namespaces_recover(struct gs_table *t);

/* A record of this id was found on a disk: its namespace is ON, under a name that says so where nobody knows it. */
void gs_namespaces_meet(struct gs_table *t, uint32_t id);

/* The id of a namespace that is there by its name (NULL or "": 0), or GS_ENOENT. Costs a look at each. */
int gs_namespaces_find(const struct gs_table *t, const char *name);

/* The name of an id that is there, "" for the default one and others. */
void gs_namespaces_name(const struct gs_table *t, uint32_t id, char out[GS_RING_NAME_BYTES]);

/* What one that is there is like. False: there is none of this id. */
bool gs_namespaces_load(const struct gs_table *t, uint32_t id, struct gs_namespace_spec *out);

/* Is this key of the default namespace the name of another one? Costs a load where there is none whose name is like it. */
bool gs_namespaces_has(const struct gs_table *t, const struct gs_key *k);
/* The same by its hash. */
bool gs_namespaces_has_hash(const struct gs_table *t, uint64_t hash);

/* Has there been any but the default one? */
bool gs_namespaces_are_used(const struct gs_table *t);

/* Has this name been one's, or is there an id for it when n_kept are kept back? */
bool gs_namespaces_has_room(struct gs_table *t, const char *name, uint32_t n_kept);

/* Sessions in it, over all rings. */
uint64_t gs_namespaces_count(const struct gs_table *t, uint32_t id);

/*
 * Count a session that is to start: 0, GS_ENOSPC: it is_limited and has as many as it may, GS_ENOENT: it is not there, GS_EAGAIN: whether it
 * is will be known in a moment. Of the default namespace nothing is counted.
 */
int gs_namespaces_reserve(struct gs_table *t, uint32_t id, bool is_limited);
/*
 * May a session be in it? 0, GS_EAGAIN, GS_ENOENT, as above. Who starts one looks again once it is published and a full fence is
 * behind it; unless it is 0 the session is to go again.
 */
int gs_namespaces_door(const struct gs_table *t, uint32_t id);
void gs_namespaces_unreserve(struct gs_table *t, uint32_t id);

/* How long after its last access a session of a namespace ends, ms; any id. */
static inline uint64_t
gs_namespaces_idle_ms(const struct gs_table *t, uint32_t id)
{
	/* relaxed; a rule on its own, clients read it whenever they judge. The default one has GS_DURATION_MAX. */
	return atomic_load_explicit(&t->ctl->ns[id < GS_NAMESPACES ? id : 0].idle_ms, memory_order_relaxed);
}

#endif

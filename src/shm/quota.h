/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quota.h - which quota a session of a table has.
 */
#ifndef GS_SHM_QUOTA_H
#define GS_SHM_QUOTA_H

#include "gsession.h"
#include "policy/quota.h"
#include "shm/table.h"

/* The rules of a table as they are to be. */
struct gs_quota_rules {
	uint64_t limit;			/* gs_quota_limit(), or GS_QUOTA_FREE */
	uint64_t hold_ms, release_ms;
	uint32_t action;		/* enum gs_quota_action */
	uint32_t expel_after;		/* offences */
	bool is_strict;
	uint32_t n_overrides;
	struct {
		enum gs_quota_whose whose;
		unsigned char name[GS_KEY_BYTES];
		uint32_t name_len;	/* bytes */
		uint64_t limit;
	} override[GS_QUOTA_OVERRIDES];
	uint32_t n_exempt;
	char exempt[GS_QUOTA_EXEMPT][GS_QUOTA_PATTERN_BYTES];	/* patterns of keys, filled up with NUL */
};

/* By the daemon: put them into force. Who judges at this moment goes by the rules before, or by these. */
void gs_quota_apply(struct gs_table *t, const struct gs_quota_rules *rules);
/* Would other keys be exempt than are now? */
bool gs_quota_exempts_others(const struct gs_table *t, const struct gs_quota_rules *rules);

/* A session whose quota is asked for: the hash of its key, its namespace, its owner. */
struct gs_quota_whom {
	uint64_t hash;
	uint32_t ns, owner_len;
	const void *owner;
};

/* Its limit. The key's override goes before the owner's, whatever the namespace, that before the namespace's, that before the table's. */
uint64_t gs_quota_find(const struct gs_table *t, const struct gs_quota_whom *whom);

static inline bool
gs_quota_has_exempt(const struct gs_table *t)
{
	return atomic_load_explicit(&t->ctl->quota.n_exempt, memory_order_relaxed) != 0;
}

/*
 * Does a key match one of the patterns? Costs a walk over each of them: for who is about to accuse or to move a session, not
 * for each access. True too while they are being changed.
 */
bool gs_quota_is_exempt(const struct gs_table *t, const void *key, uint32_t key_len);

static inline bool
gs_quota_has_overrides(const struct gs_table *t)
{
	return atomic_load_explicit(&t->ctl->quota.n_overrides, memory_order_relaxed) != 0;
}

static inline uint64_t
gs_quota_table_limit(const struct gs_table *t)
{
	return atomic_load_explicit(&t->ctl->quota.limit, memory_order_relaxed);
}

#endif

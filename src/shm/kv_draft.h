/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv_draft.h - the record that a put makes of its arguments.
 */
#ifndef GS_SHM_KV_DRAFT_H
#define GS_SHM_KV_DRAFT_H

#include "shm/kv_impl.h"

/* A put under way. */
struct gs_putting {
	const struct gs_key *key;
	const struct gs_put_args *args;
	const void *val;
	uint32_t val_len;
	uint64_t now_ms;
	struct gs_meta *meta;			/* may be NULL */
	struct gs_charge *charge;
};

/* Of a session that starts; old_version: of what was there and is over, or 0. */
void gs_kv_draft_new(const struct gs_table *t, struct gs_ctx *c, struct gs_draft *d, const struct gs_putting *p, uint64_t old_version);
/* Of a session whose value is replaced. *d is a draft of it with plain times; d->owner points at the old owner. */
void gs_kv_draft_over(const struct gs_table *t, struct gs_ctx *c, struct gs_draft *d, const struct gs_putting *p);

/* What the arguments say about who and what a session is, and when; the rest of the draft stays. */
void gs_kv_draft_args(const struct gs_table *t, struct gs_draft *d, const struct gs_put_args *args);
/* At last: when it ends by its own times. */
void gs_kv_draft_expiry(struct gs_draft *d);

#endif

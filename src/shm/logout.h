/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logout.h - all sessions of an owner end, also those that are being moved or changed at that moment.
 *
 *	logout	a mark for the owner in T.idx, a full fence, one pass over the
 *		kin of all slots, a look at what each context is publishing, and
 *		the mark is taken away
 *	writer	the slot's address in its page, the entry swung, a look at the
 *		marks, the address taken away
 *
 * Where a session is when the mark is set, the pass finds it, unless somebody
 * published another record of it meanwhile.  He either comes to his look, and
 * ends it himself, or his page still names the slot when the pass is over:
 * then it is ended through that.  What was ended is no more in the index, so
 * the exchanges of those who come later fail.  Nobody waits for anybody.
 *
 * A writer that died between its exchange and its look has its look made up
 * for by the daemon, before its context is used again.  A logout whose process
 * died is ended by the daemon: the mark says all that it needs.
 *
 * A session that starts when the owner is marked already is dated behind the
 * logout, and lives.  One that a restore brings back keeps its date, and does
 * not.  t/model/logout.c walks through all of this.
 */
#ifndef GS_SHM_LOGOUT_H
#define GS_SHM_LOGOUT_H

#include "shm/kv_impl.h"

/*
 * End all sessions of an owner (gs_kin_hash) that were started before now. *n: how many it ended itself.
 * Returns 0, GS_EBUSY when GS_MARKS logouts are under way, GS_EAGAIN when a session changed 10,000 times while it was to be
 * ended (the daemon goes on with it).
 */
int gs_logout_run(struct gs_table *t, struct gs_ctx *c, uint64_t owner, uint64_t now_ms, uint64_t *n);

/* When a session of this owner of a namespace that starts now was started: behind the logout that is under way, if there is one. */
uint64_t gs_logout_start_ms(const struct gs_table *t, uint32_t ns, const void *owner, uint32_t len, uint64_t now_ms);

/* Does a logout that is under way end a session that is made of d? */
bool gs_logout_ends(const struct gs_table *t, const struct gs_draft *d);

/* End what was made of d and is published, if its owner is marked. For gs_logout_look. */
void gs_logout_heed(struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d);

/* Before an entry is swung to the record in slot `addr`. */
static inline void
gs_logout_announce(struct gs_ctx *c, uint32_t addr)
{
	/* relaxed; the exchange of the entry releases it: who finds the entry changed sees it in look_at_page */
	atomic_store_explicit(&c->page->publishing, addr + 1, memory_order_relaxed);
}

/* After it was swung, or was not: the look that every writer owes. */
static inline void
gs_logout_look(struct gs_table *t, struct gs_ctx *c, const struct gs_draft *d, bool is_published)
{
	/* seq_cst; pairs with the exchange in work_off: a pass that did not see our entry has its mark seen by us */
	if (is_published && __builtin_expect(atomic_load_explicit(&t->idx->marked, memory_order_seq_cst) != 0, 0))
		gs_logout_heed(t, c, d);
	/* release; pairs with look_at_page: what we had to end is out of the index first */
	atomic_store_explicit(&c->page->publishing, 0, memory_order_release);
}

/*
 * For the daemon, with its own context: make up for the look of a context whose process is dead, and take its logouts over.
 * Before the context is granted again.
 */
void gs_logout_recover(struct gs_table *t, struct gs_ctx *c, uint32_t id);
/* For the daemon: end the logouts that were taken over. Returns how many. Costs a look at 32 words when there are none. */
uint32_t gs_logout_finish(struct gs_table *t, struct gs_ctx *c);

#endif

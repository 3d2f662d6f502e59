/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kin.h - the records of one owner, or those that hang on one session, found by a pass over the kin of every slot.
 *
 * Nothing keeps lists of whose a session is: the kin arrays (layout.h) have
 * 16 bits of the owner and 16 of the link of what is in a slot, and a pass
 * over all of them costs 4 bytes a slot, then a look at each slot whose kin
 * fits: those that are meant, and one in 65536 of the others.
 *
 * A pass finds records, not sessions: one that was replaced while it rests,
 * too.  Whoever wants the session looks its key up.  A session that stays in
 * one slot during a pass is found; of one that moves meanwhile a record is
 * found, unless its old slot was written again before the pass came there.
 */
#ifndef GS_SHM_KIN_H
#define GS_SHM_KIN_H

#include "shm/kv.h"

enum { GS_KIN_BATCH = 32 };		/* slots whose kin fits that are fetched at once */

/*
 * Of an owner of a namespace, or of a key that is linked to, which is one of the default namespace: what a kin has the upper bits of.
 * 0 where len is 0, and nowhere else.
 */
uint64_t gs_kin_hash(const struct gs_table *t, uint32_t ns, const void *bytes, uint32_t len);

/* A pass; private memory. */
struct gs_kin {
	uint64_t hash;
	bool is_link;
	uint32_t mask, want;		/* which bits of a kin count, and what they are to be */
	uint32_t arena, slot;		/* where the pass goes on */
	uint32_t n, at;			/* slots found and not looked at yet: found[at] to found[n - 1] */
	uint32_t found[GS_KIN_BATCH];	/* addresses as in an entry */
};

/* Begin a pass for the records of an owner, by his hash, in all rings, those on disks and the suspects too. */
void gs_kin_of_owner(struct gs_kin *k, uint64_t hash);
/* The same for the records whose link has this hash. */
void gs_kin_of_link(struct gs_kin *k, uint64_t hash);

/*
 * The next record of the pass. Returns 1 with the header and names as they are in its slot (ordinal and entry's tag unknown),
 * 0 at the end. The record may have been replaced, or may have ended, by now.
 */
int gs_kin_next(struct gs_table *t, struct gs_kin *k, struct gs_meta *meta);

/* The record in the slot of an address, as gs_kin_next shows it. False when there is none of which an entry may know. */
bool gs_kin_at(struct gs_table *t, uint32_t addr, struct gs_meta *meta);

#endif

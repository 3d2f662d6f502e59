/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words.h - the words of a slot that change while its record does not: accesses, renewals, and what of them a new record takes over.
 */
#ifndef GS_SHM_WORDS_H
#define GS_SHM_WORDS_H

#include "shm/record.h"

/*
 * Count one access: last access first, then interest, so that dying between them forgets interest and never makes a
 * decay early. Returns false when the record was replaced or ended meanwhile: look it up again and count there.
 */
bool gs_words_access(struct gs_table *t, const struct gs_hit *hit, uint64_t now_ms);

/* Count n accesses, the last of them at at_ms, which another access may be later than. For the daemon. As gs_words_access. */
bool gs_words_accesses(struct gs_table *t, const struct gs_hit *hit, uint64_t at_ms, uint32_t n);

/* Renew the times of the record whose header was copied to `head`. Returns false as gs_words_access does. */
bool gs_words_renew(struct gs_table *t, const struct gs_hit *hit, const struct gs_slot *head, uint64_t now_ms);

/*
 * Carry what changed in place on the slot that `old` names since it was copied (`seen`) over to the record made from d,
 * which is published under `entry`, or to what came after that. Each access finds the old slot open, or goes to the new
 * one: it counts once.
 */
void gs_words_merge(struct gs_table *t, const struct gs_hit *old, const struct gs_slot *seen, const struct gs_draft *d, uint64_t entry);

#endif

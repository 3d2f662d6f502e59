/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_journal.h - what the one writer of a key is about to do and has done, and what others may therefore see.
 *
 * The journal lies in memory that the store knows nothing of and that no kill
 * touches.  Before a write the writer says what the key will be, after it that
 * it is so, or that it came to nothing.  Who looks at the key reads the
 * journal before and after: every state acknowledged before is a floor, every
 * state intended by then a ceiling, and what came to nothing is never seen.
 * When the writer was killed, the one in its place looks which of the two it
 * is, and from then on it is that.
 *
 * Each of these words is written by one process at a time, but `seen`, which
 * all raise.  All accesses are seq_cst: what is read of the journal must stand
 * in one order with itself, whatever orders the store itself gives.
 */
#ifndef LAB_TORTURE_JOURNAL_H
#define LAB_TORTURE_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lab/torture.h"

/*
 * A state of a key: [63:28] number of the write that made it  [27:1] how many of these ended the session  [0] is it there.
 * 0 is a key that never was.
 */
struct torture_key_journal {
	_Atomic uint64_t acked, intent;
	_Atomic uint64_t voided;	/* numbers over that of acked up to this one came to nothing */
	_Atomic uint64_t seen;		/* the latest state that anybody saw */
};

static inline uint64_t torture_state_number(uint64_t state) { return state >> 28; }
static inline uint64_t torture_state_ends(uint64_t state) { return state >> 1 & ((UINT64_C(1) << 27) - 1); }
static inline bool torture_state_is_there(uint64_t state) { return (state & 1) != 0; }
static inline uint64_t
torture_state(uint64_t number, uint64_t ends, bool is_there)
{
	return number << 28 | (ends & ((UINT64_C(1) << 27) - 1)) << 1 | (is_there ? 1 : 0);
}

/* The journal as it was before a look at the key. */
struct torture_before {
	uint64_t voided, acked, floor;
};

/* The number that the next write will have. */
uint64_t torture_journal_next(const struct torture_key_journal *k);
/* The writer: begin a write that starts or changes the session, or ends it. Returns its number. */
uint64_t torture_journal_intend(struct torture_key_journal *k, bool is_there);
/* It was done; or it came to nothing. */
void torture_journal_ack(struct torture_key_journal *k);
void torture_journal_void(struct torture_key_journal *k);
/* The writer's predecessor was killed in the middle of a write. */
bool torture_journal_is_in_doubt(const struct torture_key_journal *k);

/* Somebody looks: before, and with what came of it. */
void torture_journal_before(struct torture_key_journal *k, struct torture_before *b);
enum torture_verdict torture_journal_saw_value(struct torture_key_journal *k, const struct torture_before *b, uint64_t number);
enum torture_verdict torture_journal_saw_it(struct torture_key_journal *k, const struct torture_before *b);
enum torture_verdict torture_journal_saw_none(struct torture_key_journal *k, const struct torture_before *b);
/* Was the session there from then until now, the same one? Was it away all that time? */
bool torture_journal_stayed(const struct torture_key_journal *k, const struct torture_before *b);
bool torture_journal_stayed_away(const struct torture_key_journal *k, const struct torture_before *b);

#endif

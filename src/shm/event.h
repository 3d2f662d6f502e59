/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h - the last events of a table: a ring that all writers tell into and anybody reads, each at his own place.
 *
 * Who tells takes the next revision by an addition, and the cell of that
 * number by a compare-and-swap, writes it, and marks it as written.  Nobody
 * waits: not for readers, which write nothing, and not for a writer that was
 * stopped in its cell.  That one's event is lost, and so are those that a
 * reader was too slow for: the reader is told how many.  Two who write one
 * cell, the slower a whole lap behind, may spoil it: its checksum tells.
 */
#ifndef GS_SHM_EVENT_H
#define GS_SHM_EVENT_H

#include "gsession.h"
#include "shm/ctx.h"

enum {
	GS_EVENT_GRACE_MS = 200,	/* so long after its number was taken an event that is not written is lost */
};

/* What happened to one session, as its teller knows it. */
struct gs_turn {
	uint32_t kind, reason;		/* enum gs_event_kind, gs_event_reason */
	uint32_t from, to;		/* ring ids, or GS_RING_NONE */
	uint64_t now_ms;
	uint64_t hash, version;		/* version 0: not known */
	const void *key, *owner;
	uint32_t key_len, owner_len;
	uint32_t ns;
	uint32_t count;			/* 0: once */
};

/*
 * Tell of it. Cost: an addition to a word that all writers share, two compare-and-swaps, and the bytes. Nothing is told by a
 * reader, whose maps are read-only: the daemon tells what follows from what it did.
 */
void gs_event_tell(struct gs_table *t, const struct gs_ctx *c, const struct gs_turn *turn);

/*
 * Tell of what a stranger may cause as often as he likes, such as a refusal: of one session once a second, of GS_EVENT_OFTEN
 * sessions a second for each context; what is not told is counted in the next that is.
 */
void gs_event_tell_seldom(struct gs_table *t, struct gs_ctx *c, const struct gs_turn *turn);

/* A place in the ring, of one that reads it. */
struct gs_event_cursor {
	uint64_t next;			/* the revision to read next */
	uint64_t seen;			/* up to this revision numbers had been taken at seen_ms */
	uint64_t seen_ms;
};

/* An event as copied out and checked. */
struct gs_told {
	uint64_t revision;		/* of LOST: of the last of them */
	uint32_t kind, reason;
	uint32_t from, to;		/* ring ids of this table, or GS_RING_NONE */
	uint64_t at_ms, hash, version;
	uint32_t pid, uid, ns;
	uint64_t count;			/* at least 1; of LOST: how many */
	uint32_t key_len, owner_len;
	uint8_t key[GS_KEY_BYTES + 1];
	uint8_t owner[GS_OWNER_BYTES + 1];
};

/* Revision of the last event for which a number was taken; 0: there was none. */
uint64_t gs_event_last(const struct gs_table *t);
/* The oldest revision that may still be there. */
uint64_t gs_event_first(const struct gs_table *t);
/* Begin behind `revision`. */
void gs_event_begin(struct gs_event_cursor *cur, uint64_t revision);

/*
 * The next event at the cursor. Returns 1 with an event, of kind GS_EVENT_LOST where some are missing; 0 when there is none,
 * or its writer has GS_EVENT_GRACE_MS yet. now_ms: store time.  Writes nothing shared.
 */
int gs_event_next(const struct gs_table *t, struct gs_event_cursor *cur, uint64_t now_ms, struct gs_told *out);

/* Is it likely that the event with this revision is about a key with this hash? A look at one word. */
bool gs_event_is_of(const struct gs_table *t, uint64_t revision, uint64_t hash);

/*
 * The event with this very revision, if it is still there: 1 or 0. For who looks back.
 */
int gs_event_at(const struct gs_table *t, uint64_t revision, struct gs_told *out);

#endif

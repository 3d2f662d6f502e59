/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspects_impl.h - the list of suspects as suspects.c keeps it, for what reads and lends it (suspects_lend.c).
 */
#ifndef GS_DAEMON_SUSPECTS_IMPL_H
#define GS_DAEMON_SUSPECTS_IMPL_H

#include "daemon/suspects.h"

#define SUSPECTS_GONE UINT64_MAX				/* an ordinal: dropped at the next tick */
#define SUSPECTS_NOT_FOUND UINT32_MAX		/* a place in the list */

struct suspect {
	uint64_t ordinal;			/* of its index entry, as long as it lives */
	uint64_t entry;				/* what that said when it was last looked at */
	uint64_t serial;			/* grows along the list, never reused: what reapers call it */
	uint64_t since_ms;			/* accused since; of one that somebody moved there without a word: listed since */
	uint64_t holder, lease_until_ms;	/* whose it is for now; 0: nobody's */
	uint64_t quiet_until_ms;		/* a reaper left it alone, not to be asked again before this */
	uint32_t birth, offences;
	enum suspects_state state;
};

/* From ordinals and from addresses of slots to places in the list: place + 1, 0 is empty; what it says is looked at before it is believed. */
struct finder {
	uint32_t *cell;
	uint32_t mask;
};

struct suspects {
	struct gs_table *t;
	struct gs_ctx *c;
	struct suspect *list;			/* n of cap; by serial */
	uint32_t n, n_gone, cap;
	uint64_t last_serial, revision;
	struct finder by_ordinal, by_addr;
	bool is_stale;				/* somebody has another slot than by_addr has it */
	uint32_t check_at;			/* the place in the list from which the next tick goes on */
	uint32_t ring_class, ring_slot;		/* and where in the suspect ring */
	uint32_t walk_arena, walk_slot;
	bool was_walked;			/* all slots were looked at once */
};

/* The session of a place, as it is now. False when it is none any more, or accused no longer: dropped. */
bool suspects_look_again(struct suspects *s, struct suspect *e, uint64_t now_ms, struct gs_meta *meta);
/* Has a reaper got it, and time left? */
bool suspects_is_held(const struct suspect *e, uint64_t now_ms);
/* What it would be if no reaper had it. */
enum suspects_state suspects_free_state(const struct suspects *s, const struct suspect *e, uint64_t now_ms);
/* The place of a suspect in the list, or SUSPECTS_NOT_FOUND. */
uint32_t suspects_find_serial(const struct suspects *s, uint64_t serial);
uint32_t suspects_find_ordinal(const struct suspects *s, uint64_t ordinal);

#endif

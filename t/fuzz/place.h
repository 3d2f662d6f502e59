/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - a table to be damaged: each of its maps between guards, always made the same, and put back after each input.
 *
 * Programs that use it are linked with FUZZ_WRAPS (t/Makefile.inc): maps of
 * regions get guards on both sides, so wide that a number of 32 bits from a
 * damaged table does not lead over them, and random bytes are always the same.
 */
#ifndef T_FUZZ_PLACE_H
#define T_FUZZ_PLACE_H

#include "lib/handle.h"
#include "shm/ctx.h"
#include "shm/kv.h"
#include "fuzz.h"

#define PLACE_NOW (GS_TIME_ORIGIN_MS + UINT64_C(100000000))

enum {
	PLACE_KEYS = 40,		/* sessions that are there; more keys are not */
	PLACE_ALL_KEYS = 48,
	PLACE_CTXS = 3,			/* 0 the daemon's, 1 and 2 clients' */
	PLACE_MAPS = 3 + GS_MAX_ARENAS,
};

struct place {
	struct gs_table *t;
	struct gs_ctx ctx[PLACE_CTXS];
	struct gs_own own;
	struct gs gs;			/* a client's handle, with a context of its own */
	struct gs_lease lease;
	_Atomic uint32_t state;
	char key[PLACE_ALL_KEYS][GS_KEY_BYTES + 1];
	uint32_t key_len[PLACE_ALL_KEYS];
	uint64_t ordinal[PLACE_KEYS];	/* as at the beginning */
	bool is_client;			/* T.ctl is mapped read-only: nothing that the daemon does */
	uint32_t n_focus;		/* keys and damage are mostly of the first so many sessions; 0: of all */
	/* the beginning */
	struct gs_ctx ctx_was[PLACE_CTXS];
	struct gs_ctx lease_was;
	unsigned char *map[PLACE_MAPS], *was[PLACE_MAPS];
	size_t bytes[PLACE_MAPS];
};

/* The one of this process. */
struct place *place_get(void);
/* Contexts and a handle on a table, and keys; p is all zero but for t. */
void place_around(struct place *p);
/* As at the beginning. */
void place_reset(struct place *p);
/* What the table of place_get was made like. */
struct gs_table_spec place_spec(void);
/* One piece of damage, anywhere in the memory. */
void place_damage(struct place *p, struct tape *in);
/* A word that much depends on: an entry, a word of a session's header, or any. */
_Atomic uint64_t *place_word(struct place *p, struct tape *in);
/* A key that is there, mostly. */
struct gs_key place_key(struct place *p, struct tape *in);

#endif

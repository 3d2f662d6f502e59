/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h - run the invariants of layout.h over a live table.
 *
 * Works while others read and write: what looks wrong is looked at again
 * until it is right or nobody has touched it, and only then counted.
 */
#ifndef GS_SHM_AUDIT_H
#define GS_SHM_AUDIT_H

#include <stdio.h>

#include "shm/kv.h"

enum { GS_AUDIT_LAWS = 12 };

struct gs_audit {
	uint64_t broken[GS_AUDIT_LAWS + 1];		/* [i]: violations of invariant Ii */
	uint64_t n_broken;		/* their sum */
	uint64_t free, live, listed, capacity;	/* slots of committed segments, over all arenas */
	uint64_t sessions[GS_MAX_RINGS];	/* final entries */
	uint64_t committed_bytes;
};

/* Fill out; sentences about what is broken go to `to` (NULL: nowhere), at most 20 of each kind. */
void gs_audit_run(struct gs_table *t, uint64_t now_ms, struct gs_audit *out, FILE *to);

/* `free F + live L + listed H = capacity C`, then a line per ring, and a line per broken invariant. */
void gs_audit_print(const struct gs_audit *a, const struct gs_table *t, FILE *to);

#endif

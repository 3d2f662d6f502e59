/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - fuzz target: a table damaged at random, and every call on it, by readers, writers and the daemon.
 *
 * Each call ends, answers a success or an enum gs_err, and reads and writes
 * nothing outside the maps, which lie between guards.
 */
#include "ops.h"

enum { STEPS = 64 };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)place_get();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place *p = place_get();
	struct tape in = { data, size };
	uint64_t now_ms = PLACE_NOW;

	place_reset(p);
	for (int i = 0; i < STEPS && in.left > 0; i++) {
		if (tape_below(&in, 2) == 0)
			place_damage(p, &in);
		else
			ops_one(p, &in, now_ms);
		if (tape_below(&in, 8) == 0)
			now_ms += tape_take(&in, 3);
	}
	return 0;
}

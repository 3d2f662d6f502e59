/* SPDX-License-Identifier: BSD-2-Clause */
#include "rings.h"

#include <stdio.h>
#include <string.h>

enum { RINGS = 8 };

bool
rings_has(struct gs *gs, const char *name)
{
	struct gs_ring_info rings[RINGS];
	int i, n = gs_rings(gs, rings, RINGS);

	n = n > RINGS ? RINGS : n;
	for (i = 0; i < n; i++) {
		if (strcmp(rings[i].name, name) == 0)
			return true;
	}
	(void)fprintf(stderr, "gsession: ring \"%s\": one of", name);
	for (i = 0; i < n; i++)
		(void)fprintf(stderr, "%s %s", i == 0 ? "" : ",", rings[i].name);
	(void)fputs(" is expected\n", stderr);
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_operator.c - the process that makes rings larger and smaller while they are used, and has the memory audited.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "lab/torture_impl.h"
#include "lab/torture_plan.h"

enum {
	PAUSE_MAX_MS = 60,
	AUDIT_ONE_IN = 8,
	TIMEOUT_MS = 2000,
	LEAST = 64,
};

struct operating {
	struct torture_shared *sh;
	uint64_t random;
	uint64_t last[TORTURE_RINGS][2];	/* capacity and reserve, as written last */
};

static const char *const settings[] = { "capacity", "reserve" };

/* One request on a connection of its own. The daemon may be killed at any moment: GS_EDOWN and GS_ETIMEDOUT are no findings. */
static int
ask(struct operating *o, enum gs_wire_verb verb, const char *path, const char *value)
{
	struct gs_ctl *ctl;
	char *text = NULL;
	size_t len;
	int rc = gs_ctl_open(&ctl, TORTURE_INSTANCE, o->sh->run_dir, TIMEOUT_MS);

	if (rc == 0) {
		rc = gs_ctl_request(ctl, verb, path, value, strlen(value), 0, NULL, &text, &len);
		gs_ctl_close(&ctl);
	}
	if (rc < 0 && rc != GS_EDOWN && rc != GS_ETIMEDOUT)
		torture_found(o->sh, TORTURE_WRONG, "%s %s: %s: %.300s", verb == GS_VERB_AUDIT ? "audit" : path, value, gs_errname(rc),
		    text == NULL ? "" : text);
	free(text);
	return rc;
}

static void
resize(struct operating *o)
{
	uint64_t ring = torture_random(&o->random) % TORTURE_RINGS, what = torture_random(&o->random) % 2;
	uint64_t to = (what == 0 ? LEAST : 0) + torture_random(&o->random) % (TORTURE_CAPACITY_MAX - LEAST + 1);
	uint64_t *last = &o->last[ring][what];
	char path[64], value[32];

	(void)snprintf(path, sizeof(path), "sessions/rings/%s/%s", torture_rings[ring], settings[what]);
	(void)snprintf(value, sizeof(value), "%" PRIu64, to);
	if (ask(o, GS_VERB_SET, path, value) < 0)
		return;
	torture_count(&o->sh->operator, to >= *last ? TORTURE_GROW : TORTURE_SHRINK, 1);
	*last = to;
}

int
torture_operator(struct torture_shared *sh, uint64_t seed)
{
	struct operating o = { .sh = sh, .random = seed };

	for (size_t i = 0; i < TORTURE_RINGS; i++)
		o.last[i][0] = o.last[i][1] = TORTURE_CAPACITY_MAX;
	while (atomic_load(&sh->must_stop) == 0) {
		if (torture_random(&o.random) % AUDIT_ONE_IN != 0)
			resize(&o);
		else if (ask(&o, GS_VERB_AUDIT, "", "") == 0)
			torture_count(&sh->operator, TORTURE_AUDIT, 1);
		(void)poll(NULL, 0, (int)(torture_random(&o.random) % PAUSE_MAX_MS));
	}
	return 0;
}

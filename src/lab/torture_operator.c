/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_operator.c - the process that makes rings larger and smaller while they are used, changes the policies, has sessions
 * drift from one ring to another and become more and fewer, and has the memory audited.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "lab/torture_impl.h"
#include "lab/torture_plan.h"
#include "lib/handle.h"

enum {
	PAUSE_MAX_MS = 60,
	AUDIT_ONE_IN = 8,
	POLICY_ONE_IN = 4,
	TIMEOUT_MS = 2000,
	LEAST = 64,
	TIDE_MS = 1500,
	SEGMENTS_MAX = 64,		/* of an arena of ours */
};

struct operating {
	struct torture_shared *sh;
	uint64_t random;
	uint64_t last[TORTURE_RINGS][2];	/* capacity and reserve, as written last */
	uint64_t tide_until_ms;
	struct gs *gs;
	uint64_t segment[GS_MAX_ARENAS][SEGMENTS_MAX];	/* their words, as last seen */
};

static const char *const settings[] = { "capacity", "reserve" };

/* What else is changed meanwhile; none of it may cost a session. */
static const struct policy {
	const char *path, *values[4];
} policies[] = {
	{ "sessions/quota/action", { "report", "slow", "quarantine", "report" } },
	{ "sessions/quota/rate", { "100/s", "1000/s", "10000/s", "10000/s" } },
	{ "sessions/quota/strict", { "no", "yes", "no", "yes" } },
	{ "sessions/rings/warm/promote", { "access", "second", "never", "access" } },
	{ "sessions/rings/warm/promote_to", { "innermost", "next", "innermost", "next" } },
	{ "sessions/rings/active/half_life", { "0", "100ms", "300ms", "300ms" } },
};

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

static void
change_policy(struct operating *o)
{
	const struct policy *p = &policies[torture_random(&o->random) % (sizeof(policies) / sizeof(policies[0]))];

	if (ask(o, GS_VERB_SET, p->path, p->values[torture_random(&o->random) % 4]) == 0)
		torture_count(&o->sh->operator, TORTURE_POLICY, 1);
}

static void
turn_tide(struct operating *o)
{
	uint64_t r = torture_random(&o->random), now_ms = gs_clock_mono_ms();

	if (now_ms < o->tide_until_ms)
		return;
	o->tide_until_ms = now_ms + TIDE_MS;
	atomic_store(&o->sh->tide, torture_tide((uint32_t)(r % (TORTURE_RINGS - 1)), r / 8 % 2 == 0));
}

/* A segment that was given back has another generation, whatever became of it since; one that was not there is taken. */
static void
look_at_segment(struct operating *o, uint64_t *last, uint64_t word)
{
	bool was_absent = gs_segment_state(*last) == GS_SEGMENT_ABSENT, is_absent = gs_segment_state(word) == GS_SEGMENT_ABSENT;

	if (!was_absent && gs_segment_gen(word) != gs_segment_gen(*last))
		torture_count(&o->sh->operator, TORTURE_GIVEN_BACK, 1);
	if (!is_absent && (was_absent || gs_segment_gen(word) != gs_segment_gen(*last)))
		torture_count(&o->sh->operator, TORTURE_TAKEN, 1);
	*last = word;
}

static void
look_at_segments(struct operating *o)
{
	for (int i = 0; i < GS_MAX_ARENAS; i++) {
		const struct gs_arena *a = &o->gs->t->arena[i];

		for (uint32_t seg = 0; gs_table_has(o->gs->t, a) && seg < a->n_segments && seg < SEGMENTS_MAX; seg++)
			look_at_segment(o, &o->segment[i][seg], atomic_load(&a->segments[seg]));
	}
}

int
torture_operator(struct torture_shared *sh, uint64_t seed)
{
	static struct operating o;

	o = (struct operating){ .sh = sh, .random = seed, .gs = torture_attach(sh, GS_ROLE_WRITER) };
	if (o.gs == NULL)
		return 1;
	for (size_t i = 0; i < TORTURE_RINGS; i++)
		o.last[i][0] = o.last[i][1] = TORTURE_CAPACITY_MAX;
	while (atomic_load(&sh->must_stop) == 0) {
		if (torture_random(&o.random) % POLICY_ONE_IN == 0)
			change_policy(&o);
		else if (torture_random(&o.random) % AUDIT_ONE_IN != 0)
			resize(&o);
		else if (ask(&o, GS_VERB_AUDIT, "", "") == 0)
			torture_count(&sh->operator, TORTURE_AUDIT, 1);
		turn_tide(&o);
		look_at_segments(&o);
		(void)poll(NULL, 0, (int)(torture_random(&o.random) % PAUSE_MAX_MS));
	}
	gs_detach(&o.gs);
	return 0;
}

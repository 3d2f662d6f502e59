/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_end.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/client.h"
#include "lab/torture_value.h"
#include "lib/handle.h"
#include "shm/audit.h"

enum { SCAN_BATCH = 16, CTL_TIMEOUT_MS = 5000, REPORT_BYTES = 64 << 10 };

/* ---- quiet ---- */

/* The file's text from the daemon, malloc'ed; NULL while it cannot be had. */
static char *
show(struct torture_shared *sh, const char *path)
{
	struct gs_ctl *ctl;
	char *text = NULL;
	size_t len;
	int rc = gs_ctl_open(&ctl, TORTURE_INSTANCE, sh->run_dir, CTL_TIMEOUT_MS);

	if (rc == 0) {
		rc = gs_ctl_request(ctl, GS_VERB_GET, path, "", 0, 0, NULL, &text, &len);
		gs_ctl_close(&ctl);
	}
	if (rc == 0)
		return text;
	free(text);
	return NULL;
}

/* Does the daemon say that nobody is attached? */
static bool
is_nobody_attached(struct torture_shared *sh)
{
	char *stats = show(sh, "stats"), *line = stats == NULL ? NULL : strstr(stats, "\nclients ");
	bool is_so = (line != NULL && strncmp(line, "\nclients 0\n", 11) == 0) || (stats != NULL && strncmp(stats, "clients 0\n", 10) == 0);

	free(stats);
	return is_so;
}

static bool
wait_for(struct torture_shared *sh, bool (*is_so)(struct torture_shared *), const char *what)
{
	uint64_t until_ms = gs_clock_mono_ms() + TORTURE_PATIENCE_MS;

	while (!is_so(sh)) {
		if (gs_clock_mono_ms() > until_ms) {
			torture_found(sh, TORTURE_WRONG, "%s: not within %d s", what, TORTURE_PATIENCE_MS / 1000);
			return false;
		}
		(void)poll(NULL, 0, TORTURE_POLL_MS);
	}
	return true;
}

/* ---- sessions ---- */

/* The session of a key is exactly what the journal says. */
static uint64_t
check_key(struct torture_shared *sh, struct gs *gs, uint32_t number)
{
	struct torture_key_journal *k = &sh->key[number];
	uint64_t acked = atomic_load(&k->acked), found;
	enum torture_verdict v = TORTURE_FINE;
	unsigned char value[TORTURE_VALUE_MAX];
	char key[TORTURE_KEY_BYTES];
	size_t len = torture_key(key, 'o', number);
	ssize_t rc = gs_peek(gs, key, len, value, sizeof(value), NULL);

	found = rc < 0 ? 0 : torture_value_number(value, (size_t)rc, 'o', number);
	if (torture_journal_is_in_doubt(k))
		v = TORTURE_WRONG;
	else if (rc < 0 && rc != GS_ENOENT)
		v = TORTURE_WRONG;
	else if (rc == GS_ENOENT)
		v = torture_state_is_there(acked) ? TORTURE_LOST : TORTURE_FINE;
	else if (found == 0)
		v = TORTURE_TORN;
	else if (!torture_state_is_there(acked) || found > torture_state_number(acked))
		v = TORTURE_RESURRECTED;
	else if (found < torture_state_number(acked))
		v = TORTURE_LOST;
	torture_found(sh, v, "at the end: %.20s: %s, number %" PRIu64 "; acknowledged %" PRIx64 ", intended %" PRIx64, key,
	    rc < 0 ? gs_errname((int)rc) : "found", found, acked, atomic_load(&k->intent));
	return rc >= 0;
}

/* Sessions found by a scan, in all rings; what is no key of ours, or listed twice, is a finding. */
static uint64_t
scan_all(struct torture_shared *sh, struct gs *gs)
{
	static uint8_t is_listed[TORTURE_KEYS];
	struct gs_item items[SCAN_BATCH];
	uint64_t cursor = 0, n_all = 0;
	ssize_t n;

	while ((n = gs_scan(gs, NULL, &cursor, items, SCAN_BATCH)) > 0)
		for (ssize_t i = 0; i < n; i++, n_all++) {
			int64_t number = torture_key_number(items[i].key, items[i].key_len, 'o');

			if (number < 0 || number >= TORTURE_KEYS || is_listed[number]++ > 0)
				torture_found(sh, TORTURE_RESURRECTED, "at the end: scan lists \"%.40s\", %s", items[i].key_buf,
				    number < 0 || number >= TORTURE_KEYS ? "which was ended or never put" : "twice");
		}
	if (n < 0)
		torture_found(sh, TORTURE_WRONG, "at the end: scan: %s", gs_strerror((int)n));
	return n_all;
}

/* What the rings count, all together. */
static uint64_t
population(struct gs *gs)
{
	struct gs_ring_info rings[GS_MAX_RINGS];
	int n_rings = gs_rings(gs, rings, GS_MAX_RINGS);
	uint64_t n = 0;

	for (int i = 0; i < n_rings; i++)
		n += rings[i].count;
	return n;
}

static void
check_sessions(struct torture_shared *sh, struct gs *gs, uint64_t *sessions)
{
	uint64_t until_ms = gs_clock_mono_ms() + TORTURE_PATIENCE_MS, n_keys = 0;

	for (uint32_t i = 0; i < TORTURE_KEYS; i++)
		n_keys += check_key(sh, gs, i);
	*sessions = scan_all(sh, gs);
	if (*sessions != n_keys)
		torture_found(sh, *sessions < n_keys ? TORTURE_LOST : TORTURE_RESURRECTED, "at the end: scan lists %" PRIu64 " sessions, %" PRIu64 " are found by key",
		    *sessions, n_keys);
	/* A place that a killed worker had reserved is found by a recount, some ticks later. */
	while (population(gs) != *sessions && gs_clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, TORTURE_POLL_MS);
	if (population(gs) != *sessions)
		torture_found(sh, TORTURE_WRONG, "at the end: scan lists %" PRIu64 " sessions, the rings count %" PRIu64, *sessions, population(gs));
}

/* ---- slots ---- */

/* Cells that may list a slot now: the daemon's and ours. */
static uint64_t
count_held(struct gs *gs)
{
	uint32_t ids[] = { GS_DAEMON_CTX, gs->leases[0].ctx.id };
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		for (int k = 0; k < GS_HELD_CELLS; k++)
			n += atomic_load(&gs->t->ctx[ids[i]].held[k]) != 0;
	return n;
}

/* Slots that are nobody's, with what the audit has to say about them. */
static uint64_t
audit(struct gs *gs, struct gs_audit *a, char report[REPORT_BYTES])
{
	FILE *to = fmemopen(report, REPORT_BYTES, "w");
	uint64_t held;

	gs_audit_run(gs->t, gs_table_now_ms(gs->t), a, to);
	if (to != NULL)
		(void)fclose(to);
	held = count_held(gs);
	/* I5 counts those that are nobody's, which are what free, live and listed leave of the capacity. */
	return a->capacity - a->free - a->live - a->listed + a->broken[6] + (a->listed > held ? a->listed - held : 0);
}

static void
check_slots(struct torture_shared *sh, struct gs *gs)
{
	static char report[REPORT_BYTES];
	uint64_t until_ms = gs_clock_mono_ms() + TORTURE_PATIENCE_MS, n_leaked;
	struct gs_audit a;

	/* What the dead left may take the daemon some ticks. */
	while ((n_leaked = audit(gs, &a, report)) > 0 && gs_clock_mono_ms() < until_ms)
		(void)poll(NULL, 0, TORTURE_POLL_MS);
	for (uint64_t i = 0; i < n_leaked; i++)
		torture_found(sh, TORTURE_LEAKED, "free %" PRIu64 " + live %" PRIu64 " + listed %" PRIu64 ", capacity %" PRIu64 ": %.300s", a.free, a.live, a.listed,
		    a.capacity, report);
	if (a.n_broken > 0)
		torture_found(sh, TORTURE_WRONG, "the last audit: %.380s", report);
}

void
torture_end_check(struct torture_shared *sh, uint64_t *sessions)
{
	struct gs *gs;

	*sessions = 0;
	if (!wait_for(sh, is_nobody_attached, "recovery of all that were killed"))
		return;
	gs = torture_attach(sh, GS_ROLE_WRITER);
	if (gs == NULL)
		return;
	check_sessions(sh, gs, sessions);
	check_slots(sh, gs);
	gs_detach(&gs);
}

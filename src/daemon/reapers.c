/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/reapers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/text.h"
#include "daemon/events.h"
#include "daemon/roles.h"
#include "daemon/shown.h"
#include "daemon/suspects.h"

bool
reapers_is_verb(uint32_t verb)
{
	return verb == GS_VERB_SUSPECTS || verb == GS_VERB_LEASE || verb == GS_VERB_JUDGE;
}

bool
reapers_may(const struct manager *m, const struct manager_caller *who, size_t table)
{
	return (roles_rights(m, table, who) & (GS_RIGHT_REAP | GS_RIGHT_OPERATE)) != 0;
}

enum { LOOK_MS = 1000 };		/* at the rates of suspects, on behalf of a reaper who waits for one */

/* ---- taking requests apart ---- */

static uint64_t
mono_ms(void)
{
	return gs_clock_mono_ns() / 1000000;
}

static int
refuse(int rc, FILE *to, const char *sentence)
{
	(void)fputs(sentence, to);
	return rc;
}

static int
take_wait(const struct tree_request *r, struct reapers_ask *out, FILE *to)
{
	struct gs_wire_wait w;

	if (r->value_len != sizeof(w))
		return refuse(GS_EINVAL, to, "suspects: malformed");
	memcpy(&w, r->value, sizeof(w));
	if (w.wait_ms > GS_WIRE_WAIT_MS_MAX)
		return refuse(GS_ERANGE, to, "suspects: waits ten minutes at most");
	out->revision = r->offset;
	out->until_ms = mono_ms() + w.wait_ms;
	return 0;
}

static int
take_lease(const struct tree_request *r, struct reapers_ask *out, FILE *to)
{
	struct gs_wire_lease w;

	if (r->value_len != sizeof(w))
		return refuse(GS_EINVAL, to, "lease: malformed");
	memcpy(&w, r->value, sizeof(w));
	if (w.n == 0 || w.n > GS_WIRE_MAX_LEASE || w.lease_ms == 0 || w.lease_ms > GS_WIRE_LEASE_MS_MAX || w.wait_ms > GS_WIRE_WAIT_MS_MAX)
		return refuse(GS_ERANGE, to, "lease: 1 to 256 suspects, for an hour at most, waiting ten minutes at most");
	out->n = w.n;
	out->lease_ms = w.lease_ms;
	out->min_offences = w.min_offences;
	out->min_rate_per_h = w.min_rate_per_h;
	out->until_ms = mono_ms() + w.wait_ms;
	return 0;
}

static int
take_verdict(const struct tree_request *r, struct reapers_ask *out, FILE *to)
{
	struct gs_wire_verdict w;
	size_t key_len = r->value_len - sizeof(w);

	if (r->value_len < sizeof(w) || key_len > sizeof(out->key))
		return refuse(GS_EINVAL, to, "verdict: malformed");
	memcpy(&w, r->value, sizeof(w));
	if (w.what < GS_JUDGE_LEAVE || w.what > GS_JUDGE_EXPEL || (w.what == GS_JUDGE_LEAVE ? w.id == 0 : key_len == 0))
		return refuse(GS_EINVAL, to, "verdict: malformed");
	out->id = w.id;
	out->what = (enum gs_wire_judgement)w.what;
	out->quiet_ms = w.quiet_ms;
	memcpy(out->key, (const char *)r->value + sizeof(w), key_len);
	out->key_len = (uint32_t)key_len;
	return 0;
}

static int
take(struct manager *m, const struct tree_request *r, struct reapers_ask *out, FILE *to)
{
	char shown[4 * 64 + 1];
	int table = manager_table(m, r->path);

	if (table < 0) {
		(void)gs_text_escape(shown, sizeof(shown), r->path, strlen(r->path));
		(void)fprintf(to, "%s: no such table", shown);
		return GS_ENOENT;
	}
	out->table = (size_t)table;
	if (r->verb == GS_VERB_SUSPECTS)
		return take_wait(r, out, to);
	if (!reapers_may(m, &r->caller, out->table)) {
		(void)fprintf(to, "table %s: uid %u is no reaper and no operator", r->path, r->caller.uid);
		roles_refused(m, out->table, &r->caller, r->verb == GS_VERB_LEASE ? "borrow" : "judge");
		return GS_EPERM;
	}
	return r->verb == GS_VERB_LEASE ? take_lease(r, out, to) : take_verdict(r, out, to);
}

/* ---- answering ---- */

static int
answer_list(struct manager *m, const struct reapers_ask *ask, FILE *to)
{
	struct manager_table *mt = &m->tables[ask->table];

	if (suspects_revision(mt->suspects) == ask->revision && mono_ms() < ask->until_ms)
		return REAPERS_WAITS;
	(void)fprintf(to, "revision %" PRIu64 "\n", suspects_revision(mt->suspects));
	suspects_print(mt->suspects, gs_table_now_ms(mt->shm), reapers_may(m, &ask->caller, ask->table), to);
	return 0;
}

static int
answer_lease(struct manager *m, struct reapers_ask *ask, FILE *to)
{
	const struct suspects_wish wish = {
		.holder = ask->holder, .n = ask->n, .lease_ms = ask->lease_ms, .min_offences = ask->min_offences, .min_rate_per_h = ask->min_rate_per_h,
	};
	struct manager_table *mt = &m->tables[ask->table];
	uint64_t now_ms = mono_ms();

	/*
	 * Who comes, is given back or has been quiet for long enough is news of the list; who has become faster is not: for that
	 * all of them are looked at, which is not for each news.
	 */
	if (now_ms < ask->look_ms || (ask->min_rate_per_h == 0 && ask->revision == suspects_revision(mt->suspects) && now_ms < ask->until_ms))
		return REAPERS_WAITS;
	ask->look_ms = ask->min_rate_per_h == 0 ? 0 : gs_min_u64(now_ms + LOOK_MS, ask->until_ms);
	if (suspects_lend(mt->suspects, &wish, gs_table_now_ms(mt->shm), to) > 0)
		return 0;
	ask->revision = suspects_revision(mt->suspects);
	return mono_ms() < ask->until_ms ? REAPERS_WAITS : 0;
}

static const char *
deed(enum gs_wire_judgement what)
{
	switch (what) {
	case GS_JUDGE_LEAVE:
		return "left";
	case GS_JUDGE_PARDON:
		return "pardoned";
	case GS_JUDGE_EXPEL:
		return "expelled";
	}
	abort();
}

static void
say_why_not(int rc, const struct reapers_ask *ask, FILE *to)
{
	char shown[4 * GS_KEY_BYTES + 1];

	(void)gs_text_escape(shown, sizeof(shown), ask->key, ask->key_len);
	if (rc == GS_ESTALE)
		(void)fprintf(to, "%s: the lease is over, another reaper may have it", shown);
	else if (rc == GS_ENOENT)
		(void)fprintf(to, "%s: %s", shown, ask->what == GS_JUDGE_PARDON ? "no suspect" : "no such session");
	else
		(void)fprintf(to, "%s: %s", shown, gs_strerror(rc));
}

static int
answer_verdict(struct manager *m, const struct reapers_ask *ask, FILE *to)
{
	const struct suspects_verdict v = {
		.v = { .id = ask->id, .what = ask->what, .quiet_ms = ask->quiet_ms }, .key = ask->key, .key_len = ask->key_len, .holder = ask->holder,
	};
	struct manager_table *mt = &m->tables[ask->table];
	char key[SHOWN_KEY_BYTES];
	struct gs_meta meta;
	int rc = suspects_judge(mt->suspects, &v, gs_table_now_ms(mt->shm), &meta);

	if (rc < 0) {
		say_why_not(rc, ask, to);
		return rc;
	}
	(void)shown_key(key, meta.key, meta.key_len, meta.hash, m->conf.log_keys);
	(void)fprintf(to, "%s %s offences %u\n", deed(ask->what), key, gs_offence_count(meta.offence));
	if (ask->what != GS_JUDGE_LEAVE)
		events_add_often(m->events, "judged", "table=%s key=%s verdict=%s offences=%u uid=%u pid=%d", mt->shm->name, key, deed(ask->what),
		    gs_offence_count(meta.offence), ask->caller.uid, (int)ask->caller.pid);
	return 0;
}

int
reapers_answer(struct manager *m, struct reapers_ask *ask, FILE *to)
{
	if (ask->verb == GS_VERB_SUSPECTS)
		return answer_list(m, ask, to);
	return ask->verb == GS_VERB_LEASE ? answer_lease(m, ask, to) : answer_verdict(m, ask, to);
}

int
reapers_begin(struct manager *m, const struct tree_request *r, uint64_t holder, struct reapers_ask **out, FILE *to)
{
	struct reapers_ask *ask = calloc(1, sizeof(*ask));
	int rc;

	*out = ask;
	if (ask == NULL)
		return GS_ENOMEM;
	ask->verb = r->verb;
	ask->caller = r->caller;
	ask->holder = holder;
	rc = take(m, r, ask, to);
	return rc == 0 ? reapers_answer(m, ask, to) : rc;
}

void
reapers_let_go(struct manager *m, uint64_t holder)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		suspects_let_go(m->tables[i].suspects, holder);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/shown.h"
#include "daemon/suspects_impl.h"
#include "policy/quota.h"
#include "shm/namespaces.h"

static const char *const state_names[SUSPECTS_STATES] = {
	[SUSPECTS_HELD] = "held",
	[SUSPECTS_SLOW] = "slow",
	[SUSPECTS_REPORTED] = "reported",
	[SUSPECTS_LISTED] = "listed",
	[SUSPECTS_LEASED] = "leased",
};

/* ---- showing ---- */

/* What follows the key of a line. */
static void
print_rest(const struct suspect *e, const struct gs_meta *meta, uint64_t now_ms, FILE *to)
{
	(void)fprintf(to, " %.2f/s %" PRIu32 " %" PRIu64 " %s\n", gs_quota_rate_per_s(meta->rate_code), e->offences,
	    gs_sub_sat(now_ms, e->since_ms), state_names[e->state]);
}

/* A key of another namespace than the default one is shown, and asked for, as NAMESPACE/KEY. */
static void
print_namespace(const struct suspects *s, const struct gs_meta *meta, FILE *to)
{
	char ns[GS_RING_NAME_BYTES];

	gs_namespaces_name(s->t, meta->ns, ns);
	if (ns[0] != '\0')
		(void)fprintf(to, "%s/", ns);
}

void
suspects_print(struct suspects *s, uint64_t now_ms, bool is_whole, FILE *to)
{
	char key[SHOWN_KEY_BYTES];
	struct gs_meta meta;

	for (uint32_t i = 0; s != NULL && i < s->n; i++) {
		if (!suspects_look_again(s, &s->list[i], now_ms, &meta))
			continue;
		print_namespace(s, &meta, to);
		(void)fputs(shown_key(key, meta.key, meta.key_len, meta.hash, is_whole), to);
		print_rest(&s->list[i], &meta, now_ms, to);
	}
}

uint64_t
suspects_revision(const struct suspects *s)
{
	return s == NULL ? 0 : s->revision;
}

size_t
suspects_count(const struct suspects *s)
{
	return s == NULL ? 0 : s->n - s->n_gone;
}

/* ---- lending ---- */

static bool
may_be_lent(const struct suspects *s, const struct suspect *e, const struct suspects_wish *w, uint64_t now_ms)
{
	if (e->ordinal == SUSPECTS_GONE || suspects_is_held(e, now_ms) || now_ms < e->quiet_until_ms)
		return false;
	return w->min_offences == GS_WIRE_LISTED ? suspects_free_state(s, e, now_ms) == SUSPECTS_LISTED : e->offences >= w->min_offences;
}

/* The rate is that of this moment, by its slot: nobody tells when it changes. */
static bool
is_fast_enough(const struct gs_meta *meta, const struct suspects_wish *w)
{
	return w->min_rate_per_h == 0 || gs_quota_rate_per_s(meta->rate_code) * 3600 >= (double)w->min_rate_per_h;
}

size_t
suspects_lend(struct suspects *s, const struct suspects_wish *w, uint64_t now_ms, FILE *to)
{
	char key[SHOWN_KEY_BYTES];
	struct gs_meta meta;
	uint32_t n = 0;

	assert(w->holder != 0);
	for (uint32_t i = 0; s != NULL && i < s->n && n < w->n; i++) {
		struct suspect *e = &s->list[i];

		if (!may_be_lent(s, e, w, now_ms) || !suspects_look_again(s, e, now_ms, &meta) || !may_be_lent(s, e, w, now_ms) ||
		    !is_fast_enough(&meta, w))
			continue;
		(void)fprintf(to, "%" PRIu64 " ", e->serial);
		print_namespace(s, &meta, to);
		(void)fputs(shown_key(key, meta.key, meta.key_len, meta.hash, true), to);
		print_rest(e, &meta, now_ms, to);
		e->holder = w->holder;
		e->lease_until_ms = gs_add_sat(now_ms, w->lease_ms);
		e->state = SUSPECTS_LEASED;
		s->revision++;
		n++;
	}
	return n;
}

void
suspects_let_go(struct suspects *s, uint64_t holder)
{
	for (uint32_t i = 0; s != NULL && i < s->n; i++) {
		if (s->list[i].holder != holder)
			continue;
		s->list[i].lease_until_ms = s->list[i].holder = 0;
		s->revision++;
	}
}

/* ---- verdicts ---- */

/* The key that a verdict is about: as print_namespace shows it. */
static int
key_of(const struct suspects *s, const struct suspects_verdict *v, struct gs_key *out)
{
	const char *key = v->key, *slash = memchr(key, '/', v->key_len);
	char ns[GS_RING_NAME_BYTES] = "";
	int id = 0;

	if (slash != NULL && (size_t)(slash - key) < sizeof(ns)) {
		memcpy(ns, key, (size_t)(slash - key));
		id = gs_namespaces_find(s->t, ns);
	}
	return id <= 0 ? gs_key_init(s->t, out, key, v->key_len) :
	    gs_key_init_in(s->t, out, (uint32_t)id, slash + 1, v->key_len - (size_t)(slash + 1 - key));
}

/* End or pardon the session of the key, if it is the one that was lent; e: that one, or NULL. */
static int
do_verdict(struct suspects *s, const struct suspects_verdict *v, struct suspect *e, uint64_t now_ms, struct gs_meta *meta)
{
	struct gs_ending how = { .kind = GS_TOMB_FINAL, .event = GS_EVENT_EXPELLED, .reason = v->v.id == 0 ? GS_REASON_OPERATOR : GS_REASON_REAPER };
	struct gs_key k;
	int rc = key_of(s, v, &k);

	if (rc < 0)
		return GS_EINVAL;
	rc = (int)gs_kv_get(s->t, s->c, &k, now_ms, NULL, 0, GS_KV_INSPECT, meta);
	/* A key that was given up leads nowhere any more: it is judged itself. */
	if (rc == GS_ESTALE && e != NULL && suspects_look_again(s, e, now_ms, meta))
		rc = 0;
	if (rc < 0 && rc != GS_ERANGE)
		return rc;
	if (e != NULL && meta->birth != e->birth)
		return GS_ENOENT;
	how.birth = meta->birth;
	if (v->v.what == GS_JUDGE_EXPEL)
		return gs_kv_end(s->t, s->c, &k, now_ms, &how);
	return gs_kv_pardon(s->t, s->c, &k, now_ms, meta->birth);
}

static int
leave_alone(struct suspects *s, struct suspect *e, uint32_t quiet_ms, uint64_t now_ms, struct gs_meta *meta)
{
	e->quiet_until_ms = gs_add_sat(now_ms, quiet_ms);
	e->holder = 0;
	return suspects_look_again(s, e, now_ms, meta) ? 0 : GS_ENOENT;
}

/* The list follows at once, so that who looks next does not see a suspect who is none. */
static void
follow_verdict(struct suspects *s, const struct gs_meta *was, uint64_t now_ms)
{
	uint32_t place = suspects_find_ordinal(s, was->ordinal);
	struct gs_meta meta;

	if (place == SUSPECTS_NOT_FOUND || s->list[place].birth != was->birth)
		return;
	/* One that is pardoned and offends anew is anybody's. */
	s->list[place].holder = 0;
	(void)suspects_look_again(s, &s->list[place], now_ms, &meta);
}

int
suspects_judge(struct suspects *s, const struct suspects_verdict *v, uint64_t now_ms, struct gs_meta *meta)
{
	struct suspect *e = NULL;
	uint32_t place;
	int rc;

	if (v->v.id != 0) {
		place = suspects_find_serial(s, v->v.id);
		if (place == SUSPECTS_NOT_FOUND)
			return GS_ENOENT;
		e = &s->list[place];
		if (e->holder != v->holder || !suspects_is_held(e, now_ms))
			return GS_ESTALE;
	}
	if (v->v.what == GS_JUDGE_LEAVE)
		return e == NULL ? GS_EINVAL : leave_alone(s, e, v->v.quiet_ms, now_ms, meta);
	rc = do_verdict(s, v, e, now_ms, meta);
	if (rc == 0)
		follow_verdict(s, meta, now_ms);
	return rc;
}

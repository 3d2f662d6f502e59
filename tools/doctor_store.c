/* SPDX-License-Identifier: BSD-2-Clause */
/* Are the rings full, are values too long, and is somebody there for the suspects. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "suspect.h"

enum { FILLING_PERCENT = 90, NEAR_PERCENT = 95, PATH_BYTES = 160, MEND_BYTES = 256, RECORD_MOST = 65000, KIB = 1024 };

/* Go through the tables; NULL at the end. */
static struct doctor_table *
next_table(struct doctor *d, size_t *i)
{
	return d->has_live && *i < d->live.n_tables ? &d->tables[(*i)++] : NULL;
}

static char *
ring_path(char out[PATH_BYTES], const struct doctor_table *t, const struct doctor_ring *r)
{
	(void)snprintf(out, PATH_BYTES, "%s/rings/%s", t->conf->name, r->conf->name);
	return out;
}

static bool
is_over(uint64_t n, uint64_t of, unsigned percent)
{
	return of > 0 && n * 100 >= of * percent;
}

/*
 * More room for a ring: half as much again where the index has it, else less time in it. The suspects stay until they are
 * pardoned, so that of their ring less time is no way.
 */
static char *
more_room(char out[MEND_BYTES], const struct doctor_table *t, const struct doctor_ring *r)
{
	uint64_t taken = 0, want = r->conf->capacity + r->conf->capacity / 2 + 1, left;
	char path[PATH_BYTES];

	for (size_t i = 0; i < t->conf->n_rings; i++)
		taken += t->conf->rings[i].capacity + t->conf->rings[i].reserve;
	left = t->conf->max_sessions > taken ? t->conf->max_sessions - taken : 0;
	if (want > r->conf->capacity + left)
		want = r->conf->capacity + left;
	(void)ring_path(path, t, r);
	if (r->conf->is_suspect || !is_over(r->count, want, FILLING_PERCENT))
		(void)snprintf(out, MEND_BYTES, "$G set %s/capacity %llu", path, (unsigned long long)want);
	else
		(void)snprintf(out, MEND_BYTES, "$G set %s/ttl %llus", path, (unsigned long long)(r->conf->ttl_ms / 2000 + 1));
	return out;
}

static bool
is_refusing(const struct doctor_ring *r)
{
	return r->is_outermost && r->conf->on_full == GS_CONF_ON_FULL_REFUSE && r->count >= r->conf->capacity;
}

void
doctor_ring_refuses(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], of[DOCTOR_WORD_BYTES], refused[DOCTOR_WORD_BYTES], path[PATH_BYTES], mend[MEND_BYTES];
	struct doctor_table *t;

	for (size_t i = 0, k; (t = next_table(d, &i)) != NULL;)
		for (k = 0; k < t->conf->n_rings; k++)
			if (is_refusing(&t->rings[k]))
				doctor_find(d, t->rings[k].conf->name, doctor_number(n, t->rings[k].count),
				    doctor_number(of, t->rings[k].conf->capacity), doctor_number(refused, doctor_counter(t->stats, "enospc")),
				    ring_path(path, t, &t->rings[k]), more_room(mend, t, &t->rings[k]), NULL);
}

/* What happens to whom when nobody can move outwards any more. */
static const char *
when_full(const struct doctor_ring *r)
{
	switch (r->conf->on_full) {
	case GS_CONF_ON_FULL_EXPIRED:
		return "puts fail where nothing in it is over";
	case GS_CONF_ON_FULL_ONESHOT:
		return "sessions of one access and no class are ended";
	case GS_CONF_ON_FULL_ANONYMOUS:
		return "anonymous sessions are ended";
	default:
		return "puts fail";
	}
}

void
doctor_ring_filling(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], of[DOCTOR_WORD_BYTES], path[PATH_BYTES], mend[MEND_BYTES];
	struct doctor_table *t;

	for (size_t i = 0, k; (t = next_table(d, &i)) != NULL;)
		for (k = 0; k < t->conf->n_rings; k++) {
			const struct doctor_ring *r = &t->rings[k];

			if (r->is_outermost && !is_refusing(r) && is_over(r->count, r->conf->capacity, FILLING_PERCENT))
				doctor_find(d, r->conf->name, doctor_number(n, r->count), doctor_number(of, r->conf->capacity),
				    when_full(r), ring_path(path, t, r), more_room(mend, t, r), NULL);
		}
}

void
doctor_reserve_used(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], of[DOCTOR_WORD_BYTES], path[PATH_BYTES], mend[MEND_BYTES];
	struct doctor_table *t;

	for (size_t i = 0, k; (t = next_table(d, &i)) != NULL;)
		for (k = 0; k < t->conf->n_rings; k++) {
			const struct doctor_ring *r = &t->rings[k];

			if (r->conf->state == GS_CONF_STATE_ON && !is_refusing(r) && r->count > r->conf->capacity)
				doctor_find(d, r->conf->name, doctor_number(n, r->count), doctor_number(of, r->conf->capacity),
				    ring_path(path, t, r), more_room(mend, t, r), NULL);
		}
}

void
doctor_suspects_full(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], of[DOCTOR_WORD_BYTES], path[PATH_BYTES], mend[MEND_BYTES];
	struct doctor_table *t;

	for (size_t i = 0, k; (t = next_table(d, &i)) != NULL;)
		for (k = 0; k < t->conf->n_rings; k++) {
			const struct doctor_ring *r = &t->rings[k];

			if (r->conf->is_suspect && is_over(r->count, r->conf->capacity, FILLING_PERCENT))
				doctor_find(d, ring_path(path, t, r), doctor_number(n, r->count), doctor_number(of, r->conf->capacity),
				    more_room(mend, t, r), NULL);
		}
}

/* ---- values ---- */

/* A record_size that has room for a value, and some more. */
static uint64_t
room_for(uint64_t bytes)
{
	uint64_t kib = (bytes + bytes / 4 + KIB - 1) / KIB * KIB;

	return kib < RECORD_MOST ? kib : RECORD_MOST;
}

static const char *
conf_path(const struct doctor *d)
{
	return d->conf_path[0] == '\0' ? GS_CONF_PATH : d->conf_path;
}

void
doctor_value_too_long(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], is[DOCTOR_WORD_BYTES], had[DOCTOR_WORD_BYTES], want[DOCTOR_WORD_BYTES];
	struct doctor_table *t;

	for (size_t i = 0; (t = next_table(d, &i)) != NULL;) {
		uint64_t refused = doctor_counter(t->stats, "efbig"), largest = doctor_counter(t->stats, "largest_value");

		if (refused > 0 && largest > t->conf->record_size)
			doctor_find(d, t->conf->name, doctor_number(n, refused), doctor_number(is, t->conf->record_size),
			    doctor_number(had, largest), conf_path(d), doctor_number(want, room_for(largest)), NULL);
	}
}

void
doctor_value_near_limit(struct doctor *d)
{
	char is[DOCTOR_WORD_BYTES], had[DOCTOR_WORD_BYTES], want[DOCTOR_WORD_BYTES];
	struct doctor_table *t;

	for (size_t i = 0; (t = next_table(d, &i)) != NULL;) {
		uint64_t largest = doctor_counter(t->stats, "largest_value");

		if (largest <= t->conf->record_size && is_over(largest, t->conf->record_size, NEAR_PERCENT))
			doctor_find(d, t->conf->name, doctor_number(is, t->conf->record_size), doctor_number(had, largest), conf_path(d),
			    doctor_number(want, room_for(largest)), NULL);
	}
}

void
doctor_damage(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES];
	struct doctor_table *t;

	for (size_t i = 0; (t = next_table(d, &i)) != NULL;) {
		uint64_t corrupt = doctor_counter(t->stats, "corrupt");

		if (corrupt > 0)
			doctor_find(d, t->conf->name, doctor_number(n, corrupt), NULL);
	}
}

/* ---- suspects ---- */

static uint64_t
count_suspects(const struct doctor_table *t, const char *state)
{
	struct suspect s;
	uint64_t n = 0;

	for (const char *at = t->suspects; at != NULL && suspect_next(&at, &s);)
		n += strcmp(s.state, state) == 0;
	return n;
}

void
doctor_reaper_missing(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES], offences[DOCTOR_WORD_BYTES];
	struct doctor_table *t;

	for (size_t i = 0; !d->has_reaper && (t = next_table(d, &i)) != NULL;) {
		uint64_t listed = count_suspects(t, "listed");

		if (listed > 0)
			doctor_find(d, t->conf->name, doctor_number(n, listed), doctor_number(offences, t->conf->quota.expel_after), NULL);
	}
}

void
doctor_quota_reports(struct doctor *d)
{
	char n[DOCTOR_WORD_BYTES];
	struct doctor_table *t;

	for (size_t i = 0; (t = next_table(d, &i)) != NULL;) {
		uint64_t reported = t->conf->quota.action == GS_CONF_REPORT ? count_suspects(t, "reported") : 0;

		if (reported > 0)
			doctor_find(d, t->conf->name, doctor_number(n, reported), NULL);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/conf_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/bits.h"
#include "gsession.h"

/* What a check of one table works on. */
struct check {
	struct gs_conf_table *t;
	struct gs_conf_fault *fault;
	char *why;
};

/* The setting of a ring, or of the table when r is NULL, as it would stand in a file. */
static char *
print_setting(const struct gs_conf_table *t, const struct gs_conf_ring *r, const char *key, char *out, size_t cap)
{
	const struct gs_conf_option *o = gs_conf_find(r != NULL ? GS_CONF_IN_RING : GS_CONF_IN_TABLE, key);
	const void *at = r != NULL ? (const void *)r : (const void *)t;
	char value[GS_CONF_TEXT_BYTES];

	gs_conf_get(o, at, value, sizeof(value));
	if (r != NULL)
		(void)snprintf(out, cap, "[ring %s/%s] %s = %s", t->name, r->name, key, value);
	else
		(void)snprintf(out, cap, "[table %s] %s = %s", t->name, key, value);
	return out;
}

/* Refuse a setting of ring r (NULL: of the table). */
static int __attribute__((format(printf, 5, 6)))
refuse(const struct check *k, int rc, const struct gs_conf_ring *r, const char *key, const char *fmt, ...)
{
	char setting[2 * GS_CONF_TEXT_BYTES], allowed[GS_CONF_WHY_BYTES / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(allowed, sizeof(allowed), fmt, ap);
	va_end(ap);
	k->fault->table = k->t;
	k->fault->at[0].ring = r;
	k->fault->at[0].key = key;
	return gs_conf_refuse(rc, k->why, "\"%s\": %s", print_setting(k->t, r, key, setting, sizeof(setting)), allowed);
}

/* A duration of a ring is at least that of the ring inside it. */
static int
check_grows(const struct check *k, size_t i, const char *key)
{
	const struct gs_conf_option *o = gs_conf_find(GS_CONF_IN_RING, key);
	const struct gs_conf_ring *inner = &k->t->rings[i - 1], *outer = &k->t->rings[i];
	const uint64_t *inner_ms = (const void *)((const char *)inner + o->offset);
	const uint64_t *outer_ms = (const void *)((const char *)outer + o->offset);
	char text[GS_CONF_TEXT_BYTES];

	if (*outer_ms >= *inner_ms)
		return GS_OK;
	k->fault->at[1].ring = inner;
	k->fault->at[1].key = key;
	gs_conf_get(o, inner, text, sizeof(text));
	return refuse(k, GS_ERANGE, outer, key, "at least %s, as in ring %s: %s does not shrink outwards", text, inner->name, key);
}

/* Each ring decays to the next, the last one to none. */
static int
check_chain(const struct check *k, size_t n)
{
	size_t i;

	if (strcmp(k->t->rings[0].name, "active") != 0)
		return refuse(k, GS_EINVAL, &k->t->rings[0], "decay_to", "the innermost ring is active");
	if (k->t->rings[0].state != GS_CONF_STATE_ON)
		return refuse(k, GS_EINVAL, &k->t->rings[0], "state", "on, as the innermost ring always is");
	for (i = 0; i < n; i++) {
		const struct gs_conf_ring *r = &k->t->rings[i];
		const char *next = i + 1 < n ? k->t->rings[i + 1].name : "none";

		if (strcmp(r->decay_to, next) != 0)
			return refuse(k, GS_EINVAL, r, "decay_to", "%s here, so that every ring is reached from active once", next);
	}
	return GS_OK;
}

/* A ring that is not on says where it belongs, and no chain of them leads back to it. */
static int
check_off(const struct check *k, size_t i)
{
	const struct gs_conf_ring *r = &k->t->rings[i];
	size_t next = i, hops;

	if (r->state == GS_CONF_STATE_ON)
		return refuse(k, GS_EINVAL, r, "state", "a ring that is on is one that decay_to leads to, beginning at active");
	for (hops = 0; hops < k->t->n_rings; hops++) {
		const char *to = k->t->rings[next].decay_to;

		next = gs_conf_ring(k->t, to);
		if (strcmp(to, "none") == 0)
			return GS_OK;
		if (next == k->t->n_rings || k->t->rings[next].is_suspect || next == i)
			return refuse(k, GS_EINVAL, r, "decay_to", "another ring of table %s that is not suspect and does not lead back here, or none",
			    k->t->name);
	}
	return GS_OK;
}

static int
check_suspect(const struct check *k, const struct gs_conf_ring *r)
{
	if (!r->is_suspect)
		return refuse(k, GS_EINVAL, r, "decay_to", "the last ring is suspect");
	if (r->state != GS_CONF_STATE_ON)
		return refuse(k, GS_EINVAL, r, "state", "on, as suspects always have a ring");
	if (r->ttl_ms != UINT64_MAX)
		return refuse(k, GS_ERANGE, r, "ttl", "max, as suspects do not leave by ttl");
	if (strcmp(r->decay_to, "none") != 0)
		return refuse(k, GS_EINVAL, r, "decay_to", "none, as suspects do not decay");
	return GS_OK;
}

/* The ring of the greatest capacity. */
static const struct gs_conf_ring *
find_greatest(const struct gs_conf_table *t)
{
	const struct gs_conf_ring *greatest = &t->rings[0];
	size_t i;

	for (i = 1; i < t->n_rings; i++)
		if (t->rings[i].capacity + t->rings[i].reserve > greatest->capacity + greatest->reserve)
			greatest = &t->rings[i];
	return greatest;
}

/* max_sessions, worked out when it is not given, holds what the rings hold. */
static int
check_max_sessions(const struct check *k)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < k->t->n_rings; i++)
		sum += k->t->rings[i].state == GS_CONF_STATE_OFF ? 0 : k->t->rings[i].capacity + k->t->rings[i].reserve;
	if (sum > GS_CONF_SESSIONS_MAX)
		return refuse(k, GS_ERANGE, find_greatest(k->t), "capacity",
		    "the rings would hold %" PRIu64 " together, at most %" PRIu64 " are possible", sum, GS_CONF_SESSIONS_MAX);
	if (k->t->max_sessions == 0)
		k->t->max_sessions = gs_min_u64(sum + gs_div_up(sum, 4), GS_CONF_SESSIONS_MAX);
	if (k->t->max_sessions < sum || k->t->max_sessions > GS_CONF_SESSIONS_MAX)
		return refuse(k, GS_ERANGE, NULL, "max_sessions", "from %" PRIu64 ", what the rings hold together, to %" PRIu64,
		    sum, GS_CONF_SESSIONS_MAX);
	return GS_OK;
}

/* Of an idle that is longer than the ttl nobody would see anything: an access is never before a put or touch. */
static int
check_class(const struct check *k, const struct gs_conf_class *c)
{
	const struct gs_conf_option *ttl = gs_conf_find(GS_CONF_IN_CLASS, "ttl"), *idle = gs_conf_find(GS_CONF_IN_CLASS, "idle");
	char ttl_text[GS_CONF_TEXT_BYTES], idle_text[GS_CONF_TEXT_BYTES];

	if (c->idle_ms == UINT64_MAX || c->idle_ms <= c->ttl_ms)
		return GS_OK;
	gs_conf_get(ttl, c, ttl_text, sizeof(ttl_text));
	gs_conf_get(idle, c, idle_text, sizeof(idle_text));
	k->fault->table = k->t;
	k->fault->at[0].of_class = k->fault->at[1].of_class = c;
	k->fault->at[0].key = "idle";
	k->fault->at[1].key = "ttl";
	return gs_conf_refuse(GS_ERANGE, k->why, "\"[class %s/%s] idle = %s\": max, or at most %s, its ttl", k->t->name, c->name, idle_text,
	    ttl_text);
}

/* A quota of a namespace is for one that is there. */
static int
check_overrides(const struct check *k)
{
	const struct gs_conf_overrides *all = &k->t->quota.overrides;
	size_t i;

	for (i = 0; i < all->n; i++) {
		if (all->at[i].kind != GS_CONF_OVERRIDE_NAMESPACE || gs_conf_namespace(k->t, all->at[i].name) < k->t->n_namespaces)
			continue;
		k->fault->table = k->t;
		k->fault->at[0].is_of_quota = true;
		k->fault->at[0].key = "overrides";
		return gs_conf_refuse(GS_ENOENT, k->why, "\"namespace %s\": there is no namespace of this name in table %s", all->at[i].name,
		    k->t->name);
	}
	return GS_OK;
}

static int
check_table(const struct check *k)
{
	size_t i, n_chain = gs_conf_chain(k->t), n_last = k->t->n_rings - 1;
	int rc;

	assert(k->t->n_rings >= 2 && k->t->n_rings <= GS_CONF_RINGS);
	rc = check_suspect(k, &k->t->rings[n_last]);
	if (rc == GS_OK)
		rc = check_chain(k, n_chain);
	for (i = 0; i < k->t->n_classes && rc == GS_OK; i++)
		rc = check_class(k, &k->t->classes[i]);
	if (rc == GS_OK)
		rc = check_overrides(k);
	for (i = n_chain; i < n_last && rc == GS_OK; i++)
		rc = check_off(k, i);
	for (i = 1; i < n_chain && rc == GS_OK; i++) {
		rc = check_grows(k, i, "ttl");
		if (rc == GS_OK)
			rc = check_grows(k, i, "half_life");
	}
	return rc == GS_OK ? check_max_sessions(k) : rc;
}

/* A table's records may hang on those of one before it, which hang on none; they go with the memory. */
static int
check_parent(const struct check *k, const struct gs_conf *c)
{
	const struct gs_conf_table *p;

	if (k->t->parent[0] == '\0')
		return GS_OK;
	for (p = c->tables; p < k->t && strcmp(p->name, k->t->parent) != 0; p++)
		continue;
	if (p == k->t)
		return refuse(k, GS_EINVAL, NULL, "parent", "a table that stands before this one");
	if (p->parent[0] != '\0')
		return refuse(k, GS_EINVAL, NULL, "parent", "a table that has no parent itself");
	for (size_t i = 0; i < k->t->n_rings; i++) {
		struct gs_conf_ring *r = &k->t->rings[i];

		if (strncmp(r->store, "file:", 5) == 0)
			return refuse(k, GS_EINVAL, r, "store", "shm, as tokens go with the memory");
		(void)strcpy(r->store, "shm");
	}
	return GS_OK;
}

int
gs_conf_check_at(struct gs_conf *c, struct gs_conf_fault *fault, char why[GS_CONF_WHY_BYTES])
{
	size_t i;
	int rc;

	(void)memset(fault, 0, sizeof(*fault));
	for (i = 0; i < c->n_tables; i++) {
		struct check k = { &c->tables[i], fault, why };

		rc = check_table(&k);
		if (rc == GS_OK)
			rc = check_parent(&k, c);
		if (rc < 0)
			return rc;
	}
	return GS_OK;
}

int
gs_conf_check(struct gs_conf *c, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_fault fault;

	return gs_conf_check_at(c, &fault, why);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/quota.h"

#include <string.h>

#include "base/atomic.h"
#include "base/glob.h"
#include "shm/namespaces.h"

_Static_assert((int)GS_QUOTA_OFFENCES_MAX == (int)GS_OFFENCES_MAX, "offences stick where their bits end");

static void
load_pattern(const struct gs_quota_cfg *q, uint32_t i, uint64_t word[GS_QUOTA_PATTERN_BYTES / 8])
{
	for (size_t w = 0; w < GS_QUOTA_PATTERN_BYTES / 8; w++)
		word[w] = atomic_load_explicit(&q->exempt[i * (GS_QUOTA_PATTERN_BYTES / 8) + w], memory_order_relaxed);
}

/* The id of a namespace by a name of so many bytes; 0, whose sessions no override of a namespace is about: there is none. */
static uint32_t
namespace_of(const struct gs_table *t, const unsigned char *name, size_t len)
{
	char text[GS_RING_NAME_BYTES] = "";
	int id;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, name, len);
	id = gs_namespaces_find(t, text);
	return id < 0 ? 0 : (uint32_t)id;
}

/* Of a key; NAMESPACE/KEY is one of another namespace, and where there is none of this name a key of the default one. */
static uint64_t
hash_of_key(const struct gs_table *t, const unsigned char *name, uint32_t len)
{
	const unsigned char *slash = memchr(name, '/', len);
	uint32_t ns = slash == NULL ? 0 : namespace_of(t, name, (size_t)(slash - name));

	return ns == 0 ? gs_key_hash(t, 0, name, len) : gs_key_hash(t, ns, slash + 1, len - (size_t)(slash + 1 - name));
}

static void
set_override(struct gs_table *t, struct gs_quota_override *o, enum gs_quota_whose whose, const unsigned char *name, uint32_t len)
{
	uint64_t hash = whose == GS_QUOTA_OF_KEY ? hash_of_key(t, name, len) : whose == GS_QUOTA_OF_OWNER ? gs_key_hash(t, 0, name, len) :
	    namespace_of(t, name, len);

	atomic_store_explicit(&o->hash, hash, memory_order_relaxed);
	atomic_store_explicit(&o->whose, (uint32_t)whose, memory_order_relaxed);
}

bool
gs_quota_exempts_others(const struct gs_table *t, const struct gs_quota_rules *rules)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	uint64_t word[GS_QUOTA_PATTERN_BYTES / 8];

	if (atomic_load_explicit(&q->n_exempt, memory_order_relaxed) != rules->n_exempt)
		return true;
	for (uint32_t i = 0; i < rules->n_exempt; i++) {
		load_pattern(q, i, word);
		if (memcmp(word, rules->exempt[i], sizeof(word)) != 0)
			return true;
	}
	return false;
}

static void
set_pattern(_Atomic uint64_t to[GS_QUOTA_PATTERN_BYTES / 8], const char from[GS_QUOTA_PATTERN_BYTES])
{
	uint64_t word[GS_QUOTA_PATTERN_BYTES / 8];

	memcpy(word, from, sizeof(word));
	for (size_t i = 0; i < GS_QUOTA_PATTERN_BYTES / 8; i++)
		atomic_store_explicit(&to[i], word[i], memory_order_relaxed);
}

void
gs_quota_apply(struct gs_table *t, const struct gs_quota_rules *rules)
{
	struct gs_quota_cfg *q = &t->ctl->quota;
	uint32_t turn = atomic_load_explicit(&q->turn, memory_order_relaxed) | 1;

	/* relaxed, these; each is a rule on its own, and a limit is one word */
	atomic_store_explicit(&q->limit, rules->limit, memory_order_relaxed);
	atomic_store_explicit(&q->hold_ms, rules->hold_ms, memory_order_relaxed);
	atomic_store_explicit(&q->release_ms, rules->release_ms, memory_order_relaxed);
	atomic_store_explicit(&q->action, rules->action, memory_order_relaxed);
	atomic_store_explicit(&q->is_strict, rules->is_strict ? 1 : 0, memory_order_relaxed);
	atomic_store_explicit(&q->expel_after, rules->expel_after, memory_order_relaxed);
	atomic_store_explicit(&q->turn, turn, memory_order_relaxed);
	gs_fence_release();	/* pairs with the acquire fence in has_turned: who sees an override or a pattern of ours sees the turn */
	for (uint32_t i = 0; i < rules->n_overrides; i++) {
		set_override(t, &q->override[i], rules->override[i].whose, rules->override[i].name, rules->override[i].name_len);
		atomic_store_explicit(&q->override[i].limit, rules->override[i].limit, memory_order_relaxed);
	}
	atomic_store_explicit(&q->n_overrides, rules->n_overrides, memory_order_relaxed);
	for (uint32_t i = 0; i < rules->n_exempt; i++)
		set_pattern(&q->exempt[i * (GS_QUOTA_PATTERN_BYTES / 8)], rules->exempt[i]);
	atomic_store_explicit(&q->n_exempt, rules->n_exempt, memory_order_relaxed);
	/* release; pairs with the acquire in find_override and gs_quota_is_exempt */
	atomic_store_explicit(&q->turn, turn + 1, memory_order_release);
}

/* Behind what was read since `turn` was: was it being changed? */
static bool
has_turned(const struct gs_quota_cfg *q, uint32_t turn)
{
	gs_fence_acquire();	/* pairs with the release fence in gs_quota_apply */
	return (turn & 1) != 0 || atomic_load_explicit(&q->turn, memory_order_relaxed) != turn;
}

bool
gs_quota_is_exempt(const struct gs_table *t, const void *key, uint32_t key_len)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	/* acquire; pairs with the release in gs_quota_apply */
	uint32_t turn = atomic_load_explicit(&q->turn, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&q->n_exempt, memory_order_relaxed);
	uint64_t word[GS_QUOTA_PATTERN_BYTES / 8 + 1] = { 0 };	/* a NUL behind it, whatever it says */
	bool matches = false;

	for (uint32_t i = 0; i < n && i < GS_QUOTA_EXEMPT && !matches; i++) {
		load_pattern(q, i, word);
		matches = gs_glob_matches((const char *)word, key, key_len);
	}
	/* A daemon that was killed while changing them will do it again; meanwhile nobody is accused. */
	return n != 0 && (matches || has_turned(q, turn));
}

/* The place of a hash in the overrides, or n. */
static uint32_t
find(const struct gs_quota_cfg *q, uint32_t n, enum gs_quota_whose whose, uint64_t hash)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (atomic_load_explicit(&q->override[i].hash, memory_order_relaxed) == hash &&
		    atomic_load_explicit(&q->override[i].whose, memory_order_relaxed) == (uint32_t)whose)
			break;
	return i;
}

/* The limit of an override about the session, or of the table. *is_whole: nobody was changing them. */
static uint64_t
find_override(const struct gs_table *t, uint64_t hash, uint32_t ns, uint64_t owner, bool *is_whole)
{
	const struct gs_quota_cfg *q = &t->ctl->quota;
	/* acquire; pairs with the release in gs_quota_apply */
	uint32_t turn = atomic_load_explicit(&q->turn, memory_order_acquire);
	uint32_t n = atomic_load_explicit(&q->n_overrides, memory_order_relaxed), i;
	uint64_t limit = gs_quota_table_limit(t);

	if (n > GS_QUOTA_OVERRIDES)
		n = GS_QUOTA_OVERRIDES;
	i = find(q, n, GS_QUOTA_OF_KEY, hash);
	if (i == n && owner != 0)
		i = find(q, n, GS_QUOTA_OF_OWNER, owner);
	if (i == n && ns != 0)
		i = find(q, n, GS_QUOTA_OF_NAMESPACE, ns);
	if (i < n)
		limit = atomic_load_explicit(&q->override[i].limit, memory_order_relaxed);
	*is_whole = !has_turned(q, turn);
	return limit;
}

uint64_t
gs_quota_find(const struct gs_table *t, const struct gs_quota_whom *whom)
{
	bool is_whole;
	uint64_t limit;

	if (!gs_quota_has_overrides(t))
		return gs_quota_table_limit(t);
	limit = find_override(t, whom->hash, whom->ns, whom->owner_len > 0 ? gs_key_hash(t, 0, whom->owner, whom->owner_len) : 0, &is_whole);
	/* A daemon that was killed while changing them will do it again; meanwhile nobody is charged. */
	return is_whole ? limit : GS_QUOTA_FREE;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/event.h"

#include <string.h>

#include "base/atomic.h"

enum {
	COPY_FROM = offsetof(struct gs_event_cell, sum),
	DATA_FROM = offsetof(struct gs_event_cell, data),
	/* A reader that was overtaken goes on so far behind the last, or it would be overtaken again at once. */
	SAFE_LAG = GS_EVENT_CELLS - GS_EVENT_CELLS / 8,
};

/* ---- names ---- */

#define NAME_ROW(name, number, text, meaning) [number] = (text),
static const char *const kind_names[] = { GS_EVENT_TABLE(NAME_ROW) };
static const char *const reason_names[] = { GS_REASON_TABLE(NAME_ROW) };

enum { KINDS = sizeof(kind_names) / sizeof(kind_names[0]), REASONS = sizeof(reason_names) / sizeof(reason_names[0]) };

const char *
gs_event_name(uint32_t kind)
{
	return kind < KINDS ? kind_names[kind] : "unknown";
}

const char *
gs_reason_name(uint32_t reason)
{
	return reason < REASONS ? reason_names[reason] : "unknown";
}

/* ---- telling ---- */

static uint32_t
used_bytes(uint32_t key_len, uint32_t owner_len)
{
	return DATA_FROM + (uint32_t)gs_align_up(key_len, 8) + (uint32_t)gs_align_up(owner_len, 8);
}

/*
 * The sum of an event of `used` bytes: of its words from sum on, itself taken as 0. A word that is another's makes another
 * sum, but for one time in 2^32. Not a crc: it is computed at every start and end of a session.
 */
static uint32_t
sum_of(const struct gs_event_cell *e, uint32_t used, uint64_t revision)
{
	const unsigned char *p = (const unsigned char *)e + COPY_FROM, *end = (const unsigned char *)e + used;
	uint64_t h = revision, word, mask = ~UINT64_C(0xffffffff);

	for (; p < end; p += sizeof(word), mask = UINT64_MAX) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ (word & mask)) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

static uint8_t
ring_byte(uint32_t ring)
{
	return ring < GS_MAX_RINGS ? (uint8_t)ring : GS_EVENT_NO_RING;
}

/* Padded with zeros. */
static void
fill_bytes(unsigned char *to, const void *from, uint32_t n)
{
	if (n == 0)
		return;
	memset(to + (n - 1) / 8 * 8, 0, 8);
	memcpy(to, from, n);
}

/* The cell as it is to be, but for stamp and sum. Returns how many bytes of it are used. */
static uint32_t
fill(struct gs_event_cell *out, const struct gs_ctx *c, const struct gs_turn *turn)
{
	unsigned char *data = (unsigned char *)out->data;
	uint32_t owner_off = (uint32_t)gs_align_up(turn->key_len, 8), used = used_bytes(turn->key_len, turn->owner_len);

	out->kind = (uint8_t)turn->kind;
	out->reason = (uint8_t)turn->reason;
	out->from = ring_byte(turn->from);
	out->to = ring_byte(turn->to);
	out->at_ms = turn->now_ms;
	out->hash = turn->hash;
	out->version = turn->version;
	out->pid = c->pid;
	out->uid = c->uid;
	out->count = turn->count == 0 ? 1 : turn->count;
	out->ns = (uint16_t)turn->ns;
	out->key_len = (uint8_t)turn->key_len;
	out->owner_len = (uint8_t)turn->owner_len;
	out->pad = 0;
	fill_bytes(data, turn->key, turn->key_len);
	fill_bytes(data + owner_off, turn->owner, turn->owner_len);
	return used;
}

/* Make a cell ours. False when somebody has it who came a lap later: our event is lost, as if he had come after it. */
static bool
take_cell(struct gs_event_cell *cell, uint64_t mine)
{
	uint64_t seen = atomic_load_explicit(&cell->stamp, memory_order_relaxed);

	do {
		if (seen >= mine)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&cell->stamp, &seen, mine, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
gs_event_tell(struct gs_table *t, const struct gs_ctx *c, const struct gs_turn *turn)
{
	struct gs_event_cell draft, *cell;
	uint64_t revision, mine;
	uint32_t used;

	if (c->is_reader || turn->key_len > GS_KEY_BYTES || turn->owner_len > GS_OWNER_BYTES)
		return;
	used = fill(&draft, c, turn);
	revision = atomic_fetch_add_explicit(&t->evt->told, 1, memory_order_relaxed) + 1;
	cell = &t->events[revision % GS_EVENT_CELLS];
	draft.sum = sum_of(&draft, used, revision);
	mine = gs_stamp(revision, 0);
	if (!take_cell(cell, mine))
		return;
	/* Pairs with the fence in copy_cell: who sees a byte of ours sees that the cell was taken. */
	gs_fence_release();
	gs_racy_store((unsigned char *)cell + COPY_FROM, (const unsigned char *)&draft + COPY_FROM, used - COPY_FROM);
	/* release; pairs with the acquire in copy_cell: who sees it done sees the bytes.  Not if a later one has taken the cell. */
	(void)atomic_compare_exchange_strong_explicit(&cell->stamp, &mine, gs_stamp(revision, 1), memory_order_release, memory_order_relaxed);
	/* Our next is likely to be the next of all, in lines that were written a lap ago. */
	cell = &t->events[(revision + 1) % GS_EVENT_CELLS];
	gs_prefetch_write(cell);
	gs_prefetch_write(cell->data);
}

/* Has this second room for another event of this kind of thing? */
static bool
may_tell(struct gs_event_gate *g, uint64_t hash, uint64_t now_ms)
{
	uint64_t second = now_ms / 1000;

	if (g->second != second) {
		g->second = second;
		g->n = 0;
	}
	for (uint32_t i = 0; i < g->n; i++)
		if (g->hash[i] == hash)
			return false;
	if (g->n == GS_EVENT_OFTEN)
		return false;
	g->hash[g->n++] = hash;
	return true;
}

void
gs_event_tell_seldom(struct gs_table *t, struct gs_ctx *c, const struct gs_turn *turn)
{
	struct gs_turn all = *turn;

	all.count = (uint32_t)gs_min_u64((uint64_t)c->gate.untold + (turn->count == 0 ? 1 : turn->count), UINT32_MAX);
	if (!may_tell(&c->gate, turn->hash, turn->now_ms)) {
		c->gate.untold = all.count;
		return;
	}
	c->gate.untold = 0;
	gs_event_tell(t, c, &all);
}

/* ---- reading ---- */

enum seen { SEEN_WHOLE, SEEN_UNFINISHED, SEEN_LOST };

static uint32_t
ring_of(const struct gs_table *t, uint8_t ring)
{
	return ring < t->n_rings ? ring : GS_RING_NONE;
}

/* What was copied, held against every bound. */
static bool
check(const struct gs_table *t, const struct gs_event_cell *e, uint64_t revision, struct gs_told *out)
{
	const unsigned char *data = (const unsigned char *)e->data;
	uint32_t key_len = e->key_len, owner_len = e->owner_len;

	if (owner_len > GS_OWNER_BYTES || e->kind >= KINDS || e->reason >= REASONS)
		return false;
	if (sum_of(e, used_bytes(key_len, owner_len), revision) != e->sum)
		return false;
	memset(out, 0, sizeof(*out));
	out->revision = revision;
	out->kind = e->kind;
	out->reason = e->reason;
	out->from = ring_of(t, e->from);
	out->to = ring_of(t, e->to);
	out->at_ms = e->at_ms;
	out->hash = e->hash;
	out->version = e->version;
	out->pid = e->pid;
	out->uid = e->uid;
	out->ns = e->ns;
	out->count = e->count;
	out->key_len = key_len;
	out->owner_len = owner_len;
	memcpy(out->key, data, key_len);
	memcpy(out->owner, data + gs_align_up(key_len, 8), owner_len);
	return true;
}

static enum seen
copy_cell(const struct gs_table *t, uint64_t revision, struct gs_told *out)
{
	const struct gs_event_cell *cell = &t->events[revision % GS_EVENT_CELLS];
	struct gs_event_cell copy;
	/* acquire; pairs with the release in gs_event_tell: what is done is written */
	uint64_t stamp = atomic_load_explicit(&cell->stamp, memory_order_acquire);

	if (gs_stamp_revision(stamp) > revision)
		return SEEN_LOST;
	if (stamp != gs_stamp(revision, 1))
		return SEEN_UNFINISHED;
	gs_racy_load((unsigned char *)&copy + COPY_FROM, (const unsigned char *)cell + COPY_FROM, sizeof(copy) - COPY_FROM);
	/* Pairs with the fence in gs_event_tell. */
	gs_fence_acquire();
	if (atomic_load_explicit(&cell->stamp, memory_order_relaxed) != stamp)
		return SEEN_LOST;
	return check(t, &copy, revision, out) ? SEEN_WHOLE : SEEN_LOST;
}

uint64_t
gs_event_last(const struct gs_table *t)
{
	return atomic_load_explicit(&t->evt->told, memory_order_relaxed);
}

uint64_t
gs_event_first(const struct gs_table *t)
{
	uint64_t last = gs_event_last(t);

	return last < GS_EVENT_CELLS ? 1 : last - GS_EVENT_CELLS + 1;
}

void
gs_event_begin(struct gs_event_cursor *cur, uint64_t revision)
{
	memset(cur, 0, sizeof(*cur));
	cur->next = revision + 1;
}

bool
gs_event_is_of(const struct gs_table *t, uint64_t revision, uint64_t hash)
{
	return __atomic_load_n(&t->events[revision % GS_EVENT_CELLS].hash, __ATOMIC_RELAXED) == hash;
}

int
gs_event_at(const struct gs_table *t, uint64_t revision, struct gs_told *out)
{
	return revision > 0 && copy_cell(t, revision, out) == SEEN_WHOLE;
}

/* Is what is not written yet given up? Its number was taken at seen_ms or before. */
static bool
is_given_up(struct gs_event_cursor *cur, uint64_t last, uint64_t now_ms)
{
	if (cur->next <= cur->seen)
		return now_ms >= gs_add_sat(cur->seen_ms, GS_EVENT_GRACE_MS);
	cur->seen = last;
	cur->seen_ms = now_ms;
	return false;
}

static int
tell_lost(const struct gs_event_cursor *cur, uint64_t n, uint64_t now_ms, struct gs_told *out)
{
	if (n == 0)
		return 0;
	memset(out, 0, sizeof(*out));
	out->revision = cur->next - 1;
	out->kind = GS_EVENT_LOST;
	out->from = out->to = GS_RING_NONE;
	out->at_ms = now_ms;
	out->count = n;
	return 1;
}

int
gs_event_next(const struct gs_table *t, struct gs_event_cursor *cur, uint64_t now_ms, struct gs_told *out)
{
	uint64_t last = gs_event_last(t), lost = 0;

	/* Damage: the numbers went back. */
	if (cur->next > last + 1)
		gs_event_begin(cur, last);
	cur->next = gs_max_u64(cur->next, 1);
	if (last - cur->next >= GS_EVENT_CELLS && last >= cur->next) {
		lost = last - SAFE_LAG + 1 - cur->next;
		cur->next += lost;
	}
	while (cur->next <= last) {
		switch (copy_cell(t, cur->next, out)) {
		case SEEN_WHOLE:
			/* What was lost before it is told first; it is read again. */
			if (lost > 0)
				return tell_lost(cur, lost, now_ms, out);
			cur->next++;
			return 1;
		case SEEN_UNFINISHED:
			if (!is_given_up(cur, last, now_ms))
				return tell_lost(cur, lost, now_ms, out);
			break;
		case SEEN_LOST:
			break;
		}
		cur->next++;
		lost++;
	}
	return tell_lost(cur, lost, now_ms, out);
}

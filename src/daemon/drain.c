/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/drain.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/events.h"
#include "daemon/shown.h"
#include "shm/namespaces.h"

enum {
	OWNER_TEXT_BYTES = 4 * GS_OWNER_BYTES + 1,
	WORDS_BYTES = 4096,		/* of a line behind its name */
};

#define REVISION_MOST (UINT64_MAX / 4)

static void
print_rings(FILE *to, const struct gs_table *t, const struct gs_told *e)
{
	if (e->from != GS_RING_NONE)
		(void)fprintf(to, " from=%.31s", t->ctl->ring[e->from].name);
	if (e->to != GS_RING_NONE)
		(void)fprintf(to, " to=%.31s", t->ctl->ring[e->to].name);
}

/* `key=value` pairs of an event. What the daemon did by itself has no pid. */
static void
print_words(FILE *to, const struct manager *m, const struct manager_table *mt, const struct gs_told *e)
{
	char key[SHOWN_KEY_BYTES], owner[OWNER_TEXT_BYTES], ns[GS_RING_NAME_BYTES];

	(void)fprintf(to, "table=%s", mt->shm->name);
	gs_namespaces_name(mt->shm, e->ns, ns);
	if (ns[0] != '\0')
		(void)fprintf(to, " namespace=%s", ns);
	if (e->key_len > 0)
		(void)fprintf(to, " key=%s", shown_key(key, e->key, e->key_len, e->hash, m->conf.log_keys));
	print_rings(to, mt->shm, e);
	if (e->reason != GS_REASON_NONE)
		(void)fprintf(to, " reason=%s", gs_reason_name(e->reason));
	if (e->owner_len > 0) {
		(void)gs_text_escape(owner, sizeof(owner), e->owner, e->owner_len);
		(void)fprintf(to, " owner=%s", owner);
	}
	if (e->count > 1)
		(void)fprintf(to, " count=%" PRIu64, e->count);
	if (e->pid != (uint32_t)getpid())
		(void)fprintf(to, " pid=%u uid=%u", e->pid, e->uid);
}

static void
log_event(struct manager *m, const struct manager_table *mt, const struct gs_told *e)
{
	struct events_what what = { .name = gs_event_name(e->kind), .count = e->count };
	char words[WORDS_BYTES];
	FILE *to;

	what.wall_ms = (int64_t)(e->at_ms + atomic_load_explicit(&mt->shm->ctl->wall_add_ms, memory_order_relaxed));
	if (e->kind == GS_EVENT_LOST) {
		events_add_lost(m->events, what.wall_ms, e->count, mt->shm->name);
		return;
	}
	to = fmemopen(words, sizeof(words), "w");
	if (to == NULL)
		return;
	print_words(to, m, mt, e);
	(void)fclose(to);
	events_add_as(m->events, &what, "%s", words);
}

/* Wake all that wait for something to have happened; they wait on mappings that they cannot write to. */
static void
ring_bell(struct gs_table *t)
{
	_Atomic uint32_t *bell = &t->ctl->bell;

	/* release; pairs with the acquire of who waits: he then sees what was told before */
	(void)atomic_fetch_add_explicit(bell, 1, memory_order_release);
	(void)syscall(SYS_futex, bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void
drain_table(struct manager *m, struct manager_table *mt)
{
	uint64_t last = gs_event_last(mt->shm), now_ms = gs_table_now_ms(mt->shm), was = mt->drain.next;
	struct gs_told e;

	if (last != mt->belled) {
		mt->belled = last;
		ring_bell(mt->shm);
	}
	for (uint32_t n = 0; n < DRAIN_LINES && gs_event_next(mt->shm, &mt->drain, now_ms, &e) == 1; n++)
		log_event(m, mt, &e);
	if (mt->drain.next != was)
		atomic_store_explicit(&mt->shm->evt->drained, mt->drain.next - 1, memory_order_relaxed);
	/* The daemon's own lines have numbers too, which no other is to be given by the next daemon. */
	if (atomic_load_explicit(&mt->shm->evt->logged, memory_order_relaxed) != events_revision(m->events))
		atomic_store_explicit(&mt->shm->evt->logged, events_revision(m->events), memory_order_relaxed);
}

void
drain_round(struct manager *m)
{
	for (size_t i = 0; i < m->conf.n_tables; i++)
		if (m->tables[i].shm != NULL)
			drain_table(m, &m->tables[i]);
}

void
drain_open(struct manager *m)
{
	uint64_t logged = 0;

	for (size_t i = 0; i < m->conf.n_tables; i++) {
		struct manager_table *mt = &m->tables[i];

		mt->belled = gs_event_last(mt->shm);
		gs_event_begin(&mt->drain, gs_min_u64(atomic_load_explicit(&mt->shm->evt->drained, memory_order_relaxed), mt->belled));
		logged = gs_max_u64(logged, atomic_load_explicit(&mt->shm->evt->logged, memory_order_relaxed));
	}
	/* A number that could not have been reached is damage. */
	if (logged <= REVISION_MOST)
		events_continue(m->events, logged);
}

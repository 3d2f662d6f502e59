/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/futex.h>
#include <sys/syscall.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/handle.h"
#include "lib/info.h"
#include "shm/namespaces.h"
#include "shm/event.h"

#define WATCH_MAGIC UINT64_C(0x7761746368313131)

enum {
	LOOK_AGAIN_MS = 100,		/* though no bell rings: the daemon may be dead, and others work on */
	TURN_BYTES = 256,		/* of a line of gs_why */
};

struct gs_watch {
	uint64_t magic;
	const struct gs *gs;
	struct gs_event_cursor at;
};

int
gs_watch_open(struct gs_watch **out, struct gs *gs, uint64_t after)
{
	uint64_t last = gs_event_last(gs->t);
	struct gs_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return GS_ENOMEM;
	w->magic = WATCH_MAGIC;
	w->gs = gs;
	gs_event_begin(&w->at, gs_min_u64(after, last));
	*out = w;
	return 0;
}

void
gs_watch_close(struct gs_watch **w)
{
	free(*w);
	*w = NULL;
}

static void
copy_ring(const struct gs_table *t, uint32_t ring, char out[GS_NAME_BYTES])
{
	if (ring != GS_RING_NONE)
		memcpy(out, t->ctl->ring[ring].name, GS_RING_NAME_BYTES - 1);
}

static void
fill_event(const struct gs *gs, const struct gs_told *e, struct gs_event *out)
{
	struct gs_now now;

	gs_info_now(gs, &now);
	memset(out, 0, sizeof(*out));
	out->revision = e->revision;
	out->kind = e->kind;
	out->reason = e->reason;
	out->at_ms = (uint64_t)gs_table_wall_ms(e->at_ms, now.store_ms, now.wall_ns);
	out->version = e->version;
	out->count = e->count;
	out->pid = e->pid;
	out->uid = e->uid;
	gs_namespaces_name(gs->t, e->ns, out->ns);
	copy_ring(gs->t, e->from, out->from);
	copy_ring(gs->t, e->to, out->to);
	out->key_len = e->key_len;
	out->owner_len = e->owner_len;
	memcpy(out->key, e->key, sizeof(e->key));
	memcpy(out->owner, e->owner, sizeof(e->owner));
}

/* Until the bell rings, or so many ms have passed, or a signal has come. The word is in a mapping that we cannot write to. */
static void
wait_for_bell(const struct gs_table *t, uint32_t seen, uint64_t ms)
{
	const struct timespec time = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)syscall(SYS_futex, &t->ctl->bell, FUTEX_WAIT, seen, &time, NULL, 0);
}

int
gs_watch_next(struct gs_watch *w, struct gs_event *event, uint32_t timeout_ms)
{
	const struct gs *gs = w->gs;
	uint64_t end_ns = gs_add_sat(gs_clock_mono_ns(), (uint64_t)timeout_ms * 1000000), now_ns;
	struct gs_told told;
	uint32_t bell;

	for (;;) {
		/* acquire, both; pair with the releases in manager_purge and in ring_bell: what was told before the bell is seen */
		if (atomic_load_explicit(&gs->t->ctl->retired, memory_order_acquire) != gs->t->retired)
			return GS_EGONE;
		bell = atomic_load_explicit(&gs->t->ctl->bell, memory_order_acquire);
		if (gs_event_next(gs->t, &w->at, gs_table_now_ms(gs->t), &told) == 1) {
			fill_event(gs, &told, event);
			return 1;
		}
		now_ns = gs_clock_mono_ns();
		if (timeout_ms == 0 || now_ns >= end_ns)
			return 0;
		wait_for_bell(gs->t, bell, gs_min_u64((end_ns - now_ns) / 1000000 + 1, LOOK_AGAIN_MS));
	}
}

/* ---- looking back ---- */

/* One turn as a line, with its newline. Its length. */
static size_t
print_turn(const struct gs *gs, const struct gs_told *e, const struct gs_now *now, char out[TURN_BYTES])
{
	int64_t ms = gs_table_wall_ms(e->at_ms, now->store_ms, now->wall_ns);
	char from[GS_NAME_BYTES + 8] = "", to[GS_NAME_BYTES + 8] = "", day[24] = "";
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	int n;

	if (gmtime_r(&s, &tm) != NULL)
		(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	if (e->from != GS_RING_NONE)
		(void)snprintf(from, sizeof(from), " from=%.31s", gs->t->ctl->ring[e->from].name);
	if (e->to != GS_RING_NONE)
		(void)snprintf(to, sizeof(to), " to=%.31s", gs->t->ctl->ring[e->to].name);
	n = snprintf(out, TURN_BYTES, "%s.%03dZ %s%s%s reason=%s\n", day, (int)(ms % 1000), gs_event_name(e->kind), from, to,
	    gs_reason_name(e->reason));
	return n < 0 ? 0 : gs_min_u64((uint64_t)n, TURN_BYTES - 1);
}

static bool
is_about(const struct gs_told *e, const struct gs_key *k)
{
	return e->hash == k->hash && e->ns == k->ns && e->key_len == k->len && memcmp(e->key, k->bytes, k->len) == 0;
}

/* The next older turn of a key below `revision`, or 0. */
static uint64_t
turn_before(const struct gs_table *t, const struct gs_key *k, uint64_t revision, struct gs_told *out)
{
	uint64_t first = gs_event_first(t);

	while (--revision >= first)
		if (gs_event_is_of(t, revision, k->hash) && gs_event_at(t, revision, out) && is_about(out, k))
			return revision;
	return 0;
}

ssize_t
gs_why(struct gs *gs, const void *key, size_t key_len, char *out, size_t cap)
{
	uint64_t revision = gs_event_last(gs->t) + 1;
	char line[TURN_BYTES];
	size_t len = 0, n;
	struct gs_told e;
	struct gs_now now;
	struct gs_key k;
	int rc = gs_handle_key(gs, &k, key, key_len);

	if (rc < 0 || (out == NULL && cap > 0))
		return rc < 0 ? rc : GS_EINVAL;
	gs_info_now(gs, &now);
	/* From the end: what does not fit is the oldest. */
	while ((revision = turn_before(gs->t, &k, revision, &e)) != 0) {
		n = print_turn(gs, &e, &now, line);
		if (len + n + 1 > cap)
			break;
		memmove(out + n, out, len);
		memcpy(out, line, n);
		len += n;
	}
	if (cap > 0)
		out[len] = '\0';
	return (ssize_t)len;
}

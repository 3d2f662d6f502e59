/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/readers.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "daemon/host.h"
#include "shm/event.h"
#include "shm/feedback.h"
#include "shm/region.h"

enum {
	MAX_READERS = 4096,
	MAX_PAGES = GS_MAX_CTX,		/* of all readers together: as many threads as may write */
	ROUND_CELLS = 4096,		/* taken in a round; the rest is there in the next one */
	READER_CELLS = 1024,		/* of one reader in a round, and when it goes */
	TELL_MS = 1000,			/* between two events about what one reader was refused */
};

#define ALL_TABLES SIZE_MAX

struct reader {
	struct gs_ctx_page *pages;	/* NULL: unused */
	struct gs_feedback_fold *folds;
	uint32_t n_pages, next_page;	/* where the next round begins */
	size_t table;
	struct readers_owner who;
	uint64_t cookie;
	uint64_t tell_ms;		/* not before this store time */
};

struct readers {
	struct manager *m;
	int timer_fd;
	uint32_t n, n_pages;
	uint32_t top;			/* places at or above it were never used */
	uint32_t next;			/* whose turn is first in the next round */
	struct reader reader[MAX_READERS];
};

/* The clock runs as long as there is a reader. */
static void
run_clock(struct readers *r, bool is_on)
{
	const long period_ns = is_on ? READERS_PERIOD_MS * 1000000L : 0;
	const struct itimerspec period = { .it_interval = { .tv_nsec = period_ns }, .it_value = { .tv_nsec = period_ns } };

	(void)timerfd_settime(r->timer_fd, 0, &period, NULL);
}

struct readers *
readers_new(struct manager *m, int epoll_fd, uint64_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };
	struct readers *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->m = m;
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->timer_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r->timer_fd, &ev) == 0)
		return r;
	readers_free(&r);
	return NULL;
}

/* ---- taking ---- */

/* What is told from now on is told of him: 0, 0, of ourselves. */
static void
speak_for(struct manager_table *mt, uint32_t pid, uint32_t uid)
{
	mt->ctx.pid = pid != 0 ? pid : (uint32_t)getpid();
	mt->ctx.uid = pid != 0 ? uid : (uint32_t)geteuid();
}

/* Of one reader, from where the last round stopped. Returns how many cells. */
static uint32_t
take(struct readers *r, struct reader *one)
{
	struct manager_table *mt = &r->m->tables[one->table];
	uint64_t now_ms = gs_table_now_ms(mt->shm);
	uint32_t n = 0;

	speak_for(mt, one->who.pid, one->who.uid);
	for (uint32_t i = 0; i < one->n_pages && n <= READER_CELLS - GS_FEEDBACK_CELLS; i++) {
		n += gs_feedback_take(mt->shm, &mt->ctx, &one->pages[one->next_page], now_ms);
		one->next_page = (one->next_page + 1) % one->n_pages;
	}
	speak_for(mt, 0, 0);
	return n;
}

static void
tell_refused(struct manager_table *mt, enum gs_event_reason reason, uint64_t n, uint64_t now_ms)
{
	if (n > 0)
		gs_event_tell(mt->shm, &mt->ctx, &(struct gs_turn){ .kind = GS_EVENT_REFUSED, .reason = reason, .from = GS_RING_NONE,
		    .to = GS_RING_NONE, .now_ms = now_ms, .count = (uint32_t)gs_min_u64(n, UINT32_MAX) });
}

/* A reader cannot tell what he was refused. Not more often than every TELL_MS, but when he goes. */
static void
fold(struct readers *r, struct reader *one, bool is_last)
{
	struct manager_table *mt = &r->m->tables[one->table];
	uint64_t now_ms = gs_table_now_ms(mt->shm), forbidden = 0, refused = 0;
	bool tells = is_last || now_ms >= one->tell_ms;

	for (uint32_t i = 0; i < one->n_pages; i++) {
		struct gs_feedback_fold *f = &one->folds[i];

		gs_feedback_fold(&mt->ctx, &one->pages[i], f, now_ms);
		if (!tells)
			continue;
		forbidden += f->forbidden;
		refused += f->refused;
		f->forbidden = f->refused = 0;
	}
	if (forbidden + refused == 0)
		return;
	one->tell_ms = now_ms + TELL_MS;
	speak_for(mt, one->who.pid, one->who.uid);
	tell_refused(mt, GS_REASON_ROLE, forbidden, now_ms);
	tell_refused(mt, GS_REASON_SUSPECT, refused, now_ms);
	speak_for(mt, 0, 0);
}

static bool
is_in(const struct reader *one, size_t table)
{
	return one->pages != NULL && (table == ALL_TABLES || one->table == table);
}

/* Everybody in turn, until the round is full. */
static void
take_turns(struct readers *r, size_t table)
{
	uint32_t first = r->next, cells = 0;

	for (uint32_t i = 0; i < r->top && cells <= ROUND_CELLS - READER_CELLS; i++) {
		struct reader *one = &r->reader[(first + i) % r->top];

		if (is_in(one, table))
			cells += take(r, one);
		r->next = (first + i + 1) % r->top;
	}
}

void
readers_round(struct readers *r)
{
	uint64_t n;

	if (read(r->timer_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		take_turns(r, ALL_TABLES);
}

void
readers_before_sweep(struct readers *r, size_t table)
{
	if (r == NULL || r->n == 0)
		return;
	take_turns(r, table);
	for (uint32_t i = 0; i < r->top; i++)
		if (is_in(&r->reader[i], table))
			fold(r, &r->reader[i], false);
}

/* ---- coming and going ---- */

static struct reader *
unused_reader(struct readers *r)
{
	for (uint32_t i = 0; i < MAX_READERS; i++)
		if (r->reader[i].pages == NULL)
			return &r->reader[i];
	return NULL;
}

int
readers_grant(struct readers *r, size_t table, const struct readers_owner *who, uint32_t n, uint64_t cookie)
{
	const uint64_t bytes = (uint64_t)n * GS_CTX_BYTES, now_ms = gs_table_now_ms(r->m->tables[table].shm);
	struct reader *one = unused_reader(r), fresh = { .n_pages = n, .table = table, .who = *who, .cookie = cookie };
	int fd;

	if (one == NULL || n > MAX_PAGES - r->n_pages)
		return GS_EBUSY;
	fd = gs_region_create_sealed("gsession-reader", bytes);
	if (fd < 0)
		return fd;
	fresh.folds = calloc(n, sizeof(*fresh.folds));
	fresh.pages = fresh.folds == NULL ? NULL : gs_region_map(fd, bytes, true);
	if (fresh.pages == NULL) {
		free(fresh.folds);
		(void)close(fd);
		return GS_ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		fresh.folds[i].at_ms = now_ms;
	*one = fresh;
	r->n_pages += n;
	if (one == &r->reader[r->top])
		r->top++;
	if (r->n++ == 0)
		run_clock(r, true);
	host_tell(r->m);
	return fd;
}

/* Take the last that it told, no more than in a round, or coming and going would cost us more than staying. Returns how many pages. */
static uint32_t
dismiss(struct readers *r, struct reader *one)
{
	uint32_t n = one->n_pages;

	(void)take(r, one);
	for (uint32_t i = 0; i < n; i++)
		gs_feedback_drop(&r->m->tables[one->table].ctx, &one->pages[i]);
	fold(r, one, true);
	(void)munmap(one->pages, (size_t)n * GS_CTX_BYTES);
	free(one->folds);
	*one = (struct reader){ .pages = NULL };
	r->n_pages -= n;
	if (--r->n == 0)
		run_clock(r, false);
	host_tell(r->m);
	return n;
}

uint32_t
readers_release(struct readers *r, uint32_t pid, uint64_t cookie, uint64_t *starttime)
{
	for (uint32_t i = 0; i < r->top; i++) {
		struct reader *one = &r->reader[i];

		if (one->pages == NULL || one->who.pid != pid || one->cookie != cookie)
			continue;
		*starttime = one->who.starttime;
		return dismiss(r, one);
	}
	return 0;
}

static bool
is_of(const struct reader *one, const struct readers_owner *who)
{
	return one->pages != NULL && one->who.pid == who->pid && one->who.starttime == who->starttime;
}

uint32_t
readers_died(struct readers *r, const struct readers_owner *who)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->top; i++)
		if (is_of(&r->reader[i], who))
			n += dismiss(r, &r->reader[i]);
	return n;
}

bool
readers_has(const struct readers *r, const struct readers_owner *who)
{
	for (uint32_t i = 0; i < r->top; i++)
		if (is_of(&r->reader[i], who))
			return true;
	return false;
}

uint32_t
readers_count(const struct readers *r)
{
	return r == NULL ? 0 : r->n;
}

void
readers_free(struct readers **rp)
{
	struct readers *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (uint32_t i = 0; i < r->top; i++)
		if (r->reader[i].pages != NULL)
			(void)dismiss(r, &r->reader[i]);
	if (r->timer_fd >= 0)
		(void)close(r->timer_fd);
	free(r);
}

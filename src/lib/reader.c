/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/reader.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shm/feedback.h"
#include "shm/region.h"

enum {
	ASK_AGAIN_MS = 20,		/* nobody listens yet */
	LISTEN_AGAIN_MS = 1,		/* the answer has not come yet */
	REFUSED_AGAIN_MS = 1000,	/* there may be room later */
};

/* A daemon that does not know of roles sends what a writer needs. */
static bool
is_for_readers(const int fds[GS_TABLE_FDS])
{
	for (int i = 0; i < GS_TABLE_FDS; i++)
		if (fds[i] >= 0 && i != GS_TABLE_CTX_FD && (fcntl(fds[i], F_GETFL) & O_ACCMODE) != O_RDONLY)
			return false;
	return true;
}

/* Are these what a reader with so many bytes of pages is sent? */
static int
check_fds(const int fds[GS_TABLE_FDS], uint64_t bytes)
{
	struct stat st;

	if (!is_for_readers(fds))
		return GS_EVERSION;
	if (fstat(fds[GS_TABLE_CTX_FD], &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < bytes)
		return GS_ECORRUPT;
	return 0;
}

static void
drop_pages(struct gs_reader *r)
{
	if (r->pages != NULL)
		(void)munmap(r->pages, r->bytes);
	r->pages = NULL;
}

int
gs_reader_take_pages(struct gs *gs, int fds[GS_TABLE_FDS])
{
	const uint64_t bytes = (uint64_t)gs->n_leases * GS_CTX_BYTES;
	struct gs_ctx_page *pages;
	int rc = check_fds(fds, bytes);

	if (rc < 0)
		return rc;
	pages = gs_region_map(fds[GS_TABLE_CTX_FD], bytes, true);
	if (pages == NULL)
		return GS_ENOMEM;
	(void)close(fds[GS_TABLE_CTX_FD]);
	fds[GS_TABLE_CTX_FD] = -1;
	drop_pages(&gs->own->reader);
	gs->own->reader.pages = pages;
	gs->own->reader.bytes = bytes;
	return 0;
}

/* The epoch of the daemon at the other end of a connection; 0 when that one is no more. */
static uint64_t
epoch_of(const struct gs *gs, const struct gs_ctl *ctl)
{
	uint64_t epoch = atomic_load_explicit(&gs->t->ctl->daemon_epoch, memory_order_acquire);

	/* It lives after we looked, and no other serves beside it: the epoch was its own. */
	return gs_ctl_is_open(ctl) ? epoch : 0;
}

void
gs_reader_begin(struct gs *gs)
{
	/* In a forked child a search of the parent may have been copied half done. */
	gs_ctl_close(&gs->own->reader.ctl);
	gs->own->reader.next_ms = 0;
	atomic_store_explicit(&gs->own->reader.epoch, epoch_of(gs, gs->own->ctl), memory_order_relaxed);
	atomic_store_explicit(&gs->own->reader.is_searching, 0, memory_order_release);
}

void
gs_reader_end(struct gs *gs)
{
	gs_ctl_close(&gs->own->reader.ctl);
	drop_pages(&gs->own->reader);
}

/* ---- the next daemon ---- */

static void
stop_asking(struct gs_reader *r, uint32_t pause_ms)
{
	gs_ctl_close(&r->ctl);
	r->next_ms = gs_clock_mono_ms() + pause_ms;
}

static bool
ask(struct gs *gs)
{
	struct gs_reader *r = &gs->own->reader;

	if (gs_ctl_open(&r->ctl, gs->own->instance, gs->own->run_dir, GS_CTL_NO_WAIT) < 0) {
		r->ctl = NULL;
		stop_asking(r, ASK_AGAIN_MS);
		return false;
	}
	if (gs_ctl_say_hello(r->ctl, gs->t->name, GS_WIRE_READER, gs->n_leases) == 0)
		return true;
	stop_asking(r, ASK_AGAIN_MS);
	return false;
}

/*
 * Put the new pages where the old ones are, in one step: other threads tell of accesses meanwhile, in the ones or the
 * others.  A second look at the old ones shows what is left in them.
 */
static int
exchange_pages(struct gs *gs, int fd)
{
	struct gs_reader *r = &gs->own->reader;
	struct gs_ctx_page *fresh = gs_region_map(fd, r->bytes, true), *old;

	if (fresh == NULL)
		return GS_ENOMEM;
	old = mremap(r->pages, 0, r->bytes, MREMAP_MAYMOVE);
	if (old == MAP_FAILED) {
		(void)munmap(fresh, r->bytes);
		return GS_ENOMEM;
	}
	for (uint32_t i = 0; i < gs->n_leases; i++)
		gs_feedback_move_counters(&fresh[i], &old[i]);
	(void)munmap(fresh, r->bytes);
	if (mmap(r->pages, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		(void)munmap(old, r->bytes);
		return GS_ENOMEM;
	}
	(void)madvise(r->pages, r->bytes, MADV_DONTDUMP);
	for (uint32_t i = 0; i < gs->n_leases; i++)
		gs_feedback_move_cells(&r->pages[i], &old[i]);
	(void)munmap(old, r->bytes);
	return 0;
}

/* The answer that came: go over to the new daemon. */
static int
go_over(struct gs *gs, const struct gs_wire_welcome *welcome, const int *came, size_t n_came)
{
	struct gs_reader *r = &gs->own->reader;
	uint64_t epoch = epoch_of(gs, r->ctl);
	int fds[GS_TABLE_FDS], rc = gs_handle_place_fds(came, n_came, welcome->arenas, fds);

	if (rc < 0)
		return rc;
	rc = welcome->n_ctx < gs->n_leases ? GS_EBUSY : check_fds(fds, r->bytes);
	if (rc == 0 && memcmp(welcome->uuid, gs->t->uuid, sizeof(welcome->uuid)) != 0)
		rc = GS_EGONE;
	if (rc == 0)
		rc = exchange_pages(gs, fds[GS_TABLE_CTX_FD]);
	gs_handle_close_fds(fds, GS_TABLE_FDS);
	if (rc < 0) {
		(void)gs_ctl_bye(r->ctl, welcome->cookie);
		return rc;
	}
	gs_ctl_close(&gs->own->ctl);
	gs->own->ctl = r->ctl;
	gs->own->cookie = welcome->cookie;
	r->ctl = NULL;
	atomic_store_explicit(&r->epoch, epoch, memory_order_relaxed);
	return 0;
}

static void
search_once(struct gs *gs)
{
	struct gs_reader *r = &gs->own->reader;
	struct gs_wire_welcome welcome;
	int came[GS_TABLE_FDS], rc;
	size_t n_came;

	if (gs_clock_mono_ms() < r->next_ms || (r->ctl == NULL && !ask(gs)))
		return;
	rc = gs_ctl_hear_welcome(r->ctl, &welcome, came, GS_TABLE_FDS, &n_came);
	if (rc == GS_ETIMEDOUT) {
		r->next_ms = gs_clock_mono_ms() + LISTEN_AGAIN_MS;
		return;
	}
	if (rc < 0)
		gs_handle_close_fds(came, n_came);
	else
		rc = go_over(gs, &welcome, came, n_came);
	if (rc < 0)
		stop_asking(r, rc == GS_EDOWN ? ASK_AGAIN_MS : REFUSED_AGAIN_MS);
}

void
gs_reader_search(struct gs *gs)
{
	struct gs_reader *r = &gs->own->reader;

	/* acquire; pairs with the release below and in gs_reader_begin: the search is as the last thread left it */
	if (atomic_exchange_explicit(&r->is_searching, 1, memory_order_acquire) != 0)
		return;
	/* Another thread may have come over while we came here. */
	if (atomic_load_explicit(&gs->t->ctl->daemon_epoch, memory_order_relaxed) != atomic_load_explicit(&r->epoch, memory_order_relaxed))
		search_once(gs);
	atomic_store_explicit(&r->is_searching, 0, memory_order_release);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/reader.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "shm/region.h"

/* A daemon that does not know of roles sends what a writer needs. */
static bool
is_for_readers(const int fds[GS_TABLE_FDS])
{
	for (int i = 0; i < GS_TABLE_FDS; i++)
		if (fds[i] >= 0 && i != GS_TABLE_CTX_FD && (fcntl(fds[i], F_GETFL) & O_ACCMODE) != O_RDONLY)
			return false;
	return true;
}

int
gs_reader_take_pages(struct gs *gs, int fds[GS_TABLE_FDS])
{
	const uint64_t bytes = (uint64_t)gs->n_leases * GS_CTX_BYTES;
	struct gs_ctx_page *pages;
	struct stat st;

	if (!is_for_readers(fds))
		return GS_EVERSION;
	if (fstat(fds[GS_TABLE_CTX_FD], &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < bytes)
		return GS_ECORRUPT;
	pages = gs_region_map(fds[GS_TABLE_CTX_FD], bytes, true);
	if (pages == NULL)
		return GS_ENOMEM;
	(void)close(fds[GS_TABLE_CTX_FD]);
	fds[GS_TABLE_CTX_FD] = -1;
	gs_reader_drop_pages(gs);
	gs->pages = pages;
	gs->pages_bytes = bytes;
	return 0;
}

void
gs_reader_drop_pages(struct gs *gs)
{
	if (gs->pages != NULL)
		(void)munmap(gs->pages, gs->pages_bytes);
	gs->pages = NULL;
}

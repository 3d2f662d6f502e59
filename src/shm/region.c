/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/region.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "gsession.h"

#define BLOCK_BYTES 512		/* of st_blocks, whatever the file system */

static int
system_error(int err)
{
	switch (err) {
	case EEXIST:
		return GS_EEXIST;
	case ENOSPC:
	case EDQUOT:
		return GS_ENOSPC;
	case ENOMEM:
		return GS_ENOMEM;
	default:
		return GS_ESYSTEM;
	}
}

int
gs_region_create(int dir_fd, const char *name, uint64_t bytes)
{
	int fd, rc;

	if (dir_fd < 0)
		fd = memfd_create(name, MFD_CLOEXEC);
	else
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return system_error(errno);
	if (ftruncate(fd, (off_t)bytes) == 0)
		return fd;
	rc = system_error(errno);
	(void)close(fd);
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, name, 0);
	return rc;
}

int
gs_region_create_sealed(const char *name, uint64_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

	if (fd < 0)
		return system_error(errno);
	rc = ftruncate(fd, (off_t)bytes) < 0 ? system_error(errno) : gs_region_commit(fd, 0, bytes);
	if (rc == 0 && (fchmod(fd, 0600) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0))
		rc = system_error(errno);
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

int
gs_region_commit(int fd, uint64_t off, uint64_t bytes)
{
	int rc;

	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)bytes);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? system_error(errno) : 0;
}

int
gs_region_release(int fd, uint64_t off, uint64_t bytes)
{
	int rc;

	do
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)bytes);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? system_error(errno) : 0;
}

void
gs_region_memory(int fd, struct gs_region_memory *out)
{
	struct stat st;

	*out = (struct gs_region_memory){ 0 };
	if (fstat(fd, &st) < 0)
		return;
	out->bytes = (uint64_t)st.st_blocks * BLOCK_BYTES;
	out->piece_bytes = (uint64_t)st.st_blksize;
}

void *
gs_region_map(int fd, uint64_t bytes, bool writable)
{
	void *map = mmap(NULL, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return NULL;
	(void)madvise(map, bytes, MADV_DONTDUMP);
	/* Refused by kernels without them; then it is small ones. */
	(void)madvise(map, bytes, MADV_HUGEPAGE);
	return map;
}

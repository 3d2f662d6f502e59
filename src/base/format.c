/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/format.h"

#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

/* Does it begin with this word, and which number is at the offset? */
static bool
look(int fd, const char *word, size_t at, uint32_t *version)
{
	unsigned char head[MOST];
	size_t n = at + sizeof(*version);

	if (pread(fd, head, n, 0) != (ssize_t)n || memcmp(head, word, strlen(word)) != 0)
		return false;
	memcpy(version, head + at, sizeof(*version));
	return true;
}

bool
gs_format_of_memory(int fd, uint32_t *version)
{
	return look(fd, "gs_ctl_1", 8, version);
}

/* Its first block has a head of 32 bytes. */
bool
gs_format_of_snapshot(int fd, uint32_t *version)
{
	return look(fd, "snap", 32, version);
}

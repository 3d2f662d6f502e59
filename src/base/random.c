/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/random.h"

#include <sys/random.h>
#include <sys/types.h>

#include <errno.h>

#include "gsession.h"

int
gs_random_bytes(void *out, size_t n)
{
	unsigned char *to = out;
	ssize_t got;

	while (n > 0) {
		got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return GS_ESYSTEM;
		to += got;
		n -= (size_t)got;
	}
	return GS_OK;
}

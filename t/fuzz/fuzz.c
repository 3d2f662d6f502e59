/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <sys/mman.h>

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"

enum { GUARD_BYTES = 1 << 20 };

uint64_t
tape_take(struct tape *in, size_t n)
{
	uint64_t word = 0;

	n = n < in->left ? n : in->left;
	memcpy(&word, in->at, n);
	in->at += n;
	in->left -= n;
	return word;
}

uint32_t
tape_below(struct tape *in, uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)(tape_take(in, n > 256 ? 4 : 1) % n);
}

uint64_t
tape_number(struct tape *in)
{
	uint32_t how = tape_below(in, 8), bit = tape_below(in, 64);

	switch (how) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return UINT64_C(1) << bit;
	case 3:
		return (UINT64_C(1) << bit) - 1;
	case 4:
		return (UINT64_C(1) << bit) + 1;
	case 5:
		return tape_take(in, 1);
	case 6:
		return tape_take(in, 2);
	default:
		return tape_take(in, 8);
	}
}

uint64_t
tape_change(struct tape *in, uint64_t was)
{
	switch (tape_below(in, 4)) {
	case 0:
		return was ^ UINT64_C(1) << tape_below(in, 64);
	case 1:
		return was + 1;
	case 2:
		return was - 1;
	default:
		return tape_number(in);
	}
}

void
tape_bytes(struct tape *in, void *out, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(out, 0, n);
	memcpy(out, in->at, have);
	in->at += have;
	in->left -= have;
}

void
fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("fuzz: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	abort();
}

void
fuzz_answer(const char *call, ssize_t rc)
{
	FUZZ_CHECK(rc >= 0 || (rc > -100000 && strcmp(gs_errname((int)rc), "GS_E?") != 0), "%s: %zd is no answer", call, rc);
}

unsigned char *
fuzz_buffer(int which, size_t n)
{
	static unsigned char *ends[FUZZ_BUFFERS];

	if (ends[which] == NULL) {
		unsigned char *base = mmap(NULL, FUZZ_BUFFER_BYTES + GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (base == MAP_FAILED || mprotect(base, FUZZ_BUFFER_BYTES, PROT_READ | PROT_WRITE) < 0)
			fuzz_fail("no memory for a buffer");
		ends[which] = base + FUZZ_BUFFER_BYTES;
	}
	FUZZ_CHECK(n <= FUZZ_BUFFER_BYTES, "a buffer of %zu bytes", n);
	return ends[which] - n;
}

int
fuzz_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		fuzz_fail("/proc/self/fd cannot be read");
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

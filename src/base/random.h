/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - bytes that nobody can guess, from the kernel.
 */
#ifndef GS_BASE_RANDOM_H
#define GS_BASE_RANDOM_H

#include <stddef.h>

/* Fill n bytes. Returns 0 or GS_ESYSTEM; waits only before the kernel's pool was first filled, early at boot. */
int gs_random_bytes(void *out, size_t n);

#endif

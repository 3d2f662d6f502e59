/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cleanup.h - release a resource when its variable goes out of scope.
 *
 * For what dies in the function that made it.  What is handed to the caller
 * on success unwinds with labels instead; never both for one resource.
 */
#ifndef GS_BASE_CLEANUP_H
#define GS_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
gs_cleanup_free(void *at)
{
	free(*(void **)at);
}

static inline void
gs_cleanup_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void
gs_cleanup_fclose(FILE **f)
{
	if (*f != NULL)
		(void)fclose(*f);
}

#define GS_CLEANUP_FREE __attribute__((cleanup(gs_cleanup_free)))
#define GS_CLEANUP_CLOSE __attribute__((cleanup(gs_cleanup_close)))
#define GS_CLEANUP_FCLOSE __attribute__((cleanup(gs_cleanup_fclose)))

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.h - how a benchmark comes to the store that it measures.
 */
#ifndef BENCH_ATTACH_H
#define BENCH_ATTACH_H

#include <err.h>

#include "gsession.h"

/* Attach to an instance, or end. */
static inline struct gs *
attach(const char *instance)
{
	const struct gs_options opt = { .size = sizeof(opt), .instance = instance };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

#endif

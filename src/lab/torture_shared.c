/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_impl.h"

#include <sys/mman.h>

#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

const char *const torture_rings[TORTURE_RINGS] = { "active", "warm", "cold", "suspect" };

struct torture_shared *
torture_shared_new(uint64_t seed, const char *run_dir)
{
	struct torture_shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (sh == MAP_FAILED)
		return NULL;
	sh->seed = seed;
	sh->parent = getpid();
	memcpy(sh->run_dir, run_dir, strlen(run_dir) + 1);
	return sh;
}

void
torture_shared_free(struct torture_shared *sh)
{
	(void)munmap(sh, sizeof(*sh));
}

void
torture_found(struct torture_shared *sh, enum torture_verdict v, const char *fmt, ...)
{
	struct torture_finding *f;
	va_list ap;
	uint32_t i;

	if (v == TORTURE_FINE)
		return;
	if (v < TORTURE_VERDICTS)
		(void)atomic_fetch_add(&sh->found[v], 1);
	i = atomic_fetch_add(&sh->n_findings, 1);
	if (i >= TORTURE_FINDINGS)
		return;
	f = &sh->finding[i];
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	/* release; pairs with the acquire in tell_findings: the text is whole */
	atomic_store_explicit(&f->is_whole, 1, memory_order_release);
}

struct gs *
torture_attach(struct torture_shared *sh, enum gs_role role)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = TORTURE_INSTANCE, .run_dir = sh->run_dir, .n_threads = 1, .role = role };
	uint64_t until_ms = gs_clock_mono_ms() + TORTURE_PATIENCE_MS;
	struct gs *gs;
	int rc;

	do
		rc = gs_attach(&gs, &opt);
	while ((rc == GS_EDOWN || rc == GS_ETIMEDOUT || rc == GS_EBUSY) && gs_clock_mono_ms() < until_ms &&
	    poll(NULL, 0, TORTURE_POLL_MS) == 0);
	if (rc == 0)
		return gs;
	torture_found(sh, TORTURE_WRONG, "attach: %s", gs_strerror(rc));
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "lab/bench_procs.h"
#include "lab/bench_store.h"

enum { WINDOW_MS_MIN = 20, WINDOWS_OF_MS = 6 };

struct bench {
	struct bench_store store;
	struct bench_work work;
};

static int
measure_memory_ops(struct bench *b, struct bench_result *out)
{
	memcpy(b->work.run, bench_store_ops, sizeof(b->work.run));
	bench_measure_all(&b->work, out->options.op_ms, &out->memory_ops, &out->copy_ns, &out->free_copy_ns);
	return GS_OK;
}

static int
measure_calls(struct bench *b, struct bench_result *out)
{
	int rc = bench_store_enter(&b->store);

	if (rc < 0)
		return rc;
	memcpy(b->work.run, bench_store_calls, sizeof(b->work.run));
	bench_measure_all(&b->work, out->options.op_ms, &out->calls, NULL, NULL);
	bench_store_leave(&b->store);
	return GS_OK;
}

static int
measure_procs(struct bench *b, struct bench_result *out)
{
	struct bench_crew crew = {
		.n = (uint32_t)out->options.procs, .op = BENCH_GET_HIT, .window_ms = gs_max_u64(WINDOW_MS_MIN, out->options.op_ms / WINDOWS_OF_MS),
		.enter = bench_store_begin, .leave = bench_store_end,
	};
	int rc;

	memcpy(b->work.run, bench_store_ops, sizeof(b->work.run));
	rc = bench_procs(&b->work, &crew, &out->reads);
	if (rc < 0)
		return rc;
	crew.op = BENCH_UPDATE;
	crew.is_disjoint = true;
	return bench_procs(&b->work, &crew, &out->writes);
}

static int
measure(struct bench *b, struct bench_result *out)
{
	int rc = bench_store_memory(&b->store, out->options.records, &out->memory);

	bench_keys_choose(&b->work.keys, out->options.is_zipf);
	if (rc == GS_OK)
		rc = measure_memory_ops(b, out);
	if (rc == GS_OK)
		rc = measure_calls(b, out);
	if (rc == GS_OK)
		rc = measure_procs(b, out);
	return rc == GS_OK && b->work.failed > 0 ? GS_ECORRUPT : rc;
}

int
bench_run(struct bench_result *out, const struct bench_options *o, char why[BENCH_WHY_BYTES])
{
	struct bench *b = aligned_alloc(_Alignof(struct bench), sizeof(*b));
	int rc = GS_ENOMEM;

	*out = (struct bench_result){ .options = *o };
	if (b != NULL) {
		memset(b, 0, sizeof(*b));
		if (bench_store_fits(o->records, (uint32_t)o->size))
			rc = bench_work_init(&b->work, o->records, (uint32_t)o->size);
		b->work.subject = &b->store;
		if (rc == GS_OK)
			rc = bench_store_make(&b->store, &b->work);
		if (rc == GS_OK)
			rc = measure(b, out);
		bench_store_free(&b->store);
		bench_work_fini(&b->work);
		free(b);
	}
	if (rc < 0)
		(void)snprintf(why, BENCH_WHY_BYTES, "%" PRIu64 " records of %" PRIu64 " bytes: %s", o->records, o->size, gs_strerror(rc));
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - measure another store beside copies, as `gsession bench` measures ours.
 *
 *	peer_X [-H] [-m MS] RECORDS SIZE PROCS DIRECTORY
 *
 * Keys are the same and drawn the same, values as long, and copies are from a
 * mapping with the slots of ours, with -H of huge pages as ours then was: the
 * unit of all ratios is the same. Prints a JSON array of two, uniform and Zipf
 * keys. Exits with 77 when there is no room, 1 when it failed.
 */
#include "peer.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/bench_store.h"

enum { NO_ROOM = 77, MODES_MAX = 4, PAGE_BYTES = 4096, WINDOW_MS_MIN = 20, WINDOWS_OF_MS = 6 };

struct modes {
	struct bench_figures of[MODES_MAX];
	double copy_ns, free_copy_ns;
	struct bench_speed reads, writes;
};

struct how {				/* to measure */
	uint32_t procs;
	uint64_t ms;
	bool huge;			/* copies from huge pages */
};

static const char *name;

/* Copies come from slots like those of gsession. */
static int
make_places(struct bench_work *w, bool huge)
{
	unsigned char *map;
	uint64_t i, bytes;

	w->stride = gs_table_slot_bytes(BENCH_KEY_BYTES, 0, w->size);
	bytes = w->keys.records * w->stride;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || (huge && madvise(map, bytes, MADV_HUGEPAGE) < 0))
		return GS_ENOMEM;
	for (i = 0; i < bytes; i += PAGE_BYTES)
		map[i] = 0;
	w->places = map + GS_SLOT_HEADER_BYTES + BENCH_KEY_BYTES;
	return GS_OK;
}

static int
measure(struct bench_work *w, uint32_t procs, uint64_t ms, struct modes *out)
{
	struct bench_crew crew = {
		.n = procs, .op = BENCH_GET_HIT, .window_ms = gs_max_u64(WINDOW_MS_MIN, ms / WINDOWS_OF_MS), .enter = peer_enter, .leave = peer_leave,
	};
	size_t i;
	int rc;

	memset(out, 0, sizeof(*out));
	for (i = 0; peer_modes[i].name != NULL; i++) {
		memcpy(w->run, peer_modes[i].run, sizeof(w->run));
		bench_measure_all(w, ms, &out->of[i], i == 0 ? &out->copy_ns : NULL, i == 0 ? &out->free_copy_ns : NULL);
	}
	memcpy(w->run, peer_modes[0].run, sizeof(w->run));
	rc = bench_procs(w, &crew, &out->reads);
	if (rc < 0 || !peer_is_shared)
		return rc;
	crew.op = BENCH_UPDATE;
	crew.is_disjoint = true;
	return bench_procs(w, &crew, &out->writes);
}

static void
print_figures(struct gs_json *j, const char *member, const struct peer_mode *m, const double figures[BENCH_OPS])
{
	enum bench_op op;

	gs_json_object(j, member);
	for (op = 0; op < BENCH_OPS; op++)
		if (m->run[op] != NULL)
			gs_json_double(j, bench_name(op), figures[op]);
	gs_json_end(j, false);
}

static void
print_one(struct gs_json *j, const struct bench_work *w, double per_session, const struct modes *r)
{
	size_t i;

	gs_json_object(j, NULL);
	gs_json_u64(j, "records", w->keys.records);
	gs_json_u64(j, "size", w->size);
	gs_json_text(j, "keys", w->keys.is_zipf ? "zipf" : "uniform");
	gs_json_object(j, "modes");
	for (i = 0; peer_modes[i].name != NULL; i++) {
		gs_json_object(j, peer_modes[i].name);
		print_figures(j, "ratios", &peer_modes[i], r->of[i].ratio);
		print_figures(j, "ns", &peer_modes[i], r->of[i].ns);
		gs_json_end(j, false);
	}
	gs_json_end(j, false);
	gs_json_double(j, "copy_ns", r->copy_ns);
	gs_json_double(j, "free_copy_ns", r->free_copy_ns);
	gs_json_double(j, "one_reads_per_s", r->reads.one_per_s);
	gs_json_double(j, "all_reads_per_s", r->reads.all_per_s);
	gs_json_double(j, "reads_scale", r->reads.scale);
	if (peer_is_shared) {
		gs_json_double(j, "one_writes_per_s", r->writes.one_per_s);
		gs_json_double(j, "all_writes_per_s", r->writes.all_per_s);
		gs_json_double(j, "writes_scale", r->writes.scale);
	}
	gs_json_object(j, "memory");
	gs_json_double(j, "per_session", per_session);
	gs_json_end(j, false);
	gs_json_end(j, false);
}

/* Fill, weigh, then measure with either kind of keys. */
static int
run(const struct peer_plan *plan, const struct how *how)
{
	static struct bench_work w;
	static struct modes r;
	double per_session;
	struct gs_json j;
	uint64_t before;
	int zipf, rc;

	rc = bench_work_init(&w, plan->records, plan->size);
	before = peer_bytes();
	if (rc < 0 || peer_fill(&w) < 0)
		return -1;
	per_session = ((double)peer_bytes() - (double)before) / (double)plan->records;
	if (make_places(&w, how->huge) < 0)
		return -1;
	gs_json_init(&j, stdout);
	gs_json_array(&j, NULL);
	for (zipf = 0; zipf < 2; zipf++) {
		bench_keys_choose(&w.keys, zipf == 1);
		rc = measure(&w, how->procs, how->ms, &r);
		if (rc == GS_OK && w.failed > 0)
			(void)fprintf(stderr, "%s: %" PRIu64 " operations did not answer as they should\n", name, w.failed);
		if (rc < 0 || w.failed > 0)
			return -1;
		print_one(&j, &w, per_session, &r);
	}
	gs_json_end(&j, true);
	gs_json_done(&j);
	return 0;
}

/* The store, at worst of two pages for a value of one, and the copies. */
static bool
fits(const struct peer_plan *plan)
{
	uint64_t slot = gs_table_slot_bytes(BENCH_KEY_BYTES, 0, plan->size);

	return plan->records * (slot + gs_max_u64(slot * 3 / 2, plan->size > 2000 ? gs_align_up(plan->size + 16, 4096) + 256 : 0)) <
	    bench_free_bytes() / 10 * 9;
}

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
	uint64_t n;

	if (gs_text_parse_size(text, &n) < 0 || n < least || n > most) {
		(void)fprintf(stderr, "%s: %s: %" PRIu64 " to %" PRIu64 " are allowed\n", name, text, least, most);
		exit(2);
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct how how = { .ms = 300 };
	struct peer_plan plan;
	bool is_wrong = false;
	int c, rc;

	name = argv[0];
	while ((c = getopt(argc, argv, "Hm:")) != -1) {
		if (c == 'm')
			how.ms = number(optarg, 1, 60000);
		else if (c == 'H')
			how.huge = true;
		else
			is_wrong = true;
	}
	if (argc - optind != 4 || is_wrong) {
		(void)fprintf(stderr, "usage: %s [-H] [-m MS] RECORDS SIZE PROCS DIRECTORY\n", name);
		return 2;
	}
	plan.records = number(argv[optind], BENCH_RECORDS_MIN, BENCH_RECORDS_MAX);
	plan.size = (uint32_t)number(argv[optind + 1], BENCH_SIZE_MIN, BENCH_SIZE_MAX);
	how.procs = (uint32_t)number(argv[optind + 2], 1, BENCH_PROCS_MAX);
	plan.dir = argv[optind + 3];
	/* With whoever asked, we end, and our server with us. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!fits(&plan)) {
		(void)fprintf(stderr, "%s: no room for %" PRIu64 " records of %" PRIu32 " bytes and the copies\n", name, plan.records, plan.size);
		return NO_ROOM;
	}
	rc = peer_open(&plan);
	if (rc == 0)
		rc = run(&plan, &how);
	peer_close();
	return rc == 0 && fflush(stdout) == 0 ? 0 : 1;
}

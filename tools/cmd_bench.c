/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/bench.h"

enum { OPT_RECORDS, OPT_SIZE, OPT_PROCS, OPT_JSON };
/* How long each operation is measured: long enough for a large store, and no longer than a small one is worth. */
enum { OP_MS_MIN = 50, OP_MS_MAX = 2000, RECORDS_PER_MS = 500 };

const struct args_option cmd_bench_options[] = {
	[OPT_RECORDS] = { 'r', "records", "N", "sessions in the store (1000000)" },
	[OPT_SIZE] = { 's', "size", "B", "bytes of a value (512)" },
	[OPT_PROCS] = { 'p', "procs", "P", "processes that read at once (1)" },
	[OPT_JSON] = CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

static void
print_json(const struct bench_result *r)
{
	struct gs_json j;
	enum bench_op op;

	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_u64(&j, "records", r->options.records);
	gs_json_u64(&j, "size", r->options.size);
	gs_json_u64(&j, "procs", r->options.procs);
	gs_json_object(&j, "ratios");
	for (op = 0; op < BENCH_OPS; op++)
		gs_json_double(&j, bench_name(op), r->ratio[op]);
	gs_json_end(&j, false);
	gs_json_object(&j, "free_ratios");
	for (op = 0; op < BENCH_OPS; op++)
		gs_json_double(&j, bench_name(op), r->free_ratio[op]);
	gs_json_end(&j, false);
	gs_json_object(&j, "ns");
	for (op = 0; op < BENCH_OPS; op++)
		gs_json_double(&j, bench_name(op), r->ns[op]);
	gs_json_end(&j, false);
	gs_json_double(&j, "copy_ns", r->copy_ns);
	gs_json_double(&j, "free_copy_ns", r->free_copy_ns);
	gs_json_double(&j, "one_reads_per_s", r->one_per_s);
	gs_json_double(&j, "all_reads_per_s", r->all_per_s);
	gs_json_end(&j, false);
	gs_json_done(&j);
}

static void
print_table(const struct bench_result *r)
{
	enum bench_op op;

	(void)printf("%" PRIu64 " records of %" PRIu64 " bytes; ratios to a copy of as many bytes\n\n", r->options.records, r->options.size);
	(void)printf("%-12s %10s %12s %12s\n", "", "ns", "dependent", "overlapping");
	(void)printf("%-12s %10.1f %12s\n", "copy", r->copy_ns, "1");
	(void)printf("%-12s %10.1f %12s %12s\n", "copies", r->free_copy_ns, "", "1");
	for (op = 0; op < BENCH_OPS; op++)
		(void)printf("%-12s %10.1f %12.2f %12.2f\n", bench_name(op), r->ns[op], r->ratio[op], r->free_ratio[op]);
	(void)printf("\nreads by 1 process %.0f per s", r->one_per_s);
	if (r->options.procs > 1)
		(void)printf(", by %" PRIu64 " %.0f per s: %.2f times as many", r->options.procs, r->all_per_s, r->all_per_s / r->one_per_s);
	(void)putchar('\n');
}

/* A count of an option within bounds; false when it is not, which has been said. */
static bool
take_count(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	if (text == NULL || (gs_text_parse_size(text, out) == 0 && *out >= least && *out <= most))
		return true;
	(void)cmd_misuse("--%s %s: %" PRIu64 " to %" PRIu64 " are allowed", name, text, least, most);
	return false;
}

int
cmd_bench(int argc, char **argv, const struct cmd_env *env)
{
	struct bench_options o = { .records = 1000000, .size = 512, .procs = 1 };
	struct bench_result result;
	char why[BENCH_WHY_BYTES];
	struct cmd_line line;
	int rc;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (!take_count("records", line.value[OPT_RECORDS], BENCH_RECORDS_MIN, BENCH_RECORDS_MAX, &o.records) ||
	    !take_count("size", line.value[OPT_SIZE], BENCH_SIZE_MIN, BENCH_SIZE_MAX, &o.size) ||
	    !take_count("procs", line.value[OPT_PROCS], 1, BENCH_PROCS_MAX, &o.procs))
		return EXIT_USAGE;
	o.op_ms = gs_min_u64(OP_MS_MAX, gs_max_u64(OP_MS_MIN, o.records / RECORDS_PER_MS));
	rc = bench_run(&result, &o, why);
	if (rc < 0) {
		(void)fprintf(stderr, "gsession: %s\n", why);
		return EXIT_SYSTEM;
	}
	if (line.json)
		print_json(&result);
	else
		print_table(&result);
	return cmd_done();
}

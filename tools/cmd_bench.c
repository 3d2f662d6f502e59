/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/bench.h"

enum { OPT_RECORDS, OPT_SIZE, OPT_PROCS, OPT_KEYS, OPT_JSON };
/* How long each operation is measured: long enough for a large store, and no longer than a small one is worth. */
enum { OP_MS_MIN = 50, OP_MS_MAX = 1000, RECORDS_PER_MS = 1000 };

const struct args_option cmd_bench_options[] = {
	[OPT_RECORDS] = { 'r', "records", "N", "sessions in the store (1000000)" },
	[OPT_SIZE] = { 's', "size", "B", "bytes of a value (512)" },
	[OPT_PROCS] = { 'p', "procs", "P", "processes at once, reading and then writing (1)" },
	[OPT_KEYS] = { 'k', "keys", "HOW", "how often each key is asked for: uniform or zipf (uniform)" },
	[OPT_JSON] = CMD_OPTION_JSON,
	CMD_OPTIONS_END,
};

static const char *const keys_names[] = { "uniform", "zipf" };

static void
json_ops(struct gs_json *j, const char *name, const double figures[BENCH_OPS])
{
	enum bench_op op;

	gs_json_object(j, name);
	for (op = 0; op < BENCH_OPS; op++)
		gs_json_double(j, bench_name(op), figures[op]);
	gs_json_end(j, false);
}

static void
json_memory(struct gs_json *j, const struct bench_memory *m)
{
	gs_json_object(j, "memory");
	gs_json_double(j, "per_session", m->per_session);
	gs_json_u64(j, "index", m->index);
	gs_json_u64(j, "slots", m->slots);
	gs_json_u64(j, "rest", m->rest);
	gs_json_u64(j, "huge", m->huge);
	gs_json_end(j, false);
}

static void
print_json(const struct bench_result *r)
{
	struct gs_json j;

	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_u64(&j, "records", r->options.records);
	gs_json_u64(&j, "size", r->options.size);
	gs_json_u64(&j, "procs", r->options.procs);
	gs_json_text(&j, "keys", keys_names[r->options.is_zipf]);
	json_ops(&j, "ratios", r->memory_ops.ratio);
	json_ops(&j, "free_ratios", r->memory_ops.free_ratio);
	json_ops(&j, "ns", r->memory_ops.ns);
	json_ops(&j, "call_ratios", r->calls.ratio);
	json_ops(&j, "call_ns", r->calls.ns);
	gs_json_double(&j, "copy_ns", r->copy_ns);
	gs_json_double(&j, "free_copy_ns", r->free_copy_ns);
	gs_json_double(&j, "one_reads_per_s", r->reads.one_per_s);
	gs_json_double(&j, "all_reads_per_s", r->reads.all_per_s);
	gs_json_double(&j, "reads_scale", r->reads.scale);
	gs_json_double(&j, "reads_cpu_scale", r->reads.cpu_scale);
	gs_json_double(&j, "one_writes_per_s", r->writes.one_per_s);
	gs_json_double(&j, "all_writes_per_s", r->writes.all_per_s);
	gs_json_double(&j, "writes_scale", r->writes.scale);
	gs_json_double(&j, "writes_cpu_scale", r->writes.cpu_scale);
	json_memory(&j, &r->memory);
	gs_json_end(&j, false);
	gs_json_done(&j);
}

static void
print_speed(const char *what, const struct bench_speed *s, uint64_t procs)
{
	(void)printf("%s by 1 process %.0f per s", what, s->one_per_s);
	if (procs > 1)
		(void)printf(", by %" PRIu64 " %.0f per s: %.2f times as many, %.2f by processor time", procs, s->all_per_s, s->scale,
		    s->cpu_scale);
	(void)putchar('\n');
}

static void
print_memory(const struct bench_memory *m, uint64_t records)
{
	(void)printf("memory of a session %.1f bytes: slots %.1f, index %.1f, the rest %.1f; %" PRIu64 " of %" PRIu64 " MB by huge pages\n",
	    m->per_session, (double)m->slots / (double)records, (double)m->index / (double)records, (double)m->rest / (double)records,
	    m->huge >> 20, (m->index + m->slots + m->rest) >> 20);
}

static void
print_table(const struct bench_result *r)
{
	const struct bench_figures *m = &r->memory_ops, *c = &r->calls;
	enum bench_op op;

	(void)printf("%" PRIu64 " records of %" PRIu64 " bytes, %s keys; ratios to a copy of as many bytes\n\n", r->options.records,
	    r->options.size, keys_names[r->options.is_zipf]);
	(void)printf("%-12s %10s %12s %12s   %10s %12s\n", "", "ns", "dependent", "overlapping", "call, ns", "dependent");
	(void)printf("%-12s %10.1f %12s\n", "copy", r->copy_ns, "1");
	(void)printf("%-12s %10.1f %12s %12s\n", "copies", r->free_copy_ns, "", "1");
	for (op = 0; op < BENCH_OPS; op++)
		(void)printf("%-12s %10.1f %12.2f %12.2f   %10.1f %12.2f\n", bench_name(op), m->ns[op], m->ratio[op], m->free_ratio[op],
		    c->ns[op], c->ratio[op]);
	(void)putchar('\n');
	print_speed("reads", &r->reads, r->options.procs);
	print_speed("updates", &r->writes, r->options.procs);
	print_memory(&r->memory, r->options.records);
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

static bool
take_keys(const char *text, bool *is_zipf)
{
	*is_zipf = text != NULL && strcmp(text, keys_names[1]) == 0;
	if (text == NULL || *is_zipf || strcmp(text, keys_names[0]) == 0)
		return true;
	(void)cmd_misuse("--keys %s: uniform and zipf are allowed", text);
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
	    !take_count("procs", line.value[OPT_PROCS], 1, BENCH_PROCS_MAX, &o.procs) || !take_keys(line.value[OPT_KEYS], &o.is_zipf))
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

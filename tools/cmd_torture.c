/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/errors.h"
#include "base/random.h"
#include "base/text.h"
#include "lab/torture.h"

enum { OPT_SECONDS, OPT_SEED };

const struct args_option cmd_torture_options[] = {
	[OPT_SECONDS] = { 's', "seconds", "N", "how long (10)" },
	[OPT_SEED] = { 0, "seed", "S", "what decides who is killed when; a random one without it" },
	CMD_OPTIONS_END,
};

static void
print_table(const struct torture_result *r, const struct torture_options *o)
{
	enum torture_count n;

	for (n = 0; n < TORTURE_COUNTS; n++)
		(void)printf("%12" PRIu64 "  %s\n", r->count[n], torture_count_name(n));
	(void)printf("%12" PRIu64 "  sessions at the end\n", r->sessions);
	if (r->found[TORTURE_WRONG] > 0)
		(void)printf("%12" PRIu64 "  other findings\n", r->found[TORTURE_WRONG]);
	if (r->was_interrupted)
		(void)printf("interrupted before %" PRIu64 " seconds were over\n", o->seconds);
	(void)printf("%" PRIu64 " lost, %" PRIu64 " torn, %" PRIu64 " resurrected, %" PRIu64 " leaked (seed %" PRIu64 ")\n", r->found[TORTURE_LOST],
	    r->found[TORTURE_TORN], r->found[TORTURE_RESURRECTED], r->found[TORTURE_LEAKED], o->seed);
}

static bool
is_clean(const struct torture_result *r)
{
	enum torture_verdict v;

	for (v = TORTURE_FINE + 1; v < TORTURE_VERDICTS; v++)
		if (r->found[v] > 0)
			return false;
	return true;
}

int
cmd_torture(int argc, char **argv, const struct cmd_env *env)
{
	struct torture_options o = { .seconds = 10, .complain = stderr };
	struct torture_result result;
	char why[TORTURE_WHY_BYTES];
	struct cmd_line line;
	int rc, status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	if (line.value[OPT_SECONDS] != NULL &&
	    (gs_text_parse_count(line.value[OPT_SECONDS], &o.seconds) != 0 || o.seconds < 1 || o.seconds > TORTURE_SECONDS_MAX))
		return cmd_misuse("--seconds %s: 1 to %d are allowed", line.value[OPT_SECONDS], TORTURE_SECONDS_MAX);
	if (line.value[OPT_SEED] == NULL) {
		if (gs_random_bytes(&o.seed, sizeof(o.seed)) < 0)
			return cmd_fail(GS_ESYSTEM, "a random seed");
		o.seed >>= 32;		/* short enough to be copied by hand */
	} else if (gs_text_parse_count(line.value[OPT_SEED], &o.seed) != 0) {
		return cmd_misuse("--seed %s: a number is expected", line.value[OPT_SEED]);
	}
	if (isatty(STDERR_FILENO))
		o.progress = stderr;
	rc = torture_run(&result, &o, why);
	if (rc < 0) {
		(void)fprintf(stderr, "gsession: %s\n", why);
		return gs_error_status(rc);
	}
	print_table(&result, &o);
	status = cmd_done();
	return status != EXIT_YES ? status : is_clean(&result) ? EXIT_YES : EXIT_SYSTEM;
}

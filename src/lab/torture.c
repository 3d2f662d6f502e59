/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lab/torture_crew.h"
#include "lab/torture_end.h"
#include "lab/torture_impl.h"
#include "lab/torture_place.h"
#include "lab/torture_plan.h"

struct conducting {
	const struct torture_options *o;
	struct torture_result *out;
	struct torture_shared *sh;
	struct torture_place place;
	struct torture_crew crew;
	sigset_t ends;			/* signals that end the run early */
	uint32_t n_told;		/* findings that were described */
};

const char *
torture_count_name(enum torture_count n)
{
#define TORTURE_COUNT_TEXT(name, text) text,
	static const char *const names[] = { TORTURE_COUNT_TABLE(TORTURE_COUNT_TEXT) };
#undef TORTURE_COUNT_TEXT

	return names[n];
}

/* ---- what is told ---- */

static void
tell_findings(struct conducting *c)
{
	for (; c->n_told < TORTURE_FINDINGS; c->n_told++) {
		const struct torture_finding *f = &c->sh->finding[c->n_told];

		/* acquire; pairs with the release in torture_found: the text is whole */
		if (atomic_load_explicit(&f->is_whole, memory_order_acquire) == 0)
			return;
		(void)fprintf(c->o->complain, "%.*s\n", TORTURE_FINDING_BYTES, f->text);
	}
}

static void
sum_up(struct conducting *c)
{
	const struct torture_slot *others[] = { &c->sh->historian, &c->sh->operator, &c->sh->conductor };

	for (int n = 0; n < TORTURE_COUNTS; n++) {
		c->out->count[n] = 0;
		for (int i = 0; i < TORTURE_WORKERS; i++)
			c->out->count[n] += atomic_load(&c->sh->worker[i].count[n]);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			c->out->count[n] += atomic_load(&others[i]->count[n]);
	}
	for (int v = 0; v < TORTURE_VERDICTS; v++)
		c->out->found[v] = atomic_load(&c->sh->found[v]);
}

static void
tell_progress(struct conducting *c, uint64_t began_ns, uint64_t *told_s)
{
	uint64_t now_s = (gs_clock_mono_ns() - began_ns) / UINT64_C(1000000000), n_calls = 0;

	if (c->o->progress == NULL || now_s == *told_s)
		return;
	*told_s = now_s;
	sum_up(c);
	for (int i = 0; i < TORTURE_WORKERS; i++)
		n_calls += atomic_load(&c->sh->worker[i].n_calls);
	(void)fprintf(c->o->progress, "\r%" PRIu64 " s, %" PRIu64 " calls, %" PRIu64 " kills, %" PRIu64 " of the daemon, %" PRIu64 " findings ", now_s, n_calls,
	    c->out->count[TORTURE_KILL], c->out->count[TORTURE_DAEMON_KILL], (uint64_t)atomic_load(&c->sh->n_findings));
	(void)fflush(c->o->progress);
}

/* ---- conducting ---- */

/* Wait until a moment; false when a signal says that it is enough. */
static bool
wait_until(struct conducting *c, uint64_t at_ns)
{
	uint64_t now_ns = gs_clock_mono_ns(), left_ns = at_ns > now_ns ? at_ns - now_ns : 0;
	struct timespec ts = { (time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000) };

	for (;;) {
		if (sigtimedwait(&c->ends, NULL, &ts) >= 0)
			return false;
		if (errno != EINTR)
			return true;
	}
}

static int
conduct(struct conducting *c)
{
	uint64_t began_ns = gs_clock_mono_ns(), end_us = c->o->seconds * 1000000, told_s = 0;
	struct torture_plan plan;
	struct torture_step step;
	int rc = 0;

	torture_plan_init(&plan, c->sh->seed, TORTURE_WORKERS);
	torture_plan_next(&plan, &step);
	while (rc == 0 && step.at_us < end_us) {
		if (!wait_until(c, began_ns + step.at_us * 1000)) {
			c->out->was_interrupted = true;
			return 0;
		}
		torture_crew_look(&c->crew);
		rc = torture_crew_do(&c->crew, &step);
		torture_plan_next(&plan, &step);
		tell_progress(c, began_ns, &told_s);
		tell_findings(c);
	}
	if (rc == 0 && !wait_until(c, began_ns + end_us * 1000))
		c->out->was_interrupted = true;
	return rc;
}

static int
run_crew(struct conducting *c, char why[TORTURE_WHY_BYTES])
{
	int rc = torture_crew_start(&c->crew);

	if (rc == 0)
		rc = conduct(c);
	if (rc == 0) {
		torture_crew_look(&c->crew);
		torture_crew_dismiss(&c->crew);
		torture_end_check(c->sh, &c->out->sessions);
		torture_crew_look(&c->crew);
		torture_crew_dismiss_daemon(&c->crew);
	} else {
		(void)snprintf(why, TORTURE_WHY_BYTES, "cannot start a process: %s", strerror(errno));
	}
	torture_crew_kill(&c->crew);
	if (c->o->progress != NULL)
		(void)fputc('\n', c->o->progress);
	tell_findings(c);
	sum_up(c);
	if (c->out->found[TORTURE_WRONG] > 0)
		torture_place_print_log(&c->place, c->o->complain);
	return rc;
}

int
torture_run(struct torture_result *out, const struct torture_options *o, char why[TORTURE_WHY_BYTES])
{
	static struct conducting c;
	sigset_t before;
	int rc;

	*out = (struct torture_result){ 0 };
	c = (struct conducting){ .o = o, .out = out };
	(void)sigemptyset(&c.ends);
	(void)sigaddset(&c.ends, SIGINT);
	(void)sigaddset(&c.ends, SIGTERM);
	(void)sigaddset(&c.ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &c.ends, &before);
	rc = torture_place_init(&c.place, why, TORTURE_WHY_BYTES);
	if (rc < 0)
		goto out_signals;
	c.sh = torture_shared_new(o->seed, c.place.run_dir);
	if (c.sh == NULL) {
		rc = GS_ENOMEM;
		(void)snprintf(why, TORTURE_WHY_BYTES, "%s", gs_strerror(rc));
		goto out_place;
	}
	c.crew = (struct torture_crew){ .sh = c.sh, .place = &c.place };
	rc = run_crew(&c, why);
	torture_shared_free(c.sh);
out_place:
	torture_place_fini(&c.place);
out_signals:
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * axioms.c - decide every shape of the file shapes in the language, on ARMv8 and on x86, by all of its executions.
 *
 * What is forbidden must be so under each model that the shape names; and with
 * any one of its orders a step weaker one of them must allow it, or the shape
 * asks for more than it needs and says nothing of the order.  Before that the
 * models themselves are held against shapes whose verdicts are known.
 */
#include "litmus.h"

#include <stdlib.h>

static int n_tests, n_failed, n_weakened;
static unsigned long n_executions;

static const struct { enum by by; const char *name; litmus_model model; } models[] = {
	{ BY_C, "c", litmus_is_c }, { BY_ARM, "arm", litmus_is_arm }, { BY_X86, "x86", litmus_is_x86 },
};

static int
forbidden_by(const struct shape *s)
{
	int by = 0;

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (!litmus_allows(s, models[i].model, &n_executions))
			by |= models[i].by;
	return by;
}

static void
print_by(int by)
{
	(void)printf(by == 0 ? " nobody" : "");
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if ((by & models[i].by) != 0)
			(void)printf(" %s", models[i].name);
}

/* The verdict on a shape as it stands. */
static void
decide(const struct shape *s, const char *kind)
{
	int by = forbidden_by(s);
	bool is_right = by == s->by;

	n_tests++;
	n_failed += !is_right;
	(void)printf("%s %d - %s%s: forbidden by", is_right ? "ok" : "not ok", n_tests, kind, s->name);
	print_by(by);
	(void)printf("\n");
}

/* One order of it made weaker: one of those who forbade the outcome must allow it. */
static void
weaken(const struct shape *s, int i, enum order to)
{
	struct shape weak = *s;
	int by;
	bool is_right;

	weak.op[i].order = to;
	by = forbidden_by(&weak);
	is_right = (by & s->by) != s->by;
	n_tests++;
	n_weakened++;
	n_failed += !is_right;
	(void)printf("%s %d - control, %s, `%s` %s: forbidden by", is_right ? "ok" : "not ok", n_tests, s->name, s->op[i].what,
	    litmus_order_name(to));
	print_by(by);
	(void)printf("\n");
}

static void
weaken_each(const struct shape *s)
{
	for (int i = 0; i < s->n_ops; i++) {
		enum order order = s->op[i].order;

		if (order == SEQ_CST)
			weaken(s, i, s->op[i].kind == OP_LOAD ? ACQUIRE : s->op[i].kind == OP_STORE ? RELEASE : ACQ_REL);
		else if (order == ACQ_REL) {
			weaken(s, i, ACQUIRE);
			weaken(s, i, RELEASE);
		} else if (order != RELAXED)
			weaken(s, i, RELAXED);
	}
}

#define SB(store, load) "thread; store X 1 " store "; load Y " load " r0; thread; store Y 1 " store "; load X " load " r1; never r0=0 r1=0"
#define MP(store, load) "thread; store X 1 relaxed; store Y 1 " store "; thread; load Y " load " r0; load X relaxed r1; never r0=1 r1=0"
#define IRIW(store, load) "thread; store X 1 " store "; thread; store Y 1 " store "; thread; load X " load " r0; load Y " load " r1; " \
	"thread; load Y " load " r2; load X " load " r3; never r0=1 r1=0 r2=1 r3=0"

/* Verdicts that the papers give. */
static void
calibrate(void)
{
	static const char *const known[] = {
		"shape SB-relaxed; by nobody; " SB("relaxed", "relaxed"),
		"shape SB-release-acquire; by nobody; " SB("release", "acquire"),
		"shape SB-seq_cst; by c arm x86; " SB("seq_cst", "seq_cst"),
		"shape SB-fences; by c arm x86; thread; store X 1 relaxed; fence seq_cst; load Y relaxed r0; "
		    "thread; store Y 1 relaxed; fence seq_cst; load X relaxed r1; never r0=0 r1=0",
		"shape SB-one-fence; by nobody; thread; store X 1 relaxed; fence seq_cst; load Y relaxed r0; "
		    "thread; store Y 1 relaxed; load X relaxed r1; never r0=0 r1=0",
		"shape MP-relaxed; by x86; " MP("relaxed", "relaxed"),
		"shape MP-release; by x86; " MP("release", "relaxed"),
		"shape MP-release-acquire; by c arm x86; " MP("release", "acquire"),
		"shape MP-fences; by c arm x86; thread; store X 1 relaxed; fence release; store Y 1 relaxed; "
		    "thread; load Y relaxed r0; fence acquire; load X relaxed r1; never r0=1 r1=0",
		"shape LB-relaxed; by c x86; thread; load X relaxed r0; store Y 1 relaxed; thread; load Y relaxed r1; store X 1 relaxed; "
		    "never r0=1 r1=1",
		"shape LB-acquire; by c arm x86; thread; load X acquire r0; store Y 1 relaxed; thread; load Y acquire r1; "
		    "store X 1 relaxed; never r0=1 r1=1",
		"shape IRIW-relaxed; by x86; " IRIW("relaxed", "relaxed"),
		"shape IRIW-acquire; by arm x86; " IRIW("release", "acquire"),
		"shape IRIW-seq_cst; by c arm x86; " IRIW("seq_cst", "seq_cst"),
		"shape CoRR; by c arm x86; thread; store X 1 relaxed; thread; load X relaxed r0; load X relaxed r1; never r0=1 r1=0",
		"shape CoWR; by c arm x86; thread; store X 1 relaxed; load X relaxed r0; thread; store X 2 relaxed; never r0=0",
		"shape WRC; by c arm x86; thread; store X 1 relaxed; thread; load X relaxed r0; store Y 1 release; "
		    "thread; load Y acquire r1; load X relaxed r2; never r0=1 r1=1 r2=0",
		"shape release-sequence; by c arm x86; thread; store X 1 relaxed; store Y 1 release; thread; cas Y 1 2 relaxed r0; "
		    "thread; load Y acquire r1; load X relaxed r2; never r0=1 r1=2 r2=0",
		"shape no-release-sequence; by arm x86; thread; store X 1 relaxed; store Y 1 release; thread; load Y relaxed r0; "
		    "store Y 2 relaxed; thread; load Y acquire r1; load X relaxed r2; never r0=1 r1=2 r2=0",
		"shape two-cas; by c arm x86; thread; cas X 0 1 relaxed r0; thread; cas X 0 2 relaxed r1; never r0=0 r1=0",
		"shape S; by c arm x86; thread; store X 2 relaxed; store Y 1 release; thread; load Y acquire r0; swap X 1 relaxed r1; "
		    "never r0=1 r1=0",
	};
	struct shape s;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		litmus_parse(known[i], &s);
		decide(&s, "model, ");
	}
}

int
main(void)
{
	const char *dir = getenv("abs_top_srcdir");
	char path[4096];
	struct shape s;
	int n_shapes = 0;
	FILE *f;

	calibrate();
	(void)snprintf(path, sizeof(path), "%s/t/litmus/shapes", dir != NULL ? dir : ".");
	f = fopen(path, "re");
	if (f == NULL) {
		(void)printf("Bail out! there is no %s\n", path);
		return 1;
	}
	for (; litmus_read(f, &s) > 0; n_shapes++) {
		decide(&s, "");
		weaken_each(&s);
	}
	(void)fclose(f);
	(void)printf("# %d shapes of ours, %d weakened, %lu executions looked at\n", n_shapes, n_weakened, n_executions);
	(void)printf("1..%d\n", n_tests);
	return n_failed == 0 && n_shapes > 0 ? 0 : 1;
}

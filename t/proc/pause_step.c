/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pause_step.c - stops a process after each instruction of an operation, for pause_step.t.
 *
 *	pause_step probe		can processes be stepped here? If not, says why and ends with 77
 *	pause_step list			a line per operation: its name and a sentence
 *	pause_step step NAME [SEED]	one operation
 *
 * While it stands after instruction n another context makes a whole operation
 * on the same session, then it goes on to its end. What both answer and what
 * is left must be as if one had come after the other, in either order; no
 * slot is lost and each count is exact.
 *
 * Which operation comes in between changes with n and SEED. With GS_QUICK in
 * the environment every seventh instruction, from SEED on.
 */
#include <sys/types.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gsession.h"
#include "base/crc32c.h"
#include "shm/audit.h"

#include "kill_ops.h"
#include "stepper.h"
#include "table_image.h"

enum {
	SENTENCES = 10,
	QUICK_STRIDE = 7,
	LONG_STRIDE = 5,		/* of the daemon's work, which has many instructions */
	ACT_BYTES = 40,
	UNFIT = 77,
};

/* What comes in between. */
struct act {
	const char *name;
	int (*run)(struct place *);
	bool is_daemon;
};

static int act_put(struct place *p) { return place_put(p, &p->rescuer, &p->key, ACT_BYTES, 'r'); }
static int act_del(struct place *p) { return gs_kv_del(p->t, &p->rescuer, &p->key, p->now_ms, 0); }
static int act_touch(struct place *p) { return gs_kv_touch(p->t, &p->rescuer, &p->key, p->now_ms); }
static int act_move_out(struct place *p) { return gs_kv_move(p->t, &p->rescuer, &p->key, p->now_ms, PLACE_WARM); }
static int act_move_in(struct place *p) { return gs_kv_move(p->t, &p->rescuer, &p->key, p->now_ms, PLACE_ACTIVE); }

static int
act_get(struct place *p)
{
	unsigned char buf[PLACE_RECORD];

	return (int)gs_kv_get(p->t, &p->rescuer, &p->key, p->now_ms, buf, sizeof(buf), 0, NULL);
}

/* End it and start it anew: the slots of both are the other's then. */
static int
act_renew(struct place *p)
{
	(void)act_del(p);
	(void)act_put(p);
	return act_put(p);
}

static int
act_settle(struct place *p)
{
	struct gs_settled done;

	gs_kv_settle(p->t, &p->daemon, p->ordinal, p->now_ms, &done);
	return 0;
}

/* The daemon drains the segment that all work in, moves what it can, and gives the memory back unless somebody has a slot there. */
static int
act_shrink(struct place *p)
{
	(void)run_drain(p);
	(void)run_evacuate(p);
	(void)run_release(p);
	return 0;
}

static const struct act acts[] = {
	{ "put", act_put, false }, { "del", act_del, false }, { "get", act_get, false }, { "touch", act_touch, false },
	{ "move outwards", act_move_out, false }, { "move inwards", act_move_in, false }, { "del, put and put", act_renew, false },
	{ "settle", act_settle, true }, { "shrink", act_shrink, true },
};

enum { N_ACTS = sizeof(acts) / sizeof(acts[0]) };

struct outcome {
	int rc, act_rc;
	ssize_t len;
	uint32_t crc, ring;
};

struct run {
	struct place p;
	const struct operation *op;
	struct stepper stepper;
	int *rc;			/* shared: what the operation answered */
	struct outcome *shared;
	struct image live, prepared, stopped;
	struct gs_ctx rescuer, daemon;	/* as prepared */
	struct outcome right[N_ACTS][2];	/* the operation first, the act first */
	uint64_t n, points, n_wrong, stride, seed;
};

static struct outcome
outcome_of(struct run *r, int rc, int act_rc)
{
	struct place *p = &r->p;
	unsigned char buf[PLACE_RECORD];
	struct gs_meta m;
	struct outcome o = { .rc = rc, .act_rc = act_rc };

	o.len = gs_kv_get(p->t, &p->rescuer, &p->key, p->now_ms, buf, sizeof(buf), GS_KV_INSPECT, &m);
	if (o.len < 0)
		return o;
	o.crc = gs_crc32c(0, buf, (size_t)o.len);
	o.ring = m.ring;
	return o;
}

/* The daemon's answer may be that somebody came between, and it looks again later. */
static bool
is_outcome(const struct run *r, const struct outcome *a, const struct outcome *b)
{
	return (r->op->is_daemon || a->rc == b->rc || (r->op->is_final && a->rc == 0)) && a->act_rc == b->act_rc && a->len == b->len &&
	    a->crc == b->crc && (r->op->has_choice || a->ring == b->ring);
}

static void
wrong(struct run *r, const struct act *act, const char *what)
{
	if (r->n_wrong++ < SENTENCES)
		printf("%s, %s after %" PRIu64 " instructions, at %#" PRIx64 ": %s\n", r->op->name, act->name, r->n,
		    r->stepper.at - (uint64_t)(uintptr_t)__executable_start, what);
}

static void
check_outcome(struct run *r, const struct act *act, const struct outcome *o)
{
	const struct outcome *right = r->right[act - acts];
	char what[256];

	if (is_outcome(r, o, &right[0]) || is_outcome(r, o, &right[1]))
		return;
	(void)snprintf(what, sizeof(what), "answers %d and %d, then %zd bytes, crc %08x, ring %u; in turn %d, %d, %zd, %08x, %u or %d, %d, %zd, %08x, %u",
	    o->rc, o->act_rc, o->len, o->crc, o->ring, right[0].rc, right[0].act_rc, right[0].len, right[0].crc, right[0].ring, right[1].rc,
	    right[1].act_rc, right[1].len, right[1].crc, right[1].ring);
	wrong(r, act, what);
}

/* What the dead left before all this is recovered, everybody gives back what he holds. */
static void
check_memory(struct run *r, const struct act *act)
{
	struct gs_table *t = r->p.t;
	struct gs_recount recount = { 0 };
	struct gs_audit a;

	gs_slots_flush(t, &r->p.rescuer);
	gs_slots_flush(t, &r->p.daemon);
	if (r->op->is_dirty)
		(void)run_recover(&r->p);
	while (r->op->is_dirty && !gs_recover_recount(t, &recount, UINT64_MAX))
		;
	gs_audit_run(t, r->p.now_ms, &a, r->n_wrong < SENTENCES ? stdout : NULL);
	if (a.n_broken > 0)
		wrong(r, act, "the audit is not clean");
	/* What nobody lists is found by the walk, later. */
	if (a.listed != 0 || a.free + a.live != a.capacity)
		wrong(r, act, "a slot is lost");
	for (uint32_t i = 0; i < t->n_rings; i++)
		if (atomic_load(&t->idx->population[i].n) != (int64_t)a.sessions[i])
			wrong(r, act, "a population is not exact");
}

static void
put_back(struct run *r, const struct image *from)
{
	image_copy(r->p.t, &r->live, from);
	r->p.rescuer = r->rescuer;
	r->p.daemon = r->daemon;
}

/* The process stands: another acts, and the process goes on, while its twin stays here. */
static void
check_point(struct run *r, const struct act *act)
{
	struct user_regs_struct saved;
	pid_t twin = stepper_twin(&r->stepper, &saved);
	struct outcome o;
	int act_rc;

	image_copy(r->p.t, &r->stopped, &r->live);
	act_rc = act->run(&r->p);
	stepper_let_go(&r->stepper, &saved);
	atomic_store(r->stepper.progress, STEP_INSIDE);
	o = outcome_of(r, *r->rc, act_rc);
	check_outcome(r, act, &o);
	check_memory(r, act);
	put_back(r, &r->stopped);
	r->stepper.pid = twin;
	r->points++;
}

static void
work(void *arg)
{
	struct run *r = arg;

	*r->rc = r->op->run(&r->p);
	atomic_store_explicit(r->stepper.progress, STEP_AFTER, memory_order_release);
	if (r->op->is_daemon)
		gs_slots_flush(r->p.t, &r->p.daemon);
	/* where it is dead the daemon has its slots */
	if (!r->op->is_dirty)
		gs_slots_flush(r->p.t, &r->p.victim);
}

/* One after the other, in a process of their own. */
static struct outcome
in_turn(struct run *r, const struct act *act, bool is_act_first)
{
	int rc, act_rc;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		act_rc = is_act_first ? act->run(&r->p) : 0;
		rc = r->op->run(&r->p);
		act_rc = is_act_first ? act_rc : act->run(&r->p);
		*r->shared = outcome_of(r, rc, act_rc);
		_exit(0);
	}
	if (stepper_wait(pid) != 0)
		errx(1, "%s and %s fail", r->op->name, act->name);
	put_back(r, &r->prepared);
	return *r->shared;
}

/* The next act that can come between; the daemon does not come between itself. */
static const struct act *
act_at(const struct run *r)
{
	uint64_t i = (r->n / r->stride + r->seed) % N_ACTS;

	return acts[i].is_daemon && (r->op->is_daemon || (acts[i].run == act_settle && r->p.ordinal == 0)) ? &acts[0] : &acts[i];
}

static int
step(const struct operation *op, uint64_t seed)
{
	struct run *r = calloc(1, sizeof(*r));
	struct timespec from, to;

	if (r == NULL)
		err(1, "calloc");
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	r->op = op;
	r->seed = seed;
	r->stride = (getenv("GS_QUICK") != NULL ? QUICK_STRIDE : 1) * (op->is_dirty ? LONG_STRIDE : 1);
	stepper_init(&r->stepper);
	r->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->shared == MAP_FAILED)
		err(1, "mmap");
	r->rc = (int *)(r->shared + 1);
	place_open(&r->p, &r->stepper, false);
	op->prepare(&r->p);
	r->rescuer = r->p.rescuer;
	r->daemon = r->p.daemon;
	r->live = image_live(r->p.t);
	r->prepared = image_new(r->p.t);
	r->stopped = image_new(r->p.t);
	image_copy(r->p.t, &r->prepared, &r->live);
	for (int i = 0; i < N_ACTS; i++)
		for (int first = 0; first < 2; first++)
			r->right[i][first] = in_turn(r, &acts[i], first == 1);
	stepper_start(&r->stepper, work, r);
	for (r->n = 0; stepper_progress(&r->stepper) == STEP_INSIDE; r->n++) {
		if ((r->n + seed / N_ACTS) % r->stride == 0)
			check_point(r, act_at(r));
		stepper_step(&r->stepper);
	}
	stepper_kill(&r->stepper);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s: %" PRIu64 " points, %" PRIu64 " wrong, seed %" PRIu64 ", %.1f s\n", op->name, r->points, r->n_wrong, seed,
	    (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return r->n_wrong > 0 ? 1 : 0;
}

/* Others left nothing that only the walk finds, and the clock does not move while the process is stopped. */
static bool
is_fit(const struct operation *op)
{
	return !op->is_control && !op->has_clock && !op->is_walked && (op->is_dirty || op->n_dead == 1);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "probe") == 0)
		return stepper_probe() ? 0 : UNFIT;
	for (size_t i = 0; operations[i].name != NULL; i++) {
		if (!is_fit(&operations[i]))
			continue;
		if (strcmp(verb, "list") == 0)
			printf("%s %s\n", operations[i].name, operations[i].sentence);
		if (argc > 2 && strcmp(verb, "step") == 0 && strcmp(argv[2], operations[i].name) == 0)
			return step(&operations[i], argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
	}
	if (strcmp(verb, "list") == 0)
		return 0;
	errx(2, "usage: pause_step probe|list|step NAME [SEED]");
}

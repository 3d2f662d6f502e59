/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop_step.c - stops a process after each instruction of a start in a namespace, while that is removed; for stop_step.t.
 *
 *	stop_step probe			can processes be stepped here? If not, says why and ends with 77
 *	stop_step step [SEED]
 *
 * After instruction n the process stands still. A recount takes what it has
 * counted for the dead's, and the namespace is removed. Then, each from the
 * same memory: the process goes on; it goes on when there is a namespace of
 * that name again; it has died, and is recovered. What it was answered is
 * true each time, and nothing is in a namespace that is not there.
 *
 * With GS_QUICK in the environment every seventh instruction, from SEED on.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "gsession.h"
#include "shm/audit.h"
#include "shm/namespaces.h"
#include "shm/recover.h"

#include "kill_place.h"
#include "stepper.h"
#include "table_image.h"

enum { SENTENCES = 10, QUICK_STRIDE = 7, UNFIT = 77 };

enum way { GOES_ON, GOES_ON_LATER, DIED, WAYS };

static const char *const way_names[WAYS] = { "goes on", "goes on when it is made again", "died" };

struct run {
	struct place p;
	struct stepper stepper;
	struct image live, prepared;
	struct gs_namespace_cfg ns;
	struct gs_ctx rescuer, daemon;
	uint32_t id;
	uint64_t n, points, wrong, removed, refused, started;
	_Atomic int *answer;		/* of the stepped process, shared with it */
};

static const struct gs_namespace_spec spec = { .name = "a", .idle_ms = GS_DURATION_MAX, .max_sessions = GS_NAMESPACE_UNLIMITED, .mode = 0700 };

static void
wrong(struct run *r, enum way way, const char *what, int removed, int answer)
{
	if (r->wrong++ < SENTENCES)
		printf("stopped after %" PRIu64 " instructions, then it %s: %s (removal %d, put %d)\n", r->n, way_names[way], what, removed, answer);
}

static void
work(void *arg)
{
	struct run *r = arg;

	atomic_store(r->answer, place_put(&r->p, &r->p.victim, &r->p.key, PLACE_SMALL, 'b'));
}

static void
recount(struct run *r)
{
	struct gs_recount all = { 0 };

	while (!gs_recover_recount(r->p.t, &all, UINT64_MAX))
		;
}

static void
recover(struct run *r)
{
	place_set_state(r->p.t, PLACE_VICTIM, GS_CTX_DEAD);
	(void)gs_recover_ctx(r->p.t, PLACE_VICTIM);
	gs_recover_forget(r->p.t, PLACE_VICTIM);
}

static void
put_back(struct run *r)
{
	image_copy(r->p.t, &r->live, &r->prepared);
	memcpy(&r->p.t->ctl->ns[r->id], &r->ns, sizeof(r->ns));
	r->p.rescuer = r->rescuer;
	r->p.daemon = r->daemon;
}

/* What is there at the end, in a namespace that there is again. */
static void
check_end(struct run *r, enum way way, int removed, int answer)
{
	struct gs_audit a;
	bool is_there;

	if (gs_namespaces_make(r->p.t, &r->p.daemon, &spec) != (int)r->id)
		wrong(r, way, "it cannot be made again", removed, answer);
	is_there = gs_kv_get(r->p.t, &r->p.rescuer, &r->p.key, r->p.now_ms, NULL, 0, GS_KV_INSPECT, NULL) >= 0;
	if (way != DIED && is_there != (answer == 1))
		wrong(r, way, is_there ? "the session is there, and nobody was told so" : "the session is not there", removed, answer);
	if (way == DIED && removed == 0 && is_there)
		wrong(r, way, "a session of the dead is in a namespace that was removed", removed, answer);
	recount(r);
	if (gs_namespaces_count(r->p.t, r->id) != is_there)
		wrong(r, way, "the count is not that of the sessions", removed, answer);
	gs_audit_run(r->p.t, r->p.now_ms, &a, NULL);
	if (a.n_broken > 0)
		wrong(r, way, "the audit finds something", removed, answer);
	r->points++;
	r->removed += removed == 0;
	r->refused += answer == GS_ENOENT;
	r->started += answer == 1;
}

/* The process stands still. True: it is at its end by now, and there is a twin that stands where it stood. */
static void
check_way(struct run *r, enum way way)
{
	struct user_regs_struct saved;
	int removed, answer = 0;
	pid_t twin = way == DIED ? 0 : stepper_twin(&r->stepper, &saved);

	recount(r);
	removed = gs_namespaces_remove(r->p.t, &r->p.daemon, spec.name);
	if (removed != 0 && removed != GS_EBUSY)
		wrong(r, way, "the removal fails", removed, 0);
	if (way == GOES_ON_LATER && gs_namespaces_make(r->p.t, &r->p.daemon, &spec) != (int)r->id)
		wrong(r, way, "it cannot be made again", removed, 0);
	if (way == DIED) {
		recover(r);
	} else {
		stepper_let_go(&r->stepper, &saved);
		r->stepper.pid = twin;
		answer = atomic_load(r->answer);
		atomic_store(r->stepper.progress, STEP_INSIDE);
		if (answer != 1 && (way == GOES_ON_LATER || removed != 0))
			wrong(r, way, "the put is refused", removed, answer);
		if (answer == 1 && way == GOES_ON && removed == 0)
			wrong(r, way, "the put is done in a namespace that was removed", removed, answer);
	}
	check_end(r, way, removed, answer);
	put_back(r);
}

static void
step_all(struct run *r, uint64_t stride, uint64_t offset)
{
	stepper_start(&r->stepper, work, r);
	for (r->n = 0; stepper_progress(&r->stepper) == STEP_INSIDE; r->n++) {
		if ((r->n + offset) % stride == 0) {
			image_copy(r->p.t, &r->prepared, &r->live);
			for (enum way way = 0; way < WAYS; way++)
				check_way(r, way);
		}
		stepper_step(&r->stepper);
	}
	stepper_kill(&r->stepper);
}

static int
step(uint64_t seed)
{
	struct run *r = calloc(1, sizeof(*r));
	uint64_t stride = getenv("GS_QUICK") != NULL ? QUICK_STRIDE : 1;
	int id;

	if (r == NULL)
		err(1, "calloc");
	r->answer = mmap(NULL, sizeof(*r->answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->answer == MAP_FAILED)
		err(1, "mmap");
	stepper_init(&r->stepper);
	place_open(&r->p, &r->stepper, false);
	with_nothing(&r->p);
	id = gs_namespaces_make(r->p.t, &r->p.daemon, &spec);
	place_must("the namespace", id > 0 && gs_key_init_in(r->p.t, &r->p.key, (uint32_t)id, "key", 3) == 0);
	for (uint32_t i = 0; i < PLACE_CTX; i++)
		place_set_state(r->p.t, i, GS_CTX_LIVE);
	r->id = (uint32_t)id;
	memcpy(&r->ns, &r->p.t->ctl->ns[id], sizeof(r->ns));
	r->rescuer = r->p.rescuer;
	r->daemon = r->p.daemon;
	r->live = image_live(r->p.t);
	r->prepared = image_new(r->p.t);
	step_all(r, stride, seed % stride);
	printf("%" PRIu64 " points, %" PRIu64 " wrong: removed %" PRIu64 ", refused %" PRIu64 ", started %" PRIu64 ", seed %" PRIu64 "\n", r->points,
	    r->wrong, r->removed, r->refused, r->started, seed);
	/* All ends that there are have been seen. */
	return r->wrong == 0 && r->removed > 0 && r->removed < r->points && r->refused > 0 && r->started > 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "probe") == 0)
		return stepper_probe() ? 0 : UNFIT;
	if (strcmp(verb, "step") == 0)
		return step(argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
	errx(2, "usage: stop_step probe|step [SEED]");
}

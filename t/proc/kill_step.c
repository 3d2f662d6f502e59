/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_step.c - kills a process after each instruction of an operation, for kill_step.t.
 *
 *	kill_step probe			can processes be stepped here? If not, says why and ends with 77
 *	kill_step list			a line per operation: its name and a sentence
 *	kill_step step NAME [SEED]	one operation
 *
 * After instruction n the process that makes the operation is killed. The
 * memory it leaves is looked at three times. First nobody recovers: another
 * context finds the session as it was or as it was to be, gets, puts and ends
 * it; then the dead is recovered as the daemon does it. Second the other way
 * round. Third the daemon sweeps and walks before it knows that somebody died.
 * Each ends with a clean audit, exact counts, and no slot lost.
 *
 * With GS_QUICK in the environment every seventh instruction, from SEED on.
 */
#include <sys/types.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gsession.h"
#include "base/crc32c.h"
#include "shm/audit.h"
#include "shm/recover.h"
#include "shm/slots.h"

#include "kill_ops.h"
#include "stepper.h"
#include "table_image.h"

enum {
	SENTENCES = 10,			/* about what is wrong */
	SAMPLES = 5,
	QUICK_STRIDE = 7,
	UNFIT = 77,
	SWEEP_MS = 24 * 60 * 60 * 1000,	/* no ring keeps a session that long */
	RESCUE_BYTES = 40,
};

/* Instructions at which a process that came there by itself is killed too: it must leave the same memory. */
static const uint64_t sample_at[SAMPLES] = { 3, 60, 190, 450, 900 };

/* A session as another context sees it. */
struct view {
	ssize_t rc;
	uint32_t crc, ring;
	uint64_t version;
	uint64_t in_place[8];		/* touched, expires, accessed, interest, hits, offence, attempt, soon: changed one by one */
};

struct run {
	struct place p;
	const struct operation *op;
	struct stepper stepper;
	struct image live, prepared, killed, sample[SAMPLES];
	bool has_sample[SAMPLES];
	struct gs_ctx rescuer;		/* as prepared */
	struct view before, after;
	struct view seen;		/* at this point */
	bool has_happened;
	uint64_t n, points, wrong, wrong_points;
	uint64_t lost;			/* slots that an audit found to be nobody's, or without their bit */
	uint64_t stride, offset;
};

static void __attribute__((format(printf, 2, 3)))
wrong(struct run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->wrong++ >= SENTENCES || r->op->is_control)
		return;
	printf("%s, killed after %" PRIu64 " instructions, at %#" PRIx64 ": ", r->op->name, r->n,
	    r->stepper.at - (uint64_t)(uintptr_t)__executable_start);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

/* ---- looking ---- */

static struct view
view_of(struct place *p)
{
	unsigned char buf[PLACE_RECORD];
	struct gs_meta m;
	struct view v = { .rc = gs_kv_get(p->t, &p->rescuer, &p->key, p->now_ms, buf, sizeof(buf), GS_KV_INSPECT, &m) };

	if (v.rc < 0)
		return v;
	v.crc = gs_crc32c(0, buf, (size_t)v.rc);
	v.ring = m.ring;
	v.version = m.version;
	memcpy(v.in_place, (uint64_t[]){ m.touched_ms, m.expires_ms, m.accessed_ms, m.interest, m.hits, m.offence, m.attempt_ms, m.soon_ms },
	    sizeof(v.in_place));
	return v;
}

static bool
is_same_session(const struct view *a, const struct view *b)
{
	return a->rc == b->rc && a->crc == b->crc && a->ring == b->ring && a->version == b->version;
}

static bool
is_same_view(const struct view *a, const struct view *b)
{
	return is_same_session(a, b) && memcmp(a->in_place, b->in_place, sizeof(a->in_place)) == 0;
}

/* Old or new, whole, and once new never old again. */
static void
check_view(struct run *r, const struct view *v)
{
	bool is_new = is_same_session(v, &r->after);

	if (!is_new && !is_same_session(v, &r->before))
		wrong(r, "the session is neither as before nor as after: %zd, crc %08x, ring %u", v->rc, v->crc, v->ring);
	if (r->has_happened && !is_new)
		wrong(r, "the operation had happened some instructions before, now it has not");
	r->has_happened = r->has_happened || (is_new && !is_same_session(&r->before, &r->after));
	for (int i = 0; v->rc >= 0 && i < 8; i++)
		if (v->in_place[i] != r->before.in_place[i] && v->in_place[i] != r->after.in_place[i])
			wrong(r, "word %d changed in place is %" PRIu64 ", neither as before nor as after", i, v->in_place[i]);
}

static struct gs_audit
check_audit(struct run *r, const char *when)
{
	struct gs_table *t = r->p.t;
	struct gs_audit a;

	gs_audit_run(t, r->p.now_ms, &a, NULL);
	if (a.n_broken == 0 && a.free + a.live + a.listed == a.capacity)
		return a;
	r->lost += a.broken[5] + a.broken[6];
	wrong(r, "audit %s:", when);
	if (!r->op->is_control && r->wrong <= SENTENCES) {
		gs_audit_run(t, r->p.now_ms, &a, stdout);
		gs_audit_print(&a, t, stdout);
	}
	return a;
}

/* ---- what others do ---- */

static void
expect(struct run *r, const char *what, ssize_t got, ssize_t want)
{
	if (got != want)
		wrong(r, "%s by another answers %zd (%s), not %zd", what, got, got < 0 ? gs_errname((int)got) : "ok", want);
}

static void
expect_value(struct run *r, const char *what, ssize_t want, uint32_t crc)
{
	struct place *p = &r->p;
	unsigned char buf[PLACE_RECORD];
	ssize_t rc = gs_kv_get(p->t, &p->rescuer, &p->key, p->now_ms, buf, sizeof(buf), 0, NULL);

	expect(r, what, rc, want);
	if (rc >= 0 && gs_crc32c(0, buf, (size_t)rc) != crc)
		wrong(r, "%s by another: the value is not whole", what);
}

/* May no session of the key start, because it was ended for good or given up? */
static bool
is_barred(const struct run *r)
{
	const struct place *p = &r->p;
	struct gs_hit hit;

	if (gs_tomb_find(p->t, p->key.hash, p->now_ms) == GS_TOMB_FINAL)
		return true;
	return gs_index_find(p->t, (struct gs_ctx *)(uintptr_t)&p->rescuer, &p->key, GS_FETCH_HEAD, &hit) == 1 &&
	    (hit.slot->flags & GS_FLAG_ROTATED) != 0;
}

/* Another context gets, puts and ends the session, and starts it anew. */
static void
rescue(struct run *r, const struct view *v)
{
	struct place *p = &r->p;
	unsigned char value[PLACE_RECORD];
	uint32_t crc;

	place_value(value, RESCUE_BYTES, 'r');
	crc = gs_crc32c(0, value, RESCUE_BYTES);
	expect_value(r, "get", v->rc, v->crc);
	if (v->rc < 0 && is_barred(r)) {
		expect(r, "put", place_put(p, &p->rescuer, &p->key, RESCUE_BYTES, 'r'), GS_ESTALE);
		expect_value(r, "get after put", GS_ENOENT, 0);
		return;
	}
	expect(r, "put", place_put(p, &p->rescuer, &p->key, RESCUE_BYTES, 'r'), v->rc >= 0 ? 0 : 1);
	expect_value(r, "get after put", RESCUE_BYTES, crc);
	expect(r, "del", gs_kv_del(p->t, &p->rescuer, &p->key, p->now_ms, 0), 0);
	expect_value(r, "get after del", GS_ENOENT, 0);
	if (is_barred(r)) {
		expect(r, "put after del", place_put(p, &p->rescuer, &p->key, RESCUE_BYTES, 'r'), GS_ESTALE);
		return;
	}
	expect(r, "put after del", place_put(p, &p->rescuer, &p->key, RESCUE_BYTES, 'r'), 1);
	expect_value(r, "get at last", RESCUE_BYTES, crc);
	if (r->n % 2 != 0)
		expect(r, "del at last", gs_kv_del(p->t, &p->rescuer, &p->key, p->now_ms, 0), 0);
}

/* Everybody else's sessions are there. */
static void
check_others(struct run *r)
{
	struct place *p = &r->p;
	struct gs_meta m;

	for (int i = 0; i < PLACE_OTHERS; i++)
		if (gs_kv_get(p->t, &p->rescuer, &p->other[i], p->now_ms, NULL, 0, GS_KV_INSPECT, &m) != PLACE_OTHER_BYTES)
			wrong(r, "another session is gone");
}

/* What the daemon does about dead clients: as recover() in src/daemon/clients.c, then clients_tick() some time later. */
static void
recover_clients(struct run *r)
{
	static const uint32_t dead[] = { PLACE_VICTIM, PLACE_LATE };
	struct gs_table *t = r->p.t;

	for (int tick = 0; tick < 2; tick++) {
		for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
			if (place_state(t, dead[i]) == GS_CTX_UNUSED)
				continue;
			place_set_state(t, dead[i], GS_CTX_DEAD);
			(void)gs_recover_ctx(t, dead[i]);
			if (tick == 1 && r->n % 4 < 2 && !gs_recover_is_done(t, dead[i]))
				wrong(r, "the dead still holds something that no living client lists");
			if (tick == 0 && !gs_recover_is_done(t, dead[i]))
				continue;
			gs_recover_forget(t, dead[i]);
			place_set_state(t, dead[i], GS_CTX_UNUSED);
		}
		/* Else who lives keeps the dead one's slots, and they are its own. */
		if (r->n % 4 < 2)
			gs_slots_flush(t, &r->p.rescuer);
	}
}

/* A segment that a daemon left half emptied the next one finishes with: nobody can have taken a slot there. */
static void
finish_segments(struct run *r)
{
	struct gs_table *t = r->p.t;

	for (int i = 0; i < GS_MAX_ARENAS; i++)
		for (uint32_t seg = 0; seg < t->arena[i].n_segments; seg++)
			if (gs_segments_state(&t->arena[i], seg) >= GS_SEGMENT_EMPTYING && gs_segments_release(t, &t->arena[i], seg) != 1)
				wrong(r, "segment %u of ring %u is left half emptied", seg, t->arena[i].ring);
}

/* A daemon that starts, as take_daemon_ctx() in src/daemon/tables.c; the walk over all slots goes on as long as it lives. */
static void
recover_daemon(struct run *r)
{
	struct gs_table *t = r->p.t;
	struct gs_recover_cursor walk = { 0 };

	place_set_state(t, GS_DAEMON_CTX, GS_CTX_DEAD);
	(void)gs_recover_ctx(t, GS_DAEMON_CTX);
	if (!gs_recover_is_done(t, GS_DAEMON_CTX) && r->n % 4 < 2) {
		gs_slots_flush(t, &r->p.rescuer);
		(void)gs_recover_ctx(t, GS_DAEMON_CTX);
	}
	gs_recover_forget(t, GS_DAEMON_CTX);
	place_set_state(t, GS_DAEMON_CTX, GS_CTX_LIVE);
	finish_segments(r);
	while (r->op->is_walked && !walk.done)
		(void)gs_recover_step(t, &walk, UINT32_MAX);
}

/* Each of the dead may have left one place reserved, or given up late, in each ring. */
static void
check_population(struct run *r, bool is_exact)
{
	struct gs_audit a;

	gs_audit_run(r->p.t, r->p.now_ms, &a, NULL);
	for (uint32_t i = 0; i < r->p.t->n_rings; i++) {
		int64_t off = atomic_load(&r->p.t->idx->population[i].n) - (int64_t)a.sessions[i];

		if (is_exact ? off != 0 : llabs(off) > r->op->n_dead)
			wrong(r, "ring %u: the population is off by %" PRId64 "%s", i, off, is_exact ? " after the recount" : "");
	}
}

static void
recover_all(struct run *r)
{
	struct gs_recount recount = { 0 };

	check_population(r, false);
	if (r->op->is_daemon)
		recover_daemon(r);
	if (r->op->is_forgotten)
		place_set_state(r->p.t, PLACE_VICTIM, GS_CTX_UNUSED);
	recover_clients(r);
	while (!gs_recover_recount(r->p.t, &recount, UINT64_MAX))
		;
	check_population(r, true);
}

/* What waits for the disk is free after two syncs, whoever began one before. */
static void
sync_stored(struct run *r)
{
	struct gs_store_sync sync;

	if (!r->op->is_stored)
		return;
	if (gs_store_sync_init(&sync, r->p.t) < 0)
		errx(1, "no memory");
	for (int i = 0; i < 2; i++) {
		(void)gs_store_sync_begin(&sync, r->p.t);
		(void)gs_store_sync_end(&sync, r->p.t, true);
	}
	gs_store_sync_fini(&sync);
}

/* At the end nothing is held by anybody: each slot is free or a session's. */
static void
check_end(struct run *r)
{
	struct gs_audit a;
	uint64_t sessions = 0;

	(void)check_audit(r, "after all is done");
	gs_slots_flush(r->p.t, &r->p.rescuer);
	sync_stored(r);
	a = check_audit(r, "after all was given back");
	for (uint32_t i = 0; i < r->p.t->n_rings; i++)
		sessions += a.sessions[i];
	if (a.listed != 0 || a.live != sessions)
		wrong(r, "%" PRIu64 " slots listed, %" PRIu64 " live for %" PRIu64 " sessions", a.listed, a.live, sessions);
}

/* Others come before the daemon knows. */
static void
check_rescue(struct run *r)
{
	if (!r->op->is_dirty)
		(void)check_audit(r, "before anybody came");
	r->seen = view_of(&r->p);
	check_view(r, &r->seen);
	rescue(r, &r->seen);
	recover_all(r);
	check_end(r);
	check_others(r);
}

/* The daemon recovers before others come. */
static void
check_recovery(struct run *r)
{
	struct view v;

	recover_all(r);
	(void)check_audit(r, "after recovery");
	v = view_of(&r->p);
	if (!is_same_view(&v, &r->seen) && !(r->op->is_completed && v.rc == GS_ENOENT))
		wrong(r, "recovery changed what is seen of the session");
	rescue(r, &v);
	check_end(r);
	check_others(r);
}

/* The daemon does not know yet, its sweep and its walk go on until every session is over. */
static void
check_sweep(struct run *r)
{
	struct gs_table *t = r->p.t;
	struct gs_recover_cursor walk = { 0 };
	struct gs_settled done;
	struct gs_audit a;

	while (!walk.done)
		(void)gs_recover_step(t, &walk, UINT32_MAX);
	r->p.now_ms += SWEEP_MS;
	for (int step = 0; step < 3; step++)	/* a pardon, active, warm */
		for (uint64_t o = 0; o < gs_table_entries(t); o++)
			gs_kv_settle(t, &r->p.rescuer, o, r->p.now_ms, &done);
	recover_all(r);
	check_end(r);
	gs_audit_run(t, r->p.now_ms, &a, NULL);
	if (a.free != a.capacity)
		wrong(r, "after every session is over %" PRIu64 " slots of %" PRIu64 " are free", a.free, a.capacity);
	r->p.now_ms -= SWEEP_MS;
}

/* The process is dead. */
static void
check_point(struct run *r)
{
	static void (*const ways[])(struct run *) = { check_rescue, check_recovery, check_sweep };
	uint64_t wrong_before = r->wrong;

	image_copy(r->p.t, &r->killed, &r->live);
	for (int i = 0; i < SAMPLES; i++)
		if (sample_at[i] == r->n) {
			image_copy(r->p.t, &r->sample[i], &r->live);
			r->has_sample[i] = true;
		}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		ways[i](r);
		image_copy(r->p.t, &r->live, &r->killed);
		r->p.rescuer = r->rescuer;
	}
	r->points++;
	r->wrong_points += r->wrong > wrong_before;
}

/* ---- stepping ---- */

static void
work(void *arg)
{
	struct run *r = arg;

	(void)r->op->run(&r->p);
}

static bool
is_point(struct run *r, bool wrote)
{
	/* The kernel's code that reads the clock begins anew when time has passed: there it must not wait for us, and it writes nothing. */
	if (r->op->has_clock && !stepper_is_in_program(&r->stepper))
		return false;
	/* where nothing was written the memory is as at the instruction before */
	return r->op->is_long ? wrote : (r->n + r->offset) % r->stride == 0;
}

/* Kill after every instruction. */
static void
step_all(struct run *r)
{
	struct stepper *s = &r->stepper;
	bool wrote = true;

	stepper_start(s, work, r);
	for (r->n = 0; stepper_progress(s) == STEP_INSIDE; r->n++) {
		if (is_point(r, wrote)) {
			stepper_kill_and_go_on(s);
			check_point(r);
		}
		stepper_step(s);
		wrote = r->op->is_long && image_differs(r->p.t, &r->live, &r->killed);
	}
	stepper_kill(s);
	check_point(r);
}

/* The samples anew, each in a process that is begun for it. */
static void
step_samples(struct run *r)
{
	for (int i = 0; i < SAMPLES; i++) {
		if (!r->has_sample[i] || r->op->has_clock)
			continue;
		image_copy(r->p.t, &r->live, &r->prepared);
		stepper_start(&r->stepper, work, r);
		for (r->n = 0; r->n < sample_at[i]; r->n++)
			stepper_step(&r->stepper);
		stepper_kill(&r->stepper);
		if (image_differs(r->p.t, &r->live, &r->sample[i]))
			wrong(r, "a process that came here by itself leaves another memory");
		r->points++;
	}
}

/* The session before and after an operation that nobody disturbs. */
static void
look_ahead(struct run *r)
{
	pid_t pid;

	r->before = view_of(&r->p);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		work(r);
		_exit(0);
	}
	if (stepper_wait(pid) != 0)
		errx(1, "%s: the operation fails", r->op->name);
	r->after = view_of(&r->p);
	if (is_same_view(&r->before, &r->after) == r->op->is_seen)
		wrong(r, "the operation does not do what it is to do");
	image_copy(r->p.t, &r->live, &r->prepared);
	r->p.rescuer = r->rescuer;
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
	r->stride = getenv("GS_QUICK") != NULL ? QUICK_STRIDE : 1;
	r->offset = seed % r->stride;
	stepper_init(&r->stepper);
	place_open(&r->p, &r->stepper, r->op->is_stored);
	op->prepare(&r->p);
	r->rescuer = r->p.rescuer;
	r->live = image_live(r->p.t);
	r->prepared = image_new(r->p.t);
	r->killed = image_new(r->p.t);
	for (int i = 0; i < SAMPLES; i++)
		r->sample[i] = image_new(r->p.t);
	image_copy(r->p.t, &r->prepared, &r->live);
	look_ahead(r);
	step_all(r);
	r->n = 0;
	step_samples(r);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s: %" PRIu64 " points, %" PRIu64 " of them wrong, seed %" PRIu64 ", %.1f s\n", op->name, r->points, r->wrong_points, seed,
	    (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	if (op->is_control)
		return r->wrong_points > 0 && r->lost > 0 ? 0 : 1;
	return r->wrong > 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "probe") == 0)
		return stepper_probe() ? 0 : UNFIT;
	if (strcmp(verb, "list") == 0) {
		for (size_t i = 0; operations[i].name != NULL; i++)
			printf("%s %s\n", operations[i].name, operations[i].sentence);
		return 0;
	}
	for (size_t i = 0; argc > 2 && strcmp(verb, "step") == 0 && operations[i].name != NULL; i++)
		if (strcmp(argv[2], operations[i].name) == 0)
			return step(&operations[i], argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
	errx(2, "usage: kill_step probe|list|step NAME [SEED]");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logout - logout HOW RACES SEED: sessions of an owner are started and logged out, again and again, while another process
 * touches, updates, puts or moves them. A race is one session that is logged out while the other process is at it.
 *
 * `kill' ends the other process at any moment, or the one that logs out; the
 * parent is the daemon then.  `blind' is a control: the other process updates
 * without the look that every writer owes, and is to be found out.
 * Exit status 0 when no session outlived its logout, 1 when one did.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/kin.h"
#include "shm/logout.h"
#include "shm/recover.h"

enum { KEYS = 8, RINGS = 3, OWNER_CTX = 1, OTHER_CTX = 2, SPIN = 200,
	LIFETIME_MS = 1000, ROUND_MS = 20 };	/* not more tombstones at once than there is room for */
enum how { TOUCH, UPDATE, PUT, MOVE, KILL, BLIND, HOWS };

static const char *const names[HOWS] = { "touch", "update", "put", "move", "kill", "blind" };

struct shared {
	_Atomic uint64_t now_ms;	/* the clock of all */
	_Atomic uint64_t round;		/* whose sessions are there */
	_Atomic uint64_t n_won;		/* operations of the other process that found one */
	_Atomic uint64_t n_ended;
	_Atomic uint32_t is_over;
};

struct place {
	struct gs_table *t;
	struct gs_ctx daemon, owner, other;
	struct shared *sh;
	enum how how;
	uint64_t random;
};

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static uint64_t
now_ms(struct place *p)
{
	return atomic_load(&p->sh->now_ms);
}

static void
make_table(struct place *p)
{
	static const char *const rings[RINGS] = { "active", "warm", "cold" };
	struct gs_table_spec spec = { .name = "t", .record_size = 256, .key_max = 32, .n_classes = 1, .max_sessions = 4096,
		.max_lifetime_ms = LIFETIME_MS, .n_rings = RINGS };

	spec.slot_size[0] = gs_table_slot_bytes(32, GS_OWNER_BYTES, 256);
	for (uint32_t i = 0; i < RINGS; i++) {
		(void)snprintf(spec.rings[i].name, sizeof(spec.rings[i].name), "%s", rings[i]);
		spec.rings[i].ttl_ms = UINT64_MAX;
		spec.rings[i].capacity = 64;
		spec.rings[i].decay_to = i + 1 < RINGS ? i + 1 : GS_RING_NONE;
		spec.rings[i].promote = GS_PROMOTE_ACCESS;
	}
	if (gs_table_create_private(&p->t, &spec) < 0)
		errx(2, "table");
	p->sh = mmap(NULL, sizeof(*p->sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->sh == MAP_FAILED || gs_ctx_init(&p->daemon, p->t, GS_DAEMON_CTX) < 0)
		err(2, "memory");
	atomic_store(&p->sh->now_ms, GS_TIME_ORIGIN_MS + 1000);
}

/* The key and the owner of a session of a round. */
static struct gs_key
key_of(struct place *p, char text[32], uint64_t round, int i)
{
	struct gs_key k;

	(void)snprintf(text, 32, "k%d-%llu", i, (unsigned long long)round);
	if (gs_key_init(p->t, &k, text, strlen(text)) < 0)
		errx(2, "key");
	return k;
}

static uint32_t
owner_of(char text[32], uint64_t round)
{
	return (uint32_t)snprintf(text, 32, "owner%llu", (unsigned long long)round);
}

static void
start_sessions(struct place *p, uint64_t round)
{
	char key[32], owner[32];
	struct gs_put_args args = { .set = GS_SET_OWNER_BIT, .owner = owner, .owner_len = owner_of(owner, round), .wall_ns = 1 };

	for (int i = 0; i < KEYS; i++) {
		struct gs_key k = key_of(p, key, round, i);

		args.ring = (uint32_t)(next_random(&p->random) % RINGS);
		int rc = gs_kv_put(p->t, &p->owner, &k, now_ms(p), "v", 1, &args, NULL);

		if (rc != 1)
			errx(2, "a session cannot be started: %d", rc);
	}
}

/* How many sessions of a round there are, by their keys. */
static int
count_sessions(struct place *p, struct gs_ctx *c, uint64_t round)
{
	char key[32];
	int n = 0;

	for (int i = 0; i < KEYS; i++) {
		struct gs_key k = key_of(p, key, round, i);

		n += gs_kv_get(p->t, c, &k, now_ms(p), NULL, 0, GS_KV_INSPECT, NULL) >= 0;
	}
	return n;
}

/* ---- the other process ---- */

/* What a put does that does not look at the marks. */
static int
update_blindly(struct place *p, const struct gs_key *k, const struct gs_put_args *args)
{
	uint64_t bits = atomic_exchange(&p->t->idx->marked, 0);
	int rc = gs_kv_put(p->t, &p->other, k, now_ms(p), "w", 1, args, NULL);

	(void)atomic_fetch_or(&p->t->idx->marked, bits);
	return rc;
}

static bool
use_one(struct place *p, const struct gs_key *k)
{
	struct gs_put_args args = { .ring = GS_RING_NONE, .wall_ns = 1, .flags = GS_KV_ONLY_OLD };
	uint64_t r = next_random(&p->random);
	enum how how = p->how == KILL ? (enum how)(r % KILL) : p->how;

	switch (how) {
	case TOUCH:
		return gs_kv_touch(p->t, &p->other, k, now_ms(p)) == 0;
	case PUT:
		/* It would start the session anew. */
		args.flags = 0;
		return gs_kv_put(p->t, &p->other, k, now_ms(p), "w", 1, &args, NULL) >= 0;
	case MOVE:
		return gs_kv_move(p->t, &p->other, k, now_ms(p), (uint32_t)(r / KILL % RINGS)) == 0;
	case BLIND:
		return update_blindly(p, k, &args) == 0;
	default:
		return gs_kv_put(p->t, &p->other, k, now_ms(p), "w", 1, &args, NULL) == 0;
	}
}

static void
be_the_other(struct place *p)
{
	char key[32];

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || gs_ctx_init(&p->other, p->t, OTHER_CTX) < 0)
		_exit(2);
	while (atomic_load(&p->sh->is_over) == 0) {
		uint64_t round = atomic_load(&p->sh->round);
		struct gs_key k = key_of(p, key, round, (int)(next_random(&p->random) % KEYS));

		if (use_one(p, &k))
			(void)atomic_fetch_add(&p->sh->n_won, 1);
	}
	gs_ctx_fini(&p->other, p->t);
	_exit(0);
}

static pid_t
begin_the_other(struct place *p)
{
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid == 0)
		be_the_other(p);
	return pid;
}

/* ---- the owner ---- */

/* Let the other one come to work, for no fixed time. */
static void
wait_for_use(struct place *p)
{
	uint64_t n = atomic_load(&p->sh->n_won), spin = next_random(&p->random) % SPIN;

	for (int i = 0; i < 1000 && atomic_load(&p->sh->n_won) == n; i++)
		(void)sched_yield();
	for (uint64_t i = 0; i < spin; i++)
		gs_pause();
}

/* Sessions that outlived the logout of a round. */
static int
run_round(struct place *p, uint64_t round)
{
	char owner[32];
	uint32_t len = owner_of(owner, round);
	uint64_t n;

	(void)atomic_fetch_add(&p->sh->now_ms, ROUND_MS);
	start_sessions(p, round);
	atomic_store(&p->sh->round, round);
	wait_for_use(p);
	if (gs_logout_run(p->t, &p->owner, gs_kin_hash(p->t, 0, owner, len), now_ms(p), &n) < 0)
		errx(2, "logout");
	(void)atomic_fetch_add(&p->sh->n_ended, n);
	return count_sessions(p, &p->owner, round);
}

static int
race(struct place *p, uint64_t races)
{
	pid_t other = begin_the_other(p);
	uint64_t n_left = 0;
	int status;

	if (gs_ctx_init(&p->owner, p->t, OWNER_CTX) < 0)
		errx(2, "context");
	for (uint64_t round = 1; round * KEYS <= races && n_left == 0; round++) {
		n_left += (uint64_t)run_round(p, round);
		/* What the other one wrote when the logout was through must not have brought anything back. */
		if (round % 64 == 0)
			n_left += (uint64_t)count_sessions(p, &p->owner, round - next_random(&p->random) % 64);
	}
	atomic_store(&p->sh->is_over, 1);
	if (waitpid(other, &status, 0) < 0 || status != 0)
		errx(2, "the other process failed");
	(void)printf("%llu races, %llu operations, %llu left\n", (unsigned long long)races,
	    (unsigned long long)atomic_load(&p->sh->n_won), (unsigned long long)n_left);
	return n_left == 0 ? 0 : 1;
}

/* ---- deaths ---- */

static pid_t
begin_logout(struct place *p, uint64_t round)
{
	char owner[32];
	uint32_t len = owner_of(owner, round);
	pid_t pid = fork();
	uint64_t n;

	if (pid < 0)
		err(2, "fork");
	if (pid > 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || gs_ctx_init(&p->owner, p->t, OWNER_CTX) < 0)
		_exit(2);
	_exit(gs_logout_run(p->t, &p->owner, gs_kin_hash(p->t, 0, owner, len), now_ms(p), &n) < 0 ? 2 : 0);
}

/* What the daemon does about a context whose process is dead. */
static void
recover(struct place *p, uint32_t id)
{
	atomic_store(&p->t->ctl->reg[id].state, GS_CTX_DEAD);
	gs_logout_recover(p->t, &p->daemon, id);
	for (int tries = 0; (void)gs_recover_ctx(p->t, id), !gs_recover_is_done(p->t, id) && tries < 20; tries++)
		(void)usleep(100);
	gs_recover_forget(p->t, id);
	atomic_store(&p->t->ctl->reg[id].state, GS_CTX_LIVE);
}

static void
end_process(struct place *p, pid_t pid, uint32_t id, bool by_force)
{
	if (by_force)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) < 0)
		err(2, "wait");
	recover(p, id);
}

/* Once the daemon has done its part, either all sessions are there, if the logout had not begun, or none. */
static int
run_deadly_round(struct place *p, uint64_t round)
{
	bool is_logout_killed = next_random(&p->random) % 2 == 0, is_other_killed = next_random(&p->random) % 2 == 0;
	char owner[32];
	uint32_t len = owner_of(owner, round);
	uint64_t spin = next_random(&p->random) % 40000, n;
	pid_t other, logout;
	int left;

	atomic_store(&p->sh->is_over, 0);
	(void)atomic_fetch_add(&p->sh->now_ms, ROUND_MS);
	if (gs_ctx_init(&p->owner, p->t, OWNER_CTX) < 0)
		errx(2, "context");
	start_sessions(p, round);
	gs_ctx_fini(&p->owner, p->t);
	atomic_store(&p->sh->round, round);
	other = begin_the_other(p);
	logout = begin_logout(p, round);
	for (uint64_t i = 0; i < spin; i++)
		gs_pause();
	if (is_other_killed)
		end_process(p, other, OTHER_CTX, true);
	end_process(p, logout, OWNER_CTX, is_logout_killed);
	(void)gs_logout_finish(p->t, &p->daemon);
	left = count_sessions(p, &p->daemon, round);
	if (!is_other_killed) {
		atomic_store(&p->sh->is_over, 1);
		end_process(p, other, OTHER_CTX, false);
		if (left == 0)
			left = count_sessions(p, &p->daemon, round);
	}
	(void)gs_logout_run(p->t, &p->daemon, gs_kin_hash(p->t, 0, owner, len), now_ms(p), &n);
	return left == KEYS && is_logout_killed ? 0 : left;
}

static int
race_deaths(struct place *p, uint64_t races)
{
	uint64_t n_left = 0, round;

	for (round = 1; round * KEYS <= races && n_left == 0; round++)
		n_left += (uint64_t)run_deadly_round(p, round);
	(void)printf("%llu races with deaths, %llu left\n", (unsigned long long)(round - 1) * KEYS, (unsigned long long)n_left);
	return n_left == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	int rc;
	struct place p = { .how = HOWS };

	if (argc != 4)
		errx(2, "usage: logout HOW RACES SEED");
	for (int i = 0; i < HOWS; i++)
		if (strcmp(argv[1], names[i]) == 0)
			p.how = (enum how)i;
	if (p.how == HOWS)
		errx(2, "%s is none of touch update put move kill blind", argv[1]);
	p.random = strtoull(argv[3], NULL, 10);
	make_table(&p);
	rc = p.how == KILL ? race_deaths(&p, strtoull(argv[2], NULL, 10)) : race(&p, strtoull(argv[2], NULL, 10));
	gs_ctx_fini(&p.owner, p.t);
	gs_ctx_fini(&p.daemon, p.t);
	gs_table_free(&p.t);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kill - a process killed, or held up, after any one instruction of an operation.
 *
 * A child is stepped through an operation, instruction by instruction.
 * Whenever that has changed the shared memory, it is as if the child were
 * killed there: others go on at once, without a daemon, and after its
 * recovery every slot is accounted for.  Then the memory is put back, and
 * the child is stepped on.
 *
 * Or it is held up while others work on the same session, and then goes on:
 * nothing is there twice, nothing is lost.  At which instructions is drawn by
 * lot; GS_SEED=n draws the same ones again.
 */
#include "../unit/shm_place.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"

enum { POINTS = 2, CHANGES_MAX = 400, STEPS_MAX = 400000, DYING = 2, LOOKED_AT = 512 };

enum op { PUT_NEW, PUT_OVER, PUT_PROMOTE, GET, GET_PROMOTE, TOUCH, DEL, MOVE, SETATTR, DECAY, EXPIRE, FLUSH, OPS };

/* A sanitizer's instructions are many more than ours, and not ours to be killed at. */
#if defined(GS_TSAN) || defined(__SANITIZE_ADDRESS__)
static const bool is_instrumented = true;
#else
static const bool is_instrumented = false;
#endif

static uint64_t seed;
static struct gs_table_spec spec;
/* The instructions that change the shared memory, of each operation, in a new context or not: found by the first test of it. */
static struct changes {
	int n, at[CHANGES_MAX];
} changes[OPS][2];

/* ---- one operation ---- */

/* Another key that would be put where "k" would. */
static const char *
neighbour(struct gs_table *t)
{
	static char name[16];
	struct gs_key k = key_of(t, "k"), other;
	struct gs_probe p, q;

	gs_index_probe(t, k.hash, &p);
	for (unsigned i = 0;; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		other = key_of(t, name);
		gs_index_probe(t, other.hash, &q);
		if (q.bucket[0] == p.bucket[0] && q.second_line == p.second_line)
			return name;
	}
}

/* As it must be before. */
static void
prepare(struct store *s, enum op op)
{
	(void)del_at(s, "k", NOW);
	if (op == PUT_NEW)
		(void)put_at(s, neighbour(s->t), "v", NOW);
	if (op == EXPIRE)
		start_in(s, "k", COLD, NOW);
	else if (op == PUT_PROMOTE || op == GET_PROMOTE)
		start_in(s, "k", WARM, NOW);
	else if (op != PUT_NEW)
		start_in(s, "k", ACTIVE, NOW);
}

static void
perform(struct store *s, enum op op, uint64_t ordinal)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(s->t, "k");
	struct gs_settled done;

	switch (op) {
	case PUT_NEW: case PUT_OVER: case PUT_PROMOTE:
		(void)put_at(s, "k", "of the child", NOW + S);
		break;
	case GET: case GET_PROMOTE:
		(void)get_at(s, "k", NOW + S);
		break;
	case TOUCH:
		(void)touch_at(s, "k", NOW + S);
		break;
	case DEL:
		(void)del_at(s, "k", NOW + S);
		break;
	case MOVE:
		(void)move_at(s, "k", NOW + S, COLD);
		break;
	case SETATTR:
		args.set = GS_SET_TTL_BIT;
		args.ttl_ms = DAY;
		(void)gs_kv_setattr(s->t, &s->c, &k, NOW + S, &args);
		break;
	case DECAY:
		gs_kv_settle(s->t, &s->c, ordinal, NOW + HOUR, &done);
		break;
	case EXPIRE:
		gs_kv_settle(s->t, &s->c, ordinal, NOW + 8 * DAY, &done);
		break;
	case FLUSH:
		gs_slots_flush(s->t, &s->c);
		break;
	case OPS:
		break;
	}
}

/* May the session be missing after the operation was cut off? */
static bool
may_be_missing(enum op op)
{
	return op == PUT_NEW || op == DEL || op == EXPIRE;
}

/* ---- the child ---- */

/* A child that waits, traced, right before the operation. Its context holds a few slots already, or none. */
static pid_t
start_child(struct gs_table *t, enum op op, uint64_t ordinal, bool is_warm)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store s = { .t = t };

		if (gs_ctx_init(&s.c, t, DYING) < 0)
			_exit(3);
		if (is_warm) {
			(void)put_at(&s, "another", "v", NOW);
			(void)put_at(&s, "another", "v", NOW);
			(void)del_at(&s, "another", NOW);
		}
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(4);
		(void)raise(SIGSTOP);
		perform(&s, op, ordinal);
		_exit(0);
	}
	return pid;
}

/* Wait for it to stand right before the operation. */
static void
await_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status) || ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL) < 0)
		fail_msg("the child cannot be traced");
}

/* One instruction. False when it has ended. */
static bool
step_child(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
		fail_msg("the child cannot be stepped");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status))
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the child ended with status %#x", (unsigned)status);
	return false;
}

/* ---- the shared memory, as far as an operation changes it ---- */

struct memory {
	unsigned char bytes[1 << 19];
	size_t n;
};

/* Do something with each piece: save it, put it back, or compare it. Returns whether all were equal. */
enum what { SAVE, RESTORE, COMPARE };

static bool
piece(struct memory *m, enum what what, void *at, size_t n)
{
	unsigned char *copy = m->bytes + m->n;

	m->n += n;
	assert_true(m->n <= sizeof(m->bytes));
	if (what == SAVE)
		memcpy(copy, at, n);
	if (what == RESTORE)
		memcpy(at, copy, n);
	return memcmp(at, copy, n) == 0;
}

static bool
all_pieces(struct memory *m, enum what what, struct gs_table *t)
{
	bool same;

	m->n = 0;
	same = piece(m, what, t->idx, t->idx_bytes) && piece(m, what, &t->ctx[1], 2 * sizeof(t->ctx[1]));
	for (uint32_t r = 0; r < t->n_rings && same; r++) {
		struct gs_arena *a = gs_table_arena(t, r, 0);

		same = piece(m, what, a->map, (size_t)(a->slots - (unsigned char *)a->map));
		/* whether it has them or not yet: what it is given while the child is dead must go again */
		for (uint32_t i = 0; i < a->seg_slots && same; i++)
			same = piece(m, what, a->slots + (size_t)i * a->slot_size, LOOKED_AT);
	}
	return same;
}

static void
bury(struct gs_table *t)
{
	atomic_store(&t->ctl->reg[DYING].state, GS_CTX_DEAD);
	(void)gs_recover_ctx(t, DYING);
	/* what the others hold is not the dead one's */
	gs_recover_forget(t, DYING);
	gs_recover_population(t);
	assert_clean(t, NOW + 10 * DAY);
	atomic_store(&t->ctl->reg[DYING].state, GS_CTX_LIVE);
}

/* ---- killed ---- */

/* If it were killed now. */
static void
kill_here(struct store *s, enum op op, int at)
{
	ssize_t n;

	/* the daemon is as fast as can be, or has seen nothing of it yet */
	if (at % 3 == 0)
		bury(s->t);
	n = peek_at(s, "k", NOW + S, NULL);
	if (n < 0 && !(n == GS_ENOENT && may_be_missing(op)))
		fail_msg("operation %d, instruction %d: the session is gone: %zd", (int)op, at, n);
	assert_true(put_at(s, "k", "of another", NOW + S) >= 0);
	assert_int_equal(get_at(s, "k", NOW + S), 10);
	assert_int_equal(move_at(s, "k", NOW + S, WARM), 0);
	if (at % 2 == 0)
		assert_int_equal(del_at(s, "k", NOW + S), 0);
	bury(s->t);
	assert_int_equal(get_at(s, "k", NOW + S), at % 2 == 0 ? GS_ENOENT : 10);
}

static void
kill_at_each_change(enum op op, bool is_warm)
{
	static struct memory last;
	struct gs_ctx ours;
	struct store s;
	struct changes *found = &changes[op][is_warm];
	int at = 0;
	pid_t pid;

	open_store(&s, &spec);
	prepare(&s, op);
	pid = start_child(s.t, op, op == PUT_NEW ? 0 : hit_of(&s, "k").ordinal, is_warm);
	await_child(pid);
	(void)all_pieces(&last, SAVE, s.t);
	ours = s.c;
	for (; step_child(pid) && at < STEPS_MAX; at++) {
		if (all_pieces(&last, COMPARE, s.t))
			continue;
		(void)all_pieces(&last, SAVE, s.t);
		kill_here(&s, op, at);
		(void)all_pieces(&last, RESTORE, s.t);
		s.c = ours;
		assert_true(found->n < CHANGES_MAX);
		found->at[found->n++] = at + 1;
	}
	assert_in_range(at, 1, STEPS_MAX - 1);
	assert_true(found->n > 0 || op == FLUSH);
	bury(s.t);
	close_store(&s);
}

/* ---- held up ---- */

static void
hold_up_at(struct store *s, enum op op, int point, bool is_warm)
{
	uint64_t ordinal;
	bool is_alive = true;
	pid_t pid;
	int status;

	prepare(s, op);
	ordinal = op == PUT_NEW ? 0 : hit_of(s, "k").ordinal;
	pid = start_child(s->t, op, ordinal, is_warm);
	await_child(pid);
	for (int i = 0; i < point && is_alive; i++)
		is_alive = step_child(pid);
	/* another place in the index becomes free than the one it has seen */
	if (op == PUT_NEW && point % 2 == 0)
		(void)del_at(s, neighbour(s->t), NOW);
	/* while it stands there: enough that the slots it has seen are used anew */
	for (int i = 0; i < 12; i++)
		assert_true(put_at(s, "k", "of another", NOW + S) >= 0);
	if (point % 3 == 0)
		assert_int_equal(del_at(s, "k", NOW + S), 0);
	if (point % 3 == 1)
		assert_int_equal(move_at(s, "k", NOW + S, WARM), 0);
	if (is_alive) {
		assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("seed %" PRIu64 ", operation %d, instruction %d: status %#x", seed, (int)op, point, (unsigned)status);
	}
	if (point % 3 != 0 && op != DEL && op != EXPIRE && op != DECAY)
		assert_true(peek_at(s, "k", NOW + S, NULL) >= 0);
	bury(s->t);
}

static void
hold_up_here_and_there(enum op op, bool is_warm)
{
	const struct changes *found = &changes[op][is_warm];
	/* a new session is the longest way: there at every change, elsewhere at some, and a little after them */
	int n = op == PUT_NEW && is_warm ? found->n : POINTS;
	uint64_t rng = seed + (uint64_t)op * 2 + is_warm;
	struct store s;

	open_store(&s, &spec);
	for (int i = 0; i < n && found->n > 0; i++)
		hold_up_at(&s, op, n == found->n ? found->at[i] :
		    found->at[next_random(&rng) % (uint64_t)found->n] + (int)(next_random(&rng) % 50), is_warm);
	close_store(&s);
}

#define TEST_OP(name, op) \
	static void \
	name##_killed_anywhere_costs_nobody_anything(void **state) \
	{ \
		(void)state; \
		kill_at_each_change(op, false); \
		kill_at_each_change(op, true); \
	} \
	static void \
	name##_held_up_anywhere_and_overtaken_does_no_harm(void **state) \
	{ \
		(void)state; \
		hold_up_here_and_there(op, false); \
		hold_up_here_and_there(op, true); \
	}
#define T_OP(name) T(name##_killed_anywhere_costs_nobody_anything), T(name##_held_up_anywhere_and_overtaken_does_no_harm)

TEST_OP(put_of_a_new_session, PUT_NEW)
TEST_OP(put_over_a_session, PUT_OVER)
TEST_OP(put_that_promotes, PUT_PROMOTE)
TEST_OP(get, GET)
TEST_OP(get_that_promotes, GET_PROMOTE)
TEST_OP(touch, TOUCH)
TEST_OP(del, DEL)
TEST_OP(move, MOVE)
TEST_OP(setattr, SETATTR)
TEST_OP(decay, DECAY)
TEST_OP(expiry, EXPIRE)
TEST_OP(flush, FLUSH)

static bool
can_trace(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return false;
	}
	(void)kill(pid, SIGKILL);
	return waitpid(pid, NULL, 0) == pid;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_OP(put_of_a_new_session),
		T_OP(put_over_a_session),
		T_OP(put_that_promotes),
		T_OP(get),
		T_OP(get_that_promotes),
		T_OP(touch),
		T_OP(del),
		T_OP(move),
		T_OP(setattr),
		T_OP(decay),
		T_OP(expiry),
		T_OP(flush),
	};
	const char *given = getenv("GS_SEED");

	if (is_instrumented || !can_trace()) {
		(void)printf("1..0 # SKIP %s\n", is_instrumented ? "built with a sanitizer" : "a child cannot be stepped by ptrace here");
		return 0;
	}
	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	(void)printf("# GS_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	spec = small_arena_spec(100);
	spec.rings[WARM].decay_to = COLD;
	add_ring(&spec, "cold", 7 * DAY, 100, GS_RING_NONE);
	return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}

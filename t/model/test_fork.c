/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fork - processes killed at random moments while they write: every session stays whole, every slot comes back.
 *
 * The seed of the moments is printed; GS_SEED=n runs that one again, as far
 * as a scheduler lets it.
 */
#include "../unit/shm_place.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 6, KEYS = 24, KEPT = 8, KILLS = 250, VALUE_BYTES = 900 };

static uint64_t seed;

struct town {
	struct store s;			/* ours: context 15 */
	pid_t pid[CLIENTS + 1];		/* by context, from 1 */
	uint64_t n_forgotten;		/* slots left to the walk */
	uint64_t rng;
};

/* ---- values that show whether they are whole ---- */

static uint32_t
make_value(uint64_t *buf, uint64_t key, uint64_t nonce)
{
	uint32_t n = 3 + (uint32_t)(nonce % (VALUE_BYTES / 8 - 3));

	buf[0] = key;
	buf[1] = nonce;
	for (uint32_t i = 2; i < n; i++)
		buf[i] = (key + nonce) * UINT64_C(0x9e3779b97f4a7c15) + i;
	return n * 8;
}

static bool
is_whole(const uint64_t *buf, ssize_t len, uint64_t key)
{
	uint64_t want[VALUE_BYTES / 8];

	return len >= 24 && buf[0] == key && make_value(want, key, buf[1]) == (uint32_t)len && memcmp(buf, want, (size_t)len) == 0;
}

static struct gs_key
numbered_key(const struct gs_table *t, char name[8], uint32_t i)
{
	(void)snprintf(name, 8, "key%u", i);
	return key_of(t, name);
}

static int
put_whole(struct store *s, uint32_t i, uint64_t nonce, uint64_t now_ms)
{
	struct gs_put_args args = plain_args();
	uint64_t buf[VALUE_BYTES / 8];
	uint32_t len = make_value(buf, i, nonce);
	char name[8];
	struct gs_key k = numbered_key(s->t, name, i);

	return gs_kv_put(s->t, &s->c, &k, now_ms, buf, len, &args, NULL);
}

/* True when what is there of a key is whole, and there if it must be. */
static bool
is_right(struct store *s, uint32_t i, uint32_t flags, uint64_t now_ms)
{
	uint64_t buf[VALUE_BYTES / 8];
	char name[8];
	struct gs_key k = numbered_key(s->t, name, i);
	ssize_t n = gs_kv_get(s->t, &s->c, &k, now_ms, buf, sizeof(buf), flags, NULL);

	return n >= 0 ? is_whole(buf, n, i) : n == GS_ENOENT && i >= KEPT;
}

/* ---- a client ---- */

static bool
do_one(struct store *s, uint64_t *rng)
{
	uint32_t i = (uint32_t)(next_random(rng) % KEYS);
	uint64_t now_ms = NOW + next_random(rng) % 1000;
	char name[8];
	struct gs_key k = numbered_key(s->t, name, i);
	struct gs_settled done;
	int rc = 0;

	switch (next_random(rng) % 10) {
	case 0: case 1: case 2:
		rc = put_whole(s, i, next_random(rng), now_ms);
		break;
	case 3: case 4:
		rc = i >= KEPT ? gs_kv_del(s->t, &s->c, &k, now_ms, 0) : 0;
		break;
	case 5:
		rc = gs_kv_move(s->t, &s->c, &k, now_ms, (uint32_t)(next_random(rng) % 3));
		break;
	case 6:
		rc = gs_kv_touch(s->t, &s->c, &k, now_ms);
		break;
	case 7:
		gs_kv_settle(s->t, &s->c, next_random(rng) % gs_table_entries(s->t), now_ms + 2 * HOUR, &done);
		break;
	default:
		return is_right(s, i, next_random(rng) % 2 == 0 ? GS_KV_INSPECT : 0, now_ms);
	}
	return rc >= 0 || rc == GS_ENOSPC || (rc == GS_ENOENT && i >= KEPT);
}

/* Works until it is killed; ends by itself only when something is wrong. */
static void
live(struct gs_table *t, uint32_t id, uint64_t rng)
{
	struct store s = { .t = t };

	/* not longer than we do, should a test fail */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || gs_ctx_init(&s.c, t, id) < 0)
		_exit(3);
	for (;;)
		if (!do_one(&s, &rng))
			_exit(1);
}

static void
start_client(struct town *w, uint32_t id)
{
	uint64_t rng = next_random(&w->rng);

	atomic_store(&w->s.t->ctl->reg[id].state, GS_CTX_LIVE);
	w->pid[id] = fork();
	assert_true(w->pid[id] >= 0);
	if (w->pid[id] == 0)
		live(w->s.t, id, rng);
}

static void
kill_client(struct town *w, uint32_t id)
{
	int status;

	assert_int_equal(kill(w->pid[id], SIGKILL), 0);
	assert_int_equal(waitpid(w->pid[id], &status, 0), w->pid[id]);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("seed %" PRIu64 ": client %u ended by itself, status %#x: it saw something wrong", seed, id, (unsigned)status);
	atomic_store(&w->s.t->ctl->reg[id].state, GS_CTX_DEAD);
}

/* ---- the town ---- */

static void
open_town(struct town *w)
{
	struct gs_table_spec spec = usual_spec();

	memset(w, 0, sizeof(*w));
	spec.n_classes = 3;
	spec.slot_size[2] = spec.slot_size[0];
	spec.slot_size[0] = 384;
	spec.slot_size[1] = 768;
	/* room is scarce in the middle, so that sessions do not all get where they are sent */
	spec.rings[ACTIVE].capacity = KEYS - 4;
	spec.rings[WARM].capacity = KEYS / 3;
	w->rng = seed;
	assert_int_equal(gs_table_create_private(&w->s.t, &spec), 0);
	assert_int_equal(gs_ctx_init(&w->s.c, w->s.t, 15), 0);
	for (uint32_t i = 0; i < KEPT; i++)
		assert_int_equal(put_whole(&w->s, i, i, NOW), 1);
}

static void
pause_us(uint64_t us)
{
	const struct timespec ts = { .tv_nsec = (long)us * 1000 };

	(void)nanosleep(&ts, NULL);
}

static uint64_t
walk(struct gs_table *t)
{
	struct gs_recover_cursor at = { 0 };
	uint64_t mended = 0;

	while (!at.done)
		mended += gs_recover_step(t, &at, 4096);
	return mended;
}

/*
 * As the daemon does, after all have died: nothing is left, without any walk over the table. But a slot of the dead that
 * another was about to list, too, when his number was given on is left to that.
 */
static void
recover_all(struct town *w)
{
	gs_slots_flush(w->s.t, &w->s.c);
	for (uint32_t id = 1; id <= CLIENTS; id++)
		(void)gs_recover_ctx(w->s.t, id);
	for (uint32_t id = 1; id <= CLIENTS; id++)
		assert_true(gs_recover_is_done(w->s.t, id));
	if (w->n_forgotten > 0)
		assert_true(walk(w->s.t) <= w->n_forgotten);
	gs_recover_population(w->s.t);
	for (uint32_t i = 0; i < KEYS; i++)
		if (!is_right(&w->s, i, GS_KV_INSPECT, NOW))
			fail_msg("seed %" PRIu64 ": session %u is torn or lost", seed, i);
	assert_clean(w->s.t, NOW + DAY);
}

static void
close_town(struct town *w)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		char name[8];
		struct gs_key k = numbered_key(w->s.t, name, i);

		(void)gs_kv_del(w->s.t, &w->s.c, &k, NOW, 0);
	}
	for (uint32_t r = 0; r < w->s.t->n_rings; r++)
		assert_int_equal(population(w->s.t, r), 0);
	assert_clean(w->s.t, NOW + DAY);
	close_store(&w->s);
}

static void
clients_killed_one_by_one_while_others_work_leave_nothing_behind(void **state)
{
	struct town w;

	(void)state;
	open_town(&w);
	for (uint32_t id = 1; id <= CLIENTS; id++)
		start_client(&w, id);
	for (int n = 0; n < KILLS; n++) {
		uint32_t id = 1 + (uint32_t)(next_random(&w.rng) % CLIENTS);

		pause_us(next_random(&w.rng) % 2000);
		kill_client(&w, id);
		/* its number is granted anew only when nothing of it is left, or what is left is a living client's */
		for (int tries = 0; (void)gs_recover_ctx(w.s.t, id), !gs_recover_is_done(w.s.t, id) && tries < 20; tries++)
			pause_us(100);
		for (int i = 0; i < GS_HELD_CELLS; i++)
			w.n_forgotten += atomic_load(&w.s.t->ctx[id].held[i]) != 0;
		gs_recover_forget(w.s.t, id);
		start_client(&w, id);
	}
	for (uint32_t id = 1; id <= CLIENTS; id++)
		kill_client(&w, id);
	recover_all(&w);
	close_town(&w);
}

static void
clients_all_killed_at_once_leave_nothing_behind(void **state)
{
	struct town w;

	(void)state;
	open_town(&w);
	for (int n = 0; n < KILLS / 10; n++) {
		for (uint32_t id = 1; id <= CLIENTS; id++)
			start_client(&w, id);
		pause_us(next_random(&w.rng) % 8000);
		for (uint32_t id = 1; id <= CLIENTS; id++)
			kill_client(&w, id);
		recover_all(&w);
	}
	close_town(&w);
}

static void
stopped_client_stops_nobody(void **state)
{
	struct town w;

	(void)state;
	open_town(&w);
	for (uint32_t id = 1; id <= CLIENTS; id++)
		start_client(&w, id);
	for (int n = 0; n < KILLS / 5; n++) {
		pause_us(next_random(&w.rng) % 1000);
		for (uint32_t id = 1; id <= CLIENTS; id++)
			assert_int_equal(kill(w.pid[id], SIGSTOP), 0);
		for (uint32_t id = 1; id <= CLIENTS; id++)
			assert_int_equal(waitpid(w.pid[id], NULL, WUNTRACED), w.pid[id]);
		/* whatever they are in the middle of: each key can be written, moved, read and ended */
		for (uint32_t i = 0; i < KEYS; i++) {
			int rc = put_whole(&w.s, i, (uint64_t)n, NOW + 1000);

			assert_true(rc >= 0 || (rc == GS_ENOSPC && i >= KEPT));
			assert_true(is_right(&w.s, i, 0, NOW + 1000));
			if (i >= KEPT && rc >= 0 && n % 2 == 0) {
				char name[8];
				struct gs_key k = numbered_key(w.s.t, name, i);

				assert_int_equal(gs_kv_del(w.s.t, &w.s.c, &k, NOW + 1000, 0), 0);
			}
		}
		for (uint32_t id = 1; id <= CLIENTS; id++)
			assert_int_equal(kill(w.pid[id], SIGCONT), 0);
	}
	for (uint32_t id = 1; id <= CLIENTS; id++)
		kill_client(&w, id);
	recover_all(&w);
	close_town(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(clients_killed_one_by_one_while_others_work_leave_nothing_behind),
		T(clients_all_killed_at_once_leave_nothing_behind),
		T(stopped_client_stops_nobody),
	};
	const char *given = getenv("GS_SEED");

	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	(void)printf("# GS_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - fuzz target: calls on a table that another thread damages meanwhile.
 *
 * A number that is checked and then read again from the memory is another one
 * by then.  What the other thread does is decided by the input, when it does it
 * is not: an input that finds something may have to be tried some times.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "ops.h"

enum { STEPS = 32, WORDS = 6, HURRY_MS = 10 };

/* Words that change from what they were to something else and back, as fast as can be. */
struct flicker {
	_Atomic uint64_t *at;
	uint64_t is, other;
};

static struct {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t turn;
	bool is_on;
	_Atomic bool wants_end;
	struct flicker word[WORDS];
} other = { .mutex = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };

static void
flicker(void)
{
	while (!atomic_load_explicit(&other.wants_end, memory_order_relaxed))
		for (int i = 0; i < WORDS; i++) {
			struct flicker *f = &other.word[i];

			atomic_store_explicit(f->at, f->other, memory_order_release);
			atomic_store_explicit(f->at, f->is, memory_order_release);
		}
}

static void *
flicker_thread(void *arg)
{
	(void)arg;
	(void)pthread_mutex_lock(&other.mutex);
	for (;;) {
		while (!other.is_on)
			(void)pthread_cond_wait(&other.turn, &other.mutex);
		flicker();
		other.is_on = false;
		(void)pthread_cond_broadcast(&other.turn);
	}
	return NULL;
}

static void
begin_flicker(struct place *p, struct tape *in)
{
	(void)pthread_mutex_lock(&other.mutex);
	for (int i = 0; i < WORDS; i++) {
		_Atomic uint64_t *at = place_word(p, in);
		uint64_t is = atomic_load_explicit(at, memory_order_relaxed);

		other.word[i] = (struct flicker){ at, is, tape_change(in, is) };
	}
	atomic_store(&other.wants_end, false);
	other.is_on = true;
	(void)pthread_cond_broadcast(&other.turn);
	(void)pthread_mutex_unlock(&other.mutex);
}

static void
end_flicker(void)
{
	atomic_store(&other.wants_end, true);
	(void)pthread_mutex_lock(&other.mutex);
	while (other.is_on)
		(void)pthread_cond_wait(&other.turn, &other.mutex);
	(void)pthread_mutex_unlock(&other.mutex);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_get()->n_focus = 4;
	if (pthread_create(&other.thread, NULL, flicker_thread, NULL) != 0)
		fuzz_fail("no thread");
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place *p = place_get();
	struct tape words = { data, size };
	uint64_t until_ns;

	place_reset(p);
	begin_flicker(p, &words);
	until_ns = gs_clock_mono_ns() + HURRY_MS * UINT64_C(1000000);
	for (int again = 0; gs_clock_mono_ns() < until_ns; again++) {
		struct tape in = words;

		for (int i = 0; i < STEPS && in.left > 0 && gs_clock_mono_ns() < until_ns; i++)
			if (again % 8 == 7)
				ops_one(p, &in, PLACE_NOW);
			else
				ops_read(p, &in, PLACE_NOW);
	}
	end_flicker();
	return 0;
}

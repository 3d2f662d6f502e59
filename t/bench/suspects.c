/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspects.c - what thousands of suspects that are hammered cost everybody else.
 *
 *	suspects INSTANCE SUSPECTS OTHERS SECONDS
 *
 * Starts that many of both, asks for the suspects until all are refused, and then times gets of the others, in turn beside a
 * process that goes on hammering, and beside one that only takes as much of a core: so the cores are shared alike.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"
#include "lab/latency.h"
#include "attach.h"

enum { VALUE = 512, TURN_NS = 250000000, SPIN = 400 };

/* What the hammering process is to do, and what it did. */
struct orders {
	_Atomic int is_hammering, is_over;
	_Atomic uint64_t n_refused, n_served;
};

static int
get(struct gs *gs, char kind, uint64_t i)
{
	char key[32], value[VALUE];
	int len = snprintf(key, sizeof(key), "%c%llu", kind, (unsigned long long)i);

	return gs_get(gs, key, (size_t)len, value, sizeof(value), NULL);
}

static void
start(struct gs *gs, char kind, uint64_t n)
{
	static const char value[VALUE];
	char key[32];

	for (uint64_t i = 0; i < n; i++) {
		int len = snprintf(key, sizeof(key), "%c%llu", kind, (unsigned long long)i), rc;

		rc = gs_put(gs, key, (size_t)len, value, sizeof(value), NULL);
		if (rc < 0)
			errx(1, "put %s: %s", key, gs_strerror(rc));
	}
}

static void
accuse_all(struct gs *gs, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		for (int tries = 0; get(gs, 'h', i) != GS_EQUARANTINE; tries++)
			if (tries == 1000)
				errx(1, "h%llu was asked for a thousand times and is no suspect", (unsigned long long)i);
}

static void
hammer(const char *instance, uint64_t n, struct orders *o)
{
	struct gs *gs = attach(instance);
	volatile unsigned spun = 0;

	for (uint64_t i = 0; !atomic_load(&o->is_over); i = i + 1 == n ? 0 : i + 1) {
		if (!atomic_load(&o->is_hammering))
			for (int k = 0; k < SPIN; k++)
				spun = spun + 1;
		else if (get(gs, 'h', i) == GS_EQUARANTINE)
			atomic_fetch_add_explicit(&o->n_refused, 1, memory_order_relaxed);
		else
			atomic_fetch_add_explicit(&o->n_served, 1, memory_order_relaxed);
	}
	gs_detach(&gs);
}

static void
time_gets(struct gs *gs, uint64_t n, uint64_t *random, struct latency *took)
{
	uint64_t end = gs_clock_mono_ns() + TURN_NS, before = 0;

	while (before < end) {
		*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		before = gs_clock_mono_ns();
		if (get(gs, 'o', (*random >> 33) % n) < 0)
			errx(1, "one of the others was refused");
		latency_add(took, gs_clock_mono_ns() - before);
	}
}

static void
print(const char *what, const struct latency *l)
{
	(void)printf("%s: %llu gets, median %llu ns, 99 %% %llu ns, 99.9 %% %llu ns\n", what, (unsigned long long)l->n,
	    (unsigned long long)latency_at(l, 0.5), (unsigned long long)latency_at(l, 0.99), (unsigned long long)latency_at(l, 0.999));
}

int
main(int argc, char **argv)
{
	static struct latency took[2];			/* beside who spins, and beside who hammers */
	struct orders *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t n_suspects, n_others, turns, random = 1;
	struct gs *gs;
	pid_t child;

	if (argc != 5 || o == MAP_FAILED)
		errx(2, "INSTANCE SUSPECTS OTHERS SECONDS");
	n_suspects = strtoull(argv[2], NULL, 10);
	n_others = strtoull(argv[3], NULL, 10);
	turns = strtoull(argv[4], NULL, 10) * 1000000000 / TURN_NS;
	gs = attach(argv[1]);
	start(gs, 'o', n_others);
	start(gs, 'h', n_suspects);
	accuse_all(gs, n_suspects);
	child = fork();
	if (child == 0) {
		hammer(argv[1], n_suspects, o);
		_exit(0);
	}
	if (child < 0)
		err(1, "fork");
	for (uint64_t turn = 0; turn < turns; turn++) {
		atomic_store(&o->is_hammering, (int)(turn % 2));
		time_gets(gs, n_others, &random, &took[turn % 2]);
	}
	atomic_store(&o->is_over, 1);
	(void)waitpid(child, NULL, 0);
	gs_detach(&gs);
	print("beside a process that spins", &took[0]);
	print("beside one that hammers", &took[1]);
	(void)printf("99 %% beside hammering: %.3f of that beside spinning (accept 1.05); %llu refused, %llu served\n",
	    (double)latency_at(&took[1], 0.99) / (double)latency_at(&took[0], 0.99),
	    (unsigned long long)atomic_load(&o->n_refused), (unsigned long long)atomic_load(&o->n_served));
	return 0;
}

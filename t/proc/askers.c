/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * askers.c - a thousand who ask for one session at once, one who looks at all of them, and one who starts many, for askers.t,
 * scan.t and pressure.t.
 *
 *	askers INSTANCE KEY	ten processes of a hundred threads each wait for one another, then each thread gets the key
 *	askers INSTANCE FROM TO	attaches, says so, waits until its input ends, and starts the sessions sFROM to sTO - 1
 *	askers INSTANCE		every session that gs_scan lists is read with gs_peek; says how many
 *
 * It ends with 1 when anybody got anything but a value.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

enum { PROCESSES = 10, THREADS = 100, CONTEXTS = 4, TIMEOUT_MS = 10000, VALUE_BYTES = 256, ITEMS = 16 };

/* Shared by the processes; a barrier that no killed process could hold up is not needed here. */
struct gate {
	pthread_barrier_t open;
};

struct asker {
	pthread_t thread;
	struct gs *gs;
	struct gate *gate;
	const char *key;
	ssize_t got;
};

static void *
ask(void *arg)
{
	struct asker *a = arg;
	char value[VALUE_BYTES];

	(void)pthread_barrier_wait(&a->gate->open);
	a->got = gs_get(a->gs, a->key, strlen(a->key), value, sizeof(value), NULL);
	return NULL;
}

static struct gs *
attach(const char *instance)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .timeout_ms = TIMEOUT_MS, .n_threads = CONTEXTS };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(2, "attach: %s", gs_strerror(rc));
	return gs;
}

/* Returns how many of the process's threads were not served. */
static int
be_process(struct gate *gate, const char *instance, const char *key)
{
	static struct asker asker[THREADS];
	struct gs *gs = attach(instance);
	int failed = 0;

	for (int i = 0; i < THREADS; i++) {
		asker[i] = (struct asker){ .gs = gs, .gate = gate, .key = key };
		if (pthread_create(&asker[i].thread, NULL, ask, &asker[i]) != 0)
			errx(2, "no thread");
	}
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(asker[i].thread, NULL);
		if (asker[i].got < 0) {
			failed++;
			warnx("get: %s", gs_strerror((int)asker[i].got));
		}
	}
	gs_detach(&gs);
	return failed;
}

static struct gate *
make_gate(void)
{
	struct gate *gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	if (gate == MAP_FAILED || pthread_barrierattr_init(&shared) != 0 ||
	    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_barrier_init(&gate->open, &shared, PROCESSES * THREADS) != 0)
		err(2, "barrier");
	return gate;
}

static int
peek_at_all(const char *instance)
{
	struct gs *gs = attach(instance);
	struct gs_item items[ITEMS];
	char value[VALUE_BYTES];
	uint64_t cursor = 0;
	int seen = 0, failed = 0;
	ssize_t n;

	while ((n = gs_scan(gs, NULL, &cursor, items, ITEMS)) > 0)
		for (ssize_t i = 0; i < n; i++, seen++)
			failed += gs_peek(gs, items[i].key, items[i].key_len, value, sizeof(value), NULL) < 0;
	gs_detach(&gs);
	(void)printf("%d seen\n", seen);
	return n < 0 || failed > 0;
}

static int
start_many(const char *instance, int from, int to)
{
	struct gs *gs = attach(instance);
	int failed = 0, rc;
	char key[32];

	(void)puts("attached");
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	for (int i = from; i < to; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		rc = gs_put(gs, key, strlen(key), "value", 5, NULL);
		if (rc < 0 && failed++ == 0)
			warnx("put %s: %s", key, gs_strerror(rc));
	}
	gs_detach(&gs);
	return failed > 0;
}

int
main(int argc, char **argv)
{
	struct gate *gate = make_gate();
	int status, failed = 0;
	pid_t pid[PROCESSES];

	if (argc == 2)
		return peek_at_all(argv[1]);
	if (argc == 4)
		return start_many(argv[1], atoi(argv[2]), atoi(argv[3]));
	if (argc != 3)
		errx(2, "usage: askers INSTANCE [KEY | FROM TO]");
	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			err(2, "fork");
		if (pid[i] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			exit(be_process(gate, argv[1], argv[2]) > 0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		if (waitpid(-1, &status, 0) < 0)
			err(2, "wait");
		if (status == 0)
			continue;
		failed++;
		/* One that cannot come to the barrier keeps the others there. */
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
			for (int k = 0; k < PROCESSES; k++)
				(void)kill(pid[k], SIGKILL);
	}
	return failed > 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forks.c - a handle that is used on after fork, for fork.t.
 *
 *	forks work INSTANCE		a parent and sixteen children work at once on one handle; half of them are killed
 *	forks down INSTANCE PID		the daemon PID is killed, then a child tries its first call and the parent goes on
 *	forks untouched INSTANCE	a child that makes no call, detaches and ends leaves the parent's contexts alone
 *	forks deep INSTANCE		a child of a child of a child
 *	forks prefork INSTANCE		sixteen children begin when the parent, who never called, has detached; some are killed
 *	forks readers INSTANCE COUNT	the parent is a reader, and so are sixteen children, on COUNT sessions of `client fill`
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"
#include "value.h"

enum { CHILDREN = 16, CALLS = 2000, VISITS = 500, TIMEOUT_MS = 5000, DOWN_TIMEOUT_MS = 500 };

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct gs *
attach_as(const char *instance, enum gs_role role, uint32_t timeout_ms)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .timeout_ms = timeout_ms, .n_threads = 2, .role = role };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

static struct gs *
attach(const char *instance)
{
	return attach_as(instance, GS_ROLE_WRITER, TIMEOUT_MS);
}

static void
must(const char *what, const char *key, ssize_t rc)
{
	if (rc < 0)
		errx(1, "%s %s: %s", what, key, gs_strerror((int)rc));
}

/* Put and get on keys of one's own, and put on one that all share. */
static void
work(struct gs *gs, const char *name, int n_calls)
{
	unsigned char value[VALUE_MAX], back[VALUE_MAX];
	char key[32];

	for (int i = 0; i < n_calls; i++) {
		size_t len;
		ssize_t n;

		(void)snprintf(key, sizeof(key), "%s.%d", name, i % 8);
		len = value_make(value, key, (uint64_t)i);
		must("put", key, gs_put(gs, key, strlen(key), value, len, NULL));
		n = gs_get(gs, key, strlen(key), back, sizeof(back), NULL);
		must("get", key, n);
		if ((size_t)n != len || memcmp(value, back, len) != 0)
			errx(1, "get %s: not what was put", key);
		must("put", "common", gs_put(gs, "common", 6, value, value_make(value, "common", (uint64_t)i), NULL));
	}
}

static pid_t
fork_or_die(void)
{
	pid_t pid = fork();

	if (pid < 0 || (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0))
		err(1, "fork");
	return pid;
}

/* Returns how it ended, as wait says. */
static int
await(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		err(1, "wait");
	return status;
}

static void
await_success(pid_t pid)
{
	if (await(pid) != 0)
		errx(1, "a child failed");
}

/* Even children are killed at work, odd ones end as they should. */
static void
all_at_once(const char *instance)
{
	struct gs *gs = attach(instance);
	pid_t pid[CHILDREN];
	char name[32];

	work(gs, "parent", CALLS);
	for (int i = 0; i < CHILDREN; i++) {
		pid[i] = fork_or_die();
		if (pid[i] == 0) {
			(void)snprintf(name, sizeof(name), "child%d", i);
			work(gs, name, CALLS);
			while (i % 2 == 0)
				work(gs, name, 1);
			gs_detach(&gs);
			_exit(0);
		}
	}
	work(gs, "parent", CALLS);
	for (int i = 1; i < CHILDREN; i += 2)
		await_success(pid[i]);
	for (int i = 0; i < CHILDREN; i += 2)
		if (kill(pid[i], SIGKILL) < 0 || !WIFSIGNALED(await(pid[i])))
			errx(1, "child %d ended by itself", i);
	work(gs, "parent", CALLS);
	gs_detach(&gs);
}

static void
with_daemon_dead(const char *instance, pid_t daemon)
{
	struct gs *gs = attach_as(instance, GS_ROLE_WRITER, DOWN_TIMEOUT_MS);
	pid_t pid;

	work(gs, "parent", 10);
	if (kill(daemon, SIGKILL) < 0)
		err(1, "kill %d", (int)daemon);
	pid = fork_or_die();
	if (pid == 0) {
		uint64_t began = now_ms();
		ssize_t first = gs_get(gs, "parent.1", 8, NULL, 0, NULL), second = gs_get(gs, "parent.1", 8, NULL, 0, NULL);

		printf("child: %s, then %s, %s\n", gs_errname((int)first), gs_errname((int)second),
		    now_ms() - began <= 2 * DOWN_TIMEOUT_MS + 500 ? "in time" : "too late");
		(void)fflush(stdout);
		gs_detach(&gs);
		_exit(0);
	}
	await_success(pid);
	work(gs, "parent", CALLS);
	printf("parent: goes on\n");
	gs_detach(&gs);
}

static void
leave_untouched(const char *instance)
{
	struct gs *gs = attach(instance);

	for (int i = 0; i < 20; i++) {
		pid_t pid;

		work(gs, "parent", 100);
		pid = fork_or_die();
		if (pid == 0) {
			gs_detach(&gs);
			_exit(0);
		}
		await_success(pid);
	}
	work(gs, "parent", 100);
	gs_detach(&gs);
}

static void
go_deep(const char *instance)
{
	struct gs *gs = attach(instance);
	char name[32];

	for (int depth = 0; depth < 4; depth++) {
		pid_t pid;

		(void)snprintf(name, sizeof(name), "depth%d", depth);
		work(gs, name, 100);
		pid = fork_or_die();
		if (pid == 0)
			continue;
		await_success(pid);
		work(gs, name, 100);
		gs_detach(&gs);
		exit(0);
	}
	work(gs, "deepest", 100);
	gs_detach(&gs);
}

/* ---- a server that forks its workers ---- */

static ssize_t
add_one(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	uint64_t n;

	(void)arg;
	if (old_len != sizeof(n) || cap < sizeof(n))
		errx(1, "visits: %zu bytes", old_len);
	memcpy(&n, old, sizeof(n));
	n++;
	memcpy(out, &n, sizeof(n));
	return sizeof(n);
}

/* Until the parent says so. */
static void
wait_for_start(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 0)
		err(1, "pipe");
}

static void __attribute__((noreturn))
serve(struct gs *gs, int i)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "worker%d", i);
	/* First: who is killed once the visits are there has left these too. */
	work(gs, name, 8);
	for (int k = 0; k < VISITS; k++) {
		must("update", "visits", gs_update(gs, "visits", 6, add_one, NULL));
		work(gs, name, 1);
	}
	while (i % 4 == 0)
		work(gs, name, 8);
	gs_detach(&gs);
	_exit(0);
}

static void
prefork(const char *instance)
{
	struct gs *gs = attach(instance), *own;
	const uint64_t none = 0;
	uint64_t n = 0, until;
	pid_t pid[CHILDREN];
	int start[2];

	if (pipe(start) < 0)
		err(1, "pipe");
	for (int i = 0; i < CHILDREN; i++) {
		pid[i] = fork_or_die();
		if (pid[i] == 0) {
			(void)close(start[1]);
			wait_for_start(start[0]);
			serve(gs, i);
		}
	}
	gs_detach(&gs);
	own = attach(instance);
	must("put", "visits", gs_put(own, "visits", 6, &none, sizeof(none), NULL));
	(void)close(start[1]);
	for (int i = 0; i < CHILDREN; i++)
		if (i % 4 != 0)
			await_success(pid[i]);
	/* The others have done theirs when the number says so; what they do then goes on until they are killed. */
	for (until = now_ms() + 60000; n < CHILDREN * VISITS && now_ms() < until; work(own, "parent", 8))
		must("get", "visits", gs_get(own, "visits", 6, &n, sizeof(n), NULL));
	for (int i = 0; i < CHILDREN; i += 4)
		if (kill(pid[i], SIGKILL) < 0 || !WIFSIGNALED(await(pid[i])))
			errx(1, "worker %d ended by itself", i);
	must("get", "visits", gs_get(own, "visits", 6, &n, sizeof(n), NULL));
	(void)printf("%llu visits\n", (unsigned long long)n);
	gs_detach(&own);
}

static void
look_around(struct gs *gs, int count)
{
	unsigned char value[VALUE_MAX];
	char key[32];

	for (int i = 0; i < CALLS; i++) {
		ssize_t n;

		(void)snprintf(key, sizeof(key), "s%d", i % count);
		n = gs_get(gs, key, strlen(key), value, sizeof(value), NULL);
		must("get", key, n);
		if (!value_is_whole(key, value, (size_t)n))
			errx(1, "get %s: a torn value", key);
	}
	if (gs_put(gs, "s0", 2, "v", 1, NULL) != GS_EPERM)
		errx(1, "a reader may write");
}

static void
read_forked(const char *instance, int count)
{
	struct gs *gs = attach_as(instance, GS_ROLE_READER, TIMEOUT_MS);
	pid_t pid[CHILDREN];
	int done[2];
	char byte;

	if (pipe(done) < 0)
		err(1, "pipe");
	look_around(gs, count);
	for (int i = 0; i < CHILDREN; i++) {
		pid[i] = fork_or_die();
		if (pid[i] == 0) {
			look_around(gs, count);
			if (write(done[1], "", 1) != 1)
				err(1, "pipe");
			while (i % 2 == 0)
				(void)pause();
			gs_detach(&gs);
			_exit(0);
		}
	}
	look_around(gs, count);
	for (int i = 0; i < CHILDREN; i++)
		if (read(done[0], &byte, 1) != 1)
			err(1, "pipe");
	for (int i = 0; i < CHILDREN; i++)
		if (i % 2 != 0)
			await_success(pid[i]);
		else if (kill(pid[i], SIGKILL) < 0 || !WIFSIGNALED(await(pid[i])))
			errx(1, "reader %d ended by itself", i);
	look_around(gs, count);
	gs_detach(&gs);
	(void)printf("%d reads\n", (CHILDREN + 3) * CALLS);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "work") == 0)
		all_at_once(argv[2]);
	else if (strcmp(verb, "down") == 0 && argc == 4)
		with_daemon_dead(argv[2], (pid_t)atoi(argv[3]));
	else if (strcmp(verb, "untouched") == 0)
		leave_untouched(argv[2]);
	else if (strcmp(verb, "deep") == 0)
		go_deep(argv[2]);
	else if (strcmp(verb, "prefork") == 0)
		prefork(argv[2]);
	else if (strcmp(verb, "readers") == 0 && argc == 4)
		read_forked(argv[2], atoi(argv[3]));
	else
		errx(2, "usage: forks work|down|untouched|deep|prefork|readers INSTANCE ...");
	return 0;
}

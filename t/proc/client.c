/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.c - clients of a store for the tests of processes: writers to be killed, clients that must see no error.
 *
 *	client slaughter INSTANCE COUNT AT_ONCE SEED	start writers on shared keys and kill each at a random moment
 *	client fill INSTANCE COUNT			sessions s0, s1, ... in all rings but the suspects'
 *	client thin INSTANCE KEEP			end those sessions, all but every KEEPth
 *	client verify INSTANCE				every value is whole; prints how many
 *	client steady INSTANCE NAME FILE		work on own keys until SIGTERM, an error ends it; FILE has the number of calls
 *	client attach INSTANCE TIMEOUT_MS		attach and say how it went and how long it took
 *	client ticking INSTANCE TIMEOUT_MS		the same while a signal comes every 20 ms
 *	client crowd INSTANCE COUNT			attach so often, 64 contexts each, and say how far one gets
 *	client cramped INSTANCE COUNT			attach so often with no room to map anything, and say how the last one went
 *	client login INSTANCE OWNER			start one session of an owner after the other until it is killed
 *	client reap INSTANCE PREFIX			end whatever session has such a key, again and again until SIGTERM
 *	client bustle INSTANCE COUNT			start and end a session so often, no faster than the daemon's log follows
 *	client churn INSTANCE COUNT			short-lived processes, each of which attaches, works and says good-bye
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"
#include "value.h"

enum {
	SHARED_KEYS = 64,
	STEADY_KEYS = 32,
	AT_ONCE_MAX = 16,
	KILL_WITHIN_US = 15000,
	CHURN_AT_ONCE = 4,
};

static const char *const rings[] = { "active", "warm", "cold", "suspect" };

static volatile sig_atomic_t must_stop;

static void
stop(int sig)
{
	(void)sig;
	must_stop = 1;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t
next_random(uint64_t *state)
{
	return *state = value_mix(*state);
}

static struct gs *
attach(const char *instance, uint32_t n_threads)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = n_threads };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

static void
must(const char *what, const char *key, ssize_t rc)
{
	if (rc < 0)
		errx(1, "%s %s: %s", what, key, gs_strerror((int)rc));
}

/* ---- writers on shared keys ---- */

/* Other writers end, move and quarantine the same sessions. */
static void
may_fail(const char *what, const char *key, ssize_t rc)
{
	if (rc != GS_ENOENT && rc != GS_EQUARANTINE && rc != GS_ENOSPC && rc != GS_EAGAIN)
		must(what, key, rc);
}

static ssize_t
next_value(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	const char *key = arg;

	if (cap < VALUE_MAX || !value_is_whole(key, old, old_len))
		errx(1, "update %s: a torn value", key);
	return (ssize_t)value_make(out, key, value_counter(old) + 1);
}

static void
write_once(struct gs *gs, uint64_t *random)
{
	unsigned char value[VALUE_MAX];
	uint64_t r = next_random(random);
	char key[32];
	ssize_t n;

	(void)snprintf(key, sizeof(key), "shared%d", (int)(r / 100 % SHARED_KEYS));
	switch (r % 10) {
	case 0:
		may_fail("del", key, gs_del(gs, key, strlen(key), 0));
		return;
	case 1:
	case 2:
		may_fail("move", key, gs_move(gs, key, strlen(key), rings[r / 10 % 10 < 9 ? r / 10 % 3 : 3]));
		return;
	case 3:
		may_fail("touch", key, gs_touch(gs, key, strlen(key), 0));
		return;
	case 4:
		n = gs_get(gs, key, strlen(key), value, sizeof(value), NULL);
		may_fail("get", key, n);
		if (n >= 0 && !value_is_whole(key, value, (size_t)n))
			errx(1, "get %s: a torn value", key);
		return;
	case 5:
	case 6:
		may_fail("update", key, gs_update(gs, key, strlen(key), next_value, key));
		return;
	default:
		may_fail("put", key, gs_put(gs, key, strlen(key), value, value_make(value, key, r), NULL));
	}
}

/* The daemon may be killed too, and come back. */
static struct gs *
attach_patiently(const char *instance)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = 1 };
	uint64_t until_ms = now_ms() + 10000;
	struct gs *gs;
	int rc;

	do
		rc = gs_attach(&gs, &opt);
	while (rc == GS_EDOWN && now_ms() < until_ms && poll(NULL, 0, 10) == 0);
	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	return gs;
}

static void __attribute__((noreturn))
write_for_ever(const char *instance, uint64_t seed, int ready_fd)
{
	struct gs *gs;

	/* Nobody is left behind when the one who is to kill us fails. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		err(1, "prctl");
	gs = attach_patiently(instance);
	if (write(ready_fd, "", 1) != 1)
		err(1, "pipe");
	for (;;)
		write_once(gs, &seed);
}

struct victim {
	pid_t pid;
	int ready_fd;
};

static struct victim
start_writer(const char *instance, uint64_t seed)
{
	struct victim v;
	int fds[2];

	if (pipe(fds) < 0)
		err(1, "pipe");
	v.pid = fork();
	if (v.pid < 0)
		err(1, "fork");
	if (v.pid == 0) {
		(void)close(fds[0]);
		write_for_ever(instance, seed, fds[1]);
	}
	(void)close(fds[1]);
	v.ready_fd = fds[0];
	return v;
}

/* Most writers die at work, one in eight while it attaches. */
static void
kill_writer(const struct victim *v, uint64_t *random)
{
	struct pollfd p = { .fd = v->ready_fd, .events = POLLIN };
	uint64_t r = next_random(random);
	struct timespec ts = { .tv_nsec = (long)(r / 8 % KILL_WITHIN_US) * 1000 };
	int status;

	if (r % 8 != 0 && poll(&p, 1, 10000) != 1)
		errx(1, "writer %d does not begin", (int)v->pid);
	(void)nanosleep(&ts, NULL);
	if (kill(v->pid, SIGKILL) < 0 || waitpid(v->pid, &status, 0) != v->pid)
		err(1, "writer %d", (int)v->pid);
	if (!WIFSIGNALED(status))
		errx(1, "writer %d ended by itself, status %d", (int)v->pid, WEXITSTATUS(status));
	(void)close(v->ready_fd);
}

/* AT_ONCE writers are at work; one after the other is killed and another takes its place. */
static void
slaughter(const char *instance, int count, int at_once, uint64_t seed)
{
	struct victim v[AT_ONCE_MAX];
	int started;

	if (at_once > AT_ONCE_MAX || at_once > count)
		errx(2, "at most %d at once", AT_ONCE_MAX);
	for (started = 0; started < at_once; started++)
		v[started] = start_writer(instance, next_random(&seed));
	for (int i = 0; i < count; i++) {
		kill_writer(&v[i % at_once], &seed);
		if (started < count) {
			v[i % at_once] = start_writer(instance, next_random(&seed));
			started++;
		}
	}
	printf("%d killed\n", count);
}

/* ---- whole stores ---- */

static void
fill(const char *instance, int count)
{
	struct gs *gs = attach(instance, 1);
	struct gs_put_options opt = { .size = sizeof(opt) };
	unsigned char value[VALUE_MAX];
	char key[32];

	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		opt.ring = rings[i % 3];
		must("put", key, gs_put(gs, key, strlen(key), value, value_make(value, key, (uint64_t)i), &opt));
	}
	gs_detach(&gs);
}

static void
login(const char *instance, const char *owner)
{
	struct gs_put_options opt = { .size = sizeof(opt), .owner = owner, .owner_len = strlen(owner) };
	struct gs *gs = attach(instance, 1);
	char key[64];

	for (int i = 0;; i++) {
		(void)snprintf(key, sizeof(key), "%s-%d", owner, i);
		must("put", key, gs_put(gs, key, strlen(key), "v", 1, &opt));
	}
}

static void
thin(const char *instance, int keep)
{
	struct gs *gs = attach(instance, 1);
	char key[32];
	int rc;

	for (int i = 0;; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		if (i % keep == 0)
			rc = gs_stat(gs, key, strlen(key), &(struct gs_info){ .id = 0 });
		else
			rc = gs_del(gs, key, strlen(key), 0);
		if (rc == GS_ENOENT)
			break;
		must("del", key, rc);
	}
	gs_detach(&gs);
}

struct verdict {
	struct gs *gs;
	int whole, torn;
};

static int
verify_one(void *arg, const struct gs_item *item)
{
	struct verdict *v = arg;
	unsigned char value[VALUE_MAX];
	ssize_t n = gs_peek(v->gs, item->key, item->key_len, value, sizeof(value), NULL);

	if (n == GS_ENOENT)
		return 0;	/* ended meanwhile */
	if (n >= 0 && value_is_whole(item->key_buf, value, (size_t)n)) {
		v->whole++;
	} else {
		warnx("%s: %s", item->key_buf, n < 0 ? gs_strerror((int)n) : "torn");
		v->torn++;
	}
	return 0;
}

static int
verify(const char *instance)
{
	struct verdict v = { .gs = attach(instance, 1) };

	must("scan", "", gs_each(v.gs, NULL, verify_one, &v));
	gs_detach(&v.gs);
	printf("%d whole, %d torn\n", v.whole, v.torn);
	return v.torn > 0;
}

/* ---- somebody who interferes ---- */

struct reaping {
	struct gs *gs;
	const char *prefix;
	int n_ended;
};

static int
reap_one(void *arg, const struct gs_item *item)
{
	struct reaping *r = arg;

	if (strncmp(item->key_buf, r->prefix, strlen(r->prefix)) == 0)
		r->n_ended += gs_del(r->gs, item->key, item->key_len, 0) == 0;
	return must_stop;
}

static void
reap(const char *instance, const char *prefix)
{
	struct reaping r = { .gs = attach_patiently(instance), .prefix = prefix };

	if (signal(SIGTERM, stop) == SIG_ERR)
		err(1, "SIGTERM");
	while (!must_stop)
		(void)gs_each(r.gs, NULL, reap_one, &r);
	gs_detach(&r.gs);
	printf("%d ended\n", r.n_ended);
}

/* ---- clients that must see no error ---- */

struct steady {
	struct gs *gs;
	const char *name;
	uint64_t random;
	uint64_t counter[STEADY_KEYS];	/* what was put last; 0: nothing is there */
};

static void
look_at(struct steady *s, int k, const char *key)
{
	unsigned char value[VALUE_MAX];
	ssize_t n = gs_get(s->gs, key, strlen(key), value, sizeof(value), NULL);

	if (s->counter[k] == 0 && n == GS_ENOENT)
		return;
	must("get", key, n);
	if (!value_is_whole(key, value, (size_t)n) || value_counter(value) != s->counter[k])
		errx(1, "get %s: not what was put", key);
}

static void
steady_once(struct steady *s)
{
	unsigned char value[VALUE_MAX];
	uint64_t r = next_random(&s->random);
	int k = (int)(r / 16 % STEADY_KEYS);
	char key[64];

	(void)snprintf(key, sizeof(key), "%s.%d", s->name, k);
	look_at(s, k, key);
	if (s->counter[k] != 0 && r % 16 == 0) {
		must("del", key, gs_del(s->gs, key, strlen(key), 0));
		s->counter[k] = 0;
	} else if (s->counter[k] != 0 && r % 16 < 4) {
		must("move", key, gs_move(s->gs, key, strlen(key), rings[r % 3]));
		must("touch", key, gs_touch(s->gs, key, strlen(key), 0));
	} else if (s->counter[k] != 0 && r % 16 < 8) {
		must("update", key, gs_update(s->gs, key, strlen(key), next_value, key));
		s->counter[k]++;
	} else {
		s->counter[k] = r | 1;
		must("put", key, gs_put(s->gs, key, strlen(key), value, value_make(value, key, s->counter[k]), NULL));
	}
	look_at(s, k, key);
}

static void
steady(const char *instance, const char *name, const char *file)
{
	struct steady s = { .gs = attach(instance, 1), .name = name, .random = (uint64_t)getpid() };
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || signal(SIGTERM, stop) == SIG_ERR)
		err(1, "%s", file);
	for (uint64_t n = 1; !must_stop; n++) {
		char text[32];

		steady_once(&s);
		if (n % 100 == 0 && pwrite(fd, text, (size_t)snprintf(text, sizeof(text), "%020llu\n", (unsigned long long)n), 0) < 0)
			err(1, "%s", file);
	}
	gs_detach(&s.gs);
	(void)close(fd);
	printf("no error\n");
}

/* ---- attaching ---- */

static void
try_attach(const char *instance, uint32_t timeout_ms)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .timeout_ms = timeout_ms };
	uint64_t began = now_ms();
	struct gs *gs = NULL;
	int rc = gs_attach(&gs, &opt);
	uint64_t took = now_ms() - began;

	printf("%s %s\n", gs_errname(rc), took <= timeout_ms + 500 ? "in time" : "too late");
	gs_detach(&gs);
}

static void
ignore(int sig)
{
	(void)sig;
}

static void
try_attach_ticking(const char *instance, uint32_t timeout_ms)
{
	const struct itimerval every = { { .tv_usec = 20000 }, { .tv_usec = 20000 } };
	const struct sigaction action = { .sa_handler = ignore };	/* no SA_RESTART: calls are interrupted */

	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &every, NULL) < 0)
		err(1, "timer");
	try_attach(instance, timeout_ms);
}

/* Every handle has the table's descriptors. */
static void
crowd(const char *instance, int count)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = 64 };
	struct gs **gs = calloc((size_t)count, sizeof(struct gs *));
	struct rlimit limit;
	int n, rc = 0;

	if (gs == NULL || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, NULL);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (n = 0; n < count && rc == 0; n++)
		rc = gs_attach(&gs[n], &opt);
	printf("%d attached, then %s\n", rc == 0 ? n : n - 1, gs_errname(rc));
	while (n-- > 0)
		gs_detach(&gs[n]);
	free(gs);
}

static void
try_attach_cramped(const char *instance, int count)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = 64 };
	const struct rlimit limit = { 100 << 20, 100 << 20 };
	struct gs *gs = NULL;
	int rc = 0;

	if (setrlimit(RLIMIT_AS, &limit) < 0)
		err(1, "RLIMIT_AS");
	for (int i = 0; i < count; i++) {
		rc = gs_attach(&gs, &opt);
		gs_detach(&gs);
	}
	printf("%s\n", gs_errname(rc));
}

static void __attribute__((noreturn))
come_and_go(const char *instance)
{
	unsigned char value[VALUE_MAX];
	struct gs *gs = attach(instance, 1);
	char key[32];

	(void)snprintf(key, sizeof(key), "churn%d", (int)getpid() % 50);
	must("put", key, gs_put(gs, key, strlen(key), value, value_make(value, key, (uint64_t)getpid()), NULL));
	gs_detach(&gs);
	_exit(0);
}

static void
churn(const char *instance, int count)
{
	int running = 0, status;

	for (int i = 0; i < count || running > 0;) {
		if (i < count && running < CHURN_AT_ONCE) {
			pid_t pid = fork();

			if (pid < 0)
				err(1, "fork");
			if (pid == 0)
				come_and_go(instance);
			running++;
			i++;
			continue;
		}
		if (wait(&status) < 0 || status != 0)
			errx(1, "a client failed");
		running--;
	}
	printf("%d came and went\n", count);
}

static void
bustle(const char *instance, int count)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct gs *gs = attach(instance, 1);

	for (int i = 0; i < count; i++) {
		must("put", "bustle", gs_put(gs, "bustle", 6, "x", 1, NULL));
		must("del", "bustle", gs_del(gs, "bustle", 6, 0));
		if (i % 20 == 19)
			(void)nanosleep(&pause, NULL);
	}
	gs_detach(&gs);
	printf("%d events\n", 2 * count);
}

static int
usage(void)
{
	(void)fprintf(stderr, "usage: client slaughter|fill|login|thin|verify|reap|steady|attach|ticking|crowd|cramped|bustle|churn INSTANCE ...\n");
	return 2;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "slaughter") == 0 && argc == 6)
		slaughter(argv[2], atoi(argv[3]), atoi(argv[4]), strtoull(argv[5], NULL, 10));
	else if (strcmp(verb, "fill") == 0 && argc == 4)
		fill(argv[2], atoi(argv[3]));
	else if (strcmp(verb, "login") == 0 && argc == 4)
		login(argv[2], argv[3]);
	else if (strcmp(verb, "thin") == 0 && argc == 4)
		thin(argv[2], atoi(argv[3]));
	else if (strcmp(verb, "verify") == 0 && argc == 3)
		return verify(argv[2]);
	else if (strcmp(verb, "reap") == 0 && argc == 4)
		reap(argv[2], argv[3]);
	else if (strcmp(verb, "steady") == 0 && argc == 5)
		steady(argv[2], argv[3], argv[4]);
	else if (strcmp(verb, "attach") == 0 && argc == 4)
		try_attach(argv[2], (uint32_t)atoi(argv[3]));
	else if (strcmp(verb, "ticking") == 0 && argc == 4)
		try_attach_ticking(argv[2], (uint32_t)atoi(argv[3]));
	else if (strcmp(verb, "crowd") == 0 && argc == 4)
		crowd(argv[2], atoi(argv[3]));
	else if (strcmp(verb, "cramped") == 0 && argc == 4)
		try_attach_cramped(argv[2], atoi(argv[3]));
	else if (strcmp(verb, "bustle") == 0 && argc == 4)
		bustle(argv[2], atoi(argv[3]));
	else if (strcmp(verb, "churn") == 0 && argc == 4)
		churn(argv[2], atoi(argv[3]));
	else
		return usage();
	return 0;
}

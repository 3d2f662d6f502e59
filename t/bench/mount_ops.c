/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mount_ops.c - how much longer something takes through one mount than through another.
 *
 *	mount_ops [-b BATCHES] [-c CLIENTS] [-n TIMES] OPERATION SESSIONS DIRECTORY NULL_DIRECTORY
 *
 * Both directories have the files k0 ... k(SESSIONS-1).  A batch is the
 * operation, TIMES times by each of the clients, which are processes:
 *
 *	read	open a random one, read to the end, close
 *	stat	its attributes
 *	create	a name that is not there, and close
 *	save	the same, with a write of 512 bytes
 *	delete	what a batch of creations, which is not timed, has made
 *	list	every name, and count them
 *	cat	open, fstat, read to the end and close, of the one file that both
 *		DIRECTORYs then are; SESSIONS says nothing
 *
 * Batches alternate between the two mounts, so that whatever else the machine
 * does meanwhile meets both; the ratio printed is the median of the ratios of
 * neighbours.  That of the fastest tenths is nearer to what a machine that does
 * nothing else would show where this one does.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST_BATCHES = 1000, MOST_TIMES = 1000000, MOST_CLIENTS = 64, BUFFER_BYTES = 65536, SAVED_BYTES = 512, NAME_BYTES = 64 };
enum operation { READ, STAT, CREATE, SAVE, DELETE, LIST, CAT, N_OPERATIONS };

static const char *const names[N_OPERATIONS] = { "read", "stat", "create", "save", "delete", "list", "cat" };

struct plan {
	enum operation what;
	uint64_t sessions, batches, times, clients;
	const char *path[2];		/* measured, null */
	int dir_fd[2];
};

/* One of the processes, with the ends of its pipes. */
struct client {
	const struct plan *p;
	pid_t pid;
	int orders, answers;
	uint64_t seed, number;
};

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

static void
read_one(int dir_fd, const char *name)
{
	static char buf[BUFFER_BYTES];
	int fd = openat(dir_fd, name, O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf)) <= 0)
		err(1, "%s", name);
	(void)close(fd);
}

static void
create_one(int dir_fd, const char *name, size_t bytes)
{
	static const char value[SAVED_BYTES];
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || (bytes != 0 && write(fd, value, bytes) != (ssize_t)bytes))
		err(1, "%s", name);
	(void)close(fd);
}

static void
list_all(const struct plan *p, int which)
{
	DIR *d = opendir(p->path[which]);
	const struct dirent *e;
	uint64_t n = 0;

	if (d == NULL)
		err(1, "%s", p->path[which]);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] == 'k';
	(void)closedir(d);
	if (n != p->sessions)
		errx(1, "%s: %" PRIu64 " names of %" PRIu64, p->path[which], n, p->sessions);
}

static void
cat_one(const char *path)
{
	static char buf[BUFFER_BYTES];
	int fd = open(path, O_RDONLY);
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0)
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			;
	if (n != 0)
		err(1, "%s", path);
	(void)close(fd);
}

static void
do_batch(struct client *c, enum operation what, int which)
{
	const struct plan *p = c->p;
	int fd = p->dir_fd[which];
	char name[NAME_BYTES];
	struct stat st;
	uint64_t i;

	for (i = 0; i < p->times; i++) {
		if (what == READ || what == STAT)
			(void)snprintf(name, sizeof(name), "k%" PRIu64, next_random(&c->seed) % p->sessions);
		else
			(void)snprintf(name, sizeof(name), "new%" PRIu64 "-%" PRIu64, c->number, i);
		if (what == READ)
			read_one(fd, name);
		else if (what == STAT && fstatat(fd, name, &st, 0) != 0)
			err(1, "%s", name);
		else if (what == CREATE || what == SAVE)
			create_one(fd, name, what == SAVE ? SAVED_BYTES : 0);
		else if (what == DELETE && unlinkat(fd, name, 0) != 0)
			err(1, "%s", name);
		else if (what == LIST)
			list_all(p, which);
		else if (what == CAT)
			cat_one(p->path[which]);
	}
}

/* An order is the operation and the mount. */
static void
serve_orders(struct client *c)
{
	unsigned char order[2];

	while (read(c->orders, order, sizeof(order)) == (ssize_t)sizeof(order)) {
		do_batch(c, order[0], order[1]);
		if (write(c->answers, order, 1) != 1)
			break;
	}
	_exit(0);
}

/* The clients before it it inherits: none must be kept from seeing our end. */
static void
start_client(struct client *clients, const struct plan *p, uint64_t number)
{
	struct client *c = &clients[number];
	int orders[2], answers[2];
	uint64_t i;

	if (pipe2(orders, O_CLOEXEC) != 0 || pipe2(answers, O_CLOEXEC) != 0)
		err(1, "pipe");
	*c = (struct client){ .p = p, .number = number, .seed = UINT64_C(0x9e3779b97f4a7c15) * (number + 1) };
	c->pid = fork();
	if (c->pid < 0)
		err(1, "fork");
	c->orders = orders[c->pid == 0 ? 0 : 1];
	c->answers = answers[c->pid == 0 ? 1 : 0];
	/* So that either notices the end of the other. */
	(void)close(orders[c->pid == 0 ? 1 : 0]);
	(void)close(answers[c->pid == 0 ? 0 : 1]);
	if (c->pid != 0)
		return;
	for (i = 0; i < number; i++) {
		(void)close(clients[i].orders);
		(void)close(clients[i].answers);
	}
	serve_orders(c);
}

/* Nanoseconds that each of the clients' operations took. */
static double
time_batch(const struct plan *p, const struct client *clients, enum operation what, int which)
{
	const unsigned char order[2] = { (unsigned char)what, (unsigned char)which };
	uint64_t start = gs_clock_mono_ns(), i;
	char answer;

	for (i = 0; i < p->clients; i++)
		if (write(clients[i].orders, order, sizeof(order)) != (ssize_t)sizeof(order))
			errx(1, "a client has ended");
	for (i = 0; i < p->clients; i++)
		if (read(clients[i].answers, &answer, 1) != 1)
			errx(1, "a client has ended");
	return (double)(gs_clock_mono_ns() - start) / (double)p->times;
}

/* With what has to be there before, and may not be there afterwards. */
static double
measure(const struct plan *p, const struct client *clients, int which)
{
	double ns;

	if (p->what == DELETE)
		(void)time_batch(p, clients, CREATE, which);
	ns = time_batch(p, clients, p->what, which);
	if (p->what == CREATE || p->what == SAVE)
		(void)time_batch(p, clients, DELETE, which);
	return ns;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
run(const struct plan *p, const struct client *clients)
{
	static double ratio[MOST_BATCHES], took[2][MOST_BATCHES];
	uint64_t i, turn;

	/* The first of each only fills caches. */
	(void)measure(p, clients, 0);
	(void)measure(p, clients, 1);
	for (i = 0; i < p->batches; i++) {
		for (turn = 0; turn < 2; turn++)
			took[(i + turn) % 2][i] = measure(p, clients, (int)((i + turn) % 2));
		ratio[i] = took[0][i] / took[1][i];
	}
	qsort(ratio, p->batches, sizeof(*ratio), compare);
	for (i = 0; i < 2; i++)
		qsort(took[i], p->batches, sizeof(*took[i]), compare);
	(void)printf("mount %s %" PRIu64 " %.2f   (clients at once: %" PRIu64 "; %.1f us each, %.1f us where nothing is stored; "
	    "%" PRIu64 " batches of %" PRIu64 ", quartiles %.2f and %.2f, of the fastest tenths %.2f)\n",
	    names[p->what], p->clients, ratio[p->batches / 2], p->clients, took[0][p->batches / 2] / 1000, took[1][p->batches / 2] / 1000,
	    p->batches, p->times, ratio[p->batches / 4], ratio[p->batches * 3 / 4], took[0][p->batches / 10] / took[1][p->batches / 10]);
}

static uint64_t
number(const char *text, uint64_t most)
{
	uint64_t n = strtoull(text, NULL, 10);

	return n > most ? most : n;
}

static enum operation
operation(const char *text)
{
	int i;

	for (i = 0; i < N_OPERATIONS; i++)
		if (strcmp(names[i], text) == 0)
			break;
	return (enum operation)i;
}

int
main(int argc, char **argv)
{
	static struct client clients[MOST_CLIENTS];
	struct plan p = { .batches = 160, .clients = 1, .times = 500 };
	uint64_t i;
	int c;

	while ((c = getopt(argc, argv, "b:c:n:")) != -1) {
		if (c == 'b')
			p.batches = number(optarg, MOST_BATCHES);
		else if (c == 'c')
			p.clients = number(optarg, MOST_CLIENTS);
		else if (c == 'n')
			p.times = number(optarg, MOST_TIMES);
	}
	p.what = argc - optind == 4 ? operation(argv[optind]) : N_OPERATIONS;
	p.sessions = argc - optind == 4 ? number(argv[optind + 1], UINT64_MAX) : 0;
	if (p.what == N_OPERATIONS || p.sessions == 0 || p.batches == 0 || p.clients == 0 || p.times == 0)
		errx(2, "usage: mount_ops [-b BATCHES] [-c CLIENTS] [-n TIMES] read|stat|create|save|delete|list|cat SESSIONS DIRECTORY NULL_DIRECTORY");
	for (i = 0; i < 2; i++) {
		p.path[i] = argv[optind + 2 + (int)i];
		p.dir_fd[i] = open(p.path[i], O_RDONLY | (p.what == CAT ? 0 : O_DIRECTORY) | O_CLOEXEC);
		if (p.dir_fd[i] < 0)
			err(1, "%s", p.path[i]);
	}
	for (i = 0; i < p.clients; i++)
		start_client(clients, &p, i);
	run(&p, clients);
	for (i = 0; i < p.clients; i++) {
		(void)close(clients[i].orders);
		(void)waitpid(clients[i].pid, NULL, 0);
	}
	return 0;
}

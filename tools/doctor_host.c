/* SPDX-License-Identifier: BSD-2-Clause */
/* The processes and mounts of this host that have to do with the instance. */
#include "doctor.h"

#include <sys/statvfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "doctor_mounts.h"
#include "proc.h"

/* ---- processes ---- */

/* The instance that a program of ours was started for: the word behind -i, or in --instance=. */
static void
find_instance(const char *args, size_t len, char out[PATH_MAX])
{
	static const char option[] = "--instance";
	const char *at = NULL, *arg;

	(void)snprintf(out, PATH_MAX, "default");
	while ((arg = proc_next_arg(args, len, &at)) != NULL) {
		if (strcmp(arg, "-i") == 0 || strcmp(arg, option) == 0) {
			arg = proc_next_arg(args, len, &at);
			(void)snprintf(out, PATH_MAX, "%s", arg == NULL ? "" : arg);
			return;
		}
		if (strncmp(arg, "-i", 2) == 0)
			(void)snprintf(out, PATH_MAX, "%s", arg + 2);
		else if (strncmp(arg, option, sizeof(option) - 1) == 0 && arg[sizeof(option) - 1] == '=')
			(void)snprintf(out, PATH_MAX, "%s", arg + sizeof(option));
	}
}

static bool
has_word(const char *args, size_t len, const char *word)
{
	const char *at = NULL, *arg;

	while ((arg = proc_next_arg(args, len, &at)) != NULL)
		if (strcmp(arg, word) == 0)
			return true;
	return false;
}

/* The server of a mount is the one that was started last, but for its child, which only wakes who waits for inotify. */
static bool
is_server(const struct doctor_mount *m, int pid)
{
	uint64_t started, of_other;
	int parent, other_parent;

	if (m->pid == 0 || !proc_origin(m->pid, &other_parent, &of_other))
		return true;
	if (!proc_origin(pid, &parent, &started) || parent == m->pid)
		return false;
	return other_parent == pid || started > of_other;
}

/* A server is at its mount; one of another instance takes it off our list. */
static void
place_server(struct doctor *d, int pid, const char *args, size_t len)
{
	char instance[PATH_MAX];
	const char *last = args;

	for (const char *at = NULL, *arg; (arg = proc_next_arg(args, len, &at)) != NULL;)
		last = arg;
	find_instance(args, len, instance);
	for (size_t i = 0; i < d->n_mounts; i++) {
		if (!doctor_is_path(last, d->mounts[i].dir))
			continue;
		if (!is_server(&d->mounts[i], pid))
			return;
		d->mounts[i].pid = pid;
		if (strcmp(instance, d->instance) != 0)
			d->mounts[i] = d->mounts[--d->n_mounts];
		return;
	}
}

static void
look_at_process(struct doctor *d, int pid)
{
	char args[PROC_ARGS_BYTES];
	struct proc_mapped mapped;
	size_t len;

	if (proc_is(pid, "gsession-fs")) {
		len = proc_args(pid, args);
		place_server(d, pid, args, len);
		/* It attaches anew by itself, with the next request. */
		return;
	}
	if (proc_is(pid, "gsession")) {
		len = proc_args(pid, args);
		d->has_reaper = d->has_reaper || has_word(args, len, "reaper");
	}
	if (!proc_mapped(pid, d->shm, false, &mapped) || !mapped.has_removed)
		return;
	if (pid == d->pid)
		d->is_memory_gone = true;
	else if (d->holders.n < DOCTOR_HOLDERS)
		d->holders.pid[d->holders.n++] = pid;
}

static void
look_at_processes(struct doctor *d)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL && !doctor_is_late(d)) {
		int pid = atoi(e->d_name);

		if (pid > 0 && pid != getpid())
			look_at_process(d, pid);
	}
	(void)closedir(dir);
}

/* ---- mounts ---- */

static void
look_at_mount(void *arg, const struct doctor_mounted *m)
{
	struct doctor *d = arg;

	if (strcmp(m->type, "fuse.gsession") != 0 || d->n_mounts == DOCTOR_MOUNTS)
		return;
	(void)snprintf(d->mounts[d->n_mounts].dir, sizeof(d->mounts[0].dir), "%s", m->dir);
	d->mounts[d->n_mounts++].answer = DOCTOR_IS_SILENT;
}

/* In a process of its own: one that waits for a server that does not answer cannot be told to stop. */
static void
probe(const char *dir, int to)
{
	struct statvfs st;
	unsigned char answer = statvfs(dir, &st) == 0 ? 0 : (unsigned char)errno;

	(void)!write(to, &answer, 1);
	_exit(0);
}

static int
start_probe(const char *dir, pid_t *child)
{
	int fds[2];

	*child = -1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*child = fork();
	if (*child == 0)
		probe(dir, fds[1]);
	(void)close(fds[1]);
	if (*child > 0)
		return fds[0];
	(void)close(fds[0]);
	return -1;
}

static void
hear_probes(struct doctor *d, struct pollfd *fds, size_t n)
{
	uint64_t until_ns = gs_clock_mono_ns() + DOCTOR_ANSWER_MS * UINT64_C(1000000), now_ns;
	unsigned char answer;
	size_t n_open = 0;

	for (size_t i = 0; i < n; i++)
		n_open += fds[i].fd >= 0;
	while (n_open > 0 && (now_ns = gs_clock_mono_ns()) < until_ns) {
		if (poll(fds, n, (int)((until_ns - now_ns) / 1000000) + 1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < n; i++) {
			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			if (read(fds[i].fd, &answer, 1) == 1)
				d->mounts[i].answer = answer == ENOTCONN ? DOCTOR_IS_DEAD : DOCTOR_ANSWERS;
			(void)close(fds[i].fd);
			fds[i].fd = -1;
			n_open--;
		}
	}
	d->n_waits += n_open > 0;
}

static void
probe_mounts(struct doctor *d)
{
	struct pollfd fds[DOCTOR_MOUNTS];
	pid_t child[DOCTOR_MOUNTS];
	size_t i;

	for (i = 0; i < d->n_mounts; i++)
		fds[i] = (struct pollfd){ .fd = start_probe(d->mounts[i].dir, &child[i]), .events = POLLIN };
	hear_probes(d, fds, d->n_mounts);
	for (i = 0; i < d->n_mounts; i++) {
		if (fds[i].fd >= 0) {
			(void)kill(child[i], SIGKILL);
			(void)close(fds[i].fd);
		}
	}
}

void
doctor_look_at_host(struct doctor *d)
{
	doctor_each_mount(look_at_mount, d);
	probe_mounts(d);
	look_at_processes(d);
}

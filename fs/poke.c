/* SPDX-License-Identifier: BSD-2-Clause */
#include "poke.h"

#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/client.h"

enum {
	PAUSE_MS = 100,			/* no more often than that */
	DOWN_MS = 1000,			/* between two looks for a daemon */
	TIMEOUT_MS = 5000,
	KEPT_FD = 3,
};

/* ---- the process ---- */

/* Until so many ms have passed, < 0 for ever, or something can be read from `other`, unless it is -1. When the mount ends, so do we. */
static void
rest(int other, int ms)
{
	struct pollfd fds[] = { { .fd = KEPT_FD, .events = POLLRDHUP }, { .fd = other, .events = POLLIN } };

	if (poll(fds, 2, ms) > 0 && fds[0].revents != 0)
		_exit(0);
}

static void
write_byte(const char *path)
{
	struct statfs st;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Whatever is there once the mount is not is none of ours. */
	if (fstatfs(fd, &st) == 0 && st.f_type == FUSE_SUPER_MAGIC)
		(void)!write(fd, "\n", 1);
	(void)close(fd);
}

/* The last event's number. False: there is no daemon. */
static bool
ask_revision(struct gs_ctl *ctl, uint64_t *revision)
{
	char *text;
	bool is_known = gs_ctl_request(ctl, GS_VERB_STAT, "events", NULL, 0, 0, NULL, &text, NULL) == 0 &&
	    sscanf(text, "f %*o %*s %*u %lu", revision) == 1;

	free(text);
	return is_known;
}

static bool
wait_for_more(struct gs_ctl *ctl, uint64_t revision)
{
	char *text;
	bool is_there;

	if (gs_ctl_say_request(ctl, GS_VERB_WAIT, "events_pipe", NULL, 0, revision) < 0)
		return false;
	rest(gs_ctl_fd(ctl), TIMEOUT_MS);
	is_there = gs_ctl_hear_reply(ctl, &text, NULL) == 0;
	free(text);
	return is_there;
}

/* As long as there is this daemon. */
static void
follow(struct gs_ctl *ctl, const char *path, uint64_t *seen)
{
	uint64_t revision;

	while (ask_revision(ctl, &revision)) {
		if (revision == *seen) {
			if (!wait_for_more(ctl, revision))
				return;
			continue;
		}
		*seen = revision;
		write_byte(path);
		rest(-1, PAUSE_MS);
	}
}

static void __attribute__((noreturn))
run(const char *instance, const char *path)
{
	struct gs_ctl *ctl;
	uint64_t seen = 0;
	char byte;

	/* Nothing until somebody may watch. */
	if (read(KEPT_FD, &byte, 1) != 1)
		_exit(0);
	for (;;) {
		if (gs_ctl_open(&ctl, instance, NULL, TIMEOUT_MS) == 0) {
			follow(ctl, path, &seen);
			gs_ctl_close(&ctl);
		}
		rest(-1, DOWN_MS);
	}
}

/* Keep nothing of the mount's, lest it cannot end: neither its streams nor the pipe that says when it is ready. */
static void
let_go(int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < KEPT_FD && null >= 0; i++)
		(void)dup2(null, i);
	if (dup2(fd, KEPT_FD) != KEPT_FD || syscall(SYS_close_range, KEPT_FD + 1, UINT_MAX, 0) != 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, "gsession-poke");
}

/* ---- the mount ---- */

void
poke_start(struct poke *p, const char *instance, const char *directory)
{
	char path[PATH_MAX + 32];
	int ends[2];

	*p = (struct poke){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/control/events.counts", directory);
	p->pid = fork();
	if (p->pid == 0) {
		let_go(ends[1]);
		run(instance, path);
	}
	(void)close(ends[1]);
	if (p->pid < 0) {
		(void)close(ends[0]);
		p->pid = 0;
		return;
	}
	p->fd = ends[0];
}

void
poke_stop(struct poke *p)
{
	if (p->pid == 0)
		return;
	(void)close(p->fd);
	(void)waitpid(p->pid, NULL, 0);
	p->pid = 0;
}

void
poke_want(struct poke *p)
{
	if (p->pid != 0 && !atomic_exchange(&p->is_wanted, true))
		(void)send(p->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool
poke_is(const struct poke *p, pid_t pid)
{
	return p->pid != 0 && p->pid == pid;
}

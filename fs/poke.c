/* SPDX-License-Identifier: BSD-2-Clause */
#include "poke.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/client.h"
#include "prog/log.h"

enum {
	PAUSE_MS = 100,			/* no more often than that */
	DOWN_MS = 1000,			/* between two looks for a daemon */
	TIMEOUT_MS = 5000,
	END_MS = 1000,			/* the process has so long to end */
	KEPT_FD = 3,
};

/* The file to write to. */
struct target {
	const char *path;
	bool is_known;			/* it has been there, on */
	dev_t device;			/* this mount */
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

/* Whatever is there once the mount is not is none of ours: when another file system is, our work is over. */
static bool
is_ours(int fd, struct target *target)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return false;
	if (target->is_known && st.st_dev != target->device)
		_exit(0);
	if (fs.f_type != FUSE_SUPER_MAGIC || !S_ISREG(st.st_mode))
		return false;
	target->is_known = true;
	target->device = st.st_dev;
	return true;
}

static void
write_byte(struct target *target)
{
	/* We may be root, and the path another's by now: no link is followed, and no pipe waited for. */
	struct open_how how = { .flags = O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, target->path, &how, sizeof(how));

	if (fd < 0)
		return;
	if (is_ours(fd, target))
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
follow(struct gs_ctl *ctl, struct target *target, uint64_t *seen)
{
	uint64_t revision;

	while (ask_revision(ctl, &revision)) {
		if (revision == *seen) {
			if (!wait_for_more(ctl, revision))
				return;
			continue;
		}
		*seen = revision;
		write_byte(target);
		rest(-1, PAUSE_MS);
	}
}

static void __attribute__((noreturn))
run(const char *instance, const char *path)
{
	struct target target = { .path = path };
	struct gs_ctl *ctl;
	uint64_t seen = 0;
	char byte;

	/* Nothing until somebody may watch. */
	if (read(KEPT_FD, &byte, 1) != 1)
		_exit(0);
	for (;;) {
		if (gs_ctl_open(&ctl, instance, NULL, TIMEOUT_MS) == 0) {
			follow(ctl, &target, &seen);
			gs_ctl_close(&ctl);
		}
		rest(-1, DOWN_MS);
	}
}

/* Keep nothing of the mount's, lest it cannot end: neither its streams nor the pipe that says when it is ready; nor its terminal. */
static void
let_go(int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < KEPT_FD && null >= 0; i++)
		(void)dup2(null, i);
	if (dup2(fd, KEPT_FD) != KEPT_FD || syscall(SYS_close_range, KEPT_FD + 1, UINT_MAX, 0) != 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, "gsession-poke");
	(void)setsid();
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
	struct pollfd end = { .events = POLLIN };

	if (p->pid == 0)
		return;
	(void)close(p->fd);
	end.fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	(void)poll(&end, 1, END_MS);
	if (waitpid(p->pid, NULL, WNOHANG) == 0) {
		/* It hangs, maybe in another file system: who is left to be reaped then is init's. */
		(void)kill(p->pid, SIGKILL);
		(void)poll(&end, 1, END_MS);
		(void)waitpid(p->pid, NULL, WNOHANG);
	}
	if (end.fd >= 0)
		(void)close(end.fd);
	p->pid = 0;
}

void
poke_want(struct poke *p)
{
	if (p->pid == 0)
		return;
	/* One byte wakes it; none says whether it is still there. */
	if (send(p->fd, "", atomic_exchange(&p->is_wanted, true) ? 0 : 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE &&
	    !atomic_exchange(&p->is_gone, true))
		log_warnx("inotify is told of control/events.counts no more: gsession-poke has ended, pid=%d", (int)p->pid);
}

bool
poke_is(const struct poke *p, pid_t pid)
{
	return p->pid != 0 && p->pid == pid;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "alive.h"

#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "prog/log.h"
#include "prog/notify.h"
#include "prog/process.h"

enum { KEPT_FD = 3 };

/* ---- the process ---- */

static void __attribute__((noreturn))
run(const char *directory, int period_ms)
{
	struct pollfd end = { .fd = KEPT_FD, .events = POLLRDHUP };
	struct statfs fs;
	int n;

	for (;;) {
		n = poll(&end, 1, period_ms);
		if (n > 0 || (n < 0 && errno != EINTR))
			_exit(0);
		/* The kernel answers nothing of this itself. */
		if (statfs(directory, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC)
			process_alive();
	}
}

/* Keep nothing that keeps the mount, or who waits for it. */
static void
let_go(int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < KEPT_FD && null >= 0; i++)
		(void)dup2(null, i);
	if (dup2(fd, KEPT_FD) != KEPT_FD || syscall(SYS_close_range, KEPT_FD + 1, UINT_MAX, 0) != 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, "gsession-alive");
}

/* ---- the mount ---- */

void
alive_start(struct alive *a, const char *directory)
{
	int ends[2], period_ms = notify_watchdog_ms() / 3;

	*a = (struct alive){ .fd = -1 };
	if (period_ms == 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		log_warn("systemd's watchdog");
		return;
	}
	a->pid = fork();
	if (a->pid == 0) {
		let_go(ends[1]);
		run(directory, period_ms);
	}
	(void)close(ends[1]);
	if (a->pid < 0) {
		log_warn("systemd's watchdog");
		(void)close(ends[0]);
		a->pid = 0;
		return;
	}
	a->fd = ends[0];
}

void
alive_stop(struct alive *a)
{
	if (a->pid == 0)
		return;
	(void)close(a->fd);
	/* Not waited for: what it has asked for may be answered by who takes the mount over. */
	(void)kill(a->pid, SIGKILL);
	(void)waitpid(a->pid, NULL, WNOHANG);
	a->pid = 0;
}

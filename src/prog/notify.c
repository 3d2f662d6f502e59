/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

enum { SETTLE_MS = 5000, MOST_FDS = 64 };

/* Of the environment; a name that begins with @ is an abstract one. Its length, 0 when there is none. */
static socklen_t
find_socket(struct sockaddr_un *at)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t len = name == NULL ? 0 : strlen(name);

	if (len < 2 || len >= sizeof(at->sun_path) || (name[0] != '/' && name[0] != '@'))
		return 0;
	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, name, len);
	if (name[0] == '@')
		at->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/' ? 1 : 0));
}

bool
notify_is_heard(void)
{
	struct sockaddr_un at;

	return find_socket(&at) != 0;
}

int
notify_watchdog_ms(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long ms = us == NULL ? 0 : strtoll(us, NULL, 10) / 1000;

	if (!notify_is_heard() || ms < 0 || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void
attach_fd(struct msghdr *msg, void *room, size_t room_bytes, int fd)
{
	struct cmsghdr *cmsg;

	memset(room, 0, room_bytes);
	msg->msg_control = room;
	msg->msg_controllen = CMSG_SPACE(sizeof(fd));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

int
notify_send(const char *lines, int fd)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct sockaddr_un at;
	struct iovec text = { .iov_base = (void *)(uintptr_t)lines, .iov_len = strlen(lines) };
	struct msghdr msg = { .msg_name = &at, .msg_namelen = find_socket(&at), .msg_iov = &text, .msg_iovlen = 1 };
	ssize_t n;
	int to, err;

	if (msg.msg_namelen == 0)
		return 0;
	to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (to < 0)
		return GS_ESYSTEM;
	if (fd >= 0)
		attach_fd(&msg, room, sizeof(room), fd);
	n = sendmsg(to, &msg, MSG_NOSIGNAL);
	err = errno;
	(void)close(to);
	errno = err;
	return n < 0 ? GS_ESYSTEM : 0;
}

void
notify_settle(void)
{
	struct pollfd end = { .events = POLLIN };
	int ends[2];

	if (!notify_is_heard() || pipe2(ends, O_CLOEXEC) < 0)
		return;
	/* Whoever has come so far closes it. */
	end.fd = ends[0];
	if (notify_send("BARRIER=1", ends[1]) == 0) {
		(void)close(ends[1]);
		(void)poll(&end, 1, SETTLE_MS);
	} else {
		(void)close(ends[1]);
	}
	(void)close(ends[0]);
}

int
notify_kept(char names[NOTIFY_NAMES_BYTES])
{
	const char *pid = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS"), *given = getenv("LISTEN_FDNAMES");
	bool is_ours = pid != NULL && n_text != NULL && strtol(pid, NULL, 10) == (long)getpid();
	long n = is_ours ? strtol(n_text, NULL, 10) : 0;
	int i;

	names[0] = '\0';
	if (n < 0 || n > MOST_FDS)
		n = 0;
	if (given != NULL)
		(void)snprintf(names, NOTIFY_NAMES_BYTES, "%s", given);
	for (i = 0; i < (int)n; i++)
		(void)fcntl(NOTIFY_FIRST_FD + i, F_SETFD, FD_CLOEXEC);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return (int)n;
}

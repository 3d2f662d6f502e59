/* SPDX-License-Identifier: BSD-2-Clause */
#include "keep_store.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "prog/log.h"
#include "prog/notify.h"

enum { MESSAGE_BYTES = PATH_MAX + 256, SAFE_FD = 64 };

int
store_open(struct store *s)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at);
	int on = 1;

	memset(s, 0, sizeof(*s));
	s->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* No name: the kernel chooses an abstract one that is nobody's. */
	if (s->socket < 0 || setsockopt(s->socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
	    bind(s->socket, (struct sockaddr *)&at, sizeof(at.sun_family)) != 0 ||
	    getsockname(s->socket, (struct sockaddr *)&at, &len) != 0)
		return GS_ESYSTEM;
	(void)snprintf(s->address, sizeof(s->address), "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
	return 0;
}

/* The value of a name in the lines of a message, "" when it is not there. */
static void
value_of(const char *text, const char *name, char *out, size_t room)
{
	size_t len = strlen(name), n;
	const char *line = text;

	out[0] = '\0';
	for (; line != NULL; line = strchr(line, '\n'), line = line != NULL ? line + 1 : NULL)
		if (strncmp(line, name, len) == 0 && line[len] == '=') {
			line += len + 1;
			n = strcspn(line, "\n");
			if (n < room)
				(void)snprintf(out, room, "%.*s", (int)n, line);
			return;
		}
}

static void
forget(struct store *s, const char *name)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->of[i].name, name) == 0)
			(void)close(s->of[i].fd);
		else
			s->of[n++] = s->of[i];
	s->n = n;
}

/* True: it is kept. */
static bool
keep(struct store *s, const char *name, int fd)
{
	if (s->n == STORE_FDS || name[0] == '\0' || strchr(name, ':') != NULL) {
		log_warnx("a descriptor is not kept: name=%s kept=%u", name, s->n);
		return false;
	}
	s->of[s->n].fd = fd;
	(void)snprintf(s->of[s->n++].name, STORE_NAME_BYTES, "%s", name);
	return true;
}

/* One message; the descriptor with it is closed unless it is kept. */
static void
understand(struct store *s, const char *text, int fd)
{
	char word[16], name[STORE_NAME_BYTES], mount[PATH_MAX];

	value_of(text, "FDNAME", name, sizeof(name));
	value_of(text, "FDSTOREREMOVE", word, sizeof(word));
	if (strcmp(word, "1") == 0)
		forget(s, name);
	value_of(text, "FDSTORE", word, sizeof(word));
	if (strcmp(word, "1") == 0 && fd >= 0 && keep(s, name, fd))
		fd = -1;
	value_of(text, "READY", word, sizeof(word));
	s->is_ready |= strcmp(word, "1") == 0;
	value_of(text, "X_GSESSION_MOUNT", mount, sizeof(mount));
	if (mount[0] != '\0')
		memcpy(s->mount, mount, sizeof(mount));
	/* Of a BARRIER too: that is its answer. */
	if (fd >= 0)
		(void)close(fd);
}

/* The descriptor that came with a message, -1: none. Others close. */
static int
fd_of(struct msghdr *msg, bool *is_ours)
{
	struct cmsghdr *cmsg;
	struct ucred who;
	int fd = -1;

	*is_ours = false;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(cmsg), sizeof(who));
			*is_ours = who.uid == geteuid() || who.uid == 0;
		} else if (cmsg->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		}
	}
	return fd;
}

void
store_hear(struct store *s)
{
	/* Room for one descriptor: the kernel closes the others. */
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	char text[MESSAGE_BYTES];
	bool is_ours;
	ssize_t n;
	int fd;

	for (;;) {
		struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };

		n = recvmsg(s->socket, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text[n] = '\0';
		fd = fd_of(&msg, &is_ours);
		if (is_ours)
			understand(s, text, fd);
		else if (fd >= 0)
			(void)close(fd);
	}
}

void
store_hand_over(const struct store *s)
{
	char names[STORE_FDS * STORE_NAME_BYTES] = "", number[16];
	int moved[STORE_FDS];
	uint32_t i;

	(void)setenv("NOTIFY_SOCKET", s->address, 1);
	(void)setenv("GSESSION_KEEP", "1", 1);
	/* Out of the way first, as the numbers from 3 on may be theirs. */
	for (i = 0; i < s->n; i++)
		moved[i] = fcntl(s->of[i].fd, F_DUPFD_CLOEXEC, SAFE_FD);
	for (i = 0; i < s->n; i++) {
		(void)dup2(moved[i], NOTIFY_FIRST_FD + (int)i);
		(void)strcat(names, i > 0 ? ":" : "");
		(void)strcat(names, s->of[i].name);
	}
	if (s->n == 0)
		return;
	(void)snprintf(number, sizeof(number), "%u", s->n);
	(void)setenv("LISTEN_FDS", number, 1);
	(void)setenv("LISTEN_FDNAMES", names, 1);
	(void)snprintf(number, sizeof(number), "%ld", (long)getpid());
	(void)setenv("LISTEN_PID", number, 1);
}

void
store_drop(struct store *s)
{
	while (s->n > 0)
		(void)close(s->of[--s->n].fd);
}

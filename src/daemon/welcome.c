/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/welcome.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"

/* A descriptor that cannot be written through. The files are ours and have mode 0600, so another user cannot open them again. */
static int
open_read_only(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
send_fds(int peer_fd, const struct gs_wire_welcome *w, const int *fds, int n_fds)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_WELCOME, .len = sizeof(*w) };
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(GS_TABLE_FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = (void *)(uintptr_t)w, .iov_len = sizeof(*w) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = control.bytes };
	struct cmsghdr *c;

	msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
	return sendmsg(peer_fd, &msg, MSG_NOSIGNAL) < 0 ? GS_EDOWN : 0;
}

int
welcome_refuse(int peer_fd, int rc)
{
	const struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_WELCOME, .rc = rc };

	return send(peer_fd, &head, sizeof(head), MSG_NOSIGNAL) < 0 ? GS_EDOWN : 0;
}

/* May the receiver write through the table's descriptor i? T.ctl is for the daemon to write. */
static bool
is_writable(int i, bool is_reader)
{
	return !is_reader && i != GS_TABLE_CTL_FD;
}

int
welcome_send(int peer_fd, const struct gs_table *t, int pages_fd, struct gs_wire_welcome *w)
{
	bool is_reader = pages_fd >= 0;
	int ours[GS_TABLE_FDS], fds[GS_TABLE_FDS], n = gs_table_fds(t, ours), n_opened, rc = 0;

	memcpy(w->uuid, t->uuid, sizeof(w->uuid));
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		w->arenas |= t->arena[i].map != NULL ? UINT32_C(1) << i : 0;
	if (is_reader)
		ours[GS_TABLE_CTX_FD] = pages_fd;
	for (n_opened = 0; n_opened < n && rc == 0; n_opened++) {
		int i = n_opened;

		fds[i] = is_writable(i, is_reader) || ours[i] == pages_fd ? ours[i] : open_read_only(ours[i]);
		rc = fds[i] < 0 ? GS_ESYSTEM : 0;
	}
	if (rc == 0)
		rc = send_fds(peer_fd, w, fds, n);
	else if (welcome_refuse(peer_fd, rc) < 0)
		rc = GS_EDOWN;
	for (int i = 0; i < n_opened; i++)
		if (fds[i] != ours[i] && fds[i] >= 0)
			(void)close(fds[i]);
	return rc;
}

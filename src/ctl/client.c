/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl/client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/paths.h"

#define DEFAULT_TIMEOUT_MS 2000
#define TEXT_BYTES_MAX ((size_t)64 << 20)	/* of an answer: who goes on for ever is no daemon of ours */

struct gs_ctl {
	int fd;
	uint32_t timeout_ms;
	uint64_t until_ns;		/* of the wait under way */
	int given_fd;			/* goes with the next packet; -1: none */
	bool is_shortened;		/* the socket's own timeout is what is left of timeout_ms after a signal */
	unsigned char packet[GS_WIRE_PACKET_BYTES];
};

static int
connect_error(int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return GS_EACCES;
	case EAGAIN:
	case EINTR:
		return GS_ETIMEDOUT;	/* the daemon's backlog stayed full */
	default:
		return GS_EDOWN;
	}
}

/* Waiting is bounded by the socket's own timeout, so that no call needs poll. */
static int
set_timeout(int fd, uint32_t timeout_ms)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	if (timeout_ms == GS_CTL_NO_WAIT)
		return 0;	/* the socket does not block */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return GS_ESYSTEM;
	return 0;
}

static void
begin_waiting(struct gs_ctl *c)
{
	c->until_ns = gs_clock_mono_ns() + (uint64_t)c->timeout_ms * 1000000;
	if (c->is_shortened)
		(void)set_timeout(c->fd, c->timeout_ms);
	c->is_shortened = false;
}

/* After a signal: wait for what is left of the time, if anything is; errno stays. */
static bool
may_wait_on(struct gs_ctl *c)
{
	uint64_t left_ns = c->timeout_ms == GS_CTL_NO_WAIT ? 0 : gs_sub_sat(c->until_ns, gs_clock_mono_ns());
	int err = errno;

	c->is_shortened = true;
	if (left_ns < 1000000 || set_timeout(c->fd, (uint32_t)(left_ns / 1000000)) < 0)
		return false;
	errno = err;
	return true;
}

static int
dial(struct gs_ctl *c, const struct sockaddr_un *to)
{
	int rc;

	begin_waiting(c);
	do
		rc = connect(c->fd, (const struct sockaddr *)to, sizeof(*to));
	while (rc < 0 && errno == EINTR && may_wait_on(c));
	return rc < 0 ? connect_error(errno) : 0;
}

/*
 * Who listens there? Root and our own user may; another user only in a
 * directory that root or we made, for in one of his own anybody can pose as
 * the daemon and read the keys we look up. Where it is the system's only
 * root can have given it to him.
 */
static bool
is_trusted(const struct gs_ctl *c, const struct sockaddr_un *at)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	char dir[sizeof(at->sun_path)], *end;
	struct stat st;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	memcpy(dir, at->sun_path, sizeof(dir));
	end = strrchr(dir, '/');
	if (end == NULL)
		return false;
	*end = '\0';
	if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	return st.st_uid == 0 || st.st_uid == geteuid() || (st.st_uid == peer.uid && gs_path_is_system_run_dir(dir));
}

static int
open_in(struct gs_ctl **out, const char *instance, const char *run_dir, uint32_t timeout_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct gs_ctl *c;
	int rc = gs_path_socket(to.sun_path, sizeof(to.sun_path), run_dir, instance == NULL ? "default" : instance);

	if (rc < 0)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return GS_ENOMEM;
	c->given_fd = -1;
	c->timeout_ms = timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : timeout_ms;
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | (timeout_ms == GS_CTL_NO_WAIT ? SOCK_NONBLOCK : 0), 0);
	if (c->fd < 0) {
		rc = GS_ESYSTEM;
		goto out_free;
	}
	rc = set_timeout(c->fd, c->timeout_ms);
	if (rc < 0)
		goto out_close;
	rc = dial(c, &to);
	if (rc == 0 && !is_trusted(c, &to))
		rc = GS_EPERM;
	if (rc < 0)
		goto out_close;
	*out = c;
	return 0;
out_close:
	(void)close(c->fd);
out_free:
	free(c);
	return rc;
}

int
gs_ctl_open(struct gs_ctl **out, const char *instance, const char *run_dir, uint32_t timeout_ms)
{
	const char *system = gs_path_system_run_dir(run_dir);
	int first = GS_EDOWN, rc;

	if (system != NULL)
		first = open_in(out, instance, system, timeout_ms);
	/* The system's store is not for us, or there is none: our own. */
	if (first != GS_EDOWN && first != GS_EACCES)
		return first;
	rc = open_in(out, instance, run_dir, timeout_ms);
	return rc == GS_EDOWN ? first : rc;
}

void
gs_ctl_close(struct gs_ctl **cp)
{
	struct gs_ctl *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	(void)close(c->fd);
	free(c);
}

int
gs_ctl_fd(const struct gs_ctl *c)
{
	return c->fd;
}

static int
io_error(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == EINTR ? GS_ETIMEDOUT : GS_EDOWN;
}

void
gs_ctl_give(struct gs_ctl *c, int fd)
{
	c->given_fd = fd;
}

/* One packet of n bytes, with the descriptor that was given. */
static ssize_t
send_with_fd(struct gs_ctl *c, size_t n)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = c->packet, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *m;

	if (c->given_fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		m = CMSG_FIRSTHDR(&msg);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &c->given_fd, sizeof(int));
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}

/* Send the packet in c->packet: a head of this type and len bytes behind it. */
static int
send_packet(struct gs_ctl *c, enum gs_wire_type type, uint32_t len)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = (uint16_t)type, .len = len };
	ssize_t n;

	memcpy(c->packet, &head, sizeof(head));
	begin_waiting(c);
	do
		n = send_with_fd(c, sizeof(head) + len);
	while (n < 0 && errno == EINTR && may_wait_on(c));
	c->given_fd = -1;
	return n < 0 ? io_error(errno) : 0;
}

/* Take the descriptors that came with a message; those beyond n_fds are closed. Returns how many there are in fds. */
static size_t
take_fds(struct msghdr *msg, int *fds, size_t n_fds)
{
	size_t got = 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m != NULL; m = CMSG_NXTHDR(msg, m)) {
		size_t n;
		int fd;

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(fd));
			if (got < n_fds)
				fds[got++] = fd;
			else
				(void)close(fd);
		}
	}
	return got;
}

/* Receive one packet of a type into c->packet. Returns the length of its body, or an error; descriptors go to fds. */
static ssize_t
receive_packet(struct gs_ctl *c, enum gs_wire_type type, struct gs_wire_head *head, int *fds, size_t n_fds, size_t *n_got)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = c->packet, .iov_len = sizeof(c->packet) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	size_t got;
	ssize_t n;

	begin_waiting(c);
	do
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR && may_wait_on(c));
	if (n < 0)
		return io_error(errno);
	got = take_fds(&msg, fds, n_fds);
	if (n_got != NULL)
		*n_got = got;
	if (n == 0)
		return GS_EDOWN;
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)n < sizeof(*head))
		return GS_EPROTO;
	memcpy(head, c->packet, sizeof(*head));
	if (head->magic != GS_WIRE_MAGIC || head->type != type || head->len != (size_t)n - sizeof(*head) || !gs_error_is_known(head->rc))
		return GS_EPROTO;
	return head->version != GS_WIRE_VERSION ? GS_EVERSION : (ssize_t)head->len;
}

/* ---- control ---- */

/* r has all but the lengths. */
static int
send_request(struct gs_ctl *c, struct gs_wire_request *r, const char *path, const void *value, size_t value_len)
{
	unsigned char *p = c->packet + sizeof(struct gs_wire_head);
	size_t path_len = strlen(path);

	if (path_len >= GS_WIRE_PATH_BYTES || value_len > GS_WIRE_VALUE_BYTES)
		return GS_ERANGE;
	r->path_len = (uint32_t)path_len;
	r->value_len = (uint32_t)value_len;
	memcpy(p, r, sizeof(*r));
	memcpy(p + sizeof(*r), path, r->path_len);
	if (r->value_len > 0)
		memcpy(p + sizeof(*r) + r->path_len, value, r->value_len);
	return send_packet(c, GS_WIRE_REQUEST, (uint32_t)sizeof(*r) + r->path_len + r->value_len);
}

/* The body of a REPLY is a flag, 1 when more packets follow, and text. */
static int
receive_reply(struct gs_ctl *c, char **text, size_t *text_len)
{
	struct gs_wire_head head;
	char *grown;
	ssize_t n;

	for (;;) {
		n = receive_packet(c, GS_WIRE_REPLY, &head, NULL, 0, NULL);
		if (n < 0)
			return (int)n;
		if (n < 1 || *text_len + (size_t)n > TEXT_BYTES_MAX)
			return GS_EPROTO;
		grown = realloc(*text, *text_len + (size_t)n);
		if (grown == NULL)
			return GS_ENOMEM;
		*text = grown;
		memcpy(*text + *text_len, c->packet + sizeof(head) + 1, (size_t)n - 1);
		*text_len += (size_t)n - 1;
		(*text)[*text_len] = '\0';
		if (c->packet[sizeof(head)] == 0)
			return head.rc;
	}
}

int
gs_ctl_request(struct gs_ctl *c, enum gs_wire_verb verb, const char *path, const void *value, size_t value_len, uint64_t offset,
    const struct gs_ctl_caller *as, char **text, size_t *text_len)
{
	struct gs_wire_request r = {
		.verb = verb, .as_uid = as == NULL ? geteuid() : as->uid, .as_gid = as == NULL ? getegid() : as->gid,
		.as_pid = as == NULL ? getpid() : as->pid, .offset = offset,
	};
	size_t len = 0;
	int rc;

	*text = calloc(1, 1);
	if (*text == NULL)
		return GS_ENOMEM;
	rc = send_request(c, &r, path, value, value_len);
	if (rc == 0)
		rc = receive_reply(c, text, &len);
	if (text_len != NULL)
		*text_len = len;
	return rc;
}

int
gs_ctl_say_request(struct gs_ctl *c, enum gs_wire_verb verb, const char *path, const void *value, size_t value_len, uint64_t offset)
{
	struct gs_wire_request r = { .verb = verb, .as_uid = geteuid(), .as_gid = getegid(), .as_pid = getpid(), .offset = offset };

	return send_request(c, &r, path, value, value_len);
}

int
gs_ctl_hear_reply(struct gs_ctl *c, char **text, size_t *text_len)
{
	size_t len = 0;
	int rc;

	*text = calloc(1, 1);
	if (*text == NULL)
		return GS_ENOMEM;
	rc = receive_reply(c, text, &len);
	if (text_len != NULL)
		*text_len = len;
	return rc;
}

/* ---- attach ---- */

int
gs_ctl_say_hello(struct gs_ctl *c, const char *table, enum gs_wire_role role, uint32_t n_ctx)
{
	struct gs_wire_hello hello = { .abi_major = GS_API_MAJOR, .abi_minor = GS_API_MINOR, .n_ctx = n_ctx, .role = role };

	if (strlen(table) >= sizeof(hello.table))
		return GS_EINVAL;
	memcpy(hello.table, table, strlen(table) + 1);
	memcpy(c->packet + sizeof(struct gs_wire_head), &hello, sizeof(hello));
	return send_packet(c, GS_WIRE_HELLO, sizeof(hello));
}

int
gs_ctl_hear_welcome(struct gs_ctl *c, struct gs_wire_welcome *out, int *fds, size_t n_fds, size_t *n_got)
{
	struct gs_wire_head head;
	ssize_t n;

	*n_got = 0;
	n = receive_packet(c, GS_WIRE_WELCOME, &head, fds, n_fds, n_got);
	if (n < 0)
		return (int)n;
	if (head.rc < 0)
		return head.rc;
	if ((size_t)n != sizeof(*out))
		return GS_EPROTO;
	memcpy(out, c->packet + sizeof(head), sizeof(*out));
	return out->n_ctx > GS_WIRE_MAX_GRANT ? GS_EPROTO : 0;
}

int
gs_ctl_hello(struct gs_ctl *c, const char *table, enum gs_wire_role role, uint32_t n_ctx, struct gs_wire_welcome *out, int *fds,
    size_t n_fds, size_t *n_got)
{
	int rc = gs_ctl_say_hello(c, table, role, n_ctx);

	*n_got = 0;
	return rc < 0 ? rc : gs_ctl_hear_welcome(c, out, fds, n_fds, n_got);
}

bool
gs_ctl_is_open(const struct gs_ctl *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

int
gs_ctl_bye(struct gs_ctl *c, uint64_t cookie)
{
	memcpy(c->packet + sizeof(struct gs_wire_head), &cookie, sizeof(cookie));
	return send_packet(c, GS_WIRE_BYE, sizeof(cookie));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * welcome.c - fuzz target: a daemon that lies, for a client that attaches or asks.
 *
 * A thread is the daemon: it answers with a right WELCOME or REPLY in which the input has changed numbers, lengths and
 * descriptors, or with several, or with none.  The call ends in its time with an answer; a handle that comes of it can be
 * used; no descriptor is left behind.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "ctl/client.h"
#include "ops.h"

enum { PACKETS = 3, FDS = 70, TIMEOUT_MS = 40, STEPS = 4 };

struct packet {
	size_t len;
	unsigned char bytes[GS_WIRE_PACKET_BYTES + 16];
	int n_fds;
	int fd[FDS];
};

/* What the daemon is going to say to the next who comes. */
static struct {
	char dir[64], path[108];
	int listen_fd;
	pthread_mutex_t mutex;
	pthread_cond_t turn;
	bool is_on;
	bool closes_at_once;
	int n_packets;
	struct packet packet[PACKETS];
} liar = { .mutex = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };

/* ---- the daemon ---- */

static void
send_lie(int fd, const struct packet *p)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p->bytes, .iov_len = p->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (p->n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE((size_t)p->n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)p->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), p->fd, (size_t)p->n_fds * sizeof(int));
	}
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void
serve_one(void)
{
	static unsigned char heard[GS_WIRE_PACKET_BYTES];
	struct pollfd p = { .fd = liar.listen_fd, .events = POLLIN };
	int fd = poll(&p, 1, TIMEOUT_MS) == 1 ? accept4(liar.listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (recv(fd, heard, sizeof(heard), 0) > 0)
		for (int i = 0; i < liar.n_packets; i++)
			send_lie(fd, &liar.packet[i]);
	while (!liar.closes_at_once && recv(fd, heard, sizeof(heard), 0) > 0)
		continue;
	(void)close(fd);
}

static void *
daemon_thread(void *arg)
{
	(void)arg;
	(void)pthread_mutex_lock(&liar.mutex);
	for (;;) {
		while (!liar.is_on)
			(void)pthread_cond_wait(&liar.turn, &liar.mutex);
		(void)pthread_mutex_unlock(&liar.mutex);
		serve_one();
		(void)pthread_mutex_lock(&liar.mutex);
		liar.is_on = false;
		(void)pthread_cond_broadcast(&liar.turn);
	}
	return NULL;
}

static void
begin_serving(void)
{
	(void)pthread_mutex_lock(&liar.mutex);
	liar.is_on = true;
	(void)pthread_cond_broadcast(&liar.turn);
	(void)pthread_mutex_unlock(&liar.mutex);
}

static void
end_serving(void)
{
	(void)pthread_mutex_lock(&liar.mutex);
	while (liar.is_on)
		(void)pthread_cond_wait(&liar.turn, &liar.mutex);
	(void)pthread_mutex_unlock(&liar.mutex);
}

/* Who came once more, to say good-bye to a daemon that had closed. */
static void
refuse_rest(void)
{
	int fd;

	while ((fd = accept4(liar.listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		(void)close(fd);
}

static void
remove_socket(void)
{
	(void)unlink(liar.path);
	(void)rmdir(liar.dir);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	pthread_t thread;

	(void)argc;
	(void)argv;
	(void)place_get();
	(void)snprintf(liar.dir, sizeof(liar.dir), "/tmp/gs-fuzz.%s", "XXXXXX");
	if (mkdtemp(liar.dir) == NULL || gs_path_socket(liar.path, sizeof(liar.path), liar.dir, "fuzz") < 0)
		fuzz_fail("no directory for the socket");
	(void)atexit(remove_socket);
	memcpy(at.sun_path, liar.path, sizeof(at.sun_path));
	liar.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(liar.listen_fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(liar.listen_fd, 4) < 0)
		fuzz_fail("%s: %s", liar.path, strerror(errno));
	if (pthread_create(&thread, NULL, daemon_thread, NULL) != 0)
		fuzz_fail("no thread");
	return 0;
}

/* ---- lies ---- */

static int
open_read_only(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
odd_fd(struct tape *in, const struct place *p)
{
	int pair[2];

	switch (tape_below(in, 5)) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 2:
		if (pipe2(pair, O_CLOEXEC) < 0)
			return -1;
		(void)close(pair[1]);
		return pair[0];
	case 3:
		return open_read_only(p->t->idx_fd);
	default:
		return dup(p->t->arena[0].fd);
	}
}

/* The descriptors of a right WELCOME, to which the input does something. */
static void
add_fds(struct tape *in, const struct place *p, struct packet *out, bool is_reader)
{
	int fds[GS_TABLE_FDS], n = gs_table_fds(p->t, fds), at;

	for (int i = 0; i < n; i++)
		out->fd[i] = is_reader && i != GS_TABLE_CTX_FD ? open_read_only(fds[i]) : dup(fds[i]);
	out->n_fds = n;
	at = (int)tape_below(in, (uint32_t)n);
	switch (tape_below(in, 8)) {
	case 0:
		(void)close(out->fd[--out->n_fds]);
		break;
	case 1:
		while (out->n_fds < FDS && tape_below(in, 64) != 0 && in->left > 0)
			out->fd[out->n_fds++] = odd_fd(in, p);
		break;
	case 2:
		fds[0] = out->fd[0];
		out->fd[0] = out->fd[at];
		out->fd[at] = fds[0];
		break;
	case 3:
		(void)close(out->fd[at]);
		out->fd[at] = odd_fd(in, p);
		break;
	case 4:
		while (out->n_fds > 0)
			(void)close(out->fd[--out->n_fds]);
		break;
	default:
		break;
	}
}

static void
add_welcome(struct tape *in, const struct place *p, struct packet *out, bool is_reader)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_WELCOME };
	struct gs_wire_welcome w = { .n_ctx = 4, .cookie = 1 };

	memcpy(w.uuid, p->t->uuid, sizeof(w.uuid));
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		w.arenas |= p->t->arena[i].map != NULL ? UINT32_C(1) << i : 0;
	for (uint32_t i = 0; i < GS_WIRE_MAX_GRANT; i++)
		w.ctx[i] = PLACE_CTXS + 1 + i;
	head.len = sizeof(w);
	memcpy(out->bytes, &head, sizeof(head));
	memcpy(out->bytes + sizeof(head), &w, sizeof(w));
	out->len = sizeof(head) + sizeof(w);
	add_fds(in, p, out, is_reader);
}

static void
add_reply(struct tape *in, struct packet *out)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_REPLY };
	size_t n = tape_take(in, 2) % (GS_WIRE_PACKET_BYTES - sizeof(head)) + 1;

	head.len = (uint32_t)n;
	memcpy(out->bytes, &head, sizeof(head));
	memset(out->bytes + sizeof(head), 't', n);
	out->bytes[sizeof(head)] = (unsigned char)tape_below(in, 2);
	out->len = sizeof(head) + n;
	out->n_fds = 0;
}

/* Numbers of the head or the body, and the length of the packet itself. */
static void
falsify(struct tape *in, struct packet *p)
{
	uint32_t word;

	for (uint32_t n = tape_below(in, 4); n > 0; n--) {
		size_t at = tape_below(in, 2) == 0 ? tape_below(in, 4) * 4 : sizeof(struct gs_wire_head) + 4 * tape_below(in, 24);

		memcpy(&word, p->bytes + at, sizeof(word));
		word = (uint32_t)tape_change(in, word);
		memcpy(p->bytes + at, &word, sizeof(word));
	}
	switch (tape_below(in, 8)) {
	case 0:
		p->len = tape_take(in, 2) % sizeof(p->bytes);
		break;
	case 1:
		p->len = tape_below(in, 32);
		break;
	default:
		break;
	}
}

static void
prepare(struct tape *in, const struct place *p, bool is_request, bool is_reader)
{
	liar.n_packets = tape_below(in, 8) == 0 ? (int)tape_below(in, PACKETS + 1) : 1;
	liar.closes_at_once = tape_below(in, 2) == 0 || liar.n_packets == 0;
	for (int i = 0; i < liar.n_packets; i++) {
		memset(&liar.packet[i], 0, sizeof(liar.packet[i]));
		if (is_request != (tape_below(in, 8) == 0))
			add_reply(in, &liar.packet[i]);
		else
			add_welcome(in, p, &liar.packet[i], is_reader);
		falsify(in, &liar.packet[i]);
	}
}

static void
drop_packets(void)
{
	for (int i = 0; i < liar.n_packets; i++)
		for (int k = 0; k < liar.packet[i].n_fds; k++)
			(void)close(liar.packet[i].fd[k]);
}

/* ---- the client ---- */

static void
try_attach(struct tape *in, struct place *p, bool is_reader)
{
	const struct gs_options opt = {
		.size = sizeof(opt), .instance = "fuzz", .run_dir = liar.dir, .table = "t", .timeout_ms = TIMEOUT_MS,
		.role = is_reader ? GS_ROLE_READER : GS_ROLE_WRITER,
	};
	struct gs *gs = NULL;
	char buf[32];
	int rc = gs_attach(&gs, &opt);

	fuzz_answer("attach", rc);
	FUZZ_CHECK((rc == 0) == (gs != NULL), "attach: %d, with%s a handle", rc, gs == NULL ? "out" : "");
	if (rc < 0)
		return;
	for (int i = 0; i < STEPS; i++) {
		struct gs_key k = place_key(p, in);

		fuzz_answer("get", gs_get(gs, k.bytes, k.len, buf, sizeof(buf), NULL));
		fuzz_answer("put", gs_put(gs, k.bytes, k.len, "v", 1, NULL));
	}
	gs_detach(&gs);
}

static void
try_request(void)
{
	struct gs_ctl *c;
	char *text = NULL;
	size_t len = 0;
	int rc = gs_ctl_open(&c, "fuzz", liar.dir, TIMEOUT_MS);

	fuzz_answer("open", rc);
	if (rc < 0)
		return;
	rc = gs_ctl_request(c, GS_VERB_GET, "version", NULL, 0, 0, NULL, &text, &len);
	fuzz_answer("request", rc);
	FUZZ_CHECK(text != NULL && text[len] == '\0', "request: a text that does not end");
	free(text);
	gs_ctl_close(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place *p = place_get();
	struct tape in = { data, size };
	bool is_request = tape_below(&in, 4) == 0, is_reader = tape_below(&in, 4) == 0;
	int had;

	place_reset(p);
	had = fuzz_count_fds();
	prepare(&in, p, is_request, is_reader);
	begin_serving();
	if (is_request)
		try_request();
	else
		try_attach(&in, p, is_reader);
	end_serving();
	refuse_rest();
	drop_packets();
	FUZZ_CHECK(fuzz_count_fds() == had, "attach: %d descriptors were open, now %d", had, fuzz_count_fds());
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/wire.h"
#include "daemon/admission.h"
#include "daemon/callers.h"
#include "daemon/clients.h"
#include "daemon/events.h"
#include "daemon/host.h"
#include "daemon/reapers.h"
#include "daemon/roles.h"
#include "daemon/server_impl.h"
#include "daemon/tree.h"
#include "daemon/welcome.h"
#include "prog/log.h"

enum {
	TEXT_BYTES = GS_WIRE_PACKET_BYTES - sizeof(struct gs_wire_head) - 1,	/* of a REPLY */
};

static void
end_wait(struct server *s, struct peer *p)
{
	s->n_waiting -= p->is_waiting;
	p->is_waiting = false;
	free(p->ask);
	p->ask = NULL;
	if (p->removing == NULL)
		return;
	tree_let_go(s->m, &p->removing->removal);
	free(p->removing);
	p->removing = NULL;
	s->m->n_removing = --s->n_removing;
}

void
peers_drop(struct server *s, struct peer *p)
{
	end_wait(s, p);
	reapers_let_go(s->m, p->serial);
	(void)close(p->fd);
	free(p->text);
	p->text = NULL;
	p->fd = -1;
}

/* A peer that does not speak our protocol. */
static void
drop_liar(struct server *s, struct peer *p, const char *what)
{
	s->m->clients_dropped++;
	host_tell(s->m);
	log_notice("peer %d: dropped (uid %u, %s)", p->who.pid, p->who.uid, what);
	events_add_often(s->m->events, "dropped", "pid=%d uid=%u reason=%s", p->who.pid, p->who.uid, what);
	peers_drop(s, p);
}

static void
wait_for(struct server *s, struct peer *p, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = SERVER_TAG_PEER | (uint64_t)(p - s->peer) };

	(void)epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, p->fd, &ev);
}

/* Without a descriptor for it a connection would wait at the door for ever, and epoll tell of it for ever. */
static void
refuse_peer(struct server *s)
{
	int fd;

	(void)close(s->spare_fd);
	fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
peers_accept(struct server *s)
{
	struct manager_caller who;
	struct epoll_event ev = { .events = EPOLLIN };
	struct peer *p = s->peer;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			refuse_peer(s);
		return;
	}
	while (p < s->peer + SERVER_PEERS && p->fd >= 0)
		p++;
	ev.data.u64 = SERVER_TAG_PEER | (uint64_t)(p - s->peer);
	if (p == s->peer + SERVER_PEERS || callers_of_peer(fd, &who) < 0 ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		(void)close(fd);
		return;
	}
	*p = (struct peer){ .fd = fd, .serial = ++s->last_serial, .who = who };
}

/* ---- answers ---- */

/* Send the next packets of an answer until it is out or the peer's buffer is full. */
void
peers_send_reply(struct server *s, struct peer *p)
{
	while (!p->is_done) {
		struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_REPLY, .rc = p->rc };
		size_t n = p->len - p->sent < TEXT_BYTES ? p->len - p->sent : TEXT_BYTES;
		ssize_t out;

		head.len = (uint32_t)n + 1;
		memcpy(s->packet, &head, sizeof(head));
		s->packet[sizeof(head)] = p->sent + n < p->len;
		memcpy(s->packet + sizeof(head) + 1, p->text + p->sent, n);
		out = send(p->fd, s->packet, sizeof(head) + 1 + n, MSG_NOSIGNAL);
		if (out < 0 && errno == EAGAIN) {
			wait_for(s, p, EPOLLOUT);
			return;
		}
		if (out < 0) {
			peers_drop(s, p);
			return;
		}
		p->sent += n;
		p->is_done = p->sent == p->len;
	}
	free(p->text);
	p->text = NULL;
	wait_for(s, p, EPOLLIN);
}

static int
do_audit(struct server *s, const struct tree_request *r, FILE *to)
{
	if (!roles_may_operate(s->m, NULL, &r->caller)) {
		(void)fputs("audit: for root, the daemon's user and operators", to);
		roles_refused(s->m, 0, &r->caller, "audit");
		return GS_EPERM;
	}
	return manager_audit(s->m, to) == 0 ? 0 : GS_ECORRUPT;
}

/* A mount, which speaks for others, says that it refused one of them. */
static int
note_refusal(struct server *s, const struct peer *p, const struct tree_request *r, FILE *to)
{
	int table = manager_table(s->m, r->path);

	if (!p->who.is_operator || table < 0 || r->value_len == 0 || r->value[strspn(r->value, "abcdefghijklmnopqrstuvwxyz")] != '\0') {
		(void)fputs("not for you", to);
		return GS_EPERM;
	}
	roles_refused(s->m, (size_t)table, &r->caller, r->value);
	return 0;
}

/* The same, of what only the mount knows of. */
static int
note_sentence(struct server *s, const struct peer *p, const struct tree_request *r, FILE *to)
{
	char shown[256 + 1];

	if (!p->who.is_operator || manager_table(s->m, r->path) < 0 || r->value_len == 0 || r->value_len > 256) {
		(void)fputs("not for you", to);
		return GS_EPERM;
	}
	for (size_t i = 0; i < r->value_len; i++)
		shown[i] = r->value[i] >= ' ' && r->value[i] <= '~' ? r->value[i] : '?';
	shown[r->value_len] = '\0';
	(void)snprintf(s->m->last_error, sizeof(s->m->last_error), "pid %d: table %.31s: %s", (int)r->caller.pid, r->path, shown);
	return 0;
}

/* It is the process that asks that has it, whomever it speaks for. */
static int
give_lease(struct server *s, const struct peer *p, const struct tree_request *r, FILE *to)
{
	int table = manager_table(s->m, r->path), rc;
	char why[GS_CONF_WHY_BYTES] = "";

	if (table < 0) {
		(void)fputs("no such table", to);
		return table;
	}
	rc = roles_take_lease(s->m, (size_t)table, &p->who, why);
	if (rc < 0) {
		(void)fputs(why, to);
		(void)snprintf(s->m->last_error, sizeof(s->m->last_error), "pid %d: %.500s", (int)p->who.pid, why);
		roles_refused(s->m, (size_t)table, &p->who, "lease");
	}
	return rc;
}

/* The walk over a large index would keep the others waiting: it is done piece by piece. */
static int
begin_removing(struct server *s, struct peer *p, const struct tree_request *r, FILE *to)
{
	struct removing *removing = calloc(1, sizeof(*removing));

	if (removing == NULL)
		return GS_ENOMEM;
	removing->r = *r;
	(void)snprintf(removing->path, sizeof(removing->path), "%s", r->path);
	removing->r.path = removing->path;
	removing->r.value = "";
	removing->r.value_len = 0;
	removing->r.fd = -1;
	removing->r.removal = &removing->removal;
	p->removing = removing;
	s->m->n_removing = ++s->n_removing;
	return tree_answer(s->m, &removing->r, to);
}

/* r NULL: what it has asked for. */
static int
do_request(struct server *s, struct peer *p, const struct tree_request *r, FILE *to)
{
	if (r == NULL)
		return p->removing != NULL ? tree_answer(s->m, &p->removing->r, to) : reapers_answer(s->m, p->ask, to);
	if (reapers_is_verb(r->verb))
		return reapers_begin(s->m, r, p->serial, &p->ask, to);
	switch (r->verb) {
	case GS_VERB_AUDIT:
		return do_audit(s, r, to);
	case GS_VERB_REFUSED:
		return note_refusal(s, p, r, to);
	case GS_VERB_SAID:
		return note_sentence(s, p, r, to);
	case GS_VERB_BE_STARTER:
		return give_lease(s, p, r, to);
	case GS_VERB_REMOVE:
		return begin_removing(s, p, r, to);
	default:
		return tree_answer(s->m, r, to);
	}
}

static bool
is_valid_verb(uint32_t verb)
{
	return verb >= GS_VERB_GET && verb <= GS_VERB_SAID;
}

/* Do a request and begin to send its answer, or leave it waiting. */
static void
answer_peer(struct server *s, struct peer *p, const struct tree_request *r)
{
	FILE *to;

	p->len = p->sent = 0;
	to = open_memstream(&p->text, &p->len);
	if (to == NULL) {
		peers_drop(s, p);
		return;
	}
	p->rc = do_request(s, p, r, to);
	if (fclose(to) != 0) {
		peers_drop(s, p);
		return;
	}
	if (p->rc == REAPERS_WAITS) {
		free(p->text);
		p->text = NULL;
		s->n_waiting += !p->is_waiting;
		p->is_waiting = true;
		return;
	}
	end_wait(s, p);
	p->is_done = false;
	peers_send_reply(s, p);
}

/* ---- who waits ---- */

/* Put a request off until there is something to answer. False: it can be answered now, be it that it is wrong. */
static bool
wait_for_events(struct server *s, struct peer *p, const struct tree_request *r)
{
	if (r->verb != GS_VERB_WAIT || !tree_is_stream(r->path) || events_revision(s->m->events) > r->offset)
		return false;
	p->is_waiting = true;
	p->wait_revision = r->offset;
	p->wait_until_ms = gs_clock_mono_ms() + GS_WIRE_WAIT_MS;
	s->n_waiting++;
	return true;
}

void
peers_answer_waiting(struct server *s)
{
	const struct tree_request r = { .verb = GS_VERB_GET, .path = TREE_STREAM, .fd = -1 };
	uint64_t now_ms = gs_clock_mono_ms();

	for (int i = 0; i < SERVER_PEERS && s->n_waiting > 0; i++) {
		struct peer *p = &s->peer[i];
		struct tree_request one = r;

		if (p->fd >= 0 && p->ask != NULL)
			answer_peer(s, p, NULL);
		if (p->fd < 0 || !p->is_waiting || p->ask != NULL || p->removing != NULL || (events_revision(s->m->events) <= p->wait_revision && now_ms < p->wait_until_ms))
			continue;
		p->is_waiting = false;
		s->n_waiting--;
		one.offset = p->wait_revision;
		answer_peer(s, p, &one);
	}
}

void
peers_go_on(struct server *s)
{
	for (int i = 0; i < SERVER_PEERS && s->n_removing > 0; i++) {
		struct peer *p = &s->peer[s->last_removing = (s->last_removing + 1) % SERVER_PEERS];

		if (p->fd >= 0 && p->removing != NULL) {
			answer_peer(s, p, NULL);
			return;
		}
	}
}

static void
handle_request(struct server *s, struct peer *p, const unsigned char *body, uint32_t len, int fd)
{
	char path[GS_WIRE_PATH_BYTES], value[GS_WIRE_VALUE_BYTES + 1];
	struct tree_request r = { .path = path, .value = value };
	struct gs_wire_request w;

	if (len < sizeof(w)) {
		drop_liar(s, p, "short-request");
		return;
	}
	memcpy(&w, body, sizeof(w));
	if (!is_valid_verb(w.verb) || w.path_len >= sizeof(path) || w.value_len > GS_WIRE_VALUE_BYTES ||
	    (uint64_t)sizeof(w) + w.path_len + w.value_len != len || memchr(body + sizeof(w), 0, w.path_len) != NULL) {
		drop_liar(s, p, "malformed-request");
		return;
	}
	memcpy(path, body + sizeof(w), w.path_len);
	path[w.path_len] = '\0';
	memcpy(value, body + sizeof(w) + w.path_len, w.value_len);
	value[w.value_len] = '\0';
	r.verb = (enum gs_wire_verb)w.verb;
	r.value_len = w.value_len;
	r.offset = w.offset;
	r.fd = fd;
	callers_believed(&p->who, &w, &r.caller);
	if (!wait_for_events(s, p, &r))
		answer_peer(s, p, &r);
}

/* ---- attach ---- */

static void
handle_hello(struct server *s, struct peer *p, const unsigned char *body, uint32_t len)
{
	struct gs_wire_welcome w = { .n_ctx = 0 };
	struct gs_wire_hello h;
	int pages_fd, table, rc;

	if (len != sizeof(h) || p->has_joined) {
		drop_liar(s, p, p->has_joined ? "second-hello" : "malformed-hello");
		return;
	}
	memcpy(&h, body, sizeof(h));
	table = admission_grant(s->m, s->clients, &p->who, &h, &w, &pages_fd);
	if (table < 0) {
		if (welcome_refuse(p->fd, table) < 0)
			peers_drop(s, p);
		return;
	}
	p->has_joined = true;
	rc = welcome_send(p->fd, s->m->tables[table].shm, pages_fd, &w);
	if (pages_fd >= 0)
		(void)close(pages_fd);
	if (rc < 0)
		(void)clients_release(s->clients, p->who.pid, w.cookie);
	if (rc == GS_EDOWN)
		peers_drop(s, p);
}

static void
handle_bye(struct server *s, struct peer *p, const unsigned char *body, uint32_t len)
{
	uint64_t cookie;

	if (len != sizeof(cookie)) {
		drop_liar(s, p, "malformed-bye");
		return;
	}
	memcpy(&cookie, body, sizeof(cookie));
	(void)clients_release(s->clients, p->who.pid, cookie);
	roles_tick(s->m);
}

/* Receive a packet, and the descriptor that came with it, or -1 in *fd; of more than one none is kept. */
static ssize_t
receive(const struct peer *p, unsigned char *packet, size_t cap, int *fd)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = cap };
	/* CMSG_LEN, not its padded size: what does not fit the kernel closes. */
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n = recvmsg(p->fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	*fd = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}

/* fd: a descriptor that came with the packet, or -1; it stays the caller's. */
static void
handle_packet(struct server *s, struct peer *p, const unsigned char *packet, size_t n, int fd)
{
	struct gs_wire_head head;

	if (p->is_waiting) {
		drop_liar(s, p, "spoke-while-waiting");
		return;
	}
	memcpy(&head, packet, sizeof(head));
	if (head.magic != GS_WIRE_MAGIC || head.version != GS_WIRE_VERSION || head.len != n - sizeof(head)) {
		drop_liar(s, p, "bad-head");
		return;
	}
	switch (head.type) {
	case GS_WIRE_HELLO:
		handle_hello(s, p, packet + sizeof(head), head.len);
		return;
	case GS_WIRE_BYE:
		handle_bye(s, p, packet + sizeof(head), head.len);
		return;
	case GS_WIRE_REQUEST:
		handle_request(s, p, packet + sizeof(head), head.len, fd);
		return;
	default:
		drop_liar(s, p, "bad-type");
	}
}

void
peers_read(struct server *s, struct peer *p)
{
	static unsigned char packet[GS_WIRE_PACKET_BYTES + 1];	/* one thread; too large for its stack frame to be cheap */
	int fd;
	ssize_t n = receive(p, packet, sizeof(packet), &fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		peers_drop(s, p);
	else if ((size_t)n < sizeof(struct gs_wire_head) || n > GS_WIRE_PACKET_BYTES)
		drop_liar(s, p, "bad-length");
	else
		handle_packet(s, p, packet, (size_t)n, fd);
	if (fd >= 0)
		(void)close(fd);
}

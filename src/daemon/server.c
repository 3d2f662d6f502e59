/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/admission.h"
#include "daemon/server.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/wire.h"
#include "daemon/callers.h"
#include "daemon/clients.h"
#include "daemon/door.h"
#include "daemon/drain.h"
#include "daemon/events.h"
#include "daemon/jobs.h"
#include "daemon/readers.h"
#include "daemon/reapers.h"
#include "daemon/roles.h"
#include "daemon/stores.h"
#include "daemon/sweep.h"
#include "daemon/tokens.h"
#include "daemon/tree.h"
#include "daemon/welcome.h"
#include "prog/log.h"
#include "prog/process.h"

enum {
	MAX_PEERS = 4096,
	EVENTS_AT_ONCE = 64,
	TEXT_BYTES = GS_WIRE_PACKET_BYTES - sizeof(struct gs_wire_head) - 1,	/* of a REPLY */
};

/* What an epoll event is about: the upper half says which kind, the lower is an index. */
#define TAG_LISTEN (UINT64_C(1) << 32)
#define TAG_SIGNAL (UINT64_C(2) << 32)
#define TAG_TIMER (UINT64_C(3) << 32)
#define TAG_PEER (UINT64_C(4) << 32)
#define TAG_PROCESS (UINT64_C(5) << 32)
#define TAG_READERS (UINT64_C(6) << 32)
#define TAG_EVENTS (UINT64_C(7) << 32)
#define TAG_TOKENS (UINT64_C(8) << 32)
#define TAG_MASK (~UINT64_C(0) << 32)

struct peer {
	int fd;				/* -1: unused */
	struct manager_caller who;
	char *text;			/* an answer under way, or NULL */
	size_t len, sent;
	int rc;
	bool is_done;			/* the last packet of the answer is out */
	bool is_waiting;		/* for what `ask` is about, or for events behind wait_revision, until wait_until_ms */
	uint64_t wait_revision, wait_until_ms;
	struct reapers_ask *ask;	/* about suspects, or NULL */
	uint64_t serial;		/* of the connection: never another's */
	bool has_joined;		/* was granted contexts: once per connection */
};

struct server {
	struct manager *m;
	struct clients *clients;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int epoll_fd, listen_fd, signal_fd, timer_fd, drain_fd;
	int spare_fd;			/* given up for a moment to refuse a connection when there are no descriptors left */
	bool is_stopping;
	uint32_t n_waiting;		/* peers that wait for an answer */
	uint64_t last_serial;
	unsigned char packet[GS_WIRE_PACKET_BYTES];
	struct peer peer[MAX_PEERS];
};

/* ---- peers ---- */

static void
end_wait(struct server *s, struct peer *p)
{
	s->n_waiting -= p->is_waiting;
	p->is_waiting = false;
	free(p->ask);
	p->ask = NULL;
}

static void
drop_peer(struct server *s, struct peer *p)
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
	log_notice("peer %d: dropped (uid %u, %s)", p->who.pid, p->who.uid, what);
	events_add_often(s->m->events, "dropped", "pid=%d uid=%u reason=%s", p->who.pid, p->who.uid, what);
	drop_peer(s, p);
}

static void
wait_for(struct server *s, struct peer *p, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = TAG_PEER | (uint64_t)(p - s->peer) };

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

static void
accept_peer(struct server *s)
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
	while (p < s->peer + MAX_PEERS && p->fd >= 0)
		p++;
	ev.data.u64 = TAG_PEER | (uint64_t)(p - s->peer);
	if (p == s->peer + MAX_PEERS || callers_of_peer(fd, &who) < 0 ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		(void)close(fd);
		return;
	}
	*p = (struct peer){ .fd = fd, .serial = ++s->last_serial, .who = who };
}

/* ---- answers ---- */

/* Send the next packets of an answer until it is out or the peer's buffer is full. */
static void
send_reply(struct server *s, struct peer *p)
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
			drop_peer(s, p);
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

/* r NULL: what it has asked for. */
static int
do_request(struct server *s, struct peer *p, const struct tree_request *r, FILE *to)
{
	if (r == NULL)
		return reapers_answer(s->m, p->ask, to);
	if (reapers_is_verb(r->verb))
		return reapers_begin(s->m, r, p->serial, &p->ask, to);
	switch (r->verb) {
	case GS_VERB_AUDIT:
		return do_audit(s, r, to);
	case GS_VERB_REFUSED:
		return note_refusal(s, p, r, to);
	case GS_VERB_BE_STARTER:
		return give_lease(s, p, r, to);
	default:
		return tree_answer(s->m, r, to);
	}
}

static bool
is_valid_verb(uint32_t verb)
{
	return verb >= GS_VERB_GET && verb <= GS_VERB_BE_STARTER;
}

/* Do a request and begin to send its answer, or leave it waiting. */
static void
answer_peer(struct server *s, struct peer *p, const struct tree_request *r)
{
	FILE *to;

	p->len = p->sent = 0;
	to = open_memstream(&p->text, &p->len);
	if (to == NULL) {
		drop_peer(s, p);
		return;
	}
	p->rc = do_request(s, p, r, to);
	if (fclose(to) != 0) {
		drop_peer(s, p);
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
	send_reply(s, p);
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

static void
answer_waiting(struct server *s)
{
	const struct tree_request r = { .verb = GS_VERB_GET, .path = TREE_STREAM, .fd = -1 };
	uint64_t now_ms = gs_clock_mono_ms();

	for (int i = 0; i < MAX_PEERS && s->n_waiting > 0; i++) {
		struct peer *p = &s->peer[i];
		struct tree_request one = r;

		if (p->fd >= 0 && p->ask != NULL)
			answer_peer(s, p, NULL);
		if (p->fd < 0 || !p->is_waiting || p->ask != NULL || (events_revision(s->m->events) <= p->wait_revision && now_ms < p->wait_until_ms))
			continue;
		p->is_waiting = false;
		s->n_waiting--;
		one.offset = p->wait_revision;
		answer_peer(s, p, &one);
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
			drop_peer(s, p);
		return;
	}
	p->has_joined = true;
	rc = welcome_send(p->fd, s->m->tables[table].shm, pages_fd, &w);
	if (pages_fd >= 0)
		(void)close(pages_fd);
	if (rc < 0)
		(void)clients_release(s->clients, p->who.pid, w.cookie);
	if (rc == GS_EDOWN)
		drop_peer(s, p);
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

static void
read_peer(struct server *s, struct peer *p)
{
	static unsigned char packet[GS_WIRE_PACKET_BYTES + 1];	/* one thread; too large for its stack frame to be cheap */
	int fd;
	ssize_t n = receive(p, packet, sizeof(packet), &fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		drop_peer(s, p);
	else if ((size_t)n < sizeof(struct gs_wire_head) || n > GS_WIRE_PACKET_BYTES)
		drop_liar(s, p, "bad-length");
	else
		handle_packet(s, p, packet, (size_t)n, fd);
	if (fd >= 0)
		(void)close(fd);
}

/* ---- the loop ---- */

static void
handle_signal(struct server *s)
{
	struct signalfd_siginfo info;
	char why[GS_CONF_WHY_BYTES];

	if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP) {
		s->is_stopping = true;
		return;
	}
	if (manager_reload(s->m, why) < 0)
		log_warnx("configuration not reloaded: %s", why);
	else
		log_notice("configuration reloaded");
}

static void
handle_timer(struct server *s)
{
	uint64_t n;

	if (read(s->timer_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	manager_tick(s->m);
	jobs_poll(s->m->jobs);
	clients_tick(s->clients);
	roles_tick(s->m);
	sweep_tick(s->m);
	stores_tick(s->m);
	process_alive();
}

static void
handle_drain(struct server *s)
{
	uint64_t n;

	if (read(s->drain_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		drain_round(s->m);
	if (s->n_waiting > 0)
		answer_waiting(s);
}

static void
handle_event(struct server *s, const struct epoll_event *ev)
{
	uint32_t index = (uint32_t)ev->data.u64;

	switch (ev->data.u64 & TAG_MASK) {
	case TAG_LISTEN:
		accept_peer(s);
		return;
	case TAG_SIGNAL:
		handle_signal(s);
		return;
	case TAG_TIMER:
		handle_timer(s);
		return;
	case TAG_PROCESS:
		jobs_poll(s->m->jobs);
		clients_died(s->clients, index);
		roles_tick(s->m);
		return;
	case TAG_TOKENS:
		tokens_round(s->m->tokens);
		return;
	case TAG_READERS:
		readers_round(s->m->readers);
		return;
	case TAG_EVENTS:
		handle_drain(s);
		return;
	case TAG_PEER:
		if (s->peer[index].fd < 0)
			return;		/* dropped by an event before this one */
		if (s->peer[index].text != NULL)
			send_reply(s, &s->peer[index]);
		else
			read_peer(s, &s->peer[index]);
		return;
	default:
		return;
	}
}

int
server_run(struct server *s)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n;

	while (!s->is_stopping) {
		n = epoll_wait(s->epoll_fd, ev, EVENTS_AT_ONCE, -1);
		if (n < 0 && errno != EINTR)
			return GS_ESYSTEM;
		/* What a process said before it ended is heard before its end. */
		for (int i = 0; i < n; i++)
			if ((ev[i].data.u64 & TAG_MASK) != TAG_PROCESS)
				handle_event(s, &ev[i]);
		for (int i = 0; i < n; i++)
			if ((ev[i].data.u64 & TAG_MASK) == TAG_PROCESS)
				handle_event(s, &ev[i]);
	}
	return 0;
}

/* ---- opening ---- */

static int
open_door(struct server *s, const char *path, char why[GS_CONF_WHY_BYTES])
{
	s->listen_fd = door_open(path, s->m->conf.group, why);
	if (s->listen_fd < 0)
		return s->listen_fd;
	(void)snprintf(s->path, sizeof(s->path), "%s", path);
	return 0;
}

static int
add_fd(struct server *s, int fd, uint64_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };

	return fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? GS_ESYSTEM : 0;
}

/* A timer, every so many ms. */
static int
open_timer(struct server *s, int *out, long period_ms, uint64_t tag)
{
	const struct itimerspec period = { .it_interval = { .tv_nsec = period_ms * 1000000 }, .it_value = { .tv_nsec = period_ms * 1000000 } };

	*out = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (*out < 0 || timerfd_settime(*out, 0, &period, NULL) < 0)
		return GS_ESYSTEM;
	return add_fd(s, *out, tag);
}

static int
open_sources(struct server *s)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return GS_ESYSTEM;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (add_fd(s, s->listen_fd, TAG_LISTEN) < 0 || add_fd(s, s->signal_fd, TAG_SIGNAL) < 0)
		return GS_ESYSTEM;
	if (open_timer(s, &s->drain_fd, DRAIN_PERIOD_MS, TAG_EVENTS) < 0)
		return GS_ESYSTEM;
	return open_timer(s, &s->timer_fd, SWEEP_PERIOD_MS, TAG_TIMER);
}

int
server_open(struct server **out, struct manager *m, const char *path, char why[GS_CONF_WHY_BYTES])
{
	struct server *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return GS_ENOMEM;
	s->m = m;
	s->listen_fd = s->signal_fd = s->timer_fd = s->drain_fd = -1;
	/* For each peer, and for each process that is attached. */
	process_raise_descriptors();
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < MAX_PEERS; i++)
		s->peer[i].fd = -1;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->clients = clients_new(m, s->epoll_fd, TAG_PROCESS);
	m->readers = readers_new(m, s->epoll_fd, TAG_READERS);
	m->jobs = s->clients == NULL ? NULL : jobs_new(m, s->clients);
	rc = s->epoll_fd < 0 || m->jobs == NULL || m->readers == NULL ? GS_ESYSTEM : open_door(s, path, why);
	if (rc == 0) {
		rc = open_sources(s);
		if (rc == 0)
			rc = tokens_open(&m->tokens, m, s->epoll_fd, TAG_TOKENS);
		if (rc < 0)
			(void)snprintf(why, GS_CONF_WHY_BYTES, "signals and timers: %s", strerror(errno));
	}
	if (rc < 0) {
		server_close(&s);
		return rc;
	}
	m->server = s;
	clients_adopt(s->clients);
	*out = s;
	return 0;
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void
server_close(struct server **sp)
{
	struct server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	s->m->server = NULL;
	if (s->path[0] != '\0')
		(void)unlink(s->path);
	for (int i = 0; i < MAX_PEERS; i++)
		if (s->peer[i].fd >= 0)
			drop_peer(s, &s->peer[i]);
	jobs_free(&s->m->jobs);
	clients_free(&s->clients);
	readers_free(&s->m->readers);
	tokens_free(&s->m->tokens);
	close_if_open(s->listen_fd);
	close_if_open(s->signal_fd);
	close_if_open(s->timer_fd);
	close_if_open(s->drain_fd);
	close_if_open(s->epoll_fd);
	close_if_open(s->spare_fd);
	free(s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c - fuzz target: a peer that lies to the daemon, on its socket, in packets and in control requests.
 *
 * The daemon is a thread of this process, with its memory, its tree and its sweep.  After each packet an honest connection
 * must get its answer, an honest client its session, and the peer what its packet deserves: descriptors for a right HELLO,
 * the first of its connection, and for nothing else.  At the end no descriptor is left.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "base/paths.h"
#include "ctl/client.h"
#include "daemon/events.h"
#include "daemon/manager.h"
#include "daemon/server.h"
#include "fuzz.h"
#include "prog/log.h"

enum { PACKETS = 8, IDLE = 4, COOKIES = 32, ANSWER_MS = 20000, LOOKS = 200 };

static struct {
	char run_dir[64], shm_dir[64], path[108];
	struct manager m;
	struct server *server;
	struct gs_ctl *ctl;			/* the honest connection */
	struct gs *gs;				/* the honest client */
	int n_fds;
} world;

/* A peer's connection, and what it may still ask. */
struct peer_end {
	int fd;
	bool has_joined;
	bool is_closed;
	bool may_wait;			/* an answer of it may have been put off */
	int rc;				/* of the last answer */
};

static uint64_t cookies[COOKIES];
static uint32_t n_cookies;

/* ---- the world ---- */

static void *
daemon_thread(void *arg)
{
	(void)arg;
	(void)server_run(world.server);
	return NULL;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void
remove_world(void)
{
	(void)nftw(world.run_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	(void)nftw(world.shm_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
make_places(void)
{
	(void)snprintf(world.run_dir, sizeof(world.run_dir), "/tmp/gs-fuzz.%s", "XXXXXX");
	(void)snprintf(world.shm_dir, sizeof(world.shm_dir), "/dev/shm/gs-fuzz.%s", "XXXXXX");
	if (mkdtemp(world.run_dir) == NULL || mkdtemp(world.shm_dir) == NULL || setenv("GSESSION_SHM_DIR", world.shm_dir, 1) < 0 ||
	    setenv("GSESSION_RUN_DIR", world.run_dir, 1) < 0)
		fuzz_fail("no directories");
	(void)atexit(remove_world);
	if (gs_path_socket(world.path, sizeof(world.path), world.run_dir, "fuzz") < 0)
		fuzz_fail("the path of the socket is too long");
}

static void
start_daemon(void)
{
	static const char text[] = "[daemon]\nlog_level = error\n[table sessions]\nrecord_size = 1000\n[ring active]\ncapacity = 64\n[ring warm]\ncapacity = 64\n"
	    "[ring cold]\ncapacity = 64\n[ring suspect]\ncapacity = 8\n";
	static struct gs_conf conf;
	char path[128], why[GS_CONF_WHY_BYTES] = "";
	pthread_t thread;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/conf", world.run_dir);
	f = fopen(path, "we");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		fuzz_fail("%s cannot be written", path);
	world.m.instance = "fuzz";
	world.m.conf_path = strdup(path);
	world.m.events = events_new();
	log_init("fuzz", 0);
	if (gs_conf_load_file(&conf, path, why) < 0 || manager_open(&world.m, &conf, why) < 0 ||
	    server_open(&world.server, &world.m, world.path, why) < 0)
		fuzz_fail("the daemon does not start: %s", why);
	log_set_level(LOG_LEVEL_ERROR);
	if (pthread_create(&thread, NULL, daemon_thread, NULL) != 0)
		fuzz_fail("no thread");
}

/* The answer to a request that must have one. */
static void
ask(enum gs_wire_verb verb, const char *path)
{
	char *text;
	int rc = gs_ctl_request(world.ctl, verb, path, NULL, 0, 0, NULL, &text, NULL);

	FUZZ_CHECK(rc == 0, "an honest request of %s is answered %s", path, gs_errname(rc));
	free(text);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct gs_options opt = { .size = sizeof(opt), .instance = "fuzz", .timeout_ms = ANSWER_MS };
	int rc;

	(void)argc;
	(void)argv;
	make_places();
	start_daemon();
	rc = gs_ctl_open(&world.ctl, "fuzz", world.run_dir, ANSWER_MS);
	if (rc == 0)
		rc = gs_attach(&world.gs, &opt);
	if (rc == 0)
		rc = gs_put(world.gs, "k", 1, "value", 5, NULL);
	FUZZ_CHECK(rc >= 0, "the honest client cannot begin: %s", gs_errname(rc));
	return 0;
}

/* ---- packets ---- */

static size_t
make_hello(struct tape *in, unsigned char *body)
{
	struct gs_wire_hello h = { .abi_major = GS_API_MAJOR, .n_ctx = 1 + tape_below(in, 3), .role = tape_below(in, 2), .table = "sessions" };

	memcpy(body, &h, sizeof(h));
	return sizeof(h);
}

static size_t
make_bye(struct tape *in, unsigned char *body)
{
	uint64_t cookie = n_cookies > 0 && tape_below(in, 2) == 0 ? cookies[tape_below(in, n_cookies)] : tape_number(in);

	memcpy(body, &cookie, sizeof(cookie));
	return sizeof(cookie);
}

static size_t
make_request(struct tape *in, unsigned char *body)
{
	static const char *const paths[] = {
		"", "ctl", "stats", "events", "events.counts", "last_error", "node/log_keys", "sessions/stats",
		"sessions/record_size", "sessions/rings", "sessions/rings/active/ttl", "sessions/rings/active/half_life",
		"sessions/rings/warm/capacity", "sessions/rings/warm/decay_to", "sessions/rings/cold/promote", "sessions/rings/active/count",
		"sessions/rings/suspect/stats", "sessions/rings/active/../../..", "/etc/passwd", "no/such/file",
	};
	static const char *const values[] = {
		"", "0", "2s", "max", "-1", "18446744073709551616", "none", "cold", "never", "access", "reload", "audit", "yes", "64", "1K", "5m\n",
		"5m 5m", "\xff\xfe", "%s%n%n%n",
	};
	const char *path = paths[tape_below(in, sizeof(paths) / sizeof(paths[0]))];
	const char *value = values[tape_below(in, sizeof(values) / sizeof(values[0]))];
	struct gs_wire_request r = {
		.verb = 1 + tape_below(in, 5), .as_uid = tape_below(in, 3) == 0 ? 1000 : 0, .as_pid = (int32_t)tape_below(in, 100),
		.offset = tape_below(in, 4) == 0 ? tape_number(in) : 0, .path_len = (uint32_t)strlen(path), .value_len = (uint32_t)strlen(value),
	};
	size_t n = sizeof(r);

	if (tape_below(in, 8) == 0)
		r.value_len = (uint32_t)(tape_take(in, 2) % (GS_WIRE_VALUE_BYTES + 1));
	memcpy(body + n, path, r.path_len);
	if (r.path_len > 0 && tape_below(in, 8) == 0)
		body[n + tape_below(in, r.path_len)] = (unsigned char)tape_take(in, 1);
	n += r.path_len;
	memset(body + n, '9', r.value_len);
	memcpy(body + n, value, r.value_len < strlen(value) ? r.value_len : strlen(value));
	memcpy(body, &r, sizeof(r));
	return n + r.value_len;
}

/* A request about suspects: it may have to wait for its answer. */
static size_t
make_judgement(struct tape *in, unsigned char *body)
{
	struct gs_wire_request r = { .verb = GS_VERB_SUSPECTS + tape_below(in, 3), .offset = tape_below(in, 3), .path_len = 8 };
	const struct gs_wire_wait wait = { .wait_ms = tape_below(in, 2) };
	const struct gs_wire_lease lease = {
		.n = tape_below(in, GS_WIRE_MAX_LEASE + 2), .lease_ms = 1 + tape_below(in, 1000), .wait_ms = wait.wait_ms, .min_offences = tape_below(in, 3),
		.min_rate_per_h = tape_below(in, 3) * 3600,
	};
	const struct gs_wire_verdict verdict = { .id = tape_below(in, 4), .what = tape_below(in, 5), .quiet_ms = tape_below(in, 1000) };
	const void *value = r.verb == GS_VERB_SUSPECTS ? (const void *)&wait : r.verb == GS_VERB_LEASE ? (const void *)&lease : &verdict;
	size_t n = sizeof(r);

	r.value_len = r.verb == GS_VERB_SUSPECTS ? sizeof(wait) : r.verb == GS_VERB_LEASE ? sizeof(lease) : sizeof(verdict);
	memcpy(body + n, "sessions", r.path_len);
	n += r.path_len;
	memcpy(body + n, value, r.value_len);
	if (r.verb == GS_VERB_JUDGE) {
		body[n + r.value_len] = 'k';
		r.value_len += tape_below(in, 2) == 0 ? 1 : tape_below(in, 300);
	}
	memcpy(body, &r, sizeof(r));
	return n + r.value_len;
}

/* May the daemon put the answer to this packet off? */
static bool
may_wait(const unsigned char *packet)
{
	struct gs_wire_request r;

	memcpy(&r, packet + sizeof(struct gs_wire_head), sizeof(r));
	return r.verb == GS_VERB_SUSPECTS || r.verb == GS_VERB_LEASE;
}

/* A packet, mostly right but for what the input changes in it. Returns its length. */
static size_t
make_packet(struct tape *in, unsigned char *packet)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION };
	unsigned char *body = packet + sizeof(head);
	size_t n, at;
	uint32_t word;

	memset(packet, 0, GS_WIRE_PACKET_BYTES + 64);
	switch (tape_below(in, 7)) {
	case 0:
	case 1:
		head.type = GS_WIRE_HELLO;
		n = make_hello(in, body);
		break;
	case 2:
		head.type = GS_WIRE_BYE;
		n = make_bye(in, body);
		break;
	case 3:
	case 4:
		head.type = GS_WIRE_REQUEST;
		n = make_request(in, body);
		break;
	case 5:
		head.type = GS_WIRE_REQUEST;
		n = make_judgement(in, body);
		break;
	default:
		head.type = (uint16_t)tape_take(in, 2);
		n = tape_take(in, 2) % (GS_WIRE_PACKET_BYTES - sizeof(head));
		tape_bytes(in, body, n);
		break;
	}
	head.len = (uint32_t)n;
	memcpy(packet, &head, sizeof(head));
	n += sizeof(head);
	for (uint32_t changes = tape_below(in, 4) == 0 ? 1 + tape_below(in, 3) : 0; changes > 0; changes--) {
		at = 4 * tape_below(in, (uint32_t)(n + 3) / 4);
		memcpy(&word, packet + at, sizeof(word));
		word = (uint32_t)tape_change(in, word);
		memcpy(packet + at, &word, sizeof(word));
	}
	switch (tape_below(in, 16)) {
	case 0:
		return tape_take(in, 2) % (GS_WIRE_PACKET_BYTES + 64);
	case 1:
		return n + 1;
	case 2:
		return n > 0 ? n - 1 : 0;
	default:
		return n;
	}
}

/* Does this packet earn descriptors? By the rules of wire.h, said once more. */
static bool
is_right_hello(const unsigned char *packet, size_t n)
{
	struct gs_wire_head head;
	struct gs_wire_hello h;

	if (n != sizeof(head) + sizeof(h))
		return false;
	memcpy(&head, packet, sizeof(head));
	memcpy(&h, packet + sizeof(head), sizeof(h));
	return head.magic == GS_WIRE_MAGIC && head.version == GS_WIRE_VERSION && head.type == GS_WIRE_HELLO && head.len == sizeof(h) &&
	    h.abi_major == GS_API_MAJOR && h.n_ctx >= 1 && h.n_ctx <= GS_WIRE_MAX_GRANT && h.role <= GS_WIRE_READER &&
	    memchr(h.table, 0, sizeof(h.table)) != NULL && strcmp(h.table, "sessions") == 0;
}

/* ---- the peer ---- */

static int
dial(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, world.path, sizeof(to.sun_path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fuzz_fail("the daemon cannot be reached: %s", strerror(errno));
	return fd;
}

/* With descriptors that nobody asked for. */
static void
send_with(int fd, const unsigned char *packet, size_t n, int extra)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)packet, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int fds[2] = { STDERR_FILENO, STDERR_FILENO };

	if (extra > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(fds));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
	}
	(void)sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* One packet of an answer: how many descriptors came with it; -1 when there is none, and is_closed when there will be none. */
static int
take_answer(struct peer_end *p)
{
	static unsigned char bytes[GS_WIRE_PACKET_BYTES];
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(p->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct gs_wire_welcome w;
	struct gs_wire_head head;
	int n_fds = 0, fd;

	p->is_closed = n == 0 || (n < 0 && errno != EAGAIN);
	if (n <= 0)
		return -1;
	FUZZ_CHECK((size_t)n >= sizeof(head), "an answer of %zd bytes", n);
	memcpy(&head, bytes, sizeof(head));
	FUZZ_CHECK(head.magic == GS_WIRE_MAGIC && head.len == (size_t)n - sizeof(head), "an answer with a wrong head");
	fuzz_answer("an answer's code", head.rc);
	p->rc = head.rc;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		for (; CMSG_LEN((size_t)(n_fds + 1) * sizeof(int)) <= c->cmsg_len; n_fds++) {
			memcpy(&fd, CMSG_DATA(c) + (size_t)n_fds * sizeof(int), sizeof(fd));
			(void)close(fd);
		}
	FUZZ_CHECK(n_fds == 0 || (head.type == GS_WIRE_WELCOME && head.rc == 0), "%d descriptors come with a refusal", n_fds);
	if (head.type == GS_WIRE_WELCOME && head.rc == 0) {
		memcpy(&w, bytes + sizeof(head), sizeof(w));
		FUZZ_CHECK(n_cookies < COOKIES, "more welcomes than were asked for");
		cookies[n_cookies++] = w.cookie;
	}
	return n_fds;
}

static void
one_packet(struct tape *in, struct peer_end *p)
{
	static unsigned char packet[GS_WIRE_PACKET_BYTES + 64];
	size_t n = make_packet(in, packet);
	bool is_right = is_right_hello(packet, n) && !p->has_joined;
	int got = 0, one, n_came;

	send_with(p->fd, packet, n, tape_below(in, 8) == 0);
	/* It is read before these are; a long answer takes several turns. */
	do {
		n_came = 0;
		ask(GS_VERB_GET, "version");
		ask(GS_VERB_GET, "version");
		for (; (one = take_answer(p)) >= 0; n_came++)
			got += one;
	} while (n_came > 0 && !p->is_closed);
	p->may_wait = p->may_wait || may_wait(packet);
	/* Behind what waits for its answer nothing is read, and later is answered. */
	FUZZ_CHECK(is_right == (got > 0) || p->may_wait, "%s hello gets %d descriptors (answer %s%s)", is_right ? "a right" : "no right",
	    got, gs_errname(p->rc), p->is_closed ? ", closed" : "");
	p->has_joined = p->has_joined || got > 0;
}

static void
give_back(void)
{
	while (n_cookies > 0)
		if (gs_ctl_bye(world.ctl, cookies[--n_cookies]) < 0)
			fuzz_fail("the honest connection is closed");
	ask(GS_VERB_LIST, "sessions/rings");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape in = { data, size };
	struct peer_end p = { .fd = -1 };
	int idle[IDLE], n_idle = (int)tape_below(&in, IDLE + 1), looks = 0;
	char value[8];
	ssize_t rc;

	ask(GS_VERB_GET, "version");
	/* Not sooner: libFuzzer opens some of its own before the first input. */
	if (world.n_fds == 0)
		world.n_fds = fuzz_count_fds();
	p.fd = dial();
	for (int i = 0; i < n_idle; i++)
		idle[i] = dial();
	/* One is let in at each turn of the daemon's. */
	for (int i = 0; i < n_idle + 2; i++)
		ask(GS_VERB_GET, "version");
	for (int i = 0; i < PACKETS && in.left > 0 && !p.is_closed; i++)
		one_packet(&in, &p);
	(void)close(p.fd);
	for (int i = 0; i < n_idle; i++)
		(void)close(idle[i]);
	give_back();
	rc = gs_peek(world.gs, "k", 1, value, sizeof(value), NULL);
	/* Rules that the input set may have ended it. */
	FUZZ_CHECK(rc == 5 || rc == GS_ENOENT, "the honest client's session answers %zd", rc);
	if (rc == GS_ENOENT)
		(void)gs_put(world.gs, "k", 1, "value", 5, NULL);
	while (fuzz_count_fds() > world.n_fds && looks++ < LOOKS)
		ask(GS_VERB_GET, "version");
	FUZZ_CHECK(looks < LOOKS, "%d descriptors were open, now %d", world.n_fds, fuzz_count_fds());
	return 0;
}

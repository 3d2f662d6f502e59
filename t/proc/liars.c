/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liars.c - peers that do not speak the daemon's protocol, for attach_abuse.t.
 *
 *	liars packets SOCKET		send each malformed packet; a line says what became of it
 *	liars foreign-bye SOCKET	a process says good-bye with another's cookie, then that one with its own
 *	liars flood SOCKET COUNT	open connections and leave them; a line on standard output, then wait for standard input to end
 *	liars deaf SOCKET COUNT		the same, and ask for much on each and read nothing
 *	liars set SOCKET PATH VALUE	a control write on behalf of uid 0
 *	liars fds SOCKET COUNT		requests that bring descriptors with them
 *	liars joins SOCKET		one connection that asks for contexts twice
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/wire.h"
#include "gsession.h"

enum { ANSWER_MS = 5000, PACKET_BYTES = 200000 };

static unsigned char packet[PACKET_BYTES];

static int
dial(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(to.sun_path))
		err(1, "socket");
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "%s", path);
	return fd;
}

/* A packet with a right head and this body, in `packet`. Returns its length. */
static size_t
pack(uint16_t type, const void *body, size_t len)
{
	struct gs_wire_head head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = type, .len = (uint32_t)len };

	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), body, len);
	return sizeof(head) + len;
}

static void
transmit(int fd, size_t len)
{
	if (send(fd, packet, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE)
		err(1, "send of %zu bytes", len);
}

/* What the daemon does with what was sent: "dropped", "silent", or the code of its answer. */
static const char *
reaction(int fd)
{
	static unsigned char answer[GS_WIRE_PACKET_BYTES];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct gs_wire_head head;
	ssize_t n;

	if (poll(&p, 1, ANSWER_MS) != 1)
		return "silent";
	n = recv(fd, answer, sizeof(answer), 0);
	if (n <= 0)
		return "dropped";
	if ((size_t)n < sizeof(head))
		return "garbled";
	memcpy(&head, answer, sizeof(head));
	return gs_errname(head.rc);
}

static size_t
pack_request(const struct gs_wire_request *r, const char *rest, size_t rest_len)
{
	unsigned char body[1024];

	memcpy(body, r, sizeof(*r));
	memcpy(body + sizeof(*r), rest, rest_len);
	return pack(GS_WIRE_REQUEST, body, sizeof(*r) + rest_len);
}

static size_t
pack_get(const char *path)
{
	const struct gs_wire_request r = { .verb = GS_VERB_GET, .path_len = (uint32_t)strlen(path) };

	return pack_request(&r, path, strlen(path));
}

static size_t
pack_hello(uint32_t abi_major, uint32_t n_ctx, const char *table)
{
	struct gs_wire_hello h = { .abi_major = abi_major, .n_ctx = n_ctx };

	/* without a NUL when there is no room for one */
	memcpy(h.table, table, strnlen(table, sizeof(h.table)));
	return pack(GS_WIRE_HELLO, &h, sizeof(h));
}

/* ---- malformed packets ---- */

static void
try_packet(const char *path, const char *name, size_t len)
{
	int fd = dial(path);

	transmit(fd, len);
	printf("%s: %s\n", name, reaction(fd));
	(void)close(fd);
}

static void
try_heads(const char *path)
{
	static const struct {
		const char *name;
		struct gs_wire_head head;
		size_t len;
	} rows[] = {
		{ "magic", { 1, GS_WIRE_VERSION, GS_WIRE_REQUEST, 0, 0 }, 16 },
		{ "version", { GS_WIRE_MAGIC, 77, GS_WIRE_HELLO, 0, 0 }, 16 },
		{ "type 0", { GS_WIRE_MAGIC, GS_WIRE_VERSION, 0, 0, 0 }, 16 },
		{ "type 65535", { GS_WIRE_MAGIC, GS_WIRE_VERSION, 65535, 0, 0 }, 16 },
		{ "welcome", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_WELCOME, 0, 0 }, 16 },
		{ "reply", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_REPLY, 0, 0 }, 16 },
		{ "len too great", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_HELLO, 49, 0 }, 64 },
		{ "len too small", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_HELLO, 47, 0 }, 64 },
		{ "len huge", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_REQUEST, UINT32_MAX, 0 }, 64 },
		{ "half a head", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_HELLO, 0, 0 }, 15 },
		{ "a byte", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_HELLO, 0, 0 }, 1 },
		{ "a byte too many", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_REQUEST, GS_WIRE_PACKET_BYTES - 15, 0 }, GS_WIRE_PACKET_BYTES + 1 },
		{ "oversized", { GS_WIRE_MAGIC, GS_WIRE_VERSION, GS_WIRE_REQUEST, 150000 - 16, 0 }, 150000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(packet, 0, sizeof(packet));
		memcpy(packet, &rows[i].head, sizeof(rows[i].head));
		try_packet(path, rows[i].name, rows[i].len);
	}
}

static void
try_garbage(const char *path)
{
	for (size_t i = 0; i < sizeof(packet); i++)
		packet[i] = (unsigned char)(i * 2654435761u >> 13);
	try_packet(path, "garbage", 1000);
	memcpy(packet, "GET / HTTP/1.1\r\n\r\n", 18);
	try_packet(path, "http", 18);
}

static void
try_bodies(const char *path)
{
	static const unsigned char zeros[256];

	try_packet(path, "empty hello", pack(GS_WIRE_HELLO, zeros, 0));
	try_packet(path, "short hello", pack(GS_WIRE_HELLO, zeros, sizeof(struct gs_wire_hello) - 1));
	try_packet(path, "long hello", pack(GS_WIRE_HELLO, zeros, sizeof(struct gs_wire_hello) + 1));
	try_packet(path, "empty bye", pack(GS_WIRE_BYE, zeros, 0));
	try_packet(path, "long bye", pack(GS_WIRE_BYE, zeros, 9));
	try_packet(path, "empty request", pack(GS_WIRE_REQUEST, zeros, 0));
	try_packet(path, "short request", pack(GS_WIRE_REQUEST, zeros, sizeof(struct gs_wire_request) - 1));
}

static void
try_requests(const char *path)
{
	static const struct {
		const char *name;
		struct gs_wire_request r;
		const char *rest;
		size_t rest_len;
	} rows[] = {
		{ "verb 0", { .verb = 0, .path_len = 4 }, "node", 4 },
		{ "verb 99", { .verb = 99, .path_len = 4 }, "node", 4 },
		{ "path longer than the packet", { .verb = GS_VERB_GET, .path_len = 500 }, "node", 4 },
		{ "path shorter than the packet", { .verb = GS_VERB_GET, .path_len = 3 }, "node", 4 },
		{ "path of 4G", { .verb = GS_VERB_GET, .path_len = UINT32_MAX }, "node", 4 },
		{ "path of 512 bytes", { .verb = GS_VERB_GET, .path_len = 512 }, NULL, 512 },
		{ "value longer than the packet", { .verb = GS_VERB_SET, .path_len = 2, .value_len = 3 }, "node", 4 },
		{ "value of 4G", { .verb = GS_VERB_SET, .path_len = 4, .value_len = UINT32_MAX }, "node", 4 },
		{ "lengths that wrap", { .verb = GS_VERB_SET, .path_len = 8, .value_len = UINT32_MAX - 3 }, "node", 4 },
		{ "a NUL in the path", { .verb = GS_VERB_GET, .path_len = 4 }, "no\0e", 4 },
		{ "a path upwards", { .verb = GS_VERB_GET, .path_len = 16 }, "../../etc/passwd", 16 },
		{ "an absolute path", { .verb = GS_VERB_GET, .path_len = 11 }, "/etc/passwd", 11 },
		{ "an offset beyond the end", { .verb = GS_VERB_GET, .path_len = 8, .offset = UINT64_MAX }, "node/pid", 8 },
		{ "a right one", { .verb = GS_VERB_GET, .path_len = 8 }, "node/pid", 8 },
	};
	static const char zeros[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_packet(path, rows[i].name, pack_request(&rows[i].r, rows[i].rest == NULL ? zeros : rows[i].rest, rows[i].rest_len));
}

static void
try_hellos(const char *path)
{
	try_packet(path, "another ABI", pack_hello(99, 1, "sessions"));
	try_packet(path, "no such table", pack_hello(GS_API_MAJOR, 1, "nosuch"));
	try_packet(path, "a table without a name", pack_hello(GS_API_MAJOR, 1, ""));
	try_packet(path, "a table that does not end", pack_hello(GS_API_MAJOR, 1, "sessionssessionssessionssessionssessions"));
	try_packet(path, "a table upwards", pack_hello(GS_API_MAJOR, 1, "../sessions"));
	try_packet(path, "no context", pack_hello(GS_API_MAJOR, 0, "sessions"));
	try_packet(path, "65 contexts", pack_hello(GS_API_MAJOR, 65, "sessions"));
	try_packet(path, "4G contexts", pack_hello(GS_API_MAJOR, UINT32_MAX, "sessions"));
	try_packet(path, "a role that is none", pack(GS_WIRE_HELLO, &(struct gs_wire_hello){ .abi_major = GS_API_MAJOR, .n_ctx = 1,
	    .role = GS_WIRE_READER + 1, .table = "sessions" }, sizeof(struct gs_wire_hello)));
}

/* ---- good-byes ---- */

static uint64_t
join(int fd)
{
	unsigned char answer[sizeof(struct gs_wire_head) + sizeof(struct gs_wire_welcome)];
	struct gs_wire_welcome w;

	transmit(fd, pack_hello(GS_API_MAJOR, 4, "sessions"));
	/* without room for descriptors: the kernel drops them */
	if (recv(fd, answer, sizeof(answer), 0) != (ssize_t)sizeof(answer))
		errx(1, "no welcome");
	memcpy(&w, answer + sizeof(struct gs_wire_head), sizeof(w));
	if (w.n_ctx != 4)
		errx(1, "%u contexts", w.n_ctx);
	return w.cookie;
}

/* The number behind a name in `stats`. */
static void
print_clients(const char *path, const char *when)
{
	unsigned char answer[GS_WIRE_PACKET_BYTES];
	int fd = dial(path);
	ssize_t n;
	const char *at;

	transmit(fd, pack_get("stats"));
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	(void)close(fd);
	if (n < (ssize_t)sizeof(struct gs_wire_head) + 1)
		errx(1, "no answer");
	answer[n] = '\0';
	at = strstr((const char *)answer + sizeof(struct gs_wire_head) + 1, "\nclients ");
	printf("%s: clients %d\n", when, at == NULL ? -1 : atoi(at + 9));
}

static void
say_foreign_bye(const char *path)
{
	int fd = dial(path);
	uint64_t cookie = join(fd);
	pid_t pid;
	int status;

	print_clients(path, "joined");
	(void)fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		int own = dial(path);

		transmit(own, pack(GS_WIRE_BYE, &cookie, sizeof(cookie)));
		transmit(own, pack_get("node/pid"));
		_exit(strcmp(reaction(own), "GS_OK") == 0 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the other was not answered");
	print_clients(path, "after another's bye");
	cookie++;
	transmit(fd, pack(GS_WIRE_BYE, &cookie, sizeof(cookie)));
	print_clients(path, "after a bye with a wrong cookie");
	cookie--;
	transmit(fd, pack(GS_WIRE_BYE, &cookie, sizeof(cookie)));
	print_clients(path, "after its own bye");
	transmit(fd, pack(GS_WIRE_BYE, &cookie, sizeof(cookie)));
	print_clients(path, "after a second one");
	(void)close(fd);
}

static void
join_twice(const char *path)
{
	int fd = dial(path);

	(void)join(fd);
	transmit(fd, pack_hello(GS_API_MAJOR, 4, "sessions"));
	printf("a second hello: %s\n", reaction(fd));
	(void)close(fd);
}

/* ---- many ---- */

static void
wait_for_end_of_input(void)
{
	char byte;

	(void)printf("ready\n");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void
flood(const char *path, int count)
{
	for (int i = 0; i < count; i++)
		(void)dial(path);
	wait_for_end_of_input();
}

/* Requests with long answers, as many as the socket takes, and nothing is ever read. */
static void
be_deaf(const char *path, int count)
{
	for (int i = 0; i < count; i++) {
		int fd = dial(path);
		size_t len = pack_get(i % 2 == 0 ? "events" : "stats");

		if (i % 4 == 3)
			len = pack_hello(GS_API_MAJOR, 1, "sessions");
		for (int k = 0; k < 200 && send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0; k++)
			;
	}
	wait_for_end_of_input();
}

static void
bring_fds(const char *path, int count)
{
	for (int i = 0; i < count; i++) {
		union {
			struct cmsghdr align;
			unsigned char bytes[CMSG_SPACE(8 * sizeof(int))];
		} control = { .bytes = { 0 } };
		struct iovec iov = { .iov_base = packet, .iov_len = pack_get("node/pid") };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		const int fds[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };
		int fd = dial(path);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
		if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
			err(1, "sendmsg");
		if (i == 0)
			printf("descriptors: %s\n", reaction(fd));
		else
			(void)reaction(fd);
		(void)close(fd);
	}
}

static void
set_as_root(const char *path, const char *name, const char *value)
{
	const struct gs_wire_request r = {
		.verb = GS_VERB_SET, .path_len = (uint32_t)strlen(name), .value_len = (uint32_t)strlen(value),
	};
	char rest[512];
	int fd = dial(path);

	(void)snprintf(rest, sizeof(rest), "%s%s", name, value);
	transmit(fd, pack_request(&r, rest, strlen(rest)));
	printf("set: %s\n", reaction(fd));
	(void)close(fd);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "packets") == 0) {
		try_garbage(argv[2]);
		try_heads(argv[2]);
		try_bodies(argv[2]);
		try_requests(argv[2]);
		try_hellos(argv[2]);
	} else if (strcmp(verb, "foreign-bye") == 0) {
		say_foreign_bye(argv[2]);
	} else if (strcmp(verb, "joins") == 0) {
		join_twice(argv[2]);
	} else if (strcmp(verb, "flood") == 0 && argc == 4) {
		flood(argv[2], atoi(argv[3]));
	} else if (strcmp(verb, "deaf") == 0 && argc == 4) {
		be_deaf(argv[2], atoi(argv[3]));
	} else if (strcmp(verb, "fds") == 0 && argc == 4) {
		bring_fds(argv[2], atoi(argv[3]));
	} else if (strcmp(verb, "set") == 0 && argc == 5) {
		set_as_root(argv[2], argv[3], argv[4]);
	} else {
		errx(2, "usage: liars packets|foreign-bye|joins|flood|deaf|fds|set SOCKET ...");
	}
	return 0;
}

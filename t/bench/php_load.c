/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * php_load.c - how long a request of PHP takes, by where its sessions are.
 *
 *	php_load [-b BATCHES] [-s SESSIONS] [-n REQUESTS] SCRIPT NAME=SOCKET...
 *
 * Each SOCKET is a FastCGI server's, and runs SCRIPT (see php_request.php) with
 * sessions of its own, s0 ... s(SESSIONS-1).  A batch is REQUESTS requests by 1,
 * 4 or 16 clients together, each of a random session that no other client has at
 * that time: nobody waits for another's lock.  Every answer is looked at: it is
 * how often that session has been changed through that server.
 *
 * Strict requests are those of session.use_strict_mode, without which PHP takes
 * any id for a session's: it asks first whether there is such a session.
 *
 * Batches go round the servers, each time beginning with another one, so that
 * whatever else the machine does meanwhile meets all; a ratio is the median of
 * those of neighbours: the first server's time over another one's, of one round.
 * Beside it stands the ratio of the fastest tenths, which is nearer to what a
 * machine that does nothing else would show where this one does.  The last two
 * are of what a session adds: the same, less what a request took of the server
 * "no_session", which has none and is the greater part of a request so short.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST_SERVERS = 16, MOST_BATCHES = 1000, MOST_CLIENTS = 16, MOST_SESSIONS = 1000000, MOST_REQUESTS = 100000, BUFFER_BYTES = 65536 };
enum { FCGI_BEGIN = 1, FCGI_END = 3, FCGI_PARAMS = 4, FCGI_STDIN = 5, FCGI_STDOUT = 6, FCGI_HEAD = 8 };

struct server {
	const char *name;
	struct sockaddr_un at;
	uint32_t *changes;		/* of each session; that session's client only */
	double took[MOST_BATCHES], ratio[MOST_BATCHES];
};

struct plan {
	const char *script;
	uint64_t batches, sessions, requests;
	size_t n_servers;
	struct server servers[MOST_SERVERS];
};

/* One of those that ask at once. */
struct client {
	const struct plan *p;
	struct server *s;
	uint64_t number, clients, requests, seed;
	bool changes, is_strict;
	bool is_first;			/* each session of its own once, in order */
	pthread_t thread;
};

/* Bytes of one connection, out and in. */
struct buffer {
	unsigned char bytes[BUFFER_BYTES];
	size_t len;
};

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(2685821657736338717);
}

/* ---- FastCGI: a connection for each request, as web servers do it by default ---- */

static void
add(struct buffer *b, const void *bytes, size_t len)
{
	if (len > sizeof(b->bytes) - b->len)
		errx(1, "a request is too long");
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void
add_head(struct buffer *b, int type, size_t len)
{
	const unsigned char head[FCGI_HEAD] = { 1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len };

	add(b, head, sizeof(head));
}

static void
add_param(struct buffer *b, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);
	const unsigned char lens[2] = { (unsigned char)name_len, (unsigned char)value_len };

	if (name_len > 127 || value_len > 127)
		errx(1, "%s is too long", value);
	add(b, lens, sizeof(lens));
	add(b, name, name_len);
	add(b, value, value_len);
}

static void
write_request(struct buffer *b, const char *script, const char *query)
{
	static const unsigned char responder[8] = { 0, 1 };
	static struct buffer none;
	struct buffer params;

	params.len = 0;
	add_param(&params, "SCRIPT_FILENAME", script);
	add_param(&params, "SCRIPT_NAME", "/php_request.php");
	add_param(&params, "REQUEST_METHOD", "GET");
	add_param(&params, "SERVER_PROTOCOL", "HTTP/1.1");
	add_param(&params, "QUERY_STRING", query);
	b->len = 0;
	add_head(b, FCGI_BEGIN, sizeof(responder));
	add(b, responder, sizeof(responder));
	add_head(b, FCGI_PARAMS, params.len);
	add(b, params.bytes, params.len);
	add_head(b, FCGI_PARAMS, none.len);
	add_head(b, FCGI_STDIN, none.len);
}

/* Until the server hangs up, which it does after the answer. */
static void
exchange(const struct server *s, const struct buffer *out, struct buffer *in)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	in->len = 0;
	if (fd < 0 || connect(fd, (const struct sockaddr *)&s->at, sizeof(s->at)) != 0 ||
	    send(fd, out->bytes, out->len, MSG_NOSIGNAL) != (ssize_t)out->len)
		err(1, "%s", s->name);
	while ((n = read(fd, in->bytes + in->len, sizeof(in->bytes) - in->len)) > 0)
		in->len += (size_t)n;
	if (n < 0)
		err(1, "%s", s->name);
	(void)close(fd);
}

/* What the script has printed, without the head of HTTP; as a string at the begin of the buffer. */
static const char *
body(struct buffer *in)
{
	size_t at = 0, len, kept = 0;
	char *end;

	while (in->len - at >= FCGI_HEAD) {
		const unsigned char *head = in->bytes + at;

		len = (size_t)head[4] << 8 | head[5];
		if (in->len - at < FCGI_HEAD + len + head[6])
			break;
		at += FCGI_HEAD + len + head[6];
		if (head[1] == FCGI_STDOUT) {
			memmove(in->bytes + kept, head + FCGI_HEAD, len);
			kept += len;
		}
	}
	in->bytes[kept < sizeof(in->bytes) ? kept : sizeof(in->bytes) - 1] = '\0';
	end = strstr((char *)in->bytes, "\r\n\r\n");
	return end == NULL ? "" : end + 4;
}

/* ---- clients ---- */

static void
request(struct client *c, uint64_t session, struct buffer *out, struct buffer *in)
{
	char query[64], want[32];
	const char *got;

	if (c->changes)
		c->s->changes[session]++;
	(void)snprintf(query, sizeof(query), "id=s%" PRIu64 "&change=%d&strict=%d&n=%" PRIu32, session, c->changes, c->is_strict,
	    c->s->changes[session]);
	(void)snprintf(want, sizeof(want), "%" PRIu32, c->s->changes[session]);
	write_request(out, c->p->script, query);
	exchange(c->s, out, in);
	got = body(in);
	if (strcmp(got, want) != 0)
		errx(1, "%s: session s%" PRIu64 " says `%.200s' and not %s", c->s->name, session, got, want);
}

/* A client has every clients-th session. */
static void *
ask(void *arg)
{
	struct client *c = arg;
	uint64_t own = (c->p->sessions - c->number + c->clients - 1) / c->clients, n = c->is_first ? own : c->requests, i;
	struct buffer *out = malloc(sizeof(*out)), *in = malloc(sizeof(*in));

	if (out == NULL || in == NULL)
		errx(1, "out of memory");
	for (i = 0; i < n; i++)
		request(c, c->number + c->clients * (c->is_first ? i : next_random(&c->seed) % own), out, in);
	free(out);
	free(in);
	return NULL;
}

/* Microseconds that each of the clients' requests took. */
static double
batch(const struct plan *p, struct server *s, struct client *clients, uint64_t n)
{
	uint64_t each = (p->requests + n - 1) / n, start = gs_clock_mono_ns(), i;

	for (i = 0; i < n; i++) {
		clients[i].s = s;
		clients[i].requests = each;
		if (pthread_create(&clients[i].thread, NULL, ask, &clients[i]) != 0)
			errx(1, "a thread cannot be started");
	}
	for (i = 0; i < n; i++)
		(void)pthread_join(clients[i].thread, NULL);
	return (double)(gs_clock_mono_ns() - start) / 1e3 / (double)each;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* NULL: there is none. */
static const struct server *
without_session(const struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n_servers; i++)
		if (strcmp(p->servers[i].name, "no_session") == 0)
			return &p->servers[i];
	return NULL;
}

/* Of what the session adds to a request, at one place of the sorted times: the first server's over s's. */
static double
added(const struct plan *p, const struct server *s, const struct server *none, uint64_t at)
{
	double own = s->took[at] - none->took[at];

	return own > 0 ? (p->servers[0].took[at] - none->took[at]) / own : 0;
}

static void
report(struct plan *p, uint64_t n, const char *what)
{
	const struct server *none = without_session(p);
	uint64_t middle = p->batches / 2, tenth = p->batches / 10;
	size_t i;

	for (i = 0; i < p->n_servers; i++) {
		qsort(p->servers[i].ratio, p->batches, sizeof(*p->servers[i].ratio), compare);
		qsort(p->servers[i].took, p->batches, sizeof(*p->servers[i].took), compare);
	}
	for (i = 0; i < p->n_servers; i++) {
		const struct server *s = &p->servers[i];

		(void)printf("%-16s %2" PRIu64 " at once  %-22s %8.1f us   %s over it %.2f (quartiles %.2f and %.2f; fastest tenths: %.1f us, %.2f)",
		    what, n, s->name, s->took[middle], p->servers[0].name,
		    s->ratio[middle], s->ratio[p->batches / 4], s->ratio[p->batches * 3 / 4],
		    s->took[tenth], p->servers[0].took[tenth] / s->took[tenth]);
		if (none != NULL && none != s)
			(void)printf("  added %.2f (%.2f)", added(p, s, none, middle), added(p, s, none, tenth));
		(void)putchar('\n');
	}
	(void)fflush(stdout);
}

static void
init_clients(const struct plan *p, struct client *clients, uint64_t n, bool changes)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		clients[i] = (struct client){ .p = p, .number = i, .clients = n, .changes = changes, .seed = UINT64_C(0x9e3779b97f4a7c15) * (i + 1) };
}

static void
measure(struct plan *p, uint64_t n, bool changes, bool is_strict)
{
	static const char *const whats[2][2] = { { "unchanged", "changed" }, { "unchanged strict", "changed strict" } };
	struct client clients[MOST_CLIENTS];
	uint64_t round;
	size_t i;

	init_clients(p, clients, n, changes);
	for (i = 0; i < n; i++)
		clients[i].is_strict = is_strict;
	for (round = 0; round < p->batches; round++) {
		for (i = 0; i < p->n_servers; i++) {
			struct server *s = &p->servers[(round + i) % p->n_servers];

			s->took[round] = batch(p, s, clients, n);
		}
		for (i = 0; i < p->n_servers; i++)
			p->servers[i].ratio[round] = p->servers[0].took[round] / p->servers[i].took[round];
	}
	report(p, n, whats[is_strict][changes]);
}

/* Every session begins, by as many clients as there are to be: every process of the servers has been asked then. */
static void
begin(struct plan *p)
{
	struct client clients[MOST_CLIENTS];
	size_t i;

	init_clients(p, clients, MOST_CLIENTS, true);
	for (i = 0; i < MOST_CLIENTS; i++)
		clients[i].is_first = true;
	for (i = 0; i < p->n_servers; i++)
		(void)batch(p, &p->servers[i], clients, MOST_CLIENTS);
}

static void
add_server(struct plan *p, char *arg)
{
	struct server *s = &p->servers[p->n_servers++];
	char *path = strchr(arg, '=');

	if (path == NULL || strlen(path + 1) >= sizeof(s->at.sun_path))
		errx(2, "%s: not NAME=SOCKET", arg);
	*path++ = '\0';
	s->name = arg;
	s->at.sun_family = AF_UNIX;
	(void)strcpy(s->at.sun_path, path);
	s->changes = calloc(p->sessions, sizeof(*s->changes));
	if (s->changes == NULL)
		errx(1, "out of memory");
}

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
	uint64_t n = strtoull(text, NULL, 10);

	return n < least ? least : n > most ? most : n;
}

int
main(int argc, char **argv)
{
	static const uint64_t at_once[] = { 1, 4, MOST_CLIENTS };
	static struct plan p = { .batches = 40, .sessions = 5000, .requests = 192 };
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "b:n:s:")) != -1) {
		if (c == 'b')
			p.batches = number(optarg, 1, MOST_BATCHES);
		else if (c == 'n')
			p.requests = number(optarg, 1, MOST_REQUESTS);
		else if (c == 's')
			p.sessions = number(optarg, MOST_CLIENTS, MOST_SESSIONS);
	}
	if (argc - optind < 2 || argc - optind - 1 > MOST_SERVERS)
		errx(2, "usage: php_load [-b BATCHES] [-s SESSIONS] [-n REQUESTS] SCRIPT NAME=SOCKET...");
	p.script = argv[optind];
	for (c = optind + 1; c < argc; c++)
		add_server(&p, argv[c]);
	begin(&p);
	for (i = 0; i < sizeof(at_once) / sizeof(*at_once); i++) {
		for (c = 0; c < 4; c++)
			measure(&p, at_once[i], c % 2 == 1, c >= 2);
	}
	for (i = 0; i < p.n_servers; i++)
		free(p.servers[i].changes);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_impl.h - what server.c, the loop, and peers.c, those who are connected, share; nobody else includes it.
 */
#ifndef GS_DAEMON_SERVER_IMPL_H
#define GS_DAEMON_SERVER_IMPL_H

#include <sys/un.h>

#include "ctl/wire.h"
#include "daemon/clients.h"
#include "daemon/reapers.h"
#include "daemon/server.h"

enum { SERVER_PEERS = 4096 };

/* What an epoll event is about: the upper half says which kind, the lower is an index. */
#define SERVER_TAG_LISTEN (UINT64_C(1) << 32)
#define SERVER_TAG_SIGNAL (UINT64_C(2) << 32)
#define SERVER_TAG_TIMER (UINT64_C(3) << 32)
#define SERVER_TAG_PEER (UINT64_C(4) << 32)
#define SERVER_TAG_PROCESS (UINT64_C(5) << 32)
#define SERVER_TAG_READERS (UINT64_C(6) << 32)
#define SERVER_TAG_EVENTS (UINT64_C(7) << 32)
#define SERVER_TAG_TOKENS (UINT64_C(8) << 32)
#define SERVER_TAG_MASK (~UINT64_C(0) << 32)

/* A request to remove something, which is asked again until it is done. */
struct removing {
	struct tree_request r;
	char path[GS_WIRE_PATH_BYTES];
	struct tree_removal removal;
};

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
	struct removing *removing;	/* a REMOVE, or NULL */
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
	uint32_t n_removing;		/* of these, with something that is being removed */
	int last_removing;		/* whose turn it was */
	uint64_t last_serial;
	unsigned char packet[GS_WIRE_PACKET_BYTES];
	struct peer peer[SERVER_PEERS];
};

/* Somebody knocks. */
void peers_accept(struct server *s);
/* What was waited for has come, or the time is over: to all whom that concerns. */
void peers_answer_waiting(struct server *s);
/* Go on with what is being removed, some ms of one. Nothing where s->n_removing is 0. */
void peers_go_on(struct server *s);
/* End a connection, whatever it waits for. */
void peers_drop(struct server *s, struct peer *p);
/* Take what a peer sent, and do it. */
void peers_read(struct server *s, struct peer *p);
/* Send the next packets of an answer until it is out or the peer's buffer is full. */
void peers_send_reply(struct server *s, struct peer *p);

#endif

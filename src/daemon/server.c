/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/clients.h"
#include "daemon/door.h"
#include "daemon/drain.h"
#include "daemon/jobs.h"
#include "daemon/namespaces.h"
#include "daemon/readers.h"
#include "daemon/roles.h"
#include "daemon/server_impl.h"
#include "daemon/stores.h"
#include "daemon/sweep.h"
#include "daemon/tokens.h"
#include "prog/log.h"
#include "prog/process.h"

enum { EVENTS_AT_ONCE = 64 };

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
	namespaces_tick(s->m);
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
		peers_answer_waiting(s);
}

static void
handle_event(struct server *s, const struct epoll_event *ev)
{
	uint32_t index = (uint32_t)ev->data.u64;

	switch (ev->data.u64 & SERVER_TAG_MASK) {
	case SERVER_TAG_LISTEN:
		peers_accept(s);
		return;
	case SERVER_TAG_SIGNAL:
		handle_signal(s);
		return;
	case SERVER_TAG_TIMER:
		handle_timer(s);
		return;
	case SERVER_TAG_PROCESS:
		jobs_poll(s->m->jobs);
		clients_died(s->clients, index);
		roles_tick(s->m);
		return;
	case SERVER_TAG_TOKENS:
		tokens_round(s->m->tokens);
		return;
	case SERVER_TAG_READERS:
		readers_round(s->m->readers);
		return;
	case SERVER_TAG_EVENTS:
		handle_drain(s);
		return;
	case SERVER_TAG_PEER:
		if (s->peer[index].fd < 0)
			return;		/* dropped by an event before this one */
		if (s->peer[index].text != NULL)
			peers_send_reply(s, &s->peer[index]);
		else
			peers_read(s, &s->peer[index]);
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
		n = epoll_wait(s->epoll_fd, ev, EVENTS_AT_ONCE, s->n_removing > 0 || sweep_has_more(s->m) ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return GS_ESYSTEM;
		/* What a process said before it ended is heard before its end. */
		for (int i = 0; i < n; i++)
			if ((ev[i].data.u64 & SERVER_TAG_MASK) != SERVER_TAG_PROCESS)
				handle_event(s, &ev[i]);
		for (int i = 0; i < n; i++)
			if ((ev[i].data.u64 & SERVER_TAG_MASK) == SERVER_TAG_PROCESS)
				handle_event(s, &ev[i]);
		peers_go_on(s);
		sweep_go_on(s->m);
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
	if (add_fd(s, s->listen_fd, SERVER_TAG_LISTEN) < 0 || add_fd(s, s->signal_fd, SERVER_TAG_SIGNAL) < 0)
		return GS_ESYSTEM;
	if (open_timer(s, &s->drain_fd, DRAIN_PERIOD_MS, SERVER_TAG_EVENTS) < 0)
		return GS_ESYSTEM;
	return open_timer(s, &s->timer_fd, SWEEP_PERIOD_MS, SERVER_TAG_TIMER);
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
	for (int i = 0; i < SERVER_PEERS; i++)
		s->peer[i].fd = -1;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->clients = clients_new(m, s->epoll_fd, SERVER_TAG_PROCESS);
	m->readers = readers_new(m, s->epoll_fd, SERVER_TAG_READERS);
	m->jobs = s->clients == NULL ? NULL : jobs_new(m, s->clients);
	rc = s->epoll_fd < 0 || m->jobs == NULL || m->readers == NULL ? GS_ESYSTEM : open_door(s, path, why);
	if (rc == 0) {
		rc = open_sources(s);
		if (rc == 0)
			rc = tokens_open(&m->tokens, m, s->epoll_fd, SERVER_TAG_TOKENS);
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
	for (int i = 0; i < SERVER_PEERS; i++)
		if (s->peer[i].fd >= 0)
			peers_drop(s, &s->peer[i]);
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

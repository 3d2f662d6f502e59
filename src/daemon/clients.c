/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/clients.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "daemon/events.h"
#include "daemon/host.h"
#include "daemon/readers.h"
#include "prog/log.h"
#include "shm/crowd.h"
#include "shm/logout.h"
#include "shm/region.h"

enum {
	MAX_PROCESSES = GS_MAX_CTX,
	RECOVER_TICKS = 40,		/* how long a living client may have a dead one's slot in its list before that is its own affair */
};

#define BIRTHS (UINT32_MAX / MAX_PROCESSES)

struct process {
	int pidfd;			/* -1: unused */
	uint32_t birth;			/* differs between processes that have this place one after the other */
	uint32_t pid;
	uint64_t starttime;
};

struct clients {
	struct manager *m;
	int epoll_fd;
	uint64_t tag;
	struct process process[MAX_PROCESSES];
	uint8_t n_tries[GS_CONF_TABLES][GS_MAX_CTX];	/* of a dead context: ticks since it died */
};

/* ---- processes ---- */

/* Field 22 of /proc/PID/stat; 0 when there is no such process. The name in field 2 may hold blanks and parentheses. */
static uint64_t
starttime_of(uint32_t pid)
{
	char path[64], line[1024], *p;
	unsigned long long start = 0;
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	n = fread(line, 1, sizeof(line) - 1, f);
	(void)fclose(f);
	line[n] = '\0';
	p = strrchr(line, ')');
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start) != 1)
		return 0;
	return start;
}

uint64_t
clients_process(uint32_t pid, uint64_t starttime)
{
	/* A pid has at most 22 bits. */
	return starttime << 22 | pid;
}

static bool
has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static struct process *
find_process(struct clients *c, uint32_t pid, uint64_t starttime)
{
	for (uint32_t i = 0; i < MAX_PROCESSES; i++)
		if (c->process[i].pidfd >= 0 && c->process[i].pid == pid && c->process[i].starttime == starttime)
			return &c->process[i];
	return NULL;
}

/*
 * Watch a process, if it is the one that started then. NULL when it is gone.
 * The pidfd is opened first and the start time read after it; if the process
 * has not ended by then, both belong to it.
 */
static struct process *
watch_process(struct clients *c, uint32_t pid, uint64_t starttime)
{
	struct process *p = find_process(c, pid, starttime);
	struct epoll_event ev = { .events = EPOLLIN };
	uint32_t birth;
	int pidfd;

	if (p != NULL)
		return p;
	for (p = c->process; p < c->process + MAX_PROCESSES && p->pidfd >= 0; p++)
		;
	if (p == c->process + MAX_PROCESSES)
		return NULL;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return NULL;
	birth = (p->birth + 1) % BIRTHS;
	ev.data.u64 = c->tag | (uint64_t)birth * MAX_PROCESSES | (uint64_t)(p - c->process);
	if (starttime_of(pid) != starttime || has_ended(pidfd) || epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, pidfd, &ev) < 0) {
		(void)close(pidfd);
		return NULL;
	}
	*p = (struct process){ .pidfd = pidfd, .birth = birth, .pid = pid, .starttime = starttime };
	c->m->n_clients++;
	host_tell(c->m);
	return p;
}

static void
forget_process(struct clients *c, struct process *p)
{
	(void)close(p->pidfd);
	p->pidfd = -1;
	c->m->n_clients--;
	host_tell(c->m);
}

/* ---- contexts ---- */

/* Take back what a context holds; its number may be granted anew when nothing is left, at once or after some ticks. */
static uint32_t
recover(struct clients *c, size_t table, uint32_t id)
{
	struct gs_table *t = c->m->tables[table].shm;
	uint8_t *n_tries = &c->n_tries[table][id];
	uint32_t mended;

	/* release; pairs with the acquire in gs_slots_is_listed: the dead list nothing */
	atomic_store_explicit(&t->ctl->reg[id].state, GS_CTX_DEAD, memory_order_release);
	watch_page(t, &c->m->tables[table].ctx, id, c->m->events);
	gs_logout_recover(t, &c->m->tables[table].ctx, id);
	mended = gs_recover_ctx(t, id);
	/* Behind it: an entry that the dead one left tentative is no session. */
	gs_crowd_recover(t, &c->m->tables[table].ctx, id, gs_table_now_ms(t));
	if (!gs_recover_is_done(t, id) && ++*n_tries < RECOVER_TICKS)
		return mended;
	gs_recover_forget(t, id);
	*n_tries = 0;
	atomic_store_explicit(&t->ctl->reg[id].state, GS_CTX_UNUSED, memory_order_release);
	return mended;
}

static uint32_t
state_of(const struct gs_table *t, uint32_t id)
{
	return atomic_load_explicit(&t->ctl->reg[id].state, memory_order_relaxed);
}

/* Recover the contexts of a table that a process had. Returns how many. */
static uint32_t
recover_of(struct clients *c, size_t table, uint32_t pid, uint64_t starttime, uint32_t *mended)
{
	struct gs_table *t = c->m->tables[table].shm;
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed), n = 0;

	for (uint32_t id = GS_DAEMON_CTX + 1; id < used; id++) {
		struct gs_ctx_reg *reg = &t->ctl->reg[id];

		if (state_of(t, id) != GS_CTX_LIVE || reg->pid != pid || reg->starttime != starttime)
			continue;
		*mended += recover(c, table, id);
		n++;
	}
	return n;
}

static void
recover_process(struct clients *c, uint32_t pid, uint64_t starttime)
{
	uint32_t n = 0, mended = 0;

	/* As a reader it left nothing that is to be mended. */
	(void)readers_died(c->m->readers, &(struct readers_owner){ .pid = pid, .starttime = starttime });
	for (size_t i = 0; i < c->m->conf.n_tables; i++) {
		uint32_t of_table = recover_of(c, i, pid, starttime, &mended);

		n += of_table;
		/* A tentative entry is found by its context's op_entry; a place reserved by nobody only by counting. */
		if (of_table > 0)
			c->m->tables[i].wants_recount = true;
	}
	if (n == 0)
		return;
	c->m->clients_recovered++;
	host_tell(c->m);
	log_info("client %u: recovered (contexts %u, slots %u)", pid, n, mended);
	events_add_often(c->m->events, "recovered", "pid=%u contexts=%u slots=%u", pid, n, mended);
}

void
clients_adopt(struct clients *c)
{
	for (size_t i = 0; i < c->m->conf.n_tables; i++) {
		struct gs_table *t = c->m->tables[i].shm;
		uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);

		for (uint32_t id = GS_DAEMON_CTX + 1; id < used && id < GS_MAX_CTX; id++) {
			struct gs_ctx_reg *reg = &t->ctl->reg[id];

			if (state_of(t, id) == GS_CTX_LIVE && watch_process(c, reg->pid, reg->starttime) == NULL)
				recover_process(c, reg->pid, reg->starttime);
		}
	}
}

void
clients_tick(struct clients *c)
{
	for (size_t i = 0; i < c->m->conf.n_tables; i++) {
		struct gs_table *t = c->m->tables[i].shm;
		uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);

		for (uint32_t id = GS_DAEMON_CTX + 1; id < used && id < GS_MAX_CTX; id++)
			if (state_of(t, id) == GS_CTX_DEAD)
				(void)recover(c, i, id);
	}
}

void
clients_died(struct clients *c, uint32_t index)
{
	struct process *p = &c->process[index % MAX_PROCESSES];
	uint32_t pid = p->pid;
	uint64_t starttime = p->starttime;

	/* The place may be another's since the event was fetched: the process said good-bye, and one that came has it now. */
	if (p->pidfd < 0 || p->birth != index / MAX_PROCESSES)
		return;
	forget_process(c, p);
	recover_process(c, pid, starttime);
}

/* A context number that is unused; 0 when there is none. */
static uint32_t
unused_ctx(const struct gs_table *t, uint32_t from)
{
	for (uint32_t id = from; id < GS_MAX_CTX; id++)
		if (state_of(t, id) == GS_CTX_UNUSED)
			return id;
	return 0;
}

static int
grant_one(struct gs_table *t, uint32_t id, const struct process *p, const struct manager_caller *who, uint64_t cookie)
{
	struct gs_ctx_reg *reg = &t->ctl->reg[id];
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);
	int rc = gs_region_commit(t->ctx_fd, (uint64_t)id * GS_CTX_BYTES, GS_CTX_BYTES);

	if (rc < 0)
		return rc;
	reg->pid = p->pid;
	reg->starttime = p->starttime;
	reg->uid = who->uid;
	reg->cookie = cookie;
	/* release; pairs with the acquire loads of n_ctx_used and of state: whoever sees it in use sees a clean page */
	if (id >= used)
		atomic_store_explicit(&t->ctl->n_ctx_used, id + 1, memory_order_release);
	atomic_store_explicit(&reg->state, GS_CTX_LIVE, memory_order_release);
	return 0;
}

int
clients_grant(struct clients *c, size_t table, const struct manager_caller *who, uint32_t n, struct gs_wire_welcome *out)
{
	struct gs_table *t = c->m->tables[table].shm;
	struct process *p = watch_process(c, (uint32_t)who->pid, starttime_of((uint32_t)who->pid));
	uint32_t id = GS_DAEMON_CTX + 1;
	int rc = gs_random_bytes(&out->cookie, sizeof(out->cookie));

	if (p == NULL)
		return GS_EBUSY;
	out->process = clients_process(p->pid, p->starttime);
	for (out->n_ctx = 0; rc == 0 && out->n_ctx < n; id++) {
		id = unused_ctx(t, id);
		if (id == 0)
			break;
		rc = grant_one(t, id, p, who, out->cookie);
		if (rc == 0)
			out->ctx[out->n_ctx++] = id;
	}
	return rc < 0 && out->n_ctx == 0 ? rc : (int)out->n_ctx;
}

int
clients_grant_reader(struct clients *c, size_t table, const struct manager_caller *who, uint32_t n, struct gs_wire_welcome *out)
{
	struct process *p = watch_process(c, (uint32_t)who->pid, starttime_of((uint32_t)who->pid));
	int rc = gs_random_bytes(&out->cookie, sizeof(out->cookie));
	struct readers_owner owner;

	if (p == NULL)
		return GS_EBUSY;
	owner = (struct readers_owner){ .pid = p->pid, .uid = who->uid, .starttime = p->starttime };
	out->n_ctx = n;
	return rc < 0 ? rc : readers_grant(c->m->readers, table, &owner, n, out->cookie);
}

/* Does a process still have contexts anywhere? */
static bool
has_contexts(const struct clients *c, const struct process *p)
{
	if (readers_has(c->m->readers, &(struct readers_owner){ .pid = p->pid, .starttime = p->starttime }))
		return true;
	for (size_t i = 0; i < c->m->conf.n_tables; i++) {
		const struct gs_table *t = c->m->tables[i].shm;
		uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed);

		for (uint32_t id = GS_DAEMON_CTX + 1; id < used; id++)
			if (state_of(t, id) == GS_CTX_LIVE && t->ctl->reg[id].pid == p->pid && t->ctl->reg[id].starttime == p->starttime)
				return true;
	}
	return false;
}

/* Take back a table's contexts that a process was granted with a cookie. Returns how many; *starttime is when it began. */
static uint32_t
release_of(struct clients *c, size_t table, uint32_t pid, uint64_t cookie, uint64_t *starttime)
{
	struct gs_table *t = c->m->tables[table].shm;
	uint32_t used = atomic_load_explicit(&t->ctl->n_ctx_used, memory_order_relaxed), n = 0;

	for (uint32_t id = GS_DAEMON_CTX + 1; id < used; id++) {
		struct gs_ctx_reg *reg = &t->ctl->reg[id];

		if (state_of(t, id) != GS_CTX_LIVE || reg->pid != pid || reg->cookie != cookie)
			continue;
		*starttime = reg->starttime;
		/* Who detaches is in no operation, so no place that it reserved is left to be counted. */
		(void)recover(c, table, id);
		n++;
	}
	return n;
}

uint32_t
clients_release(struct clients *c, int32_t pid, uint64_t cookie)
{
	uint64_t starttime = 0;
	struct process *p;
	uint32_t n = readers_release(c->m->readers, (uint32_t)pid, cookie, &starttime);

	/* The process may have ended meanwhile, so /proc is not asked: the cookie tells it from one that has its pid now. */
	for (size_t i = 0; i < c->m->conf.n_tables; i++)
		n += release_of(c, i, (uint32_t)pid, cookie, &starttime);
	p = n > 0 ? find_process(c, (uint32_t)pid, starttime) : NULL;
	if (p != NULL && !has_contexts(c, p))
		forget_process(c, p);
	return n;
}

struct clients *
clients_new(struct manager *m, int epoll_fd, uint64_t tag)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->m = m;
	c->epoll_fd = epoll_fd;
	c->tag = tag;
	for (uint32_t i = 0; i < MAX_PROCESSES; i++)
		c->process[i] = (struct process){ .pidfd = -1 };
	return c;
}

void
clients_free(struct clients **cp)
{
	struct clients *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < MAX_PROCESSES; i++)
		if (c->process[i].pidfd >= 0)
			(void)close(c->process[i].pidfd);
	free(c);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_historian.c - the process that has each epoch of the hot keys explained, call by call.
 *
 * An epoch has keys of its own, so its histories begin with no session and
 * stay short; the next one goes on while one is checked.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/torture_impl.h"
#include "lab/torture_value.h"

enum {
	EPOCH_MS = 250,			/* at most; less when the logs are full */
	CALLS = TORTURE_WORKERS * TORTURE_LOG_OPS + 1,
	SEARCH_BYTES = 256 << 20,
	SHOWN = 24,			/* calls around the one that is not explained */
};

struct historian {
	struct torture_shared *sh;
	struct gs *gs;
	struct history_op ops[CALLS];
	uint32_t who[CALLS];
	size_t n;
	unsigned char value[TORTURE_VALUE_MAX];
};

static bool
are_logs_full(struct torture_shared *sh, uint64_t epoch)
{
	for (int i = 0; i < TORTURE_WORKERS; i++)
		if (atomic_load(&sh->worker[i].log[epoch % TORTURE_LOGS].n) < TORTURE_LOG_OPS)
			return false;
	return true;
}

/* Is a worker still in a call of an epoch that was closed? Stopped ones are continued soon, killed ones settled. */
static bool
is_busy(struct torture_shared *sh, uint64_t epoch)
{
	for (int i = 0; i < TORTURE_WORKERS; i++)
		if (atomic_load(&sh->worker[i].epoch) == epoch)
			return true;
	return false;
}

static bool
wait_until_quiet(struct torture_shared *sh, uint64_t epoch)
{
	uint64_t until_ms = gs_clock_mono_ms() + TORTURE_PATIENCE_MS;

	while (is_busy(sh, epoch)) {
		if (gs_clock_mono_ms() > until_ms) {
			torture_found(sh, TORTURE_WRONG, "a call on a hot key does not end");
			return false;
		}
		(void)poll(NULL, 0, 1);
	}
	return true;
}

static void
let_it_go_on(struct torture_shared *sh, uint64_t epoch)
{
	uint64_t until_ms = gs_clock_mono_ms() + EPOCH_MS;

	while (gs_clock_mono_ms() < until_ms && !are_logs_full(sh, epoch) && atomic_load(&sh->must_stop) == 0)
		(void)poll(NULL, 0, TORTURE_POLL_MS);
}

static void
collect(struct historian *h, uint64_t epoch, uint32_t key)
{
	h->n = 0;
	for (int i = 0; i < TORTURE_WORKERS; i++) {
		const struct torture_log *log = &h->sh->worker[i].log[epoch % TORTURE_LOGS];
		uint32_t n = atomic_load(&log->n);

		for (uint32_t k = 0; k < n; k++)
			if (log->call[k].key == key) {
				h->who[h->n] = log->call[k].who;
				h->ops[h->n++] = log->call[k].op;
			}
	}
}

/* How it is in the end belongs to the history; then it is ended. */
static void
look_and_end(struct historian *h, uint64_t epoch, uint32_t key)
{
	struct history_op *op = &h->ops[h->n];
	char name[TORTURE_KEY_BYTES];
	size_t len = torture_key(name, 'h', torture_hot_number(epoch, key));
	ssize_t rc;

	*op = (struct history_op){ .kind = HISTORY_READ, .began_ns = gs_clock_mono_ns() };
	rc = gs_peek(h->gs, name, len, h->value, sizeof(h->value), NULL);
	op->ended_ns = gs_clock_mono_ns();
	op->answer = rc < 0 ? HISTORY_ABSENT : HISTORY_DONE;
	op->value = rc < 0 ? 0 : torture_value_number(h->value, (size_t)rc, 'h', torture_hot_number(epoch, key));
	if (rc >= 0 && op->value == 0)
		torture_found(h->sh, TORTURE_TORN, "hot %.20s has a value that is not whole (%zd bytes)", name, rc);
	else if (rc < 0 && rc != GS_ENOENT)
		torture_found(h->sh, TORTURE_WRONG, "peek of hot %.20s: %s", name, gs_errname((int)rc));
	else
		h->who[h->n++] = TORTURE_WORKERS;
	rc = gs_del(h->gs, name, len, 0);
	if (rc < 0 && rc != GS_ENOENT)
		torture_found(h->sh, TORTURE_WRONG, "del of hot %.20s: %s", name, gs_errname((int)rc));
}

/* The calls that overlap with the one that no order explains, and those just before it. */
static void
show(struct historian *h, uint64_t epoch, uint32_t key, size_t stuck)
{
	static const char *const kinds[] = { "read", "put", "add", "swap", "del", "del_if", "look" };
	static const char *const answers[] = { "killed", "done", "started", "absent", "exists", "conflict", "nothing" };
	const struct history_op *s = &h->ops[stuck];
	int shown = 0;

	torture_found(h->sh, TORTURE_LOST, "no order explains epoch %" PRIu64 " of hot key %u: %zu calls, the one of %" PRIu64 " on", epoch, key, h->n,
	    s->began_ns);
	for (size_t i = 0; i < h->n && shown < SHOWN; i++) {
		const struct history_op *o = &h->ops[i];

		if (o->began_ns > s->ended_ns || o->ended_ns + 200000 < s->began_ns || o->answer == HISTORY_NOTHING)
			continue;
		shown++;
		/* Told, but not counted again. */
		torture_found(h->sh, TORTURE_VERDICTS, "  worker %u from %" PRIu64 " to %" PRIu64 ": %s %" PRIu64 " expecting %" PRIu64 ": %s%s", h->who[i],
		    o->began_ns, o->ended_ns, kinds[o->kind], o->value, o->expected, answers[o->answer], i == stuck ? " <-" : "");
	}
}

static void
check(struct historian *h, uint64_t epoch, uint32_t key)
{
	size_t stuck = 0;
	int rc;

	collect(h, epoch, key);
	look_and_end(h, epoch, key);
	torture_count(&h->sh->historian, TORTURE_HISTORY, 1);
	torture_count(&h->sh->historian, TORTURE_HISTORY_OP, h->n);
	rc = history_check(h->ops, h->n, SEARCH_BYTES, &stuck);
	if (rc == HISTORY_UNEXPLAINED)
		show(h, epoch, key, stuck);
	else if (rc == HISTORY_UNDECIDED)
		torture_count(&h->sh->historian, TORTURE_UNDECIDED, 1);
	else if (rc < 0)
		torture_found(h->sh, TORTURE_WRONG, "checking a history: %s", gs_strerror(rc));
}

int
torture_historian(struct torture_shared *sh)
{
	static struct historian h;
	uint64_t epoch = 1;

	h.sh = sh;
	h.gs = torture_attach(sh, GS_ROLE_WRITER);
	if (h.gs == NULL)
		return 1;
	atomic_store(&sh->epoch, epoch);
	while (epoch != 0) {
		uint64_t next;

		let_it_go_on(sh, epoch);
		next = atomic_load(&sh->must_stop) == 0 ? epoch + 1 : 0;
		atomic_store(&sh->epoch, next);
		if (!wait_until_quiet(sh, epoch))
			break;
		for (uint32_t key = 0; key < TORTURE_HOT_KEYS; key++)
			check(&h, epoch, key);
		for (int i = 0; i < TORTURE_WORKERS; i++)
			atomic_store(&sh->worker[i].log[epoch % TORTURE_LOGS].n, 0);
		epoch = next;
	}
	gs_detach(&h.gs);
	return 0;
}

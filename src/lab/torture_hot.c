/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/clock.h"
#include "lab/torture_impl.h"
#include "lab/torture_plan.h"
#include "lab/torture_value.h"


/* A call under way: where it is written down, and its key. */
struct calling {
	struct torture_hot *h;
	struct history_op *op;
	uint64_t key_number;
	char key[TORTURE_KEY_BYTES];
	size_t len;
	unsigned char value[TORTURE_VALUE_MAX];
};

uint64_t
torture_hot_number(uint64_t epoch, uint32_t key)
{
	return epoch * TORTURE_HOT_KEYS + key;
}

static uint64_t
draw(struct torture_hot *h, uint64_t below)
{
	return torture_random(h->random) % below;
}

/* ---- the log ---- */

/* Be in the epoch that goes on, unless it ends at this moment. 0: there is none. */
static uint64_t
enter_epoch(struct torture_hot *h)
{
	uint64_t epoch = atomic_load(&h->sh->epoch);

	if (epoch == 0)
		return 0;
	/* seq_cst; the historian closes the epoch and then looks who is in it */
	atomic_store(&h->slot->epoch, epoch);
	if (atomic_load(&h->sh->epoch) == epoch)
		return epoch;
	atomic_store(&h->slot->epoch, 0);
	return 0;
}

/* Write a call down before it is made: whatever happens now, the log has it. */
static void
begin_call(struct calling *c, enum history_kind kind, uint64_t expected)
{
	struct history_op *op = c->op;

	op->kind = kind;
	op->answer = HISTORY_PENDING;
	op->expected = expected;
	op->began_ns = gs_clock_mono_ns();
	op->ended_ns = UINT64_MAX;
}

static void
end_call(struct calling *c, enum history_answer answer)
{
	c->op->ended_ns = gs_clock_mono_ns();
	/* The answer makes it whole: a kill before it leaves the call pending, and settles its end anew. */
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uint32_t *)&c->op->answer = answer;
}

void
torture_hot_settle(struct torture_slot *slot, uint64_t now_ns)
{
	for (int i = 0; i < TORTURE_LOGS; i++) {
		struct torture_log *log = &slot->log[i];
		uint32_t n = atomic_load(&log->n);

		if (n > 0 && log->call[n - 1].op.answer == HISTORY_PENDING)
			log->call[n - 1].op.ended_ns = now_ns;
	}
	atomic_store(&slot->epoch, 0);
}

/* What an answer of the library is in a history. */
static enum history_answer
answer_of(struct calling *c, const char *what, ssize_t rc)
{
	switch (rc) {
	case GS_ENOENT:
		return HISTORY_ABSENT;
	case GS_EEXIST:
		return HISTORY_EXISTS;
	case GS_ECONFLICT:
		return HISTORY_CONFLICT;
	case GS_ENOSPC:
	case GS_EAGAIN:
	case GS_EQUARANTINE:
		torture_count(c->h->slot, TORTURE_REFUSED, 1);
		return HISTORY_NOTHING;
	default:
		if (rc >= 0)
			return HISTORY_DONE;
		torture_found(c->h->sh, TORTURE_WRONG, "worker %u: %s of hot %.20s: %s", c->h->id, what, c->key, gs_errname((int)rc));
		return HISTORY_NOTHING;
	}
}

/* ---- calls ---- */

/* The number in a value that was read; what is not whole is a finding, and no part of the history. */
static uint64_t
number_in(struct calling *c, const void *value, size_t len)
{
	uint64_t number = torture_value_number(value, len, 'h', c->key_number);

	if (number == 0)
		torture_found(c->h->sh, TORTURE_TORN, "worker %u: hot %.20s has a value that is not whole (%zu bytes)", c->h->id, c->key, len);
	return number;
}

static enum history_answer
read_hot(struct calling *c, struct gs_info *info, bool peeks)
{
	enum history_answer answer;
	ssize_t rc;

	begin_call(c, HISTORY_READ, 0);
	rc = peeks ? gs_peek(c->h->gs, c->key, c->len, c->value, sizeof(c->value), info) :
	    gs_get(c->h->gs, c->key, c->len, c->value, sizeof(c->value), info);
	c->op->ended_ns = gs_clock_mono_ns();
	answer = answer_of(c, "get", rc);
	c->op->value = rc < 0 ? 0 : number_in(c, c->value, (size_t)rc);
	if (rc >= 0 && c->op->value == 0)
		answer = HISTORY_NOTHING;
	end_call(c, answer);
	torture_count(c->h->slot, peeks ? TORTURE_PEEK : TORTURE_GET, 1);
	return answer;
}

static void
put_hot(struct calling *c, uint64_t number, bool is_add)
{
	size_t len = torture_value_make(c->value, 'h', c->key_number, number);
	int rc;

	c->op->value = number;
	begin_call(c, is_add ? HISTORY_ADD : HISTORY_PUT, 0);
	rc = is_add ? gs_add(c->h->gs, c->key, c->len, c->value, len, NULL) : gs_put(c->h->gs, c->key, c->len, c->value, len, NULL);
	end_call(c, rc == 1 ? HISTORY_STARTED : answer_of(c, is_add ? "add" : "put", rc));
	torture_count(c->h->slot, is_add ? TORTURE_ADD : TORTURE_PUT, 1);
}

static ssize_t
next_value(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	struct calling *c = arg;

	/* If we die now, this is the one that it may have replaced. */
	c->op->expected = number_in(c, old, old_len);
	return cap < TORTURE_VALUE_MAX ? GS_EFBIG : (ssize_t)torture_value_make(out, 'h', c->key_number, c->op->value);
}

static void
update_hot(struct calling *c, uint64_t number)
{
	ssize_t rc;

	c->op->value = number;
	begin_call(c, HISTORY_SWAP, 0);
	rc = gs_update(c->h->gs, c->key, c->len, next_value, c);
	end_call(c, answer_of(c, "update", rc));
	torture_count(c->h->slot, TORTURE_UPDATE, 1);
}

/* ---- one after the other ---- */

/* A place in the log for one more call, on a hot key; false when it is full. */
static bool
next_call(struct calling *c, uint64_t epoch, uint32_t key, uint64_t *number)
{
	struct torture_log *log = &c->h->slot->log[epoch % TORTURE_LOGS];
	uint32_t n = atomic_load(&log->n);

	if (n == TORTURE_LOG_OPS)
		return false;
	/* Nobody else writes this number, to whatever key: it says where in which log the call is. */
	*number = (epoch * TORTURE_WORKERS + c->h->id) * TORTURE_LOG_OPS + n + 1;
	log->call[n].key = key;
	log->call[n].who = c->h->id;
	log->call[n].op = (struct history_op){ .answer = HISTORY_NOTHING };
	c->op = &log->call[n].op;
	atomic_store(&log->n, n + 1);
	return true;
}

/* Read, and write or end what was read only if it is still that. */
static void
compare_and_act(struct calling *c, uint64_t epoch, uint32_t key)
{
	struct gs_put_options opt = { .size = sizeof(opt) };
	bool ends = draw(c->h, 4) == 0;
	struct gs_info info;
	uint64_t was, number;
	size_t len;
	int rc;

	if (read_hot(c, &info, true) != HISTORY_DONE)
		return;
	was = c->op->value;
	if (!next_call(c, epoch, key, &number))
		return;
	c->op->value = ends ? 0 : number;
	opt.if_version = info.version;
	len = torture_value_make(c->value, 'h', c->key_number, number);
	begin_call(c, ends ? HISTORY_DEL_IF : HISTORY_SWAP, was);
	rc = ends ? gs_del(c->h->gs, c->key, c->len, info.version) : gs_put(c->h->gs, c->key, c->len, c->value, len, &opt);
	end_call(c, answer_of(c, "if_version", rc));
	torture_count(c->h->slot, ends ? TORTURE_DEL_IF : TORTURE_SWAP, 1);
}

/* Touch or move: whether it is there is all that they say. */
static void
look_hot(struct calling *c, bool moves)
{
	const char *ring = torture_rings[draw(c->h, TORTURE_RINGS - 1)];
	int rc;

	begin_call(c, HISTORY_LOOK, 0);
	rc = moves ? gs_move(c->h->gs, c->key, c->len, ring) : gs_touch(c->h->gs, c->key, c->len, 0);
	end_call(c, answer_of(c, moves ? "move" : "touch", rc));
	torture_count(c->h->slot, moves ? TORTURE_MOVE : TORTURE_TOUCH, 1);
}

static void
end_hot(struct calling *c)
{
	begin_call(c, HISTORY_DEL, 0);
	end_call(c, answer_of(c, "del", gs_del(c->h->gs, c->key, c->len, 0)));
	torture_count(c->h->slot, TORTURE_DEL, 1);
}

/* Half of the keys are ended as often as they are started, so that many start them at once. */
static void
act_briefly(struct calling *c, uint64_t number)
{
	uint64_t r = draw(c->h, 100);

	if (r < 30)
		put_hot(c, number, r < 15);
	else if (r < 60)
		end_hot(c);
	else if (r < 85)
		(void)read_hot(c, NULL, r < 70);
	else
		update_hot(c, number);
}

static void
act(struct calling *c, uint64_t epoch, uint32_t key, uint64_t number)
{
	uint64_t r = draw(c->h, c->h->is_reader ? 30 : 100);

	if (key % 2 == 1 && !c->h->is_reader)
		act_briefly(c, number);
	else if (r < 30)
		(void)read_hot(c, NULL, r < 8);
	else if (r < 45)
		put_hot(c, number, false);
	else if (r < 52)
		put_hot(c, number, true);
	else if (r < 66)
		update_hot(c, number);
	else if (r < 78)
		compare_and_act(c, epoch, key);
	else if (r < 83)
		end_hot(c);
	else
		look_hot(c, r >= 88);
}

void
torture_hot_once(struct torture_hot *h)
{
	static struct calling c;
	uint64_t epoch = enter_epoch(h), number;
	uint32_t key = (uint32_t)draw(h, TORTURE_HOT_KEYS);

	if (epoch == 0)
		return;
	c.h = h;
	c.key_number = torture_hot_number(epoch, key);
	c.len = torture_key(c.key, 'h', c.key_number);
	if (next_call(&c, epoch, key, &number))
		act(&c, epoch, key, number);
	atomic_store(&h->slot->epoch, 0);
}

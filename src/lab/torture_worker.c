/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lab/torture_impl.h"
#include "lab/torture_plan.h"
#include "lab/torture_value.h"

enum {
	MANY = 16,			/* keys of a multi_get, sessions of a step of a scan */
	SUSPECT_ONE_IN = 24,		/* moves that go to the suspects */
	TTL_MS = 864000000,		/* longer than any run */
};

struct worker {
	struct torture_shared *sh;
	struct torture_slot *slot;
	uint32_t id;
	uint64_t random;
	struct gs *gs;
	struct torture_hot hot;
	unsigned char value[TORTURE_VALUE_MAX];
	unsigned char many[MANY][TORTURE_VALUE_MAX];
};

/* A key, its name and its journal as it was before the call. */
struct look {
	uint32_t number;
	struct torture_key_journal *journal;
	struct torture_before before;
	char key[TORTURE_KEY_BYTES];
	size_t len;
};

static uint64_t
draw(struct worker *w, uint64_t below)
{
	return torture_random(&w->random) % below;
}

static void
begin(struct worker *w, struct look *l, uint32_t number)
{
	l->number = number;
	l->journal = &w->sh->key[number];
	l->len = torture_key(l->key, 'o', number);
	torture_journal_before(l->journal, &l->before);
}

static void
report(struct worker *w, const struct look *l, enum torture_verdict v, const char *call, ssize_t rc)
{
	if (v == TORTURE_FINE)
		return;
	torture_found(w->sh, v, "worker %u: %s of %.20s: %s %zd; before acknowledged %" PRIx64 ", seen %" PRIx64 ", void %" PRIu64 "; now acknowledged %"
	    PRIx64 ", intended %" PRIx64, w->id, call, l->key, rc < 0 ? gs_errname((int)rc) : "answer", rc, l->before.acked, l->before.floor,
	    l->before.voided, atomic_load(&l->journal->acked), atomic_load(&l->journal->intent));
}

/* What a call that reads saw: `value` is NULL when it gave none. */
static void
judge(struct worker *w, const struct look *l, const char *call, ssize_t rc, const unsigned char *value)
{
	enum torture_verdict v = TORTURE_WRONG;

	if (rc >= 0 && value != NULL) {
		uint64_t number = torture_value_number(value, (size_t)rc, 'o', l->number);

		v = number == 0 ? TORTURE_TORN : torture_journal_saw_value(l->journal, &l->before, number);
	} else if (rc >= 0 || rc == GS_EQUARANTINE || rc == GS_ENOSPC || rc == GS_EEXIST) {
		v = torture_journal_saw_it(l->journal, &l->before);
	} else if (rc == GS_ENOENT) {
		v = torture_journal_saw_none(l->journal, &l->before);
	} else if (rc == GS_EAGAIN) {
		v = TORTURE_FINE;
	}
	report(w, l, v, call, rc);
}

static void
note(struct worker *w, enum torture_count n, ssize_t rc)
{
	torture_count(w->slot, n, 1);
	if (rc == GS_ENOSPC || rc == GS_EQUARANTINE || rc == GS_EAGAIN)
		torture_count(w->slot, TORTURE_REFUSED, 1);
}

/* ---- reading any key ---- */

static void
read_one(struct worker *w, struct look *l)
{
	bool peeks = draw(w, 4) == 0;
	struct gs_info info, *out = draw(w, 2) == 0 ? &info : NULL;
	ssize_t rc = peeks ? gs_peek(w->gs, l->key, l->len, w->value, sizeof(w->value), out) :
	    gs_get(w->gs, l->key, l->len, w->value, sizeof(w->value), out);

	judge(w, l, peeks ? "peek" : "get", rc, w->value);
	note(w, peeks ? TORTURE_PEEK : TORTURE_GET, rc);
}

static void
read_many(struct worker *w)
{
	struct gs_item items[MANY];
	struct look looks[MANY];
	int rc;

	for (size_t i = 0; i < MANY; i++) {
		begin(w, &looks[i], (uint32_t)draw(w, TORTURE_KEYS));
		items[i] = (struct gs_item){ .key = looks[i].key, .key_len = looks[i].len, .buf = w->many[i], .cap = sizeof(w->many[i]) };
	}
	rc = gs_multi_get(w->gs, items, MANY);
	for (size_t i = 0; i < MANY; i++) {
		judge(w, &looks[i], "multi_get", items[i].rc, w->many[i]);
		note(w, TORTURE_MULTI_GET, items[i].rc);
	}
	if (rc < 0)
		torture_found(w->sh, TORTURE_WRONG, "multi_get: %s", gs_strerror(rc));
}

/* The value is kept, whoever writes it meanwhile. */
static void
set_attributes(struct worker *w, struct look *l)
{
	const struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_MODE | GS_ATTR_CLASS, .mode = 0640, .class_name = "anonymous" };
	int rc = gs_setattr(w->gs, l->key, l->len, &attr);

	judge(w, l, "setattr", rc, NULL);
	note(w, TORTURE_SETATTR, rc);
}

static void
touch_one(struct worker *w, struct look *l)
{
	int rc = gs_touch(w->gs, l->key, l->len, draw(w, 4) == 0 ? TTL_MS : 0);

	judge(w, l, "touch", rc, NULL);
	note(w, TORTURE_TOUCH, rc);
}

static void
move_one(struct worker *w, struct look *l)
{
	uint64_t to = draw(w, SUSPECT_ONE_IN) == 0 ? TORTURE_RINGS - 1 : draw(w, TORTURE_RINGS - 1);
	const char *ring = torture_rings[draw(w, 4) == 0 ? to : torture_tide_ring(atomic_load(&w->sh->tide))];
	int rc = gs_move(w->gs, l->key, l->len, ring);

	judge(w, l, "move", rc, NULL);
	note(w, TORTURE_MOVE, rc);
}

/* ---- scans ---- */

struct scanning {
	struct look looks[TORTURE_KEYS];
	uint8_t n[TORTURE_KEYS];	/* how often it was listed */
};

static void
list_one(struct worker *w, struct scanning *s, const struct gs_item *item)
{
	int64_t number = torture_key_number(item->key, item->key_len, 'o');

	if (number >= 0 && number < TORTURE_KEYS)
		s->n[number]++;
	else if (torture_key_number(item->key, item->key_len, 'h') < 0)
		torture_found(w->sh, TORTURE_TORN, "worker %u: scan lists \"%.40s\", which nobody put", w->id, item->key_buf);
}

/* A session that was there throughout is listed once, one that was not is not. */
static void
judge_scan(struct worker *w, struct scanning *s)
{
	for (uint32_t i = 0; i < TORTURE_KEYS; i++) {
		const struct look *l = &s->looks[i];

		if (torture_journal_stayed(l->journal, &l->before) && s->n[i] != 1)
			report(w, l, s->n[i] == 0 ? TORTURE_LOST : TORTURE_RESURRECTED, "times listed", s->n[i]);
		else if (torture_journal_stayed_away(l->journal, &l->before) && s->n[i] > 0)
			report(w, l, TORTURE_RESURRECTED, "times listed", s->n[i]);
	}
}

static void
scan_all(struct worker *w)
{
	static struct scanning s;
	struct gs_item items[MANY];
	uint64_t cursor = 0;
	ssize_t n;

	memset(&s, 0, sizeof(s));
	for (uint32_t i = 0; i < TORTURE_KEYS; i++)
		begin(w, &s.looks[i], i);
	while ((n = gs_scan(w->gs, NULL, &cursor, items, MANY)) > 0)
		for (ssize_t i = 0; i < n; i++)
			list_one(w, &s, &items[i]);
	if (n < 0)
		torture_found(w->sh, TORTURE_WRONG, "scan: %s", gs_strerror((int)n));
	else
		judge_scan(w, &s);
	note(w, TORTURE_SCAN, n);
}

/* ---- writing one's own keys ---- */

/* What a write that may start, change or end a session answered; was it there? */
static void
settle_write(struct worker *w, struct look *l, enum torture_count what, const char *call, ssize_t rc)
{
	bool was_there = torture_state_is_there(l->before.acked);

	note(w, what, rc);
	if (rc >= 0) {
		torture_journal_ack(l->journal);
		return;
	}
	torture_journal_void(l->journal);
	/* Only of a session that is there can these be said. */
	if (was_there ? rc == GS_ENOENT : rc == GS_EEXIST || rc == GS_EQUARANTINE)
		report(w, l, was_there ? TORTURE_LOST : TORTURE_RESURRECTED, call, rc);
	else if (rc != GS_ENOENT && rc != GS_EEXIST && rc != GS_EQUARANTINE && rc != GS_ENOSPC && rc != GS_EAGAIN)
		report(w, l, TORTURE_WRONG, call, rc);
}

/* A put says whether it started the session. */
static void
settle_put(struct worker *w, struct look *l, enum torture_count what, const char *call, int rc)
{
	bool was_there = torture_state_is_there(l->before.acked);

	settle_write(w, l, what, call, rc);
	if (rc == 1 && was_there)
		report(w, l, TORTURE_LOST, call, rc);
	if (rc == 0 && !was_there)
		report(w, l, TORTURE_RESURRECTED, call, rc);
}

static void
put_own(struct worker *w, struct look *l)
{
	bool is_add = draw(w, 4) == 0;
	struct gs_put_options opt = {
		.size = sizeof(opt), .flags = draw(w, 8) == 0 ? GS_INSPECT : 0,
		.owner = l->key, .owner_len = draw(w, 4) == 0 ? draw(w, l->len < GS_OWNER_BYTES ? l->len : GS_OWNER_BYTES) : 0,
		.ring = draw(w, 4) == 0 ? torture_rings[draw(w, TORTURE_RINGS - 1)] : NULL,
	};
	size_t len = torture_value_make(w->value, 'o', l->number, torture_journal_next(l->journal));
	int rc;

	/* Not before the value is made: kills are to hit the call. */
	(void)torture_journal_intend(l->journal, true);
	rc = is_add ? gs_add(w->gs, l->key, l->len, w->value, len, &opt) : gs_put(w->gs, l->key, l->len, w->value, len, &opt);

	settle_put(w, l, is_add ? TORTURE_ADD : TORTURE_PUT, is_add ? "add" : "put", rc);
}

struct updating {
	struct worker *w;
	struct look *l;
	uint64_t number;
};

static ssize_t
next_value(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	const struct updating *u = arg;
	uint64_t was = torture_value_number(old, old_len, 'o', u->l->number);

	/* Nobody else writes it, so it is exactly what was acknowledged. */
	if (was == 0)
		report(u->w, u->l, TORTURE_TORN, "update", (ssize_t)old_len);
	else if (was != torture_state_number(u->l->before.acked))
		report(u->w, u->l, was < torture_state_number(u->l->before.acked) ? TORTURE_LOST : TORTURE_RESURRECTED, "update from", (ssize_t)was);
	return cap < TORTURE_VALUE_MAX ? GS_EFBIG : (ssize_t)torture_value_make(out, 'o', u->l->number, u->number);
}

static void
update_own(struct worker *w, struct look *l)
{
	struct updating u = { w, l, torture_journal_intend(l->journal, true) };

	settle_write(w, l, TORTURE_UPDATE, "update", gs_update(w->gs, l->key, l->len, next_value, &u));
}

/* With the version that was just read; nobody else changes it. */
static void
swap_own(struct worker *w, struct look *l)
{
	struct gs_put_options opt = { .size = sizeof(opt) };
	struct gs_info info;
	size_t len;
	int rc = gs_stat(w->gs, l->key, l->len, &info);

	judge(w, l, "stat", rc, NULL);
	if (rc < 0)
		return;
	opt.if_version = info.version;
	len = torture_value_make(w->value, 'o', l->number, torture_journal_next(l->journal));
	(void)torture_journal_intend(l->journal, true);
	settle_put(w, l, TORTURE_SWAP, "put if_version", gs_put(w->gs, l->key, l->len, w->value, len, &opt));
}

static void
end_own(struct worker *w, struct look *l)
{
	bool was_there = torture_state_is_there(l->before.acked);
	struct gs_info info = { 0 };
	bool by_version = draw(w, 2) == 0;
	int rc;

	if (by_version) {
		rc = gs_stat(w->gs, l->key, l->len, &info);
		judge(w, l, "stat", rc, NULL);
		by_version = rc == 0;
	}
	(void)torture_journal_intend(l->journal, false);
	rc = gs_del(w->gs, l->key, l->len, by_version ? info.version : 0);
	if (rc == 0 && !was_there)
		report(w, l, TORTURE_RESURRECTED, "del", rc);
	settle_write(w, l, by_version ? TORTURE_DEL_IF : TORTURE_DEL, "del", rc);
}

static void
write_own(struct worker *w)
{
	bool is_low = torture_tide_is_low(atomic_load(&w->sh->tide));
	struct look l;

	begin(w, &l, w->id * TORTURE_OWN_KEYS + (uint32_t)draw(w, TORTURE_OWN_KEYS));
	switch (is_low && draw(w, 4) != 0 ? 0 : draw(w, 8)) {
	case 0:
		end_own(w, &l);
		break;
	case 1:
		swap_own(w, &l);
		break;
	case 2:
	case 3:
		update_own(w, &l);
		break;
	default:
		put_own(w, &l);
	}
	if (draw(w, 4) == 0) {
		torture_journal_before(l.journal, &l.before);
		read_one(w, &l);
	}
}

/* The one before was killed in the middle of a write: which of the two is it? */
static void
resolve(struct worker *w, uint32_t number)
{
	struct look l;
	ssize_t rc;

	begin(w, &l, number);
	if (!torture_journal_is_in_doubt(l.journal))
		return;
	do
		rc = gs_peek(w->gs, l.key, l.len, w->value, sizeof(w->value), NULL);
	while (rc == GS_EAGAIN);
	judge(w, &l, "look after a kill", rc, w->value);
	torture_count(w->slot, TORTURE_IN_DOUBT, 1);
	if ((rc >= 0) == torture_state_is_there(atomic_load(&l.journal->intent)) &&
	    (rc < 0 || torture_value_number(w->value, (size_t)rc, 'o', number) == torture_state_number(atomic_load(&l.journal->intent)))) {
		torture_count(w->slot, TORTURE_HAPPENED, 1);
		torture_journal_ack(l.journal);
	} else {
		torture_journal_void(l.journal);
	}
}

/* ---- what a worker does ---- */

static void
work_once(struct worker *w)
{
	uint64_t r = draw(w, 100);
	struct look l;

	if (r < 30) {
		write_own(w);
		return;
	}
	if (r < 60) {
		torture_hot_once(&w->hot);
		return;
	}
	if (r < 64) {
		read_many(w);
		return;
	}
	if (r == 64) {
		if (draw(w, 16) == 0)
			scan_all(w);
		return;
	}
	begin(w, &l, (uint32_t)draw(w, TORTURE_KEYS));
	if (r < 67)
		set_attributes(w, &l);
	else if (r < 70)
		touch_one(w, &l);
	else if (r < 80)
		move_one(w, &l);
	else
		read_one(w, &l);
}

/* What a reader is refused. */
static void
try_to_write(struct worker *w, struct look *l)
{
	int rc = draw(w, 2) == 0 ? gs_del(w->gs, l->key, l->len, 0) : gs_put(w->gs, l->key, l->len, "", 0, NULL);

	if (rc != GS_EPERM)
		report(w, l, TORTURE_WRONG, "write by a reader", rc);
}

/* What a reader does. */
static void
look_once(struct worker *w)
{
	uint64_t r = draw(w, 100);
	struct look l;

	if (r < 40) {
		torture_hot_once(&w->hot);
	} else if (r < 60) {
		read_many(w);
	} else if (r == 60) {
		if (draw(w, 16) == 0)
			scan_all(w);
	} else {
		begin(w, &l, (uint32_t)draw(w, TORTURE_KEYS));
		if (r == 61)
			try_to_write(w, &l);
		else
			read_one(w, &l);
	}
}

int
torture_worker(struct torture_shared *sh, uint32_t id, uint64_t seed)
{
	bool is_reader = id >= TORTURE_WRITERS;
	static struct worker w;

	w = (struct worker){ .sh = sh, .slot = &sh->worker[id], .id = id, .random = seed };
	w.gs = torture_attach(sh, is_reader ? GS_ROLE_READER : GS_ROLE_WRITER);
	if (w.gs == NULL)
		return 1;
	w.hot = (struct torture_hot){ sh, w.slot, id, &w.random, w.gs, is_reader };
	for (uint32_t i = 0; !is_reader && i < TORTURE_OWN_KEYS; i++)
		resolve(&w, id * TORTURE_OWN_KEYS + i);
	while (atomic_load(&sh->must_stop) == 0) {
		if (is_reader)
			look_once(&w);
		else
			work_once(&w);
		(void)atomic_fetch_add_explicit(&w.slot->n_calls, 1, memory_order_relaxed);
	}
	gs_detach(&w.gs);
	return 0;
}

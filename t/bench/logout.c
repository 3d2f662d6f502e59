/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logout.c - logout SESSIONS OWNED [VALUE]: how long the logout of an owner with OWNED sessions takes among SESSIONS others.
 *
 * On a private table; the owner's sessions lie everywhere among the others, a
 * third of them in an outer ring.  Prints the pass alone and the logout, the
 * least and the greatest of several.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "shm/kin.h"
#include "shm/logout.h"

enum { ROUNDS = 5, KEY_MAX = 32 };

struct place {
	struct gs_table *t;
	struct gs_ctx c;
	uint64_t sessions, owned, now_ms;
	uint64_t next;			/* number of the owner's next session: a key is not used twice */
	uint32_t val_len;
};

static void
add_ring(struct gs_table_spec *spec, const char *name, uint64_t capacity)
{
	struct gs_ring_spec *r = &spec->rings[spec->n_rings++];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->ttl_ms = UINT64_MAX;
	r->capacity = capacity;
	r->decay_to = GS_RING_NONE;
}

static void
make_table(struct place *p)
{
	struct gs_table_spec spec = { .name = "t", .record_size = p->val_len, .key_max = KEY_MAX, .n_classes = 1,
		.max_sessions = 2 * (p->sessions + p->owned), .max_lifetime_ms = UINT64_MAX };

	spec.slot_size[0] = gs_table_slot_bytes(KEY_MAX, GS_OWNER_BYTES, p->val_len);
	add_ring(&spec, "active", p->sessions + p->owned);
	add_ring(&spec, "warm", p->sessions + p->owned);
	spec.rings[0].decay_to = 1;
	if (gs_table_create_private(&p->t, &spec) < 0 || gs_ctx_init(&p->c, p->t, 1) < 0)
		errx(1, "no table of %llu sessions", (unsigned long long)p->sessions);
	p->now_ms = GS_TIME_ORIGIN_MS + 1000;
}

static void
put(struct place *p, char kind, uint64_t i, const char *owner)
{
	static const char value[65000];
	struct gs_put_args args = { .set = GS_SET_OWNER_BIT, .owner = owner, .owner_len = (uint32_t)strlen(owner), .ring = i % 3 == 0, .wall_ns = 1 };
	char text[KEY_MAX];
	struct gs_key k;

	(void)snprintf(text, sizeof(text), "%c%llu", kind, (unsigned long long)i);
	if (gs_key_init(p->t, &k, text, strlen(text)) < 0 || gs_kv_put(p->t, &p->c, &k, p->now_ms, value, p->val_len, &args, NULL) < 0)
		errx(1, "put %s", text);
}

static void
fill(struct place *p)
{
	uint64_t every = p->sessions / p->owned + 1;
	char owner[32];

	for (uint64_t i = 0; i < p->sessions; i++) {
		(void)snprintf(owner, sizeof(owner), "owner%llu", (unsigned long long)(i % (p->sessions / 4 + 1)));
		put(p, 'k', i, owner);
		if (i % every == 0)
			put(p, 'o', p->next++, "the owner");
	}
	while (p->next < p->owned)
		put(p, 'o', p->next++, "the owner");
}

static double
since_ms(uint64_t from_ns)
{
	return (double)(gs_clock_mono_ns() - from_ns) / 1e6;
}

/* The pass that finds them, and does no more. */
static double
pass(struct place *p)
{
	uint64_t from = gs_clock_mono_ns(), n = 0;
	struct gs_meta meta;
	struct gs_kin kin;

	gs_kin_of_owner(&kin, gs_kin_hash(p->t, 0, "the owner", 9));
	while (gs_kin_next(p->t, &kin, &meta) > 0)
		n++;
	if (n < p->owned)
		errx(1, "%llu found", (unsigned long long)n);
	return since_ms(from);
}

static double
logout(struct place *p)
{
	uint64_t from = gs_clock_mono_ns(), n;
	double took;

	if (gs_logout_run(p->t, &p->c, gs_kin_hash(p->t, 0, "the owner", 9), p->now_ms, &n) < 0 || n != p->owned)
		errx(1, "logout");
	took = since_ms(from);
	for (uint64_t i = 0; i < p->owned; i++)
		put(p, 'o', p->next++, "the owner");
	return took;
}

static void
measure(struct place *p, const char *what, double (*run)(struct place *))
{
	double least = 0, greatest = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double took = run(p);

		least = i == 0 || took < least ? took : least;
		greatest = took > greatest ? took : greatest;
	}
	(void)printf("%s: %.1f to %.1f ms\n", what, least, greatest);
}

int
main(int argc, char **argv)
{
	struct place p = { .val_len = 64 };

	if (argc < 3 || argc > 4)
		errx(2, "usage: logout SESSIONS OWNED [VALUE]");
	p.sessions = strtoull(argv[1], NULL, 10);
	p.owned = strtoull(argv[2], NULL, 10);
	if (argc == 4)
		p.val_len = (uint32_t)strtoul(argv[3], NULL, 10);
	if (p.sessions == 0 || p.owned == 0 || p.val_len == 0 || p.val_len > 65000)
		errx(2, "numbers above 0 are expected, and a value of at most 65000");
	make_table(&p);
	fill(&p);
	measure(&p, "pass alone", pass);
	measure(&p, "logout (accept 100)", logout);
	return 0;
}

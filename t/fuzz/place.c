/* SPDX-License-Identifier: BSD-2-Clause */
#include "place.h"

#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decay.h"
#include "shm/index.h"
#include "shm/region.h"
#include "shm/slots.h"

#define AFTER_BYTES (UINT64_C(64) << 30)	/* slots of 512 bytes times 2^27 */
#define BEFORE_BYTES (UINT64_C(1) << 30)

enum { GUARDED = 256, CLASHING = 24, CLASH_TRIES = 20000, RECORD_SIZE = 200 };

/* ---- guards ---- */

static struct guarded {
	unsigned char *map;
	uint64_t bytes;
} guarded[GUARDED];

void *__wrap_gs_region_map(int fd, uint64_t bytes, bool writable);
int __wrap_munmap(void *map, size_t bytes);
int __real_munmap(void *map, size_t bytes);
int __wrap_gs_random_bytes(void *out, size_t n);

void *
__wrap_gs_region_map(int fd, uint64_t bytes, bool writable)
{
	unsigned char *base = mmap(NULL, BEFORE_BYTES + bytes + AFTER_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *map;

	if (base == MAP_FAILED)
		return NULL;
	map = mmap(base + BEFORE_BYTES, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED) {
		(void)__real_munmap(base, BEFORE_BYTES + bytes + AFTER_BYTES);
		return NULL;
	}
	for (int i = 0; i < GUARDED; i++)
		if (guarded[i].map == NULL) {
			guarded[i] = (struct guarded){ map, bytes };
			return map;
		}
	fuzz_fail("more than %d maps", GUARDED);
}

int
__wrap_munmap(void *map, size_t bytes)
{
	for (int i = 0; i < GUARDED; i++)
		if (guarded[i].map == map) {
			FUZZ_CHECK(guarded[i].bytes == bytes, "a map of %llu bytes is given back as one of %zu",
			    (unsigned long long)guarded[i].bytes, bytes);
			guarded[i].map = NULL;
			return __real_munmap((unsigned char *)map - BEFORE_BYTES, BEFORE_BYTES + bytes + AFTER_BYTES);
		}
	return __real_munmap(map, bytes);
}

int
__wrap_gs_random_bytes(void *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((unsigned char *)out)[i] = (unsigned char)(i * 167 + 13);
	return 0;
}

/* ---- making ---- */

static void
add_ring(struct gs_table_spec *spec, const char *name, uint64_t ttl_ms, uint32_t decay_to)
{
	struct gs_ring_spec *r = &spec->rings[spec->n_rings++];

	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->kind = strcmp(name, "suspect") == 0 ? GS_RING_SUSPECT : GS_RING_NORMAL;
	r->promote = GS_PROMOTE_ACCESS;
	r->ttl_ms = ttl_ms;
	r->half_life_ms = 300000;
	r->capacity = 64;
	r->decay_to = decay_to;
}

/* Every map is a whole number of pages: what is outside the file is outside the map. The smaller slot is shorter than the longest key. */
struct gs_table_spec
place_spec(void)
{
	struct gs_table_spec spec = {
		.name = "t", .record_size = RECORD_SIZE, .key_max = GS_KEY_BYTES, .n_classes = 2, .max_sessions = 32 * GS_GROUP_HOMES * GS_MEAN_FILL,
		.max_lifetime_ms = GS_DURATION_MAX, .slot_size = { 320 },
	};

	spec.slot_size[1] = gs_table_slot_bytes(GS_KEY_BYTES, GS_OWNER_BYTES, RECORD_SIZE);
	add_ring(&spec, "active", 600000, 1);
	add_ring(&spec, "cold", 6000000, GS_RING_NONE);
	add_ring(&spec, "suspect", GS_DURATION_MAX, GS_RING_NONE);
	return spec;
}

static uint64_t
bytes_before_names(const struct gs_arena *a)
{
	return (uint64_t)((const unsigned char *)a->names - (const unsigned char *)a->map);
}

/* The names behind the slots are of arenas on a disk only: elsewhere nobody has a reason to come there. */
static void
close_names(const struct gs_table *t)
{
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if (t->arena[i].map != NULL && !t->arena[i].is_file)
			FUZZ_CHECK(mprotect(t->arena[i].names, GS_NAMESPACES * GS_RING_NAME_BYTES, PROT_NONE) == 0, "names that cannot be closed");
}

static void
make_table(struct place *p)
{
	const struct gs_table_spec spec = place_spec();
	int rc = gs_table_create_private(&p->t, &spec);

	FUZZ_CHECK(rc == 0, "the table cannot be made: %s", gs_errname(rc));
	close_names(p->t);
	/* So that calls of the library, which ask the clock, are about when the others are. */
	atomic_store(&p->t->ctl->clock_add_ms, PLACE_NOW - gs_table_now_ms(p->t) + atomic_load(&p->t->ctl->clock_add_ms));
}

static void
make_ctx(struct gs_ctx *c, struct gs_table *t, uint32_t id)
{
	if (gs_ctx_init(c, t, id) < 0)
		fuzz_fail("no memory for a context");
	free(c->scratch);
	c->scratch = fuzz_buffer(0, t->arena[t->n_classes - 1].slot_size);
}

static void
make_handle(struct place *p)
{
	p->gs.t = p->t;
	p->gs.state = &p->state;
	p->gs.leases = &p->lease;
	p->gs.n_leases = 1;
	p->own.rights = GS_RIGHTS_ALL;
	p->gs.own = &p->own;
	atomic_store(&p->state, GS_HANDLE_READY);
	make_ctx(&p->lease.ctx, p->t, PLACE_CTXS);
}

/* The first CLASHING keys have one home, so that they fill it and its stash. The others are of many lengths. */
static void
make_keys(struct place *p)
{
	struct gs_probe first, probe;
	struct gs_key k;
	int n = 0;

	for (int i = 0; n < CLASHING && i < CLASH_TRIES; i++) {
		p->key_len[n] = (uint32_t)snprintf(p->key[n], sizeof(p->key[n]), "key-%d", i);
		if (gs_key_init(p->t, &k, p->key[n], p->key_len[n]) < 0)
			break;
		gs_index_probe(p->t, k.hash, n == 0 ? &first : &probe);
		n += n == 0 || probe.bucket[0] == first.bucket[0];
	}
	for (; n < PLACE_ALL_KEYS; n++) {
		p->key_len[n] = (uint32_t)(1 + (n * 11 + 1) % p->t->key_max);
		memset(p->key[n], 'a' + n, p->key_len[n]);
	}
}

void
place_around(struct place *p)
{
	make_keys(p);
	for (uint32_t i = 0; i < PLACE_CTXS; i++)
		make_ctx(&p->ctx[i], p->t, i);
	make_handle(p);
}

static void
make_sessions(struct place *p)
{
	unsigned char value[RECORD_SIZE];

	for (uint32_t i = 0; i < PLACE_KEYS; i++) {
		struct gs_put_args args = { .ring = i % 5 == 4 ? i % p->t->n_rings : 0, .wall_ns = 1, .set = GS_SET_OWNER_BIT, .owner = "owner",
			.owner_len = i % 3 == 0 ? 5 : 0 };
		struct gs_hit hit;
		struct gs_key k;
		int rc;

		memset(value, (int)i, sizeof(value));
		(void)gs_key_init(p->t, &k, p->key[i], p->key_len[i]);
		rc = gs_kv_put(p->t, &p->ctx[1 + i % 2], &k, PLACE_NOW - i * 1000, value, i * 37 % (RECORD_SIZE + 1), &args, NULL);
		FUZZ_CHECK(rc == 1 && gs_index_find(p->t, &p->ctx[1], &k, GS_FETCH_HEAD, &hit) == 1, "session %u cannot be started: %d", i, rc);
		p->ordinal[i] = hit.ordinal;
	}
}

static void
note_map(struct place *p, int i, void *map, size_t bytes)
{
	FUZZ_CHECK(bytes % GS_PAGE_BYTES == 0, "map %d ends within a page", i);
	p->map[i] = map;
	p->bytes[i] = bytes;
	p->was[i] = malloc(bytes);
	if (p->was[i] == NULL)
		fuzz_fail("no memory");
	memcpy(p->was[i], map, bytes);
}

struct place *
place_get(void)
{
	static struct place *p;

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		fuzz_fail("no memory");
	make_table(p);
	place_around(p);
	make_sessions(p);
	note_map(p, 0, p->t->ctl, sizeof(*p->t->ctl));
	note_map(p, 1, p->t->idx, p->t->idx_bytes);
	/* Of the contexts those that are in use. */
	note_map(p, 2, p->t->ctx, (size_t)GS_PRIVATE_CTX * GS_CTX_BYTES);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if (p->t->arena[i].map != NULL)
			note_map(p, 3 + i, p->t->arena[i].map, bytes_before_names(&p->t->arena[i]));
	memcpy(p->ctx_was, p->ctx, sizeof(p->ctx));
	p->lease_was = p->lease.ctx;
	return p;
}

void
place_reset(struct place *p)
{
	for (int i = 0; i < PLACE_MAPS; i++)
		if (p->map[i] != NULL)
			memcpy(p->map[i], p->was[i], p->bytes[i]);
	memcpy(p->ctx, p->ctx_was, sizeof(p->ctx));
	p->lease.ctx = p->lease_was;
}

/* The number of a session. */
static uint32_t
some_session(struct place *p, struct tape *in)
{
	uint32_t i = tape_below(in, PLACE_KEYS * 4);

	return p->n_focus > 0 && i >= PLACE_KEYS ? i % p->n_focus : i % PLACE_KEYS;
}

struct gs_key
place_key(struct place *p, struct tape *in)
{
	uint32_t i = tape_below(in, PLACE_ALL_KEYS) < PLACE_KEYS ? some_session(p, in) : PLACE_KEYS + tape_below(in, PLACE_ALL_KEYS - PLACE_KEYS);
	struct gs_key k;

	(void)gs_key_init(p->t, &k, p->key[i], p->key_len[i]);
	return k;
}

/* ---- damage ---- */

/* Plain stores: nobody else is there, or it is the point that he sees halves. */
static void
change_bytes(struct tape *in, void *at, size_t width)
{
	uint64_t word = 0;

	memcpy(&word, at, width);
	word = tape_change(in, word);
	memcpy(at, &word, width);
}

static uint64_t
load(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

/* An entry of a session, or any other. */
static _Atomic uint64_t *
some_entry(struct place *p, struct tape *in)
{
	if (tape_below(in, 4) != 0)
		return gs_table_entry(p->t, p->ordinal[some_session(p, in)]);
	return gs_table_entry(p->t, tape_take(in, 4) % gs_table_entries(p->t));
}

/* The address of a slot: one of the first of an arena, or of the last, behind which the map ends. */
static uint32_t
some_addr(struct place *p, struct tape *in)
{
	uint32_t ring = tape_below(in, p->t->n_rings), class_id = tape_below(in, 2), n = tape_below(in, 64);
	uint32_t slot = n % 2 == 0 ? n : gs_table_arena(p->t, ring, class_id)->n_slots - 1 - n / 32;

	return gs_entry_addr(gs_entry(0, 0, ring, class_id, slot));
}

/* The slot of a session as at the beginning, or any of an arena. */
static struct gs_slot *
some_slot(struct place *p, struct tape *in)
{
	struct gs_slot *s = NULL;

	if (tape_below(in, 4) != 0)
		s = gs_table_slot(p->t, load(some_entry(p, in)));
	return s != NULL ? s : gs_table_slot(p->t, some_addr(p, in));
}

/* A slot that says it is a key's, and an entry that says so too: all that a look-up compares fits, and the rest is damage. */
static void
forge_record(struct place *p, struct tape *in)
{
	struct gs_key k = place_key(p, in);
	uint32_t addr = some_addr(p, in), gen = tape_below(in, 4);
	uint32_t room = p->t->arena[gs_entry_class(addr)].slot_size - GS_SLOT_HEADER_BYTES;
	struct gs_slot *s = gs_table_slot(p->t, addr);
	struct gs_probe probe;

	gs_index_probe(p->t, k.hash, &probe);
	s->hash = k.hash;
	s->key_len = (uint8_t)k.len;
	s->ns = 0;
	for (size_t i = 0x10; i < 0x28; i += 8)
		atomic_store_explicit((_Atomic uint64_t *)(void *)((unsigned char *)s + i), gs_timed(GS_TIME_NEVER, gen), memory_order_relaxed);
	atomic_store_explicit(&s->W, gs_word(gen, tape_below(in, 4), GS_SLOT_READY), memory_order_relaxed);
	memcpy(s->data, k.bytes, k.len < room ? k.len : room);
	atomic_store_explicit(&p->t->buckets[probe.bucket[0]].e[tape_below(in, GS_BUCKET_ENTRIES)],
	    gs_entry(probe.tag, gen, 0, 0, 0) | addr, memory_order_relaxed);
}

static void
damage_entry(struct place *p, struct tape *in)
{
	_Atomic uint64_t *at = some_entry(p, in);
	uint64_t e = load(at);
	uint32_t tag = gs_entry_tag(e), gen = gs_entry_gen(e), ring = gs_entry_ring(e), class_id = gs_entry_class(e), slot = gs_entry_slot(e);

	switch (tape_below(in, 8)) {
	case 0:
		e = tape_change(in, e);
		break;
	case 1:
		e = load(some_entry(p, in));
		break;
	case 2:
		e ^= GS_ENTRY_TENT;
		break;
	case 3:
		e = gs_entry(tag, gen, ring, class_id, (uint32_t)tape_number(in) % GS_SLOT_NUMBERS);
		break;
	case 4:
		e = gs_entry(tag, gen, (uint32_t)tape_take(in, 1) & 7, (uint32_t)tape_take(in, 1) & 3, slot);
		break;
	case 5:
		e = gs_entry(tag, (uint32_t)tape_change(in, gen), ring, class_id, slot);
		break;
	case 6:
		e = gs_entry((uint32_t)tape_take(in, 2) & 0x3fff, gen, ring, class_id, slot);
		break;
	default:
		/* another's slot under this tag */
		e = (e & ~(uint64_t)UINT32_MAX) | gs_entry_addr(load(some_entry(p, in)));
		break;
	}
	atomic_store_explicit(at, e, memory_order_relaxed);
}

static void
damage_header(struct place *p, struct tape *in)
{
	struct gs_bucket *b = &p->t->buckets[(uint64_t)(some_entry(p, in) - &p->t->buckets[0].H) / 16];
	uint64_t h = load(&b->H);

	if (tape_below(in, 2) == 0)
		h = tape_change(in, h);
	else
		h = gs_bucket_header((uint32_t)tape_take(in, 1), (uint32_t)tape_take(in, 2), (uint32_t)tape_take(in, 1), (uint32_t)tape_take(in, 1));
	atomic_store_explicit(&b->H, h, memory_order_relaxed);
}

static void
damage_slot(struct place *p, struct tape *in)
{
	struct gs_slot *s = some_slot(p, in);

	switch (tape_below(in, 6)) {
	case 0:
		change_bytes(in, &s->val_len, 2);
		return;
	case 1:
		change_bytes(in, &s->key_len, 1);
		return;
	case 2:
		change_bytes(in, &s->owner_len, 1);
		return;
	case 3:
		change_bytes(in, (void *)&s->W, 8);
		return;
	case 4:
		/* a word that changes in place, of its own or of another generation */
		change_bytes(in, (unsigned char *)s + 0x10 + 8 * tape_below(in, 8), 8);
		return;
	default:
		change_bytes(in, (unsigned char *)s + 8 * tape_below(in, GS_SLOT_HEADER_BYTES / 8), 8);
		return;
	}
}

static void
damage_arena(struct place *p, struct tape *in)
{
	struct gs_arena *a = gs_table_arena(p->t, tape_below(in, p->t->n_rings), tape_below(in, 2));

	switch (tape_below(in, 5)) {
	case 0:
		change_bytes(in, (void *)&a->bitmap[tape_below(in, a->n_slots / 64)], 8);
		return;
	case 1:
		change_bytes(in, (void *)&a->due[tape_below(in, a->n_slots)], 4);
		return;
	case 2:
		change_bytes(in, (void *)(a->segments + tape_below(in, a->n_segments)), sizeof(a->segments[0]));
		return;
	case 3:
		/* checked once, when it was mapped: nobody looks again */
		change_bytes(in, (unsigned char *)a->map + 8 * tape_below(in, 16), 8);
		return;
	default:
		memset((void *)(a->bitmap + tape_below(in, a->n_slots / 64)), tape_below(in, 2) == 0 ? 0 : 0xff, 8);
		return;
	}
}

static void
damage_page(struct place *p, struct tape *in)
{
	struct gs_ctx_page *page = &p->t->ctx[tape_below(in, 6)];

	switch (tape_below(in, 4)) {
	case 0:
		change_bytes(in, (void *)&page->op_entry, 8);
		return;
	case 1:
		change_bytes(in, (void *)&page->held[tape_below(in, GS_HELD_CELLS)], 4);
		return;
	case 2:
		/* somebody's slot */
		atomic_store_explicit(&page->held[tape_below(in, GS_HELD_CELLS)], gs_entry_addr(load(some_entry(p, in))) + 1, memory_order_relaxed);
		return;
	default:
		change_bytes(in, (unsigned char *)page + 8 * tape_below(in, GS_CTX_BYTES / 8), 8);
		return;
	}
}

/* What the daemon writes while clients run, and the ring table. */
static void
damage_ctl(struct place *p, struct tape *in)
{
	struct gs_ctl_hdr *h = p->t->ctl;

	switch (tape_below(in, 5)) {
	case 0:
		change_bytes(in, (unsigned char *)&h->ring[tape_below(in, GS_MAX_RINGS)] + GS_RING_NAME_BYTES + 4 * tape_below(in, 24), 4);
		return;
	case 1:
		change_bytes(in, (unsigned char *)&h->ring[tape_below(in, GS_MAX_RINGS)] + GS_RING_NAME_BYTES + 8 * tape_below(in, 12), 8);
		return;
	case 2:
		change_bytes(in, (void *)&h->n_ctx_used, 4);
		return;
	case 3:
		change_bytes(in, (void *)&h->reg[tape_below(in, 8)].state, 4);
		return;
	default:
		change_bytes(in, (unsigned char *)&h->daemon_epoch + 8 * tape_below(in, 6), 8);
		return;
	}
}

static void
damage_idx(struct place *p, struct tape *in)
{
	if (tape_below(in, 2) == 0)
		change_bytes(in, (void *)&p->t->idx->population[tape_below(in, GS_MAX_RINGS)].n, 8);
	else
		change_bytes(in, (unsigned char *)p->t->idx + 8 * tape_below(in, GS_PAGE_BYTES / 8), 8);
}

static void
damage_anywhere(struct place *p, struct tape *in)
{
	uint32_t i = tape_below(in, PLACE_MAPS);

	while (p->map[i] == NULL)
		i = (i + 1) % PLACE_MAPS;
	change_bytes(in, p->map[i] + tape_take(in, 4) % (p->bytes[i] / 8) * 8, 8);
}

_Atomic uint64_t *
place_word(struct place *p, struct tape *in)
{
	unsigned char *s = (unsigned char *)some_slot(p, in);

	switch (tape_below(in, 8)) {
	case 0:
		return some_entry(p, in);
	case 1:
	case 2:
		return (_Atomic uint64_t *)(void *)s;
	case 3:
	case 4:
	case 5:
		/* the lengths */
		return (_Atomic uint64_t *)(void *)(s + offsetof(struct gs_slot, val_len));
	case 6:
		return &p->t->buckets[tape_below(in, 32)].H;
	default:
		return (_Atomic uint64_t *)(void *)(s + 8 * tape_below(in, GS_SLOT_HEADER_BYTES / 8));
	}
}

void
place_damage(struct place *p, struct tape *in)
{
	switch (tape_below(in, 16)) {
	case 0:
		forge_record(p, in);
		return;
	case 1:
	case 2:
	case 3:
		damage_entry(p, in);
		return;
	case 4:
		damage_header(p, in);
		return;
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		damage_slot(p, in);
		return;
	case 10:
	case 11:
		damage_arena(p, in);
		return;
	case 12:
		damage_page(p, in);
		return;
	case 13:
		damage_ctl(p, in);
		return;
	case 14:
		damage_idx(p, in);
		return;
	default:
		damage_anywhere(p, in);
		return;
	}
}

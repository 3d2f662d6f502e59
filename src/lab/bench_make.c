/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/mman.h>
#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>

#include "gsession.h"
#include "policy/decay.h"
#include "shm/quota.h"
#include "shm/slots.h"
#include "lab/bench_store.h"

enum { MAIN_CTX = 0, BLOCK_BYTES = 512 };

static int
make_table(struct bench_store *s, uint64_t records, uint32_t size)
{
	struct gs_table_spec spec = {
		.name = "bench", .record_size = size, .key_max = BENCH_KEY_BYTES, .n_classes = 2,
		.slot_size = { gs_table_slot_bytes(BENCH_KEY_BYTES, 0, size), gs_table_slot_bytes(BENCH_KEY_BYTES, GS_OWNER_BYTES, size) },
		.max_sessions = records + BENCH_BATCH, .max_lifetime_ms = GS_DURATION_MAX, .n_rings = 1,
		.rings = { {
			.name = "active", .kind = GS_RING_NORMAL, .promote = GS_PROMOTE_ACCESS, .ttl_ms = GS_DURATION_MAX,
			.half_life_ms = 300000, .capacity = records + BENCH_BATCH, .decay_to = GS_RING_NONE,
		} },
	};
	int rc;

	/* gs_table_open() wants no smaller slots, and room for an owner; no session here has one. */
	spec.slot_size[0] = (uint32_t)gs_max_u64(spec.slot_size[0], 256);
	spec.slot_size[1] = (uint32_t)gs_max_u64(spec.slot_size[1], 256);
	rc = gs_table_create_private(&s->t, &spec);
	if (rc < 0)
		return rc;
	/* Accesses are charged, as on any store. */
	gs_quota_apply(s->t, &(struct gs_quota_rules){ .limit = gs_quota_limit(50 * 3600, 200), .hold_ms = 10000, .release_ms = 60000 });
	return gs_ctx_init(&s->ctx, s->t, MAIN_CTX);
}

static int
fill(struct bench_store *s, struct bench_work *w)
{
	struct gs_put_args args = { .ring = GS_RING_NONE, .mode = 0600 };
	uint64_t i, key[BENCH_KEY_BYTES / 8];
	struct gs_key k;
	int rc;

	for (i = 0; i < w->keys.records; i++) {
		bench_keys_start(&w->keys, i, key);
		rc = gs_key_init(s->t, &k, key, BENCH_KEY_BYTES);
		if (rc == 0)
			rc = gs_kv_put(s->t, &s->ctx, &k, gs_table_now_ms(s->t), w->bufs, w->size, &args, NULL);
		if (rc < 0)
			return rc;
	}
	return GS_OK;
}

/* Slots in segments that can be read. */
static uint64_t
count_slots(const struct gs_arena *a)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < a->n_segments; i++)
		if (gs_slots_is_committed(a, i * a->seg_slots))
			n = ((uint64_t)i + 1) * a->seg_slots;
	return n;
}

static void
touch_pages(const void *from, uint64_t bytes)
{
	const volatile unsigned char *at = from;
	uint64_t i;

	for (i = 0; i < bytes; i += GS_PAGE_BYTES / 2)
		(void)at[i];
}

void
bench_store_warm(struct bench_store *s)
{
	const struct gs_arena *a = gs_table_arena(s->t, 0, 0);

	touch_pages(s->t->idx, s->t->idx_bytes);
	touch_pages(a->slots, count_slots(a) * a->slot_size);
}

int
bench_store_make(struct bench_store *s, struct bench_work *w)
{
	const struct gs_arena *a;
	int rc = make_table(s, w->keys.records, w->size);

	if (rc == GS_OK)
		rc = fill(s, w);
	if (rc < 0)
		return rc;
	bench_store_warm(s);
	a = gs_table_arena(s->t, 0, 0);
	w->places = a->slots + GS_SLOT_HEADER_BYTES + BENCH_KEY_BYTES;
	w->stride = a->slot_size;
	return count_slots(a) >= w->keys.records ? GS_OK : GS_ECORRUPT;
}

void
bench_store_free(struct bench_store *s)
{
	if (s->ctx.page != NULL)
		gs_ctx_fini(&s->ctx, s->t);
	gs_table_free(&s->t);
}

/* ---- memory ---- */

static uint64_t
file_bytes(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * BLOCK_BYTES : 0;
}

static bool
is_of_table(const struct gs_table *t, uintptr_t at)
{
	const struct gs_arena *a;
	size_t i;

	if (at - (uintptr_t)t->idx < t->idx_bytes)
		return true;
	for (i = 0; i < GS_MAX_ARENAS; i++) {
		a = &t->arena[i];
		if (a->map != NULL && at - (uintptr_t)a->map < a->bytes)
			return true;
	}
	return false;
}

/* Of the table's mappings, what the kernel maps by huge pages: proc_pid_smaps(5). */
static int
huge_bytes(const struct gs_table *t, uint64_t *out)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	uint64_t from, to, kb;
	bool ours = false;
	char line[512];

	*out = 0;
	if (f == NULL)
		return GS_ESYSTEM;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
			ours = is_of_table(t, (uintptr_t)from);
		else if (ours && (sscanf(line, "ShmemPmdMapped: %" SCNu64, &kb) == 1 || sscanf(line, "FilePmdMapped: %" SCNu64, &kb) == 1 ||
		    sscanf(line, "Shared_Hugetlb: %" SCNu64, &kb) == 1 || sscanf(line, "Private_Hugetlb: %" SCNu64, &kb) == 1))
			*out += kb * 1024;
	}
	(void)fclose(f);
	return GS_OK;
}

int
bench_store_memory(const struct bench_store *s, uint64_t records, struct bench_memory *out)
{
	size_t i;

	*out = (struct bench_memory){ .index = file_bytes(s->t->idx_fd), .rest = file_bytes(s->t->ctl_fd) + file_bytes(s->t->ctx_fd) };
	for (i = 0; i < GS_MAX_ARENAS; i++)
		if (s->t->arena[i].map != NULL)
			out->slots += file_bytes(s->t->arena[i].fd);
	out->per_session = (double)(out->index + out->slots + out->rest) / (double)records;
	return huge_bytes(s->t, &out->huge);
}

uint64_t
bench_free_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kb = 0;
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "MemAvailable: %" SCNu64, &kb) == 1)
			break;
	if (f != NULL)
		(void)fclose(f);
	return kb * 1024;
}

bool
bench_store_fits(uint64_t records, uint32_t size)
{
	/* Index, due hint and id; and a tenth of what is free stays so. */
	uint64_t each = gs_table_slot_bytes(BENCH_KEY_BYTES, 0, size) + 32;

	return records * each < bench_free_bytes() / 10 * 9;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_place.h - a private table whose ring cold lies in a directory of the test's, and what a reboot makes of it.
 */
#ifndef T_UNIT_STORE_PLACE_H
#define T_UNIT_STORE_PLACE_H

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "shm_place.h"
#include "base/clock.h"
#include "shm/adopt.h"
#include "shm/disk.h"
#include "shm/region.h"

struct disk {
	char dir[64];
	char told[8 * GS_DISK_WHY_BYTES];	/* sentences heard */
	struct gs_table_spec spec;
	struct store s;
	struct gs_store_sync sync;
	struct gs_adopted found;	/* by the last boot */
};

static inline void
hear(void *arg, const char *ring, const char *sentence)
{
	struct disk *d = arg;
	size_t n = strlen(d->told);

	(void)snprintf(d->told + n, sizeof(d->told) - n, "%s: %s\n", ring, sentence);
}

/* The file of ring cold. */
static inline void
disk_path(const struct disk *d, char *out, size_t cap, const char *ending)
{
	(void)snprintf(out, cap, "%s/t@cold.0%s", d->dir, ending);
}

/* Make the table, as a daemon does that finds no memory. */
static inline int
boot(struct disk *d)
{
	char why[GS_DISK_WHY_BYTES] = "";
	struct gs_past past;
	int rc = gs_disk_find(&past, &d->spec, hear, d, why);

	if (rc < 0) {
		hear(d, "why", why);
		return rc;
	}
	assert_int_equal(gs_table_create_from(&d->s.t, -1, &d->spec, &past), 0);
	assert_int_equal(gs_region_commit(d->s.t->ctx_fd, 0, (uint64_t)GS_PRIVATE_CTX * GS_CTX_BYTES), 0);
	for (uint32_t i = 0; i < GS_PRIVATE_CTX; i++)
		atomic_store_explicit(&d->s.t->ctl->reg[i].state, GS_CTX_LIVE, memory_order_relaxed);
	atomic_store_explicit(&d->s.t->ctl->n_ctx_used, GS_PRIVATE_CTX, memory_order_relaxed);
	assert_int_equal(gs_ctx_init(&d->s.c, d->s.t, 1), 0);
	rc = gs_adopt_run(d->s.t, &d->s.c, &past, &d->found);
	gs_table_finish(d->s.t);
	gs_disk_anchor(d->s.t);
	assert_int_equal(gs_store_sync_init(&d->sync, d->s.t), 0);
	return rc;
}

/* Every tmpfs file is gone, and nobody gave anything back. */
static inline void
halt(struct disk *d)
{
	gs_store_sync_fini(&d->sync);
	free(d->s.c.scratch);
	memset(&d->s.c, 0, sizeof(d->s.c));
	gs_table_free(&d->s.t);
}

static inline void
reboot(struct disk *d)
{
	halt(d);
	assert_int_equal(boot(d), 0);
}

static inline void
sync_now(struct disk *d)
{
	(void)gs_store_sync_begin(&d->sync, d->s.t);
	(void)gs_store_sync_end(&d->sync, d->s.t, true);
}

static inline void
open_disk(struct disk *d)
{
	memset(d, 0, sizeof(*d));
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/gs-store.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	d->spec = usual_spec();
	(void)snprintf(d->spec.rings[COLD].store, sizeof(d->spec.rings[COLD].store), "%s", d->dir);
	assert_int_equal(boot(d), 0);
}

static inline void
close_disk(struct disk *d)
{
	DIR *dir;
	struct dirent *e;

	if (d->s.t != NULL)
		halt(d);
	dir = opendir(d->dir);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(d->dir);
}

static inline uint64_t
now_of(const struct disk *d)
{
	return gs_table_now_ms(d->s.t);
}

/* Put into a ring. */
static inline int
put_in(struct disk *d, const char *key, const char *value, uint32_t ring)
{
	struct gs_put_args args = plain_args();
	struct gs_key k = key_of(d->s.t, key);

	args.ring = ring;
	args.flags = GS_KV_INSPECT;
	args.set = GS_SET_OWNER_BIT;
	args.owner = "me";
	args.owner_len = 2;
	return gs_kv_put(d->s.t, &d->s.c, &k, now_of(d), value, strlen(value), &args, NULL);
}

/* The value of a session, or "" when there is none. */
static inline const char *
value_in(struct disk *d, const char *key, char out[1001])
{
	struct gs_key k = key_of(d->s.t, key);
	ssize_t n = gs_kv_get(d->s.t, &d->s.c, &k, now_of(d), out, 1000, GS_KV_INSPECT, NULL);

	out[n < 0 ? 0 : n] = '\0';
	return out;
}

#endif

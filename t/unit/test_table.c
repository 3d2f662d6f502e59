/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_table - a table's files: made, opened, mapped, refused.
 */
#include "shm_place.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "shm/rings.h"

struct dir {
	char path[64];
	int fd;
};

static int
make_dir(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	(void)snprintf(d->path, sizeof(d->path), "/dev/shm/gsession-test-table-XXXXXX");
	if (mkdtemp(d->path) == NULL)
		return -1;
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = d;
	return d->fd < 0 ? -1 : 0;
}

static int
remove_dir(void **state)
{
	struct dir *d = *state;
	char command[128];
	int rc;

	(void)snprintf(command, sizeof(command), "rm -r '%s'", d->path);
	rc = system(command);
	(void)close(d->fd);
	free(d);
	return rc;
}

static size_t
count_files(const char *path)
{
	struct dirent *e;
	DIR *of = opendir(path);
	size_t n = 0;

	assert_non_null(of);
	while ((e = readdir(of)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(of);
	return n;
}

static size_t
count_open(void)
{
	return count_files("/proc/self/fd");
}

static struct gs_table *
create(const struct dir *d)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_table *t = NULL;

	assert_int_equal(gs_table_create(&t, d->fd, &spec), 0);
	return t;
}

static void
make_live(struct store *s)
{
	atomic_store(&s->t->ctl->reg[1].state, GS_CTX_LIVE);
	atomic_store(&s->t->ctl->n_ctx_used, 2);
	assert_int_equal(gs_ctx_init(&s->c, s->t, 1), 0);
}

static void
sessions_are_there_after_the_files_are_opened_again(void **state)
{
	const struct dir *d = *state;
	struct store s = { .t = create(d) };
	char why[256], buf[16];
	struct stat st;
	struct gs_key k;

	make_live(&s);
	assert_int_equal(put_at(&s, "k", "value", NOW), 1);
	close_store(&s);
	assert_int_equal(gs_table_open(&s.t, d->fd, "t", why), 0);
	make_live(&s);
	k = key_of(s.t, "k");
	assert_int_equal(gs_kv_get(s.t, &s.c, &k, NOW, buf, sizeof(buf), 0, NULL), 5);
	assert_memory_equal(buf, "value", 5);
	assert_clean(s.t, NOW);
	close_store(&s);
	assert_int_equal(fstatat(d->fd, "t.ctl", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	gs_table_unlink(d->fd, "t");
	assert_int_equal(count_files(d->path), 0);
}

/* Duplicates of a table's descriptors at their places, as a client has them. */
static void
dup_fds(const struct gs_table *t, int fds[GS_TABLE_FDS])
{
	fds[0] = fcntl(t->ctl_fd, F_DUPFD_CLOEXEC, 0);
	fds[1] = fcntl(t->idx_fd, F_DUPFD_CLOEXEC, 0);
	fds[2] = fcntl(t->ctx_fd, F_DUPFD_CLOEXEC, 0);
	fds[GS_TABLE_EVT_FD] = fcntl(t->evt_fd, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		fds[GS_TABLE_ARENA_FD + i] = t->arena[i].map == NULL ? -1 : fcntl(t->arena[i].fd, F_DUPFD_CLOEXEC, 0);
}

static void
what_one_process_writes_another_reads_through_the_descriptors(void **state)
{
	const struct dir *d = *state;
	struct store s = { .t = create(d) }, client = { .t = NULL };
	int fds[GS_TABLE_FDS], sent[GS_TABLE_FDS];
	char why[256];

	make_live(&s);
	assert_int_equal(gs_table_fds(s.t, sent), GS_TABLE_ARENA_FD + 4);
	dup_fds(s.t, fds);
	assert_int_equal(gs_table_map(&client.t, fds, GS_TABLE_WRITE, why), 0);
	assert_int_equal(gs_ctx_init(&client.c, client.t, 1), 0);
	assert_int_equal(put_at(&client, "k", "v", NOW), 1);
	assert_int_equal(get_at(&s, "k", NOW), 1);
	assert_memory_equal(client.t->uuid, s.t->uuid, sizeof(s.t->uuid));
	close_store(&client);
	assert_clean(s.t, NOW);
	close_store(&s);
	gs_table_unlink(d->fd, "t");
}

static void
client_cannot_write_the_control_page(void **state)
{
	const struct dir *d = *state;
	struct gs_table *t = create(d), *client = NULL;
	int fds[GS_TABLE_FDS], zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char why[256];

	dup_fds(t, fds);
	assert_int_equal(gs_table_map(&client, fds, GS_TABLE_WRITE, why), 0);
	assert_true(zero >= 0);
	assert_int_equal(read(zero, client->ctl, 1), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(read(zero, &client->ctl->reg[5], 1), -1);
	(void)close(zero);
	gs_table_free(&client);
	gs_table_free(&t);
	gs_table_unlink(d->fd, "t");
}

/* ---- refusals ---- */

/* Overwrite bytes of a file of table t. */
static void
poke(const struct dir *d, const char *file, size_t off, const void *bytes, size_t n)
{
	int fd = openat(d->fd, file, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)off), n);
	(void)close(fd);
}

static void
resize(const struct dir *d, const char *file, off_t by)
{
	int fd = openat(d->fd, file, O_RDWR | O_CLOEXEC);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size + by), 0);
	(void)close(fd);
}

/* Make the control page's crc right again, so that what it covers is looked at. */
static void
fix_crc(const struct dir *d)
{
	int fd = openat(d->fd, "t.ctl", O_RDWR | O_CLOEXEC);
	struct gs_ctl_hdr h;
	uint32_t crc;

	assert_int_equal(pread(fd, &h, GS_PAGE_BYTES, 0), GS_PAGE_BYTES);
	crc = gs_crc32c(0, &h, offsetof(struct gs_ctl_hdr, crc));
	assert_int_equal(pwrite(fd, &crc, sizeof(crc), offsetof(struct gs_ctl_hdr, crc)), sizeof(crc));
	(void)close(fd);
}

static void
assert_refused(const struct dir *d, const char *what, int rc, const char *sentence)
{
	struct gs_table *t = NULL;
	size_t n_open = count_open();
	char why[256] = "";
	int got = gs_table_open(&t, d->fd, "t", why);

	if (got != rc || strstr(why, sentence) == NULL)
		fail_msg("%s: %s, \"%s\"; not %s, \"%s\"", what, gs_errname(got), why, gs_errname(rc), sentence);
	assert_null(t);
	assert_int_equal(count_open(), n_open);
}

#define CTL(member) "t.ctl", offsetof(struct gs_ctl_hdr, member)
#define IDX(member) "t.idx", offsetof(struct gs_idx_hdr, member)
#define ARENA(member) "t.1.0", offsetof(struct gs_arena_hdr, member)

static void
damaged_header_is_refused_and_nothing_stays_open(void **state)
{
	static const struct {
		const char *file;
		size_t off;
		uint32_t value;
		bool has_right_crc;
		int rc;
		const char *sentence;
	} rows[] = {
		{ CTL(magic), 1, false, GS_ECORRUPT, "no table of ours" },
		{ CTL(endian), 0x01020304, false, GS_EVERSION, "another version" },
		{ CTL(abi_major), GS_ABI_MAJOR + 1, false, GS_EVERSION, "another version" },
		{ CTL(abi_major), GS_ABI_MAJOR - 1, false, GS_EVERSION, "another version" },
		{ CTL(abi_minor), GS_ABI_MINOR + 1, false, GS_EVERSION, "another version" },
		{ CTL(slot_header_bytes), 128, false, GS_EVERSION, "another version" },
		{ CTL(bucket_bytes), 64, false, GS_EVERSION, "another version" },
		{ CTL(ctx_bytes), 4096, false, GS_EVERSION, "another version" },
		{ CTL(n_ctx), 4096, false, GS_EVERSION, "another version" },
		{ CTL(sip_k0), 1, false, GS_ECORRUPT, "header damaged" },
		{ CTL(clock_base_ms), 1, false, GS_ECORRUPT, "header damaged" },
		{ CTL(n_rings), 3, false, GS_ECORRUPT, "header damaged" },
		{ CTL(crc), 1, false, GS_ECORRUPT, "header damaged" },
		{ CTL(n_rings), 0, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_rings), 9, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_rings), 5, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_classes), 0, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_classes), 2, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_classes), 5, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_groups), 1, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_groups), 3, true, GS_ECORRUPT, "geometry" },
		{ CTL(n_buckets), 83, true, GS_ECORRUPT, "geometry" },
		{ CTL(key_max), 0, true, GS_ECORRUPT, "geometry" },
		{ CTL(key_max), 256, true, GS_ECORRUPT, "geometry" },
		{ CTL(record_size), 65536, true, GS_ECORRUPT, "geometry" },
		{ CTL(slot_size), 300, true, GS_ECORRUPT, "geometry" },
		{ CTL(slot_size), 192, true, GS_ECORRUPT, "geometry" },
		{ CTL(slot_size), 1u << 18, true, GS_ECORRUPT, "geometry" },
		{ CTL(slot_size), 256, true, GS_ECORRUPT, "geometry" },		/* what may be put would have no class */
		{ CTL(ring[2].name), 0, false, GS_ECORRUPT, "geometry" },
		{ CTL(ring[1].seg_slots), 0, false, GS_ECORRUPT, "geometry" },
		{ CTL(ring[1].seg_slots), 65, false, GS_ECORRUPT, "geometry" },
		{ CTL(ring[1].n_slots), 0, false, GS_ECORRUPT, "geometry" },
		{ CTL(ring[1].n_slots), 1, false, GS_ECORRUPT, "geometry" },
		{ CTL(ring[1].n_slots), 640 * 3, false, GS_ECORRUPT, "t.1.0: cut short" },
		{ IDX(magic), 1, false, GS_ECORRUPT, "belongs to another table" },
		{ IDX(uuid), 1, false, GS_ECORRUPT, "belongs to another table" },
		{ IDX(n_buckets), 1, false, GS_ECORRUPT, "belongs to another table" },
		{ ARENA(magic), 1, false, GS_ECORRUPT, "t.1.0: belongs to another table" },
		{ ARENA(uuid), 1, false, GS_ECORRUPT, "t.1.0: belongs to another table" },
		{ ARENA(ring), 0, false, GS_ECORRUPT, "t.1.0: belongs to another table" },
		{ ARENA(class_id), 1, false, GS_ECORRUPT, "t.1.0: belongs to another table" },
		{ ARENA(slot_size), 384, false, GS_ECORRUPT, "t.1.0: header damaged" },
		{ ARENA(n_slots), 64, false, GS_ECORRUPT, "t.1.0: header damaged" },
		{ ARENA(seg_slots), 192, false, GS_ECORRUPT, "t.1.0: header damaged" },
		{ ARENA(slots_off), 0, false, GS_ECORRUPT, "t.1.0: header damaged" },
		{ ARENA(file_bytes), 0, false, GS_ECORRUPT, "t.1.0: header damaged" },
	};
	const struct dir *d = *state;
	char what[64];

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_table *t = create(d);

		gs_table_free(&t);
		poke(d, rows[i].file, rows[i].off, &rows[i].value, sizeof(rows[i].value));
		if (rows[i].has_right_crc)
			fix_crc(d);
		(void)snprintf(what, sizeof(what), "row %zu, %s at %zu", i, rows[i].file, rows[i].off);
		assert_refused(d, what, rows[i].rc, rows[i].sentence);
		gs_table_unlink(d->fd, "t");
	}
}

static void
file_cut_short_or_missing_is_refused(void **state)
{
	static const struct {
		const char *file;
		off_t by;		/* 0: the file is missing */
		int rc;
		const char *sentence;
	} rows[] = {
		{ "t.ctl", -1, GS_ECORRUPT, "ctl: cut short" },
		{ "t.idx", -1, GS_ECORRUPT, "idx: cut short" },
		{ "t.ctx", -4096, GS_ECORRUPT, "ctx: cut short" },
		{ "t.0.0", -64, GS_ECORRUPT, "t.0.0: cut short" },
		{ "t.3.0", 1, GS_ECORRUPT, "t.3.0: cut short" },
		{ "t.ctl", 0, GS_ENOENT, "t.ctl" },
		{ "t.idx", 0, GS_ECORRUPT, "t.idx" },
		{ "t.ctx", 0, GS_ECORRUPT, "t.ctx" },
		{ "t.2.0", 0, GS_ECORRUPT, "t.2.0: missing" },
	};
	const struct dir *d = *state;

	for (size_t i = 0; i < N_ROWS(rows); i++) {
		struct gs_table *t = create(d);

		gs_table_free(&t);
		if (rows[i].by == 0)
			assert_int_equal(unlinkat(d->fd, rows[i].file, 0), 0);
		else
			resize(d, rows[i].file, rows[i].by);
		assert_refused(d, rows[i].file, rows[i].rc, rows[i].sentence);
		gs_table_unlink(d->fd, "t");
	}
}

static void
file_that_is_no_plain_file_is_refused(void **state)
{
	const struct dir *d = *state;
	struct gs_table *t = create(d);

	gs_table_free(&t);
	assert_int_equal(renameat(d->fd, "t.0.0", d->fd, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", d->fd, "t.0.0"), 0);
	assert_refused(d, "symbolic link", GS_ESYSTEM, "t.0.0");
	assert_int_equal(unlinkat(d->fd, "t.0.0", 0), 0);
	assert_int_equal(mkfifoat(d->fd, "t.0.0", 0600), 0);
	assert_refused(d, "pipe", GS_ECORRUPT, "t.0.0: cut short");
	assert_int_equal(unlinkat(d->fd, "elsewhere", 0), 0);
	gs_table_unlink(d->fd, "t");
}

/* A table that cannot be opened for want of descriptors is not damaged, and nobody may think so. */
static void
want_of_descriptors_is_not_taken_for_damage(void **state)
{
	const struct dir *d = *state;
	struct gs_table *t = create(d);
	struct rlimit was, few;

	gs_table_free(&t);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	/* two are free, then three, and so on: it fails at every file in turn */
	for (rlim_t n = 1; n < 7; n++) {
		char why[256] = "";
		int rc, lowest = dup(0);

		(void)close(lowest);
		few.rlim_cur = (rlim_t)lowest + n;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		rc = gs_table_open(&t, d->fd, "t", why);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		if (rc != GS_ESYSTEM)
			fail_msg("with %d descriptors: %s, \"%s\"", (int)n, gs_errname(rc), why);
	}
	assert_null(t);
	gs_table_unlink(d->fd, "t");
}

static void
descriptors_of_two_tables_are_no_table_and_are_closed(void **state)
{
	const struct dir *d = *state;
	struct gs_table *t = create(d), *other, *none = NULL;
	struct gs_table_spec spec = usual_spec();
	int fds[GS_TABLE_FDS];
	size_t n_open = count_open();
	char why[256];

	assert_int_equal(gs_table_create_private(&other, &spec), 0);
	dup_fds(t, fds);
	(void)close(fds[1]);
	fds[1] = fcntl(other->idx_fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(gs_table_map(&none, fds, GS_TABLE_WRITE, why), GS_ECORRUPT);
	assert_non_null(strstr(why, "idx"));
	dup_fds(t, fds);
	(void)close(fds[GS_TABLE_EVT_FD]);
	fds[GS_TABLE_EVT_FD] = fcntl(other->evt_fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(gs_table_map(&none, fds, GS_TABLE_WRITE, why), GS_ECORRUPT);
	assert_non_null(strstr(why, "evt"));
	dup_fds(t, fds);
	(void)close(fds[GS_TABLE_ARENA_FD + 2 * GS_MAX_CLASSES]);
	fds[GS_TABLE_ARENA_FD + 2 * GS_MAX_CLASSES] = fcntl(other->arena[2 * GS_MAX_CLASSES].fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(gs_table_map(&none, fds, GS_TABLE_WRITE, why), GS_ECORRUPT);
	assert_non_null(strstr(why, "2.0"));
	dup_fds(t, fds);
	(void)close(fds[GS_TABLE_ARENA_FD + GS_MAX_CLASSES]);
	fds[GS_TABLE_ARENA_FD + GS_MAX_CLASSES] = -1;
	assert_int_equal(gs_table_map(&none, fds, GS_TABLE_WRITE, why), GS_ECORRUPT);
	assert_non_null(strstr(why, "missing"));
	assert_null(none);
	gs_table_free(&other);
	assert_int_equal(count_open(), n_open);
	gs_table_free(&t);
	gs_table_unlink(d->fd, "t");
}

/* ---- making ---- */

static void
table_that_is_there_is_not_made_again(void **state)
{
	const struct dir *d = *state;
	struct gs_table *t = create(d), *again = NULL;
	struct gs_table_spec spec = usual_spec();
	size_t n_files = count_files(d->path), n_open = count_open();
	char why[256];

	assert_int_equal(gs_table_create(&again, d->fd, &spec), GS_EEXIST);
	assert_null(again);
	assert_int_equal(count_files(d->path), n_files);
	assert_int_equal(count_open(), n_open);
	gs_table_free(&t);
	assert_int_equal(gs_table_open(&t, d->fd, "t", why), 0);
	gs_table_free(&t);
	gs_table_unlink(d->fd, "t");
}

static void
making_that_meets_a_file_of_somebody_else_leaves_only_that(void **state)
{
	static const char *const names[] = { "t.1.0", "t.idx", "t.ctx", "t.ctl" };
	const struct dir *d = *state;
	struct gs_table_spec spec = usual_spec();
	struct gs_table *t = NULL;

	for (size_t i = 0; i < N_ROWS(names); i++) {
		int fd = openat(d->fd, names[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		(void)close(fd);
		assert_int_equal(gs_table_create(&t, d->fd, &spec), GS_EEXIST);
		assert_null(t);
		if (count_files(d->path) != 1)
			fail_msg("%s: %zu files are left", names[i], count_files(d->path));
		assert_int_equal(unlinkat(d->fd, names[i], 0), 0);
	}
}

static void
making_that_fails_half_way_leaves_nothing(void **state)
{
	/* an arena; all arenas but not the index; all but the contexts, which are 64 MB */
	static const rlim_t limits[] = { 1000, 2000000, 3500000, 40000000 };
	const struct dir *d = *state;
	struct gs_table_spec spec = usual_spec();
	struct rlimit was, small;
	struct gs_table *t = NULL;
	size_t n_open = count_open();

	spec.max_sessions = 200000;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < N_ROWS(limits); i++) {
		int rc;

		small = was;
		small.rlim_cur = limits[i];
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = gs_table_create(&t, d->fd, &spec);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
		assert_true(rc < 0);
		assert_null(t);
		assert_int_equal(count_files(d->path), 0);
		assert_int_equal(count_open(), n_open);
	}
	(void)signal(SIGXFSZ, SIG_DFL);
}

/* ---- times and names ---- */

static void
store_time_and_wall_clock_are_told_apart_and_back(void **state)
{
	static const struct {
		uint64_t store_ms, now_ms;
		int64_t wall_now_ns, wall_ms;
	} rows[] = {
		{ NOW, NOW, INT64_C(1700000000000000000), INT64_C(1700000000000) },
		{ NOW - 1, NOW, INT64_C(1700000000000000000), INT64_C(1699999999999) },
		{ NOW + 5000, NOW, INT64_C(1700000000000999999), INT64_C(1700000005000) },
		{ NOW - 9 * 365 * DAY, NOW, INT64_C(1700000000000000000), INT64_C(1416176000000) },
		{ NOW, NOW - 7, INT64_C(0), 7 },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++) {
		assert_int_equal(gs_table_wall_ms(rows[i].store_ms, rows[i].now_ms, rows[i].wall_now_ns), rows[i].wall_ms);
		assert_int_equal(gs_table_store_ms(rows[i].wall_ms, rows[i].now_ms, rows[i].wall_now_ns), rows[i].store_ms);
	}
	/* what was long before the store is at its beginning: 0 is no time */
	assert_int_equal(gs_table_store_ms(-(INT64_C(1) << 50), NOW, 0), 1);
}

static void
store_time_begins_ten_years_in_and_goes_on(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_table *t;
	uint64_t now_ms;

	(void)state;
	assert_int_equal(gs_table_create_private(&t, &spec), 0);
	now_ms = gs_table_now_ms(t);
	assert_in_range(now_ms, GS_TIME_ORIGIN_MS, GS_TIME_ORIGIN_MS + 60 * S);
	assert_true(gs_table_now_ms(t) >= now_ms);
	gs_table_free(&t);
	assert_null(t);
	gs_table_free(&t);
}

/* Pages of memory behind a file of a table. */
static uint64_t
pages_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512 / GS_PAGE_BYTES;
}

static void
ring_to_come_takes_a_page_an_arena(void **state)
{
	const struct dir *d = *state;
	struct gs_table_spec spec = usual_spec();
	struct store s;

	spec.can_grow = true;
	assert_int_equal(gs_table_create(&s.t, d->fd, &spec), 0);
	make_live(&s);
	assert_int_equal(s.t->n_rings, GS_MAX_RINGS);
	assert_int_equal(put_at(&s, "k", "value", NOW), 1);
	/* Everything that goes over all arenas leaves them alone. */
	assert_clean(s.t, NOW);
	for (struct gs_recover_cursor at = { 0 }; !at.done;)
		(void)gs_recover_step(s.t, &at, 1000);
	for (uint32_t i = 0; i < GS_MAX_RINGS; i++) {
		assert_true(s.t->arena[i * GS_MAX_CLASSES].map != NULL);
		if (i > SUSPECT)
			assert_int_equal(pages_of(s.t->arena[i * GS_MAX_CLASSES].fd), 1);
	}
	close_store(&s);
	gs_table_unlink(d->fd, "t");
}

static void
ring_made_later_is_there_for_who_attached_before(void **state)
{
	const struct dir *d = *state;
	struct gs_table_spec spec = usual_spec();
	struct store s, client;
	char why[256], name[GS_RING_NAME_BYTES];
	uint32_t ids[GS_MAX_RINGS], deep;
	int fds[GS_TABLE_FDS];
	struct gs_key k;

	spec.can_grow = true;
	assert_int_equal(gs_table_create(&s.t, d->fd, &spec), 0);
	make_live(&s);
	dup_fds(s.t, fds);
	assert_int_equal(gs_table_map(&client.t, fds, GS_TABLE_WRITE, why), 0);
	assert_int_equal(gs_table_rings(client.t, ids), 4);
	deep = gs_rings_unused(s.t);
	assert_int_equal(deep, SUSPECT + 1);
	assert_int_equal(gs_rings_make(s.t, deep, "deep"), 0);
	assert_int_equal(gs_table_ring(client.t, "deep"), deep);
	assert_int_equal(gs_table_ring_state(client.t, deep), GS_RING_OFF);
	assert_int_equal(put_at(&s, "k", "value", NOW), 1);
	k = key_of(s.t, "k");
	/* Off: there is room for nothing. */
	assert_int_equal(gs_kv_move(s.t, &s.c, &k, NOW, deep), GS_ENOSPC);
	atomic_store(&s.t->ctl->ring[deep].capacity, 10);
	atomic_store(&s.t->ctl->ring[deep].ttl_ms, DAY);
	atomic_store(&s.t->ctl->ring[deep].decay_to, GS_RING_NONE);
	/* Between warm and cold: the order is that of diameters, not of ids. */
	gs_rings_set(s.t, COLD, GS_RING_ON, 3);
	gs_rings_set(s.t, deep, GS_RING_ON, 2);
	assert_int_equal(gs_table_rings(client.t, ids), 5);
	assert_int_equal(ids[0], ACTIVE);
	assert_int_equal(ids[1], WARM);
	assert_int_equal(ids[2], deep);
	assert_int_equal(ids[3], COLD);
	assert_int_equal(ids[4], SUSPECT);
	assert_int_equal(gs_kv_move(s.t, &s.c, &k, NOW, deep), 0);
	assert_clean(s.t, NOW);
	/* It drains: due at once, whatever the law says, and counted as a move. */
	atomic_store(&s.t->ctl->ring[deep].capacity, 0);
	atomic_store(&s.t->ctl->ring[deep].decay_to, COLD);
	gs_rings_set(s.t, deep, GS_RING_DRAINING, 5);
	{
		struct gs_settled done;
		struct gs_hit hit;

		assert_int_equal(gs_index_find(s.t, &s.c, &k, GS_FETCH_HEAD, &hit), 1);
		gs_kv_settle(s.t, &s.c, hit.ordinal, NOW, &done);
		assert_int_equal(done.what, GS_SETTLE_DECAYED);
		assert_int_equal(done.to, COLD);
		assert_int_equal(gs_ctx_total(s.t, GS_COUNT_DECAYED), 0);
	}
	assert_int_equal(atomic_load(&s.t->idx->population[deep].n), 0);
	gs_rings_drop(s.t, deep);
	assert_int_equal(gs_table_ring(client.t, "deep"), GS_RING_NONE);
	assert_false(gs_table_ring_name(client.t, deep, name));
	assert_string_equal(name, "");
	assert_clean(s.t, NOW);
	/* An id that had a name is taken after those that had none. */
	assert_int_equal(gs_rings_unused(s.t), deep + 1);
	gs_table_free(&client.t);
	close_store(&s);
	gs_table_unlink(d->fd, "t");
}

static void
rings_are_found_by_name(void **state)
{
	struct gs_table_spec spec = usual_spec();
	struct gs_table *t;

	(void)state;
	assert_int_equal(gs_table_create_private(&t, &spec), 0);
	assert_int_equal(gs_table_ring(t, "active"), ACTIVE);
	assert_int_equal(gs_table_ring(t, "cold"), COLD);
	assert_int_equal(gs_table_ring(t, "col"), GS_RING_NONE);
	assert_int_equal(gs_table_ring(t, ""), GS_RING_NONE);
	assert_int_equal(gs_table_innermost(t), ACTIVE);
	assert_int_equal(gs_table_suspect(t), SUSPECT);
	gs_table_free(&t);
	spec.n_rings = 3;
	assert_int_equal(gs_table_create_private(&t, &spec), 0);
	assert_int_equal(gs_table_suspect(t), GS_RING_NONE);
	gs_table_free(&t);
}

static void
slot_is_the_smallest_multiple_of_a_line_that_holds_its_parts(void **state)
{
	static const struct {
		uint32_t key, owner, value, bytes;
	} rows[] = {
		{ 1, 0, 0, 256 }, { 8, 0, 56, 256 }, { 8, 0, 57, 320 }, { 9, 0, 49, 320 }, { 32, 64, 32, 320 }, { 255, 64, 65535, 66048 },
	};

	(void)state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		assert_int_equal(gs_table_slot_bytes(rows[i].key, rows[i].owner, rows[i].value), rows[i].bytes);
}

#define T_DIR(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_DIR(ring_to_come_takes_a_page_an_arena),
		T_DIR(ring_made_later_is_there_for_who_attached_before),
		T_DIR(sessions_are_there_after_the_files_are_opened_again),
		T_DIR(what_one_process_writes_another_reads_through_the_descriptors),
		T_DIR(client_cannot_write_the_control_page),
		T_DIR(damaged_header_is_refused_and_nothing_stays_open),
		T_DIR(file_cut_short_or_missing_is_refused),
		T_DIR(file_that_is_no_plain_file_is_refused),
		T_DIR(want_of_descriptors_is_not_taken_for_damage),
		T_DIR(descriptors_of_two_tables_are_no_table_and_are_closed),
		T_DIR(table_that_is_there_is_not_made_again),
		T_DIR(making_that_meets_a_file_of_somebody_else_leaves_only_that),
		T_DIR(making_that_fails_half_way_leaves_nothing),
		T(store_time_and_wall_clock_are_told_apart_and_back),
		T(store_time_begins_ten_years_in_and_goes_on),
		T(rings_are_found_by_name),
		T(slot_is_the_smallest_multiple_of_a_line_that_holds_its_parts),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}

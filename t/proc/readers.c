/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readers.c - read-only clients for readers.t: what they can do, and every door through which they might write.
 *
 *	readers doors INSTANCE DIR		try each door of the memory in DIR; a line says what became of it
 *	readers open-doors INSTANCE DIR		the first of them as a writer, for whom it is open: that would be seen
 *	readers refused INSTANCE		each call that writes; a line says its answer
 *	readers calls INSTANCE COUNT		each call that reads, again and again on the sessions of `client fill`
 *	readers get INSTANCE KEY COUNT		get so often, then wait for standard input to end
 *	readers obey INSTANCE KEY		get as often as each line of standard input says, and answer how many were found
 *	readers many INSTANCE COUNT		get s0, s1, ... once each
 *	readers lie INSTANCE			write noise into its own pages until standard input ends
 *	readers old SOCKET			a daemon that knows no roles there, and what a reader says of it
 */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "gsession.h"
#include "shm/table.h"
#include "value.h"

enum { FDS_MAX = 64, PAGE = 4096 };

static uint32_t role = GS_ROLE_READER;

static struct gs *
attach(const char *instance, uint32_t n_threads)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = n_threads, .role = role };
	struct gs *gs;
	int rc = gs_attach(&gs, &opt);

	if (rc < 0)
		errx(1, "attach: %s", gs_errname(rc));
	return gs;
}

static void
wait_for_end_of_input(void)
{
	char byte;

	(void)printf("ready\n");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

/* ---- doors ---- */

/* A descriptor of the table: what it is, and where the library has mapped it. */
struct door {
	int fd;
	ino_t ino;
	off_t bytes;
	char name[PATH_MAX];
	unsigned char *map;
};

static struct door doors[FDS_MAX];
static size_t n_doors;

/* The address at which the file of this number is mapped. */
static unsigned char *
map_of(ino_t ino)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, number;
	char line[PATH_MAX + 128];
	unsigned char *found = NULL;

	if (maps == NULL)
		err(1, "/proc/self/maps");
	while (fgets(line, sizeof(line), maps) != NULL && found == NULL)
		if (sscanf(line, "%lx-%*x %*s %*x %*x:%*x %lu", &from, &number) == 2 && number == ino)
			found = (unsigned char *)from;
	(void)fclose(maps);
	return found;
}

/* All regular files among our descriptors that the attach brought. */
static void
find_doors(void)
{
	struct stat st;
	char link[64];
	ssize_t n;

	for (int fd = 3; fd < 1024; fd++) {
		struct door *d = &doors[n_doors];

		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || n_doors == FDS_MAX)
			continue;
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, d->name, sizeof(d->name) - 1);
		if (n < 0)
			continue;
		d->name[n] = '\0';
		d->fd = fd;
		d->ino = st.st_ino;
		d->bytes = st.st_size;
		d->map = map_of(st.st_ino);
		n_doors++;
	}
}

/* One door: returns true when something got through. errno says why not. */
typedef bool (*door_fn)(const struct door *d);

static bool
by_mmap(const struct door *d)
{
	void *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);

	return map != MAP_FAILED;
}

static bool
by_mprotect(const struct door *d)
{
	return d->map != NULL && mprotect(d->map, PAGE, PROT_READ | PROT_WRITE) == 0;
}

/* A mapping made for reading must not become one for writing either. */
static bool
by_late_mprotect(const struct door *d)
{
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, d->fd, 0);

	return map != MAP_FAILED && mprotect(map, PAGE, PROT_WRITE) == 0;
}

static bool
by_mremap(const struct door *d)
{
	void *map = d->map == NULL ? MAP_FAILED : mremap(d->map, 0, PAGE, MREMAP_MAYMOVE);

	return map != MAP_FAILED && mprotect(map, PAGE, PROT_READ | PROT_WRITE) == 0;
}

static bool
by_opening_again(const struct door *d)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", d->fd);
	return open(path, O_RDWR | O_CLOEXEC) >= 0;
}

static bool
by_opening_for_writing(const struct door *d)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", d->fd);
	return open(path, O_WRONLY | O_TRUNC | O_CLOEXEC) >= 0;
}

static bool
by_map_files(const struct door *d)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)d->map, (unsigned long)(d->map + (d->bytes + PAGE - 1) / PAGE * PAGE));
	return open(path, O_RDWR | O_CLOEXEC) >= 0;
}

static bool
by_truncate(const struct door *d)
{
	return ftruncate(d->fd, 0) == 0;
}

static bool
by_growing(const struct door *d)
{
	return ftruncate(d->fd, d->bytes + PAGE) == 0;
}

static bool
by_fallocate(const struct door *d)
{
	return fallocate(d->fd, FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0;
}

static bool
by_punching(const struct door *d)
{
	return fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0;
}

static bool
by_zeroing(const struct door *d)
{
	return fallocate(d->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE) == 0;
}

static bool
by_madv_remove(const struct door *d)
{
	return d->map != NULL && madvise(d->map, PAGE, MADV_REMOVE) == 0;
}

static bool
by_madv_populate(const struct door *d)
{
	return d->map != NULL && madvise(d->map, PAGE, 23 /* MADV_POPULATE_WRITE */) == 0;
}

static bool
by_write(const struct door *d)
{
	return write(d->fd, "x", 1) == 1;
}

static bool
by_pwrite(const struct door *d)
{
	return pwrite(d->fd, "x", 1, 0) == 1;
}

static bool
by_pwritev2(const struct door *d)
{
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)"x", .iov_len = 1 };

	return pwritev2(d->fd, &iov, 1, 0, RWF_APPEND) == 1;
}

static bool
by_sendfile(const struct door *d)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool did = from >= 0 && sendfile(d->fd, from, NULL, 1) == 1;
	int why = errno;

	(void)close(from);
	errno = why;
	return did;
}

static bool
by_copy_file_range(const struct door *d)
{
	off_t in = 0, out = 0;

	/* from another file of the same tmpfs, as a copy must be */
	return copy_file_range(doors[0].fd, &in, d->fd, &out, 1, 0) == 1;
}

static bool
by_splice(const struct door *d)
{
	int ends[2], why;
	bool did;

	if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
		err(1, "pipe");
	did = splice(ends[0], NULL, d->fd, NULL, 1, 0) == 1;
	why = errno;
	(void)close(ends[0]);
	(void)close(ends[1]);
	errno = why;
	return did;
}

static bool
by_process_vm_writev(const struct door *d)
{
	const struct iovec local = { .iov_base = (void *)(uintptr_t)"x", .iov_len = 1 }, remote = { .iov_base = d->map, .iov_len = 1 };

	return d->map != NULL && process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 1;
}

/* Debuggers write through this into pages that are read-only; not into shared ones. */
static bool
by_proc_mem(const struct door *d)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	bool did = fd >= 0 && pwrite(fd, "x", 1, (off_t)(uintptr_t)d->map) == 1;
	int why = errno;

	(void)close(fd);
	errno = why;
	return did;
}

static bool
by_read_into_it(const struct door *d)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool did = read(fd, d->map, 1) == 1;
	int why = errno;

	(void)close(fd);
	errno = why;
	return did;
}

static bool
by_fchmod(const struct door *d)
{
	return fchmod(d->fd, 0666) == 0;
}

static bool
by_fchown(const struct door *d)
{
	return fchown(d->fd, geteuid(), getegid()) == 0;
}

static bool
by_futimens(const struct door *d)
{
	return futimens(d->fd, NULL) == 0;
}

static bool
by_status_flags(const struct door *d)
{
	int flags = fcntl(d->fd, F_GETFL);

	(void)fcntl(d->fd, F_SETFL, (flags & ~O_ACCMODE) | O_RDWR);
	errno = EBADF;
	return (fcntl(d->fd, F_GETFL) & O_ACCMODE) != O_RDONLY || write(d->fd, "x", 1) == 1;
}

static bool
by_seal(const struct door *d)
{
	return fcntl(d->fd, F_ADD_SEALS, F_SEAL_WRITE) == 0;
}

static bool
by_lease(const struct door *d)
{
	return fcntl(d->fd, F_SETLEASE, F_WRLCK) == 0;
}

static bool
by_link(const struct door *d)
{
	char from[64];

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", d->fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, "/dev/shm/gs-test-linked", AT_SYMLINK_FOLLOW) == 0 ||
	    linkat(d->fd, "", AT_FDCWD, "/dev/shm/gs-test-linked", AT_EMPTY_PATH) == 0;
}

static bool
by_path(const struct door *d)
{
	return open(d->name, O_RDWR | O_CLOEXEC) >= 0 || open(d->name, O_RDONLY | O_CLOEXEC) >= 0;
}

static const struct {
	const char *name;
	door_fn fn;
} ways[] = {
	{ "mmap", by_mmap }, { "mprotect", by_mprotect }, { "mprotect of a new map", by_late_mprotect }, { "mremap", by_mremap },
	{ "open of /proc/self/fd", by_opening_again }, { "open for writing", by_opening_for_writing }, { "map_files", by_map_files },
	{ "ftruncate to 0", by_truncate }, { "ftruncate beyond", by_growing }, { "fallocate", by_fallocate },
	{ "a hole punched", by_punching }, { "a range zeroed", by_zeroing }, { "MADV_REMOVE", by_madv_remove },
	{ "MADV_POPULATE_WRITE", by_madv_populate }, { "write", by_write }, { "pwrite", by_pwrite }, { "pwritev2", by_pwritev2 },
	{ "sendfile", by_sendfile }, { "copy_file_range", by_copy_file_range }, { "splice", by_splice },
	{ "process_vm_writev", by_process_vm_writev }, { "/proc/self/mem", by_proc_mem }, { "read into the map", by_read_into_it },
	{ "fchmod", by_fchmod }, { "fchown", by_fchown }, { "futimens", by_futimens }, { "F_SETFL", by_status_flags },
	{ "a seal", by_seal }, { "a lease", by_lease }, { "a link", by_link }, { "its path", by_path },
};

static void
try_way(size_t w)
{
	for (size_t i = 0; i < n_doors; i++) {
		errno = 0;
		if (ways[w].fn(&doors[i])) {
			(void)printf("%s: open, %s\n", ways[w].name, doors[i].name);
			return;
		}
		/* Refused, and not for want of trying. */
		if (errno == 0) {
			(void)printf("%s: not tried, %s: %s\n", ways[w].name, doors[i].name, strerror(errno));
			return;
		}
	}
	(void)printf("%s: shut\n", ways[w].name);
}

/* The pages of a reader's own, as they come: it may write them, but not take them away, nor make them more. */
static void
try_own(const char *instance)
{
	struct gs_wire_welcome w;
	int fds[GS_TABLE_FDS];
	struct gs_ctl *ctl;
	struct door own;
	struct stat st;
	size_t n;
	int fd;

	if (gs_ctl_open(&ctl, instance, NULL, 0) < 0 || gs_ctl_hello(ctl, "sessions", GS_WIRE_READER, 3, &w, fds, GS_TABLE_FDS, &n) < 0 || n <= GS_TABLE_ARENA_FD)
		errx(1, "hello failed");
	for (size_t i = 0; i < n; i++)
		if (i != GS_TABLE_CTX_FD && (fcntl(fds[i], F_GETFL) & O_ACCMODE) != O_RDONLY)
			(void)printf("descriptor %zu can be written through\n", i);
	fd = fds[GS_TABLE_CTX_FD];
	own = (struct door){ .fd = fd };
	if (fstat(fd, &st) < 0)
		err(1, "fstat");
	(void)printf("own pages: %d of %d contexts, mode %o\n", (int)(st.st_size / GS_CTX_BYTES), (int)w.n_ctx, st.st_mode & 0777u);
	(void)printf("they %s, %s, %s, %s, %s\n", ftruncate(fd, 0) == 0 ? "taken away" : "stay",
	    ftruncate(fd, st.st_size * 2) == 0 ? "grown" : "do not grow",
	    fallocate(fd, 0, st.st_size, PAGE) == 0 ? "extended" : "are not extended", by_seal(&own) ? "sealed" : "are not sealed",
	    by_fchmod(&own) ? "opened to others" : "are not opened to others");
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
	gs_ctl_close(&ctl);
}

/* Does the store's directory show itself? */
static void
try_directory(const char *dir)
{
	DIR *d = opendir(dir);

	(void)printf("its directory: %s\n", d == NULL ? "shut" : "open");
	if (d != NULL)
		(void)closedir(d);
}

static void
try_doors(const char *instance, const char *dir)
{
	struct gs *gs;

	/* ours is what comes from now on */
	for (int fd = 3; fd < 1024; fd++)
		(void)close(fd);
	gs = attach(instance, 4);
	find_doors();
	(void)printf("doors: %zu, maps: %s\n", n_doors, n_doors > 0 && doors[0].map != NULL ? "found" : "missing");
	for (size_t w = 0; w < (role == GS_ROLE_READER ? sizeof(ways) / sizeof(ways[0]) : 1); w++)
		try_way(w);
	/* Through the others a writer would do harm. */
	if (role == GS_ROLE_READER) {
		try_own(instance);
		try_directory(dir);
	}
	gs_detach(&gs);
}

/* ---- calls ---- */

static ssize_t
same(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)arg;
	(void)old;
	(void)out;
	(void)cap;
	(void)puts("update: its function is called");
	return (ssize_t)old_len;
}

static void
say(const char *call, ssize_t rc)
{
	(void)printf("%s: %s\n", call, rc >= 0 ? "done" : gs_errname((int)rc));
}

static void
try_writing(const char *instance)
{
	struct gs *gs = attach(instance, 1);
	const struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_MODE, .mode = 0644 };

	say("put", gs_put(gs, "s0", 2, "v", 1, NULL));
	say("put of a new one", gs_put(gs, "fresh", 5, "v", 1, NULL));
	say("add", gs_add(gs, "fresh", 5, "v", 1, NULL));
	say("update", gs_update(gs, "s0", 2, same, NULL));
	say("touch", gs_touch(gs, "s0", 2, 0));
	say("touch with a ttl", gs_touch(gs, "s0", 2, 1000));
	say("del", gs_del(gs, "s0", 2, 0));
	say("setattr", gs_setattr(gs, "s0", 2, &attr));
	say("move", gs_move(gs, "s0", 2, "warm"));
	say("rename", gs_rename(gs, "s0", 2, "fresh", 5, NULL, 0));
	say("rename to itself", gs_rename(gs, "s0", 2, "s0", 2, NULL, 0));
	gs_detach(&gs);
}

struct looking {
	struct gs *gs;
	int n;
};

static int
look_at(void *arg, const struct gs_item *item)
{
	struct looking *l = arg;
	unsigned char value[VALUE_MAX];
	struct gs_item again;
	ssize_t n = gs_get(l->gs, item->key, item->key_len, value, sizeof(value), NULL);

	if (n >= 0 && strncmp(item->key_buf, "brief", 5) != 0 && !value_is_whole(item->key_buf, value, (size_t)n))
		errx(1, "get %s: a torn value", item->key_buf);
	if (n < 0 && n != GS_ENOENT && n != GS_EQUARANTINE && n != GS_EAGAIN)
		errx(1, "get %s: %s", item->key_buf, gs_strerror((int)n));
	n = gs_find(l->gs, item->info.id, &again);
	if (n < 0 && n != GS_ESTALE && n != GS_EAGAIN)
		errx(1, "find %s: %s", item->key_buf, gs_strerror((int)n));
	l->n++;
	return 0;
}

static void
read_one(struct gs *gs, const char *key)
{
	unsigned char value[VALUE_MAX];
	struct gs_info info;
	ssize_t n;

	n = gs_peek(gs, key, strlen(key), value, sizeof(value), &info);
	if (n >= 0 && !value_is_whole(key, value, (size_t)n))
		errx(1, "peek %s: a torn value", key);
	(void)gs_stat(gs, key, strlen(key), &info);
	(void)gs_get(gs, key, strlen(key), NULL, 0, &info);
	(void)gs_get(gs, key, strlen(key), value, 1, &info);
}

static void
read_batch(struct gs *gs)
{
	static char keys[32][32], bufs[32][VALUE_MAX];
	struct gs_item items[32];

	memset(items, 0, sizeof(items));
	for (int i = 0; i < 32; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), i % 2 == 0 ? "s%d" : "shared%d", i);
		items[i].key = keys[i];
		items[i].key_len = strlen(keys[i]);
		items[i].buf = bufs[i];
		items[i].cap = sizeof(bufs[i]);
	}
	(void)gs_multi_get(gs, items, 32);
	for (int i = 0; i < 32; i++)
		if (items[i].rc >= 0 && !value_is_whole(keys[i], (unsigned char *)bufs[i], (size_t)items[i].rc))
			errx(1, "multi_get %s: a torn value", keys[i]);
}

/* Every call that reads, on everything there is: were one of them to write to the table, it would end us. */
static void
make_calls(const char *instance, int count)
{
	struct looking l = { .gs = attach(instance, 2) };
	struct gs_ring_info rings[8];
	char key[32], id[GS_ID_CHARS];

	for (int i = 0; i < count; i++) {
		if (gs_each(l.gs, i % 2 == 0 ? NULL : "cold", look_at, &l) != 0)
			errx(1, "each failed");
		for (int k = 0; k < 64; k++) {
			(void)snprintf(key, sizeof(key), "shared%d", k);
			read_one(l.gs, key);
		}
		read_one(l.gs, "nobody");
		read_batch(l.gs);
		if (gs_rings(l.gs, rings, 8) != 4 || gs_record_size(l.gs) == 0 || gs_new_id(l.gs, id, sizeof(id)) != 32)
			errx(1, "rings, record_size or new_id failed");
	}
	gs_detach(&l.gs);
	(void)printf("%d looked at\n", l.n);
}

static void
get_often(const char *instance, const char *key, int count)
{
	struct gs *gs = attach(instance, 1);
	int found = 0;

	for (int i = 0; i < count; i++)
		found += gs_get(gs, key, strlen(key), NULL, 0, NULL) >= 0;
	(void)printf("%d found\n", found);
	wait_for_end_of_input();
	gs_detach(&gs);
}

static void
obey(const char *instance, const char *key)
{
	struct gs *gs = attach(instance, 1);
	char line[32];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		int count = atoi(line), found = 0;

		for (int i = 0; i < count; i++)
			found += gs_get(gs, key, strlen(key), NULL, 0, NULL) >= 0;
		(void)printf("%d found\n", found);
		(void)fflush(stdout);
	}
	gs_detach(&gs);
}

static void
get_many(const char *instance, int count)
{
	struct gs *gs = attach(instance, 1);
	char key[32];
	int found = 0;

	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "s%d", i);
		found += gs_get(gs, key, strlen(key), NULL, 0, NULL) >= 0;
	}
	gs_detach(&gs);
	(void)printf("%d found\n", found);
}

/* ---- lies ---- */

static void
tell_lies(const char *instance)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN | POLLHUP };
	struct gs *gs;
	uint64_t random = 1, *words = NULL, n_words = 0;

	for (int fd = 3; fd < 1024; fd++)
		(void)close(fd);
	gs = attach(instance, 64);
	/* Its descriptor is closed by now; the map is there. */
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[PATH_MAX];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "memfd:gsession-reader") != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2) {
			words = (uint64_t *)from;
			n_words = (to - from) / sizeof(*words);
		}
	if (words == NULL)
		errx(1, "no pages");
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (poll(&input, 1, 0) == 0)
		for (uint64_t i = 0; i < n_words; i++) {
			random = value_mix(random);
			words[i] = random;
		}
	gs_detach(&gs);
}

/* ---- a daemon from before there were roles ---- */

/* It welcomes whoever comes with descriptors that can be written through. */
static void
welcome_as_writer(int listen_fd)
{
	struct {
		struct gs_wire_head head;
		struct gs_wire_welcome welcome;
	} answer = {
		.head = { .magic = GS_WIRE_MAGIC, .version = GS_WIRE_VERSION, .type = GS_WIRE_WELCOME, .len = sizeof(answer.welcome) },
		.welcome = { .n_ctx = 1, .ctx = { 1 } },
	};
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = &answer, .iov_len = sizeof(answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	unsigned char hello[256];
	int fds[3], fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || recv(fd, hello, sizeof(hello), 0) != (ssize_t)(sizeof(struct gs_wire_head) + sizeof(struct gs_wire_hello)))
		_exit(1);
	for (int i = 0; i < 3; i++)
		if ((fds[i] = memfd_create("old", MFD_CLOEXEC)) < 0 || ftruncate(fds[i], 1 << 20) < 0)
			_exit(1);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	_exit(sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 || recv(fd, hello, sizeof(hello), 0) < 0);
}

static void
meet_old_daemon(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct gs_options opt = { .size = sizeof(opt), .instance = "old", .role = GS_ROLE_READER };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;
	struct gs *gs;
	pid_t pid;

	if (strlen(path) >= sizeof(at.sun_path))
		errx(2, "%s: too long", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		err(1, "%s", path);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		welcome_as_writer(fd);
	(void)printf("a reader says: %s\n", gs_errname(gs_attach(&gs, &opt)));
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "the daemon failed");
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "doors") == 0 && argc == 4) {
		try_doors(argv[2], argv[3]);
	} else if (strcmp(verb, "open-doors") == 0 && argc == 4) {
		role = GS_ROLE_WRITER;
		try_doors(argv[2], argv[3]);
	} else if (strcmp(verb, "refused") == 0) {
		try_writing(argv[2]);
	} else if (strcmp(verb, "calls") == 0 && argc == 4) {
		make_calls(argv[2], atoi(argv[3]));
	} else if (strcmp(verb, "get") == 0 && argc == 5) {
		get_often(argv[2], argv[3], atoi(argv[4]));
	} else if (strcmp(verb, "obey") == 0 && argc == 4) {
		obey(argv[2], argv[3]);
	} else if (strcmp(verb, "many") == 0 && argc == 4) {
		get_many(argv[2], atoi(argv[3]));
	} else if (strcmp(verb, "lie") == 0) {
		tell_lies(argv[2]);
	} else if (strcmp(verb, "old") == 0) {
		meet_old_daemon(argv[2]);
	} else {
		errx(2, "usage: readers doors|open-doors|refused|calls|get|obey|many|lie|old INSTANCE ...");
	}
	return 0;
}

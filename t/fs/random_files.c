/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random_files.c - random calls by two processes on a few session files, each compared with a model of what a file is here.
 *
 *	random_files SESSIONS RECORD_SIZE SEED CALLS
 *
 * SESSIONS is the mount's directory of a table; the mount has to be one with
 * coherence=strict.  The model is that of gsession-fs(8): a write is whole or
 * not at all, a truncation to 0 waits in its descriptor, a refused write
 * takes back what its truncation began, and who has a session open reads on
 * when it ends.  One process decides and models, and tells the other two,
 * each with descriptors of its own, what to call; so a seed always makes the
 * same calls.  Ends with 0, or with 1 and the calls that led to the first
 * difference.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 5, HANDS = 2, FDS = 4, MOST_BYTES = 8192, PATH_BYTES = 300, SHOWN = 40, LINE_BYTES = 160, SLACK_MS = 50, RELEASE_MS = 60000 };

enum call { OPEN, CLOSE, WRITE, READ, FTRUNCATE, FSTAT, TRUNCATE, UNLINK, RENAME, STAT, CHMOD, AGE, TOUCH, MOVE, LIST, N_CALLS };

/* How often each is chosen. */
static const int weight[N_CALLS] = { 14, 8, 22, 18, 7, 6, 4, 4, 5, 10, 2, 3, 3, 4, 2 };

/* What a hand is to do, and what came of it. */
struct order {
	enum call what;
	int fd, flags;
	char path[PATH_BYTES], path2[PATH_BYTES];
	int64_t offset;
	uint32_t len, mode;
	struct timespec mtime;
	unsigned char data[MOST_BYTES];
};

struct outcome {
	int64_t rc;
	int error;
	struct stat st;
	unsigned char data[2 * MOST_BYTES];
};

/* The model. */
struct session {
	bool is_live, is_replaced;	/* replaced: its inode is the successor's */
	uint32_t refs, len, mode;
	uint64_t version;
	struct timespec mtime;		/* as set; 0: when it was written or touched last */
	struct timespec written, written_by, changed;	/* asked for and answered; asked for */
	unsigned char data[MOST_BYTES];
};

struct handle {
	struct session *s;		/* NULL: closed */
	bool can_read, can_write, is_append, is_staged, has_snap, has_undo;
	int refused;
	uint32_t snap_len, undo_len, last_len;
	uint64_t undo_version;
	unsigned char snap[MOST_BYTES], undo[MOST_BYTES];
};

static const char *sessions;
static uint32_t record_size;
static uint64_t seed, n_calls;
static int hand[HANDS];
static struct session *key[KEYS];
static struct handle handles[HANDS][FDS];
static char shown[SHOWN][LINE_BYTES];
static struct order order;
static struct outcome got;
static struct timespec asked;		/* when the last order was given: what it changed is no older */

/* Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint32_t
below(uint32_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717) >> 32) % n);
}

static void __attribute__((format(printf, 1, 2)))
note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(shown[n_calls % SHOWN], LINE_BYTES, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 1, 2), noreturn))
differs(const char *format, ...)
{
	uint64_t i;
	va_list args;

	for (i = n_calls < SHOWN ? 0 : n_calls + 1 - SHOWN; i <= n_calls; i++)
		(void)printf("%" PRIu64 " %s\n", i, shown[i % SHOWN]);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)putchar('\n');
	exit(1);
}

/* ---- the hands ---- */

static void
do_list(const struct order *o, struct outcome *out)
{
	DIR *d = opendir(o->path);
	const struct dirent *e;

	out->rc = d == NULL ? -1 : 0;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] == 'k')
			out->data[e->d_name[1] - '0']++;
	if (d != NULL)
		(void)closedir(d);
}

static void
obey(const struct order *o, struct outcome *out, int fds[FDS])
{
	struct timespec times[2] = { o->mtime, o->mtime };

	switch (o->what) {
	case OPEN:
		out->rc = fds[o->fd] = open(o->path, o->flags, 0600);
		break;
	case CLOSE:
		out->rc = close(fds[o->fd]);
		break;
	case WRITE:
		out->rc = pwrite(fds[o->fd], o->data, o->len, o->offset);
		break;
	case READ:
		out->rc = pread(fds[o->fd], out->data, sizeof(out->data), o->offset);
		break;
	case FTRUNCATE:
		out->rc = ftruncate(fds[o->fd], o->offset);
		break;
	case FSTAT:
		out->rc = fstat(fds[o->fd], &out->st);
		break;
	case TRUNCATE:
		out->rc = truncate(o->path, o->offset);
		break;
	case UNLINK:
		out->rc = unlink(o->path);
		break;
	case RENAME:
	case MOVE:
		out->rc = renameat2(AT_FDCWD, o->path, AT_FDCWD, o->path2, (unsigned)o->flags);
		break;
	case STAT:
		out->rc = stat(o->path, &out->st);
		break;
	case CHMOD:
		out->rc = chmod(o->path, o->mode);
		break;
	case AGE:
		out->rc = utimensat(AT_FDCWD, o->path, times, 0);
		break;
	case TOUCH:
		out->rc = utimensat(AT_FDCWD, o->path, NULL, 0);
		break;
	case LIST:
		do_list(o, out);
		break;
	case N_CALLS:
		break;
	}
}

static void
serve(int from)
{
	static struct order o;
	static struct outcome out;
	int fds[FDS];

	while (recv(from, &o, sizeof(o), 0) == (ssize_t)sizeof(o)) {
		memset(&out, 0, sizeof(out));
		errno = 0;
		obey(&o, &out, fds);
		out.error = out.rc < 0 ? errno : 0;
		if (send(from, &out, sizeof(out), 0) != (ssize_t)sizeof(out))
			break;
	}
	_exit(0);
}

static void
start_hands(void)
{
	int pair[2], i, before;

	for (i = 0; i < HANDS; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
			err(2, "socketpair");
		hand[i] = pair[0];
		switch (fork()) {
		case -1:
			err(2, "fork");
		case 0:
			for (before = 0; before <= i; before++)
				(void)close(hand[before]);
			serve(pair[1]);
		}
		(void)close(pair[1]);
	}
}

static struct timespec
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

static void
tell(int who)
{
	asked = now();
	if (send(hand[who], &order, sizeof(order), 0) != (ssize_t)sizeof(order) || recv(hand[who], &got, sizeof(got), 0) != (ssize_t)sizeof(got))
		errx(2, "a process has ended");
}

static void
expect(int error)
{
	if (got.error != error)
		differs("the mount answers %s; the model, %s", got.error == 0 ? "success" : strerror(got.error), error == 0 ? "success" : strerror(error));
}

/* ---- the model ---- */

static int64_t
ms_between(struct timespec from, struct timespec to)
{
	return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

static void
set_path(char *path, const char *ring, int k)
{
	(void)snprintf(path, PATH_BYTES, "%s/%s/k%d", sessions, ring, k);
}

static void
was_written(struct session *s)
{
	s->written = s->changed = asked;
	s->written_by = now();
}

static struct session *
new_session(void)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err(2, NULL);
	s->is_live = true;
	s->refs = 1;
	s->mode = 0600;
	s->version = 1;
	was_written(s);
	return s;
}

static void
drop(struct session *s)
{
	if (--s->refs == 0)
		free(s);
}

static void
set_value(struct session *s, const unsigned char *data, uint32_t len)
{
	memcpy(s->data, data, len);
	s->len = len;
	s->version++;
	s->mtime = (struct timespec){ 0 };
	was_written(s);
}

static void
take_snap(struct handle *h)
{
	memcpy(h->snap, h->s->data, h->s->len);
	h->snap_len = h->s->len;
	h->has_snap = true;
}

/* Who has it open reads on. */
static void
end_session(int k)
{
	struct session *s = key[k];
	int i;

	for (i = 0; i < HANDS * FDS; i++) {
		struct handle *h = &handles[i / FDS][i % FDS];

		if (h->s == s && !h->has_snap)
			take_snap(h);
	}
	s->is_live = false;
	key[k] = NULL;
	drop(s);
}

static int
refuse(struct handle *h, bool is_truncating)
{
	if (!is_truncating)
		return EFBIG;
	if (h->has_undo && h->undo_version == h->s->version)
		set_value(h->s, h->undo, h->undo_len);
	h->has_undo = h->is_staged = h->has_snap = false;
	h->refused = EFBIG;
	return EFBIG;
}

/* A write, or with no data a truncation to `end`. 0 or the errno. */
static int
publish(struct handle *h, const unsigned char *data, uint64_t offset, uint32_t len)
{
	static unsigned char image[MOST_BYTES];
	struct session *s = h->s;
	bool is_truncating = h->is_staged || h->has_undo;
	uint32_t have = h->is_staged ? 0 : s->len;
	uint64_t at = h->is_append && data != NULL ? have : offset, end = at + len;

	if (!s->is_live)
		return 0;
	if (h->has_undo && h->undo_version != s->version)
		h->has_undo = false;
	if (data != NULL && end < have)
		end = have;
	if (end > record_size)
		return refuse(h, is_truncating);
	if (h->is_staged && !h->has_undo) {
		memcpy(h->undo, s->data, s->len);
		h->undo_len = s->len;
		h->has_undo = true;
	}
	memset(image, 0, sizeof(image));
	memcpy(image, s->data, have < end ? have : (size_t)end);
	if (data != NULL)
		memcpy(image + at, data, len);
	set_value(s, image, (uint32_t)end);
	h->undo_version = s->version;
	h->is_staged = h->has_snap = false;
	return 0;
}

/* ---- the calls ---- */

static void
call_open(int who, int fd)
{
	static const int ways[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	struct handle *h = &handles[who][fd];
	int k = (int)below(KEYS), way = ways[below(4)], more = 0, error = 0;
	bool is_new = key[k] == NULL;

	if (way != O_RDONLY)
		more = (below(3) == 0 ? O_TRUNC : 0) | (below(4) == 0 ? O_APPEND : 0);
	more |= below(2) == 0 ? O_CREAT | (below(3) == 0 ? O_EXCL : 0) : 0;
	order.flags = way | more;
	set_path(order.path, "active", k);
	note("%d: fd %d = open k%d%s%s%s%s%s", who, fd, k, way == O_RDONLY ? " read" : way == O_WRONLY ? " write" : " both",
	    (more & O_CREAT) != 0 ? " creat" : "", (more & O_EXCL) != 0 ? " excl" : "", (more & O_TRUNC) != 0 ? " trunc" : "",
	    (more & O_APPEND) != 0 ? " append" : "");
	tell(who);
	if (is_new && (more & O_CREAT) == 0)
		error = ENOENT;
	else if (!is_new && (more & O_EXCL) != 0)
		error = EEXIST;
	expect(error);
	if (error != 0)
		return;
	if (is_new)
		key[k] = new_session();
	memset(h, 0, sizeof(*h));
	h->s = key[k];
	h->s->refs++;
	h->can_read = way != O_WRONLY;
	h->can_write = way != O_RDONLY;
	h->is_append = (more & O_APPEND) != 0;
	h->is_staged = (more & O_TRUNC) != 0 && !is_new;
	h->has_undo = is_new && (more & (O_TRUNC | O_EXCL)) != 0;
	h->undo_version = h->s->version;
}

/* As the store has it; 0: it has ended. */
static uint64_t
version_of(const struct session *s)
{
	char path[PATH_BYTES], text[32] = "";
	int k = 0;

	while (k < KEYS && key[k] != s)
		k++;
	if (k == KEYS)
		return 0;
	set_path(path, "active", k);
	if (getxattr(path, "user.gsession.version", text, sizeof(text) - 1) <= 0)
		differs("it has no version: %s", strerror(errno));
	return strtoull(text, NULL, 10);
}

/* The kernel does not wait for the answer to its RELEASE; of a session that was empty before nothing else tells of it. */
static void
await_release(const struct session *s, uint64_t before)
{
	struct timespec start = now();

	while (before != 0 && version_of(s) == before)
		if (ms_between(start, now()) > RELEASE_MS)
			differs("its truncation is not published by the close");
}

static void
call_close(int who, int fd)
{
	struct handle *h = &handles[who][fd];
	uint64_t before = h->is_staged ? version_of(h->s) : 0;

	note("%d: close fd %d", who, fd);
	tell(who);
	expect(0);
	if (h->is_staged) {
		(void)publish(h, NULL, 0, 0);
		await_release(h->s, before);
	}
	drop(h->s);
	h->s = NULL;
}

static void
call_write(int who, int fd)
{
	struct handle *h = &handles[who][fd];
	uint32_t i, first = below(256);
	int error;

	order.offset = below(4) == 0 ? 0 : below(record_size + record_size / 8);
	order.len = 1 + below(below(3) == 0 ? record_size : 200);
	for (i = 0; i < order.len; i++)
		order.data[i] = (unsigned char)(first + i);
	note("%d: pwrite fd %d, %u bytes at %" PRId64 "%s", who, fd, order.len, order.offset, h->is_append ? ", appended" : "");
	tell(who);
	if (!h->can_write) {
		expect(EBADF);
		return;
	}
	error = h->refused != 0 ? h->refused : publish(h, order.data, (uint64_t)order.offset, order.len);
	expect(error);
	if (error == 0 && got.rc != (int64_t)order.len)
		differs("%" PRId64 " bytes were written", got.rc);
}

static void
call_read(int who, int fd)
{
	struct handle *h = &handles[who][fd];
	uint32_t n = 0;

	order.offset = below(2) == 0 ? 0 : below(record_size);
	note("%d: pread fd %d at %" PRId64, who, fd, order.offset);
	tell(who);
	if (!h->can_read) {
		expect(EBADF);
		return;
	}
	expect(0);
	if (!h->is_staged) {
		if (h->s->is_live && (!h->has_snap || order.offset == 0))
			take_snap(h);
		n = (uint32_t)order.offset < h->snap_len ? h->snap_len - (uint32_t)order.offset : 0;
	}
	if (got.rc != n)
		differs("%" PRId64 " bytes were read, the model has %u", got.rc, n);
	if (memcmp(got.data, h->snap + order.offset, n) != 0)
		differs("other bytes were read than the model has");
}

static void
call_ftruncate(int who, int fd)
{
	struct handle *h = &handles[who][fd];
	int error = 0;

	/* By its inode it may be the successor's, and may not. */
	if (h->s->is_replaced)
		return;
	order.offset = below(2) == 0 ? 0 : below(record_size + record_size / 8);
	note("%d: ftruncate fd %d to %" PRId64, who, fd, order.offset);
	tell(who);
	if (!h->can_write) {
		expect(EINVAL);
		return;
	}
	/* What ended takes everything, and keeps nothing. */
	if (!h->s->is_live) {
		expect(0);
		return;
	}
	if (order.offset == 0) {
		h->is_staged = true;
		h->refused = 0;
	} else {
		error = h->refused != 0 ? h->refused : publish(h, NULL, (uint64_t)order.offset, 0);
	}
	expect(error);
}

static void
check_attributes(const struct session *s, uint32_t len)
{
	const struct stat *st = &got.st;
	int64_t late = ms_between(s->written_by, st->st_mtim), early = ms_between(st->st_mtim, s->written);

	if (st->st_size != (off_t)len || st->st_blocks != (blkcnt_t)((len + 511) / 512))
		differs("size %" PRId64 ", blocks %" PRId64 "; the model has %u bytes", (int64_t)st->st_size, (int64_t)st->st_blocks, len);
	if ((st->st_mode & 07777) != s->mode || !S_ISREG(st->st_mode))
		differs("mode %o; the model has %o", st->st_mode, s->mode);
	if (st->st_nlink != (nlink_t)s->is_live)
		differs("%d links", (int)st->st_nlink);
	if (s->mtime.tv_sec != 0 ? ms_between(s->mtime, st->st_mtim) != 0 || s->mtime.tv_nsec != st->st_mtim.tv_nsec : early > SLACK_MS || late > SLACK_MS)
		differs("mtime %" PRId64 ".%09ld, set %" PRId64 ".%09ld, %" PRId64 " ms early, %" PRId64 " ms late", (int64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		    (int64_t)s->mtime.tv_sec, s->mtime.tv_nsec, early, late);
	if (ms_between(s->changed, st->st_ctim) < -SLACK_MS)
		differs("ctime is %" PRId64 " ms before the last change", -ms_between(s->changed, st->st_ctim));
}

static void
call_fstat(int who, int fd)
{
	const struct handle *h = &handles[who][fd];

	note("%d: fstat fd %d", who, fd);
	tell(who);
	expect(0);
	/* Of one that ended the size is what its readers have; whoever was replaced shows its successor. */
	if (h->s->is_live)
		check_attributes(h->s, h->s->len);
	else if (!h->s->is_replaced && got.st.st_nlink != 0)
		differs("a session that ended has links");
}

static void
call_by_name(int who, enum call what)
{
	int k = (int)below(KEYS);
	struct session *s = key[k];
	struct handle closed = { .s = s };

	set_path(order.path, "active", k);
	order.offset = below(3) == 0 ? 0 : below(record_size + record_size / 8);
	order.mode = 0600 | below(0200);
	order.mtime = now();
	order.mtime.tv_sec -= below(3) == 0 ? 3600 : below(200);
	note("%d: %s k%d, %" PRId64 ", %o", who, what == TRUNCATE ? "truncate" : what == UNLINK ? "unlink" : what == STAT ? "stat" :
	    what == CHMOD ? "chmod" : what == AGE ? "set times of" : "touch", k, order.offset, order.mode);
	tell(who);
	if (s == NULL) {
		expect(ENOENT);
		return;
	}
	if (what == TRUNCATE) {
		expect(publish(&closed, NULL, (uint64_t)order.offset, 0));
		return;
	}
	expect(0);
	if (what == UNLINK) {
		end_session(k);
	} else if (what == STAT) {
		check_attributes(s, s->len);
	} else if (what == CHMOD) {
		s->mode = order.mode;
	} else {
		s->mtime = what == AGE ? order.mtime : (struct timespec){ 0 };
		was_written(s);
	}
}

static void
call_rename(int who)
{
	static const unsigned ways[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	int from = (int)below(KEYS), to = (int)below(KEYS), i;
	struct session *moved = key[from];

	order.flags = (int)ways[below(5)];
	set_path(order.path, "active", from);
	set_path(order.path2, "active", to);
	note("%d: rename k%d to k%d, flags %d", who, from, to, order.flags);
	tell(who);
	/* The kernel asks for the old name, then for the new one, before it asks for the rename. */
	if (moved == NULL)
		expect(ENOENT);
	else if (order.flags == RENAME_NOREPLACE && key[to] != NULL)
		expect(EEXIST);
	else if (order.flags == RENAME_EXCHANGE && key[to] == NULL)
		expect(ENOENT);
	else if (from == to)
		expect(0);
	else if (order.flags == RENAME_EXCHANGE)
		expect(EINVAL);
	else
		expect(0);
	if (got.error != 0 || from == to)
		return;
	if (key[to] != NULL) {
		key[to]->is_replaced = true;
		end_session(to);
	}
	key[to] = moved;
	key[from] = NULL;
	for (i = 0; i < HANDS * FDS; i++) {
		struct handle *h = &handles[i / FDS][i % FDS];

		if (h->s == moved)
			h->undo_version = h->undo_version == 0 ? 0 : moved->version;
	}
	moved->changed = asked;
}

/* From ring to ring: through the innermost nothing is to be seen of it, nor by its times. */
static void
call_move(int who)
{
	static const char *const rings[] = { "active", "warm", "cold" };
	int k = (int)below(KEYS), to = (int)below(3);

	order.flags = 0;
	set_path(order.path, "active", k);
	set_path(order.path2, rings[to], k);
	note("%d: move k%d to %s", who, k, rings[to]);
	tell(who);
	expect(key[k] == NULL ? ENOENT : 0);
}

static void
call_list(int who)
{
	static const char *const rings[] = { "active", "warm", "cold" };
	int times[KEYS] = { 0 }, i, k;

	note("%d: list the rings", who);
	for (i = 0; i < 3; i++) {
		(void)snprintf(order.path, PATH_BYTES, "%s/%s", sessions, rings[i]);
		tell(who);
		expect(0);
		for (k = 0; k < KEYS; k++)
			times[k] += got.data[k];
	}
	/* The sweep may move one from a ring that is still to be listed to one that has been, or the other way round. */
	for (k = 0; k < KEYS; k++)
		if (key[k] == NULL ? times[k] != 0 : times[k] > 2)
			differs("k%d is listed %d times", k, times[k]);
}

static enum call
choose(void)
{
	int total = 0, i, at;

	for (i = 0; i < N_CALLS; i++)
		total += weight[i];
	at = (int)below((uint32_t)total);
	for (i = 0; at >= weight[i]; i++)
		at -= weight[i];
	return (enum call)i;
}

static void
call_once(void)
{
	enum call what = choose();
	int who = (int)below(HANDS), fd = (int)below(FDS);
	bool is_open = handles[who][fd].s != NULL;

	memset(&order, 0, sizeof(order));
	if (is_open == (what == OPEN) && what <= FSTAT)
		what = is_open ? READ : OPEN;
	order.what = what;
	order.fd = fd;
	if (what == OPEN)
		call_open(who, fd);
	else if (what == CLOSE)
		call_close(who, fd);
	else if (what == WRITE)
		call_write(who, fd);
	else if (what == READ)
		call_read(who, fd);
	else if (what == FTRUNCATE)
		call_ftruncate(who, fd);
	else if (what == FSTAT)
		call_fstat(who, fd);
	else if (what == RENAME)
		call_rename(who);
	else if (what == MOVE)
		call_move(who);
	else if (what == LIST)
		call_list(who);
	else
		call_by_name(who, what);
}

int
main(int argc, char **argv)
{
	uint64_t n, first;
	int i;

	if (argc != 5 || (record_size = (uint32_t)atoi(argv[2])) == 0 || record_size > MOST_BYTES || (n = strtoull(argv[4], NULL, 10)) == 0)
		errx(2, "usage: random_files SESSIONS RECORD_SIZE SEED CALLS");
	sessions = argv[1];
	first = strtoull(argv[3], NULL, 10);
	seed = (first + 1) * UINT64_C(0x9e3779b97f4a7c15);
	(void)printf("seed %" PRIu64 "\n", first);
	start_hands();
	for (n_calls = 0; n_calls < n; n_calls++)
		call_once();
	for (i = 0; i < HANDS; i++)
		(void)close(hand[i]);
	while (wait(NULL) > 0)
		continue;
	(void)printf("%" PRIu64 " calls as in the model\n", n);
	return 0;
}

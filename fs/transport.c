/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport.h"

#include <sys/uio.h>
#include <linux/fuse.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kept.h"
#include "later.h"

/* Of newer headers than some systems have. */
#define NOTIFY_RESEND 7
#define UNIQUE_AGAIN (UINT64_C(1) << 63)

enum { LAYOUT = 1, INIT_BYTES = 256, LEAST_ACTIVE = 2, ACTIVE = 0xffff, ASIDE = ACTIVE + 1 };

static const char *const names[TRANSPORT_OPS] = {
	[FUSE_LOOKUP] = "lookup", [FUSE_FORGET] = "forget", [FUSE_GETATTR] = "getattr", [FUSE_SETATTR] = "setattr",
	[FUSE_SYMLINK] = "symlink", [FUSE_MKNOD] = "mknod", [FUSE_MKDIR] = "mkdir", [FUSE_UNLINK] = "unlink",
	[FUSE_RMDIR] = "rmdir", [FUSE_RENAME] = "rename", [FUSE_LINK] = "link", [FUSE_OPEN] = "open", [FUSE_READ] = "read",
	[FUSE_WRITE] = "write", [FUSE_STATFS] = "statfs", [FUSE_RELEASE] = "release", [FUSE_FSYNC] = "fsync",
	[FUSE_SETXATTR] = "setxattr", [FUSE_GETXATTR] = "getxattr", [FUSE_LISTXATTR] = "listxattr",
	[FUSE_REMOVEXATTR] = "removexattr", [FUSE_FLUSH] = "flush", [FUSE_INIT] = "init", [FUSE_OPENDIR] = "opendir",
	[FUSE_READDIR] = "readdir", [FUSE_RELEASEDIR] = "releasedir", [FUSE_FSYNCDIR] = "fsyncdir", [FUSE_ACCESS] = "access",
	[FUSE_CREATE] = "create", [FUSE_INTERRUPT] = "interrupt", [FUSE_IOCTL] = "ioctl", [FUSE_POLL] = "poll",
	[FUSE_BATCH_FORGET] = "batch_forget", [FUSE_FALLOCATE] = "fallocate", [FUSE_READDIRPLUS] = "readdirplus",
	[FUSE_RENAME2] = "rename2", [FUSE_LSEEK] = "lseek", [FUSE_COPY_FILE_RANGE] = "copy_file_range",
};

/* Kept: a connection's. */
struct served {
	_Atomic uint32_t init_bytes;	/* 0: INIT has not been answered; stored after the two below */
	uint32_t answer_bytes;
	unsigned char init[INIT_BYTES], answer[INIT_BYTES];
	_Atomic uint32_t restarts;
	_Atomic uint64_t counts[TRANSPORT_OPS];
};

struct transport {
	struct kept kept;
	struct served *served;
	int inherited;			/* the connection to be taken over, or -1 */
	bool is_replaying;		/* before there are threads: answers are swallowed */
	size_t asked_bytes;		/* of INIT as it came, by the thread that answers it */
	unsigned char asked[INIT_BYTES];
	uint32_t most_active;
	_Atomic uint32_t threads;	/* [31:16] that stand aside  [15:0] that are active */
	sem_t next;			/* posted for each that stands aside no more */
};

/* What the thread has read last. */
static _Thread_local uint64_t current, current_poll;
static _Thread_local const void *current_bytes;
static _Thread_local size_t current_len;
/* Where it is one of those who read requests and handle them. */
static _Thread_local struct transport *active_in;

static struct transport *
of(void *userdata)
{
	return ((struct mount *)userdata)->transport;
}

/* ---- who is active ---- */

/* Become active, or stand aside while enough others are. */
static void
come_in(struct transport *t)
{
	uint32_t was = atomic_load_explicit(&t->threads, memory_order_relaxed);
	bool is_active;

	do
		is_active = (was & ACTIVE) < t->most_active;
	while (!atomic_compare_exchange_weak_explicit(&t->threads, &was, is_active ? was + 1 : was + ASIDE, memory_order_relaxed,
	    memory_order_relaxed));
	/* Who posts has counted us as active. */
	while (!is_active)
		is_active = sem_wait(&t->next) == 0;
	active_in = t;
}

void
transport_leave(void)
{
	struct transport *t = active_in;
	bool has_other;
	uint32_t was;

	if (t == NULL)
		return;
	active_in = NULL;
	was = atomic_load_explicit(&t->threads, memory_order_relaxed);
	do
		has_other = was >= ASIDE;
	while (!atomic_compare_exchange_weak_explicit(&t->threads, &was, has_other ? was - ASIDE : was - 1, memory_order_relaxed,
	    memory_order_relaxed));
	if (has_other)
		(void)sem_post(&t->next);
}

/* ---- answers ---- */

/* Look-ups of one directory in parallel, where the kernel can and libfuse has not said so. */
static void
allow_parallel(const unsigned char *asked, struct iovec *answer)
{
	struct fuse_init_out *out = answer->iov_base;
	struct fuse_init_in in;

	memcpy(&in, asked + sizeof(struct fuse_in_header), offsetof(struct fuse_init_in, flags) + sizeof(in.flags));
	if (answer->iov_len >= offsetof(struct fuse_init_out, flags) + sizeof(out->flags))
		out->flags |= in.flags & FUSE_PARALLEL_DIROPS;
}

/* Remember an INIT with its answer, for who follows. */
static void
remember(struct transport *t, const struct iovec *iov, int count)
{
	struct served *s = t->served;
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		if (len + iov[i].iov_len > sizeof(s->answer))
			return;
		memcpy(s->answer + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	s->answer_bytes = (uint32_t)len;
	memcpy(s->init, t->asked, t->asked_bytes);
	/* Release: who finds it set finds the two. */
	atomic_store_explicit(&s->init_bytes, (uint32_t)t->asked_bytes, memory_order_release);
}

static bool
is_answer_to_init(const struct transport *t, const struct iovec *iov, int count)
{
	const struct fuse_out_header *h = iov[0].iov_base;
	struct fuse_in_header asked;

	if (t->asked_bytes == 0 || count < 2 || h->error != 0)
		return false;
	memcpy(&asked, t->asked, sizeof(asked));
	return h->unique == asked.unique;
}

static ssize_t
write_answer(int fd, struct iovec *iov, int count, void *userdata)
{
	struct transport *t = of(userdata);
	ssize_t len = 0;

	if (t->is_replaying) {
		for (int i = 0; i < count; i++)
			len += (ssize_t)iov[i].iov_len;
		return len;
	}
	if (is_answer_to_init(t, iov, count)) {
		allow_parallel(t->asked, &iov[1]);
		remember(t, iov, count);
		t->asked_bytes = 0;
	}
	return writev(fd, iov, count);
}

/* ---- requests ---- */

/* INIT comes again when its answer did not get out; libfuse, which was given it, would refuse. */
static bool
answer_init(struct transport *t, int fd, const struct fuse_in_header *h)
{
	struct fuse_out_header out;

	if (atomic_load_explicit(&t->served->init_bytes, memory_order_acquire) == 0)
		return false;
	memcpy(&out, t->served->answer, sizeof(out));
	out.unique = h->unique;
	memcpy(t->served->answer, &out, sizeof(out));
	(void)!write(fd, t->served->answer, t->served->answer_bytes);
	return true;
}

/* Whom a POLL wants to be told, if there is to be told at all. */
static uint64_t
poll_of(const void *buf, size_t n)
{
	struct fuse_poll_in in;

	if (n < sizeof(struct fuse_in_header) + sizeof(in))
		return 0;
	memcpy(&in, (const char *)buf + sizeof(struct fuse_in_header), sizeof(in));
	return (in.flags & FUSE_POLL_SCHEDULE_NOTIFY) != 0 ? in.kh : 0;
}

static void
make_current(const struct fuse_in_header *h, const void *buf, size_t n)
{
	current = h->unique;
	current_poll = h->opcode == FUSE_POLL ? poll_of(buf, n) : 0;
	current_bytes = buf;
	current_len = n;
}

/* That of a request that is put aside is for who has that. */
static bool
is_interrupted(const struct mount *m, const void *buf, size_t n)
{
	struct fuse_interrupt_in in;

	if (n < sizeof(struct fuse_in_header) + sizeof(in))
		return false;
	memcpy(&in, (const char *)buf + sizeof(struct fuse_in_header), sizeof(in));
	return later_interrupt(m->later, in.unique);
}

/* Note what has come. True: it has been answered. */
static bool
note(const struct mount *m, int fd, const void *buf, size_t n)
{
	struct transport *t = m->transport;
	struct fuse_in_header h;

	memcpy(&h, buf, sizeof(h));
	make_current(&h, buf, n);
	if (h.opcode < TRANSPORT_OPS)
		atomic_fetch_add_explicit(&t->served->counts[h.opcode], 1, memory_order_relaxed);
	if (h.opcode == FUSE_INTERRUPT)
		return is_interrupted(m, buf, n);
	if (h.opcode != FUSE_INIT)
		return false;
	if (answer_init(t, fd, &h))
		return true;
	if (n <= sizeof(t->asked)) {
		memcpy(t->asked, buf, n);
		t->asked_bytes = n;
	}
	return false;
}

static ssize_t
read_request(int fd, void *buf, size_t bytes, void *userdata)
{
	struct transport *t = of(userdata);
	ssize_t n;

	if (active_in == NULL)
		come_in(t);
	do
		n = read(fd, buf, bytes);
	while (n >= (ssize_t)sizeof(struct fuse_in_header) && note(userdata, fd, buf, (size_t)n));
	return n;
}

uint64_t
transport_unique(void)
{
	return current & ~UNIQUE_AGAIN;
}

bool
transport_is_again(void)
{
	return (current & UNIQUE_AGAIN) != 0;
}

uint64_t
transport_poll(void)
{
	return current_poll;
}

const void *
transport_request(size_t *len, uint64_t *unique)
{
	*len = current_len;
	*unique = current;
	return current_bytes;
}

bool
transport_has_request(void)
{
	return current_bytes != NULL;
}

void
transport_repeat(struct fuse_session *se, const void *bytes, size_t len)
{
	struct fuse_buf buf = { .size = len };
	struct fuse_in_header h;

	memcpy(&h, bytes, sizeof(h));
	make_current(&h, bytes, len);
	buf.mem = (void *)(uintptr_t)bytes;
	fuse_session_process_buf(se, &buf);
	current_bytes = NULL;
}

void
transport_refuse(struct fuse_session *se, uint64_t unique, int error)
{
	const struct fuse_out_header out = { .len = sizeof(out), .error = -error, .unique = unique };

	(void)!write(fuse_session_fd(se), &out, sizeof(out));
}

/* ---- a connection ---- */

static const struct fuse_custom_io io = { .writev = write_answer, .read = read_request };

static bool
is_sound(const struct served *s)
{
	uint32_t n = atomic_load(&s->init_bytes);

	return n == 0 || (n >= sizeof(struct fuse_in_header) && n <= INIT_BYTES && s->answer_bytes >= sizeof(struct fuse_out_header) &&
	    s->answer_bytes <= INIT_BYTES);
}

/* Those who ask need processors too. */
static uint32_t
find_most_active(void)
{
	cpu_set_t allowed;
	int n = sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : MOUNT_THREADS;
	int most = n / 2 > LEAST_ACTIVE ? n / 2 : LEAST_ACTIVE;

	return most < MOUNT_THREADS ? (uint32_t)most : MOUNT_THREADS;
}

struct transport *
transport_new(int fd)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (kept_open(&t->kept, "mount", LAYOUT, sizeof(*t->served)) < 0 || (!is_sound(t->kept.base) && kept_refuse(&t->kept) < 0)) {
		free(t);
		return NULL;
	}
	t->served = t->kept.base;
	t->inherited = fd;
	t->most_active = find_most_active();
	(void)sem_init(&t->next, 0, 0);
	return t;
}

void
transport_free(struct transport **t)
{
	if (*t == NULL)
		return;
	kept_close(&(*t)->kept);
	(void)sem_destroy(&(*t)->next);
	free(*t);
	*t = NULL;
}

/* Without what the kernel was told at first nothing of the rest is understood. */
static bool
knows_first_answer(int fd)
{
	struct transport *t = transport_new(fd);
	bool knows = t != NULL && t->kept.is_found;

	transport_free(&t);
	return knows;
}

bool
transport_can_go_on(int fd)
{
	const struct fuse_out_header again = { .len = sizeof(again), .error = NOTIFY_RESEND };

	return knows_first_answer(fd) && write(fd, &again, sizeof(again)) == (ssize_t)sizeof(again);
}

int
transport_begin(struct transport *t, struct fuse_session *se)
{
	kept_give(TRANSPORT_CONNECTION, fuse_session_fd(se));
	t->inherited = -1;
	return fuse_session_custom_io(se, &io, fuse_session_fd(se)) == 0 ? 0 : GS_ESYSTEM;
}

/* libfuse takes nothing before INIT. */
static void
replay_init(struct transport *t, struct fuse_session *se, size_t bytes)
{
	struct fuse_buf buf = { .mem = t->served->init, .size = bytes };

	t->is_replaying = true;
	fuse_session_process_buf(se, &buf);
	t->is_replaying = false;
}

int
transport_take_over(struct transport *t, struct fuse_session *se)
{
	size_t bytes = atomic_load_explicit(&t->served->init_bytes, memory_order_acquire);

	if (fuse_session_custom_io(se, &io, t->inherited) != 0)
		return GS_ESYSTEM;
	t->inherited = -1;
	if (bytes > 0 && bytes <= INIT_BYTES)
		replay_init(t, se, bytes);
	atomic_fetch_add_explicit(&t->served->restarts, 1, memory_order_relaxed);
	return 0;
}

void
transport_wake(const struct transport *t, uint64_t poll)
{
	const struct {
		struct fuse_out_header h;
		struct fuse_notify_poll_wakeup_out out;
	} wake = { .h = { .len = sizeof(wake), .error = FUSE_NOTIFY_POLL }, .out = { .kh = poll } };

	(void)!write(t->inherited, &wake, sizeof(wake));
}

uint32_t
transport_restarts(const struct transport *t)
{
	return atomic_load_explicit(&t->served->restarts, memory_order_relaxed);
}

uint64_t
transport_count(const struct transport *t, uint32_t i, const char **name)
{
	*name = names[i];
	return atomic_load_explicit(&t->served->counts[i], memory_order_relaxed);
}

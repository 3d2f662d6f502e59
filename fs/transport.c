/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport.h"

#include <sys/uio.h>
#include <linux/fuse.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kept.h"

enum { LAYOUT = 1, INIT_BYTES = 256 };

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
	_Atomic uint64_t counts[TRANSPORT_OPS];
};

struct transport {
	struct kept kept;
	struct served *served;
	size_t asked_bytes;		/* of INIT as it came, by the thread that answers it */
	unsigned char asked[INIT_BYTES];
};

static struct transport *
of(void *userdata)
{
	return ((struct mount *)userdata)->transport;
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

	if (is_answer_to_init(t, iov, count)) {
		allow_parallel(t->asked, &iov[1]);
		t->asked_bytes = 0;
	}
	return writev(fd, iov, count);
}

/* ---- requests ---- */

static void
note(struct transport *t, const void *buf, size_t n)
{
	struct fuse_in_header h;

	memcpy(&h, buf, sizeof(h));
	if (h.opcode < TRANSPORT_OPS)
		atomic_fetch_add_explicit(&t->served->counts[h.opcode], 1, memory_order_relaxed);
	if (h.opcode == FUSE_INIT && n <= sizeof(t->asked)) {
		memcpy(t->asked, buf, n);
		t->asked_bytes = n;
	}
}

static ssize_t
read_request(int fd, void *buf, size_t bytes, void *userdata)
{
	ssize_t n = read(fd, buf, bytes);

	if (n >= (ssize_t)sizeof(struct fuse_in_header))
		note(of(userdata), buf, (size_t)n);
	return n;
}

/* ---- a connection ---- */

static const struct fuse_custom_io io = { .writev = write_answer, .read = read_request };

struct transport *
transport_new(void)
{
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	if (kept_open(&t->kept, "mount", LAYOUT, sizeof(*t->served)) < 0) {
		free(t);
		return NULL;
	}
	t->served = t->kept.base;
	return t;
}

void
transport_free(struct transport **t)
{
	if (*t == NULL)
		return;
	kept_close(&(*t)->kept);
	free(*t);
	*t = NULL;
}

int
transport_begin(struct fuse_session *se)
{
	return fuse_session_custom_io(se, &io, fuse_session_fd(se)) == 0 ? 0 : GS_ESYSTEM;
}

uint64_t
transport_count(const struct transport *t, uint32_t i, const char **name)
{
	*name = names[i];
	return atomic_load_explicit(&t->served->counts[i], memory_order_relaxed);
}

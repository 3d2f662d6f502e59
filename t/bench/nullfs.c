/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nullfs.c - a FUSE file system that stores nothing: what something through any mount costs at least.
 *
 *	nullfs SIZE NAMES DIRECTORY
 *
 * Every name under DIRECTORY/sessions/active is a file of SIZE bytes, but for
 * those that begin with `new`, which are there from their creation to their
 * removal; all that is kept of them is a bit.  control-N is a file of N bytes
 * instead, which the kernel may believe in as long as in a control file.  A
 * listing has k0 ... k(NAMES-1).  It is mounted, threaded and timed out as
 * gsession-fs is, and the directories are as deep, so that the kernel sends it
 * the same requests for the same calls.
 */
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTR_S 0.004
#define CONTROL_S 1.0
#define FIXED_S 3600.0
#define CONTROL_PREFIX "control-"

/* A node of a control file has its size below this bit, another file's has that above. */
#define CONTROL_NODE (UINT64_C(1) << 62)
#define NAMED_NODE (UINT64_C(1) << 63)

enum { THREADS = 8, SESSIONS = 2, ACTIVE = 3, FIRST_FILE = 4, MOST_BYTES = 1 << 20, NAME_BYTES = 32, MADE = 1 << 16, MADE_OF_CLIENT = 1 << 10 };

struct null {
	size_t size;
	char *bytes;
	uint64_t names;			/* that a listing has */
	atomic_bool is_made[MADE];	/* a name that begins with new */
};

static bool
is_control(fuse_ino_t node)
{
	return (node & NAMED_NODE) == 0 && (node & CONTROL_NODE) != 0;
}

static size_t
size_of(const struct null *n, fuse_ino_t node)
{
	if (node < FIRST_FILE)
		return 0;
	return is_control(node) ? node & ~CONTROL_NODE : n->size;
}

static double
timeout_of(fuse_ino_t node)
{
	if (node < FIRST_FILE)
		return FIXED_S;
	return is_control(node) ? CONTROL_S : ATTR_S;
}

static void
fill_attr(const struct null *n, fuse_ino_t node, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_nlink = 1;
	st->st_mode = node < FIRST_FILE ? S_IFDIR | 0755 : S_IFREG | 0600;
	st->st_size = (off_t)size_of(n, node);
	st->st_blksize = 8192;
}

/* Names get different nodes, as sessions do. FNV-1a: it need not resist anybody. */
static fuse_ino_t
node_of(fuse_ino_t parent, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037);

	if (parent == FUSE_ROOT_ID)
		return strcmp(name, "sessions") == 0 ? SESSIONS : 0;
	if (parent == SESSIONS)
		return strcmp(name, "active") == 0 ? ACTIVE : 0;
	if (strncmp(name, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0) {
		h = strtoull(name + strlen(CONTROL_PREFIX), NULL, 10);
		return h <= MOST_BYTES ? h | CONTROL_NODE : 0;
	}
	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return h | NAMED_NODE;
}

static void
fill_entry(const struct null *n, fuse_ino_t node, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = node;
	e->generation = 1;
	e->attr_timeout = e->entry_timeout = timeout_of(node);
	fill_attr(n, node, &e->attr);
}

/* Of newCLIENT-NUMBER; no two of fewer than MADE_OF_CLIENT share one. */
static atomic_bool *
is_made(fuse_req_t req, const char *name)
{
	struct null *n = fuse_req_userdata(req);
	char *dash;
	unsigned long client = strtoul(name + 3, &dash, 10);
	unsigned long i = *dash == '-' ? strtoul(dash + 1, NULL, 10) : 0;

	return &n->is_made[(client * MADE_OF_CLIENT + i) % MADE];
}

static void
null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_ino_t node = node_of(parent, name);
	struct fuse_entry_param e;

	if (node == 0 || (strncmp(name, "new", 3) == 0 && !*is_made(req, name))) {
		(void)fuse_reply_err(req, ENOENT);
		return;
	}
	fill_entry(fuse_req_userdata(req), node, &e);
	(void)fuse_reply_entry(req, &e);
}

static void
null_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_attr(fuse_req_userdata(req), node, &st);
	(void)fuse_reply_attr(req, &st, timeout_of(node));
}

static void
null_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	fi->direct_io = 1;
	(void)fuse_reply_open(req, fi);
}

static void
null_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct null *n = fuse_req_userdata(req);
	size_t len = size_of(n, node), at = (size_t)off < len ? (size_t)off : len;

	(void)fi;
	(void)fuse_reply_buf(req, n->bytes + at, len - at < size ? len - at : size);
}

static void
null_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;

	(void)mode;
	fi->direct_io = 1;
	fill_entry(fuse_req_userdata(req), node_of(parent, name), &e);
	*is_made(req, name) = true;
	(void)fuse_reply_create(req, &e, fi);
}

static void
null_write(fuse_req_t req, fuse_ino_t node, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)node;
	(void)buf;
	(void)off;
	(void)fi;
	(void)fuse_reply_write(req, size);
}

static void
null_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	*is_made(req, name) = false;
	(void)fuse_reply_err(req, 0);
}

/* Bytes that a name takes, as fuse_add_direntry(). */
static size_t
add_name(fuse_req_t req, char *buf, size_t room, uint64_t i, bool is_plus)
{
	struct fuse_entry_param e;
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "k%" PRIu64, i);
	fill_entry(fuse_req_userdata(req), node_of(ACTIVE, name), &e);
	if (is_plus)
		return fuse_add_direntry_plus(req, buf, room, name, &e, (off_t)i + 1);
	return fuse_add_direntry(req, buf, room, name, &e.attr, (off_t)i + 1);
}

static void
list(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, bool is_plus)
{
	const struct null *n = fuse_req_userdata(req);
	char *buf = malloc(size);
	size_t used = 0, need;
	uint64_t i;

	if (buf == NULL) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	for (i = (uint64_t)off; node == ACTIVE && i < n->names; i++) {
		need = add_name(req, buf + used, size - used, i, is_plus);
		if (need > size - used)
			break;
		used += need;
	}
	(void)fuse_reply_buf(req, buf, used);
	free(buf);
}

static void
null_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, node, size, off, false);
}

static void
null_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, node, size, off, true);
}

/* Without it the kernel is told ENOSYS, and keeps listings. */
static void
null_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fuse_reply_open(req, fi);
}

static void
null_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops null_ops = {
	.lookup = null_lookup,
	.getattr = null_getattr,
	.unlink = null_unlink,
	.open = null_open,
	.create = null_create,
	.read = null_read,
	.write = null_write,
	.release = null_release,
	.opendir = null_opendir,
	.readdir = null_readdir,
	.readdirplus = null_readdirplus,
	.releasedir = null_release,
};

static int
serve(struct null *n, const char *directory)
{
	char name[] = "nullfs", dash_o[] = "-o", list[] = "allow_other,nosuid,nodev,noexec,noatime,fsname=nullfs,subtype=nullfs";
	char *argv[] = { name, dash_o, list, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se = fuse_session_new(&args, &null_ops, sizeof(null_ops), n);
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();
	int rc = -1;

	fuse_opt_free_args(&args);
	if (se != NULL && cfg != NULL && fuse_set_signal_handlers(se) == 0 && fuse_session_mount(se, directory) == 0) {
		fuse_loop_cfg_set_max_threads(cfg, THREADS);
		fuse_loop_cfg_set_clone_fd(cfg, 0);
		rc = fuse_session_loop_mt(se, cfg);
		fuse_session_unmount(se);
	}
	if (cfg != NULL)
		fuse_loop_cfg_destroy(cfg);
	if (se != NULL)
		fuse_session_destroy(se);
	return rc < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	static struct null n;
	int rc;

	if (argc != 4 || (n.size = strtoul(argv[1], NULL, 10)) == 0 || n.size > MOST_BYTES) {
		(void)fprintf(stderr, "usage: nullfs SIZE NAMES DIRECTORY\n");
		return 2;
	}
	n.bytes = malloc(MOST_BYTES);
	if (n.bytes == NULL)
		return 1;
	memset(n.bytes, 'x', MOST_BYTES);
	n.names = strtoull(argv[2], NULL, 10);
	rc = serve(&n, argv[3]);
	free(n.bytes);
	return rc;
}

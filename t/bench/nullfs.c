/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nullfs.c - a FUSE file system that stores nothing: what a read through any mount costs at least.
 *
 *	nullfs SIZE DIRECTORY
 *
 * Every name under DIRECTORY/sessions/active is a file of SIZE bytes.  It is
 * mounted, threaded and timed out as gsession-fs is, and the directories are
 * as deep, so that the kernel sends it the same requests for the same calls.
 */
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTR_S 0.004
#define FIXED_S 3600.0

enum { THREADS = 8, SESSIONS = 2, ACTIVE = 3, FIRST_FILE = 4, MOST_BYTES = 1 << 20 };

struct null {
	size_t size;
	char *bytes;
};

static void
fill_attr(const struct null *n, fuse_ino_t node, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node;
	st->st_nlink = 1;
	st->st_mode = node < FIRST_FILE ? S_IFDIR | 0755 : S_IFREG | 0600;
	st->st_size = node < FIRST_FILE ? 0 : (off_t)n->size;
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
	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return h | UINT64_C(1) << 63;
}

static void
null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = node_of(parent, name), .generation = 1 };

	if (e.ino == 0) {
		(void)fuse_reply_err(req, ENOENT);
		return;
	}
	e.attr_timeout = e.entry_timeout = e.ino < FIRST_FILE ? FIXED_S : ATTR_S;
	fill_attr(fuse_req_userdata(req), e.ino, &e.attr);
	(void)fuse_reply_entry(req, &e);
}

static void
null_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill_attr(fuse_req_userdata(req), node, &st);
	(void)fuse_reply_attr(req, &st, node < FIRST_FILE ? FIXED_S : ATTR_S);
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
	size_t at = (size_t)off < n->size ? (size_t)off : n->size;

	(void)node;
	(void)fi;
	(void)fuse_reply_buf(req, n->bytes + at, n->size - at < size ? n->size - at : size);
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
	.open = null_open,
	.read = null_read,
	.release = null_release,
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
	struct null n = { .size = 0 };
	int rc;

	if (argc != 3 || (n.size = strtoul(argv[1], NULL, 10)) == 0 || n.size > MOST_BYTES) {
		(void)fprintf(stderr, "usage: nullfs SIZE DIRECTORY\n");
		return 2;
	}
	n.bytes = malloc(n.size);
	if (n.bytes == NULL)
		return 1;
	memset(n.bytes, 'x', n.size);
	rc = serve(&n, argv[2]);
	free(n.bytes);
	return rc;
}

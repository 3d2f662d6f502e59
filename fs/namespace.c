/* SPDX-License-Identifier: BSD-2-Clause */
#include "namespace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "control.h"
#include "intent.h"
#include "node.h"
#include "staged.h"

enum { VALUE_BYTES = 32 };

bool
namespace_has(const struct session_place *p, const char *name)
{
	struct gs_namespace_info info;

	return p->ns.id == 0 && gs_find_namespace(p->t->gs, name, 0, &info) == 0;
}

int
namespace_may_search(const struct call *c, uint32_t table, uint64_t ns)
{
	struct gs_namespace_info info;

	/* Of one that has gone there is nothing to be opened. */
	if (ns == 0 || gs_find_namespace(c->m->tables[table].gs, NULL, ns, &info) < 0)
		return 0;
	return call_may(c, info.uid, info.gid, info.mode, X_OK);
}

int
namespace_stat(const struct mount *m, uint64_t node, struct stat *st)
{
	struct gs_namespace_info info;

	if (gs_find_namespace(m->tables[node_table(node)].gs, NULL, node_namespace(node), &info) < 0)
		return ENOENT;
	attr_of_directory(m, node, info.mode, st);
	st->st_uid = info.uid;
	st->st_gid = info.gid;
	return 0;
}

static int
enter(struct call *c, uint64_t node, struct fuse_entry_param *out)
{
	struct stat st;
	int rc = attr_of_fixed(c->m, node, &st);

	if (rc == 0)
		attr_entry(node, &st, attr_fixed_s(c->m, node), out);
	return rc;
}

int
namespace_lookup(struct call *c, uint64_t parent, const char *name, struct fuse_entry_param *out)
{
	struct gs_namespace_info info;

	if (gs_find_namespace(c->m->tables[node_table(parent)].gs, name, 0, &info) < 0)
		return ENOENT;
	return enter(c, node_of_namespace(node_table(parent), node_ring(parent), info.id), out);
}

/* The control directory of one, or a file in that. */
static int
path_of(const struct call *c, uint32_t table, const char *name, const char *file, char out[GS_WIRE_PATH_BYTES])
{
	int n = snprintf(out, GS_WIRE_PATH_BYTES, "%s/namespaces/%s%s%s", c->m->tables[table].name, name, file == NULL ? "" : "/",
	    file == NULL ? "" : file);

	return n < 0 || n >= GS_WIRE_PATH_BYTES ? ENAMETOOLONG : 0;
}

int
namespace_mkdir(struct call *c, uint64_t parent, const char *name, uint32_t mode, struct fuse_entry_param *out)
{
	char path[GS_WIRE_PATH_BYTES], value[VALUE_BYTES];
	struct session_place p;
	int rc = session_place_of(c, parent, &p);

	if (rc == 0 && staged_has(c, parent, name))
		rc = EEXIST;
	if (rc == 0)
		rc = path_of(c, p.table, name, NULL, path);
	(void)snprintf(value, sizeof(value), "mode %04o", mode & 0777);
	if (rc == 0)
		rc = control_change(c, GS_VERB_MAKE, path, value);
	/* The process before may have had it made for the same request. */
	if (rc == EEXIST && intent_was_begun(c) && namespace_has(&p, name))
		rc = 0;
	return rc == 0 ? namespace_lookup(c, parent, name, out) : rc;
}

/* Has a program put a temporary file there, in whatever ring? */
static bool
has_staged(struct call *c, const struct session_place *p, uint64_t id)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	uint32_t n = mount_rings(p->t, rings), slot;
	char name[STAGE_NAME_BYTES];
	struct stat st;

	for (uint32_t i = 0; i < n; i++) {
		slot = 0;
		if (staged_next(c, node_of_namespace(p->table, rings[i].id, id), &slot, name, &st))
			return true;
	}
	return false;
}

int
namespace_rmdir(struct call *c, uint64_t parent, const char *name)
{
	char path[GS_WIRE_PATH_BYTES];
	struct gs_namespace_info info;
	struct session_place p;
	struct gs_info session;
	int rc = session_place_of(c, parent, &p);

	if (rc != 0)
		return rc;
	if (gs_find_namespace(p.t->gs, name, 0, &info) < 0) {
		if (intent_was_begun(c))
			return 0;
		return staged_has(c, parent, name) || session_stat(c, &p, name, &session) == 0 ? ENOTDIR : ENOENT;
	}
	if (has_staged(c, &p, info.id))
		return ENOTEMPTY;
	rc = path_of(c, p.table, name, NULL, path);
	return rc == 0 ? control_change(c, GS_VERB_REMOVE, path, "") : rc;
}

static int
set(struct call *c, uint64_t node, const char *file, const char *value)
{
	char path[GS_WIRE_PATH_BYTES];
	struct gs_namespace_info info;
	int rc;

	if (gs_find_namespace(c->m->tables[node_table(node)].gs, NULL, node_namespace(node), &info) < 0)
		return ENOENT;
	rc = path_of(c, node_table(node), info.name, file, path);
	return rc == 0 ? control_change(c, GS_VERB_SET, path, value) : rc;
}

int
namespace_setattr(struct call *c, uint64_t node, const struct stat *want, int to_set, struct stat *st)
{
	uid_t uid = (to_set & FUSE_SET_ATTR_UID) != 0 ? want->st_uid : st->st_uid;
	gid_t gid = (to_set & FUSE_SET_ATTR_GID) != 0 ? want->st_gid : st->st_gid;
	mode_t mode = (to_set & FUSE_SET_ATTR_MODE) != 0 ? want->st_mode & 07777 : st->st_mode & 07777;
	char value[VALUE_BYTES];
	int rc = 0;

	/* It has no other bits. */
	if (mode > 0777)
		return EPERM;
	if (uid != st->st_uid || gid != st->st_gid) {
		(void)snprintf(value, sizeof(value), "%u:%u", (unsigned)uid, (unsigned)gid);
		rc = set(c, node, "owner", value);
	}
	if (rc == 0 && mode != (st->st_mode & 07777)) {
		(void)snprintf(value, sizeof(value), "%04o", (unsigned)mode);
		rc = set(c, node, "mode", value);
	}
	return rc == 0 ? namespace_stat(c->m, node, st) : rc;
}

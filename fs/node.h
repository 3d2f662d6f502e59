/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h - the numbers of the mount's files: FUSE's node ids, which are also the inode numbers.
 *
 * A number says by itself what it stands for, so there is no table of nodes
 * and nothing to forget:
 *
 *	[63:61] ring looked through  [60:58] table  [57:33] birth tag  [32:0] cookie
 *
 * The cookie of a session is its index entry's ordinal + 3, in listings too:
 * 1 and 2 are those of `.` and `..`.  It follows that 0 and 1, which FUSE
 * keeps for itself, are nobody's.  The index has fewer than 0x1effffffd
 * entries (8 rings of 4 x 2^27 slots at 10 of 15 entries), so the cookies from
 * NODE_FIXED up are free for what is no session:
 *
 *	NODE_FIXED		the directory of `table`
 *	NODE_FIXED + 1		the directory of `ring looked through` in `table`
 *	NODE_FIXED + 16 + n	path n of the control tree (control.c numbers them); the tag of all that it numbers is in the birth tag's place
 *	NODE_NAMESPACE + n	the directory of namespace n in `ring looked through`
 *	NODE_STAGED + n		place n of the stage, in the directory of `ring looked through`; its tag is in the birth tag's place
 *
 * The birth tag tells two sessions that used one entry apart: the second is
 * another file, and the number of the first is stale.
 */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stdint.h>

#define NODE_ROOT UINT64_C(1)
#define NODE_COOKIE_MASK ((UINT64_C(1) << 33) - 1)
#define NODE_FIXED UINT64_C(0x1f0000000)
#define NODE_NAMESPACE (NODE_FIXED + (UINT64_C(1) << 24))
#define NODE_STAGED (NODE_FIXED + (UINT64_C(1) << 25))
#define NODE_TAG_MASK ((UINT32_C(1) << 25) - 1)

enum node_kind { NODE_IS_ROOT, NODE_IS_TABLE, NODE_IS_RING, NODE_IS_NAMESPACE, NODE_IS_SESSION, NODE_IS_CONTROL, NODE_IS_STAGED };

static inline uint32_t node_ring(uint64_t node) { return (uint32_t)(node >> 61); }
static inline uint32_t node_table(uint64_t node) { return (uint32_t)(node >> 58 & 7); }
static inline uint64_t node_cookie(uint64_t node) { return node & NODE_COOKIE_MASK; }

static inline uint64_t
node_of_table(uint32_t table)
{
	return (uint64_t)table << 58 | NODE_FIXED;
}

static inline uint64_t
node_of_ring(uint32_t table, uint32_t ring)
{
	return (uint64_t)ring << 61 | (uint64_t)table << 58 | (NODE_FIXED + 1);
}

/* id is gs_namespace_info.id. */
static inline uint64_t
node_of_namespace(uint32_t table, uint32_t ring, uint64_t id)
{
	return (uint64_t)ring << 61 | (uint64_t)table << 58 | (NODE_NAMESPACE + id);
}

/* id is gs_info.id: birth tag and ordinal. */
static inline uint64_t
node_of_session(uint32_t table, uint32_t ring, uint64_t id)
{
	return (uint64_t)ring << 61 | (uint64_t)table << 58 | (id + 3);
}

static inline uint64_t
node_of_control(uint32_t path, uint32_t tag)
{
	return (uint64_t)(tag & NODE_TAG_MASK) << 33 | (NODE_FIXED + 16 + path);
}

/* dir is the number of its directory. */
static inline uint64_t
node_of_staged(uint64_t dir, uint32_t slot, uint32_t tag)
{
	return (dir & ~((UINT64_C(1) << 58) - 1)) | (uint64_t)(tag & NODE_TAG_MASK) << 33 | (NODE_STAGED + slot);
}

static inline uint32_t node_staged_slot(uint64_t node) { return (uint32_t)(node_cookie(node) - NODE_STAGED); }
static inline uint32_t node_staged_tag(uint64_t node) { return (uint32_t)(node >> 33) & NODE_TAG_MASK; }

static inline uint64_t
node_session_id(uint64_t node)
{
	return (node & ((UINT64_C(1) << 58) - 1)) - 3;
}

static inline uint32_t
node_control_path(uint64_t node)
{
	return (uint32_t)(node_cookie(node) - NODE_FIXED - 16);
}

static inline uint32_t node_control_tag(uint64_t node) { return (uint32_t)(node >> 33) & NODE_TAG_MASK; }

static inline enum node_kind
node_kind(uint64_t node)
{
	if (node == NODE_ROOT)
		return NODE_IS_ROOT;
	if (node_cookie(node) < NODE_FIXED)
		return NODE_IS_SESSION;
	if (node_cookie(node) == NODE_FIXED)
		return NODE_IS_TABLE;
	if (node_cookie(node) >= NODE_STAGED)
		return NODE_IS_STAGED;
	if (node_cookie(node) >= NODE_NAMESPACE)
		return NODE_IS_NAMESPACE;
	return node_cookie(node) == NODE_FIXED + 1 ? NODE_IS_RING : NODE_IS_CONTROL;
}

/* Is it a directory of sessions: a ring's, or a namespace's in one. */
static inline bool
node_has_sessions(uint64_t node)
{
	return node_kind(node) == NODE_IS_RING || node_kind(node) == NODE_IS_NAMESPACE;
}

/* Of which namespace; 0: the default one, whose sessions lie in the directory of a ring. */
static inline uint64_t
node_namespace(uint64_t node)
{
	return node_kind(node) == NODE_IS_NAMESPACE ? node_cookie(node) - NODE_NAMESPACE : 0;
}

#endif

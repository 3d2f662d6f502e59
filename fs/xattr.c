/* SPDX-License-Identifier: BSD-2-Clause */
#include "xattr.h"

#include <sys/xattr.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "base/text.h"
#include "node.h"
#include "rights.h"

#define PREFIX "user.gsession."

enum { VALUE_BYTES = 128, WHY_BYTES = 4096 };

enum row_kind { IS_COUNT, IS_NUMBER, IS_RATE, IS_TEXT, IS_OWNER, IS_HOST, IS_WHY };

static const struct row {
	const char *name;		/* behind the prefix */
	enum row_kind kind;
	size_t offset;			/* in struct gs_info */
	uint32_t can_set;		/* enum gs_attr_mask, 0 when it cannot */
} rows[] = {
	{ "ring", IS_TEXT, offsetof(struct gs_info, ring), 0 },
	{ "ttl_ms", IS_COUNT, offsetof(struct gs_info, ttl_ms), GS_ATTR_TTL },
	{ "deadline", IS_COUNT, offsetof(struct gs_info, deadline_ms), 0 },
	{ "created", IS_COUNT, offsetof(struct gs_info, created_ms), 0 },
	{ "version", IS_COUNT, offsetof(struct gs_info, version), 0 },
	{ "hits", IS_COUNT, offsetof(struct gs_info, hits), 0 },
	{ "interest", IS_NUMBER, offsetof(struct gs_info, interest), 0 },
	{ "rate", IS_RATE, offsetof(struct gs_info, rate_per_s), 0 },
	{ "owner", IS_OWNER, 0, GS_ATTR_OWNER },
	{ "class", IS_TEXT, offsetof(struct gs_info, class_name), GS_ATTR_CLASS },
	{ "namespace", IS_TEXT, offsetof(struct gs_info, ns), 0 },
	{ "parked", IS_COUNT, offsetof(struct gs_info, parked), 0 },
	{ "host", IS_HOST, 0, 0 },
	{ "why", IS_WHY, 0, 0 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Print a value of at most VALUE_BYTES; returns its length. */
static size_t
print(char *out, const struct row *row, const struct mount *m, const struct gs_info *info)
{
	const char *at = (const char *)info + row->offset;
	uint64_t count;
	double number;
	int n = 0;

	switch (row->kind) {
	case IS_COUNT:
		memcpy(&count, at, sizeof(count));
		n = snprintf(out, VALUE_BYTES, "%" PRIu64, count);
		break;
	case IS_NUMBER:
	case IS_RATE:
		memcpy(&number, at, sizeof(number));
		n = snprintf(out, VALUE_BYTES, row->kind == IS_RATE ? "%.6g/s" : "%.6g", number);
		break;
	case IS_TEXT:
		n = snprintf(out, VALUE_BYTES, "%s", at);
		break;
	case IS_OWNER:
		memcpy(out, info->owner, info->owner_len);
		n = (int)info->owner_len;
		break;
	case IS_HOST:
		n = snprintf(out, VALUE_BYTES, "%s", m->host);
		break;
	case IS_WHY:
		break;
	}
	return n > 0 ? (size_t)n : 0;
}

/* Parse a value, which has a NUL behind it. 0 or errno. */
static int
parse(struct gs_attr *attr, const struct row *row, const char *text, size_t len)
{
	attr->mask = row->can_set;
	attr->owner = text;
	attr->owner_len = len;
	attr->class_name = text;
	if (row->kind != IS_OWNER && strlen(text) != len)
		return EINVAL;
	return row->kind == IS_COUNT && gs_text_parse_count(text, &attr->ttl_ms) < 0 ? EINVAL : 0;
}

/* 0, ENODATA for a name of users that we do not have, EOPNOTSUPP for other kinds of attributes. */
static int
find_row(uint64_t node, const char *name, const struct row **out)
{
	size_t i;

	if (node_kind(node) == NODE_IS_CONTROL || strncmp(name, "user.", 5) != 0)
		return EOPNOTSUPP;
	if (node_kind(node) != NODE_IS_SESSION || strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return ENODATA;
	for (i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name + sizeof(PREFIX) - 1) == 0) {
			*out = &rows[i];
			return 0;
		}
	return ENODATA;
}

/* With a size of 0 the caller asks how much there is. */
static void
reply(struct call *c, const char *bytes, size_t len, size_t size)
{
	if (size == 0)
		(void)fuse_reply_xattr(c->req, len);
	else if (len > size)
		(void)fuse_reply_err(c->req, ERANGE);
	else
		(void)fuse_reply_buf(c->req, bytes, len);
}

/* The session's turns; the newest where they do not all fit. */
static void
reply_why(struct call *c, uint64_t node, const struct gs_item *item, size_t size)
{
	char why[WHY_BYTES];
	ssize_t len = gs_why(mount_gs(&c->m->tables[node_table(node)], item->info.ns_id), item->key, item->key_len, why, sizeof(why));

	if (len < 0)
		(void)fuse_reply_err(c->req, mount_errno(c->m, (int)len));
	else
		reply(c, why, (size_t)len, size);
}

void
xattr_get(struct call *c, uint64_t node, const char *name, size_t size)
{
	const struct row *row = NULL;
	char value[VALUE_BYTES];
	struct gs_item item;
	int rc;

	rc = find_row(node, name, &row);
	if (rc == 0)
		rc = attr_find(c, node, &item);
	if (rc == 0)
		rc = call_may(c, item.info.uid, item.info.gid, item.info.mode, R_OK);
	if (rc == 0)
		rc = rights_check(c, node_table(node), GS_RIGHT_READ, "look");
	if (rc != 0)
		call_refuse(c, rc);
	else if (row->kind == IS_WHY)
		reply_why(c, node, &item, size);
	else
		reply(c, value, print(value, row, c->m, &item.info), size);
}

void
xattr_list(struct call *c, uint64_t node, size_t size)
{
	char names[ROWS * 32];
	size_t len = 0, i;

	if (node_kind(node) == NODE_IS_SESSION)
		for (i = 0; i < ROWS; i++)
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", PREFIX, rows[i].name) + 1;
	reply(c, names, len, size);
}

static int
set(struct call *c, uint64_t node, const struct row *row, const char *value, size_t size)
{
	struct gs_attr attr = { .size = sizeof(attr) };
	char text[VALUE_BYTES];
	struct gs_item item;
	struct gs *gs;
	int rc;

	rc = attr_find(c, node, &item);
	if (rc != 0)
		return rc;
	if (!call_owns(c, item.info.uid))
		return EPERM;
	rc = rights_check(c, node_table(node), GS_RIGHT_WORK, "change");
	if (rc != 0)
		return rc;
	if (size >= sizeof(text))
		return EINVAL;
	memcpy(text, value, size);
	text[size] = '\0';
	rc = parse(&attr, row, text, size);
	if (rc != 0)
		return rc;
	rc = mount_gs_of(&c->m->tables[node_table(node)], item.info.ns_id, &gs);
	if (rc != 0)
		return rc;
	rc = gs_setattr(gs, item.key, item.key_len, &attr);
	return rc < 0 ? mount_errno(c->m, rc) : 0;
}

void
xattr_set(struct call *c, uint64_t node, const char *name, const char *value, size_t size, int flags)
{
	const struct row *row = NULL;
	int rc = find_row(node, name, &row);

	/* What cannot be set, mv and cp take well when it is said in this way. */
	if ((rc == ENODATA && (flags & XATTR_REPLACE) == 0) || (rc == 0 && row->can_set == 0))
		rc = EOPNOTSUPP;
	else if (rc == 0 && (flags & XATTR_CREATE) != 0)
		rc = EEXIST;
	if (rc == 0)
		rc = set(c, node, row, value, size);
	call_refuse(c, rc);
}

void
xattr_remove(struct call *c, uint64_t node, const char *name)
{
	const struct row *row = NULL;
	int rc = find_row(node, name, &row);

	if (rc == 0 && row->can_set == 0)
		rc = EOPNOTSUPP;
	/* Back to none: the value that an empty text, or a ttl of 0, stands for. */
	if (rc == 0)
		rc = set(c, node, row, "0", row->kind == IS_COUNT ? 1 : 0);
	call_refuse(c, rc);
}

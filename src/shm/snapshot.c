/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/snapshot.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "shm/classes.h"
#include "shm/kv_impl.h"
#include "shm/namespaces.h"
#include "shm/tomb.h"

enum {
	COPY_TRIES = 100000,
	WITH_NAMESPACES = 4,		/* the version from which it says what they are like */
	WITH_QUOTAS = 5,		/* and what their quotas are */
};

/* ---- blocks, out ---- */

static int
write_all(int fd, const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) ? GS_ENOSPC : GS_ESYSTEM;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Write the block that is being filled, if there is one. */
static int
flush_block(struct gs_snapshot_out *o)
{
	struct gs_snapshot_head head = {
		.magic = GS_SNAPSHOT_MAGIC, .kind = o->kind, .seq = o->seq, .id = o->id, .n_items = o->n_items, .bytes = (uint32_t)o->len,
	};
	int rc;

	if (o->kind == 0)
		return 0;
	head.crc = gs_crc32c(0, o->block + sizeof(head), o->len);
	head.head_crc = gs_crc32c(0, &head, offsetof(struct gs_snapshot_head, head_crc));
	memcpy(o->block, &head, sizeof(head));
	rc = write_all(o->fd, o->block, sizeof(head) + o->len);
	o->bytes += sizeof(head) + o->len;
	o->seq++;
	o->kind = 0;
	o->n_items = 0;
	o->len = 0;
	return rc;
}

/* Room for an item of n bytes in a block of its kind; *at is where it goes. */
static int
make_room(struct gs_snapshot_out *o, enum gs_snapshot_kind kind, size_t n, unsigned char **at)
{
	int rc = 0;

	if (o->kind != 0 && (o->kind != kind || o->len + n > GS_SNAPSHOT_BLOCK_BYTES))
		rc = flush_block(o);
	o->kind = kind;
	*at = o->block + sizeof(struct gs_snapshot_head) + o->len;
	return rc;
}

static void
took(struct gs_snapshot_out *o, size_t n)
{
	o->len += n;
	o->n_items++;
}

/* A block with one item. */
static int
put_alone(struct gs_snapshot_out *o, enum gs_snapshot_kind kind, const void *item, size_t n)
{
	unsigned char *at = NULL;
	int rc = flush_block(o);

	if (rc == 0)
		rc = make_room(o, kind, n, &at);
	if (rc < 0)
		return rc;
	memcpy(at, item, n);
	took(o, n);
	return flush_block(o);
}

/* ---- records, out ---- */

static uint64_t
value_of(const _Atomic uint64_t *word)
{
	return gs_timed_value(gs_kv_word(word));
}

static struct gs_snapshot_record
record_of(const struct gs_slot *s, uint32_t ring, uint32_t bytes)
{
	return (struct gs_snapshot_record){
		.bytes = (uint32_t)gs_align_up(sizeof(struct gs_snapshot_record) + bytes, 8),
		.val_len = s->val_len, .key_len = s->key_len, .owner_len = s->owner_len, .link_len = s->link_len, .class_id = s->class_id,
		.flags = s->flags, .ring = (uint8_t)ring, .ns = s->ns, .mode = s->mode, .uid = s->uid, .gid = s->gid,
		.resume_ttl_s = s->resume_ttl_s, .birth = s->birth, .lterm = s->lterm, .writer = s->writer, .version = s->version,
		.created = s->created, .deadline = s->deadline, .ttl_ms = s->ttl_ms, .mtime_ms = s->mtime_ms, .hlc = s->hlc,
		.mtime_ns = s->mtime_ns, .ctime_ns = s->ctime_ns, .accessed_ms = value_of(&s->A), .interest = value_of(&s->I),
		.touched_ms = value_of(&s->T), .hits = value_of(&s->H), .arrival = value_of(&s->Q), .offence = value_of(&s->O),
		.attempt_ms = gs_offence_since_ms(value_of(&s->L)), .soon_ms = gs_offence_since_ms(value_of(&s->S)),
	};
}

/* Copy the four parts behind the header to `to`, one behind the other. */
static void
copy_parts(unsigned char *to, const struct gs_slot *s, const struct gs_slot *head)
{
	const unsigned char *base = (const unsigned char *)s;

	gs_racy_load(to, s->data, head->key_len);
	to += head->key_len;
	gs_racy_load(to, base + gs_record_owner_off(head->key_len), head->owner_len);
	to += head->owner_len;
	gs_racy_load(to, base + gs_record_link_off(head->key_len, head->owner_len), head->link_len);
	to += head->link_len;
	gs_racy_load(to, base + gs_record_value_off(head->key_len, head->owner_len, head->link_len), head->val_len);
}

/* Add the record that a hit names, as it is at one instant. 1, 0 over, KV_AGAIN, GS_ECORRUPT, or an error of the file. */
static int
add_hit(struct gs_snapshot_out *o, struct gs_table *t, const struct gs_hit *hit)
{
	uint32_t ring = gs_entry_ring(hit->entry), bytes;
	struct gs_snapshot_record r;
	struct gs_slot head;
	unsigned char *at = NULL;
	int rc = gs_record_header(t, hit, &head);

	if (rc <= 0)
		return rc < 0 ? rc : KV_AGAIN;
	if (gs_record_is_over(t, ring, &head, gs_table_now_ms(t)))
		return 0;
	bytes = (uint32_t)head.key_len + head.owner_len + head.link_len + head.val_len;
	r = record_of(&head, ring, bytes);
	rc = make_room(o, GS_SNAPSHOT_RECORDS, r.bytes, &at);
	if (rc < 0)
		return rc;
	memset(at + r.bytes - 8, 0, 8);
	memcpy(at, &r, sizeof(r));
	copy_parts(at + sizeof(r), hit->slot, &head);
	if (!gs_record_is_same(hit->slot, hit->w))
		return KV_AGAIN;
	if (gs_key_hash(t, head.ns, at + sizeof(r), head.key_len) != head.hash)
		return GS_ECORRUPT;
	took(o, r.bytes);
	return 1;
}

static int
add_entry(struct gs_snapshot_out *o, struct gs_table *t, uint64_t ordinal)
{
	struct gs_hit hit;
	int rc = KV_AGAIN;

	for (int tries = 0; tries < COPY_TRIES && rc == KV_AGAIN; tries++) {
		rc = gs_kv_hit_at(t, ordinal, &hit);
		if (rc == 1)
			rc = add_hit(o, t, &hit);
	}
	if (rc == 1)
		o->n_records++;
	if (rc == KV_AGAIN || rc == GS_ECORRUPT)
		o->n_damaged++;
	return rc < 0 && rc != GS_ECORRUPT ? rc : 0;
}

/* ---- writing ---- */

int
gs_snapshot_begin(struct gs_snapshot_out *o, int fd, uint32_t n_tables)
{
	const struct gs_snapshot_file f = { .version = GS_SNAPSHOT_VERSION, .n_tables = n_tables, .wall_ms = gs_clock_wall_ns() / 1000000 };
	int rc;

	memset(o, 0, sizeof(*o));
	o->fd = fd;
	o->block = malloc(sizeof(struct gs_snapshot_head) + GS_SNAPSHOT_BLOCK_BYTES);
	if (o->block == NULL)
		return GS_ENOMEM;
	rc = gs_random_bytes(&o->id, sizeof(o->id));
	return rc < 0 ? rc : put_alone(o, GS_SNAPSHOT_FILE, &f, sizeof(f));
}

static int
add_head(struct gs_snapshot_out *o, const struct gs_table *t)
{
	struct gs_snapshot_table head = {
		.sip_k0 = t->sip_k0, .sip_k1 = t->sip_k1, .now_ms = gs_table_now_ms(t), .record_size = t->record_size, .key_max = t->key_max,
		.n_rings = t->n_rings,
	};

	/* By the difference with which times are shown: they are the same to the ms afterwards. */
	head.wall_ms = (int64_t)(head.now_ms + atomic_load_explicit(&t->ctl->wall_add_ms, memory_order_relaxed));
	memcpy(head.name, t->name, sizeof(head.name));
	memcpy(head.uuid, t->uuid, sizeof(head.uuid));
	for (uint32_t i = 0; i < t->n_rings; i++)
		memcpy(head.ring[i], t->ctl->ring[i].name, sizeof(head.ring[i]));
	for (uint32_t id = 0; id < GS_CLASSES; id++)
		gs_classes_name(t, id, head.class_name[id]);
	for (uint32_t id = 0; id < GS_NAMESPACES; id++)
		gs_namespaces_name(t, id, head.ns_name[id]);
	return put_alone(o, GS_SNAPSHOT_TABLE, &head, sizeof(head));
}

static int
add_namespaces(struct gs_snapshot_out *o, const struct gs_table *t, char quota[][GS_SNAPSHOT_QUOTA_BYTES])
{
	struct gs_namespace_spec spec;
	unsigned char *at = NULL;
	int rc = 0;

	for (uint32_t id = 1; id < GS_NAMESPACES && rc == 0; id++) {
		struct gs_snapshot_namespace space;

		if (!gs_namespaces_load(t, id, &spec))
			continue;
		space = (struct gs_snapshot_namespace){
			.id = id, .uid = spec.uid, .gid = spec.gid, .mode = spec.mode, .idle_ms = spec.idle_ms, .max_sessions = spec.max_sessions,
		};
		if (quota != NULL)
			memcpy(space.quota, quota[id], sizeof(space.quota));
		rc = make_room(o, GS_SNAPSHOT_NAMESPACES, sizeof(space), &at);
		if (rc < 0)
			break;
		memcpy(at, &space, sizeof(space));
		took(o, sizeof(space));
	}
	return rc;
}

/* After the records: who ended meanwhile has left his before he went. */
static int
add_tombs(struct gs_snapshot_out *o, const struct gs_table *t)
{
	struct gs_snapshot_tomb tomb;
	unsigned char *at = NULL;
	int rc = 0;

	for (uint64_t i = 0; i < t->n_tombs && rc == 0; i++) {
		tomb.kind = gs_tomb_at(t, i, gs_table_now_ms(t), &tomb.hash, &tomb.until_ms);
		if (tomb.kind == GS_TOMB_NONE)
			continue;
		rc = make_room(o, GS_SNAPSHOT_TOMBS, sizeof(tomb), &at);
		if (rc < 0)
			break;
		memcpy(at, &tomb, sizeof(tomb));
		took(o, sizeof(tomb));
		o->n_tombs++;
	}
	return rc;
}

int
gs_snapshot_add_table(struct gs_snapshot_out *o, struct gs_table *t, char quota[][GS_SNAPSHOT_QUOTA_BYTES], _Atomic uint64_t *done)
{
	uint64_t n = gs_table_entries(t);
	int rc = add_head(o, t);

	if (rc == 0)
		rc = add_namespaces(o, t, quota);
	for (uint64_t ordinal = 0; ordinal < n && rc == 0; ordinal++) {
		rc = add_entry(o, t, ordinal);
		(void)atomic_fetch_add_explicit(done, 1, memory_order_relaxed);
	}
	if (rc == 0)
		rc = add_tombs(o, t);
	return rc < 0 ? rc : flush_block(o);
}

int
gs_snapshot_finish(struct gs_snapshot_out *o)
{
	const struct gs_snapshot_end end = { .n_records = o->n_records, .n_tombs = o->n_tombs };
	int rc = put_alone(o, GS_SNAPSHOT_END, &end, sizeof(end));

	/* What has no disk behind it, as a pipe, cannot be synced and need not. */
	if (rc == 0 && fsync(o->fd) < 0 && errno != EINVAL && errno != EROFS)
		rc = errno == ENOSPC || errno == EDQUOT ? GS_ENOSPC : GS_ESYSTEM;
	return rc;
}

void
gs_snapshot_free(struct gs_snapshot_out *o)
{
	free(o->block);
	o->block = NULL;
}

/* ---- blocks, in ---- */

static int refuse(struct gs_snapshot_in *in, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(struct gs_snapshot_in *in, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(in->why, sizeof(in->why), fmt, ap);
	va_end(ap);
	return rc;
}

/* Read n bytes, or fewer at the file's end. Returns how many, or GS_ESYSTEM. */
static ssize_t
read_at(struct gs_snapshot_in *in, void *to, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t one = pread(in->fd, (unsigned char *)to + got, n - got, (off_t)(in->at + got));

		if (one < 0 && errno == EINTR)
			continue;
		if (one < 0)
			return refuse(in, GS_ESYSTEM, "the file cannot be read: %s", strerror(errno));
		if (one == 0)
			break;
		got += (size_t)one;
	}
	return (ssize_t)got;
}

static const char *
what_is_wrong(const struct gs_snapshot_in *in, const struct gs_snapshot_head *h)
{
	if (h->magic != GS_SNAPSHOT_MAGIC)
		return "no block begins here";
	if (gs_crc32c(0, h, offsetof(struct gs_snapshot_head, head_crc)) != h->head_crc)
		return "the head of a block was changed";
	if (h->bytes > GS_SNAPSHOT_BLOCK_BYTES || h->n_items == 0)
		return "a block cannot be of that length";
	if (h->seq != in->seq || (in->seq > 0 && h->id != in->id))
		return "a block of another place or of another snapshot";
	return NULL;
}

/* Read and check the next block. 0 or an error. */
static int
next_block(struct gs_snapshot_in *in)
{
	ssize_t n = read_at(in, &in->head, sizeof(in->head));
	const char *wrong;

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(in->head))
		return refuse(in, GS_ECORRUPT, "it is cut short: at byte %llu a block is missing", (unsigned long long)in->at);
	wrong = what_is_wrong(in, &in->head);
	if (wrong != NULL)
		return refuse(in, GS_ECORRUPT, "at byte %llu: %s", (unsigned long long)in->at, wrong);
	in->at += sizeof(in->head);
	n = read_at(in, in->block, in->head.bytes);
	if (n < 0)
		return (int)n;
	if ((size_t)n < in->head.bytes)
		return refuse(in, GS_ECORRUPT, "it is cut short: it ends at byte %llu, within a block", (unsigned long long)in->at + (uint64_t)n);
	if (gs_crc32c(0, in->block, in->head.bytes) != in->head.crc)
		return refuse(in, GS_ECORRUPT, "between bytes %llu and %llu it was changed", (unsigned long long)in->at,
		    (unsigned long long)in->at + in->head.bytes);
	in->at += in->head.bytes;
	in->id = in->head.id;
	in->seq++;
	in->items_left = in->head.n_items;
	in->next = 0;
	return 0;
}

static int
nonsense(struct gs_snapshot_in *in, const char *what)
{
	return refuse(in, GS_ECORRUPT, "block %u: %s", in->head.seq, what);
}

/* Take the only item of a block. */
static int
take_alone(struct gs_snapshot_in *in, void *out, size_t n)
{
	if (in->head.n_items != 1 || in->head.bytes != n)
		return nonsense(in, "it does not have the length of its kind");
	memcpy(out, in->block, n);
	in->items_left = 0;
	return 0;
}

/* ---- items, in ---- */

static int
take_table(struct gs_snapshot_in *in, struct gs_snapshot_table *out)
{
	int rc = take_alone(in, out, sizeof(*out));

	if (rc < 0)
		return rc;
	if (in->tables_left == 0 || out->n_rings == 0 || out->n_rings > GS_MAX_RINGS || memchr(out->name, 0, sizeof(out->name)) == NULL)
		return nonsense(in, "a table that cannot be");
	for (uint32_t i = 0; i < out->n_rings; i++)
		if (memchr(out->ring[i], 0, sizeof(out->ring[i])) == NULL)
			return nonsense(in, "a ring whose name does not end");
	for (uint32_t id = 0; id < GS_CLASSES; id++)
		if (memchr(out->class_name[id], 0, sizeof(out->class_name[id])) == NULL)
			return nonsense(in, "a class whose name does not end");
	for (uint32_t id = 0; id < GS_NAMESPACES; id++)
		if (memchr(out->ns_name[id], 0, sizeof(out->ns_name[id])) == NULL)
			return nonsense(in, "a namespace whose name does not end");
	in->tables_left--;
	in->has_table = true;
	return 1;
}

static int
take_record(struct gs_snapshot_in *in, struct gs_snapshot_item *out)
{
	struct gs_snapshot_record *r = &out->record;
	size_t left = in->head.bytes - in->next;
	const unsigned char *at = in->block + in->next;

	if (left < sizeof(*r))
		return nonsense(in, "a record that does not end");
	memcpy(r, at, sizeof(*r));
	if (r->bytes > left ||
	    r->bytes != gs_align_up(sizeof(*r) + r->key_len + (size_t)r->owner_len + r->link_len + r->val_len, 8))
		return nonsense(in, "a record whose lengths do not add up");
	if (r->key_len == 0 || r->owner_len > GS_OWNER_BYTES || r->ring >= out->table.n_rings)
		return nonsense(in, "a record that cannot be");
	out->key = at + sizeof(*r);
	out->owner = out->key + r->key_len;
	out->link = out->owner + r->owner_len;
	out->value = out->link + r->link_len;
	in->next += r->bytes;
	in->n_records++;
	return 1;
}

static int
take_namespace(struct gs_snapshot_in *in, struct gs_snapshot_namespace *out)
{
	size_t n = in->version < WITH_QUOTAS ? offsetof(struct gs_snapshot_namespace, quota) : sizeof(*out);

	if (in->head.bytes - in->next < n)
		return nonsense(in, "a namespace that does not end");
	*out = (struct gs_snapshot_namespace){ 0 };
	memcpy(out, in->block + in->next, n);
	if (out->id == 0 || out->id >= GS_NAMESPACES)
		return nonsense(in, "a namespace that cannot be");
	if (memchr(out->quota, 0, sizeof(out->quota)) == NULL)
		return nonsense(in, "a namespace whose quota does not end");
	in->next += n;
	return 1;
}

static int
take_tomb(struct gs_snapshot_in *in, struct gs_snapshot_tomb *out)
{
	if (in->head.bytes - in->next < sizeof(*out))
		return nonsense(in, "a tombstone that does not end");
	memcpy(out, in->block + in->next, sizeof(*out));
	in->next += sizeof(*out);
	in->n_tombs++;
	return 1;
}

/* The last block: nothing is missing before it, and nothing comes behind it. */
static int
take_end(struct gs_snapshot_in *in)
{
	struct gs_snapshot_end end;
	unsigned char byte;
	ssize_t n;
	int rc = take_alone(in, &end, sizeof(end));

	if (rc < 0)
		return rc;
	if (in->tables_left != 0 || end.n_records != in->n_records || end.n_tombs != in->n_tombs)
		return nonsense(in, "the end, and not everything was there");
	n = read_at(in, &byte, 1);
	if (n != 0)
		return n < 0 ? (int)n : refuse(in, GS_ECORRUPT, "at byte %llu: there is more behind its end", (unsigned long long)in->at);
	in->has_ended = true;
	return 0;
}

/* The first item of a block. 1; 0 the end; or an error. */
static int
begin_block(struct gs_snapshot_in *in, struct gs_snapshot_item *out)
{
	switch (in->head.kind) {
	case GS_SNAPSHOT_TABLE:
		out->kind = GS_SNAPSHOT_TABLE;
		return take_table(in, &out->table);
	case GS_SNAPSHOT_END:
		return take_end(in);
	case GS_SNAPSHOT_NAMESPACES:
		if (in->version < WITH_NAMESPACES)
			return nonsense(in, "of a kind that its version does not have");
		return in->has_table ? 2 : nonsense(in, "it is of no table");
	case GS_SNAPSHOT_RECORDS:
	case GS_SNAPSHOT_TOMBS:
		return in->has_table ? 2 : nonsense(in, "it is of no table");
	default:
		return nonsense(in, "of a kind that is not known");
	}
}

static int
take_item(struct gs_snapshot_in *in, struct gs_snapshot_item *out)
{
	int rc;

	out->kind = in->head.kind;
	if (in->head.kind == GS_SNAPSHOT_NAMESPACES)
		rc = take_namespace(in, &out->space);
	else
		rc = in->head.kind == GS_SNAPSHOT_RECORDS ? take_record(in, out) : take_tomb(in, &out->tomb);
	in->items_left--;
	if (rc == 1 && in->items_left == 0 && in->next != in->head.bytes)
		rc = nonsense(in, "there is more behind its last item");
	return rc;
}

int
gs_snapshot_next(struct gs_snapshot_in *in, struct gs_snapshot_item *out)
{
	int rc;

	if (in->has_ended)
		return 0;
	if (in->items_left > 0)
		return take_item(in, out);
	rc = next_block(in);
	if (rc == 0)
		rc = begin_block(in, out);
	else
		return rc;
	return rc == 2 ? take_item(in, out) : rc;
}

int
gs_snapshot_open(struct gs_snapshot_in *in, int fd)
{
	struct gs_snapshot_file f;
	int rc;

	memset(in, 0, sizeof(*in));
	in->fd = fd;
	in->block = malloc(GS_SNAPSHOT_BLOCK_BYTES);
	if (in->block == NULL)
		return GS_ENOMEM;
	rc = next_block(in);
	if (rc < 0)
		return rc;
	if (in->head.kind != GS_SNAPSHOT_FILE || in->head.bytes < sizeof(f.version))
		return nonsense(in, "it does not begin as a snapshot does");
	memcpy(&f.version, in->block, sizeof(f.version));
	if (f.version < GS_SNAPSHOT_OLDEST || f.version > GS_SNAPSHOT_VERSION)
		return refuse(in, GS_EVERSION, "it is of version %u, and this program reads versions %d to %d: another version of gsession made it, which reads it",
		    f.version, GS_SNAPSHOT_OLDEST, GS_SNAPSHOT_VERSION);
	in->version = f.version;
	rc = take_alone(in, &f, sizeof(f));
	in->n_tables = in->tables_left = f.n_tables;
	in->wall_ms = f.wall_ms;
	return rc;
}

void
gs_snapshot_close(struct gs_snapshot_in *in)
{
	free(in->block);
	in->block = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "file_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intent.h"

enum {
	MOST_TRIES = 10000,		/* as gs_get() */
	MOST_OFFERED = 64 << 20,	/* bytes; the longest value the store is asked to refuse */
};

static uint64_t
length_after(const struct file_edit *e, uint64_t have)
{
	uint64_t end;

	if (e->is_resize)
		return e->offset;
	end = (e->is_append ? have : e->offset) + e->len;
	return end > have ? end : have;
}

/* Turn image, `have` bytes of the old value, into the new one, which fits. */
static void
apply(const struct file_edit *e, unsigned char *image, size_t have)
{
	size_t at = e->is_append ? have : (size_t)e->offset;

	if (at > have)
		memset(image + have, 0, at - have);
	if (e->len > 0)
		memcpy(image + at, e->data, e->len);
}

/*
 * Store a value over the version that was seen. Counts as the handle's access
 * when that is due; a suspect that is open already is written all the same.
 */
static int
put_over(struct file *f, const void *value, size_t len, uint64_t version, bool may_count)
{
	struct gs_info info;
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_ONLY_OLD, .if_version = version, .info = &info };
	bool counts = may_count && f->k->is_innermost && !f->k->is_counted;
	int rc = GS_EQUARANTINE;

	if (counts)
		rc = gs_put(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, value, len, &opt);
	if (rc == GS_EQUARANTINE) {
		opt.flags |= GS_INSPECT;
		rc = gs_put(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, value, len, &opt);
	}
	if (rc < 0)
		return rc;
	f->k->is_counted |= counts;
	f->k->info = info;
	f->k->undo_version = info.version;
	return 0;
}

/* Let the store refuse a value that is too long, so that it counts it and remembers how long it was. */
static int
refuse_length(struct file *f, uint64_t len)
{
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_ONLY_OLD | GS_INSPECT };
	size_t offered = len < MOST_OFFERED ? (size_t)len : MOST_OFFERED;
	void *zeros = calloc(1, offered);	/* never touched, so never more than addresses */
	int rc = GS_EFBIG;

	if (zeros != NULL && offered > f->table->record_size)
		rc = gs_put(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, zeros, offered, &opt);
	free(zeros);
	return rc < 0 ? rc : GS_EFBIG;
}

/* Remember what the first publication of a truncating handle replaces. */
static void
keep_old(struct file *f, const unsigned char *old, size_t len)
{
	if (!f->k->is_staged || file_has(f->k->undo))
		return;
	memcpy(f->values[FILE_UNDO], old, len);
	/* Release: who follows us finds the bytes. */
	atomic_store_explicit(&f->k->undo, file_value(FILE_UNDO, len), memory_order_release);
}

static void
forget_old(struct file *f)
{
	f->k->undo = 0;
}

/* Store an image, and say so to who follows us. */
static int
put_image(struct call *c, struct file *f, const struct file_edit *e, const unsigned char *image, size_t len, uint64_t version)
{
	int rc;

	intent_value(c, f, image, len, version, e->is_append);
	rc = put_over(f, image, len, version, true);
	if (rc == 0)
		intent_stored(c, f->k->info.version);
	return rc;
}

/* One try: image is the stored value, old_len bytes of version `version`. GS_ECONFLICT: somebody was faster. */
static int
publish_once(struct call *c, struct file *f, const struct file_edit *e, unsigned char *image, size_t old_len, uint64_t version)
{
	size_t have = f->k->is_staged ? 0 : old_len;
	uint64_t len = length_after(e, have);
	bool kept = file_has(f->k->undo);
	int rc;

	/* Somebody else wrote since this handle did: his value is not ours to take back. */
	if (kept && f->k->undo_version != version) {
		forget_old(f);
		kept = false;
	}
	if (len > f->table->record_size)
		return refuse_length(f, len);
	keep_old(f, image, old_len);
	apply(e, image, have);
	rc = put_image(c, f, e, image, (size_t)len, version);
	if (rc < 0) {
		if (!kept)
			forget_old(f);
		return rc;
	}
	f->k->is_staged = false;
	return 0;
}

void
file_take_back_locked(struct file *f, int why)
{
	/* First of all: who follows us has to know that it is to be done. */
	f->k->refused = why;
	if (file_has(f->k->undo) && !f->k->has_ended)
		(void)put_over(f, f->values[FILE_UNDO], file_len(f->k->undo), f->k->undo_version, false);
	f->k->is_staged = false;
	forget_old(f);
	f->k->snap = 0;
}

int
file_publish_locked(struct call *c, struct file *f, const struct file_edit *e)
{
	unsigned char *image = malloc(f->table->record_size + 1);
	bool is_truncating = f->k->is_staged || file_has(f->k->undo);
	struct gs_info was;
	int rc = GS_ECONFLICT, tries;
	ssize_t n;

	if (image == NULL)
		return ENOMEM;
	files_lock_session(c->m->files, f->k->id);
	for (tries = 0; rc == GS_ECONFLICT && tries < MOST_TRIES; tries++) {
		n = f->k->has_ended ? GS_ENOENT : gs_peek(mount_gs(f->table, f->k->info.ns_id), f->k->key, f->k->key_len, image, f->table->record_size, &was);
		if (n == GS_ENOENT || (n >= 0 && was.id != f->k->id)) {
			f->k->has_ended = true;
			rc = 0;
		} else if (n < 0) {
			rc = (int)n;
		} else {
			rc = publish_once(c, f, e, image, (size_t)n, was.version);
			rc = rc == GS_ENOENT ? GS_ECONFLICT : rc;
		}
	}
	files_unlock_session(c->m->files, f->k->id);
	free(image);
	if (rc == 0) {
		if (!f->k->has_ended)
			f->k->snap = 0;
		return 0;
	}
	rc = mount_errno(c->m, rc == GS_ECONFLICT ? GS_EAGAIN : rc);
	if (is_truncating)
		file_take_back_locked(f, rc);
	return rc;
}

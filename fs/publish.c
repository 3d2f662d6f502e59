/* SPDX-License-Identifier: BSD-2-Clause */
#include "file_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	bool counts = may_count && f->is_innermost && !f->is_counted;
	int rc = GS_EQUARANTINE;

	if (counts)
		rc = gs_put(f->table->gs, f->key, f->key_len, value, len, &opt);
	if (rc == GS_EQUARANTINE) {
		opt.flags |= GS_INSPECT;
		rc = gs_put(f->table->gs, f->key, f->key_len, value, len, &opt);
	}
	if (rc < 0)
		return rc;
	f->is_counted |= counts;
	f->info = info;
	f->undo_version = info.version;
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
		rc = gs_put(f->table->gs, f->key, f->key_len, zeros, offered, &opt);
	free(zeros);
	return rc < 0 ? rc : GS_EFBIG;
}

/* Remember what the first publication of a truncating handle replaces. */
static int
keep_old(struct file *f, const unsigned char *old, size_t len)
{
	if (!f->is_staged || f->undo != NULL)
		return 0;
	f->undo = malloc(len + 1);
	if (f->undo == NULL)
		return GS_ENOMEM;
	memcpy(f->undo, old, len);
	f->undo_len = len;
	return 0;
}

static void
forget_old(struct file *f)
{
	free(f->undo);
	f->undo = NULL;
	f->undo_len = 0;
}

/* One try: image is the stored value, old_len bytes of version `version`. GS_ECONFLICT: somebody was faster. */
static int
publish_once(struct file *f, const struct file_edit *e, unsigned char *image, size_t old_len, uint64_t version)
{
	size_t have = f->is_staged ? 0 : old_len;
	uint64_t len = length_after(e, have);
	bool kept = f->undo != NULL;
	int rc;

	/* Somebody else wrote since this handle did: his value is not ours to take back. */
	if (kept && f->undo_version != version) {
		forget_old(f);
		kept = false;
	}
	if (len > f->table->record_size)
		return refuse_length(f, len);
	rc = keep_old(f, image, old_len);
	if (rc < 0)
		return rc;
	apply(e, image, have);
	rc = put_over(f, image, (size_t)len, version, true);
	if (rc < 0) {
		if (!kept)
			forget_old(f);
		return rc;
	}
	f->is_staged = false;
	return 0;
}

void
file_take_back_locked(struct file *f, int why)
{
	if (f->undo != NULL && !f->has_ended)
		(void)put_over(f, f->undo, f->undo_len, f->undo_version, false);
	forget_old(f);
	free(f->snap);
	f->snap = NULL;
	f->is_staged = false;
	f->refused = why;
}

int
file_publish_locked(struct call *c, struct file *f, const struct file_edit *e)
{
	unsigned char *image = malloc(f->table->record_size + 1);
	bool is_truncating = f->is_staged || f->undo != NULL;
	struct gs_info was;
	int rc = GS_ECONFLICT, tries;
	ssize_t n;

	if (image == NULL)
		return ENOMEM;
	for (tries = 0; rc == GS_ECONFLICT && tries < MOST_TRIES; tries++) {
		n = f->has_ended ? GS_ENOENT : gs_peek(f->table->gs, f->key, f->key_len, image, f->table->record_size, &was);
		if (n == GS_ENOENT || (n >= 0 && was.id != f->id)) {
			f->has_ended = true;
			rc = 0;
		} else if (n < 0) {
			rc = (int)n;
		} else {
			rc = publish_once(f, e, image, (size_t)n, was.version);
			rc = rc == GS_ENOENT ? GS_ECONFLICT : rc;
		}
	}
	free(image);
	if (rc == 0) {
		if (!f->has_ended) {
			free(f->snap);
			f->snap = NULL;
		}
		return 0;
	}
	rc = mount_errno(c->m, rc == GS_ECONFLICT ? GS_EAGAIN : rc);
	if (is_truncating)
		file_take_back_locked(f, rc);
	return rc;
}

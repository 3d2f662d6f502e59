/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_impl.h - the inside of an open file, shared by file.c (opening, reading, the list) and publish.c (writing).
 */
#ifndef FILE_IMPL_H
#define FILE_IMPL_H

#include "file.h"

struct file {
	struct file *next, **prev;	/* chain of the list of open files, under its lock */
	uint64_t node;			/* as opened; the list is by this */
	struct mount_table *table;
	bool is_innermost;		/* opened through the innermost ring */
	bool is_quiet;			/* O_NOATIME */
	pthread_mutex_t lock;		/* guards: all below; rank 2, after the list's */
	uint64_t id;			/* of the session; changes when it is renamed */
	bool is_counted;		/* its one access has been made */
	bool may_renew;			/* its opening was a turn, which pays for one renewal too, once */
	bool has_ended;			/* the session: writes go nowhere */
	bool is_staged;			/* truncated, not yet published */
	int refused;			/* errno of a refused write of a truncating handle: nothing is published any more until the next truncation */
	unsigned char *snap;		/* the value as read, or NULL; record_size bytes of room */
	size_t snap_len;
	unsigned char *undo;		/* the value before the truncation, once something was published over it */
	size_t undo_len;
	uint64_t undo_version;		/* of what this handle published last */
	size_t key_len;
	char key[GS_KEY_BYTES + 1];
	struct gs_info info;		/* as last seen */
};

/* What a WRITE or a truncation does to a value. */
struct file_edit {
	const void *data;		/* len bytes to put at offset */
	size_t len;
	uint64_t offset;
	bool is_append;			/* at the end instead */
	bool is_resize;			/* no data: make the value `offset` bytes long */
};

/* Apply an edit to the stored value, or to emptiness for a staged truncation, and store it. Called with f->lock held. 0 or errno. */
int file_publish_locked(struct call *c, struct file *f, const struct file_edit *e);

/* Put what was there before the truncation back, unless somebody else wrote meanwhile; why is what later writes answer. */
void file_take_back_locked(struct file *f, int why);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_impl.h - the inside of an open file, shared by file.c (opening, reading, the list) and publish.c (writing).
 */
#ifndef FILE_IMPL_H
#define FILE_IMPL_H

#include "file.h"
#include "handles.h"

/* What outlives the process. */
struct file_kept {
	uint64_t node;			/* as opened; the list is by this */
	bool is_innermost;		/* opened through the innermost ring */
	bool is_quiet;			/* O_NOATIME */
	bool is_counted;		/* its one access has been made */
	bool may_renew;			/* its opening was a turn, which pays for one renewal too, once */
	bool has_ended;			/* the session: writes go nowhere */
	bool is_staged;			/* truncated, not yet published */
	int32_t refused;		/* errno of a refused write of a truncating handle: nothing is published any more until the next truncation */
	uint64_t id;			/* of the session; changes when it is renamed */
	_Atomic uint64_t snap;		/* the value as read: a kept_value, in either of two places */
	_Atomic uint64_t undo;		/* the value before the truncation, once something was published over it */
	uint64_t undo_version;		/* of what this handle published last */
	uint64_t key_len;
	char key[GS_KEY_BYTES + 1];
	struct gs_info info;		/* as last seen */
};

_Static_assert(sizeof(struct file_kept) <= HANDLE_BYTES - 8, "it lies in a handle's slot");

struct file {
	struct file *next, **prev;	/* chain of those with the like node, under the list's lock */
	struct file *next_of_id, **prev_of_id;	/* and of those with the like id */
	uint64_t fh;			/* 0: it is none of the kernel's */
	struct mount_table *table;
	pthread_mutex_t lock;		/* guards: all that is kept; rank 2, after the list's */
	struct file_kept *k;
	unsigned char *values[HANDLE_VALUES];	/* room of each; of one that is none of the kernel's NULL */
};

/* Where a value lies and how long it is, in one word, which is stored when the bytes are there; 0: there is none. */
enum { FILE_SNAP = 0, FILE_SNAP_TOO = 1, FILE_UNDO = 2 };
static inline uint64_t file_value(uint32_t place, size_t len) { return UINT64_C(1) << 63 | (uint64_t)place << 32 | (uint32_t)len; }
static inline bool file_has(uint64_t value) { return value != 0; }
static inline uint32_t file_place(uint64_t value) { return (uint32_t)(value >> 32 & 3); }
static inline size_t file_len(uint64_t value) { return (uint32_t)value; }

/* One at a time stores a session through this mount, so that what was stored last can be told from what was before; rank 3. */
void files_lock_session(struct files *fs, uint64_t id);
void files_unlock_session(struct files *fs, uint64_t id);

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

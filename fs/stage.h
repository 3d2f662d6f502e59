/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage.h - the memory of temporary files: what a program writes under a name that is not a session's yet.
 *
 * Many programs write a value under a temporary name and rename it then.  A
 * file that is made under such a name lies here, on this host, and not in
 * the store: its rename onto a session's name is the one put of it all.
 *
 *	FREE -> NAMED -> UNNAMED	unlinked, or replaced by a rename
 *	          `----> PUBLISHED	it is a session now; who asks by its number is led there
 *
 * What is not NAMED and not open any more may be taken anew, the oldest
 * first, so that a number leads to its session for as long as the kernel may
 * still use it.  A number is that of the place and a tag, which tells apart
 * those that used a place one after the other.
 *
 * The memory outlives the process: no pointer and no lock lies in it, and
 * each step is done by the one store into the word of a file.  A new process
 * makes its chains and locks from it, and is told who has what open.
 *
 * None of these waits for anything but one another, and that is short; only
 * a file that is being published makes those wait who want that very file.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STAGE_FILES = 1024,		/* files that are open or have a name; a power of 2 */
	STAGE_FILE_BYTES = 65536,	/* room for the longest value of any table, whole pages */
	STAGE_BYTES = 16 << 20,		/* of all values together */
	STAGE_NAME_BYTES = 256,		/* with its NUL */
	STAGE_MS = 60000,		/* so long after its last change a file stays, unless it is renamed */
	STAGE_VERSION = 3,		/* of the layout of the memory */
};

enum stage_state { STAGE_FREE, STAGE_NAMED, STAGE_UNNAMED, STAGE_PUBLISHED };

/* Which file: place and tag. */
struct stage_id {
	uint32_t slot, tag;
};

/* A file as it was seen; what is kept of it. */
struct stage_seen {
	struct stage_id id;
	enum stage_state state;
	uint64_t dir;			/* number of its directory; of one that is published: where to */
	uint32_t uid, gid, mode;
	uint32_t n_open;
	uint64_t size;			/* bytes */
	int64_t mtime_ns, atime_ns, ctime_ns;	/* wall clock */
	bool is_by_hand;		/* the first two were set, and not to now */
	uint64_t session;		/* of one that is published: gs_info.id */
	char name[STAGE_NAME_BYTES];	/* its own; of one that is published: the key */
};

/* What is about to be done with a file: it becomes a session, in the place of one. */
struct stage_try {
	uint64_t dir;			/* number of the directory where to */
	const char *name;		/* the key */
	uint64_t replaced, replaced_version;	/* the session that is there, gs_info.id and version; UINT64_MAX: none is */
};

/* What is in the memory, since it was made. */
struct stage_counts {
	uint64_t files, bytes;		/* now */
	uint64_t published, refused, lost;
};

struct stage;

size_t stage_bytes(void);
/* Can such a memory be what another process has left? It may have crashed. */
bool stage_is_sound(const void *memory);
/* Has a sound one a file with a name? */
bool stage_has_named(const void *memory);
/*
 * Use a memory of stage_bytes(), which stays the caller's: zeros, or that of another process which is no more. n_open: how often
 * each place is open by now; NULL: none is. NULL: no room for the rest.
 */
struct stage *stage_new(void *memory, const uint32_t n_open[STAGE_FILES]);
void stage_free(struct stage **s);

/* ---- by name ---- */

/* Is there such a file; out may be NULL. Cheap while there is none at all. */
bool stage_find(struct stage *s, uint64_t dir, const char *name, struct stage_seen *out);

/* An empty file, open once, with the uid, gid and mode of *f; the rest of that is filled in. EEXIST; ENOSPC: there are too many. */
int stage_create(struct stage *s, uint64_t dir, const char *name, struct stage_seen *f);

/* ENOENT: there is none. */
int stage_unlink(struct stage *s, uint64_t dir, const char *name);

/* One of the new name is replaced. ENOENT; EEXIST: it is there, and only_new. */
int stage_rename(struct stage *s, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name, bool only_new);

/* Has a file of the first name got the second, be it as a session; who asks has not found it under the first. */
bool stage_was_renamed(struct stage *s, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name);

/* The next that has a name in a directory, from *slot on, which moves behind it. */
bool stage_next(struct stage *s, uint64_t dir, uint32_t *slot, struct stage_seen *out);

/* ---- by number ---- */

/* ESTALE: its place has another, or none. */
int stage_see(struct stage *s, struct stage_id id, struct stage_seen *out);

/*
 * open(2), with O_TRUNC in the same step, and close(2) of one with a name; ESTALE. *handle of a close: what stage_lead() was
 * told, to be closed, when it was the last.
 */
int stage_open(struct stage *s, struct stage_id id, bool truncates);
void stage_close(struct stage *s, struct stage_id id, uint64_t *handle);

/*
 * Of one that is no session yet. ESTALE: it is one, or its place has another; EFBIG: over `most` bytes; ENOSPC: all together
 * take too much. A read returns the bytes that were copied into buf.
 */
int stage_read(struct stage *s, struct stage_id id, uint64_t offset, void *buf, size_t size, size_t *n);
int stage_write(struct stage *s, struct stage_id id, const void *data, size_t len, uint64_t offset, bool is_append, uint64_t most);
int stage_resize(struct stage *s, struct stage_id id, uint64_t size, uint64_t most);
/* uid, gid, mode, mtime_ns, atime_ns and is_by_hand as in *f. */
int stage_set(struct stage *s, struct stage_id id, const struct stage_seen *f);

/* ---- becoming a session ---- */

/*
 * Begin: nobody else changes the file until the end. *out is how it is, *value its value. ENOENT: it has no name any more.
 */
int stage_begin(struct stage *s, struct stage_id id, struct stage_seen *out, const void **value);
/* About to do it. From here on another process, if this one ends, asks whether it was done. */
void stage_try(struct stage *s, struct stage_id id, const struct stage_try *t);
/*
 * Before anything else: the next that the process before was about to make a session of, from *slot on, which moves behind it.
 * It is begun again, to be done or undone; the name in *t is of the memory, until then.
 */
bool stage_tried(struct stage *s, uint32_t *slot, struct stage_seen *out, const void **value, struct stage_try *t);
/* It is the session `session`, under that key. */
void stage_done(struct stage *s, struct stage_id id, uint64_t dir, const char *name, uint64_t session);
/* It is not, and stays. */
void stage_undone(struct stage *s, struct stage_id id);

/* The handle of the session for those who have the file open; 0: there is none yet. */
uint64_t stage_handle(struct stage *s, struct stage_id id);
/* The next such handle that was to be closed by the process before, from *slot on, which moves behind it, or that it has closed; 0: there is none. */
uint64_t stage_left(struct stage *s, uint32_t *slot);
/* Keep one. False: somebody was faster, or nobody has the file open. */
bool stage_lead(struct stage *s, struct stage_id id, uint64_t handle);

/*
 * The next whose time has come, or with is_end the next of all, from *slot on, which moves behind it. *wait_ms becomes the time
 * until another's comes, if that is less.
 */
bool stage_due(struct stage *s, bool is_end, uint32_t *slot, struct stage_seen *out, uint64_t *wait_ms);
/* It cannot ever become one: unlink it. False: it has no name any more. */
bool stage_lose(struct stage *s, struct stage_id id);
/* Not now: after so long. */
void stage_put_off(struct stage *s, struct stage_id id, uint64_t ms);

void stage_counts(struct stage *s, struct stage_counts *out);

#endif

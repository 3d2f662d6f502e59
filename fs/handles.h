/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handles.h - the numbers of open files that the kernel is given, and what of each outlives this process.
 *
 * A handle is a slot in kept memory (kept.h) and that slot's generation, so
 * that a number means the same to the process that follows, and one that was
 * closed means nothing.  Beside a slot lie the values that an open session
 * file has read or set aside; pages that nobody touched take no memory.  What
 * a process needs besides, as locks, it makes anew, and hangs it on the slot.
 */
#ifndef HANDLES_H
#define HANDLES_H

#include <stddef.h>
#include <stdint.h>

enum {
	HANDLES = 32768,		/* open at once, of a mount */
	HANDLE_BYTES = 2048,		/* kept of each */
	HANDLE_VALUES = 3,		/* and so many values, */
	HANDLE_VALUE_BYTES = 65536,	/* each of at most so many bytes */
};

enum handle_kind { HANDLE_FREE, HANDLE_SESSION, HANDLE_CONTROL, HANDLE_DIRECTORY, HANDLE_STAGED };

struct handles;

/* With those of the process before. NULL with errno. */
struct handles *handles_new(void);
void handles_free(struct handles **h);

/* Choose a number for a file that is to be opened, and nobody's until handles_commit(). 0 or ENFILE: all are taken. */
int handles_reserve(struct handles *h, uint64_t *fh);
/* What is kept is written: from here on it is open, be it that the process ends. */
void handles_commit(struct handles *h, uint64_t fh, enum handle_kind kind);
/* It is closed, or was never committed; the number is nobody's any more. */
void handles_release(struct handles *h, uint64_t fh);

/* Is it open, and such a one? */
enum handle_kind handles_kind(const struct handles *h, uint64_t fh);
/* HANDLE_BYTES of what is kept of it, and its values; of a number that was reserved. */
void *handles_kept(const struct handles *h, uint64_t fh);
unsigned char *handles_value(const struct handles *h, uint64_t fh, uint32_t which);
/* What this process has hung on it; NULL: nothing yet. */
void *handles_local(const struct handles *h, uint64_t fh);
void handles_set_local(struct handles *h, uint64_t fh, void *local);
/* At the end of this process, when no request is answered any more: free what it hung on those of a kind. They stay open, for the next. */
void handles_let_go(struct handles *h, enum handle_kind kind, void (*free_local)(void *local));

/* Those that are open, one after the other: start with *i = 0. 0 at the end, which is no number of an open file. */
uint64_t handles_next(const struct handles *h, uint32_t *i);

#endif

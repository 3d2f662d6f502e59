/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settled.h - what settings say and which modes they have, as the daemon has told, for as long as it is so.
 *
 * Each is remembered as of a stamp that was taken before the daemon was
 * asked: the number by which it tells in the memory that settings have
 * changed (gs_control_epoch), and that by which another daemon is known
 * (ctlpool_is_there).  Only who comes with the same stamp is given it.
 *
 * A mount knows its memory's number, and the daemon's comes with the line of a
 * setting: when the two differ the memory was made anew behind our back, and
 * nothing is remembered.  So a text is only where the line of this stamp is.
 *
 * Of a path no more than SETTLED_TEXT_BYTES.  Nothing of it outlives the process.
 */
#ifndef SETTLED_H
#define SETTLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETTLED_TEXT_BYTES = 512 };

struct settled;

struct settled_stamp {
	uint64_t epoch, turn;
};

/* For paths of the numbers below n. NULL: out of memory. */
struct settled *settled_new(uint32_t n);
void settled_free(struct settled **s);

/* The daemon has said that it is a setting, of this mode. told: the number that came with it. */
void settled_put_mode(struct settled *s, uint32_t path, const struct settled_stamp *asked, uint64_t told, uint32_t mode);
/* What it says, behind its mode of the same stamp. */
void settled_put_text(struct settled *s, uint32_t path, const struct settled_stamp *asked, const char *text, size_t len);

/* Is it remembered as of now? *text, with a NUL behind it, is the caller's to free. */
bool settled_mode(struct settled *s, uint32_t path, const struct settled_stamp *now, uint32_t *mode);
bool settled_text(struct settled *s, uint32_t path, const struct settled_stamp *now, char **text, size_t *len);

#endif

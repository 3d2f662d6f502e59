/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.h - the daemon's log of what happened, kept in memory and shown as control/events.
 *
 * Lines `REVISION TIME EVENT key=value ...`, TIME as 2026-11-23T06:01:29.123Z.
 * The file only grows: offsets of bytes already read stay valid; the oldest
 * part is dropped after GS_EVENTS_BYTES and reads as nothing.
 */
#ifndef GS_DAEMON_EVENTS_H
#define GS_DAEMON_EVENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { GS_EVENTS_BYTES = 1 << 20 };

struct events;

struct events *events_new(void);
void events_free(struct events **e);
/* Append one event; name is one word, the rest `key=value` pairs, values already escaped. */
void events_add(struct events *e, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* One that happened at another time than now, or several that are told as one. */
struct events_what {
	const char *name;
	int64_t wall_ms;
	uint64_t count;
};
void events_add_as(struct events *e, const struct events_what *what, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Revision of the last event; and go on behind one of a log before this. */
uint64_t events_revision(const struct events *e);
void events_continue(struct events *e, uint64_t revision);
/* Bytes ever written: the size of the file. */
uint64_t events_size(const struct events *e);
/* Copy from offset to the end; an offset that was dropped is moved on to the first line kept. */
void events_print(const struct events *e, uint64_t offset, FILE *to);
/* How many events there were of each name, `name count` lines; those that were told as one count as many. */
void events_counts(const struct events *e, FILE *to);

#endif

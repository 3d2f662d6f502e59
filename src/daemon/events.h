/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.h - the daemon's log of what happened, kept in memory and shown as control/events.
 *
 * Lines `REVISION TIME EVENT key=value ...`, TIME as 2026-11-23T06:01:29.123Z.
 * All of them are kept until GS_EVENTS_BYTES are full; of those that go then,
 * what operators and the daemon did is kept in GS_EVENTS_OWN_BYTES that no
 * event of a session takes part of.  Every number is accounted for: in the
 * place of lines that are gone stands `LOST n=HOW_MANY`, with the number of
 * the last of them.
 * The file only grows: offsets of bytes already read stay valid until they
 * are dropped.
 */
#ifndef GS_DAEMON_EVENTS_H
#define GS_DAEMON_EVENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { GS_EVENTS_BYTES = 1 << 20, GS_EVENTS_OWN_BYTES = 1 << 18 };

struct events;

struct events *events_new(void);
void events_free(struct events **e);
/*
 * Append what an operator or the daemon itself did, which is not often; name is one word, the rest `key=value` pairs, values
 * already escaped.
 */
void events_add(struct events *e, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* One that sessions and strangers cause as often as they like. */
void events_add_often(struct events *e, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* One of those that happened at another time than now, or several that are told as one. */
struct events_what {
	const char *name;
	int64_t wall_ms;
	uint64_t count;
};
void events_add_as(struct events *e, const struct events_what *what, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* n >= 1 events of a table were lost before they came here: they have their numbers, and one line. */
void events_add_lost(struct events *e, int64_t wall_ms, uint64_t n, const char *table);
/* Revision of the last event; and go on behind one of a log before this: what is in this one by now is numbered anew. */
uint64_t events_revision(const struct events *e);
void events_continue(struct events *e, uint64_t revision);
/* Bytes ever written: the size of the file. */
uint64_t events_size(const struct events *e);
/* Copy from offset to the end; from an offset that was dropped on, all that there is. */
void events_print(const struct events *e, uint64_t offset, FILE *to);
/*
 * Copy what came behind a revision, of which nothing is missing but what a LOST says; 0: all that there is. Costs what it
 * prints.
 */
void events_print_since(const struct events *e, uint64_t revision, FILE *to);
/* How many events there were of each name, `name count` lines; those that were told as one count as many. */
void events_counts(const struct events *e, FILE *to);

#endif

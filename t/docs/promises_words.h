/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_words.h - short words for calls and for what is promised, for the parts of promises_api.
 */
#ifndef T_DOCS_PROMISES_WORDS_H
#define T_DOCS_PROMISES_WORDS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gsession.h"

/* What promises_api.c was called with, and how the run stands. */
extern const char *promises_instance, *promises_stop, *promises_start, *promises_purge;
extern int promises_said, promises_failed;
/* The handle that the words are about. */
extern struct gs *gs;

/* The parts, in the order in which they run. */
void promises_attach_first(void);	/* before there is a handle */
void promises_attach(void);
void promises_read(void);
void promises_write(void);
void promises_readers(void);
void promises_events(void);
void promises_events_end(void);	/* while no daemon runs */
void promises_events_gone(void);	/* when the store was made anew */
void promises_rings(void);
void promises_namespaces(void);
void promises_end(void);		/* other processes, and the daemon's end */

static inline void
ok(bool is_so, const char *sentence)
{
	promises_said++;
	promises_failed += !is_so;
	(void)printf("%sok %d - %s\n", is_so ? "" : "not ", promises_said, sentence);
	(void)fflush(stdout);
}

static inline void
ok_rc(ssize_t got, ssize_t want, const char *sentence)
{
	ok(got == want, sentence);
	if (got != want)
		(void)printf("# got %zd (%s), want %zd (%s)\n", got, gs_errname((int)got), want, gs_errname((int)want));
}

/* ---- short words for calls ---- */

static inline int
put(const char *key, const char *val)
{
	return gs_put(gs, key, strlen(key), val, strlen(val), NULL);
}

static inline ssize_t
get(const char *key)
{
	char buf[8192];

	return gs_get(gs, key, strlen(key), buf, sizeof(buf), NULL);
}

static inline struct gs_info
stat_of(const char *key)
{
	struct gs_info info = { .len = 0 };
	int rc = gs_stat(gs, key, strlen(key), &info);

	if (rc < 0)
		(void)printf("# stat %s: %s\n", key, gs_errname(rc));
	return info;
}

static inline bool
has_value(const char *key, const char *want)
{
	char buf[8192];
	ssize_t n = gs_peek(gs, key, strlen(key), buf, sizeof(buf), NULL);

	return n == (ssize_t)strlen(want) && memcmp(buf, want, (size_t)n) == 0;
}

static inline bool
is_in(const char *key, const char *ring)
{
	return strcmp(stat_of(key).ring, ring) == 0;
}

static inline int
move(const char *key, const char *ring)
{
	return gs_move(gs, key, strlen(key), ring);
}

static inline struct gs_options
options(void)
{
	return (struct gs_options){ .size = sizeof(struct gs_options), .instance = promises_instance };
}

static inline int
attach_with(const struct gs_options *opt)
{
	struct gs *other;
	int rc = gs_attach(&other, opt);

	if (rc == 0)
		gs_detach(&other);
	return rc;
}

static inline int64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the store's clock, which is as fine as the kernel's tick, has gone on by some ms. */
static inline void
pass_ms(int64_t ms)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	int64_t end = mono_ms() + ms;

	while (mono_ms() < end)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
}

/* An update that adds a byte and counts its calls. */
static inline ssize_t
append_x(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	++*(int *)arg;
	if (old_len + 1 > cap)
		return GS_EFBIG;
	memcpy(out, old, old_len);
	((char *)out)[old_len] = 'x';
	return (ssize_t)old_len + 1;
}

#endif

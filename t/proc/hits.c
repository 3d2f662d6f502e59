/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hits.c - calls that must be free, between marks on standard error for strace, and counted for what they allocate.
 *
 *	hits INSTANCE
 *
 * Linked with --wrap for malloc and its kin, so that every allocation of the library is seen.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gsession.h"
#include "value.h"

enum { KEYS = 64, ROUNDS = 100 };

static unsigned long n_allocated;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *
__wrap_malloc(size_t n)
{
	n_allocated++;
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	n_allocated++;
	return __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	n_allocated++;
	return __real_realloc(p, n);
}

void *
__wrap_aligned_alloc(size_t align, size_t n)
{
	n_allocated++;
	return __real_aligned_alloc(align, n);
}

struct run {
	struct gs *gs, *reader;
	char key[KEYS][16];
	unsigned char value[KEYS][VALUE_MAX];
	size_t len[KEYS];
	struct gs_item item[KEYS];
};

static void
expect(const char *what, int is_right)
{
	if (!is_right)
		errx(1, "%s: not what was put", what);
}

/* ---- what must be free ---- */

static void
do_get(struct run *r, int k)
{
	unsigned char buf[VALUE_MAX];
	ssize_t n = gs_get(r->gs, r->key[k], strlen(r->key[k]), buf, sizeof(buf), NULL);

	expect("get", n == (ssize_t)r->len[k] && memcmp(buf, r->value[k], r->len[k]) == 0);
}

static void
do_get_info(struct run *r, int k)
{
	unsigned char buf[VALUE_MAX];
	struct gs_info info;
	ssize_t n = gs_get(r->gs, r->key[k], strlen(r->key[k]), buf, sizeof(buf), &info);

	expect("get with info", n == (ssize_t)r->len[k] && info.len == r->len[k]);
}

static void
do_miss(struct run *r, int k)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "no%d", k);
	expect("miss", gs_get(r->gs, key, strlen(key), NULL, 0, NULL) == GS_ENOENT);
}

static void
do_peek(struct run *r, int k)
{
	unsigned char buf[VALUE_MAX];

	expect("peek", gs_peek(r->gs, r->key[k], strlen(r->key[k]), buf, sizeof(buf), NULL) == (ssize_t)r->len[k]);
}

static void
do_stat(struct run *r, int k)
{
	struct gs_info info;

	expect("stat", gs_stat(r->gs, r->key[k], strlen(r->key[k]), &info) == 0);
}

static void
do_multi_get(struct run *r, int k)
{
	(void)k;
	expect("multi_get", gs_multi_get(r->gs, r->item, KEYS) == KEYS);
}

static void
do_touch(struct run *r, int k)
{
	expect("touch", gs_touch(r->gs, r->key[k], strlen(r->key[k]), 0) == 0);
}

static void
do_put(struct run *r, int k)
{
	expect("put", gs_put(r->gs, r->key[k], strlen(r->key[k]), r->value[k], r->len[k], NULL) >= 0);
}

static void
do_del(struct run *r, int k)
{
	expect("del", gs_del(r->gs, r->key[k], strlen(r->key[k]), 0) == 0);
	do_put(r, k);
}

static void
do_move(struct run *r, int k)
{
	expect("move", gs_move(r->gs, r->key[k], strlen(r->key[k]), "warm") == 0 &&
	    gs_move(r->gs, r->key[k], strlen(r->key[k]), "active") == 0);
}

static void
do_promote(struct run *r, int k)
{
	expect("move", gs_move(r->gs, r->key[k], strlen(r->key[k]), "warm") == 0);
	do_get(r, k);
}

/* The same by a reader, which tells of it in memory of its own. */
static void
by_reader(struct run *r, int k, void (*fn)(struct run *r, int k))
{
	struct gs *writer = r->gs;

	r->gs = r->reader;
	fn(r, k);
	r->gs = writer;
}

static void
do_reader_get(struct run *r, int k)
{
	by_reader(r, k, do_get);
}

static void
do_reader_info(struct run *r, int k)
{
	by_reader(r, k, do_get_info);
}

static void
do_reader_miss(struct run *r, int k)
{
	by_reader(r, k, do_miss);
}

static void
do_reader_multi(struct run *r, int k)
{
	by_reader(r, k, do_multi_get);
}

static ssize_t
same_value(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)arg;
	if (old_len > cap)
		return GS_EFBIG;
	memcpy(out, old, old_len);
	return (ssize_t)old_len;
}

static void
do_update(struct run *r, int k)
{
	expect("update", gs_update(r->gs, r->key[k], strlen(r->key[k]), same_value, NULL) == (ssize_t)r->len[k]);
}

static const struct {
	const char *name;
	void (*fn)(struct run *r, int k);
} calls[] = {
	{ "get", do_get }, { "get_info", do_get_info }, { "miss", do_miss }, { "peek", do_peek }, { "stat", do_stat },
	{ "multi_get", do_multi_get }, { "touch", do_touch }, { "put", do_put }, { "del", do_del }, { "move", do_move },
	{ "promote", do_promote }, { "update", do_update },
	{ "reader_get", do_reader_get }, { "reader_info", do_reader_info }, { "reader_miss", do_reader_miss },
	{ "reader_multi", do_reader_multi },
};

static void
mark(const char *what, const char *name)
{
	char line[64];

	if (write(STDERR_FILENO, line, (size_t)snprintf(line, sizeof(line), "%s %s\n", what, name)) < 0)
		err(1, "standard error");
}

static void
run_call(struct run *r, size_t i)
{
	unsigned long before;

	for (int k = 0; k < KEYS; k++)
		calls[i].fn(r, k);	/* pages and slots are there now */
	before = n_allocated;
	mark("begin", calls[i].name);
	for (int n = 0; n < ROUNDS; n++)
		for (int k = 0; k < KEYS; k++)
			calls[i].fn(r, k);
	mark("end", calls[i].name);
	printf("%s %lu\n", calls[i].name, n_allocated - before);
}

static void
prepare(struct run *r)
{
	for (int k = 0; k < KEYS; k++) {
		(void)snprintf(r->key[k], sizeof(r->key[k]), "k%d", k);
		r->len[k] = value_make(r->value[k], r->key[k], (uint64_t)k);
		do_put(r, k);
		r->item[k].key = r->key[k];
		r->item[k].key_len = strlen(r->key[k]);
		r->item[k].cap = VALUE_MAX;
		r->item[k].buf = malloc(VALUE_MAX);
		if (r->item[k].buf == NULL)
			err(1, NULL);
	}
}

int
main(int argc, char **argv)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = argc > 1 ? argv[1] : NULL };
	struct run *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		err(1, NULL);
	rc = gs_attach(&r->gs, &opt);
	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	opt.role = GS_ROLE_READER;
	rc = gs_attach(&r->reader, &opt);
	if (rc < 0)
		errx(1, "attach as a reader: %s", gs_strerror(rc));
	prepare(r);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		run_call(r, i);
	gs_detach(&r->gs);
	gs_detach(&r->reader);
	for (int k = 0; k < KEYS; k++)
		free(r->item[k].buf);
	free(r);
	return 0;
}

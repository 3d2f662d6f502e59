/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * misuse.c - calls of the library with what should not be given to them, and a handle that more threads use than it has contexts for.
 *
 *	misuse INSTANCE
 */
#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gsession.h"
#include "value.h"

enum { THREADS = 12, CALLS = 3000, IDS = 5000, LONG_KEY = 256 };

static int n_said;

static void
ok(bool is_so, const char *sentence)
{
	printf("%sok %d - %s\n", is_so ? "" : "not ", ++n_said, sentence);
}

static void
is(long long got, long long want, const char *sentence)
{
	ok(got == want, sentence);
	if (got != want)
		printf("# got %lld (%s), want %lld (%s)\n", got, gs_errname((int)got), want, gs_errname((int)want));
}

/* ---- attaching ---- */

static void
attach_wrongly(const char *instance)
{
	static const char *const bad[] = { "", ".", "..", "-x", "a/b", "../default", "UPPER", "blank name", "a23456789012345678901234567890123" };
	struct gs *const untouched = (struct gs *)(void *)&n_said;
	struct gs_options opt = { .size = sizeof(opt) };
	struct gs *gs = untouched;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char sentence[128];

		(void)snprintf(sentence, sizeof(sentence), "an instance or a table is not called \"%s\"", bad[i]);
		opt.instance = bad[i];
		opt.table = NULL;
		is(gs_attach(&gs, &opt), GS_EINVAL, sentence);
		opt.instance = instance;
		opt.table = bad[i];
		is(gs_attach(&gs, &opt), GS_EINVAL, sentence);
	}
	opt.table = "nosuch";
	is(gs_attach(&gs, &opt), GS_ENOENT, "a table that is not there");
	opt.table = NULL;
	opt.size = sizeof(opt) - 1;
	is(gs_attach(&gs, &opt), GS_EINVAL, "options of another size");
	opt.size = 0;
	is(gs_attach(&gs, &opt), GS_EINVAL, "options without a size");
	opt.size = sizeof(opt);
	opt.run_dir = "/nonexistent";
	is(gs_attach(&gs, &opt), GS_EDOWN, "a run_dir that is not there");
	opt.run_dir = "/a/path/that/is/too/long/for/the/address/of/a/socket/which/has/room/for/a/hundred/and/seven/bytes/and/no/more";
	ok(gs_attach(&gs, &opt) < 0, "a run_dir that is too long for a socket");
	ok(gs == untouched, "a refused attach leaves the handle alone");
}

/* ---- keys and buffers ---- */

static void
give_bad_keys(struct gs *gs)
{
	static const char text[LONG_KEY];
	struct gs_info info;
	char buf[16];

	is(gs_get(gs, "k", 0, buf, sizeof(buf), NULL), GS_EINVAL, "get of an empty key");
	is(gs_get(gs, NULL, 0, buf, sizeof(buf), NULL), GS_EINVAL, "get of no key");
	is(gs_get(gs, NULL, 5, buf, sizeof(buf), NULL), GS_EINVAL, "get of no key with a length");
	is(gs_get(gs, text, LONG_KEY, buf, sizeof(buf), NULL), GS_ENAMETOOLONG, "get of a key of 256 bytes");
	is(gs_get(gs, text, SIZE_MAX, buf, sizeof(buf), NULL), GS_ENAMETOOLONG, "get of a key of all memory");
	is(gs_put(gs, "k", 0, "v", 1, NULL), GS_EINVAL, "put of an empty key");
	is(gs_put(gs, text, LONG_KEY, "v", 1, NULL), GS_ENAMETOOLONG, "put of a key of 256 bytes");
	is(gs_del(gs, "k", 0, 0), GS_EINVAL, "del of an empty key");
	is(gs_del(gs, text, LONG_KEY, 0), GS_ENAMETOOLONG, "del of a key of 256 bytes");
	is(gs_touch(gs, "k", 0, 0), GS_EINVAL, "touch of an empty key");
	is(gs_move(gs, "k", 0, "cold"), GS_EINVAL, "move of an empty key");
	is(gs_stat(gs, "k", 0, &info), GS_EINVAL, "stat of an empty key");
	is(gs_rename(gs, "k", 0, "l", 1, NULL, 0), GS_EINVAL, "rename of an empty key");
	is(gs_rename(gs, "k", 1, "l", 0, NULL, 0), GS_EINVAL, "rename to an empty key");
	is(gs_rename(gs, "k", 1, text, LONG_KEY, NULL, 0), GS_ENAMETOOLONG, "rename to a key of 256 bytes");
	is(gs_put(gs, text, LONG_KEY - 1, "v", 1, NULL), 1, "a key of 255 NULs is a key");
	is(gs_get(gs, text, LONG_KEY - 1, buf, sizeof(buf), NULL), 1, "and is found");
	is(gs_del(gs, text, LONG_KEY - 1, 0), 0, "and ended");
}

static void
give_bad_buffers(struct gs *gs)
{
	struct gs_put_options opt = { .size = sizeof(opt) };
	struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_OWNER, .owner_len = 5 };
	char large[65536] = "", owner[GS_OWNER_BYTES + 1] = "";

	is(gs_put(gs, "k", 1, "hello", 5, NULL), 1, "a session to misuse");
	is(gs_get(gs, "k", 1, NULL, 10, NULL), GS_EINVAL, "get into nothing of 10 bytes");
	is(gs_get(gs, "k", 1, NULL, 0, NULL), 5, "get into nothing of 0 bytes answers the length");
	is(gs_get(gs, "k", 1, large, 4, NULL), GS_ERANGE, "get into too little");
	is(gs_put(gs, "k", 1, NULL, 10, NULL), GS_EINVAL, "put of nothing of 10 bytes");
	is(gs_put(gs, "k", 1, large, gs_record_size(gs) + 1, NULL), GS_EFBIG, "put of a byte too many");
	is(gs_put(gs, "k", 1, large, SIZE_MAX, NULL), GS_EFBIG, "put of all memory");
	is(gs_put(gs, "k", 1, large, (size_t)UINT32_MAX + 6, NULL), GS_EFBIG, "put of a length whose lower half is small");
	opt.size = 1;
	is(gs_put(gs, "k", 1, "x", 1, &opt), GS_EINVAL, "put with options of another size");
	is(gs_add(gs, "new", 3, "x", 1, &opt), GS_EINVAL, "add too");
	opt.size = sizeof(opt);
	opt.owner_len = 5;
	is(gs_put(gs, "k", 1, "x", 1, &opt), GS_EINVAL, "put with an owner of nothing of 5 bytes");
	opt.owner = owner;
	opt.owner_len = sizeof(owner);
	is(gs_put(gs, "k", 1, "x", 1, &opt), GS_EINVAL, "put with an owner of 65 bytes");
	opt = (struct gs_put_options){ .size = sizeof(opt), .ring = "nosuch" };
	is(gs_put(gs, "k", 1, "x", 1, &opt), GS_EINVAL, "put into a ring that is not there");
	opt = (struct gs_put_options){ .size = sizeof(opt), .class_name = "nobody" };
	is(gs_put(gs, "k", 1, "x", 1, &opt), GS_EINVAL, "put with a class that there is not");
	is(gs_move(gs, "k", 1, NULL), GS_EINVAL, "move to nowhere");
	is(gs_move(gs, "k", 1, "nosuch"), GS_EINVAL, "move to a ring that is not there");
	is(gs_setattr(gs, "k", 1, &attr), GS_EINVAL, "setattr with an owner of nothing of 5 bytes");
	attr.size = 1;
	is(gs_setattr(gs, "k", 1, &attr), GS_EINVAL, "setattr with attributes of another size");
	is(gs_get(gs, "k", 1, large, sizeof(large), NULL), 5, "what is refused leaves the session as it was");
	ok(memcmp(large, "hello", 5) == 0, "with its value");
	is(gs_get(gs, "new", 3, NULL, 0, NULL), GS_ENOENT, "and starts none");
}

/* ---- update ---- */

static int n_calls;

static ssize_t
give_up_with(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)old;
	(void)old_len;
	(void)out;
	(void)cap;
	n_calls++;
	return *(int *)arg;
}

static ssize_t
make_too_much(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)arg;
	(void)old;
	(void)old_len;
	(void)out;
	return (ssize_t)cap + 1;
}

static ssize_t
make_x(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)arg;
	(void)old;
	(void)old_len;
	(void)cap;
	memcpy(out, "x", 1);
	n_calls++;
	return 1;
}

static void
misuse_update(struct gs *gs)
{
	static const int codes[] = { GS_EPERM, GS_ENOENT, GS_EAGAIN, GS_ECONFLICT };
	char sentence[64];

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		int code = codes[i];

		n_calls = 0;
		(void)snprintf(sentence, sizeof(sentence), "update: fn gives up with %s", gs_errname(code));
		is(gs_update(gs, "k", 1, give_up_with, &code), code, sentence);
		is(n_calls, 1, "and is not asked again");
	}
	is(gs_update(gs, "k", 1, make_too_much, NULL), GS_EFBIG, "update: fn makes a byte too many");
	n_calls = 0;
	is(gs_update(gs, "nosuch", 6, make_x, NULL), GS_ENOENT, "update of a session that is not there");
	is(n_calls, 0, "does not ask fn");
	is(gs_update(gs, "k", 1, make_x, NULL), 1, "update of one that is");
	is(n_calls, 1, "asks it once");
}

/* ---- rename, scan, find ---- */

static void
misuse_rename(struct gs *gs)
{
	is(gs_rename(gs, "nosuch", 6, "nosuch", 6, NULL, 0), GS_ENOENT, "rename of what is not there to itself");
	is(gs_rename(gs, "nosuch", 6, "other", 5, NULL, 0), GS_ENOENT, "and to another");
	is(gs_rename(gs, "k", 1, "k", 1, NULL, 0), 0, "rename to itself");
	is(gs_rename(gs, "k", 1, "k", 1, NULL, GS_ONLY_NEW), GS_EEXIST, "rename to itself when it must be new");
	is(gs_rename(gs, "k", 1, "l", 1, "nosuch", 0), GS_EINVAL, "rename into a ring that is not there");
	is(gs_get(gs, "k", 1, NULL, 0, NULL), 1, "it is still there");
}

static void
misuse_scan(struct gs *gs)
{
	static const uint64_t odd[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 33, (UINT64_C(1) << 33) - 1, UINT64_C(0x123456789abcdef) };
	struct gs_item items[2];
	uint64_t cursor = UINT64_MAX;
	bool found = false;

	is(gs_scan(gs, NULL, &cursor, items, 2), 0, "scan from beyond the end");
	cursor = 0;
	is(gs_scan(gs, "nosuch", &cursor, items, 2), GS_EINVAL, "scan of a ring that is not there");
	cursor = 0;
	is(gs_scan(gs, NULL, &cursor, NULL, 0), 0, "scan into nothing");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		found = found || gs_find(gs, odd[i], items) != GS_ESTALE;
	ok(!found, "find of ids that were never given");
	is(gs_rings(gs, NULL, 0), 4, "rings into nothing answers how many there are");
	is(gs_multi_get(gs, NULL, 0), 0, "multi_get of nothing");
}

/* ---- ids ---- */

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, GS_ID_CHARS);
}

static void
make_ids(struct gs *gs)
{
	static char id[IDS][GS_ID_CHARS];
	unsigned seen[256] = { 0 };
	bool is_right = true;
	int n_equal = 0, n_chars = 0;

	for (int i = 0; i < IDS; i++)
		is_right = is_right && gs_new_id(gs, id[i], GS_ID_CHARS) == GS_ID_CHARS - 1 && strlen(id[i]) == GS_ID_CHARS - 1 &&
		    strspn(id[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == GS_ID_CHARS - 1;
	ok(is_right, "ids are of 32 url-safe characters");
	for (int i = 0; i < IDS; i++)
		for (const char *p = id[i]; *p != '\0'; p++)
			seen[(unsigned char)*p]++;
	for (int c = 0; c < 256; c++) {
		n_chars += seen[c] > 0;
		/* 2500 are expected of each: ten standard deviations */
		is_right = is_right && (seen[c] == 0 || (seen[c] > 2000 && seen[c] < 3000));
	}
	is(n_chars, 64, "all 64 characters come");
	ok(is_right, "equally often");
	qsort(id, IDS, GS_ID_CHARS, compare_ids);
	for (int i = 1; i < IDS; i++)
		n_equal += memcmp(id[i - 1], id[i], GS_ID_CHARS) == 0;
	is(n_equal, 0, "no two are equal");
	is(gs_new_id(gs, id[0], GS_ID_CHARS - 1), GS_ERANGE, "an id into too little");
}

/* ---- threads ---- */

struct thread {
	pthread_t id;
	struct gs *gs;
	int number, n_wrong;
};

static ssize_t
add_one(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	uint64_t n;

	(void)arg;
	if (old_len != sizeof(n) || cap < sizeof(n))
		return GS_EFBIG;
	memcpy(&n, old, sizeof(n));
	n++;
	memcpy(out, &n, sizeof(n));
	return sizeof(n);
}

static void *
work(void *arg)
{
	struct thread *t = arg;
	unsigned char value[VALUE_MAX], back[VALUE_MAX];
	char key[32];

	for (int i = 0; i < CALLS; i++) {
		size_t len;

		(void)snprintf(key, sizeof(key), "thread%d.%d", t->number, i % 4);
		len = value_make(value, key, (uint64_t)i);
		t->n_wrong += gs_put(t->gs, key, strlen(key), value, len, NULL) < 0;
		t->n_wrong += gs_get(t->gs, key, strlen(key), back, sizeof(back), NULL) != (ssize_t)len || memcmp(value, back, len) != 0;
		t->n_wrong += gs_update(t->gs, "counter", 7, add_one, NULL) != 8;
	}
	return NULL;
}

/* More threads than the handle has contexts. */
static void
share_handle(const char *instance)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = instance, .n_threads = 2 };
	struct thread t[THREADS];
	uint64_t n = 0;
	struct gs *gs;
	int n_wrong = 0;

	is(gs_attach(&gs, &opt), 0, "a handle for two threads");
	is(gs_put(gs, "counter", 7, &n, sizeof(n), NULL), 1, "a counter");
	for (int i = 0; i < THREADS; i++) {
		t[i] = (struct thread){ .gs = gs, .number = i };
		if (pthread_create(&t[i].id, NULL, work, &t[i]) != 0)
			errx(1, "pthread_create");
	}
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(t[i].id, NULL);
		n_wrong += t[i].n_wrong;
	}
	is(n_wrong, 0, "twelve threads use it at once, and each gets what it put");
	is(gs_get(gs, "counter", 7, &n, sizeof(n), NULL), sizeof(n), "the counter is there");
	is((long long)n, THREADS * CALLS, "and has counted every update");
	gs_detach(&gs);
	ok(gs == NULL, "detach forgets the handle");
	gs_detach(&gs);
}

int
main(int argc, char **argv)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = argc > 1 ? argv[1] : NULL };
	struct gs *gs;
	int rc;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	attach_wrongly(opt.instance);
	rc = gs_attach(&gs, &opt);
	if (rc < 0)
		errx(1, "attach: %s", gs_strerror(rc));
	give_bad_keys(gs);
	give_bad_buffers(gs);
	misuse_update(gs);
	misuse_rename(gs);
	misuse_scan(gs);
	make_ids(gs);
	gs_detach(&gs);
	share_handle(opt.instance);
	printf("1..%d\n", n_said);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_read.c - what libgsession(3) says of keys and of reading.
 */
#include "promises_words.h"

#include <errno.h>

/* ---- keys and arguments ---- */

static void
keys_are_bytes(void)
{
	char key[256];

	memset(key, 'k', sizeof(key));
	ok_rc(gs_put(gs, key, 0, "v", 1, NULL), GS_EINVAL, "keys: none is EINVAL");
	ok_rc(gs_put(gs, key, 256, "v", 1, NULL), GS_ENAMETOOLONG, "keys: 256 bytes are ENAMETOOLONG");
	ok_rc(gs_put(gs, key, 255, "v", 1, NULL), 1, "keys: 255 bytes are a key");
	ok_rc(gs_del(gs, key, 255, 0), 0, "keys: and found");
	ok_rc(gs_put(gs, "a\0b/\n\xff", 6, "v", 1, NULL), 1, "keys: any bytes");
	ok_rc(gs_get(gs, "a\0b/\n\xff", 6, NULL, 0, NULL), 1, "keys: and found");
	ok_rc(gs_get(gs, "a", 1, NULL, 0, NULL), GS_ENOENT, "keys: NUL does not end one");
	ok_rc(gs_del(gs, "a\0b/\n\xff", 6, 0), 0, "keys: and ended");
	ok_rc(gs_put(gs, "k", 1, NULL, 1, NULL), GS_EINVAL, "put: no value of one byte is EINVAL");
	ok_rc(gs_get(gs, "k", 1, NULL, 1, NULL), GS_EINVAL, "get: no buffer of one byte is EINVAL");
}

/* ---- reading ---- */

static void
get_copies_and_counts(void)
{
	struct gs_info info;
	char buf[8] = "-------";

	ok_rc(put("r", "hello"), 1, "put: 1 when a session was started");
	ok_rc(put("r", "world"), 0, "put: 0 when one was replaced");
	ok_rc(gs_get(gs, "r", 1, buf, sizeof(buf), &info), 5, "get: the length of the value");
	ok(memcmp(buf, "world--", 7) == 0, "get: copies it and not a byte more");
	ok(info.hits == 3 && info.len == 5 && strcmp(info.ring, "active") == 0, "get: info says what is known after the access");
	memset(buf, '-', sizeof(buf));
	ok_rc(gs_get(gs, "r", 1, buf, 4, &info), GS_ERANGE, "get: too small a buffer is ERANGE");
	ok(info.len == 5, "get: info->len says what is needed");
	ok(memcmp(buf, "--------", 8) == 0 && stat_of("r").hits == 3, "get: nothing was copied or counted");
	ok_rc(gs_get(gs, "r", 1, NULL, 0, NULL), 5, "get: no buffer, the length all the same");
	ok(stat_of("r").hits == 4, "get: and it counts");
	ok_rc(get("none"), GS_ENOENT, "get: a miss is ENOENT");
}

static void
peek_and_stat_count_for_nothing(void)
{
	struct gs_info before, after, info;

	ok_rc(move("r", "cold"), 0, "move: 0");
	before = stat_of("r");
	ok_rc(gs_peek(gs, "r", 1, NULL, 0, &info), 5, "peek: the length of the value");
	ok_rc(gs_stat(gs, "r", 1, NULL), 0, "stat: 0");
	ok_rc(gs_stat(gs, "none", 4, NULL), GS_ENOENT, "stat: a miss is ENOENT");
	after = stat_of("r");
	ok(after.hits == before.hits && after.interest == before.interest && strcmp(after.ring, "cold") == 0,
	    "peek and stat count for nothing and move nothing");
	ok_rc(get("r"), 5, "get: of an outer ring");
	ok(is_in("r", "active"), "get: brings it to the innermost");
	ok(stat_of("r").hits == before.hits + 1, "get: as part of one access");
}

static void
multi_get_answers_each(void)
{
	enum { N = 40 };
	static struct gs_item items[N];
	static char keys[N][16], bufs[N][8];
	bool all_right = true;

	for (int i = 0; i < N; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "m%d", i);
		if (i % 3 != 0)
			(void)put(keys[i], keys[i]);
		items[i] = (struct gs_item){ .key = keys[i], .key_len = strlen(keys[i]), .buf = bufs[i], .cap = sizeof(bufs[i]) };
	}
	items[1].cap = 1;
	items[2].buf = NULL;
	ok_rc(gs_multi_get(gs, items, N), 25, "multi_get: how many were found");
	for (int i = 3; i < N; i++)
		all_right = all_right && (i % 3 == 0 ? items[i].rc == GS_ENOENT :
		    items[i].rc == (ssize_t)strlen(keys[i]) && strcmp(bufs[i], keys[i]) == 0 && items[i].info.hits == 2);
	ok(all_right, "multi_get: each item has its own answer, value and info");
	ok_rc(items[1].rc, GS_ERANGE, "multi_get: one that does not fit is ERANGE");
	ok_rc(items[2].rc, 2, "multi_get: one without a buffer has its length");
	ok_rc(gs_multi_get(gs, items, 0), 0, "multi_get: of none is 0");
}


void
promises_read(void)
{
	keys_are_bytes();
	get_copies_and_counts();
	peek_and_stat_count_for_nothing();
	multi_get_answers_each();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_rings.c - what libgsession(3) says of full rings, of scans, ids, numbers, times and threads.
 */
#include "promises_words.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- full ---- */

static void
full_ring_refuses_and_loses_nothing(void)
{
	struct gs_options opt = options();
	struct gs *tiny, *all = gs;
	char key[2] = "0", far[2] = "0";
	int rc = 0, found = 0;

	opt.table = "tiny";
	if (gs_attach(&tiny, &opt) < 0)
		errx(1, "table tiny");
	gs = tiny;
	for (; key[0] < '4'; key[0]++)
		rc |= put(key, "v") != 1;
	ok(rc == 0, "full: a ring holds its capacity and its reserve");
	for (key[0] = '0'; key[0] < '4'; key[0]++)
		found += is_in(key, "active");
	ok(found == 4, "full: and nobody has to go while there is some");
	ok_rc(put("4", "v"), 1, "full: one more finds a place all the same");
	ok_rc(put("5", "v"), 1, "full: another too, while a ring further out has room");
	ok_rc(put("6", "v"), GS_ENOSPC, "full: where none has, it is ENOSPC");
	ok_rc(put("12345678901234567", "v"), GS_ENAMETOOLONG, "keys: a byte over key_max is ENAMETOOLONG");
	ok_rc(put("0", "new"), 0, "full: what is there can be replaced");
	while (far[0] < '6' && !is_in(far, "cold"))
		far[0]++;
	ok(far[0] < '6', "full: those who made room went outwards");
	ok(get(far) >= 1, "full: a session of an outer ring is served");
	ok(is_in(far, "cold") && stat_of(far).hits >= 2, "full: where it is, and the access counts");
	ok_rc(put(far, "w"), 0, "full: and can be replaced there");
	ok_rc(move(far, "active"), GS_ENOSPC, "full: a move there is ENOSPC");
	for (key[0] = '0', found = 0; key[0] < '6'; key[0]++)
		found += has_value(key, key[0] == far[0] ? "w" : key[0] == '0' ? "new" : "v");
	ok(found == 6, "full: nobody was dropped");
	gs = all;
	gs_detach(&tiny);
}

/* ---- looking through ---- */

struct seen {
	int n, stop_at;
	int of[100];
};

static int
note(void *arg, const struct gs_item *item)
{
	struct seen *s = arg;
	int i;

	s->n++;
	if ((sscanf(item->key, "scan%d", &i) == 1 || sscanf(item->key, "kin%d", &i) == 1) && i < 100)
		s->of[i]++;
	return s->n == s->stop_at ? 42 : 0;
}

/* Of both scans, item by item: the same key, and what gs_scan_keys() promises of the rest. */
static void
scan_keys_agrees(void)
{
	struct gs_item whole[7], keys[7];
	uint64_t at = 0, keys_at = 0;
	bool same = true;
	ssize_t n, i;

	do {
		n = gs_scan(gs, NULL, &at, whole, 7);
		same = same && gs_scan_keys(gs, NULL, &keys_at, keys, 7) == n && keys_at == at;
		for (i = 0; i < n && same; i++)
			same = keys[i].key_len == whole[i].key_len && keys[i].key == keys[i].key_buf &&
			    memcmp(keys[i].key_buf, whole[i].key_buf, keys[i].key_len + 1) == 0 && keys[i].rc == whole[i].rc &&
			    keys[i].info.id == whole[i].info.id && keys[i].info.ring_id == whole[i].info.ring_id &&
			    keys[i].info.len == whole[i].info.len;
	} while (n > 0 && same);
	ok(same && n == 0, "scan_keys: the sessions of scan, in its order, with id, ring and length");
	at = 0;
	ok_rc(gs_scan_keys(gs, "nowhere", &at, keys, 1), GS_EINVAL, "scan_keys: no such ring is EINVAL");
}

static void
scan_sees_each_once(void)
{
	struct gs_item items[7];
	struct seen s = { .n = 0 };
	uint64_t cursor = 0, middle = 0;
	struct gs_info info;
	char key[16];
	bool once = true;
	ssize_t n;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "scan%d", i);
		(void)put(key, key);
	}
	while ((n = gs_scan(gs, NULL, &cursor, items, 7)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			(void)note(&s, &items[i]);
			/* Whatever has been seen is changed and moved, and so is the next. */
			(void)snprintf(key, sizeof(key), "scan%d", s.n % 100);
			(void)put(key, "changed");
			(void)move(key, s.n % 2 == 0 ? "warm" : "cold");
			middle = s.n == 50 ? cursor : middle;
		}
	ok_rc(n, 0, "scan: 0 at the end");
	scan_keys_agrees();
	for (int i = 0; i < 100; i++)
		once = once && s.of[i] == 1;
	ok(once, "scan: each session exactly once, though all were changed and moved meanwhile");
	n = gs_scan(gs, NULL, &middle, items, 1);
	ok(n == 1 && items[0].key == items[0].key_buf && items[0].rc == (ssize_t)items[0].info.len, "scan: goes on from any cursor, items are filled");
	cursor = 0;
	ok_rc(gs_scan(gs, "nowhere", &cursor, items, 1), GS_EINVAL, "scan: no such ring is EINVAL");
	ok_rc(move("scan1", "suspect"), 0, "scan: a suspect");
	ok(gs_scan(gs, "suspect", &cursor, items, 7) == 1 && strcmp(items[0].key_buf, "scan1") == 0, "scan: of a ring is of that ring, suspects too");
	s = (struct seen){ .stop_at = 3 };
	ok(gs_each(gs, NULL, note, &s) == 42 && s.n == 3, "each: stops when fn says so, and returns that");
	s = (struct seen){ .n = 0 };
	ok(gs_each(gs, "suspect", note, &s) == 0 && s.n == 1, "each: 0 at the end");
	info = stat_of("scan2");
	(void)put("scan2", "other");
	(void)move("scan2", "warm");
	ok(gs_find(gs, info.id, &items[0]) == 0 && strcmp(items[0].key_buf, "scan2") == 0, "find: through update and move");
	(void)gs_del(gs, "scan2", 5, 0);
	ok_rc(gs_find(gs, info.id, &items[0]), GS_ESTALE, "find: an ended one is ESTALE");
	(void)put("scan2", "anew");
	ok_rc(gs_find(gs, info.id, &items[0]), GS_ESTALE, "find: even if its key was started again");
}

/* Moves what it has seen, and what it has not. */
static int
note_and_move(void *arg, const struct gs_item *item)
{
	struct seen *s = arg;
	char key[32];

	(void)snprintf(key, sizeof(key), "kin%d", s->n * 7 % 50);
	(void)move(key, s->n % 3 == 0 ? "warm" : s->n % 3 == 1 ? "cold" : "active");
	return note(s, item);
}

static void
owner_has_its_sessions(void)
{
	const struct gs_put_options of_kinsman = { .size = sizeof(of_kinsman), .owner = "kinsman", .owner_len = 7 };
	struct seen s = { .n = 0 };
	char key[32];
	bool once = true;

	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "kin%d", i);
		(void)gs_put(gs, key, strlen(key), "v", 1, &of_kinsman);
		if (i % 10 == 0)
			(void)move(key, i % 20 == 0 ? "suspect" : "cold");
	}
	ok_rc(gs_each_owner(gs, "kinsman", 7, note_and_move, &s), 0, "each_owner: 0 at the end");
	for (int i = 0; i < 50; i++)
		once = once && s.of[i] == 1;
	ok(once && s.n == 50, "each_owner: each session exactly once, in all rings, though others move meanwhile");
	s = (struct seen){ .stop_at = 3 };
	ok(gs_each_owner(gs, "kinsman", 7, note, &s) == 42 && s.n == 3, "each_owner: stops when fn says so, and returns that");
	s = (struct seen){ .n = 0 };
	ok(gs_each_owner(gs, "kinsma", 6, note, &s) == 0 && s.n == 0, "each_owner: another owner has none");
	ok_rc(gs_each_owner(gs, "", 0, note, &s), GS_EINVAL, "each_owner: nobody is EINVAL");
	ok_rc(gs_each_owner(gs, "0123456789012345678901234567890123456789012345678901234567890123456", 65, note, &s), GS_EINVAL,
	    "each_owner: an owner over 64 bytes is EINVAL");
}

static void
rings_are_in_order(void)
{
	static const char *const names[] = { "active", "warm", "cold", "suspect" };
	struct gs_ring_info r[8];
	bool right = true;

	memset(r, 0, sizeof(r));
	ok_rc(gs_rings(gs, r, 2), 4, "rings: how many there are");
	ok(r[1].name[0] != '\0' && r[2].name[0] == '\0', "rings: fills up to n");
	(void)gs_rings(gs, r, 8);
	for (uint32_t i = 0; i < 4; i++)
		right = right && strcmp(r[i].name, names[i]) == 0 && r[i].is_suspect == (i == 3) && (i == 3 || r[i].diameter == i);
	ok(right, "rings: innermost first, suspect last");
	ok(r[0].capacity == 8192 && r[3].count == 1, "rings: capacity and count");
}

/* ---- numbers ---- */

static bool
has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at != NULL && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void
numbers_are_told_as_text(void)
{
	char text[8192], less[16];
	ssize_t n;

	n = gs_stats(gs, "suspect", text, sizeof(text));
	ok(n > 0 && (size_t)n == strlen(text) && has_line(text, "count 1") && has_line(text, "evicted 0"), "stats: of a ring, a line for each");
	ok(gs_stats(gs, "suspect", less, sizeof(less)) == n && memcmp(less, text, sizeof(less) - 1) == 0 && less[sizeof(less) - 1] == '\0',
	    "stats: of more than has room, the begin, and how much it is");
	ok_rc(gs_stats(gs, "suspect", NULL, 0), n, "stats: nothing to write to");
	ok_rc(gs_stats(gs, "suspect", NULL, 1), GS_EINVAL, "stats: no place is EINVAL");
	ok_rc(gs_stats(gs, "nowhere", text, sizeof(text)), GS_ENOENT, "stats: no such ring is ENOENT");
	n = gs_stats(gs, NULL, text, sizeof(text));
	ok(n > 0 && strncmp(text, "gets ", 5) == 0 && strstr(text, "\nsessions ") != NULL, "stats: of the table");
}

static uint64_t
value_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? UINT64_MAX : strtoull(at + strlen(name), NULL, 10);
}

static void
numbers_of_all_are_those_of_each(void)
{
	char text[8192], of_one[8192], of_other[8192], metrics[65536];
	struct gs_options opt = options();
	struct gs *both[2] = { gs, NULL }, *turned[2], *twice[2] = { gs, gs };
	ssize_t n;

	opt.table = "tiny";
	if (gs_attach(&both[1], &opt) < 0)
		errx(1, "table tiny");
	turned[0] = both[1];
	turned[1] = both[0];
	(void)gs_stats(both[0], NULL, of_one, sizeof(of_one));
	(void)gs_stats(both[1], NULL, of_other, sizeof(of_other));
	n = gs_stats_all(both, 2, text, sizeof(text));
	ok(n > 0 && value_of(text, "\nstarted ") == value_of(of_one, "\nstarted ") + value_of(of_other, "\nstarted "),
	    "stats_all: the counters of all tables together");
	ok(value_of(text, "\nclients ") >= 1 && value_of(text, "\nsweeps ") != UINT64_MAX, "stats_all: and what the daemon counts");
	ok(gs_stats_all(turned, 2, of_one, sizeof(of_one)) == n && strncmp(text, of_one, 200) == 0, "stats_all: the handles in any order");
	ok_rc(gs_stats_all(both, 1, text, sizeof(text)), GS_ENOENT, "stats_all: not all tables is ENOENT");
	ok_rc(gs_stats_all(twice, 2, text, sizeof(text)), GS_ENOENT, "stats_all: one twice is ENOENT");
	ok_rc(gs_stats_all(both, 0, text, sizeof(text)), GS_ENOENT, "stats_all: none is ENOENT");
	n = gs_metrics(turned, 2, metrics, sizeof(metrics));
	ok(n > 0 && (size_t)n == strlen(metrics) && strcmp(metrics + n - 6, "# EOF\n") == 0, "metrics: OpenMetrics text");
	ok(strstr(metrics, "\ngsession_ring_capacity{table=\"sessions\",ring=\"active\"} 8192\n") != NULL &&
	    strstr(metrics, "\ngsession_ring_capacity{table=\"tiny\",ring=\"active\"} 3\n") != NULL, "metrics: of all tables and rings");
	ok_rc(gs_metrics(both, 1, metrics, sizeof(metrics)), GS_ENOENT, "metrics: not all tables is ENOENT");
	ok_rc(gs_metrics(both, 2, NULL, 1), GS_EINVAL, "metrics: no place is EINVAL");
	gs_detach(&both[1]);
}

/* ---- the rest ---- */

static void
ids_are_fresh(void)
{
	char a[GS_ID_CHARS], b[GS_ID_CHARS];

	ok_rc(gs_new_id(gs, a, sizeof(a) - 1), GS_ERANGE, "new_id: too small is ERANGE");
	ok_rc(gs_new_id(gs, a, sizeof(a)), 32, "new_id: 32");
	(void)gs_new_id(gs, b, sizeof(b));
	ok(strlen(a) == 32 && strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == 32, "new_id: url-safe characters");
	ok(strcmp(a, b) != 0, "new_id: another each time");
	ok_rc(get(a), GS_ENOENT, "new_id: starts nothing");
}

static void
every_number_has_a_sentence(void)
{
	bool all = true;

	for (int code = -3000; code < 200; code++)
		all = all && gs_strerror(code) != NULL && gs_errname(code) != NULL && gs_errno(code) >= 0;
	ok(all, "strerror, errname: never NULL");
}

static void
times_are_wall_clock(void)
{
	struct timespec now;
	struct gs_info info;
	uint64_t now_ms;

	(void)put("clock", "v");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	info = stat_of("clock");
	ok(now_ms - info.created_ms + 30 < 60 && now_ms - info.accessed_ms + 30 < 60 && now_ms - info.touched_ms + 30 < 60, "info: times are ms since 1970");
	ok(info.ring_until_ms - info.accessed_ms - 300000 + 30 < 60, "info: ring_until is last access + ttl after one access");
	ok(info.deadline_ms - info.created_ms - UINT64_C(2592000000) + 30 < 60, "info: deadline is max_lifetime after the start");
}

enum { COUNTERS = 8, ROUNDS = 500 };

static ssize_t
add_one(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	unsigned long n = 0;

	(void)arg, (void)cap;
	if (old_len == sizeof(n))
		memcpy(&n, old, sizeof(n));
	n++;
	memcpy(out, &n, sizeof(n));
	return sizeof(n);
}

static void *
count_up(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		if (gs_update(gs, "visits", 6, add_one, NULL) != (ssize_t)sizeof(unsigned long))
			*(int *)arg += 1;
	return NULL;
}

/* Twice as many threads as n_threads; the example of the manual is what they do. */
static void
threads_share_a_handle(void)
{
	pthread_t thread[COUNTERS];
	int errors[COUNTERS] = { 0 }, sum = 0;
	unsigned long n = 0;

	(void)put("visits", "");
	for (int i = 0; i < COUNTERS; i++)
		if (pthread_create(&thread[i], NULL, count_up, &errors[i]) != 0)
			err(1, "pthread_create");
	for (int i = 0; i < COUNTERS; i++) {
		(void)pthread_join(thread[i], NULL);
		sum += errors[i];
	}
	(void)gs_peek(gs, "visits", 6, &n, sizeof(n), NULL);
	ok(sum == 0 && n == COUNTERS * ROUNDS, "threads: no update of any is lost");
}


void
promises_rings(void)
{
	full_ring_refuses_and_loses_nothing();
	scan_sees_each_once();
	owner_has_its_sessions();
	rings_are_in_order();
	numbers_are_told_as_text();
	numbers_of_all_are_those_of_each();
	ids_are_fresh();
	every_number_has_a_sentence();
	times_are_wall_clock();
	threads_share_a_handle();
}

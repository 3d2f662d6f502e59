/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_readers.c - what libgsession(3) says of readers.
 */
#include "promises_words.h"

#include <sys/resource.h>

#include <stddef.h>

static struct gs *reader;

static void
readers_attach(void)
{
	struct gs_options opt = options();

	opt.role = GS_ROLE_READER + 1;
	ok_rc(attach_with(&opt), GS_EINVAL, "readers: a role that there is not is EINVAL");
	opt.role = UINT32_MAX;
	ok_rc(attach_with(&opt), GS_EINVAL, "readers: neither is this one");
	opt = options();
	opt.size = offsetof(struct gs_options, role);
	ok_rc(attach_with(&opt), 0, "attach: the structure of the version before is taken");
	opt = options();
	opt.role = GS_ROLE_READER;
	ok_rc(gs_attach(&reader, &opt), 0, "readers: attach");
}

static void
readers_read(void)
{
	struct gs_item items[2], found;
	struct gs_ring_info rings[8];
	struct gs_info info;
	uint64_t cursor = 0;
	char buf[64];

	(void)put("readers1", "one");
	(void)put("readers2", "two");
	ok(gs_get(reader, "readers1", 8, buf, sizeof(buf), &info) == 3 && memcmp(buf, "one", 3) == 0 && info.len == 3, "readers: get works");
	ok(gs_peek(reader, "readers1", 8, buf, sizeof(buf), NULL) == 3, "readers: peek works");
	ok(gs_stat(reader, "readers1", 8, &info) == 0 && info.len == 3, "readers: stat works");
	memset(items, 0, sizeof(items));
	for (int i = 0; i < 2; i++) {
		items[i].key = i == 0 ? "readers1" : "readers2";
		items[i].key_len = 8;
	}
	ok_rc(gs_multi_get(reader, items, 2), 2, "readers: multi_get works");
	ok(gs_scan(reader, NULL, &cursor, items, 2) == 2, "readers: scan works");
	ok(gs_find(reader, info.id, &found) == 0 && found.key_len == 8, "readers: find works");
	ok(gs_rings(reader, rings, 8) == 4 && gs_record_size(reader) == gs_record_size(gs), "readers: so do rings and record_size");
	ok(gs_stats(reader, "active", buf, sizeof(buf)) > 0, "readers: so do the numbers of a ring");
	ok_rc(gs_stats(reader, NULL, buf, sizeof(buf)), GS_EPERM, "readers: those of a table are EPERM");
	ok_rc(gs_stats_all(&reader, 1, buf, sizeof(buf)), GS_EPERM, "readers: and those of all");
	ok_rc(gs_get(reader, "readers0", 8, NULL, 0, NULL), GS_ENOENT, "readers: none is ENOENT");
	ok_rc(move("readers2", "suspect"), 0, "readers: a suspect");
	ok_rc(gs_get(reader, "readers2", 8, buf, sizeof(buf), NULL), GS_EQUARANTINE, "readers: is refused to them as well");
	ok(gs_peek(reader, "readers2", 8, buf, sizeof(buf), NULL) == 3, "readers: but for a peek");
}

static void
readers_are_refused_what_writes(void)
{
	const struct gs_attr attr = { .size = sizeof(attr), .mask = GS_ATTR_MODE, .mode = 0640 };
	int n_calls = 0;

	ok_rc(gs_put(reader, "readers1", 8, "x", 1, NULL), GS_EPERM, "readers: put is EPERM");
	ok_rc(gs_add(reader, "readers3", 8, "x", 1, NULL), GS_EPERM, "readers: add is EPERM");
	ok_rc(gs_update(reader, "readers1", 8, append_x, &n_calls), GS_EPERM, "readers: update is EPERM");
	ok_rc(n_calls, 0, "readers: and its function is not called");
	ok_rc(gs_touch(reader, "readers1", 8, 0), GS_EPERM, "readers: touch is EPERM");
	ok_rc(gs_touch(reader, "readers1", 8, 5000), GS_EPERM, "readers: with a ttl too");
	ok_rc(gs_del(reader, "readers1", 8, 0), GS_EPERM, "readers: del is EPERM");
	ok_rc(gs_setattr(reader, "readers1", 8, &attr), GS_EPERM, "readers: setattr is EPERM");
	ok_rc(gs_move(reader, "readers1", 8, "warm"), GS_EPERM, "readers: move is EPERM");
	ok_rc(gs_rename(reader, "readers1", 8, "readers4", 8, NULL, 0), GS_EPERM, "readers: rename is EPERM");
	ok(has_value("readers1", "one"), "readers: nothing came of it");
}

/* Until it is so, or five seconds have passed. */
static bool
comes_to(const char *key, uint64_t hits, const char *ring)
{
	for (int64_t end = mono_ms() + 5000; mono_ms() < end; pass_ms(5))
		if (stat_of(key).hits == hits && is_in(key, ring))
			return true;
	return false;
}

static void
readers_accesses_count(void)
{
	struct gs_info before, after;

	(void)put("readers5", "five");
	(void)move("readers5", "warm");
	before = stat_of("readers5");
	pass_ms(20);
	for (int i = 0; i < 10; i++)
		(void)gs_get(reader, "readers5", 8, NULL, 0, NULL);
	ok(comes_to("readers5", before.hits + 10, "active"), "readers: each get counts, and brings the session in");
	after = stat_of("readers5");
	ok(after.accessed_ms > before.accessed_ms, "readers: as last access");
	ok(after.interest > before.interest + 9 && after.interest < before.interest + 10.1, "readers: and as interest");
	(void)gs_peek(reader, "readers5", 8, NULL, 0, NULL);
	ok(stat_of("readers5").hits == after.hits, "readers: a peek does not");
}

static void
too_many_readers_are_refused(void)
{
	struct rlimit many = { 8192, 8192 };
	struct gs_options opt = options();
	static struct gs *all[256];
	int n = 0, rc = 0;

	if (setrlimit(RLIMIT_NOFILE, &many) < 0) {
		(void)printf("ok %d - readers: too many is EBUSY # SKIP no right to that many descriptors\n", ++promises_said);
		return;
	}
	opt.table = "tiny";
	opt.n_threads = 64;
	opt.role = GS_ROLE_READER;
	while (n < 256 && (rc = gs_attach(&all[n], &opt)) == 0)
		n++;
	ok_rc(rc, GS_EBUSY, "readers: too many is EBUSY");
	ok_rc(n, 127, "readers: that is when there are 8192 threads of readers, four of them of the first");
	opt.role = GS_ROLE_WRITER;
	ok_rc(attach_with(&opt), 0, "readers: they take nothing from writers");
	while (n > 0)
		gs_detach(&all[--n]);
	opt.role = GS_ROLE_READER;
	ok_rc(attach_with(&opt), 0, "readers: detach makes room");
}

void
promises_readers(void)
{
	readers_attach();
	if (reader == NULL)
		return;
	readers_read();
	readers_are_refused_what_writes();
	readers_accesses_count();
	too_many_readers_are_refused();
	gs_detach(&reader);
	ok(reader == NULL, "readers: detach");
	(void)gs_del(gs, "readers1", 8, 0);
	(void)gs_del(gs, "readers2", 8, 0);
	(void)gs_del(gs, "readers5", 8, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_write.c - what libgsession(3) says of writing.
 */
#include "promises_words.h"

#include <errno.h>
#include <unistd.h>

/* ---- writing ---- */

static void
put_is_refused_and_the_old_value_stays(void)
{
	struct gs_put_options opt = { .size = sizeof(opt) };
	static char big[8193];

	(void)put("w", "old");
	ok_rc((ssize_t)gs_record_size(gs), 8192, "record_size: what the configuration says");
	ok_rc(gs_put(gs, "w", 1, big, sizeof(big), NULL), GS_EFBIG, "put: a byte over record_size is EFBIG");
	ok_rc(gs_put(gs, "w2", 2, big, sizeof(big) - 1, NULL), 1, "put: record_size itself fits");
	ok_rc(gs_add(gs, "w", 1, "x", 1, NULL), GS_EEXIST, "add: EEXIST if it is there");
	opt.flags = GS_ONLY_OLD;
	ok_rc(gs_put(gs, "none", 4, "x", 1, &opt), GS_ENOENT, "put: ONLY_OLD is ENOENT if it is not");
	opt = (struct gs_put_options){ .size = sizeof(opt), .if_version = stat_of("w").version + 1 };
	ok_rc(gs_put(gs, "w", 1, "x", 1, &opt), GS_ECONFLICT, "put: another version is ECONFLICT");
	ok_rc(gs_put(gs, "none", 4, "x", 1, &opt), GS_ENOENT, "put: a version of no session is ENOENT");
	opt = (struct gs_put_options){ .size = sizeof(opt), .ring = "nowhere" };
	ok_rc(gs_put(gs, "w", 1, "x", 1, &opt), GS_EINVAL, "put: no such ring is EINVAL");
	opt = (struct gs_put_options){ .size = sizeof(opt), .class_name = "royal" };
	ok_rc(gs_put(gs, "w", 1, "x", 1, &opt), GS_EINVAL, "put: no such class is EINVAL");
	opt = (struct gs_put_options){ .size = sizeof(opt), .owner = big, .owner_len = 65 };
	ok_rc(gs_put(gs, "w", 1, "x", 1, &opt), GS_EINVAL, "put: an owner of 65 bytes is EINVAL");
	opt = (struct gs_put_options){ .size = sizeof(opt) - 1 };
	ok_rc(gs_put(gs, "w", 1, "x", 1, &opt), GS_EINVAL, "put: another size of the structure is EINVAL");
	ok(has_value("w", "old") && stat_of("w").hits == 1, "put: what is refused changes nothing");
}

static void
put_keeps_what_is_not_given(void)
{
	struct gs_info info, out;
	struct gs_put_options opt = {
		.size = sizeof(opt), .flags = GS_SET_PERM, .uid = 12, .gid = 34, .mode = 0640, .ttl_ms = 60000, .owner = "al\0ce",
		.owner_len = 5, .class_name = "anonymous", .ring = "warm", .info = &out,
	};

	ok_rc(gs_put(gs, "a", 1, "v", 1, &opt), 1, "put: with everything");
	info = stat_of("a");
	ok(info.uid == 12 && info.gid == 34 && info.mode == 0640 && info.ttl_ms == 60000 && info.owner_len == 5 &&
	    memcmp(info.owner, "al\0ce", 6) == 0 && strcmp(info.class_name, "anonymous") == 0 && strcmp(info.ring, "warm") == 0,
	    "put: everything is there");
	ok(info.deadline_ms - info.touched_ms - 60000 + 20 < 40, "put: a ttl ends the session so long after the put");
	ok(out.version == info.version && out.id == info.id && out.len == 1 && strcmp(out.ring, "warm") == 0, "put: info is the session as put");
	ok_rc(put("a", "w"), 0, "put: again, with nothing");
	out = stat_of("a");
	ok(out.uid == 12 && out.mode == 0640 && out.ttl_ms == 60000 && out.owner_len == 5 && strcmp(out.class_name, "anonymous") == 0,
	    "put: what is not given is kept");
	ok(strcmp(out.ring, "active") == 0, "put: it is an access and brings the session in");
	ok(out.version > info.version && out.id == info.id, "put: the version grows, the id stays");
	opt = (struct gs_put_options){ .size = sizeof(opt), .class_name = "" };
	(void)gs_put(gs, "a", 1, "x", 1, &opt);
	ok(stat_of("a").class_name[0] == '\0', "put: a class of no letters is none");
	(void)put("b", "v");
	info = stat_of("b");
	ok(info.uid == geteuid() && info.gid == getegid() && info.mode == 0600, "put: a new session is the caller's, mode 0600");
	ok(info.owner_len == 0 && info.class_name[0] == '\0' && info.ttl_ms == 0, "put: without owner, class and ttl");
}

static void
put_takes_explicit_times(void)
{
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_SET_TIMES, .mtime_ns = INT64_C(1700000000123456789), .atime_ns = 1 };
	struct gs_info info;

	ok_rc(gs_put(gs, "aged", 4, "v", 1, &opt), 1, "put: SET_TIMES starts a session");
	info = stat_of("aged");
	ok(info.mtime_ns == opt.mtime_ns, "put: with the mtime that is given");
	ok(info.accessed_ms < info.created_ms, "put: and is as old as the later of both says");
	opt.atime_ns = INT64_MAX;
	ok_rc(gs_put(gs, "aged", 4, "w", 1, &opt), 0, "put: SET_TIMES replaces one");
	info = stat_of("aged");
	ok(info.mtime_ns == opt.mtime_ns && info.accessed_ms >= info.created_ms, "put: which is accessed then, but never in the future");
	opt.size = offsetof(struct gs_put_options, mtime_ns);
	ok_rc(gs_put(gs, "aged", 4, "x", 1, &opt), GS_EINVAL, "put: SET_TIMES is nothing for programs that are older than it");
	(void)gs_del(gs, "aged", 4, 0);
}

static void
inspecting_put_is_no_access(void)
{
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_INSPECT };

	ok_rc(gs_put(gs, "i", 1, "v", 1, &opt), 1, "put: INSPECT starts a session");
	ok(stat_of("i").hits == 0, "put: INSPECT is no access");
	(void)move("i", "cold");
	ok_rc(gs_put(gs, "i", 1, "w", 1, &opt), 0, "put: INSPECT of an outer ring");
	ok(is_in("i", "cold") && stat_of("i").hits == 0 && has_value("i", "w"), "put: INSPECT leaves it there");
}

static ssize_t
give_up(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	(void)arg, (void)old, (void)old_len, (void)out, (void)cap;
	return -4711;
}

static ssize_t
after_somebody_else(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	if (++*(int *)arg == 1)
		(void)put("u", "other");
	memcpy(out, old, old_len);
	memcpy((char *)out + old_len, "!", 1);
	return old_len < cap ? (ssize_t)old_len + 1 : GS_EFBIG;
}

static void
update_repeats_until_it_wins(void)
{
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_INSPECT };
	uint64_t hits;
	int calls = 0;

	(void)put("u", "a");
	ok_rc(gs_update(gs, "u", 1, append_x, &calls), 2, "update: the new length");
	ok(has_value("u", "ax"), "update: the value that fn made");
	ok_rc(gs_update(gs, "u", 1, give_up, NULL), -4711, "update: fn's own code");
	ok_rc(gs_update(gs, "none", 4, append_x, &calls), GS_ENOENT, "update: of none is ENOENT");
	calls = 0;
	ok_rc(gs_update(gs, "u", 1, after_somebody_else, &calls), 6, "update: somebody was faster");
	ok(calls == 2 && has_value("u", "other!"), "update: fn is called again with what is there then");
	hits = stat_of("u").hits;
	opt.if_version = 1;
	ok_rc(gs_update_opt(gs, "u", 1, append_x, &calls, &opt), 7, "update_opt: with INSPECT, and any if_version");
	ok(stat_of("u").hits == hits, "update_opt: is no access");
}

static void
touch_renews_without_interest(void)
{
	struct gs_info before, after;

	(void)put("t", "v");
	before = stat_of("t");
	pass_ms(40);
	ok_rc(gs_touch(gs, "t", 1, 0), 0, "touch: 0");
	after = stat_of("t");
	ok(after.touched_ms >= before.touched_ms + 20 && after.accessed_ms >= before.accessed_ms + 20 && after.mtime_ns > before.mtime_ns,
	    "touch: renews the times");
	ok(after.hits == before.hits && after.interest <= before.interest && after.version == before.version,
	    "touch: adds no interest and changes no value");
	ok_rc(gs_touch(gs, "t", 1, 5000), 0, "touch: with a ttl");
	ok(stat_of("t").ttl_ms == 5000, "touch: gives it");
	ok_rc(gs_touch(gs, "t", 1, 0), 0, "touch: without");
	ok(stat_of("t").ttl_ms == 5000, "touch: keeps it");
	ok_rc(gs_touch(gs, "none", 4, 0), GS_ENOENT, "touch: of none is ENOENT");
	ok_rc(gs_touch(gs, "t", 1, 1), 0, "touch: with a ttl of 1 ms");
	pass_ms(40);
	ok_rc(get("t"), GS_ENOENT, "a session whose ttl is over is got by nobody, however late the sweep");
	ok_rc(put("t", "anew"), 1, "and its key can be started again");
}

static void
del_ends(void)
{
	uint64_t version;

	(void)put("d", "v");
	version = stat_of("d").version;
	ok_rc(gs_del(gs, "d", 1, version + 1), GS_ECONFLICT, "del: another version is ECONFLICT");
	ok_rc(get("d"), 1, "del: and it lives");
	(void)move("d", "cold");
	ok_rc(gs_del(gs, "d", 1, version), 0, "del: in whatever ring it is");
	ok_rc(get("d"), GS_ENOENT, "del: then it is gone");
	ok_rc(gs_del(gs, "d", 1, 0), GS_ENOENT, "del: of none is ENOENT");
}

static void
setattr_keeps_the_value(void)
{
	struct gs_attr attr = {
		.size = sizeof(attr), .mask = GS_ATTR_MODE | GS_ATTR_UID | GS_ATTR_GID | GS_ATTR_TTL | GS_ATTR_OWNER | GS_ATTR_CLASS,
		.uid = 1, .gid = 2, .mode = 0604, .ttl_ms = 7000, .owner = "bob", .owner_len = 3, .class_name = "authenticated",
	};
	struct timespec now;
	struct gs_info info;

	(void)put("s", "value");
	ok_rc(gs_setattr(gs, "s", 1, &attr), 0, "setattr: 0");
	info = stat_of("s");
	ok(info.uid == 1 && info.gid == 2 && info.mode == 0604 && info.ttl_ms == 7000 && strcmp(info.owner, "bob") == 0 &&
	    strcmp(info.class_name, "authenticated") == 0, "setattr: everything that mask names");
	ok(has_value("s", "value") && info.hits == 1, "setattr: keeps the value and is no access");
	attr.mask = GS_ATTR_TTL | GS_ATTR_OWNER;
	attr.ttl_ms = attr.owner_len = 0;
	(void)gs_setattr(gs, "s", 1, &attr);
	info = stat_of("s");
	ok(info.ttl_ms == 0 && info.owner_len == 0 && info.mode == 0604, "setattr: takes ttl and owner away, and nothing else");
	attr.mask = GS_ATTR_CLASS;
	attr.class_name = "royal";
	ok_rc(gs_setattr(gs, "s", 1, &attr), GS_EINVAL, "setattr: no such class is EINVAL");
	ok_rc(gs_setattr(gs, "none", 4, &attr), GS_EINVAL, "setattr: before anything else");
	attr.mask = 0;
	ok_rc(gs_setattr(gs, "none", 4, &attr), GS_ENOENT, "setattr: of none is ENOENT");
	(void)clock_gettime(CLOCK_REALTIME, &now);
	attr.mask = GS_ATTR_TIMES;
	attr.mtime_ns = (int64_t)(now.tv_sec - 100) * 1000000000 + 123456789;
	attr.atime_ns = (int64_t)(now.tv_sec - 200) * 1000000000;
	(void)gs_setattr(gs, "s", 1, &attr);
	info = stat_of("s");
	ok(info.mtime_ns == attr.mtime_ns, "setattr: times set mtime to the ns");
	ok(info.accessed_ms + 20 - (uint64_t)(attr.mtime_ns / 1000000) < 40, "setattr: last access is the later of both");
	attr.atime_ns = (int64_t)(now.tv_sec + 3600) * 1000000000;
	(void)gs_setattr(gs, "s", 1, &attr);
	ok(stat_of("s").accessed_ms < (uint64_t)(now.tv_sec + 60) * 1000, "setattr: and never in the future");
}

static void
move_keeps_everything(void)
{
	struct gs_info before, after;

	(void)put("v", "value");
	before = stat_of("v");
	ok_rc(move("v", "active"), 0, "move: where it is already");
	after = stat_of("v");
	ok(after.hits == before.hits && after.version == before.version, "move: changes nothing then");
	pass_ms(20);
	(void)move("v", "cold");
	after = stat_of("v");
	ok(after.hits == before.hits && after.version == before.version && after.id == before.id && after.mtime_ns == before.mtime_ns &&
	    after.accessed_ms < before.accessed_ms + 10 && has_value("v", "value"), "move: outwards keeps value and times, and is no access");
	(void)move("v", "warm");
	ok(stat_of("v").hits == before.hits + 1, "move: inwards is one access");
	ok_rc(move("v", "nowhere"), GS_EINVAL, "move: no such ring is EINVAL");
	ok_rc(move("none", "cold"), GS_ENOENT, "move: of none is ENOENT");
}

static void
suspects_are_refused(void)
{
	struct gs_info info = { .len = 0 };
	struct gs_attr attr = { .size = sizeof(attr) };
	int calls = 0;

	(void)put("x", "v");
	ok_rc(move("x", "suspect"), 0, "suspects: a quarantine");
	ok_rc(gs_get(gs, "x", 1, NULL, 0, &info), GS_EQUARANTINE, "suspects: get is refused");
	ok(info.retry_after_ms > 9000 && info.retry_after_ms <= 10000 && info.len == 1, "suspects: with info, for how long");
	ok_rc(put("x", "w"), GS_EQUARANTINE, "suspects: put is refused");
	ok_rc(gs_add(gs, "x", 1, "w", 1, NULL), GS_EQUARANTINE, "suspects: add is refused");
	ok_rc(gs_update(gs, "x", 1, append_x, &calls), GS_EQUARANTINE, "suspects: update is refused");
	ok_rc(gs_touch(gs, "x", 1, 0), GS_EQUARANTINE, "suspects: touch is refused");
	ok_rc(gs_touch(gs, "x", 1, 1000), GS_EQUARANTINE, "suspects: with a ttl too");
	ok(has_value("x", "v") && stat_of("x").ttl_ms == 0, "suspects: peek and stat work, and nothing has changed");
	ok_rc(gs_setattr(gs, "x", 1, &attr), 0, "suspects: setattr works");
	ok_rc(move("x", "active"), 0, "suspects: a pardon");
	ok_rc(get("x"), 1, "suspects: then it is got again");
	(void)move("x", "suspect");
	ok_rc(gs_del(gs, "x", 1, 0), 0, "suspects: del works");
}

static void
rename_takes_all_along(void)
{
	struct gs_put_options opt = { .size = sizeof(opt), .owner = "eve", .owner_len = 3, .ttl_ms = 90000, .class_name = "anonymous", .ring = "warm" };
	struct gs_info info;

	(void)gs_put(gs, "from", 4, "v", 1, &opt);
	(void)put("to", "old");
	ok_rc(gs_rename(gs, "from", 4, "to", 2, NULL, GS_ONLY_NEW), GS_EEXIST, "rename: ONLY_NEW is EEXIST if it is there");
	ok(has_value("from", "v") && has_value("to", "old"), "rename: and both stay");
	ok_rc(gs_del(gs, "to", 2, 0), 0, "rename: onto nothing");
	ok_rc(gs_rename(gs, "from", 4, "to", 2, NULL, GS_ONLY_NEW), 0, "rename: 0");
	info = stat_of("to");
	ok(has_value("to", "v") && strcmp(info.owner, "eve") == 0 && info.ttl_ms == 90000 && strcmp(info.class_name, "anonymous") == 0,
	    "rename: value and attributes go along");
	ok(strcmp(info.ring, "warm") == 0, "rename: it stays in its ring");
	ok_rc(get("from"), GS_ENOENT, "rename: the old key ends");
	(void)put("over", "what was there");
	ok_rc(gs_rename(gs, "to", 2, "over", 4, NULL, 0), 0, "rename: replaces what is there");
	ok(has_value("over", "v"), "rename: with its value");
	ok_rc(gs_rename(gs, "none", 4, "to", 2, NULL, 0), GS_ENOENT, "rename: of none is ENOENT");
	ok_rc(gs_rename(gs, "over", 4, "over", 4, "cold", 0), 0, "rename: onto itself");
	ok(is_in("over", "cold") && has_value("over", "v"), "rename: only moves it");
}


void
promises_write(void)
{
	put_is_refused_and_the_old_value_stays();
	put_keeps_what_is_not_given();
	put_takes_explicit_times();
	inspecting_put_is_no_access();
	update_repeats_until_it_wins();
	touch_renews_without_interest();
	del_ends();
	setattr_keeps_the_value();
	move_keeps_everything();
	suspects_are_refused();
	rename_takes_all_along();
}

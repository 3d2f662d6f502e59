/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_api.c - what libgsession(3) and include/gsession.h say of each function, tried on a running daemon.
 *
 *	promises_api INSTANCE STOP START PURGE
 *
 * Needs the table `sessions` and a table `tiny` with a key_max of 16, whose active ring holds 4.
 * STOP kills the daemon, START starts it again, PURGE ends the store of one that is stopped; all are for the shell.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"

static int n_said, n_failed;
static const char *instance;
static struct gs *gs;

static void
ok(bool is_so, const char *sentence)
{
	n_said++;
	n_failed += !is_so;
	(void)printf("%sok %d - %s\n", is_so ? "" : "not ", n_said, sentence);
	(void)fflush(stdout);
}

static void
ok_rc(ssize_t got, ssize_t want, const char *sentence)
{
	ok(got == want, sentence);
	if (got != want)
		(void)printf("# got %zd (%s), want %zd (%s)\n", got, gs_errname((int)got), want, gs_errname((int)want));
}

/* ---- short words for calls ---- */

static int
put(const char *key, const char *val)
{
	return gs_put(gs, key, strlen(key), val, strlen(val), NULL);
}

static ssize_t
get(const char *key)
{
	char buf[8192];

	return gs_get(gs, key, strlen(key), buf, sizeof(buf), NULL);
}

static struct gs_info
stat_of(const char *key)
{
	struct gs_info info = { .len = 0 };
	int rc = gs_stat(gs, key, strlen(key), &info);

	if (rc < 0)
		(void)printf("# stat %s: %s\n", key, gs_errname(rc));
	return info;
}

static bool
has_value(const char *key, const char *want)
{
	char buf[8192];
	ssize_t n = gs_peek(gs, key, strlen(key), buf, sizeof(buf), NULL);

	return n == (ssize_t)strlen(want) && memcmp(buf, want, (size_t)n) == 0;
}

static bool
is_in(const char *key, const char *ring)
{
	return strcmp(stat_of(key).ring, ring) == 0;
}

static int
move(const char *key, const char *ring)
{
	return gs_move(gs, key, strlen(key), ring);
}

static struct gs_options
options(void)
{
	return (struct gs_options){ .size = sizeof(struct gs_options), .instance = instance };
}

static int
attach_with(const struct gs_options *opt)
{
	struct gs *other;
	int rc = gs_attach(&other, opt);

	if (rc == 0)
		gs_detach(&other);
	return rc;
}

static int64_t
mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the store's clock, which is as fine as the kernel's tick, has gone on by some ms. */
static void
pass_ms(int64_t ms)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	int64_t end = mono_ms() + ms;

	while (mono_ms() < end)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
}

/* ---- attaching ---- */

static void
attach_refuses_what_it_cannot(void)
{
	struct gs_options opt = options();
	char longest[200];
	int64_t before;

	opt.size--;
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: another size of the structure is EINVAL");
	opt = options();
	opt.instance = "No";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a capital in a name is EINVAL");
	opt = options();
	opt.table = ".t";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a name that begins with a dot is EINVAL");
	opt.table = "";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: an empty name is EINVAL");
	opt.table = "a23456789012345678901234567890x2";
	ok_rc(attach_with(&opt), GS_EINVAL, "attach: a name of 32 bytes is EINVAL");
	opt.table = "a23456789012345678901234567890x";
	ok_rc(attach_with(&opt), GS_ENOENT, "attach: a table that there is not is ENOENT");
	opt = options();
	opt.instance = "nobody";
	opt.timeout_ms = 60000;
	before = mono_ms();
	ok_rc(attach_with(&opt), GS_EDOWN, "attach: no daemon is EDOWN");
	ok(mono_ms() - before < 5000, "attach: and is said without waiting");
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	opt.run_dir = longest;
	ok_rc(attach_with(&opt), GS_ERANGE, "attach: a path too long for a socket is ERANGE");
}

/* Attach to a daemon of our own that answers `reply`, or nothing when that is NULL. */
static int
attach_to_fake(const char *reply, uint32_t timeout_ms)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct gs_options opt = options();
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), peer, rc;
	char hello[4096];
	pid_t child;

	opt.instance = "fake";
	opt.timeout_ms = timeout_ms;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/fake.sock", getenv("GSESSION_RUN_DIR"));
	(void)unlink(at.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
		err(1, "%s", at.sun_path);
	child = fork();
	if (child == 0) {
		peer = accept(fd, NULL, NULL);
		if (recv(peer, hello, sizeof(hello), 0) > 0 && reply != NULL)
			(void)send(peer, reply, strlen(reply), 0);
		(void)pause();
		_exit(0);
	}
	rc = attach_with(&opt);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(fd);
	(void)unlink(at.sun_path);
	return rc;
}

static void
attach_waits_no_longer_than_told(void)
{
	int64_t before = mono_ms(), took;

	ok_rc(attach_to_fake(NULL, 300), GS_ETIMEDOUT, "attach: a daemon that does not answer is ETIMEDOUT");
	took = mono_ms() - before;
	ok(took >= 290 && took < 5000, "attach: after timeout_ms");
	ok_rc(attach_to_fake("what is this", 5000), GS_EPROTO, "attach: a daemon that answers nonsense is EPROTO");
}

/* How many descriptors are open, and how many of them exec would leave so. */
static int
count_descriptors(int *stay_open)
{
	int n = 0;

	*stay_open = 0;
	for (int fd = 0; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);

		n += flags >= 0;
		*stay_open += flags >= 0 && (flags & FD_CLOEXEC) == 0;
	}
	return n;
}

static void
handle_is_closed_by_exec_and_not_dumped(void)
{
	struct gs_options opt = options();
	int n, before, stay_before, stay, dumped = 0, maps = 0;
	bool is_ours = false;
	char line[512];
	struct gs *other;
	FILE *f;

	before = count_descriptors(&stay_before);
	ok(gs_attach(&other, &opt) == 0, "attach: a second handle is another handle");
	n = count_descriptors(&stay) - before;
	ok(n > 3 && n <= 36, "attach: a handle has a socket and up to 35 other descriptors");
	ok_rc(stay, stay_before, "attach: all of them are closed by exec");
	gs_detach(&other);
	ok(other == NULL, "detach: sets the handle to NULL");
	ok_rc(count_descriptors(&stay), before, "detach: closes all of them");
	f = fopen("/proc/self/smaps", "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strchr(line, '-') != NULL && strchr(line, '-') < strchr(line, ' '))
			is_ours = strstr(line, getenv("GSESSION_SHM_DIR")) != NULL;
		if (is_ours && strncmp(line, "VmFlags:", 8) == 0) {
			maps++;
			dumped += strstr(line, " dd") == NULL;
		}
	}
	if (f != NULL)
		(void)fclose(f);
	ok(maps > 0 && dumped == 0, "attach: the memory is left out of core dumps");
}

static void
too_many_are_refused(void)
{
	struct rlimit many = { 8192, 8192 };
	struct gs_options opt = options();
	static struct gs *all[256];
	int n = 0, rc = 0;

	if (setrlimit(RLIMIT_NOFILE, &many) < 0) {
		(void)printf("ok %d - attach: too many is EBUSY # SKIP no right to that many descriptors\n", ++n_said);
		return;
	}
	opt.table = "tiny";
	opt.n_threads = 1000;
	while (n < 256 && (rc = gs_attach(&all[n], &opt)) == 0)
		n++;
	ok_rc(rc, GS_EBUSY, "attach: too many is EBUSY");
	ok(n >= 127 && n <= 129, "attach: that is when 8191 contexts are taken, 64 at most by a handle");
	while (n > 0)
		gs_detach(&all[--n]);
	ok_rc(attach_with(&opt), 0, "detach: gives them back");
}

static void
detach_takes_what_is_no_handle(void)
{
	struct gs *none = NULL;

	gs_detach(&none);
	ok(none == NULL, "detach: of none is nothing");
}

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
append_x(void *arg, const void *old, size_t old_len, void *out, size_t cap)
{
	++*(int *)arg;
	if (old_len + 1 > cap)
		return GS_EFBIG;
	memcpy(out, old, old_len);
	((char *)out)[old_len] = 'x';
	return (ssize_t)old_len + 1;
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
	struct gs_info info = { .retry_after_ms = 1 };
	struct gs_attr attr = { .size = sizeof(attr) };
	int calls = 0;

	(void)put("x", "v");
	ok_rc(move("x", "suspect"), 0, "suspects: a quarantine");
	ok_rc(gs_get(gs, "x", 1, NULL, 0, &info), GS_EQUARANTINE, "suspects: get is refused");
	ok(info.retry_after_ms == 0 && info.len == 1, "suspects: with info, until pardoned");
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

/* ---- full ---- */

static void
full_ring_refuses_and_loses_nothing(void)
{
	struct gs_options opt = options();
	struct gs_put_options outer = { .size = sizeof(outer), .ring = "warm" };
	struct gs *tiny, *all = gs;
	char key[2] = "0";
	int rc = 0;

	opt.table = "tiny";
	if (gs_attach(&tiny, &opt) < 0)
		errx(1, "table tiny");
	gs = tiny;
	for (; key[0] < '4'; key[0]++)
		rc |= put(key, "v") != 1;
	ok(rc == 0, "full: a ring holds its capacity and its reserve");
	ok_rc(put("4", "v"), GS_ENOSPC, "full: one more is ENOSPC");
	ok_rc(put("12345678901234567", "v"), GS_ENAMETOOLONG, "keys: a byte over key_max is ENAMETOOLONG");
	ok_rc(put("0", "new"), 0, "full: what is there can be replaced");
	ok_rc(gs_put(tiny, "4", 1, "v", 1, &outer), 1, "full: another ring has room");
	ok_rc(get("4"), 1, "full: a session of an outer ring is served");
	ok(is_in("4", "warm") && stat_of("4").hits == 2, "full: where it is, and the access counts");
	ok_rc(put("4", "w"), 0, "full: and can be replaced there");
	ok_rc(move("4", "active"), GS_ENOSPC, "full: a move there is ENOSPC");
	ok(has_value("4", "w") && has_value("0", "new") && get("1") == 1 && get("2") == 1 && get("3") == 1, "full: nobody was dropped");
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
	if (sscanf(item->key, "scan%d", &i) == 1 && i < 100)
		s->of[i]++;
	return s->n == s->stop_at ? 42 : 0;
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

/* ---- other processes, and the daemon's end ---- */

/* What a child's first and second calls answer; errors as their positive numbers cut to a byte are told apart well enough. */
static int
first_call_of_child(void (*before)(void))
{
	int fds[2], rc = 0, status;
	pid_t child;

	if (pipe(fds) < 0)
		err(1, "pipe");
	child = fork();
	if (child == 0) {
		rc = put("child", "of ours");
		(void)!write(fds[1], &rc, sizeof(rc));
		if (before != NULL && rc < 0) {
			before();
			rc = put("child", "of ours");
			_exit(rc < 0 ? 1 : 0);
		}
		gs_detach(&gs);
		_exit(rc < 0 ? 1 : 0);
	}
	(void)!read(fds[0], &rc, sizeof(rc));
	(void)waitpid(child, &status, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (before != NULL)
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "fork: the next call of the child tries again");
	return rc;
}

static void
child_goes_on_with_the_handle(void)
{
	int status;
	pid_t child;

	ok_rc(first_call_of_child(NULL), 1, "fork: a child calls on its parent's handle");
	ok(has_value("child", "of ours") && put("parent", "v") >= 0, "fork: and its end does not disturb the parent");
	child = fork();
	if (child == 0)
		_exit(0);
	(void)waitpid(child, &status, 0);
	ok(put("parent", "w") == 0, "fork: nor that of a child that never called");
	child = fork();
	if (child == 0) {
		gs_detach(&gs);
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	ok(put("parent", "x") == 0 && get("parent") == 1, "fork: nor that of one that only detached");
}

static const char *stop_command, *start_command, *purge_command;

static void
run(const char *command)
{
	if (system(command) != 0)
		errx(1, "%s", command);
}

static void
start_daemon(void)
{
	run(start_command);
}

static void
calls_go_on_without_the_daemon(void)
{
	struct gs_options opt = options();

	(void)put("before", "v");
	run(stop_command);
	ok_rc(attach_with(&opt), GS_EDOWN, "down: attach is EDOWN");
	ok(get("before") == 1 && put("while", "down") == 1 && gs_touch(gs, "before", 6, 0) == 0 && move("before", "cold") == 0 &&
	    get("before") == 1 && gs_del(gs, "while", 5, 0) == 0, "down: calls on a handle go on as before");
	(void)gs_touch(gs, "before", 6, 1);
	pass_ms(40);
	ok_rc(get("before"), GS_ENOENT, "down: what is over is over");
	ok_rc(first_call_of_child(start_daemon), GS_EDOWN, "fork: a child's first call fails as attach does");
	ok_rc(attach_with(&opt), 0, "up again: attach works");
	ok(put("after", "v") == 1 && get("after") == 1 && has_value("r", "world"), "up again: the old handle too, and nothing is lost");
}

static void
purged_store_is_gone(void)
{
	struct gs_options opt = options();
	struct gs_item item;
	struct gs_attr attr = { .size = sizeof(attr) };
	uint64_t cursor = 0;
	int calls = 0;

	run(stop_command);
	run(purge_command);
	ok(put("r", "v") == GS_EGONE && get("r") == GS_EGONE && gs_stat(gs, "r", 1, NULL) == GS_EGONE &&
	    gs_multi_get(gs, &item, 0) == GS_EGONE && gs_update(gs, "r", 1, append_x, &calls) == GS_EGONE && gs_touch(gs, "r", 1, 0) == GS_EGONE &&
	    gs_del(gs, "r", 1, 0) == GS_EGONE && gs_setattr(gs, "r", 1, &attr) == GS_EGONE && move("r", "cold") == GS_EGONE &&
	    gs_rename(gs, "r", 1, "s", 1, NULL, 0) == GS_EGONE && gs_scan(gs, NULL, &cursor, &item, 1) == GS_EGONE &&
	    gs_find(gs, 1, &item) == GS_EGONE, "purge: every call is EGONE");
	run(start_command);
	ok_rc(get("r"), GS_EGONE, "purge: also when the daemon has made the store anew");
	ok_rc(first_call_of_child(NULL), GS_EGONE, "purge: and for a child");
	gs_detach(&gs);
	ok_rc(gs_attach(&gs, &opt), 0, "purge: detach and attach again");
	ok_rc(get("r"), GS_ENOENT, "purge: the new store is empty");
}

int
main(int argc, char **argv)
{
	struct gs_options opt;

	if (argc != 5 || getenv("GSESSION_RUN_DIR") == NULL || getenv("GSESSION_SHM_DIR") == NULL)
		errx(2, "usage: promises_api INSTANCE STOP START PURGE");
	instance = argv[1];
	stop_command = argv[2];
	start_command = argv[3];
	purge_command = argv[4];
	opt = options();
	attach_refuses_what_it_cannot();
	attach_waits_no_longer_than_told();
	ok_rc(gs_attach(&gs, &opt), 0, "attach: 0");
	if (gs == NULL)
		return 1;
	handle_is_closed_by_exec_and_not_dumped();
	detach_takes_what_is_no_handle();
	keys_are_bytes();
	get_copies_and_counts();
	peek_and_stat_count_for_nothing();
	multi_get_answers_each();
	put_is_refused_and_the_old_value_stays();
	put_keeps_what_is_not_given();
	inspecting_put_is_no_access();
	update_repeats_until_it_wins();
	touch_renews_without_interest();
	del_ends();
	setattr_keeps_the_value();
	move_keeps_everything();
	suspects_are_refused();
	rename_takes_all_along();
	full_ring_refuses_and_loses_nothing();
	scan_sees_each_once();
	rings_are_in_order();
	ids_are_fresh();
	every_number_has_a_sentence();
	times_are_wall_clock();
	threads_share_a_handle();
	too_many_are_refused();
	child_goes_on_with_the_handle();
	calls_go_on_without_the_daemon();
	purged_store_is_gone();
	gs_detach(&gs);
	(void)printf("1..%d\n", n_said);
	return n_failed > 0;
}

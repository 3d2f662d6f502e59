/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/events.h"
#include "daemon/rings.h"
#include "daemon/spec.h"
#include "shm/rings.h"

/* A manager with the built-in configuration on private memory, and what it said last. */
struct fixture {
	struct manager m;
	char *text;
	int rc;
	char dir[32];			/* where the manager keeps its settings */
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct gs_table_spec spec;

	assert_non_null(f);
	gs_conf_defaults(&f->m.conf);
	f->m.file = f->m.conf;
	f->m.instance = "test";
	f->m.started_ns = gs_clock_mono_ns();
	f->m.events = events_new();
	strcpy(f->dir, "/tmp/test_tree.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->m.shm_dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->m.shm_dir_fd >= 0);
	spec_from_conf(&spec, &f->m.conf.tables[0]);
	assert_int_equal(gs_table_create_private(&f->m.tables[0].shm, &spec), 0);
	assert_int_equal(gs_ctx_init(&f->m.tables[0].ctx, f->m.tables[0].shm, GS_DAEMON_CTX), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	gs_ctx_fini(&f->m.tables[0].ctx, f->m.tables[0].shm);
	gs_table_free(&f->m.tables[0].shm);
	events_free(&f->m.events);
	(void)unlinkat(f->m.shm_dir_fd, "conf.file", 0);
	(void)unlinkat(f->m.shm_dir_fd, "conf.live", 0);
	assert_int_equal(close(f->m.shm_dir_fd), 0);
	assert_int_equal(rmdir(f->dir), 0);
	free(f->text);
	free(f);
	return 0;
}

/* Ask; the answer is in f->text. */
static int
ask(struct fixture *f, struct tree_request r)
{
	size_t len;
	FILE *to;

	free(f->text);
	to = open_memstream(&f->text, &len);
	assert_non_null(to);
	f->rc = tree_answer(&f->m, &r, to);
	assert_int_equal(fclose(to), 0);
	return f->rc;
}

static const char *
get(struct fixture *f, const char *path)
{
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_GET, .path = path, .value = "" }), 0);
	return f->text;
}

static int
set_bytes(struct fixture *f, const char *path, const char *value, size_t len)
{
	return ask(f, (struct tree_request){
		.verb = GS_VERB_SET, .path = path, .value = value, .value_len = len,
		.caller = { .uid = 7, .gid = 7, .pid = 4711, .is_operator = true },
	});
}

static int
set(struct fixture *f, const char *path, const char *value)
{
	return set_bytes(f, path, value, strlen(value));
}

static const char *
list(struct fixture *f, const char *path)
{
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_LIST, .path = path, .value = "" }), 0);
	return f->text;
}

static uint64_t
shared_ttl(struct fixture *f, const char *ring)
{
	struct gs_table *t = f->m.tables[0].shm;

	return atomic_load(&t->ctl->ring[gs_table_ring(t, ring)].ttl_ms);
}

/* Every path of the tree below dir, one call of fn each. */
static void
each_path(struct fixture *f, const char *dir, void (*fn)(struct fixture *f, const char *path, unsigned mode))
{
	char *listing = strdup(list(f, dir)), *at = listing, *line, path[256], name[64];
	unsigned mode;

	while ((line = strsep(&at, "\n")) != NULL && line[0] != '\0') {
		if (sscanf(line, "d %63s", name) == 1) {
			(void)snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name);
			each_path(f, path, fn);
			continue;
		}
		assert_int_equal(sscanf(line, "f %o %63s", &mode, name), 2);
		(void)snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] == '\0' ? "" : "/", name);
		fn(f, path, mode);
	}
	free(listing);
}

static void
check_file(struct fixture *f, const char *path, unsigned mode)
{
	char *was;

	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_STAT, .path = path, .value = "" }), 0);
	assert_int_equal(f->text[0], 'f');
	was = strdup(get(f, path));
	if (mode == 0440 || strncmp(path, "events", 6) == 0) {
		assert_int_equal(set(f, path, "1\n"), GS_EPERM);
	} else {
		assert_int_equal(mode, 0640);
		if (strcmp(path, "ctl") != 0) {
			assert_int_equal(set(f, path, was), 0);
			assert_string_equal(get(f, path), was);
		}
	}
	free(was);
}

static void
every_listed_file_is_read_and_what_is_writable_takes_what_it_says(void **state)
{
	each_path(*state, "", check_file);
}

static void
every_setting_is_a_file(void **state)
{
	static const char *const dirs[] = {
		[GS_CONF_IN_DAEMON] = "node", [GS_CONF_IN_TABLE] = "sessions", [GS_CONF_IN_RING] = "sessions/rings/warm",
		[GS_CONF_IN_QUOTA] = "sessions/quota",
		[GS_CONF_IN_ROLES] = "sessions/roles",
		[GS_CONF_IN_CLASS] = "sessions/classes/anonymous",
		[GS_CONF_IN_NAMESPACE] = "sessions/namespaces/app",
	};
	const struct gs_conf_option *o;
	char path[128];

	assert_int_equal(ask(*state, (struct tree_request){ .verb = GS_VERB_MAKE, .path = "sessions/namespaces/app", .value = "",
	    .caller = { .is_operator = true } }), 0);
	for (o = gs_conf_options; o->key != NULL; o++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[o->section], o->key);
		(void)get(*state, path);
	}
}

static void
settings_say_what_is_configured(void **state)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{ "sessions/rings/active/ttl", "5m\n" },
		{ "sessions/rings/active/decay_to", "warm\n" },
		{ "sessions/rings/suspect/ttl", "max\n" },
		{ "sessions/rings/warm/capacity", "16384\n" },
		{ "sessions/record_size", "8K\n" },
		{ "sessions/slot_sizes", "384 768 2K\n" },
		{ "node/log_level", "notice\n" },
		{ "node/instance", "test\n" },
		{ "sessions/rings/active/count", "0\n" },
		{ "last_error", "" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(get(*state, rows[i].path), rows[i].want);
}

static void
a_write_changes_configuration_and_shared_memory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, "sessions/rings/active/ttl", "2s\n"), 0);
	assert_string_equal(get(f, "sessions/rings/active/ttl"), "2s\n");
	assert_int_equal(f->m.conf.tables[0].rings[0].ttl_ms, 2000);
	assert_int_equal(shared_ttl(f, "active"), 2000);
	assert_int_equal(shared_ttl(f, "warm"), 30 * 60 * 1000);
}

static void
an_accepted_write_is_an_event(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, "sessions/rings/warm/ttl", " 90m \t\n"), 0);
	assert_non_null(strstr(get(f, "events"), " set path=sessions/rings/warm/ttl old=30m new=90m uid=7 pid=4711\n"));
	assert_string_equal(get(f, "events.counts"), "set 1\n");
}

static void
values_that_are_refused_change_nothing_and_say_why(void **state)
{
	static const struct {
		const char *path, *value;
		size_t len;		/* 0: strlen */
		int want;
		const char *sentence;
	} rows[] = {
		{ "sessions/rings/active/ttl", "5x\n", 0, GS_EINVAL, "5x" },
		{ "sessions/rings/active/ttl", "5\n", 0, GS_EINVAL, "duration" },
		{ "sessions/rings/active/ttl", "", 0, GS_EINVAL, "nothing was written" },
		{ "sessions/rings/active/ttl", "\n", 0, GS_EINVAL, "duration" },
		{ "sessions/rings/active/ttl", "-5s\n", 0, GS_EINVAL, "-5s" },
		{ "sessions/rings/active/ttl", "5m 6m\n", 0, GS_EINVAL, "5m 6m" },
		{ "sessions/rings/active/ttl", "5m\0", 3, GS_EINVAL, "control bytes" },
		{ "sessions/rings/active/ttl", "5m\r\n", 0, GS_EINVAL, "control bytes" },
		{ "sessions/rings/active/ttl", "\x7f\n", 0, GS_EINVAL, "control bytes" },
		{ "sessions/rings/active/ttl", "200000d\n", 0, GS_ERANGE, "200000d" },
		{ "sessions/rings/active/ttl", "1h\n", 0, GS_ERANGE, "outwards" },
		{ "sessions/rings/active/half_life", "max\n", 0, GS_ERANGE, "half_life" },
		{ "sessions/rings/active/promote", "sometimes\n", 0, GS_EINVAL, "never|access" },
		{ "sessions/rings/active/decay_to", "none\n", 0, GS_EINVAL, "warm" },
		{ "sessions/rings/active/decay_to", "nowhere\n", 0, GS_EINVAL, "warm" },
		{ "sessions/rings/active/capacity", "0\n", 0, GS_ERANGE, "capacity" },
		{ "sessions/rings/active/capacity", "-1\n", 0, GS_EINVAL, "capacity" },
		{ "sessions/rings/active/capacity", "99999999999999999999999\n", 0, GS_ERANGE, "capacity" },
		{ "sessions/rings/active/count", "1\n", 0, GS_EPERM, "cannot be written" },
		{ "sessions/record_size", "4K\n", 0, GS_EPERM, "when the daemon starts" },
		{ "sessions", "1\n", 0, GS_EPERM, "cannot be written" },
		{ "node/log_level", "loud\n", 0, GS_EINVAL, "error|warn" },
		{ "ctl", "dance\n", 0, GS_EINVAL, "reload, audit" },
		{ "ctl", "audit\ndance\n", 0, GS_EINVAL, "reload, audit" },
		{ "ctl", "", 0, GS_EINVAL, "verb" },
		{ "nothing", "1\n", 0, GS_ENOENT, "no such" },
		{ "sessions/rings/deep/ttl", "1s\n", 0, GS_ENOENT, "no such" },
		{ "sessions/rings/active/ttl/x", "1s\n", 0, GS_ENOENT, "no such" },
		{ "sessions//rings", "1s\n", 0, GS_ENOENT, "no such" },
	};
	struct fixture *f = *state;
	struct gs_conf was = f->m.conf;
	size_t i, len;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		len = rows[i].len != 0 ? rows[i].len : strlen(rows[i].value);
		if (set_bytes(f, rows[i].path, rows[i].value, len) != rows[i].want || strstr(f->text, rows[i].sentence) == NULL)
			fail_msg("%s = \"%s\" answered %d: %s", rows[i].path, rows[i].value, f->rc, f->text);
		if (strstr(f->m.last_error, "pid 4711: ") == NULL || strstr(f->m.last_error, rows[i].sentence) == NULL)
			fail_msg("last_error is: %s", f->m.last_error);
		assert_memory_equal(&was, &f->m.conf, sizeof(was));
	}
	assert_int_equal(events_size(f->m.events), 0);
}

static void
a_line_has_at_most_4096_bytes(void **state)
{
	char value[5000];

	memset(value, ' ', sizeof(value));
	value[0] = '1';
	value[1] = 's';
	assert_int_equal(set_bytes(*state, "sessions/rings/active/ttl", value, 4096), 0);
	assert_int_equal(set_bytes(*state, "sessions/rings/active/ttl", value, 4097), GS_E2BIG);
}

static void
several_lines_are_all_or_nothing_and_the_last_one_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, "sessions/rings/active/ttl", "1s\n2s\n3s"), 0);
	assert_string_equal(get(f, "sessions/rings/active/ttl"), "3s\n");
	assert_int_equal(set(f, "sessions/rings/active/ttl", "4s\nnonsense\n5s\n"), GS_EINVAL);
	assert_int_equal(set(f, "sessions/rings/active/ttl", "4s\n2h\n"), GS_ERANGE);
	assert_string_equal(get(f, "sessions/rings/active/ttl"), "3s\n");
	assert_int_equal(shared_ttl(f, "active"), 3000);
}

/* Whoever starts with a million sessions and the rules of yesterday has nothing to look at. */
static void
only_a_changed_rule_arms_the_sessions_anew(void **state)
{
	struct fixture *f = *state;
	struct gs_ring_cfg *r = &f->m.tables[0].shm->ctl->ring[0];
	static const char *const paths[][2] = {
		{ "sessions/rings/active/ttl", "3m\n" }, { "sessions/rings/active/half_life", "1m\n" },
	};

	for (int i = 0; i < 2; i++) {
		atomic_store(&r->rearm, 0);
		assert_int_equal(set(f, paths[i][0], paths[i][1]), 0);
		assert_int_equal(atomic_load(&r->rearm), 1);
		atomic_store(&r->rearm, 0);
		assert_int_equal(set(f, paths[i][0], paths[i][1]), 0);
		assert_int_equal(atomic_load(&r->rearm), 0);
	}
	assert_int_equal(set(f, "sessions/rings/active/capacity", "100\n"), 0);
	assert_int_equal(atomic_load(&r->rearm), 0);
}

static void
capacity_is_bounded_by_the_memory_that_was_made(void **state)
{
	struct fixture *f = *state;
	unsigned slots = f->m.tables[0].shm->arena[0].n_slots;
	char value[32];

	assert_int_equal(set(f, "sessions/rings/active/reserve", "0\n"), 0);

	/* The index of this one is large enough for any. */
	f->m.conf.tables[0].max_sessions = UINT64_C(1) << 26;
	assert_int_equal(set(f, "sessions/rings/active/capacity", "100\n"), 0);
	(void)snprintf(value, sizeof(value), "%u\n", slots);
	assert_int_equal(set(f, "sessions/rings/active/capacity", value), 0);
	(void)snprintf(value, sizeof(value), "%u\n", slots + 1);
	assert_int_equal(set(f, "sessions/rings/active/capacity", value), GS_ERANGE);
	assert_non_null(strstr(f->text, "was made for"));
	(void)snprintf(value, sizeof(value), "%u\n", slots);
	assert_string_equal(get(f, "sessions/rings/active/capacity"), value);
}

static void
only_an_operator_writes(void **state)
{
	struct fixture *f = *state;
	struct tree_request r = {
		.verb = GS_VERB_SET, .path = "sessions/rings/active/ttl", .value = "1s\n", .value_len = 3,
		.caller = { .uid = 1000, .gid = 1000, .pid = 99 },
	};

	assert_int_equal(ask(f, r), GS_EPERM);
	assert_non_null(strstr(f->text, "uid 1000"));
	assert_string_equal(get(f, "sessions/rings/active/ttl"), "5m\n");
	assert_non_null(strstr(get(f, "last_error"), "pid 99: sessions/rings/active/ttl: "));
}

static void
a_read_that_fails_leaves_last_error_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_STAT, .path = ".git", .value = "" }), GS_ENOENT);
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_GET, .path = "sessions", .value = "" }), GS_EINVAL);
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_LIST, .path = "stats", .value = "" }), GS_EINVAL);
	assert_string_equal(get(f, "last_error"), "");
}

static uint64_t
control_epoch(const struct fixture *f)
{
	return atomic_load(&f->m.tables[0].shm->ctl->control_epoch);
}

static void
listings_name_what_is_there(void **state)
{
	struct fixture *f = *state;
	char want[64];

	assert_string_equal(list(f, "sessions/rings"), "d active\nd warm\nd cold\nd suspect\n");
	assert_non_null(strstr(list(f, ""), "d node\nd sessions\n"));
	assert_non_null(strstr(f->text, "f 0640 ctl\n"));
	assert_non_null(strstr(f->text, "f 0640 events 0 0\n"));
	(void)snprintf(want, sizeof(want), "f 0640 ttl =%llu\nf 0640", (unsigned long long)control_epoch(f));
	assert_non_null(strstr(list(f, "sessions/rings/active"), want));
	assert_non_null(strstr(f->text, "f 0440 count\n"));
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_STAT, .path = "sessions/rings", .value = "" }), 0);
	assert_string_equal(f->text, "d rings\n");
}

static void
events_are_read_from_an_offset_and_their_size_is_listed(void **state)
{
	struct fixture *f = *state;
	char want[64];
	uint64_t size;

	assert_int_equal(set(f, "node/log_level", "info\n"), 0);
	size = events_size(f->m.events);
	assert_int_equal(set(f, "node/log_level", "warn\n"), 0);
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_GET, .path = "events", .value = "", .offset = size }), 0);
	assert_null(strstr(f->text, "new=info"));
	assert_non_null(strstr(f->text, "new=warn"));
	(void)snprintf(want, sizeof(want), "f 0640 events %llu 2\n", (unsigned long long)events_size(f->m.events));
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_STAT, .path = "events", .value = "" }), 0);
	assert_string_equal(f->text, want);
	/* The stream goes by their numbers. */
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_WAIT, .path = "events_pipe", .value = "", .offset = 1 }), 0);
	assert_ptr_equal(strstr(f->text, "2 "), f->text);
	assert_null(strstr(f->text, "new=info"));
	assert_non_null(strstr(f->text, "new=warn"));
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_GET, .path = "events_pipe", .value = "", .offset = 2 }), 0);
	assert_string_equal(f->text, "");
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_WAIT, .path = "events", .value = "" }), GS_EINVAL);
}

static void
stats_count_what_sessions_do(void **state)
{
	struct fixture *f = *state;
	struct gs_table *t = f->m.tables[0].shm;
	struct gs_put_args args = { .ring = GS_RING_NONE };
	struct gs_key k;

	assert_int_equal(gs_key_init(t, &k, "k", 1), 0);
	assert_int_equal(gs_kv_put(t, &f->m.tables[0].ctx, &k, gs_table_now_ms(t), "v", 1, &args, NULL), 1);
	assert_string_equal(get(f, "sessions/rings/active/count"), "1\n");
	assert_non_null(strstr(get(f, "sessions/rings/active/stats"), "count 1\ncapacity 8192\n"));
	assert_non_null(strstr(get(f, "stats"), "started 1\n"));
	assert_non_null(strstr(f->text, "clients 0\n"));
	assert_non_null(strstr(get(f, "sessions/stats"), "sessions 1\n"));
}

static void
the_readme_explains_every_file(void **state)
{
	struct fixture *f = *state;
	const struct gs_conf_option *o;

	(void)get(f, "README");
	for (o = gs_conf_options; o->key != NULL; o++)
		assert_non_null(strstr(f->text, o->help));
	assert_non_null(strstr(f->text, "last_error"));
}

static void
ctl_lists_its_verbs_and_audit_reports_to_the_events(void **state)
{
	struct fixture *f = *state;

	assert_non_null(strstr(get(f, "ctl"), "audit"));
	assert_non_null(strstr(f->text, "reload"));
	assert_int_equal(set(f, "ctl", "audit\n"), 0);
	assert_non_null(strstr(get(f, "events"), " audit broken=0 free="));
}

static int
ask_ring(struct fixture *f, enum gs_wire_verb verb, const char *path, bool is_operator)
{
	return ask(f, (struct tree_request){ .verb = verb, .path = path, .value = "", .fd = -1, .caller = { .uid = 7, .pid = 4711, .is_operator = is_operator } });
}

static void
rings_are_made_switched_and_removed(void **state)
{
	struct fixture *f = *state;
	const struct gs_table *t = f->m.tables[0].shm;
	uint32_t id;

	assert_int_equal(ask_ring(f, GS_VERB_MAKE, "sessions/rings/deep", false), GS_EPERM);
	assert_int_equal(ask_ring(f, GS_VERB_MAKE, "sessions/deep", true), GS_EPERM);
	assert_int_equal(ask_ring(f, GS_VERB_MAKE, "sessions/rings/deep", true), 0);
	assert_int_equal(ask_ring(f, GS_VERB_MAKE, "sessions/rings/deep", true), GS_EEXIST);
	assert_int_equal(ask_ring(f, GS_VERB_MAKE, "sessions/rings/no/pe", true), GS_EPERM);
	id = gs_table_ring(t, "deep");
	assert_true(id != GS_RING_NONE);
	assert_int_equal(gs_table_ring_state(t, id), GS_RING_OFF);
	assert_int_equal(atomic_load(&t->ctl->ring[id].capacity), 0);
	assert_string_equal(get(f, "sessions/rings/deep/state"), "off\n");
	assert_int_equal(set(f, "sessions/rings/deep/state", "on\n"), 0);
	assert_int_equal(gs_table_ring_state(t, id), GS_RING_ON);
	assert_int_equal(atomic_load(&t->ctl->ring[gs_table_ring(t, "cold")].decay_to), id);
	assert_true(atomic_load(&t->ctl->ring[id].diameter) > atomic_load(&t->ctl->ring[gs_table_ring(t, "cold")].diameter));
	/* Refused, it is in the chain as before; of several lines each counts. */
	assert_int_equal(set(f, "sessions/rings/deep/state", "draining\nperhaps\n"), GS_EINVAL);
	assert_int_equal(gs_table_ring_state(t, id), GS_RING_ON);
	assert_int_equal(set(f, "sessions/rings/deep/state", "draining\non\ndraining\n"), 0);
	assert_int_equal(gs_table_ring_state(t, id), GS_RING_DRAINING);
	assert_string_equal(get(f, "sessions/rings/deep/state"), "draining 0\n");
	assert_int_equal(set(f, "sessions/rings/deep/state", "draining 0\n"), 0);
	assert_int_equal(atomic_load(&t->ctl->ring[id].decay_to), gs_table_ring(t, "cold"));
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/deep", true), GS_EBUSY);
	rings_tick(&f->m);
	assert_string_equal(get(f, "sessions/rings/deep/state"), "off\n");
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/deep/state", true), GS_EPERM);
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/deep", false), GS_EPERM);
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/deep", true), 0);
	assert_int_equal(gs_table_ring(t, "deep"), GS_RING_NONE);
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/deep", true), GS_ENOENT);
	assert_int_equal(ask_ring(f, GS_VERB_REMOVE, "sessions/rings/active", true), GS_EPERM);
	assert_non_null(strstr(f->m.last_error, "no table is without it"));
}

/* The daemon is killed after the settings were kept and before the memory follows; the next one finds the settings. */
/* Others are answered meanwhile. */
static void
large_index_is_looked_through_between_requests(void **state)
{
	struct fixture *f = *state;
	struct gs_table *t = f->m.tables[0].shm;
	struct tree_removal removal = { .is_begun = false };
	const struct tree_request make = { .verb = GS_VERB_MAKE, .path = "sessions/namespaces/app", .value = "", .caller = { .is_operator = true } };
	const struct tree_request remove = { .verb = GS_VERB_REMOVE, .path = make.path, .value = "", .removal = &removal, .caller = make.caller };
	uint64_t waits = 0;

	assert_int_equal(ask(f, make), 0);
	/* Somebody who was counted, and died before he had a session. */
	atomic_fetch_add(&t->ns_lines[1].n, 1);
	while (ask(f, remove) == TREE_WAITS) {
		waits++;
		assert_string_equal(get(f, "sessions/namespaces/app/count"), "1\n");
	}
	assert_int_equal(f->rc, 0);
	assert_true(gs_table_entries(t) > 1 << 16);
	/* Once with the door open, once with it closed. */
	assert_int_equal(waits, 2 * (((gs_table_entries(t) - 1) >> 16) + 1) - 1);
	tree_let_go(&f->m, &removal);
	assert_int_equal(ask(f, remove), GS_ENOENT);
	assert_true(gs_namespaces_find(t, "app") < 0);
	/* Nobody asks again: it is as if nobody had asked. */
	assert_int_equal(ask(f, make), 0);
	while (gs_namespaces_door(t, 1) == 0)
		assert_int_equal(ask(f, remove), TREE_WAITS);
	tree_let_go(&f->m, &removal);
	assert_int_equal(gs_namespaces_door(t, 1), 0);
}

static void
memory_follows_what_was_kept_before_a_kill(void **state)
{
	struct fixture *f = *state;
	struct gs_table *t = f->m.tables[0].shm;
	struct gs_conf *c = &f->m.conf;
	char why[GS_CONF_WHY_BYTES];

	/* A ring was added and switched on. */
	assert_int_equal(gs_conf_add_ring(&c->tables[0], "deep", why), 0);
	assert_int_equal(gs_conf_switch_ring(&c->tables[0], gs_conf_ring(&c->tables[0], "deep"), GS_CONF_STATE_ON, why), 0);
	assert_int_equal(rings_check(t, &c->tables[0], why), 0);
	rings_apply(&f->m, 0);
	assert_int_equal(gs_table_ring_state(t, gs_table_ring(t, "deep")), GS_RING_ON);
	/* It was to drain, was off, and is no more. */
	c->tables[0].rings[2].ttl_ms = c->tables[0].rings[3].ttl_ms;
	assert_int_equal(gs_conf_switch_ring(&c->tables[0], gs_conf_ring(&c->tables[0], "deep"), GS_CONF_STATE_OFF, why), 0);
	assert_int_equal(gs_conf_remove_ring(&c->tables[0], gs_conf_ring(&c->tables[0], "deep"), why), 0);
	assert_int_equal(rings_check(t, &c->tables[0], why), 0);
	rings_apply(&f->m, 0);
	assert_int_equal(gs_table_ring(t, "deep"), GS_RING_NONE);
	assert_int_equal(atomic_load(&t->ctl->ring[gs_table_ring(t, "cold")].decay_to), GS_RING_NONE);
	/* One that was made, and that no settings were kept of. */
	assert_int_equal(gs_rings_make(t, gs_rings_unused(t), "stray"), 0);
	assert_int_equal(rings_check(t, &c->tables[0], why), 0);
	rings_apply(&f->m, 0);
	assert_int_equal(gs_table_ring(t, "stray"), GS_RING_NONE);
}

/* All that settings say which are told to be the same as long as the number in the memory is; the caller's to free. */
static char *settled;
static size_t settled_len;

static void
add_settled(struct fixture *f, const char *path, unsigned mode)
{
	unsigned long long told;
	const char *text;
	size_t len;

	(void)mode;
	assert_int_equal(ask(f, (struct tree_request){ .verb = GS_VERB_STAT, .path = path, .value = "" }), 0);
	if (sscanf(f->text, "f %*o %*s =%llu", &told) != 1)
		return;
	assert_true(told == control_epoch(f));
	text = get(f, path);
	len = strlen(path) + strlen(text) + 1;
	settled = realloc(settled, settled_len + len + 1);
	assert_non_null(settled);
	settled_len += (size_t)snprintf(settled + settled_len, len + 1, "%s=%s", path, text);
}

static char *
all_settled(struct fixture *f)
{
	settled = NULL;
	settled_len = 0;
	each_path(f, "", add_settled);
	assert_non_null(settled);
	return settled;
}

static void
who_knows_what_settings_say_sees_a_number_when_they_say_something_else(void **state)
{
	static const struct {
		enum gs_wire_verb verb;
		const char *path, *value;
		bool ticks;
	} steps[] = {
		{ GS_VERB_SET, "node/log_level", "debug\n", false },
		{ GS_VERB_SET, "sessions/max_per_owner", "7\n", false },
		{ GS_VERB_SET, "sessions/quota/rate", "7/s\n", false },
		{ GS_VERB_SET, "sessions/roles/reader", "user:1\n", false },
		{ GS_VERB_SET, "sessions/rings/active/ttl", "4m\n", false },
		{ GS_VERB_MAKE, "sessions/rings/deep", "", false },
		{ GS_VERB_SET, "sessions/rings/deep/state", "on\n", false },
		{ GS_VERB_SET, "sessions/rings/deep/state", "draining\n", false },
		{ GS_VERB_SET, "sessions/rings/deep/state", "draining\n", true },
		{ GS_VERB_REMOVE, "sessions/rings/deep", "", false },
		{ GS_VERB_MAKE, "sessions/classes/gold", "", false },
		{ GS_VERB_SET, "sessions/classes/gold/idle", "1m\n", false },
		{ GS_VERB_MAKE, "sessions/namespaces/shop", "", false },
		{ GS_VERB_SET, "sessions/namespaces/shop/mode", "0711\n", false },
		{ GS_VERB_SET, "sessions/namespaces/shop/quota", "7/s 7\n", false },
		{ GS_VERB_REMOVE, "sessions/namespaces/shop", "", false },
	};
	struct fixture *f = *state;
	char *before = all_settled(f), *after;

	/* What counts is not among them. */
	assert_non_null(strstr(before, "sessions/rings/active/ttl=5m\n"));
	assert_null(strstr(before, "stats="));
	assert_null(strstr(before, "count="));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t epoch = control_epoch(f);

		assert_int_equal(ask(f, (struct tree_request){ .verb = steps[i].verb, .path = steps[i].path, .value = steps[i].value,
		    .value_len = strlen(steps[i].value), .fd = -1, .caller = { .pid = 4711, .is_operator = true } }), 0);
		if (steps[i].ticks)
			rings_tick(&f->m);
		after = all_settled(f);
		if (strcmp(before, after) == 0)
			fail_msg("%s %s", steps[i].path, "says what it said");
		if (epoch == control_epoch(f))
			fail_msg("%s %s", steps[i].path, "has changed, and nobody is told");
		assert_null(strstr(after, "draining"));
		free(before);
		before = after;
	}
	free(before);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(every_listed_file_is_read_and_what_is_writable_takes_what_it_says),
		T(every_setting_is_a_file),
		T(settings_say_what_is_configured),
		T(a_write_changes_configuration_and_shared_memory),
		T(an_accepted_write_is_an_event),
		T(values_that_are_refused_change_nothing_and_say_why),
		T(a_line_has_at_most_4096_bytes),
		T(several_lines_are_all_or_nothing_and_the_last_one_wins),
		T(only_a_changed_rule_arms_the_sessions_anew),
		T(capacity_is_bounded_by_the_memory_that_was_made),
		T(only_an_operator_writes),
		T(a_read_that_fails_leaves_last_error_alone),
		T(listings_name_what_is_there),
		T(events_are_read_from_an_offset_and_their_size_is_listed),
		T(stats_count_what_sessions_do),
		T(who_knows_what_settings_say_sees_a_number_when_they_say_something_else),
		T(the_readme_explains_every_file),
		T(rings_are_made_switched_and_removed),
		T(large_index_is_looked_through_between_requests),
		T(memory_follows_what_was_kept_before_a_kill),
		T(ctl_lists_its_verbs_and_audit_reports_to_the_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

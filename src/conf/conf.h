/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.h - the configuration: built-in defaults, overlaid by files, checked as a whole.
 *
 * Every setting is one row of options.def {section, key, member, type, range,
 * default, reload, help}; the file reader, `gsession conf show`, the control
 * tree, etc/gsession.conf and the manual check all read those rows.
 */
#ifndef GS_CONF_CONF_H
#define GS_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	GS_CONF_NAME_BYTES = 32,
	GS_CONF_TABLES = 8,
	GS_CONF_RINGS = 8,
	GS_CONF_CLASSES = 4,		/* of slot sizes */
	GS_CONF_SESSION_CLASSES = 16,
	GS_CONF_NAMESPACES = 255,	/* in a table, beside the default one */
	GS_CONF_WHY_BYTES = 512,
	GS_CONF_STORE_BYTES = 160,
	GS_CONF_OVERRIDES = 32,
	GS_CONF_OVERRIDE_NAME_BYTES = 97,
	GS_CONF_VALUE_BYTES = GS_CONF_OVERRIDES * (GS_CONF_OVERRIDE_NAME_BYTES + 64),	/* any value as text, with its NUL */
	GS_CONF_WHO_BYTES = 160,
	GS_CONF_WHO_MOST = 16,		/* users and groups in one role */
	GS_CONF_PATTERNS_BYTES = 160,	/* of a list of patterns, with its NUL */
	GS_CONF_PATTERNS_MOST = 8,	/* in one list */
	GS_CONF_PATTERN_BYTES = 64,	/* one of them, unescaped, with its NUL */
};

enum gs_conf_promote { GS_CONF_PROMOTE_NEVER = 0, GS_CONF_PROMOTE_ACCESS = 1, GS_CONF_PROMOTE_SECOND = 2 };	/* as enum gs_promote */

#define GS_CONF_RATE_MAX_PER_H UINT64_C(36000000)	/* as GS_QUOTA_RATE_MAX_PER_H */
#define GS_CONF_BURST_MAX UINT64_C(100000)

enum gs_conf_action { GS_CONF_REPORT = 0, GS_CONF_SLOW = 1, GS_CONF_QUARANTINE = 2 };	/* as enum gs_quota_action */
enum gs_conf_override_kind { GS_CONF_OVERRIDE_KEY, GS_CONF_OVERRIDE_OWNER, GS_CONF_OVERRIDE_NAMESPACE };

struct gs_conf_override {
	uint64_t kind;			/* enum gs_conf_override_kind */
	char name[GS_CONF_OVERRIDE_NAME_BYTES];	/* escaped as in the file */
	uint64_t rate_per_h;		/* 0: none, it is never charged */
	uint64_t burst;
};

struct gs_conf_overrides {
	uint64_t n;
	struct gs_conf_override at[GS_CONF_OVERRIDES];
};

struct gs_conf_quota {
	uint64_t rate_per_h;		/* accesses of a session in an hour */
	uint64_t burst;			/* accesses at once */
	uint64_t action;		/* enum gs_conf_action */
	uint64_t hold_ms, release_ms;
	uint64_t expel_after;		/* offences */
	bool strict;
	struct gs_conf_overrides overrides;
};
enum gs_conf_ended { GS_CONF_ENDED_PLAIN = 0, GS_CONF_ENDED_FINAL = 1 };	/* as enum gs_ended */
enum gs_conf_promote_to { GS_CONF_PROMOTE_TO_INNERMOST = 0, GS_CONF_PROMOTE_TO_NEXT = 1 };	/* as enum gs_promote_to */
enum gs_conf_state { GS_CONF_STATE_ON = 0, GS_CONF_STATE_OFF = 1, GS_CONF_STATE_DRAINING = 2 };
enum gs_conf_on_full { GS_CONF_ON_FULL_REFUSE, GS_CONF_ON_FULL_EXPIRED, GS_CONF_ON_FULL_ONESHOT, GS_CONF_ON_FULL_ANONYMOUS };	/* as enum gs_on_full */

struct gs_conf_ring {
	char name[GS_CONF_NAME_BYTES];
	uint64_t ttl_ms;		/* UINT64_MAX: max */
	uint64_t half_life_ms;
	char decay_to[GS_CONF_NAME_BYTES];	/* "none": from here it expires */
	uint64_t promote;		/* enum gs_conf_promote */
	uint64_t promote_to;		/* enum gs_conf_promote_to */
	uint64_t state;			/* enum gs_conf_state */
	uint64_t capacity;		/* sessions */
	uint64_t reserve;		/* sessions beyond capacity, under pressure */
	uint64_t on_full;		/* enum gs_conf_on_full */
	char store[GS_CONF_STORE_BYTES];	/* "shm", "file:PATH", "auto" */
	bool is_suspect;
};

/* What sessions of a class are held to. */
struct gs_conf_class {
	char name[GS_CONF_NAME_BYTES];
	uint64_t ttl_ms, idle_ms;	/* UINT64_MAX: max */
};

/* A namespace of a table. */
struct gs_conf_namespace {
	char name[GS_CONF_NAME_BYTES];
	uint64_t owner;			/* of its directory: gs_conf_owner() */
	uint64_t mode;			/* of its directory */
	uint64_t idle_ms;		/* UINT64_MAX: max */
	uint64_t max_sessions;		/* 0: any number */
	bool is_dropped;		/* the file had it and has it no more */
};

static inline uint64_t
gs_conf_owner(uint32_t uid, uint32_t gid)
{
	return (uint64_t)uid << 32 | gid;
}

static inline uint32_t gs_conf_owner_uid(uint64_t owner) { return (uint32_t)(owner >> 32); }
static inline uint32_t gs_conf_owner_gid(uint64_t owner) { return (uint32_t)owner; }

enum gs_conf_starters { GS_CONF_STARTERS_ANY = 0, GS_CONF_STARTERS_ONE = 1 };

/* Who may what in a table: "any", "none", or users and groups as in "user:web group:33". */
struct gs_conf_roles {
	uint64_t starters;		/* enum gs_conf_starters */
	char starter[GS_CONF_WHO_BYTES];
	char worker[GS_CONF_WHO_BYTES];
	char reader[GS_CONF_WHO_BYTES];
	char reaper[GS_CONF_WHO_BYTES];
	char operator[GS_CONF_WHO_BYTES];
};

/* One of them: the next word of such a list at *at, which moves behind it. False at its end, and for any and none. */
struct gs_conf_who {
	bool is_group;
	char name[GS_CONF_NAME_BYTES];	/* or a number */
};
bool gs_conf_next_who(const char **at, struct gs_conf_who *out);

/* The next pattern of a list at *at, which moves behind it, filled up with NUL. False at its end, and for none. */
bool gs_conf_next_pattern(const char **at, char out[GS_CONF_PATTERN_BYTES]);

struct gs_conf_table {
	char name[GS_CONF_NAME_BYTES];
	uint64_t record_size;		/* bytes */
	uint64_t slot_sizes[GS_CONF_CLASSES];	/* bytes of a slot, ascending, 0-terminated; what record_size needs is added */
	uint64_t key_max;		/* bytes */
	uint64_t max_sessions;		/* 0 in the file: 1.25 * sum of capacities; never 0 after loading */
	uint64_t max_lifetime_ms;	/* UINT64_MAX: max */
	struct gs_conf_quota quota;
	uint64_t ended;			/* enum gs_conf_ended */
	uint64_t max_per_owner;		/* sessions; 0: any number */
	char parent[GS_CONF_NAME_BYTES];	/* table that its records hang on; "": none */
	uint64_t orphan_ttl_ms;		/* UINT64_MAX: max */
	struct gs_conf_roles roles;
	size_t n_classes;
	struct gs_conf_class classes[GS_CONF_SESSION_CLASSES];	/* the built-in ones first */
	size_t n_namespaces;
	struct gs_conf_namespace namespaces[GS_CONF_NAMESPACES];	/* in the order in which they were made */
	size_t n_rings;
	/* Those that are on by diameter, along decay_to from `active`; those that are not; suspect last. */
	struct gs_conf_ring rings[GS_CONF_RINGS];
};

struct gs_conf {
	uint64_t log_level;		/* 0 error, 1 warn, 2 notice, 3 info, 4 debug */
	bool log_keys;
	char exempt_patterns[GS_CONF_PATTERNS_BYTES];	/* of keys, blanks between them, escaped; "none" */
	char temp_patterns[GS_CONF_PATTERNS_BYTES];	/* of names at a mount, in the same form */
	char group[GS_CONF_NAME_BYTES];	/* whose members may attach; "" : only root and the daemon's user */
	size_t n_tables;
	struct gs_conf_table tables[GS_CONF_TABLES];	/* [0] is `sessions` */
};

/* One setting, as the control tree sees it. */
enum gs_conf_type { GS_CONF_DURATION, GS_CONF_SIZE, GS_CONF_COUNT, GS_CONF_BOOL, GS_CONF_WORD, GS_CONF_RING_NAME, GS_CONF_SIZES, GS_CONF_TEXT, GS_CONF_STORE,
    GS_CONF_RATE, GS_CONF_OVERRIDES_LIST, GS_CONF_WHO, GS_CONF_PATTERNS, GS_CONF_OWNER, GS_CONF_MODE };
enum gs_conf_section { GS_CONF_IN_DAEMON, GS_CONF_IN_TABLE, GS_CONF_IN_RING, GS_CONF_IN_QUOTA, GS_CONF_IN_ROLES, GS_CONF_IN_CLASS,
    GS_CONF_IN_NAMESPACE };

struct gs_conf_option {
	enum gs_conf_section section;
	const char *key;		/* as in the file and as the control file's name */
	size_t offset;			/* of the member in gs_conf, gs_conf_table, gs_conf_ring, gs_conf_quota, gs_conf_roles, gs_conf_class ... */
	enum gs_conf_type type;
	uint64_t min, max;		/* in the unit of the type; UINT64_MAX as max allows `max` for durations */
	const char *fallback;		/* the default, as text; "" where it depends on the ring or table */
	const char *words;		/* GS_CONF_WORD: "never|access", value = position */
	bool can_change;		/* while running, by reload or a control write */
	const char *help;		/* one sentence */
};

/* The rows, ended by one whose key is NULL. */
extern const struct gs_conf_option gs_conf_options[];

/* The built-in defaults. */
void gs_conf_defaults(struct gs_conf *out);

/*
 * Load the defaults, then `path` (NULL: none), then every *.conf of the directory `path`.d in order of names; check all.
 * Returns 0, or GS_EINVAL, GS_ERANGE, GS_ENOENT, GS_ESYSTEM with `file:line: "text": what is allowed` in why. *out is as good as unset then.
 */
int gs_conf_load(struct gs_conf *out, const char *path, char why[GS_CONF_WHY_BYTES]);
/* The same of this one file, whatever lies beside it. */
int gs_conf_load_file(struct gs_conf *out, const char *path, char why[GS_CONF_WHY_BYTES]);

/* Check the whole: decay chain, ttl and half_life not shrinking outwards, sizes that fit. As gs_conf_load, without file:line. */
int gs_conf_check(struct gs_conf *c, char why[GS_CONF_WHY_BYTES]);

/* The index of a class, or n_classes. */
size_t gs_conf_class(const struct gs_conf_table *t, const char *name);
/* Add a class without limits. 0, GS_EEXIST, or GS_EINVAL: no name for one, GS_ERANGE: too many, with a sentence. */
int gs_conf_add_class(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES]);

/* The index of a namespace, or n_namespaces. */
size_t gs_conf_namespace(const struct gs_conf_table *t, const char *name);
/* Add a namespace, of root and without limits. 0, or as gs_conf_add_class. */
int gs_conf_add_namespace(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES]);
/* Remove one, and the override of the quota that is about it. */
void gs_conf_remove_namespace(struct gs_conf_table *t, size_t i);
/*
 * The quota of a namespace, which is the override of the table's that is about it: `RATE BURST`, `none`, or `default`, where
 * there is none. Setting it is as gs_conf_set.
 */
void gs_conf_get_namespace_quota(const struct gs_conf_table *t, size_t i, char *out, size_t cap);
int gs_conf_set_namespace_quota(struct gs_conf_table *t, size_t i, const char *value, char why[GS_CONF_WHY_BYTES]);

/* How many rings are on, suspect apart: the first of t->rings. */
size_t gs_conf_chain(const struct gs_conf_table *t);
/* The index of a ring, or n_rings. */
size_t gs_conf_ring(const struct gs_conf_table *t, const char *name);
/* Where the sessions of a ring that is not on go: along decay_to to one that is, else to the outermost. An index. */
size_t gs_conf_drains_to(const struct gs_conf_table *t, size_t ring);
/* Put t->rings in order after states or decay_to changed. */
void gs_conf_order_rings(struct gs_conf_table *t);

/*
 * Change which rings a table has, and which are on; indices change with it. A ring that is added is off, with defaults. One
 * that is switched on comes between its decay_to and the ring that decayed there until now; one that is switched off or
 * drains leaves the chain the same way. The result is still to be checked by gs_conf_check().
 * Return 0 or an error with a sentence: GS_EINVAL, GS_EEXIST, GS_ERANGE, GS_EPERM (never), GS_EBUSY (not now).
 */
int gs_conf_add_ring(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES]);
int gs_conf_remove_ring(struct gs_conf_table *t, size_t ring, char why[GS_CONF_WHY_BYTES]);
int gs_conf_switch_ring(struct gs_conf_table *t, size_t ring, uint64_t state, char why[GS_CONF_WHY_BYTES]);

/* Print a file that loads back equal. */
void gs_conf_print(FILE *to, const struct gs_conf *c);

/* Print the template for /etc: every key as a comment with its help and range. */
void gs_conf_print_template(FILE *to);

/* Parse a value for an option into the member of its struct (`at` = the struct of its section). */
int gs_conf_set(const struct gs_conf_option *o, void *at, const char *value, char why[GS_CONF_WHY_BYTES]);
/* Print the member's value as text without its last newline; GS_CONF_VALUE_BYTES are enough. */
void gs_conf_get(const struct gs_conf_option *o, const void *at, char *out, size_t cap);

/* A row by section and key, or NULL. */
const struct gs_conf_option *gs_conf_find(enum gs_conf_section section, const char *key);

/* Write formatted text to why and return rc. */
int gs_conf_refuse(int rc, char why[GS_CONF_WHY_BYTES], const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gsession.h - read and write the sessions of this host, straight in shared memory.
 *
 * A session is a key of 1 to 255 bytes, a value of at most the table's
 * record_size, and attributes: owner, class, times, version.  It lives in one
 * ring of a table: the innermost (`active`) while clients ask for it, farther
 * out (`warm`, `cold`) as interest fades.  gsessiond owns the memory; a
 * program attaches to it once and from then on works without the daemon, and
 * without a system call: a `kill -9` of any process, the daemon included,
 * loses no session and stops nobody.
 *
 *	struct gs *gs;
 *	char buf[8192];
 *	int rc = gs_attach(&gs, NULL);
 *	if (rc < 0)
 *		errx(1, "%s", gs_strerror(rc));
 *	gs_put(gs, "k", 1, "hello", 5, NULL);
 *	ssize_t n = gs_get(gs, "k", 1, buf, sizeof(buf), NULL);
 *	gs_detach(&gs);
 *
 * CONVENTIONS
 *
 *   Results	>= 0 is success; < 0 is an enum gs_err, see GS_ERROR_TABLE.
 *		Nothing is half done when a call fails, but for gs_rename
 *		and gs_rename_into, which say what is.
 *   Keys	any bytes; `key_len` of 0 is GS_EINVAL, over 255 or over the
 *		table's key_max is GS_ENAMETOOLONG.  Programs that share the
 *		store with the mount avoid '/', NUL, "." and "..".
 *   Times	all times in structures are milliseconds since 1970 (wall
 *		clock) and durations are milliseconds, unless the name says ns.
 *   Threads	every call may be made from any thread on one handle.
 *   fork	a child may go on with its parent's handle: its first call
 *		attaches anew by itself, and may then fail as gs_attach does.
 *   Gone	after `gsessiond --purge` every call about sessions is GS_EGONE:
 *		detach and attach again.
 *   Signals	no call is async-signal-safe.
 *   Blocking	gs_attach waits for the daemon, at most `timeout_ms`, and so
 *		do a forked child's first call, which attaches, and gs_detach.
 *		So does the first session that a process starts where a table has
 *		one starter.
 *		With `patience_ms`, gs_get, gs_put, gs_add, gs_update and gs_touch
 *		sleep until a session that asks too fast is served, at most that
 *		long in all.
 *		No other call waits for the daemon or for another process; with
 *		more than `n_threads` threads in calls, one waits for another.
 *   Readers	a program that attaches with GS_ROLE_READER looks sessions up and
 *		lists them; gs_put, gs_add, gs_update, gs_touch, gs_del,
 *		gs_setattr, gs_move and gs_rename are GS_EPERM.  Its gets count
 *		as everybody's do, within about 20 ms, through memory that it
 *		shares with the daemon alone; what finds no room there is lost.
 *   Roles	the configuration's [roles] say who may what: gs_attach is GS_EPERM
 *		for who may nothing that its role takes, and what the caller may
 *		not is GS_EPERM and counted as `forbidden`.  A worker may gs_put and
 *		gs_update what is there, gs_touch and gs_setattr; it starts, ends,
 *		moves and renames nothing.  Where a table has one starter, the first
 *		call of a process that starts a session asks the daemon for the
 *		lease, within `timeout_ms`; it is GS_EPERM while another process
 *		has that, and kept until the process detaches or ends.
 *   Structures	`size` fields are set by the caller to sizeof, so that
 *		later versions can add fields at the end.
 *
 * CAVEATS
 *
 *   An attached process is trusted with the whole memory of its table, but
 *   for a reader; [roles] bind it by its own good will beyond that.  Who may
 *   what is said for each table; programs that do not trust each other use
 *   tables with other roles, or instances of different users.
 *
 *   Buffers are the caller's, always copied; no pointer into shared memory
 *   leaves the library.
 */
#ifndef GSESSION_H
#define GSESSION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GS_API __attribute__((visibility("default")))

/* The version of this interface; a change of the first number breaks programs. */
#define GS_API_MAJOR 2
#define GS_API_MINOR 0

enum {
	GS_KEY_BYTES = 255,	/* longest key */
	GS_OWNER_BYTES = 64,	/* longest owner */
	GS_NAME_BYTES = 32,	/* longest ring, table, class name, with its NUL */
	GS_ID_CHARS = 33,	/* what gs_new_id() writes, with its NUL */
};

/*
 * Every error: code, number, errno at the mount, exit status of gsession(1),
 * whether trying the same call again can help, and the sentence.
 * libgsession(3) has the same table.
 */
#define GS_ERROR_TABLE(X) \
	X(GS_EPERM,		-1,	EPERM,		4, no,	"not permitted") \
	X(GS_ENOENT,		-2,	ENOENT,		1, no,	"no such session") \
	X(GS_E2BIG,		-7,	E2BIG,		2, no,	"a line that is too long") \
	X(GS_EAGAIN,		-11,	EAGAIN,		5, yes,	"too many writers on this session, try again") \
	X(GS_ENOMEM,		-12,	ENOMEM,		5, yes,	"out of memory") \
	X(GS_EACCES,		-13,	EACCES,		4, no,	"access denied") \
	X(GS_EBUSY,		-16,	EBUSY,		4, yes,	"not now") \
	X(GS_EEXIST,		-17,	EEXIST,		4, no,	"the session exists already") \
	X(GS_EISDIR,		-21,	EISDIR,		4, no,	"the key is the name of a namespace") \
	X(GS_EINVAL,		-22,	EINVAL,		2, no,	"malformed argument") \
	X(GS_EFBIG,		-27,	EFBIG,		4, no,	"value longer than the table's record_size") \
	X(GS_ENOSPC,		-28,	ENOSPC,		4, yes,	"no room in the ring") \
	X(GS_EROFS,		-30,	EROFS,		4, no,	"read-only") \
	X(GS_ERANGE,		-34,	ERANGE,		2, no,	"out of bounds") \
	X(GS_ENAMETOOLONG,	-36,	ENAMETOOLONG,	2, no,	"key longer than 255 bytes") \
	X(GS_ENOTEMPTY,		-39,	ENOTEMPTY,	4, no,	"the namespace has sessions") \
	X(GS_EPROTO,		-71,	EPROTO,		5, no,	"the peer does not speak our protocol") \
	X(GS_ETIMEDOUT,		-110,	ETIMEDOUT,	3, yes,	"the daemon did not answer in time") \
	X(GS_ESTALE,		-116,	ESTALE,		1, no,	"the session of this id is gone") \
	X(GS_EQUARANTINE,	-2000,	EDQUOT,		4, yes,	"the session is a suspect and is refused for now") \
	X(GS_ECORRUPT,		-2001,	EIO,		5, no,	"damaged memory or file") \
	X(GS_EDOWN,		-2002,	EHOSTDOWN,	3, yes,	"the daemon is not reachable") \
	X(GS_EVERSION,		-2003,	EPROTONOSUPPORT, 5, no,	"the memory has another ABI version") \
	X(GS_ECONFLICT,		-2004,	ECANCELED,	4, no,	"the session has another version than expected") \
	X(GS_EGONE,		-2005,	ESTALE,		5, no,	"the store was made anew: detach and attach again") \
	X(GS_ESYSTEM,		-2006,	EIO,		5, no,	"a system call failed")

#define GS_ERROR_ENUM(name, number, errno_, status, retry, text) name = (number),
enum gs_err {
	GS_OK = 0,
	GS_ERROR_TABLE(GS_ERROR_ENUM)
};
#undef GS_ERROR_ENUM

/* The sentence of a code, never NULL; static. */
GS_API const char *gs_strerror(int code);
/* The code's name ("GS_ENOENT"), never NULL; static. */
GS_API const char *gs_errname(int code);
/* The positive errno that the mount answers for a code. */
GS_API int gs_errno(int code);

/* What may happen to a session: name, number, the word that control/events and gsession(1) show, and what it means. */
#define GS_EVENT_TABLE(X) \
	X(LOST,		0,	"lost",		"events that were told faster than they were read, or by a process that died meanwhile") \
	X(CREATED,	1,	"created",	"a session was started") \
	X(PROMOTED,	2,	"promoted",	"brought to the innermost ring because it was asked for") \
	X(DECAYED,	3,	"decayed",	"moved outwards because nobody asked for it") \
	X(EVICTED,	4,	"evicted",	"moved outwards to make room") \
	X(EXPIRED,	5,	"expired",	"ended because its lifetime was over") \
	X(QUARANTINED,	6,	"quarantined",	"moved to the suspects") \
	X(PARDONED,	7,	"pardoned",	"no suspect any more") \
	X(EXPELLED,	8,	"expelled",	"a suspect was ended") \
	X(ENDED,	9,	"ended",	"ended by whom it belongs to") \
	X(REFUSED,	10,	"refused",	"what was asked of it was refused") \
	X(MOVED,	11,	"moved",	"moved to another ring by hand") \
	X(PARKED,	12,	"parked",	"waits in an outer ring until it is asked for") \
	X(RESUMED,	13,	"resumed",	"a parked session goes on") \
	X(ROTATED,	14,	"rotated",	"goes on under a new id") \
	X(REUSED,	15,	"reused",	"an id that was given up was used after its grace") \
	X(ACCUSED,	16,	"accused",	"found to ask too fast") \
	X(STUCK,	17,	"stuck",	"should move and cannot, the ring has no room")

#define GS_EVENT_ENUM(name, number, text, meaning) GS_EVENT_##name = (number),
enum gs_event_kind {
	GS_EVENT_TABLE(GS_EVENT_ENUM)
};
#undef GS_EVENT_ENUM

/* Why it happened. */
#define GS_REASON_TABLE(X) \
	X(NONE,		0,	"none",		"it goes without saying") \
	X(ACCESS,	1,	"access",	"it was asked for") \
	X(WRITE,	2,	"write",	"it was written to") \
	X(OWNER,	3,	"owner",	"whoever it belongs to wished it") \
	X(OPERATOR,	4,	"operator",	"an operator wished it") \
	X(IDLE,		5,	"idle",		"nobody asked for it") \
	X(LIFETIME,	6,	"lifetime",	"its deadline, its own ttl or that of its class has passed") \
	X(REPLACED,	7,	"replaced",	"it was over, and another began under its key") \
	X(RATE,		8,	"rate",		"it was asked for too often") \
	X(SUSPECT,	9,	"suspect",	"it is a suspect") \
	X(FULL,		10,	"full",		"there is no room") \
	X(PRESSURE,	11,	"pressure",	"a ring is above its high-water mark, or below its low one again") \
	X(LOGOUT,	12,	"logout",	"its owner was logged out") \
	X(PARENT,	13,	"parent",	"the session that it hangs on has ended") \
	X(ROTATION,	14,	"rotation",	"its id was given up") \
	X(REAPER,	15,	"reaper",	"the reaper wished it") \
	X(ROLE,		16,	"role",		"the caller's role does not allow it") \
	X(SERVED,	17,	"served",	"its time as a suspect is over") \
	X(LIMIT,	18,	"limit",	"its owner has as many as he may") \
	X(RENAME,	19,	"rename",	"it was given another key") \
	X(RESTORE,	20,	"restore",	"it came from a snapshot") \
	X(STALE,	21,	"stale",	"its key has ended for good")

#define GS_REASON_ENUM(name, number, text, meaning) GS_REASON_##name = (number),
enum gs_event_reason {
	GS_REASON_TABLE(GS_REASON_ENUM)
};
#undef GS_REASON_ENUM

/* The word for a kind or a reason ("decayed", "idle"), never NULL; static. */
GS_API const char *gs_event_name(uint32_t kind);
GS_API const char *gs_reason_name(uint32_t reason);

struct gs;			/* an attachment to one table */

/* What a program wants to do with a table. */
enum gs_role {
	GS_ROLE_WRITER = 0,	/* everything */
	GS_ROLE_READER = 1,	/* look sessions up; it is given no memory of the table that it could write to */
};

/* How to attach.  All zero but `size` is the default of every field. */
struct gs_options {
	size_t size;			/* sizeof(struct gs_options) */
	const char *instance;		/* NULL: "default" */
	const char *table;		/* NULL: "sessions" */
	const char *run_dir;		/* where the socket is; NULL: the built-in place */
	uint32_t timeout_ms;		/* wait for the daemon at most this long; 0: 2000 */
	uint32_t n_threads;		/* threads that will call at once; 0: 4 */
	uint32_t role;			/* enum gs_role */
	uint32_t patience_ms;		/* who is refused for asking too fast waits so long for his turn, at most 1000; 0: not at all */
	const char *ns;			/* the namespace; NULL or "": the default one */
};

/* What an access to a session meets. */
enum gs_pace {
	GS_PACE_FREE = 0,	/* it is served, unless it is one too many */
	GS_PACE_TURNS = 1,	/* it asked too fast: one access is served in an interval of its quota, others are refused */
	GS_PACE_HELD = 2,	/* a suspect in its hold: none is served */
};

/* What is known of a session. */
struct gs_info {
	uint64_t id;			/* stable while the key is present, through updates and moves; see gs_find() */
	uint64_t version;		/* grows with every change of the value */
	uint64_t created_ms;		/* when the session was started */
	uint64_t accessed_ms;		/* last access */
	uint64_t touched_ms;		/* last put, update or touch */
	uint64_t deadline_ms;		/* it ends then by its ttl, lifetime or class; an access moves only the idle of a class; 0: never */
	uint64_t ring_until_ms;		/* it leaves its ring then if nobody asks; 0: never */
	uint64_t ttl_ms;		/* own ttl from the last put or touch; 0: none */
	int64_t mtime_ns;		/* wall clock, ns */
	int64_t ctime_ns;		/* wall clock, ns */
	uint64_t hits;			/* accesses counted */
	double interest;		/* as of the last access */
	double rate_per_s;		/* accesses per second that this interest means; of one that asks too fast, of its attempts */
	uint64_t retry_after_ms;	/* it asks too fast, and is refused for this long; 0: it is not */
	size_t len;			/* bytes of the value */
	uint32_t uid, gid, mode;
	uint32_t ring_id;		/* the gs_ring_info.id of its ring */
	size_t owner_len;
	char ring[GS_NAME_BYTES];
	char class_name[GS_NAME_BYTES];	/* "" : none */
	char owner[GS_OWNER_BYTES + 1];	/* bytes, with a NUL behind them */
	/* since interface 1.2 */
	uint64_t parked;		/* 1: waits in an outer ring until it is asked for; ttl_ms is that of the parking */
	uint64_t resume_ttl_ms;		/* of a parked session: the own ttl that it goes on with; 0: none */
	uint64_t pace;			/* enum gs_pace */
	/* since interface 2.0 */
	uint64_t ns_id;			/* the gs_namespace_info.id of its namespace; 0: the default one */
	char ns[GS_NAME_BYTES];		/* its name; "": the default one */
};

/* One key of gs_multi_get(), one session of gs_scan(). */
struct gs_item {
	const void *key;		/* multi_get: in; scan: points to key_buf */
	size_t key_len;
	void *buf;			/* multi_get: where to copy the value, or NULL */
	size_t cap;			/* bytes of buf */
	ssize_t rc;			/* as gs_get() would have answered */
	struct gs_info info;
	char key_buf[GS_KEY_BYTES + 1];
};

enum gs_put_flags {
	GS_ONLY_NEW = 1,	/* GS_EEXIST if the session is there */
	GS_ONLY_OLD = 2,	/* GS_ENOENT if it is not */
	GS_INSPECT = 4,		/* no interest, no charge: for operators and the mount */
	GS_SET_PERM = 8,	/* uid, gid, mode are given; else the caller's and 0600, kept on update */
	GS_CARRIED = 16,	/* of a new token: it outlives its session, see gs_setattr() */
	GS_SET_TIMES = 32,	/* mtime_ns and atime_ns are given, as to gs_setattr(); else both are now */
};

/* How to put.  A NULL pointer or 0 keeps what is there, or the default of a new session. */
struct gs_put_options {
	size_t size;			/* sizeof(struct gs_put_options) */
	uint32_t flags;			/* enum gs_put_flags */
	uint32_t uid, gid, mode;	/* with GS_SET_PERM; permission bits only */
	uint64_t ttl_ms;		/* ends this long after the last put or touch */
	uint64_t if_version;		/* GS_ECONFLICT unless the session has this version */
	const void *owner;		/* whose session it is, owner_len bytes */
	size_t owner_len;
	const char *class_name;		/* "anonymous", "authenticated", or another class of the table */
	const char *ring;		/* where a new session starts; NULL: the innermost */
	struct gs_info *info;		/* out, may be NULL: the session as put */
	const void *parent;		/* of a new token: the key of the session that it hangs on, parent_len bytes */
	size_t parent_len;
	int64_t mtime_ns, atime_ns;	/* with GS_SET_TIMES; wall clock */
};

enum gs_attr_mask {
	GS_ATTR_MODE = 1, GS_ATTR_UID = 2, GS_ATTR_GID = 4,
	GS_ATTR_TTL = 8,	/* 0: no own ttl */
	GS_ATTR_OWNER = 16, GS_ATTR_CLASS = 32,
	GS_ATTR_TIMES = 64,	/* mtime_ns and accessed_ms, both explicit */
	GS_ATTR_PARENT = 128,	/* hand a token over: to the session `parent`, or to none */
};

struct gs_attr {
	size_t size;			/* sizeof(struct gs_attr) */
	uint32_t mask;			/* enum gs_attr_mask: which of these are set */
	uint32_t uid, gid, mode;
	uint64_t ttl_ms;
	const void *owner;
	size_t owner_len;
	const char *class_name;
	int64_t mtime_ns;		/* wall clock */
	int64_t atime_ns;		/* wall clock; last access = max(atime, mtime), never in the future */
	const void *parent;		/* parent_len bytes, 0: it hangs on none */
	size_t parent_len;
};

struct gs_ring_info {
	char name[GS_NAME_BYTES];
	uint32_t diameter;		/* 0: innermost */
	int is_suspect;			/* stands beside the others */
	uint64_t count;			/* sessions in it */
	uint64_t capacity;		/* sessions it may hold */
	uint32_t id;			/* stays while there is such a ring, whatever comes and goes beside it */
	int is_on;			/* not 0: sessions come in; else it is off or draining, and stands outside the others */
};

/*
 * gs_attach - map a table of a running instance.
 *
 *   out	the handle, on success; gs_detach() it
 *   opt	NULL: instance "default", table "sessions"
 *
 * Returns 0, or
 *   GS_EDOWN		no daemon listens there
 *   GS_ETIMEDOUT	it did not answer within timeout_ms
 *   GS_EACCES		the socket or the daemon refused this uid
 *   GS_EPERM		who listens there is neither root nor this uid, in a directory of his own
 *   GS_ENOENT		no such table, or no such namespace of it
 *   GS_EVERSION	daemon and library are of different ABI versions, or the daemon knows no readers
 *   GS_EBUSY		too many clients
 *   GS_ECORRUPT	what was sent is not a table of ours
 *   GS_EINVAL		a name is not [a-z0-9_.-]{1,31}, there is no such role, or patience_ms is over 1000
 *
 * Cost: a few system calls, and page faults as memory is touched.
 */
GS_API int gs_attach(struct gs **out, const struct gs_options *opt);

/* gs_detach - give back the slots held, unmap, set *gs to NULL; *gs may be NULL. No other thread may be using it. */
GS_API void gs_detach(struct gs **gs);

/*
 * gs_namespace - a second handle on the same attachment, for another namespace of its table.
 *
 *   out	gs_detach() it; the attachment goes with the last of its handles, in whatever order
 *   gs		a handle of the attachment
 *   name	NULL or "": the default namespace
 *
 * Keys are those of the handle's namespace: equal ones of two namespaces are two sessions. So are owners. Returns 0,
 * GS_ENOENT: the table has no namespace of this name, GS_ENOMEM. When it is removed later, its sessions are not there, and
 * what would start one through the handle is GS_ENOENT. No system call.
 */
GS_API int gs_namespace(struct gs **out, struct gs *gs, const char *name);

/* A namespace as gs_namespaces() lists it. */
struct gs_namespace_info {
	char name[GS_NAME_BYTES];
	uint64_t count;			/* sessions in it, over all rings */
	uint64_t max_sessions;		/* it may have so many; 0: any number */
	uint64_t idle_ms;		/* its sessions end so long after their last access; 0: they do not for that */
	uint32_t id;			/* stays as long as the memory is there; never 0, which is the default namespace */
	uint32_t uid, gid, mode;	/* of its directory at the mount */
};

/* gs_namespaces - the namespaces of the table but the default one. Returns how many there are; at most n are written to out. */
GS_API int gs_namespaces(struct gs *gs, struct gs_namespace_info *out, size_t n);

/* gs_find_namespace - one of them, by its name, or where name is NULL by its id. Returns 0 or GS_ENOENT. No system call. */
GS_API int gs_find_namespace(struct gs *gs, const char *name, uint64_t id, struct gs_namespace_info *out);

/*
 * gs_get - copy a session's value out of shared memory; counts as interest.
 *
 *   buf, cap	where to copy; buf may be NULL when cap is 0
 *   info	NULL, or filled with what is known of the session
 *
 * Returns the value's length in bytes, or
 *   GS_ENOENT		in no ring of this host; final on one host
 *   GS_ERANGE		cap is too small: info->len says what is needed, nothing was copied or counted
 *   GS_EQUARANTINE	a suspect, refused; info->retry_after_ms
 *   GS_ECORRUPT	the record is damaged
 *   GS_EAGAIN		other writers replaced it 10,000 times during the call
 *
 * A session found in an outer ring is brought to the innermost one when the
 * ring's `promote` allows it and there is room; else it is served where it is.
 * A hit never blocks, never allocates, and makes no system call; bringing a
 * session in costs what gs_put() does.
 * Source: validation of a racy copy, H.-J. Boehm, "Can seqlocks get along
 * with programming language memory models?", MSPC 2012.
 */
GS_API ssize_t gs_get(struct gs *gs, const void *key, size_t key_len, void *buf, size_t cap, struct gs_info *info);

/* gs_peek - as gs_get, but counts for nothing, promotes nothing, and works on suspects. */
GS_API ssize_t gs_peek(struct gs *gs, const void *key, size_t key_len, void *buf, size_t cap, struct gs_info *info);

/*
 * gs_multi_get - gs_get() of n keys, their memory accesses overlapped.
 * Returns how many were found; each item's rc has its own answer.  Those that are refused wait for their turns together,
 * when all others have been got: the call takes no longer than patience_ms for them, however many they are.
 */
GS_API int gs_multi_get(struct gs *gs, struct gs_item *items, size_t n);

/*
 * gs_put - store a value, starting the session if it is not there.
 *
 * Returns 1 when a session was started, 0 when one was replaced, or
 *   GS_EFBIG		over record_size; the old value stays
 *   GS_ENOSPC		no room in the ring; the old value stays
 *   GS_EEXIST		GS_ONLY_NEW and it is there
 *   GS_ENOENT		GS_ONLY_OLD and it is not; or the namespace was removed
 *   GS_EISDIR		a namespace has the key for its name: nothing starts under it in the default one
 *   GS_ECONFLICT	if_version differs
 *   GS_EQUARANTINE	a suspect, refused
 *   GS_EINVAL		unknown ring or class, owner over 64 bytes, a parent in a table that has none
 *
 * In a table of tokens (its setting `parent` names the table of sessions) a new
 * record may hang on a session: it ends with that, within 100 ms of whatever
 * end it has, or at once if there is no such session; when the session's
 * lifetime is over, within a second.  One that is GS_CARRIED then hangs on none
 * and lives for the table's orphan_ttl, unless gs_setattr() hands it over.  A
 * token goes with its session when that goes on under another key.  Of a token
 * that is there `parent` and GS_CARRIED are not looked at.
 *
 * The new value is seen by every reader at once, whole.  A session in an
 * outer ring comes in as for gs_get().  Never waits; makes a system call
 * only when a ring commits its next segment of memory (fallocate).
 */
GS_API int gs_put(struct gs *gs, const void *key, size_t key_len, const void *val, size_t val_len, const struct gs_put_options *opt);

/* gs_add - gs_put with GS_ONLY_NEW. */
GS_API int gs_add(struct gs *gs, const void *key, size_t key_len, const void *val, size_t val_len, const struct gs_put_options *opt);

/*
 * A read-modify-write step: from old (old_len bytes) make the new value in
 * `out` (cap bytes) and return its length, or < 0 to give up with that code.
 * May be called several times, each time with what is there then.
 */
typedef ssize_t (*gs_update_fn)(void *arg, const void *old, size_t old_len, void *out, size_t cap);

/*
 * gs_update - apply fn to a session until its result wins against other writers.
 *
 * Returns the new length, fn's own negative code, or as gs_put().
 * Allocates two buffers of record_size.  Lock-free: another process dying
 * or stopped in the middle of its own update delays nobody.
 */
GS_API ssize_t gs_update(struct gs *gs, const void *key, size_t key_len, gs_update_fn fn, void *arg);
/* gs_update with the flags (GS_INSPECT) of opt, which may be NULL; its if_version is not looked at. */
GS_API ssize_t gs_update_opt(struct gs *gs, const void *key, size_t key_len, gs_update_fn fn, void *arg, const struct gs_put_options *opt);

/*
 * gs_touch - renew a session's times as a put of the same value would, without interest.
 *   ttl_ms	0: keep its own ttl
 * Returns 0, GS_ENOENT, GS_EQUARANTINE; with ttl_ms also GS_ENOSPC.
 */
GS_API int gs_touch(struct gs *gs, const void *key, size_t key_len, uint64_t ttl_ms);

/*
 * gs_del - end a session, in whatever ring it is.
 *   if_version	0: any
 * Returns 0, GS_ENOENT, GS_ECONFLICT.
 */
GS_API int gs_del(struct gs *gs, const void *key, size_t key_len, uint64_t if_version);

/* gs_stat - fill info; counts for nothing. Returns 0 or GS_ENOENT. Works on suspects. */
GS_API int gs_stat(struct gs *gs, const void *key, size_t key_len, struct gs_info *info);

/*
 * gs_logout - end all sessions of an owner that were started before, in whatever ring, suspects and those on disks too.
 *
 *   owner, owner_len	1 to 64 bytes
 *   n		NULL, or how many this call ended
 *
 * Returns 0, or
 *   GS_EINVAL		no owner, or longer
 *   GS_EPERM		a reader's handle
 *   GS_EBUSY		32 logouts are under way in this table
 *
 * When it has returned none of them is there, and none comes back: whoever
 * is changing, moving or touching one at that moment loses, or was before,
 * and a put of such a key is GS_ESTALE until the session's deadline.
 * A session that the owner starts after the call began lives.  If the process
 * dies in the middle the daemon goes on, or nothing was begun.  Cost: a pass
 * over 4 bytes a slot of the table, a few ms for ten million.
 */
GS_API int gs_logout(struct gs *gs, const void *owner, size_t owner_len, uint64_t *n);

/*
 * gs_setattr - change attributes and keep the value.
 *
 * With GS_ATTR_PARENT a token is handed over: one that is carried, or hangs on
 * no session.  It lives on as one that was just started, hangs on the session
 * given, and stays carried.
 *
 * Returns 0, GS_ENOENT, GS_EINVAL (also a parent in a table that has none), GS_ENOSPC, or GS_EPERM: the token is bound to
 * its session.
 */
GS_API int gs_setattr(struct gs *gs, const void *key, size_t key_len, const struct gs_attr *attr);

/*
 * gs_parent - the key of the session that a token hangs on; counts for nothing.
 *   flags	NULL, or GS_CARRIED if it is carried, else 0
 * Returns its length in bytes, 0 when it hangs on none, GS_ENOENT, GS_ERANGE (longer than cap; GS_KEY_BYTES always do).
 */
GS_API ssize_t gs_parent(struct gs *gs, const void *key, size_t key_len, void *out, size_t cap, uint32_t *flags);

/*
 * gs_move - to another ring, with value, owner and times.
 *
 * Inwards it counts as one access; out of the suspect ring it is a pardon, into
 * it a quarantine.  By the decay law a session moved outwards leaves its new
 * ring when its last access is older than that ring's ttl.
 * Returns 0, GS_ENOENT, GS_EINVAL (no such ring), GS_ENOSPC.
 */
GS_API int gs_move(struct gs *gs, const void *key, size_t key_len, const char *ring);

/*
 * gs_park - let a session wait in the outermost ring until it is asked for.
 *
 *   ttl_ms	it ends this long after, unless it is asked for; 0: only with its lifetime
 *
 * Meanwhile it does not leave the ring by its last access.  Any access (get,
 * put, update, gs_resume(), a move inwards) brings it back with its own ttl,
 * which begins anew, to the innermost ring where the ring's `promote` is not
 * `never` and there is room.  Of one that is parked the ttl begins anew.
 * Returns 0, GS_ENOENT, GS_EQUARANTINE (a suspect), GS_ENOSPC (no room there).
 */
GS_API int gs_park(struct gs *gs, const void *key, size_t key_len, uint64_t ttl_ms);

/* gs_resume - one access, as a gs_get() that copies no value: a parked session is back. Returns 0, GS_ENOENT, GS_EQUARANTINE. */
GS_API int gs_resume(struct gs *gs, const void *key, size_t key_len);

/*
 * gs_rename - put the session `from` under the key `to`, replacing what is there; `from` ends.
 *   flags	GS_ONLY_NEW: GS_EEXIST if `to` is there
 *   ring	where `to` goes; NULL: where `from` is; one that is there stays where it lives when there is no room
 * A `to` that is there keeps its beginning, end and interest, and takes value,
 * owner and modification time; a new one is `from` under another name.
 * Two steps: `to` appears before `from` goes, so a process killed between
 * them leaves both.  Returns 0 or as gs_put() and gs_del().
 */
GS_API int gs_rename(struct gs *gs, const void *from, size_t from_len, const void *to, size_t to_len, const char *ring, uint32_t flags);

/* gs_rename_into - the same, to the namespace of another handle of the same attachment; of another attachment GS_EINVAL. */
GS_API int gs_rename_into(struct gs *gs, const void *from, size_t from_len, struct gs *into, const void *to, size_t to_len, const char *ring,
    uint32_t flags);

/*
 * gs_rotate - let a session go on under another key, so that the old one is worth nothing soon.
 *
 *   old_key, old_len	the session's key
 *   new_key, new_len	the key that takes its place, as from gs_new_id()
 *   grace_ms	for so long the old key still leads to the session, for requests under way; below 2^32
 *
 * The session keeps value, owner, class, attributes, beginning and end, times
 * and interest.  Until the grace is over every call with the old key answers
 * as with the new one.  From then on it is GS_ESTALE; a get, put, add, update
 * or touch with it is counted as `replayed` and moves both keys to the
 * suspects where there is room: whoever has the old key may have stolen it.
 * For a reader the daemon does that, within about 20 ms.
 * gs_del() then ends what is left of it.  No session of the old key starts
 * before the deadline.  Returns 0, or
 *   GS_ENOENT		there is no such session
 *   GS_EEXIST		there is one of the new key
 *   GS_ESTALE		the old key was given up before, or the new one was ended for good
 *   GS_EQUARANTINE	a suspect keeps its key
 *   GS_ENOSPC		no room in its ring, which for a while has a record of each key
 *   GS_EFBIG		both keys and the owner together are longer than what the table has room for
 *   GS_ERANGE		a longer grace
 *   GS_EINVAL		the keys are equal
 * and what gs_put() returns.  First the new session appears, then in one step
 * the old key leads to it: a process that dies between leaves both, never
 * none.  Allocates a buffer of record_size.
 */
GS_API int gs_rotate(struct gs *gs, const void *old_key, size_t old_len, const void *new_key, size_t new_len, uint64_t grace_ms);

/*
 * gs_scan - the next sessions of a ring, in an order that no update or move changes.
 *
 *   ring	NULL: all rings
 *   cursor	0 to begin; any value it has had continues there
 *   items	n items; key_buf, key, key_len, info are filled, buf is left alone
 *
 * Returns how many items were filled; 0 at the end.  A session present
 * throughout the scan is seen exactly once.
 */
GS_API ssize_t gs_scan(struct gs *gs, const char *ring, uint64_t *cursor, struct gs_item *items, size_t n);

/*
 * gs_scan_keys - as gs_scan(), in half the time: of an item's info only id, ring_id and len are filled.
 * Since interface 1.2.
 */
GS_API ssize_t gs_scan_keys(struct gs *gs, const char *ring, uint64_t *cursor, struct gs_item *items, size_t n);

/* Called for each session; return non-zero to stop. */
typedef int (*gs_each_fn)(void *arg, const struct gs_item *item);
/* gs_each - fn for every session of a ring (NULL: all). Returns 0, or what fn returned. */
GS_API int gs_each(struct gs *gs, const char *ring, gs_each_fn fn, void *arg);

/*
 * gs_each_owner - fn for every session of an owner, in all rings, suspects and those on disks too.
 *
 *   owner, owner_len	1 to 64 bytes
 *
 * Returns 0, what fn returned, GS_EINVAL (no owner, or longer), GS_ENOMEM.
 * A session of the owner that is there throughout the call is seen exactly
 * once, wherever it moves meanwhile.  Cost: two passes over 4 bytes a slot
 * of the table, a few ms for ten million; allocates 8 bytes a session.
 */
GS_API int gs_each_owner(struct gs *gs, const void *owner, size_t owner_len, gs_each_fn fn, void *arg);

/*
 * gs_find - the session that an id was given for.
 * Fills the item as gs_scan() does. Returns 0, or GS_ESTALE when that session has ended
 * (even if its key was started again).
 */
GS_API int gs_find(struct gs *gs, uint64_t id, struct gs_item *item);

/*
 * gs_rings - the table's rings as they are now, innermost first, suspect last; returns how many there are, fills up to n.
 * Rings may be added and removed while a program is attached.
 */
GS_API int gs_rings(struct gs *gs, struct gs_ring_info *out, size_t n);

/*
 * gs_stats - the numbers of a table, or of one of its rings, as text: a line `name value` for each.
 *
 *   ring	its name; NULL: the table
 *   out, cap	gets the text and a NUL; of what has no room the first cap - 1 bytes; may be NULL when cap is 0
 *
 * The control file `stats` of the table or the ring, byte for byte, without
 * asking the daemon.  Returns the length of all of the text, without the NUL:
 * when that is cap or more, call again with more room, and some to spare, as
 * numbers grow.
 *
 *   GS_ENOENT		no ring of this name
 *   GS_EPERM		of a table, by a reader: what is counted lies where it cannot look
 *   GS_EINVAL		out is NULL, and cap is not 0
 *   GS_EGONE		the table was made anew
 *   GS_EVERSION	the daemon is of a version that does not tell
 *
 * No system call.  Cost: of a table 12 lines of the cache for each thread that
 * ever was attached at the same time, and a word for each 64 slots and more that
 * ever were in use.
 */
GS_API ssize_t gs_stats(struct gs *gs, const char *ring, char *out, size_t cap);

/*
 * gs_stats_all - the control file `stats` at the top: the counters of all tables together, and what the daemon counts.
 *
 *   gs, n	a handle of each table of the instance, in any order
 *
 * As gs_stats() besides; GS_ENOENT: they are not all tables of one instance, or one is there twice.
 * While no daemon runs, what it counts is as it told last.
 */
GS_API ssize_t gs_stats_all(struct gs *const *gs, size_t n, char *out, size_t cap);

/*
 * gs_metrics - the control file `metrics`: all numbers of all tables and rings as OpenMetrics text.
 *
 * As gs_stats_all(), and GS_ENOMEM.  For a program that is asked for metrics itself: some 10 KB for a table.
 */
GS_API ssize_t gs_metrics(struct gs *const *gs, size_t n, char *out, size_t cap);

/* gs_record_size - longest value of this table, bytes. */
GS_API size_t gs_record_size(struct gs *gs);

/* What the configuration's [roles] let somebody do in a table. */
enum gs_right {
	GS_RIGHT_READ = 1,		/* look up */
	GS_RIGHT_WORK = 2,		/* replace, update, renew */
	GS_RIGHT_START = 4,		/* start, end, move */
	GS_RIGHT_REAP = 8,		/* pardon and end suspects */
	GS_RIGHT_OPERATE = 16,		/* write control files */
	GS_RIGHTS_ALL = 31,
};

/*
 * gs_rights_of - what a user may in this table by the roles in force: bits of enum gs_right.
 *
 *   groups	n_groups of them, those beside gid; NULL for none
 *
 * For a program that acts for others, as the mount does.  It is read from the
 * memory: nobody is asked, and a change is in force at once.  It does not
 * bind: own calls go by the rights that the process had when it attached.
 * Cost: about 400 bytes of memory.
 */
GS_API uint32_t gs_rights_of(const struct gs *gs, uint32_t uid, uint32_t gid, const uint32_t *groups, uint32_t n_groups);

/*
 * gs_become_starter - have the lease of a table that has one starter, before a session is started.
 *
 *   may_ask	0: without asking the daemon
 *
 * gs_put(), gs_rename() and gs_rename_into() do it themselves; it is for who
 * must not wait there.  Cost: one load where it is the starter, or none is
 * needed; else a request to the daemon.
 *
 *   GS_EBUSY		the daemon would have to be asked
 *   GS_EPERM		no right to start sessions, or another process has the lease
 *   GS_EDOWN, GS_ETIMEDOUT	the daemon does not answer
 */
GS_API int gs_become_starter(struct gs *gs, int may_ask);

/*
 * gs_roles_epoch - a number that grows when other [roles] come into force for this table.
 *
 * For a program that remembers what gs_rights_of() said: as long as the number
 * is the same, so is the answer to the same question.  Cost: one load.
 */
GS_API uint32_t gs_roles_epoch(const struct gs *gs);

/*
 * gs_settings_epoch - a number that grows when another of the settings that programs keep to, beside the memory, comes into force.
 *
 * For a program that has read `node/temp_patterns`: as long as the number is
 * the same, so is what it read.  Cost: one load.
 */
GS_API uint32_t gs_settings_epoch(const struct gs *gs);

/*
 * gs_control_epoch - a number that is another one when a setting in the control tree says something else, or is gone.
 *
 * For a program that has asked the daemon what settings say: with the number
 * as it was before that, they say the same still.  Who is told that a change
 * was made, or learns of it in whatever way, finds another number after that.
 * It is another one after each start of a daemon too, and the same in all
 * tables of an instance, but in no other.  While no daemon runs it stays as it
 * is; whether one does, it does not say.  0: the daemon is of a version that
 * does not tell.  Cost: one load.
 */
GS_API uint64_t gs_control_epoch(const struct gs *gs);

/*
 * gs_new_id - 192 random bits as 32 url-safe characters and a NUL.
 * Returns 32; GS_ERANGE if cap < GS_ID_CHARS. May make a system call (getrandom).
 */
GS_API int gs_new_id(struct gs *gs, char *out, size_t cap);

struct gs_watch;		/* a place in the events of a table */

/* Something that happened to a session. */
struct gs_event {
	uint64_t revision;		/* the events of a table are numbered from 1 on; of GS_EVENT_LOST the last that is missing */
	uint64_t at_ms;			/* wall clock, ms since 1970 */
	uint64_t version;		/* of the session then; 0: not known */
	uint64_t count;			/* how often, where several are told as one; of GS_EVENT_LOST how many are missing */
	uint32_t kind;			/* enum gs_event_kind */
	uint32_t reason;		/* enum gs_event_reason */
	uint32_t pid, uid;		/* of the process that did it; the daemon's, where nobody else did */
	char from[GS_NAME_BYTES];	/* the ring that it was in; "": none */
	char to[GS_NAME_BYTES];		/* the ring that it is in now; "": none */
	size_t key_len, owner_len;	/* 0: not known */
	char key[GS_KEY_BYTES + 1];	/* bytes, with a NUL behind them */
	char owner[GS_OWNER_BYTES + 1];
	char ns[GS_NAME_BYTES];		/* the namespace; "": the default one */
	char reserved[31];
};

#define GS_WATCH_NOW UINT64_MAX	/* an `after`: what has happened by now is not asked for */

/*
 * gs_watch_open - begin to watch the events of a table.
 *
 *   out	gs_watch_close() it, before gs is detached
 *   gs		a reader will do
 *   after	the revision to go on behind; 0: all that is kept; GS_WATCH_NOW. One that has not been yet is now.
 *
 * Returns 0 or GS_ENOMEM. Who watches costs those who write nothing, be he
 * stopped or slow: a table keeps its last 4096 events, and he who is slower is
 * told by GS_EVENT_LOST how many he missed. A restart of the daemon is not
 * noticed; revisions go on.
 */
GS_API int gs_watch_open(struct gs_watch **out, struct gs *gs, uint64_t after);

/*
 * gs_watch_next - the next event.
 *
 *   timeout_ms	wait at most this long for one; 0: do not wait
 *
 * Returns 1 with an event, 0 when none came, or GS_EGONE: the store was made
 * anew, and this watch tells of no more. Events come in the order of their
 * revisions. The event of a process that was killed or stopped in the middle of
 * telling it is a GS_EVENT_LOST after 200 ms, and those after it wait as long.
 * One that waits is woken within 20 ms of an event while the daemon runs, and
 * looks ten times a second while it does not. A signal does not end the wait.
 * One thread at a time per watch; others may use the handle meanwhile. In a
 * forked child the watch goes on from the same place, on its own.
 * Cost: a copy of some 100 bytes, without a system call; a wait is one for every
 * 100 ms.
 */
GS_API int gs_watch_next(struct gs_watch *w, struct gs_event *event, uint32_t timeout_ms);

/* gs_watch_close - end a watch and set *w to NULL; *w may be NULL. */
GS_API void gs_watch_close(struct gs_watch **w);

/*
 * gs_why - the turns of a session, as far back as the events reach.
 *
 *   out, cap	gets a line `TIME EVENT from=RING to=RING reason=WHY` for each turn, oldest first, and a NUL; of more than
 *		has room, the newest
 *
 * Returns how many bytes, without the NUL: 0 when there is none, or the session is not known. Counts for nothing, and works
 * when the session has ended. Cost: a pass over the hashes of 4096 events.
 */
GS_API ssize_t gs_why(struct gs *gs, const void *key, size_t key_len, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
#endif

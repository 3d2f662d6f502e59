/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - every structure that lies in shared memory, and the invariants over them.
 *
 * A table is a set of files in the instance's directory:
 *
 *	T.ctl		geometry, secrets, ring table, client registry	daemon writes, clients read
 *	T.idx		population counters, marks of logouts, buckets of 15 entries, tombstones	all write
 *	T.ctx		one page per client context			its owner writes, daemon reads, all add up its counters
 *	T.evt		the last GS_EVENT_CELLS events			all write
 *	T.R.C		slots of ring R, size class C			all write
 *
 * The arenas of a ring with store=file lie in a directory of its own on a
 * disk, as TABLE@RING.C, and are whole without the rest of the table.
 *
 * A reader is given all but T.ctx, and cannot write any of them.  Its context
 * pages lie in sealed memory that it shares with the daemon alone.
 *
 * A record is immutable once published.  Whatever changes it writes another
 * slot and swings the 8-byte index entry to it by compare-and-swap.  Only the
 * timed words of a slot change in place: X, A, I, T, O, L, S each by a compare-
 * and-swap that includes the slot's generation, H and Q, where a lost one is
 * lost, by a plain store.
 *
 * No pointer, enum, size_t or bool is stored; integers are little-endian.
 *
 * INVARIANTS (audit.c runs exactly this list)
 *
 *   I1	An entry that is not tentative refers to a slot of an existing arena
 *	whose W is READY with the entry's generation.
 *   I2	The entry's tag, and its place (home bucket, stash of the group, stash
 *	of the next group, last resort), follow from the hash in the slot; the
 *	hash is the key's.
 *   I3	No two final entries have equal keys.
 *   I4	A home bucket's header counts at least the entries of that home that
 *	lie outside it, its filter has their bits, and its kmax their distance.
 *   I5	Each slot of a committed segment is exactly one of: free (W FREE),
 *	live (READY, referred to by one entry), listed (in a cell of a living
 *	client, or of a dead one until it is recovered; or REPLACED or ENDED,
 *	until the disk has what came after it).
 *	free + live + listed = capacity.
 *   I6	A free slot that no client lists has its bit set; so has a REPLACED
 *	or ENDED one, in the bitmap of those.
 *   I7	A live slot's due hint is not "never", unless its ring neither
 *	decays nor bounds it, or is to be armed anew.
 *   I8	Lengths in a live slot fit its class; X is at most the deadline;
 *	last access and touched time are not in the future; its kin is that of its owner and link.
 *   I9	A ring's population counter equals its final entries, and so does a
 *	namespace's.
 *   I10	A tentative entry belongs to a living client, or to a dead one until
 *	it is recovered.
 *   I11	A live slot of an arena in a file that no client lists is PUBLISHED,
 *	and its crc is that of its bytes.
 *   I12	No session is live under a final tombstone, unless a client that lives,
 *	or a dead one until it is recovered, is ending or starting it.
 *
 * ORDERS (an access that is not relaxed names its partner where it stands;
 * what breaks without the pair is here)
 *
 *   E	Swung by compare-and-swap, loaded acquire.  Who sees an entry sees its
 *	slot READY and the header that counts it; who sees it gone sees the
 *	cell in which the taker had listed the slot before.
 *   H	of a bucket: by compare-and-swap, loaded acquire.  Who sees a version
 *	sees the entries committed under it, or a key could be there twice.
 *	A look-up loads it seq_cst: a get is not before an earlier put of its
 *	own thread (on x86 and ARM; the language would want the same of E).
 *   W	READY is released after the bytes and loaded acquire before a copy; the
 *	second look at W stands behind an acquire fence, the bytes behind the
 *	writer's release fence.  Otherwise a torn copy could pass.
 *   X, A, I, T	by seq_cst compare-and-swap, and seq_cst loads where two look
 *	at each other's word: an access at A and the sweep at X, a touch at T and
 *	a move at the entry.  With less, neither might see the other.
 *   O	an accusation at O and a put at the entry, as a touch at T: the put carries it over,
 *	or the accuser sees the entry swung, and follows it.
 *   held, op_entry	released, loaded acquire by recovery: a cell is filled before
 *	its slot can be ours and emptied after it is not.
 *   bitmap	acq_rel: W is FREE before the bit is seen; loaded acquire by who
 *	looks whether a slot without a bit is listed.
 *   n_ctx_used, reg.state	released when what they announce is there.
 *   session_class.state	released when the name is there, loaded acquire before it.
 *   ns.state	released when the name is there, loaded acquire before it.  Who starts a session in a
 *	namespace counts it by seq_cst and looks at the state, seq_cst, publishes it, a full fence, and looks
 *	again; the daemon that removes it says so by seq_cst, and looks at the count by seq_cst, or behind a
 *	full fence at all entries: one sees the other.
 *   ns_filter	by seq_cst: the daemon that makes a namespace sets the bit of its name, a full fence, and looks for a
 *	session of that key; who starts one publishes it, a full fence, and looks at the bits: one sees the other.
 *   ring.state	released when the name is there and ABSENT again before another is; loaded acquire
 *	before the name, and again behind an acquire fence after it.
 *   segments	released when the memory is there.  A slot is taken after listing
 *	it, a full fence, and a look at its segment; the daemon that empties a
 *	segment says so, a full fence, and looks at the lists: one sees the other.
 *   quota.turn	released after it was made odd and before it is made even, loaded acquire before
 *	and after the overrides are read: nobody is judged by half a change.
 *   roles	the place that is not in force: its epoch is made another, a release fence, it is filled, and roles_epoch
 *	released; loaded acquire before it is read, and its epoch again behind an acquire fence: nobody goes by half a change.
 *   tomb	by seq_cst, behind it a full fence and then the look at E: who ends a session for
 *	good and who starts one of its key see each other.  The starter publishes E by
 *	seq_cst and then looks, by seq_cst, whether a final tombstone came meanwhile.
 *   marks	of kin, changed by acq_rel: who takes one sees what was done before it was set.
 *   op_end, crowding	released before a session enters or leaves the index, loaded acquire by recovery.
 *   marked, publishing	who logs an owner out says so in marked by a seq_cst exchange, a full fence,
 *	and looks at the slots; who publishes swings the entry and loads marked
 *	seq_cst: one sees the other (on x86 and ARM; the language would want a
 *	fence of the writer too).  publishing is stored before the entry is swung,
 *	which releases it, and emptied by a release after that look.
 *   M	of a mark: SET is released after its fields and loaded acquire before them; the
 *	second look at M stands behind an acquire fence, as that at W does.
 *   what, dirty	by seq_cst, of a reader's page: the reader fills a cell and then looks
 *	at the bit of its line, the daemon clears the bit and then looks at the cell.
 *
 *   stamp	of an event's cell: taken by compare-and-swap, then a release fence and the bytes, released as
 *	done; loaded acquire before a copy, and again behind an acquire fence, or a torn copy could pass.  Of
 *	two that write one cell, a lap apart, the sum tells, which is of the revision too.
 *
 * Each is a small program in t/litmus/shapes, with the least orders that do.
 *
 * Source of the shape: FASTER's tentative insert (Chandramouli et al., SIGMOD
 * 2018), MICA's bucket (Lim et al., NSDI 2014), Boehm's racy copy.
 */
#ifndef GS_SHM_LAYOUT_H
#define GS_SHM_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define GS_ABI_MAJOR 4u
#define GS_ABI_MINOR 0u
#define GS_ENDIAN_MARK UINT64_C(0x0102030405060708)

#define GS_CTL_MAGIC	UINT64_C(0x315f6c74635f7367)	/* "gs_ctl_1" */
#define GS_IDX_MAGIC	UINT64_C(0x315f7864695f7367)	/* "gs_idx_1" */
#define GS_ARENA_MAGIC	UINT64_C(0x616e6572615f7367)	/* "gs_arena" */
#define GS_CTX_MAGIC	UINT64_C(0x31707874635f7367)	/* "gs_ctxp1" */
#define GS_EVT_MAGIC	UINT64_C(0x315f7476655f7367)	/* "gs_evt_1" */

enum {
	GS_MAX_RINGS = 8,		/* 3 bits of an entry */
	GS_MAX_CLASSES = 4,		/* 2 bits */
	GS_MAX_ARENAS = GS_MAX_RINGS * GS_MAX_CLASSES,
	GS_MAX_CTX = 8192,		/* 13 bits of a version */
	GS_DAEMON_CTX = 0,		/* the daemon's own */
	GS_BUCKET_ENTRIES = 15,
	GS_GROUP_HOMES = 8,
	GS_GROUP_BUCKETS = 9,		/* homes and the stash */
	GS_MARKS = 32,			/* logouts under way at once */
	GS_LAST_RESORTS = 64,		/* buckets behind the groups */
	GS_MEAN_FILL = 10,		/* entries per home at max_sessions */
	GS_TOMB_WAYS = 8,		/* tombstones in the two lines where one is looked for */
	GS_KIN_MARKS = 1024,		/* words with a bit for each kin of a link */
	GS_TOMBS_MIN = 1024,		/* the least there is room for: what the place tells of a hash is enough then */
	GS_HELD_CELLS = 32,
	GS_RING_NAME_BYTES = 32,
	GS_NAMESPACES = 256,		/* ids; 0 is the default one */
	GS_STORE_BYTES = 256,			/* of a path, with its NUL */
	GS_PAGE_BYTES = 4096,
	GS_CTX_BYTES = 8192,
	GS_LINE_BYTES = 64,		/* of the cache */
	GS_SLOT_HEADER_BYTES = 192,
	GS_SLOT_BYTES_MAX = 1 << 17,
	GS_COUNTERS_MAX = 96,
	GS_FEEDBACK_WAYS = 4,		/* cells of a line */
	GS_FEEDBACK_LINES = 99,
	GS_FEEDBACK_CELLS = GS_FEEDBACK_LINES * GS_FEEDBACK_WAYS,
	GS_EVENT_CELLS = 4096,
	GS_EVENT_BYTES = 384,
	GS_EVENT_DATA_BYTES = 320,	/* of a key and an owner, each padded to 8 */
};

#define GS_SLOT_NUMBERS (UINT32_C(1) << 27)	/* slots an arena can number */
#define GS_RING_NONE UINT32_C(0xffffffff)
/* Store times are ms since an epoch ten years before the store was made, so that old ages can be written. */
#define GS_TIME_ORIGIN_MS UINT64_C(315360000000)
#define GS_TIME_BITS 47
#define GS_TIME_NEVER ((UINT64_C(1) << GS_TIME_BITS) - 1)
#define GS_DUE_SHIFT 8				/* due hints count 256 ms */
#define GS_DUE_NEVER UINT32_C(0xffffffff)
#define GS_GEN_BITS 17
#define GS_GEN_MASK ((UINT64_C(1) << GS_GEN_BITS) - 1)

/*
 * E, an index entry; 0 is empty.
 *	[63:50] tag, never 0  [49] tentative  [48:32] generation  [31:29] ring  [28:27] class  [26:0] slot
 */
#define GS_ENTRY_TENT (UINT64_C(1) << 49)

static inline uint64_t
gs_entry(uint32_t tag, uint32_t gen, uint32_t ring, uint32_t class_id, uint32_t slot)
{
	return (uint64_t)tag << 50 | ((uint64_t)gen & GS_GEN_MASK) << 32 | (uint64_t)ring << 29 | (uint64_t)class_id << 27 | slot;
}

static inline uint32_t gs_entry_tag(uint64_t e) { return (uint32_t)(e >> 50); }
static inline uint32_t gs_entry_gen(uint64_t e) { return (uint32_t)(e >> 32 & GS_GEN_MASK); }
static inline uint32_t gs_entry_ring(uint64_t e) { return (uint32_t)(e >> 29 & 7); }
static inline uint32_t gs_entry_class(uint64_t e) { return (uint32_t)(e >> 27 & 3); }
static inline uint32_t gs_entry_slot(uint64_t e) { return (uint32_t)(e & (GS_SLOT_NUMBERS - 1)); }
/* ring, class and slot as one number: the address of a slot in its table. */
static inline uint32_t gs_entry_addr(uint64_t e) { return (uint32_t)e; }

/*
 * H, a home bucket's header.
 *	[63:32] version, grows with each commit of an insert and each trim
 *	[31:16] filter of the entries of this home that lie elsewhere  [15:8] their count, 255 sticks  [7:6] greatest distance
 */
static inline uint64_t
gs_bucket_header(uint32_t version, uint32_t filter, uint32_t count, uint32_t kmax)
{
	return (uint64_t)version << 32 | (uint64_t)(filter & 0xffff) << 16 | (uint64_t)(count & 0xff) << 8 | (uint64_t)(kmax & 3) << 6;
}

static inline uint32_t gs_header_version(uint64_t h) { return (uint32_t)(h >> 32); }
static inline uint32_t gs_header_filter(uint64_t h) { return (uint32_t)(h >> 16 & 0xffff); }
static inline uint32_t gs_header_count(uint64_t h) { return (uint32_t)(h >> 8 & 0xff); }
static inline uint32_t gs_header_kmax(uint64_t h) { return (uint32_t)(h >> 6 & 3); }

/*
 * W, a slot's state word.
 *	[63:32] generation  [31:16] context that writes or wrote it  [15:8] state  [7:0] marks
 *
 * In arenas in files a slot that left the index is not written again before
 * the disk has what came after it: REPLACED by a record of an arena in a file,
 * or ENDED, or moved to where no disk is; store.h says how it becomes FREE.
 */
enum gs_slot_state { GS_SLOT_FREE = 0, GS_SLOT_WRITING = 1, GS_SLOT_READY = 2, GS_SLOT_REPLACED = 3, GS_SLOT_ENDED = 4 };
#define GS_WORD_PUBLISHED UINT64_C(1)		/* a mark, in arenas in files: an entry has named it */

static inline uint64_t
gs_word(uint32_t gen, uint32_t ctx, uint32_t state)
{
	return (uint64_t)gen << 32 | (uint64_t)(ctx & 0xffff) << 16 | (uint64_t)(state & 0xff) << 8;
}

static inline uint32_t gs_word_gen(uint64_t w) { return (uint32_t)(w >> 32); }
static inline uint32_t gs_word_ctx(uint64_t w) { return (uint32_t)(w >> 16 & 0xffff); }
static inline uint32_t gs_word_state(uint64_t w) { return (uint32_t)(w >> 8 & 0xff); }

/* X, A, I, T, H, Q, O, L, S: [63:17] value  [16:0] generation of the slot they belong to. */
static inline uint64_t
gs_timed(uint64_t value, uint32_t gen)
{
	return value << GS_GEN_BITS | ((uint64_t)gen & GS_GEN_MASK);
}

static inline uint64_t gs_timed_value(uint64_t t) { return t >> GS_GEN_BITS; }
static inline uint32_t gs_timed_gen(uint64_t t) { return (uint32_t)(t & GS_GEN_MASK); }

struct gs_bucket {				/* line A: H, e[0..6]; line B: e[7..14] */
	_Atomic uint64_t H;
	_Atomic uint64_t e[GS_BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct gs_bucket) == 128, "a bucket is two lines");

/*
 * The value of O, whether a session is accused of asking too fast.
 *	[46:41] offences, 63 sticks  [40:0] accused since this ms, 0 = not accused
 */
enum { GS_OFFENCES_SHIFT = 41, GS_OFFENCES_MAX = 63 };
#define GS_ACCUSED_MS_MAX ((UINT64_C(1) << GS_OFFENCES_SHIFT) - 1)

static inline uint64_t
gs_offence(uint32_t offences, uint64_t since_ms)
{
	return (uint64_t)(offences < GS_OFFENCES_MAX ? offences : GS_OFFENCES_MAX) << GS_OFFENCES_SHIFT |
	    (since_ms < GS_ACCUSED_MS_MAX ? since_ms : GS_ACCUSED_MS_MAX);
}

static inline uint32_t gs_offence_count(uint64_t o) { return (uint32_t)(o >> GS_OFFENCES_SHIFT); }
static inline uint64_t gs_offence_since_ms(uint64_t o) { return o & GS_ACCUSED_MS_MAX; }

/* What a record is beside a plain session; bits of gs_slot.flags. */
enum gs_slot_flag {
	GS_FLAG_PARKED = 1,		/* waits in an outer ring with a ttl of its own, until it is asked for */
	GS_FLAG_ROTATED = 2,		/* an id that was given up: link is the key that took its place */
	GS_FLAG_CARRIED = 4,		/* a token that outlives what link names */
};

/* A slot: this header, then the key, the owner and the link, each padded to 8, and the value. */
struct gs_slot {
	_Atomic uint64_t W;			/* 00 generation and state */
	uint64_t hash;				/* 08 of namespace and key */
	_Atomic uint64_t X;			/* 10 expires: ms; 0 = ended by the sweep; never = GS_TIME_NEVER */
	_Atomic uint64_t A;			/* 18 last access, ms */
	_Atomic uint64_t I;			/* 20 log2 of interest at the last access, 7.40 */
	uint16_t val_len;			/* 28 bytes */
	uint8_t key_len;			/* 2a bytes, 1..255 */
	uint8_t owner_len;			/* 2b bytes, 0..64 */
	uint8_t class_id;			/* 2c what the session is: an id of T.ctl's classes */
	uint8_t turn;				/* 2d which record of this version it is, modulo 256 */
	uint8_t flags;				/* 2e enum gs_slot_flag */
	uint8_t link_len;			/* 2f bytes, 0..255: the key of the session that this record hangs on */
	uint64_t version;			/* 30 */
	_Atomic uint64_t T;			/* 38 last put, update or touch, ms */
	_Atomic uint64_t H;			/* 40 accesses counted; plain stores, a lost one is lost */
	_Atomic uint64_t Q;			/* 48 quota: theoretical arrival time, of the accused when last served, in 1/64 ms; plain stores */
	_Atomic uint64_t O;			/* 50 accused: how often, and since when */
	_Atomic uint64_t L;			/* 58 last attempt while accused: [46:41] attempts at that ms  [40:0] ms */
	_Atomic uint64_t S;			/* 60 last attempt that came too soon: [46:41] code of the rate  [40:0] ms */
	uint64_t deadline;			/* 68 absolute end, ms; GS_TIME_NEVER */
	uint64_t ttl_ms;			/* 70 own ttl from T; 0 = none */
	uint64_t created;			/* 78 ms */
	int64_t mtime_ns;			/* 80 wall clock, valid while T equals mtime_ms */
	uint64_t mtime_ms;			/* 88 T as first written */
	int64_t ctime_ns;			/* 90 wall clock */
	uint64_t hlc;				/* 98 the cluster's stamp: clock */
	uint32_t lterm;				/* a0 ... lease term */
	uint16_t writer;			/* a4 ... host */
	uint16_t ns;				/* a6 namespace, hashed with the key */
	uint32_t birth;				/* a8 differs between two sessions that used one entry */
	uint32_t crc;				/* ac crc32c of generation and immutable bytes; 0 = off, in tmpfs */
	uint32_t uid;				/* b0 */
	uint32_t gid;				/* b4 */
	uint32_t resume_ttl_s;			/* b8 of a parked session: the own ttl that it goes on with, s; 0 = none; of a rotated id: its grace, ms */
	uint16_t mode;				/* bc permission bits */
	uint16_t pad;				/* be 0 */
	uint64_t data[];			/* c0 */
};
_Static_assert(sizeof(struct gs_slot) == GS_SLOT_HEADER_BYTES, "slot header");
_Static_assert(offsetof(struct gs_slot, T) + sizeof(uint64_t) == GS_LINE_BYTES, "what a plain read needs is in the first line");
_Static_assert(offsetof(struct gs_slot, val_len) == 0x28 && offsetof(struct gs_slot, T) == 0x38 &&
    offsetof(struct gs_slot, deadline) == 0x68 && offsetof(struct gs_slot, crc) == 0xac, "slot offsets");

/* The words that change in place, beside W. */
enum { GS_TIMED_WORDS = 9 };

static inline void
gs_timed_words(struct gs_slot *s, _Atomic uint64_t *out[GS_TIMED_WORDS])
{
	_Atomic uint64_t *words[GS_TIMED_WORDS] = { &s->X, &s->A, &s->I, &s->T, &s->H, &s->Q, &s->O, &s->L, &s->S };

	for (int i = 0; i < GS_TIMED_WORDS; i++)
		out[i] = words[i];
}

/* What a session is, for eviction and lifetimes; T.ctl has the names of all GS_CLASSES ids, these are the built-in ones. */
enum gs_session_class { GS_CLASS_NONE = 0, GS_CLASS_ANONYMOUS = 1, GS_CLASS_AUTHENTICATED = 2, GS_CLASSES = 32 };

/*
 * T.idx: this page, then the buckets, then n_tombs tombstones, then _Atomic uint64_t[GS_KIN_MARKS]: what hangs on which kin
 * is to be looked at; then struct gs_ns_line[GS_NAMESPACES].
 */
struct gs_counter_line {			/* counters that all write, on a line of its own */
	_Atomic int64_t n;
	_Atomic uint64_t evicted;		/* sessions that went outwards from there for want of room */
	_Atomic uint64_t dropped;		/* sessions that ended there for want of room */
	uint8_t pad[104];
};

struct gs_ns_line {				/* a counter that all write, on a line of its own */
	_Atomic int64_t n;			/* sessions of the namespace, reservations included; not of the default one */
	uint8_t pad[56];
};
_Static_assert(sizeof(struct gs_ns_line) == GS_LINE_BYTES, "a namespace's counter is a line");

/*
 * The word of a mark, which says that an owner is being logged out; logout.h.
 *	[63:32] generation  [31:16] context that logs out; the daemon's when its process died  [15:8] state
 */
enum gs_mark_state { GS_MARK_FREE = 0, GS_MARK_FILLING = 1, GS_MARK_SET = 2 };

struct gs_mark {
	_Atomic uint64_t M;
	_Atomic uint64_t owner;			/* hash of the owner */
	_Atomic uint64_t at_ms;			/* what was started then or before ends */
	uint64_t pad;
};

struct gs_idx_hdr {
	uint64_t magic;
	uint8_t uuid[16];
	uint64_t n_buckets;
	uint8_t pad[96];
	struct gs_counter_line population[GS_MAX_RINGS];	/* sessions in each ring, reservations included */
	/* read by every writer, hardly ever written */
	_Atomic uint64_t tomb_final_ms;		/* 480 no final tombstone stands for longer; 0: there was none */
	_Atomic uint64_t marked;		/* 488 bit per mark that is set */
	uint8_t pad2[112];
	_Atomic uint64_t logout_ms;		/* 500 instant of the last logout; each is later than the one before */
	uint8_t pad3[120];
	struct gs_mark mark[GS_MARKS];		/* 580 */
	uint8_t pad4[GS_PAGE_BYTES - 384 - GS_MAX_RINGS * 128 - GS_MARKS * 32];
};
_Static_assert(sizeof(struct gs_idx_hdr) == GS_PAGE_BYTES, "index header is a page");
_Static_assert(offsetof(struct gs_idx_hdr, marked) == 0x488 && offsetof(struct gs_idx_hdr, logout_ms) == 0x500 &&
    offsetof(struct gs_idx_hdr, mark) == 0x580, "offsets of marks");

/*
 * A tombstone: a session ended before its deadline, so that a copy of it, or a late writer, must not bring it back.
 * Both words carry the turn of the place, and are one tombstone only while these are equal.
 *
 *	hash	[63:8] the lower 56 bits of the key's hash; the place has the others  [7:0] turn
 *	until	[63:17] last ms for which it stands: the deadline of what ended  [8] final  [7:0] turn
 */
struct gs_tomb {
	_Atomic uint64_t hash;
	_Atomic uint64_t until;
};
_Static_assert(sizeof(struct gs_tomb) * GS_TOMB_WAYS == 2 * GS_LINE_BYTES, "tombstones of one window");

#define GS_TOMB_FINAL_BIT UINT64_C(0x100)

static inline uint64_t
gs_tomb_hash(uint64_t hash, uint32_t turn)
{
	return hash << 8 | (turn & 0xff);
}

static inline uint64_t
gs_tomb_until(uint64_t until_ms, uint64_t final_bit, uint32_t turn)
{
	return until_ms << 17 | final_bit | (turn & 0xff);
}

static inline uint64_t gs_tomb_key(uint64_t hash) { return hash >> 8; }
static inline uint64_t gs_tomb_until_ms(uint64_t until) { return until >> 17; }
static inline uint32_t gs_tomb_turn(uint64_t word) { return (uint32_t)(word & 0xff); }

/*
 * A segment's word.
 *	[63:32] generation that its slots begin with when they are all zeros  [31:0] state
 *
 *	ABSENT -> ACTIVE	whoever needs slots: the memory is there, its bits are set
 *	ACTIVE <-> DRAINING	the daemon: nothing is taken here any more, what lives here moves elsewhere
 *	DRAINING -> EMPTYING	the daemon, to look whether anybody still has a slot here; back when somebody has
 *	EMPTYING -> RELEASING	nobody has: from here there is no way back; the generation is above all that were here
 *	RELEASING -> ABSENT	the memory is given back
 *	ABSENT -> RELEASING	the daemon, to give back what came there late
 */
enum gs_segment_state {
	GS_SEGMENT_ABSENT = 0,
	GS_SEGMENT_ACTIVE = 1,
	GS_SEGMENT_DRAINING = 2,
	GS_SEGMENT_EMPTYING = 3,
	GS_SEGMENT_RELEASING = 4,
};

static inline uint64_t
gs_segment(uint32_t gen, uint32_t state)
{
	return (uint64_t)gen << 32 | state;
}

static inline uint32_t gs_segment_gen(uint64_t segment) { return (uint32_t)(segment >> 32); }
static inline uint32_t gs_segment_state(uint64_t segment) { return (uint32_t)segment; }

/*
 * T.R.C: this page, segment words, bitmap, due hints, kin, slots, and at its end names of namespaces; offsets from the start
 * of the file.
 */

struct gs_arena_hdr {
	uint64_t magic;
	uint8_t uuid[16];
	uint32_t ring, class_id;
	uint32_t slot_size;			/* bytes, multiple of 64 */
	uint32_t n_slots;			/* multiple of seg_slots */
	uint32_t seg_slots;			/* multiple of 64 */
	uint32_t n_segments;
	uint64_t segments_off;			/* _Atomic uint64_t[n_segments] */
	uint64_t bitmap_off;			/* _Atomic uint64_t[n_slots / 64], a set bit: probably free */
	uint64_t due_off;			/* _Atomic uint32_t[n_slots], when the sweep must look, in 256 ms */
	uint64_t slots_off;
	uint64_t file_bytes;
	uint64_t retired_off;			/* _Atomic uint64_t[n_slots / 64], a set bit: REPLACED or ENDED */
	uint64_t kin_off;			/* _Atomic uint32_t[n_slots], whose it is: gs_kin(), of the record last written there */
	uint64_t names_off;			/* char[GS_NAMESPACES][GS_RING_NAME_BYTES], in a file on a disk: as class_name, of namespaces */
	/* 070: what an arena in a file must say by itself; zeros in others */
	uint32_t abi_major;
	uint32_t slot_header_bytes;
	uint64_t sip_k0, sip_k1;
	uint8_t boot[16];			/* id of the boot of the host that made or adopted it */
	char table[GS_RING_NAME_BYTES];
	char ring_name[GS_RING_NAME_BYTES];
	uint32_t crc;				/* crc32c of all the above */
	uint32_t pad0;
	_Atomic uint64_t wall_add_ms;		/* as in gs_ctl_hdr, when the disk was last written */
	_Atomic uint64_t wall_check;		/* its complement */
	uint8_t pad1[16];
	char class_name[GS_CLASSES][GS_RING_NAME_BYTES];	/* 100 of the ids that its records may have; "": none that was given */
	uint8_t pad[GS_PAGE_BYTES - 256 - GS_CLASSES * GS_RING_NAME_BYTES];
};
_Static_assert(offsetof(struct gs_arena_hdr, wall_add_ms) == 224, "arena header");
_Static_assert(sizeof(struct gs_arena_hdr) == GS_PAGE_BYTES, "arena header is a page");

/*
 * Kin, so that all sessions of an owner, or all records that hang on a session, are found by a pass over 4 bytes a slot.
 *	[31:16] hash of the owner, 0 where there is none  [15:0] hash of the link, 0 where there is none
 */
static inline uint32_t
gs_kin(uint32_t owner16, uint32_t link16)
{
	return (owner16 & 0xffff) << 16 | (link16 & 0xffff);
}

static inline uint32_t gs_kin_owner(uint32_t kin) { return kin >> 16; }
static inline uint32_t gs_kin_link(uint32_t kin) { return kin & 0xffff; }

/*
 * F, what a reader tells of one record; 0 is an empty cell.
 *	[63:49] accesses  [48:32] generation  [31:0] ring, class and slot as in an entry
 */
#define GS_FEEDBACK_MOST 32767			/* accesses in one cell */

static inline uint64_t
gs_feedback(uint64_t entry, uint32_t count)
{
	return (uint64_t)count << 49 | (entry & ((UINT64_C(1) << 49) - 1));
}

static inline uint32_t gs_feedback_count(uint64_t f) { return (uint32_t)(f >> 49); }
static inline uint64_t gs_feedback_record(uint64_t f) { return f & ((UINT64_C(1) << 49) - 1); }

struct gs_feedback_cell {
	_Atomic uint64_t what;			/* F */
	_Atomic uint64_t at_ms;			/* the last of these accesses */
};

/* T.ctx: GS_MAX_CTX of these. Written by the client that was granted it, read by the daemon; the counters by whoever shows them. */
struct gs_ctx_page {
	uint64_t magic;
	uint8_t pad0[56];
	_Atomic uint64_t op_entry;		/* 040 ordinal + 1 of my tentative entry */
	_Atomic uint64_t op_end;		/* 048 hash of the key whose session I am ending, or starting; 0: none */
	_Atomic uint32_t publishing;		/* 050 slot address + 1 of what I publish, until I have looked at the marks of logouts */
	uint32_t pad1;
	_Atomic uint64_t crowding;		/* 058 hash of the owner to whom I give a session, until I have counted his; 0: none */
	uint8_t pad3[32];
	_Atomic uint32_t held[GS_HELD_CELLS];	/* 080 slot address + 1; listed before it can be owned */
	_Atomic uint64_t count[GS_COUNTERS_MAX];	/* 100 enum gs_counter, never reset */
	/* 400: in the pages of readers only */
	_Atomic uint64_t folded[GS_COUNTERS_MAX];	/* 400 count, as far as the daemon has added it to the table's; it writes this */
	_Atomic uint64_t dirty[2];		/* 700 bit per line of cells: there is something in it */
	uint8_t pad2[48];
	struct gs_feedback_cell cell[GS_FEEDBACK_CELLS];	/* 740 */
};
_Static_assert(sizeof(struct gs_ctx_page) == GS_CTX_BYTES && offsetof(struct gs_ctx_page, held) == 0x80 && offsetof(struct gs_ctx_page, count) == 0x100 &&
    offsetof(struct gs_ctx_page, folded) == 0x400 && offsetof(struct gs_ctx_page, dirty) == 0x700 && offsetof(struct gs_ctx_page, cell) == 0x740, "page");

/*
 * A stamp, of an event's cell; 0: there was none yet.  It only grows.
 *	[63:1] revision of the event  [0] it is written
 */
static inline uint64_t
gs_stamp(uint64_t revision, uint32_t is_done)
{
	return revision << 1 | is_done;
}

static inline uint64_t gs_stamp_revision(uint64_t stamp) { return stamp >> 1; }
static inline uint32_t gs_stamp_done(uint64_t stamp) { return (uint32_t)(stamp & 1); }

/* What happened to one session. The event with revision R is in cell R modulo GS_EVENT_CELLS. */
struct gs_event_cell {
	_Atomic uint64_t stamp;
	uint32_t sum;				/* 08 of all from here to the end of the owner, and the revision: event.c */
	uint8_t kind;				/* 0c enum gs_event_kind */
	uint8_t reason;				/* 0d enum gs_event_reason */
	uint8_t from, to;			/* 0e ring ids; GS_EVENT_NO_RING: none */
	uint64_t at_ms;				/* 10 store time */
	uint64_t hash;				/* 18 of namespace and key */
	uint64_t version;			/* 20 of the session, 0 where it is not known */
	uint32_t pid, uid;			/* 28 of the process that did it */
	uint32_t count;				/* 30 how often, where several are told at once */
	uint16_t ns;				/* 34 namespace */
	uint8_t key_len, owner_len;		/* 36 bytes */
	uint64_t pad;				/* 38 0 */
	uint64_t data[GS_EVENT_DATA_BYTES / 8];	/* 40 key and owner */
};
_Static_assert(sizeof(struct gs_event_cell) == GS_EVENT_BYTES, "event cell");
_Static_assert(offsetof(struct gs_event_cell, data) == GS_LINE_BYTES, "what precedes a key is a line");

enum { GS_EVENT_NO_RING = 255 };

/* T.evt: this page, then the cells. */
struct gs_evt_hdr {
	uint64_t magic;
	uint8_t uuid[16];
	uint32_t n_cells, cell_bytes;
	uint8_t pad[96];
	_Atomic uint64_t told;			/* 080 revision of the last event for which a cell was taken */
	uint8_t pad2[120];
	_Atomic uint64_t drained;		/* 100 the daemon's log has what was told up to this revision; it writes this */
	_Atomic uint64_t logged;		/* 108 revision of that log's last line; it writes this */
	uint8_t pad3[GS_PAGE_BYTES - 272];
};
_Static_assert(sizeof(struct gs_evt_hdr) == GS_PAGE_BYTES, "event header is a page");
_Static_assert(offsetof(struct gs_evt_hdr, told) == 128 && offsetof(struct gs_evt_hdr, drained) == 256, "event header offsets");

enum gs_promote { GS_PROMOTE_NEVER = 0, GS_PROMOTE_ACCESS = 1, GS_PROMOTE_SECOND = 2 };
enum gs_promote_to { GS_PROMOTE_TO_INNERMOST = 0, GS_PROMOTE_TO_NEXT = 1 };	/* the next ring inwards */
/* Each allows what those before it do. */
enum gs_on_full { GS_ON_FULL_REFUSE = 0, GS_ON_FULL_EXPIRED = 1, GS_ON_FULL_ONESHOT = 2, GS_ON_FULL_ANONYMOUS = 3 };
enum gs_ring_kind { GS_RING_NORMAL = 0, GS_RING_SUSPECT = 1 };

/*
 * The state of a ring.
 *	[31:8] how many names the ring of this id has had  [7:0] state
 *
 * 0 is an id that was never used: of its arenas nothing but the header is there.
 * The name is written while the ring is ABSENT.  A session that comes to a ring
 * that is not ON, from who looked before, is moved on by the sweep.
 */
enum gs_ring_state { GS_RING_ABSENT = 0, GS_RING_ON = 1, GS_RING_OFF = 2, GS_RING_DRAINING = 3 };

static inline uint32_t
gs_ring_word(uint32_t names, uint32_t state)
{
	return names << 8 | (state & 0xff);
}

static inline uint32_t gs_ring_word_names(uint32_t word) { return word >> 8; }
static inline uint32_t gs_ring_word_state(uint32_t word) { return word & 0xff; }

/* A ring in T.ctl; ring id = its place in the array, which says nothing of its order. The atomics may change while clients run. */
struct gs_ring_cfg {
	char name[GS_RING_NAME_BYTES];
	_Atomic uint32_t diameter;		/* 0: innermost, whose id is 0; those that are not ON stand outside all that are */
	uint16_t kind;				/* enum gs_ring_kind */
	_Atomic uint16_t promote_to;		/* enum gs_promote_to */
	uint32_t n_slots[GS_MAX_CLASSES];
	uint32_t seg_slots[GS_MAX_CLASSES];
	_Atomic uint64_t ttl_ms;		/* GS_DURATION_MAX: max */
	_Atomic uint64_t half_life_ms;
	_Atomic uint64_t capacity;		/* sessions */
	_Atomic uint32_t decay_to;		/* ring id, or GS_RING_NONE: from here it expires */
	_Atomic uint32_t promote;		/* enum gs_promote: may a session here be brought in */
	_Atomic uint64_t reserve;		/* sessions beyond capacity, under pressure */
	_Atomic uint32_t rearm;			/* 1: a rule changed, and the due hints are still of the one before; the daemon's own */
	_Atomic uint32_t state;			/* gs_ring_word() */
	_Atomic uint32_t on_full;		/* enum gs_on_full: what may be dropped when there is no room further out */
	_Atomic uint32_t is_open;		/* 1: the ring is under pressure, and takes its reserve; the daemon's own */
};
_Static_assert(sizeof(struct gs_ring_cfg) == 128, "ring configuration");

/* May a session of the same key start after its owner ended one? */
enum gs_ended { GS_ENDED_PLAIN = 0, GS_ENDED_FINAL = 1 };

/* A client context's entry in the registry of T.ctl. */
enum gs_ctx_state { GS_CTX_UNUSED = 0, GS_CTX_LIVE = 1, GS_CTX_DEAD = 2 };

struct gs_ctx_reg {
	_Atomic uint32_t state;			/* enum gs_ctx_state */
	uint32_t pid;
	uint64_t starttime;			/* field 22 of /proc/pid/stat: pids are reused */
	uint64_t cookie;			/* shown by a client that comes back to a restarted daemon */
	uint32_t uid;
	uint32_t pad;
};
_Static_assert(sizeof(struct gs_ctx_reg) == 32, "registry entry");

/*
 * What a table does about sessions that are asked for too often. A limit is a rate and a burst in one word: [63:44] burst
 * [43:0] interval, 1/64 ms; 0: never charged.
 */
enum gs_quota_action { GS_QUOTA_REPORT = 0, GS_QUOTA_SLOW = 1, GS_QUOTA_QUARANTINE = 2 };
enum gs_quota_whose { GS_QUOTA_OF_KEY = 0, GS_QUOTA_OF_OWNER = 1, GS_QUOTA_OF_NAMESPACE = 2 };
enum { GS_QUOTA_OVERRIDES = 32, GS_QUOTA_EXEMPT = 8, GS_QUOTA_PATTERN_BYTES = 64 };

struct gs_quota_override {
	_Atomic uint64_t hash;			/* of the key, or the owner; of a namespace its id */
	_Atomic uint64_t limit;
	_Atomic uint32_t whose;			/* enum gs_quota_whose */
	uint32_t pad;
};

struct gs_quota_cfg {
	_Atomic uint64_t limit;			/* of a session that no override is about */
	_Atomic uint64_t hold_ms, release_ms;
	_Atomic uint32_t action;		/* enum gs_quota_action */
	_Atomic uint32_t is_strict;		/* 1: each access over the quota is refused */
	_Atomic uint32_t expel_after;		/* offences */
	_Atomic uint32_t n_overrides;
	_Atomic uint32_t turn;			/* odd while the overrides or the patterns are being changed */
	_Atomic uint32_t n_exempt;
	uint8_t pad[16];
	struct gs_quota_override override[GS_QUOTA_OVERRIDES];
	/* Patterns, see base/glob.h, of keys that no quota is about and that do not decay; filled up with NUL, one at least. */
	_Atomic uint64_t exempt[GS_QUOTA_EXEMPT * GS_QUOTA_PATTERN_BYTES / 8];
};
_Static_assert(sizeof(struct gs_quota_cfg) == 64 + GS_QUOTA_OVERRIDES * 24 + GS_QUOTA_EXEMPT * GS_QUOTA_PATTERN_BYTES, "quota configuration");

/*
 * A class of sessions. Its id, the place in the array, is its own as long as the memory is there: an id that has a name
 * keeps it, and one that the configuration has no more is RETIRED, for those sessions that are of it.
 */
enum gs_class_state { GS_CLASS_UNUSED = 0, GS_CLASS_ON = 1, GS_CLASS_RETIRED = 2 };

struct gs_class_cfg {
	char name[GS_RING_NAME_BYTES];		/* written while it is UNUSED */
	_Atomic uint64_t ttl_ms;		/* from the last put or touch; GS_DURATION_MAX: max */
	_Atomic uint64_t idle_ms;		/* from the last access; GS_DURATION_MAX: max */
	_Atomic uint32_t state;			/* enum gs_class_state */
	uint32_t pad[3];
};
_Static_assert(sizeof(struct gs_class_cfg) == GS_LINE_BYTES, "a class is a line");

/*
 * A namespace. Its id, the place in the array, is its own as long as the memory is there: one that was removed is RETIRED and
 * comes back under the same id. While the daemon finds out whether one can be removed it is CLOSING.
 */
enum gs_namespace_state { GS_NAMESPACE_UNUSED = 0, GS_NAMESPACE_ON = 1, GS_NAMESPACE_CLOSING = 2, GS_NAMESPACE_RETIRED = 3 };

struct gs_namespace_cfg {
	char name[GS_RING_NAME_BYTES];		/* written while it is UNUSED */
	_Atomic uint64_t hash;			/* of the name, as of a key of the default namespace */
	_Atomic uint64_t idle_ms;		/* from the last access; GS_DURATION_MAX: max */
	_Atomic uint64_t max_sessions;		/* in all rings together; UINT64_MAX: any number */
	_Atomic uint32_t state;			/* enum gs_namespace_state */
	_Atomic uint32_t uid, gid, mode;	/* of its directory at the mount */
	_Atomic uint32_t recounted;		/* not 0: its count was corrected, and may be wrong since by who stood still meanwhile */
	uint8_t pad[52];
};
_Static_assert(sizeof(struct gs_namespace_cfg) == 2 * GS_LINE_BYTES, "a namespace is two lines");

/* The bit of a name in ns_filter. */
static inline uint64_t
gs_namespace_bit(uint64_t hash)
{
	return UINT64_C(1) << (hash >> 58);
}

/* A role: the users and groups that have it. */
enum { GS_ROLE_KINDS = 5, GS_ROLE_WHO = 16, GS_ROLE_EVERYBODY = 0xffff };

struct gs_role_cfg {
	_Atomic uint16_t n;			/* of id; GS_ROLE_EVERYBODY: everybody has it */
	_Atomic uint16_t groups;		/* bit i: id[i] is a group's, else a user's */
	_Atomic uint32_t id[GS_ROLE_WHO];
};

/* Who may what in a table. Of the two in T.ctl that of the last bit of roles_epoch is in force; the other may be being changed. */
struct gs_roles_cfg {
	_Atomic uint32_t epoch;			/* the roles_epoch at which these came into force; another while they are changed */
	_Atomic uint32_t owner;			/* user of the daemon, who may everything */
	struct gs_role_cfg of[GS_ROLE_KINDS];	/* starter, worker, reader, reaper, operator */
	uint32_t pad;
};
_Static_assert(sizeof(struct gs_roles_cfg) == 352, "roles");

/* What the configuration gives a ring, whatever it may take now. */
struct gs_ring_given {
	_Atomic uint64_t capacity, reserve;	/* sessions */
};

/* What the daemon tells of itself: the figures of an instance that are of no table, see figures.def. */
struct gs_host_told {
	_Atomic uint64_t clients, readers;	/* of now */
	_Atomic uint64_t recovered, liars, sweeps;	/* since it started */
	_Atomic uint32_t n_tables;		/* of the instance */
	_Atomic uint32_t place;			/* of this table among them: the order of its control files */
	uint8_t pad[16];
};
_Static_assert(sizeof(struct gs_host_told) == GS_LINE_BYTES, "what is told of a host is a line");

struct gs_ctl_hdr {
	uint64_t magic;
	uint32_t abi_major, abi_minor;
	uint64_t endian;
	uint8_t uuid[16];			/* in every file of the table */
	uint64_t sip_k0, sip_k1;		/* secret of the index hash */
	uint64_t n_groups;			/* home buckets = 8 * n_groups */
	uint64_t n_buckets;			/* 9 * n_groups + GS_LAST_RESORTS */
	uint64_t max_sessions;
	uint64_t n_tombs;			/* a multiple of GS_TOMB_WAYS */
	uint32_t record_size, key_max;		/* bytes */
	uint32_t n_classes, n_rings;		/* rings that have arenas, used or not */
	uint32_t slot_size[GS_MAX_CLASSES];	/* ascending */
	uint32_t slot_header_bytes, bucket_bytes, ctx_bytes, n_ctx;
	uint64_t max_lifetime_ms;		/* GS_DURATION_MAX: none */
	char table[GS_RING_NAME_BYTES];
	uint64_t clock_base_ms;			/* store time = CLOCK_BOOTTIME + this, modulo 2^64 */
	uint32_t crc;				/* crc32c of all the above */
	uint32_t is_unfinished;			/* 1: sessions of its files on disks are not in the index yet; no table */
	uint8_t pad1[256 - 192];
	/* 100: changes while it runs, written by the daemon */
	_Atomic uint64_t daemon_epoch;		/* one more at each start of a daemon */
	_Atomic uint64_t clock_add_ms;		/* store time = CLOCK_MONOTONIC_COARSE + this */
	_Atomic uint64_t wall_add_ms;		/* wall-clock ms = store time + this, modulo 2^64; moves only when the clock is set */
	_Atomic uint32_t daemon_pid;
	_Atomic uint32_t n_ctx_used;		/* contexts at or above it were never granted */
	_Atomic uint32_t retired;		/* grows when files were made anew: who attached before must detach */
	_Atomic uint32_t drain_epoch;		/* grows when a segment begins to drain: clients let go of slots there */
	_Atomic uint32_t ended;			/* enum gs_ended: what the end of a session by its owner leaves */
	_Atomic uint32_t bell;			/* grows when the daemon has looked at new events: watchers wait here, by futex */
	_Atomic uint32_t max_per_owner;		/* sessions that one owner may have; 0: any number */
	_Atomic uint32_t has_tokens;		/* 1: those of another table hang on sessions of this one */
	_Atomic uint32_t is_tokens;		/* 1: what is put here may hang on a session of another table */
	_Atomic uint32_t roles_epoch;		/* grows when other roles come into force */
	_Atomic uint64_t starter;		/* 0: whoever has the role starts sessions; 1: one process, and none has the lease; else which */
	_Atomic uint32_t settings_epoch;	/* grows when another setting that mounts follow comes into force */
	uint32_t pad2;
	_Atomic uint64_t ns_filter;		/* bits of the names of namespaces: gs_namespace_bit() */
	_Atomic uint64_t syncs;			/* how often what was written to its files on disks was brought there, since the daemon started */
	struct gs_ring_given given[GS_MAX_RINGS];
	_Atomic uint64_t control_epoch;		/* another when what a setting in the control tree says has changed, and at each start of a daemon; 0: not told */
	uint8_t pad3[512 - 488];
	struct gs_host_told host;		/* 200 a line of its own: it changes with each sweep */
	uint8_t pad4[1024 - 576];
	struct gs_ring_cfg ring[GS_MAX_RINGS];
	char store[GS_MAX_RINGS][GS_STORE_BYTES];	/* directory of a ring's arenas; "": that of the table */
	struct gs_ctx_reg reg[GS_MAX_CTX];
	struct gs_quota_cfg quota;
	struct gs_class_cfg session_class[GS_CLASSES];	/* [0] is none, and stays UNUSED */
	struct gs_roles_cfg roles[2];
	struct gs_namespace_cfg ns[GS_NAMESPACES];	/* [0] is the default one, and stays UNUSED */
};
_Static_assert(sizeof(struct gs_ctl_hdr) % GS_PAGE_BYTES == 0, "nothing is mapped behind the file");
_Static_assert(offsetof(struct gs_ctl_hdr, daemon_epoch) == 256, "changing part");
_Static_assert(offsetof(struct gs_ctl_hdr, host) == 512, "host");
_Static_assert(offsetof(struct gs_ctl_hdr, ring) == 1024, "ring table");
_Static_assert(offsetof(struct gs_ctl_hdr, reg) == GS_PAGE_BYTES, "registry");
_Static_assert(offsetof(struct gs_ctl_hdr, ns) % GS_PAGE_BYTES == 0, "namespaces");

#endif

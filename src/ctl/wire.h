/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - the messages on the daemon's Unix socket.
 *
 * SOCK_SEQPACKET, one message per packet, each a struct gs_wire_head and then
 * `len` bytes of body.  A peer that sends anything else is dropped and
 * counted.  Both ends are of one machine, so integers are native.
 *
 *	client				daemon
 *	HELLO   gs_wire_hello	->				(once per connection)
 *				<-	WELCOME gs_wire_welcome + descriptors: T.ctl, T.idx, T.ctx, T.evt, T.R.C...;
 *					of a reader all open for reading only, and in the place of T.ctx
 *					n_ctx pages that are its own
 *	BYE     cookie		->				(its contexts may be granted anew)
 *	REQUEST gs_wire_request	->				(control; a descriptor may come with it, for SET of ctl)
 *				<-	REPLY ... REPLY		(body: a byte, 1 when more follow, and text)
 */
#ifndef GS_CTL_WIRE_H
#define GS_CTL_WIRE_H

#include <stdint.h>

#define GS_WIRE_MAGIC UINT32_C(0x77697367)
#define GS_WIRE_VERSION 1

enum {
	GS_WIRE_PACKET_BYTES = 32768,	/* longest packet, header included */
	GS_WIRE_VALUE_BYTES = 16384,	/* longest value of a control write */
	GS_WIRE_PATH_BYTES = 512,
	GS_WIRE_WAIT_MS = 1000,
	GS_WIRE_MAX_GRANT = 64,		/* contexts in one HELLO */
};

enum gs_wire_type {
	GS_WIRE_HELLO = 1,
	GS_WIRE_WELCOME = 2,
	GS_WIRE_BYE = 3,
	GS_WIRE_REQUEST = 4,
	GS_WIRE_REPLY = 5,
};

struct gs_wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;			/* enum gs_wire_type */
	uint32_t len;			/* bytes that follow */
	int32_t rc;			/* answers: 0 or an enum gs_err */
};
_Static_assert(sizeof(struct gs_wire_head) == 16, "packet head");

/* What a client wants to be; the numbers are those of enum gs_role. */
enum gs_wire_role {
	GS_WIRE_WRITER = 0,		/* what clients asked for before there were roles */
	GS_WIRE_READER = 1,
};

struct gs_wire_hello {
	uint32_t abi_major, abi_minor;
	uint32_t n_ctx;			/* contexts wanted, 1..GS_WIRE_MAX_GRANT */
	uint32_t role;			/* enum gs_wire_role */
	char table[32];
};
_Static_assert(sizeof(struct gs_wire_hello) == 48, "a daemon refuses another length");

struct gs_wire_welcome {
	uint8_t uuid[16];
	uint32_t n_ctx;			/* granted */
	uint32_t arenas;		/* bit ring * 4 + class: a descriptor follows for it */
	uint64_t cookie;
	uint32_t ctx[GS_WIRE_MAX_GRANT];	/* of a writer: their numbers */
	uint64_t process;		/* of a writer: what T.ctl calls its process */
	uint32_t rights;		/* enum gs_right */
	uint32_t pad;
};

enum gs_wire_verb {
	GS_VERB_GET = 1,		/* text of a control file */
	GS_VERB_SET = 2,		/* write to one */
	/*
	 * A directory: lines `d NAME` and `f MODE NAME`, mode in octal; `events` with its size and last revision, a setting with
	 * ` =N`: what it says and this line are the same as long as T.ctl's control_epoch is N.
	 */
	GS_VERB_LIST = 3,
	GS_VERB_STAT = 4,		/* one such line of a path itself */
	GS_VERB_WAIT = 6,		/* as GET of events_pipe, when there are lines behind revision `offset`; without text when there were none for GS_WIRE_WAIT_MS */
	GS_VERB_MAKE = 7,		/* a directory: a ring */
	GS_VERB_REMOVE = 8,		/* one */
	GS_VERB_AUDIT = 5,		/* walk every invariant; rc GS_ECORRUPT when one is broken, text has the report */
	/* Of suspects; the path is the name of a table. The first two are answered when there is something, or when wait_ms are over. */
	GS_VERB_SUSPECTS = 9,		/* value gs_wire_wait; `revision N`, then the lines of control/TABLE/suspects, as soon as N is not offset */
	GS_VERB_LEASE = 10,		/* value gs_wire_lease; lines `id key rate offences held_ms state`, nothing when the time is over */
	GS_VERB_JUDGE = 11,		/* value gs_wire_verdict and a key; a sentence: what was done to whom */
	GS_VERB_REFUSED = 12,		/* from a mount: `as` was refused what `value` says in table `path`, to be counted and told */
	GS_VERB_BE_STARTER = 13,	/* become the one starter of table `path`: the sender, who is attached to it */
	GS_VERB_SAID = 14,		/* from a mount: `as` was refused something in table `path`, and `value` is the sentence for last_error */
};

struct gs_wire_wait {
	uint32_t wait_ms;
};

/* A loan of suspects to the connection that asks. It is over with a verdict, when its time is, or when the connection ends. */
struct gs_wire_lease {
	uint32_t n;			/* at most so many, 1..GS_WIRE_MAX_LEASE */
	uint32_t lease_ms;		/* 1..GS_WIRE_LEASE_MS_MAX */
	uint32_t wait_ms;
	uint32_t min_offences;		/* only those with so many; GS_WIRE_LISTED: with as many as the quota's expel_after */
	uint64_t min_rate_per_h;	/* and only those whose attempts are as many an hour; 0: any */
};

enum { GS_WIRE_MAX_LEASE = 256, GS_WIRE_LEASE_MS_MAX = 3600000, GS_WIRE_WAIT_MS_MAX = 600000 };
#define GS_WIRE_LISTED UINT32_MAX

enum gs_wire_judgement { GS_JUDGE_LEAVE = 1, GS_JUDGE_PARDON = 2, GS_JUDGE_EXPEL = 3 };

/* Over a suspect that was lent, or over whatever session has the key. */
struct gs_wire_verdict {
	uint64_t id;			/* as a loan's line has it; 0: whoever has the key */
	uint32_t what;			/* enum gs_wire_judgement */
	uint32_t quiet_ms;		/* LEAVE: is not lent again for so long, unless it offends anew */
};
_Static_assert(sizeof(struct gs_wire_lease) == 24 && sizeof(struct gs_wire_verdict) == 16, "a daemon refuses other lengths");

struct gs_wire_request {
	uint32_t verb;			/* enum gs_wire_verb */
	uint32_t as_uid;		/* on whose behalf; believed from root and from the daemon's own uid */
	uint32_t as_gid;
	int32_t as_pid;
	uint64_t offset;		/* GET of `events`: from this byte; of `events_pipe`: the lines behind this revision */
	uint32_t path_len, value_len;
	/* path, value */
};

#endif

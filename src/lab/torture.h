/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture.h - kill, stop and check a private store, and count what that cost.
 *
 * The real gsessiond on a private instance, and some processes that work on
 * it, are killed, stopped and started anew at random; every value, every
 * answer and every listing is held against what the processes have written
 * down, outside of the store, of what they were about to do and had done.
 */
#ifndef LAB_TORTURE_H
#define LAB_TORTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TORTURE_SECONDS_MAX = 86400, TORTURE_WHY_BYTES = 512 };

struct torture_options {
	uint64_t seconds;
	uint64_t seed;
	FILE *complain;			/* where each finding is described */
	FILE *progress;			/* a line of counts now and then; NULL: none */
};

/* What was done: {name, sentence}. */
#define TORTURE_COUNT_TABLE(X) \
	X(PUT,		"put") \
	X(ADD,		"add") \
	X(UPDATE,	"update") \
	X(SWAP,		"put if_version") \
	X(DEL,		"del") \
	X(DEL_IF,	"del if_version") \
	X(TOUCH,	"touch") \
	X(SETATTR,	"setattr") \
	X(GET,		"get") \
	X(PEEK,		"peek") \
	X(MULTI_GET,	"multi_get, keys") \
	X(MOVE,		"move") \
	X(SCAN,		"scan") \
	X(REFUSED,	"refused for want of room, or as a suspect") \
	X(GROW,		"ring made larger") \
	X(SHRINK,	"ring made smaller") \
	X(TAKEN,	"segment of memory taken") \
	X(GIVEN_BACK,	"segment given back") \
	X(POLICY,	"policy changed") \
	X(AUDIT,	"audit meanwhile") \
	X(KILL,		"worker killed") \
	X(STOP,		"worker stopped") \
	X(CONT,		"worker continued") \
	X(IN_DOUBT,	"write interrupted by a kill") \
	X(HAPPENED,	"of these, it had happened") \
	X(DAEMON_KILL,	"daemon killed") \
	X(HISTORY,	"history of a contended key checked") \
	X(HISTORY_OP,	"calls in them") \
	X(UNDECIDED,	"history too long to decide")

#define TORTURE_COUNT_ENUM(name, text) TORTURE_##name,
enum torture_count {
	TORTURE_COUNT_TABLE(TORTURE_COUNT_ENUM)
	TORTURE_COUNTS
};
#undef TORTURE_COUNT_ENUM

/* How a finding is counted. */
enum torture_verdict {
	TORTURE_FINE,
	TORTURE_LOST,			/* what was acknowledged is not there, or no order explains the answers */
	TORTURE_TORN,			/* bytes that nobody wrote for this key */
	TORTURE_RESURRECTED,		/* what was ended, or never happened, is there */
	TORTURE_LEAKED,			/* a slot that is nobody's */
	TORTURE_WRONG,			/* anything else that must not be: an unclean audit, a worker that fails */
	TORTURE_VERDICTS
};

struct torture_result {
	uint64_t count[TORTURE_COUNTS];
	uint64_t found[TORTURE_VERDICTS];
	uint64_t sessions;		/* at the end */
	bool was_interrupted;		/* by a signal: what was done until then is checked all the same */
};

/* What is counted, as a line of the table says it. */
const char *torture_count_name(enum torture_count n);
/*
 * Run. Returns 0 when the run came to its end, whatever was found, or an enum gs_err with a sentence in why.
 * Blocks SIGINT, SIGTERM and SIGHUP meanwhile: each ends the run early.
 */
int torture_run(struct torture_result *out, const struct torture_options *o, char why[TORTURE_WHY_BYTES]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reapers.h - the requests about suspects: who may make them, and what each is answered.
 *
 * Some are answered only when there is something to say.  Until then the
 * server keeps them, and asks again many times a second; nobody's thread waits.
 */
#ifndef GS_DAEMON_REAPERS_H
#define GS_DAEMON_REAPERS_H

#include <stdio.h>

#include "daemon/tree.h"

/* A request, its value checked and taken apart. */
struct reapers_ask {
	enum gs_wire_verb verb;		/* SUSPECTS, LEASE or JUDGE */
	size_t table;
	struct manager_caller caller;
	uint64_t holder;		/* the connection: what is lent is lent to it */
	uint64_t revision;		/* of the list that it has seen */
	uint64_t until_ms;		/* CLOCK_MONOTONIC: answered by then with what there is */
	uint64_t look_ms;		/* CLOCK_MONOTONIC: the rates are looked at again then */
	uint32_t quiet_ms, n, lease_ms, min_offences;
	uint64_t min_rate_per_h;
	uint64_t id;
	enum gs_wire_judgement what;
	uint8_t key[GS_KEY_BYTES];
	uint32_t key_len;
};

bool reapers_is_verb(uint32_t verb);

/* May this caller end sessions that are not his, and take suspects to judge? */
bool reapers_may(const struct manager *m, const struct manager_caller *who, size_t table);

/* reapers_answer's: there is nothing to say yet. */
enum { REAPERS_WAITS = TREE_WAITS };

/*
 * Take a request of a connection apart, and answer it. Returns 0; REAPERS_WAITS; GS_ENOENT no such table, GS_EPERM not for this
 * caller, GS_EINVAL and GS_ERANGE a value that cannot be, or as suspects_judge: the sentence goes to `to`. *out is to be
 * freed, or NULL.
 */
int reapers_begin(struct manager *m, const struct tree_request *r, uint64_t holder, struct reapers_ask **out, FILE *to);

/* Answer, text or sentence to `to`. Returns 0, REAPERS_WAITS, or as suspects_judge. */
int reapers_answer(struct manager *m, struct reapers_ask *ask, FILE *to);

/* A connection has ended: what was lent to it comes back. */
void reapers_let_go(struct manager *m, uint64_t holder);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "rights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control.h"

enum { KNOWN = 256, FRESH_MS = 1000 };	/* callers that are remembered, and how long without asking again */

struct known {
	uint32_t uid, gid, table, rights, epoch;
	int32_t pid;			/* 0: nobody */
	uint64_t heard_ms;
};

/* What is the same for all callers of a table. */
struct open_table {
	uint32_t epoch;
	bool is_known, is_open;
};

struct rights {
	pthread_mutex_t lock;		/* guards: all below; not held while the daemon is asked */
	struct open_table tables[MOUNT_TABLES];
	struct known known[KNOWN];
};

struct rights *
rights_new(void)
{
	struct rights *r = calloc(1, sizeof(*r));

	if (r != NULL)
		(void)pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
rights_free(struct rights **r)
{
	if (*r == NULL)
		return;
	(void)pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct known *
place_of(struct rights *r, const struct call *c, uint32_t table)
{
	uint32_t hash = (c->uid * 31 + c->gid) * 31 + (uint32_t)c->pid * 7 + table;

	return &r->known[hash % KNOWN];
}

static bool
is_about(const struct known *k, const struct call *c, uint32_t table)
{
	return k->pid != 0 && k->pid == c->pid && k->uid == c->uid && k->gid == c->gid && k->table == table;
}

/* The words of TABLE/roles/mine. */
static uint32_t
parse(const char *text, bool *is_open)
{
	static const struct {
		const char *role;
		uint32_t right;
	} rows[] = {
		{ "starter", GS_RIGHT_START }, { "worker", GS_RIGHT_WORK }, { "reader", GS_RIGHT_READ }, { "reaper", GS_RIGHT_REAP },
		{ "operator", GS_RIGHT_OPERATE },
	};
	uint32_t rights = 0;

	*is_open = false;
	while (*text != '\0') {
		size_t n = strcspn(text, " \n");

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if (strlen(rows[i].role) == n && memcmp(rows[i].role, text, n) == 0)
				rights |= rows[i].right;
		*is_open = *is_open || (n == 3 && memcmp(text, "all", 3) == 0);
		text += n;
		text += strspn(text, " \n");
	}
	return rights;
}

/* Ask the daemon, and remember. 0 or errno. */
static int
hear(struct call *c, uint32_t table, uint32_t epoch, uint32_t *rights)
{
	struct rights *r = c->m->rights;
	char path[GS_NAME_BYTES + 16], *text;
	bool is_open;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/roles/mine", c->m->tables[table].name);
	rc = control_ask(c, path, &text);
	if (rc != 0)
		return rc;
	*rights = parse(text, &is_open);
	free(text);
	pthread_mutex_lock(&r->lock);
	r->tables[table] = (struct open_table){ .epoch = epoch, .is_known = true, .is_open = is_open };
	*place_of(r, c, table) = (struct known){
		.uid = c->uid, .gid = c->gid, .pid = c->pid, .table = table, .rights = *rights, .epoch = epoch, .heard_ms = now_ms(),
	};
	pthread_mutex_unlock(&r->lock);
	return 0;
}

/* Every session that can be asked for by a caller who has no other role than this. */
static int
rights_of(struct call *c, uint32_t table, uint32_t *rights)
{
	struct rights *r = c->m->rights;
	uint32_t epoch = gs_roles_epoch(c->m->tables[table].gs), operates;
	bool is_open, is_there, is_fresh;
	struct known k;
	int rc;

	pthread_mutex_lock(&r->lock);
	is_open = r->tables[table].is_known && r->tables[table].epoch == epoch && r->tables[table].is_open;
	k = *place_of(r, c, table);
	pthread_mutex_unlock(&r->lock);
	is_there = is_about(&k, c, table);
	is_fresh = is_there && k.epoch == epoch && now_ms() - k.heard_ms < FRESH_MS;
	operates = is_fresh ? k.rights & (GS_RIGHT_OPERATE | GS_RIGHT_REAP) : 0;
	*rights = is_fresh ? k.rights : is_open ? GS_RIGHT_START | GS_RIGHT_WORK | GS_RIGHT_READ | operates : 0;
	if (is_fresh || is_open)
		return 0;
	rc = hear(c, table, epoch, rights);
	if (rc == 0 || !is_there)
		return rc;
	*rights = k.rights;
	return 0;
}

int
rights_have(struct call *c, uint32_t table, uint32_t rights)
{
	uint32_t has;
	int rc;

	if (c->is_operator)
		return 0;
	rc = rights_of(c, table, &has);
	if (rc == 0 && (has & rights) == 0)
		rc = EPERM;
	return rc;
}

int
rights_check(struct call *c, uint32_t table, uint32_t rights, const char *what)
{
	int rc = rights_have(c, table, rights);

	if (rc == EPERM)
		control_tell_refusal(c, c->m->tables[table].name, what);
	return rc;
}

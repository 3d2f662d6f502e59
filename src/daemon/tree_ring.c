/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include <string.h>

#include "base/text.h"
#include "daemon/events.h"
#include "daemon/rings.h"
#include "daemon/roles.h"

static int
refuse_caller(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	roles_refused(p->m, p->table, &r->caller, "ring");
	(void)fprintf(to, "uid %u may neither make nor remove a ring", r->caller.uid);
	return GS_EPERM;
}

static void
tell(const struct tree_place *p, const char *what, const char *ring, const struct tree_request *r)
{
	events_add(p->m->events, what, "table=%s ring=%s uid=%u pid=%d", p->m->conf.tables[p->table].name, ring, r->caller.uid,
	    (int)r->caller.pid);
}

int
tree_ring_make(const struct tree_place *p, const char *name, const struct tree_request *r, FILE *to)
{
	char why[GS_CONF_WHY_BYTES] = "";
	int rc;

	if (!roles_may_operate(p->m, &p->table, &r->caller))
		return refuse_caller(p, r, to);
	rc = rings_make(p->m, p->table, name, why);
	(void)fputs(why, to);
	if (rc == 0)
		tell(p, "ring_added", name, r);
	return rc;
}

int
tree_ring_remove(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	char why[GS_CONF_WHY_BYTES] = "", name[GS_CONF_NAME_BYTES];
	int rc;

	if (p->dir != TREE_RING || p->file != NULL || p->option != NULL) {
		(void)fputs(p->dir == TREE_CLASS ? "a class stays, as sessions may be of it: echo max > ttl and > idle takes its limits away" :
		    "only a ring or a namespace can be removed", to);
		return GS_EPERM;
	}
	if (!roles_may_operate(p->m, &p->table, &r->caller))
		return refuse_caller(p, r, to);
	memcpy(name, p->m->conf.tables[p->table].rings[p->ring].name, sizeof(name));
	rc = rings_remove(p->m, p->table, p->ring, why);
	(void)fputs(why, to);
	if (rc == 0)
		tell(p, "ring_removed", name, r);
	return rc;
}

bool
tree_ring_is_counting(const struct tree_place *p)
{
	return p->option->section == GS_CONF_IN_RING && strcmp(p->option->key, "state") == 0 &&
	    p->m->conf.tables[p->table].rings[p->ring].state == GS_CONF_STATE_DRAINING;
}

void
tree_ring_state_left(const struct tree_place *p, FILE *to)
{
	if (tree_ring_is_counting(p))
		(void)fprintf(to, " %llu", (unsigned long long)rings_population(p->m, p->table, p->m->conf.tables[p->table].rings[p->ring].name));
}

/* ---- preview ---- */

static uint32_t
ring_id(const struct tree_place *p)
{
	return gs_table_ring(p->m->tables[p->table].shm, p->m->conf.tables[p->table].rings[p->ring].name);
}

static void
begin(const struct tree_place *p, uint32_t id, const struct gs_conf_ring *law)
{
	struct manager_table *mt = &p->m->tables[p->table];
	const struct gs_survey survey = {
		.ring = id, .ttl_ms = law->ttl_ms, .half_life_ms = law->half_life_ms, .now_ms = gs_table_now_ms(mt->shm),
	};

	preview_begin(&mt->preview[id], mt->shm, &survey);
}

/* Where the sessions of a ring go when they leave it. */
static const char *
leads_to(const struct gs_conf_table *t, size_t ring)
{
	return ring < gs_conf_chain(t) || t->rings[ring].is_suspect ? t->rings[ring].decay_to : t->rings[gs_conf_drains_to(t, ring)].name;
}

void
tree_ring_preview(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct gs_conf_table *t = &p->m->conf.tables[p->table];
	struct manager_table *mt = &p->m->tables[p->table];
	uint32_t id = ring_id(p);
	char text[GS_TEXT_DURATION_BYTES];
	const struct preview *v;

	(void)offset;
	if (id == GS_RING_NONE)
		return;
	v = &mt->preview[id];
	if (!v->is_asked)
		begin(p, id, &t->rings[p->ring]);
	(void)fprintf(to, "ttl %s\n", gs_text_print_duration(text, v->survey.ttl_ms));
	(void)fprintf(to, "half_life %s\n", gs_text_print_duration(text, v->survey.half_life_ms));
	(void)fprintf(to, "sessions %llu\nmoving %llu\nto %s\nlooked_at %u%%\n", (unsigned long long)v->survey.sessions,
	    (unsigned long long)v->survey.leaving, leads_to(t, p->ring), preview_percent(v, mt->shm));
}

/* The next word of a line, or NULL. */
static char *
next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");

	if (*word == '\0')
		return NULL;
	*at = word + strcspn(word, " \t");
	if (**at != '\0')
		*(*at)++ = '\0';
	return word;
}

/* One `key value`; what a preview says beside its law may be written back, and is not looked at. */
static int
take_word(struct gs_conf_ring *law, const char *key, const char *value, char why[GS_CONF_WHY_BYTES])
{
	static const char *const said[] = { "sessions", "moving", "to", "looked_at" };

	if (value != NULL && (strcmp(key, "ttl") == 0 || strcmp(key, "half_life") == 0))
		return gs_conf_set(gs_conf_find(GS_CONF_IN_RING, key), law, value, why);
	for (size_t i = 0; value != NULL && i < sizeof(said) / sizeof(said[0]); i++)
		if (strcmp(key, said[i]) == 0)
			return 0;
	return gs_conf_refuse(GS_EINVAL, why, "\"%.64s\": ttl T, half_life T, or both", key);
}

static int
take_line(struct gs_conf_ring *law, char *line, int *n_words, char why[GS_CONF_WHY_BYTES])
{
	char *at = line, *key;
	int rc = 0;

	while (rc == 0 && (key = next_word(&at)) != NULL) {
		rc = take_word(law, key, next_word(&at), why);
		(*n_words)++;
	}
	return rc;
}

int
tree_ring_set_preview(const struct tree_place *p, const struct tree_request *r, FILE *to)
{
	struct gs_conf_ring law = p->m->conf.tables[p->table].rings[p->ring];
	struct tree_lines l = tree_set_lines(r);
	char why[GS_CONF_WHY_BYTES] = "";
	uint32_t id = ring_id(p);
	int rc, n_words = 0;

	while ((rc = tree_set_next_line(&l, to)) > 0) {
		rc = take_line(&law, l.line, &n_words, why);
		if (rc < 0) {
			(void)fputs(why, to);
			return rc;
		}
	}
	if (rc < 0)
		return rc;
	if (n_words == 0 || id == GS_RING_NONE) {
		(void)fputs("nothing was written: ttl T, half_life T, or both are expected", to);
		return GS_EINVAL;
	}
	begin(p, id, &law);
	return 0;
}

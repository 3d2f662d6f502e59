/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/tree_impl.h"

#include "daemon/figures.h"

static struct figure_place
place_of(const struct tree_place *p)
{
	return (struct figure_place){ .m = p->m, .table = p->table, .ring = p->ring };
}

static void
print_u64(FILE *to, const char *name, uint64_t n)
{
	(void)fprintf(to, "%s %llu\n", name, (unsigned long long)n);
}

/* All figures of a kind of thing, at one place. */
static void
print_all(enum figures_of of, const struct figure_place *at, FILE *to)
{
	const struct figure *f;

	if (!figures_are_there(of, at))
		return;
	for (f = figures; f->name != NULL; f++)
		if (f->of == of)
			print_u64(to, f->name, figures_value(f, at));
}

void
tree_stats_total(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct figure_place at = place_of(p);
	const struct figure *f;

	(void)offset;
	for (f = figures; f->name != NULL; f++)
		if (f->of == FIGURE_OF_COUNTER)
			print_u64(to, f->name, figures_sum(f, p->m));
	print_all(FIGURE_OF_HOST, &at, to);
}

void
tree_stats_table(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct figure_place at = place_of(p);

	(void)offset;
	print_all(FIGURE_OF_COUNTER, &at, to);
	print_all(FIGURE_OF_TABLE, &at, to);
}

static void
print_slots(struct figure_place at, FILE *to)
{
	const struct figure *f;
	char name[64];

	for (at.slots = 0; at.slots < GS_MAX_CLASSES; at.slots++) {
		if (!figures_are_there(FIGURE_OF_SLOTS, &at))
			continue;
		for (f = figures; f->name != NULL; f++) {
			if (f->of != FIGURE_OF_SLOTS)
				continue;
			(void)snprintf(name, sizeof(name), "%s_%u", f->name, figures_slot_size(&at));
			print_u64(to, name, figures_value(f, &at));
		}
	}
}

void
tree_stats_ring(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct figure_place at = place_of(p);

	(void)offset;
	print_all(FIGURE_OF_RING, &at, to);
	print_slots(at, to);
	print_all(FIGURE_OF_STORE, &at, to);
}

void
tree_stats_count(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct figure_place at = place_of(p);

	(void)offset;
	(void)fprintf(to, "%llu\n", (unsigned long long)figures_population(&at));
}

/* ---- metrics ---- */

/* Names of rings and tables, see gs_name_is_valid(), need no escapes. */
static void
print_sample(const struct figure *f, const struct figure_place *at, FILE *to)
{
	const struct gs_conf_table *t = &at->m->conf.tables[at->table];

	(void)fprintf(to, "gsession_%s%s", f->metric, f->kind == FIGURE_TOTAL ? "_total" : "");
	if (f->of != FIGURE_OF_HOST)
		(void)fprintf(to, "{table=\"%s\"", t->name);
	if (f->of >= FIGURE_OF_RING)
		(void)fprintf(to, ",ring=\"%s\"", t->rings[at->ring].name);
	if (f->of == FIGURE_OF_SLOTS)
		(void)fprintf(to, ",slot_size=\"%u\"", figures_slot_size(at));
	(void)fprintf(to, "%s %llu\n", f->of != FIGURE_OF_HOST ? "}" : "", (unsigned long long)figures_value(f, at));
}

/* The figure of each thing that has it. */
static void
print_samples(const struct figure *f, const struct manager *m, FILE *to)
{
	size_t n_tables = f->of == FIGURE_OF_HOST ? 1 : m->conf.n_tables, n_rings;
	uint32_t n_slots = f->of == FIGURE_OF_SLOTS ? GS_MAX_CLASSES : 1;
	struct figure_place at = { .m = m };

	for (at.table = 0; at.table < n_tables; at.table++) {
		n_rings = f->of >= FIGURE_OF_RING ? m->conf.tables[at.table].n_rings : 1;
		for (at.ring = 0; at.ring < n_rings; at.ring++)
			for (at.slots = 0; at.slots < n_slots; at.slots++)
				if (figures_are_there(f->of, &at))
					print_sample(f, &at, to);
	}
}

void
tree_stats_metrics(const struct tree_place *p, uint64_t offset, FILE *to)
{
	const struct figure *f;

	(void)offset;
	for (f = figures; f->name != NULL; f++) {
		(void)fprintf(to, "# TYPE gsession_%s %s\n", f->metric, f->kind == FIGURE_TOTAL ? "counter" : "gauge");
		if (f->unit[0] != '\0')
			(void)fprintf(to, "# UNIT gsession_%s %s\n", f->metric, f->unit);
		(void)fprintf(to, "# HELP gsession_%s %s.\n", f->metric, f->text);
		print_samples(f, p->m, to);
	}
	(void)fputs("# EOF\n", to);
}

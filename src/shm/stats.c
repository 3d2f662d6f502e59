/* SPDX-License-Identifier: BSD-2-Clause */
#include "shm/stats.h"

#include <string.h>

#include "shm/ctx.h"
#include "shm/slots.h"
#include "shm/store.h"

/* What a figure is about: that decides how many of it there are. */
enum figure_of { OF_HOST, OF_COUNTER, OF_TABLE, OF_RING, OF_SLOTS, OF_STORE };

/* A text and its length, known when this is compiled. */
struct words {
	const char *text;
	size_t len;
};
#define WORDS(text) { text, sizeof(text) - 1 }

struct figure {
	enum figure_of of;
	int id;				/* enum gs_figure or enum gs_counter */
	struct words name;		/* in stats; that of slots has their size behind it */
	struct words type, help, sample;	/* in metrics */
	struct words unit;		/* the same, as far as it has one */
};

#define TYPE_OF_TOTAL "counter"
#define TYPE_OF_GAUGE "gauge"
#define TYPE_OF_LONGEST "gauge"
#define SUFFIX_OF_TOTAL "_total"
#define SUFFIX_OF_GAUGE ""
#define SUFFIX_OF_LONGEST ""
#define UNIT_OF(metric, unit) { "# UNIT gsession_" metric " " unit "\n", sizeof(unit) == 1 ? 0 : sizeof("# UNIT gsession_" metric " " unit "\n") - 1 }
#define ROW(of, id, name, metric, kind, unit, text) { of, id, WORDS(name), WORDS("# TYPE gsession_" metric " " TYPE_OF_##kind "\n"), \
	WORDS("# HELP gsession_" metric " " text ".\n"), WORDS("gsession_" metric SUFFIX_OF_##kind), UNIT_OF(metric, unit) },

/* Of a counter. */
#define METRIC_OF_TOTAL(name) #name
#define METRIC_OF_LONGEST(name) #name "_bytes"
#define COUNTER_UNIT_OF_TOTAL ""
#define COUNTER_UNIT_OF_LONGEST "bytes"

/* In the order of stats: counters first. */
static const struct figure figures[] = {
#define COUNTER(symbol, name, kind, text) ROW(OF_COUNTER, GS_COUNT_##symbol, #name, METRIC_OF_##kind(name), kind, COUNTER_UNIT_OF_##kind, text)
#include "base/counters.def"
#undef COUNTER
#define FIGURE(of, symbol, name, metric, kind, unit, text) ROW(OF_##of, GS_FIGURE_##symbol, #name, metric, kind, unit, text)
#include "shm/figures.def"
#undef FIGURE
};

enum { ROWS = sizeof(figures) / sizeof(figures[0]) };

/* ---- numbers ---- */

uint64_t
gs_stats_population(const struct gs_table *t, uint32_t ring)
{
	int64_t n = atomic_load_explicit(&t->idx->population[ring].n, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

/* Of the slots of one class; returns the bytes that have memory. */
static uint64_t
look_at_slots(const struct gs_arena *a, struct gs_figures *out)
{
	out->of[GS_FIGURE_SLOTS] = a->n_slots;
	out->of[GS_FIGURE_SLOTS_COMMITTED] = gs_slots_count_committed(a);
	return out->of[GS_FIGURE_SLOTS_COMMITTED] * a->slot_size;
}

/* All but the name. */
static void
look_at_ring(const struct gs_table *t, uint32_t ring, struct gs_stats_ring *out)
{
	const struct gs_counter_line *line = &t->idx->population[ring];
	uint64_t *of = out->value.of;

	out->is_store = t->ctl->store[ring][0] != '\0';
	of[GS_FIGURE_COUNT] = gs_stats_population(t, ring);
	of[GS_FIGURE_CAPACITY] = atomic_load_explicit(&t->ctl->given[ring].capacity, memory_order_relaxed);
	of[GS_FIGURE_RESERVE] = atomic_load_explicit(&t->ctl->given[ring].reserve, memory_order_relaxed);
	of[GS_FIGURE_OPEN] = atomic_load_explicit(&t->ctl->ring[ring].is_open, memory_order_relaxed);
	of[GS_FIGURE_EVICTED] = atomic_load_explicit(&line->evicted, memory_order_relaxed);
	of[GS_FIGURE_DROPPED] = atomic_load_explicit(&line->dropped, memory_order_relaxed);
	of[GS_FIGURE_RING_COMMITTED] = 0;
	of[GS_FIGURE_WAITING] = 0;
	of[GS_FIGURE_SYNCS] = atomic_load_explicit(&t->ctl->syncs, memory_order_relaxed);
	for (uint32_t i = 0; i < GS_MAX_CLASSES; i++) {
		const struct gs_arena *a = &t->arena[ring * GS_MAX_CLASSES + i];
		bool is_there = i < t->n_classes && gs_table_has(t, a);

		out->slots[i].slot_size = is_there ? a->slot_size : 0;
		if (!is_there)
			continue;
		of[GS_FIGURE_RING_COMMITTED] += look_at_slots(a, &out->slots[i].value);
		of[GS_FIGURE_WAITING] += gs_store_waiting(a);
	}
}

static uint64_t
committed_bytes(const struct gs_table *t, uint32_t ring)
{
	struct gs_figures unused;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < t->n_classes; i++)
		if (gs_table_has(t, &t->arena[ring * GS_MAX_CLASSES + i]))
			bytes += look_at_slots(&t->arena[ring * GS_MAX_CLASSES + i], &unused);
	return bytes;
}

/* Over all rings of the memory, be they in the configuration or not; seen: bit per ring whose bytes are in seen_bytes. */
static void
look_at_table(const struct gs_table *t, uint32_t seen, uint64_t seen_bytes, struct gs_figures *out)
{
	uint64_t sessions = 0, bytes = seen_bytes;

	for (uint32_t ring = 0; ring < t->n_rings; ring++) {
		sessions += gs_stats_population(t, ring);
		bytes += (seen >> ring & 1) != 0 ? 0 : committed_bytes(t, ring);
	}
	out->of[GS_FIGURE_SESSIONS] = sessions;
	out->of[GS_FIGURE_COMMITTED] = bytes;
}

/* Names of rings and tables, see gs_name_is_valid(), need no escapes. */
static void
make_label(struct gs_stats_label *out, const char *table, const char *ring)
{
	struct gs_append a = { .out = out->text, .cap = sizeof(out->text) };

	gs_append_text(&a, "{table=\"");
	gs_append_text(&a, table);
	if (ring != NULL) {
		gs_append_text(&a, "\",ring=\"");
		gs_append_text(&a, ring);
	}
	out->len = gs_min_u64(a.len, a.cap);
}

void
gs_stats_look(const struct gs_table *t, struct gs_stats_table *out)
{
	uint32_t ids[GS_MAX_RINGS], n = gs_table_rings(t, ids), seen = 0;
	uint64_t bytes = 0;

	make_label(&out->label, t->name, NULL);
	memset(out->count, 0, sizeof(out->count));
	gs_ctx_add_totals(t, out->count);
	out->n_rings = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct gs_stats_ring *r = &out->ring[out->n_rings];

		/* It may have gone meanwhile. */
		if (!gs_table_ring_name(t, ids[i], r->name))
			continue;
		make_label(&r->label, t->name, r->name);
		look_at_ring(t, ids[i], r);
		seen |= UINT32_C(1) << ids[i];
		bytes += r->value.of[GS_FIGURE_RING_COMMITTED];
		out->n_rings++;
	}
	look_at_table(t, seen, bytes, &out->value);
}

void
gs_stats_host(const struct gs_table *t, struct gs_figures *out)
{
	const struct gs_host_told *told = &t->ctl->host;

	out->of[GS_FIGURE_CLIENTS] = atomic_load_explicit(&told->clients, memory_order_relaxed);
	out->of[GS_FIGURE_READERS] = atomic_load_explicit(&told->readers, memory_order_relaxed);
	out->of[GS_FIGURE_RECOVERED] = atomic_load_explicit(&told->recovered, memory_order_relaxed);
	out->of[GS_FIGURE_LIARS] = atomic_load_explicit(&told->liars, memory_order_relaxed);
	out->of[GS_FIGURE_SWEEPS] = atomic_load_explicit(&told->sweeps, memory_order_relaxed);
}

/* ---- stats ---- */

static void
print_words(const struct words *w, struct gs_append *to)
{
	gs_append_bytes(to, w->text, w->len);
}

static void
print_value(const char *before, uint64_t n, struct gs_append *to)
{
	gs_append_text(to, before);
	gs_append_u64(to, n);
	gs_append_bytes(to, "\n", 1);
}

static void
print_counts(const uint64_t count[GS_COUNTERS], struct gs_append *to)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (figures[i].of != OF_COUNTER)
			continue;
		print_words(&figures[i].name, to);
		print_value(" ", count[figures[i].id], to);
	}
}

/* All figures of a kind of thing. */
static void
print_figures(enum figure_of of, const struct gs_figures *value, struct gs_append *to)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (figures[i].of != of)
			continue;
		print_words(&figures[i].name, to);
		print_value(" ", value->of[figures[i].id], to);
	}
}

static void
print_slots(uint32_t slot_size, const struct gs_figures *value, struct gs_append *to)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (figures[i].of != OF_SLOTS)
			continue;
		print_words(&figures[i].name, to);
		gs_append_bytes(to, "_", 1);
		gs_append_u64(to, slot_size);
		print_value(" ", value->of[figures[i].id], to);
	}
}

void
gs_stats_print_table(const struct gs_table *t, struct gs_append *to)
{
	uint64_t count[GS_COUNTERS] = { 0 };
	struct gs_figures value;

	gs_ctx_add_totals(t, count);
	look_at_table(t, 0, 0, &value);
	print_counts(count, to);
	print_figures(OF_TABLE, &value, to);
}

void
gs_stats_print_ring(const struct gs_table *t, uint32_t ring, struct gs_append *to)
{
	struct gs_stats_ring r;

	look_at_ring(t, ring, &r);
	print_figures(OF_RING, &r.value, to);
	for (uint32_t i = 0; i < GS_MAX_CLASSES; i++)
		if (r.slots[i].slot_size != 0)
			print_slots(r.slots[i].slot_size, &r.slots[i].value, to);
	if (r.is_store)
		print_figures(OF_STORE, &r.value, to);
}

void
gs_stats_print_total(const struct gs_table *const *t, size_t n, const struct gs_figures *host, struct gs_append *to)
{
	uint64_t count[GS_COUNTERS] = { 0 };

	for (size_t i = 0; i < n; i++)
		gs_ctx_add_totals(t[i], count);
	print_counts(count, to);
	print_figures(OF_HOST, host, to);
}

/* ---- metrics ---- */

/* One of a table, a ring, or, where slot_size is not 0, of slots. */
static void
print_sample(const struct figure *f, const struct gs_stats_label *label, uint32_t slot_size, uint64_t value, struct gs_append *to)
{
	print_words(&f->sample, to);
	gs_append_bytes(to, label->text, label->len);
	if (slot_size != 0) {
		gs_append_text(to, "\",slot_size=\"");
		gs_append_u64(to, slot_size);
	}
	print_value("\"} ", value, to);
}

/* The figure of a ring, or of its slots. */
static void
print_samples_of_ring(const struct figure *f, const struct gs_stats_ring *r, struct gs_append *to)
{
	if (f->of == OF_RING || (f->of == OF_STORE && r->is_store))
		print_sample(f, &r->label, 0, r->value.of[f->id], to);
	for (uint32_t i = 0; f->of == OF_SLOTS && i < GS_MAX_CLASSES; i++)
		if (r->slots[i].slot_size != 0)
			print_sample(f, &r->label, r->slots[i].slot_size, r->slots[i].value.of[f->id], to);
}

static void
print_samples_of_table(const struct figure *f, const struct gs_stats_table *t, struct gs_append *to)
{
	bool is_of_table = f->of == OF_COUNTER || f->of == OF_TABLE;

	if (is_of_table)
		print_sample(f, &t->label, 0, f->of == OF_COUNTER ? t->count[f->id] : t->value.of[f->id], to);
	for (uint32_t i = 0; !is_of_table && i < t->n_rings; i++)
		print_samples_of_ring(f, &t->ring[i], to);
}

void
gs_stats_print_metrics(const struct gs_stats_table *t, size_t n, const struct gs_figures *host, struct gs_append *to)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct figure *f = &figures[i];

		print_words(&f->type, to);
		print_words(&f->unit, to);
		print_words(&f->help, to);
		if (f->of == OF_HOST) {
			print_words(&f->sample, to);
			print_value(" ", host->of[f->id], to);
			continue;
		}
		for (size_t at = 0; at < n; at++)
			print_samples_of_table(f, &t[at], to);
	}
	gs_append_text(to, "# EOF\n");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - the numbers of tables and of their rings, and the text that shows them.
 *
 * What they are called is a row: of counters in base/counters.def, of the
 * others in figures.def.  All of it is read from the memory, so that whoever
 * has mapped that need not ask; each number is of a moment of its own.
 */
#ifndef GS_SHM_STATS_H
#define GS_SHM_STATS_H

#include "base/append.h"
#include "base/counters.h"
#include "shm/table.h"

#define FIGURE(of, symbol, name, metric, kind, unit, text) GS_FIGURE_##symbol,
enum gs_figure {
#include "shm/figures.def"
	GS_FIGURES
};
#undef FIGURE

/* By enum gs_figure; those that are not about the thing at hand are not looked at. */
struct gs_figures {
	uint64_t of[GS_FIGURES];
};

/* What stands behind the name of a sample, but for what closes it. */
struct gs_stats_label {
	char text[sizeof("{table=\"\",ring=\"") + 2 * GS_RING_NAME_BYTES];
	size_t len;
};

struct gs_stats_ring {
	char name[GS_RING_NAME_BYTES];
	struct gs_stats_label label;
	bool is_store;				/* it lies on a disk */
	struct gs_figures value;
	struct {
		uint32_t slot_size;		/* bytes; 0: there are none of this class */
		struct gs_figures value;
	} slots[GS_MAX_CLASSES];
};

struct gs_stats_table {
	struct gs_stats_label label;
	uint64_t count[GS_COUNTERS];
	struct gs_figures value;
	uint32_t n_rings;
	struct gs_stats_ring ring[GS_MAX_RINGS];	/* innermost first */
};

/*
 * gs_stats_look - all numbers of a table at once.
 *
 * T.ctx must be mapped.  Cost: 12 lines of the cache for each context that was ever granted, and a word for each segment that was ever used.
 */
void gs_stats_look(const struct gs_table *t, struct gs_stats_table *out);

/* Sessions in a ring. */
uint64_t gs_stats_population(const struct gs_table *t, uint32_t ring);

/* What the daemon tells of itself, as it is in a table's memory. */
void gs_stats_host(const struct gs_table *t, struct gs_figures *out);

/* The lines `name value` of a table; T.ctx must be mapped. */
void gs_stats_print_table(const struct gs_table *t, struct gs_append *to);
/* Those of a ring. */
void gs_stats_print_ring(const struct gs_table *t, uint32_t ring, struct gs_append *to);
/* The counters of n tables together, then what is of none. */
void gs_stats_print_total(const struct gs_table *const *t, size_t n, const struct gs_figures *host, struct gs_append *to);
/* All of it as OpenMetrics text. */
void gs_stats_print_metrics(const struct gs_stats_table *t, size_t n, const struct gs_figures *host, struct gs_append *to);

#endif

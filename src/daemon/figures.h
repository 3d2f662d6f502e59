/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * figures.h - the numbers that `stats` and `metrics` show.
 */
#ifndef GS_DAEMON_FIGURES_H
#define GS_DAEMON_FIGURES_H

#include "daemon/manager.h"

/* What a figure is about: that decides how many of it there are. */
enum figures_of {
	FIGURE_OF_HOST,			/* the daemon */
	FIGURE_OF_COUNTER,		/* a table; id is an enum gs_counter */
	FIGURE_OF_TABLE,
	FIGURE_OF_RING,
	FIGURE_OF_SLOTS,		/* the slots of one size in a ring */
	FIGURE_OF_STORE,		/* a ring on a disk */
};

enum figures_kind { FIGURE_TOTAL, FIGURE_GAUGE, FIGURE_LONGEST };

#define FIGURE(of, symbol, name, metric, kind, unit, text) FIGURE_##symbol,
enum figures_id {
#include "daemon/figures.def"
	FIGURES_IDS
};
#undef FIGURE

struct figure {
	enum figures_of of;
	int id;				/* enum figures_id or enum gs_counter */
	const char *name;		/* in stats; that of slots has their size behind it */
	const char *metric;		/* in metrics */
	enum figures_kind kind;
	const char *unit;		/* "", or what the metric's name ends with */
	const char *text;
};

/* All of them, in the order of stats; name NULL ends it. */
extern const struct figure figures[];

/* Whose figure is wanted; what a figure is not about is not looked at. */
struct figure_place {
	const struct manager *m;
	size_t table, ring;		/* indices into m->conf */
	uint32_t slots;			/* a class of slots */
};

/* Is there such a thing there? A ring that is off may have no memory, an arena no slots of that size, a ring no disk. */
bool figures_are_there(enum figures_of of, const struct figure_place *at);
/* Bytes of a slot of the class at a place that has it. */
uint32_t figures_slot_size(const struct figure_place *at);
/* Sessions in the ring, 0 in one that is not there. */
uint64_t figures_population(const struct figure_place *at);
uint64_t figures_value(const struct figure *f, const struct figure_place *at);
/* Of all tables together, of a figure of one. */
uint64_t figures_sum(const struct figure *f, const struct manager *m);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.h - the numbers of the counters in counters.def.
 */
#ifndef GS_BASE_COUNTERS_H
#define GS_BASE_COUNTERS_H

#define COUNTER(symbol, name, kind, text) GS_COUNT_##symbol,
enum gs_counter {
#include "base/counters.def"
	GS_COUNTERS
};
#undef COUNTER

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/deadlines.h"

#include <stdlib.h>

#include "gsession.h"

static bool
is_before(const struct deadlines_item *a, const struct deadlines_item *b)
{
	return a->when_ms < b->when_ms || (a->when_ms == b->when_ms && a->id < b->id);
}

static int
heap_push(struct deadlines *d, struct deadlines_item item)
{
	size_t at, up;

	if (d->n_heap == d->cap_heap) {
		size_t cap = d->cap_heap == 0 ? 64 : d->cap_heap * 2;
		struct deadlines_item *heap = reallocarray(d->heap, cap, sizeof(*heap));

		if (heap == NULL)
			return GS_ENOMEM;
		d->heap = heap;
		d->cap_heap = cap;
	}
	for (at = d->n_heap++; at > 0; at = up) {
		up = (at - 1) / 2;
		if (!is_before(&item, &d->heap[up]))
			break;
		d->heap[at] = d->heap[up];
	}
	d->heap[at] = item;
	return GS_OK;
}

/* Drop the top: sift the last item down from there. */
static void
heap_pop(struct deadlines *d)
{
	struct deadlines_item item = d->heap[--d->n_heap];
	size_t at = 0, down;

	for (; (down = 2 * at + 1) < d->n_heap; at = down) {
		if (down + 1 < d->n_heap && is_before(&d->heap[down + 1], &d->heap[down]))
			down++;
		if (!is_before(&d->heap[down], &item))
			break;
		d->heap[at] = d->heap[down];
	}
	d->heap[at] = item;
}

static int
make_state(struct deadlines *d, uint32_t id)
{
	struct deadlines_state *states;
	size_t n = d->n_states == 0 ? 64 : d->n_states;

	while (n <= id)
		n *= 2;
	states = reallocarray(d->states, n, sizeof(*states));
	if (states == NULL)
		return GS_ENOMEM;
	d->states = states;
	for (; d->n_states < n; d->n_states++)
		states[d->n_states] = (struct deadlines_state){ DEADLINES_NONE, DEADLINES_NONE };
	return GS_OK;
}

int
deadlines_set(struct deadlines *d, uint32_t id, uint64_t when_ms)
{
	struct deadlines_state *s;
	int rc;

	if (id >= d->n_states && (rc = make_state(d, id)) < 0)
		return rc;
	s = &d->states[id];
	s->when_ms = when_ms;
	if (when_ms >= s->queued_ms)
		return GS_OK;
	s->queued_ms = when_ms;
	return heap_push(d, (struct deadlines_item){ when_ms, id });
}

int
deadlines_next(struct deadlines *d, uint64_t until_ms, struct deadlines_item *out)
{
	struct deadlines_state *s;
	int rc;

	while (d->n_heap > 0 && d->heap[0].when_ms <= until_ms) {
		*out = d->heap[0];
		heap_pop(d);
		s = &d->states[out->id];
		if (s->queued_ms != out->when_ms)
			continue;
		s->queued_ms = DEADLINES_NONE;
		if (s->when_ms == out->when_ms) {
			s->when_ms = DEADLINES_NONE;
			return 1;
		}
		rc = deadlines_set(d, out->id, s->when_ms);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void
deadlines_fini(struct deadlines *d)
{
	free(d->heap);
	free(d->states);
	*d = (struct deadlines){ 0 };
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lib/handle.h"

int
gs_rotate(struct gs *gs, const void *old_key, size_t old_len, const void *new_key, size_t new_len, uint64_t grace_ms)
{
	struct gs_rotation r = { .grace_ms = grace_ms, .wall_ns = gs_clock_wall_ns() };
	struct gs_key from, to;
	struct gs_lease *l;
	int rc = gs_handle_may(gs, GS_RIGHT_START, old_key, old_len);

	if (rc == 0)
		rc = gs_handle_key(gs, &from, old_key, old_len);
	if (rc == 0)
		rc = gs_handle_key(gs, &to, new_key, new_len);
	if (rc < 0)
		return rc;
	if (grace_ms > UINT32_MAX)
		return GS_ERANGE;
	if (old_len == new_len && memcmp(old_key, new_key, old_len) == 0)
		return GS_EINVAL;
	r.from = &from;
	r.to = &to;
	r.buf = malloc(gs->t->record_size);
	if (r.buf == NULL)
		return GS_ENOMEM;
	rc = gs_handle_enter(gs, &l);
	if (rc == 0) {
		rc = gs_kv_rotate(gs->t, &l->ctx, gs_table_now_ms(gs->t), &r);
		gs_handle_leave(l);
	}
	free(r.buf);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/promote.h"

#include "policy/decay.h"

bool
gs_promote_is_second(const struct gs_promote_case *c)
{
	return gs_decay_leaves_ms(c->last_ms, c->interest, c->ttl_ms, c->half_life_ms) >= c->now_ms;
}

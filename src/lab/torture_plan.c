/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/torture_plan.h"

#include <string.h>

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t
torture_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*state);
}

uint64_t
torture_seed(uint64_t seed, uint64_t a, uint64_t b)
{
	return mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ mix(a << 32 | b));
}

static uint64_t
pause_us(struct torture_plan *p)
{
	return TORTURE_STEP_MIN_US + torture_random(&p->random) % (TORTURE_STEP_MAX_US - TORTURE_STEP_MIN_US + 1);
}

void
torture_plan_init(struct torture_plan *p, uint64_t seed, uint32_t n_workers)
{
	*p = (struct torture_plan){ .random = torture_seed(seed, 0, 0), .n_workers = n_workers };
	p->worker_us = pause_us(p);
	p->daemon_us = p->second_us = TORTURE_DAEMON_US;
}

static void
next_of_daemon(struct torture_plan *p, struct torture_step *out)
{
	*out = (struct torture_step){ .at_us = p->daemon_us, .deed = TORTURE_DO_KILL_DAEMON };
	if (torture_random(&p->random) % 4 == 0) {
		p->daemon_us += 1 + torture_random(&p->random) % TORTURE_DAEMON_AGAIN_US;
		return;
	}
	p->second_us += TORTURE_DAEMON_US;
	if (p->second_us <= p->daemon_us)
		p->second_us = p->daemon_us + TORTURE_DAEMON_US;
	p->daemon_us = p->second_us;
}

void
torture_plan_next(struct torture_plan *p, struct torture_step *out)
{
	/* Who is stopped is continued or killed: as many deeds end a stop as begin one. */
	static const enum torture_deed deeds[] = {
		TORTURE_DO_KILL, TORTURE_DO_KILL, TORTURE_DO_STOP, TORTURE_DO_STOP, TORTURE_DO_CONT, TORTURE_DO_CONT,
	};

	if (p->daemon_us <= p->worker_us) {
		next_of_daemon(p, out);
		return;
	}
	*out = (struct torture_step){
		.at_us = p->worker_us,
		.deed = deeds[torture_random(&p->random) % (sizeof(deeds) / sizeof(deeds[0]))],
		.who = (uint32_t)(torture_random(&p->random) % p->n_workers),
	};
	p->worker_us += pause_us(p);
}

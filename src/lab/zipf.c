/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/zipf.h"

#include <math.h>

static double
step(const struct zipf *z, double x)
{
	return pow(x, -z->s);
}

/* Of step, 0 at 1. */
static double
integral(const struct zipf *z, double x)
{
	return (pow(x, 1 - z->s) - 1) / (1 - z->s);
}

static double
inverse(const struct zipf *z, double y)
{
	double t = 1 + y * (1 - z->s);

	/* Rounding may leave the domain at its end. */
	return t <= 0 ? 0 : pow(t, 1 / (1 - z->s));
}

void
zipf_init(struct zipf *z, uint64_t n, double s)
{
	*z = (struct zipf){ .n = n, .s = s };
	z->from = integral(z, 1.5) - 1;
	z->to = integral(z, (double)n + 0.5);
	z->surely = 2 - inverse(z, integral(z, 2.5) - step(z, 2));
}

uint64_t
zipf_next(const struct zipf *z, uint64_t *random)
{
	for (;;) {
		double unit = (double)(zipf_random(random) >> 11) * 0x1p-53;
		double y = z->to + unit * (z->from - z->to);
		double x = inverse(z, y);
		double k = floor(x + 0.5);

		k = k < 1 ? 1 : k > (double)z->n ? (double)z->n : k;
		if (k - x <= z->surely || y >= integral(z, k + 0.5) - step(z, k))
			return (uint64_t)k - 1;
	}
}

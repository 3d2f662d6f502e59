/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - keyed hash of short strings that an attacker may choose.
 *
 * Session ids come from cookies, so a hash without a secret would let a
 * client fill one bucket.  SipHash-1-3 is the variant for hash tables;
 * SipHash-2-4 is here because it has published vectors, and both are one code.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF",
 * INDOCRYPT 2012, with the reference vectors of its appendix A.
 */
#ifndef GS_BASE_SIPHASH_H
#define GS_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
gs_rotl64(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

static inline void
gs_siphash_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = gs_rotl64(v[1], 13) ^ v[0];
		v[0] = gs_rotl64(v[0], 32);
		v[2] += v[3];
		v[3] = gs_rotl64(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = gs_rotl64(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = gs_rotl64(v[1], 17) ^ v[2];
		v[2] = gs_rotl64(v[2], 32);
	}
}

/*
 * c compression and d finalization rounds; little-endian hosts only, which configure checks. Each tweak, below 2^56, makes
 * another function of it: it goes into the constant that parts the finalization from the rest. With 0 it is SipHash.
 */
static inline uint64_t
gs_siphash_tweaked(int c, int d, uint64_t k0, uint64_t k1, uint64_t tweak, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word;
	size_t left;

	for (left = len; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		v[3] ^= word;
		gs_siphash_rounds(v, c);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, p, left);
	word |= (uint64_t)len << 56;
	v[3] ^= word;
	gs_siphash_rounds(v, c);
	v[0] ^= word;
	v[2] ^= 0xff ^ tweak << 8;
	gs_siphash_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t
gs_siphash(int c, int d, uint64_t k0, uint64_t k1, const void *data, size_t len)
{
	return gs_siphash_tweaked(c, d, k0, k1, 0, data, len);
}

static inline uint64_t
gs_siphash13(uint64_t k0, uint64_t k1, const void *data, size_t len)
{
	return gs_siphash(1, 3, k0, k1, data, len);
}

#endif

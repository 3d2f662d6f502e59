/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.h - which of sixteen numbers in shared memory are what is looked for.
 *
 * All sixteen at once and without a branch: a branch on each would be guessed
 * wrong once a look-up.  The answer is a hint; whoever acts on a word loads
 * it again.  A word that is not in the answer did not match when it was
 * looked at, and the look is not before what the caller loaded before.
 */
#ifndef GS_BASE_MATCH_H
#define GS_BASE_MATCH_H

#include "base/atomic.h"

enum { GS_MATCH_WORDS = 16 };

/*
 * gs_match_words - compare the high bits of words that others may be changing.
 *
 *   words	GS_MATCH_WORDS of them, 16-aligned
 *   high	what they are to be, shifted down by `shift`
 *   shift	33..63: how many low bits do not count
 *
 * Returns a mask with bit i for word i.
 */
#if defined(__x86_64__) && !defined(GS_TSAN) && !defined(GS_ASAN)
#include <emmintrin.h>

/* The upper halves of four words.  Outside the C machine, as in gs_copy_lines; each word is loaded in one piece. */
static inline __m128i
gs_match_upper4(const _Atomic uint64_t *words)
{
	__m128 low, high;

	__asm__ volatile("movaps (%2), %0\n\tmovaps 16(%2), %1" : "=&x"(low), "=x"(high) : "r"(words) : "memory");
	return _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
}

static inline uint32_t
gs_match_words(const _Atomic uint64_t *words, uint32_t high, int shift)
{
	__m128i want = _mm_set1_epi32((int)high), n = _mm_cvtsi32_si128(shift - 32);
	__m128i a = _mm_cmpeq_epi32(_mm_srl_epi32(gs_match_upper4(words), n), want);
	__m128i b = _mm_cmpeq_epi32(_mm_srl_epi32(gs_match_upper4(words + 4), n), want);
	__m128i c = _mm_cmpeq_epi32(_mm_srl_epi32(gs_match_upper4(words + 8), n), want);
	__m128i d = _mm_cmpeq_epi32(_mm_srl_epi32(gs_match_upper4(words + 12), n), want);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

/*
 * gs_match_halves - compare some bits of sixteen words of 4 bytes that others may be changing.
 *
 *   words	GS_MATCH_WORDS of them, 64-aligned
 *   mask	which bits count
 *   want	what they are to be; no bit outside mask
 *
 * Returns a mask with bit i for word i.
 */
static inline uint32_t
gs_match_halves(const _Atomic uint32_t *words, uint32_t mask, uint32_t want)
{
	__m128i m = _mm_set1_epi32((int)mask), w = _mm_set1_epi32((int)want), a, b, c, d;

	__asm__ volatile("movdqa (%4), %0\n\tmovdqa 16(%4), %1\n\tmovdqa 32(%4), %2\n\tmovdqa 48(%4), %3"
	    : "=&x"(a), "=&x"(b), "=&x"(c), "=&x"(d) : "r"(words) : "memory");
	a = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_and_si128(a, m), w), _mm_cmpeq_epi32(_mm_and_si128(b, m), w));
	c = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_and_si128(c, m), w), _mm_cmpeq_epi32(_mm_and_si128(d, m), w));
	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, c));
}
#else
static inline uint32_t
gs_match_words(const _Atomic uint64_t *words, uint32_t high, int shift)
{
	uint32_t mask = 0;

	for (int i = 0; i < GS_MATCH_WORDS; i++)
		mask |= (uint32_t)(atomic_load_explicit(&words[i], GS_WORD_LOAD) >> shift == high) << i;
	gs_fence_acquire();
	return mask;
}

static inline uint32_t
gs_match_halves(const _Atomic uint32_t *words, uint32_t mask, uint32_t want)
{
	uint32_t match = 0;

	for (int i = 0; i < GS_MATCH_WORDS; i++)
		match |= (uint32_t)((atomic_load_explicit(&words[i], memory_order_relaxed) & mask) == want) << i;
	gs_fence_acquire();
	return match;
}
#endif

/*
 * gs_match_below - which of GS_MATCH_WORDS numbers, 16-aligned, are less than a limit; others may be changing them.
 * Returns a mask with bit i for number i.
 */
#if defined(__x86_64__) && !defined(GS_TSAN) && !defined(GS_ASAN)
static inline uint32_t
gs_match_below(const _Atomic uint32_t *numbers, uint32_t limit)
{
	/* There is only a signed comparison: the order is the same with the highest bit the other way round. */
	const __m128i flip = _mm_set1_epi32(INT32_MIN), most = _mm_xor_si128(_mm_set1_epi32((int)limit), flip);
	__m128i a, b, c, d;

	__asm__ volatile("movdqa (%4), %0\n\tmovdqa 16(%4), %1\n\tmovdqa 32(%4), %2\n\tmovdqa 48(%4), %3"
	    : "=&x"(a), "=&x"(b), "=&x"(c), "=x"(d) : "r"(numbers) : "memory");
	a = _mm_cmpgt_epi32(most, _mm_xor_si128(a, flip));
	b = _mm_cmpgt_epi32(most, _mm_xor_si128(b, flip));
	c = _mm_cmpgt_epi32(most, _mm_xor_si128(c, flip));
	d = _mm_cmpgt_epi32(most, _mm_xor_si128(d, flip));
	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}
#else
static inline uint32_t
gs_match_below(const _Atomic uint32_t *numbers, uint32_t limit)
{
	uint32_t mask = 0;

	for (int i = 0; i < GS_MATCH_WORDS; i++)
		mask |= (uint32_t)(atomic_load_explicit(&numbers[i], memory_order_relaxed) < limit) << i;
	return mask;
}
#endif

#endif

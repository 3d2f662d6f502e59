/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic.h - copying bytes that another process may be overwriting.
 *
 * A reader of shared memory copies first and validates afterwards.  In C the
 * bytes must then be read through atomics, or the copy is undefined; relaxed
 * 8-byte loads are that, and tearing between words is harmless because the
 * caller checks a generation word before and after.
 *
 * Source: H.-J. Boehm, "Can seqlocks get along with programming language
 * memory models?", MSPC 2012; WG21 P1478.
 */
#ifndef GS_BASE_ATOMIC_H
#define GS_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define GS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GS_TSAN 1
#endif
#endif

/*
 * ThreadSanitizer does not model fences.  In its build each word is loaded
 * with acquire and stored with release instead, which implies what the
 * fences give, and the fences vanish.
 */
#ifdef GS_TSAN
#define GS_WORD_LOAD memory_order_acquire
#define GS_WORD_STORE memory_order_release
static inline void gs_fence_acquire(void) {}
static inline void gs_fence_release(void) {}
#else
#define GS_WORD_LOAD memory_order_relaxed
#define GS_WORD_STORE memory_order_relaxed
/* Orders the racy copy before the second look at the slot word; pairs with gs_fence_release(). */
static inline void gs_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
/* Orders the store of WRITING before the bytes that follow; pairs with gs_fence_acquire(). */
static inline void gs_fence_release(void) { atomic_thread_fence(memory_order_release); }
#endif

/* Copy n bytes out of shared memory; src is 8-aligned and readable up to the next multiple of 8. */
static inline void
gs_racy_load(void *dst, const void *src, size_t n)
{
	const _Atomic uint64_t *from = src;
	unsigned char *to = dst;
	uint64_t word, four[4];

	for (; n >= sizeof(four); n -= sizeof(four), to += sizeof(four), from += 4) {
		four[0] = atomic_load_explicit(from, GS_WORD_LOAD);
		four[1] = atomic_load_explicit(from + 1, GS_WORD_LOAD);
		four[2] = atomic_load_explicit(from + 2, GS_WORD_LOAD);
		four[3] = atomic_load_explicit(from + 3, GS_WORD_LOAD);
		memcpy(to, four, sizeof(four));
	}
	for (; n >= sizeof(word); n -= sizeof(word), to += sizeof(word)) {
		word = atomic_load_explicit(from++, GS_WORD_LOAD);
		memcpy(to, &word, sizeof(word));
	}
	if (n > 0) {
		word = atomic_load_explicit(from, GS_WORD_LOAD);
		memcpy(to, &word, n);
	}
}

/* Copy n bytes into shared memory; dst is 8-aligned and writable up to the next multiple of 8, which is filled with zeros. */
static inline void
gs_racy_store(void *dst, const void *src, size_t n)
{
	_Atomic uint64_t *to = dst;
	const unsigned char *from = src;
	uint64_t word, four[4];

	for (; n >= sizeof(four); n -= sizeof(four), from += sizeof(four), to += 4) {
		memcpy(four, from, sizeof(four));
		atomic_store_explicit(to, four[0], GS_WORD_STORE);
		atomic_store_explicit(to + 1, four[1], GS_WORD_STORE);
		atomic_store_explicit(to + 2, four[2], GS_WORD_STORE);
		atomic_store_explicit(to + 3, four[3], GS_WORD_STORE);
	}
	for (; n >= sizeof(word); n -= sizeof(word), from += sizeof(word)) {
		memcpy(&word, from, sizeof(word));
		atomic_store_explicit(to++, word, GS_WORD_STORE);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, from, n);
		atomic_store_explicit(to, word, GS_WORD_STORE);
	}
}

/* 1 when the n bytes at src equal those at key; src as for gs_racy_load(). */
static inline int
gs_racy_equal(const void *src, const void *key, size_t n)
{
	const _Atomic uint64_t *from = src;
	const unsigned char *with = key;
	uint64_t word, want;

	for (; n >= sizeof(word); n -= sizeof(word), with += sizeof(word)) {
		memcpy(&want, with, sizeof(want));
		if (atomic_load_explicit(from++, GS_WORD_LOAD) != want)
			return 0;
	}
	if (n == 0)
		return 1;
	word = atomic_load_explicit(from, GS_WORD_LOAD);
	return memcmp(&word, with, n) == 0;
}

/* Tell the processor that we spin. */
#if defined(__x86_64__) || defined(__i386__)
static inline void gs_pause(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
static inline void gs_pause(void) { __asm__ volatile("yield" ::: "memory"); }
#else
static inline void gs_pause(void) { atomic_signal_fence(memory_order_seq_cst); }
#endif

#endif
